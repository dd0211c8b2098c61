//! The states of both ends, from captured frames alone.
//!
//! An end's own segment proves in which states it can have been when it sent it. From then on
//! every segment of the other end may have reached it or not, so the set grows by the arrows that
//! such a segment would take. At the end where the frames were captured there is no such doubt:
//! what arrives there has arrived.

use crate::exchange::{Basis, End};
use crate::tcp::{State, StateSet};
use crate::wire::{Segment, SeqNumber};

use super::known::{Doubt, Known, effect_on};
use super::queue::PeerQueue;

use State::*;

/// No end repeats anything sooner, the round trip added: RFC 6298 2.4 asks for a second, Linux
/// takes 200 ms.
const SOONEST_REPEAT_NS: i64 = 200_000_000;

/// How a segment of the peer met our receive window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Arrival {
    /// RFC 9293 3.10.7.4, first: it is looked at further.
    pub(super) acceptable: bool,
    /// Something the peer sent before it is missing.
    pub(super) gap: bool,
    /// The number of the FIN that was taken by it: nothing is missing before the FIN any more.
    pub(super) fin: Option<SeqNumber>,
}

/// A claim about one end that differs from the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Claim {
    pub(super) end: End,
    pub(super) states: StateSet,
    pub(super) basis: Basis,
    /// Where it belongs among the earlier ones.
    pub(super) place: Place,
}

/// Where a claim belongs among the earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// After them.
    Last,
    /// It holds since the SYN-ACK arrived, not since the ACK that shows it.
    SinceSynAck,
    /// The last about this end was wrong: the peer's FIN had arrived and was not taken yet.
    InsteadOfLast,
}

/// Both ends, seen from the local one.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub(super) local: Known,
    pub(super) peer: Known,
    /// Of the handshake, at least; 0 until there is an answer.
    pub(super) round_trip_ns: i64,
    /// When our FIN first left.
    our_fin_ns: Option<i64>,
    peer_fin_taken: bool,
    /// `None` until the SYNs say how large segments are.
    queue: Option<PeerQueue>,
}

impl Ends {
    pub(super) fn new() -> Ends {
        Ends {
            local: Known::new(Closed.into()),
            peer: Known::new(StateSet::from([Closed, Listen])),
            round_trip_ns: 0,
            our_fin_ns: None,
            peer_fin_taken: false,
            queue: None,
        }
    }

    pub(super) fn local_state(&self) -> StateSet {
        self.local.states
    }

    /// The SYNs agree how the peer sends.
    pub(super) fn peer_queues(&mut self, queue: PeerQueue) {
        self.queue = Some(queue);
    }

    /// We advertise a window of so many bytes.
    pub(super) fn local_offers(&mut self, window: u32) {
        if let Some(queue) = &mut self.queue {
            queue.offer(window);
        }
    }

    /// We sent a segment. `ours` is false for a RST that answers a segment of no connection.
    pub(super) fn local_sends(&mut self, t_ns: i64, segment: &Segment, ours: bool) -> Vec<Claim> {
        if !ours {
            return Vec::new();
        }
        if let Some(queue) = &mut self.queue {
            queue.we_send(segment);
        }
        let before = (self.local.states, self.peer.states);
        let opened = before.0 == SynSent.into() && !segment.flags.syn() && !segment.flags.rst();
        self.local.note(t_ns, segment, Doubt::default());
        if segment.flags.fin() {
            self.our_fin_ns.get_or_insert(t_ns);
        }
        if opened {
            // The ACK that leaves shows that the SYN-ACK was taken.
            self.local.proven = Established.into();
            self.local.states = self.local.proven;
        }
        let opening = opened.then(|| Claim {
            end: End::Local,
            states: Established.into(),
            basis: Basis::Inferred,
            place: Place::SinceSynAck,
        });
        let crossing = self.crosses_fin(segment);
        let before_sending = if crossing.is_some() {
            Closing.into()
        } else {
            self.local.states
        };
        self.step_local(segment);
        let effect = effect_on(&self.peer, segment, &self.local);
        self.peer.may_receive(effect);
        let mut claims: Vec<Claim> = opening
            .into_iter()
            .chain(crossing.into_iter().flatten())
            .collect();
        claims.extend(self.claim(End::Local, before_sending, Basis::Seen));
        claims.extend(self.claim(End::Peer, before.1, Basis::Inferred));
        claims
    }

    /// The frames are captured at this end: what it was is known, and what it sends says what it
    /// did.
    fn step_local(&mut self, segment: &Segment) {
        let flags = segment.flags;
        // A FIN with the SYN-ACK is known to be taken when it is acknowledged.
        let took_fin = self.peer_fin_taken && flags.ack() && self.peer.fin_covered_by(segment.ack);
        let after = |state: State| {
            let state = if took_fin {
                state.on_fin_received()
            } else {
                state
            };
            match () {
                () if flags.rst() => Closed,
                () if flags.syn() && flags.ack() => state.on_syn_received(),
                () if flags.syn() => SynSent,
                () if flags.fin() => state.on_close(),
                () => state,
            }
        };
        self.local.proven = self.local.states.iter().map(after).collect();
        self.local.states = self.local.proven;
    }

    /// A FIN of ours that does not acknowledge the one that has arrived: we closed first, and took
    /// the other only then (RFC 9293 figure 13).
    fn crosses_fin(&mut self, segment: &Segment) -> Option<[Claim; 2]> {
        let arrived = self.local.states == CloseWait.into();
        if !segment.flags.fin() || !arrived || self.peer.fin_covered_by(segment.ack) {
            return None;
        }
        let claim = |states: State, basis, place| Claim {
            end: End::Local,
            states: states.into(),
            basis,
            place,
        };
        self.local.proven = Closing.into();
        self.local.states = self.local.proven;
        Some([
            claim(FinWait1, Basis::Seen, Place::InsteadOfLast),
            claim(Closing, Basis::Inferred, Place::Last),
        ])
    }

    /// A segment of the peer arrived that belongs to this connection.
    pub(super) fn peer_sends(
        &mut self,
        t_ns: i64,
        segment: &Segment,
        arrival: Arrival,
    ) -> Vec<Claim> {
        let before = (self.local.states, self.peer.states);
        let stale = self.peer.is_stale(segment);
        let patience_ns = SOONEST_REPEAT_NS + self.round_trip_ns;
        let mut doubt = self.peer.doubt(t_ns, segment, arrival.gap, patience_ns);
        doubt.fin_unseen |= stale;
        if let Some(queue) = &mut self.queue {
            doubt.text_is_new = queue.begins_with(segment, arrival.gap);
            doubt.fin_waits = queue.fin_may_wait(segment, doubt.text_is_new);
            doubt.heard = Some(queue.heard());
        }
        // Waves two and three in one, the answer that our FIN asked for. For the repeat of a FIN
        // that crossed ours to come just now, the ACK of ours would have to be lost as well.
        let answers_ours = |sent_ns: i64| t_ns - sent_ns < patience_ns;
        doubt.late &= !self.our_fin_ns.is_some_and(answers_ours);
        // A repeat says what its end knows now, whenever the text was written.
        doubt.text_is_new &= !doubt.late;
        self.peer.note(t_ns, segment, doubt);
        if let Some(fin) = arrival.fin {
            // Whatever another FIN said that was not taken.
            self.peer.fin = Some(fin);
            self.peer_fin_taken = true;
        }
        if !stale {
            self.peer.sends(segment, &self.local, doubt);
        }
        let mut effect = effect_on(&self.local, segment, &self.peer);
        effect.fin = arrival.fin.is_some();
        // In SYN-SENT only what we send next shows whether the SYN was taken.
        if arrival.acceptable && (effect.rst || self.local.states != SynSent.into()) {
            self.local.receives(effect);
        }
        let mut claims: Vec<Claim> = self
            .claim(End::Local, before.0, Basis::Inferred)
            .into_iter()
            .collect();
        claims.extend(self.claim(End::Peer, before.1, Basis::Seen));
        claims
    }

    /// A RST arrived that was not taken: it may be forged, or the peer's own.
    pub(super) fn peer_may_have_reset(&mut self) -> Vec<Claim> {
        let before = self.peer.states;
        self.peer.doubted = self.local.nxt;
        self.peer.proven = self.peer.proven.union(Closed.into());
        self.peer.spread();
        let claim = self.claim(End::Peer, before, Basis::Seen);
        claim.into_iter().collect()
    }

    /// A RST arrived that we take, though something on the path may have sent it.
    pub(super) fn other_may_have_reset(&mut self, rst: &Segment, arrival: Arrival) -> Vec<Claim> {
        let taken = arrival.acceptable.then(|| self.local_takes_reset(rst));
        let claims = taken.into_iter().flatten();
        claims.chain(self.peer_may_have_reset()).collect()
    }

    /// A RST that has arrived is taken.
    pub(super) fn local_takes_reset(&mut self, rst: &Segment) -> Option<Claim> {
        let before = self.local.states;
        self.local.receives(effect_on(&self.local, rst, &self.peer));
        self.claim(End::Local, before, Basis::Inferred)
    }

    fn claim(&self, end: End, before: StateSet, basis: Basis) -> Option<Claim> {
        let states = match end {
            End::Local => self.local.states,
            End::Peer => self.peer.states,
        };
        let basis = if states.len() > 1 {
            Basis::Possible
        } else {
            basis
        };
        (states != before).then_some(Claim {
            end,
            states,
            basis,
            place: Place::Last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Flags;

    const S: Flags = Flags::SYN;
    const A: Flags = Flags::ACK;
    const F: Flags = Flags::FIN;
    const R: Flags = Flags::RST;

    fn segment(flags: Flags, seq: u32, ack: u32) -> Segment {
        Segment {
            flags,
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            ..Segment::default()
        }
    }

    fn in_order(segment: &Segment) -> Arrival {
        let fin = segment.flags.fin();
        Arrival {
            acceptable: true,
            gap: false,
            fin: fin.then(|| segment.seq + (segment.seq_len() - 1)),
        }
    }

    const BEHIND_A_HOLE: Arrival = Arrival {
        acceptable: true,
        gap: true,
        fin: None,
    };

    /// `>` is ours, `<` the peer's: our ISN is 100, the peer's 300.
    fn ends_after(steps: &[(char, Flags, u32, u32)]) -> Ends {
        let mut ends = Ends::new();
        for &(from, flags, seq, ack) in steps {
            let segment = segment(flags, seq, ack);
            match from {
                '>' => ends.local_sends(0, &segment, true),
                _ => ends.peer_sends(0, &segment, in_order(&segment)),
            };
        }
        ends
    }

    fn walk(steps: &[(char, Flags, u32, u32)]) -> (StateSet, StateSet) {
        let ends = ends_after(steps);
        (ends.local.states, ends.peer.states)
    }

    fn after_handshake(more: &[(char, Flags, u32, u32)]) -> (StateSet, StateSet) {
        let mut steps = vec![('>', S, 100, 0), ('<', S | A, 300, 101), ('>', A, 101, 301)];
        steps.extend_from_slice(more);
        walk(&steps)
    }

    #[test]
    fn after_a_syn_the_peer_may_be_anywhere_before_the_connection() {
        let (local, peer) = walk(&[('>', S, 100, 0)]);
        assert_eq!(local, SynSent.into());
        assert_eq!(peer, [Closed, Listen, SynReceived].into());
    }

    #[test]
    fn our_third_segment_proves_nothing_of_the_peer() {
        let (local, peer) = after_handshake(&[]);
        assert_eq!(local, Established.into());
        assert_eq!(peer, [SynReceived, Established].into());
    }

    #[test]
    fn four_waves_end_in_time_wait_and_last_ack_or_closed() {
        let (local, peer) = after_handshake(&[('>', F | A, 101, 301), ('<', A, 301, 102)]);
        assert_eq!((local, peer), (FinWait2.into(), CloseWait.into()));
        let (local, peer) = after_handshake(&[
            ('>', F | A, 101, 301),
            ('<', A, 301, 102),
            ('<', F | A, 301, 102),
            ('>', A, 102, 302),
        ]);
        assert_eq!((local, peer), (TimeWait.into(), [LastAck, Closed].into()));
    }

    #[test]
    fn a_merged_fin_ack_shows_last_ack() {
        let (local, peer) = after_handshake(&[('>', F | A, 101, 301), ('<', F | A, 301, 102)]);
        assert_eq!((local, peer), (TimeWait.into(), LastAck.into()));
    }

    #[test]
    fn a_peer_that_closes_first_ends_in_time_wait() {
        let (local, peer) = after_handshake(&[('<', F | A, 301, 101)]);
        assert_eq!((local, peer), (CloseWait.into(), FinWait1.into()));
        let (_, peer) = after_handshake(&[('<', F | A, 301, 101), ('>', A, 101, 302)]);
        assert_eq!(peer, [FinWait1, FinWait2].into());
        let (local, peer) = after_handshake(&[
            ('<', F | A, 301, 101),
            ('>', A, 101, 302),
            ('>', F | A, 101, 302),
            ('<', A, 302, 102),
        ]);
        assert_eq!((local, peer), (Closed.into(), TimeWait.into()));
    }

    /// We close; then the peer sends `more`, the last of it with something missing before.
    fn closing_with_a_hole(more: &[(Flags, u32, u32)]) -> Ends {
        let ours = [
            ('>', S, 100, 0),
            ('<', S | A, 300, 101),
            ('>', A, 101, 301),
            ('>', F | A, 101, 301),
        ];
        let mut ends = ends_after(&ours);
        for (index, &(flags, seq, ack)) in more.iter().enumerate() {
            let last = index + 1 == more.len();
            let segment = segment(flags, seq, ack);
            let arrival = if last {
                BEHIND_A_HOLE
            } else {
                in_order(&segment)
            };
            ends.peer_sends(0, &segment, arrival);
        }
        ends
    }

    #[test]
    fn an_ack_from_behind_a_hole_may_follow_a_fin() {
        let mut ends = closing_with_a_hole(&[(A, 302, 102)]);
        assert_eq!(ends.peer.states, [CloseWait, Closing, LastAck].into());
        // The FIN comes after all. Which of the two was first is not to be seen.
        let late = segment(F | A, 301, 102);
        ends.peer_sends(0, &late, in_order(&late));
        assert_eq!(ends.peer.states, [Closing, LastAck].into());
        ends.local_sends(0, &segment(A, 102, 302), true);
        assert_eq!(
            ends.peer.states,
            [Closing, LastAck, TimeWait, Closed].into()
        );
    }

    #[test]
    fn a_hole_after_close_wait_may_be_a_fin_but_no_crossing_one() {
        let ends = closing_with_a_hole(&[(A, 301, 102), (A, 302, 102)]);
        assert_eq!(ends.peer.states, [CloseWait, LastAck].into());
    }

    #[test]
    fn a_fin_whose_number_was_passed_before_may_have_crossed_ours() {
        let mut ends = closing_with_a_hole(&[(A, 302, 101)]);
        assert_eq!(
            ends.peer.states,
            [Established, FinWait1, CloseWait, Closing].into()
        );
        let late = segment(F | A, 301, 102);
        ends.peer_sends(0, &late, in_order(&late));
        assert_eq!(ends.peer.states, [Closing, LastAck].into());
    }

    #[test]
    fn crossing_fins_leave_closing_open_until_an_ack_decides() {
        let (local, peer) = after_handshake(&[('>', F | A, 101, 301), ('<', F | A, 301, 101)]);
        assert_eq!((local, peer), (Closing.into(), [FinWait1, Closing].into()));
    }

    #[test]
    fn a_fin_of_ours_that_lets_the_peers_pass_leads_to_closing() {
        let (local, peer) = after_handshake(&[('<', F | A, 301, 101), ('>', F | A, 101, 301)]);
        assert_eq!((local, peer), (Closing.into(), [FinWait1, Closing].into()));
        let (local, _) = after_handshake(&[
            ('<', F | A, 301, 101),
            ('>', F | A, 101, 301),
            ('>', A, 102, 302),
            ('<', A, 302, 102),
        ]);
        assert_eq!(local, TimeWait.into());
    }

    #[test]
    fn a_reset_may_not_have_arrived() {
        let (local, peer) = after_handshake(&[('>', R | A, 101, 301)]);
        assert_eq!(local, Closed.into());
        assert_eq!(peer, [Closed, Listen, SynReceived, Established].into());
    }

    #[test]
    fn giving_up_on_a_fin_leaves_room_for_one_that_was_lost() {
        let (_, peer) = after_handshake(&[
            ('>', F | A, 101, 301),
            ('<', A, 301, 102),
            ('>', R | A, 102, 301),
        ]);
        assert_eq!(peer, [Closed, CloseWait, LastAck].into());
    }

    #[test]
    fn an_overtaken_ack_takes_nothing_back() {
        let (_, peer) = after_handshake(&[
            ('>', F | A, 101, 301),
            ('<', A, 301, 102),
            ('<', A, 301, 101),
        ]);
        assert_eq!(peer, CloseWait.into());
    }

    #[test]
    fn an_ack_of_ours_that_crossed_the_peers_fin_takes_nothing_back() {
        let (local, peer) = after_handshake(&[
            ('>', F | A, 101, 301),
            ('<', A, 301, 102),
            ('<', F | A, 301, 102),
            ('>', A, 102, 301),
            ('>', A, 102, 302),
        ]);
        assert_eq!((local, peer), (TimeWait.into(), [LastAck, Closed].into()));
    }

    #[test]
    fn a_refused_syn_shows_closed_on_both_ends() {
        let (local, peer) = walk(&[('>', S, 100, 0), ('<', R | A, 0, 101)]);
        assert_eq!((local, peer), (Closed.into(), Closed.into()));
    }

    #[test]
    fn a_half_open_probe_never_reaches_established() {
        let (local, peer) = walk(&[('>', S, 100, 0), ('<', S | A, 300, 101), ('>', R, 101, 0)]);
        assert_eq!(
            (local, peer),
            (Closed.into(), [Closed, Listen, SynReceived].into())
        );
    }
}
