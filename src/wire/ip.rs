//! IPv4 and IPv6 headers, extension headers included.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv4::{Ipv4Packet, MutableIpv4Packet};
use pnet_packet::ipv6::{Ipv6Packet, MutableIpv6Packet};
use pnet_packet::util;

use super::WireError;

/// Protocol number of ICMP for IPv4.
pub const PROTOCOL_ICMP: u8 = 1;
/// Protocol number of TCP.
pub const PROTOCOL_TCP: u8 = 6;
/// Protocol number of ICMP for IPv6.
pub const PROTOCOL_ICMPV6: u8 = 58;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION: u8 = 60;

/// Which Internet Protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
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

/// An IPv4 header (RFC 791 3.1). The header length is not a field: it follows from the options.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ipv4Header {
    /// Differentiated Services Code Point (RFC 2474), 6 bits.
    pub dscp: u8,
    /// Explicit Congestion Notification (RFC 3168), 2 bits.
    pub ecn: u8,
    /// Bytes of the datagram, header included; 0 in an offloaded frame.
    pub total_length: u16,
    /// Identification, for fragments.
    pub identification: u16,
    /// The three flags as a number: 4 reserved, 2 don't fragment, 1 more fragments.
    pub flags: u8,
    /// Fragment offset in units of 8 bytes, 13 bits.
    pub fragment_offset: u16,
    /// Time to live, in hops.
    pub ttl: u8,
    /// Protocol number of the payload.
    pub protocol: u8,
    /// The header checksum as it stands on the wire.
    pub checksum: u16,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// The options as raw bytes, whole words.
    pub options: Vec<u8>,
}

impl Ipv4Header {
    /// Bytes of the header without options.
    pub const MIN_LEN: usize = 20;
    /// The most bytes of options that a header holds: the header length has four bits.
    pub const MAX_OPTIONS: usize = 40;
    /// Don't fragment, in [`Ipv4Header::flags`].
    pub const DF: u8 = 2;
    /// More fragments, in [`Ipv4Header::flags`].
    pub const MF: u8 = 1;

    /// Reads the header that `bytes` begins with, and its length in bytes. The total length is not
    /// judged: in an ICMP quote it may be anything.
    ///
    /// # Errors
    /// [`WireError`] when the version is not 4 or the header does not fit.
    pub fn parse(bytes: &[u8]) -> Result<(Ipv4Header, usize), WireError> {
        let what = "IPv4 header";
        let truncated = |needed| WireError::Truncated {
            what,
            needed,
            available: bytes.len(),
        };
        let ip = Ipv4Packet::new(bytes).ok_or(truncated(Self::MIN_LEN))?;
        if ip.get_version() != 4 {
            return Err(WireError::Version(ip.get_version()));
        }
        let len = usize::from(ip.get_header_length()) * 4;
        if len < Self::MIN_LEN {
            return Err(WireError::HeaderLength { what, bytes: len });
        }
        let options = bytes.get(Self::MIN_LEN..len).ok_or(truncated(len))?;
        let header = Ipv4Header {
            dscp: ip.get_dscp(),
            ecn: ip.get_ecn(),
            total_length: ip.get_total_length(),
            identification: ip.get_identification(),
            flags: ip.get_flags(),
            fragment_offset: ip.get_fragment_offset(),
            ttl: ip.get_ttl(),
            protocol: ip.get_next_level_protocol().0,
            checksum: ip.get_checksum(),
            src: ip.get_source(),
            dst: ip.get_destination(),
            options: options.to_vec(),
        };
        Ok((header, len))
    }

    /// The bytes of this header, length and checksum fields as they stand. Options are filled up to
    /// whole words with zeros and cut at [`Ipv4Header::MAX_OPTIONS`].
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        options.truncate(Self::MAX_OPTIONS);
        let mut bytes = vec![0; Self::MIN_LEN];
        let mut ip =
            MutableIpv4Packet::new(&mut bytes).expect("the buffer holds the fixed IPv4 header");
        ip.set_header_length(
            u8::try_from((Self::MIN_LEN + options.len()) / 4)
                .expect("options are at most 40 bytes, so at most 15"),
        );
        ip.set_version(4);
        ip.set_dscp(self.dscp & 0x3f);
        ip.set_ecn(self.ecn & 3);
        ip.set_total_length(self.total_length);
        ip.set_identification(self.identification);
        ip.set_flags(self.flags & 7);
        ip.set_fragment_offset(self.fragment_offset & 0x1fff);
        ip.set_ttl(self.ttl);
        ip.set_next_level_protocol(IpNextHeaderProtocol(self.protocol));
        ip.set_checksum(self.checksum);
        ip.set_source(self.src);
        ip.set_destination(self.dst);
        bytes.extend_from_slice(&options);
        bytes
    }

    /// Don't fragment is set.
    #[must_use]
    pub fn df(&self) -> bool {
        self.flags & Self::DF != 0
    }

    /// More fragments is set.
    #[must_use]
    pub fn mf(&self) -> bool {
        self.flags & Self::MF != 0
    }

    /// The same header with the checksum that it should have.
    #[must_use]
    pub fn with_checksum(self) -> Ipv4Header {
        let checksum = util::checksum(&self.emit(), 5);
        Ipv4Header { checksum, ..self }
    }

    /// The header checksum is right.
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        super::checksum::agrees(self.checksum, util::checksum(&self.emit(), 5))
    }
}

/// One IPv6 extension header (RFC 8200 4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension {
    /// Its own protocol number: 0 hop-by-hop options, 43 routing, 44 fragment, 51 authentication
    /// (RFC 4302), 60 destination options.
    pub kind: u8,
    /// All its bytes, from its next header field on.
    pub bytes: Vec<u8>,
}

impl Extension {
    /// Protocol number of what follows it.
    #[must_use]
    pub fn next_header(&self) -> u8 {
        self.bytes.first().copied().unwrap_or(NO_NEXT_HEADER)
    }

    /// What a fragment header says (RFC 8200 4.5); `None` for every other kind.
    #[must_use]
    pub fn fragment(&self) -> Option<Fragment> {
        match (self.kind, self.bytes.as_slice()) {
            (FRAGMENT, &[_, _, high, low, a, b, c, d]) => {
                let field = u16::from_be_bytes([high, low]);
                Some(Fragment {
                    offset: field >> 3,
                    more: field & 1 != 0,
                    id: u32::from_be_bytes([a, b, c, d]),
                })
            }
            _ => None,
        }
    }
}

/// The number names an extension header that [`Ipv6Header::parse`] knows.
pub(super) fn is_extension(kind: u8) -> bool {
    matches!(
        kind,
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION
    )
}

/// Length in bytes of the extension header of this kind that `bytes` begins with. `None` when the
/// kind is no extension header or the length byte is missing.
fn extension_len(kind: u8, bytes: &[u8]) -> Option<usize> {
    let len = usize::from(*bytes.get(1)?);
    match kind {
        FRAGMENT => Some(8),
        // RFC 4302 2.2: words, minus two.
        AUTHENTICATION => Some((len + 2) * 4),
        // RFC 8200 4.3: units of 8 bytes, the first not counted.
        _ if is_extension(kind) => Some((len + 1) * 8),
        _ => None,
    }
}

/// The extension headers that `bytes` begins with. The walk ends at anything else, at a header that
/// does not fit, and after the fragment header of a later fragment, which no header follows.
fn walk(mut next: u8, mut bytes: &[u8]) -> Vec<Extension> {
    let mut extensions = Vec::new();
    while let Some((header, rest)) =
        extension_len(next, bytes).and_then(|len| bytes.split_at_checked(len))
    {
        let extension = Extension {
            kind: next,
            bytes: header.to_vec(),
        };
        next = extension.next_header();
        bytes = rest;
        let later = extension.fragment().is_some_and(|it| it.offset > 0);
        extensions.push(extension);
        if later {
            break;
        }
    }
    extensions
}

/// An IPv6 header with its extension headers (RFC 8200 3, 4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ipv6Header {
    /// Differentiated Services Code Point: the upper 6 bits of the traffic class.
    pub dscp: u8,
    /// Explicit Congestion Notification: the lower 2 bits of the traffic class.
    pub ecn: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
    /// Bytes after the fixed header, extension headers included; 0 in an offloaded frame.
    pub payload_length: u16,
    /// Protocol number of what follows the fixed header.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// The extension headers in order, as far as they could be read.
    pub extensions: Vec<Extension>,
}

impl Ipv6Header {
    /// Bytes of the header without extension headers.
    pub const MIN_LEN: usize = 40;

    /// Reads the header that `bytes` begins with, extension headers within the payload length
    /// included, and the length of it all in bytes.
    ///
    /// # Errors
    /// [`WireError`] when the version is not 6 or the fixed header does not fit.
    pub fn parse(bytes: &[u8]) -> Result<(Ipv6Header, usize), WireError> {
        let ip = Ipv6Packet::new(bytes).ok_or(WireError::Truncated {
            what: "IPv6 header",
            needed: Self::MIN_LEN,
            available: bytes.len(),
        })?;
        if ip.get_version() != 6 {
            return Err(WireError::Version(ip.get_version()));
        }
        let payload_length = ip.get_payload_length();
        let after = &bytes[Self::MIN_LEN..];
        let bound = match usize::from(payload_length) {
            0 => after.len(),
            len => len.min(after.len()),
        };
        let next_header = ip.get_next_header().0;
        let header = Ipv6Header {
            dscp: ip.get_traffic_class() >> 2,
            ecn: ip.get_traffic_class() & 3,
            flow_label: ip.get_flow_label(),
            payload_length,
            next_header,
            hop_limit: ip.get_hop_limit(),
            src: ip.get_source(),
            dst: ip.get_destination(),
            extensions: walk(next_header, &after[..bound]),
        };
        let len = header.len();
        Ok((header, len))
    }

    /// The bytes of this header and its extension headers, the length field as it stands.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0; Self::MIN_LEN];
        let mut ip =
            MutableIpv6Packet::new(&mut bytes).expect("the buffer holds the fixed IPv6 header");
        ip.set_version(6);
        ip.set_traffic_class(self.dscp << 2 | self.ecn & 3);
        ip.set_flow_label(self.flow_label & 0xf_ffff);
        ip.set_payload_length(self.payload_length);
        ip.set_next_header(IpNextHeaderProtocol(self.next_header));
        ip.set_hop_limit(self.hop_limit);
        ip.set_source(self.src);
        ip.set_destination(self.dst);
        for extension in &self.extensions {
            bytes.extend_from_slice(&extension.bytes);
        }
        bytes
    }

    /// Protocol number of what follows the last extension header.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        let last = self.extensions.last();
        last.map_or(self.next_header, Extension::next_header)
    }

    fn len(&self) -> usize {
        let extensions = self.extensions.iter().map(|it| it.bytes.len());
        Self::MIN_LEN + extensions.sum::<usize>()
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

    /// The bytes of this header.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        match self {
            IpHeader::V4(ip) => ip.emit(),
            IpHeader::V6(ip) => ip.emit(),
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
}

/// The address itself, or the IPv4-mapped form of an IPv4 address (RFC 4291 2.5.5.2).
pub(super) fn mapped(addr: IpAddr) -> Ipv6Addr {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped(),
        IpAddr::V6(addr) => addr,
    }
}
