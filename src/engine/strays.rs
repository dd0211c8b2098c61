//! Segments of connections that are over: a peer that missed the end of one is told.

use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::clock::{Stamp, Time};
use crate::link::{Frame, Outgoing};
use crate::tcp::{Throttle, reset_for};
use crate::wire::{IpFields, Packet, Segment};

use super::ledger::Ledger;

/// So many a second are answered: nobody makes us send as much as they do.
const PER_SECOND: u32 = 1000;

/// So many RSTs are waited for. Those before them were lost by the capture, or went nowhere.
const MOST_LATE: usize = 4096;

/// Our ports, on which nothing is under way with whoever sends to them.
#[derive(Debug, Default)]
pub(super) struct Strays {
    ports: HashSet<SocketAddr>,
    throttle: Throttle,
    ledger: Ledger,
    /// The last RSTs of connections that were not captured before these were over.
    late: VecDeque<Segment>,
    kernel_rst: u64,
}

impl Strays {
    /// We send from this address and port.
    pub(super) fn watch(&mut self, local: SocketAddr) {
        self.ports.insert(SocketAddr::new(local.ip(), local.port()));
    }

    /// RSTs that the kernel sent in our name.
    pub(super) fn kernel_rst(&self) -> u64 {
        self.kernel_rst
    }

    /// A frame of no connection that is under way. What reaches a port of ours is answered as from
    /// CLOSED (RFC 9293 3.10.7.1): the kernel is silent there, and the peer would hold its end open.
    pub(super) fn take(
        &mut self,
        (now, wall): (Time, Stamp),
        frame: &Frame,
        packet: &Packet,
    ) -> Option<(Segment, Outgoing)> {
        let segment = packet.tcp()?;
        let (src, dst) = (packet.ip.src(), packet.ip.dst());
        let leaves = self.ports.contains(&SocketAddr::new(src, segment.src_port));
        let arrives = self.ports.contains(&SocketAddr::new(dst, segment.dst_port));
        // Without a stamp, when it was read is good enough to tell copies.
        let at = frame.stamp.unwrap_or(wall);
        if !(leaves || arrives) || self.ledger.is_copy(at, frame) {
            return None;
        }
        if frame.direction.is_sent() && leaves {
            let is_ours = self.ledger.captured(segment) || self.late.contains(segment);
            self.kernel_rst += u64::from(segment.flags.rst() && !is_ours);
            return None;
        }
        // A SYN is somebody's who wants to connect: to the kernel's listener, which is silent too.
        let wants_reset = segment.flags.ack() && !segment.flags.rst();
        let answers = arrives && frame.direction.is_received() && wants_reset;
        if !answers || !self.throttle.allows(now, PER_SECOND) {
            return None;
        }
        let ip = IpFields {
            // Never 0, by which the RSTs of the kernel are told.
            identification: segment.src_port.max(1),
            ..IpFields::default()
        };
        let packet = Packet::build(dst, src, reset_for(segment), &ip);
        let outgoing = Outgoing {
            packet: packet.emit(),
            to: src,
            scope: match src {
                IpAddr::V6(ip) if ip.is_unicast_link_local() => frame.interface,
                _ => 0,
            },
        };
        Some((packet.into_tcp().unwrap_or_default(), outgoing))
    }

    /// A connection is over, and these were not captured leaving.
    pub(super) fn expect(&mut self, segments: &[Segment]) {
        let resets = segments.iter().filter(|segment| segment.flags.rst());
        self.late.extend(resets.cloned());
        let excess = self.late.len().saturating_sub(MOST_LATE);
        self.late.drain(..excess);
    }

    /// An answer has left.
    pub(super) fn sent(&mut self, segment: Segment) {
        self.ledger.sent(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Direction;
    use crate::wire::{Flags, SeqNumber};

    const OURS: &str = "[fe80::1]:50000";
    const PEER: &str = "[fe80::2]:80";
    const MOMENT: (Time, Stamp) = (Time(1), Stamp(1));

    fn watching() -> Strays {
        let mut strays = Strays::default();
        strays.watch(address(OURS));
        strays
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// A segment between the two, captured on the interface of this index.
    fn segment(from: &str, to: &str, flags: Flags, interface: u32) -> (Frame, Packet) {
        let (from, to) = (address(from), address(to));
        let segment = Segment {
            src_port: from.port(),
            dst_port: to.port(),
            seq: SeqNumber(7),
            ack: SeqNumber(1000),
            flags,
            ..Segment::default()
        };
        let packet = Packet::build(from.ip(), to.ip(), segment, &IpFields::default());
        let frame = Frame {
            stamp: Some(Stamp(1)),
            direction: match from == address(OURS) {
                true => Direction::Sent,
                false => Direction::Received,
            },
            interface,
            checksum_pending: false,
            bytes: packet.emit(),
        };
        (frame, packet)
    }

    #[test]
    fn whoever_goes_on_with_what_is_over_is_reset_where_it_came_from() {
        let (frame, packet) = segment(PEER, OURS, Flags::FIN | Flags::ACK, 3);
        let (reset, outgoing) = watching().take(MOMENT, &frame, &packet).unwrap();
        assert_eq!((reset.flags, reset.seq), (Flags::RST, SeqNumber(1000)));
        assert_eq!((outgoing.to, outgoing.scope), (address(PEER).ip(), 3));
        assert_eq!(Packet::parse(&outgoing.packet).unwrap().tcp(), Some(&reset));
    }

    #[test]
    fn neither_a_reset_nor_a_syn_nor_what_is_for_another_port_is_answered() {
        for (to, flags) in [
            (OURS, Flags::RST | Flags::ACK),
            (OURS, Flags::SYN),
            ("[fe80::1]:50001", Flags::ACK),
        ] {
            let (frame, packet) = segment(PEER, to, flags, 3);
            assert!(watching().take(MOMENT, &frame, &packet).is_none());
        }
    }

    #[test]
    fn a_copy_on_another_interface_is_answered_once() {
        let mut strays = watching();
        let answers = [3, 4].map(|interface| {
            let (frame, packet) = segment(PEER, OURS, Flags::ACK, interface);
            strays.take(MOMENT, &frame, &packet).is_some()
        });
        assert_eq!(answers, [true, false]);
    }

    #[test]
    fn a_reset_that_leaves_is_the_kernels_unless_we_sent_it() {
        let (frame, packet) = segment(OURS, PEER, Flags::RST, 3);
        let ours = packet.tcp().unwrap().clone();
        let count = |mut strays: Strays| {
            assert!(strays.take(MOMENT, &frame, &packet).is_none());
            strays.kernel_rst()
        };
        assert_eq!(count(watching()), 1);
        let mut sent = watching();
        sent.sent(ours.clone());
        assert_eq!(count(sent), 0);
        let mut late = watching();
        late.expect(&[ours]);
        assert_eq!(count(late), 0);
    }
}
