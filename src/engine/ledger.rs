//! Which captured frames are ours, the kernel's, or copies.

use std::collections::VecDeque;

use crate::clock::Stamp;
use crate::link::Frame;
use crate::wire::Segment;

/// A bridge or a VLAN shows a frame again on its other device within this time.
const COPY_NS: i64 = 10_000_000;

/// And within so many frames: the kernel takes fewer from a device at a time. In a flood each frame
/// is compared with these, not with all of it.
const MOST_RECENT: usize = 512;

/// What we sent and have not seen leaving yet, and the frames of the last moments.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sent: u64,
    awaited: Vec<Segment>,
    recent: VecDeque<(Stamp, Frame)>,
}

impl Ledger {
    /// The kernel took this segment.
    pub(super) fn sent(&mut self, segment: Segment) {
        self.sent += 1;
        self.awaited.push(segment);
    }

    /// Nothing was ever sent.
    pub(super) fn is_empty(&self) -> bool {
        self.sent == 0
    }

    /// This segment was captured leaving; says whether it is one of ours.
    pub(super) fn captured(&mut self, segment: &Segment) -> bool {
        let position = self.awaited.iter().position(|ours| ours == segment);
        position.map(|index| self.awaited.remove(index)).is_some()
    }

    /// Whether a segment of ours has not been captured yet, though the tap does show ours.
    pub(super) fn awaits_capture(&self) -> bool {
        !self.awaited.is_empty() && self.sent > self.awaited.len() as u64
    }

    /// How many were never captured.
    pub(super) fn missing(&self) -> usize {
        self.awaited.len()
    }

    /// Whether the same packet was just captured on another interface.
    pub(super) fn is_copy(&mut self, at: Stamp, frame: &Frame) -> bool {
        while self
            .recent
            .front()
            .is_some_and(|(then, _)| at.since(*then) > COPY_NS || self.recent.len() >= MOST_RECENT)
        {
            self.recent.pop_front();
        }
        let copy = self.recent.iter().any(|(_, seen)| {
            seen.interface != frame.interface
                && seen.direction == frame.direction
                && seen.bytes == frame.bytes
        });
        if !copy {
            self.recent.push_back((at, frame.clone()));
        }
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Direction;

    fn frame(interface: u32) -> Frame {
        Frame {
            stamp: None,
            direction: Direction::Received,
            interface,
            checksum_pending: false,
            bytes: vec![0x45, 0],
        }
    }

    #[test]
    fn a_copy_on_a_second_interface_is_not_a_repeat() {
        let mut ledger = Ledger::default();
        assert!(!ledger.is_copy(Stamp(0), &frame(1)));
        assert!(ledger.is_copy(Stamp(900), &frame(2)));
        assert!(!ledger.is_copy(Stamp(1000), &frame(1)));
    }

    #[test]
    fn the_same_bytes_much_later_are_a_repeat() {
        let mut ledger = Ledger::default();
        assert!(!ledger.is_copy(Stamp(0), &frame(1)));
        assert!(!ledger.is_copy(Stamp(1_000_000_000), &frame(2)));
    }

    #[test]
    fn a_flood_is_not_compared_with_all_of_itself() {
        let mut ledger = Ledger::default();
        for at in 0..10_000 {
            assert!(!ledger.is_copy(Stamp(at), &frame(1)));
        }
        assert_eq!(ledger.recent.len(), MOST_RECENT);
    }

    #[test]
    fn each_segment_of_ours_is_captured_once() {
        let mut ledger = Ledger::default();
        ledger.sent(Segment::default());
        assert!(ledger.captured(&Segment::default()));
        assert!(!ledger.captured(&Segment::default()));
    }
}
