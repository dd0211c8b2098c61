//! A network in virtual time: it loses, delays, repeats and reorders, by the seed.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tcpshake::clock::{Stamp, Time};
use tcpshake::exchange::Flow;
use tcpshake::link::{Direction, Frame, Link, SendError, Wake};
use tcpshake::tcp::State;
use tcpshake::wire::{IpFields, Packet, Segment, SeqNumber};

use super::peer::Peer;
use super::random::Random;

/// What happens to packets of one direction.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub loss: u64,
    pub duplicates: u64,
    pub delay_us: (u64, u64),
}

impl Weather {
    /// Nothing is lost or overtaken.
    pub const FINE: Weather = Weather {
        loss: 0,
        duplicates: 0,
        delay_us: (10_000, 1),
    };
}

struct Flight {
    at: Time,
    order: u64,
    segment: Segment,
    sent: Sent,
    by_kernel: bool,
}

/// What the peer was when a segment of it left.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Counted over the peer's segments.
    pub order: u64,
    pub state: Option<State>,
    /// How often it had closed or given up by itself.
    pub moves: u32,
}

/// A frame that the tap saw.
#[derive(Clone, Debug)]
pub struct Captured {
    pub direction: Direction,
    pub segment: Segment,
    /// Of the peer's segments.
    pub sent: Option<Sent>,
    /// The peer at that moment.
    pub state: Option<State>,
    pub moves: u32,
}

/// The simulated network, the peer at its other end included.
pub struct SimLink {
    now: Time,
    random: Random,
    flow: Flow,
    peer: Box<dyn Peer>,
    weather_out: Weather,
    weather_in: Weather,
    to_peer: Vec<Flight>,
    to_us: Vec<Flight>,
    tap: VecDeque<Frame>,
    interrupt: Option<Time>,
    order: u64,
    steps: u32,
    /// Every frame that the tap handed on.
    pub captured: Vec<Captured>,
    /// The session's last word is a RST, the one with the highest number has reached the peer, and
    /// nothing that either end said after it was lost.
    pub reset_came_last: bool,
    /// A RST of the session was lost: with text under way there are two, and the peer may have
    /// needed the one.
    pub reset_lost: bool,
    drains: bool,
    highest_reset: Option<SeqNumber>,
}

const EPOCH_NS: u64 = 1_700_000_000_000_000_000;

/// More than any session needs: beyond it something goes round in circles.
const MOST_STEPS: u32 = 50_000;

impl SimLink {
    pub fn new(flow: Flow, peer: Box<dyn Peer>, seed: u64) -> SimLink {
        SimLink {
            now: Time(1_000_000_000),
            random: Random::new(seed),
            flow,
            peer,
            weather_out: Weather::FINE,
            weather_in: Weather::FINE,
            to_peer: Vec::new(),
            to_us: Vec::new(),
            tap: VecDeque::new(),
            interrupt: None,
            order: 0,
            steps: 0,
            captured: Vec::new(),
            reset_came_last: false,
            reset_lost: false,
            drains: false,
            highest_reset: None,
        }
    }

    pub fn weather(mut self, out: Weather, back: Weather) -> SimLink {
        (self.weather_out, self.weather_in) = (out, back);
        self
    }

    pub fn interrupted_at(mut self, at: Option<Duration>) -> SimLink {
        self.interrupt = at.map(|at| self.now + at);
        self
    }

    pub fn peer_state(&self) -> Option<State> {
        self.peer.state()
    }

    pub fn peer_moves(&self) -> u32 {
        self.peer.moves()
    }

    pub fn peer_said(&self) -> &[u8] {
        self.peer.said()
    }

    /// The session is over and its guard gone: the kernel answers in its place, in fine weather,
    /// until the peer has nothing more to say.
    pub fn drain(&mut self) {
        (self.weather_out, self.weather_in) = (Weather::FINE, Weather::FINE);
        self.drains = true;
        let end = self.now + Duration::from_secs(300);
        while self.next_event().is_some_and(|at| at <= end) {
            self.step();
            for frame in std::mem::take(&mut self.tap) {
                let packet = Packet::parse(&frame.bytes).unwrap();
                let segment = packet.tcp().unwrap();
                if frame.direction == Direction::Received && !segment.flags.rst() {
                    let rst = Segment {
                        src_port: segment.dst_port,
                        dst_port: segment.src_port,
                        seq: segment.ack,
                        flags: tcpshake::wire::Flags::RST,
                        ..Segment::default()
                    };
                    self.launch_out(rst);
                }
            }
        }
    }

    fn stamp(&self) -> Stamp {
        Stamp(EPOCH_NS + self.now.0)
    }

    fn next_event(&self) -> Option<Time> {
        let arrivals = self.to_peer.iter().chain(&self.to_us).map(|it| it.at);
        arrivals.chain(self.peer.poll_timeout()).min()
    }

    /// What is due first happens.
    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < MOST_STEPS, "a session without end");
        let Some(at) = self.next_event() else { return };
        self.now = self.now.max(at);
        if let Some(flight) = due(&mut self.to_us, at) {
            let packet = self.packet(flight.segment.clone(), Direction::Received);
            self.capture(packet, Direction::Received, Some(flight.sent));
        } else if let Some(flight) = due(&mut self.to_peer, at) {
            if !flight.by_kernel {
                let newest = self.highest_reset == Some(flight.segment.seq);
                self.reset_came_last =
                    flight.segment.flags.rst() && (newest || self.reset_came_last);
            }
            self.peer.on_segment(self.now, &flight.segment);
        } else {
            self.peer.on_timeout(self.now);
        }
        self.fetch_from_peer();
    }

    fn fetch_from_peer(&mut self) {
        while let Some(outgoing) = self.peer.poll_transmit() {
            self.order += 1;
            let sent = Sent {
                order: self.order,
                state: outgoing.state,
                moves: outgoing.moves,
            };
            let weather = self.weather_in;
            let flights = self.fly(weather, outgoing.segment, sent);
            self.reset_came_last &= !flights.is_empty();
            self.to_us.extend(flights);
        }
    }

    fn launch_out(&mut self, segment: Segment) {
        let higher = |known: SeqNumber| known.lt(segment.seq);
        if segment.flags.rst() && self.highest_reset.is_none_or(higher) {
            self.highest_reset = Some(segment.seq);
        }
        let sent = Sent {
            order: 0,
            state: None,
            moves: 0,
        };
        let weather = self.weather_out;
        let is_reset = segment.flags.rst();
        let flights = self.fly(weather, segment, sent);
        self.reset_came_last &= !flights.is_empty();
        self.reset_lost |= is_reset && flights.is_empty();
        self.to_peer.extend(flights);
    }

    fn fly(&mut self, weather: Weather, segment: Segment, sent: Sent) -> Vec<Flight> {
        let copies = if self.random.percent(weather.loss) {
            0
        } else {
            1 + u64::from(self.random.percent(weather.duplicates))
        };
        let mut flights = Vec::new();
        for _ in 0..copies {
            let (least, spread) = weather.delay_us;
            let delay = Duration::from_micros(least + self.random.below(spread));
            self.order += 1;
            flights.push(Flight {
                at: self.now + delay,
                order: self.order,
                segment: segment.clone(),
                sent,
                by_kernel: self.drains,
            });
        }
        flights
    }

    fn packet(&self, segment: Segment, direction: Direction) -> Vec<u8> {
        let Flow { local, remote } = self.flow;
        let (from, to) = match direction {
            Direction::Sent => (local, remote),
            Direction::Received | Direction::Looped => (remote, local),
        };
        Packet::build(from.ip(), to.ip(), segment, &IpFields::default()).emit()
    }

    fn capture(&mut self, bytes: Vec<u8>, direction: Direction, sent: Option<Sent>) {
        self.now = self.now + Duration::from_nanos(100);
        self.captured.push(Captured {
            direction,
            segment: Packet::parse(&bytes).unwrap().tcp().unwrap().clone(),
            sent,
            state: self.peer.state(),
            moves: self.peer.moves(),
        });
        self.tap.push_back(Frame {
            stamp: Some(self.stamp()),
            direction,
            interface: 2,
            checksum_pending: false,
            bytes,
        });
    }
}

/// Takes the first of those that arrive then.
fn due(flights: &mut Vec<Flight>, at: Time) -> Option<Flight> {
    let first = flights
        .iter()
        .enumerate()
        .filter(|(_, flight)| flight.at == at)
        .min_by_key(|(_, flight)| flight.order)?
        .0;
    Some(flights.remove(first))
}

impl Link for SimLink {
    fn now(&self) -> Time {
        self.now
    }

    fn wall(&self) -> Stamp {
        self.stamp()
    }

    fn send(&mut self, packet: &[u8], to: IpAddr, _scope: u32) -> Result<(), SendError> {
        let parsed = Packet::parse(packet).unwrap();
        assert_eq!(to, self.flow.remote.ip());
        let segment = parsed.tcp().unwrap().clone();
        assert!(segment.checksum_ok(self.flow.local.ip(), self.flow.remote.ip()));
        self.capture(packet.to_vec(), Direction::Sent, None);
        self.launch_out(segment);
        Ok(())
    }

    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
        loop {
            if let Some(frame) = self.tap.pop_front() {
                return Ok(Wake::Frame(frame));
            }
            let next = [self.next_event(), self.interrupt];
            let next = next.into_iter().flatten().min();
            if until.is_some_and(|until| next.is_none_or(|at| at > until)) {
                self.steps += 1;
                assert!(self.steps < MOST_STEPS, "a session without end");
                self.now = self.now.max(until.unwrap());
                return Ok(Wake::Timeout);
            }
            assert!(next.is_some(), "the session would wait for ever");
            if self.interrupt.is_some() && self.interrupt == next {
                self.now = self.now.max(next.unwrap());
                self.interrupt = None;
                return Ok(Wake::Interrupted);
            }
            self.step();
        }
    }

    fn capture_drops(&self) -> u64 {
        0
    }
}
