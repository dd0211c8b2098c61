//! Laws that hold for every packet, on random ones: plain noise, and headers that are right enough
//! to lead the parsers deep.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;

use super::samples::{ALL, hex};
use super::{
    Flags, IcmpMessage, IpFields, IpHeader, IpVersion, Options, Packet, Segment, SeqNumber,
    TcpOption,
};

/// Failures are printed, not stored: no file appears beside the sources.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=max)
}

/// One option, mostly well-formed.
fn option() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![2..=8_u8, Just(34), any::<u8>()];
    prop_oneof![
        4 => (kind, bytes(18)).prop_map(|(kind, data)| {
            let len = u8::try_from(data.len() + 2).unwrap();
            [vec![kind, len], data].concat()
        }),
        1 => Just(vec![1]),
        1 => bytes(4),
    ]
}

/// The bytes of a TCP segment with whole words of options.
fn segment() -> impl Strategy<Value = Vec<u8>> {
    let options = vec(option(), 0..6).prop_map(|list| {
        let mut options = list.concat();
        options.resize(options.len().next_multiple_of(4), 0);
        options.truncate(Options::MAX_LEN);
        options
    });
    (vec(any::<u8>(), 20), options, bytes(40)).prop_map(|(mut header, options, data)| {
        let words = u8::try_from(5 + options.len() / 4).unwrap();
        header[12] = words << 4 | header[12] & 0xf;
        [header, options, data].concat()
    })
}

/// An IPv4 packet around a payload of this protocol: any header fields, options, sometimes a
/// fragment, a padded frame, a cut or an offloaded one.
fn v4(protocol: u8, payload: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![3 => Just(0x4000_u16), 1 => any::<u16>()];
    let slack = prop_oneof![4 => Just(0), 2 => -20..20_i32, 1 => Just(i32::MIN)];
    (vec(any::<u8>(), 20), 0..=10_u8, fragment, slack).prop_map(
        move |(mut header, words, fragment, slack)| {
            header[0] = 0x45 + words;
            header.resize(20 + 4 * usize::from(words), 0xa5);
            let len = i32::try_from(header.len() + payload.len()).unwrap();
            let total = u16::try_from(len.saturating_add(slack)).unwrap_or(0);
            header[2..4].copy_from_slice(&total.to_be_bytes());
            header[6..8].copy_from_slice(&fragment.to_be_bytes());
            header[9] = protocol;
            [header, payload.clone()].concat()
        },
    )
}

/// One extension header: its kind, and its bytes with the next header left open.
fn extension() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let filled = |kind: u8, len: usize, field: u8| {
        vec(any::<u8>(), len).prop_map(move |mut bytes| {
            bytes[1] = field;
            (kind, bytes)
        })
    };
    prop_oneof![
        (0..3_u8).prop_flat_map(move |n| filled(0, 8 + 8 * usize::from(n), n)),
        (0..3_u8).prop_flat_map(move |n| filled(43, 8 + 8 * usize::from(n), n)),
        (0..3_u8).prop_flat_map(move |n| filled(60, 8 + 8 * usize::from(n), n)),
        (0..3_u8).prop_flat_map(move |n| filled(51, 8 + 4 * usize::from(n), n)),
        any::<u32>().prop_map(|id| (44, [vec![0; 4], id.to_be_bytes().to_vec()].concat())),
        vec(any::<u8>(), 8).prop_map(|bytes| (44, bytes)),
        vec(any::<u8>(), 8).prop_map(|bytes| (60, bytes)),
    ]
}

/// An IPv6 packet around a payload of this protocol, behind up to four extension headers.
fn v6(protocol: u8, payload: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let slack = prop_oneof![4 => Just(0), 2 => -20..20_i32, 1 => Just(i32::MIN)];
    (vec(any::<u8>(), 40), vec(extension(), 0..=4), slack).prop_map(
        move |(mut header, extensions, slack)| {
            let mut next = protocol;
            let mut after = payload.clone();
            for (kind, mut bytes) in extensions.into_iter().rev() {
                bytes[0] = next;
                next = kind;
                after.splice(0..0, bytes);
            }
            header[0] = 0x60 | header[0] & 0xf;
            let len = i32::try_from(after.len()).unwrap();
            let len = u16::try_from(len.saturating_add(slack)).unwrap_or(0);
            header[4..6].copy_from_slice(&len.to_be_bytes());
            header[6] = next;
            [header, after].concat()
        },
    )
}

fn ip(v4_protocol: u8, v6_protocol: u8, payload: Vec<u8>) -> BoxedStrategy<Vec<u8>> {
    prop_oneof![v4(v4_protocol, payload.clone()), v6(v6_protocol, payload)].boxed()
}

fn tcp_packet() -> impl Strategy<Value = Vec<u8>> {
    segment().prop_flat_map(|segment| ip(6, 6, segment))
}

/// An ICMP error, most of the types being errors, that quotes the beginning of a packet.
fn icmp_packet() -> impl Strategy<Value = Vec<u8>> {
    (0..16_u8, any::<[u8; 7]>(), tcp_packet(), 0..200_usize).prop_flat_map(
        |(icmp_type, rest, mut quote, len)| {
            quote.truncate(len);
            ip(1, 58, [vec![icmp_type], rest.to_vec(), quote].concat())
        },
    )
}

/// What every parser owes to any bytes: no panic, and the same bytes back.
fn survives(bytes: &[u8]) {
    let options = Options::parse(bytes);
    assert_eq!(options.emit(), bytes);
    assert_eq!(options.len(), bytes.len());
    assert_eq!(options.is_empty(), bytes.is_empty());
    let _ = options.to_string();
    if let Ok(segment) = Segment::parse(bytes) {
        assert_eq!(segment.emit(), bytes);
        assert_eq!(segment.header_len() + segment.payload.len(), bytes.len());
    }
    for version in [IpVersion::V4, IpVersion::V6] {
        if let Ok(message) = IcmpMessage::parse(version, bytes) {
            assert_eq!(message.emit(), bytes);
            let _ = (message.quote(), message.reason());
        }
    }
    if let Ok((header, len)) = IpHeader::parse(bytes) {
        assert_eq!(header.emit(), bytes[..len]);
    }
    if let Ok(packet) = Packet::parse(bytes) {
        assert_eq!(packet.emit(), bytes);
        let _ = packet.missing();
        if let Some(segment) = packet.tcp() {
            let (src, dst) = (packet.ip.src(), packet.ip.dst());
            assert!(
                segment
                    .clone()
                    .with_checksum(src, dst)
                    .checksum_ok(src, dst)
            );
        }
        if let Some(message) = packet.icmp() {
            assert!(
                message
                    .quote()
                    .is_none_or(|quote| quote.transport.len() >= 8)
            );
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn noise_never_panics_and_comes_back(bytes in bytes(120)) {
        survives(&bytes);
    }

    #[test]
    fn noise_behind_a_version_nibble_never_panics_and_comes_back(
        version in 4..=6_u8,
        mut bytes in bytes(120),
    ) {
        bytes.insert(0, version << 4 | 5);
        survives(&bytes);
    }

    #[test]
    fn a_segment_in_any_ip_packet_comes_back(packet in tcp_packet()) {
        survives(&packet);
    }

    #[test]
    fn an_icmp_error_with_any_quote_comes_back(packet in icmp_packet()) {
        survives(&packet);
    }

    #[test]
    fn a_packet_with_a_byte_changed_or_cut_anywhere_comes_back(
        sample in 0..ALL.len(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        len in any::<prop::sample::Index>(),
    ) {
        let mut bytes = hex(ALL[sample]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        survives(&bytes);
        bytes.truncate(len.index(bytes.len()));
        survives(&bytes);
    }

    #[test]
    fn padded_options_fill_whole_words_and_parse_the_same(list in vec(option(), 0..6)) {
        let options = Options::parse(&list.concat());
        let padded = options.clone().padded();
        prop_assert_eq!(padded.len() % 4, 0);
        prop_assert!(padded.len() - options.len() < 4);
        prop_assert_eq!(&Options::parse(&padded.emit()), &padded);
        prop_assert_eq!(padded.malformed(), options.malformed());
        prop_assert_eq!(padded.mss(), options.mss());
        prop_assert_eq!(padded.timestamps(), options.timestamps());
    }

    #[test]
    fn what_is_built_parses_to_itself(
        addrs in prop_oneof![
            any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| [IpAddr::from(a), b.into()]),
            any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| [IpAddr::from(a), b.into()]),
        ],
        (src_port, dst_port, seq, ack) in any::<(u16, u16, u32, u32)>(),
        (bits, window, urgent) in any::<(u16, u16, u16)>(),
        (mss, val, ecr) in any::<(u16, u32, u32)>(),
        payload in bytes(60),
        (ttl, dscp, ecn, dont_fragment, identification, flow_label) in any::<(u8, u8, u8, bool, u16, u32)>(),
    ) {
        let segment = Segment {
            src_port,
            dst_port,
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            flags: Flags::from_bits(bits),
            window,
            urgent,
            options: vec![TcpOption::Mss(mss), TcpOption::Timestamps { val, ecr }].into(),
            payload,
            ..Segment::default()
        };
        let fields = IpFields { ttl, dscp, ecn, dont_fragment, identification, flow_label };
        let [src, dst] = addrs;
        let packet = Packet::build(src, dst, segment, &fields);
        let parsed = Packet::parse(&packet.emit()).unwrap();
        prop_assert_eq!(&parsed, &packet);
        prop_assert!(parsed.tcp().unwrap().checksum_ok(src, dst));
        if let IpHeader::V4(ip) = &parsed.ip {
            prop_assert!(ip.checksum_ok());
        }
    }

    #[test]
    fn sequence_numbers_keep_their_laws_across_the_wrap(
        start in prop_oneof![any::<u32>(), (u32::MAX - 3)..=u32::MAX, 0..4_u32],
        ahead in prop_oneof![1..0x7fff_ffff_u32, 1..4_u32, Just(0x7fff_ffff)],
    ) {
        let earlier = SeqNumber(start);
        let later = earlier + ahead;
        prop_assert!(earlier.lt(later) && earlier.le(later));
        prop_assert!(!later.lt(earlier) && !later.le(earlier));
        prop_assert!(later.gt(earlier) && later.ge(earlier));
        prop_assert_eq!(later.diff(earlier), i32::try_from(ahead).unwrap());
        prop_assert_eq!(earlier.diff(later), -later.diff(earlier));
        prop_assert_eq!(later - ahead, earlier);
    }
}
