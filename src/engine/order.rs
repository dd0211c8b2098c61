//! Frames in order of their stamps: the kernel queues some a little out of it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Stamp;

/// How long a frame waits for an earlier one.
pub(super) const SLACK: Duration = Duration::from_millis(1);

/// A short queue, sorted by stamp; equal stamps keep their order.
#[derive(Debug)]
pub(super) struct InOrder<T> {
    waiting: VecDeque<(Stamp, T)>,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        InOrder {
            waiting: VecDeque::new(),
        }
    }
}

impl<T> InOrder<T> {
    /// Adds an item and hands on those that nothing can come before any more.
    pub(super) fn push(&mut self, at: Stamp, item: T, mut hand_on: impl FnMut(Stamp, &T)) {
        let place = self.waiting.partition_point(|(stamp, _)| *stamp <= at);
        self.waiting.insert(place, (at, item));
        while let Some((stamp, _)) = self.waiting.front() {
            if at.since(*stamp) <= SLACK.as_nanos() as i64 {
                return;
            }
            if let Some((stamp, item)) = self.waiting.pop_front() {
                hand_on(stamp, &item);
            }
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Hands on all that is left.
    pub(super) fn flush(&mut self, mut hand_on: impl FnMut(Stamp, &T)) {
        for (stamp, item) in self.waiting.drain(..) {
            hand_on(stamp, &item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_queued_late_is_put_in_its_place() {
        let mut seen = Vec::new();
        let mut order = InOrder::default();
        for (stamp, name) in [(10, 'a'), (30, 'c'), (20, 'b'), (2_000_000, 'd')] {
            order.push(Stamp(stamp), name, |_, &name| seen.push(name));
        }
        assert_eq!(seen, ['a', 'b', 'c']);
        order.flush(|_, &name| seen.push(name));
        assert_eq!(seen, ['a', 'b', 'c', 'd']);
    }
}
