//! A capture of small packets, the same on every run: many connections at a time, as on a busy link.

use std::io::{self, Write};
use std::net::Ipv4Addr;

use tcpshake::wire::{Flags, IpFields, Packet, Segment, SeqNumber, TcpOption};

/// Connections that are open at the same time.
const OPEN: usize = 300;
const MICROSECONDS_APART: u64 = 17;
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;

/// A segment of a course: whether the client sends it, its flags, bytes of data.
type Move = (bool, Flags, usize);

/// Nine packets: one request, and the server closes first.
fn short() -> Vec<Move> {
    vec![
        (true, SYN, 0),
        (false, SYN | ACK, 0),
        (true, ACK, 0),
        (true, Flags::PSH | ACK, 40),
        (false, ACK, 0),
        (false, Flags::FIN | Flags::PSH | ACK, 60),
        (true, ACK, 0),
        (true, Flags::FIN | ACK, 0),
        (false, ACK, 0),
    ]
}

/// Forty-two packets: keystrokes and their echoes, and the client closes first.
fn long() -> Vec<Move> {
    let keystroke = [
        (true, Flags::PSH | ACK, 16),
        (false, Flags::PSH | ACK, 16),
        (true, ACK, 0),
    ];
    let opening = [(true, SYN, 0), (false, SYN | ACK, 0), (true, ACK, 0)];
    let closing = [
        (true, Flags::FIN | ACK, 0),
        (false, Flags::FIN | ACK, 0),
        (true, ACK, 0),
    ];
    [&opening[..], &keystroke.repeat(12), &closing].concat()
}

/// What a capture holds.
#[derive(Clone, Copy, Default)]
pub struct Held {
    pub frames: u64,
    pub connections: u64,
}

/// Writes whole connections until `size` bytes are there.
pub fn write(out: &mut impl Write, size: u64) -> io::Result<Held> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % end as u64) as usize
    };
    let courses = [short(), long()];
    let mut held = Held::default();
    let mut written = 24;
    out.write_all(&FILE_HEADER)?;
    let mut open: Vec<Connection> = Vec::new();
    while written < size || !open.is_empty() {
        while written < size && open.len() < OPEN {
            // One in ten is a long one.
            let is_long = held.connections % 10 == 9;
            open.push(Connection::new(
                held.connections,
                &courses[usize::from(is_long)],
            ));
            held.connections += 1;
        }
        let next = below(open.len());
        let micros = held.frames * MICROSECONDS_APART;
        let frame = open[next].step(micros);
        out.write_all(&record(micros, frame.len()))?;
        out.write_all(&frame)?;
        held.frames += 1;
        written += 16 + frame.len() as u64;
        if open[next].course.is_empty() {
            open.swap_remove(next);
        }
    }
    Ok(held)
}

/// Little-endian, microseconds, Ethernet.
const FILE_HEADER: [u8; 24] = [
    0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
];

fn record(micros: u64, len: usize) -> [u8; 16] {
    let len = u128::try_from(len).expect("a short frame");
    let seconds = u128::from(1_700_000_000 + micros / 1_000_000);
    let words = seconds | u128::from(micros % 1_000_000) << 32 | len << 64 | len << 96;
    words.to_le_bytes()
}

/// A connection under way.
struct Connection<'a> {
    /// What is still to come.
    course: &'a [Move],
    /// Address and port of the client, which no two connections share.
    client: (Ipv4Addr, u16),
    /// The next number of the client and of the server.
    next: [SeqNumber; 2],
}

impl Connection<'_> {
    fn new(number: u64, course: &[Move]) -> Connection<'_> {
        let high = u32::try_from(number / 50_000).expect("few enough connections");
        let isn = (number as u32).wrapping_mul(2_654_435_761);
        Connection {
            course,
            client: (
                Ipv4Addr::from_bits(0x0a00_0001 + high),
                10_000 + (number % 50_000) as u16,
            ),
            next: [isn, !isn].map(SeqNumber),
        }
    }

    /// The frame of its next segment.
    fn step(&mut self, micros: u64) -> Vec<u8> {
        let (&(from_client, flags, data), rest) = self.course.split_first().expect("a move");
        self.course = rest;
        let (this, other) = if from_client { (0, 1) } else { (1, 0) };
        let stamp = TcpOption::Timestamps {
            val: (micros / 1_000) as u32,
            ecr: if flags.ack() {
                (micros / 1_000) as u32
            } else {
                0
            },
        };
        let options = if flags.syn() {
            let scale = TcpOption::WindowScale(7);
            vec![
                TcpOption::Mss(1460),
                TcpOption::SackPermitted,
                stamp,
                TcpOption::Nop,
                scale,
            ]
        } else {
            vec![TcpOption::Nop, TcpOption::Nop, stamp]
        };
        let ((client, port), server) = (self.client, (SERVER, 443));
        let ends = [(client, port), server];
        let segment = Segment {
            src_port: ends[this].1,
            dst_port: ends[other].1,
            seq: self.next[this],
            ack: if flags.ack() {
                self.next[other]
            } else {
                SeqNumber(0)
            },
            flags,
            window: 502,
            options: options.into(),
            payload: vec![b'.'; data],
            ..Segment::default()
        };
        self.next[this] += segment.seq_len();
        let [src, dst] = [ends[this].0, ends[other].0];
        let packet = Packet::build(src.into(), dst.into(), segment, &IpFields::default());
        [
            &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][..],
            &packet.emit(),
        ]
        .concat()
    }
}
