//! Why a capture could not be read any further.

use std::fmt;
use std::io;

/// What is wrong with a capture, and where. Every packet before it has been read.
#[derive(Debug)]
pub struct CaptureError {
    /// Where the record begins that could not be read, in bytes from the start of the capture.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a record of a capture.
#[derive(Debug)]
pub enum Fault {
    /// The input itself failed.
    Input(io::Error),
    /// There is nothing in it.
    Empty,
    /// It begins with none of the numbers that a capture begins with.
    NotACapture([u8; 4]),
    /// It ends in the middle of a record.
    CutShort {
        /// The record that was being read.
        what: &'static str,
        /// Bytes that the record takes.
        needed: u64,
        /// Bytes that are there.
        available: u64,
    },
    /// A block length below its minimum, or one that is no multiple of 4.
    BlockLength(u32),
    /// The length at the end of a block is not the one at its beginning.
    LengthsDiffer {
        /// The length at its beginning.
        leading: u32,
        /// The length at its end.
        trailing: u32,
    },
    /// A record longer than any packet is.
    TooLong {
        /// The record that was being read.
        what: &'static str,
        /// The length it claims, in bytes.
        length: u32,
    },
    /// A packet of an interface that the section does not describe.
    UndeclaredInterface {
        /// The interface it names, from 0.
        id: u32,
        /// Interfaces that the section has described so far.
        declared: usize,
    },
    /// More interfaces in one section than are kept.
    TooManyInterfaces,
    /// A major version of the format that is not known.
    Version(u16),
    /// A section header without the number that tells its byte order.
    ByteOrder,
    /// The fields of a record contradict its length.
    Malformed(&'static str),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CaptureError { offset, fault } = self;
        match fault {
            Fault::Input(error) => {
                write!(f, "reading the capture failed at byte {offset}: {error}")
            }
            Fault::Empty | Fault::NotACapture(_) => {
                write!(f, "this is neither pcap nor pcapng: {fault}")
            }
            _ => write!(
                f,
                "the capture is damaged at byte {offset}: {fault}; only what comes before is read"
            ),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Input(error) => error.fmt(f),
            Fault::Empty => f.write_str("it is empty"),
            Fault::NotACapture(magic) => {
                write!(f, "it begins with {}{}", Hex(magic), advice(*magic))
            }
            Fault::CutShort {
                what,
                needed,
                available,
            } => write!(
                f,
                "{what} is cut short: {needed} bytes needed, {available} there"
            ),
            Fault::BlockLength(length) => write!(f, "no block has a length of {length} bytes"),
            Fault::LengthsDiffer { leading, trailing } => write!(
                f,
                "a block of {leading} bytes ends with a length of {trailing}"
            ),
            Fault::TooLong { what, length } => {
                write!(f, "{what} of {length} bytes is longer than any packet")
            }
            Fault::UndeclaredInterface { id, declared } => write!(
                f,
                "a packet names interface {id}, and {declared} were described before it"
            ),
            Fault::TooManyInterfaces => f.write_str("too many interfaces in one section"),
            Fault::Version(version) => write!(f, "format version {version} is not known"),
            Fault::ByteOrder => f.write_str("a section header tells no byte order"),
            Fault::Malformed(what) => write!(f, "{what} contradicts its own length"),
        }
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Input(error) => Some(error),
            _ => None,
        }
    }
}

/// What to do about a file that is no capture, by how it begins.
fn advice(magic: [u8; 4]) -> &'static str {
    match magic {
        [0x1f, 0x8b, ..] => " (gzip): decompress it first, as `gzip -dc FILE`",
        [0x28, 0xb5, 0x2f, 0xfd] => " (Zstandard): decompress it first, as `zstd -dc FILE`",
        [0x04, 0x22, 0x4d, 0x18] => " (LZ4): decompress it first, as `lz4 -dc FILE`",
        [0xfd, b'7', b'z', b'X'] => " (xz): decompress it first, as `xz -dc FILE`",
        _ => "; if Wireshark opens it, `editcap -F pcapng FILE NEW` converts it",
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
