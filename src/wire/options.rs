//! TCP options: our own walk, because every byte has to come back.

use std::fmt;

use super::SeqNumber;

const END: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
const FAST_OPEN: u8 = 34;

/// One TCP option (RFC 9293 3.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TcpOption {
    /// End of Option List.
    End {
        /// Every byte after it, up to the data offset.
        rest: Vec<u8>,
    },
    /// No-Operation.
    Nop,
    /// Maximum Segment Size in bytes (RFC 9293 3.7.1).
    Mss(u16),
    /// Window Scale: the shift count as sent, even above 14 (RFC 7323 2.2).
    WindowScale(u8),
    /// SACK-Permitted (RFC 2018 2).
    SackPermitted,
    /// SACK: left and right edge of each block (RFC 2018 3).
    Sack(Vec<(SeqNumber, SeqNumber)>),
    /// Timestamps (RFC 7323 3.2).
    Timestamps {
        /// TSval, in ticks of the sender's own clock.
        val: u32,
        /// TSecr, the TSval that is echoed.
        ecr: u32,
    },
    /// TCP Fast Open cookie of 4 to 16 bytes; empty asks for one (RFC 7413 4.1.1).
    FastOpen(Vec<u8>),
    /// An unknown kind, or a known kind with a length that does not fit it.
    Other {
        /// Its kind; neither 0 nor 1.
        kind: u8,
        /// Its bytes after the length byte.
        data: Vec<u8>,
    },
    /// A tail whose length byte is missing, 0, 1 or runs past the header.
    Malformed(Vec<u8>),
}

impl TcpOption {
    /// The option with this kind and these bytes after its length byte.
    fn from_parts(kind: u8, data: &[u8]) -> TcpOption {
        let word =
            |at: usize| u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
        match (kind, data.len()) {
            (MSS, 2) => TcpOption::Mss(u16::from_be_bytes([data[0], data[1]])),
            (WINDOW_SCALE, 1) => TcpOption::WindowScale(data[0]),
            (SACK_PERMITTED, 0) => TcpOption::SackPermitted,
            (SACK, len) if len >= 8 && len % 8 == 0 => TcpOption::Sack(
                (0..len)
                    .step_by(8)
                    .map(|at| (SeqNumber(word(at)), SeqNumber(word(at + 4))))
                    .collect(),
            ),
            (TIMESTAMPS, 8) => TcpOption::Timestamps {
                val: word(0),
                ecr: word(4),
            },
            // RFC 7413 4.1.1: none, or 4 to 16 bytes and even.
            (FAST_OPEN, 0 | 4 | 6 | 8 | 10 | 12 | 14 | 16) => TcpOption::FastOpen(data.to_vec()),
            _ => TcpOption::Other {
                kind,
                data: data.to_vec(),
            },
        }
    }

    /// Its length on the wire in bytes.
    fn wire_len(&self) -> usize {
        match self {
            TcpOption::End { rest } => 1 + rest.len(),
            TcpOption::Nop => 1,
            TcpOption::Mss(_) => 4,
            TcpOption::WindowScale(_) => 3,
            TcpOption::SackPermitted => 2,
            TcpOption::Sack(blocks) => 2 + 8 * blocks.len(),
            TcpOption::Timestamps { .. } => 10,
            TcpOption::FastOpen(data) | TcpOption::Other { data, .. } => 2 + data.len(),
            TcpOption::Malformed(bytes) => bytes.len(),
        }
    }

    fn emit_to(&self, bytes: &mut Vec<u8>) {
        match self {
            TcpOption::End { rest } => {
                bytes.push(END);
                bytes.extend_from_slice(rest);
            }
            TcpOption::Nop => bytes.push(NOP),
            TcpOption::Malformed(tail) => bytes.extend_from_slice(tail),
            _ => self.emit_sized(bytes),
        }
    }

    /// The options that have a length byte.
    fn emit_sized(&self, bytes: &mut Vec<u8>) {
        // A longer one fits no header anyway and is cut there.
        let len = u8::try_from(self.wire_len()).unwrap_or(u8::MAX);
        let mut put = |kind: u8, data: &[&[u8]]| {
            bytes.extend_from_slice(&[kind, len]);
            data.iter().for_each(|part| bytes.extend_from_slice(part));
        };
        match self {
            TcpOption::End { .. } | TcpOption::Nop | TcpOption::Malformed(_) => {}
            TcpOption::Mss(mss) => put(MSS, &[&mss.to_be_bytes()]),
            TcpOption::WindowScale(shift) => put(WINDOW_SCALE, &[&[*shift]]),
            TcpOption::SackPermitted => put(SACK_PERMITTED, &[]),
            TcpOption::Sack(blocks) => {
                put(SACK, &[]);
                for (left, right) in blocks {
                    bytes.extend_from_slice(&left.0.to_be_bytes());
                    bytes.extend_from_slice(&right.0.to_be_bytes());
                }
            }
            TcpOption::Timestamps { val, ecr } => {
                put(TIMESTAMPS, &[&val.to_be_bytes(), &ecr.to_be_bytes()]);
            }
            TcpOption::FastOpen(cookie) => put(FAST_OPEN, &[cookie]),
            TcpOption::Other { kind, data } => put(*kind, &[data]),
        }
    }
}

/// The options of one segment in their order on the wire.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options(Vec<TcpOption>);

impl Options {
    /// The most bytes of options that a header holds: the data offset has four bits.
    pub const MAX_LEN: usize = 40;

    /// Reads the bytes between the fixed header and the data. Never fails: what cannot be read is
    /// kept as [`TcpOption::Malformed`].
    #[must_use]
    pub fn parse(mut bytes: &[u8]) -> Options {
        let mut options = Vec::new();
        while let [kind, after @ ..] = bytes {
            match *kind {
                END => {
                    options.push(TcpOption::End {
                        rest: after.to_vec(),
                    });
                    break;
                }
                NOP => {
                    options.push(TcpOption::Nop);
                    bytes = after;
                }
                kind => {
                    // RFC 9293 3.1 MUST-7: a length that makes no sense must not stop us.
                    let Some((option, rest)) = after
                        .first()
                        .filter(|len| **len >= 2)
                        .and_then(|len| bytes.split_at_checked(usize::from(*len)))
                    else {
                        options.push(TcpOption::Malformed(bytes.to_vec()));
                        break;
                    };
                    options.push(TcpOption::from_parts(kind, &option[2..]));
                    bytes = rest;
                }
            }
        }
        Options(options)
    }

    /// The bytes of these options, without padding.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.0.iter().for_each(|option| option.emit_to(&mut bytes));
        bytes
    }

    /// The bytes as they stand in a header: whole words, at most [`Options::MAX_LEN`].
    pub(super) fn header_bytes(&self) -> Vec<u8> {
        let mut bytes = if self.len().is_multiple_of(4) {
            self.emit()
        } else {
            self.clone().padded().emit()
        };
        bytes.truncate(Self::MAX_LEN);
        bytes
    }

    /// Length on the wire in bytes, without padding.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(TcpOption::wire_len).sum()
    }

    /// There is no option.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The options in order.
    pub fn iter(&self) -> std::slice::Iter<'_, TcpOption> {
        self.0.iter()
    }

    /// Appends one.
    pub fn push(&mut self, option: TcpOption) {
        self.0.push(option);
    }

    /// The same, filled up to whole words with End of Option List and zeros (RFC 9293 3.1). A
    /// malformed tail has to stay last, so No-Operations go in front of it.
    #[must_use]
    pub fn padded(mut self) -> Options {
        let missing = self.len().next_multiple_of(4) - self.len();
        let last = self.0.len().saturating_sub(1);
        match self.0.last_mut() {
            _ if missing == 0 => {}
            Some(TcpOption::End { rest }) => rest.resize(rest.len() + missing, 0),
            Some(TcpOption::Malformed(_)) => {
                let nops = std::iter::repeat_n(TcpOption::Nop, missing);
                self.0.splice(last..last, nops);
            }
            _ => self.push(TcpOption::End {
                rest: vec![0; missing - 1],
            }),
        }
        self
    }

    /// The first Maximum Segment Size, in bytes.
    #[must_use]
    pub fn mss(&self) -> Option<u16> {
        self.0.iter().find_map(|option| match option {
            TcpOption::Mss(mss) => Some(*mss),
            _ => None,
        })
    }

    /// The first Window Scale: the shift count as sent. Above 14 it counts as 14 (RFC 7323 2.3).
    #[must_use]
    pub fn window_scale(&self) -> Option<u8> {
        self.0.iter().find_map(|option| match option {
            TcpOption::WindowScale(shift) => Some(*shift),
            _ => None,
        })
    }

    /// SACK-Permitted is there.
    #[must_use]
    pub fn sack_permitted(&self) -> bool {
        self.0.contains(&TcpOption::SackPermitted)
    }

    /// The blocks of the first SACK option: left edge, right edge. Empty without one.
    #[must_use]
    pub fn sack_blocks(&self) -> &[(SeqNumber, SeqNumber)] {
        let blocks = self.0.iter().find_map(|option| match option {
            TcpOption::Sack(blocks) => Some(blocks.as_slice()),
            _ => None,
        });
        blocks.unwrap_or_default()
    }

    /// TSval and TSecr of the first Timestamps option.
    #[must_use]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        self.0.iter().find_map(|option| match option {
            TcpOption::Timestamps { val, ecr } => Some((*val, *ecr)),
            _ => None,
        })
    }

    /// The first Fast Open cookie; empty when one is asked for.
    #[must_use]
    pub fn fast_open(&self) -> Option<&[u8]> {
        self.0.iter().find_map(|option| match option {
            TcpOption::FastOpen(cookie) => Some(cookie.as_slice()),
            _ => None,
        })
    }

    /// The list ends in bytes that are no option.
    #[must_use]
    pub fn malformed(&self) -> bool {
        matches!(self.0.last(), Some(TcpOption::Malformed(_)))
    }
}

impl From<Vec<TcpOption>> for Options {
    fn from(options: Vec<TcpOption>) -> Options {
        Options(options)
    }
}

impl<'a> IntoIterator for &'a Options {
    type Item = &'a TcpOption;
    type IntoIter = std::slice::Iter<'a, TcpOption>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// tcpdump's word for a kind.
fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        MSS => "mss",
        WINDOW_SCALE => "wscale",
        SACK_PERMITTED => "sackOK",
        SACK => "sack",
        6 => "echo",
        7 => "echoreply",
        TIMESTAMPS => "TS",
        11 => "cc",
        12 => "ccnew",
        19 => "md5",
        20 => "scps",
        28 => "uto",
        29 => "tcp-ao",
        30 => "mptcp",
        FAST_OPEN => "tfo",
        254 => "exp",
        _ => return None,
    })
}

/// The kind has a variant of its own, so as [`TcpOption::Other`] its length is wrong.
fn is_decoded(kind: u8) -> bool {
    matches!(
        kind,
        MSS | WINDOW_SCALE | SACK_PERMITTED | SACK | TIMESTAMPS | FAST_OPEN
    )
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// As tcpdump writes it. Where tcpdump hides bytes (a wrong length, options that it has a dissector
/// for and we have not) they follow in hexadecimal.
impl fmt::Display for TcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TcpOption::End { .. } => f.write_str("eol"),
            TcpOption::Nop => f.write_str("nop"),
            TcpOption::Mss(mss) => write!(f, "mss {mss}"),
            TcpOption::WindowScale(shift) => write!(f, "wscale {shift}"),
            TcpOption::SackPermitted => f.write_str("sackOK"),
            TcpOption::Sack(blocks) => {
                write!(f, "sack {} ", blocks.len())?;
                blocks
                    .iter()
                    .try_for_each(|(left, right)| write!(f, "{{{left}:{right}}}"))
            }
            TcpOption::Timestamps { val, ecr } => write!(f, "TS val {val} ecr {ecr}"),
            TcpOption::FastOpen(cookie) if cookie.is_empty() => f.write_str("tfo  cookiereq"),
            TcpOption::FastOpen(cookie) => {
                f.write_str("tfo  cookie ")?;
                write_hex(f, cookie)
            }
            TcpOption::Other { kind, data } => {
                match name(*kind) {
                    Some(name) => f.write_str(name)?,
                    None => write!(f, "unknown-{kind}")?,
                }
                if is_decoded(*kind) {
                    write!(f, "[len {}]", self.wire_len())?;
                }
                if !data.is_empty() {
                    f.write_str(" 0x")?;
                    write_hex(f, data)?;
                }
                Ok(())
            }
            TcpOption::Malformed(tail) => {
                f.write_str("[malformed 0x")?;
                write_hex(f, tail)?;
                f.write_str("]")
            }
        }
    }
}

/// Comma-separated, as tcpdump writes them between brackets.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, option) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            option.fmt(f)?;
        }
        Ok(())
    }
}
