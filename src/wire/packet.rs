//! Whole IP packets.

use std::net::IpAddr;

use super::ip::{is_extension, mapped};
use super::{
    IcmpMessage, IpHeader, IpVersion, Ipv4Header, Ipv6Header, PROTOCOL_ICMP, PROTOCOL_ICMPV6,
    PROTOCOL_TCP, Segment, WireError,
};

/// One IP packet as captured or to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// The IP header, extension headers included.
    pub ip: IpHeader,
    /// What it carries.
    pub payload: Payload,
    /// Bytes past the end that the IP header gives, such as Ethernet padding.
    pub trailer: Vec<u8>,
}

/// What an IP packet carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// A TCP segment.
    Tcp(Segment),
    /// An ICMP message of the packet's own IP version.
    Icmp(IcmpMessage),
    /// A part of a datagram: never read further, even where it begins with a TCP header.
    Fragment(Vec<u8>),
    /// TCP, ICMP or an IPv6 extension header that could not be read.
    Malformed {
        /// All of it.
        bytes: Vec<u8>,
        /// Why.
        error: WireError,
    },
    /// Another protocol.
    Other(Vec<u8>),
}

impl Payload {
    fn parse(ip: &IpHeader, bytes: &[u8]) -> Payload {
        if ip.is_partial() {
            return Payload::Fragment(bytes.to_vec());
        }
        let version = ip.version();
        let parsed = match (version, ip.protocol()) {
            (_, PROTOCOL_TCP) => Segment::parse(bytes).map(Payload::Tcp),
            (IpVersion::V4, PROTOCOL_ICMP) | (IpVersion::V6, PROTOCOL_ICMPV6) => {
                IcmpMessage::parse(version, bytes).map(Payload::Icmp)
            }
            // The walk stops at an extension header only when it does not fit.
            (IpVersion::V6, kind) if is_extension(kind) => Err(WireError::Truncated {
                what: "IPv6 extension header",
                needed: bytes.len() + 1,
                available: bytes.len(),
            }),
            _ => Ok(Payload::Other(bytes.to_vec())),
        };
        parsed.unwrap_or_else(|error| Payload::Malformed {
            bytes: bytes.to_vec(),
            error,
        })
    }

    fn emit(&self) -> Vec<u8> {
        match self {
            Payload::Tcp(segment) => segment.emit(),
            Payload::Icmp(message) => message.emit(),
            Payload::Fragment(bytes) | Payload::Malformed { bytes, .. } | Payload::Other(bytes) => {
                bytes.clone()
            }
        }
    }
}

/// The fields of an IP header that a sender chooses. The default is a plain TTL of 64 with don't
/// fragment set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpFields {
    /// TTL or hop limit.
    pub ttl: u8,
    /// Differentiated Services Code Point, 6 bits.
    pub dscp: u8,
    /// Explicit Congestion Notification, 2 bits.
    pub ecn: u8,
    /// Don't fragment; IPv4 only.
    pub dont_fragment: bool,
    /// Identification; IPv4 only.
    pub identification: u16,
    /// Flow label, 20 bits; IPv6 only.
    pub flow_label: u32,
}

impl Default for IpFields {
    fn default() -> IpFields {
        IpFields {
            ttl: 64,
            dscp: 0,
            ecn: 0,
            dont_fragment: true,
            identification: 0,
            flow_label: 0,
        }
    }
}

impl Packet {
    /// Reads one captured packet from its IP header on.
    ///
    /// A length field of 0 is that of an offloaded frame: all that is there is taken. A packet that
    /// the capture cut short is read as far as it goes; [`Packet::missing`] says what is lacking.
    ///
    /// # Errors
    /// [`WireError`] when the IP header cannot be read. A payload that cannot be read is
    /// [`Payload::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Packet, WireError> {
        let (ip, header_len) = IpHeader::parse(bytes)?;
        let total = ip.packet_len().unwrap_or(bytes.len());
        let (packet, trailer) = bytes.split_at(total.min(bytes.len()));
        let payload = packet.get(header_len..).ok_or(WireError::TotalLength {
            total,
            header: header_len,
        })?;
        Ok(Packet {
            payload: Payload::parse(&ip, payload),
            ip,
            trailer: trailer.to_vec(),
        })
    }

    /// The bytes of this packet, lengths and checksums as they stand.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        [self.ip.emit(), self.payload.emit(), self.trailer.clone()].concat()
    }

    /// Bytes that the IP header counts but the capture does not hold (a snapshot length).
    #[must_use]
    pub fn missing(&self) -> usize {
        let there = self.ip.emit().len() + self.payload.emit().len();
        let declared = self.ip.packet_len().unwrap_or(there);
        declared.saturating_sub(there)
    }

    /// The segment, if it carries one.
    #[must_use]
    pub fn tcp(&self) -> Option<&Segment> {
        match &self.payload {
            Payload::Tcp(segment) => Some(segment),
            _ => None,
        }
    }

    /// The ICMP message, if it carries one.
    #[must_use]
    pub fn icmp(&self) -> Option<&IcmpMessage> {
        match &self.payload {
            Payload::Icmp(message) => Some(message),
            _ => None,
        }
    }

    /// A packet to send: the segment, its options padded to whole words, under an IP header, with
    /// all lengths and checksums filled in.
    ///
    /// Two addresses of different families make an IPv6 packet with the IPv4 one mapped. More than
    /// an IP packet can hold gets a length field of 0.
    #[must_use]
    pub fn build(src: IpAddr, dst: IpAddr, segment: Segment, ip: &IpFields) -> Packet {
        let segment = Segment {
            options: segment.options.padded(),
            ..segment
        };
        let payload = Payload::Tcp(segment.with_checksum(src, dst));
        Packet::wrap(src, dst, PROTOCOL_TCP, payload, ip)
    }

    /// A packet to send that carries an ICMP message, as [`Packet::build`]. The message is given the
    /// version of the addresses.
    #[must_use]
    pub fn build_icmp(src: IpAddr, dst: IpAddr, message: IcmpMessage, ip: &IpFields) -> Packet {
        let (version, protocol) = if src.is_ipv4() && dst.is_ipv4() {
            (IpVersion::V4, PROTOCOL_ICMP)
        } else {
            (IpVersion::V6, PROTOCOL_ICMPV6)
        };
        let message = IcmpMessage { version, ..message };
        let payload = Payload::Icmp(message.with_checksum(src, dst));
        Packet::wrap(src, dst, protocol, payload, ip)
    }

    fn wrap(src: IpAddr, dst: IpAddr, protocol: u8, payload: Payload, ip: &IpFields) -> Packet {
        let payload_len = payload.emit().len();
        let ip = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => IpHeader::V4(
                Ipv4Header {
                    dscp: ip.dscp & 0x3f,
                    ecn: ip.ecn & 3,
                    total_length: length_field(Ipv4Header::MIN_LEN + payload_len),
                    identification: ip.identification,
                    flags: if ip.dont_fragment { Ipv4Header::DF } else { 0 },
                    fragment_offset: 0,
                    ttl: ip.ttl,
                    protocol,
                    checksum: 0,
                    src,
                    dst,
                    options: Vec::new(),
                }
                .with_checksum(),
            ),
            _ => IpHeader::V6(Ipv6Header {
                dscp: ip.dscp & 0x3f,
                ecn: ip.ecn & 3,
                flow_label: ip.flow_label & 0xf_ffff,
                payload_length: length_field(payload_len),
                next_header: protocol,
                hop_limit: ip.ttl,
                src: mapped(src),
                dst: mapped(dst),
                extensions: Vec::new(),
            }),
        };
        Packet {
            ip,
            payload,
            trailer: Vec::new(),
        }
    }
}

/// The value of a length field; 0 for what does not fit.
fn length_field(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(0)
}
