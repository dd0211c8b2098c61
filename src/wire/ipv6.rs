//! IPv6 headers and extension headers.

use std::net::Ipv6Addr;

use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv6::{Ipv6Packet, MutableIpv6Packet};

use super::{Fragment, WireError};

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION: u8 = 60;

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
fn is_extension(kind: u8) -> bool {
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

/// Whether a walk that stopped before `bytes`, at this kind, was at its end.
///
/// # Errors
/// [`WireError::Truncated`] when it stopped at an extension header that does not fit.
pub(super) fn walk_ended(kind: u8, bytes: &[u8]) -> Result<(), WireError> {
    if !is_extension(kind) {
        return Ok(());
    }
    Err(WireError::Truncated {
        what: "IPv6 extension header",
        needed: extension_len(kind, bytes).unwrap_or(8),
        available: bytes.len(),
    })
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
        let mut bytes = Vec::with_capacity(self.len());
        self.emit_to(&mut bytes);
        bytes
    }

    /// Appends what [`Ipv6Header::emit`] gives.
    pub(super) fn emit_to(&self, bytes: &mut Vec<u8>) {
        let mut fixed = [0; Self::MIN_LEN];
        let mut ip =
            MutableIpv6Packet::new(&mut fixed).expect("the buffer holds the fixed IPv6 header");
        ip.set_version(6);
        ip.set_traffic_class(self.dscp << 2 | self.ecn & 3);
        ip.set_flow_label(self.flow_label & 0xf_ffff);
        ip.set_payload_length(self.payload_length);
        ip.set_next_header(IpNextHeaderProtocol(self.next_header));
        ip.set_hop_limit(self.hop_limit);
        ip.set_source(self.src);
        ip.set_destination(self.dst);
        bytes.extend_from_slice(&fixed);
        for extension in &self.extensions {
            bytes.extend_from_slice(&extension.bytes);
        }
    }

    /// Protocol number of what follows the last extension header.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        let last = self.extensions.last();
        last.map_or(self.next_header, Extension::next_header)
    }

    pub(super) fn len(&self) -> usize {
        let extensions = self.extensions.iter().map(|it| it.bytes.len());
        Self::MIN_LEN + extensions.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{REPORT_V6, SYN_V6, hex};
    use super::super::{IpHeader, PROTOCOL_ICMPV6, PROTOCOL_TCP};
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
}
