//! A RST of the peer: is it taken, and is it the peer's?

use crate::exchange::{AnomalyKind, End};
use crate::tcp::window::{RstJudgement, judge_rst};
use crate::tcp::{State, StateSet};
use crate::wire::Segment;

use super::Observer;
use super::ends::Arrival;

impl Observer {
    pub(super) fn peer_reset(&mut self, t_ns: i64, ttl: u8, segment: &Segment) {
        let Some(rcv_nxt) = self.rcv_nxt() else {
            return;
        };
        let judgement = judge_rst(rcv_nxt, self.our_window, segment.seq);
        let taken = if self.ends.local_state() == State::SynSent.into() {
            // RFC 9293 3.10.7.3, second: by its acknowledgment.
            segment.flags.ack() && self.acks_what_we_sent(segment)
        } else {
            // RFC 9293 3.10.7.4, second: by the number that we expect, nothing else.
            judgement == RstJudgement::Reset
        };
        if !taken && judgement != RstJudgement::Reset {
            let text = format!(
                "a RST with seq {} was ignored: only {rcv_nxt} would be taken (RFC 5961)",
                segment.seq
            );
            self.anomaly(AnomalyKind::RstIgnored, t_ns, text);
            let claims = self.ends.peer_may_have_reset();
            return self.claims(t_ns, claims);
        }
        if !taken {
            self.reset_waits = Some(segment.clone());
        }
        let suspect = self.suspect_reset(t_ns, ttl, segment);
        let over = StateSet::from([State::TimeWait, State::Closed]);
        self.close.peer_reset |= self.ends.local_state().intersection(over).is_empty();
        let arrival = Arrival {
            acceptable: taken,
            gap: false,
            fin: None,
        };
        let claims = if suspect {
            self.ends.other_may_have_reset(segment, arrival)
        } else {
            self.ends.peer_sends(t_ns, segment, arrival)
        };
        self.claims(t_ns, claims);
    }

    /// The ACK of the SYN-ACK leaves. A RST that had come on the heels of that has its turn now.
    pub(super) fn take_waiting_reset(&mut self, t_ns: i64) {
        let opened = self.ends.local_state() == State::Established.into();
        if let Some(rst) = self.reset_waits.take_if(|_| opened) {
            let claim = self.ends.local_takes_reset(&rst);
            self.claims(t_ns, claim.into_iter().collect());
        }
    }

    /// Whether the RST seems to come from elsewhere than the SYN-ACK.
    fn suspect_reset(&mut self, t_ns: i64, ttl: u8, segment: &Segment) -> bool {
        let Some(usual) = self.exchange.peer.as_ref().map(|peer| peer.ttl) else {
            return false;
        };
        let mut suspect = ttl != usual;
        if suspect {
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
            let ours = &ours.segment;
            segment.flags.ack() && ours.flags.fin() && ours.seq.lt(segment.ack)
        });
        if let (true, Some(ours), Some(rtt_ns)) =
            (answers_newest, newest, self.exchange.handshake.rtt_ns)
        {
            let after_ns = t_ns.saturating_sub(ours.t_ns).unsigned_abs();
            if after_ns < rtt_ns / 2 {
                suspect = true;
                let text = format!(
                    "the RST answers our FIN after {:.3} ms, sooner than the peer's {:.3} ms round trip allows",
                    after_ns as f64 / 1e6,
                    rtt_ns as f64 / 1e6
                );
                self.anomaly(AnomalyKind::RstTiming, t_ns, text);
            }
        }
        suspect
    }
}
