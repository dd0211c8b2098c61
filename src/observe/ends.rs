//! The states of both ends, from captured frames alone.
//!
//! An end's own segment proves in which states it can have been when it sent it. From then on
//! every segment of the other end may have reached it or not, so the set grows by the arrows that
//! such a segment would take. At the end where the frames were captured there is no such doubt:
//! what arrives there has arrived.

use crate::exchange::{Basis, End};
use crate::tcp::{State, StateSet};
use crate::wire::{Segment, SeqNumber};

use State::*;

/// No end repeats anything sooner, the round trip added: RFC 6298 2.4 asks for a second, Linux
/// takes 200 ms.
const SOONEST_REPEAT_NS: i64 = 200_000_000;

/// What a segment leaves open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Doubt {
    /// It comes late enough to be the repeat of one that was lost.
    late: bool,
    /// A FIN may have been sent before it without having been seen.
    fin_unseen: bool,
}

/// What a segment does to the end that receives it, in the order of RFC 9293 3.10.7.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Effect {
    rst: bool,
    /// The sender reset after its own FIN: it waited in vain, so the receiver's FIN may be lost.
    gave_up: bool,
    syn: bool,
    acks_syn: bool,
    acks_fin: bool,
    fin: bool,
}

impl Effect {
    fn apply(self, state: State) -> StateSet {
        if self.rst {
            return self.apply_rst(state);
        }
        let mut state = state;
        if self.syn {
            state = state.on_syn_received();
        }
        if self.acks_syn {
            state = state.on_syn_acknowledged();
        }
        if self.acks_fin {
            state = state.on_fin_acknowledged();
        }
        if self.fin {
            state = state.on_fin_received();
        }
        state.into()
    }

    /// RFC 9293 3.10.7.4, second: after a passive open back to LISTEN, else CLOSED. The wire does
    /// not tell how the receiver opened.
    fn apply_rst(self, state: State) -> StateSet {
        match state {
            Closed | Listen => state.into(),
            SynSent if !self.acks_syn => SynSent.into(), // 3.10.7.3, second
            SynReceived => StateSet::from([Closed, Listen]),
            _ if self.gave_up => StateSet::from([Closed, state.on_close()]),
            _ => Closed.into(),
        }
    }
}

/// What the frames have told of one end.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Its initial sequence number.
    pub(super) iss: Option<SeqNumber>,
    /// The number after everything it has sent.
    pub(super) nxt: Option<SeqNumber>,
    /// The number of its FIN.
    pub(super) fin: Option<SeqNumber>,
    /// The highest number it has acknowledged.
    pub(super) acked: Option<SeqNumber>,
    /// When it last sent something that shows that it had sent no FIN yet.
    open_ns: Option<i64>,
    /// Its last segment has its FIN, never sent before.
    fin_is_fresh: bool,
    /// A RST that was not taken came when the other end had sent up to here.
    doubted: Option<SeqNumber>,
    /// States that its last segment allows, before anything that may have reached it since.
    proven: StateSet,
    /// What it may have received, repeats left out.
    arriving: Vec<Effect>,
    states: StateSet,
}

impl Known {
    fn new(states: StateSet) -> Known {
        Known {
            proven: states,
            states,
            ..Known::default()
        }
    }

    /// Whether `ack` acknowledges its SYN.
    pub(super) fn syn_covered_by(&self, ack: SeqNumber) -> bool {
        self.iss.is_some_and(|iss| iss.lt(ack))
    }

    /// Whether `ack` acknowledges its FIN.
    pub(super) fn fin_covered_by(&self, ack: SeqNumber) -> bool {
        self.fin.is_some_and(|fin| fin.lt(ack))
    }

    fn has_acked_fin_of(&self, other: &Known) -> bool {
        self.acked.is_some_and(|ack| other.fin_covered_by(ack))
    }

    /// Notes the numbers of a segment it sent.
    fn note(&mut self, t_ns: i64, segment: &Segment, doubt: Doubt) {
        if segment.flags.rst() {
            return;
        }
        if segment.flags.syn() {
            self.iss.get_or_insert(segment.seq);
        }
        let end = segment.seq + segment.seq_len();
        let is_next = self.nxt.is_none_or(|nxt| nxt.lt(end));
        if is_next {
            self.nxt = Some(end);
        }
        let is_first = self.fin.is_none() && is_next && !doubt.late;
        self.fin_is_fresh = segment.flags.fin() && is_first;
        if segment.flags.fin() {
            self.fin.get_or_insert(end - 1);
        } else if !doubt.fin_unseen {
            self.open_ns = Some(t_ns);
        }
        if segment.flags.ack() && self.acked.is_none_or(|acked| acked.lt(segment.ack)) {
            self.acked = Some(segment.ack);
        }
    }

    /// It may have been sent before something already seen, and overtaken or repeated on the way.
    /// Nothing comes after a RST.
    fn is_stale(&self, segment: &Segment) -> bool {
        if segment.flags.rst() {
            return false;
        }
        let acks_less =
            segment.flags.ack() && self.acked.is_some_and(|acked| segment.ack.lt(acked));
        let syn_again = segment.flags.syn()
            && self
                .iss
                .is_some_and(|iss| self.nxt.is_some_and(|nxt| (iss + 1).lt(nxt)));
        // An empty ACK without news cannot be told from one that was sent long ago.
        let without_news = segment.seq_len() == 0
            && self.nxt == Some(segment.seq)
            && self.acked == Some(segment.ack);
        acks_less || syn_again || without_news
    }

    /// What may be unseen before a segment of it. `gap`: something is missing.
    fn doubt(&self, t_ns: i64, segment: &Segment, gap: bool, patience_ns: i64) -> Doubt {
        let late = self
            .open_ns
            .is_none_or(|open_ns| t_ns - open_ns >= patience_ns);
        // It has been seen before, or was overtaken.
        let old = self.nxt.is_some_and(|nxt| segment.seq.lt(nxt));
        // An empty segment has the number after everything that was sent before it.
        let missing = if segment.payload.is_empty() {
            gap
        } else {
            late
        };
        Doubt {
            late,
            fin_unseen: old || missing,
        }
    }

    /// The states in which an end may send this segment, whose numbers are noted already.
    fn may_send(&self, segment: &Segment, other: &Known, fin_unseen: bool) -> StateSet {
        let flags = segment.flags;
        if flags.rst() {
            // A RST with ACK is that of an ABORT, one without it may come from a listener.
            let listens = !flags.ack() && self.states.contains(Listen);
            return if listens {
                [Closed, Listen].into()
            } else {
                Closed.into()
            };
        }
        if flags.syn() {
            return if flags.ack() {
                SynReceived.into()
            } else {
                SynSent.into()
            };
        }
        match self.fin {
            Some(_) => self.may_send_closed(segment, other),
            None if fin_unseen => {
                let open = self.may_send_open(segment, other);
                open.union(self.may_send_closed(segment, other))
            }
            None => self.may_send_open(segment, other),
        }
    }

    /// Before its FIN.
    fn may_send_open(&self, segment: &Segment, other: &Known) -> StateSet {
        if segment.flags.ack() && other.fin_covered_by(segment.ack) {
            return CloseWait.into();
        }
        // In SYN-RECEIVED nothing beyond the SYNs is taken or sent.
        let beyond = |end: &Known, number| end.iss.is_some_and(|iss| (iss + 1).lt(number));
        let beyond_syn = beyond(other, segment.ack) || beyond(self, segment.seq);
        if beyond_syn || !segment.payload.is_empty() {
            Established.into()
        } else {
            [SynReceived, Established].into()
        }
    }

    /// With or after its FIN.
    fn may_send_closed(&self, segment: &Segment, other: &Known) -> StateSet {
        let flags = segment.flags;
        let fin_arrived = flags.ack() && other.fin_covered_by(segment.ack);
        // A FIN is sent again only while it is not acknowledged.
        let may_be_acked = !flags.fin() && other.has_acked_fin_of(self);
        match (fin_arrived, may_be_acked) {
            (false, true) => [FinWait1, FinWait2].into(),
            (false, false) => FinWait1.into(),
            (true, true) => [Closing, TimeWait, LastAck].into(),
            // Waves two and three in one. The FIN may also be the repeat of a lost one that had
            // crossed the other's.
            (true, false) if self.fin_is_fresh => LastAck.into(),
            (true, false) => [Closing, LastAck].into(),
        }
    }

    /// It sent a segment that belongs to this connection.
    fn sends(&mut self, segment: &Segment, other: &Known, fin_unseen: bool) {
        let allowed = self.may_send(segment, other, fin_unseen);
        // What was known before still holds, but for what the end does by itself: it closes, or
        // opens, where nothing was known.
        let both = allowed.intersection(self.reachable(self.states, State::on_close));
        self.proven = if both.is_empty() { allowed } else { both };
        self.settle_doubt(segment);
        self.spread();
    }

    /// What acknowledges something sent after the RST came was sent after the RST: that was forged.
    /// Anything else may have been overtaken by it.
    fn settle_doubt(&mut self, segment: &Segment) {
        let Some(sent) = self.doubted else { return };
        if segment.flags.ack() && sent.lt(segment.ack) {
            self.doubted = None;
        } else {
            self.proven = self.proven.union(Closed.into());
        }
    }

    /// The states that `from` may have become by any of what may have arrived, or by `itself`.
    fn reachable(&self, from: StateSet, itself: fn(State) -> State) -> StateSet {
        let mut reached = from;
        loop {
            let next = reached
                .iter()
                .flat_map(|state| {
                    let arrivals = self.arriving.iter().map(move |effect| effect.apply(state));
                    arrivals.chain([itself(state).into()])
                })
                .fold(reached, StateSet::union);
            if next == reached {
                return reached;
            }
            reached = next;
        }
    }

    fn spread(&mut self) {
        self.states = self.reachable(self.proven, |state| state);
    }

    fn may_receive(&mut self, effect: Effect) {
        if !self.arriving.contains(&effect) {
            self.arriving.push(effect);
        }
        self.spread();
    }

    fn receives(&mut self, effect: Effect) {
        self.proven = self
            .states
            .iter()
            .map(|state| effect.apply(state))
            .fold(StateSet::EMPTY, StateSet::union);
        self.states = self.proven;
    }
}

/// How a segment of the peer met our receive window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Arrival {
    /// RFC 9293 3.10.7.4, first: it is looked at further.
    pub(super) acceptable: bool,
    /// Something the peer sent before it is missing.
    pub(super) gap: bool,
    /// Its FIN was taken: it is new, and nothing is missing before it.
    pub(super) fin_taken: bool,
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
}

impl Ends {
    pub(super) fn new() -> Ends {
        Ends {
            local: Known::new(Closed.into()),
            peer: Known::new(StateSet::from([Closed, Listen])),
            round_trip_ns: 0,
            our_fin_ns: None,
            peer_fin_taken: false,
        }
    }

    pub(super) fn local_state(&self) -> StateSet {
        self.local.states
    }

    /// We sent a segment. `ours` is false for a RST that answers a segment of no connection.
    pub(super) fn local_sends(&mut self, t_ns: i64, segment: &Segment, ours: bool) -> Vec<Claim> {
        if !ours {
            return Vec::new();
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
        // Waves two and three in one, the answer that our FIN asked for. For the repeat of a FIN
        // that crossed ours to come just now, the ACK of ours would have to be lost as well.
        let answers_ours = |sent_ns: i64| t_ns - sent_ns < SOONEST_REPEAT_NS + self.round_trip_ns;
        doubt.late &= !self.our_fin_ns.is_some_and(answers_ours);
        self.peer.note(t_ns, segment, doubt);
        if arrival.fin_taken && segment.flags.fin() {
            // Whatever an earlier FIN said that was not taken.
            self.peer.fin = Some(segment.seq + (segment.seq_len() - 1));
            self.peer_fin_taken = true;
        }
        if !stale {
            self.peer.sends(segment, &self.local, doubt.fin_unseen);
        }
        let mut effect = effect_on(&self.local, segment, &self.peer);
        effect.fin &= arrival.fin_taken;
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
        let before = self.local.states;
        if arrival.acceptable {
            self.local.receives(effect_on(&self.local, rst, &self.peer));
        }
        let claims = self.claim(End::Local, before, Basis::Inferred).into_iter();
        claims.chain(self.peer_may_have_reset()).collect()
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

/// What `segment` would do to `receiver`. Its numbers are noted in `sender` already.
fn effect_on(receiver: &Known, segment: &Segment, sender: &Known) -> Effect {
    let acks = |covered: bool| segment.flags.ack() && covered;
    Effect {
        rst: segment.flags.rst(),
        gave_up: segment.flags.rst() && sender.fin.is_some() && receiver.fin.is_none(),
        syn: segment.flags.syn(),
        acks_syn: acks(receiver.syn_covered_by(segment.ack)),
        acks_fin: acks(receiver.fin_covered_by(segment.ack)),
        fin: segment.flags.fin(),
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

    const IN_ORDER: Arrival = Arrival {
        acceptable: true,
        gap: false,
        fin_taken: true,
    };

    const BEHIND_A_HOLE: Arrival = Arrival {
        acceptable: true,
        gap: true,
        fin_taken: false,
    };

    /// `>` is ours, `<` the peer's: our ISN is 100, the peer's 300.
    fn ends_after(steps: &[(char, Flags, u32, u32)]) -> Ends {
        let mut ends = Ends::new();
        for &(from, flags, seq, ack) in steps {
            let segment = segment(flags, seq, ack);
            match from {
                '>' => ends.local_sends(0, &segment, true),
                _ => ends.peer_sends(0, &segment, IN_ORDER),
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
            let arrival = if last { BEHIND_A_HOLE } else { IN_ORDER };
            ends.peer_sends(0, &segment(flags, seq, ack), arrival);
        }
        ends
    }

    #[test]
    fn an_ack_from_behind_a_hole_may_follow_a_fin() {
        let mut ends = closing_with_a_hole(&[(A, 302, 102)]);
        assert_eq!(ends.peer.states, [CloseWait, Closing, LastAck].into());
        // The FIN comes after all. Which of the two was first is not to be seen.
        ends.peer_sends(0, &segment(F | A, 301, 102), IN_ORDER);
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
        ends.peer_sends(0, &segment(F | A, 301, 102), IN_ORDER);
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
