//! The handshake: SYNs, what answers them, and what a capture that begins later shows in their place.

use std::mem;

use crate::exchange::{AnomalyKind, End, Offer, Verdict};
use crate::tcp::reassembly::Reassembly;
use crate::tcp::window::ack_answers_syn;
use crate::tcp::{Negotiated, Side, State, accepts_ecn, offers_ecn};
use crate::wire::{Segment, SeqNumber};

use super::queue::Queue;
use super::{Mark, Observer, Vantage};

impl Observer {
    /// Of a connection whose beginning was not captured, the first segments tell where it stands.
    pub(super) fn begin_in_the_middle(&mut self, from: End, segment: &Segment) {
        let (flags, other) = (segment.flags, from.other());
        if flags.syn() {
            if flags.ack() {
                self.begin_after_syn(other, segment.ack - 1);
            }
            return;
        }
        let syn = self.ends.known(other);
        let answers = match syn.iss.zip(syn.nxt) {
            Some((iss, nxt)) => !flags.rst() && ack_answers_syn(iss, nxt, segment.ack),
            None => true,
        };
        if self.exchange.verdict == Some(Verdict::Closed) || !answers {
            return;
        }
        self.begin(from, segment.seq, flags.rst());
        if flags.ack() {
            self.begin(other, segment.ack, flags.rst());
        }
        let has_answer = self.exchange.verdict == Some(Verdict::Open);
        if !has_answer && flags.ack() && !flags.rst() {
            self.decide(Verdict::Open, "established");
        }
    }

    /// The SYN of `end` had this number, and was not captured.
    pub(super) fn begin_after_syn(&mut self, end: End, iss: SeqNumber) {
        if self.ends.known(end).nxt.is_none() {
            self.ends.begin_with_syn(end, iss);
            self.sides[end].text = Some(Reassembly::new(iss + 1));
            self.exchange.handshake.isn = Some(iss);
        }
    }

    /// `reset`: by a RST, which may refuse a SYN.
    fn begin(&mut self, end: End, nxt: SeqNumber, reset: bool) {
        if self.ends.known(end).nxt.is_some() {
            return;
        }
        let may_be =
            |state: &State| reset || state.is_synchronized() || *state == State::SynReceived;
        let states = State::ALL.into_iter().filter(may_be);
        self.ends.begin(end, nxt, states.collect());
        self.sides[end].text = Some(Reassembly::new(nxt));
        let window = self.window_for(end);
        self.ends.queues(end, Queue::in_the_middle(window, nxt));
    }

    /// What is acknowledged has arrived, though the capture may lack it.
    pub(super) fn note_uncaptured(&mut self, t_ns: i64, from: End, segment: &Segment) {
        let sender = from.other();
        let Some(nxt) = self.rcv_nxt(sender).filter(|_| segment.flags.ack()) else {
            return;
        };
        let lacking = segment.ack.diff(nxt);
        let most = i64::from(self.window_for(sender)) + 1;
        if lacking <= 0 || i64::from(lacking) > most || self.vantage == Vantage::Ours {
            return;
        }
        let fin = self.ends.known(sender).fin;
        let Some(text) = &mut self.sides[sender].text else {
            return;
        };
        let skipped = text.skip_to(segment.ack, fin);
        let took_fin = text.fin_is_next();
        if took_fin {
            text.take_fin();
        }
        if skipped > 0 {
            self.ends.has_sent(sender, segment.ack);
            // The last number may be that of a FIN.
            let unsure = fin.is_none();
            let owed = mem::take(&mut self.sides[sender].owes_one);
            let fresh = skipped - u32::from(unsure) + u32::from(owed);
            if unsure {
                self.ends.may_have_closed(sender);
                self.close.is_unsure = true;
            }
            let arrived = self.sides[sender].arrived;
            match sender {
                End::Peer => self.end_preview(i64::try_from(arrived).unwrap_or(i64::MAX)),
                End::Local => {
                    let data = &mut self.exchange.data;
                    data.sent = data.sent.max(arrived + u64::from(fresh));
                }
            }
            self.count_arrived(t_ns, sender, fresh);
            self.sides[sender].owes_one = unsure;
            let text = format!("{skipped} bytes or more were acknowledged that the capture lacks");
            self.anomaly_once(AnomalyKind::NotCaptured, t_ns, text);
        }
        if took_fin {
            self.note_fin(t_ns, sender, segment);
        }
    }

    /// A SYN of the client.
    pub(super) fn syn_leaves(&mut self, t_ns: i64, ttl: u8, segment: &Segment) {
        // Captured, it outweighs what an ICMP error quoted before.
        let isn = self.syn.as_ref().map_or(segment.seq, |first| first.seq);
        self.exchange.handshake.isn = Some(isn);
        self.exchange.handshake.syn_sent += 1;
        self.rtt.syn(t_ns, segment);
        if self.exchange.handshake.syn_sent == 1 {
            self.syn = Some(segment.clone());
            self.exchange.offered = self.offer(ttl, segment);
            self.sides.local.ttl = Some(ttl);
            self.sides.local.text = Some(Reassembly::new(segment.seq + 1));
            return;
        }
        self.exchange.retransmitted.syn += 1;
        let answered = self.sides.peer.newest.is_some();
        let text = match self.exchange.handshake.syn_sent {
            _ if self.exchange.verdict == Some(Verdict::Open) => {
                "the SYN was sent again, though its answer was on the way".to_string()
            }
            _ if answered => "no answer to the SYN was valid, it was sent again".to_string(),
            2 => "the first SYN got no answer".to_string(),
            n => format!("{} SYNs got no answer", n - 1),
        };
        self.anomaly(AnomalyKind::SynRetransmitted, t_ns, text);
    }

    /// What the client sends while its SYN is unanswered, and RSTs where no SYN was captured.
    pub(super) fn before_the_answer(&mut self, t_ns: i64, from: End, segment: &Segment) {
        // RFC 9293 3.10.7.3, first: a RST that answers something old ends nothing.
        let is_old = from == End::Local && !self.is_clients_reset(segment);
        if segment.flags.rst() && is_old && self.exchange.handshake.isn.is_some() {
            return;
        }
        if segment.flags.rst() {
            self.close.reset(from, self.ends.states(from));
        }
        if segment.flags.syn() && from == End::Local {
            // RFC 7413: data may come with the SYN, and counts if the SYN-ACK acknowledges it.
            let data = &mut self.exchange.data;
            data.sent = data.sent.max(u64::from(segment.text_len()));
        }
        let fit = self.fit(from, segment);
        self.take(t_ns, from, segment, fit);
    }

    /// An ICMP error decides for our own TCP. Another may take it for a hint and go on (RFC 9293
    /// 3.9.2.2).
    pub(super) fn may_answer_again(&self, segment: &Segment) -> bool {
        let is_refused = self.exchange.verdict == Some(Verdict::Closed);
        self.vantage != Vantage::Ours && !is_refused && segment.flags.syn()
    }

    /// A segment while the SYN is unanswered (RFC 9293 3.10.7.3).
    pub(super) fn answer_to_syn(&mut self, t_ns: i64, ttl: u8, segment: &Segment) {
        let flags = segment.flags;
        let local = self.ends.known(End::Local);
        if let Some((iss, nxt)) = local.iss.zip(local.nxt)
            && flags.ack()
            && !ack_answers_syn(iss, nxt, segment.ack)
        {
            return self.note_wrong_ack(t_ns, iss, segment);
        }
        let opens = flags.syn() && !flags.rst();
        if flags.rst() && flags.ack() {
            self.decide(Verdict::Closed, "reset");
            self.close.reset(End::Peer, self.ends.states(End::Peer));
        } else if opens {
            self.decide(Verdict::Open, if flags.ack() { "syn-ack" } else { "syn" });
            if let Some(error) = self.exchange.icmp.take() {
                self.note_ignored(t_ns, error.from, error.reason);
            }
        } else {
            let text = format!("a segment ({flags}) that answers no SYN was ignored");
            return self.anomaly(AnomalyKind::UnexpectedSegment, t_ns, text);
        }
        self.exchange.handshake.rtt_ns = self.rtt.answered(t_ns, segment);
        self.ends.round_trip_is(End::Peer, self.rtt.at_least(t_ns));
        self.exchange.peer = self.offer(ttl, segment);
        self.sides.peer.ttl = Some(ttl);
        if opens {
            self.note_closing_syn(t_ns, segment);
            self.exchange.handshake.peer_isn = Some(segment.seq);
            self.sides.peer.text = Some(Reassembly::new(segment.seq + 1));
            self.sides.local.una = flags.ack().then_some(segment.ack);
            self.take_text_of_syn(segment);
            self.rtt.syn_ack(t_ns);
            self.agree(segment);
        }
        let fit = self.fit(End::Peer, segment);
        self.take(t_ns, End::Peer, segment, fit);
        if opens {
            self.syn_ack = Some(Mark {
                change: self.exchange.states.len(),
                segment: self.exchange.segments.len().saturating_sub(1),
                t_ns,
            });
        }
    }

    /// What came with the SYN has arrived as far as the SYN-ACK says.
    fn take_text_of_syn(&mut self, syn_ack: &Segment) {
        let local = &mut self.sides.local;
        if let Some(text) = local.text.as_mut().filter(|_| syn_ack.flags.ack()) {
            local.arrived += u64::from(text.skip_to(syn_ack.ack, None));
        }
    }

    fn note_wrong_ack(&mut self, t_ns: i64, iss: SeqNumber, segment: &Segment) {
        let flags = segment.flags;
        if !flags.syn() && !flags.rst() {
            // RFC 9293 3.5.1: half-open, the peer has not heard that the connection is gone.
            let text = format!(
                "an old connection on these ports still answers (ack {}): it gets a RST",
                segment.ack
            );
            return self.anomaly(AnomalyKind::OldConnection, t_ns, text);
        }
        let text = format!(
            "{} was acknowledged where the SYN asks for {}: {}",
            segment.ack,
            iss + 1,
            if flags.rst() {
                "that RST was ignored"
            } else {
                "answered with RST"
            }
        );
        self.anomaly(AnomalyKind::WrongAck, t_ns, text);
    }

    fn agree(&mut self, syn_ack: &Segment) {
        // Options that were not captured may be there all the same.
        let known = self.exchange.offered.is_some() && self.exchange.peer.is_some();
        let syn = self.syn.as_ref().filter(|_| known);
        self.exchange.agreed = syn.map(|syn| Negotiated::from_syns(syn, syn_ack));
        let agreed = self.exchange.agreed;
        let text_to =
            |side: fn(Negotiated) -> Side| agreed.map(|it| it.most_text(side(it).mss.into()));
        let to_client = self.sides.local.advertised.window;
        let to_server = u32::from(syn_ack.window);
        let by_server = Queue::new(text_to(|it| it.opener), to_client, syn_ack.seq + 1);
        let iss = self.ends.known(End::Local).iss;
        let start = iss.map_or(syn_ack.ack, |iss| iss + 1);
        let by_client = Queue::new(text_to(|it| it.answerer), to_server, start);
        self.ends.queues(End::Peer, by_server);
        self.ends.queues(End::Local, by_client);
    }

    pub(super) fn decide(&mut self, verdict: Verdict, reason: &'static str) {
        self.exchange.verdict = Some(verdict);
        self.exchange.reason = Some(reason);
    }

    pub(super) fn note_repeated_syn(&mut self, t_ns: i64) {
        if self.ends.states(End::Local) == State::SynReceived.into() {
            return; // A simultaneous open: the SYN-ACK repeats the SYN (RFC 9293 figure 8).
        }
        self.exchange.retransmitted.synack += 1;
        self.rtt.syn_ack_again();
        let since = self.syn_ack.map_or(0, |mark| t_ns - mark.t_ns);
        let text = format!(
            "the SYN-ACK was repeated {:.3} s after the first",
            since as f64 / 1e9
        );
        self.anomaly(AnomalyKind::SynAckRepeated, t_ns, text);
    }

    /// The client acknowledges the SYN of the server.
    pub(super) fn answer_to_syn_ack(&mut self, t_ns: i64, segment: &Segment) {
        let handshake = &mut self.exchange.handshake;
        handshake.completed |= handshake.peer_isn.is_some();
        let answers = handshake.peer_isn.is_some_and(|isn| isn.lt(segment.ack));
        if segment.flags.syn() || !answers {
            return;
        }
        if let Some(ack_ns) = self.rtt.acknowledged(t_ns) {
            handshake.ack_ns = Some(ack_ns);
            handshake.initial_rtt_ns = handshake.rtt_ns.map(|rtt_ns| rtt_ns + ack_ns);
        }
    }

    /// What a SYN, or the answer to one, says of its sender; `None` where the capture lacks a part.
    fn offer(&self, ttl: u8, segment: &Segment) -> Option<Offer> {
        let is_whole = self.missing <= segment.text_len();
        is_whole.then(|| offer(ttl, segment))
    }
}

/// What a SYN, or the answer to one, says of its sender.
fn offer(ttl: u8, segment: &Segment) -> Offer {
    let options = &segment.options;
    let ecn = if segment.flags.ack() {
        accepts_ecn(segment)
    } else {
        offers_ecn(segment)
    };
    Offer {
        mss: options.mss(),
        wscale: options.window_scale(),
        sack: options.sack_permitted(),
        timestamps: options.timestamps(),
        window: segment.window,
        ttl,
        ecn: segment.flags.syn() && ecn,
        options: options.clone(),
    }
}
