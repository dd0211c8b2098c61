//! What a script says, as packets: right ones first, then spoilt.

#[path = "../../sim/random.rs"]
mod random;

use std::net::SocketAddr;

use tcpshake::wire::{
    Flags, IcmpMessage, IpFields, IpHeader, IpVersion, Options, Packet, Payload, Segment, SeqNumber,
};

use super::{Action, PEER_ISN};
use random::Random;

impl Action {
    /// The packet as it goes over the wire, in its fragments. `from` is the peer.
    pub(super) fn packets(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        our_isn: SeqNumber,
    ) -> Vec<Vec<u8>> {
        let ip = IpFields {
            ttl: self.number("ttl").unwrap_or(64) as u8,
            dont_fragment: !self.has("fragments"),
            identification: 7,
            ..IpFields::default()
        };
        let Some(flags) = self.flags else {
            let packet = self.icmp(from, to, our_isn, &ip);
            let header = if from.is_ipv4() { 20 } else { 40 };
            return self.spoil(packet, header);
        };
        let segment = Segment {
            src_port: from.port(),
            dst_port: to.port(),
            seq: PEER_ISN + self.seq,
            ack: if flags.ack() {
                our_isn + self.ack
            } else {
                SeqNumber(0)
            },
            flags,
            window: self.number("win").unwrap_or(1000) as u16,
            options: Options::parse(&self.words.get("opt").map_or(vec![], |text| hex(text))),
            payload: vec![b'x'; self.len as usize],
            ..Segment::default()
        };
        let packet = Packet::build(from.ip(), to.ip(), segment, &ip);
        let header = packet.ip.emit().len();
        self.spoil(packet.emit(), header)
    }

    /// What makes it hostile, done to the bytes.
    fn spoil(&self, mut bytes: Vec<u8>, header: usize) -> Vec<Vec<u8>> {
        if let Some(words) = self.number("offset") {
            let byte = bytes[header + 12];
            bytes[header + 12] = (words << 4) as u8 | byte & 15;
            let change = u16::from(bytes[header + 12]) << 8;
            fix_checksum(&mut bytes, header + 16, u16::from(byte) << 8, change);
        }
        if self.has("sum") {
            bytes[header + 16] ^= 0x55;
        }
        if let Some(seed) = self.number("garble") {
            bytes = garble(bytes, seed);
        }
        if let Some(len) = self.number("cut") {
            bytes.truncate(header + len as usize);
            set_length(&mut bytes, header);
        }
        if let Some(len) = self.number("short") {
            bytes.truncate(header + len as usize);
        }
        if self.has("atomic") {
            return vec![fragment(&bytes, header, 0, bytes.len() - header, false)];
        }
        if self.has("fragments") {
            let len = bytes.len() - header;
            let starts = (0..len).step_by(8);
            return starts
                .map(|at| fragment(&bytes, header, at, 8.min(len - at), at + 8 < len))
                .collect();
        }
        vec![bytes]
    }

    fn icmp(&self, from: SocketAddr, to: SocketAddr, isn: SeqNumber, ip: &IpFields) -> Vec<u8> {
        let quoted = Segment {
            src_port: self.number("port").map_or(to.port(), |port| port as u16),
            dst_port: from.port(),
            seq: isn + self.seq,
            flags: Flags::SYN,
            ..Segment::default()
        };
        let too_big = self.has("frag-needed");
        let (version, icmp_type, code) = match (from.ip().is_ipv4(), too_big) {
            (true, false) => (IpVersion::V4, 3, 3),
            (true, true) => (IpVersion::V4, 3, 4),
            (false, false) => (IpVersion::V6, 1, 4),
            (false, true) => (IpVersion::V6, 2, 0),
        };
        let message = IcmpMessage {
            version,
            icmp_type,
            code,
            checksum: 0,
            // The next hop's MTU, where there is one.
            rest: if too_big { [0, 0, 5, 0] } else { [0; 4] },
            body: Packet::build(to.ip(), from.ip(), quoted, &IpFields::default()).emit(),
        };
        Packet::build_icmp(from.ip(), to.ip(), message, ip).emit()
    }
}

fn hex(text: &str) -> Vec<u8> {
    let bytes = (0..text.len()).step_by(2);
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    bytes.map(byte).collect()
}

/// Up to four bytes become others. Most often the checksum is made right again, so that what they
/// say is listened to.
fn garble(mut bytes: Vec<u8>, seed: u32) -> Vec<u8> {
    let mut random = Random::new(u64::from(seed));
    for _ in 0..random.pick(&[1, 1, 2, 4]) {
        // All but the first, by which the rest is built.
        let at = 1 + random.below(bytes.len() as u64 - 1) as usize;
        bytes[at] = random.next() as u8;
    }
    match Packet::parse(&bytes) {
        Ok(packet) if random.percent(80) => repaired(packet).emit(),
        _ => bytes,
    }
}

fn repaired(packet: Packet) -> Packet {
    let (src, dst) = (packet.ip.src(), packet.ip.dst());
    let payload = match packet.payload {
        Payload::Tcp(segment) => Payload::Tcp(segment.with_checksum(src, dst)),
        Payload::Icmp(message) => Payload::Icmp(message.with_checksum(src, dst)),
        other => other,
    };
    Packet { payload, ..packet }
}

/// RFC 1624: one word under the checksum changes.
fn fix_checksum(bytes: &mut [u8], at: usize, before: u16, after: u16) {
    let word = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let sum = u32::from(!word) + u32::from(!before) + u32::from(after);
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    bytes[at..at + 2].copy_from_slice(&(!(folded as u16)).to_be_bytes());
}

/// Makes the IP header's length that of the packet.
fn set_length(packet: &mut [u8], header: usize) {
    let len = packet.len();
    if packet[0] >> 4 == 4 {
        packet[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        packet[10..12].fill(0);
        let IpHeader::V4(ip) = IpHeader::parse(packet).expect("an IP header").0 else {
            unreachable!("version 4")
        };
        let header = ip.with_checksum().emit();
        packet[..header.len()].copy_from_slice(&header);
    } else {
        packet[4..6].copy_from_slice(&((len - header) as u16).to_be_bytes());
    }
}

/// `len` bytes of the packet's payload from `at`, as a fragment.
fn fragment(packet: &[u8], header: usize, at: usize, len: usize, more: bool) -> Vec<u8> {
    let payload = &packet[header + at..header + at + len];
    let mut ip = packet[..header].to_vec();
    if ip[0] >> 4 == 4 {
        let field = (at / 8) as u16 | if more { 0x2000 } else { 0 };
        ip[6..8].copy_from_slice(&field.to_be_bytes());
    } else {
        let field = at as u16 | u16::from(more);
        let [high, low] = field.to_be_bytes();
        ip.extend([ip[6], 0, high, low, 0, 0, 0, 7]);
        ip[6] = 44;
    }
    let mut bytes = [&ip, payload].concat();
    let fixed = if bytes[0] >> 4 == 4 { header } else { 40 };
    set_length(&mut bytes, fixed);
    bytes
}
