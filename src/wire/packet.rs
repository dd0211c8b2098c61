//! Whole IP packets.

use std::net::IpAddr;

use super::ip::mapped;
use super::ipv6::walk_ended;
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
            (_, PROTOCOL_TCP) => match Segment::parse(bytes) {
                Ok(segment) => return Payload::Tcp(segment),
                Err(error) => Err(error),
            },
            (IpVersion::V4, PROTOCOL_ICMP) | (IpVersion::V6, PROTOCOL_ICMPV6) => {
                IcmpMessage::parse(version, bytes).map(Payload::Icmp)
            }
            (IpVersion::V6, kind) => {
                walk_ended(kind, bytes).map(|()| Payload::Other(bytes.to_vec()))
            }
            (IpVersion::V4, _) => Ok(Payload::Other(bytes.to_vec())),
        };
        parsed.unwrap_or_else(|error| Payload::Malformed {
            bytes: bytes.to_vec(),
            error,
        })
    }

    /// Reads what is behind a header, of which `missing` bytes were not captured, as
    /// [`Packet::parse_truncated`] does.
    #[must_use]
    pub fn parse_truncated(ip: &IpHeader, bytes: &[u8], missing: usize) -> Payload {
        let mut payload = Payload::parse(ip, bytes);
        match &mut payload {
            Payload::Tcp(segment) if missing > 0 => {
                let len = segment.payload.len();
                segment.payload.resize(len + missing, 0);
            }
            Payload::Malformed { bytes, .. } if ip.protocol() == PROTOCOL_TCP => {
                if let Some(segment) = Segment::parse_cut(bytes, missing) {
                    payload = Payload::Tcp(segment);
                }
            }
            _ => {}
        }
        payload
    }

    fn emit_to(&self, bytes: &mut Vec<u8>) {
        match self {
            Payload::Tcp(segment) => segment.emit_to(bytes),
            Payload::Icmp(message) => bytes.extend(message.emit()),
            Payload::Fragment(all)
            | Payload::Malformed { bytes: all, .. }
            | Payload::Other(all) => bytes.extend_from_slice(all),
        }
    }

    /// Bytes that it takes.
    fn len(&self) -> usize {
        match self {
            Payload::Tcp(segment) => segment.len(),
            Payload::Icmp(message) => message.emit().len(),
            Payload::Fragment(all)
            | Payload::Malformed { bytes: all, .. }
            | Payload::Other(all) => all.len(),
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
        let (ip, payload, trailer) = IpHeader::split(bytes)?;
        Ok(Packet {
            payload: Payload::parse(&ip, payload),
            ip,
            trailer: trailer.to_vec(),
        })
    }

    /// Reads one packet that a capture may have cut short, with its true length, and how many of its
    /// bytes are missing. The data that is missing from a TCP segment is put back as zeros, so that
    /// it takes up its sequence numbers; its checksum then says nothing. Of options that are cut
    /// short those are read that are there. `beyond` is by how much the captured frame was longer
    /// than what is left of it.
    ///
    /// # Errors
    /// As [`Packet::parse`]. A TCP header without its fixed part is [`Payload::Malformed`].
    pub fn parse_truncated(bytes: &[u8], beyond: usize) -> Result<(Packet, usize), WireError> {
        let (ip, payload, trailer) = IpHeader::split(bytes)?;
        let missing = ip.missing(bytes.len(), beyond);
        let packet = Packet {
            payload: Payload::parse_truncated(&ip, payload, missing),
            ip,
            trailer: trailer.to_vec(),
        };
        Ok((packet, missing))
    }

    /// The bytes of this packet, lengths and checksums as they stand.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let len = self.ip.len() + self.payload.len() + self.trailer.len();
        let mut bytes = Vec::with_capacity(len);
        self.ip.emit_to(&mut bytes);
        self.payload.emit_to(&mut bytes);
        bytes.extend_from_slice(&self.trailer);
        bytes
    }

    /// Bytes that the IP header counts but the capture does not hold (a snapshot length).
    #[must_use]
    pub fn missing(&self) -> usize {
        let there = self.ip.len() + self.payload.len();
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

    /// The same, taken out.
    #[must_use]
    pub fn into_tcp(self) -> Option<Segment> {
        match self.payload {
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
        let payload_len = payload.len();
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

#[cfg(test)]
mod tests {
    use super::super::samples::{
        ALL, DATA_V4, PROHIBITED_V4, PROHIBITED_V6, REPORT_V6, RST_V4, SYN_V4, SYN_V6, hex,
    };
    use super::*;

    fn parse(bytes: &[u8]) -> Packet {
        let packet = Packet::parse(bytes).unwrap();
        assert_eq!(packet.emit(), bytes);
        packet
    }

    #[test]
    fn real_packets_are_read_and_come_back() {
        for sample in ALL {
            let bytes = hex(sample);
            let packet = parse(&bytes);
            assert_eq!((packet.missing(), packet.trailer.len()), (0, 0));
            let (src, dst) = (packet.ip.src(), packet.ip.dst());
            assert!(match &packet.payload {
                Payload::Tcp(segment) => segment.checksum_ok(src, dst),
                Payload::Icmp(message) => message.checksum_ok(src, dst),
                _ => false,
            });
            // Every packet with something cut off its end is either refused or comes back.
            for len in 0..bytes.len() {
                if let Ok(packet) = Packet::parse(&bytes[..len]) {
                    assert_eq!(packet.emit(), bytes[..len]);
                    assert_eq!(packet.missing(), bytes.len() - len);
                }
            }
        }
    }

    #[test]
    fn each_payload_is_found_behind_its_header() {
        assert_eq!(parse(&hex(DATA_V4)).tcp().unwrap().payload, b"ping");
        assert!(parse(&hex(RST_V4)).tcp().unwrap().flags.rst());
        assert!(parse(&hex(PROHIBITED_V4)).icmp().unwrap().prohibited());
        assert!(parse(&hex(PROHIBITED_V6)).icmp().unwrap().prohibited());
        assert_eq!(parse(&hex(REPORT_V6)).icmp().unwrap().icmp_type, 143);
        assert!(parse(&hex(SYN_V4)).icmp().is_none());
        assert!(parse(&hex(PROHIBITED_V4)).tcp().is_none());
    }

    #[test]
    fn ethernet_padding_is_no_data() {
        for sample in [RST_V4, SYN_V6] {
            let mut bytes = hex(sample);
            bytes.extend([0; 6]);
            let packet = parse(&bytes);
            assert_eq!(packet.trailer, [0; 6]);
            assert!(packet.tcp().unwrap().payload.is_empty());
        }
    }

    #[test]
    fn a_length_of_zero_takes_all_that_is_there() {
        for (sample, field) in [(SYN_V4, 2..4), (SYN_V6, 4..6)] {
            let mut bytes = hex(sample);
            bytes[field].fill(0);
            bytes.extend(vec![7; 70_000]);
            let packet = parse(&bytes);
            assert_eq!(packet.tcp().unwrap().payload.len(), 70_000);
            assert_eq!((packet.missing(), packet.trailer.len()), (0, 0));
        }
    }

    #[test]
    fn a_total_length_below_the_header_is_an_error() {
        let mut bytes = hex(SYN_V4);
        bytes[3] = 19;
        let expected = WireError::TotalLength {
            total: 19,
            header: 20,
        };
        assert_eq!(Packet::parse(&bytes), Err(expected));
    }

    #[test]
    fn a_capture_cut_short_says_how_much_is_missing() {
        let packet = parse(&hex(DATA_V4)[..54]);
        assert_eq!(packet.tcp().unwrap().payload, b"pi");
        assert_eq!(packet.missing(), 2);
    }

    #[test]
    fn the_data_of_a_packet_cut_short_keeps_its_length() {
        let whole = hex(DATA_V4);
        for len in 52..=56 {
            let (packet, missing) = Packet::parse_truncated(&whole[..len], 1_000).unwrap();
            let expected = [&whole[52..len], &[0; 4][..missing]].concat();
            assert_eq!(
                (packet.tcp().unwrap().payload.clone(), missing),
                (expected, 56 - len)
            );
            assert_eq!(packet.tcp().unwrap().seq_len(), 4);
        }
        let (packet, missing) = Packet::parse_truncated(&whole[..54], 1).unwrap();
        assert_eq!((packet.tcp().unwrap().payload.len(), missing), (3, 1));
        for len in 40..52 {
            let (packet, missing) = Packet::parse_truncated(&whole[..len], 1_000).unwrap();
            let data = packet.tcp().unwrap().payload.len();
            assert_eq!((data, missing), (4, 56 - len));
        }
        let (packet, missing) = Packet::parse_truncated(&whole[..39], 17).unwrap();
        assert!(matches!(packet.payload, Payload::Malformed { .. }));
        assert_eq!(missing, 17);
    }

    #[test]
    fn of_options_cut_short_those_are_read_that_are_there() {
        // A SYN with a header of 40 bytes under a snapshot length of 68 on Ethernet.
        let whole = hex(SYN_V4);
        let all = parse(&whole);
        let (packet, missing) = Packet::parse_truncated(&whole[..54], 6).unwrap();
        let (segment, all) = (packet.tcp().unwrap(), all.tcp().unwrap());
        assert_eq!(
            (segment.seq, segment.flags, missing),
            (all.seq, all.flags, 6)
        );
        assert_eq!(segment.options.mss(), Some(1460));
        assert_eq!(segment.options.timestamps(), None);
        assert!(segment.payload.is_empty());
        // Longer than the packet is no cut.
        let mut overlong = hex(DATA_V4);
        overlong[32] = 0xf0;
        let (packet, _) = Packet::parse_truncated(&overlong, 0).unwrap();
        assert!(matches!(packet.payload, Payload::Malformed { .. }));
    }

    #[test]
    fn an_offloaded_packet_cut_short_has_the_length_of_its_frame() {
        for (sample, field) in [(SYN_V4, 2..4), (SYN_V6, 4..6)] {
            let mut bytes = hex(sample);
            bytes[field].fill(0);
            let (packet, missing) = Packet::parse_truncated(&bytes, 14_600).unwrap();
            assert_eq!(
                (packet.tcp().unwrap().payload.len(), missing),
                (14_600, 14_600)
            );
            // A frame length that nothing can have takes no memory.
            let (packet, _) = Packet::parse_truncated(&bytes, usize::MAX).unwrap();
            assert_eq!(packet.tcp().unwrap().payload.len(), 524_280);
        }
    }

    #[test]
    fn what_an_icmp_error_quotes_is_not_made_longer() {
        let bytes = hex(PROHIBITED_V4);
        let (packet, missing) = Packet::parse_truncated(&bytes[..60], 28).unwrap();
        assert_eq!((packet.icmp().unwrap().body.len(), missing), (32, 28));
    }

    #[test]
    fn fragments_are_never_read_as_segments() {
        for field in [[0x20, 0], [0, 1]] {
            let mut bytes = hex(SYN_V4);
            bytes[6..8].copy_from_slice(&field);
            assert_eq!(
                parse(&bytes).payload,
                Payload::Fragment(bytes[20..].to_vec())
            );
        }
    }

    #[test]
    fn an_atomic_fragment_is_read_as_a_segment() {
        let mut bytes = hex(SYN_V6);
        bytes[5] += 8;
        bytes[6] = 44;
        bytes.splice(40..40, [6, 0, 0, 0, 0, 0, 0, 7]);
        assert!(parse(&bytes).tcp().unwrap().flags.syn());
    }

    #[test]
    fn what_cannot_be_read_is_kept_with_the_reason() {
        let mut bytes = hex(SYN_V4);
        bytes[32] = 0x40;
        let expected = Payload::Malformed {
            bytes: bytes[20..].to_vec(),
            error: WireError::HeaderLength {
                what: "TCP header",
                bytes: 16,
            },
        };
        assert_eq!(parse(&bytes).payload, expected);
        let mut bytes = hex(REPORT_V6);
        bytes[41] = 200;
        let expected = Payload::Malformed {
            bytes: bytes[40..].to_vec(),
            error: WireError::Truncated {
                what: "IPv6 extension header",
                needed: 1608,
                available: 56,
            },
        };
        assert_eq!(parse(&bytes).payload, expected);
    }

    #[test]
    fn icmp_of_the_other_version_is_just_another_protocol() {
        for (sample, protocol_at, protocol) in [(SYN_V4, 9, 58), (SYN_V6, 6, 1), (SYN_V4, 9, 17)] {
            let mut bytes = hex(sample);
            bytes[protocol_at] = protocol;
            assert!(matches!(parse(&bytes).payload, Payload::Other(_)));
        }
    }

    #[test]
    fn a_packet_built_from_its_parts_equals_the_real_one() {
        for sample in [SYN_V4, SYN_V6] {
            let real = parse(&hex(sample));
            let fields = IpFields {
                identification: 60_506,
                flow_label: 0xf_55c3,
                ..IpFields::default()
            };
            let segment = Segment {
                checksum: 0,
                ..real.tcp().unwrap().clone()
            };
            let built = Packet::build(real.ip.src(), real.ip.dst(), segment, &fields);
            assert_eq!(built, real);
        }
    }

    #[test]
    fn an_icmp_packet_built_from_its_parts_equals_the_real_one() {
        for sample in [PROHIBITED_V4, PROHIBITED_V6] {
            let real = parse(&hex(sample));
            let fields = IpFields {
                dscp: real.ip.dscp(),
                dont_fragment: false,
                identification: 0x9daa,
                flow_label: 0x4_2f4e,
                ..IpFields::default()
            };
            let message = IcmpMessage {
                checksum: 0,
                ..real.icmp().unwrap().clone()
            };
            let built = Packet::build_icmp(real.ip.src(), real.ip.dst(), message, &fields);
            assert_eq!(built, real);
        }
    }

    #[test]
    fn chosen_ip_fields_reach_the_wire() {
        let fields = IpFields {
            ttl: 1,
            dscp: 46,
            ecn: 2,
            dont_fragment: false,
            identification: 7,
            flow_label: 9,
        };
        let v4 = ["192.0.2.1", "192.0.2.2"].map(|addr| addr.parse().unwrap());
        let v6 = ["2001:db8::1", "2001:db8::2"].map(|addr| addr.parse().unwrap());
        for [src, dst] in [v4, v6] {
            let packet = Packet::build(src, dst, Segment::default(), &fields);
            let ip = &parse(&packet.emit()).ip;
            assert_eq!((ip.ttl(), ip.dscp(), ip.ecn()), (1, 46, 2));
            match ip {
                IpHeader::V4(ip) => assert_eq!((ip.identification, ip.flags), (7, 0)),
                IpHeader::V6(ip) => assert_eq!(ip.flow_label, 9),
            }
        }
    }

    #[test]
    fn addresses_of_two_families_make_an_ipv6_packet() {
        let (src, dst) = ([192, 0, 2, 1].into(), "2001:db8::2".parse().unwrap());
        let packet = Packet::build(src, dst, Segment::default(), &IpFields::default());
        assert_eq!(packet.ip.src().to_string(), "::ffff:192.0.2.1");
        assert_eq!(packet.ip.version(), IpVersion::V6);
    }

    #[test]
    fn more_than_an_ip_packet_can_hold_gets_no_length() {
        let segment = Segment {
            payload: vec![0xff; 70_000],
            ..Segment::default()
        };
        let host = IpAddr::from([192, 0, 2, 1]);
        let packet = Packet::build(host, host, segment, &IpFields::default());
        assert_eq!(packet.ip.packet_len(), None);
        assert_eq!(parse(&packet.emit()), packet);
    }
}
