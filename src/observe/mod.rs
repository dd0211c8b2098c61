//! Frames in, an [`Exchange`] out: states, round trips, verdict and anomalies of one connection.
//!
//! The only module that draws conclusions from frames. It sees them in order of their stamps and
//! knows nothing of who captured them or why: a probe and a capture file from anywhere differ only
//! in their [`Vantage`]. The client is [`End::Local`], the server [`End::Peer`].

mod close;
mod copies;
mod demux;
mod effect;
mod ends;
mod icmp;
mod known;
mod oddities;
mod opening;
mod pair;
mod queue;
mod reset;
mod rtt;
mod text;
mod window;

use std::collections::HashMap;
use std::mem;

use crate::clock::Stamp;
use crate::exchange::{
    Anomaly, AnomalyKind, Checksum, End, Exchange, NewState, News, PREVIEW, SegmentRecord, Since,
    StateChange, Verdict, one_more,
};
use crate::tcp::reassembly::Reassembly;
use crate::tcp::window::{AckJudgement, ack_answers_syn, judge_ack, segment_acceptable};
use crate::tcp::{MAX_SHIFT, State, StateSet};
use crate::wire::{Flags, IpHeader, Segment, SeqNumber};

use close::CloseWatch;
use ends::{Arrival, Claims, Ends, Place};
use pair::Pair;
use rtt::HandshakeRtt;
use window::Advertised;

pub use copies::Copies;
pub use demux::Subject;

/// Where the frames of a connection were captured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Vantage {
    /// At the client, which is ours: it does what it sends, and nothing else.
    Ours,
    /// At one end: what the other sends has arrived there.
    At(End),
    /// Somewhere between: what passes may be lost after that.
    #[default]
    Between,
}

/// How much is kept of what happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Detail {
    /// What it came to.
    Outcome,
    /// And the states that both ends went through.
    #[default]
    States,
    /// And each segment.
    Segments,
}

/// How an end is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sight {
    /// It is our own, and the frames were captured there.
    Ours,
    /// The frames were captured there.
    Here,
    /// The frames were captured elsewhere.
    Afar,
}

impl Vantage {
    fn sight(self, end: End) -> Sight {
        match self {
            Vantage::Ours if end == End::Local => Sight::Ours,
            Vantage::At(here) if here == end => Sight::Here,
            _ => Sight::Afar,
        }
    }
}

/// Builds the [`Exchange`] of one connection, frame by frame.
#[derive(Debug)]
pub struct Observer {
    exchange: Exchange,
    vantage: Vantage,
    ends: Ends,
    sides: Pair<Side>,
    rtt: HandshakeRtt,
    close: CloseWatch,
    syn: Option<Segment>,
    /// The first bytes of the server's text, each in its place.
    preview: [u8; PREVIEW],
    /// So many of them were captured without a gap.
    previewed: usize,
    /// So many of those have arrived in order.
    shown: usize,
    /// Bytes of the end of the newest segment that the capture lacks.
    missing: u32,
    /// A RST that came before our answer to the SYN-ACK left.
    reset_waits: Option<Box<Segment>>,
    /// Where in the list of changes an ESTABLISHED since the SYN-ACK belongs.
    syn_ack: Option<Mark>,
    detail: Detail,
    /// How many of each kind there were.
    anomalies_of: HashMap<AnomalyKind, usize>,
    /// What the last frame told.
    news: News,
    last: Stamp,
}

/// What an end has sent.
#[derive(Clone, Debug, Default)]
struct Side {
    /// What has arrived of its text, once its SYN has: RCV.NXT of the other end.
    text: Option<Reassembly>,
    /// SND.UNA as its TCP has it: of what it does not look at it takes no acknowledgment.
    una: Option<SeqNumber>,
    /// Bytes of its text that have arrived in order.
    arrived: u64,
    /// One more that was acknowledged and not captured, if it was no FIN.
    owes_one: bool,
    advertised: Advertised,
    /// The TTL of its first segment.
    ttl: Option<u8>,
    /// Its newest segment.
    newest: Option<Newest>,
}

/// How a segment lies to what the other end expects of its sender.
#[derive(Clone, Copy, Debug)]
struct Fit {
    rcv_nxt: SeqNumber,
    /// The first number beyond the window.
    edge: SeqNumber,
    /// Some of it is in the window.
    acceptable: bool,
    /// Its number has been received already.
    old: bool,
}

/// What of a segment is remembered when it is not kept.
#[derive(Clone, Copy, Debug)]
struct Newest {
    t_ns: i64,
    seq: SeqNumber,
    flags: Flags,
}

/// So many segments are kept; a peer that floods us fills no memory.
const MOST_SEGMENTS: usize = 10_000;

/// So many more that have SYN, FIN or RST: how it ended shows all the same.
const MOST_CONTROLS: usize = 100;

/// A connection from SYN to FIN has hardly more.
const USUAL_CLAIMS: usize = 16;

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

impl Observer {
    /// An observer that has seen nothing.
    pub fn new(vantage: Vantage) -> Observer {
        Observer {
            exchange: Exchange::new(),
            vantage,
            ends: Ends::new(vantage),
            sides: Pair::default(),
            rtt: HandshakeRtt::default(),
            close: CloseWatch::default(),
            syn: None,
            preview: [0; PREVIEW],
            previewed: PREVIEW,
            shown: 0,
            missing: 0,
            reset_waits: None,
            syn_ack: None,
            detail: Detail::Segments,
            anomalies_of: HashMap::new(),
            news: News::default(),
            last: Stamp::default(),
        }
    }

    /// From now on it keeps so much of what happens. Without segments it does not grow with the
    /// connection.
    pub fn keep(&mut self, detail: Detail) {
        self.detail = detail;
    }

    /// The states that an end may be in, as far as the frames have told.
    pub fn states(&self, end: End) -> StateSet {
        self.ends.states(end)
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
                missing,
            } => {
                self.missing = *missing;
                self.record(t_ns, *from, ip, segment, *checksum);
                if *checksum == Checksum::Bad {
                    let text = format!(
                        "a segment ({}) came with a wrong TCP checksum and was dropped",
                        segment.flags
                    );
                    self.anomaly(AnomalyKind::BadChecksum, t_ns, text);
                } else {
                    self.segment(t_ns, *from, ip.ttl(), segment);
                }
                self.sides[*from].newest = Some(Newest {
                    t_ns,
                    seq: segment.seq,
                    flags: segment.flags,
                });
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

    /// Our SYN, which had this number, has left, and the capture has lost it.
    pub fn miss_syn(&mut self, iss: SeqNumber) {
        self.begin_after_syn(End::Local, iss);
    }

    /// Everything that the frames have told. Silence is `filtered`.
    pub fn finish(mut self) -> Exchange {
        let exchange = &mut self.exchange;
        if exchange.verdict.is_none() && exchange.handshake.syn_sent > 0 {
            exchange.verdict = Some(Verdict::Filtered);
            exchange.reason = Some("no-response");
        }
        let opened = exchange.verdict == Some(Verdict::Open);
        // Of our own connections there is nothing more to come.
        let over = self.vantage == Vantage::Ours;
        exchange.close = self.close.record(opened, over, &self.ends);
        exchange.data.preview = self.preview[..self.shown].to_vec();
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
        if self.detail < Detail::Segments {
            return;
        }
        let is_control = segment.flags.is_control();
        let room = MOST_SEGMENTS + if is_control { MOST_CONTROLS } else { 0 };
        if self.exchange.segments.len() >= room {
            let text = format!(
                "only the first {MOST_SEGMENTS} segments are listed, then SYN, FIN and RST"
            );
            return self.anomaly_once(AnomalyKind::SegmentsOmitted, t_ns, text);
        }
        let len = segment.payload.len();
        let shift = self.window_shift(from, segment).unwrap_or_default();
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
            window_size: u32::from(segment.window) << shift,
            checksum,
        });
    }

    fn segment(&mut self, t_ns: i64, from: End, ttl: u8, segment: &Segment) {
        let flags = segment.flags;
        if self.vantage != Vantage::Ours {
            self.begin_in_the_middle(from, segment);
        }
        if from == End::Local && flags.syn() && !flags.ack() {
            self.syn_leaves(t_ns, ttl, segment);
        }
        if self.ends.sight(from) == Sight::Ours {
            return self.our_segment(t_ns, from, segment);
        }
        match self.exchange.verdict {
            Some(Verdict::Open) => self.judge(t_ns, from, ttl, segment),
            None if from == End::Peer && self.exchange.handshake.isn.is_some() => {
                self.answer_to_syn(t_ns, ttl, segment);
            }
            None => self.before_the_answer(t_ns, from, segment),
            Some(_) if from == End::Peer && self.may_answer_again(segment) => {
                self.answer_to_syn(t_ns, ttl, segment);
            }
            Some(_) if from == End::Local => self.before_the_answer(t_ns, from, segment),
            Some(_) => {
                let text = format!("a segment ({flags}) came after the verdict");
                self.anomaly(AnomalyKind::LateAnswer, t_ns, text);
            }
        }
    }

    fn our_segment(&mut self, t_ns: i64, from: End, segment: &Segment) {
        let flags = segment.flags;
        if flags.ack() && !flags.rst() {
            self.answer_to_syn_ack(t_ns, segment);
            self.close.acknowledged(t_ns, from, segment.ack, &self.ends);
        }
        self.follow_window(t_ns, from, segment);
        self.our_text_leaves(t_ns, segment);
        if flags.rst() && !self.is_clients_reset(segment) {
            return self.take_waiting_reset(t_ns);
        }
        if flags.rst() {
            self.close.reset(from, self.ends.states(from));
        }
        let in_order = Arrival {
            acceptable: true,
            gap: false,
            fin: None,
        };
        if flags.fin() {
            self.note_fin(t_ns, from, segment);
        }
        let claims = self.ends.sends(from, t_ns, segment, in_order);
        self.claims(t_ns, claims);
        self.take_waiting_reset(t_ns);
    }

    /// RFC 9293 3.10.7.1: a RST for a segment of no connection takes its number from there.
    fn is_clients_reset(&self, segment: &Segment) -> bool {
        let known = self.ends.known(End::Local);
        match (known.iss, known.nxt) {
            (Some(iss), Some(nxt)) => iss.lt(segment.seq) && segment.seq.le(nxt),
            _ => false,
        }
    }

    /// A segment of an open connection, which the other end may or may not take.
    fn judge(&mut self, t_ns: i64, from: End, ttl: u8, segment: &Segment) {
        let flags = segment.flags;
        if flags.rst() {
            return self.reset(t_ns, from, ttl, segment);
        }
        if flags.syn() && from == End::Peer {
            let is_another = self
                .exchange
                .handshake
                .peer_isn
                .is_some_and(|isn| isn != segment.seq);
            if is_another && self.may_answer_late_syn() {
                let text = "the RST was followed by a late SYN, which was taken for a new \
                            connection"
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
        } else if !flags.ack() && !flags.syn() {
            let text = format!("a segment ({flags}) without ACK was ignored");
            return self.anomaly(AnomalyKind::UnexpectedSegment, t_ns, text);
        }
        if from == End::Local && flags.ack() {
            self.answer_to_syn_ack(t_ns, segment);
        }
        self.note_uncaptured(t_ns, from, segment);
        let fit = self.fit(from, segment);
        if !self.belongs(from, segment, fit) {
            let text = format!(
                "a segment ({flags}, seq {}, ack {}) lies outside what either end can have sent",
                segment.seq, segment.ack
            );
            return self.anomaly(AnomalyKind::OutOfWindow, t_ns, text);
        }
        self.take(t_ns, from, segment, fit);
    }

    /// A SYN that was sent twice may come after our RST, to a peer without a connection.
    fn may_answer_late_syn(&self) -> bool {
        let over = self.ends.states(End::Local) == State::Closed.into();
        over && self.exchange.handshake.syn_sent > 1
    }

    /// How a segment lies to what is expected of its sender.
    fn fit(&self, from: End, segment: &Segment) -> Fit {
        let rcv_nxt = self.rcv_nxt(from).unwrap_or_default();
        let window = self.window_for(from);
        Fit {
            rcv_nxt,
            edge: rcv_nxt + window,
            acceptable: segment_acceptable(rcv_nxt, window, segment),
            old: self.is_old(from, segment),
        }
    }

    /// Whether an end can have sent this on the connection: it acknowledges what the other may have
    /// sent, and lies in its window or before it.
    fn belongs(&self, from: End, segment: &Segment, fit: Fit) -> bool {
        // A segment without text stands at the edge when its sender has filled the window, or one
        // beyond with its FIN: it is not looked at, but it is the sender's.
        let beyond = segment.seq.diff(fit.edge);
        let at_edge = segment.payload.is_empty() && (0..=1).contains(&beyond);
        self.sides[from].text.is_some()
            && self.acks_what_was_sent(from, segment)
            && (fit.old || fit.acceptable || at_edge)
    }

    /// The next number that is expected of `from`.
    fn rcv_nxt(&self, from: End) -> Option<SeqNumber> {
        self.sides[from].text.as_ref().map(Reassembly::nxt)
    }

    /// The window that `from` may send into.
    fn window_for(&self, from: End) -> u32 {
        let advertised = self.sides[from.other()].advertised;
        match self.ends.sight(from.other()) {
            Sight::Ours => advertised.window,
            // Not every segment need have come by, and none takes a window back.
            Sight::Here | Sight::Afar if self.exchange.agreed.is_some() => advertised.largest,
            Sight::Here | Sight::Afar => u32::from(u16::MAX) << MAX_SHIFT,
        }
    }

    /// As much of that as is certain: without the SYNs its scale is not known.
    fn window_at_least(&self, from: End) -> u32 {
        let window = self.sides[from.other()].advertised.window;
        let is_known = self.vantage == Vantage::Ours || self.exchange.agreed.is_some();
        if is_known {
            window
        } else {
            window >> MAX_SHIFT
        }
    }

    /// Its number has been received already.
    fn is_old(&self, from: End, segment: &Segment) -> bool {
        let Some(rcv_nxt) = self.rcv_nxt(from) else {
            return false;
        };
        let begins = match self.ends.known(from).iss {
            Some(irs) => irs.le(segment.seq),
            None => true,
        };
        begins && segment.seq.lt(rcv_nxt)
    }

    fn acks_what_was_sent(&self, from: End, segment: &Segment) -> bool {
        let other = from.other();
        let known = self.ends.known(other);
        let Some(nxt) = known.nxt else {
            return !segment.flags.ack();
        };
        match (self.sides[other].una, known.iss) {
            _ if !segment.flags.ack() => true,
            (Some(una), _) if self.ends.states(other) != State::SynReceived.into() => {
                let largest = self.sides[from].advertised.largest;
                judge_ack(una, nxt, largest, segment.ack) != AckJudgement::Challenge
            }
            (_, Some(iss)) => ack_answers_syn(iss, nxt, segment.ack),
            (_, None) => segment.ack.le(nxt),
        }
    }

    /// A segment that counts: data, FIN, states.
    fn take(&mut self, t_ns: i64, from: End, segment: &Segment, fit: Fit) {
        let other = from.other();
        let arrival = self.arrive(t_ns, from, segment, fit);
        if arrival.acceptable && segment.flags.ack() {
            let una = &mut self.sides[other].una;
            if una.is_none_or(|una| una.lt(segment.ack)) {
                *una = Some(segment.ack);
            }
        }
        self.follow_window(t_ns, from, segment);
        if segment.flags.ack() {
            self.close.acknowledged(t_ns, from, segment.ack, &self.ends);
        }
        let again = segment.flags.fin() && self.close.has_fin(from);
        if arrival.fin.is_some() || again {
            self.note_fin(t_ns, from, segment);
        }
        let claims = self.ends.sends(from, t_ns, segment, arrival);
        self.claims(t_ns, claims);
    }

    /// Takes the new part of the text, as far as the window goes, and the FIN once nothing before
    /// it is missing (RFC 9293 3.10.7.4, seventh and eighth).
    fn arrive(&mut self, t_ns: i64, from: End, segment: &Segment, fit: Fit) -> Arrival {
        let flags = segment.flags;
        let states = self.ends.states(from.other());
        let crossing = flags.syn() && states == State::SynReceived.into();
        // In a synchronized state nothing of a segment with SYN counts (RFC 5961 4.2).
        let opening = crossing || states == State::SynSent.into() || from == End::Local;
        let counts = !flags.syn() || flags.ack() && opening;
        // Far away nothing is sure to arrive.
        let surely = match self.ends.sight(from.other()) {
            Sight::Here => segment_acceptable(fit.rcv_nxt, self.window_at_least(from), segment),
            Sight::Ours | Sight::Afar => fit.acceptable,
        };
        Arrival {
            // A RST comes this way only where it refuses our SYN.
            acceptable: crossing || flags.rst() || counts && surely,
            gap: fit.rcv_nxt.lt(segment.text_seq()),
            fin: if counts && (fit.acceptable || fit.old) {
                self.take_text(t_ns, from, segment)
            } else {
                None
            },
        }
    }

    fn note_fin(&mut self, t_ns: i64, from: End, segment: &Segment) {
        let repeated = self.close.fin(t_ns, from, segment, &self.ends);
        self.exchange.retransmitted.fin += u32::from(repeated);
        if repeated && from == End::Local {
            let text = "the FIN was not acknowledged in time and was sent again".to_string();
            self.anomaly(AnomalyKind::FinRetransmitted, t_ns, text);
        }
    }

    fn claims(&mut self, t_ns: i64, claims: Claims) {
        if self.detail < Detail::States {
            return;
        }
        let segment = self.exchange.segments.len().saturating_sub(1);
        let states = &mut self.exchange.states;
        if states.is_empty() {
            states.reserve(USUAL_CLAIMS);
        }
        for claim in claims.iter() {
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
            if self.detail == Detail::Segments {
                self.news.states.push(NewState {
                    end: claim.end,
                    states: claim.states,
                    basis: claim.basis,
                    since,
                });
            }
        }
    }

    fn anomaly_once(&mut self, kind: AnomalyKind, t_ns: i64, text: String) {
        if !self.anomalies_of.contains_key(&kind) {
            self.anomaly(kind, t_ns, text);
        }
    }

    fn anomaly(&mut self, kind: AnomalyKind, t_ns: i64, text: String) {
        let count = self.anomalies_of.entry(kind).or_default();
        let text = one_more(*count, text);
        *count += 1;
        if let Some(text) = text {
            self.news.anomalies.push((kind, text.clone()));
            self.exchange.anomalies.push(Anomaly::new(kind, t_ns, text));
        }
    }
}

#[cfg(test)]
mod tests;
