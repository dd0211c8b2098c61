//! Captures as others write them: every format, link type and tunnel, held against tshark.

mod tshark;
mod written;

use std::fs;
use std::path::Path;

use tcpshake::capture::link::{LinkType, network};
use tcpshake::capture::tunnel::innermost;
use tcpshake::capture::{Captured, Item, Reader};
use tcpshake::clock::Stamp;
use tcpshake::link::Direction;
use tcpshake::wire::Packet;

use tshark::Saved;
use written::frames::{COOKED, ether_type, ethernet, framed, outer_v4, v4, v6, ways};
use written::{Extra, MICROSECONDS, NANOSECONDS, ORDERS, Order, Pcap, Pcapng};

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

/// What is read of a frame, without the borrow.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Frame {
    number: u64,
    stamp: Option<u64>,
    interface: (u32, Option<String>, u16),
    direction: Option<Direction>,
    bytes: Vec<u8>,
    original_len: u32,
}

impl From<Captured<'_>> for Frame {
    fn from(captured: Captured<'_>) -> Frame {
        let interface = captured.interface;
        Frame {
            number: captured.number,
            stamp: captured.stamp.map(|Stamp(nanos)| nanos),
            interface: (interface.index, interface.name.clone(), interface.link.0),
            direction: captured.direction,
            bytes: captured.bytes.to_vec(),
            original_len: captured.original_len,
        }
    }
}

/// All frames of a capture without fault.
fn read(capture: &[u8]) -> Vec<Frame> {
    let mut reader = Reader::new(capture).expect("a capture");
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().expect("no fault") {
        frames.push(frame.into());
    }
    assert_eq!(reader.offset(), capture.len() as u64);
    frames
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_resolutions() {
    for order in ORDERS {
        for (magic, nanos) in [(MICROSECONDS, 1_000), (NANOSECONDS, 1)] {
            let file = Pcap::new(order, magic, ETHERNET)
                .frame(1_700_000_000, 999_999, b"the first frame")
                .cut(u32::MAX, 1, b"the second", 1_514)
                .frame(0, 0, b"");
            let frame = |number, stamp, bytes: &[u8], original_len| Frame {
                number,
                stamp: Some(stamp),
                interface: (0, None, ETHERNET),
                direction: None,
                bytes: bytes.to_vec(),
                original_len,
            };
            let first = 1_700_000_000_000_000_000 + 999_999 * nanos;
            let second = u64::from(u32::MAX) * 1_000_000_000 + nanos;
            let expected = [
                frame(1, first, b"the first frame", 15),
                frame(2, second, b"the second", 1_514),
                frame(3, 0, b"", 0),
            ];
            assert_eq!(read(&file.bytes), expected);
        }
    }
}

#[test]
fn what_a_link_type_field_tells_of_check_sequences_is_not_the_link_type() {
    let mut file = Pcap::new(Order::Little, MICROSECONDS, ETHERNET).frame(1, 2, b"frame");
    file.bytes[23] = 0x24;
    assert_eq!(read(&file.bytes)[0].interface.2, ETHERNET);
}

#[test]
fn records_of_old_linux_systems_have_longer_headers() {
    let mut file = Pcap::new(Order::Little, 0xa1b2_cd34, ETHERNET).bytes;
    file.extend([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0]);
    file.extend(*b"ifindex.cut");
    let frames = read(&file);
    let frame = (
        frames[0].stamp,
        &frames[0].bytes[..],
        frames[0].original_len,
    );
    assert_eq!(frame, (Some(1_000_002_000), &b"cut"[..], 9));
}

#[test]
fn pcapng_interfaces_have_links_names_and_clocks_of_their_own() {
    for order in ORDERS {
        let offset = order.u64(100_u64);
        let back = order.u64((-3_i64).cast_unsigned());
        let file = Pcapng::new(order)
            .interface(ETHERNET, 0, &[(2, b"eth0")])
            .interface(RAW, 0, &[(2, b"tun7"), (9, &[9]), (14, &offset)])
            .interface(113, 0, &[(1, b"a comment"), (9, &[0x80 | 10])])
            .interface(RAW, 0, &[(9, &[3]), (14, &back)])
            .frame(1, 5_000_000_001, b"nano")
            .frame(0, 1_000_001, b"micro")
            .frame(2, 1_536, b"binary")
            .frame(3, 3_250, b"milli")
            .frame(3, 2_999, b"before the epoch");
        let seen = read(&file.bytes).into_iter();
        let seen: Vec<_> = seen.map(|it| (it.number, it.stamp, it.interface)).collect();
        let name = |name: &str| Some(name.to_owned());
        let expected = [
            (1, Some(105_000_000_001), (1, name("tun7"), RAW)),
            (2, Some(1_000_001_000), (0, name("eth0"), ETHERNET)),
            (3, Some(1_500_000_000), (2, None, 113)),
            (4, Some(250_000_000), (3, None, RAW)),
            (5, None, (3, None, RAW)),
        ];
        assert_eq!(seen, expected);
    }
}

#[test]
fn each_section_has_its_byte_order_and_its_interfaces() {
    let file = Pcapng::new(Order::Little)
        .interface(ETHERNET, 0, &[(2, b"one")])
        .frame(0, 1, b"first")
        .section(Order::Big)
        .interface(RAW, 0, &[(2, b"two")])
        .interface(113, 0, &[])
        .frame(0, 2, b"second")
        .section(Order::Little)
        .section(Order::Little)
        .interface(ETHERNET, 0, &[])
        .frame(0, 3, b"third");
    let seen = read(&file.bytes).into_iter();
    let seen: Vec<_> = seen.map(|it| (it.number, it.bytes, it.interface)).collect();
    let expected = [
        (1, b"first".to_vec(), (0, Some("one".to_owned()), ETHERNET)),
        (2, b"second".to_vec(), (1, Some("two".to_owned()), RAW)),
        (3, b"third".to_vec(), (3, None, ETHERNET)),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn directions_come_from_the_flags_or_from_the_link_header() {
    for order in ORDERS {
        let flags = |bits: u32| order.u32(bits);
        let cooked = [&COOKED[..], &[8, 0]].concat();
        let mut file = Pcapng::new(order).interface(113, 0, &[]);
        for options in [
            &[(2, &flags(1)[..])][..],
            &[(1, b"a comment"), (2, &flags(0x1e2))],
            &[(2, &flags(0))],
            &[],
        ] {
            file = file.cut(0, 1, &cooked, cooked.len(), options);
        }
        let directions: Vec<_> = read(&file.bytes).iter().map(|it| it.direction).collect();
        let (sent, received) = (Some(Direction::Sent), Some(Direction::Received));
        assert_eq!(directions, [received, sent, sent, sent]);
    }
}

/// A line for each frame, and for the statistics between them: the comments of each.
fn comments(capture: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(capture).expect("a capture");
    let mut lines = Vec::new();
    while let Some(item) = reader.next_item().expect("no fault") {
        let (what, comments) = match item {
            Item::Frame(Captured {
                is_ours: true,
                comments,
                ..
            }) => ("ours", comments),
            Item::Frame(frame) => ("frame", frame.comments),
            Item::Remarks(comments) => ("remarks", comments),
        };
        let comments: Vec<_> = comments.collect();
        lines.push(format!("{what}: {}", comments.join(", ")));
    }
    lines
}

#[test]
fn comments_are_read_and_those_of_statistics_where_the_capture_is_ours() {
    for order in ORDERS {
        let flags = order.u32(1);
        let ours = (4, &b"tcpshake 1.2.3"[..]);
        let said: &[Extra] = &[(1, b"one"), (2, &flags), (1, b""), (1, b"th\xffree")];
        let filled = |file: Pcapng| {
            file.interface(RAW, 0, &[(1, b"of an interface")])
                .cut(0, 1, b"frame", 5, said)
                .simple(b"simple", 6)
                .obsolete(0, 1, b"obsolete")
                .statistics(&[(1, b"four"), (3, b"12345678"), (1, b"five")])
                .frame(0, 2, b"last")
        };
        let all = ["one, , th\u{fffd}ree", "", "", "remarks: four, five", ""];
        for (options, who) in [
            (&[(3, &b"Linux"[..]), ours][..], "ours"),
            (&[(4, b"Dumpcap (Wireshark) 4.0")], "frame"),
            (&[(4, b"tcpshaker 1")], "frame"),
            (&[(1, b"tcpshake 1")], "frame"),
            (&[], "frame"),
        ] {
            let file = filled(Pcapng::new(order).section_of(order, options));
            let lines = all.map(|line| match line.strip_prefix("remarks") {
                Some(_) => line.to_owned(),
                None => format!("{who}: {line}"),
            });
            let mut lines = lines.to_vec();
            if who != "ours" {
                lines.remove(3);
            }
            assert_eq!(comments(&file.bytes), lines, "{options:?}");
            // What holds for a section does not for the next.
            let file = filled(filled(Pcapng::new(order).section_of(order, options)).section(order));
            assert!(comments(&file.bytes).ends_with(&["frame: ".to_owned()]));
            assert_eq!(read(&file.bytes).len(), 8);
        }
    }
}

#[test]
fn statistics_that_are_too_long_or_too_short_say_nothing() {
    let ours = Pcapng::new(Order::Little).section_of(Order::Little, &[(4, b"tcpshake 1")]);
    let long = [&[0; 12][..], &[1, 0, 3, 0, b'o', b'n', b'e', 0]].concat();
    let long = [long, vec![0; 20 << 20]].concat();
    let file = ours
        .interface(RAW, 0, &[])
        .block(5, b"")
        .block(5, &[0; 8])
        .block(5, &[0; 14])
        .block(5, &long)
        .frame(0, 1, b"frame");
    let nothing = "remarks: ";
    assert_eq!(comments(&file.bytes), [nothing, nothing, nothing, "ours: "]);
}

#[test]
fn simple_and_obsolete_packet_blocks_are_read() {
    for order in ORDERS {
        let file = Pcapng::new(order)
            .interface(RAW, 8, &[])
            .simple(b"seven..", 7)
            .simple(b"cut at 8", 60)
            .obsolete(0, 1_000_001, b"obsolete");
        let seen = read(&file.bytes).into_iter();
        let seen: Vec<_> = seen
            .map(|it| (it.stamp, it.bytes, it.original_len))
            .collect();
        let expected = [
            (None, b"seven..".to_vec(), 7),
            (None, b"cut at 8".to_vec(), 60),
            (Some(1_000_001_000), b"obsolete".to_vec(), 8),
        ];
        assert_eq!(seen, expected);
    }
}

#[test]
fn other_blocks_are_passed_over_however_long() {
    let file = Pcapng::new(Order::Little)
        .block(0x7777_7777, &vec![1; 20 << 20])
        .interface(RAW, 0, &[])
        .block(4, b"names that make no sense")
        .frame(0, 1, b"frame")
        .block(5, &[0; 12])
        .block(10, b"");
    assert_eq!(read(&file.bytes).len(), 1);
}

#[test]
fn unknown_link_types_are_frames_like_others() {
    let file = Pcap::new(Order::Little, MICROSECONDS, 147).frame(1, 2, b"?");
    let frame = &read(&file.bytes)[0];
    let error = network(LinkType(frame.interface.2), &frame.bytes).unwrap_err();
    assert_eq!(error.to_string(), "link type 147 is not known");
}

#[test]
fn a_file_is_opened_by_its_name() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("opened.pcap");
    let file = Pcap::new(Order::Big, NANOSECONDS, RAW).frame(1, 2, b"frame");
    fs::write(&path, file.bytes).unwrap();
    let mut reader = Reader::open(&path).unwrap().unwrap();
    assert_eq!(reader.next_frame().unwrap().unwrap().bytes, b"frame");
    assert!(Reader::open(Path::new("/nonexistent")).is_err());
}

/// Of each TCP segment: frame, time, interface, addresses, ports, sequence number, data length.
fn our_story(capture: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(capture).expect("a capture");
    let mut story = Vec::new();
    while let Some(frame) = reader.next_frame().expect("no fault") {
        let Ok(packet) = network(frame.interface.link, frame.bytes) else {
            continue;
        };
        let inner = innermost(packet, frame.beyond());
        let Ok((packet, _)) = Packet::parse_truncated(inner.packet, inner.beyond) else {
            continue;
        };
        let Some(segment) = packet.tcp() else {
            continue;
        };
        let time = frame.stamp.map_or(String::new(), |Stamp(nanos)| {
            format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
        });
        let fields = [
            frame.number.to_string(),
            time,
            frame.original_len.to_string(),
            packet.ip.src().to_string(),
            packet.ip.dst().to_string(),
            segment.src_port.to_string(),
            segment.dst_port.to_string(),
            segment.seq.to_string(),
            segment.payload.len().to_string(),
        ];
        story.push(fields.join(" "));
    }
    story
}

/// The same of tshark.
fn story_of_tshark(capture: &[u8]) -> Vec<String> {
    let fields = [
        "frame.number",
        "frame.time_epoch",
        "frame.len",
        "_ws.col.Source",
        "_ws.col.Destination",
        "tcp.srcport",
        "tcp.dstport",
        "tcp.seq_raw",
        "tcp.len",
    ];
    let rows = Saved::new(capture).rows(&fields).into_iter();
    rows.map(|row| row.join(" ")).collect()
}

fn assert_same_story(capture: &[u8], segments: usize) {
    let ours = our_story(capture);
    assert_eq!(ours, story_of_tshark(capture));
    assert_eq!(ours.len(), segments, "{ours:#?}");
}

#[test]
fn tshark_sees_the_same_segments_in_every_link_and_tunnel() {
    // One interface for each way, and a whole and a cut frame of it.
    let all = [v4(1_000, 100), v6(2_000, 100)]
        .map(|packet| ways(&packet))
        .concat();
    let mut file = Pcapng::new(Order::Big);
    for (_, link, _) in &all {
        file = file.interface(*link, 0, &[]);
    }
    for (index, (_, _, frame)) in (0..).zip(&all) {
        let cut = &frame[..frame.len() - 60];
        file = file.frame(index, 1_700_000_000_000_000 + u64::from(index), frame);
        file = file.cut(index, 1_700_000_001_000_000, cut, frame.len(), &[]);
    }
    assert_same_story(&file.bytes, 2 * all.len());
}

#[test]
fn tshark_sees_the_same_segments_in_each_way_as_pcap() {
    for (index, (name, link, frame)) in ways(&v4(77, 10)).into_iter().enumerate() {
        let order = ORDERS[index % 2];
        let magic = [MICROSECONDS, NANOSECONDS][index / 2 % 2];
        let file = Pcap::new(order, magic, link)
            .frame(1_700_000_000, 123_456, &frame)
            .frame(1_700_000_000, 123_457, b"garbage of no length at all")
            .cut(1_700_000_001, 7, &frame[..frame.len() - 3], frame.len());
        eprintln!("{name}");
        assert_same_story(&file.bytes, 2);
    }
}

#[test]
fn tshark_counts_the_same_frames_in_sections_of_either_order() {
    let (old, new) = (v4(1, 5), v6(2, 6));
    let file = Pcapng::new(Order::Little)
        .interface(RAW, 0, &[(2, b"tun0"), (9, &[9])])
        .block(0xbad, b"\0\0\x30\x39custom")
        .frame(0, 1_700_000_000_123_456_789, &old)
        .block(0x7777_7777, b"unknown")
        .simple(&new, new.len())
        .block(0x4000_0bad, b"\0\0\x30\x39custom")
        .obsolete(0, 1_700_000_001_123_456_789, &old)
        .block(9, b"__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=hi\n")
        .section(Order::Big)
        .interface(
            ETHERNET,
            0,
            &[(9, &[0x80 | 20]), (14, &5_u64.to_be_bytes())],
        )
        .frame(0, 1_700_000_000 << 20 | 1 << 19, &framed(&new));
    assert_same_story(&file.bytes, 4);
}

#[test]
fn tshark_sees_the_same_lengths_in_offloaded_frames() {
    let mut file = Pcap::new(Order::Little, MICROSECONDS, ETHERNET);
    for (packet, field) in [(v4(1, 20_000), 2..4), (v6(2, 20_000), 4..6)] {
        let mut packet = packet;
        packet[field].fill(0);
        let frame = framed(&packet);
        file = file.frame(1, 0, &frame);
        file = file.cut(1, 0, &frame[..96], frame.len());
    }
    assert_same_story(&file.bytes, 4);
}

#[test]
fn tshark_leaves_padding_and_fragments_out_of_the_data_too() {
    let mut first = v4(1, 30);
    first[6] = 0x20;
    let mut later = v4(2, 30);
    later[7] = 9;
    let inside = outer_v4(4, &v4(3, 1));
    let padded = [framed(&inside), vec![0; 9]].concat();
    let arp = ethernet(&[&[8, 6], &[0; 28]]);
    let tagged = ethernet(&[&[0x81, 0, 0, 0], &ether_type(&inside), &inside, &[0; 4]]);
    let mut file = Pcap::new(Order::Big, NANOSECONDS, ETHERNET);
    for frame in [framed(&first), framed(&later), padded, arp, tagged] {
        file = file.frame(1, 0, &frame);
    }
    assert_same_story(&file.bytes, 2);
}
