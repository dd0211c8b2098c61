//! A hostile peer ten milliseconds away, in virtual time.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tcpshake::cli::{self, ProbeArgs};
use tcpshake::clock::{Stamp, Time};
use tcpshake::engine::{self, Finished, Probe};
use tcpshake::exchange::Flow;
use tcpshake::exit::Tally;
use tcpshake::link::{Direction, Frame, Link, SendError, Wake};
use tcpshake::plan::{self, Syn};
use tcpshake::report::{Ladder, LocalInfo, Record, Report, Style, probe_value};
use tcpshake::session::Handshake;
use tcpshake::tcp::Config;
use tcpshake::wire::{IpFields, IpVersion, SeqNumber};

use super::script::Reactor;
use super::{Case, Result, summary};
use crate::lab::schema_faults;

const ONE_WAY: Duration = Duration::from_millis(10);
const EPOCH_NS: u64 = 1_700_000_000_000_000_000;

/// A run that is over.
pub struct Played {
    pub result: Result,
    /// How long it took.
    pub took: Duration,
}

impl Case<'_> {
    /// Plays it in virtual time.
    pub fn in_virtual_time(&self, ipv6: bool) -> Played {
        self.interrupted(ipv6, None)
    }

    /// The same, and the user stops it after a time.
    pub fn interrupted(&self, ipv6: bool, after: Option<Duration>) -> Played {
        let flow = flow(ipv6);
        let mut arguments = vec!["tcpshake".to_owned(), flow.remote.to_string()];
        arguments.extend(self.arguments());
        let args = cli::parse(arguments.iter().map(Into::into))
            .unwrap_or_else(|refusal| panic!("{arguments:?}: {refusal:?}"))
            .probe;
        let mut link = Virtual {
            now: Time(1_000_000_000),
            peer: Reactor::new(self.script(), flow.remote),
            to_peer: VecDeque::new(),
            to_us: VecDeque::new(),
            tap: VecDeque::new(),
            interrupt: after.map(|after| Time(1_000_000_000) + after),
        };
        let begun = link.now;
        let deadline = args.course.deadline.map(|longest| begun + longest);
        let finished = engine::run(&mut link, aim(&args, flow), deadline).expect("a capture");
        let took = link.now - begun;
        // What is still on its way arrives.
        while let Some((at, packet)) = link.to_peer.pop_front() {
            link.peer.hear(at, &packet);
        }
        let record = record(finished, &args, flow);
        let mut tally = Tally::new(1, false);
        tally.add(&record);
        let line = probe_value(&record);
        let faults = schema_faults(&line);
        assert!(faults.is_empty(), "{}: {faults:#?}", self.name);
        let mut text = Vec::new();
        let mut ladder = Ladder::new(&mut text, Style::PLAIN).verbose(true);
        ladder.probe(&record).expect("a ladder of anything");
        Played {
            result: Result {
                ours: link.peer.heard(),
                report: summary(self, &line, i32::from(tally.status())),
            },
            took,
        }
    }
}

fn flow(ipv6: bool) -> Flow {
    let [local, remote] = if ipv6 {
        ["[2001:db8::1]:50000", "[2001:db8::2]:80"]
    } else {
        ["192.0.2.1:50000", "192.0.2.2:80"]
    };
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    Flow {
        local: address(local),
        remote: address(remote),
    }
}

fn aim(args: &ProbeArgs, flow: Flow) -> Probe {
    let version = IpVersion::of(flow.remote.ip());
    let syn = Syn::new(&args.syn, version, 1500, 7).expect("options that fit");
    let config = Config {
        local_port: flow.local.port(),
        remote_port: flow.remote.port(),
        iss: SeqNumber(args.syn.isn.unwrap_or(u32::MAX)),
        window: syn.window,
        options: syn.options,
        syn_flags: syn.flags,
        schedule: plan::schedule(&args.course),
    };
    let request = plan::request(&args.course).expect("a request");
    Probe {
        flow,
        scope: 0,
        ip: IpFields::default(),
        session: Handshake::new(config, plan::course(&args.course)).asking(request),
    }
}

fn record(finished: Finished, args: &ProbeArgs, flow: Flow) -> Record {
    Record {
        seq: 0,
        started: finished.started,
        target: flow.remote.into(),
        local: LocalInfo::default(),
        requested: args.course.end,
        time_wait: args.course.time_wait,
        kernel_rst: finished.kernel_rst,
        capture_drops: 0,
        failure: None,
        stopped: finished.stopped.is_some(),
        exchange: finished.exchange,
    }
}

struct Virtual {
    now: Time,
    peer: Reactor,
    to_peer: VecDeque<(Time, Vec<u8>)>,
    to_us: VecDeque<(Time, Vec<u8>)>,
    tap: VecDeque<Frame>,
    interrupt: Option<Time>,
}

impl Virtual {
    fn next_event(&self) -> Option<Time> {
        let arrivals = [self.to_peer.front(), self.to_us.front()];
        let arrivals = arrivals.into_iter().flatten().map(|(at, _)| *at);
        arrivals.chain(self.peer.next_due()).min()
    }

    fn step(&mut self, at: Time) {
        self.now = self.now.max(at);
        while self.to_peer.front().is_some_and(|(due, _)| *due <= at) {
            let (due, packet) = self.to_peer.pop_front().expect("just seen");
            self.peer.hear(due, &packet);
        }
        for packet in self.peer.speak(at) {
            self.to_us.push_back((at + ONE_WAY, packet));
        }
        while self.to_us.front().is_some_and(|(due, _)| *due <= at) {
            let (_, packet) = self.to_us.pop_front().expect("just seen");
            self.capture(packet, Direction::Received);
        }
    }

    fn capture(&mut self, bytes: Vec<u8>, direction: Direction) {
        self.now = self.now + Duration::from_nanos(100);
        self.tap.push_back(Frame {
            stamp: Some(self.wall()),
            direction,
            interface: 2,
            checksum_pending: false,
            bytes,
        });
    }
}

impl Link for Virtual {
    fn now(&self) -> Time {
        self.now
    }

    fn wall(&self) -> Stamp {
        Stamp(EPOCH_NS + self.now.0)
    }

    fn send(&mut self, packet: &[u8], _: IpAddr, _: u32) -> std::result::Result<(), SendError> {
        self.capture(packet.to_vec(), Direction::Sent);
        self.to_peer
            .push_back((self.now + ONE_WAY, packet.to_vec()));
        Ok(())
    }

    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
        loop {
            if let Some(frame) = self.tap.pop_front() {
                return Ok(Wake::Frame(frame));
            }
            let next = self.next_event().into_iter().chain(self.interrupt).min();
            if let Some(until) = until.filter(|until| next.is_none_or(|at| at > *until)) {
                self.now = self.now.max(until);
                return Ok(Wake::Timeout);
            }
            let at = next.expect("the session would wait for ever");
            if self.interrupt == Some(at) {
                self.now = self.now.max(at);
                self.interrupt = None;
                return Ok(Wake::Interrupted);
            }
            self.step(at);
        }
    }

    fn capture_drops(&self) -> u64 {
        0
    }
}
