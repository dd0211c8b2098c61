//! TCP options: our own walk, because every byte has to come back.

use std::borrow::Cow;
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
            (FAST_OPEN, _) if is_cookie(data) => TcpOption::FastOpen(data.to_vec()),
            _ => TcpOption::Other {
                kind,
                data: data.to_vec(),
            },
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            TcpOption::End { .. } => END,
            TcpOption::Nop => NOP,
            TcpOption::Mss(_) => MSS,
            TcpOption::WindowScale(_) => WINDOW_SCALE,
            TcpOption::SackPermitted => SACK_PERMITTED,
            TcpOption::Sack(_) => SACK,
            TcpOption::Timestamps { .. } => TIMESTAMPS,
            TcpOption::FastOpen(_) => FAST_OPEN,
            TcpOption::Other { kind, .. } => *kind,
            TcpOption::Malformed(bytes) => bytes.first().copied().unwrap_or(END),
        }
    }

    /// Its length on the wire in bytes.
    #[must_use]
    pub fn wire_len(&self) -> usize {
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

    fn emit_to(&self, bytes: &mut Bytes) {
        match self {
            TcpOption::End { rest } => {
                bytes.extend(&[END]);
                bytes.extend(rest);
            }
            TcpOption::Nop => bytes.extend(&[NOP]),
            TcpOption::Malformed(tail) => bytes.extend(tail),
            _ => self.emit_sized(bytes),
        }
    }

    /// The options that have a length byte.
    fn emit_sized(&self, bytes: &mut Bytes) {
        // A longer one fits no header anyway and is cut there.
        let len = u8::try_from(self.wire_len()).unwrap_or(u8::MAX);
        let mut put = |kind: u8, data: &[&[u8]]| {
            bytes.extend(&[kind, len]);
            data.iter().for_each(|part| bytes.extend(part));
        };
        match self {
            TcpOption::End { .. } | TcpOption::Nop | TcpOption::Malformed(_) => {}
            TcpOption::Mss(mss) => put(MSS, &[&mss.to_be_bytes()]),
            TcpOption::WindowScale(shift) => put(WINDOW_SCALE, &[&[*shift]]),
            TcpOption::SackPermitted => put(SACK_PERMITTED, &[]),
            TcpOption::Sack(blocks) => {
                put(SACK, &[]);
                for (left, right) in blocks {
                    bytes.extend(&left.0.to_be_bytes());
                    bytes.extend(&right.0.to_be_bytes());
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

/// RFC 7413 4.1.1: none, or 4 to 16 bytes and even.
fn is_cookie(data: &[u8]) -> bool {
    matches!(data.len(), 0 | 4 | 6 | 8 | 10 | 12 | 14 | 16)
}

/// The options of one segment in their order on the wire.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Options(Bytes);

/// The bytes of options. Two are equal when they are the same bytes: those that are not in use are 0,
/// and what has room in a header is never on the heap.
#[derive(Clone, PartialEq, Eq)]
enum Bytes {
    /// Those of every captured segment: read, copied and dropped without an allocation.
    Short {
        len: u8,
        bytes: [u8; Options::MAX_LEN],
    },
    /// More than any header holds.
    Long(Vec<u8>),
}

impl Default for Bytes {
    fn default() -> Bytes {
        Bytes::from(&[][..])
    }
}

impl From<&[u8]> for Bytes {
    fn from(all: &[u8]) -> Bytes {
        let mut bytes = [0; Options::MAX_LEN];
        match bytes.get_mut(..all.len()) {
            Some(start) => {
                start.copy_from_slice(all);
                let len = all.len() as u8;
                Bytes::Short { len, bytes }
            }
            None => Bytes::Long(all.to_vec()),
        }
    }
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Short { len, bytes } => &bytes[..usize::from(*len)],
            Bytes::Long(bytes) => bytes,
        }
    }

    fn extend(&mut self, more: &[u8]) {
        match self {
            Bytes::Short { len, bytes } => {
                let (there, all) = (usize::from(*len), usize::from(*len) + more.len());
                if let Some(room) = bytes.get_mut(there..all) {
                    room.copy_from_slice(more);
                    *len = all as u8;
                } else {
                    *self = Bytes::Long([&bytes[..there], more].concat());
                }
            }
            Bytes::Long(bytes) => bytes.extend_from_slice(more),
        }
    }
}

/// One option where it stands.
enum Raw<'a> {
    End(&'a [u8]),
    Nop,
    Sized(u8, &'a [u8]),
    Malformed(&'a [u8]),
}

/// The first option in these bytes, and what comes after it.
fn first(bytes: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let (kind, after) = bytes.split_first()?;
    Some(match *kind {
        END => (Raw::End(after), &[]),
        NOP => (Raw::Nop, after),
        kind => {
            // RFC 9293 3.1 MUST-7: a length that makes no sense must not stop us.
            let option = after.first().filter(|len| **len >= 2);
            match option.and_then(|len| bytes.split_at_checked(usize::from(*len))) {
                Some((option, rest)) => (Raw::Sized(kind, &option[2..]), rest),
                None => (Raw::Malformed(bytes), &[]),
            }
        }
    })
}

/// The options of a segment, read one by one.
#[derive(Clone, Debug)]
pub struct OptionsIter<'a> {
    rest: &'a [u8],
}

impl<'a> OptionsIter<'a> {
    fn raw(self) -> impl Iterator<Item = Raw<'a>> {
        let mut rest = self.rest;
        std::iter::from_fn(move || {
            let (option, after) = first(rest)?;
            rest = after;
            Some(option)
        })
    }
}

impl Iterator for OptionsIter<'_> {
    type Item = TcpOption;

    fn next(&mut self) -> Option<TcpOption> {
        let (option, rest) = first(self.rest)?;
        self.rest = rest;
        Some(match option {
            Raw::End(rest) => TcpOption::End {
                rest: rest.to_vec(),
            },
            Raw::Nop => TcpOption::Nop,
            Raw::Sized(kind, data) => TcpOption::from_parts(kind, data),
            Raw::Malformed(tail) => TcpOption::Malformed(tail.to_vec()),
        })
    }
}

impl Options {
    /// The most bytes of options that a header holds: the data offset has four bits.
    pub const MAX_LEN: usize = 40;

    /// Reads the bytes between the fixed header and the data. Never fails: what cannot be read is
    /// kept as [`TcpOption::Malformed`].
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Options {
        Options(Bytes::from(bytes))
    }

    /// The bytes of these options, without padding.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// As they stand in a header: whole words, at most [`Options::MAX_LEN`] bytes.
    pub(super) fn in_header(&self) -> Cow<'_, [u8]> {
        let mut bytes = Cow::Borrowed(self.as_bytes());
        if !bytes.len().is_multiple_of(4) {
            bytes = self.clone().padded().emit().into();
        }
        if bytes.len() > Self::MAX_LEN {
            bytes.to_mut().truncate(Self::MAX_LEN);
        }
        bytes
    }

    /// Length on the wire in bytes, without padding.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// There is no option.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The options in order.
    pub fn iter(&self) -> OptionsIter<'_> {
        OptionsIter {
            rest: self.as_bytes(),
        }
    }

    /// Appends one. After what ends a list, it is no longer an option but part of that.
    pub fn push(&mut self, option: TcpOption) {
        option.emit_to(&mut self.0);
    }

    /// The same, filled up to whole words with End of Option List and zeros (RFC 9293 3.1). A
    /// malformed tail has to stay last, so No-Operations go in front of it.
    #[must_use]
    pub fn padded(self) -> Options {
        let missing = self.len().next_multiple_of(4) - self.len();
        if missing == 0 {
            return self;
        }
        let (padding, at) = match self.raw().last() {
            Some(Raw::Malformed(tail)) => (NOP, self.len() - tail.len()),
            _ => (END, self.len()),
        };
        let mut bytes = self.emit();
        bytes.splice(at..at, std::iter::repeat_n(padding, missing));
        Options::parse(&bytes)
    }

    fn raw(&self) -> impl Iterator<Item = Raw<'_>> {
        self.iter().raw()
    }

    /// The data of the first option of this kind that is so long.
    fn fixed<const N: usize>(&self, wanted: u8) -> Option<[u8; N]> {
        self.raw().find_map(|option| match option {
            Raw::Sized(kind, data) if kind == wanted => data.try_into().ok(),
            _ => None,
        })
    }

    /// The first Maximum Segment Size, in bytes.
    #[must_use]
    pub fn mss(&self) -> Option<u16> {
        self.fixed(MSS).map(u16::from_be_bytes)
    }

    /// The first Window Scale: the shift count as sent. Above 14 it counts as 14 (RFC 7323 2.3).
    #[must_use]
    pub fn window_scale(&self) -> Option<u8> {
        self.fixed(WINDOW_SCALE).map(|[shift]| shift)
    }

    /// SACK-Permitted is there.
    #[must_use]
    pub fn sack_permitted(&self) -> bool {
        self.fixed::<0>(SACK_PERMITTED).is_some()
    }

    /// The blocks of the first SACK option: left edge, right edge. Empty without one.
    #[must_use]
    pub fn sack_blocks(&self) -> Vec<(SeqNumber, SeqNumber)> {
        let blocks = self.iter().find_map(|option| match option {
            TcpOption::Sack(blocks) => Some(blocks),
            _ => None,
        });
        blocks.unwrap_or_default()
    }

    /// TSval and TSecr of the first Timestamps option.
    #[must_use]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        let [v0, v1, v2, v3, e0, e1, e2, e3] = self.fixed(TIMESTAMPS)?;
        let val = u32::from_be_bytes([v0, v1, v2, v3]);
        Some((val, u32::from_be_bytes([e0, e1, e2, e3])))
    }

    /// The first Fast Open cookie; empty when one is asked for.
    #[must_use]
    pub fn fast_open(&self) -> Option<&[u8]> {
        self.raw().find_map(|option| match option {
            Raw::Sized(FAST_OPEN, cookie) if is_cookie(cookie) => Some(cookie),
            _ => None,
        })
    }

    /// The list ends in bytes that are no option.
    #[must_use]
    pub fn malformed(&self) -> bool {
        matches!(self.raw().last(), Some(Raw::Malformed(_)))
    }
}

impl From<Vec<TcpOption>> for Options {
    fn from(options: Vec<TcpOption>) -> Options {
        options.into_iter().collect()
    }
}

impl FromIterator<TcpOption> for Options {
    fn from_iter<I: IntoIterator<Item = TcpOption>>(options: I) -> Options {
        let mut all = Options::default();
        options.into_iter().for_each(|option| all.push(option));
        all
    }
}

impl<'a> IntoIterator for &'a Options {
    type Item = TcpOption;
    type IntoIter = OptionsIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
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
        for (index, option) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            option.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::hex;
    use super::*;

    fn parse(text: &str) -> Options {
        let bytes = hex(text);
        let options = Options::parse(&bytes);
        assert_eq!(options.emit(), bytes, "{text}");
        assert_eq!(options.len(), bytes.len(), "{text}");
        options
    }

    fn list(text: &str) -> Vec<TcpOption> {
        let options = parse(text);
        let list: Vec<TcpOption> = options.iter().collect();
        assert_eq!(Options::from(list.clone()), options, "{text}");
        list
    }

    fn other(kind: u8, data: &str) -> TcpOption {
        let data = hex(data);
        TcpOption::Other { kind, data }
    }

    #[test]
    fn every_known_option_is_read() {
        let options = parse("020405b4 0402 080a0000000100000002 01 030307 22040000 0000");
        assert_eq!(options.mss(), Some(1460));
        assert!(options.sack_permitted() && !options.malformed());
        assert_eq!(options.timestamps(), Some((1, 2)));
        assert_eq!(options.window_scale(), Some(7));
        assert_eq!(options.fast_open(), None);
        assert_eq!(parse("2202").fast_open(), Some(&[][..]));
        assert_eq!(parse("220601020304").fast_open(), Some(&[1, 2, 3, 4][..]));
        let sack = parse("0512 0000000100000002 ffffffff00000003");
        let blocks = [(1, 2), (u32::MAX, 3)].map(|(l, r)| (SeqNumber(l), SeqNumber(r)));
        assert_eq!(sack.sack_blocks(), blocks);
    }

    #[test]
    fn absent_options_are_absent() {
        let options = parse("");
        assert!(options.is_empty() && options.sack_blocks().is_empty());
        assert!(!options.sack_permitted() && !options.malformed());
        assert_eq!((options.mss(), options.window_scale()), (None, None));
        assert_eq!((options.timestamps(), options.fast_open()), (None, None));
    }

    #[test]
    fn the_first_of_repeated_options_counts() {
        assert_eq!(parse("02040001 02040002").mss(), Some(1));
    }

    #[test]
    fn a_known_kind_with_another_length_is_kept_as_other() {
        for (text, kind, data) in [
            ("0206 01020304", 2, "01020304"),
            ("0302", 3, ""),
            ("0304 0101", 3, "0101"),
            ("0403 aa", 4, "aa"),
            ("0502", 5, ""),
            ("0506 00000001", 5, "00000001"),
            ("0808 010203040506", 8, "010203040506"),
            ("2203 aa", 34, "aa"),
            ("2204 aabb", 34, "aabb"),
            (
                "2214 0102030405060708090a0b0c0d0e0f101112",
                34,
                "0102030405060708090a0b0c0d0e0f101112",
            ),
        ] {
            assert_eq!(list(text), [other(kind, data)], "{text}");
        }
    }

    #[test]
    fn an_unknown_kind_is_kept() {
        assert_eq!(list("c804aabb"), [other(200, "aabb")]);
        assert_eq!(list("fd02"), [other(253, "")]);
    }

    #[test]
    fn nothing_is_read_after_end_of_list() {
        let text = "01 00 020405b4";
        let rest = hex("020405b4");
        assert_eq!(list(text), [TcpOption::Nop, TcpOption::End { rest }]);
        assert_eq!(parse(text).mss(), None);
    }

    #[test]
    fn a_length_that_makes_no_sense_ends_the_list() {
        for tail in ["02", "0200aabb", "0201aabb", "0205aabb", "c8ffaabb", "fe"] {
            let text = format!("01{tail}");
            let expected = [TcpOption::Nop, TcpOption::Malformed(hex(tail))];
            assert_eq!(list(&text), expected);
            assert!(parse(&text).malformed());
        }
    }

    #[test]
    fn more_options_than_a_header_holds_are_kept() {
        for pairs in [19, 20, 21, 100] {
            let text = "0402".repeat(pairs);
            assert_eq!(list(&text), vec![TcpOption::SackPermitted; pairs]);
            let mut options = Options::default();
            (0..pairs).for_each(|_| options.push(TcpOption::SackPermitted));
            assert_eq!(options, parse(&text));
        }
    }

    #[test]
    fn padding_ends_the_list_at_a_whole_word() {
        for (text, padded) in [
            ("", ""),
            ("020405b4", "020405b4"),
            ("030307", "03030700"),
            ("0402", "04020000"),
            ("01", "01000000"),
            ("0100", "01000000"),
            // A malformed tail is still one, and still last.
            ("01c805", "0101c805"),
            ("c8", "010101c8"),
        ] {
            assert_eq!(parse(text).padded(), parse(padded), "{text}");
        }
    }

    #[test]
    fn options_print_as_tcpdump_prints_them() {
        // Each string was printed by tcpdump 4.99.3 for a SYN with these options.
        for (text, printed) in [
            (
                "020405b40402080a0000000100000002",
                "mss 1460,sackOK,TS val 1 ecr 2",
            ),
            ("0103030701010101", "nop,wscale 7,nop,nop,nop,nop"),
            ("0303ff01", "wscale 255,nop"),
            ("00010203", "eol"),
            ("01010000", "nop,nop,eol"),
            ("0101050a0000000100000002", "nop,nop,sack 1 {1:2}"),
            (
                "010105120000000100000002ffffffff00000003",
                "nop,nop,sack 2 {1:2}{4294967295:3}",
            ),
            ("22020101", "tfo  cookiereq,nop,nop"),
            (
                "220a01020304050607080101",
                "tfo  cookie 0102030405060708,nop,nop",
            ),
            ("fd04f989", "unknown-253 0xf989"),
            ("c8020101", "unknown-200,nop,nop"),
            (
                "c80801020304050601010101",
                "unknown-200 0x010203040506,nop,nop,nop,nop",
            ),
            ("", ""),
        ] {
            assert_eq!(parse(text).to_string(), printed);
        }
    }

    #[test]
    fn what_tcpdump_hides_is_printed_in_hexadecimal() {
        for (text, printed) in [
            ("0206010203040101", "mss[len 6] 0x01020304,nop,nop"),
            ("0502", "sack[len 2]"),
            ("2204aabb", "tfo[len 4] 0xaabb"),
            ("1e0c00810102030405060708", "mptcp 0x00810102030405060708"),
            ("fe04f989", "exp 0xf989"),
            ("010102010000", "nop,nop,[malformed 0x02010000]"),
            ("fd", "[malformed 0xfd]"),
        ] {
            assert_eq!(parse(text).to_string(), printed);
        }
    }
}
