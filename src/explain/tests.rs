//! Connections told apart, followed and forgotten, in captures written here.

mod capture;
mod ours;

use std::cell::RefCell;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::exchange::{AnomalyKind, Verdict};
use crate::report::{Connection, Each, Explanation};

use capture::{CLIENT, Capture, SERVER};

/// A format that keeps what it is given.
#[derive(Clone, Default)]
struct Kept {
    connections: Rc<RefCell<Vec<Connection>>>,
    totals: Rc<RefCell<Option<Totals>>>,
}

impl Explanation for Kept {
    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        assert!(
            self.totals.borrow().is_none(),
            "nothing comes after the end"
        );
        self.connections.borrow_mut().push(connection.clone());
        Ok(())
    }

    fn end(&mut self, totals: &Totals) -> io::Result<()> {
        assert!(self.totals.replace(Some(*totals)).is_none());
        Ok(())
    }
}

/// What is told of a capture.
struct Account {
    connections: Vec<Connection>,
    told: Told,
    /// What the format was chosen for.
    several: bool,
}

fn account_within(limits: Limits, capture: &[u8], wishes: &Wishes) -> Account {
    let kept = Kept::default();
    let mut chosen = None;
    let mut choose = |several| -> Box<dyn Explanation> {
        assert!(chosen.replace(several).is_none(), "a format is chosen once");
        Box::new(kept.clone())
    };
    let reader = Reader::new(capture).unwrap();
    let told = explain_within(limits, reader, wishes, &mut choose, &mut |_| {}).unwrap();
    assert_eq!(*kept.totals.borrow(), Some(told.totals));
    let connections = kept.connections.take();
    assert_eq!(connections.len() as u64, told.totals.shown);
    Account {
        several: chosen.unwrap(),
        connections,
        told,
    }
}

fn account(capture: &Capture, wishes: &Wishes) -> Account {
    account_within(Limits::default(), &capture.bytes, wishes)
}

fn connections(capture: &Capture) -> Vec<Connection> {
    account(capture, &Wishes::default()).connections
}

fn only(capture: &Capture) -> Connection {
    let mut all = connections(capture);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// The first and the last frame of each connection.
fn spans(frames: &[&str]) -> Vec<(u64, u64)> {
    let all = connections(&Capture::of(frames));
    let numbers: Vec<u64> = all.iter().map(|it| it.stream).collect();
    assert!(numbers.into_iter().eq(0..all.len() as u64));
    all.iter()
        .map(|it| (it.first_frame, it.last_frame))
        .collect()
}

const WHOLE: [&str; 7] = [
    "> S 0",
    "< S. 0 ack 1",
    "> . 1 ack 1",
    "> F. 1 ack 1",
    "< . 1 ack 2",
    "< F. 1 ack 2",
    "> . 2 ack 2",
];

#[test]
fn where_a_connection_ends_and_the_next_begins() {
    let after_whole = |frame| spans(&[&WHOLE[..], &[frame]].concat());
    let (one, two) = (vec![(1, 8)], vec![(1, 7), (8, 8)]);
    for (frame, expected) in [
        ("> . 2 ack 2", &one),
        ("< F. 1 ack 2", &one),
        ("< R 2", &one),
        ("> S 1000", &two),
        // The other way round.
        ("< S 1000", &two),
        // RFC 9293 3.10.7: the TCB is gone.
        ("> S 0", &two),
        ("< S. 1000 ack 1", &one),
    ] {
        assert_eq!(&after_whole(frame), expected, "{frame}");
    }
    for (frames, expected) in [
        // The same SYN again, and one with another number.
        (&["> S 0", "> S 0"][..], &[(1, 2)][..]),
        (&["> S 0", "> S 5"], &[(1, 1), (2, 2)]),
        (&["> S 0", "< S. 0 ack 1", "> S 0"], &[(1, 3)]),
        (&["> S 0", "< S. 0 ack 1", "> S 9"], &[(1, 2), (3, 3)]),
        // Refused, and tried again.
        (&["> S 0", "< R. 0 ack 1", "> S 0"], &[(1, 2), (3, 3)]),
        // RFC 9293 3.10.7.3: these refuse nothing.
        (&["> S 0", "< R. 0 ack 2", "> S 0"], &[(1, 3)]),
        (&["> S 0", "< R 0", "> S 0"], &[(1, 3)]),
        // A simultaneous open.
        (
            &["> S 0", "< S 0", "> S. 0 ack 1", "< S. 0 ack 1"],
            &[(1, 4)],
        ),
        // Captured in the wrong order, or from the middle on.
        (&["< S. 0 ack 1", "> S 0", "> . 1 ack 1"], &[(1, 3)]),
        (
            &["> P. 1:9 ack 1", "< . 1 ack 9", "> S 500"],
            &[(1, 2), (3, 3)],
        ),
        (&["> P. 1:9 ack 1", "< . 1 ack 9", "> S 0"], &[(1, 3)]),
    ] {
        assert_eq!(spans(frames), expected, "{frames:?}");
    }
}

#[test]
fn a_connection_is_that_of_its_ends() {
    let capture = Capture::of(&["> S 0", "7> S 0", "< S. 0 ack 1", "7< R. 0 ack 1", "8> S 0"]);
    let all = connections(&capture);
    let spans: Vec<_> = all
        .iter()
        .map(|it| (it.first_frame, it.last_frame))
        .collect();
    assert_eq!(spans, [(1, 3), (2, 4), (5, 5)]);
    let verdicts: Vec<_> = all.iter().map(|it| it.exchange.verdict).collect();
    let expected = [Verdict::Open, Verdict::Closed, Verdict::Filtered];
    assert_eq!(verdicts, expected.map(Some));
}

#[test]
fn the_client_is_who_opened_it_as_far_as_can_be_told() {
    for (frames, is_client) in [
        (&["> S 0", "< S. 0 ack 1"][..], true),
        (&["< S 0", "> S. 0 ack 1"], false),
        (&["< S. 0 ack 1", "> . 1 ack 1"], true),
        (&["> S. 0 ack 1"], false),
        (&["> P. 1:9 ack 1", "< . 1 ack 9"], true),
        (&["< . 1 ack 9", "> P. 1:9 ack 1"], false),
        (&["> S 0", "< S 0"], true),
    ] {
        let it = only(&Capture::of(frames));
        let ends = if is_client {
            (CLIENT, SERVER)
        } else {
            (SERVER, CLIENT)
        };
        assert_eq!((it.client, it.server), ends, "{frames:?}");
    }
}

#[test]
fn frames_and_bytes_are_counted_for_each_end() {
    let it = only(&Capture::of(&[
        "> S 0",
        "< S. 0 ack 1",
        "> P. 1:11 ack 1",
        "< . 1 ack 11",
        "< . 1 ack 11",
    ]));
    let packets = Each {
        client: 2,
        server: 3,
    };
    let bytes = Each {
        client: 40 + 50,
        server: 3 * 40,
    };
    assert_eq!((it.packets, it.bytes), (packets, bytes));
}

#[test]
fn the_mask_of_what_there_is() {
    for (frames, mask) in [
        (&WHOLE[..1], 1),
        (&WHOLE[..2], 3),
        (&WHOLE[..3], 7),
        (&WHOLE, 23),
        (&["> S 0", "< R. 0 ack 1"], 1 | 4 | 32),
        (&["> S 0", "< S. 0 ack 1", "> P. 1:9 ack 1"], 11),
        (&["> P. 1:9 ack 1"], 8),
        (&["< F. 1 ack 1", "> R 1"], 16 | 4 | 32),
        // RFC 9293 3.10.7.4, fifth: without ACK it is no data.
        (&["> S 0", "> P 1:9"], 1),
    ] {
        let it = only(&Capture::of(frames));
        assert_eq!(it.completeness, mask, "{frames:?}");
    }
}

#[test]
fn an_icmp_error_belongs_to_the_connection_that_it_quotes() {
    let it = only(&Capture::of(&["> S 0", "icmp > S 0"]));
    assert_eq!(it.exchange.verdict, Some(Verdict::Unreachable));
    assert_eq!((it.first_frame, it.last_frame), (1, 2));
    assert_eq!((it.packets.client, it.packets.server), (1, 0));
    // Eight bytes of it tell which.
    let it = only(&Capture::of(&["> S 0", "icmp8 > S 0"]));
    assert_eq!(it.exchange.verdict, Some(Verdict::Unreachable));
    // About a segment of the server: nothing of the client's.
    let it = only(&Capture::of(&[
        "> S 0",
        "< S. 0 ack 1",
        "icmp < S. 0 ack 1",
    ]));
    assert_eq!((it.last_frame, it.exchange.icmp_packets.len()), (3, 0));
}

#[test]
fn an_icmp_error_about_a_segment_that_was_not_captured_opens_its_connection() {
    let it = only(&Capture::of(&["icmp > S 0"]));
    assert_eq!((it.client, it.server), (CLIENT, SERVER));
    assert_eq!(it.exchange.verdict, Some(Verdict::Unreachable));
    assert_eq!((it.packets.client, it.completeness), (0, 0));
    // Wireshark numbers it with a whole header only.
    let none = account(&Capture::of(&["icmp8 > S 0"]), &Wishes::default());
    assert_eq!(none.told.totals.connections, 0);
    // A quote tells of another SYN, never of the same one again.
    for (frames, expected) in [
        (&["> S 0", "icmp > S 9"][..], &[(1, 1), (2, 2)][..]),
        (&["icmp > S 0", "> S 0"], &[(1, 2)]),
        (&["> S 0", "< R. 0 ack 1", "icmp > S 0"], &[(1, 3)]),
    ] {
        assert_eq!(spans(frames), expected, "{frames:?}");
    }
}

#[test]
fn what_cannot_be_read_belongs_to_the_connection_of_its_ports() {
    let mut capture = Capture::of(&["> S 0", "< S. 0 ack 1"]);
    capture.damaged("< . 1 ack 1", |packet| packet[32] = 0x40);
    capture.damaged("< . 1 ack 1", |packet| packet.truncate(36));
    capture.damaged("< P. 1:99 ack 1", |packet| packet[6] |= 0x20);
    let it = only(&capture);
    assert_eq!(it.last_frame, 5);
    let told: Vec<&str> = it.exchange.anomalies.iter().map(|it| it.id).collect();
    let expected = [
        AnomalyKind::MalformedSegment,
        AnomalyKind::MalformedSegment,
        AnomalyKind::Fragmented,
    ];
    assert_eq!(told, expected.map(AnomalyKind::id));
}

#[test]
fn a_wrong_checksum_counts_only_of_an_end_that_can_do_better() {
    let wrong = |packet: &mut Vec<u8>| packet[36] ^= 0x55;
    let bad = |capture: &Capture| {
        let it = only(capture);
        let bad = AnomalyKind::BadChecksum.id();
        it.exchange.anomalies.iter().any(|it| it.id == bad)
    };
    let mut all_wrong = Capture::default();
    all_wrong.damaged("> S 0", wrong);
    all_wrong.add("< S. 0 ack 1");
    all_wrong.damaged("> . 1 ack 1", wrong);
    assert!(!bad(&all_wrong));
    let mut one_wrong = Capture::of(&["> S 0", "< S. 0 ack 1"]);
    one_wrong.damaged("> . 1 ack 1", wrong);
    assert!(bad(&one_wrong));
    // Left to the hardware.
    let mut unfilled = Capture::of(&["> S 0", "< S. 0 ack 1"]);
    unfilled.damaged("> . 1 ack 1", |packet| packet[36..38].fill(0));
    assert!(!bad(&unfilled));
    // Cut short: what was summed is not all there.
    let mut cut = Capture::of(&["> S 0", "< S. 0 ack 1"]);
    cut.cut("> P. 1:100 ack 1", 60);
    assert!(!bad(&cut));
    assert_eq!(only(&cut).exchange.data.sent, 99);
}

#[test]
fn a_snapshot_length_within_the_options_hides_no_handshake() {
    let mut capture = Capture::default();
    capture.cut("> S 0 mss 1460 ts 7 0", 50);
    capture.cut("< S. 0 ack 1 mss 1400 ts 9 7", 50);
    let it = only(&capture);
    assert_eq!(it.exchange.verdict, Some(Verdict::Open));
    assert_eq!(it.exchange.anomalies, []);
    // What else was offered is not known.
    assert_eq!((it.exchange.peer, it.exchange.agreed), (None, None));
}

fn three() -> Capture {
    Capture::of(&[
        "> S 0",
        "7> S 0",
        "8> S 0",
        "8< R. 0 ack 1",
        "7< S. 0 ack 1",
    ])
}

#[test]
fn filters_change_no_number() {
    let wanted = |selection| {
        let wishes = Wishes {
            selection,
            ..Wishes::default()
        };
        let account = account(&three(), &wishes);
        assert_eq!(account.told.totals.connections, 3);
        let numbers = account.connections.iter().map(|it| it.stream);
        (account.several, numbers.collect::<Vec<u64>>())
    };
    let all = Selection::default();
    assert_eq!(wanted(all.clone()), (true, vec![0, 1, 2]));
    let (client, server) = (CLIENT.ip(), SERVER.ip());
    for (streams, hosts, ports, expected) in [
        (&[1][..], &[][..], &[][..], &[1][..]),
        (&[2, 0, 9], &[], &[], &[0, 2]),
        (&[], &[server], &[], &[0, 1, 2]),
        (&[], &[client], &[8], &[2]),
        (&[], &[], &[7, 8], &[1, 2]),
        (&[0], &[], &[7, 8], &[]),
        (&[], &[[9; 4].into()], &[], &[]),
    ] {
        let selection = Selection {
            streams: streams.to_vec(),
            hosts: hosts.to_vec(),
            ports: ports.to_vec(),
        };
        let found = wanted(selection.clone());
        assert_eq!(
            found,
            (expected.len() > 1, expected.to_vec()),
            "{selection:?}"
        );
    }
}

fn numbers_in(order: Order, capture: &Capture) -> Vec<u64> {
    let wishes = Wishes {
        order,
        ..Wishes::default()
    };
    let all = account(capture, &wishes).connections;
    all.iter().map(|it| it.stream).collect()
}

#[test]
fn connections_come_in_the_order_of_their_first_frames() {
    // The first is over last, the second never.
    let capture = Capture::of(&[
        "> S 0",
        "7> S 0",
        "8> S 0",
        "8< R. 0 ack 1",
        "9> S 0",
        "9< R. 0 ack 1",
        "< R. 0 ack 1",
    ]);
    assert_eq!(numbers_in(Order::Time, &capture), [0, 1, 2, 3]);
}

#[test]
fn the_slowest_handshakes_come_first_if_so_wished() {
    let capture = Capture::of(&[
        "> S 0",
        "7> S 0",
        "8> S 0",
        "9> S 0",
        "7< S. 0 ack 1",
        "9< S. 0 ack 1",
        "8< S. 0 ack 1",
    ]);
    assert_eq!(numbers_in(Order::Rtt, &capture), [2, 1, 3, 0]);
}

#[test]
fn the_most_trouble_comes_first_if_so_wished() {
    let open = |port: u16| {
        [
            format!("{port}> S 0"),
            format!("{port}< S. 0 ack 1"),
            format!("{port}> . 1 ack 1"),
        ]
    };
    let mut capture = Capture::default();
    for frame in open(1).iter().chain(&open(5)) {
        capture.add(frame);
    }
    for frame in ["2> S 0", "3> S 0", "3< R. 0 ack 1"] {
        capture.add(frame);
    }
    // Unanswered before what went well, refused before that.
    assert_eq!(numbers_in(Order::Trouble, &capture), [3, 2, 0, 1]);
    let worst = Trouble {
        reset: true,
        ..Trouble::default()
    };
    let bad = Trouble {
        misbehaved: 9,
        retransmitted: 9,
        ..Trouble::default()
    };
    assert!(worst > bad);
}

/// Connections one after another, each of them refused.
fn refused(count: u16) -> Vec<String> {
    let ports = 1_000..1_000 + count;
    ports
        .flat_map(|port| [format!("{port}> S 0"), format!("{port}< R. 0 ack 1")])
        .collect()
}

fn within(followed: usize, lingering: usize, capture: &Capture) -> Vec<Connection> {
    let limits = Limits {
        followed,
        lingering,
    };
    account_within(limits, &capture.bytes, &Wishes::default()).connections
}

#[test]
fn what_is_over_lingers_for_repeats_until_many_younger_ones_have_ended() {
    let mut capture = Capture::default();
    capture.add("> S 0");
    capture.add("< R. 0 ack 1");
    for frame in refused(5) {
        capture.add(&frame);
    }
    capture.add("< R. 0 ack 1");
    let spans = |lingering| {
        let all = within(100, lingering, &capture);
        let of_ours = all
            .iter()
            .filter(|it| [it.client, it.server].contains(&CLIENT));
        of_ours
            .map(|it| (it.first_frame, it.last_frame))
            .collect::<Vec<_>>()
    };
    assert_eq!(spans(5), [(1, 13)]);
    assert_eq!(spans(3), [(1, 2), (13, 13)]);
}

#[test]
fn what_is_over_is_forgotten_after_2msl() {
    let late = |seconds| {
        let mut capture = Capture::of(&WHOLE);
        capture.wait(seconds);
        // Room is made when a connection begins.
        capture.add("9> S 0");
        capture.add("< F. 1 ack 2");
        connections(&capture).len()
    };
    assert_eq!(late(239), 2);
    assert_eq!(late(241), 3);
}

#[test]
fn what_is_open_is_kept_however_long_it_is_idle() {
    let mut capture = Capture::of(&WHOLE[..3]);
    for frame in refused(50) {
        capture.wait(3_600);
        capture.add(&frame);
    }
    capture.add("< F. 1 ack 1");
    let all = within(100, 2, &capture);
    assert_eq!((all.len(), all[0].last_frame), (51, 104));
}

#[test]
fn of_too_many_connections_the_one_idle_longest_goes_first() {
    let mut capture = Capture::default();
    for frame in ["1> S 0", "2> S 0", "3> S 0", "1> S 0", "4> S 0", "5> S 0"] {
        capture.add(frame);
    }
    // 2 had to go for 4, and 3 for 5.
    for frame in ["1< S. 0 ack 1", "4< S. 0 ack 1"] {
        capture.add(frame);
    }
    let all = within(3, 3, &capture);
    let spans: Vec<_> = all
        .iter()
        .map(|it| (it.first_frame, it.last_frame))
        .collect();
    assert_eq!(spans, [(1, 7), (2, 2), (3, 3), (5, 8), (6, 6)]);
}

#[test]
fn a_flood_of_syns_is_followed_within_limits_and_told_in_order() {
    let mut capture = Capture::default();
    for port in 1..20_000_u16 {
        capture.add(&format!("{port}> S 0"));
    }
    let all = within(100, 10, &capture);
    assert!(all.iter().map(|it| it.stream).eq(0..19_999));
}

#[test]
fn one_connection_has_its_segments_listed() {
    let account = account(&Capture::of(&WHOLE), &Wishes::default());
    assert!(!account.several);
    assert_eq!(account.connections[0].exchange.segments.len(), 7);
}

#[test]
fn a_capture_without_tcp_has_no_connection() {
    let account = account(&Capture::default(), &Wishes::default());
    assert_eq!(account.told.totals, Totals::default());
    assert!(account.told.fault.is_none() && !account.several);
}

#[test]
fn what_comes_before_a_fault_is_told_and_then_the_fault() {
    let mut capture = Capture::of(&WHOLE);
    let whole = capture.bytes.len();
    capture.bytes.truncate(whole - 1);
    let account = account(&capture, &Wishes::default());
    assert_eq!(account.connections[0].last_frame, 6);
    let fault = account.told.fault.unwrap();
    assert_eq!(fault.offset, whole as u64 - 16 - 40);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_capture_makes_it_panic(
        damage in vec((24..2_000_usize, any::<u8>()), 0..12),
        cut in prop::option::of(0..2_000_usize),
    ) {
        let mut capture = three();
        for frame in WHOLE.iter().chain(&["icmp > S 0", "icmp8 < F. 1 ack 2", "> S 0"]) {
            capture.add(frame);
        }
        let bytes = &mut capture.bytes;
        for (at, byte) in damage {
            let len = bytes.len();
            bytes[24 + at % (len - 24)] = byte;
        }
        bytes.truncate(cut.map_or(usize::MAX, |cut| 24 + cut));
        let limits = Limits { followed: 3, lingering: 1 };
        for order in [Order::Time, Order::Rtt, Order::Trouble] {
            let wishes = Wishes { order, ..Wishes::default() };
            let account = account_within(limits, bytes, &wishes);
            let mut numbers: Vec<u64> = account.connections.iter().map(|it| it.stream).collect();
            numbers.sort_unstable();
            prop_assert!(numbers.into_iter().eq(0..account.told.totals.connections));
        }
    }
}
