//! What one frame tells that was not known before it.

use crate::tcp::StateSet;

use super::{AnomalyKind, Basis, End};

/// What one frame tells that was not known before it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct News {
    /// Claims about the ends.
    pub states: Vec<NewState>,
    /// What is out of the ordinary, each in a sentence.
    pub anomalies: Vec<(AnomalyKind, String)>,
}

/// A claim about one end that differs from the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewState {
    /// Which end.
    pub end: End,
    /// The states it may be in.
    pub states: StateSet,
    /// Why.
    pub basis: Basis,
    /// Since when.
    pub since: Since,
}

/// Since when a claim holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// Since the frame that shows it.
    Now,
    /// Since the SYN-ACK arrived.
    SynAck,
    /// Since the frame that shows it, and the last claim about this end, which was this one, never
    /// held: the peer's FIN had arrived and was not taken yet.
    InsteadOf(StateSet),
}
