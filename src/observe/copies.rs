//! Frames that are captured again elsewhere on the same host.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use foldhash::quality::RandomState;

use crate::clock::Stamp;
use crate::link::Direction;

/// A bridge, a VLAN or a router shows a frame again on its other device within this time.
const COPY_NS: i64 = 10_000_000;

/// And within so many frames: the kernel takes fewer from a device at a time. In a flood each frame
/// is compared with these, not with all of it.
const MOST_RECENT: usize = 512;

/// The frames of the last moments.
#[derive(Debug, Default)]
pub struct Copies {
    recent: VecDeque<Recent>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Recent {
    at: Stamp,
    place: Place,
    /// Of the packet. With a key that nobody knows, no other has the same.
    hash: u64,
}

/// Where a frame was captured, and on which way through the host.
type Place = (u32, Option<Direction>);

impl Copies {
    /// Whether the same packet was just captured on another interface, or on its way out where it
    /// had come in. A router has taken one off its TTL.
    pub fn is_copy(
        &mut self,
        at: Stamp,
        interface: u32,
        direction: Option<Direction>,
        packet: &[u8],
    ) -> bool {
        while let Some(first) = self.recent.front()
            && (at.since(first.at) > COPY_NS || self.recent.len() >= MOST_RECENT)
        {
            self.recent.pop_front();
        }
        let place = (interface, direction);
        let hash = self.hasher.hash_one(without_ttl(packet));
        let is_copy = (self.recent.iter()).any(|seen| seen.hash == hash && seen.place != place);
        if !is_copy {
            self.recent.push_back(Recent { at, place, hash });
        }
        is_copy
    }
}

/// What of a packet is the same on every hop: not TTL or hop limit, nor the checksum over it.
fn without_ttl(packet: &[u8]) -> [&[u8]; 3] {
    match packet.first().map(|first| first >> 4) {
        Some(4) if packet.len() >= 12 => [&packet[..8], &packet[9..10], &packet[12..]],
        Some(6) if packet.len() >= 8 => [&packet[..7], &packet[8..], &[]],
        _ => [packet, &[], &[]],
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
    fn a_flood_is_not_compared_with_all_of_itself() {
        let mut copies = Copies::default();
        for at in 0..10_000 {
            assert!(!is_copy(&mut copies, at, 1));
        }
        assert_eq!(copies.recent.len(), MOST_RECENT);
    }

    #[test]
    fn what_a_router_sends_on_is_a_copy() {
        let mut packet = [0x45; 40];
        let mut copies = Copies::default();
        assert!(!copies.is_copy(Stamp(0), 1, Some(Direction::Received), &packet));
        packet[8] -= 1;
        packet[10] ^= 1;
        assert!(copies.is_copy(Stamp(9), 1, Some(Direction::Sent), &packet));
        packet[4] ^= 1;
        assert!(!copies.is_copy(Stamp(9), 1, Some(Direction::Sent), &packet));
    }

    #[test]
    fn what_is_forgotten_leaves_nothing_behind() {
        let mut copies = Copies::default();
        for at in 0..2000 {
            is_copy(&mut copies, at * 1_000_000, 1);
        }
        assert_eq!(copies.recent.len(), 11);
    }
}
