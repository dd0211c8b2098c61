//! Who answers: our own TCP with a small application on top, or a script.

use std::collections::VecDeque;
use std::time::Duration;

use tcpshake::clock::Time;
use tcpshake::tcp::{Config, Connection, Event, Schedule, State};
use tcpshake::wire::{Flags, Options, Segment, SeqNumber, TcpOption};

use super::random::Random;

/// The other end of the network.
pub trait Peer {
    fn on_segment(&mut self, now: Time, segment: &Segment);
    fn on_timeout(&mut self, now: Time);
    fn poll_timeout(&self) -> Option<Time>;
    fn poll_transmit(&mut self) -> Option<Outgoing>;
    /// Its true state, if it follows the rules.
    fn state(&self) -> Option<State>;
    /// How often it has changed its state without a segment from us.
    fn moves(&self) -> u32;
    /// What it has said.
    fn said(&self) -> &[u8] {
        &[]
    }
}

/// A segment of the peer, and what the peer was when it sent it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub segment: Segment,
    pub state: Option<State>,
    /// How often it had changed its state without a segment from us.
    pub moves: u32,
}

/// What the application does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// Nobody listens.
    Refuse,
    /// Closes when the other end has.
    CloseOnFin,
    /// The same, after a while.
    CloseLater,
    /// Closes a while after the connection is there.
    CloseFirst,
    /// Closes at once.
    CloseAtOnce,
    /// Never closes.
    NeverClose,
    /// Resets a while after the connection is there.
    Reset,
}

impl Policy {
    pub const ALL: [Policy; 7] = [
        Policy::Refuse,
        Policy::CloseOnFin,
        Policy::CloseLater,
        Policy::CloseFirst,
        Policy::CloseAtOnce,
        Policy::NeverClose,
        Policy::Reset,
    ];
}

enum Task {
    Close,
    Abort,
}

/// Our own TCP in LISTEN, and its application: it says something at once, and something more when
/// it is asked.
pub struct Listener {
    config: Config,
    connection: Connection,
    policy: Policy,
    pause: Duration,
    tasks: Vec<(Time, Task)>,
    banner: usize,
    reply: usize,
    /// RCV.NXT before anything was asked.
    unasked: Option<SeqNumber>,
    said: Vec<u8>,
    closed: bool,
    outbox: VecDeque<Outgoing>,
    moves: u32,
}

impl Listener {
    pub fn new(policy: Policy, random: &mut Random, schedule: Schedule) -> Listener {
        let iss = SeqNumber(random.pick(&[0, 1, 0x7fff_ffff, u32::MAX - 1, u32::MAX, 77_000]));
        let mut options = vec![TcpOption::Mss(random.pick(&[536, 1400]))];
        if random.percent(50) {
            let val = random.next() as u32;
            options.push(TcpOption::Timestamps { val, ecr: 0 });
        }
        if random.percent(50) {
            options.push(TcpOption::WindowScale(random.below(15) as u8));
        }
        if random.percent(50) {
            options.push(TcpOption::SackPermitted);
        }
        let config = Config {
            local_port: 80,
            remote_port: 0,
            iss,
            window: random.pick(&[1000, 65_535]),
            options: Options::from(options).padded(),
            syn_flags: Flags::default(),
            schedule,
        };
        let pause = Duration::from_millis(1 + random.below(300));
        let (banner, reply) = (
            random.pick(&[0, 0, 11, 3000, 30_000]),
            random.pick(&[0, 1, 5000]),
        );
        Listener::with(policy, config, pause).saying(banner, reply)
    }

    /// With everything chosen; its application says nothing.
    pub fn with(policy: Policy, config: Config, pause: Duration) -> Listener {
        let mut connection = Connection::new(config.clone());
        if policy != Policy::Refuse {
            connection.listen();
        }
        Listener {
            config,
            connection,
            policy,
            pause,
            tasks: Vec::new(),
            banner: 0,
            reply: 0,
            unasked: None,
            said: Vec::new(),
            closed: false,
            outbox: VecDeque::new(),
            moves: 0,
        }
    }

    /// Opens the connection instead of waiting for one.
    pub fn opening(mut self, now: Time) -> Listener {
        self.connection = Connection::new(self.config.clone());
        self.connection.open(now);
        self.fetch();
        self
    }

    /// So many bytes at once, and so many when it is asked.
    pub fn saying(self, banner: usize, reply: usize) -> Listener {
        Listener {
            banner,
            reply,
            ..self
        }
    }

    fn follow_events(&mut self, now: Time) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Established => self.established(now),
                Event::PeerClosed if self.policy == Policy::CloseOnFin => self.close(now),
                Event::PeerClosed if self.policy == Policy::CloseLater => {
                    self.tasks.push((now + self.pause, Task::Close));
                }
                Event::GaveUp => self.abort(now),
                _ => {}
            }
        }
    }

    fn established(&mut self, now: Time) {
        self.unasked = Some(self.connection.rcv_nxt());
        self.say(now, self.banner);
        match self.policy {
            Policy::CloseAtOnce => self.close(now),
            Policy::CloseFirst => self.tasks.push((now + self.pause, Task::Close)),
            Policy::Reset => self.tasks.push((now + self.pause, Task::Abort)),
            _ => {}
        }
    }

    /// The first bytes of a request are answered.
    fn answer(&mut self, now: Time) {
        let asked = self
            .unasked
            .is_some_and(|nxt| nxt != self.connection.rcv_nxt());
        if asked {
            self.unasked = None;
            self.say(now, self.reply);
        }
    }

    fn say(&mut self, now: Time, len: usize) {
        let open = [State::Established, State::CloseWait];
        if !open.contains(&self.connection.state()) || self.closed {
            return;
        }
        let text = super::text(len);
        self.said.extend_from_slice(&text);
        self.connection.write(now, text.into());
        self.fetch();
    }

    fn close(&mut self, now: Time) {
        let before = self.connection.state();
        self.closed = true;
        self.connection.close(now);
        self.moves += u32::from(self.connection.state() != before);
        self.fetch();
    }

    fn abort(&mut self, now: Time) {
        self.moves += u32::from(self.connection.state() != State::Closed);
        self.connection.abort(now);
        self.fetch();
    }

    fn fetch(&mut self) {
        while let Some(sent) = self.connection.poll_transmit() {
            self.outbox.push_back(Outgoing {
                segment: sent.segment,
                state: Some(self.connection.state()),
                moves: self.moves,
            });
        }
    }
}

impl Peer for Listener {
    fn on_segment(&mut self, now: Time, segment: &Segment) {
        self.connection.on_segment(now, segment);
        self.fetch();
        self.answer(now);
        self.follow_events(now);
        self.fetch();
    }

    fn on_timeout(&mut self, now: Time) {
        self.connection.on_timeout(now);
        self.fetch();
        let (due, later) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.tasks = later;
        for (_, task) in due {
            match task {
                Task::Close => self.close(now),
                Task::Abort => self.abort(now),
            }
        }
        self.follow_events(now);
        self.fetch();
    }

    fn poll_timeout(&self) -> Option<Time> {
        let tasks = self.tasks.iter().map(|(at, _)| *at);
        tasks.chain(self.connection.poll_timeout()).min()
    }

    fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.outbox.pop_front()
    }

    fn state(&self) -> Option<State> {
        Some(self.connection.state())
    }

    fn moves(&self) -> u32 {
        self.moves
    }

    fn said(&self) -> &[u8] {
        &self.said
    }
}

/// A peer that follows no rule: what it answers to each segment is up to `answer`.
pub struct Script<F> {
    answer: F,
    outbox: VecDeque<Segment>,
}

impl<F: FnMut(&Segment) -> Vec<Segment>> Script<F> {
    pub fn new(answer: F) -> Script<F> {
        Script {
            answer,
            outbox: VecDeque::new(),
        }
    }
}

impl<F: FnMut(&Segment) -> Vec<Segment>> Peer for Script<F> {
    fn on_segment(&mut self, _now: Time, segment: &Segment) {
        self.outbox.extend((self.answer)(segment));
    }

    fn on_timeout(&mut self, _now: Time) {}

    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    fn poll_transmit(&mut self) -> Option<Outgoing> {
        let segment = self.outbox.pop_front()?;
        Some(Outgoing {
            segment,
            state: None,
            moves: 0,
        })
    }

    fn state(&self) -> Option<State> {
        None
    }

    fn moves(&self) -> u32 {
        0
    }
}
