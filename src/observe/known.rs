//! What the frames have told of one end: the states in which it can have sent what it sent, and
//! those that it may have reached since.

use crate::tcp::{State, StateSet};
use crate::wire::{Segment, SeqNumber};

use super::effect::{Effect, Effects};

use State::*;

/// What a segment leaves open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Doubt {
    /// It comes late enough to be the repeat of one that was lost.
    pub(super) late: bool,
    /// A FIN may have been sent before it without having been seen.
    pub(super) fin_unseen: bool,
    /// It may have closed, with text to send before its FIN.
    pub(super) fin_waits: bool,
    /// Its text was written after all that it acknowledges had come: nothing waited before.
    pub(super) text_is_new: bool,
    /// An acknowledgment that had reached it before.
    pub(super) heard: Option<SeqNumber>,
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
    /// It may have closed before its last segment without a FIN.
    fin_waits: bool,
    /// It may have sent its FIN before the capture began.
    pub(super) fin_before: bool,
    /// The capture began when it had sent up to here.
    begun: Option<SeqNumber>,
    /// Something of it was captured.
    spoke: bool,
    /// The number after the text that was captured of it.
    text_end: Option<SeqNumber>,
    /// It sent a RST: all else was sent before.
    has_reset: bool,
    /// A RST that was not taken came when the other end had sent up to here.
    pub(super) doubted: Option<SeqNumber>,
    /// States that its last segment allows, before anything that may have reached it since.
    pub(super) proven: StateSet,
    /// What it may have received, repeats left out.
    arriving: Effects,
    /// `states` are all that these lead to from `proven`.
    is_spread: bool,
    pub(super) states: StateSet,
}

impl Known {
    pub(super) fn new(states: StateSet) -> Known {
        Known {
            proven: states,
            states,
            ..Known::default()
        }
    }

    /// The capture begins when it has sent up to `nxt`, in one of `states`.
    pub(super) fn begin(&mut self, nxt: SeqNumber, states: StateSet) {
        self.nxt = Some(nxt);
        self.begun = Some(nxt);
        self.fin_before = true;
        self.prove(states);
    }

    /// It may have closed meanwhile, and its FIN have passed.
    pub(super) fn may_have_closed(&mut self) {
        self.fin_before = true;
        self.text_end = None;
        self.open_ns = None;
        self.proven = self.reachable(self.states, State::on_close);
        self.spread();
    }

    /// It is in one of `states`.
    pub(super) fn prove(&mut self, states: StateSet) {
        self.is_spread = false;
        self.proven = states;
        self.states = states;
    }

    /// Whether the capture holds everything of it that `other` still waits for.
    pub(super) fn is_whole_to(&self, other: &Known) -> bool {
        let reaches = |begun: SeqNumber| other.acked.is_some_and(|acked| begun.le(acked));
        self.begun.is_none_or(reaches)
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
    pub(super) fn note(&mut self, t_ns: i64, segment: &Segment, doubt: Doubt) {
        if segment.flags.rst() {
            return;
        }
        if segment.flags.syn() {
            self.iss.get_or_insert(segment.seq);
        }
        let end = segment.seq + segment.seq_len();
        self.note_beginning(t_ns, segment);
        let is_next = self.nxt.is_none_or(|nxt| nxt.lt(end));
        if is_next {
            self.nxt = Some(end);
        }
        let is_first = self.fin.is_none() && is_next && !doubt.late && !self.fin_waits;
        self.fin_is_fresh = segment.flags.fin() && is_first;
        if segment.flags.fin() {
            self.fin.get_or_insert(end - 1);
        } else if !doubt.fin_unseen {
            self.open_ns = Some(t_ns);
            self.fin_waits = doubt.fin_waits;
        } else {
            self.fin_waits |= doubt.fin_waits;
        }
        if segment.flags.ack() && self.acked.is_none_or(|acked| acked.lt(segment.ack)) {
            self.acked = Some(segment.ack);
        }
    }

    /// Text that follows what was captured of it shows that there was no FIN before, and so does an
    /// empty segment that follows its text.
    fn note_beginning(&mut self, t_ns: i64, segment: &Segment) {
        let follows = if segment.payload.is_empty() {
            self.text_end == Some(segment.seq)
        } else {
            self.spoke && self.nxt.is_some_and(|nxt| nxt.le(segment.text_seq()))
        };
        if self.fin_before && follows {
            self.fin_before = false;
            self.open_ns = Some(t_ns);
        }
        self.fin_before &= !segment.flags.fin();
        self.spoke = true;
        let end = segment.text_seq() + segment.text_len();
        if !segment.payload.is_empty() && self.text_end.is_none_or(|seen| seen.lt(end)) {
            self.text_end = Some(end);
        }
    }

    /// Whether `ack` may acknowledge a FIN of it from before the capture: beyond all its text.
    fn fin_before_covered_by(&self, ack: SeqNumber) -> bool {
        self.fin_before && self.text_end.is_none_or(|end| end.lt(ack))
    }

    /// It may have been sent before something already seen, and overtaken or repeated on the way.
    /// Nothing comes after a RST.
    pub(super) fn is_stale(&self, segment: &Segment) -> bool {
        if segment.flags.rst() || self.has_reset {
            return !segment.flags.rst();
        }
        let acks_less =
            segment.flags.ack() && self.acked.is_some_and(|acked| segment.ack.lt(acked));
        let beyond_syn = self.iss.zip(self.nxt).map(|(iss, nxt)| (iss + 1).lt(nxt));
        let syn_again = segment.flags.syn() && beyond_syn.unwrap_or(self.spoke);
        // An empty ACK without news cannot be told from one that was sent long ago.
        let without_news = segment.seq_len() == 0
            && self.nxt == Some(segment.seq)
            && self.acked == Some(segment.ack);
        acks_less || syn_again || without_news
    }

    /// What may be unseen before a segment of it. `gap`: something is missing.
    pub(super) fn doubt(&self, t_ns: i64, segment: &Segment, gap: bool, patience_ns: i64) -> Doubt {
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
            fin_waits: false,
            text_is_new: false,
            heard: None,
        }
    }

    /// The states in which an end may send this segment, whose numbers are noted already.
    fn may_send(&self, segment: &Segment, other: &Known, doubt: Doubt) -> StateSet {
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
            return match () {
                // 3.10.4: CLOSE in SYN-RECEIVED.
                () if flags.fin() => FinWait1.into(),
                () if flags.ack() => SynReceived.into(),
                () => SynSent.into(),
            };
        }
        match self.fin {
            Some(fin) if doubt.heard.is_some_and(|ack| fin.lt(ack)) => {
                self.may_send_acked(segment, other)
            }
            Some(_) => self.may_send_closed(segment, other),
            None => {
                let open = self.may_send_open(segment, other);
                let with = |allows: bool, more: StateSet| {
                    if allows { more } else { StateSet::EMPTY }
                };
                let fin_unseen = doubt.fin_unseen || self.fin_before;
                open.union(with(fin_unseen, self.may_send_closed(segment, other)))
                    .union(with(doubt.fin_waits, closing_from(open, doubt)))
            }
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
        let fin_arrived = other
            .fin_before_covered_by(segment.ack)
            .then_some(CloseWait);
        let open = if beyond_syn || !segment.payload.is_empty() {
            StateSet::from(Established)
        } else {
            [SynReceived, Established].into()
        };
        open.union(fin_arrived.into_iter().collect())
    }

    /// After the acknowledgment of its FIN.
    fn may_send_acked(&self, segment: &Segment, other: &Known) -> StateSet {
        if segment.flags.ack() && other.fin_covered_by(segment.ack) {
            TimeWait.into()
        } else {
            FinWait2.into()
        }
    }

    /// With or after its FIN.
    fn may_send_closed(&self, segment: &Segment, other: &Known) -> StateSet {
        let flags = segment.flags;
        // A FIN is sent again only while it is not acknowledged.
        let may_be_acked = !flags.fin() && (self.fin_before || other.has_acked_fin_of(self));
        let before = if may_be_acked {
            StateSet::from([FinWait1, FinWait2])
        } else {
            FinWait1.into()
        };
        let after = match () {
            () if may_be_acked => StateSet::from([Closing, TimeWait, LastAck]),
            // Waves two and three in one. The FIN may also be the repeat of a lost one that had
            // crossed the other's.
            () if self.fin_is_fresh => LastAck.into(),
            () => [Closing, LastAck].into(),
        };
        match () {
            () if flags.ack() && other.fin_covered_by(segment.ack) => after,
            () if other.fin_before_covered_by(segment.ack) => before.union(after),
            () => before,
        }
    }

    /// It sent a segment that belongs to this connection.
    pub(super) fn sends(&mut self, segment: &Segment, other: &Known, doubt: Doubt) {
        let before = self.proven;
        self.has_reset |= segment.flags.rst();
        let allowed = self.may_send(segment, other, doubt);
        // What was known before still holds, but for what the end does by itself: it closes, or
        // opens, where nothing was known.
        let both = if allowed.without(self.states).is_empty() {
            allowed
        } else {
            allowed.intersection(self.reachable(self.states, State::on_close))
        };
        self.proven = if both.is_empty() { allowed } else { both };
        self.settle_doubt(segment);
        if self.proven != before || !self.is_spread {
            self.spread();
        }
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
    fn reachable(&self, from: StateSet, itself: impl Fn(State) -> State) -> StateSet {
        let (mut reached, mut new) = (from, from);
        while !new.is_empty() {
            let by_itself = new.iter().map(&itself).collect();
            let next = self.arriving.apply(new).union(by_itself);
            new = next.without(reached);
            reached = reached.union(next);
        }
        reached
    }

    pub(super) fn spread(&mut self) {
        self.is_spread = true;
        self.states = self.reachable(self.proven, |state| state);
    }

    /// This may arrive; its FIN then counts only if nothing before it is missing.
    pub(super) fn may_receive(&mut self, effect: Effect) {
        let held_back = effect.without(Effect::FIN);
        let before = self.arriving;
        self.arriving.insert(effect);
        self.arriving.insert(held_back);
        if self.fin_before {
            self.arriving.insert(effect.with(Effect::ACKS));
            self.arriving.insert(held_back.with(Effect::ACKS));
        }
        if !self.is_spread {
            self.spread();
        } else if self.arriving != before {
            // They are all that the others lead to.
            self.states = self.reachable(self.states, |state| state);
        }
    }

    /// This has arrived, though what the end sends next may have been on its way before. `fin`: by
    /// it nothing is missing any more before the FIN.
    pub(super) fn has_received(&mut self, effect: Effect, fin: bool) {
        if self.fin_before {
            return self.may_receive(effect);
        }
        let held_back = effect.without(Effect::FIN);
        self.arriving.insert(held_back);
        self.receives(held_back);
        if fin {
            self.arriving.insert(effect.with(Effect::FIN));
            self.receives(effect.with(Effect::FIN));
        } else if effect.has(Effect::FIN) {
            self.may_receive(effect);
        }
    }

    /// This has arrived. The end's own FINs are known.
    pub(super) fn receives(&mut self, effect: Effect) {
        let effect = effect.without(Effect::GAVE_UP);
        let applied = self.states.iter().map(|state| effect.apply(state));
        self.prove(applied.fold(StateSet::EMPTY, StateSet::union));
    }
}

/// After CLOSE in one of these states, the FIN not sent yet. Where the other FIN has come, it may
/// have come before CLOSE or after; before it, if it came before the text.
fn closing_from(open: StateSet, doubt: Doubt) -> StateSet {
    let may_cross = open.contains(CloseWait) && !doubt.text_is_new;
    let crossed = may_cross.then_some(Closing);
    open.iter().map(State::on_close).chain(crossed).collect()
}
