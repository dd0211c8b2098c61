//! The eleven states of RFC 9293 3.3.2 and the arrows between them (figure 5).

use std::fmt;

/// A state of one end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs)] // RFC 9293 3.3.2 describes each
pub enum State {
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    Closed,
}

use State::*;

impl State {
    /// Every state, in the order in which a connection may pass them, down to CLOSED.
    pub const ALL: [State; 11] = [
        Listen,
        SynSent,
        SynReceived,
        Established,
        FinWait1,
        FinWait2,
        CloseWait,
        Closing,
        LastAck,
        TimeWait,
        Closed,
    ];

    /// The name RFC 9293 gives it.
    pub fn name(self) -> &'static str {
        match self {
            Closed => "CLOSED",
            Listen => "LISTEN",
            SynSent => "SYN-SENT",
            SynReceived => "SYN-RECEIVED",
            Established => "ESTABLISHED",
            FinWait1 => "FIN-WAIT-1",
            FinWait2 => "FIN-WAIT-2",
            CloseWait => "CLOSE-WAIT",
            Closing => "CLOSING",
            LastAck => "LAST-ACK",
            TimeWait => "TIME-WAIT",
        }
    }

    /// Both SYNs have been exchanged (RFC 9293 3.5.1 calls these states synchronized).
    pub fn is_synchronized(self) -> bool {
        !matches!(self, Closed | Listen | SynSent | SynReceived)
    }

    /// rcv SYN.
    pub fn on_syn_received(self) -> State {
        match self {
            Listen | SynSent => SynReceived,
            other => other,
        }
    }

    /// rcv ACK of SYN.
    pub fn on_syn_acknowledged(self) -> State {
        match self {
            SynReceived => Established,
            other => other,
        }
    }

    /// CLOSE, snd FIN.
    pub fn on_close(self) -> State {
        match self {
            Listen | SynSent => Closed,
            SynReceived | Established => FinWait1,
            CloseWait => LastAck,
            other => other,
        }
    }

    /// rcv FIN.
    pub fn on_fin_received(self) -> State {
        match self {
            SynReceived | Established => CloseWait,
            FinWait1 => Closing,
            FinWait2 => TimeWait,
            other => other,
        }
    }

    /// rcv ACK of FIN.
    pub fn on_fin_acknowledged(self) -> State {
        match self {
            FinWait1 => FinWait2,
            Closing => TimeWait,
            LastAck => Closed,
            other => other,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of states: what an end may be in when the wire does not decide.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct StateSet(u16);

impl StateSet {
    /// The set without a member.
    pub const EMPTY: StateSet = StateSet(0);

    /// Whether `state` is in it.
    pub fn contains(self, state: State) -> bool {
        self.0 & (1 << state as u16) != 0
    }

    /// How many states are in it.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The one state in it, if there is just one.
    pub fn only(self) -> Option<State> {
        if self.len() == 1 {
            self.iter().next()
        } else {
            None
        }
    }

    /// The states in both.
    pub fn intersection(self, other: StateSet) -> StateSet {
        StateSet(self.0 & other.0)
    }

    /// The states in either.
    pub fn union(self, other: StateSet) -> StateSet {
        StateSet(self.0 | other.0)
    }

    /// The states in it that are not in the other.
    pub fn without(self, other: StateSet) -> StateSet {
        StateSet(self.0 & !other.0)
    }

    /// Its states, in the order of [`State::ALL`].
    pub fn iter(self) -> impl Iterator<Item = State> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = State::ALL.get(left.trailing_zeros() as usize).copied();
            left &= left.wrapping_sub(1);
            next
        })
    }
}

impl From<State> for StateSet {
    fn from(state: State) -> StateSet {
        StateSet(1 << state as u16)
    }
}

impl FromIterator<State> for StateSet {
    fn from_iter<I: IntoIterator<Item = State>>(states: I) -> StateSet {
        states
            .into_iter()
            .fold(StateSet::EMPTY, |set, state| set.union(state.into()))
    }
}

impl<const N: usize> From<[State; N]> for StateSet {
    fn from(states: [State; N]) -> StateSet {
        states.into_iter().collect()
    }
}

impl fmt::Debug for StateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_close_walks_to_time_wait() {
        let walk = Established
            .on_close()
            .on_fin_acknowledged()
            .on_fin_received();
        assert_eq!(walk, TimeWait);
    }

    #[test]
    fn simultaneous_close_walks_through_closing() {
        let closing = Established.on_close().on_fin_received();
        assert_eq!(closing, Closing);
        assert_eq!(closing.on_fin_acknowledged(), TimeWait);
    }

    #[test]
    fn passive_close_walks_to_closed() {
        let walk = Established
            .on_fin_received()
            .on_close()
            .on_fin_acknowledged();
        assert_eq!(walk, Closed);
    }

    #[test]
    fn a_set_lists_its_states_in_order() {
        let set = StateSet::from([Established, SynReceived]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [SynReceived, Established]);
        assert_eq!(set.only(), None);
        assert_eq!(StateSet::from(TimeWait).only(), Some(TimeWait));
    }
}
