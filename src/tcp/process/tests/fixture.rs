//! One end in any state, in one call.

use std::time::Duration;

use crate::clock::Time;
use crate::tcp::{Config, Connection, Event, Schedule, State};
use crate::wire::{Flags, Options, Segment, SeqNumber, TcpOption, shorthand};

/// Both numbers wrap within the first segments.
pub(super) const ISS: SeqNumber = SeqNumber(u32::MAX - 1);
pub(super) const IRS: SeqNumber = SeqNumber(u32::MAX);
pub(super) const WINDOW: u16 = 1000;

pub(super) struct Tcp {
    pub(super) connection: Connection,
    pub(super) now: Time,
}

/// Lets a segment arrive.
macro_rules! send {
    ($tcp:expr, $text:expr) => {
        $tcp.arrives($text)
    };
}

/// Every segment that was sent since the last call.
macro_rules! recv {
    ($tcp:expr, [$($text:expr),* $(,)?]) => {
        assert_eq!($tcp.sent(), &[$($text),*] as &[&str])
    };
}

/// What happens to an end: a segment arrives (its text alone will do), or one of these.
pub(super) enum Cause {
    Segment(&'static str),
    Close,
    Abort,
    /// So many milliseconds pass.
    Wait(u64),
}

impl From<&'static str> for Cause {
    fn from(text: &'static str) -> Cause {
        Cause::Segment(text)
    }
}

/// One test a line: `name: state, cause => ["sent"], STATE AFTER, [events];`. All those under one
/// clause follow from it.
macro_rules! cases {
    ($(
        #[doc = $clause:literal]
        $(#[doc = $more:literal])*
        $(
            $name:ident: $start:expr, $cause:expr => [$($answer:literal),*], $after:ident,
            [$($event:ident),*];
        )+
    )*) => {
        $($(
            #[doc = $clause]
            #[test]
            fn $name() {
                Tcp::from($start).case(
                    $cause,
                    &[$($answer),*],
                    $crate::tcp::State::$after,
                    &[$($crate::tcp::Event::$event),*],
                );
            }
        )+)*
    };
}

pub(super) use {cases, recv, send};

/// A segment of the peer.
pub(super) fn read(text: &str) -> Segment {
    Segment {
        src_port: 80,
        dst_port: 50_000,
        ..shorthand::read(text, IRS, ISS)
    }
}

/// The shorthand of a segment of ours.
pub(super) fn write(segment: &Segment) -> String {
    shorthand::write(segment, ISS, IRS)
}

impl From<State> for Tcp {
    fn from(state: State) -> Tcp {
        Tcp::new(&[]).in_state(state)
    }
}

impl Tcp {
    /// CLOSED, with these options to offer.
    pub(super) fn new(options: &[TcpOption]) -> Tcp {
        Tcp::offering(options, Flags::default())
    }

    /// CLOSED, with these flags beside SYN.
    pub(super) fn with_flags(flags: Flags) -> Tcp {
        Tcp::offering(&[], flags)
    }

    fn offering(options: &[TcpOption], syn_flags: Flags) -> Tcp {
        let config = Config {
            local_port: 50_000,
            remote_port: 80,
            iss: ISS,
            window: WINDOW,
            options: Options::from(options.to_vec()),
            syn_flags,
            schedule: Schedule {
                first: Duration::from_secs(1),
                retries: 2,
            },
        };
        Tcp {
            connection: Connection::new(config),
            now: Time(0),
        }
    }

    /// LISTEN.
    pub(super) fn listening() -> Tcp {
        State::Listen.into()
    }

    /// SYN-RECEIVED after a passive open.
    pub(super) fn called() -> Tcp {
        let mut tcp = Tcp::listening();
        tcp.arrives("S 0");
        tcp.forget()
    }

    /// The active opener in `state`, what was sent on the way forgotten. SYN-RECEIVED is that of a
    /// simultaneous open, CLOSING that of a simultaneous close.
    pub(super) fn in_state(mut self, state: State) -> Tcp {
        match state {
            State::Closed => {}
            State::Listen => self.connection.listen(),
            State::SynSent => self.connection.open(self.now),
            State::SynReceived => self = self.in_state(State::SynSent).after("S 0"),
            State::Established => self = self.in_state(State::SynSent).after("S. 0 ack 1"),
            State::FinWait1 => self = self.in_state(State::Established).closed(),
            State::FinWait2 => self = self.in_state(State::FinWait1).after(". 1 ack 2"),
            State::CloseWait => self = self.in_state(State::Established).after("F. 1 ack 1"),
            State::Closing => self = self.in_state(State::FinWait1).after("F. 1 ack 1"),
            State::LastAck => self = self.in_state(State::CloseWait).closed(),
            State::TimeWait => self = self.in_state(State::FinWait2).after("F. 1 ack 2"),
        }
        assert_eq!(self.connection.state(), state);
        self.forget()
    }

    pub(super) fn after(mut self, text: &str) -> Tcp {
        self.arrives(text);
        self
    }

    pub(super) fn closed(mut self) -> Tcp {
        self.connection.close(self.now);
        self
    }

    fn forget(mut self) -> Tcp {
        self.sent();
        self.events();
        self
    }

    pub(super) fn arrives(&mut self, text: &str) {
        self.connection.on_segment(self.now, &read(text));
    }

    pub(super) fn segments(&mut self) -> Vec<Segment> {
        std::iter::from_fn(|| self.connection.poll_transmit())
            .map(|sent| sent.segment)
            .collect()
    }

    pub(super) fn sent(&mut self) -> Vec<String> {
        self.segments().iter().map(write).collect()
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    pub(super) fn state(&self) -> State {
        self.connection.state()
    }

    fn happens(&mut self, cause: &Cause) {
        match *cause {
            Cause::Segment(text) => self.arrives(text),
            Cause::Close => self.connection.close(self.now),
            Cause::Abort => self.connection.abort(self.now),
            Cause::Wait(millis) => self.wait_out(millis),
        }
    }

    /// Lets time pass and looks at the timer whenever it asks for it.
    fn wait_out(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(at) = self.connection.poll_timeout().filter(|&at| at <= end) {
            self.now = at;
            self.connection.on_timeout(at);
        }
        self.now = end;
    }

    /// Lets time pass and looks at the timer then.
    pub(super) fn wait(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.connection.on_timeout(self.now);
    }

    pub(super) fn case(
        mut self,
        cause: impl Into<Cause>,
        answers: &[&str],
        after: State,
        events: &[Event],
    ) {
        self.happens(&cause.into());
        assert_eq!(self.sent(), answers, "what is sent");
        assert_eq!(self.state(), after, "the state after");
        assert_eq!(self.events(), events, "the events");
    }
}
