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
            SynReceived => StateSet::from([Closed, Listen]),
            _ if self.gave_up => StateSet::from([Closed, state.on_close()]),
            _ => Closed.into(),
        }
    }
}

/// Which FIN an end had first: its own to send, or the other's to receive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Order {
    OwnFirst,
    OtherFirst,
    /// Only a repeat of its FIN was seen.
    #[default]
    Unknown,
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
    /// Whether it sent its FIN before the other's had arrived.
    order: Order,
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
    fn note(&mut self, segment: &Segment, other: &Known) {
        if segment.flags.rst() {
            return;
        }
        if segment.flags.syn() {
            self.iss.get_or_insert(segment.seq);
        }
        let end = segment.seq + segment.seq_len();
        if segment.flags.fin() && self.fin.is_none() {
            self.fin = Some(end - 1);
            let is_repeat = self.nxt.is_some_and(|nxt| end.le(nxt));
            self.order = match segment.flags.ack() && other.fin_covered_by(segment.ack) {
                false => Order::OwnFirst,
                true if is_repeat => Order::Unknown,
                true => Order::OtherFirst,
            };
        }
        if self.nxt.is_none_or(|nxt| nxt.lt(end)) {
            self.nxt = Some(end);
        }
        if segment.flags.ack() && self.acked.is_none_or(|acked| acked.lt(segment.ack)) {
            self.acked = Some(segment.ack);
        }
    }

    /// Sent before something already seen, and overtaken or repeated on the way.
    fn is_stale(&self, segment: &Segment) -> bool {
        let acks_less =
            segment.flags.ack() && self.acked.is_some_and(|acked| segment.ack.lt(acked));
        let syn_again = segment.flags.syn()
            && self
                .iss
                .is_some_and(|iss| self.nxt.is_some_and(|nxt| (iss + 1).lt(nxt)));
        acks_less || syn_again
    }

    /// The states in which an end may send this segment, whose numbers are noted already.
    /// `fin_lost`: something before it never came, perhaps its FIN.
    fn may_send(&self, segment: &Segment, other: &Known, fin_lost: bool) -> StateSet {
        let flags = segment.flags;
        if flags.rst() {
            return Closed.into();
        }
        if flags.syn() {
            return if flags.ack() {
                SynReceived.into()
            } else {
                SynSent.into()
            };
        }
        let fin_arrived = flags.ack() && other.fin_covered_by(segment.ack);
        // A FIN is sent again only while it is not acknowledged.
        let may_be_acked = !flags.fin() && other.has_acked_fin_of(self);
        match (self.fin.is_some(), fin_arrived) {
            (false, false) if fin_lost => StateSet::from([Established, FinWait1]),
            (false, true) if fin_lost => StateSet::from([CloseWait, Closing, LastAck]),
            (false, false) => {
                // In SYN-RECEIVED nothing beyond our SYN is taken, and no data is sent.
                let beyond_syn = other.iss.is_some_and(|iss| (iss + 1).lt(segment.ack));
                if beyond_syn || !segment.payload.is_empty() {
                    Established.into()
                } else {
                    StateSet::from([SynReceived, Established])
                }
            }
            (false, true) => CloseWait.into(),
            (true, false) if may_be_acked => StateSet::from([FinWait1, FinWait2]),
            (true, false) => FinWait1.into(),
            (true, true) => {
                let own_first = match may_be_acked {
                    true => StateSet::from([Closing, TimeWait]),
                    false => Closing.into(),
                };
                match self.order {
                    Order::OwnFirst => own_first,
                    Order::OtherFirst => LastAck.into(),
                    Order::Unknown => own_first.union(LastAck.into()),
                }
            }
        }
    }

    /// It sent a segment that belongs to this connection. `in_order`: nothing is missing before.
    fn sends(&mut self, segment: &Segment, other: &Known, in_order: bool) {
        // What follows a FIN carries no data.
        let fin_lost = !in_order && self.fin.is_none() && segment.payload.is_empty();
        let allowed = self.may_send(segment, other, fin_lost);
        let before = if fin_lost {
            let closed = self.states.iter().map(State::on_close).collect();
            self.reach(self.states.union(closed))
        } else {
            self.states
        };
        // What was known before still holds, unless it has moved on by itself (an open, a close).
        let both = allowed.intersection(before);
        self.proven = if both.is_empty() { allowed } else { both };
        self.states = self.reach(self.proven);
    }

    /// The states reachable from these by any of what may have arrived.
    fn reach(&self, from: StateSet) -> StateSet {
        let mut reached = from;
        loop {
            let next = self
                .arriving
                .iter()
                .flat_map(|effect| reached.iter().map(|state| effect.apply(state)))
                .fold(reached, StateSet::union);
            if next == reached {
                return reached;
            }
            reached = next;
        }
    }

    fn may_receive(&mut self, effect: Effect) {
        if !self.arriving.contains(&effect) {
            self.arriving.push(effect);
        }
        self.states = self.reach(self.proven);
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

/// A claim about one end that differs from the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Claim {
    pub(super) end: End,
    pub(super) states: StateSet,
    pub(super) basis: Basis,
    /// It holds since the SYN-ACK arrived, not since the ACK that shows it.
    pub(super) since_syn_ack: bool,
}

/// Both ends, seen from the local one.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub(super) local: Known,
    pub(super) peer: Known,
}

impl Ends {
    pub(super) fn new() -> Ends {
        Ends {
            local: Known::new(Closed.into()),
            peer: Known::new(StateSet::from([Closed, Listen])),
        }
    }

    pub(super) fn local_state(&self) -> StateSet {
        self.local.states
    }

    /// We sent a segment. `ours` is false for a RST that answers a segment of no connection.
    pub(super) fn local_sends(&mut self, segment: &Segment, ours: bool) -> Vec<Claim> {
        if !ours {
            return Vec::new();
        }
        let before = (self.local.states, self.peer.states);
        let opened = before.0 == SynSent.into() && !segment.flags.syn() && !segment.flags.rst();
        self.local.note(segment, &self.peer);
        if opened {
            // The ACK that leaves shows that the SYN-ACK was taken.
            self.local.proven = Established.into();
            self.local.states = self.local.proven;
        }
        let opening = opened.then(|| Claim {
            end: End::Local,
            states: Established.into(),
            basis: Basis::Inferred,
            since_syn_ack: true,
        });
        let before_sending = self.local.states;
        // An ACK that left while more was arriving takes nothing back.
        let flags = segment.flags;
        let plain = !flags.syn() && !flags.fin() && !flags.rst();
        let overtaken = plain && self.peer.nxt.is_some_and(|nxt| segment.ack.lt(nxt));
        if !overtaken {
            self.local.sends(segment, &self.peer, true);
        }
        let effect = effect_on(&self.peer, segment, &self.local);
        self.peer.may_receive(effect);
        let mut claims: Vec<Claim> = opening.into_iter().collect();
        claims.extend(self.claim(End::Local, before_sending, Basis::Seen));
        claims.extend(self.claim(End::Peer, before.1, Basis::Inferred));
        claims
    }

    /// A segment of the peer arrived that belongs to this connection. `in_order`: nothing is
    /// missing before its end.
    pub(super) fn peer_sends(&mut self, segment: &Segment, in_order: bool) -> Vec<Claim> {
        if self.peer.is_stale(segment) {
            return Vec::new();
        }
        let before = (self.local.states, self.peer.states);
        self.peer.note(segment, &self.local);
        self.peer.sends(segment, &self.local, in_order);
        let mut effect = effect_on(&self.local, segment, &self.peer);
        effect.fin &= in_order;
        // In SYN-SENT only what we send next shows whether the SYN was taken.
        if effect.rst || self.local.states != SynSent.into() {
            self.local.receives(effect);
        }
        let mut claims: Vec<Claim> = self
            .claim(End::Local, before.0, Basis::Inferred)
            .into_iter()
            .collect();
        claims.extend(self.claim(End::Peer, before.1, Basis::Seen));
        claims
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
            since_syn_ack: false,
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

    /// `>` is ours, `<` the peer's: our ISN is 100, the peer's 300.
    fn ends_after(steps: &[(char, Flags, u32, u32)]) -> Ends {
        let mut ends = Ends::new();
        for &(from, flags, seq, ack) in steps {
            let segment = segment(flags, seq, ack);
            match from {
                '>' => ends.local_sends(&segment, true),
                _ => ends.peer_sends(&segment, true),
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
            ends.peer_sends(&segment(flags, seq, ack), index + 1 < more.len());
        }
        ends
    }

    #[test]
    fn an_ack_from_behind_a_hole_may_follow_a_fin() {
        let mut ends = closing_with_a_hole(&[(A, 302, 102)]);
        assert_eq!(ends.peer.states, [CloseWait, Closing, LastAck].into());
        // The FIN comes after all. Which of the two was first is not to be seen.
        ends.peer_sends(&segment(F | A, 301, 102), true);
        assert_eq!(ends.peer.states, [Closing, LastAck].into());
        ends.local_sends(&segment(A, 102, 302), true);
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
    fn a_fin_whose_number_was_passed_before_ours_was_acknowledged_crosses_it() {
        let mut ends = closing_with_a_hole(&[(A, 302, 101)]);
        assert_eq!(
            ends.peer.states,
            [Established, FinWait1, CloseWait, Closing].into()
        );
        ends.peer_sends(&segment(F | A, 301, 102), true);
        assert_eq!(ends.peer.states, Closing.into());
    }

    #[test]
    fn crossing_fins_leave_closing_open_until_an_ack_decides() {
        let (local, peer) = after_handshake(&[('>', F | A, 101, 301), ('<', F | A, 301, 101)]);
        assert_eq!((local, peer), (Closing.into(), [FinWait1, Closing].into()));
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
