//! Frames in, an [`Exchange`] out: states, round trips, verdict and anomalies of one connection.
//!
//! The only module that draws conclusions from frames. It sees them in order of their stamps and
//! knows nothing of who captured them or why.

mod close;
mod copies;
mod demux;
mod ends;
mod icmp;
mod known;
mod oddities;
mod queue;
mod reset;
mod rtt;
mod text;

use std::collections::HashMap;
use std::mem;

use crate::clock::Stamp;
use crate::exchange::{
    Anomaly, AnomalyKind, Checksum, End, Exchange, NewState, News, Offer, PREVIEW, SegmentRecord,
    Since, StateChange, Verdict,
};
use crate::tcp::reassembly::Reassembly;
use crate::tcp::window::{AckJudgement, ack_answers_syn, judge_ack, segment_acceptable};
use crate::tcp::{Negotiated, State};
use crate::wire::{IpHeader, Segment, SeqNumber};

use close::CloseWatch;
use ends::{Arrival, Claim, Ends, Place};
use oddities::LastWindow;
use queue::PeerQueue;
use rtt::SynRtt;

pub use copies::Copies;
pub use demux::Subject;

/// Builds the [`Exchange`] of one connection, frame by frame.
#[derive(Debug)]
pub struct Observer {
    exchange: Exchange,
    ends: Ends,
    syn_rtt: SynRtt,
    close: CloseWatch,
    our_syn: Option<Segment>,
    negotiated: Option<Negotiated>,
    /// What has arrived of the peer's text, once its SYN has.
    received: Option<Reassembly>,
    /// The first bytes of it, each in its place.
    preview: [u8; PREVIEW],
    /// SND.UNA as our TCP has it: of what it does not look at it takes no acknowledgment.
    snd_una: Option<SeqNumber>,
    /// The window that we advertised last, in bytes.
    our_window: u32,
    /// The largest window that the peer advertised, in bytes.
    peer_window: u32,
    last_window: Option<LastWindow>,
    /// A RST that came before our answer to the SYN-ACK left.
    reset_waits: Option<Segment>,
    /// Where in the list of changes an ESTABLISHED since the SYN-ACK belongs.
    syn_ack: Option<Mark>,
    /// How many of each kind there were.
    anomalies_of: HashMap<AnomalyKind, u32>,
    /// What the last frame told.
    news: News,
    last: Stamp,
}

/// A peer that repeats itself fills no memory.
const MOST_OF_A_KIND: u32 = 100;

/// So many segments are kept; a peer that floods us fills no memory.
const MOST_SEGMENTS: usize = 10_000;

/// So many more that have SYN, FIN or RST: how it ended shows all the same.
const MOST_CONTROLS: usize = 100;

#[derive(Clone, Copy, Debug)]
struct Mark {
    change: usize,
    segment: usize,
    t_ns: i64,
}

impl Mark {
    /// The same place once the change at `index` is taken out.
    fn without(self, index: usize) -> Mark {
        let shift = usize::from(index < self.change);
        Mark {
            change: self.change - shift,
            ..self
        }
    }
}

impl Default for Observer {
    fn default() -> Self {
        Observer::new()
    }
}

impl Observer {
    /// An observer that has seen nothing.
    pub fn new() -> Observer {
        Observer {
            exchange: Exchange::new(),
            ends: Ends::new(),
            syn_rtt: SynRtt::default(),
            close: CloseWatch::default(),
            our_syn: None,
            negotiated: None,
            received: None,
            preview: [0; PREVIEW],
            snd_una: None,
            our_window: 0,
            peer_window: 0,
            last_window: None,
            reset_waits: None,
            syn_ack: None,
            anomalies_of: HashMap::new(),
            news: News::default(),
            last: Stamp::default(),
        }
    }

    /// The next frame of the connection, and what it tells. Frames come in order of their stamps.
    pub fn observe(&mut self, at: Stamp, subject: &Subject) -> News {
        let started = *self.exchange.started.get_or_insert(at);
        self.last = at;
        let t_ns = at.since(started);
        match subject {
            Subject::Segment {
                from,
                ip,
                segment,
                checksum,
            } => {
                self.record(t_ns, *from, ip, segment, *checksum);
                match from {
                    _ if *checksum == Checksum::Bad => self.anomaly(
                        AnomalyKind::BadChecksum,
                        t_ns,
                        format!(
                            "a segment ({}) came with a wrong TCP checksum and was dropped",
                            segment.flags
                        ),
                    ),
                    End::Local => self.local_segment(t_ns, segment),
                    End::Peer => self.peer_segment(t_ns, ip.ttl(), segment),
                }
            }
            Subject::Malformed { error } => {
                self.anomaly(
                    AnomalyKind::MalformedSegment,
                    t_ns,
                    format!("a segment was dropped: {error}"),
                );
            }
            Subject::Fragment => {
                let text = "a segment came in IP fragments, which are not put together".to_string();
                self.anomaly(AnomalyKind::Fragmented, t_ns, text);
            }
            Subject::Icmp { ip, message, quote } => {
                self.record_icmp(t_ns, ip, message);
                self.icmp(t_ns, ip.src(), message, quote);
            }
        }
        mem::take(&mut self.news)
    }

    /// Everything that the frames have told. Silence is `filtered`.
    pub fn finish(mut self) -> Exchange {
        let exchange = &mut self.exchange;
        if exchange.verdict.is_none() && exchange.handshake.syn_sent > 0 {
            exchange.verdict = Some(Verdict::Filtered);
            exchange.reason = Some("no-response");
        }
        let opened = exchange.verdict == Some(Verdict::Open);
        exchange.close = self.close.record(opened, &self.ends);
        if let Some(started) = exchange.started {
            exchange.elapsed_ns = self.last.since(started).unsigned_abs();
        }
        self.exchange
    }

    fn record(
        &mut self,
        t_ns: i64,
        from: End,
        ip: &IpHeader,
        segment: &Segment,
        checksum: Checksum,
    ) {
        self.note_options(t_ns, from, segment);
        let flags = segment.flags;
        let is_control = flags.syn() || flags.fin() || flags.rst();
        let room = MOST_SEGMENTS + if is_control { MOST_CONTROLS } else { 0 };
        if self.exchange.segments.len() >= room {
            let text = format!(
                "only the first {MOST_SEGMENTS} segments are listed, then SYN, FIN and RST"
            );
            return self.anomaly_once(AnomalyKind::SegmentsOmitted, t_ns, text);
        }
        let len = segment.payload.len();
        self.exchange.segments.push(SegmentRecord {
            t_ns,
            from,
            ip: ip.clone(),
            segment: Segment {
                payload: segment.payload[..len.min(PREVIEW)].to_vec(),
                options: segment.options.clone(),
                ..*segment
            },
            len,
            window_size: u32::from(segment.window) << self.window_shift(from, segment),
            checksum,
        });
    }

    fn local_segment(&mut self, t_ns: i64, segment: &Segment) {
        let flags = segment.flags;
        if flags.syn() && !flags.ack() {
            self.our_syn_leaves(t_ns, segment);
        } else if flags.ack() && !flags.rst() {
            self.exchange.handshake.completed |= self.exchange.verdict == Some(Verdict::Open);
        }
        if !flags.rst() {
            let shift = self.window_shift(End::Local, segment);
            self.our_window = u32::from(segment.window) << shift;
            self.ends.local_offers(self.our_window);
        }
        self.our_text_leaves(t_ns, segment);
        if flags.fin() {
            let repeated = self.close.our_fin_leaves(t_ns);
            if repeated {
                let text = "our FIN was not acknowledged in time and was sent again".to_string();
                self.anomaly(AnomalyKind::FinRetransmitted, t_ns, text);
            }
        }
        let ours = !flags.rst() || self.is_our_reset(segment);
        let claims = self.ends.local_sends(t_ns, segment, ours);
        self.claims(t_ns, claims);
        self.take_waiting_reset(t_ns);
    }

    /// RFC 9293 3.10.7.1: a RST for a segment of no connection takes its number from there.
    fn is_our_reset(&self, segment: &Segment) -> bool {
        let known = &self.ends.local;
        match (known.iss, known.nxt) {
            (Some(iss), Some(nxt)) => iss.lt(segment.seq) && segment.seq.le(nxt),
            _ => false,
        }
    }

    fn our_syn_leaves(&mut self, t_ns: i64, segment: &Segment) {
        // Captured, it outweighs what an ICMP error quoted before.
        let isn = self.our_syn.as_ref().map_or(segment.seq, |first| first.seq);
        self.exchange.handshake.isn = Some(isn);
        self.exchange.handshake.syn_sent += 1;
        self.syn_rtt.syn(t_ns, segment);
        if self.exchange.handshake.syn_sent == 1 {
            self.our_syn = Some(segment.clone());
            return;
        }
        let answered = self.exchange.segments.iter().any(|s| s.from == End::Peer);
        let text = match self.exchange.handshake.syn_sent {
            _ if answered => "no answer to our SYN was valid, it was sent again".to_string(),
            2 => "the first SYN got no answer".to_string(),
            n => format!("{} SYNs got no answer", n - 1),
        };
        self.anomaly(AnomalyKind::SynRetransmitted, t_ns, text);
    }

    fn peer_segment(&mut self, t_ns: i64, ttl: u8, segment: &Segment) {
        match self.exchange.verdict {
            None => return self.answer_to_syn(t_ns, ttl, segment),
            Some(Verdict::Open) => {}
            Some(_) => {
                let text = format!("a segment ({}) came after the verdict", segment.flags);
                return self.anomaly(AnomalyKind::LateAnswer, t_ns, text);
            }
        }
        if segment.flags.rst() {
            return self.peer_reset(t_ns, ttl, segment);
        }
        if segment.flags.syn() {
            let is_another = self.exchange.handshake.peer_isn != Some(segment.seq);
            if is_another && self.may_answer_late_syn() {
                let text = "our RST was followed by a late SYN of ours, which the peer took for a \
                            new connection"
                    .to_string();
                return self.anomaly(AnomalyKind::LateAnswer, t_ns, text);
            }
            if is_another {
                let text = format!(
                    "a second SYN with another ISN ({}) came and was not taken",
                    segment.seq
                );
                return self.anomaly(AnomalyKind::IsnChanged, t_ns, text);
            }
            self.note_repeated_syn(t_ns);
        } else if !segment.flags.ack() {
            let text = format!("a segment ({}) without ACK was ignored", segment.flags);
            return self.anomaly(AnomalyKind::UnexpectedSegment, t_ns, text);
        }
        if !self.belongs(segment) {
            let text = format!(
                "a segment ({}, seq {}, ack {}) lies outside what either end can have sent",
                segment.flags, segment.seq, segment.ack
            );
            return self.anomaly(AnomalyKind::OutOfWindow, t_ns, text);
        }
        self.take(t_ns, segment);
    }

    /// A SYN that was sent twice may come after our RST, to a peer without a connection.
    fn may_answer_late_syn(&self) -> bool {
        let over = self.ends.local_state() == State::Closed.into();
        over && self.exchange.handshake.syn_sent > 1
    }

    /// A segment while our SYN is unanswered (RFC 9293 3.10.7.3).
    fn answer_to_syn(&mut self, t_ns: i64, ttl: u8, segment: &Segment) {
        let flags = segment.flags;
        let (Some(iss), Some(nxt)) = (self.ends.local.iss, self.ends.local.nxt) else {
            return;
        };
        if flags.ack() && !ack_answers_syn(iss, nxt, segment.ack) {
            if !flags.syn() && !flags.rst() {
                // RFC 9293 3.5.1: half-open, the peer has not heard that the connection is gone.
                let text = format!(
                    "the peer still has an old connection on these ports (ack {}): answered with RST",
                    segment.ack
                );
                return self.anomaly(AnomalyKind::OldConnection, t_ns, text);
            }
            let text = format!(
                "the peer acknowledged {} where our SYN asks for {}: {}",
                segment.ack,
                iss + 1,
                if flags.rst() {
                    "its RST was ignored"
                } else {
                    "answered with RST"
                }
            );
            return self.anomaly(AnomalyKind::WrongAck, t_ns, text);
        }
        let opens = flags.syn() && !flags.rst();
        if flags.rst() && flags.ack() {
            self.decide(Verdict::Closed, "reset");
        } else if opens {
            self.decide(Verdict::Open, if flags.ack() { "syn-ack" } else { "syn" });
        } else {
            let text = format!("a segment ({flags}) that answers no SYN was ignored");
            return self.anomaly(AnomalyKind::UnexpectedSegment, t_ns, text);
        }
        self.exchange.handshake.rtt_ns = self.syn_rtt.answered(t_ns, segment);
        self.ends.round_trip_ns = self.syn_rtt.at_least(t_ns);
        self.exchange.peer = Some(offer(ttl, segment));
        if opens {
            self.note_closing_syn(t_ns, segment);
            self.exchange.handshake.peer_isn = Some(segment.seq);
            self.received = Some(Reassembly::new(segment.seq + 1));
            self.snd_una = flags.ack().then_some(segment.ack);
            self.agree(segment);
        }
        self.take(t_ns, segment);
        if opens {
            self.syn_ack = Some(Mark {
                change: self.exchange.states.len(),
                segment: self.exchange.segments.len() - 1,
                t_ns,
            });
        }
    }

    fn agree(&mut self, syn_ack: &Segment) {
        let Some(syn) = &self.our_syn else { return };
        let agreed = Negotiated::from_syns(syn, syn_ack);
        let mss = agreed.most_text(agreed.opener);
        self.ends
            .peer_queues(PeerQueue::new(mss, self.our_window, syn_ack.seq + 1));
        self.negotiated = Some(agreed);
    }

    fn decide(&mut self, verdict: Verdict, reason: &'static str) {
        self.exchange.verdict = Some(verdict);
        self.exchange.reason = Some(reason);
    }

    fn note_repeated_syn(&mut self, t_ns: i64) {
        if self.ends.local_state() == State::SynReceived.into() {
            return; // A simultaneous open: the SYN-ACK repeats the SYN (RFC 9293 figure 8).
        }
        let since = self.syn_ack.map_or(0, |mark| t_ns - mark.t_ns);
        let text = format!(
            "the peer repeated its SYN-ACK {:.3} s after the first",
            since as f64 / 1e9
        );
        self.anomaly(AnomalyKind::SynAckRepeated, t_ns, text);
    }

    /// Whether the peer can have sent this on our connection: it acknowledges what we may have
    /// sent, and lies in our window or before it.
    fn belongs(&self, segment: &Segment) -> bool {
        let Some(rcv_nxt) = self.rcv_nxt() else {
            return false;
        };
        // A segment without text stands at the edge when its sender has filled our window, or one
        // beyond with its FIN: we do not look at it, but it is the peer's.
        let beyond = segment.seq.diff(rcv_nxt + self.our_window);
        let at_edge = segment.payload.is_empty() && (0..=1).contains(&beyond);
        let acceptable = segment_acceptable(rcv_nxt, self.our_window, segment);
        self.acks_what_we_sent(segment) && (self.is_old(segment) || acceptable || at_edge)
    }

    /// The next number that we expect.
    fn rcv_nxt(&self) -> Option<SeqNumber> {
        self.received.as_ref().map(Reassembly::nxt)
    }

    /// Its number has been received already.
    fn is_old(&self, segment: &Segment) -> bool {
        let numbers = self.exchange.handshake.peer_isn.zip(self.rcv_nxt());
        numbers.is_some_and(|(irs, rcv_nxt)| irs.le(segment.seq) && segment.seq.lt(rcv_nxt))
    }

    fn acks_what_we_sent(&self, segment: &Segment) -> bool {
        let known = &self.ends.local;
        let (Some(iss), Some(nxt)) = (known.iss, known.nxt) else {
            return false;
        };
        match self.snd_una {
            _ if !segment.flags.ack() => true,
            Some(una) if self.ends.local_state() != State::SynReceived.into() => {
                judge_ack(una, nxt, self.peer_window, segment.ack) != AckJudgement::Challenge
            }
            _ => ack_answers_syn(iss, nxt, segment.ack),
        }
    }

    /// A segment that counts: data, FIN, states.
    fn take(&mut self, t_ns: i64, segment: &Segment) {
        let arrival = self.arrive(t_ns, segment);
        if arrival.acceptable && segment.flags.ack() {
            let newer = |una: &SeqNumber| una.lt(segment.ack);
            self.snd_una = Some(
                self.snd_una
                    .filter(|una| !newer(una))
                    .unwrap_or(segment.ack),
            );
        }
        self.follow_peer_window(t_ns, segment);
        if segment.flags.ack() {
            self.close.acknowledged(t_ns, segment.ack, &self.ends);
        }
        if arrival.fin.is_some() {
            self.close.peer_fin_comes(t_ns);
        }
        let claims = self.ends.peer_sends(t_ns, segment, arrival);
        self.claims(t_ns, claims);
    }

    /// Takes the new part of the text, as far as our window goes, and the FIN once nothing before
    /// it is missing (RFC 9293 3.10.7.4, seventh and eighth).
    fn arrive(&mut self, t_ns: i64, segment: &Segment) -> Arrival {
        let flags = segment.flags;
        let rcv_nxt = self.rcv_nxt().unwrap_or_default();
        let local = self.ends.local_state();
        let crossing = flags.syn() && local == State::SynReceived.into();
        // In a synchronized state nothing of a segment with SYN counts (RFC 5961 4.2).
        let counts = !flags.syn() || flags.ack() && (crossing || local == State::SynSent.into());
        let in_window = segment_acceptable(rcv_nxt, self.our_window, segment);
        Arrival {
            // A RST comes this way only where it refuses our SYN.
            acceptable: crossing || flags.rst() || counts && in_window,
            gap: rcv_nxt.lt(segment.text_seq()),
            fin: if counts && (in_window || self.is_old(segment)) {
                self.take_text(t_ns, segment)
            } else {
                None
            },
        }
    }

    fn claims(&mut self, t_ns: i64, claims: Vec<Claim>) {
        let segment = self.exchange.segments.len() - 1;
        let states = &mut self.exchange.states;
        for claim in claims {
            let change = |t_ns, segment| StateChange {
                t_ns,
                end: claim.end,
                states: claim.states,
                basis: claim.basis,
                segment,
            };
            let mut since = Since::Now;
            match (claim.place, self.syn_ack) {
                (Place::SinceSynAck, Some(mark)) => {
                    states.insert(mark.change, change(mark.t_ns, mark.segment));
                    since = Since::SynAck;
                }
                (Place::InsteadOfLast, mark) => {
                    let last = states.iter().rposition(|earlier| earlier.end == claim.end);
                    if let Some(index) = last {
                        since = Since::InsteadOf(states.remove(index).states);
                        self.syn_ack = mark.map(|mark| mark.without(index));
                    }
                    states.push(change(t_ns, segment));
                }
                _ => states.push(change(t_ns, segment)),
            }
            self.news.states.push(NewState {
                end: claim.end,
                states: claim.states,
                basis: claim.basis,
                since,
            });
        }
    }

    fn anomaly_once(&mut self, kind: AnomalyKind, t_ns: i64, text: String) {
        if !self.anomalies_of.contains_key(&kind) {
            self.anomaly(kind, t_ns, text);
        }
    }

    fn anomaly(&mut self, kind: AnomalyKind, t_ns: i64, mut text: String) {
        let count = self.anomalies_of.entry(kind).or_default();
        *count += 1;
        if *count > MOST_OF_A_KIND {
            return;
        }
        if *count == MOST_OF_A_KIND {
            text += " (more of this kind are not listed)";
        }
        self.news.anomalies.push((kind, text.clone()));
        self.exchange.anomalies.push(Anomaly::new(kind, t_ns, text));
    }
}

/// What the answer to our SYN says of the peer.
fn offer(ttl: u8, segment: &Segment) -> Offer {
    let options = &segment.options;
    Offer {
        mss: options.mss(),
        wscale: options.window_scale(),
        sack: options.sack_permitted(),
        timestamps: options.timestamps(),
        window: segment.window,
        ttl,
        ecn: segment.flags.syn() && crate::tcp::accepts_ecn(segment),
        options: options.clone(),
    }
}

#[cfg(test)]
mod tests;
