//! From a captured frame to what it says of TCP.

use std::net::{IpAddr, SocketAddr};

use crate::capture::Captured;
use crate::capture::link::network;
use crate::capture::tunnel::innermost;
use crate::clock::Stamp;
use crate::exchange::{AnomalyKind, Checksum, End};
use crate::observe::Subject;
use crate::wire::{
    Flags, IcmpMessage, IpHeader, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, Payload, Quote,
    Segment, SeqNumber,
};

use super::ours::Ours;

/// A frame of TCP, or an ICMP error that quotes one.
#[derive(Debug)]
pub(super) struct Sighting {
    /// The number of the frame.
    pub(super) number: u64,
    /// When it was captured.
    pub(super) at: Stamp,
    /// Its bytes on the wire.
    pub(super) bytes: u64,
    /// It was captured on another interface just before.
    pub(super) is_copy: bool,
    /// Who sent the segment, or the quoted one.
    pub(super) src: SocketAddr,
    /// For whom it is.
    pub(super) dst: SocketAddr,
    /// The fields that tell connections apart; `None` where the header ends before them.
    pub(super) head: Option<Head>,
    pub(super) what: What,
    /// What tcpshake says of it, where it captured it.
    pub(super) ours: Option<Ours>,
}

impl Sighting {
    pub(super) fn pair(&self) -> Pair {
        Pair::of(self.src, self.dst)
    }

    /// What of it is told of its connection. The end `from` sent it or, where it is an ICMP error, is
    /// quoted with it.
    pub(super) fn frame(self, from: End) -> Frame {
        Frame {
            number: self.number,
            at: self.at,
            from,
            bytes: self.bytes,
            head: self.head,
            is_quote: self.is_quote(),
            is_copy: self.is_copy,
            subject: self.what.subject(from),
            notes: self.ours.map_or(Vec::new(), |ours| ours.notes),
        }
    }

    /// An ICMP error, not a segment.
    pub(super) fn is_quote(&self) -> bool {
        matches!(self.what, What::Icmp { .. })
    }
}

/// A frame of a connection.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) number: u64,
    pub(super) at: Stamp,
    pub(super) from: End,
    pub(super) bytes: u64,
    pub(super) head: Option<Head>,
    pub(super) is_quote: bool,
    pub(super) is_copy: bool,
    /// What there is to observe.
    pub(super) subject: Option<Subject>,
    /// What tcpshake says of it, where it captured it.
    pub(super) notes: Vec<(AnomalyKind, String)>,
}

/// What the frame is.
#[derive(Debug)]
pub(super) enum What {
    Segment {
        ip: IpHeader,
        segment: Segment,
        checksum: Checksum,
    },
    /// A header that cannot be read.
    Malformed { error: String },
    /// The first fragment of a segment.
    Fragment,
    Icmp {
        ip: IpHeader,
        message: IcmpMessage,
        quote: Quote,
        /// Its checksum is right, as far as can be told.
        is_intact: bool,
    },
}

impl What {
    fn subject(self, from: End) -> Option<Subject> {
        Some(match self {
            What::Segment {
                ip,
                segment,
                checksum,
            } => Subject::Segment {
                from,
                ip,
                segment,
                checksum,
            },
            What::Malformed { error } => Subject::Malformed { error },
            What::Fragment => Subject::Fragment,
            What::Icmp {
                ip,
                message,
                quote,
                is_intact: true,
            } if from == End::Local => Subject::Icmp { ip, message, quote },
            What::Icmp { .. } => return None,
        })
    }
}

/// Two ends, whichever of them sends: address and port of each, IPv4 addresses mapped (RFC 4291
/// 2.5.5.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Pair {
    addresses: [u128; 2],
    ports: [u16; 2],
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
            addresses: [low.0, high.0],
            ports: [low.1, high.1],
        }
    }

    /// The addresses are the same, whatever the ports.
    pub(super) fn has_hosts_of(self, other: Pair) -> bool {
        // Addresses come first in the order of a pair.
        self.addresses == other.addresses
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

/// What a frame says, if it is of TCP. `is_copy` is asked about its IP packet.
pub(super) fn sight(
    captured: &Captured,
    at: Stamp,
    is_copy: impl FnOnce(&[u8]) -> bool,
) -> Option<Sighting> {
    let whole = network(captured.interface.link, captured.bytes).ok()?;
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
    let (ports, head, what) = read(ip, payload, missing > 0)?;
    let [src, dst] = ports;
    Some(Sighting {
        number: captured.number,
        at,
        bytes: captured.original_len.into(),
        is_copy: is_copy(whole),
        src,
        dst,
        head,
        what,
        ours: Ours::of(captured),
    })
}

fn read(
    ip: IpHeader,
    payload: Payload,
    is_cut: bool,
) -> Option<([SocketAddr; 2], Option<Head>, What)> {
    let (src, dst) = (ip.src(), ip.dst());
    match payload {
        Payload::Tcp(segment) => {
            let ports = [
                SocketAddr::new(src, segment.src_port),
                SocketAddr::new(dst, segment.dst_port),
            ];
            let head = Some(Head::from(&segment));
            // Of a segment that the capture does not hold all of, it says nothing.
            let checksum = match is_cut {
                true => Checksum::Pending,
                false => Checksum::of(&segment, src, dst),
            };
            let what = What::Segment {
                ip,
                segment,
                checksum,
            };
            Some((ports, head, what))
        }
        Payload::Malformed { bytes, error } if ip.protocol() == PROTOCOL_TCP => {
            let error = error.to_string();
            let what = What::Malformed { error };
            let ports =
                ports(src, dst, &bytes).unwrap_or([src, dst].map(|it| SocketAddr::new(it, 0)));
            Some((ports, Head::read(&bytes), what))
        }
        Payload::Fragment(bytes) if ip.protocol() == PROTOCOL_TCP && is_first(&ip) => {
            let ports =
                ports(src, dst, &bytes).unwrap_or([src, dst].map(|it| SocketAddr::new(it, 0)));
            Some((ports, Head::read(&bytes), What::Fragment))
        }
        Payload::Icmp(message) => {
            let quote = message.quote()?;
            let ports = [
                SocketAddr::new(quote.src, quote.src_port),
                SocketAddr::new(quote.dst, quote.dst_port),
            ];
            let head = Head::read(&quote.transport);
            let what = What::Icmp {
                is_intact: is_cut || message.checksum_ok(src, dst),
                ip,
                message,
                quote,
            };
            Some((ports, head, what))
        }
        _ => None,
    }
}

fn is_first(ip: &IpHeader) -> bool {
    ip.fragment().is_some_and(|fragment| fragment.offset == 0)
}

/// The ends that a TCP header names, as far as it is there.
fn ports(src: IpAddr, dst: IpAddr, header: &[u8]) -> Option<[SocketAddr; 2]> {
    let [a, b, c, d] = *header.first_chunk()?;
    Some([
        SocketAddr::new(src, u16::from_be_bytes([a, b])),
        SocketAddr::new(dst, u16::from_be_bytes([c, d])),
    ])
}
