//! Packets that are to leave, in order, and what the link does not take yet.

use std::time::Duration;

use crate::clock::Time;
use crate::link::{Link, Outgoing, SendError};
use crate::wire::Segment;

use super::table::Id;

/// How long to wait before what the link did not take is offered again.
const RETRY: Duration = Duration::from_millis(2);

/// How long at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// The packets of all connections.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    owners: Vec<(Id, Segment)>,
    packets: Vec<Outgoing>,
    busy: Option<Busy>,
}

/// The link has no room.
#[derive(Clone, Copy, Debug)]
struct Busy {
    since: Time,
    tried: Time,
}

/// What became of a segment.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) id: Id,
    pub(super) segment: Segment,
    pub(super) result: Result<(), SendError>,
}

impl Outbox {
    pub(super) fn push(&mut self, id: Id, segment: Segment, packet: Outgoing) {
        self.owners.push((id, segment));
        self.packets.push(packet);
    }

    /// The link had no room when it was last asked.
    pub(super) fn is_stuck(&self) -> bool {
        self.busy.is_some()
    }

    /// When what is left wants to be offered again.
    pub(super) fn retry_at(&self) -> Option<Time> {
        self.busy.map(|busy| busy.tried + RETRY)
    }

    /// Offers all of it to the link. Says what became of each that left or never will; the rest
    /// stays.
    pub(super) fn send(&mut self, link: &mut impl Link) -> Vec<Sent> {
        if self.packets.is_empty() {
            return Vec::new();
        }
        let now = link.now();
        if self.retry_at().is_some_and(|at| now < at) {
            return Vec::new();
        }
        let mut results = Vec::with_capacity(self.packets.len());
        while results.len() < self.packets.len() {
            let (count, refused) = link.send_all(&self.packets[results.len()..]);
            if count > 0 {
                self.busy = None;
            }
            results.extend((0..count).map(|_| Ok(())));
            match refused {
                Some(SendError::Busy(_)) if !self.is_hopeless(now) => break,
                Some(error) => results.push(Err(error)),
                None => {}
            }
        }
        self.packets.drain(..results.len());
        let owners = self.owners.drain(..results.len());
        let sent = owners.zip(results);
        sent.map(|((id, segment), result)| Sent {
            id,
            segment,
            result,
        })
        .collect()
    }

    /// The link has no room again. A packet that finds none for too long is given up.
    fn is_hopeless(&mut self, now: Time) -> bool {
        let since = self.busy.map_or(now, |busy| busy.since);
        let hopeless = now - since > PATIENCE;
        self.busy = (!hopeless).then_some(Busy { since, tried: now });
        hopeless
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::clock::Stamp;
    use crate::link::Wake;

    /// Has room for so many packets.
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
            outbox.push(byte.into(), Segment::default(), packet);
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
    fn a_link_without_room_is_not_waited_for_without_end() {
        let (mut outbox, mut link) = with(&[1], 0);
        while outbox.is_stuck() || link.now == Time::default() {
            assert!(link.now <= Time::default() + 2 * PATIENCE);
            let sent = outbox.send(&mut link);
            assert_eq!(sent.is_empty(), outbox.is_stuck());
            link.now = link.now + RETRY;
        }
    }
}
