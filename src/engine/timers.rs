//! When which connection wants to be woken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Time;

use super::table::Id;

/// The wishes, earliest first. One that was given up stays until its time: a session takes a
/// spurious call without harm.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Time, Id)>>,
}

impl Timers {
    /// One more wish.
    pub(super) fn push(&mut self, at: Time, id: Id) {
        self.heap.push(Reverse((at, id)));
    }

    /// Takes the next that is due.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Time, Id)> {
        let due = self.next()? <= now;
        let first = if due { self.heap.pop() } else { None };
        first.map(|Reverse(wish)| wish)
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Forgets the wishes of connections that are gone, once they are the most of all.
    pub(super) fn sweep(&mut self, connections: usize, is_there: impl Fn(Id) -> bool) {
        const FEW: usize = 4096;
        if self.heap.len() > FEW.max(4 * connections) {
            self.heap.retain(|Reverse((_, id))| is_there(*id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_come_in_order_of_time_and_not_before() {
        let mut timers = Timers::default();
        for (at, id) in [(30, 3), (10, 1), (20, 2)] {
            timers.push(Time(at), id);
        }
        assert_eq!(timers.next(), Some(Time(10)));
        assert_eq!(timers.pop(Time(9)), None);
        assert_eq!(timers.pop(Time(20)), Some((Time(10), 1)));
        assert_eq!(timers.pop(Time(20)), Some((Time(20), 2)));
        assert_eq!(timers.pop(Time(20)), None);
    }

    #[test]
    fn the_wishes_of_the_gone_are_forgotten_when_there_are_many() {
        let mut timers = Timers::default();
        for id in 0..10_000 {
            timers.push(Time(id), id);
        }
        timers.sweep(1, |id| id == 7_000);
        assert_eq!(timers.pop(Time(9_999)), Some((Time(7_000), 7_000)));
        assert_eq!(timers.next(), None);
    }
}
