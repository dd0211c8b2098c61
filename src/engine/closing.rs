//! Connections that are over, but for what is still to leave, to be captured or to be told.

use std::collections::VecDeque;
use std::mem;

use crate::clock::Time;

use super::table::Id;

/// They are looked at when something has happened to them, and when they have waited long enough.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// How many there are.
    pub(super) count: usize,
    /// How long each waits for frames of its own at most, earliest first.
    waits: VecDeque<(Time, Id)>,
    /// Something has happened to these.
    touched: Vec<Id>,
}

/// One has waited long enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IsDue(pub(super) bool);

impl Closing {
    /// A connection is over. So long it waits for frames of its own.
    pub(super) fn add(&mut self, id: Id, until: Time) {
        self.count += 1;
        self.wait(id, until);
    }

    /// Something has happened to one that is over.
    pub(super) fn touch(&mut self, id: Id) {
        self.touched.push(id);
    }

    /// Those to be looked at, some more than once: to which something has happened, or which have
    /// waited until `read_to`. The latter are passed over until they are kept [`waiting`] again.
    ///
    /// [`waiting`]: Closing::wait
    pub(super) fn poll(&mut self, read_to: Time) -> Vec<(Id, IsDue)> {
        let touched = mem::take(&mut self.touched);
        let mut ids: Vec<_> = touched.into_iter().map(|id| (id, IsDue(false))).collect();
        while self
            .waits
            .front()
            .is_some_and(|(until, _)| *until <= read_to)
        {
            let due = self.waits.pop_front();
            ids.extend(due.map(|(_, id)| (id, IsDue(true))));
        }
        ids
    }

    /// One that was due waits on.
    pub(super) fn wait(&mut self, id: Id, until: Time) {
        self.waits.push_back((until, id));
    }

    /// One of them is gone.
    pub(super) fn remove(&mut self, is_there: impl Fn(Id) -> bool) {
        self.count -= 1;
        while self.waits.front().is_some_and(|(_, id)| !is_there(*id)) {
            self.waits.pop_front();
        }
    }

    /// When the first has waited long enough.
    pub(super) fn next(&self) -> Option<Time> {
        self.waits.front().map(|(until, _)| *until)
    }

    /// All of them, and some that are gone.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        self.waits.iter().map(|(_, id)| *id)
    }
}
