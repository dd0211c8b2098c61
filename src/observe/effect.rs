//! What a segment does to the end that receives it.

use std::array;
use std::fmt;
use std::sync::LazyLock;

use crate::tcp::{State, StateSet};
use crate::wire::Segment;

use super::known::Known;

use State::*;

/// Where each effect leads from each state: few of both, and asked about with every segment.
static ARROWS: LazyLock<[[StateSet; Effect::COUNT as usize]; State::ALL.len()]> =
    LazyLock::new(|| State::ALL.map(|from| array::from_fn(|it| Effect(it as u8).apply(from))));

/// What a segment does to the end that receives it, in the order of RFC 9293 3.10.7.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Effect(u8);

impl Effect {
    pub(super) const RST: Effect = Effect(1);
    /// The sender reset after its own FIN: it waited in vain, so the receiver's FIN may be lost.
    pub(super) const GAVE_UP: Effect = Effect(2);
    const SYN: Effect = Effect(4);
    const ACKS_SYN: Effect = Effect(8);
    const ACKS_FIN: Effect = Effect(16);
    pub(super) const FIN: Effect = Effect(32);
    /// It acknowledges whatever there was.
    pub(super) const ACKS: Effect = Effect(8 | 16);
    /// One more than the largest.
    const COUNT: u8 = 64;

    /// What `segment` would do to `receiver`. Its numbers are noted in `sender` already.
    pub(super) fn of(segment: &Segment, sender: &Known, receiver: &Known) -> Effect {
        let (flags, ack) = (segment.flags, segment.ack);
        let gave_up = flags.rst() && sender.fin.is_some() && receiver.fin.is_none();
        let acks_syn = flags.ack() && receiver.syn_covered_by(ack);
        let acks_fin = flags.ack() && receiver.fin_covered_by(ack);
        let part = |has: bool, effect: Effect| u8::from(has) * effect.0;
        Effect(
            part(flags.rst(), Effect::RST)
                | part(gave_up, Effect::GAVE_UP)
                | part(flags.syn(), Effect::SYN)
                | part(acks_syn, Effect::ACKS_SYN)
                | part(acks_fin, Effect::ACKS_FIN)
                | part(flags.fin(), Effect::FIN),
        )
    }

    pub(super) fn has(self, part: Effect) -> bool {
        self.0 & part.0 == part.0
    }

    pub(super) fn with(self, part: Effect) -> Effect {
        Effect(self.0 | part.0)
    }

    pub(super) fn without(self, part: Effect) -> Effect {
        Effect(self.0 & !part.0)
    }

    /// The state that this leads to from `state`; after a RST there may be several.
    pub(super) fn apply(self, state: State) -> StateSet {
        if self.has(Effect::RST) {
            return self.apply_rst(state);
        }
        let mut state = state;
        if self.has(Effect::SYN) {
            state = state.on_syn_received();
        }
        if self.has(Effect::ACKS_SYN) {
            state = state.on_syn_acknowledged();
        }
        if self.has(Effect::ACKS_FIN) {
            state = state.on_fin_acknowledged();
        }
        if self.has(Effect::FIN) {
            state = state.on_fin_received();
        }
        state.into()
    }

    /// RFC 9293 3.10.7.4, second: after a passive open back to LISTEN, else CLOSED. The wire does
    /// not tell how the receiver opened.
    fn apply_rst(self, state: State) -> StateSet {
        match state {
            Closed | Listen => state.into(),
            SynSent if !self.has(Effect::ACKS_SYN) => SynSent.into(), // 3.10.7.3, second
            SynReceived => StateSet::from([Closed, Listen]),
            _ if self.has(Effect::GAVE_UP) => StateSet::from([Closed, state.on_close()]),
            _ => Closed.into(),
        }
    }
}

/// A set of effects, in any order and number.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Effects(u64);

impl Effects {
    pub(super) fn insert(&mut self, effect: Effect) {
        self.0 |= 1 << effect.0;
    }

    /// The states that any one of them leads to from any of `states`.
    pub(super) fn apply(self, states: StateSet) -> StateSet {
        let arrows = &*ARROWS;
        let mut reached = StateSet::EMPTY;
        for from in states.iter() {
            let arrows = &arrows[from as usize];
            for effect in self.iter() {
                reached = reached.union(arrows[usize::from(effect.0)]);
            }
        }
        reached
    }

    fn iter(self) -> impl Iterator<Item = Effect> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros() as u8;
            left &= left.wrapping_sub(1);
            (next < Effect::COUNT).then_some(Effect(next))
        })
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (Effect::RST, "RST"),
            (Effect::GAVE_UP, "gave up"),
            (Effect::SYN, "SYN"),
            (Effect::ACKS_SYN, "ACK of SYN"),
            (Effect::ACKS_FIN, "ACK of FIN"),
            (Effect::FIN, "FIN"),
        ];
        let there = parts.iter().filter(|(part, _)| self.has(*part));
        f.debug_set().entries(there.map(|(_, name)| name)).finish()
    }
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
