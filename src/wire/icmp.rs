//! ICMP and ICMPv6 messages, and the segment that an error quotes.

use std::net::IpAddr;

use pnet_packet::icmp::{IcmpCode, IcmpPacket, IcmpType, MutableIcmpPacket};
use pnet_packet::util;

use super::{IpHeader, IpVersion, PROTOCOL_ICMPV6, PROTOCOL_TCP, SeqNumber, WireError, checksum};

const CHECKSUM_WORD: usize = 1;

/// An ICMP message (RFC 792) or an ICMPv6 message (RFC 4443 2.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IcmpMessage {
    /// Which of the two: their types differ.
    pub version: IpVersion,
    /// Type.
    pub icmp_type: u8,
    /// Code.
    pub code: u8,
    /// The checksum field as it stands on the wire.
    pub checksum: u16,
    /// The second word, whose meaning depends on the type.
    pub rest: [u8; 4],
    /// Everything after the second word.
    pub body: Vec<u8>,
}

/// The TCP segment that an ICMP error is about, as far as the error quotes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quote {
    /// Who sent the segment.
    pub src: IpAddr,
    /// Who it was for.
    pub dst: IpAddr,
    /// Source port of the segment.
    pub src_port: u16,
    /// Destination port of the segment.
    pub dst_port: u16,
    /// SEG.SEQ of the segment.
    pub seq: SeqNumber,
    /// TTL or hop limit with which the segment reached the sender of the error.
    pub ttl: u8,
    /// Every quoted byte from the TCP header on, at least 8.
    pub transport: Vec<u8>,
}

impl IcmpMessage {
    /// Bytes before the body.
    pub const HEADER_LEN: usize = 8;

    /// Reads the message that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError::Truncated`] below 8 bytes.
    pub fn parse(version: IpVersion, bytes: &[u8]) -> Result<IcmpMessage, WireError> {
        let truncated = WireError::Truncated {
            what: "ICMP header",
            needed: Self::HEADER_LEN,
            available: bytes.len(),
        };
        // The first word is the same in both versions.
        let icmp = IcmpPacket::new(bytes).ok_or(truncated)?;
        let (rest, body) = bytes
            .get(4..)
            .and_then(|after| after.split_first_chunk())
            .ok_or(truncated)?;
        Ok(IcmpMessage {
            version,
            icmp_type: icmp.get_icmp_type().0,
            code: icmp.get_icmp_code().0,
            checksum: icmp.get_checksum(),
            rest: *rest,
            body: body.to_vec(),
        })
    }

    /// The bytes of this message, the checksum field as it stands.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0; IcmpPacket::minimum_packet_size()];
        let mut icmp =
            MutableIcmpPacket::new(&mut bytes).expect("the buffer has the size of the header");
        icmp.set_icmp_type(IcmpType(self.icmp_type));
        icmp.set_icmp_code(IcmpCode(self.code));
        icmp.set_checksum(self.checksum);
        bytes.extend_from_slice(&self.rest);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The same message with its checksum; 0 when it is longer than the 65,535 bytes that a
    /// checksum can cover. Only ICMPv6 covers the addresses.
    #[must_use]
    pub fn with_checksum(self, src: IpAddr, dst: IpAddr) -> IcmpMessage {
        let checksum = self.computed_checksum(src, dst).unwrap_or(0);
        IcmpMessage { checksum, ..self }
    }

    /// The checksum field is right; only ICMPv6 covers the addresses.
    #[must_use]
    pub fn checksum_ok(&self, src: IpAddr, dst: IpAddr) -> bool {
        self.computed_checksum(src, dst)
            .is_some_and(|computed| checksum::agrees(self.checksum, computed))
    }

    fn computed_checksum(&self, src: IpAddr, dst: IpAddr) -> Option<u16> {
        let bytes = self.emit();
        match self.version {
            IpVersion::V4 => (bytes.len() <= usize::from(u16::MAX))
                .then(|| util::checksum(&bytes, CHECKSUM_WORD)),
            IpVersion::V6 => checksum::transport(&bytes, CHECKSUM_WORD, src, dst, PROTOCOL_ICMPV6),
        }
    }

    /// It is an error message, which quotes the packet it is about (RFC 1122 3.2.2, RFC 4443 2.1).
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self.version {
            IpVersion::V4 => matches!(self.icmp_type, 3 | 4 | 5 | 11 | 12),
            IpVersion::V6 => matches!(self.icmp_type, 1..=4),
        }
    }

    /// The quoted segment. `None` when this is no error, or the quote is not of TCP, is of a later
    /// fragment, or ends before the sequence number.
    #[must_use]
    pub fn quote(&self) -> Option<Quote> {
        if !self.is_error() {
            return None;
        }
        let datagram = self.original_datagram();
        let (ip, header_len) = IpHeader::parse(datagram).ok()?;
        let later = ip.fragment().is_some_and(|it| it.offset > 0);
        if ip.version() != self.version || ip.protocol() != PROTOCOL_TCP || later {
            return None;
        }
        let transport = datagram.get(header_len..)?;
        let &[a, b, c, d, e, f, g, h] = transport.first_chunk()?;
        Some(Quote {
            src: ip.src(),
            dst: ip.dst(),
            src_port: u16::from_be_bytes([a, b]),
            dst_port: u16::from_be_bytes([c, d]),
            seq: SeqNumber(u32::from_be_bytes([e, f, g, h])),
            ttl: ip.ttl(),
            transport: transport.to_vec(),
        })
    }

    /// The body without the extension structure that may follow the quoted datagram (RFC 4884 4).
    fn original_datagram(&self) -> &[u8] {
        let len = match (self.version, self.icmp_type) {
            (IpVersion::V4, 3 | 11 | 12) => usize::from(self.rest[1]) * 4,
            (IpVersion::V6, 1 | 3) => usize::from(self.rest[0]) * 8,
            _ => 0,
        };
        // RFC 4884 5.1: less than 128 bytes is no length attribute.
        self.body
            .get(..len)
            .filter(|_| len >= 128)
            .unwrap_or(&self.body)
    }

    /// The reason of this error in nmap's words, as in its `--reason` and XML output. Where nmap
    /// knows no word: `param-problem` in IPv4 as in IPv6, `redirect`, `packet-too-big`. For all else
    /// `unknown-response`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.version {
            IpVersion::V4 => reason_v4(self.icmp_type, self.code),
            IpVersion::V6 => reason_v6(self.icmp_type, self.code),
        }
    }

    /// An administrator's filter says no: ICMP destination unreachable codes 9, 10 and 13
    /// (RFC 1812 5.2.7.1), ICMPv6 destination unreachable code 1 (RFC 4443 3.1).
    #[must_use]
    pub fn prohibited(&self) -> bool {
        match self.version {
            IpVersion::V4 => matches!((self.icmp_type, self.code), (3, 9 | 10 | 13)),
            IpVersion::V6 => (self.icmp_type, self.code) == (1, 1),
        }
    }
}

fn reason_v4(icmp_type: u8, code: u8) -> &'static str {
    match (icmp_type, code) {
        (0, _) => "echo-reply",
        (3, 0) => "net-unreach",
        (3, 1) => "host-unreach",
        (3, 2) => "proto-unreach",
        (3, 3) => "port-unreach",
        (3, 9) => "net-prohibited",
        (3, 10) => "host-prohibited",
        (3, 13) => "admin-prohibited",
        (3, _) => "dest-unreach",
        (4, _) => "source-quench",
        (5, _) => "redirect",
        (11, _) => "time-exceeded",
        (12, _) => "param-problem",
        (14, _) => "timestamp-reply",
        (18, _) => "addressmask-reply",
        _ => "unknown-response",
    }
}

fn reason_v6(icmp_type: u8, code: u8) -> &'static str {
    match (icmp_type, code) {
        (1, 0) => "no-route",
        // Code 5, failed policy, is a kind of code 1 (RFC 4443 3.1).
        (1, 1 | 5) => "admin-prohibited",
        (1, 2) => "beyond-scope",
        (1, 3) => "host-unreach",
        (1, 4) => "port-unreach",
        (1, 6) => "reject-route",
        (1, _) => "dest-unreach",
        (2, _) => "packet-too-big",
        (3, _) => "time-exceeded",
        (4, _) => "param-problem",
        (129, _) => "echo-reply",
        _ => "unknown-response",
    }
}
