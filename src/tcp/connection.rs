//! One end of a TCP connection: its variables (RFC 9293 3.3.1), what it sends, its timers.
//!
//! The caller feeds in segments and the time and takes out segments, a deadline and events, in
//! the manner of quinn-proto. How a segment that arrives is handled is in `process`.

use std::collections::VecDeque;

use crate::clock::Time;
use crate::wire::{Flags, Options, Segment, SeqNumber, TcpOption};

use super::timer::{Expiry, RetransmissionTimer};
use super::{Negotiated, Schedule, State};

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

/// Send sequence variables (RFC 9293 3.3.1).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Send {
    pub(super) una: SeqNumber,
    pub(super) nxt: SeqNumber,
    pub(super) wnd: u32,
    pub(super) wl1: SeqNumber,
    pub(super) wl2: SeqNumber,
    pub(super) max_wnd: u32,
}

/// Receive sequence variables (RFC 9293 3.3.1).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Receive {
    pub(super) nxt: SeqNumber,
    pub(super) wnd: u32,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) passive: bool,
    pub(super) crosses_fin: bool,
    pub(super) snd: Send,
    pub(super) rcv: Receive,
    /// The options of our SYN or SYN-ACK.
    pub(super) offer: Options,
    /// Our SYN as first sent, for the negotiation.
    pub(super) syn: Segment,
    pub(super) negotiated: Option<Negotiated>,
    /// RFC 7323 4.3: TS.Recent.
    pub(super) ts_recent: u32,
    pub(super) timer: RetransmissionTimer,
    pub(super) throttle: AckThrottle,
    outbox: VecDeque<Segment>,
    events: VecDeque<Event>,
}

/// RFC 5961 7: answers to unacceptable segments are limited, so that two confused ends cannot
/// keep each other busy.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AckThrottle {
    since: Time,
    sent: u32,
}

impl AckThrottle {
    const PER_SECOND: u32 = 10;

    pub(super) fn allows(&mut self, now: Time) -> bool {
        if (now - self.since).as_secs() >= 1 {
            *self = AckThrottle {
                since: now,
                sent: 0,
            };
        }
        self.sent += 1;
        self.sent <= Self::PER_SECOND
    }
}

impl Connection {
    /// A connection in CLOSED.
    pub fn new(config: Config) -> Connection {
        Connection {
            state: State::Closed,
            passive: false,
            crosses_fin: false,
            snd: Send {
                una: config.iss,
                nxt: config.iss,
                ..Send::default()
            },
            rcv: Receive {
                nxt: SeqNumber(0),
                wnd: u32::from(config.window),
            },
            offer: config.options.clone(),
            syn: Segment::default(),
            negotiated: None,
            ts_recent: 0,
            timer: RetransmissionTimer::new(config.schedule),
            throttle: AckThrottle::default(),
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
        self.rcv.nxt
    }

    /// What the SYNs agreed on, once there were two.
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.negotiated
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
        self.snd.nxt = self.config.iss + 1;
        self.outbox.push_back(self.syn.clone());
        self.timer.start(now);
    }

    /// RFC 9293 3.10.4, CLOSE: sends a FIN once, where there is a connection to close.
    pub fn close(&mut self, now: Time) {
        let next = self.state.on_close();
        if next == self.state {
            return;
        }
        if next == State::Closed {
            return self.enter_closed();
        }
        self.send(now, Flags::FIN | Flags::ACK);
        self.snd.nxt += 1;
        self.timer.start(now);
        self.state = next;
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
    /// SND.UNA a peer whose acknowledgment of the FIN was lost would drop it in silence. RFC 9293
    /// sends nothing in SYN-SENT, CLOSING and LAST-ACK, where the peer may be in SYN-RECEIVED,
    /// FIN-WAIT-1 or FIN-WAIT-2 with what it sent or what we sent lost.
    pub fn abort(&mut self, now: Time) {
        match self.state {
            State::Closed | State::Listen | State::TimeWait => {}
            State::SynSent | State::SynReceived => self.send(now, Flags::RST),
            _ => self.send(now, Flags::RST | Flags::ACK),
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

    /// When [`Connection::on_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timer.deadline()
    }

    /// The next segment to send. Its checksum is not filled in: that needs the addresses.
    pub fn poll_transmit(&mut self) -> Option<Segment> {
        self.outbox.pop_front()
    }

    /// What happened since the last call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Our FIN is sent and not acknowledged; it stands just before SND.NXT.
    pub(super) fn fin_is_outstanding(&self) -> bool {
        matches!(
            self.state,
            State::FinWait1 | State::Closing | State::LastAck
        )
    }

    /// RFC 6298 5.4: the earliest segment that is not acknowledged.
    fn retransmit(&mut self, now: Time) {
        match self.state {
            State::SynSent => {
                let syn = self.build_syn(now, self.syn.flags);
                self.outbox.push_back(syn);
            }
            State::SynReceived => self.send_syn_ack(now),
            // Closed in SYN-RECEIVED: the SYN comes before the FIN.
            _ if self.snd.una == self.config.iss => self.send_syn_ack(now),
            _ if self.fin_is_outstanding() => {
                self.send_numbered(now, Flags::FIN | Flags::ACK, self.snd.una);
            }
            _ => {}
        }
    }

    pub(super) fn send_syn_ack(&mut self, now: Time) {
        let syn_ack = self.build_syn(now, Flags::SYN | Flags::ACK);
        self.outbox.push_back(syn_ack);
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT>` with the given flags.
    pub(super) fn send(&mut self, now: Time, flags: Flags) {
        self.send_numbered(now, flags, self.snd.nxt);
    }

    pub(super) fn send_numbered(&mut self, now: Time, flags: Flags, seq: SeqNumber) {
        let acknowledges = flags.contains(Flags::ACK);
        let shift = self.our_side_shift();
        let mut segment = Segment {
            src_port: self.config.local_port,
            dst_port: self.config.remote_port,
            seq,
            ack: if acknowledges {
                self.rcv.nxt
            } else {
                SeqNumber(0)
            },
            flags,
            window: if flags.rst() {
                0
            } else {
                u16::try_from(self.rcv.wnd >> shift).unwrap_or(u16::MAX)
            },
            ..Segment::default()
        };
        if self.negotiated.is_some_and(|agreed| agreed.timestamps) {
            // RFC 7323 3.2: in every segment once agreed; TSecr is valid only beside ACK.
            segment.options = Options::from(vec![
                TcpOption::Nop,
                TcpOption::Nop,
                TcpOption::Timestamps {
                    val: self.timestamp(now),
                    ecr: if acknowledges { self.ts_recent } else { 0 },
                },
            ]);
        }
        self.outbox.push_back(segment);
    }

    /// A RST that belongs to no connection (RFC 9293 3.10.7.1): numbered from the segment itself.
    pub(super) fn send_rst_for(&mut self, segment: &Segment) {
        let (flags, seq, ack) = if segment.flags.ack() {
            (Flags::RST, segment.ack, SeqNumber(0))
        } else {
            (
                Flags::RST | Flags::ACK,
                SeqNumber(0),
                segment.seq + segment.seq_len(),
            )
        };
        self.outbox.push_back(Segment {
            src_port: segment.dst_port,
            dst_port: segment.src_port,
            seq,
            ack,
            flags,
            ..Segment::default()
        });
    }

    fn build_syn(&self, now: Time, flags: Flags) -> Segment {
        let acknowledges = flags.contains(Flags::ACK);
        let ours = self.offer.iter().map(|option| match option {
            TcpOption::Timestamps { val, .. } => TcpOption::Timestamps {
                val: val.wrapping_add(millis(now)),
                ecr: if acknowledges { self.ts_recent } else { 0 },
            },
            other => other.clone(),
        });
        Segment {
            src_port: self.config.local_port,
            dst_port: self.config.remote_port,
            seq: self.config.iss,
            ack: if acknowledges {
                self.rcv.nxt
            } else {
                SeqNumber(0)
            },
            flags,
            window: self.config.window,
            options: Options::from(ours.collect::<Vec<_>>()),
            ..Segment::default()
        }
    }

    /// RFC 7323 5.4: a clock of one tick a millisecond, from the offset in our SYN's option.
    fn timestamp(&self, now: Time) -> u32 {
        let offset = self.offer.timestamps().map_or(0, |(val, _)| val);
        offset.wrapping_add(millis(now))
    }

    fn our_side_shift(&self) -> u8 {
        self.negotiated.map_or(0, |agreed| {
            if self.passive {
                agreed.answerer.window_shift
            } else {
                agreed.opener.window_shift
            }
        })
    }

    pub(super) fn peer_shift(&self) -> u8 {
        self.negotiated.map_or(0, |agreed| {
            if self.passive {
                agreed.opener.window_shift
            } else {
                agreed.answerer.window_shift
            }
        })
    }

    pub(super) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn enter_closed(&mut self) {
        self.state = State::Closed;
        self.timer.stop();
    }
}

fn millis(now: Time) -> u32 {
    // The low 32 bits: RFC 7323 clocks wrap.
    (now.0 / 1_000_000) as u32
}
