//! The states of both ends, from captured frames alone.
//!
//! An end's own segment proves in which states it can have been when it sent it. From then on
//! every segment of the other end may have reached it or not, so the set grows by the arrows that
//! such a segment would take. At the end where the frames were captured there is no such doubt:
//! what arrives there has arrived.

use crate::exchange::{Basis, End};
use crate::tcp::{State, StateSet};
use crate::wire::{Segment, SeqNumber};

use super::effect::Effect;
use super::known::{Doubt, Known};
use super::pair::Pair;
use super::queue::Queue;
use super::{Sight, Vantage};

use State::*;

/// No end repeats anything sooner, the round trip added: RFC 6298 2.4 asks for a second, Linux
/// takes 200 ms.
const SOONEST_REPEAT_NS: i64 = 200_000_000;

/// How a segment met the receive window of the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Arrival {
    /// RFC 9293 3.10.7.4, first: it is looked at further.
    pub(super) acceptable: bool,
    /// Something sent before it is missing.
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

/// The claims that one segment leads to: one or two about each end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claims {
    list: [Option<Claim>; 4],
    len: usize,
}

impl Claims {
    fn push(&mut self, claim: Claim) {
        self.list[self.len] = Some(claim);
        self.len += 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Claim> {
        self.list[..self.len].iter().flatten()
    }
}

impl Extend<Claim> for Claims {
    fn extend<I: IntoIterator<Item = Claim>>(&mut self, claims: I) {
        claims.into_iter().for_each(|claim| self.push(claim));
    }
}

/// Where a claim belongs among the earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// After them.
    Last,
    /// It holds since the SYN-ACK arrived, not since the ACK that shows it.
    SinceSynAck,
    /// The last about this end was wrong: the other FIN had arrived and was not taken yet.
    InsteadOfLast,
}

/// What the frames tell of the states of one end.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) known: Known,
    pub(super) sight: Sight,
    /// What it has from the other end comes this long after it was asked for, at least, in
    /// nanoseconds; 0 where nothing shows it.
    pub(super) round_trip_ns: i64,
    /// When its FIN was first sent.
    fin_ns: Option<i64>,
    /// Its FIN was taken with nothing missing before it.
    fin_taken: bool,
    /// `None` at our own end, and until it is known how large its segments are.
    queue: Option<Queue>,
}

impl Party {
    fn new(states: StateSet, sight: Sight) -> Party {
        Party {
            known: Known::new(states),
            sight,
            round_trip_ns: 0,
            fin_ns: None,
            fin_taken: false,
            queue: None,
        }
    }
}

/// Both ends.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    each: Pair<Party>,
}

impl Ends {
    pub(super) fn new(vantage: Vantage) -> Ends {
        let local = Party::new(Closed.into(), vantage.sight(End::Local));
        let listening = StateSet::from([Closed, Listen]);
        let peer = Party::new(listening, vantage.sight(End::Peer));
        Ends {
            each: Pair { local, peer },
        }
    }

    pub(super) fn known(&self, end: End) -> &Known {
        &self.each[end].known
    }

    pub(super) fn states(&self, end: End) -> StateSet {
        self.each[end].known.states
    }

    fn all_states(&self) -> Pair<StateSet> {
        self.each.by_ref().map(|party| party.known.states)
    }

    pub(super) fn sight(&self, end: End) -> Sight {
        self.each[end].sight
    }

    pub(super) fn round_trip_is(&mut self, end: End, round_trip_ns: i64) {
        self.each[end].round_trip_ns = round_trip_ns;
    }

    /// `end` queues what it sends like this.
    pub(super) fn queues(&mut self, end: End, queue: Queue) {
        if self.each[end].sight != Sight::Ours {
            self.each[end].queue = Some(queue);
        }
    }

    /// `end` advertises a window of so many bytes.
    pub(super) fn offers(&mut self, end: End, window: u32) {
        if let Some(queue) = &mut self.each[end.other()].queue {
            queue.offer(window);
        }
    }

    /// Of `end` nothing has been seen, and the capture begins when it has sent up to `nxt`: it may
    /// be in `states`.
    pub(super) fn begin(&mut self, end: End, nxt: SeqNumber, states: StateSet) {
        self.each[end].known.begin(nxt, states);
    }

    /// `from` sent a SYN that was not captured.
    pub(super) fn begin_with_syn(&mut self, from: End, iss: SeqNumber) {
        let known = &mut self.each[from].known;
        known.begin(iss + 1, SynSent.into());
        known.iss = Some(iss);
        known.fin_before = false;
    }

    /// `end` sent something that was not captured, a FIN perhaps.
    pub(super) fn may_have_closed(&mut self, end: End) {
        let (sender, receiver) = self.each.both_mut(end);
        sender.known.may_have_closed();
        receiver.known.may_receive(Effect::FIN);
    }

    /// `end` has sent everything before `nxt`.
    pub(super) fn has_sent(&mut self, end: End, nxt: SeqNumber) {
        let known = &mut self.each[end].known;
        if known.nxt.is_none_or(|seen| seen.lt(nxt)) {
            known.nxt = Some(nxt);
        }
    }

    /// `from` sent a segment that belongs to this connection.
    pub(super) fn sends(
        &mut self,
        from: End,
        t_ns: i64,
        segment: &Segment,
        arrival: Arrival,
    ) -> Claims {
        if self.each[from].sight == Sight::Ours {
            return self.we_send(from, t_ns, segment);
        }
        let before = self.all_states();
        let (sender, receiver) = self.each.both_mut(from);
        let flags = segment.flags;
        if let Some(queue) = &mut receiver.queue {
            queue.other_sends(segment);
        }
        let stale = sender.known.is_stale(segment);
        let doubt = sender.doubt(t_ns, segment, arrival, stale, receiver.fin_ns);
        sender.known.note(t_ns, segment, doubt);
        if let Some(fin) = arrival.fin {
            // Whatever another FIN said that was not taken.
            sender.known.fin = Some(fin);
            sender.fin_taken = true;
        }
        if flags.fin() {
            sender.fin_ns.get_or_insert(t_ns);
        }
        if !stale {
            sender.known.sends(segment, &receiver.known, doubt);
        }
        let effect = Effect::of(segment, &sender.known, &receiver.known);
        match receiver.sight {
            // In SYN-SENT only what we send next shows whether the SYN was taken.
            Sight::Ours if flags.rst() || receiver.known.states != SynSent.into() => {
                let effect = match arrival.fin {
                    Some(_) => effect.with(Effect::FIN),
                    None => effect.without(Effect::FIN),
                };
                if arrival.acceptable {
                    receiver.known.receives(effect);
                }
            }
            Sight::Ours => {}
            Sight::Here if arrival.acceptable && sender.known.is_whole_to(&receiver.known) => {
                // Of what lies before it something may have been dropped there, until an ACK says so.
                let in_order = receiver.known.acked.is_some_and(|ack| segment.seq.le(ack));
                let fin = arrival.fin.is_some() && in_order;
                receiver.known.has_received(effect, fin);
            }
            Sight::Here | Sight::Afar => receiver.known.may_receive(effect),
        }
        self.claims(before, from, Claims::default())
    }

    /// A segment of ours leaves.
    fn we_send(&mut self, from: End, t_ns: i64, segment: &Segment) -> Claims {
        let mut before = self.all_states();
        let (us, other) = self.each.both_mut(from);
        if let Some(queue) = &mut other.queue {
            queue.other_sends(segment);
        }
        us.known.note(t_ns, segment, Doubt::default());
        if segment.flags.fin() {
            us.fin_ns.get_or_insert(t_ns);
        }
        let flags = segment.flags;
        let mut claims = Claims::default();
        let mut claim = |states: State, basis, place| {
            claims.push(Claim {
                end: from,
                states: states.into(),
                basis,
                place,
            });
            states.into()
        };
        if us.known.states == SynSent.into() && !flags.syn() && !flags.rst() {
            // The ACK that leaves shows that the SYN-ACK was taken.
            let opened = claim(Established, Basis::Inferred, Place::SinceSynAck);
            us.known.prove(opened);
            before[from] = opened;
        }
        let arrived = us.known.states == CloseWait.into();
        if flags.fin() && arrived && !other.known.fin_covered_by(segment.ack) {
            // A FIN of ours that does not acknowledge the one that has arrived: we closed first,
            // and took the other only then (RFC 9293 figure 13).
            claim(FinWait1, Basis::Seen, Place::InsteadOfLast);
            before[from] = claim(Closing, Basis::Inferred, Place::Last);
            us.known.prove(before[from]);
        }
        us.step(segment, other);
        let effect = Effect::of(segment, &us.known, &other.known);
        other.known.may_receive(effect);
        self.claims(before, from, claims)
    }

    /// A RST of `from` arrived that was not taken: it may be forged, or its own.
    pub(super) fn may_have_reset(&mut self, from: End) -> Claims {
        let before = self.all_states();
        let (sender, receiver) = self.each.both_mut(from);
        sender.known.doubted = receiver.known.nxt;
        sender.known.proven = sender.known.proven.union(Closed.into());
        sender.known.spread();
        self.claims(before, from, Claims::default())
    }

    /// A RST of `from` arrived that the other end takes, though something on the path may have sent
    /// it.
    pub(super) fn other_may_have_reset(
        &mut self,
        from: End,
        rst: &Segment,
        arrival: Arrival,
    ) -> Claims {
        let mut claims = Claims::default();
        if arrival.acceptable {
            claims = self.takes_reset(from, rst);
        }
        claims.extend(self.may_have_reset(from).iter().copied());
        claims
    }

    /// A RST of `from` that has arrived is taken.
    pub(super) fn takes_reset(&mut self, from: End, rst: &Segment) -> Claims {
        let before = self.all_states();
        let (sender, receiver) = self.each.both_mut(from);
        let effect = Effect::of(rst, &sender.known, &receiver.known);
        match receiver.sight {
            Sight::Afar => receiver.known.may_receive(effect),
            Sight::Here | Sight::Ours => receiver.known.receives(effect),
        }
        self.claims(before, from, Claims::default())
    }

    /// What has changed by a segment of `from`, after `claims`.
    fn claims(&self, before: Pair<StateSet>, from: End, mut claims: Claims) -> Claims {
        for end in [End::Local, End::Peer] {
            let states = self.each[end].known.states;
            if states == before[end] {
                continue;
            }
            let basis = match end {
                _ if states.len() > 1 => Basis::Possible,
                _ if end == from => Basis::Seen,
                _ => Basis::Inferred,
            };
            claims.push(Claim {
                end,
                states,
                basis,
                place: Place::Last,
            });
        }
        claims
    }
}

impl Party {
    /// What may be unseen before a segment of this end, whose numbers are not noted yet. The other
    /// end first sent its FIN at `other_fin_ns`.
    fn doubt(
        &mut self,
        t_ns: i64,
        segment: &Segment,
        arrival: Arrival,
        stale: bool,
        other_fin_ns: Option<i64>,
    ) -> Doubt {
        let patience_ns = SOONEST_REPEAT_NS + self.round_trip_ns;
        let mut doubt = self.known.doubt(t_ns, segment, arrival.gap, patience_ns);
        doubt.fin_unseen |= stale;
        if let Some(queue) = &mut self.queue {
            (doubt.text_is_new, doubt.fin_waits) = queue.judge(segment, arrival.gap);
            doubt.heard = Some(queue.heard());
        }
        // Waves two and three in one, the answer that the other FIN asked for. For the repeat of a
        // FIN that crossed it to come just now, the ACK of that would have to be lost as well.
        let answers_other = |sent_ns: i64| t_ns - sent_ns < patience_ns;
        doubt.late &= !other_fin_ns.is_some_and(answers_other);
        // A repeat says what its end knows now, whenever the text was written.
        doubt.text_is_new &= !doubt.late;
        doubt
    }

    /// The frames are captured at this end, which is ours: what it was is known, and what it sends
    /// says what it did.
    fn step(&mut self, segment: &Segment, other: &Party) {
        let flags = segment.flags;
        // A FIN with the SYN-ACK is known to be taken when it is acknowledged.
        let took_fin = other.fin_taken && flags.ack() && other.known.fin_covered_by(segment.ack);
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
        self.known
            .prove(self.known.states.iter().map(after).collect());
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
        let mut ends = Ends::new(Vantage::Ours);
        for &(from, flags, seq, ack) in steps {
            let segment = segment(flags, seq, ack);
            match from {
                '>' => ends.sends(End::Local, 0, &segment, in_order(&segment)),
                _ => ends.sends(End::Peer, 0, &segment, in_order(&segment)),
            };
        }
        ends
    }

    fn walk(steps: &[(char, Flags, u32, u32)]) -> (StateSet, StateSet) {
        let ends = ends_after(steps);
        (ends.states(End::Local), ends.states(End::Peer))
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
            ends.sends(End::Peer, 0, &segment, arrival);
        }
        ends
    }

    #[test]
    fn an_ack_from_behind_a_hole_may_follow_a_fin() {
        let mut ends = closing_with_a_hole(&[(A, 302, 102)]);
        assert_eq!(ends.states(End::Peer), [CloseWait, Closing, LastAck].into());
        // The FIN comes after all. Which of the two was first is not to be seen.
        let late = segment(F | A, 301, 102);
        ends.sends(End::Peer, 0, &late, in_order(&late));
        assert_eq!(ends.states(End::Peer), [Closing, LastAck].into());
        {
            let last = segment(A, 102, 302);
            ends.sends(End::Local, 0, &last, in_order(&last));
        }
        assert_eq!(
            ends.states(End::Peer),
            [Closing, LastAck, TimeWait, Closed].into()
        );
    }

    #[test]
    fn a_hole_after_close_wait_may_be_a_fin_but_no_crossing_one() {
        let ends = closing_with_a_hole(&[(A, 301, 102), (A, 302, 102)]);
        assert_eq!(ends.states(End::Peer), [CloseWait, LastAck].into());
    }

    #[test]
    fn a_fin_whose_number_was_passed_before_may_have_crossed_ours() {
        let mut ends = closing_with_a_hole(&[(A, 302, 101)]);
        assert_eq!(
            ends.states(End::Peer),
            [Established, FinWait1, CloseWait, Closing].into()
        );
        let late = segment(F | A, 301, 102);
        ends.sends(End::Peer, 0, &late, in_order(&late));
        assert_eq!(ends.states(End::Peer), [Closing, LastAck].into());
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
