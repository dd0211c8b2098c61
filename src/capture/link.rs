//! From the link header of a frame to the IP packet in it.

use std::fmt;

use crate::link::Direction;

/// What the frames of an interface begin with: a `LINKTYPE_` number, as tcpdump.org lists them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: an address family in the byte order of the capturing host.
    pub const NULL: LinkType = LinkType(0);
    /// Ethernet.
    pub const ETHERNET: LinkType = LinkType(1);
    /// PPP, with or without HDLC-like framing.
    pub const PPP: LinkType = LinkType(9);
    /// IP without a link header, as FreeBSD, NetBSD and macOS number it.
    pub const RAW_BSD: LinkType = LinkType(12);
    /// IP without a link header, as OpenBSD numbers it.
    pub const RAW_OPENBSD: LinkType = LinkType(14);
    /// PPP or Cisco HDLC in HDLC-like framing.
    pub const PPP_HDLC: LinkType = LinkType(50);
    /// PPP over Ethernet, from its own header on.
    pub const PPPOE: LinkType = LinkType(51);
    /// IP without a link header.
    pub const RAW: LinkType = LinkType(101);
    /// Cisco HDLC.
    pub const C_HDLC: LinkType = LinkType(104);
    /// OpenBSD loopback: an address family in network byte order.
    pub const LOOP: LinkType = LinkType(108);
    /// Linux "cooked" capture.
    pub const LINUX_SLL: LinkType = LinkType(113);
    /// IPv4 without a link header.
    pub const IPV4: LinkType = LinkType(228);
    /// IPv6 without a link header.
    pub const IPV6: LinkType = LinkType(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: LinkType = LinkType(276);

    /// That of captures on all interfaces of a host.
    #[must_use]
    pub fn is_of_any(self) -> bool {
        matches!(self, LinkType::LINUX_SLL | LinkType::LINUX_SLL2)
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link type {}", self.0)
    }
}

/// Why a frame has no packet for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoPacket {
    /// Frames of this link type cannot be read.
    UnknownLink(LinkType),
    /// It carries something other than IP, or was cut before it.
    NotIp,
}

impl fmt::Display for NoPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPacket::UnknownLink(link) => write!(f, "{link} is not known"),
            NoPacket::NotIp => f.write_str("it carries no IP packet"),
        }
    }
}

impl std::error::Error for NoPacket {}

/// An EtherType, as far as it leads to IP.
mod ether {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86dd;
    pub(super) const VLAN: u16 = 0x8100;
    pub(super) const QINQ: u16 = 0x88a8;
    pub(super) const OLD_QINQ: u16 = 0x9100;
    pub(super) const MPLS: u16 = 0x8847;
    pub(super) const MPLS_MULTICAST: u16 = 0x8848;
    pub(super) const PPPOE_SESSION: u16 = 0x8864;
    /// A whole Ethernet frame (RFC 1701).
    pub(super) const ETHERNET: u16 = 0x6558;
    /// Not a type but the length of an IEEE 802.3 frame, up to here.
    pub(super) const MAX_LENGTH: u16 = 1500;
}

/// LLC and SNAP headers up to the EtherType (RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

const AF_INET: u32 = 2;
/// AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
const AF_INET6: [u32; 5] = [10, 23, 24, 28, 30];

const COOKED_LEN: usize = 16;
const COOKED_PROTOCOL_AT: usize = 14;
const COOKED2_LEN: usize = 20;

/// The IP packet in a frame, link padding included.
///
/// # Errors
/// [`NoPacket`] when there is none to be found.
pub fn network(link: LinkType, frame: &[u8]) -> Result<&[u8], NoPacket> {
    let packet = match link {
        LinkType::ETHERNET => ether_type(ether::ETHERNET, frame),
        LinkType::RAW
        | LinkType::RAW_BSD
        | LinkType::RAW_OPENBSD
        | LinkType::IPV4
        | LinkType::IPV6 => Some(frame),
        LinkType::LINUX_SLL => frame.get(COOKED_PROTOCOL_AT..).and_then(typed),
        LinkType::LINUX_SLL2 => cooked2(frame),
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        LinkType::PPP | LinkType::PPP_HDLC | LinkType::C_HDLC => hdlc(frame),
        LinkType::PPPOE => pppoe(frame),
        unknown => return Err(NoPacket::UnknownLink(unknown)),
    };
    packet.filter(|it| !it.is_empty()).ok_or(NoPacket::NotIp)
}

/// Which way a frame went, where its link header says: `sll_pkttype` of packet(7).
#[must_use]
pub fn direction(link: LinkType, frame: &[u8]) -> Option<Direction> {
    let packet_type = match link {
        LinkType::LINUX_SLL if frame.len() >= COOKED_LEN => frame[1],
        LinkType::LINUX_SLL2 if frame.len() >= COOKED2_LEN => frame[10],
        _ => return None,
    };
    match packet_type {
        0..=2 => Some(Direction::Received),
        4 => Some(Direction::Sent),
        _ => None,
    }
}

/// On which of the host's interfaces a frame of a capture on all of them was: `sll2_if_index`.
#[must_use]
pub fn interface(link: LinkType, frame: &[u8]) -> Option<u32> {
    let index = match link {
        LinkType::LINUX_SLL2 if frame.len() >= COOKED2_LEN => frame[4..8].try_into().ok()?,
        _ => return None,
    };
    Some(u32::from_be_bytes(index))
}

/// The IP packet behind an EtherType, through every tag, label and header that may lie between.
pub(super) fn ether_type(mut kind: u16, mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let at_next = match kind {
            ether::IPV4 | ether::IPV6 => return Some(bytes),
            ether::VLAN | ether::QINQ | ether::OLD_QINQ => bytes.get(2..)?,
            ether::ETHERNET => bytes.get(12..)?,
            ..=ether::MAX_LENGTH => bytes.strip_prefix(&SNAP)?,
            ether::MPLS | ether::MPLS_MULTICAST => return mpls(bytes),
            ether::PPPOE_SESSION => return pppoe(bytes),
            _ => return None,
        };
        (kind, bytes) = word(at_next)?;
    }
}

/// The IP packet behind bytes that begin with an EtherType.
fn typed(bytes: &[u8]) -> Option<&[u8]> {
    let (kind, rest) = word(bytes)?;
    ether_type(kind, rest)
}

fn word(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*word), rest))
}

fn cooked2(frame: &[u8]) -> Option<&[u8]> {
    let (kind, _) = word(frame)?;
    ether_type(kind, frame.get(COOKED2_LEN..)?)
}

/// The family may be in either byte order, and only one makes sense.
fn loopback(frame: &[u8]) -> Option<&[u8]> {
    let (family, packet) = frame.split_first_chunk()?;
    let orders = [u32::from_be_bytes(*family), u32::from_le_bytes(*family)];
    let is_ip = |family: &u32| *family == AF_INET || AF_INET6.contains(family);
    orders.iter().any(is_ip).then_some(packet)
}

/// PPP with or without an HDLC address (RFC 1662), or Cisco HDLC.
fn hdlc(frame: &[u8]) -> Option<&[u8]> {
    match frame {
        [0xff, 0x03, rest @ ..] => ppp(rest),
        [0x0f | 0x8f, 0x00, rest @ ..] => typed(rest),
        _ => ppp(frame),
    }
}

/// From the PPP protocol number on, which may be compressed to one byte, an odd one (RFC 1661 6.5).
fn ppp(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0x21 | 0x57, rest @ ..] | [0, 0x21 | 0x57, rest @ ..] => Some(rest),
        [2, 0x81 | 0x83, rest @ ..] => mpls(rest),
        _ => None,
    }
}

/// From the PPPoE header on: version and type 1, code 0 in a session (RFC 2516 4).
fn pppoe(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0x11, 0, _, _, _, _, rest @ ..] => ppp(rest),
        _ => None,
    }
}

/// Behind the label at the bottom of the stack (RFC 3032 2.1), told by the IP version.
pub(super) fn mpls(mut bytes: &[u8]) -> Option<&[u8]> {
    while let Some(([_, _, third, _], rest)) = bytes.split_first_chunk() {
        bytes = rest;
        if third & 1 != 0 {
            return bytes
                .first()
                .filter(|it| matches!(*it >> 4, 4 | 6))
                .map(|_| bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: [u8; 3] = [0x45, 0, 0];

    /// A frame of these header bytes and the start of an IP packet.
    fn frame(header: &[u8]) -> Vec<u8> {
        [header, &IP].concat()
    }

    fn ethernet(rest: &[u8]) -> Vec<u8> {
        [&[0xee; 12], rest].concat()
    }

    fn cooked(packet_type: u8, protocol: [u8; 2]) -> Vec<u8> {
        [
            &[0, packet_type, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0][..],
            &protocol,
        ]
        .concat()
    }

    fn cooked2(packet_type: u8, protocol: [u8; 2]) -> Vec<u8> {
        let rest = [
            0,
            0,
            0,
            0,
            0,
            7,
            0,
            1,
            packet_type,
            6,
            1,
            2,
            3,
            4,
            5,
            6,
            0,
            0,
        ];
        [&protocol[..], &rest].concat()
    }

    /// Every header that leads to IP.
    fn known() -> Vec<(LinkType, Vec<u8>)> {
        let ether = |rest: &[u8]| (LinkType::ETHERNET, ethernet(rest));
        let mut all = vec![
            ether(&[8, 0]),
            ether(&[0x86, 0xdd]),
            ether(&[0x81, 0, 0, 1, 8, 0]),
            ether(&[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0]),
            ether(&[0x91, 0, 0, 1, 0x91, 0, 0, 1, 0x81, 0, 0, 2, 8, 0]),
            ether(&[0, 50, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
            ether(&[0x88, 0x47, 0, 1, 1, 64]),
            ether(&[0x88, 0x48, 0, 1, 0, 64, 0, 2, 1, 64]),
            ether(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 22, 0, 0x21]),
            ether(&[0x81, 0, 0, 1, 0x88, 0x64, 0x11, 0, 0, 1, 0, 22, 0, 0x57]),
            (LinkType::LINUX_SLL, cooked(0, [8, 0])),
            (
                LinkType::LINUX_SLL,
                [cooked(0, [0x81, 0]), vec![0, 1, 8, 0]].concat(),
            ),
            (LinkType::LINUX_SLL2, cooked2(0, [0x86, 0xdd])),
            (LinkType::PPP, vec![0xff, 3, 0, 0x21]),
            (LinkType::PPP, vec![0, 0x57]),
            (LinkType::PPP, vec![0x21]),
            (LinkType::PPP_HDLC, vec![0xff, 3, 0x57]),
            (LinkType::PPP_HDLC, vec![0xff, 3, 2, 0x81, 0, 1, 1, 64]),
            (LinkType::PPP_HDLC, vec![0x0f, 0, 8, 0]),
            (LinkType::C_HDLC, vec![0x8f, 0, 0x86, 0xdd]),
            (LinkType::PPPOE, vec![0x11, 0, 0, 1, 0, 22, 0, 0x21]),
        ];
        for raw in [12, 14, 101, 228, 229] {
            all.push((LinkType(raw), Vec::new()));
        }
        for family in [2, 10, 23, 24, 28, 30] {
            all.push((LinkType::NULL, vec![family, 0, 0, 0]));
            all.push((LinkType::NULL, vec![0, 0, 0, family]));
            all.push((LinkType::LOOP, vec![0, 0, 0, family]));
        }
        all
    }

    #[test]
    fn every_link_header_leads_to_the_packet() {
        for (link, header) in known() {
            assert_eq!(
                network(link, &frame(&header)),
                Ok(&IP[..]),
                "{link} {header:x?}"
            );
        }
    }

    #[test]
    fn a_frame_cut_before_the_packet_has_none() {
        for (link, header) in known() {
            for len in 0..=header.len() {
                let found = network(link, &header[..len]);
                assert_eq!(found, Err(NoPacket::NotIp), "{link} {:x?}", &header[..len]);
            }
        }
    }

    #[test]
    fn what_is_not_ip_is_told_apart_from_an_unknown_link() {
        for (link, header) in [
            (LinkType::ETHERNET, ethernet(&[8, 6])),
            (LinkType::ETHERNET, ethernet(&[0, 50, 0x42, 0x42, 3])),
            (
                LinkType::ETHERNET,
                ethernet(&[0x88, 0x63, 0x11, 9, 0, 0, 0, 0]),
            ),
            (LinkType::ETHERNET, ethernet(&[0x88, 0x47, 0, 1, 1, 64, 0])),
            (LinkType::LINUX_SLL, cooked(0, [8, 6])),
            (LinkType::PPP, vec![0xff, 3, 0xc0, 0x21]),
            (LinkType::NULL, vec![7, 0, 0, 0]),
        ] {
            assert_eq!(
                network(link, &frame(&header)),
                Err(NoPacket::NotIp),
                "{header:x?}"
            );
        }
        let unknown = LinkType(147);
        assert_eq!(network(unknown, &IP), Err(NoPacket::UnknownLink(unknown)));
    }

    #[test]
    fn a_cooked_capture_tells_the_direction() {
        let expected = [
            (0, Some(Direction::Received)),
            (1, Some(Direction::Received)),
            (2, Some(Direction::Received)),
            (3, None),
            (4, Some(Direction::Sent)),
            (9, None),
        ];
        for (packet_type, expected) in expected {
            let frame = cooked(packet_type, [8, 0]);
            assert_eq!(direction(LinkType::LINUX_SLL, &frame), expected);
            let frame = cooked2(packet_type, [8, 0]);
            assert_eq!(direction(LinkType::LINUX_SLL2, &frame), expected);
        }
        assert_eq!(direction(LinkType::LINUX_SLL2, &[0; 19]), None);
        assert_eq!(direction(LinkType::ETHERNET, &[0; 20]), None);
    }

    #[test]
    fn a_quarter_of_a_million_bytes_of_tags_come_to_an_end() {
        let tags = ethernet(&[0x81, 0, 0, 1].repeat(1 << 16));
        assert_eq!(network(LinkType::ETHERNET, &tags), Err(NoPacket::NotIp));
        let labels = ethernet(&[&[0x88, 0x47], &[0; 1 << 18][..]].concat());
        assert_eq!(network(LinkType::ETHERNET, &labels), Err(NoPacket::NotIp));
    }
}
