//! Those who answer otherwise than a listener does, or do not.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;

use tcpshake::clock::{Stamp, Time};
use tcpshake::exchange::Flow;
use tcpshake::link::{Direction, Frame, Link, SendError, Wake};
use tcpshake::tcp::State;
use tcpshake::wire::{Flags, IcmpMessage, IpFields, IpVersion, Packet, Segment, SeqNumber};

use crate::sim::peer::{Outgoing, Peer, Script};

const ISN: SeqNumber = SeqNumber(485_205_666);

fn answer(ours: &Segment, offset: u32, flags: Flags) -> Segment {
    Segment {
        src_port: ours.dst_port,
        dst_port: ours.src_port,
        seq: ISN + offset,
        ack: ours.seq + ours.seq_len(),
        flags,
        window: 64_240,
        ..Segment::default()
    }
}

/// A firewall that drops everything.
pub fn says_nothing() -> impl Peer {
    Script::new(|_| Vec::new())
}

/// Opens, and is never heard of again.
pub fn goes_silent() -> impl Peer {
    Script::new(|ours: &Segment| match ours.flags.syn() {
        true => vec![answer(ours, 0, Flags::SYN | Flags::ACK)],
        false => Vec::new(),
    })
}

/// Acknowledges our FIN with its own.
pub fn merges_the_waves() -> impl Peer {
    Script::new(
        |ours: &Segment| match (ours.flags.syn(), ours.flags.fin()) {
            (true, _) => vec![answer(ours, 0, Flags::SYN | Flags::ACK)],
            (_, true) => vec![answer(ours, 1, Flags::FIN | Flags::ACK)],
            _ => Vec::new(),
        },
    )
}

/// Has something to say when we have closed, and closes when we have heard it.
pub fn has_a_last_word() -> impl Peer {
    const WORD: &[u8] = b"bye\n";
    let end = 1 + WORD.len() as u32;
    Script::new(move |ours: &Segment| {
        let flags = ours.flags;
        if flags.syn() {
            vec![answer(ours, 0, Flags::SYN | Flags::ACK)]
        } else if flags.fin() {
            vec![Segment {
                payload: WORD.to_vec(),
                ..answer(ours, 1, Flags::PSH | Flags::ACK)
            }]
        } else if ours.ack == ISN + end {
            vec![answer(ours, end, Flags::FIN | Flags::ACK)]
        } else {
            Vec::new()
        }
    })
}

/// Sends a SYN of its own before it has ours, and closes when we do.
pub fn crosses_our_syn() -> impl Peer {
    Script::new(|ours: &Segment| {
        let flags = ours.flags;
        match (flags.syn(), flags.ack(), flags.fin()) {
            (true, false, _) => vec![Segment {
                ack: SeqNumber(0),
                ..answer(ours, 0, Flags::SYN)
            }],
            (true, true, _) => vec![answer(ours, 1, Flags::ACK)],
            (_, _, true) => vec![answer(ours, 1, Flags::FIN | Flags::ACK)],
            _ => Vec::new(),
        }
    })
}

/// A peer that our first segments do not reach.
pub struct Deaf<P> {
    lost: u32,
    inner: P,
}

impl<P: Peer> Deaf<P> {
    pub fn to(lost: u32, inner: P) -> Deaf<P> {
        Deaf { lost, inner }
    }
}

impl<P: Peer> Peer for Deaf<P> {
    fn on_segment(&mut self, now: Time, segment: &Segment) {
        match self.lost.checked_sub(1) {
            Some(left) => self.lost = left,
            None => self.inner.on_segment(now, segment),
        }
    }

    fn on_timeout(&mut self, now: Time) {
        self.inner.on_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.inner.poll_timeout()
    }

    fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.inner.poll_transmit()
    }

    fn state(&self) -> Option<State> {
        self.inner.state()
    }

    fn moves(&self) -> u32 {
        self.inner.moves()
    }
}

/// A path that ends at a router which answers every packet: host unreachable.
pub struct Router {
    flow: Flow,
    now: Time,
    tap: VecDeque<(Time, Direction, Vec<u8>)>,
}

/// To the router and back.
const WAY_NS: u64 = 5_000_000;

impl Router {
    pub fn new(flow: Flow) -> Router {
        Router {
            flow,
            now: Time(0),
            tap: VecDeque::new(),
        }
    }

    fn error(&self, about: &[u8]) -> Vec<u8> {
        let message = IcmpMessage {
            version: IpVersion::V4,
            icmp_type: 3,
            code: 1,
            checksum: 0,
            rest: [0; 4],
            body: about.to_vec(),
        };
        let router = "203.0.113.1".parse().unwrap();
        let home = self.flow.local.ip();
        Packet::build_icmp(router, home, message, &IpFields::default()).emit()
    }
}

impl Link for Router {
    fn now(&self) -> Time {
        self.now
    }

    fn wall(&self) -> Stamp {
        Stamp(self.now.0)
    }

    fn send(&mut self, packet: &[u8], _to: IpAddr, _scope: u32) -> Result<(), SendError> {
        let back = Time(self.now.0 + WAY_NS);
        let error = self.error(packet);
        self.tap
            .push_back((self.now, Direction::Sent, packet.to_vec()));
        self.tap.push_back((back, Direction::Received, error));
        Ok(())
    }

    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
        let due = |at: Time| until.is_none_or(|until| at <= until);
        match self.tap.front() {
            Some(&(at, ..)) if due(at) => {}
            _ => {
                self.now = until.expect("an end of waiting");
                return Ok(Wake::Timeout);
            }
        }
        let (at, direction, bytes) = self.tap.pop_front().expect("the frame that is due");
        self.now = self.now.max(at);
        Ok(Wake::Frame(Frame {
            stamp: Some(Stamp(at.0)),
            direction,
            interface: 2,
            checksum_pending: false,
            bytes,
        }))
    }

    fn capture_drops(&self) -> u64 {
        0
    }
}
