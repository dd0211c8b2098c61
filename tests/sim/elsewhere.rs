//! Two ends that follow the rules, and a tap somewhere between them or at one of them.

use std::time::Duration;

use tcpshake::clock::{Stamp, Time};
use tcpshake::exchange::{Checksum, End, Exchange};
use tcpshake::observe::{Observer, Subject, Vantage};
use tcpshake::tcp::{State, StateSet};
use tcpshake::wire::{IpFields, Packet, Segment};

use super::network::Weather;
use super::peer::{Listener, Outgoing, Peer};
use super::random::Random;

struct Flight {
    at: Time,
    order: u64,
    from: End,
    /// It has passed the tap.
    passed: bool,
    sent: Sent,
}

#[derive(Clone, Debug)]
struct Sent {
    /// Counted over all segments.
    order: u64,
    outgoing: Outgoing,
}

/// A segment that the tap saw.
#[derive(Clone, Debug)]
struct Captured {
    from: End,
    sent: Sent,
    /// Both ends at that moment, and how often each had moved by itself.
    truth: [(End, State, u32); 2],
    claimed: [StateSet; 2],
}

/// The network, its ends included.
pub struct World {
    now: Time,
    random: Random,
    client: Listener,
    server: Listener,
    vantage: Vantage,
    /// Between the client and the tap, and between the tap and the server.
    weather: [Weather; 2],
    flights: Vec<Flight>,
    order: u64,
    captured: Vec<Captured>,
    observer: Observer,
    /// The first segments pass before the capture begins.
    unseen: usize,
    began_late: bool,
    /// Segments were under way when the capture began: what they do to an end cannot be known.
    has_missed: bool,
}

/// Nothing happens there: the tap is at that end.
const HERE: Weather = Weather {
    loss: 0,
    duplicates: 0,
    delay_us: (0, 1),
};

const LONGEST: Duration = Duration::from_secs(200);

impl World {
    pub fn new(
        [client, server]: [Listener; 2],
        vantage: Vantage,
        mut weather: [Weather; 2],
        random: Random,
    ) -> World {
        match vantage {
            Vantage::Ours | Vantage::At(End::Local) => weather[0] = HERE,
            Vantage::At(End::Peer) => weather[1] = HERE,
            Vantage::Between => {}
        }
        World {
            now: Time(1_000_000_000),
            random,
            client,
            server,
            vantage,
            weather,
            flights: Vec::new(),
            order: 0,
            captured: Vec::new(),
            observer: Observer::new(vantage),
            unseen: 0,
            began_late: false,
            has_missed: false,
        }
    }

    /// The capture begins after so many segments.
    pub fn beginning_after(self, unseen: usize) -> World {
        World {
            unseen,
            began_late: unseen > 0,
            ..self
        }
    }

    /// Runs until both ends are silent; what the tap tells must be true at every moment.
    pub fn run(mut self) -> Exchange {
        let end = self.now + LONGEST;
        self.fetch();
        while let Some(at) = self.next_event().filter(|at| *at < end) {
            self.now = self.now.max(at);
            self.step(at);
        }
        self.observer.finish()
    }

    fn next_event(&self) -> Option<Time> {
        let timers = [self.client.poll_timeout(), self.server.poll_timeout()];
        let flights = self.flights.iter().map(|it| it.at);
        flights.chain(timers.into_iter().flatten()).min()
    }

    fn step(&mut self, at: Time) {
        let due = self.flights.iter().enumerate();
        let due = due.filter(|(_, it)| it.at == at);
        match due.min_by_key(|(_, it)| it.order).map(|(index, _)| index) {
            Some(index) => {
                let flight = self.flights.remove(index);
                if flight.passed {
                    let segment = &flight.sent.outgoing.segment;
                    self.end(flight.from.other()).on_segment(at, segment);
                } else {
                    self.pass(flight.from, flight.sent);
                }
            }
            None => {
                self.client.on_timeout(at);
                self.server.on_timeout(at);
            }
        }
        self.fetch();
    }

    fn end(&mut self, end: End) -> &mut Listener {
        match end {
            End::Local => &mut self.client,
            End::Peer => &mut self.server,
        }
    }

    fn fetch(&mut self) {
        for from in [End::Local, End::Peer] {
            while let Some(outgoing) = self.end(from).poll_transmit() {
                self.order += 1;
                let order = self.order;
                self.launch(from, false, Sent { order, outgoing });
            }
        }
    }

    fn launch(&mut self, from: End, passed: bool, sent: Sent) {
        if !passed && self.vantage == Vantage::At(from) {
            return self.pass(from, sent);
        }
        let leg = usize::from((from == End::Local) == passed);
        let weather = self.weather[leg];
        let random = &mut self.random;
        let copies = match random.percent(weather.loss) {
            true => 0,
            false => 1 + u64::from(random.percent(weather.duplicates)),
        };
        for _ in 0..copies {
            let (least, spread) = weather.delay_us;
            self.order += 1;
            self.flights.push(Flight {
                at: self.now + Duration::from_micros(least + self.random.below(spread)),
                order: self.order,
                from,
                passed,
                sent: sent.clone(),
            });
        }
    }

    fn pass(&mut self, from: End, sent: Sent) {
        self.now = self.now + Duration::from_nanos(100);
        let segment = sent.outgoing.segment.clone();
        match self.vantage {
            // It arrives as it is captured.
            Vantage::At(here) if here == from.other() => {
                let now = self.now;
                self.end(here).on_segment(now, &segment);
            }
            _ => self.launch(from, true, sent.clone()),
        }
        // A SYN that comes again would be taken for the first.
        let again = self.began_late && self.captured.is_empty() && segment.flags.syn();
        if self.unseen > 0 || again {
            self.unseen = self.unseen.saturating_sub(1);
            return;
        }
        if self.captured.is_empty() {
            let is_earlier = |it: &Flight| it.passed && it.sent.order != sent.order;
            self.has_missed = self.began_late && self.flights.iter().any(is_earlier);
        }
        let stamp = Stamp(self.now.0);
        self.observer.observe(stamp, &subject(from, segment));
        let ends = [(End::Local, &self.client), (End::Peer, &self.server)];
        let truth = ends.map(|(end, it)| (end, it.state().unwrap(), it.moves()));
        let claimed = [End::Local, End::Peer].map(|end| self.observer.states(end));
        self.captured.push(Captured {
            from,
            sent,
            truth,
            claimed,
        });
        self.check();
    }

    /// What is claimed of an end contains the state it had when it sent its newest segment that
    /// came by, and the one that it has now unless it has moved by itself since.
    fn check(&self) {
        let last = self.captured.last().unwrap();
        for (end, now, moves) in last.truth {
            let seen = self.captured.iter().filter(|it| it.from == end);
            let Some(newest) = seen.max_by_key(|it| it.sent.order) else {
                continue;
            };
            let claimed = self.observer.states(end);
            let outgoing = &newest.sent.outgoing;
            let is_newest = newest.sent.order == last.sent.order && last.from == end;
            if is_newest {
                self.must_contain(end, claimed, outgoing.state.unwrap());
            }
            if outgoing.moves == moves && !self.has_missed {
                self.must_contain(end, claimed, now);
            }
        }
    }

    fn must_contain(&self, end: End, claimed: StateSet, truth: State) {
        if claimed.contains(truth) {
            return;
        }
        for seen in &self.captured {
            let (outgoing, from) = (&seen.sent.outgoing, seen.from);
            let segment = &outgoing.segment;
            let text = format!("{} seq {} ack {}", segment.flags, segment.seq, segment.ack);
            let (len, truth) = (segment.payload.len(), seen.truth.map(|(_, state, _)| state));
            eprintln!(
                "{from:?} {text} len {len}, sent in {:?}; now {truth:?}, claimed {:?}",
                outgoing.state, seen.claimed
            );
        }
        panic!("{end:?} is in {truth}, claimed is {claimed:?}");
    }
}

fn subject(from: End, segment: Segment) -> Subject {
    let [client, server] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(std::net::IpAddr::from);
    let (src, dst) = match from {
        End::Local => (client, server),
        End::Peer => (server, client),
    };
    let packet = Packet::build(src, dst, segment, &IpFields::default());
    Subject::Segment {
        from,
        segment: packet.tcp().unwrap().clone(),
        ip: packet.ip,
        checksum: Checksum::Good,
        missing: 0,
    }
}
