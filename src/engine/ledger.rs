//! Which captured frames are ours, the kernel's, or copies.

use crate::clock::Stamp;
use crate::link::Frame;
use crate::observe::Copies;
use crate::wire::{Segment, SeqNumber};

/// What we sent and have not seen leaving yet, and the frames of the last moments.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sent: u64,
    awaited: Vec<Segment>,
    copies: Copies,
}

impl Ledger {
    /// The kernel took this segment.
    pub(super) fn sent(&mut self, segment: Segment) {
        self.sent += 1;
        self.awaited.push(segment);
    }

    /// The number of a SYN that has left and was not captured.
    pub(super) fn unseen_syn(&self) -> Option<SeqNumber> {
        let syn = self.awaited.iter().find(|segment| segment.flags.syn());
        syn.map(|syn| syn.seq)
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

    /// Some were sent, and none was captured.
    pub(super) fn has_captured_none(&self) -> bool {
        self.sent > 0 && self.awaited.len() as u64 == self.sent
    }

    /// Those that were not captured.
    pub(super) fn missing(&self) -> &[Segment] {
        &self.awaited
    }

    /// Whether the same packet was just captured on another interface.
    pub(super) fn is_copy(&mut self, at: Stamp, frame: &Frame) -> bool {
        let direction = Some(frame.direction);
        self.copies
            .is_copy(at, frame.interface, direction, &frame.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_of_ours_is_captured_once() {
        let mut ledger = Ledger::default();
        ledger.sent(Segment::default());
        assert!(ledger.captured(&Segment::default()));
        assert!(!ledger.captured(&Segment::default()));
    }
}
