//! The only loop: a session on a link, from its first segment to its last captured frame.

mod ledger;
mod order;
mod recorder;

use std::io;
use std::time::Duration;

use crate::clock::{Stamp, Time};
use crate::exchange::{AnomalyKind, Checksum, End, Exchange, Flow, Notes, Untold, Verdict};
use crate::link::{Frame, Link, SendError, Wake};
use crate::observe::Subject;
use crate::session::Handshake;
use crate::wire::{IpFields, Packet, Segment};

use ledger::Ledger;
use order::{InOrder, SLACK};
use recorder::{Audience, Caught};

pub use recorder::{Recorded, Recorder};

/// How long to wait for the tap to show our own last segments. They are queued there before
/// sending returns, unless the neighbour's address is still being asked for.
const OWN_FRAMES: Duration = Duration::from_millis(50);

/// Frames taken in a row before the clock is looked at: a peer that never stops sending holds back
/// no timer.
const IN_A_ROW: u32 = 64;

/// A wall clock that moves this much against the monotonic one was set, not drifting.
const CLOCK_STEP_NS: u64 = 20_000_000;

/// The ECN field of a packet that routers may mark, and of one that was marked (RFC 3168 5).
const ECT_0: u8 = 0b10;
const CE: u8 = 0b11;

/// One connection to drive.
#[derive(Debug)]
pub struct Probe {
    /// The addresses and ports.
    pub flow: Flow,
    /// Interface index of a link-local IPv6 peer, else 0.
    pub scope: u32,
    /// The IP header of every packet we send.
    pub ip: IpFields,
    /// What to send and when to stop.
    pub session: Handshake,
}

/// What came of a [`Probe`].
#[derive(Debug)]
pub struct Finished {
    /// When it began, wall clock.
    pub started: Stamp,
    /// What the frames tell.
    pub exchange: Exchange,
    /// Index of the interface that our first segment left by.
    pub interface: Option<u32>,
    /// RSTs that the kernel sent in our name.
    pub kernel_rst: u64,
    /// The first segment could not be sent: nothing was.
    pub refused: Option<SendError>,
    /// The user or the deadline stopped it before it was over.
    pub stopped: Option<Stop>,
    /// The user asked to stop, if only when it was over.
    pub interrupted: bool,
    /// Every frame of the connection carried a kernel stamp.
    pub stamped: bool,
}

/// Why a session was cut short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// SIGINT, SIGTERM or SIGHUP.
    Interrupted,
    /// `--deadline`.
    Deadline,
    /// Its frames cannot be recorded any more.
    Unrecorded,
}

/// Drives `probe` over `link` until it is over, the user interrupts or `deadline` comes.
///
/// # Errors
/// The capture failed.
pub fn run(link: &mut impl Link, probe: Probe, deadline: Option<Time>) -> io::Result<Finished> {
    Engine::new(link, probe, None).run(deadline)
}

/// The same, and `recorder` gets every frame of the connection.
///
/// # Errors
/// The capture failed.
pub fn run_recorded(
    link: &mut impl Link,
    probe: Probe,
    deadline: Option<Time>,
    recorder: &mut dyn Recorder,
) -> io::Result<Finished> {
    Engine::new(link, probe, Some(recorder)).run(deadline)
}

struct Engine<'a, L> {
    link: &'a mut L,
    probe: Probe,
    ledger: Ledger,
    frames: InOrder<Caught>,
    in_a_row: u32,
    audience: Audience<'a>,
    interface: Option<u32>,
    kernel_rst: u64,
    refused: Option<SendError>,
    stopped: Option<Stop>,
    interrupted: bool,
    stamped: bool,
    /// What belongs to no frame.
    notes: Notes,
    identification: u16,
}

impl<'a, L: Link> Engine<'a, L> {
    fn new(link: &'a mut L, probe: Probe, recorder: Option<&'a mut dyn Recorder>) -> Self {
        Engine {
            identification: probe.ip.identification,
            link,
            probe,
            ledger: Ledger::default(),
            frames: InOrder::default(),
            in_a_row: 0,
            audience: Audience::new(recorder),
            interface: None,
            kernel_rst: 0,
            refused: None,
            stopped: None,
            interrupted: false,
            stamped: true,
            notes: Notes::default(),
        }
    }

    fn run(mut self, deadline: Option<Time>) -> io::Result<Finished> {
        let (started, begun) = (self.link.wall(), self.link.now());
        let drops = self.link.capture_drops();
        self.probe.session.start(begun);
        self.transmit();
        while !self.probe.session.is_done() && self.refused.is_none() {
            self.step(deadline)?;
            self.transmit();
        }
        self.await_own_frames()?;
        let lost = self.link.capture_drops().saturating_sub(drops);
        self.note_missing(lost);
        self.note_losses(lost);
        self.note_clock_step(started, begun);
        Ok(self.finish(started))
    }

    fn step(&mut self, deadline: Option<Time>) -> io::Result<()> {
        let pending = deadline.filter(|_| self.stopped.is_none());
        let timeout = self.probe.session.poll_timeout();
        let until = [pending, timeout].into_iter().flatten().min();
        match self.recv(until)? {
            Wake::Frame(frame) => {
                self.take(frame, true);
                self.in_a_row += 1;
                if self.in_a_row == IN_A_ROW {
                    self.in_a_row = 0;
                    self.see_to_time(pending, until);
                }
            }
            Wake::Interrupted => {
                self.interrupted = true;
                self.stop(Stop::Interrupted);
            }
            Wake::Timeout => {
                self.in_a_row = 0;
                self.see_to_time(pending, until);
            }
            Wake::Called => {}
        }
        Ok(())
    }

    fn see_to_time(&mut self, deadline: Option<Time>, until: Option<Time>) {
        let now = self.link.now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            self.stop(Stop::Deadline);
        }
        if until.is_some_and(|until| now >= until) {
            self.probe.session.on_timeout(now);
        }
    }

    /// Waits for the next frame. When the capture has been quiet for a moment nothing can come
    /// before those at hand, and whoever records them need not wait for the next.
    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
        if self.audience.is_recording() && !self.frames.is_empty() {
            let settled = self.link.now() + SLACK;
            if until.is_none_or(|until| settled < until) {
                match self.link.recv(Some(settled))? {
                    Wake::Timeout => self.tell_all(),
                    wake => return Ok(wake),
                }
            }
        }
        self.link.recv(until)
    }

    fn stop(&mut self, why: Stop) {
        self.stopped.get_or_insert(why);
        let now = self.link.now();
        self.probe.session.interrupt(now);
    }

    fn transmit(&mut self) {
        let Flow { local, remote } = self.probe.flow;
        while let Some(transmit) = self.probe.session.poll_transmit() {
            let ip = IpFields {
                identification: self.identification,
                ecn: if transmit.ecn_capable { ECT_0 } else { 0 },
                ..self.probe.ip
            };
            // Never 0: the kernel would fill in its own, and its RSTs are told by theirs.
            self.identification = self.identification.wrapping_add(1).max(1);
            let packet = Packet::build(local.ip(), remote.ip(), transmit.segment, &ip);
            let sent = packet.tcp().cloned().unwrap_or_default();
            match self
                .link
                .send(&packet.emit(), remote.ip(), self.probe.scope)
            {
                Ok(()) => self.ledger.sent(sent),
                Err(error) if self.ledger.is_empty() => {
                    self.refused = Some(error);
                    self.audience.stop_recording();
                    return;
                }
                Err(error) => {
                    let text = format!("a segment ({}) was not sent: {error}", sent.flags);
                    self.notes.push(AnomalyKind::SendFailed, text);
                }
            }
        }
    }

    /// `live`: the session still listens.
    fn take(&mut self, frame: Frame, live: bool) {
        let Ok(packet) = Packet::parse(&frame.bytes) else {
            return;
        };
        let Some(subject) = self.probe.flow.subject(&frame, &packet) else {
            return;
        };
        let at = frame.stamp.unwrap_or_else(|| {
            self.stamped = false;
            self.link.wall()
        });
        if self.ledger.is_copy(at, &frame) {
            return;
        }
        let mut notes = Vec::new();
        if frame.stamp.is_none() {
            let text = "the kernel did not stamp this frame: its time is when it was read";
            notes.push((AnomalyKind::NoKernelStamp, text.to_string()));
        }
        match &subject {
            Subject::Segment {
                from: End::Local,
                segment,
                ..
            } => {
                self.interface.get_or_insert(frame.interface);
                if !self.ledger.captured(segment) {
                    notes.push(self.note_stranger(segment));
                }
            }
            Subject::Segment {
                ip,
                segment,
                checksum,
                ..
            } if live && *checksum != Checksum::Bad => {
                let now = self.link.now();
                if ip.ecn() == CE {
                    self.probe.session.on_marked_segment(now, segment);
                } else {
                    self.probe.session.on_segment(now, segment);
                }
            }
            Subject::Icmp { message, quote, .. } if live => {
                let now = self.link.now();
                self.probe.session.on_icmp(now, message, quote);
            }
            _ => {}
        }
        let caught = Caught {
            frame,
            subject,
            notes,
        };
        let audience = &mut self.audience;
        self.frames
            .push(at, caught, |at, caught| audience.tell(at, caught));
        self.stop_unrecorded();
    }

    fn tell_all(&mut self) {
        let audience = &mut self.audience;
        self.frames.flush(|at, caught| audience.tell(at, caught));
        self.stop_unrecorded();
    }

    fn stop_unrecorded(&mut self) {
        let under_way = self.stopped.is_none() && !self.probe.session.is_done();
        if under_way && self.audience.has_failed() {
            self.stop(Stop::Unrecorded);
        }
    }

    /// A segment on our connection that we did not send.
    fn note_stranger(&mut self, segment: &Segment) -> (AnomalyKind, String) {
        if segment.flags.rst() {
            self.kernel_rst += 1;
            let text =
                "the kernel of this host sent a RST on our connection: the port guard did not hold";
            (AnomalyKind::KernelRst, text.to_string())
        } else {
            let text = format!(
                "a segment ({}) left this host that tcpshake did not send",
                segment.flags
            );
            (AnomalyKind::ForeignSegment, text)
        }
    }

    /// The report shows each of our segments at the time it left, and whatever else is queued.
    fn await_own_frames(&mut self) -> io::Result<()> {
        let limit = self.link.now() + OWN_FRAMES;
        loop {
            let now = self.link.now();
            let until = if self.ledger.awaits_capture() {
                limit
            } else {
                now
            };
            match self.link.recv(Some(until))? {
                Wake::Frame(frame) if now < limit => self.take(frame, false),
                Wake::Interrupted => self.interrupted = true,
                Wake::Called => {}
                Wake::Frame(_) | Wake::Timeout => break,
            }
        }
        self.tell_all();
        Ok(())
    }

    /// Where the capture lost frames, ours may be among them: nothing can be said.
    fn note_missing(&mut self, lost: u64) {
        let missing = self.ledger.missing();
        if missing > 0 && lost == 0 && self.refused.is_none() {
            let text = format!(
                "{missing} of our segments never left this host: the next hop did not answer, or a local rule dropped them"
            );
            self.notes.push(AnomalyKind::NotSent, text);
        }
    }

    fn note_losses(&mut self, lost: u64) {
        if lost > 0 {
            let text =
                format!("the capture lost {lost} frames: segments may be missing from this report");
            self.notes.push(AnomalyKind::CaptureDrops, text);
        }
        if !self.stamped {
            let text = "the kernel did not stamp every frame: no round trip is given";
            self.notes
                .push(AnomalyKind::NoKernelStamp, text.to_string());
        }
    }

    fn note_clock_step(&mut self, started: Stamp, begun: Time) {
        let wall = self.link.wall().since(started);
        let steady = i64::try_from((self.link.now() - begun).as_nanos()).unwrap_or(i64::MAX);
        let step = wall.saturating_sub(steady);
        if step.unsigned_abs() > CLOCK_STEP_NS {
            let text = format!(
                "the wall clock was set by {:+.3} s meanwhile: times across that moment are wrong",
                step as f64 / 1e9
            );
            self.notes.push(AnomalyKind::ClockStepped, text);
        }
    }

    fn finish(self, started: Stamp) -> Finished {
        let Audience {
            observer,
            of_frames,
            ..
        } = self.audience;
        let mut exchange = if self.refused.is_some() {
            // With nothing sent, what a local rule answered (`reject`) says nothing of the peer.
            Exchange::new()
        } else {
            observer.finish()
        };
        if self.refused.is_none() && !exchange.is_answered() {
            // Though not even a SYN was captured.
            exchange.verdict = Some(Verdict::Filtered);
            exchange.reason = Some("no-response");
        }
        exchange.add_untold(Untold {
            awaited_fin: self.probe.session.requested().waits_for_fin(),
            interrupted: matches!(self.stopped, Some(Stop::Interrupted | Stop::Unrecorded)),
            of_frames,
            of_no_frame: self.notes,
        });
        Finished {
            started: exchange.started.unwrap_or(started),
            exchange,
            interface: self.interface,
            kernel_rst: self.kernel_rst,
            refused: self.refused,
            stopped: self.stopped,
            interrupted: self.interrupted,
            stamped: self.stamped,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::ops::ControlFlow;
    use std::rc::Rc;

    use super::*;
    use crate::link::Direction;
    use crate::session::{Course, End as Ending};
    use crate::tcp::{Config, Schedule};
    use crate::wire::{Flags, Options, SeqNumber};

    /// Sends everything and captures nothing.
    struct Deaf {
        now: Time,
        drops: u64,
    }

    impl Link for Deaf {
        fn now(&self) -> Time {
            self.now
        }

        fn wall(&self) -> Stamp {
            Stamp(self.now.0)
        }

        fn send(&mut self, _: &[u8], _: IpAddr, _: u32) -> Result<(), SendError> {
            self.drops += 1;
            Ok(())
        }

        fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
            self.now = until.expect("a session that waits for a time");
            Ok(Wake::Timeout)
        }

        fn capture_drops(&self) -> u64 {
            self.drops
        }
    }

    #[test]
    fn where_the_capture_lost_frames_nothing_is_said_to_be_unsent() {
        let host = |last, port| SocketAddr::new(Ipv4Addr::new(192, 0, 2, last).into(), port);
        let (local, remote) = (host(1, 50_000), host(2, 80));
        let config = Config {
            local_port: local.port(),
            remote_port: remote.port(),
            iss: SeqNumber(1),
            window: 64_240,
            options: Options::default(),
            syn_flags: Flags::SYN,
            schedule: Schedule {
                first: Duration::from_secs(1),
                retries: 0,
            },
        };
        let course = Course {
            end: Ending::Fin,
            hold: Duration::ZERO,
            time_wait: None,
        };
        let probe = Probe {
            flow: Flow { local, remote },
            scope: 0,
            ip: IpFields::default(),
            session: Handshake::new(config, course),
        };
        let mut link = Deaf {
            now: Time(0),
            drops: 0,
        };
        let finished = run(&mut link, probe, None).expect("a capture");
        let ids: Vec<_> = finished.exchange.anomalies.iter().map(|a| a.id).collect();
        assert_eq!(ids, ["capture-drops"]);
    }

    /// Sends nothing, and tells once of the user's wish to stop.
    struct Unplugged {
        signals: Vec<Wake>,
    }

    impl Link for Unplugged {
        fn now(&self) -> Time {
            Time::default()
        }

        fn wall(&self) -> Stamp {
            Stamp::default()
        }

        fn send(&mut self, _: &[u8], _: IpAddr, _: u32) -> Result<(), SendError> {
            Err(SendError::Firewall)
        }

        fn recv(&mut self, _: Option<Time>) -> io::Result<Wake> {
            Ok(self.signals.pop().unwrap_or(Wake::Timeout))
        }

        fn capture_drops(&self) -> u64 {
            0
        }
    }

    fn probe() -> Probe {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let second = Duration::from_secs(1);
        let config = Config {
            local_port: 1,
            remote_port: 2,
            iss: SeqNumber(0),
            window: 0,
            options: Options::default(),
            syn_flags: Flags::SYN,
            schedule: Schedule {
                first: second,
                retries: 0,
            },
        };
        let course = Course {
            end: Ending::Fin,
            hold: second,
            time_wait: None,
        };
        Probe {
            flow: Flow {
                local: address(1),
                remote: address(2),
            },
            scope: 0,
            ip: IpFields::default(),
            session: Handshake::new(config, course),
        }
    }

    /// Sends to somebody who never answers; what leaves is captured.
    struct Silent {
        deaf: Deaf,
        captured: Vec<Frame>,
        told_by: Rc<Cell<usize>>,
        told: Vec<usize>,
    }

    impl Link for Silent {
        fn now(&self) -> Time {
            self.deaf.now()
        }

        fn wall(&self) -> Stamp {
            self.deaf.wall()
        }

        fn send(&mut self, packet: &[u8], _: IpAddr, _: u32) -> Result<(), SendError> {
            self.captured.push(Frame {
                stamp: Some(self.wall()),
                direction: Direction::Sent,
                interface: 1,
                checksum_pending: true,
                bytes: packet.to_vec(),
            });
            Ok(())
        }

        fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
            if let Some(frame) = self.captured.pop() {
                return Ok(Wake::Frame(frame));
            }
            let wake = self.deaf.recv(until);
            self.told.push(self.told_by.get());
            wake
        }

        fn capture_drops(&self) -> u64 {
            0
        }
    }

    struct Count(Rc<Cell<usize>>);

    impl Recorder for Count {
        fn record(&mut self, recorded: &Recorded<'_>) -> ControlFlow<()> {
            assert_eq!(recorded.from, End::Local);
            self.0.set(self.0.get() + 1);
            ControlFlow::Continue(())
        }
    }

    #[test]
    fn a_frame_is_recorded_before_the_next_one_comes() {
        let recorded = Rc::new(Cell::new(0));
        let mut link = Silent {
            deaf: Deaf {
                now: Time(0),
                drops: 0,
            },
            captured: Vec::new(),
            told_by: recorded.clone(),
            told: Vec::new(),
        };
        let mut count = Count(recorded.clone());
        let finished = run_recorded(&mut link, probe(), None, &mut count).unwrap();
        assert_eq!(recorded.get(), finished.exchange.segments.len());
        // Twice the queue is found empty, then the SYN is recorded, and the wait for its answer
        // goes on.
        assert_eq!(link.told[..3], [0, 0, 1]);
    }

    #[test]
    fn a_signal_after_the_last_segment_is_not_lost() {
        for signals in [vec![Wake::Interrupted], vec![]] {
            let interrupted = !signals.is_empty();
            let finished = run(&mut Unplugged { signals }, probe(), None).unwrap();
            assert!(finished.refused.is_some() && finished.stopped.is_none());
            assert_eq!(finished.interrupted, interrupted);
        }
    }
}
