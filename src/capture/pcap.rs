//! The classic format: a file header, then records.

use std::io::Read;

use pcap_parser::{
    parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

use super::source::{MAX_RECORD, Source};
use super::time::TimeUnit;
use super::{CaptureError, Fault, Interface, LinkType, Packet, Record};
use crate::clock::Stamp;

const FILE_HEADER: usize = 24;
const RECORD: &str = "a packet record";

/// The records of one file.
#[derive(Debug)]
pub(super) struct Records {
    is_big_endian: bool,
    /// Bytes before the packet: 16, or 24 in a variant of old Linux systems.
    header_len: usize,
    nanos_per_unit: u64,
    interface: Interface,
}

impl Records {
    /// Reads the file header.
    pub(super) fn open<R: Read>(source: &mut Source<R>) -> Result<Records, CaptureError> {
        let magic = *source
            .need(4, "the file header")?
            .first_chunk()
            .expect("4 bytes were asked for");
        source.fill(FILE_HEADER)?;
        let header = match parse_pcap_header(source.bytes()) {
            Ok((_, header)) => header,
            Err(error) if error.is_incomplete() => {
                return Err(source.cut_short("the file header", FILE_HEADER));
            }
            Err(_) => return Err(source.error(Fault::NotACapture(magic))),
        };
        source.consume(FILE_HEADER);
        Ok(Records {
            is_big_endian: header.is_bigendian(),
            header_len: if header.is_modified_format() { 24 } else { 16 },
            nanos_per_unit: if header.is_nanosecond_precision() {
                1
            } else {
                1_000
            },
            interface: Interface {
                index: 0,
                name: None,
                // The upper half tells of frame check sequences.
                link: LinkType((header.network.0 & 0xffff) as u16),
                snap_len: header.snaplen,
                unit: TimeUnit::default(),
            },
        })
    }

    pub(super) fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The record that the window begins with.
    pub(super) fn next<R: Read>(&self, source: &mut Source<R>) -> Result<Record, CaptureError> {
        let header = source.need(self.header_len, RECORD)?;
        let length = *header[8..].first_chunk().expect("the header has 16 bytes");
        let length = if self.is_big_endian {
            u32::from_be_bytes(length)
        } else {
            u32::from_le_bytes(length)
        };
        if length > MAX_RECORD {
            let what = RECORD;
            return Err(source.error(Fault::TooLong { what, length }));
        }
        let record_len = self.header_len + length as usize;
        let parse = match (self.header_len, self.is_big_endian) {
            (24, _) => parse_pcap_frame_modified,
            (_, true) => parse_pcap_frame_be,
            (_, false) => parse_pcap_frame,
        };
        let Ok((_, frame)) = parse(source.need(record_len, RECORD)?) else {
            return Err(source.error(Fault::Malformed(RECORD)));
        };
        let nanos = u64::from(frame.ts_usec) * self.nanos_per_unit;
        Ok(Record::Packet(Packet {
            stamp: Some(Stamp(u64::from(frame.ts_sec) * 1_000_000_000 + nanos)),
            interface: 0,
            direction: None,
            bytes: self.header_len..record_len,
            options: 0..0,
            original_len: frame.origlen,
            record_len,
        }))
    }
}
