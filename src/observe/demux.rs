//! Which frames concern a connection, and whether their checksums hold.

use std::net::{IpAddr, SocketAddr};

use crate::exchange::{Checksum, End, Flow};
use crate::link::Frame;
use crate::wire::{IcmpMessage, IpHeader, PROTOCOL_TCP, Packet, Payload, Quote, Segment};

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
    pub fn subject(&self, frame: &Frame, packet: &Packet) -> Option<Subject> {
        let (src, dst) = (packet.ip.src(), packet.ip.dst());
        match &packet.payload {
            Payload::Tcp(segment) => {
                let from = self.sender(
                    SocketAddr::new(src, segment.src_port),
                    SocketAddr::new(dst, segment.dst_port),
                )?;
                let fits = match from {
                    End::Local => frame.direction.is_sent(),
                    End::Peer => frame.direction.is_received(),
                };
                if !fits {
                    return None;
                }
                Some(Subject::Segment {
                    from,
                    ip: packet.ip.clone(),
                    checksum: if frame.checksum_pending {
                        Checksum::Pending
                    } else {
                        Checksum::of(segment, src, dst)
                    },
                    segment: segment.clone(),
                    missing: 0,
                })
            }
            Payload::Icmp(message) if frame.direction.is_received() => {
                let quote = message.quote()?;
                let ours = quote.src == self.local.ip()
                    && quote.dst == self.remote.ip()
                    && quote.src_port == self.local.port()
                    && quote.dst_port == self.remote.port();
                let intact = frame.checksum_pending || message.checksum_ok(src, dst);
                (ours && intact).then(|| Subject::Icmp {
                    ip: packet.ip.clone(),
                    message: message.clone(),
                    quote,
                })
            }
            Payload::Malformed { error, .. }
                if frame.direction.is_received()
                    && src == self.remote.ip()
                    && dst == self.local.ip() =>
            {
                Some(Subject::Malformed {
                    error: error.to_string(),
                })
            }
            Payload::Fragment(_)
                if frame.direction.is_received()
                    && src == self.remote.ip()
                    && dst == self.local.ip()
                    && is_first_of_tcp(packet) =>
            {
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

fn is_first_of_tcp(packet: &Packet) -> bool {
    packet.ip.protocol() == PROTOCOL_TCP
        && packet
            .ip
            .fragment()
            .is_some_and(|fragment| fragment.offset == 0)
}
