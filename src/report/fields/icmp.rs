//! ICMP errors and what they quote.

use std::net::Ipv4Addr;

use crate::exchange::IcmpPacket;
use crate::wire::{IcmpMessage, IpVersion};

use super::{Field, Group, Numbers, bytes, field, hex16, ip, status, tcp};

/// The groups of an ICMP error, its IP header's first, and those of the packet that it quotes.
pub(in crate::report) fn icmp(packet: &IcmpPacket, numbers: Numbers) -> (Vec<Group>, Vec<Group>) {
    let mut groups = ip::header(&packet.ip, true);
    groups.push(header(&packet.message, packet.intact));
    let quote = packet.message.quoted().map(|(header, transport)| {
        let mut groups = ip::header(&header, false);
        groups.extend(tcp::quoted(transport, numbers));
        groups
    });
    (groups, quote.unwrap_or_default())
}

fn header(message: &IcmpMessage, intact: bool) -> Group {
    let mut group = match message.version {
        IpVersion::V4 => vec![
            field("icmp.type", message.icmp_type),
            field("icmp.code", message.code),
            hex16("icmp.checksum", message.checksum),
            status("icmp.checksum.status", intact),
        ],
        IpVersion::V6 => vec![
            field("icmpv6.type", message.icmp_type),
            field("icmpv6.code", message.code),
            hex16("icmpv6.checksum", message.checksum),
            status("icmpv6.checksum.status", intact),
        ],
    };
    group.extend(second_word(message));
    group
}

/// What the second word says (RFC 792, 1191, 4443, 4884).
fn second_word(message: &IcmpMessage) -> Vec<Field> {
    let word = message.rest;
    let number = u32::from_be_bytes(word);
    match (message.version, message.icmp_type, message.code) {
        (IpVersion::V4, 3, 4) => vec![
            bytes("icmp.unused", &word[..2]),
            field("icmp.mtu", u16::from_be_bytes([word[2], word[3]])),
        ],
        (IpVersion::V4, 5, _) => vec![field("icmp.redir_gw", Ipv4Addr::from(word))],
        (IpVersion::V4, 12, _) => vec![
            field("icmp.pointer", word[0]),
            bytes("icmp.unused", &word[1..]),
        ],
        (IpVersion::V4, 3 | 11, _) if word[1] > 0 => vec![field("icmp.length", word[1])],
        (IpVersion::V4, 3 | 11, _) => vec![bytes("icmp.unused", &word)],
        (IpVersion::V4, ..) => Vec::new(),
        (IpVersion::V6, 2, _) => vec![field("icmpv6.mtu", number)],
        (IpVersion::V6, 4, _) => vec![field("icmpv6.pointer", number)],
        (IpVersion::V6, 1 | 3, _) if word[0] > 0 => vec![field("icmpv6.length", word[0])],
        (IpVersion::V6, ..) => vec![bytes("icmpv6.reserved", &word)],
    }
}
