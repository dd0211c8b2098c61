//! Something of each end.

use std::ops::{Index, IndexMut};

use crate::exchange::End;

/// Something of each end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Pair<T> {
    pub(super) local: T,
    pub(super) peer: T,
}

impl<T> Pair<T> {
    pub(super) fn by_ref(&self) -> Pair<&T> {
        Pair {
            local: &self.local,
            peer: &self.peer,
        }
    }

    pub(super) fn map<U>(self, f: impl Fn(T) -> U) -> Pair<U> {
        Pair {
            local: f(self.local),
            peer: f(self.peer),
        }
    }

    /// That of `end`, and that of the other.
    pub(super) fn both_mut(&mut self, end: End) -> (&mut T, &mut T) {
        match end {
            End::Local => (&mut self.local, &mut self.peer),
            End::Peer => (&mut self.peer, &mut self.local),
        }
    }
}

impl<T> Index<End> for Pair<T> {
    type Output = T;

    fn index(&self, end: End) -> &T {
        match end {
            End::Local => &self.local,
            End::Peer => &self.peer,
        }
    }
}

impl<T> IndexMut<End> for Pair<T> {
    fn index_mut(&mut self, end: End) -> &mut T {
        match end {
            End::Local => &mut self.local,
            End::Peer => &mut self.peer,
        }
    }
}
