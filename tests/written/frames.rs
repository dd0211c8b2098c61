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
pub fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let words = [
        [0xc0, 0],
        port.to_be_bytes(),
        length(8 + payload.len()),
        [0; 2],
    ];
    [&words.concat()[..], payload].concat()
}

fn length(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("a short packet").to_be_bytes()
}

/// A cooked link header up to the EtherType: of a packet that was sent.
pub const COOKED: [u8; 14] = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
/// The second version of it, behind the EtherType.
const COOKED2: [u8; 18] = [0, 0, 0, 0, 0, 7, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0];

/// Every way to a packet that the program knows: a name, a link type and the frame around it.
pub fn ways(packet: &[u8]) -> Vec<(&'static str, u16, Vec<u8>)> {
    let frames = [linked(packet), tunnelled(packet)];
    frames.concat()
}

/// Every link header before a packet.
fn linked(packet: &[u8]) -> Vec<(&'static str, u16, Vec<u8>)> {
    let is_v4 = packet[0] >> 4 == 4;
    let (ppp, family, raw) = if is_v4 {
        ([0, 0x21], 2_u32, 228)
    } else {
        ([0, 0x57], 30, 229)
    };
    let kind = ether_type(packet);
    let session = [&[0x11, 0, 0, 9], &length(2 + packet.len())[..], &ppp].concat();
    let snap = [&length(8 + packet.len())[..], &[0xaa, 0xaa, 3, 0, 0, 0]].concat();
    let of = |name, link, header: &[&[u8]]| (name, link, [&header.concat(), packet].concat());
    let ethernet = |name, header: &[&[u8]]| (name, 1, ethernet(&[&header.concat(), packet]));
    vec![
        ethernet("ethernet", &[&kind]),
        ethernet("vlan", &[&[0x81, 0, 0, 5], &kind]),
        ethernet("qinq", &[&[0x88, 0xa8, 0, 6, 0x81, 0, 0, 5], &kind]),
        ethernet("old qinq", &[&[0x91, 0, 0, 6, 0x81, 0, 0, 5], &kind]),
        ethernet("snap", &[&snap, &kind]),
        ethernet("mpls", &[&[0x88, 0x47, 0, 2, 0, 64], &BOTTOM_LABEL]),
        ethernet("pppoe", &[&[0x88, 0x64], &session]),
        ethernet("vlan, pppoe", &[&[0x81, 0, 0, 5, 0x88, 0x64], &session]),
        of("raw", 101, &[]),
        of("raw of bsd", 12, &[]),
        of("raw of openbsd", 14, &[]),
        of("raw of one version", raw, &[]),
        of("cooked", 113, &[&COOKED, &kind]),
        of("cooked, vlan", 113, &[&COOKED, &[0x81, 0, 0, 5], &kind]),
        of("cooked 2", 276, &[&kind, &COOKED2]),
        of("null, little-endian", 0, &[&family.to_le_bytes()]),
        of("null, big-endian", 0, &[&family.to_be_bytes()]),
        of("loop", 108, &[&family.to_be_bytes()]),
        of("ppp", 9, &[&ppp]),
        of("ppp, framed", 9, &[&[0xff, 3], &ppp]),
        of("ppp in hdlc", 50, &[&[0xff, 3], &ppp]),
        of("cisco hdlc", 104, &[&[0x0f, 0], &kind]),
        of("pppoe alone", 51, &[&session]),
    ]
}

/// The last label of a stack.
const BOTTOM_LABEL: [u8; 4] = [0, 1, 1, 64];

/// Every tunnel around a packet, in Ethernet.
fn tunnelled(packet: &[u8]) -> Vec<(&'static str, u16, Vec<u8>)> {
    let own = if packet[0] >> 4 == 4 { 4 } else { 41 };
    let (kind, frame) = (ether_type(packet), framed(packet));
    let gre = |flags: u8| {
        let fields = vec![0; 4 * flags.count_ones() as usize];
        [&[flags, 0], &kind[..], &fields, packet].concat()
    };
    let bridged = [&[0, 0, 0x65, 0x58], &frame[..]].concat();
    let vxlan = |frame: &[u8]| [&[8, 0, 0, 0, 0, 0, 9, 0], frame].concat();
    let geneve = [&[0, 0, 0x65, 0x58, 0, 0, 9, 0], &frame[..]].concat();
    let gre_in_vxlan = vxlan(&framed(&outer_v4(47, &gre(0x20))));
    let labels = [&[0x81, 0, 0, 5, 0x88, 0x47, 0, 2, 0, 64][..], &BOTTOM_LABEL].concat();
    let deep = outer_v4(17, &udp(4789, &gre_in_vxlan));
    vec![
        ("ip in ipv4", 1, framed(&outer_v4(own, packet))),
        ("ip in ipv6", 1, framed(&outer_v6(own, packet))),
        ("gre", 1, framed(&outer_v4(47, &gre(0)))),
        ("gre with a key", 1, framed(&outer_v4(47, &gre(0x20)))),
        ("gre with all", 1, framed(&outer_v6(47, &gre(0xb0)))),
        ("gre, bridging", 1, framed(&outer_v4(47, &bridged))),
        (
            "vxlan",
            1,
            framed(&outer_v4(17, &udp(4789, &vxlan(&frame)))),
        ),
        (
            "vxlan of linux",
            1,
            framed(&outer_v6(17, &udp(8472, &vxlan(&frame)))),
        ),
        ("geneve", 1, framed(&outer_v4(17, &udp(6081, &geneve)))),
        ("vlan, mpls, vxlan, gre", 1, ethernet(&[&labels, &deep])),
    ]
}
