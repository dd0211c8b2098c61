//! One end of a TCP connection: its variables (RFC 9293 3.3.1), what it sends, its timers.
//!
//! The caller feeds in segments and the time and takes out segments, a deadline and events, in
//! the manner of quinn-proto. How a segment that arrives is handled is in `process`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Time;
use crate::wire::{Flags, Options, Segment, SeqNumber};

use super::reassembly::Reassembly;
use super::sender::Sender;
use super::throttle::Throttle;
use super::timer::{Expiry, RetransmissionTimer};
use super::{Negotiated, Schedule, Side, State};

/// What an end brings to a connection.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our port.
    pub local_port: u16,
    /// The peer's port, 0 for a passive open that takes any.
    pub remote_port: u16,
    /// Our initial sequence number.
    pub iss: SeqNumber,
    /// The window field of our SYN, in bytes; later segments advertise the same window.
    pub window: u16,
    /// The options of our SYN. The value of a timestamp option is added to the clock's.
    pub options: Options,
    /// Flags beside SYN in our SYN (the ECN setup bits).
    pub syn_flags: Flags,
    /// How long to wait for an acknowledgment, and how often to send again.
    pub schedule: Schedule,
}

/// What happened to a connection, for the one who drives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Both SYNs are acknowledged.
    Established,
    /// The peer's FIN arrived in order.
    PeerClosed,
    /// Our FIN is acknowledged.
    CloseAcknowledged,
    /// An acceptable RST arrived.
    Reset,
    /// The retransmissions are used up.
    GaveUp,
}

/// A segment to send. Its checksum is not filled in: that needs the addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// The segment.
    pub segment: Segment,
    /// Its packet is ECT(0): routers may mark it instead of dropping it (RFC 3168 6.1).
    pub ecn_capable: bool,
}

/// Receive sequence variables (RFC 9293 3.3.1).
#[derive(Clone, Debug)]
pub(super) struct Receive {
    /// RCV.NXT, and what lies beyond a hole.
    pub(super) text: Reassembly,
    pub(super) wnd: u32,
}

impl Receive {
    pub(super) fn nxt(&self) -> SeqNumber {
        self.text.nxt()
    }
}

/// Explicit congestion notification (RFC 3168 6.1), once agreed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ecn {
    /// The segment at hand came in a packet that a router marked.
    pub(super) marked: bool,
    /// 6.1.3: every ACK says so until the peer answers with CWR.
    pub(super) echoes: bool,
    /// 6.1.2: the next new text says that the window was reduced.
    pub(super) reduced: bool,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) passive: bool,
    pub(super) crosses_fin: bool,
    pub(super) snd: Sender,
    pub(super) rcv: Receive,
    /// The options of our SYN or SYN-ACK.
    pub(super) offer: Options,
    /// Our SYN as first sent, for the negotiation.
    pub(super) syn: Segment,
    pub(super) negotiated: Option<Negotiated>,
    /// RFC 7323 4.3: TS.Recent.
    pub(super) ts_recent: u32,
    pub(super) timer: RetransmissionTimer,
    pub(super) throttle: Throttle,
    pub(super) ecn: Ecn,
    /// The largest text that our network takes, bytes.
    max_segment: u32,
    pub(super) outbox: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Connection {
    /// A connection in CLOSED.
    pub fn new(config: Config) -> Connection {
        Connection {
            state: State::Closed,
            passive: false,
            crosses_fin: false,
            snd: Sender::new(config.iss),
            rcv: Receive {
                text: Reassembly::default(),
                wnd: u32::from(config.window),
            },
            offer: config.options.clone(),
            syn: Segment::default(),
            negotiated: None,
            ts_recent: 0,
            timer: RetransmissionTimer::new(config.schedule),
            throttle: Throttle::default(),
            ecn: Ecn::default(),
            max_segment: u32::MAX,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            config,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// RCV.NXT: it moves with each segment of the peer that is taken.
    pub fn rcv_nxt(&self) -> SeqNumber {
        self.rcv.nxt()
    }

    /// Some of our text or our FIN is not acknowledged, or waits to be sent.
    pub fn is_sending(&self) -> bool {
        self.snd.is_busy()
    }

    /// Something the peer sent has come, and something before it has not.
    pub fn is_missing_text(&self) -> bool {
        self.rcv.text.has_hole()
    }

    /// What the route takes in one segment, options not counted: what its MTU leaves, in bytes
    /// (RFC 9293 3.7.1).
    pub fn limit_segments(&mut self, max_segment: u32) {
        self.max_segment = self.max_segment.min(max_segment);
    }

    /// RFC 1191 and RFC 8201: a router on the path takes no more than this, in the measure of
    /// [`Connection::limit_segments`]. What was too large is sent again in smaller segments.
    pub fn lower_path(&mut self, now: Time, max_segment: u32) {
        let before = self.max_segment;
        self.limit_segments(max_segment);
        if self.max_segment < before && self.negotiated.is_some() {
            self.snd.lower_mss(self.max_text());
            self.output(now);
        }
    }

    /// RFC 9293 3.10.1, passive OPEN.
    pub fn listen(&mut self) {
        self.state = State::Listen;
        self.passive = true;
    }

    /// RFC 9293 3.10.1, active OPEN: sends the SYN.
    pub fn open(&mut self, now: Time) {
        self.syn = self.build_syn(now, Flags::SYN | self.config.syn_flags);
        self.state = State::SynSent;
        self.snd.syn_sent();
        self.push(self.syn.clone());
        self.timer.start(now);
    }

    /// RFC 9293 3.10.2, SEND: queues text and sends what the peer's window allows. After CLOSE
    /// nothing is taken.
    pub fn write(&mut self, now: Time, text: Arc<[u8]>) {
        if matches!(
            self.state,
            State::SynSent | State::SynReceived | State::Established | State::CloseWait
        ) {
            self.snd.write(text);
            self.output(now);
        }
    }

    /// RFC 9293 3.10.4, CLOSE: a FIN follows the text, where there is a connection to close.
    pub fn close(&mut self, now: Time) {
        let next = self.state.on_close();
        if next == self.state {
            return;
        }
        if next == State::Closed {
            return self.enter_closed();
        }
        self.snd.close();
        // With text before the FIN, ESTABLISHED is left at once, CLOSE-WAIT as the FIN leaves.
        if self.state != State::CloseWait {
            self.state = next;
        }
        self.output(now);
    }

    /// From now on, CLOSE in ESTABLISHED as the peer's FIN arrives and before it is taken: our FIN
    /// does not acknowledge it, as if the two had crossed (RFC 9293 figure 13).
    pub fn cross_fin(&mut self) {
        self.crosses_fin = true;
    }

    /// RFC 9293 3.10.5, ABORT: sends a RST where the peer may have a connection.
    ///
    /// Its number is SND.NXT. A peer that missed our FIN expects less, finds it in its window and
    /// challenges it (RFC 5961 3.2); the answer to the challenge has the number it expects. With
    /// SND.UNA a peer whose acknowledgment of the FIN was lost would drop it in silence. Where text
    /// is under way SND.NXT may lie beyond its window: there is one of either number. RFC 9293
    /// sends nothing in SYN-SENT, CLOSING and LAST-ACK, where the peer may be in SYN-RECEIVED,
    /// FIN-WAIT-1 or FIN-WAIT-2 with what it sent or what we sent lost.
    pub fn abort(&mut self, now: Time) {
        match self.state {
            State::Closed | State::Listen | State::TimeWait => {}
            State::SynSent | State::SynReceived => self.send(now, Flags::RST),
            _ => {
                if self.snd.text_is_outstanding() {
                    self.send_numbered(now, Flags::RST | Flags::ACK, self.snd.una);
                }
                self.send(now, Flags::RST | Flags::ACK);
            }
        }
        self.enter_closed();
    }

    /// Stops sending the SYN again without leaving SYN-SENT: what arrives stays unanswered.
    pub fn withhold(&mut self) {
        self.timer.stop();
    }

    /// Looks at the timer. A spurious call is harmless.
    pub fn on_timeout(&mut self, now: Time) {
        match self.timer.on_timeout(now) {
            Expiry::Nothing => {}
            Expiry::Retransmit => self.retransmit(now),
            Expiry::GiveUp => self.event(Event::GaveUp),
        }
    }

    /// What was to leave when the timer was set has left only now.
    pub fn restart_timer(&mut self, now: Time) {
        self.timer.restart(now);
    }

    /// With the next time-out it gives up.
    pub fn is_at_last_attempt(&self) -> bool {
        self.timer.is_last()
    }

    /// One attempt more than the schedule has, which waits so long.
    pub fn grant_attempt(&mut self, wait: Duration) {
        self.timer.grant(wait);
    }

    /// When [`Connection::on_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timer.deadline()
    }

    /// The next segment to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    /// What happened since the last call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// We have closed, and our FIN is not acknowledged.
    pub(super) fn fin_is_outstanding(&self) -> bool {
        matches!(
            self.state,
            State::FinWait1 | State::Closing | State::LastAck
        )
    }

    /// What we and the peer agreed on: our side, and the other.
    fn sides(&self) -> Option<(Side, Side)> {
        self.negotiated.map(|agreed| match self.passive {
            true => (agreed.answerer, agreed.opener),
            false => (agreed.opener, agreed.answerer),
        })
    }

    pub(super) fn our_side_shift(&self) -> u8 {
        self.sides().map_or(0, |(ours, _)| ours.window_shift)
    }

    pub(super) fn peer_shift(&self) -> u8 {
        self.sides().map_or(0, |(_, peer)| peer.window_shift)
    }

    /// Both SYNs have come: how large our segments are, and what our window is. In units of the
    /// agreed scale it may be a little larger than that of our SYN, but never smaller (RFC 9293
    /// 3.8.6, RFC 7323 2.4).
    pub(super) fn size_segments(&mut self) {
        self.snd.set_mss(self.max_text());
        self.rcv.wnd = self.rcv.wnd.next_multiple_of(1 << self.our_side_shift());
    }

    /// What both ends and our network take, in bytes (RFC 9293 3.7.1).
    fn max_text(&self) -> u32 {
        let Some((agreed, (_, peer))) = self.negotiated.zip(self.sides()) else {
            return 0;
        };
        agreed.most_text(self.max_segment.min(peer.mss.into()))
    }

    pub(super) fn uses_timestamps(&self) -> bool {
        self.negotiated.is_some_and(|agreed| agreed.timestamps)
    }

    pub(super) fn uses_ecn(&self) -> bool {
        self.negotiated.is_some_and(|agreed| agreed.ecn)
    }

    pub(super) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn enter_closed(&mut self) {
        self.state = State::Closed;
        self.timer.stop();
    }
}
