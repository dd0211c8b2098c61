//! Who closed, when, and how it ended.

use crate::exchange::{CloseRecord, End, Manner, Outcome};
use crate::tcp::StateSet;
use crate::wire::{Segment, SeqNumber};

use super::ends::Ends;
use super::pair::Pair;

/// The FIN of an end.
#[derive(Clone, Copy, Debug)]
struct Fin {
    first_ns: i64,
    repeated: bool,
    acked_ns: Option<i64>,
    /// It acknowledged the other FIN when it was first sent.
    answers: bool,
    /// The other end sent text after it.
    text_after: bool,
}

/// The FINs of a connection, and the RST that ended it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CloseWatch {
    fins: Pair<Option<Fin>>,
    fin_rtt_ns: Option<u64>,
    /// Which came first.
    first: Option<End>,
    /// An acceptable RST came while the connection was open.
    reset: Option<(End, StateSet)>,
    /// There may be a FIN that was not captured.
    pub(super) is_unsure: bool,
}

impl CloseWatch {
    /// A FIN of `from` with nothing missing before it; says whether it is a repeat.
    pub(super) fn fin(&mut self, t_ns: i64, from: End, segment: &Segment, ends: &Ends) -> bool {
        if let Some(fin) = &mut self.fins[from] {
            fin.repeated = true;
            return true;
        }
        self.first.get_or_insert(from);
        let other = ends.known(from.other());
        self.fins[from] = Some(Fin {
            first_ns: t_ns,
            repeated: false,
            acked_ns: None,
            answers: segment.flags.ack() && other.fin_covered_by(segment.ack),
            text_after: false,
        });
        false
    }

    /// Whether a FIN of `from` came with nothing missing before it.
    pub(super) fn has_fin(&self, from: End) -> bool {
        self.fins[from].is_some()
    }

    /// `from` sent text that it had not sent before.
    pub(super) fn text(&mut self, from: End) {
        if let Some(fin) = &mut self.fins[from.other()] {
            fin.text_after = true;
        }
    }

    /// A segment of `from` acknowledges up to `ack`.
    pub(super) fn acknowledged(&mut self, t_ns: i64, from: End, ack: SeqNumber, ends: &Ends) {
        let Some(fin) = &mut self.fins[from.other()] else {
            return;
        };
        if fin.acked_ns.is_some() || !ends.known(from.other()).fin_covered_by(ack) {
            return;
        }
        fin.acked_ns = Some(t_ns);
        // RFC 6298 3 (Karn): after a repeated FIN the sample is ambiguous.
        if from == End::Peer && !fin.repeated {
            self.fin_rtt_ns = u64::try_from(t_ns - fin.first_ns).ok();
        }
    }

    /// `from` reset the connection, being in one of `states`; unless it was over.
    pub(super) fn reset(&mut self, from: End, states: StateSet) {
        let over = self.is_acked(End::Local) && self.is_acked(End::Peer);
        if !over {
            self.reset.get_or_insert((from, states));
        }
    }

    /// How it ended. `opened`: there was a handshake; `over`: there is nothing more to come.
    pub(super) fn record(&self, opened: bool, over: bool, ends: &Ends) -> CloseRecord {
        let [ours, theirs] = [self.fins.local, self.fins.peer];
        // One that was not captured may have been the first.
        let is_known = !self.is_unsure || ours.is_some() && theirs.is_some();
        let first = self.first.filter(|_| is_known);
        let peer_fin_ns = ours.zip(theirs).and_then(|(ours, theirs)| {
            let after_ns = theirs.first_ns - ours.first_ns;
            u64::try_from(after_ns).ok()
        });
        CloseRecord {
            outcome: self.outcome(opened, over, ends),
            manner: self.manner(opened, first),
            first,
            fin_rtt_ns: self.fin_rtt_ns,
            peer_fin_ns,
            reset: self.reset,
        }
    }

    fn outcome(&self, opened: bool, over: bool, ends: &Ends) -> Outcome {
        let closed = self.fins.local.is_some();
        let fin_acked = self.is_acked(End::Local);
        let (local, peer) = (ends.known(End::Local), ends.known(End::Peer));
        let sent_and_acked = local.nxt.zip(peer.acked);
        let text_acked = sent_and_acked.is_none_or(|(nxt, acked)| nxt.le(acked));
        match self.reset {
            _ if !opened => Outcome::NotAttempted,
            Some((End::Peer, _)) => Outcome::ResetByPeer,
            _ if fin_acked && self.is_acked(End::Peer) => Outcome::InOrder,
            None if !over => Outcome::StillOpen,
            _ if !closed && !text_acked => Outcome::NoAck,
            _ if !closed => Outcome::Aborted,
            _ if !fin_acked => Outcome::NoAck,
            _ => Outcome::NoFin,
        }
    }

    fn manner(&self, opened: bool, first: Option<End>) -> Manner {
        let fin = |end| self.fins[end];
        match first {
            _ if self.reset.is_some() => Manner::Reset,
            _ if !opened => Manner::NotOpened,
            None => Manner::StillOpen,
            Some(first) => match (fin(first), fin(first.other())) {
                (_, Some(second)) if !second.answers => Manner::Simultaneous,
                (Some(fin), Some(second)) if second.acked_ns.is_some() => match fin.text_after {
                    true => Manner::HalfClosed,
                    false => Manner::InOrder,
                },
                _ => Manner::StillOpen,
            },
        }
    }

    fn is_acked(&self, end: End) -> bool {
        self.fins[end].is_some_and(|fin| fin.acked_ns.is_some())
    }
}
