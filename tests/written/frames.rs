//! Packets, and the link headers and tunnels around them.

use std::net::IpAddr;

use tcpshake::wire::{Flags, IpFields, Packet, Segment, SeqNumber};

/// A segment with this much data, in IPv4.
pub fn v4(seq: u32, data: usize) -> Vec<u8> {
    packet(["192.0.2.1", "198.51.100.2"], seq, data)
}

/// A segment with this much data, in IPv6.
pub fn v6(seq: u32, data: usize) -> Vec<u8> {
    packet(["2001:db8::1", "2001:db8::2"], seq, data)
}

fn packet(hosts: [&str; 2], seq: u32, data: usize) -> Vec<u8> {
    let [src, dst] = hosts.map(|host| host.parse::<IpAddr>().expect("an address"));
    let segment = Segment {
        src_port: 50_211,
        dst_port: 443,
        seq: SeqNumber(seq),
        flags: Flags::from_bits(0x10),
        window: 1_000,
        payload: vec![b'x'; data],
        ..Segment::default()
    };
    Packet::build(src, dst, segment, &IpFields::default()).emit()
}

/// The EtherType of an IP packet.
pub fn ether_type(packet: &[u8]) -> [u8; 2] {
    if packet[0] >> 4 == 4 {
        [8, 0]
    } else {
        [0x86, 0xdd]
    }
}

/// The two addresses of an Ethernet frame, and whatever follows.
pub fn ethernet(parts: &[&[u8]]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &parts.concat()[..]].concat()
}

/// A packet straight in an Ethernet frame.
pub fn framed(packet: &[u8]) -> Vec<u8> {
    ethernet(&[&ether_type(packet), packet])
}

/// An IPv4 packet of any protocol between two tunnel ends.
pub fn outer_v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = v4(0, 0)[..20].to_vec();
    bytes[2..4].copy_from_slice(&length(20 + payload.len()));
    bytes[9] = protocol;
    bytes[12..20].copy_from_slice(&[203, 0, 113, 1, 203, 0, 113, 2]);
    bytes.extend(payload);
    bytes
}

/// An IPv6 packet of any protocol between two tunnel ends.
pub fn outer_v6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = v6(0, 0)[..40].to_vec();
    bytes[4..6].copy_from_slice(&length(payload.len()));
    bytes[6] = protocol;
    bytes.extend(payload);
    bytes
}

/// A UDP datagram without a checksum.
pub fn udp(port: u16, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let words = [
        [0xc0, 0],
        port.to_be_bytes(),
        length(8 + payload.len()),
        [0; 2],
    ];
    [&words.concat()[..], &payload].concat()
}

fn length(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("a short packet").to_be_bytes()
}

/// Every way to a packet that the program knows: a name, a link type and the frame around it.
pub fn ways(packet: &[u8]) -> Vec<(&'static str, u16, Vec<u8>)> {
    let kind = ether_type(packet);
    let is_v4 = packet[0] >> 4 == 4;
    let (ppp, own) = if is_v4 {
        ([0, 0x21], 4)
    } else {
        ([0, 0x57], 41)
    };
    let session = [&[0x11, 0, 0, 9][..], &length(2 + packet.len()), &ppp].concat();
    let bottom = [0, 0x01, 0x01, 64];
    let inside = |packet: &[u8]| ethernet(&[&ether_type(packet), packet]);
    let frame = framed(packet);
    let family: u32 = if is_v4 { 2 } else { 30 };
    let vxlan = [8, 0, 0, 0, 0, 0, 9, 0];
    let gre = |header: &[u8]| {
        [
            header,
            &kind,
            &[0; 12][..4 * header[0].count_ones() as usize],
            packet,
        ]
        .concat()
    };
    vec![
        ("ethernet", 1, frame.clone()),
        ("vlan", 1, ethernet(&[&[0x81, 0, 0, 5], &kind, packet])),
        (
            "qinq",
            1,
            ethernet(&[&[0x88, 0xa8, 0, 6, 0x81, 0, 0, 5], &kind, packet]),
        ),
        (
            "old qinq",
            1,
            ethernet(&[&[0x91, 0, 0, 6, 0x81, 0, 0, 5], &kind, packet]),
        ),
        (
            "snap",
            1,
            ethernet(&[
                &length(8 + packet.len()),
                &[0xaa, 0xaa, 3, 0, 0, 0],
                &kind,
                packet,
            ]),
        ),
        (
            "mpls",
            1,
            ethernet(&[&[0x88, 0x47, 0, 2, 0, 64], &bottom, packet]),
        ),
        ("pppoe", 1, ethernet(&[&[0x88, 0x64], &session, packet])),
        (
            "pppoe behind a vlan",
            1,
            ethernet(&[&[0x81, 0, 0, 5, 0x88, 0x64], &session, packet]),
        ),
        ("raw", 101, packet.to_vec()),
        ("raw of bsd", 12, packet.to_vec()),
        ("raw of openbsd", 14, packet.to_vec()),
        (
            "raw of one version",
            if is_v4 { 228 } else { 229 },
            packet.to_vec(),
        ),
        (
            "cooked",
            113,
            [
                &[0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0],
                &kind[..],
                packet,
            ]
            .concat(),
        ),
        (
            "cooked, vlan",
            113,
            [
                &[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x81, 0, 0, 5],
                &kind[..],
                packet,
            ]
            .concat(),
        ),
        (
            "cooked 2",
            276,
            [
                &kind[..],
                &[0, 0, 0, 0, 0, 7, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0],
                packet,
            ]
            .concat(),
        ),
        (
            "null, little-endian",
            0,
            [&family.to_le_bytes(), packet].concat(),
        ),
        (
            "null, big-endian",
            0,
            [&family.to_be_bytes(), packet].concat(),
        ),
        ("loop", 108, [&family.to_be_bytes(), packet].concat()),
        ("ppp", 9, [&ppp, packet].concat()),
        ("ppp in hdlc", 9, [&[0xff, 3], &ppp[..], packet].concat()),
        ("ppp of hdlc", 50, [&[0xff, 3], &ppp[..], packet].concat()),
        ("cisco hdlc", 104, [&[0x0f, 0], &kind[..], packet].concat()),
        ("pppoe alone", 51, [&session, packet].concat()),
        ("ip in ipv4", 1, inside(&outer_v4(own, packet))),
        ("ip in ipv6", 1, inside(&outer_v6(own, packet))),
        ("gre", 1, inside(&outer_v4(47, &gre(&[0, 0])))),
        ("gre with a key", 1, inside(&outer_v4(47, &gre(&[0x20, 0])))),
        ("gre with all", 1, inside(&outer_v6(47, &gre(&[0xb0, 0])))),
        (
            "gre, bridging",
            1,
            inside(&outer_v4(47, &[&[0, 0, 0x65, 0x58], &frame[..]].concat())),
        ),
        (
            "vxlan",
            1,
            inside(&outer_v4(17, &udp(4789, &[&vxlan, &frame]))),
        ),
        (
            "vxlan of linux",
            1,
            inside(&outer_v6(17, &udp(8472, &[&vxlan, &frame]))),
        ),
        (
            "geneve",
            1,
            inside(&outer_v4(
                17,
                &udp(6081, &[&[0, 0, 0x65, 0x58, 0, 0, 9, 0], &frame]),
            )),
        ),
        ("gre in vxlan behind two labels and a vlan", 1, {
            let gre = framed(&outer_v4(47, &gre(&[0x20, 0])));
            let vxlan = outer_v4(17, &udp(4789, &[&vxlan, &gre]));
            ethernet(&[&[0x81, 0, 0, 5, 0x88, 0x47, 0, 2, 0, 64], &bottom, &vxlan])
        }),
    ]
}
