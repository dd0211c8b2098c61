//! One connection under way: its session, and what its frames have told.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::clock::{Stamp, Time};
use crate::exchange::{AnomalyKind, Checksum, End, Exchange, Flow, Notes, Untold, Verdict};
use crate::link::{Frame, Outgoing, SendError};
use crate::observe::{Detail, Observer, Subject, Vantage};
use crate::wire::{IpFields, Packet, Segment};

use super::ledger::Ledger;
use super::order::Caught;
use super::recorder::{Recorded, Recorder};
use super::table::Id;
use super::{Attempts, Finished, Probe, Stop};

/// How long to wait for the tap to show our own last segments. They are queued there before
/// sending returns, unless the neighbour's address is still being asked for.
pub(super) const OWN_FRAMES: Duration = Duration::from_millis(50);

/// A wall clock that moves this much against the monotonic one was set, not drifting.
const CLOCK_STEP_NS: u64 = 20_000_000;

/// The ECN field of a packet that routers may mark, and of one that was marked (RFC 3168 5).
const ECT_0: u8 = 0b10;
const CE: u8 = 0b11;

/// The clocks, and what the capture has lost, at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Time,
    pub(super) wall: Stamp,
    pub(super) drops: u64,
}

/// A [`Probe`] that is being carried out.
#[derive(Debug)]
pub(super) struct Connection {
    probe: Probe,
    begun: Moment,
    ledger: Ledger,
    observer: Observer,
    /// What there is to say of frames, in their order.
    of_frames: Notes,
    /// What belongs to no frame.
    notes: Notes,
    interface: Option<u32>,
    kernel_rst: u64,
    refused: Option<SendError>,
    stopped: Option<Stop>,
    stamped: bool,
    identification: u16,
    /// The earliest timer that is set.
    pub(super) woken_at: Option<Time>,
    /// Its SYNs.
    pub(super) attempts: Attempts,
    /// Its SYN waits for its turn to be repeated.
    pub(super) awaits_turn: bool,
    /// Segments that have not left yet.
    unsent: usize,
    /// Frames that have not been told yet.
    untold: usize,
    /// It is over. So long it waits for frames of its own that were not captured yet.
    over: Option<Time>,
}

impl Connection {
    pub(super) fn new(probe: Probe, begun: Moment) -> Connection {
        Connection {
            identification: probe.ip.identification,
            probe,
            begun,
            ledger: Ledger::default(),
            observer: Observer::new(Vantage::Ours),
            of_frames: Notes::default(),
            notes: Notes::default(),
            interface: None,
            kernel_rst: 0,
            refused: None,
            stopped: None,
            stamped: true,
            woken_at: None,
            attempts: Attempts::default(),
            awaits_turn: false,
            unsent: 0,
            untold: 0,
            over: None,
        }
    }

    pub(super) fn flow(&self) -> Flow {
        self.probe.flow
    }

    pub(super) fn keep(&mut self, detail: Detail) {
        self.observer.keep(detail);
    }

    pub(super) fn start(&mut self, now: Time) {
        self.probe.session.start(now);
    }

    pub(super) fn on_timeout(&mut self, now: Time) {
        if self.over.is_none() {
            self.probe.session.on_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let has_timers = self.over.is_none() && !(self.awaits_turn && self.is_opening());
        let session = has_timers.then_some(&self.probe.session);
        session.and_then(|session| session.poll_timeout())
    }

    /// Its SYN waits for an answer.
    pub(super) fn is_opening(&self) -> bool {
        self.over.is_none() && self.probe.session.is_opening()
    }

    /// Its SYN has waited long enough for one.
    pub(super) fn misses_answer(&self, now: Time) -> bool {
        let timeout = self.probe.session.poll_timeout();
        self.is_opening() && timeout.is_some_and(|timeout| timeout <= now)
    }

    /// With the next time-out it gives up.
    pub(super) fn is_at_last_attempt(&self) -> bool {
        self.probe.session.is_at_last_attempt()
    }

    /// Sends its SYN again, if need be once more than its schedule has, and then waits so long.
    pub(super) fn repeat(&mut self, now: Time, wait: Duration) {
        self.awaits_turn = false;
        if self.is_at_last_attempt() {
            self.probe.session.grant_attempt(wait);
        }
        self.on_timeout(now);
    }

    /// Cuts it short, if it is not over.
    pub(super) fn stop(&mut self, now: Time, why: Stop) {
        if self.over.is_none() {
            self.stopped.get_or_insert(why);
            self.probe.session.interrupt(now);
        }
    }

    /// The session has come to its end just now.
    pub(super) fn is_newly_over(&mut self, now: Time) -> bool {
        let ends = self.probe.session.is_done() || self.refused.is_some();
        let newly = ends && self.over.is_none();
        if newly {
            self.over = Some(now + OWN_FRAMES);
        }
        newly
    }

    /// The session has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// The next segment, and the packet it leaves in.
    pub(super) fn poll_transmit(&mut self) -> Option<(Segment, Outgoing)> {
        let Flow { local, remote } = self.probe.flow;
        let transmit = self.probe.session.poll_transmit()?;
        let ip = IpFields {
            identification: self.identification,
            ecn: if transmit.ecn_capable { ECT_0 } else { 0 },
            ..self.probe.ip
        };
        // Never 0: the kernel would fill in its own, and its RSTs are told by theirs.
        self.identification = self.identification.wrapping_add(1).max(1);
        let packet = Packet::build(local.ip(), remote.ip(), transmit.segment, &ip);
        self.unsent += 1;
        let outgoing = Outgoing {
            packet: packet.emit(),
            to: remote.ip(),
            scope: self.probe.scope,
        };
        Some((packet.into_tcp().unwrap_or_default(), outgoing))
    }

    /// What became of a segment.
    pub(super) fn sent(&mut self, now: Time, segment: Segment, result: Result<(), SendError>) {
        self.unsent -= 1;
        self.over = self.over.map(|_| now + OWN_FRAMES);
        match result {
            Ok(()) => self.ledger.sent(segment),
            Err(error) if self.ledger.is_empty() => {
                self.refused.get_or_insert(error);
            }
            Err(error) => {
                let text = format!("a segment ({}) was not sent: {error}", segment.flags);
                self.notes.push(AnomalyKind::SendFailed, text);
            }
        }
    }

    /// None of its segments was captured leaving.
    pub(super) fn never_left(&self) -> bool {
        self.ledger.has_captured_none()
    }

    /// What the capture had lost when it began.
    pub(super) fn begun_with(&self) -> u64 {
        self.begun.drops
    }

    /// Some of its segments could not leave yet.
    pub(super) fn has_unsent(&self) -> bool {
        self.unsent > 0
    }

    /// What it waits for an answer to has left only now.
    pub(super) fn restart_timer(&mut self, now: Time) {
        self.probe.session.restart_timer(now);
    }

    /// A frame that may concern it. What does is to be told in its turn.
    pub(super) fn take(
        &mut self,
        now: Time,
        wall: impl FnOnce() -> Stamp,
        frame: Frame,
        packet: Packet,
    ) -> Option<Caught> {
        let subject = self.probe.flow.subject(&frame, packet)?;
        // A peer that never stops sending keeps nobody waiting.
        if subject.sender() == End::Peer && self.over.is_some_and(|until| now >= until) {
            return None;
        }
        let at = frame.stamp.unwrap_or_else(|| {
            self.stamped = false;
            wall()
        });
        if self.ledger.is_copy(at, &frame) {
            return None;
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
            subject if self.over.is_none() => self.tell_session(now, subject),
            _ => {}
        }
        self.untold += 1;
        Some(Caught {
            at,
            frame,
            subject,
            notes,
        })
    }

    fn tell_session(&mut self, now: Time, subject: &Subject) {
        let session = &mut self.probe.session;
        match subject {
            Subject::Segment {
                ip,
                segment,
                checksum,
                ..
            } if *checksum != Checksum::Bad => {
                if ip.ecn() == CE {
                    session.on_marked_segment(now, segment);
                } else {
                    session.on_segment(now, segment);
                }
            }
            Subject::Icmp { message, quote, .. } => session.on_icmp(now, message, quote),
            _ => {}
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

    /// Its next frame in order of their stamps; the capture has lost `drops` frames by now.
    /// [`ControlFlow::Break`]: it cannot be recorded.
    pub(super) fn tell(
        &mut self,
        id: Id,
        caught: Caught,
        drops: u64,
        recorder: Option<&mut dyn Recorder>,
    ) -> ControlFlow<()> {
        self.untold -= 1;
        // An answer to a SYN that the capture has lost is one all the same.
        if drops > self.begun.drops
            && caught.subject.sender() == End::Peer
            && let Some(iss) = self.ledger.unseen_syn()
        {
            self.observer.miss_syn(iss);
        }
        let mut news = self.observer.observe(caught.at, &caught.subject);
        for (kind, text) in &caught.notes {
            if AnomalyKind::OF_A_FRAME.contains(kind) {
                self.of_frames.push(*kind, text.clone());
            }
        }
        // Of what nothing was sent of, nothing is recorded.
        let Some(recorder) = recorder.filter(|_| self.refused.is_none()) else {
            return ControlFlow::Continue(());
        };
        news.anomalies.extend(caught.notes);
        recorder.record(&Recorded {
            id,
            end: self.probe.session.requested(),
            at: caught.at,
            from: caught.subject.sender(),
            frame: &caught.frame,
            news,
        })
    }

    /// It is over. So long it waits for frames of its own.
    pub(super) fn over_until(&self) -> Option<Time> {
        self.over
    }

    /// It is over, and all of it has left and was told. `read_to`: what was captured until then has
    /// been taken. `more`: what else has come belongs to it too.
    pub(super) fn is_finished(&self, read_to: Time, more: bool) -> bool {
        let Some(until) = self.over else { return false };
        let waits = more || self.ledger.awaits_capture();
        let has_come = !waits || read_to >= until;
        has_come && self.unsent == 0 && self.untold == 0
    }

    /// How long it waits for frames of its own, where it does.
    pub(super) fn awaits_frames_until(&self) -> Option<Time> {
        self.over.filter(|_| self.ledger.awaits_capture())
    }

    /// What came of it.
    pub(super) fn finish(mut self, ended: Moment, interrupted: bool) -> Finished {
        let lost = ended.drops.saturating_sub(self.begun.drops);
        self.note_missing(lost);
        self.note_losses(lost);
        self.note_clock_step(ended);
        let mut exchange = if self.refused.is_some() {
            // With nothing sent, what a local rule answered (`reject`) says nothing of the peer.
            Exchange::new()
        } else {
            self.observer.finish()
        };
        if self.refused.is_none() && !exchange.is_answered() {
            // Though not even a SYN was captured.
            exchange.verdict = Some(Verdict::Filtered);
            exchange.reason = Some("no-response");
        }
        exchange.add_untold(Untold {
            awaited_fin: self.probe.session.requested().waits_for_fin(),
            interrupted: matches!(self.stopped, Some(Stop::Interrupted | Stop::Unrecorded)),
            of_frames: self.of_frames,
            of_no_frame: self.notes,
        });
        Finished {
            started: exchange.started.unwrap_or(self.begun.wall),
            flow: self.probe.flow,
            exchange,
            interface: self.interface,
            kernel_rst: self.kernel_rst,
            capture_drops: lost,
            refused: self.refused,
            stopped: self.stopped,
            interrupted,
        }
    }

    /// Segments of ours that were not captured leaving.
    pub(super) fn missing(&self) -> &[Segment] {
        self.ledger.missing()
    }

    /// Where the capture lost frames, ours may be among them: nothing can be said.
    fn note_missing(&mut self, lost: u64) {
        let missing = self.missing().len();
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

    fn note_clock_step(&mut self, ended: Moment) {
        let wall = ended.wall.since(self.begun.wall);
        let steady = (ended.now - self.begun.now).as_nanos();
        let step = wall.saturating_sub(i64::try_from(steady).unwrap_or(i64::MAX));
        if step.unsigned_abs() > CLOCK_STEP_NS {
            let text = format!(
                "the wall clock was set by {:+.3} s meanwhile: times across that moment are wrong",
                step as f64 / 1e9
            );
            self.notes.push(AnomalyKind::ClockStepped, text);
        }
    }
}
