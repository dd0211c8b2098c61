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
        let cleared = IcmpMessage {
            checksum: 0,
            ..self.clone()
        };
        let bytes = cleared.emit();
        match self.version {
            IpVersion::V4 => (bytes.len() <= usize::from(u16::MAX))
                .then(|| util::checksum(&bytes, CHECKSUM_WORD)),
            IpVersion::V6 => checksum::transport(&[&bytes], src, dst, PROTOCOL_ICMPV6),
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

    /// The quoted packet went no further. Who sends a redirect has forwarded it (RFC 792), and TCP
    /// discards a source quench in silence (RFC 9293 3.9.2.2).
    #[must_use]
    pub fn reports_loss(&self) -> bool {
        let delivered = self.version == IpVersion::V4 && matches!(self.icmp_type, 4 | 5);
        self.is_error() && !delivered
    }

    /// The quoted packet was too large for the next link, which takes this many bytes (RFC 1191 4,
    /// RFC 4443 3.2). `None` where the router is too old to say, or says what no link may (RFC 791
    /// 3.2, RFC 8201 4).
    #[must_use]
    pub fn next_hop_mtu(&self) -> Option<u32> {
        let (mtu, least) = match (self.version, self.icmp_type, self.code) {
            (IpVersion::V4, 3, 4) => {
                let mtu = u16::from_be_bytes([self.rest[2], self.rest[3]]);
                (u32::from(mtu), 68)
            }
            (IpVersion::V6, 2, _) => (u32::from_be_bytes(self.rest), 1280),
            _ => return None,
        };
        (mtu >= least).then_some(mtu)
    }

    /// The quoted segment. `None` when this is no error, or the quote is not of TCP, is of a later
    /// fragment, or ends before the sequence number.
    #[must_use]
    pub fn quote(&self) -> Option<Quote> {
        let (ip, transport) = self.quoted()?;
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

    /// The IP header of the quoted segment and every byte quoted after it. `None` when this is no
    /// error, or the quote is not of TCP or of a later fragment.
    #[must_use]
    pub fn quoted(&self) -> Option<(IpHeader, &[u8])> {
        if !self.is_error() {
            return None;
        }
        let datagram = self.original_datagram();
        let (ip, header_len) = IpHeader::parse(datagram).ok()?;
        let later = ip.fragment().is_some_and(|it| it.offset > 0);
        if ip.version() != self.version || ip.protocol() != PROTOCOL_TCP || later {
            return None;
        }
        Some((ip, datagram.get(header_len..)?))
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

#[cfg(test)]
mod tests {
    use super::super::samples::{PROHIBITED_V4, PROHIBITED_V6, SYN_V4, SYN_V6, hex};
    use super::*;

    fn prohibited(version: IpVersion) -> IcmpMessage {
        let bytes = match version {
            IpVersion::V4 => hex(PROHIBITED_V4)[20..].to_vec(),
            IpVersion::V6 => hex(PROHIBITED_V6)[40..].to_vec(),
        };
        let message = IcmpMessage::parse(version, &bytes).unwrap();
        assert_eq!(message.emit(), bytes);
        message
    }

    fn message(version: IpVersion, icmp_type: u8, code: u8) -> IcmpMessage {
        IcmpMessage {
            version,
            icmp_type,
            code,
            checksum: 0,
            rest: [0; 4],
            body: Vec::new(),
        }
    }

    #[test]
    fn a_real_error_tells_which_segment_it_is_about() {
        let quote = prohibited(IpVersion::V4).quote().unwrap();
        assert_eq!(quote.src.to_string(), "192.0.2.1");
        assert_eq!(quote.dst.to_string(), "192.0.2.2");
        assert_eq!((quote.src_port, quote.dst_port), (36_118, 7));
        assert_eq!((quote.seq, quote.ttl), (SeqNumber(371_694_181), 64));
        assert_eq!(quote.transport.len(), 40);
        let quote = prohibited(IpVersion::V6).quote().unwrap();
        assert_eq!(quote.src.to_string(), "2001:db8::1");
        assert_eq!((quote.src_port, quote.dst_port), (47_982, 7));
        assert_eq!(quote.seq, SeqNumber(4_201_292_719));
    }

    #[test]
    fn the_checksum_of_a_real_error_is_computed_and_checked() {
        for (version, src, dst) in [
            (IpVersion::V4, "192.0.2.2", "192.0.2.1"),
            (IpVersion::V6, "2001:db8::2", "2001:db8::1"),
        ] {
            let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
            let message = prohibited(version);
            assert!(message.checksum_ok(src, dst));
            let wrong = IcmpMessage {
                checksum: 0,
                ..message.clone()
            };
            assert!(!wrong.checksum_ok(src, dst));
            assert_eq!(wrong.with_checksum(src, dst), message);
        }
    }

    #[test]
    fn a_quote_needs_eight_bytes_of_tcp() {
        for (version, header_len) in [(IpVersion::V4, 20), (IpVersion::V6, 40)] {
            let whole = prohibited(version);
            for len in 0..=whole.body.len() {
                let cut = IcmpMessage {
                    body: whole.body[..len].to_vec(),
                    ..whole.clone()
                };
                let transport = cut.quote().map(|quote| quote.transport.len());
                let expected = len.checked_sub(header_len).filter(|left| *left >= 8);
                assert_eq!(transport, expected, "{version:?} cut to {len}");
            }
        }
    }

    #[test]
    fn a_quote_with_ip_options_or_extension_headers_is_found() {
        let mut body = hex(SYN_V4);
        body[0] = 0x46;
        body.splice(20..20, [1, 1, 1, 0]);
        let mut error = message(IpVersion::V4, 11, 0);
        error.body = body;
        assert_eq!(error.quote().unwrap().seq, SeqNumber(326_362_784));

        let mut body = hex(SYN_V6);
        body[5] += 8;
        body[6] = 60;
        body.splice(40..40, [6, 0, 1, 4, 0, 0, 0, 0]);
        let mut error = message(IpVersion::V6, 3, 0);
        error.body = body;
        assert_eq!(error.quote().unwrap().seq, SeqNumber(250_789_477));
    }

    #[test]
    fn other_protocols_later_fragments_and_the_other_version_are_no_quote() {
        let whole = prohibited(IpVersion::V4);
        assert!(whole.quote().is_some());
        let mut udp = whole.clone();
        udp.body[9] = 17;
        assert_eq!(udp.quote(), None);
        let mut later = whole.clone();
        later.body[7] = 1;
        assert_eq!(later.quote(), None);
        let mut first = whole;
        first.body[6] |= 0x20;
        assert!(first.quote().is_some());
        let mut crossed = prohibited(IpVersion::V6);
        crossed.body = hex(SYN_V4);
        assert_eq!(crossed.quote(), None);
    }

    #[test]
    fn a_total_length_garbled_on_the_way_does_not_hide_the_quote() {
        let mut error = prohibited(IpVersion::V4);
        for total in [[0, 0], [0, 8], [0x3c, 0], [0, 40]] {
            error.body[2..4].copy_from_slice(&total);
            assert!(error.quote().is_some());
        }
    }

    #[test]
    fn a_redirect_and_a_source_quench_report_no_loss() {
        let lossy = |version| -> Vec<u8> {
            let types = 0..=u8::MAX;
            types
                .filter(|&icmp_type| message(version, icmp_type, 0).reports_loss())
                .collect()
        };
        assert_eq!(lossy(IpVersion::V4), [3, 11, 12]);
        assert_eq!(lossy(IpVersion::V6), [1, 2, 3, 4]);
    }

    #[test]
    fn only_errors_quote() {
        for (version, errors) in [
            (IpVersion::V4, &[3, 4, 5, 11, 12][..]),
            (IpVersion::V6, &[1, 2, 3, 4][..]),
        ] {
            for icmp_type in 0..=255 {
                let mut message = prohibited(version);
                message.icmp_type = icmp_type;
                let expected = errors.contains(&icmp_type);
                assert_eq!(message.is_error(), expected);
                assert_eq!(message.quote().is_some(), expected);
            }
        }
    }

    #[test]
    fn an_extension_structure_is_no_part_of_the_quote() {
        let mut error = prohibited(IpVersion::V4);
        error.body.resize(128, 0);
        error.body.extend(hex("2000 dfff 0008 0101 0000 1000"));
        error.rest[1] = 32;
        assert_eq!(error.quote().unwrap().transport.len(), 108);
        error.rest[1] = 255;
        assert_eq!(error.quote().unwrap().transport.len(), 120);
        error.rest[1] = 3;
        assert_eq!(error.quote().unwrap().transport.len(), 120);
    }

    #[test]
    fn a_message_below_eight_bytes_is_an_error() {
        let bytes = [3, 13, 0, 0, 0, 0, 0, 0];
        for len in 0..8 {
            assert!(IcmpMessage::parse(IpVersion::V4, &bytes[..len]).is_err());
        }
        assert!(IcmpMessage::parse(IpVersion::V4, &bytes).is_ok());
    }

    #[test]
    fn reasons_are_the_words_of_nmap() {
        let v4 = |code| message(IpVersion::V4, 3, code).reason();
        assert_eq!(v4(0), "net-unreach");
        assert_eq!(v4(1), "host-unreach");
        assert_eq!(v4(2), "proto-unreach");
        assert_eq!(v4(3), "port-unreach");
        for code in [4, 5, 6, 7, 8, 11, 12, 14, 15, 255] {
            assert_eq!(v4(code), "dest-unreach");
        }
        assert_eq!(v4(9), "net-prohibited");
        assert_eq!(v4(10), "host-prohibited");
        assert_eq!(v4(13), "admin-prohibited");
        let v4 = |icmp_type| message(IpVersion::V4, icmp_type, 0).reason();
        assert_eq!(v4(4), "source-quench");
        assert_eq!(v4(5), "redirect");
        assert_eq!(v4(11), "time-exceeded");
        assert_eq!(v4(12), "param-problem");
        assert_eq!(v4(200), "unknown-response");

        let v6 = |code| message(IpVersion::V6, 1, code).reason();
        assert_eq!(v6(0), "no-route");
        assert_eq!(v6(1), "admin-prohibited");
        assert_eq!(v6(2), "beyond-scope");
        assert_eq!(v6(3), "host-unreach");
        assert_eq!(v6(4), "port-unreach");
        assert_eq!(v6(5), "admin-prohibited");
        assert_eq!(v6(6), "reject-route");
        assert_eq!(v6(7), "dest-unreach");
        let v6 = |icmp_type| message(IpVersion::V6, icmp_type, 0).reason();
        assert_eq!(v6(2), "packet-too-big");
        assert_eq!(v6(3), "time-exceeded");
        assert_eq!(v6(4), "param-problem");
        assert_eq!(v6(200), "unknown-response");
    }

    #[test]
    fn exactly_the_administrative_codes_are_prohibited() {
        let codes = |version, icmp_type| -> Vec<u8> {
            (0..=255)
                .filter(|code| message(version, icmp_type, *code).prohibited())
                .collect()
        };
        assert_eq!(codes(IpVersion::V4, 3), [9, 10, 13]);
        assert_eq!(codes(IpVersion::V6, 1), [1]);
        assert!(codes(IpVersion::V4, 1).is_empty() && codes(IpVersion::V6, 3).is_empty());
    }

    #[test]
    fn a_packet_too_big_says_what_the_next_link_takes() {
        let error = |version, icmp_type, code, rest| IcmpMessage {
            version,
            icmp_type,
            code,
            checksum: 0,
            rest,
            body: Vec::new(),
        };
        for (message, mtu) in [
            (error(IpVersion::V4, 3, 4, [0, 0, 5, 0x78]), Some(1400)),
            (error(IpVersion::V4, 3, 4, [0; 4]), None),
            (error(IpVersion::V4, 3, 3, [0, 0, 5, 0x78]), None),
            (error(IpVersion::V6, 2, 0, [0, 0, 5, 0]), Some(1280)),
            (error(IpVersion::V6, 2, 0, [0, 0, 4, 0xff]), None),
        ] {
            assert_eq!(message.next_hop_mtu(), mtu, "{message:?}");
        }
    }
}
