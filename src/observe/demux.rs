//! Which frames concern a connection, and whether their checksums hold.

use std::net::{IpAddr, SocketAddr};

use crate::exchange::{Checksum, End, Flow};
use crate::link::Frame;
use crate::wire::{Fragment, IcmpMessage, IpHeader, PROTOCOL_TCP, Packet, Payload, Quote, Segment};

/// A frame that concerns a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// One of its segments.
    Segment {
        /// Who sent it.
        from: End,
        /// The IP header over it.
        ip: IpHeader,
        /// The segment.
        segment: Segment,
        /// What its checksum says.
        checksum: Checksum,
        /// Bytes of its end that the capture lacks: data, for which there are zeros, and options
        /// where they are more than that.
        missing: u32,
    },
    /// A TCP header that cannot be read, from an address of the connection.
    Malformed {
        /// What is wrong with it.
        error: String,
    },
    /// The first fragment of a segment, from an address of the connection.
    Fragment,
    /// An ICMP error that quotes one of our segments.
    Icmp {
        /// The IP header over it.
        ip: IpHeader,
        /// The message.
        message: IcmpMessage,
        /// The segment it quotes.
        quote: Quote,
    },
}

impl Checksum {
    /// What the checksum of a segment says by itself.
    pub fn of(segment: &Segment, src: IpAddr, dst: IpAddr) -> Checksum {
        if segment.checksum_ok(src, dst) {
            Checksum::Good
        } else if segment.checksum_unfilled(src, dst) {
            Checksum::Pending
        } else {
            Checksum::Bad
        }
    }
}

impl Subject {
    /// Which end it comes from: what is no segment has arrived.
    pub fn sender(&self) -> End {
        match self {
            Subject::Segment { from, .. } => *from,
            Subject::Malformed { .. } | Subject::Fragment | Subject::Icmp { .. } => End::Peer,
        }
    }
}

impl Flow {
    /// What `packet` is to this connection, if anything.
    ///
    /// A frame of ours that only reached this host is somebody else's, and so is one of the peer's
    /// that only left it.
    pub fn subject(&self, frame: &Frame, packet: Packet) -> Option<Subject> {
        let (src, dst) = (packet.ip.src(), packet.ip.dst());
        let arrives = frame.direction.is_received();
        let from_peer = arrives && src == self.remote.ip() && dst == self.local.ip();
        match packet.payload {
            Payload::Tcp(segment) => {
                let from = self.sender(
                    SocketAddr::new(src, segment.src_port),
                    SocketAddr::new(dst, segment.dst_port),
                )?;
                let fits = match from {
                    End::Local => frame.direction.is_sent(),
                    End::Peer => arrives,
                };
                fits.then(|| Subject::Segment {
                    from,
                    checksum: match frame.checksum_pending {
                        true => Checksum::Pending,
                        false => Checksum::of(&segment, src, dst),
                    },
                    ip: packet.ip,
                    segment,
                    missing: 0,
                })
            }
            Payload::Icmp(message) if arrives => {
                let quote = message.quote()?;
                let ours = quote.src == self.local.ip()
                    && quote.dst == self.remote.ip()
                    && quote.src_port == self.local.port()
                    && quote.dst_port == self.remote.port();
                let intact = frame.checksum_pending || message.checksum_ok(src, dst);
                (ours && intact).then_some(Subject::Icmp {
                    ip: packet.ip,
                    message,
                    quote,
                })
            }
            Payload::Malformed { error, .. } if from_peer => Some(Subject::Malformed {
                error: error.to_string(),
            }),
            Payload::Fragment(_) if from_peer && is_first_of_tcp(&packet.ip) => {
                Some(Subject::Fragment)
            }
            _ => None,
        }
    }

    fn sender(&self, src: SocketAddr, dst: SocketAddr) -> Option<End> {
        // Scope ids and flow labels are no part of what a packet says.
        let same = |a: SocketAddr, b: SocketAddr| a.ip() == b.ip() && a.port() == b.port();
        if same(src, self.local) && same(dst, self.remote) {
            Some(End::Local)
        } else if same(src, self.remote) && same(dst, self.local) {
            Some(End::Peer)
        } else {
            None
        }
    }
}

fn is_first_of_tcp(ip: &IpHeader) -> bool {
    let is_first = |fragment: Fragment| fragment.offset == 0;
    ip.protocol() == PROTOCOL_TCP && ip.fragment().is_some_and(is_first)
}
