//! One connection by hand: handshake, the requested end, and nothing left open on the peer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Time;
use crate::tcp::{Config, Connection, Event, IcmpJudgement, Schedule, State, Transmit};
use crate::wire::{IcmpMessage, Quote, Segment};

/// How to end the connection (`--end`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Complete the handshake and close with a FIN sequence, down to TIME-WAIT.
    Fin,
    /// Complete the handshake, then RST.
    Rst,
    /// RST instead of the third segment: a half-open probe.
    SynRst,
    /// Wait for the peer's FIN, then close: CLOSE-WAIT, LAST-ACK.
    Passive,
    /// Close, then keep reading for as long as data comes: a half-closed connection.
    Half,
    /// When the peer's FIN arrives, let ours cross it: CLOSING.
    Simultaneous,
    /// Stay ESTABLISHED for `--hold`, then close like `fin`.
    Hold,
    /// Answer the SYN-ACK with nothing; RST at the end of `--hold`.
    None,
}

impl End {
    /// All of them, in the order of the help text.
    pub const ALL: [End; 8] = [
        End::Fin,
        End::Rst,
        End::SynRst,
        End::Passive,
        End::Half,
        End::Simultaneous,
        End::Hold,
        End::None,
    ];

    /// Our own FIN waits for the peer's.
    pub fn waits_for_fin(self) -> bool {
        matches!(self, End::Passive | End::Simultaneous)
    }

    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            End::Fin => "fin",
            End::Rst => "rst",
            End::SynRst => "syn-rst",
            End::Passive => "passive",
            End::Half => "half",
            End::Simultaneous => "simultaneous",
            End::Hold => "hold",
            End::None => "none",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the user wants done after the SYN-ACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Course {
    /// The end.
    pub end: End,
    /// How long `hold` and `none` wait.
    pub hold: Duration,
    /// How long to stay in TIME-WAIT, answering repeats of the peer's FIN; not at all if `None`.
    pub time_wait: Option<Duration>,
}

/// Where the session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The connection's own timer runs.
    Connected,
    /// Our request is under way, or the reply is: until the peer has been quiet for so long. The
    /// connection's own timer runs.
    Exchanging(Option<Time>),
    /// ESTABLISHED until then, then close.
    Holding(Time),
    /// The SYN-ACK stays unanswered until then, then RST.
    Withholding(Time),
    /// The peer's FIN must come until then.
    AwaitingFin(Time),
    /// TIME-WAIT until then. A repeated FIN does not start it anew, as RFC 9293 3.10.7.4 has it:
    /// the user said how long.
    TimeWait(Time),
    /// Over. What the peer sent before it knew may still arrive until then.
    Lingering(Time),
    /// Nothing more to send or to hear.
    Done,
}

/// What to say once the connection is there (`--send`).
///
/// The end begins when the peer has sent its FIN, or when it has acknowledged everything and
/// nothing has come of it for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The bytes to send; there may be none, to hear what the peer says first.
    pub text: Arc<[u8]>,
    /// How long the peer may be quiet.
    pub quiet: Duration,
}

/// A probe of one port: a [`Connection`] and what to do with it.
#[derive(Debug)]
pub struct Handshake {
    connection: Connection,
    request: Option<Request>,
    course: Course,
    schedule: Schedule,
    phase: Phase,
    opened: Time,
    /// From our SYN to its answer, as this program saw it: how long to linger, never reported.
    /// Zero before there is an answer.
    round_trip: Duration,
}

impl Handshake {
    /// A session that has sent nothing yet.
    pub fn new(config: Config, course: Course) -> Handshake {
        let schedule = config.schedule;
        let mut connection = Connection::new(config);
        if course.end == End::Simultaneous {
            connection.cross_fin();
        }
        Handshake {
            schedule,
            connection,
            request: None,
            course,
            phase: Phase::Connected,
            opened: Time::default(),
            round_trip: Duration::ZERO,
        }
    }

    /// With something to say once the connection is there.
    #[must_use]
    pub fn asking(mut self, request: Option<Request>) -> Handshake {
        self.request = request;
        self
    }

    /// What the route takes in one segment, in bytes, options not counted.
    #[must_use]
    pub fn limited_to(mut self, max_segment: u32) -> Handshake {
        self.connection.limit_segments(max_segment);
        self
    }

    /// The end that was asked for.
    pub fn requested(&self) -> End {
        self.course.end
    }

    /// Sends the SYN.
    pub fn start(&mut self, now: Time) {
        self.opened = now;
        self.connection.open(now);
    }

    /// A segment from the peer.
    pub fn on_segment(&mut self, now: Time, segment: &Segment) {
        self.take(now, segment, Connection::on_segment);
    }

    /// A segment from the peer whose packet a router marked (RFC 3168 5: CE).
    pub fn on_marked_segment(&mut self, now: Time, segment: &Segment) {
        self.take(now, segment, Connection::on_marked_segment);
    }

    fn take(&mut self, now: Time, segment: &Segment, arrive: fn(&mut Connection, Time, &Segment)) {
        if self.connection.is_answered_by(segment) {
            self.time_round_trip(now);
            match self.course.end {
                End::SynRst => return self.abort(now),
                End::None => {
                    if self.phase == Phase::Connected {
                        self.connection.withhold();
                        self.phase = Phase::Withholding(now + self.course.hold);
                    }
                    return;
                }
                _ => {}
            }
        }
        let before = self.connection.rcv_nxt();
        let was_missing = self.connection.is_missing_text();
        arrive(&mut self.connection, now, segment);
        self.follow_events(now);
        let reads = self.connection.rcv_nxt() != before;
        match self.phase {
            Phase::Exchanging(until) => {
                let misses = !was_missing && self.connection.is_missing_text();
                self.listen_on(now, until.filter(|_| !reads && !misses));
            }
            Phase::AwaitingFin(_) if reads && self.reads_on() => self.await_fin(now),
            _ => {}
        }
    }

    /// RFC 9293 3.6.1: a half-closed connection is there to be read from, and so is one on which
    /// something was asked.
    fn reads_on(&self) -> bool {
        self.course.end == End::Half || self.request.is_some()
    }

    /// The peer is quiet until then, if it has got everything. Where something is missing, more
    /// must come: then the whole schedule is its time.
    fn listen_on(&mut self, now: Time, until: Option<Time>) {
        let Some(request) = &self.request else { return };
        if self.connection.state() == State::CloseWait && !self.connection.is_sending() {
            return self.begin_end(now);
        }
        let patience = if self.connection.is_missing_text() {
            self.schedule.total().max(request.quiet)
        } else {
            request.quiet
        };
        self.phase = Phase::Exchanging(if self.connection.is_sending() {
            None
        } else {
            until.or(Some(now + patience))
        });
    }

    /// The first answer tells. After a repeated SYN it may tell too much: one wait is enough.
    fn time_round_trip(&mut self, now: Time) {
        if self.round_trip.is_zero() {
            self.round_trip = (now - self.opened).min(self.schedule.first);
        }
    }

    /// An ICMP error whose quote has our addresses. Withholding, an answer has decided already.
    pub fn on_icmp(&mut self, now: Time, message: &IcmpMessage, quote: &Quote) {
        if matches!(self.phase, Phase::Withholding(_)) {
            return;
        }
        match self.connection.on_icmp(message, quote) {
            IcmpJudgement::Decides => self.phase = Phase::Done,
            IcmpJudgement::Soft => {
                if let Some(mtu) = message.next_hop_mtu() {
                    let largest = mtu.saturating_sub(message.version.headers());
                    self.connection.lower_path(now, largest);
                }
            }
            _ => {}
        }
    }

    /// Looks at the timers. A spurious call is harmless.
    pub fn on_timeout(&mut self, now: Time) {
        match self.phase {
            Phase::Holding(until) if now >= until => self.close(now),
            Phase::Withholding(until) | Phase::AwaitingFin(until) if now >= until => {
                self.abort(now);
            }
            Phase::TimeWait(until) | Phase::Lingering(until) if now >= until => {
                self.phase = Phase::Done;
            }
            Phase::Exchanging(Some(until)) if now >= until => self.begin_end(now),
            Phase::Connected | Phase::Exchanging(_) => {
                self.connection.on_timeout(now);
                self.follow_events(now);
            }
            _ => {}
        }
    }

    /// Stops at once: resets what is open on the peer.
    pub fn interrupt(&mut self, now: Time) {
        if !matches!(self.phase, Phase::Lingering(_) | Phase::Done) {
            self.abort(now);
        }
    }

    /// Our SYN waits for its answer.
    pub fn is_opening(&self) -> bool {
        self.phase == Phase::Connected && self.connection.state() == State::SynSent
    }

    /// What it waits for an answer to has left only now.
    pub fn restart_timer(&mut self, now: Time) {
        self.connection.restart_timer(now);
    }

    /// With the next time-out it gives up.
    pub fn is_at_last_attempt(&self) -> bool {
        self.connection.is_at_last_attempt()
    }

    /// One attempt more than the schedule has, which waits so long: for who knows that segments are
    /// lost.
    pub fn grant_attempt(&mut self, wait: Duration) {
        self.connection.grant_attempt(wait);
    }

    /// The next segment to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.connection.poll_transmit()
    }

    /// When [`Handshake::on_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.phase {
            Phase::Connected => self.connection.poll_timeout(),
            Phase::Exchanging(until) => {
                let timers = [until, self.connection.poll_timeout()];
                timers.into_iter().flatten().min()
            }
            Phase::Holding(until)
            | Phase::Withholding(until)
            | Phase::AwaitingFin(until)
            | Phase::TimeWait(until)
            | Phase::Lingering(until) => Some(until),
            Phase::Done => None,
        }
    }

    /// Whether the probe is over.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    fn follow_events(&mut self, now: Time) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Established => self.established(now),
                // A RST between text under way would miss the number that the peer expects.
                Event::PeerClosed if self.course.end == End::Rst => {}
                Event::PeerClosed => self.close(now),
                Event::CloseAcknowledged => self.await_fin(now),
                Event::GaveUp => self.abort(now),
                Event::Reset => self.phase = Phase::Done,
            }
        }
        self.finish(now);
    }

    fn established(&mut self, now: Time) {
        let Some(request) = &self.request else {
            return self.begin_end(now);
        };
        self.connection.write(now, request.text.clone());
        self.listen_on(now, None);
    }

    fn begin_end(&mut self, now: Time) {
        match self.course.end {
            End::Rst => self.abort(now),
            End::Hold => self.phase = Phase::Holding(now + self.course.hold),
            end if end.waits_for_fin() => self.await_fin(now),
            _ => self.close(now),
        }
    }

    /// The whole schedule is its time: there is nothing of ours to send again.
    fn await_fin(&mut self, now: Time) {
        self.phase = Phase::AwaitingFin(now + self.schedule.total());
    }

    /// Once both FINs are acknowledged. While lingering, CLOSED is where we are on purpose.
    fn finish(&mut self, now: Time) {
        match (self.connection.state(), self.phase) {
            (State::TimeWait, Phase::TimeWait(_)) | (State::Closed, Phase::Lingering(_)) => {}
            (State::TimeWait, _) => {
                self.phase = match self.course.time_wait {
                    Some(stay) => Phase::TimeWait(now + stay),
                    None => Phase::Done,
                };
            }
            (State::Closed, _) => self.phase = Phase::Done,
            _ => {}
        }
    }

    fn close(&mut self, now: Time) {
        if self.connection.state() == State::Closed {
            return;
        }
        self.phase = Phase::Connected;
        self.connection.close(now);
    }

    /// RST, then two round trips more behind the guard: what the peer sent before the RST reached
    /// it, or against it, would otherwise meet the kernel, which would answer it in our name.
    fn abort(&mut self, now: Time) {
        if self.connection.state() == State::Closed {
            return;
        }
        self.connection.abort(now);
        self.phase = Phase::Lingering(now + 2 * self.round_trip);
    }
}

#[cfg(test)]
mod tests;
