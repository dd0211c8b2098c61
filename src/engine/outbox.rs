//! Packets that are to leave, in order, and what the link does not take yet.

use std::io::ErrorKind;
use std::time::Duration;

use crate::clock::Time;
use crate::link::{Link, Outgoing, SendError};
use crate::wire::Segment;

use super::table::Id;

/// How long to wait before what found no room is offered again, at first and at most.
const RETRY: Duration = Duration::from_millis(2);
const RETRY_AT_MOST: Duration = Duration::from_millis(500);

/// How long before it is given up. A neighbour that never answers leaves the kernel's table after
/// three seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The packets of all connections.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    letters: Vec<Letter>,
    /// Of each letter.
    packets: Vec<Outgoing>,
    /// The kernel had no room for these; it may have for others.
    held: Vec<(Time, Letter, Outgoing)>,
    /// The link had no room for any.
    busy: Option<Time>,
}

/// Whose packet it is, and what is in it.
#[derive(Debug)]
struct Letter {
    id: Id,
    segment: Segment,
    wanted: Time,
    /// Since when it has been refused, and how long it waits now.
    refused: Option<(Time, Duration)>,
}

/// What became of a segment.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) id: Id,
    pub(super) segment: Segment,
    pub(super) result: Result<(), SendError>,
    /// When it was to leave.
    pub(super) wanted: Time,
}

impl Outbox {
    /// One more, which is to leave at `now`.
    pub(super) fn push(&mut self, now: Time, id: Id, segment: Segment, packet: Outgoing) {
        self.letters.push(Letter {
            id,
            segment,
            wanted: now,
            refused: None,
        });
        self.packets.push(packet);
    }

    /// The link had no room when it was last asked.
    pub(super) fn is_stuck(&self) -> bool {
        self.busy.is_some()
    }

    /// How many packets found no room where there was some for others.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// When what is left wants to be offered again.
    pub(super) fn retry_at(&self) -> Option<Time> {
        let held = self.held.iter().map(|(due, ..)| *due);
        let busy = self.busy.map(|tried| tried + RETRY);
        held.chain(busy).min()
    }

    /// Offers all of it to the link. Says what became of each that left or never will; the rest
    /// stays.
    pub(super) fn send(&mut self, link: &mut impl Link) -> Vec<Sent> {
        let now = link.now();
        self.take_back_held(now);
        if self.packets.is_empty() || self.busy.is_some_and(|tried| now < tried + RETRY) {
            return Vec::new();
        }
        self.busy = None;
        // `None`: it is held.
        let mut results = Vec::with_capacity(self.packets.len());
        while results.len() < self.packets.len() && self.busy.is_none() {
            let (count, refused) = link.send_all(&self.packets[results.len()..]);
            results.extend((0..count).map(|_| Some(Ok(()))));
            match refused {
                Some(SendError::Busy(error)) => {
                    let is_hopeless = self.letters[results.len()].is_refused(now);
                    if is_hopeless {
                        results.push(Some(Err(SendError::Other(error))));
                    } else if error.kind() == ErrorKind::WouldBlock {
                        self.busy = Some(now);
                    } else {
                        results.push(None);
                    }
                }
                Some(error) => results.push(Some(Err(error))),
                None => {}
            }
        }
        self.settle(now, results)
    }

    fn settle(&mut self, now: Time, results: Vec<Option<Result<(), SendError>>>) -> Vec<Sent> {
        let letters = self.letters.drain(..results.len());
        let packets = self.packets.drain(..results.len());
        let mut settled = Vec::with_capacity(results.len());
        for ((letter, packet), result) in letters.zip(packets).zip(results) {
            match result {
                Some(result) => settled.push(Sent {
                    id: letter.id,
                    segment: letter.segment,
                    wanted: letter.wanted,
                    result,
                }),
                None => {
                    let wait = letter.refused.map_or(RETRY, |(_, wait)| wait);
                    self.held.push((now + wait, letter, packet));
                }
            }
        }
        settled
    }

    /// Those whose time has come are offered again.
    fn take_back_held(&mut self, now: Time) {
        for (_, letter, packet) in self.held.extract_if(.., |(due, ..)| *due <= now) {
            self.letters.push(letter);
            self.packets.push(packet);
        }
    }
}

impl Letter {
    /// It found no room. Whether that has gone on for too long.
    fn is_refused(&mut self, now: Time) -> bool {
        let (since, wait) = self.refused.unwrap_or((now, RETRY / 2));
        self.refused = Some((since, (2 * wait).min(RETRY_AT_MOST)));
        now - since > PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{IpAddr, Ipv4Addr};

    use nix::errno::Errno;

    use super::*;
    use crate::clock::Stamp;
    use crate::link::Wake;

    /// Has room for so many packets, and never for the one of 99.
    struct Narrow {
        now: Time,
        room: usize,
        sent: Vec<u8>,
    }

    impl Link for Narrow {
        fn now(&self) -> Time {
            self.now
        }

        fn wall(&self) -> Stamp {
            Stamp::default()
        }

        fn send(&mut self, packet: &[u8], _: IpAddr, _: u32) -> Result<(), SendError> {
            if packet == [13] {
                return Err(SendError::Firewall);
            }
            if packet == [99] {
                return Err(SendError::Busy(Errno::ENOBUFS.into()));
            }
            if self.room == 0 {
                return Err(SendError::Busy(io::ErrorKind::WouldBlock.into()));
            }
            self.room -= 1;
            self.sent.extend(packet);
            Ok(())
        }

        fn recv(&mut self, _: Option<Time>) -> io::Result<Wake> {
            Ok(Wake::Timeout)
        }

        fn capture_drops(&self) -> u64 {
            0
        }
    }

    fn with(packets: &[u8], room: usize) -> (Outbox, Narrow) {
        let mut outbox = Outbox::default();
        for &byte in packets {
            let packet = Outgoing {
                packet: vec![byte],
                to: Ipv4Addr::LOCALHOST.into(),
                scope: 0,
            };
            outbox.push(Time::default(), byte.into(), Segment::default(), packet);
        }
        let link = Narrow {
            now: Time::default(),
            room,
            sent: Vec::new(),
        };
        (outbox, link)
    }

    #[test]
    fn what_finds_no_room_is_offered_again_in_its_order() {
        let (mut outbox, mut link) = with(&[1, 2, 3], 2);
        let sent: Vec<Id> = outbox.send(&mut link).iter().map(|sent| sent.id).collect();
        assert_eq!((sent, outbox.is_stuck()), (vec![1, 2], true));
        link.room = 1;
        assert!(outbox.send(&mut link).is_empty());
        link.now = outbox.retry_at().unwrap();
        assert_eq!(outbox.send(&mut link).len(), 1);
        assert_eq!(link.sent, [1, 2, 3]);
        assert!(!outbox.is_stuck());
    }

    #[test]
    fn a_refusal_is_of_one_packet() {
        let (mut outbox, mut link) = with(&[1, 13, 3], 2);
        let sent = outbox.send(&mut link);
        let refused: Vec<bool> = sent.iter().map(|sent| sent.result.is_err()).collect();
        assert_eq!(refused, [false, true, false]);
        assert_eq!(link.sent, [1, 3]);
    }

    #[test]
    fn what_finds_no_room_holds_up_no_other() {
        let (mut outbox, mut link) = with(&[1, 99, 3], 3);
        let sent: Vec<Id> = outbox.send(&mut link).iter().map(|sent| sent.id).collect();
        assert_eq!((sent, outbox.is_stuck()), (vec![1, 3], false));
        assert_eq!(outbox.held(), 1);
        let mut offered = 0;
        let refused = loop {
            link.now = outbox.retry_at().unwrap();
            offered += 1;
            if let Some(sent) = outbox.send(&mut link).pop() {
                break sent;
            }
        };
        assert!(refused.result.is_err());
        assert_eq!(outbox.held(), 0);
        assert!((20..40).contains(&offered), "{offered}");
    }

    #[test]
    fn a_link_without_room_is_not_waited_for_without_end() {
        let (mut outbox, mut link) = with(&[1], 0);
        while outbox.is_stuck() || link.now == Time::default() {
            assert!(link.now <= Time::default() + 2 * PATIENCE);
            let sent = outbox.send(&mut link);
            assert_eq!(sent.is_empty(), outbox.is_stuck());
            link.now = outbox.retry_at().unwrap_or(link.now + RETRY);
        }
    }
}
