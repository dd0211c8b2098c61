//! Who closed, when, and how it ended.

use crate::exchange::{CloseRecord, End, Outcome};
use crate::wire::SeqNumber;

use super::ends::Ends;

/// The FINs of a connection, and the peer's RST.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CloseWatch {
    our_fin_ns: Option<i64>,
    our_fin_repeated: bool,
    our_fin_acked_ns: Option<i64>,
    fin_rtt_ns: Option<u64>,
    peer_fin_ns: Option<i64>,
    /// An acceptable RST of the peer came while the connection was open.
    pub(super) peer_reset: bool,
}

impl CloseWatch {
    /// Our FIN leaves; says whether it is a repeat.
    pub(super) fn our_fin_leaves(&mut self, t_ns: i64) -> bool {
        self.our_fin_repeated |= self.our_fin_ns.is_some();
        self.our_fin_ns.get_or_insert(t_ns);
        self.our_fin_repeated
    }

    /// A segment of the peer acknowledges up to `ack`.
    pub(super) fn acknowledged(&mut self, t_ns: i64, ack: SeqNumber, ends: &Ends) {
        let Some(sent_ns) = self.our_fin_ns else {
            return;
        };
        if self.our_fin_acked_ns.is_some() || !ends.local.fin_covered_by(ack) {
            return;
        }
        self.our_fin_acked_ns = Some(t_ns);
        // RFC 6298 3 (Karn): after a repeated FIN the sample is ambiguous.
        if !self.our_fin_repeated {
            self.fin_rtt_ns = u64::try_from(t_ns - sent_ns).ok();
        }
    }

    /// The peer's FIN came with nothing missing before it.
    pub(super) fn peer_fin_comes(&mut self, t_ns: i64) {
        self.peer_fin_ns.get_or_insert(t_ns);
    }

    /// How it ended. `opened`: the SYN-ACK came.
    pub(super) fn record(&self, opened: bool, ends: &Ends) -> CloseRecord {
        let peer_fin_acked = ends
            .local
            .acked
            .is_some_and(|ack| ends.peer.fin_covered_by(ack));
        let sent_and_acked = ends.local.nxt.zip(ends.peer.acked);
        let text_acked = sent_and_acked.is_none_or(|(nxt, acked)| nxt.le(acked));
        let outcome = match () {
            () if !opened => Outcome::NotAttempted,
            () if self.peer_reset => Outcome::ResetByPeer,
            () if self.our_fin_acked_ns.is_some() && peer_fin_acked => Outcome::InOrder,
            () if self.our_fin_ns.is_none() && !text_acked => Outcome::NoAck,
            () if self.our_fin_ns.is_none() => Outcome::Aborted,
            () if self.our_fin_acked_ns.is_none() => Outcome::NoAck,
            () => Outcome::NoFin,
        };
        let first = match (self.our_fin_ns, self.peer_fin_ns) {
            (None, None) => None,
            (Some(_), None) => Some(End::Local),
            (None, Some(_)) => Some(End::Peer),
            (Some(ours), Some(theirs)) => Some(if ours <= theirs {
                End::Local
            } else {
                End::Peer
            }),
        };
        let peer_fin_ns = match (self.our_fin_ns, self.peer_fin_ns) {
            (Some(ours), Some(theirs)) => u64::try_from(theirs - ours).ok(),
            _ => None,
        };
        CloseRecord {
            outcome,
            first,
            fin_rtt_ns: self.fin_rtt_ns,
            peer_fin_ns,
            ..CloseRecord::default()
        }
    }
}
