//! Captures in: pcap and pcapng files, read as a stream.
//!
//! [`Reader`] gives the frames in order; [`link::network`] finds the IP packet in a frame,
//! [`tunnel::innermost`] the one inside its tunnels, and [`crate::wire::Packet::parse_truncated`]
//! reads it.
//!
//! Records and options are decoded by `pcap-parser`. Its readers are not used: they take a packet
//! longer than its block for one that has not arrived yet, keep whole what is only skipped, cannot
//! tell where in the file an error is, and know no time unit that is a power of 2. So blocks are
//! found and bounded here, and the parser sees whole ones only.

mod comments;
mod error;
pub mod link;
mod pcap;
mod pcapng;
mod source;
mod time;
pub mod tunnel;

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use crate::clock::Stamp;
use crate::link::Direction;

pub use comments::Comments;
pub use error::{CaptureError, Fault};
pub use link::LinkType;

use comments::Options;
use source::Source;
use time::TimeUnit;

/// A captured frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured<'a> {
    /// Its number in the file, from 1, as Wireshark counts (`frame.number`).
    pub number: u64,
    /// When it was captured; `None` where the capture does not say (a simple packet block).
    pub stamp: Option<Stamp>,
    /// Where it was captured.
    pub interface: &'a Interface,
    /// How many interfaces the capture has described so far.
    pub interfaces: u32,
    /// Which way it went, where the capture says.
    pub direction: Option<Direction>,
    /// The bytes that were captured, from the link header on.
    pub bytes: &'a [u8],
    /// Bytes that the frame had on the wire.
    pub original_len: u32,
    /// tcpshake wrote the capture, or so its section says.
    pub is_ours: bool,
    /// What somebody said of it.
    pub comments: Comments<'a>,
}

impl Captured<'_> {
    /// Bytes that the frame had and the capture does not hold (a snapshot length).
    #[must_use]
    pub fn beyond(&self) -> usize {
        let original = usize::try_from(self.original_len).unwrap_or(usize::MAX);
        original.saturating_sub(self.bytes.len())
    }
}

/// What a capture holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// A frame.
    Frame(Captured<'a>),
    /// The comments of a statistics block, in a capture that tcpshake wrote.
    Remarks(Comments<'a>),
}

/// An interface of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its number among all that the capture describes, from 0.
    pub index: u32,
    /// Its name, if the capture tells it, cut at [`Interface::MAX_NAME`] characters. It may hold
    /// any character.
    pub name: Option<String>,
    /// What its frames begin with.
    pub link: LinkType,
    snap_len: u32,
    unit: TimeUnit,
}

impl Interface {
    /// The most characters of a name that are kept.
    pub const MAX_NAME: usize = 256;
}

/// Reads a capture frame by frame, holding one record of it.
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    format: Format,
    /// Frames so far.
    number: u64,
    /// Bytes of the record that was given out last.
    given: usize,
    is_over: bool,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Records),
    Pcapng(pcapng::Section),
}

/// A record that was read, at the start of the window.
enum Record {
    Packet(Packet),
    /// Statistics that have something to say.
    Statistics(Statistics),
    /// No packet, but Wireshark gives it a frame number.
    Numbered(usize),
    /// Nothing to us.
    Passed(usize),
}

/// A packet record.
struct Packet {
    stamp: Option<Stamp>,
    /// Index among the interfaces of its section.
    interface: usize,
    direction: Option<Direction>,
    /// Where in the record its bytes are.
    bytes: Range<usize>,
    /// And its options.
    options: Range<usize>,
    original_len: u32,
    record_len: usize,
}

/// An interface statistics block.
struct Statistics {
    /// Where in the record its options are.
    options: Range<usize>,
    record_len: usize,
}

/// What is worth giving out.
enum Found {
    Packet(Packet),
    Statistics(Statistics),
}

impl Reader<File> {
    /// Opens a file.
    ///
    /// # Errors
    /// Those of opening; those of [`Reader::new`] inside.
    pub fn open(path: &Path) -> io::Result<Result<Reader<File>, CaptureError>> {
        File::open(path).map(Reader::new)
    }
}

impl<R: Read> Reader<R> {
    /// A reader of either format. The input need not be buffered.
    ///
    /// # Errors
    /// [`CaptureError`] when the input is no capture or its header cannot be read.
    pub fn new(input: R) -> Result<Reader<R>, CaptureError> {
        let mut source = Source::new(input);
        if source.is_at_end()? {
            return Err(source.error(Fault::Empty));
        }
        let magic = source.need(4, "the file header")?;
        let format = if magic == pcapng::SECTION_HEADER.to_be_bytes() {
            Format::Pcapng(pcapng::Section::open(&mut source)?)
        } else {
            Format::Pcap(pcap::Records::open(&mut source)?)
        };
        Ok(Reader {
            source,
            format,
            number: 0,
            given: 0,
            is_over: false,
        })
    }

    /// The next frame; `None` at the end, and after an error.
    ///
    /// # Errors
    /// [`CaptureError`]: the capture cannot be read from there on.
    pub fn next_frame(&mut self) -> Result<Option<Captured<'_>>, CaptureError> {
        loop {
            match self.advance()? {
                Some(Found::Packet(packet)) => return Ok(Some(self.captured(packet))),
                Some(Found::Statistics(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// The same, with what tcpshake said of its frames between them.
    ///
    /// # Errors
    /// [`CaptureError`]: the capture cannot be read from there on.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, CaptureError> {
        Ok(self.advance()?.map(|found| match found {
            Found::Packet(packet) => Item::Frame(self.captured(packet)),
            Found::Statistics(Statistics { options, .. }) => Item::Remarks(self.comments(options)),
        }))
    }

    /// Goes on to the next, which is then at the start of the window.
    fn advance(&mut self) -> Result<Option<Found>, CaptureError> {
        self.source.consume(std::mem::take(&mut self.given));
        let found = self.find();
        self.is_over = !matches!(found, Ok(Some(_)));
        self.given = match &found {
            Ok(Some(Found::Packet(packet))) => packet.record_len,
            Ok(Some(Found::Statistics(statistics))) => statistics.record_len,
            _ => 0,
        };
        found
    }

    fn captured(&self, packet: Packet) -> Captured<'_> {
        let (interface, interfaces, is_ours) = match &self.format {
            Format::Pcap(records) => (records.interface(), 1, false),
            Format::Pcapng(section) => (
                section.interface(packet.interface),
                section.described(),
                section.is_ours(),
            ),
        };
        let bytes = &self.source.bytes()[packet.bytes];
        Captured {
            number: self.number,
            stamp: packet.stamp,
            interface,
            interfaces,
            direction: packet
                .direction
                .or_else(|| link::direction(interface.link, bytes)),
            bytes,
            original_len: packet.original_len,
            is_ours,
            comments: self.comments(packet.options),
        }
    }

    fn comments(&self, options: Range<usize>) -> Comments<'_> {
        match &self.format {
            Format::Pcap(_) => Comments::NONE,
            Format::Pcapng(section) => {
                let bytes = &self.source.bytes()[options];
                Comments::among(Options::new(section.order(), bytes))
            }
        }
    }

    /// Bytes of the capture that are done with.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.source.offset()
    }

    /// There is nothing of the input at hand beyond what was given out: for the next, it has to be
    /// waited for.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.source.bytes().len() <= self.given
    }

    fn find(&mut self) -> Result<Option<Found>, CaptureError> {
        while !self.is_over && !self.source.is_at_end()? {
            let record = match &mut self.format {
                Format::Pcap(records) => records.next(&mut self.source)?,
                Format::Pcapng(section) => section.next(&mut self.source)?,
            };
            self.number += u64::from(matches!(record, Record::Packet(_) | Record::Numbered(_)));
            match record {
                Record::Packet(packet) => return Ok(Some(Found::Packet(packet))),
                Record::Statistics(statistics) => return Ok(Some(Found::Statistics(statistics))),
                Record::Numbered(len) | Record::Passed(len) => self.source.consume(len),
            }
        }
        Ok(None)
    }
}
