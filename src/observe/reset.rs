//! A RST: is it taken, and does it come from where it says?

use crate::exchange::{AnomalyKind, End};
use crate::tcp::window::{RstJudgement, judge_rst};
use crate::tcp::{State, StateSet};
use crate::wire::{Segment, SeqNumber};

use super::ends::Arrival;
use super::{Observer, Sight};

impl Observer {
    pub(super) fn reset(&mut self, t_ns: i64, from: End, ttl: u8, segment: &Segment) {
        let other = from.other();
        let Some(rcv_nxt) = self.rcv_nxt(from) else {
            return;
        };
        let judgement = if self.may_be_expected(from, segment.seq) {
            RstJudgement::Reset
        } else {
            judge_rst(rcv_nxt, self.window_for(from), segment.seq)
        };
        let taken = if self.ends.states(other) == State::SynSent.into() {
            // RFC 9293 3.10.7.3, second: by its acknowledgment.
            segment.flags.ack() && self.acks_what_was_sent(from, segment)
        } else {
            // RFC 9293 3.10.7.4, second: by the number that is expected, nothing else.
            judgement == RstJudgement::Reset
        };
        if !taken && judgement != RstJudgement::Reset {
            let text = format!(
                "a RST with seq {} was ignored: only {rcv_nxt} would be taken (RFC 5961)",
                segment.seq
            );
            self.anomaly(AnomalyKind::RstIgnored, t_ns, text);
            let claims = self.ends.may_have_reset(from);
            return self.claims(t_ns, claims);
        }
        if !taken {
            self.reset_waits = Some(Box::new(segment.clone()));
        }
        let suspect = self.suspect_reset(t_ns, from, ttl, segment);
        let over = StateSet::from([State::TimeWait, State::Closed]);
        if self.ends.states(other).iter().any(|it| !over.contains(it)) {
            // RFC 9293 3.10.7.1: without ACK it may answer a segment of no connection.
            let closed = (!segment.flags.ack()).then_some(State::Closed);
            let states = self.ends.states(from).union(closed.into_iter().collect());
            self.close.reset(from, states);
        }
        let arrival = Arrival {
            acceptable: taken,
            gap: false,
            fin: None,
        };
        let claims = if suspect {
            self.ends.other_may_have_reset(from, segment, arrival)
        } else {
            self.ends.sends(from, t_ns, segment, arrival)
        };
        self.claims(t_ns, claims);
    }

    /// Of an end that is far away, or was before the capture began, it is not known what has arrived there, only what it has
    /// acknowledged: it may expect any number from there to what was sent.
    fn may_be_expected(&self, from: End, seq: SeqNumber) -> bool {
        let (sender, receiver) = (self.ends.known(from), self.ends.known(from.other()));
        let numbers = receiver.acked.zip(sender.nxt);
        let afar = self.ends.sight(from.other()) == Sight::Afar;
        (afar || !sender.is_whole_to(receiver))
            && numbers.is_some_and(|(acked, nxt)| acked.le(seq) && seq.le(nxt))
    }

    /// The ACK of the SYN-ACK leaves. A RST that had come on the heels of that has its turn now.
    pub(super) fn take_waiting_reset(&mut self, t_ns: i64) {
        let opened = self.ends.states(End::Local) == State::Established.into();
        if let Some(rst) = self.reset_waits.take_if(|_| opened) {
            let claims = self.ends.takes_reset(End::Peer, &rst);
            self.claims(t_ns, claims);
        }
    }

    /// Whether the RST seems to come from elsewhere than the first segment of that end.
    fn suspect_reset(&mut self, t_ns: i64, from: End, ttl: u8, segment: &Segment) -> bool {
        let Some(usual) = self.sides[from].ttl else {
            return false;
        };
        let mut suspect = ttl != usual;
        if suspect {
            let first = match from {
                End::Local => "SYN",
                End::Peer => "SYN-ACK",
            };
            let text = format!(
                "the RST came with TTL {ttl}, the {first} with {usual}: something on the path may have sent it"
            );
            self.anomaly(AnomalyKind::RstTtl, t_ns, text);
        }
        let newest = self.sides[from.other()].newest;
        let answered = newest.filter(|newest| {
            segment.flags.ack() && newest.flags.fin() && newest.seq.lt(segment.ack)
        });
        let round_trip = self.exchange.handshake.rtt_ns.filter(|_| from == End::Peer);
        if let Some((newest, rtt_ns)) = answered.zip(round_trip) {
            let after_ns = t_ns.saturating_sub(newest.t_ns).unsigned_abs();
            if after_ns < rtt_ns / 2 {
                suspect = true;
                let text = format!(
                    "the RST answers the FIN after {:.3} ms, sooner than the round trip of {:.3} ms allows",
                    after_ns as f64 / 1e6,
                    rtt_ns as f64 / 1e6
                );
                self.anomaly(AnomalyKind::RstTiming, t_ns, text);
            }
        }
        suspect
    }
}
