//! From a captured frame to what it says of TCP.

use std::mem;
use std::net::{IpAddr, SocketAddr};

use crate::capture::Captured;
use crate::capture::tunnel::innermost;
use crate::clock::Stamp;
use crate::exchange::{AnomalyKind, Checksum, End};
use crate::observe::Subject;
use crate::wire::{
    Flags, IpHeader, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, Payload, Segment, SeqNumber,
};

use super::ours::Ours;

/// Wireshark's bits (`tcp.completeness`).
mod complete {
    pub(super) const SYN: u8 = 1;
    pub(super) const SYN_ACK: u8 = 2;
    pub(super) const ACK: u8 = 4;
    pub(super) const DATA: u8 = 8;
    pub(super) const FIN: u8 = 16;
    pub(super) const RST: u8 = 32;
}

/// A frame of TCP, or an ICMP error that quotes one.
#[derive(Debug)]
pub(super) struct Sighting {
    /// Who sent the segment, or the quoted one.
    pub(super) src: SocketAddr,
    /// For whom it is.
    pub(super) dst: SocketAddr,
    /// The fields that tell connections apart; `None` where the header ends before them.
    pub(super) head: Option<Head>,
    /// What tcpshake says of it, where it captured it.
    pub(super) ours: Option<Ours>,
    /// What is told of it to its connection.
    pub(super) frame: Frame,
}

/// What is told of it to its connection.
#[derive(Debug)]
pub(super) struct Frame {
    /// Its number.
    pub(super) number: u64,
    /// When it was captured.
    pub(super) at: Stamp,
    /// The capture says when; else it came some time after the frame before it.
    pub(super) is_stamped: bool,
    /// Its bytes on the wire.
    pub(super) bytes: u32,
    /// The bits that it adds to the completeness of its connection.
    pub(super) completeness: u8,
    /// It was captured on another interface just before.
    pub(super) is_copy: bool,
    /// An ICMP error, not a segment.
    pub(super) is_quote: bool,
    /// The end that sent it or, where it is an ICMP error, is quoted with it.
    pub(super) from: End,
    /// What there is to observe.
    pub(super) subject: Option<Subject>,
}

impl Sighting {
    pub(super) fn number(&self) -> u64 {
        self.frame.number
    }

    pub(super) fn at(&self) -> Stamp {
        self.frame.at
    }

    /// What tcpshake says of it besides; `None` if nothing, and of a copy.
    pub(super) fn take_notes(&mut self) -> Option<Vec<(AnomalyKind, String)>> {
        let ours = self.ours.as_mut().filter(|_| !self.frame.is_copy)?;
        (!ours.notes.is_empty()).then(|| mem::take(&mut ours.notes))
    }

    /// An ICMP error, not a segment.
    pub(super) fn is_quote(&self) -> bool {
        self.frame.is_quote
    }

    /// Its header tells no ports for certain.
    pub(super) fn is_unread(&self) -> bool {
        let subject = &self.frame.subject;
        matches!(subject, Some(Subject::Malformed { .. } | Subject::Fragment))
    }

    pub(super) fn pair(&self) -> Pair {
        Pair::of(self.src, self.dst)
    }

    /// Now it is known from which end of its connection it is.
    pub(super) fn is_of(&mut self, end: End) {
        self.frame.from = end;
        match &mut self.frame.subject {
            Some(Subject::Segment { from, .. }) => *from = end,
            // Errors about the segments of a server tell nothing of its port.
            Some(Subject::Icmp { .. }) if end == End::Peer => self.frame.subject = None,
            _ => {}
        }
    }

    /// Takes down what the packet says, and of which ends; `None` if it says nothing of TCP.
    fn read(&mut self, ip: IpHeader, payload: Payload, missing: usize) -> Option<()> {
        let (src, dst) = (ip.src(), ip.dst());
        let frame = &mut self.frame;
        match payload {
            Payload::Tcp(segment) => {
                self.src.set_port(segment.src_port);
                self.dst.set_port(segment.dst_port);
                let head = Head::from(&segment);
                frame.completeness = head.completeness();
                self.head = Some(head);
                // Of a segment that the capture does not hold all of, it says nothing.
                let checksum = match missing > 0 {
                    true => Checksum::Pending,
                    false => Checksum::of(&segment, src, dst),
                };
                frame.subject = Some(Subject::Segment {
                    from: End::Local,
                    ip,
                    segment,
                    checksum,
                    missing: u32::try_from(missing).unwrap_or(u32::MAX),
                });
            }
            Payload::Malformed { bytes, error } if ip.protocol() == PROTOCOL_TCP => {
                let error = error.to_string();
                self.read_cut(&bytes, Subject::Malformed { error });
            }
            Payload::Fragment(bytes) if ip.protocol() == PROTOCOL_TCP && is_first(&ip) => {
                self.read_cut(&bytes, Subject::Fragment);
            }
            Payload::Icmp(message) => {
                let quote = message.quote()?;
                self.src = SocketAddr::new(quote.src, quote.src_port);
                self.dst = SocketAddr::new(quote.dst, quote.dst_port);
                self.head = Head::read(&quote.transport);
                // As far as can be told.
                let is_intact = missing > 0 || message.checksum_ok(src, dst);
                frame.subject = is_intact.then_some(Subject::Icmp { ip, message, quote });
            }
            _ => return None,
        }
        Some(())
    }

    /// Takes down the ports and the rest of a TCP header, as far as they are there.
    fn read_cut(&mut self, header: &[u8], subject: Subject) {
        if let Some([a, b, c, d]) = header.first_chunk() {
            self.src.set_port(u16::from_be_bytes([*a, *b]));
            self.dst.set_port(u16::from_be_bytes([*c, *d]));
        }
        self.head = Head::read(header);
        self.frame.completeness = self.head.as_ref().map_or(0, Head::completeness);
        self.frame.subject = Some(subject);
    }
}

/// Two ends, whichever of them sends: address and port of each, IPv4 addresses mapped (RFC 4291
/// 2.5.5.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Pair {
    low: u128,
    high: u128,
    low_port: u16,
    high_port: u16,
}

impl Pair {
    pub(super) fn of(one: SocketAddr, other: SocketAddr) -> Pair {
        let number = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let one = (number(one.ip()), one.port());
        let other = (number(other.ip()), other.port());
        let (low, high) = if one <= other {
            (one, other)
        } else {
            (other, one)
        };
        Pair {
            low: low.0,
            high: high.0,
            low_port: low.1,
            high_port: high.1,
        }
    }

    /// The addresses are the same, whatever the ports.
    pub(super) fn has_hosts_of(self, other: Pair) -> bool {
        // Addresses come first in the order of a pair.
        (self.low, self.high) == (other.low, other.high)
    }
}

/// The fields of a segment that tell connections apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) flags: Flags,
    pub(super) seq: SeqNumber,
    pub(super) ack: SeqNumber,
    /// Bytes of data.
    pub(super) len: u32,
}

impl Head {
    /// SYN without ACK.
    pub(super) fn asks_to_open(&self) -> bool {
        self.flags.syn() && !self.flags.ack()
    }

    /// Wireshark counts as ACK what has no data, and as data what a connection takes: without ACK
    /// it is dropped (RFC 9293 3.10.7.4, fifth).
    fn completeness(&self) -> u8 {
        let (flags, has_data) = (self.flags, self.len > 0);
        let first = match (flags.syn(), flags.ack()) {
            (true, false) => complete::SYN,
            (true, true) => complete::SYN_ACK,
            (false, true) if !has_data => complete::ACK,
            (false, _) => 0,
        };
        let takes_data = has_data && (flags.ack() || flags.syn());
        first
            | if takes_data { complete::DATA } else { 0 }
            | if flags.fin() { complete::FIN } else { 0 }
            | if flags.rst() { complete::RST } else { 0 }
    }

    /// Of a header that is there as far as its fixed part.
    fn read(header: &[u8]) -> Option<Head> {
        let header: &[u8; Segment::MIN_HEADER] = header.first_chunk()?;
        let word = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        Some(Head {
            flags: Flags::from_bits(u16::from_be_bytes([header[12] & 0xf, header[13]])),
            seq: SeqNumber(word(4)),
            ack: SeqNumber(word(8)),
            len: 0,
        })
    }
}

impl From<&Segment> for Head {
    fn from(segment: &Segment) -> Head {
        Head {
            flags: segment.flags,
            seq: segment.seq,
            ack: segment.ack,
            len: u32::try_from(segment.payload.len()).unwrap_or(u32::MAX),
        }
    }
}

/// What a frame says whose IP packet is `whole`, if it is of TCP. `is_copy` is asked about that.
pub(super) fn sight(
    captured: &Captured,
    whole: &[u8],
    at: Stamp,
    is_copy: impl FnOnce(&[u8]) -> bool,
) -> Option<Sighting> {
    let inner = innermost(whole, captured.beyond());
    let (ip, payload, _) = IpHeader::split(inner.packet).ok()?;
    // Nothing else speaks of TCP.
    if !matches!(
        ip.protocol(),
        PROTOCOL_TCP | PROTOCOL_ICMP | PROTOCOL_ICMPV6
    ) {
        return None;
    }
    let missing = ip.missing(inner.packet.len(), inner.beyond);
    let payload = Payload::parse_truncated(&ip, payload, missing);
    let mut sighting = Sighting {
        src: SocketAddr::new(ip.src(), 0),
        dst: SocketAddr::new(ip.dst(), 0),
        head: None,
        ours: Ours::of(captured),
        frame: Frame {
            number: captured.number,
            at,
            is_stamped: captured.stamp.is_some(),
            bytes: captured.original_len,
            is_copy: false,
            is_quote: matches!(payload, Payload::Icmp(_)),
            // Not known yet.
            from: End::Local,
            completeness: 0,
            subject: None,
        },
    };
    sighting.read(ip, payload, missing)?;
    sighting.frame.is_copy = is_copy(whole);
    Some(sighting)
}

fn is_first(ip: &IpHeader) -> bool {
    ip.fragment().is_some_and(|fragment| fragment.offset == 0)
}
