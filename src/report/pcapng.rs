//! A capture file (pcapng) of the frames themselves, with what each tells as its comments.
//!
//! Block types, options and their codes are those of draft-ietf-opsawg-pcapng.

use std::io::{self, Write};

use crate::clock::Stamp;
use crate::exchange::{End, NewState, News, Since};
use crate::tcp::{State, StateSet};

use super::Mark;
use super::verdict::Names;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Version 1.0.
const VERSION: [u16; 2] = [1, 0];
const UNKNOWN_LENGTH: u64 = u64::MAX;

/// LINKTYPE_LINUX_SLL, what captures on all interfaces have. LINKTYPE_RAW would do without a link
/// header, but libpcap refuses a second interface of that type.
const COOKED: u16 = 113;
/// Of a cooked link header.
const TO_US: u16 = 0;
const OUTGOING: u16 = 4;
const NO_ADDRESS: [u8; 10] = [0; 10];
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;

const NO_SNAP_LENGTH: u32 = 0;
/// Stamps count units of 10^-9 s.
const NANOSECONDS: u8 = 9;

const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const SHB_OS: u16 = 3;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;
const ISB_STARTTIME: u16 = 2;
const ISB_ENDTIME: u16 = 3;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;

/// The direction in `epb_flags`.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

/// Writes one section, each block in one write: what is cut off anywhere is a capture up to there.
#[derive(Debug)]
pub struct Pcapng<W> {
    out: W,
    /// In the order of their descriptions.
    interfaces: Vec<Interface>,
}

#[derive(Debug)]
struct Interface {
    index: u32,
    hardware: u16,
    frames: u64,
}

impl<W: Write> Pcapng<W> {
    /// Begins the file; `system` is the operating system's name and version.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn new(out: W, system: &str) -> io::Result<Pcapng<W>> {
        let mut pcapng = Pcapng {
            out,
            interfaces: Vec::new(),
        };
        let program = concat!("tcpshake ", env!("CARGO_PKG_VERSION"));
        let header = Block::new(SECTION_HEADER)
            .u32(BYTE_ORDER_MAGIC)
            .u16(VERSION[0])
            .u16(VERSION[1])
            .u64(UNKNOWN_LENGTH)
            .option(SHB_OS, system.as_bytes())
            .option(SHB_USERAPPL, program.as_bytes());
        pcapng.write(header)?;
        Ok(pcapng)
    }

    /// What it was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Whether the interface of this index has been described.
    pub fn describes(&self, index: u32) -> bool {
        self.place(index).is_some()
    }

    /// Describes an interface, before its first frame; `hardware` is its type (`ARPHRD_`).
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn describe(&mut self, index: u32, name: &str, hardware: u16) -> io::Result<()> {
        let description = Block::new(INTERFACE_DESCRIPTION)
            .u16(COOKED)
            .u16(0)
            .u32(NO_SNAP_LENGTH)
            .option(IF_NAME, name.as_bytes())
            .option(IF_TSRESOL, &[NANOSECONDS]);
        self.write(description)?;
        self.interfaces.push(Interface {
            index,
            hardware,
            frames: 0,
        });
        Ok(())
    }

    /// A frame of a described interface, `bytes` from its IP header on, and what it tells; with a
    /// mark, the first of a probe.
    ///
    /// # Errors
    /// The output cannot be written.
    ///
    /// # Panics
    /// The interface has not been described.
    pub fn frame(
        &mut self,
        at: Stamp,
        index: u32,
        from: End,
        bytes: &[u8],
        (mark, news): (Option<&Mark>, &News),
    ) -> io::Result<()> {
        let place = self.place(index).expect("a described interface");
        let (direction, packet_type) = match from {
            End::Local => (OUTBOUND, OUTGOING),
            End::Peer => (INBOUND, TO_US),
        };
        let mut cooked = link_header(packet_type, self.interfaces[place].hardware, bytes);
        cooked.extend_from_slice(bytes);
        let len = u32::try_from(cooked.len()).expect("a frame of less than 4 GiB");
        let packet = Block::new(ENHANCED_PACKET)
            .u32(place as u32)
            .stamp(at)
            .u32(len)
            .u32(len)
            .padded(&cooked)
            .option(EPB_FLAGS, &direction.to_le_bytes());
        let comments = mark.map(Mark::to_string).into_iter().chain(comments(news));
        self.write(comments.fold(packet, Block::comment))?;
        self.interfaces[place].frames += 1;
        Ok(())
    }

    /// What is known of a probe and shows in no frame, after its last, which was captured `at` on
    /// the described interface `index`.
    ///
    /// # Errors
    /// The output cannot be written.
    ///
    /// # Panics
    /// The interface has not been described.
    pub fn remark(&mut self, at: Stamp, index: u32, marks: &[Mark]) -> io::Result<()> {
        let place = self.place(index).expect("a described interface");
        let statistics = Block::new(INTERFACE_STATISTICS).u32(place as u32).stamp(at);
        let comments = marks.iter().map(Mark::to_string);
        self.write(comments.fold(statistics, Block::comment))
    }

    /// Ends the file with the statistics of each interface: one socket captured on all of them
    /// from `begun` to `ended`, and lost `lost` frames.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(&mut self, begun: Stamp, ended: Stamp, lost: u64) -> io::Result<()> {
        if self.interfaces.is_empty() {
            // libpcap takes no file without an interface.
            self.describe(0, "any", 0)?;
        }
        for place in 0..self.interfaces.len() {
            let mut statistics = Block::new(INTERFACE_STATISTICS)
                .u32(place as u32)
                .stamp(ended)
                .stamp_option(ISB_STARTTIME, begun)
                .stamp_option(ISB_ENDTIME, ended)
                .option(ISB_IFRECV, &self.interfaces[place].frames.to_le_bytes());
            // Which interface a lost frame was on is not known: the first stands for all.
            if place == 0 {
                statistics = statistics.option(ISB_IFDROP, &lost.to_le_bytes());
            }
            self.write(statistics)?;
        }
        Ok(())
    }

    fn place(&self, index: u32) -> Option<usize> {
        self.interfaces.iter().position(|it| it.index == index)
    }

    fn write(&mut self, block: Block) -> io::Result<()> {
        self.out.write_all(&block.finished())?;
        self.out.flush()
    }
}

/// The header of a Linux cooked capture; it is in network order.
fn link_header(packet_type: u16, hardware: u16, packet: &[u8]) -> Vec<u8> {
    let protocol = match packet.first().map(|first| first >> 4) {
        Some(6) => ETHERTYPE_IPV6,
        _ => ETHERTYPE_IPV4,
    };
    let [packet_type, hardware, protocol] = [packet_type, hardware, protocol].map(u16::to_be_bytes);
    [&packet_type[..], &hardware, &NO_ADDRESS, &protocol].concat()
}

/// A block to be, in little-endian order.
struct Block {
    bytes: Vec<u8>,
    has_options: bool,
}

impl Block {
    fn new(block_type: u32) -> Block {
        let begun = Block {
            bytes: Vec::new(),
            has_options: false,
        };
        let length_to_come = 0;
        begun.u32(block_type).u32(length_to_come)
    }

    fn u16(mut self, number: u16) -> Block {
        self.bytes.extend(number.to_le_bytes());
        self
    }

    fn u32(mut self, number: u32) -> Block {
        self.bytes.extend(number.to_le_bytes());
        self
    }

    fn u64(mut self, number: u64) -> Block {
        self.bytes.extend(number.to_le_bytes());
        self
    }

    /// The upper half comes first, whatever the byte order.
    fn stamp(self, stamp: Stamp) -> Block {
        self.u32((stamp.0 >> 32) as u32).u32(stamp.0 as u32)
    }

    fn stamp_option(mut self, code: u16, stamp: Stamp) -> Block {
        self.has_options = true;
        self.u16(code).u16(8).stamp(stamp)
    }

    fn padded(mut self, bytes: &[u8]) -> Block {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    fn option(mut self, code: u16, value: &[u8]) -> Block {
        self.has_options = true;
        let len = u16::try_from(value.len()).expect("a value of a line at most");
        self.u16(code).u16(len).padded(value)
    }

    fn comment(self, text: String) -> Block {
        self.option(OPT_COMMENT, text.as_bytes())
    }

    fn finished(mut self) -> Vec<u8> {
        if self.has_options {
            self = self.u16(OPT_END).u16(0);
        }
        let len = u32::try_from(self.bytes.len() + 4).expect("a block of less than 4 GiB");
        self.bytes[4..8].copy_from_slice(&len.to_le_bytes());
        self.u32(len).bytes
    }
}

/// What a frame tells, a line each.
fn comments(news: &News) -> Vec<String> {
    let states = news.states.iter().map(claim);
    let anomalies = news.anomalies.iter();
    let anomalies = anomalies.map(|(kind, text)| format!("{}: {text}", kind.id()));
    states.chain(anomalies).collect()
}

/// `peer SYN-RECEIVED|ESTABLISHED (possible)`.
fn claim(new: &NewState) -> String {
    let since = match new.since {
        Since::Now => String::new(),
        Since::SynAck => " since the SYN-ACK".to_string(),
        Since::InsteadOf(wrong) => format!(
            ", never {}: the peer's FIN had arrived and was not taken yet",
            names(wrong)
        ),
    };
    let (end, basis) = (Names::PROBE.of(new.end), new.basis.word());
    format!("{end} {} ({basis}){since}", names(new.states))
}

fn names(states: StateSet) -> String {
    let names: Vec<&str> = states.iter().map(State::name).collect();
    names.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{AnomalyKind, Basis};

    fn new_state(states: StateSet, since: Since) -> NewState {
        NewState {
            end: End::Local,
            states,
            basis: Basis::Inferred,
            since,
        }
    }

    #[test]
    fn a_comment_says_what_a_frame_tells_and_since_when() {
        use State::{CloseWait, Established, FinWait1, SynReceived};
        let either = StateSet::from([SynReceived, Established]);
        let news = News {
            states: vec![
                NewState {
                    end: End::Peer,
                    basis: Basis::Possible,
                    ..new_state(either, Since::Now)
                },
                new_state(Established.into(), Since::SynAck),
                new_state(FinWait1.into(), Since::InsteadOf(CloseWait.into())),
            ],
            anomalies: vec![(AnomalyKind::KernelRst, "it was not held".to_string())],
        };
        assert_eq!(
            comments(&news),
            [
                "peer SYN-RECEIVED|ESTABLISHED (possible)",
                "local ESTABLISHED (inferred) since the SYN-ACK",
                "local FIN-WAIT-1 (inferred), never CLOSE-WAIT: the peer's FIN had arrived and \
                 was not taken yet",
                "kernel-rst: it was not held",
            ]
        );
    }

    /// Remembers each write.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for &mut Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_block_is_one_write_and_has_its_length_at_both_ends() {
        let mut writes = Writes::default();
        let mut pcapng = Pcapng::new(&mut writes, "Linux").unwrap();
        for len in 0..9 {
            if !pcapng.describes(len % 2) {
                pcapng.describe(len % 2, "lo", 772).unwrap();
            }
            let bytes = vec![0x45; len as usize];
            let news = News::default();
            pcapng
                .frame(Stamp(1), len % 2, End::Peer, &bytes, (None, &news))
                .unwrap();
        }
        pcapng.finish(Stamp(0), Stamp(2), 7).unwrap();
        let types: Vec<u32> = writes
            .0
            .iter()
            .map(|block| {
                let number = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
                assert_eq!(block.len() % 4, 0);
                assert_eq!(number(4) as usize, block.len());
                assert_eq!(number(block.len() - 4) as usize, block.len());
                number(0)
            })
            .collect();
        assert_eq!(
            types,
            [&[SECTION_HEADER, 1, 6, 1][..], &[6; 8], &[5; 2]].concat()
        );
    }

    #[test]
    fn a_stamp_has_its_upper_half_first() {
        let mut bytes = Vec::new();
        let mut pcapng = Pcapng::new(&mut bytes, "Linux").unwrap();
        pcapng.describe(3, "lo", 772).unwrap();
        pcapng.out.clear();
        let at = Stamp(0x0102_0304_0506_0708);
        pcapng
            .frame(at, 3, End::Local, &[0x45], (None, &News::default()))
            .unwrap();
        assert_eq!(bytes[12..20], [4, 3, 2, 1, 8, 7, 6, 5]);
    }

    #[test]
    fn a_link_header_says_which_way_over_what_and_which_ip() {
        let none = [0; 8];
        for (version, protocol) in [(0x45, [8, 0]), (0x60, [0x86, 0xdd])] {
            let header = link_header(OUTGOING, 772, &[version]);
            assert_eq!(header, [&[0, 4, 3, 4, 0, 0][..], &none, &protocol].concat());
        }
    }
}
