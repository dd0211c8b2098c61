//! IPv4 headers.

use std::net::Ipv4Addr;

use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv4::{Ipv4Packet, MutableIpv4Packet};

use super::{WireError, checksum};

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
        let mut bytes = Vec::with_capacity(self.len());
        self.emit_to(&mut bytes);
        bytes
    }

    /// Appends what [`Ipv4Header::emit`] gives.
    pub(super) fn emit_to(&self, bytes: &mut Vec<u8>) {
        let end = bytes.len() + self.len();
        bytes.extend_from_slice(&self.fixed(self.checksum));
        let there = self.options.len().min(Self::MAX_OPTIONS);
        bytes.extend_from_slice(&self.options[..there]);
        bytes.resize(end, 0);
    }

    /// Bytes of what [`Ipv4Header::emit`] gives.
    pub(super) fn len(&self) -> usize {
        let options = self.options.len().next_multiple_of(4);
        Self::MIN_LEN + options.min(Self::MAX_OPTIONS)
    }

    fn fixed(&self, checksum: u16) -> [u8; Self::MIN_LEN] {
        let mut bytes = [0; Self::MIN_LEN];
        let mut ip =
            MutableIpv4Packet::new(&mut bytes).expect("the buffer holds the fixed IPv4 header");
        ip.set_header_length(
            u8::try_from(self.len() / 4).expect("options are at most 40 bytes, so at most 15"),
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
        ip.set_checksum(checksum);
        ip.set_source(self.src);
        ip.set_destination(self.dst);
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
        let checksum = self.computed_checksum();
        Ipv4Header { checksum, ..self }
    }

    /// The header checksum is right.
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        checksum::agrees(self.checksum, self.computed_checksum())
    }

    fn computed_checksum(&self) -> u16 {
        let options = &self.options[..self.options.len().min(Self::MAX_OPTIONS)];
        checksum::header(&[&self.fixed(0), options])
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{SYN_V4, hex};
    use super::*;

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
}
