//! Frames that are captured again on another interface.

use std::collections::VecDeque;

use crate::clock::Stamp;
use crate::link::Direction;

/// A bridge or a VLAN shows a frame again on its other device within this time.
const COPY_NS: i64 = 10_000_000;

/// And within so many frames: the kernel takes fewer from a device at a time. In a flood each frame
/// is compared with these, not with all of it.
const MOST_RECENT: usize = 512;

/// The frames of the last moments.
#[derive(Debug, Default)]
pub struct Copies {
    recent: VecDeque<Recent>,
}

#[derive(Debug)]
struct Recent {
    at: Stamp,
    interface: u32,
    direction: Option<Direction>,
    packet: Vec<u8>,
}

impl Copies {
    /// Whether the same packet was just captured on another interface.
    pub fn is_copy(
        &mut self,
        at: Stamp,
        interface: u32,
        direction: Option<Direction>,
        packet: &[u8],
    ) -> bool {
        while self
            .recent
            .front()
            .is_some_and(|first| at.since(first.at) > COPY_NS || self.recent.len() >= MOST_RECENT)
        {
            self.recent.pop_front();
        }
        let is_copy = self.recent.iter().any(|seen| {
            seen.interface != interface && seen.direction == direction && seen.packet == packet
        });
        if !is_copy {
            self.recent.push_back(Recent {
                at,
                interface,
                direction,
                packet: packet.to_vec(),
            });
        }
        is_copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_copy(copies: &mut Copies, at: u64, interface: u32) -> bool {
        let direction = Some(Direction::Received);
        copies.is_copy(Stamp(at), interface, direction, &[0x45, 0])
    }

    #[test]
    fn a_copy_on_a_second_interface_is_not_a_repeat() {
        let mut copies = Copies::default();
        assert!(!is_copy(&mut copies, 0, 1));
        assert!(is_copy(&mut copies, 900, 2));
        assert!(!is_copy(&mut copies, 1000, 1));
    }

    #[test]
    fn the_same_bytes_much_later_are_a_repeat() {
        let mut copies = Copies::default();
        assert!(!is_copy(&mut copies, 0, 1));
        assert!(!is_copy(&mut copies, 1_000_000_000, 2));
    }

    #[test]
    fn what_goes_the_other_way_is_no_copy() {
        let mut copies = Copies::default();
        assert!(!is_copy(&mut copies, 0, 1));
        assert!(!copies.is_copy(Stamp(1), 2, Some(Direction::Sent), &[0x45, 0]));
    }

    #[test]
    fn a_flood_is_not_compared_with_all_of_itself() {
        let mut copies = Copies::default();
        for at in 0..10_000 {
            assert!(!is_copy(&mut copies, at, 1));
        }
        assert_eq!(copies.recent.len(), MOST_RECENT);
    }
}
