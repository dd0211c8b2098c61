//! The only loop: sessions on a link, from their first segments to their last captured frames.
//!
//! One connection and tens of thousands go the same way. A turn of the engine takes what has been
//! captured, sees to the timers, and sends all that follows from both.

mod closing;
mod connection;
mod ledger;
mod order;
mod outbox;
mod pace;
mod recorder;
mod strays;
mod table;
mod timers;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crate::clock::{Stamp, Time};
use crate::exchange::{Exchange, Flow};
use crate::link::{Frame, Link, SendError, Wake};
use crate::observe::{Detail, Subject};
use crate::session::Handshake;
use crate::wire::{IpFields, Packet};

use closing::{Closing, IsDue};
use connection::{Connection, Moment};
use order::InOrder;
use outbox::Outbox;
use strays::Strays;
use table::{Concerned, Table};
use timers::Timers;

pub use pace::{Attempts, Pace};
pub use recorder::{Recorded, Recorder};
pub use table::Id;

/// Frames that are taken in a row before anything is sent. A connection that is alone is answered
/// frame by frame.
const BATCH: u32 = 64;

/// No frame that the kernel did not stamp is taken to have waited longer than this.
const UNSTAMPED: Duration = Duration::from_millis(50);

/// A segment that leaves so long after it was to is waited for from then on.
const LATE: Duration = Duration::from_millis(10);

/// How often to look whether a segment that found no room has left.
const UNSENT: Duration = Duration::from_millis(100);

/// A target of which no SYN has left this host gets so many: the kernel looks for its neighbour anew,
/// and tells only of some that it does not find when there are many at a time.
const MOST_UNSENT: u32 = 10;

/// The owner of segments that belong to no connection.
const NOBODY: Id = Id::MAX;

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
    /// The addresses and ports.
    pub flow: Flow,
    /// What the frames tell.
    pub exchange: Exchange,
    /// Index of the interface that our first segment left by.
    pub interface: Option<u32>,
    /// RSTs that the kernel sent in our name.
    pub kernel_rst: u64,
    /// Frames that the capture lost meanwhile.
    pub capture_drops: u64,
    /// The first segment could not be sent: nothing was.
    pub refused: Option<SendError>,
    /// The user or the deadline stopped it before it was over.
    pub stopped: Option<Stop>,
    /// The user asked to stop, if only when it was over.
    pub interrupted: bool,
}

/// Why a session was cut short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// SIGINT, SIGTERM or SIGHUP.
    Interrupted,
    /// `--deadline`.
    Deadline,
    /// Its frames cannot be recorded any more, or its report not written.
    Unrecorded,
}

/// Drives `probe` over `link` until it is over, the user interrupts or `deadline` comes.
///
/// # Errors
/// The capture failed.
pub fn run(link: &mut impl Link, probe: Probe, deadline: Option<Time>) -> io::Result<Finished> {
    let mut engine = Engine::new(link);
    engine.stop_at(deadline);
    engine.start(0, probe);
    loop {
        engine.turn(None, None)?;
        if let Some((_, finished)) = engine.poll_finished() {
            return Ok(finished);
        }
    }
}

/// Drives any number of connections over one link.
#[derive(Debug)]
pub struct Engine<L> {
    link: L,
    table: Table,
    timers: Timers,
    outbox: Outbox,
    frames: InOrder,
    closing: Closing,
    finished: VecDeque<(Id, Finished)>,
    deadline: Option<Time>,
    /// What was captured until then has been taken.
    read_to: Time,
    /// The user asked to stop.
    interrupted: bool,
    detail: Detail,
    /// `None`: what belongs to no connection is left alone.
    strays: Option<Strays>,
    /// `None`: SYNs leave when they want to.
    pace: Option<Pace>,
    /// Connections whose SYN waits for its turn to be repeated.
    repeats: VecDeque<Id>,
    /// What the capture had lost when it was last asked, which is once a turn.
    drops: u64,
}

impl<L: Link> Engine<L> {
    /// An engine without connections.
    pub fn new(link: L) -> Engine<L> {
        Engine {
            drops: link.capture_drops(),
            link,
            table: Table::default(),
            timers: Timers::default(),
            outbox: Outbox::default(),
            frames: InOrder::default(),
            closing: Closing::default(),
            finished: VecDeque::new(),
            deadline: None,
            read_to: Time::default(),
            interrupted: false,
            detail: Detail::Segments,
            strays: None,
            pace: None,
            repeats: VecDeque::new(),
        }
    }

    /// The link.
    pub fn link(&self) -> &L {
        &self.link
    }

    /// The link.
    pub fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }

    /// Whatever is under way then is stopped.
    pub fn stop_at(&mut self, deadline: Option<Time>) {
        self.deadline = deadline;
    }

    /// The exchanges of connections that begin from now on tell so much.
    pub fn keep(&mut self, detail: Detail) {
        self.detail = detail;
    }

    /// From now on a peer that goes on with a connection that is over is told so.
    pub fn answer_strays(&mut self) {
        self.strays.get_or_insert_default();
    }

    /// RSTs that the kernel sent in our name on connections that were over.
    pub fn stray_kernel_rst(&self) -> u64 {
        self.strays.as_ref().map_or(0, Strays::kernel_rst)
    }

    /// From now on SYNs leave at this pace, and silence is as long as it says.
    pub fn keep_pace(&mut self, pace: Pace) {
        self.pace = Some(pace);
    }

    /// The pace that is kept.
    pub fn pace(&self) -> Option<&Pace> {
        self.pace.as_ref()
    }

    /// When the next connection may begin, `now` or later; `None`: not before one is over.
    pub fn room_at(&self, now: Time) -> Option<Time> {
        let Some(pace) = &self.pace else {
            return Some(now);
        };
        let has_room = self.under_way() < pace.parallel();
        let has_turn = self.repeats.is_empty() && !self.outbox.is_stuck();
        (has_room && has_turn).then(|| pace.ready(now))
    }

    /// Begins a connection; `id` is the caller's name for it, another each time. Its SYN leaves with
    /// the next turn.
    pub fn start(&mut self, id: Id, probe: Probe) {
        let moment = self.moment();
        let mut connection = Connection::new(probe, moment);
        connection.keep(self.detail);
        connection.start(moment.now);
        if let Some(pace) = &mut self.pace {
            pace.syn_left(moment.now, &mut connection.attempts);
        }
        if let Some(strays) = &mut self.strays {
            strays.watch(connection.flow().local);
        }
        self.table.insert(id, connection);
        self.follow(id, moment.now);
    }

    /// Connections that are not over yet.
    pub fn under_way(&self) -> usize {
        self.table.len() - self.closing.count
    }

    /// Whether the user has asked to stop.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// What is over, in the order in which it was.
    pub fn poll_finished(&mut self) -> Option<(Id, Finished)> {
        self.finished.pop_front()
    }

    /// Cuts short all that is under way: resets what is open on peers.
    pub fn stop(&mut self, why: Stop) {
        let now = self.link.now();
        for id in self.table.ids() {
            if let Some(connection) = self.table.get_mut(id) {
                connection.stop(now, why);
                self.follow(id, now);
            }
        }
    }

    /// Sends what is to be sent and waits: for frames, for the next timer, or until `until`. Then
    /// sees to what has come of it. `recorder` gets every frame of the connections.
    ///
    /// # Errors
    /// The capture failed.
    pub fn turn(
        &mut self,
        until: Option<Time>,
        recorder: Option<&mut dyn Recorder>,
    ) -> io::Result<()> {
        self.transmit();
        let wakes = [until, self.deadline, self.next_wake(recorder.is_some())];
        let drained = self.receive(wakes.into_iter().flatten().min())?;
        self.note_drops();
        self.expire();
        self.repeat();
        self.transmit();
        self.tell(drained, recorder);
        self.finish(drained);
        Ok(())
    }

    /// What a connection wants after something happened to it.
    fn follow(&mut self, id: Id, now: Time) {
        let Some(connection) = self.table.get_mut(id) else {
            return;
        };
        while let Some((segment, packet)) = connection.poll_transmit() {
            self.outbox.push(now, id, segment, packet);
        }
        if connection.is_newly_over(now) {
            self.closing.add(id, now + connection::OWN_FRAMES);
        }
        if connection.is_over() {
            self.closing.touch(id);
        }
        if let Some(timeout) = connection.poll_timeout()
            && connection.woken_at.is_none_or(|at| timeout < at)
        {
            connection.woken_at = Some(timeout);
            self.timers.push(timeout, id);
        }
    }

    fn transmit(&mut self) {
        let all_sent = self.outbox.send(&mut self.link);
        // Whatever kept us from sending, its frame is waited for from now on.
        let now = self.link.now();
        for sent in all_sent {
            if let (NOBODY, Some(strays)) = (sent.id, &mut self.strays) {
                if sent.result.is_ok() {
                    strays.sent(sent.segment);
                }
            } else if let Some(connection) = self.table.get_mut(sent.id) {
                connection.sent(now, sent.segment, sent.result);
                if now - sent.wanted > LATE {
                    connection.restart_timer(now);
                }
                self.follow(sent.id, now);
            }
        }
        // One that finds no room may have itself to blame.
        let is_full = self.outbox.is_stuck() || 4 * self.outbox.held() > self.table.len();
        if is_full && let Some(pace) = &mut self.pace {
            pace.send_refused(now);
        }
    }

    /// When something is to be done, whether or not a frame comes.
    fn next_wake(&self, records: bool) -> Option<Time> {
        let is_closing = self.closing.count > 0;
        let told = self.frames.next().filter(|_| records || is_closing);
        let own_frames = match self.under_way() {
            0 => {
                let waiting = self.closing.ids().filter_map(|id| self.table.get(id));
                waiting.filter_map(Connection::awaits_frames_until).min()
            }
            _ => self.closing.next(),
        };
        // Nobody else is under way: what has come by now is all.
        let last = is_closing && self.under_way() == 0;
        let at_once = (last && own_frames.is_none()).then_some(Time::default());
        let turn = self.pace.as_ref().filter(|_| !self.repeats.is_empty());
        let turn = turn.map(|pace| pace.ready(self.link.now()));
        let wakes = [self.timers.next(), self.outbox.retry_at(), own_frames, told];
        wakes.into_iter().chain([turn, at_once]).flatten().min()
    }

    /// Takes what has been captured; waits until `until` for the first. `true`: there is no more.
    fn receive(&mut self, until: Option<Time>) -> io::Result<bool> {
        let batch = if self.table.len() > 1 { BATCH } else { 1 };
        let (mut until, mut stamp) = (until, None);
        for _ in 0..batch {
            match self.link.recv(until)? {
                Wake::Frame(frame) => {
                    stamp = frame.stamp;
                    self.take(frame);
                }
                Wake::Interrupted => {
                    self.interrupted = true;
                    self.stop(Stop::Interrupted);
                    return Ok(false);
                }
                Wake::Called => return Ok(false),
                Wake::Timeout => {
                    self.read_to = self.link.now();
                    return Ok(true);
                }
            }
            until = Some(Time::default());
        }
        self.note_read(stamp);
        Ok(false)
    }

    /// A frame with this stamp has been taken: all that came before it too. There may be many more,
    /// and among them the answer that a timer waits for.
    fn note_read(&mut self, stamp: Option<Stamp>) {
        let waited = match stamp {
            Some(stamp) => {
                let nanos = u64::try_from(self.link.wall().since(stamp)).unwrap_or(0);
                Duration::from_nanos(nanos) + order::SLACK
            }
            None => UNSTAMPED,
        };
        let nanos = self.link.now().0.saturating_sub(waited.as_nanos() as u64);
        self.read_to = self.read_to.max(Time(nanos));
    }

    fn take(&mut self, frame: Frame) {
        let Ok(packet) = Packet::parse(&frame.bytes) else {
            return;
        };
        match self.table.concerned(&packet) {
            Concerned::Nobody => self.take_stray(&frame, &packet),
            Concerned::One(id) => self.hand(id, frame, packet),
            Concerned::Several(ids) => {
                for id in ids {
                    self.hand(id, frame.clone(), packet.clone());
                }
            }
        }
    }

    fn take_stray(&mut self, frame: &Frame, packet: &Packet) {
        let (now, wall) = (self.link.now(), self.link.wall());
        let strays = self.strays.as_mut();
        if let Some((segment, packet)) = strays.and_then(|it| it.take((now, wall), frame, packet)) {
            self.outbox.push(now, NOBODY, segment, packet);
        }
    }

    fn hand(&mut self, id: Id, frame: Frame, packet: Packet) {
        let now = self.link.now();
        let Some(connection) = self.table.get_mut(id) else {
            return;
        };
        let wall = || self.link.wall();
        let was_opening = connection.is_opening();
        if let Some(caught) = connection.take(now, wall, frame, packet) {
            // An ICMP error says nothing of losses: whoever sends it limits how many, and one about
            // a neighbour comes of this very host.
            let of_peer = matches!(caught.subject, Subject::Segment { .. });
            if was_opening
                && !connection.is_opening()
                && of_peer
                && let Some(pace) = &mut self.pace
            {
                pace.answered(now, &connection.attempts);
            }
            self.frames.push(now, id, caught);
            self.follow(id, now);
        }
    }

    /// What the capture has lost may have been answers.
    fn note_drops(&mut self) {
        let drops = self.link.capture_drops();
        if drops > self.drops
            && let Some(pace) = &mut self.pace
        {
            pace.capture_lost(self.link.now());
        }
        self.drops = drops;
    }

    /// Fires the timers that are due, once the frames that came before have been taken.
    fn expire(&mut self) {
        let now = self.link.now();
        let read_to = self.read_to;
        if self.deadline.is_some_and(|deadline| read_to >= deadline) {
            self.deadline = None;
            self.stop(Stop::Deadline);
        }
        while let Some((at, id)) = self.timers.pop(read_to) {
            let Some(connection) = self.table.get_mut(id) else {
                continue;
            };
            if connection.woken_at != Some(at) {
                continue;
            }
            if connection.has_unsent() {
                // Its time begins when it has left.
                connection.woken_at = Some(now + UNSENT);
                self.timers.push(now + UNSENT, id);
            } else {
                connection.woken_at = None;
                self.wake(id, now);
            }
        }
        let table = &self.table;
        self.timers.sweep(table.len(), |id| table.get(id).is_some());
    }

    /// A timer of a connection. A SYN is repeated in its turn, and as often as silence needs.
    fn wake(&mut self, id: Id, now: Time) {
        let Some(connection) = self.table.get_mut(id) else {
            return;
        };
        if let Some(pace) = &self.pace
            && connection.misses_answer(now)
        {
            let never_left = connection.never_left()
                && self.drops == connection.begun_with()
                && connection.attempts.sent() < MOST_UNSENT;
            let is_silent = pace.is_silent(now, &mut connection.attempts) && !never_left;
            if !is_silent || !connection.is_at_last_attempt() {
                connection.awaits_turn = true;
                self.repeats.push_back(id);
                return;
            }
        }
        connection.on_timeout(now);
        self.follow(id, now);
    }

    /// Repeats the SYNs whose turn it is.
    fn repeat(&mut self) {
        let now = self.link.now();
        while let Some(pace) = &mut self.pace
            && pace.ready(now) <= now
            && let Some(id) = self.repeats.pop_front()
        {
            let Some(connection) = self.table.get_mut(id) else {
                continue;
            };
            if !connection.misses_answer(now) {
                continue;
            }
            let wait = pace.syn_left(now, &mut connection.attempts);
            connection.repeat(now, wait);
            self.follow(id, now);
        }
    }

    /// Observes and records the frames that nothing can come before any more.
    fn tell(&mut self, drained: bool, mut recorder: Option<&mut dyn Recorder>) {
        let now = self.link.now();
        let all = drained && self.under_way() == 0;
        while let Some((id, caught)) = self.frames.pop(now, all) {
            let Some(connection) = self.table.get_mut(id) else {
                continue;
            };
            let recorder: Option<&mut dyn Recorder> = match &mut recorder {
                Some(recorder) => Some(&mut **recorder),
                None => None,
            };
            let told = connection.tell(id, caught, self.drops, recorder);
            if connection.is_over() {
                self.closing.touch(id);
            }
            if told.is_break() {
                self.stop(Stop::Unrecorded);
            }
        }
    }

    fn finish(&mut self, drained: bool) {
        if self.closing.count == 0 {
            return;
        }
        let moment = self.moment();
        // To a lone connection belongs all that has come by now; where others are under way the tap
        // may never be found empty.
        let more = self.table.len() == 1 && !drained;
        for (id, is_due) in self.closing.poll(self.read_to) {
            let Some(connection) = self.table.get(id) else {
                continue;
            };
            if !connection.is_finished(self.read_to, more) {
                if let (Some(until), IsDue(true)) = (connection.over_until(), is_due) {
                    self.closing.wait(id, until.max(self.read_to + UNSENT));
                }
                if more {
                    self.closing.touch(id);
                }
            } else if let Some(over) = self.table.remove(id) {
                self.closing.remove(|id| self.table.get(id).is_some());
                if let Some(strays) = &mut self.strays {
                    strays.expect(over.missing());
                }
                let finished = over.finish(moment, self.interrupted);
                self.finished.push_back((id, finished));
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment {
            now: self.link.now(),
            wall: self.link.wall(),
            drops: self.drops,
        }
    }
}

#[cfg(test)]
mod tests;
