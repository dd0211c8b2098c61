//! The IP header of a packet, whichever its version.

use std::net::{IpAddr, Ipv6Addr};

use super::{Extension, Ipv4Header, Ipv6Header, WireError};

/// Protocol number of ICMP for IPv4.
pub const PROTOCOL_ICMP: u8 = 1;
/// Protocol number of TCP.
pub const PROTOCOL_TCP: u8 = 6;
/// Protocol number of ICMP for IPv6.
pub const PROTOCOL_ICMPV6: u8 = 58;

/// Which Internet Protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    /// Of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> IpVersion {
        match address {
            IpAddr::V4(_) => IpVersion::V4,
            IpAddr::V6(_) => IpVersion::V6,
        }
    }

    /// IP and TCP headers without options: what an MTU is more than an MSS, in bytes (RFC 9293
    /// 3.7.1).
    #[must_use]
    pub const fn headers(self) -> u32 {
        match self {
            IpVersion::V4 => 40,
            IpVersion::V6 => 60,
        }
    }
}

/// Where a fragment belongs in its datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// Offset of its first byte, in units of 8 bytes.
    pub offset: u16,
    /// More fragments follow.
    pub more: bool,
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
}

impl Fragment {
    /// It is the whole datagram: an atomic fragment (RFC 6946).
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.offset == 0 && !self.more
    }
}

/// The IP header of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IpHeader {
    /// IPv4.
    V4(Ipv4Header),
    /// IPv6 with its extension headers.
    V6(Ipv6Header),
}

impl IpHeader {
    /// Reads the header that `bytes` begins with, and its length in bytes.
    ///
    /// # Errors
    /// [`WireError`] when the version is neither 4 nor 6, or the header does not fit.
    pub fn parse(bytes: &[u8]) -> Result<(IpHeader, usize), WireError> {
        let first = bytes.first().ok_or(WireError::Truncated {
            what: "IP header",
            needed: 1,
            available: 0,
        })?;
        match first >> 4 {
            4 => Ipv4Header::parse(bytes).map(|(ip, len)| (IpHeader::V4(ip), len)),
            6 => Ipv6Header::parse(bytes).map(|(ip, len)| (IpHeader::V6(ip), len)),
            version => Err(WireError::Version(version)),
        }
    }

    /// Takes a packet apart: its header, its payload and what lies past its end.
    ///
    /// A length field of 0 is that of an offloaded frame: all that is there is taken.
    ///
    /// # Errors
    /// As [`IpHeader::parse`], and when the length field does not even cover the header.
    pub fn split(bytes: &[u8]) -> Result<(IpHeader, &[u8], &[u8]), WireError> {
        let (ip, header) = IpHeader::parse(bytes)?;
        let total = ip.packet_len().unwrap_or(bytes.len());
        let (packet, trailer) = bytes.split_at(total.min(bytes.len()));
        let payload = packet
            .get(header..)
            .ok_or(WireError::TotalLength { total, header })?;
        Ok((ip, payload, trailer))
    }

    /// The bytes of this header.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.emit_to(&mut bytes);
        bytes
    }

    /// Appends what [`IpHeader::emit`] gives.
    pub(super) fn emit_to(&self, bytes: &mut Vec<u8>) {
        match self {
            IpHeader::V4(ip) => ip.emit_to(bytes),
            IpHeader::V6(ip) => ip.emit_to(bytes),
        }
    }

    /// Bytes of what [`IpHeader::emit`] gives.
    pub(super) fn len(&self) -> usize {
        match self {
            IpHeader::V4(ip) => ip.len(),
            IpHeader::V6(ip) => ip.len(),
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> IpVersion {
        match self {
            IpHeader::V4(_) => IpVersion::V4,
            IpHeader::V6(_) => IpVersion::V6,
        }
    }

    /// Source address.
    #[must_use]
    pub fn src(&self) -> IpAddr {
        match self {
            IpHeader::V4(ip) => ip.src.into(),
            IpHeader::V6(ip) => ip.src.into(),
        }
    }

    /// Destination address.
    #[must_use]
    pub fn dst(&self) -> IpAddr {
        match self {
            IpHeader::V4(ip) => ip.dst.into(),
            IpHeader::V6(ip) => ip.dst.into(),
        }
    }

    /// Time to live or hop limit.
    #[must_use]
    pub fn ttl(&self) -> u8 {
        match self {
            IpHeader::V4(ip) => ip.ttl,
            IpHeader::V6(ip) => ip.hop_limit,
        }
    }

    /// Differentiated Services Code Point.
    #[must_use]
    pub fn dscp(&self) -> u8 {
        match self {
            IpHeader::V4(ip) => ip.dscp,
            IpHeader::V6(ip) => ip.dscp,
        }
    }

    /// Explicit Congestion Notification.
    #[must_use]
    pub fn ecn(&self) -> u8 {
        match self {
            IpHeader::V4(ip) => ip.ecn,
            IpHeader::V6(ip) => ip.ecn,
        }
    }

    /// Protocol number of the upper layer, after every extension header.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        match self {
            IpHeader::V4(ip) => ip.protocol,
            IpHeader::V6(ip) => ip.protocol(),
        }
    }

    /// Where the payload belongs in its datagram; `None` when the header knows of no fragments.
    /// Some with [`Fragment::is_whole`] is an IPv6 atomic fragment.
    #[must_use]
    pub fn fragment(&self) -> Option<Fragment> {
        match self {
            IpHeader::V4(ip) => Some(Fragment {
                offset: ip.fragment_offset,
                more: ip.mf(),
                id: ip.identification.into(),
            })
            .filter(|it| !it.is_whole()),
            IpHeader::V6(ip) => {
                let all = || ip.extensions.iter().filter_map(Extension::fragment);
                all().find(|it| !it.is_whole()).or_else(|| all().next())
            }
        }
    }

    /// The payload is only a part of its datagram.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.fragment().is_some_and(|it| !it.is_whole())
    }

    /// Bytes of the packet by its own length field, header included; `None` when the field is 0, as
    /// in a frame whose lengths are left to segmentation offload, or a jumbogram (RFC 2675).
    #[must_use]
    pub fn packet_len(&self) -> Option<usize> {
        match self {
            IpHeader::V4(ip) if ip.total_length > 0 => Some(ip.total_length.into()),
            IpHeader::V6(ip) if ip.payload_length > 0 => {
                Some(Ipv6Header::MIN_LEN + usize::from(ip.payload_length))
            }
            _ => None,
        }
    }

    /// Bytes of the packet past the `there` that a capture holds of it. `beyond` is by how much the
    /// frame on the wire was longer than that: what was never sent is not missing. Where the length
    /// field is 0, it is all there is to go by.
    #[must_use]
    pub fn missing(&self, there: usize, beyond: usize) -> usize {
        let most = match self.packet_len() {
            Some(total) => total.saturating_sub(there),
            None => MAX_OFFLOADED,
        };
        beyond.min(most)
    }
}

/// The most that a frame without a length carries: Linux offloads no more at once
/// (`GSO_MAX_SIZE`).
const MAX_OFFLOADED: usize = 8 * 65_535;

/// The address itself, or the IPv4-mapped form of an IPv4 address (RFC 4291 2.5.5.2).
pub(super) fn mapped(addr: IpAddr) -> Ipv6Addr {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped(),
        IpAddr::V6(addr) => addr,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{PROHIBITED_V4, SYN_V4, SYN_V6, hex};
    use super::*;

    #[test]
    fn the_traffic_class_splits_into_dscp_and_ecn() {
        let (ip, _) = IpHeader::parse(&hex(PROHIBITED_V4)).unwrap();
        assert_eq!((ip.dscp(), ip.ecn()), (48, 0));
        let mut bytes = hex(SYN_V6);
        bytes[..4].copy_from_slice(&[0x6b, 0xbf, 0x55, 0xc3]);
        let (ip, _) = IpHeader::parse(&bytes).unwrap();
        assert_eq!((ip.dscp(), ip.ecn()), (46, 3));
        assert_eq!(ip.emit(), bytes[..40]);
    }

    #[test]
    fn another_version_is_an_error() {
        assert_eq!(IpHeader::parse(&[0x50]), Err(WireError::Version(5)));
        let (v4, v6) = (hex(SYN_V4), hex(SYN_V6));
        assert_eq!(Ipv4Header::parse(&v6), Err(WireError::Version(6)));
        assert_eq!(Ipv6Header::parse(&v4), Err(WireError::Version(4)));
        assert!(IpHeader::parse(&[]).is_err());
    }

    #[test]
    fn ipv4_fragments_are_told_by_offset_or_more_fragments() {
        let mut bytes = hex(SYN_V4);
        let mut fragment = |field: [u8; 2]| {
            bytes[6..8].copy_from_slice(&field);
            let (ip, _) = IpHeader::parse(&bytes).unwrap();
            ip.fragment().map(|it| (it.offset, it.more, it.id))
        };
        assert_eq!(fragment([0x40, 0]), None);
        assert_eq!(fragment([0x20, 0]), Some((0, true, 60_506)));
        assert_eq!(fragment([0x00, 5]), Some((5, false, 60_506)));
        assert_eq!(fragment([0x3f, 0xff]), Some((0x1fff, true, 60_506)));
    }
}
