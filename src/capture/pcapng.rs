//! The format of blocks: sections, interfaces, packets.

use std::io::Read;
use std::ops::Range;

use pcap_parser::{
    EPB_MAGIC, IDB_MAGIC, InterfaceDescriptionBlock, OptionCode, PcapNGOption, SHB_MAGIC,
    SPB_MAGIC, parse_enhancedpacketblock_be, parse_enhancedpacketblock_le,
    parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
    parse_sectionheaderblock, parse_simplepacketblock_be, parse_simplepacketblock_le,
};

use super::source::{MAX_RECORD, Source};
use super::time::TimeUnit;
use super::{CaptureError, Fault, Interface, LinkType, Packet, Record, Statistics};
use crate::link::Direction;

/// The type of a section header block, the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = SHB_MAGIC;
const INTERFACE: u32 = IDB_MAGIC;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = SPB_MAGIC;
const ENHANCED_PACKET: u32 = EPB_MAGIC;
const STATISTICS: u32 = pcap_parser::ISB_MAGIC;
/// Blocks that are no packets and have a frame number in Wireshark all the same: the systemd
/// journal and custom blocks.
const NUMBERED: [u32; 3] = [
    pcap_parser::SJE_MAGIC,
    pcap_parser::CB_MAGIC,
    pcap_parser::DCB_MAGIC,
];

const BYTE_ORDER_MAGIC: u32 = pcap_parser::BOM_MAGIC;
/// Type, and the length before and after the body.
const MIN_BLOCK: u32 = 12;
/// Where the packet begins in an enhanced and in an obsolete packet block.
const PACKET_AT: usize = 28;
/// Where the packet begins in a simple packet block.
const SIMPLE_PACKET_AT: usize = 12;
/// Where the options begin in an interface statistics block.
const STATISTICS_OPTIONS_AT: usize = 20;
/// Longer statistics are passed over: ours are no longer.
const MAX_STATISTICS: u32 = 1 << 20;
/// What the name of the program begins with that wrote a section, if it is this one.
const PROGRAM: &str = "tcpshake ";
/// The field of an obsolete packet block that names the interface has 16 bits.
const MAX_INTERFACES: usize = 1 << 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = *bytes[at..].first_chunk().expect("the header holds it");
        match self {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = *bytes[at..].first_chunk().expect("the header holds it");
        match self {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        }
    }

    fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Order::Little => i64::from_le_bytes(bytes),
            Order::Big => i64::from_be_bytes(bytes),
        }
    }
}

/// What holds until the next section header.
#[derive(Debug)]
pub(super) struct Section {
    order: Order,
    interfaces: Vec<Interface>,
    /// Interfaces of the sections before.
    before: u32,
    /// This program wrote it.
    is_ours: bool,
}

impl Section {
    /// Reads the first section header.
    pub(super) fn open<R: Read>(source: &mut Source<R>) -> Result<Section, CaptureError> {
        let mut section = Section {
            order: Order::Little,
            interfaces: Vec::new(),
            before: 0,
            is_ours: false,
        };
        if let Record::Passed(len) = section.next(source)? {
            source.consume(len);
        }
        Ok(section)
    }

    pub(super) fn order(&self) -> Order {
        self.order
    }

    pub(super) fn is_ours(&self) -> bool {
        self.is_ours
    }

    pub(super) fn interface(&self, index: usize) -> &Interface {
        &self.interfaces[index]
    }

    /// How many interfaces were described so far, in this section and those before.
    pub(super) fn described(&self) -> u32 {
        self.before.saturating_add(self.interfaces.len() as u32)
    }

    /// The block that the window begins with.
    pub(super) fn next<R: Read>(&mut self, source: &mut Source<R>) -> Result<Record, CaptureError> {
        let header = source.need(8, "a block header")?;
        if self.order.u32(header, 0) == SECTION_HEADER {
            let header = source.need(12, "a section header")?;
            self.order = match BYTE_ORDER_MAGIC {
                magic if Order::Little.u32(header, 8) == magic => Order::Little,
                magic if Order::Big.u32(header, 8) == magic => Order::Big,
                _ => return Err(source.error(Fault::ByteOrder)),
            };
        }
        let header = source.bytes();
        let (kind, length) = (self.order.u32(header, 0), self.order.u32(header, 4));
        if length < MIN_BLOCK || !length.is_multiple_of(4) {
            return Err(source.error(Fault::BlockLength(length)));
        }
        let what = match kind {
            SECTION_HEADER => "a section header",
            INTERFACE => "an interface description",
            OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET => "a packet block",
            STATISTICS if self.is_ours && length <= MAX_STATISTICS => "interface statistics",
            _ => return self.pass(source, kind, length),
        };
        if length > MAX_RECORD {
            return Err(source.error(Fault::TooLong { what, length }));
        }
        let record_len = length as usize;
        let block = source.need(record_len, what)?;
        let trailing = self.order.u32(block, record_len - 4);
        let read = if trailing != length {
            Err(differ(length, trailing))
        } else {
            match kind {
                SECTION_HEADER => self.begin(block),
                INTERFACE => self.describe(block),
                OBSOLETE_PACKET => self.obsolete_packet(block),
                SIMPLE_PACKET => self.simple_packet(block),
                STATISTICS => Ok(statistics(block)),
                _ => self.enhanced_packet(block),
            }
        };
        read.map_err(|fault| source.error(fault.unwrap_or(Fault::Malformed(what))))
    }

    /// Leaves a block behind that is nothing to us, without holding it in memory.
    fn pass<R: Read>(
        &self,
        source: &mut Source<R>,
        kind: u32,
        length: u32,
    ) -> Result<Record, CaptureError> {
        let offset = source.offset();
        let error = |fault| CaptureError { offset, fault };
        let cut = |available| {
            error(Fault::CutShort {
                what: "a block",
                needed: length.into(),
                available,
            })
        };
        let body = u64::from(length - 4);
        let skipped = source.skip(body)?;
        let there = source.fill(4)?;
        if skipped < body || there < 4 {
            return Err(cut(skipped + there as u64));
        }
        let trailing = self.order.u32(source.bytes(), 0);
        if trailing != length {
            return Err(error(Fault::LengthsDiffer {
                leading: length,
                trailing,
            }));
        }
        Ok(if NUMBERED.contains(&kind) {
            Record::Numbered(4)
        } else {
            Record::Passed(4)
        })
    }

    fn begin(&mut self, block: &[u8]) -> Result<Record, Option<Fault>> {
        let (_, header) = parse_sectionheaderblock(block).map_err(|_| None)?;
        if header.major_version != 1 {
            return Err(Some(Fault::Version(header.major_version)));
        }
        let mut options = values(&header.options);
        self.is_ours = options
            .find(|(code, _)| *code == OptionCode::ShbUserAppl)
            .is_some_and(|(_, program)| program.starts_with(PROGRAM.as_bytes()));
        self.before = self.described();
        self.interfaces.clear();
        Ok(Record::Passed(block.len()))
    }

    fn describe(&mut self, block: &[u8]) -> Result<Record, Option<Fault>> {
        let parse = match self.order {
            Order::Little => parse_interfacedescriptionblock_le,
            Order::Big => parse_interfacedescriptionblock_be,
        };
        let (_, description) = parse(block).map_err(|_| None)?;
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(Some(Fault::TooManyInterfaces));
        }
        let mut interface = Interface {
            index: self.before.saturating_add(self.interfaces.len() as u32),
            name: None,
            // The field has 16 bits.
            link: LinkType(description.linktype.0 as u16),
            snap_len: description.snaplen,
            unit: TimeUnit::default(),
        };
        self.read_options(&description, &mut interface);
        self.interfaces.push(interface);
        Ok(Record::Passed(block.len()))
    }

    /// The parser's own getters take every number for little-endian.
    fn read_options(&self, description: &InterfaceDescriptionBlock, interface: &mut Interface) {
        for (code, value) in values(&description.options) {
            match (code, value) {
                (OptionCode::IfName, name) if !name.is_empty() => {
                    let name = String::from_utf8_lossy(name);
                    interface.name = Some(name.chars().take(Interface::MAX_NAME).collect());
                }
                (OptionCode::IfTsresol, &[resolution]) => interface.unit.resolution = resolution,
                (OptionCode::IfTsoffset, value) => {
                    if let Ok(offset) = value.try_into() {
                        interface.unit.offset = self.order.i64(offset);
                    }
                }
                _ => {}
            }
        }
    }

    fn declared(&self, id: u32) -> Result<(usize, &Interface), Option<Fault>> {
        let declared = self.interfaces.len();
        let index = usize::try_from(id).unwrap_or(usize::MAX);
        let interface = self.interfaces.get(index);
        interface
            .map(|interface| (index, interface))
            .ok_or(Some(Fault::UndeclaredInterface { id, declared }))
    }

    fn enhanced_packet(&self, block: &[u8]) -> Result<Record, Option<Fault>> {
        let parse = match self.order {
            Order::Little => parse_enhancedpacketblock_le,
            Order::Big => parse_enhancedpacketblock_be,
        };
        let (_, packet) = parse(block).map_err(|_| None)?;
        let (index, interface) = self.declared(packet.if_id)?;
        Ok(Record::Packet(Packet {
            stamp: interface.unit.stamp(units(packet.ts_high, packet.ts_low)),
            interface: index,
            direction: self.direction(&packet.options),
            bytes: PACKET_AT..PACKET_AT + packet.caplen as usize,
            options: options(block, PACKET_AT + packet.caplen as usize),
            original_len: packet.origlen,
            record_len: block.len(),
        }))
    }

    /// Bits 0 and 1 of `epb_flags`.
    fn direction(&self, options: &[PcapNGOption]) -> Option<Direction> {
        // The code is that of `if_name` in another block.
        let mut flags = values(options).filter(|(code, value)| code.0 == 2 && value.len() == 4);
        let (_, flags) = flags.next()?;
        match self.order.u32(flags, 0) & 3 {
            1 => Some(Direction::Received),
            2 => Some(Direction::Sent),
            _ => None,
        }
    }

    /// It has no stamp, and belongs to the first interface.
    fn simple_packet(&self, block: &[u8]) -> Result<Record, Option<Fault>> {
        let parse = match self.order {
            Order::Little => parse_simplepacketblock_le,
            Order::Big => parse_simplepacketblock_be,
        };
        let (_, packet) = parse(block).map_err(|_| None)?;
        let (index, interface) = self.declared(0)?;
        let snap_len = match interface.snap_len {
            0 => u32::MAX,
            len => len,
        };
        let len = packet.origlen.min(snap_len) as usize;
        if len > packet.data.len() {
            return Err(None);
        }
        Ok(Record::Packet(Packet {
            stamp: None,
            interface: index,
            direction: None,
            bytes: SIMPLE_PACKET_AT..SIMPLE_PACKET_AT + len,
            options: 0..0,
            original_len: packet.origlen,
            record_len: block.len(),
        }))
    }

    /// The parser does not know it.
    fn obsolete_packet(&self, block: &[u8]) -> Result<Record, Option<Fault>> {
        let body = block.len() - 4;
        if body < PACKET_AT {
            return Err(None);
        }
        let (index, interface) = self.declared(self.order.u16(block, 8).into())?;
        let len = self.order.u32(block, 20) as usize;
        if len > body - PACKET_AT {
            return Err(None);
        }
        let (high, low) = (self.order.u32(block, 12), self.order.u32(block, 16));
        Ok(Record::Packet(Packet {
            stamp: interface.unit.stamp(units(high, low)),
            interface: index,
            direction: None,
            bytes: PACKET_AT..PACKET_AT + len,
            options: options(block, PACKET_AT + len),
            original_len: self.order.u32(block, 24),
            record_len: block.len(),
        }))
    }
}

fn statistics(block: &[u8]) -> Record {
    Record::Statistics(Statistics {
        options: options(block, STATISTICS_OPTIONS_AT),
        record_len: block.len(),
    })
}

/// Where in a block its options are, which begin at the next boundary.
fn options(block: &[u8], after: usize) -> Range<usize> {
    let end = block.len() - 4;
    after.next_multiple_of(4).min(end)..end
}

fn differ(leading: u32, trailing: u32) -> Option<Fault> {
    Some(Fault::LengthsDiffer { leading, trailing })
}

fn units(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// The options up to the one that ends them, each without its padding.
fn values<'a>(options: &'a [PcapNGOption]) -> impl Iterator<Item = (OptionCode, &'a [u8])> {
    options
        .iter()
        .take_while(|option| option.code != OptionCode::EndOfOpt)
        .filter_map(|option| Some((option.code, option.as_bytes().ok()?)))
}
