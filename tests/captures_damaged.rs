//! Captures that are cut, damaged or made to hurt: an error with its place, and all before it.

mod samples;
mod written;

use std::{fs, io};

use proptest::prelude::*;
use tcpshake::capture::link::network;
use tcpshake::capture::tunnel::innermost;
use tcpshake::capture::{CaptureError, Fault, Item, Reader};
use tcpshake::explain::{Told, Wishes, explain};
use tcpshake::observe::Detail;
use tcpshake::report::{Explanation, Json};
use tcpshake::wire::Packet;

use samples::made::{interleaved, sections};
use written::frames::{COOKED, framed, v4, v6, ways};
use written::{MICROSECONDS, NANOSECONDS, ORDERS, Order, Pcap, Pcapng};

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

/// Reads all there is, every packet down to its segment, and once more down to the story of each
/// connection: how many frames, and how it ended.
fn read(capture: &[u8]) -> (u64, Option<CaptureError>) {
    let (frames, error) = read_frames(capture);
    // A capture that cannot be opened is refused before there is anything to explain.
    if let Ok(reader) = Reader::new(capture) {
        let told = story_of(reader);
        let fault = told.fault.map(|it| (it.offset, it.fault.to_string()));
        let seen = error.as_ref().map(|it| (it.offset, it.fault.to_string()));
        assert_eq!((told.totals.frames, fault), (frames, seen));
    }
    (frames, error)
}

/// Takes the connections of a capture apart, and writes all that there is to tell of each.
fn story_of(reader: Reader<&[u8]>) -> Told {
    let wishes = Wishes {
        detail: Detail::Segments,
        ..Wishes::default()
    };
    let mut choose = |_several| -> Box<dyn Explanation> { Box::new(Json::new(io::sink(), true)) };
    explain(reader, &wishes, &mut choose, &mut |_| ()).expect("a sink that takes all")
}

fn read_frames(capture: &[u8]) -> (u64, Option<CaptureError>) {
    let mut frames = 0;
    let mut reader = match Reader::new(capture) {
        Ok(reader) => reader,
        Err(error) => return (frames, Some(error)),
    };
    let error = loop {
        match reader.next_item() {
            Ok(None) => break None,
            Err(error) => break Some(error),
            Ok(Some(Item::Remarks(comments))) => drop(comments.count()),
            Ok(Some(Item::Frame(frame))) => {
                frames += 1;
                let said: usize = frame.comments.clone().map(|comment| comment.len()).sum();
                // Each byte may be shown as a replacement of three.
                assert!(said <= 3 * capture.len());
                assert!(frame.number >= frames && frame.bytes.len() < capture.len());
                if let Ok(packet) = network(frame.interface.link, frame.bytes) {
                    let inner = innermost(packet, frame.beyond());
                    let _ = Packet::parse_truncated(inner.packet, inner.beyond);
                }
            }
        }
    };
    let again = reader.next_frame().expect("an error is told once");
    assert!(again.is_none(), "nothing comes after the end");
    assert!(reader.offset() <= capture.len() as u64);
    (frames, error)
}

/// Reads a damaged capture: its frames, where the damage is, and what is said of it.
fn damage(capture: &[u8]) -> (u64, u64, String) {
    let (frames, error) = read(capture);
    let error = error.expect("a damaged capture");
    assert!(error.offset <= capture.len() as u64);
    (frames, error.offset, error.fault.to_string())
}

/// Small captures of every kind.
fn valid() -> Vec<Vec<u8>> {
    let (old, new) = (v4(1, 30), v6(2, 30));
    let mut all = Vec::new();
    for order in ORDERS {
        for magic in [MICROSECONDS, NANOSECONDS] {
            let file = Pcap::new(order, magic, ETHERNET);
            let file = file.frame(1, 2, &framed(&old)).frame(3, 4, &framed(&new));
            all.push(file.cut(5, 6, &framed(&old)[..60], 84).bytes);
        }
        let other = if order == Order::Big {
            Order::Little
        } else {
            Order::Big
        };
        let flags = order.u32(1);
        let offset = order.u64(9);
        let file = Pcapng::new(order)
            .interface(RAW, 0, &[(2, b"tun0"), (9, &[9]), (14, &offset)])
            .interface(ETHERNET, 96, &[(9, &[0x8a])])
            .frame(0, 1 << 33, &old)
            .cut(1, 2, &framed(&new), 200, &[(1, b"a comment"), (2, &flags)])
            .simple(&old, old.len())
            .obsolete(1, 3, &framed(&old))
            .block(0xbad, b"custom")
            .block(4, b"names")
            .section(other)
            .interface(113, 0, &[])
            .frame(0, 5, &[&COOKED, &[8, 0][..], &old].concat())
            .section_of(order, &[(4, b"tcpshake 1.2.3")])
            .interface(RAW, 0, &[])
            .cut(0, 6, &old, old.len(), &[(1, b"probe 0: --end fin")])
            .statistics(&[(1, b"probe 0: interrupted"), (5, &offset)]);
        all.push(file.bytes);
    }
    all.push(interleaved().bytes);
    all.push(sections().bytes);
    for packet in [old, new] {
        let mut file = Pcapng::new(Order::Little);
        for (index, (_, link, frame)) in (0..).zip(ways(&packet)) {
            file = file.interface(link, 0, &[]).frame(index, 7, &frame);
        }
        all.push(file.bytes);
    }
    all
}

#[test]
fn every_prefix_is_read_as_far_as_it_goes() {
    for whole in valid() {
        let (all, error) = read(&whole);
        assert!(all >= 3 && error.is_none());
        let mut frames = 0;
        for len in 0..whole.len() {
            let (there, error) = read(&whole[..len]);
            assert!(
                there == frames || there == frames + 1,
                "no frame is lost by one more byte"
            );
            frames = there;
            let Some(CaptureError { offset, fault }) = error else {
                continue;
            };
            match fault {
                Fault::Empty => assert_eq!(len, 0),
                Fault::CutShort {
                    needed, available, ..
                } => {
                    assert_eq!(offset + available, len as u64);
                    assert!(needed > available);
                }
                fault => panic!("{fault} after {len} bytes"),
            }
        }
    }
}

/// Numbers that a length field is likely to choke on.
const SPITEFUL: [u32; 12] = [
    0,
    1,
    4,
    8,
    12,
    16,
    0x7fff_ffff,
    0x8000_0000,
    0x0100_0000,
    0xffff_fff4,
    0xffff_fffc,
    u32::MAX,
];

#[test]
fn a_hundred_thousand_mutations_end_in_a_story_or_an_error() {
    let valid = valid();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut damaged = 0;
    for _ in 0..100_000 {
        let mut capture = valid[random.below(valid.len())].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut capture, &mut random);
        }
        let (_, error) = read(&capture);
        if let Some(error) = error {
            damaged += 1;
            assert!(error.offset <= capture.len() as u64);
            assert!(!error.to_string().is_empty());
        }
    }
    assert!(
        (10_000..90_000).contains(&damaged),
        "{damaged} of 100000 were damaged"
    );
    let peak = peak_memory();
    assert!(peak < 256 << 10, "{peak} kB were resident");
}

fn mutate(capture: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(capture.len().max(1));
    match random.below(6) {
        0 => capture.truncate(at),
        1 => {
            let byte = random.below(256) as u8;
            capture.insert(at, byte);
        }
        2 if at + 4 <= capture.len() => {
            let word = SPITEFUL[random.below(SPITEFUL.len())];
            let word = ORDERS[random.below(2)].u32(word);
            let at = at / 4 * 4;
            capture[at..at + 4].copy_from_slice(&word);
        }
        3 => {
            let len = random.below(capture.len() - at + 1).min(64);
            let piece = capture[at..at + len].to_vec();
            let to = random.below(capture.len() + 1);
            capture.splice(to..to, piece);
        }
        _ if at < capture.len() => capture[at] ^= 1 << random.below(8),
        _ => {}
    }
}

/// xorshift64: the same mutations on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// The most memory that this process ever had, in kB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let value = line.and_then(|line| line.trim().strip_suffix(" kB"));
    value.expect("a peak").parse().expect("a number")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn noise_is_no_capture(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes).1.is_some());
    }

    #[test]
    fn noise_behind_a_header_never_panics(
        start in 0..valid().len(),
        len in 24..200_usize,
        noise in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let capture = [&valid()[start][..len], &noise].concat();
        if let Some(error) = read(&capture).1 {
            prop_assert!(error.offset <= capture.len() as u64);
        }
    }

    #[test]
    fn noise_of_any_link_type_never_panics(
        link in prop_oneof![0..300_u16, any::<u16>()],
        noise in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let file = Pcap::new(Order::Little, MICROSECONDS, link).frame(1, 2, &noise);
        prop_assert_eq!(read(&file.bytes).0, 1);
    }
}

/// A section, an interface, a frame, and then a block whose lengths are these.
fn with_lengths(order: Order, kind: u32, leading: u32, trailing: u32) -> (u64, Vec<u8>) {
    let mut file = Pcapng::new(order)
        .interface(RAW, 0, &[])
        .frame(0, 1, &v4(1, 0));
    let offset = file.bytes.len();
    file = file.block(kind, &[0; 20]);
    let end = file.bytes.len();
    file.bytes[offset + 4..offset + 8].copy_from_slice(&order.u32(leading));
    file.bytes[end - 4..].copy_from_slice(&order.u32(trailing));
    (offset as u64, file.frame(0, 2, &v4(2, 0)).bytes)
}

#[test]
fn a_block_length_that_cannot_be_is_told_with_its_offset() {
    for order in ORDERS {
        for kind in [1, 2, 3, 6, 0x0bad, 0x7777_7777] {
            for length in [0, 1, 2, 11, 33, u32::MAX] {
                let (offset, capture) = with_lengths(order, kind, length, 32);
                let expected = format!("no block has a length of {length} bytes");
                assert_eq!(damage(&capture), (1, offset, expected));
            }
            let (offset, capture) = with_lengths(order, kind, 32, 36);
            let expected = "a block of 32 bytes ends with a length of 36".to_owned();
            assert_eq!(damage(&capture), (1, offset, expected));
        }
    }
}

#[test]
fn a_block_of_four_gigabytes_is_never_held() {
    for order in ORDERS {
        let huge = u32::MAX - 3;
        for (kind, what) in [(1, "an interface description"), (6, "a packet block")] {
            let (offset, capture) = with_lengths(order, kind, huge, 32);
            let expected = format!("{what} of {huge} bytes is longer than any packet");
            assert_eq!(damage(&capture), (1, offset, expected));
        }
        let (offset, capture) = with_lengths(order, 0x7777_7777, huge, 32);
        let there = capture.len() as u64 - offset;
        let expected = format!("a block is cut short: {huge} bytes needed, {there} there");
        assert_eq!(damage(&capture), (1, offset, expected));
    }
    assert!(peak_memory() < 256 << 10);
}

#[test]
fn a_block_too_short_for_its_own_fields_is_told() {
    for order in ORDERS {
        for (kind, what, least) in [
            (0x0a0d_0d0a, "a section header", 28),
            (1, "an interface description", 20),
            (2, "a packet block", 32),
            (3, "a packet block", 16),
            (6, "a packet block", 32),
        ] {
            for body in (0..least - 12).step_by(4) {
                let magic = order.u32(0x1a2b_3c4d);
                let mut bytes = vec![0; body];
                if kind == 0x0a0d_0d0a && body >= 4 {
                    bytes[..4].copy_from_slice(&magic);
                }
                let file = Pcapng::new(order)
                    .interface(RAW, 0, &[])
                    .frame(0, 1, b"frame");
                let offset = file.bytes.len() as u64;
                let (frames, at, fault) = damage(&file.block(kind, &bytes).bytes);
                assert_eq!((frames, at), (1, offset));
                let expected = match body {
                    0 if kind == 0x0a0d_0d0a => "a section header tells no byte order".to_owned(),
                    _ => format!("{what} contradicts its own length"),
                };
                assert_eq!(fault, expected);
            }
        }
    }
}

#[test]
fn a_packet_longer_than_its_block_is_told() {
    for order in ORDERS {
        let start = Pcapng::new(order).interface(RAW, 0, &[]);
        let offset = start.bytes.len();
        let blocks = [
            (Pcapng::frame(start, 0, 1, b"enhanced"), 20),
            (
                Pcapng::new(order)
                    .interface(RAW, 0, &[])
                    .obsolete(0, 1, b"obsolete"),
                20,
            ),
            (
                Pcapng::new(order)
                    .interface(RAW, 0, &[])
                    .simple(b"simple", 6),
                8,
            ),
        ];
        for (file, field) in blocks {
            for length in [13, 0x100, u32::MAX - 4, u32::MAX - 3, u32::MAX] {
                let mut capture = file.bytes.clone();
                let at = offset + field;
                capture[at..at + 4].copy_from_slice(&order.u32(length));
                let expected = "a packet block contradicts its own length".to_owned();
                assert_eq!(damage(&capture), (0, offset as u64, expected));
            }
        }
    }
}

#[test]
fn an_interface_that_was_never_described_is_told() {
    for order in ORDERS {
        let start = || {
            Pcapng::new(order)
                .interface(RAW, 0, &[])
                .frame(0, 1, b"frame")
        };
        let offset = start().bytes.len() as u64;
        let of = |id: u32| format!("a packet names interface {id}, and 1 were described before it");
        for id in [1, 65_536, u32::MAX] {
            let file = start().frame(id, 2, b"frame");
            assert_eq!(damage(&file.bytes), (1, offset, of(id)));
        }
        let file = start().obsolete(7, 2, b"frame");
        assert_eq!(damage(&file.bytes), (1, offset, of(7)));
        // A new section starts without any.
        for file in [
            start().section(order).frame(0, 2, b"frame"),
            start().section(order).simple(b"frame", 5),
        ] {
            let expected = "a packet names interface 0, and 0 were described before it".to_owned();
            assert_eq!(damage(&file.bytes), (1, offset + 28, expected));
        }
    }
}

#[test]
fn interfaces_beyond_what_a_section_can_number_are_told() {
    let mut file = Pcapng::new(Order::Little);
    for _ in 0..1 << 16 {
        file = file.interface(RAW, 0, &[]);
    }
    file = file.frame(65_535, 1, b"frame");
    assert!(read(&file.bytes).1.is_none());
    let offset = file.bytes.len() as u64;
    let expected = "too many interfaces in one section".to_owned();
    assert_eq!(
        damage(&file.interface(RAW, 0, &[]).bytes),
        (1, offset, expected)
    );
}

#[test]
fn every_time_resolution_is_read() {
    for resolution in 0..=255 {
        let options = [(9, &[resolution][..]), (14, &[0x80; 8])];
        let file = Pcapng::new(Order::Big).interface(RAW, 0, &options);
        let file = file
            .frame(0, u64::MAX, b"frame")
            .interface(RAW, 0, &options[..1]);
        let (frames, error) = read(&file.frame(1, u64::MAX, b"frame").bytes);
        assert_eq!((frames, error.is_none()), (2, true));
    }
}

#[test]
fn a_record_of_pcap_longer_than_any_packet_is_told() {
    for order in ORDERS {
        let file = Pcap::new(order, MICROSECONDS, ETHERNET).frame(1, 2, b"frame");
        let offset = file.bytes.len();
        for length in [(16 << 20) + 1, 0x4141_4141, u32::MAX] {
            let mut file = Pcap::new(order, MICROSECONDS, ETHERNET);
            file = file.frame(1, 2, b"frame").frame(3, 4, b"frame");
            file.bytes[offset + 8..offset + 12].copy_from_slice(&order.u32(length));
            let expected = format!("a packet record of {length} bytes is longer than any packet");
            assert_eq!(damage(&file.bytes), (1, offset as u64, expected));
        }
    }
}

#[test]
fn another_version_or_byte_order_mark_is_told() {
    let whole = Pcapng::new(Order::Big).bytes;
    for (at, fault) in [
        (8, "a section header tells no byte order"),
        (13, "format version 5 is not known"),
    ] {
        let mut capture = whole.clone();
        capture[at] = 5;
        assert_eq!(damage(&capture), (0, 0, fault.to_owned()));
    }
}

#[test]
fn what_is_no_capture_is_told_with_what_to_do() {
    for (bytes, expected) in [
        (&b""[..], "this is neither pcap nor pcapng: it is empty"),
        (
            b"\x1f\x8b\x08\0 gzip",
            "this is neither pcap nor pcapng: it begins with 1f8b0800 (gzip): decompress it first, \
             as `gzip -dc FILE`",
        ),
        (
            b"GET / HTTP/1.1",
            "this is neither pcap nor pcapng: it begins with 47455420; if Wireshark opens it, \
             `editcap -F pcapng FILE NEW` converts it",
        ),
        (
            b"\xd4\xc3\xb2\xa1\x02",
            "the capture is damaged at byte 0: the file header is cut short: 24 bytes needed, \
             5 there; only what comes before is read",
        ),
    ] {
        assert_eq!(
            read(bytes).1.map(|error| error.to_string()),
            Some(expected.to_owned())
        );
    }
}
