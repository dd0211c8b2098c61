//! Frames in, an [`Exchange`] out: states, round trips, verdict and anomalies of one connection.
//!
//! The only module that draws conclusions from frames. It sees them in order of their stamps and
//! knows nothing of who captured them or why.

mod close;
mod demux;
mod ends;
mod rtt;

use std::net::IpAddr;

use crate::clock::Stamp;
use crate::exchange::{
    Anomaly, AnomalyKind, End, Exchange, IcmpRecord, PREVIEW, PeerRecord, SegmentRecord,
    StateChange, Verdict,
};
use crate::tcp::window::{RstJudgement, ack_answers_syn, judge_rst, sequence_acceptable};
use crate::tcp::{Negotiated, State};
use crate::wire::{IcmpMessage, Quote, Segment, SeqNumber};

use close::CloseWatch;
use ends::{Claim, Ends};
use rtt::SynRtt;

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
    /// What has arrived here without a gap: the next number we expect.
    received: Option<SeqNumber>,
    /// The window that we advertised last, in bytes.
    our_window: u32,
    /// Where in the list of changes an ESTABLISHED since the SYN-ACK belongs.
    syn_ack: Option<Mark>,
    last: Stamp,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    change: usize,
    segment: usize,
    t_ns: i64,
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
            our_window: 0,
            syn_ack: None,
            last: Stamp::default(),
        }
    }

    /// The next frame of the connection. Frames come in order of their stamps.
    pub fn observe(&mut self, at: Stamp, subject: &Subject) {
        let started = *self.exchange.started.get_or_insert(at);
        self.last = at;
        let t_ns = at.since(started);
        match subject {
            Subject::Segment {
                from,
                ttl,
                segment,
                intact,
            } => {
                self.record(t_ns, *from, *ttl, segment);
                match from {
                    _ if !intact => self.anomaly(
                        AnomalyKind::BadChecksum,
                        t_ns,
                        format!(
                            "a segment ({}) came with a wrong TCP checksum and was dropped",
                            segment.flags
                        ),
                    ),
                    End::Local => self.local_segment(t_ns, segment),
                    End::Peer => self.peer_segment(t_ns, *ttl, segment),
                }
            }
            Subject::Malformed { error } => {
                self.anomaly(
                    AnomalyKind::MalformedSegment,
                    t_ns,
                    format!("a segment was dropped: {error}"),
                );
            }
            Subject::Icmp {
                from,
                message,
                quote,
            } => self.icmp(t_ns, *from, message, quote),
        }
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

    fn record(&mut self, t_ns: i64, from: End, ttl: u8, segment: &Segment) {
        self.exchange.segments.push(SegmentRecord {
            t_ns,
            from,
            flags: segment.flags,
            seq: segment.seq,
            ack: segment.ack,
            window: segment.window,
            len: segment.payload.len(),
            ttl,
            options: segment.options.clone(),
        });
        if segment.options.malformed() {
            let text = format!(
                "the options of a segment ({}) are malformed: {}",
                segment.flags, segment.options
            );
            self.anomaly(AnomalyKind::MalformedOptions, t_ns, text);
        }
    }

    fn local_segment(&mut self, t_ns: i64, segment: &Segment) {
        let flags = segment.flags;
        if flags.syn() {
            self.our_syn_leaves(t_ns, segment);
        } else if flags.rst() {
            self.close.we_reset |= self.is_our_reset(segment);
        } else if flags.ack() {
            self.exchange.handshake.completed |= self.exchange.verdict == Some(Verdict::Open);
        }
        if !flags.rst() {
            let shift = self
                .negotiated
                .map_or(0, |agreed| agreed.opener.window_shift);
            self.our_window = u32::from(segment.window) << if flags.syn() { 0 } else { shift };
        }
        if !segment.payload.is_empty() {
            let end = segment.seq + segment.payload.len() as u32;
            if let Some(iss) = self.exchange.handshake.isn {
                let sent = end.diff(iss + 1).max(0).unsigned_abs();
                self.exchange.data.sent = self.exchange.data.sent.max(u64::from(sent));
            }
        }
        if flags.fin() {
            let repeated = self.close.our_fin_leaves(t_ns);
            if repeated {
                let text = "our FIN was not acknowledged in time and was sent again".to_string();
                self.anomaly(AnomalyKind::FinRetransmitted, t_ns, text);
            }
        }
        let ours = !flags.rst() || self.is_our_reset(segment);
        let claims = self.ends.local_sends(segment, ours);
        self.claims(t_ns, claims);
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
        self.exchange.handshake.isn.get_or_insert(segment.seq);
        self.exchange.handshake.syn_sent += 1;
        self.syn_rtt.syn(t_ns, segment);
        if self.exchange.handshake.syn_sent == 1 {
            self.our_syn = Some(segment.clone());
            return;
        }
        let text = match self.exchange.handshake.syn_sent {
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
        if segment.flags.syn() {
            self.note_repeated_syn_ack(t_ns, segment);
        }
        if segment.flags.rst() {
            return self.peer_reset(t_ns, ttl, segment);
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

    /// A segment while our SYN is unanswered (RFC 9293 3.10.7.3).
    fn answer_to_syn(&mut self, t_ns: i64, ttl: u8, segment: &Segment) {
        let flags = segment.flags;
        let (Some(iss), Some(nxt)) = (self.ends.local.iss, self.ends.local.nxt) else {
            return;
        };
        if flags.ack() && !ack_answers_syn(iss, nxt, segment.ack) {
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
        if flags.rst() && flags.ack() {
            self.decide(Verdict::Closed, "reset");
        } else if flags.syn() && !flags.rst() {
            self.decide(Verdict::Open, if flags.ack() { "syn-ack" } else { "syn" });
        } else {
            let text = format!("a segment ({flags}) that answers no SYN was ignored");
            return self.anomaly(AnomalyKind::UnexpectedSegment, t_ns, text);
        }
        self.exchange.handshake.rtt_ns = self.syn_rtt.answered(t_ns, segment);
        self.exchange.peer = Some(offer(ttl, segment));
        if flags.syn() {
            self.exchange.handshake.peer_isn = Some(segment.seq);
            self.received = Some(segment.seq + 1);
            self.negotiated = self
                .our_syn
                .as_ref()
                .map(|syn| Negotiated::from_syns(syn, segment));
        }
        self.take(t_ns, segment);
        if flags.syn() {
            self.syn_ack = Some(Mark {
                change: self.exchange.states.len(),
                segment: self.exchange.segments.len() - 1,
                t_ns,
            });
        }
    }

    fn decide(&mut self, verdict: Verdict, reason: &'static str) {
        self.exchange.verdict = Some(verdict);
        self.exchange.reason = Some(reason);
    }

    fn note_repeated_syn_ack(&mut self, t_ns: i64, segment: &Segment) {
        if self.exchange.handshake.peer_isn == Some(segment.seq) {
            let since = self.syn_ack.map_or(0, |mark| t_ns - mark.t_ns);
            let text = format!(
                "the peer repeated its SYN-ACK {:.3} s after the first",
                since as f64 / 1e9
            );
            self.anomaly(AnomalyKind::SynAckRepeated, t_ns, text);
        } else {
            let text = format!(
                "a second SYN with another ISN ({}) came and was not taken",
                segment.seq
            );
            self.anomaly(AnomalyKind::IsnChanged, t_ns, text);
        }
    }

    /// RFC 9293 3.10.7.4, second: by the number that we expect, nothing else.
    fn peer_reset(&mut self, t_ns: i64, ttl: u8, segment: &Segment) {
        let Some(rcv_nxt) = self.received else { return };
        match judge_rst(rcv_nxt, self.our_window, segment.seq) {
            RstJudgement::Reset => {
                self.suspect_reset(t_ns, ttl, segment);
                let over = [State::TimeWait, State::Closed].map(Into::into);
                self.close.peer_reset |= !over.contains(&self.ends.local_state());
                let claims = self.ends.peer_sends(segment, true);
                self.claims(t_ns, claims);
            }
            RstJudgement::Challenge | RstJudgement::Drop => {
                let text = format!(
                    "a RST with seq {} was ignored: only {rcv_nxt} would be taken (RFC 5961)",
                    segment.seq
                );
                self.anomaly(AnomalyKind::RstIgnored, t_ns, text);
            }
        }
    }

    /// Does the RST come from where the SYN-ACK came from?
    fn suspect_reset(&mut self, t_ns: i64, ttl: u8, segment: &Segment) {
        let Some(usual) = self.exchange.peer.as_ref().map(|peer| peer.ttl) else {
            return;
        };
        if ttl != usual {
            let text = format!(
                "the RST came with TTL {ttl} while the peer answers with {usual}: something on the path may have sent it"
            );
            self.anomaly(AnomalyKind::RstTtl, t_ns, text);
        }
        let newest = self
            .exchange
            .segments
            .iter()
            .rev()
            .find(|s| s.from == End::Local);
        let answers_newest = newest.is_some_and(|ours| {
            segment.flags.ack() && ours.flags.fin() && ours.seq.lt(segment.ack)
        });
        if let (true, Some(ours), Some(rtt_ns)) =
            (answers_newest, newest, self.exchange.handshake.rtt_ns)
        {
            let after_ns = t_ns.saturating_sub(ours.t_ns).unsigned_abs();
            if after_ns < rtt_ns / 2 {
                let text = format!(
                    "the RST answers our FIN after {:.3} ms, sooner than the peer's {:.3} ms round trip allows",
                    after_ns as f64 / 1e6,
                    rtt_ns as f64 / 1e6
                );
                self.anomaly(AnomalyKind::RstTiming, t_ns, text);
            }
        }
    }

    /// Whether the peer can have sent this on our connection: it acknowledges nothing that we did
    /// not send, and lies in our window or before it.
    fn belongs(&self, segment: &Segment) -> bool {
        let (Some(iss), Some(nxt), Some(rcv_nxt)) =
            (self.ends.local.iss, self.ends.local.nxt, self.received)
        else {
            return false;
        };
        let acks_sent = !segment.flags.ack() || ack_answers_syn(iss, nxt, segment.ack);
        let is_old = self
            .exchange
            .handshake
            .peer_isn
            .is_some_and(|irs| irs.le(segment.seq))
            && segment.seq.lt(rcv_nxt);
        let window = self.our_window.max(1);
        acks_sent
            && (is_old || sequence_acceptable(rcv_nxt, window, segment.seq, segment.seq_len()))
    }

    /// A segment that counts: data, FIN, states.
    fn take(&mut self, t_ns: i64, segment: &Segment) {
        let in_order = self.take_data(t_ns, segment);
        if segment.flags.ack() {
            self.close.acknowledged(t_ns, segment.ack, &self.ends);
        }
        if segment.flags.fin() && in_order {
            self.close.peer_fin_comes(t_ns);
        }
        let claims = self.ends.peer_sends(segment, in_order);
        self.claims(t_ns, claims);
    }

    /// Counts what is new; says whether nothing is missing before the end of the segment.
    fn take_data(&mut self, t_ns: i64, segment: &Segment) -> bool {
        let Some(rcv_nxt) = self.received else {
            return false;
        };
        let start = if segment.flags.syn() {
            segment.seq + 1
        } else {
            segment.seq
        };
        let seen = rcv_nxt.diff(start);
        let len = segment.payload.len();
        let Ok(seen) = usize::try_from(seen) else {
            return false;
        };
        if seen <= len {
            let fresh = &segment.payload[seen..];
            let data = &mut self.exchange.data;
            if !fresh.is_empty() {
                data.first_byte_ns.get_or_insert(t_ns);
                data.received += fresh.len() as u64;
                let room = PREVIEW - data.preview.len();
                data.preview
                    .extend_from_slice(&fresh[..fresh.len().min(room)]);
            }
            let fin = u32::from(segment.flags.fin());
            self.received = Some(rcv_nxt + fresh.len() as u32 + fin);
        }
        true
    }

    fn icmp(&mut self, t_ns: i64, from: IpAddr, message: &IcmpMessage, quote: &Quote) {
        // Without an answer to its ARP a SYN is never captured: the quote is all there is of it.
        let isn = *self.exchange.handshake.isn.get_or_insert(quote.seq);
        if self.exchange.verdict.is_none() && isn == quote.seq {
            let verdict = if message.prohibited() {
                Verdict::Filtered
            } else {
                Verdict::Unreachable
            };
            self.decide(verdict, message.reason());
            self.exchange.icmp = Some(IcmpRecord {
                t_ns,
                icmp_type: message.icmp_type,
                code: message.code,
                from,
                reason: message.reason(),
            });
            return;
        }
        let repeats = self.exchange.icmp.is_some_and(|first| {
            (first.icmp_type, first.code, first.from) == (message.icmp_type, message.code, from)
        });
        if repeats {
            // One for each SYN that was sent.
            return;
        }
        let text = format!(
            "an ICMP error ({}) from {from} about this connection was ignored",
            message.reason()
        );
        self.anomaly(AnomalyKind::IcmpIgnored, t_ns, text);
    }

    fn claims(&mut self, t_ns: i64, claims: Vec<Claim>) {
        let segment = self.exchange.segments.len() - 1;
        for Claim {
            end,
            states,
            basis,
            since_syn_ack,
        } in claims
        {
            let change = |t_ns, segment| StateChange {
                t_ns,
                end,
                states,
                basis,
                segment,
            };
            match self.syn_ack {
                Some(mark) if since_syn_ack => {
                    self.exchange
                        .states
                        .insert(mark.change, change(mark.t_ns, mark.segment));
                }
                _ => self.exchange.states.push(change(t_ns, segment)),
            }
        }
    }

    fn anomaly(&mut self, kind: AnomalyKind, t_ns: i64, text: String) {
        let anomaly = Anomaly::new(kind, t_ns, text);
        self.exchange.anomalies.push(anomaly);
    }
}

/// What the answer to our SYN says of the peer.
fn offer(ttl: u8, segment: &Segment) -> PeerRecord {
    let options = &segment.options;
    PeerRecord {
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
