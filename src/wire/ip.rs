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

#[cfg(test)]
mod tests {
    use super::super::samples::{PROHIBITED_V4, REPORT_V6, SYN_V4, SYN_V6, hex};
    use super::*;

    const WHOLE: &str = "00000000000000";

    /// An IPv6 packet whose first next header is `first`, followed by `after`.
    fn v6(first: u8, after: &str) -> Vec<u8> {
        let after = hex(after);
        let mut bytes = hex(SYN_V6)[..40].to_vec();
        bytes[4..6].copy_from_slice(&u16::try_from(after.len()).unwrap().to_be_bytes());
        bytes[6] = first;
        bytes.extend(after);
        bytes
    }

    fn parse_v6(bytes: &[u8]) -> (Ipv6Header, usize) {
        let (header, len) = Ipv6Header::parse(bytes).unwrap();
        assert_eq!(header.emit(), bytes[..len]);
        (header, len)
    }

    fn kinds(header: &Ipv6Header) -> Vec<u8> {
        header.extensions.iter().map(|it| it.kind).collect()
    }

    #[test]
    fn a_real_ipv4_header_is_read_field_by_field() {
        let bytes = hex(SYN_V4);
        let (header, len) = Ipv4Header::parse(&bytes).unwrap();
        let expected = Ipv4Header {
            dscp: 0,
            ecn: 0,
            total_length: 60,
            identification: 60_506,
            flags: Ipv4Header::DF,
            fragment_offset: 0,
            ttl: 64,
            protocol: 6,
            checksum: 0xca5d,
            src: [192, 0, 2, 1].into(),
            dst: [192, 0, 2, 2].into(),
            options: Vec::new(),
        };
        assert_eq!((&header, len), (&expected, 20));
        assert_eq!(header.emit(), bytes[..20]);
        assert!(header.df() && !header.mf() && header.checksum_ok());
        let wrong = Ipv4Header {
            checksum: 1,
            ..header
        };
        assert!(!wrong.checksum_ok());
        assert_eq!(wrong.with_checksum(), expected);
    }

    #[test]
    fn the_traffic_class_splits_into_dscp_and_ecn() {
        let (header, _) = Ipv4Header::parse(&hex(PROHIBITED_V4)).unwrap();
        assert_eq!((header.dscp, header.ecn), (48, 0));
        let mut bytes = hex(SYN_V6);
        bytes[..4].copy_from_slice(&[0x6b, 0xbf, 0x55, 0xc3]);
        let (header, _) = parse_v6(&bytes);
        assert_eq!((header.dscp, header.ecn), (46, 3));
        assert_eq!(header.flow_label, 0xf_55c3);
    }

    #[test]
    fn a_real_ipv6_header_is_read_field_by_field() {
        let (header, len) = parse_v6(&hex(SYN_V6));
        let expected = Ipv6Header {
            dscp: 0,
            ecn: 0,
            flow_label: 0xf_55c3,
            payload_length: 40,
            next_header: 6,
            hop_limit: 64,
            src: "2001:db8::1".parse().unwrap(),
            dst: "2001:db8::2".parse().unwrap(),
            extensions: Vec::new(),
        };
        assert_eq!((header, len), (expected, 40));
    }

    #[test]
    fn ipv4_options_are_kept() {
        let mut bytes = hex(SYN_V4)[..20].to_vec();
        bytes[0] = 0x47;
        bytes.extend(hex("0103 0744 ffff 0000"));
        let (header, len) = Ipv4Header::parse(&bytes).unwrap();
        assert_eq!((header.options.len(), len), (8, 28));
        assert_eq!(header.emit(), bytes);
    }

    #[test]
    fn an_ipv4_header_that_does_not_fit_is_an_error() {
        let mut bytes = hex(SYN_V4)[..20].to_vec();
        let truncated = |needed, available| WireError::Truncated {
            what: "IPv4 header",
            needed,
            available,
        };
        assert_eq!(Ipv4Header::parse(&bytes[..19]), Err(truncated(20, 19)));
        bytes[0] = 0x46;
        assert_eq!(Ipv4Header::parse(&bytes), Err(truncated(24, 20)));
        bytes[0] = 0x44;
        let short = WireError::HeaderLength {
            what: "IPv4 header",
            bytes: 16,
        };
        assert_eq!(Ipv4Header::parse(&bytes), Err(short));
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
    fn a_real_hop_by_hop_header_is_walked() {
        let bytes = hex(REPORT_V6);
        let (header, len) = parse_v6(&bytes);
        assert_eq!((len, kinds(&header)), (48, vec![HOP_BY_HOP]));
        assert_eq!(header.protocol(), PROTOCOL_ICMPV6);
    }

    #[test]
    fn every_extension_header_has_its_own_length_rule() {
        // Hop-by-hop (8), destination (16), routing (24), authentication (24), fragment (8), TCP.
        let chain = [
            "3c00010400000000",
            "2b01010c000000000000000000000000",
            "330200000000000020010db8000000000000000000000009",
            "2c040000000001000000000100112233445566778899aabb",
            "060000000a0b0c0d",
            "c31c1f90",
        ]
        .concat();
        let (header, len) = parse_v6(&v6(HOP_BY_HOP, &chain));
        let expected = [HOP_BY_HOP, DESTINATION, ROUTING, AUTHENTICATION, FRAGMENT];
        assert_eq!(kinds(&header), expected);
        assert_eq!((header.protocol(), len), (PROTOCOL_TCP, 40 + 80));
    }

    #[test]
    fn an_extension_header_that_does_not_fit_ends_the_walk() {
        let chain = format!("3c{WHOLE}06010104000000");
        let (header, len) = parse_v6(&v6(HOP_BY_HOP, &chain));
        assert_eq!((kinds(&header), len), (vec![HOP_BY_HOP], 48));
        assert_eq!(header.protocol(), DESTINATION);
    }

    #[test]
    fn the_walk_stays_within_the_payload_length() {
        let mut bytes = v6(HOP_BY_HOP, &format!("3c{WHOLE}06{WHOLE}"));
        bytes[5] = 12;
        let (header, len) = parse_v6(&bytes);
        assert_eq!((header.protocol(), len), (DESTINATION, 48));
    }

    #[test]
    fn the_walk_ends_at_an_unknown_next_header() {
        let (header, len) = parse_v6(&v6(50, &format!("06{WHOLE}")));
        assert_eq!((header.protocol(), len), (50, 40));
    }

    #[test]
    fn no_header_is_read_behind_a_later_fragment() {
        let (header, len) = parse_v6(&v6(FRAGMENT, &format!("3c00000900000007 06{WHOLE}")));
        assert_eq!((kinds(&header), len), (vec![FRAGMENT], 48));
        let ip = IpHeader::V6(header);
        let expected = Fragment {
            offset: 1,
            more: true,
            id: 7,
        };
        assert_eq!((ip.fragment(), ip.is_partial()), (Some(expected), true));
        assert_eq!(ip.protocol(), DESTINATION);
    }

    #[test]
    fn an_atomic_fragment_is_whole() {
        let (header, _) = parse_v6(&v6(FRAGMENT, "0600000000000007"));
        let ip = IpHeader::V6(header);
        assert!(ip.fragment().is_some_and(Fragment::is_whole));
        assert!(!ip.is_partial());
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
