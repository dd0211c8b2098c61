//! A capture of raw IP packets, written frame by frame.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::wire::{IcmpMessage, IpFields, IpVersion, Packet, SeqNumber, shorthand};

const HOSTS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)),
];
const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
pub(super) const CLIENT: SocketAddr = SocketAddr::new(HOSTS[0], 50_000);
pub(super) const SERVER: SocketAddr = SocketAddr::new(HOSTS[1], 443);
const ISS: SeqNumber = SeqNumber(u32::MAX);
const IRS: SeqNumber = SeqNumber(7);

/// `LINKTYPE_RAW`.
const RAW: u32 = 101;

/// Each frame comes a millisecond after the last.
pub(super) struct Capture {
    pub(super) bytes: Vec<u8>,
    /// In milliseconds.
    now: u32,
}

impl Default for Capture {
    fn default() -> Capture {
        let words = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, RAW];
        Capture {
            bytes: words.iter().flat_map(|it: &u32| it.to_le_bytes()).collect(),
            now: 1_000_000,
        }
    }
}

impl Capture {
    /// Of frames as [`Capture::add`] takes them.
    pub(super) fn of(frames: &[&str]) -> Capture {
        let mut capture = Capture::default();
        for frame in frames {
            capture.add(frame);
        }
        capture
    }

    /// `> S 0` is a segment of the client, `< S. 0 ack 1` one of the server; a number before it is
    /// another port of the client; `icmp` before all an error that quotes it, `icmp8` one that
    /// quotes eight bytes of it.
    pub(super) fn add(&mut self, frame: &str) {
        let bytes = packet(frame);
        self.push(&bytes, bytes.len());
    }

    /// A frame that is changed.
    pub(super) fn damaged(&mut self, frame: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = packet(frame);
        change(&mut bytes);
        self.push(&bytes, bytes.len());
    }

    /// A frame of which the capture holds so many bytes.
    pub(super) fn cut(&mut self, frame: &str, len: usize) {
        let bytes = packet(frame);
        self.push(&bytes[..len], bytes.len());
    }

    pub(super) fn wait(&mut self, seconds: u32) {
        self.now += 1_000 * seconds;
    }

    fn push(&mut self, frame: &[u8], original: usize) {
        let lengths = [frame.len(), original].map(|len| u32::try_from(len).unwrap());
        let micros = self.now % 1_000 * 1_000;
        for word in [self.now / 1_000, micros, lengths[0], lengths[1]] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(frame);
        self.now += 1;
    }
}

/// One frame of [`Capture::add`].
pub(super) fn packet(frame: &str) -> Vec<u8> {
    for (word, quoted) in [("icmp8 ", 28), ("icmp ", usize::MAX)] {
        if let Some(frame) = frame.strip_prefix(word) {
            return error(&segment(frame), quoted);
        }
    }
    segment(frame)
}

fn segment(frame: &str) -> Vec<u8> {
    let (port, rest) = frame.split_at(frame.find(['>', '<']).unwrap());
    let client = port.parse().unwrap_or(CLIENT.port());
    let (way, text) = rest.split_at(1);
    let (segment, hosts, ports) = if way == ">" {
        let segment = shorthand::read(text, ISS, IRS);
        (segment, HOSTS, [client, SERVER.port()])
    } else {
        let segment = shorthand::read(text, IRS, ISS);
        (segment, [HOSTS[1], HOSTS[0]], [SERVER.port(), client])
    };
    let segment = crate::wire::Segment {
        src_port: ports[0],
        dst_port: ports[1],
        ..segment
    };
    Packet::build(hosts[0], hosts[1], segment, &IpFields::default()).emit()
}

/// Host unreachable, about this packet.
fn error(packet: &[u8], quoted: usize) -> Vec<u8> {
    let message = IcmpMessage {
        version: IpVersion::V4,
        icmp_type: 3,
        code: 1,
        checksum: 0,
        rest: [0; 4],
        body: packet[..quoted.min(packet.len())].to_vec(),
    };
    let to = Packet::parse(packet).unwrap().ip.src();
    Packet::build_icmp(ROUTER, to, message, &IpFields::default()).emit()
}
