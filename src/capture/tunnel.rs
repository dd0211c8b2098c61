//! From an IP packet to the one inside its tunnels.

use super::link::{ether_type, mpls};
use crate::wire::{IpHeader, PROTOCOL_TCP};

/// Tunnels within tunnels that are entered; nobody stacks more.
pub const MAX_DEPTH: u8 = 8;

/// The packet inside every tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Innermost<'a> {
    /// Its bytes, from the IP header on.
    pub packet: &'a [u8],
    /// By how much it was longer than what the capture holds, where its own length field does not
    /// say (`beyond` of [`crate::wire::Packet::parse_truncated`]).
    pub beyond: usize,
    /// Tunnels around it.
    pub depth: u8,
}

mod protocol {
    pub(super) const IPV4: u8 = 4;
    pub(super) const UDP: u8 = 17;
    pub(super) const IPV6: u8 = 41;
    pub(super) const GRE: u8 = 47;
    pub(super) const MPLS: u8 = 137;
}

mod port {
    pub(super) const GENEVE: u16 = 6081;
    pub(super) const VXLAN: u16 = 4789;
    /// VXLAN before it had a port of its own: still what Linux takes unless told otherwise.
    pub(super) const OLD_VXLAN: u16 = 8472;
}

/// A whole Ethernet frame, as an EtherType.
const ETHERNET: u16 = 0x6558;

/// Enters the tunnels that `packet` consists of, as long as what is inside has a readable IP
/// header. `beyond` is by how much the captured frame was longer than what is left of it.
#[must_use]
pub fn innermost(packet: &[u8], beyond: usize) -> Innermost<'_> {
    let mut found = Innermost {
        packet,
        beyond,
        depth: 0,
    };
    while found.depth < MAX_DEPTH
        && let Some(inner) = enter(found)
    {
        found = inner;
    }
    found
}

fn enter(outer: Innermost<'_>) -> Option<Innermost<'_>> {
    // Most packets are plain TCP: not worth a look at the whole header, which is read later.
    let protocol_at = if outer.packet.first()? >> 4 == 4 {
        9
    } else {
        6
    };
    if *outer.packet.get(protocol_at)? == PROTOCOL_TCP {
        return None;
    }
    let (ip, payload, _) = IpHeader::split(outer.packet).ok()?;
    if ip.is_partial() {
        return None;
    }
    let packet = match ip.protocol() {
        protocol::IPV4 | protocol::IPV6 => payload,
        protocol::GRE => gre(payload)?,
        protocol::UDP => udp(payload)?,
        protocol::MPLS => mpls(payload)?,
        _ => return None,
    };
    IpHeader::parse(packet).ok()?;
    Some(Innermost {
        packet,
        beyond: ip.missing(outer.packet.len(), outer.beyond),
        depth: outer.depth + 1,
    })
}

/// GRE (RFC 2784, with the key and the sequence number of RFC 2890).
fn gre(bytes: &[u8]) -> Option<&[u8]> {
    const CHECKSUM: u8 = 0x80;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    let ([flags, version, kind @ ..], _) = bytes.split_first_chunk::<4>()?;
    // Source routes (RFC 1701) and PPTP (version 1) are not entered.
    if flags & !(CHECKSUM | KEY | SEQUENCE) != 0 || *version != 0 {
        return None;
    }
    let words = 1 + (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
    ether_type(u16::from_be_bytes(*kind), bytes.get(4 * words..)?)
}

/// What is inside a UDP tunnel, told by the destination port.
fn udp(bytes: &[u8]) -> Option<&[u8]> {
    let ([_, _, port @ ..], _) = bytes.split_first_chunk::<4>()?;
    let payload = bytes.get(8..)?;
    match u16::from_be_bytes(*port) {
        port::VXLAN | port::OLD_VXLAN => vxlan(payload),
        port::GENEVE => geneve(payload),
        _ => None,
    }
}

/// VXLAN: the I flag is set (RFC 7348 5).
fn vxlan(bytes: &[u8]) -> Option<&[u8]> {
    let (header, frame) = bytes.split_first_chunk::<8>()?;
    (header[0] & 8 != 0).then_some(())?;
    ether_type(ETHERNET, frame)
}

/// Geneve, version 0, behind its options (RFC 8926 3.4).
fn geneve(bytes: &[u8]) -> Option<&[u8]> {
    let ([first, _, kind_high, kind_low, ..], rest) = bytes.split_first_chunk::<8>()?;
    (first >> 6 == 0).then_some(())?;
    let payload = rest.get(4 * usize::from(first & 0x3f)..)?;
    ether_type(u16::from_be_bytes([*kind_high, *kind_low]), payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 packet of this protocol.
    fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let len = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
        let header = [0x45, 0, len[0], len[1], 0, 0, 0, 0, 64, protocol, 0, 0];
        [&header[..], &[192, 0, 2, 1, 192, 0, 2, 2], payload].concat()
    }

    fn v6(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let header = [0x60, 0, 0, 0, len[0], len[1], protocol, 64];
        [&header[..], &[0x20; 32], payload].concat()
    }

    fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
        [
            &[0xc0, 0, (port >> 8) as u8, port as u8, 0, 0, 0, 0],
            payload,
        ]
        .concat()
    }

    fn ethernet(packet: &[u8]) -> Vec<u8> {
        let kind = if packet[0] >> 4 == 4 {
            [8, 0]
        } else {
            [0x86, 0xdd]
        };
        [&[0xee; 12], &kind[..], packet].concat()
    }

    fn tcp() -> Vec<u8> {
        v4(6, b"a segment")
    }

    /// Every tunnel around a packet.
    fn tunnels(inner: &[u8]) -> Vec<Vec<u8>> {
        let frame = ethernet(inner);
        let kind = &frame[12..14];
        let own = if inner[0] >> 4 == 4 { 4 } else { 41 };
        let bridged = [&[0, 0, 0x65, 0x58], &frame[..]].concat();
        let gre =
            |flags: u8, words: usize| [&[flags, 0], kind, &vec![7; 4 * words], inner].concat();
        vec![
            v4(own, inner),
            v6(own, inner),
            v4(47, &gre(0, 0)),
            v4(47, &gre(0x80, 1)),
            v4(47, &gre(0x20, 1)),
            v4(47, &gre(0xb0, 3)),
            v6(47, &bridged),
            v4(
                17,
                &udp(4789, &[&[8, 0, 0, 0, 0, 0, 9, 0], &frame[..]].concat()),
            ),
            v6(
                17,
                &udp(8472, &[&[8, 0, 0, 0, 0, 0, 9, 0], &frame[..]].concat()),
            ),
            v4(
                17,
                &udp(
                    6081,
                    &[&[0, 0, 0x65, 0x58, 0, 0, 9, 0], &frame[..]].concat(),
                ),
            ),
            v4(
                17,
                &udp(
                    6081,
                    &[&[2, 0, kind[0], kind[1]], &[0; 12][..], inner].concat(),
                ),
            ),
            v4(137, &[&[0, 1, 1, 64], inner].concat()),
        ]
    }

    fn found(packet: &[u8]) -> (&[u8], u8) {
        let found = innermost(packet, 0);
        (found.packet, found.depth)
    }

    #[test]
    fn every_tunnel_is_entered_and_every_pair_of_them() {
        for inner in [tcp(), v6(6, b"a segment")] {
            for once in tunnels(&inner) {
                assert_eq!(found(&once), (&inner[..], 1), "{once:x?}");
                for twice in tunnels(&once) {
                    assert_eq!(found(&twice), (&inner[..], 2), "{twice:x?}");
                }
            }
        }
    }

    #[test]
    fn a_tunnel_cut_before_the_inner_header_stays_closed() {
        let inner = tcp();
        for whole in tunnels(&inner) {
            let header = whole.len() - inner.len();
            for len in 0..header + 20 {
                assert_eq!(found(&whole[..len]), (&whole[..len], 0));
            }
            assert_eq!(found(&whole[..header + 20]), (&inner[..20], 1));
        }
    }

    #[test]
    fn what_is_no_tunnel_stays_as_it_is() {
        let inner = tcp();
        let frame = ethernet(&inner);
        for packet in [
            inner.clone(),
            v4(1, &inner),
            v4(
                17,
                &udp(53, &[&[8, 0, 0, 0, 0, 0, 9, 0], &frame[..]].concat()),
            ),
            // No VNI, a Geneve of the future, a GRE with a source route, PPTP.
            v4(17, &udp(4789, &[&[0; 8], &frame[..]].concat())),
            v4(
                17,
                &udp(
                    6081,
                    &[&[0x40, 0, 0x65, 0x58, 0, 0, 9, 0], &frame[..]].concat(),
                ),
            ),
            v4(47, &[&[0x40, 0, 8, 0], &inner[..]].concat()),
            v4(47, &[&[0x20, 1, 8, 0, 0, 0, 0, 0], &inner[..]].concat()),
            // ARP across a tunnel.
            v4(47, &[&[0, 0, 8, 6], &inner[..]].concat()),
        ] {
            assert_eq!(found(&packet), (&packet[..], 0), "{packet:x?}");
        }
    }

    #[test]
    fn a_fragment_of_a_tunnel_is_not_entered() {
        let mut packet = v4(4, &tcp());
        packet[6] = 0x20;
        assert_eq!(found(&packet), (&packet[..], 0));
    }

    #[test]
    fn padding_of_the_outer_packet_is_not_in_the_inner_one() {
        let inner = tcp();
        let padded = [v4(4, &inner), vec![0; 7]].concat();
        assert_eq!(found(&padded), (&inner[..], 1));
    }

    #[test]
    fn tunnels_end_at_the_deepest_that_is_entered() {
        let mut packet = tcp();
        for _ in 0..MAX_DEPTH + 3 {
            packet = v4(4, &packet);
        }
        let (inner, depth) = found(&packet);
        assert_eq!((inner[9], depth), (4, MAX_DEPTH));
    }

    #[test]
    fn what_is_missing_is_told_by_the_innermost_length_that_knows() {
        let mut inner = tcp();
        inner[2..4].fill(0);
        let outer = v4(4, &inner);
        let cut = &outer[..outer.len() - 4];
        assert_eq!(innermost(cut, 100).beyond, 4);
        let mut outer = outer;
        outer[2..4].fill(0);
        assert_eq!(innermost(&outer, 100).beyond, 100);
    }
}
