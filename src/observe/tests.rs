//! Each anomaly and the frames that cause it; laws that hold for any frames.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

mod afar;

use super::{MOST_CONTROLS, MOST_SEGMENTS, Observer, Subject, Vantage};
use crate::clock::{Stamp, Time};
use crate::exchange::MOST_OF_A_KIND;
use crate::exchange::{Basis, Checksum, End, Exchange, Flow, News, Outcome, Since, Verdict};
use crate::link::{Direction, Frame};
use crate::tcp::{Config, Connection, Schedule, State, StateSet};
use crate::wire::{
    Flags, IcmpMessage, IpFields, IpHeader, IpVersion, Options, Packet, Quote, Segment, SeqNumber,
    TcpOption, shorthand,
};

const ISS: SeqNumber = SeqNumber(u32::MAX);
const IRS: SeqNumber = SeqNumber(7);

/// `> S 0` is ours, `< S. 0 ack 1` the peer's; a number before it is the millisecond it is seen,
/// else each comes 10 ms after the last. Our SYN is 0, the peer's is 0. What the frames tell one by
/// one must be what they tell in the end.
fn observed(frames: &[&str]) -> Exchange {
    observed_from(Vantage::Ours, frames)
}

fn observed_from(vantage: Vantage, frames: &[&str]) -> Exchange {
    let mut observer = Observer::new(vantage);
    let mut told = News::default();
    let mut now = 0;
    for frame in frames {
        let (at, rest) = frame.split_at(frame.find(['>', '<']).unwrap());
        now = at.trim().parse().unwrap_or(now + 10);
        let subject = match rest.split_at(1) {
            (">", text) => subject(End::Local, shorthand::read(text, ISS, IRS)),
            (_, text) => subject(End::Peer, shorthand::read(text, IRS, ISS)),
        };
        let news = observer.observe(Stamp(now * 1_000_000), &subject);
        told.states.extend(news.states);
        told.anomalies.extend(news.anomalies);
    }
    let exchange = observer.finish();
    let anomalies = told.anomalies.iter().map(|(kind, text)| (kind.id(), text));
    let listed = exchange.anomalies.iter().map(|it| (it.id, &it.text));
    assert!(anomalies.eq(listed), "{told:#?}");
    assert_eq!(in_the_end(&told), claims_of(&exchange));
    exchange
}

/// An end, its states and their basis.
type Claimed = (End, StateSet, Basis);

/// The claims that hold in the end, each end's in their order.
fn in_the_end(told: &News) -> [Vec<Claimed>; 2] {
    [End::Local, End::Peer].map(|end| {
        let mut claims: Vec<Claimed> = Vec::new();
        for new in told.states.iter().filter(|new| new.end == end) {
            if let Since::InsteadOf(wrong) = new.since {
                let last = claims.pop();
                assert_eq!(last.map(|(_, states, _)| states), Some(wrong));
            }
            claims.push((end, new.states, new.basis));
        }
        claims
    })
}

fn claims_of(exchange: &Exchange) -> [Vec<Claimed>; 2] {
    [End::Local, End::Peer].map(|end| {
        let changes = exchange.states.iter().filter(|change| change.end == end);
        changes
            .map(|change| (end, change.states, change.basis))
            .collect()
    })
}

fn subject(from: End, segment: Segment) -> Subject {
    Subject::Segment {
        from,
        ip: ip_header(64),
        segment,
        checksum: Checksum::Good,
        missing: 0,
    }
}

fn ip_header(ttl: u8) -> IpHeader {
    let [src, dst] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
    let fields = IpFields {
        ttl,
        ..IpFields::default()
    };
    Packet::build(src, dst, Segment::default(), &fields).ip
}

fn after_handshake(frames: &[&str]) -> Exchange {
    observed(&[&["> S 0", "< S. 0 ack 1", "> . 1 ack 1"], frames].concat())
}

fn ids(exchange: &Exchange) -> Vec<&'static str> {
    exchange.anomalies.iter().map(|it| it.id).collect()
}

fn peer_states(exchange: &Exchange) -> Vec<State> {
    let last = exchange.last_state(End::Peer).unwrap();
    last.states.iter().collect()
}

#[test]
fn frames_and_the_anomalies_they_cause() {
    let opened: [&str; 3] = ["> S 0", "< S. 0 ack 1", "> . 1 ack 1"];
    let cases: &[(&[&str], &[&str])] = &[
        (&["> S 0", "< S. 0 ack 1"], &[]),
        (&["> S 0", "> S 0"], &["syn-retransmitted"]),
        (&["> S 0", "> S 0", "> S 0"], &["syn-retransmitted"; 2]),
        (&["> S 0", "< S. 0 ack 2"], &["wrong-ack"]),
        (&["> S 0", "< S. 0 ack 0"], &["wrong-ack"]),
        (&["> S 0", "< R. 0 ack 2"], &["wrong-ack"]),
        (&["> S 0", "< R 0"], &["unexpected-segment"]),
        (&["> S 0", "< . 1 ack 1"], &["unexpected-segment"]),
        (&["> S 0", "< F. 1 ack 1"], &["unexpected-segment"]),
        (&["> S 0", "< R. 0 ack 1", "< S. 0 ack 1"], &["late-answer"]),
        (
            &["> S 0", "< S. 0 ack 1", "< S. 0 ack 1"],
            &["syn-ack-repeated"],
        ),
        (&["> S 0", "< S. 0 ack 1", "< S. 5 ack 1"], &["isn-changed"]),
        (
            &["> S 0", "> S 0", "< S. 0 ack 1", "> R 1", "< S. 5 ack 1"],
            &["syn-retransmitted", "late-answer"],
        ),
        (
            &[
                "> S 0",
                "> S 0",
                "< S. 0 ack 1",
                "> . 1 ack 1",
                "< S. 5 ack 1",
            ],
            &["syn-retransmitted", "isn-changed"],
        ),
        (
            &["> S 0", "< S. 0 ack 1", "> R 1", "< S. 5 ack 1"],
            &["isn-changed"],
        ),
        (&["> S 0", "< S 0", "> S. 0 ack 1", "< S. 0 ack 1"], &[]),
        (
            &["> S 0", "< S. 0 ack 1", "> . 1 ack 1", "< F. 1 ack 3"],
            &["out-of-window"],
        ),
        (
            &[
                "> S 0",
                "< S. 0 ack 1",
                "> . 1 ack 1",
                "< P. 5000:5001 ack 1",
            ],
            &["out-of-window"],
        ),
        (
            &["> S 0", "< S. 0 ack 1", "> . 1 ack 1", "< F 1"],
            &["unexpected-segment"],
        ),
        (
            &["> S 0", "< S. 0 ack 1", "> . 1 ack 1", "< R 2"],
            &["rst-ignored"],
        ),
        (
            &["> S 0", "< S. 0 ack 1", "> . 1 ack 1", "< R 0"],
            &["rst-ignored"],
        ),
        (&["> S 0", "< S. 0 ack 1", "> . 1 ack 1", "< R 1"], &[]),
    ];
    for (frames, expected) in cases {
        assert_eq!(ids(&observed(frames)), *expected, "{frames:?}");
    }
    let fin_again = [&opened[..], &["> F. 1 ack 1", "1000 > F. 1 ack 1"]].concat();
    assert_eq!(ids(&observed(&fin_again)), ["fin-retransmitted"]);
    let soon = [&opened[..], &["100 > F. 1 ack 1", "101 < R. 1 ack 2"]].concat();
    assert_eq!(ids(&observed(&soon)), ["rst-timing"]);
}

#[test]
fn a_segment_that_cannot_be_read_is_told() {
    let mut observer = Observer::new(Vantage::Ours);
    let syn = shorthand::read("S 0", ISS, IRS);
    observer.observe(Stamp(0), &subject(End::Local, syn));
    let mut torn = shorthand::read("S. 0 ack 1", IRS, ISS);
    torn.options = Options::parse(&[2, 9, 0, 0]);
    let broken = Subject::Segment {
        from: End::Peer,
        ip: ip_header(64),
        segment: torn,
        checksum: Checksum::Bad,
        missing: 0,
    };
    observer.observe(Stamp(1), &broken);
    let error = "data offset".to_string();
    observer.observe(Stamp(2), &Subject::Malformed { error });
    let exchange = observer.finish();
    assert_eq!(
        ids(&exchange),
        ["malformed-options", "bad-checksum", "malformed-segment"]
    );
    assert_eq!(exchange.verdict, Some(Verdict::Filtered));
}

#[test]
fn a_reset_with_another_ttl_is_told_and_shows_nothing_of_the_peer() {
    let mut observer = Observer::new(Vantage::Ours);
    for (at, (from, text, ttl)) in [
        (End::Local, "S 0", 64),
        (End::Peer, "S. 0 ack 1", 64),
        (End::Local, ". 1 ack 1", 64),
        (End::Peer, "R 1", 250),
    ]
    .into_iter()
    .enumerate()
    {
        let segment = match from {
            End::Local => shorthand::read(text, ISS, IRS),
            End::Peer => shorthand::read(text, IRS, ISS),
        };
        let subject = Subject::Segment {
            from,
            ip: ip_header(ttl),
            segment,
            checksum: Checksum::Good,
            missing: 0,
        };
        observer.observe(Stamp(at as u64 * 1000), &subject);
    }
    let exchange = observer.finish();
    assert_eq!(ids(&exchange), ["rst-ttl"]);
    let last = |end| exchange.states.iter().rfind(|change| change.end == end);
    assert_eq!(
        last(End::Local).map(|it| it.states),
        Some(State::Closed.into())
    );
    let peer = last(End::Peer).expect("a claim about the peer");
    assert_eq!(peer.basis, Basis::Possible);
    assert!(peer.states.contains(State::Established), "forged, perhaps");
    assert!(peer.states.contains(State::Closed));
}

fn icmp(seq: SeqNumber) -> Subject {
    let address = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
    Subject::Icmp {
        ip: ip_header(64),
        message: IcmpMessage {
            version: IpVersion::V4,
            icmp_type: 3,
            code: 13,
            checksum: 0,
            rest: [0; 4],
            body: Vec::new(),
        },
        quote: Quote {
            src: address(1),
            dst: address(2),
            src_port: 50_000,
            dst_port: 80,
            seq,
            ttl: 64,
            transport: Vec::new(),
        },
    }
}

#[test]
fn only_icmp_that_quotes_our_syn_decides() {
    for (seq, ids_expected, verdict) in [
        (ISS, &[][..], Verdict::Filtered),
        (ISS + 1, &["icmp-ignored"][..], Verdict::Filtered),
    ] {
        let mut observer = Observer::new(Vantage::Ours);
        let syn = shorthand::read("S 0", ISS, IRS);
        observer.observe(Stamp(0), &subject(End::Local, syn));
        observer.observe(Stamp(1), &icmp(seq));
        let exchange = observer.finish();
        assert_eq!(ids(&exchange), ids_expected);
        assert_eq!(exchange.verdict, Some(verdict));
        assert_eq!(exchange.icmp.is_some(), ids_expected.is_empty());
    }
}

#[test]
fn a_redirect_on_the_way_leaves_the_verdict_to_the_answer() {
    let mut redirect = icmp(ISS);
    if let Subject::Icmp { message, .. } = &mut redirect {
        (message.icmp_type, message.code) = (5, 1);
    }
    let mut observer = Observer::new(Vantage::Ours);
    let syn = shorthand::read("S 0", ISS, IRS);
    let syn_ack = shorthand::read("S. 0 ack 1", IRS, ISS);
    observer.observe(Stamp(0), &subject(End::Local, syn));
    observer.observe(Stamp(1), &redirect);
    observer.observe(Stamp(2), &subject(End::Peer, syn_ack));
    let exchange = observer.finish();
    assert_eq!(exchange.verdict, Some(Verdict::Open));
    assert_eq!(ids(&exchange), ["icmp-ignored"]);
    assert_eq!(exchange.icmp, None);
}

#[test]
fn endless_repeats_fill_no_memory() {
    let repeats = vec!["< S. 0 ack 1"; 11_000];
    let exchange = after_handshake(&repeats);
    assert_eq!(exchange.segments.len(), MOST_SEGMENTS + MOST_CONTROLS);
    let repeats = ids(&exchange)
        .iter()
        .filter(|id| **id == "syn-ack-repeated")
        .count();
    assert_eq!(repeats, MOST_OF_A_KIND);
    assert_eq!(exchange.anomalies.len(), repeats + 1);
    assert!(exchange.states.len() < 10);
}

#[test]
fn how_it_ended_is_listed_whatever_came_before() {
    let acks = vec!["< . 1 ack 1"; 11_000];
    let end = ["> F. 1 ack 1", "< F. 1 ack 2", "> . 2 ack 2"];
    let exchange = after_handshake(&[&acks[..], &end].concat());
    assert_eq!(exchange.segments.len(), MOST_SEGMENTS + 2);
    assert!(exchange.segments[MOST_SEGMENTS].segment.flags.fin());
    let closed = exchange.last_state(End::Peer).unwrap();
    assert_eq!(closed.segment, MOST_SEGMENTS + 1);
}

// What follows from a lost, late or doubtful segment of the peer.

#[test]
fn an_ack_after_a_gap_may_follow_a_lost_fin() {
    let exchange = after_handshake(&["> F. 1 ack 1", "< . 2 ack 2"]);
    use State::*;
    assert_eq!(peer_states(&exchange), [CloseWait, Closing, LastAck]);
}

#[test]
fn a_late_fin_may_be_the_repeat_of_one_that_crossed_ours() {
    use State::*;
    let soon = after_handshake(&["100 > F. 1 ack 1", "150 < F. 1 ack 2"]);
    assert_eq!(peer_states(&soon), [LastAck]);
    let held = after_handshake(&["300 > F. 1 ack 1", "350 < F. 1 ack 2"]);
    assert_eq!(peer_states(&held), [LastAck]);
    let late = after_handshake(&["300 > F. 1 ack 1", "650 < F. 1 ack 2"]);
    assert_eq!(peer_states(&late), [Closing, LastAck]);
    let four_waves = after_handshake(&["300 > F. 1 ack 1", "350 < . 1 ack 2", "900 < F. 1 ack 2"]);
    assert_eq!(peer_states(&four_waves), [LastAck]);
}

#[test]
fn a_reset_that_is_not_taken_leaves_closed_possible_until_news() {
    use State::*;
    let doubtful = after_handshake(&["< R 2"]);
    assert_eq!(peer_states(&doubtful), [SynReceived, Established, Closed]);
    let alive = after_handshake(&["< R 2", "> F. 1 ack 1", "< . 1 ack 2"]);
    assert_eq!(peer_states(&alive), [CloseWait]);
}

#[test]
fn what_our_tcp_does_not_take_changes_nothing_here() {
    for ignored in [
        "< F 1",
        "< F. 5 ack 1",
        "< F. 5000 ack 1",
        "< SF. 1 ack 1",
        "< F. 1 ack 9",
    ] {
        let exchange = after_handshake(&[ignored]);
        let local = exchange.last_state(End::Local).unwrap().states;
        assert_eq!(local, State::Established.into(), "{ignored}");
    }
}

#[test]
fn text_beyond_our_window_is_not_counted() {
    let exchange = after_handshake(&["< FP. 1:1501 ack 1", "< F. 1501 ack 1"]);
    assert_eq!(exchange.data.received, 1000);
    assert_eq!(exchange.close.first, None);
}

// Laws.

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Numbers near each other, so that most segments mean something.
fn number(from: SeqNumber) -> impl Strategy<Value = SeqNumber> {
    prop_oneof![
        8 => (-2..6_i32).prop_map(move |off| from + off.cast_unsigned()),
        1 => any::<u32>().prop_map(SeqNumber),
    ]
}

fn flags() -> impl Strategy<Value = Flags> {
    prop_oneof![
        6 => prop::sample::select(vec![
            Flags::SYN,
            Flags::SYN | Flags::ACK,
            Flags::ACK,
            Flags::FIN | Flags::ACK,
            Flags::RST,
            Flags::RST | Flags::ACK,
        ]),
        1 => any::<u16>().prop_map(Flags::from_bits),
    ]
}

fn options() -> impl Strategy<Value = Options> {
    prop_oneof![
        Just(Options::default()),
        any::<u8>().prop_map(|shift| Options::from(vec![TcpOption::WindowScale(shift)])),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Options::parse(&bytes)),
    ]
}

fn any_subject() -> impl Strategy<Value = Subject> {
    let segment = (
        any::<bool>(),
        flags(),
        0..4_usize,
        any::<u16>(),
        options(),
        any::<u8>(),
    );
    let segment = segment.prop_flat_map(|(ours, flags, len, window, options, ttl)| {
        let (from, seq, ack) = if ours {
            (End::Local, ISS, IRS)
        } else {
            (End::Peer, IRS, ISS)
        };
        (number(seq), number(ack)).prop_map(move |(seq, ack)| Subject::Segment {
            from,
            ip: ip_header(ttl),
            segment: Segment {
                seq,
                ack,
                flags,
                window,
                options: options.clone(),
                payload: vec![b'x'; len],
                ..Segment::default()
            },
            missing: 0,
            checksum: if ttl == 7 {
                Checksum::Bad
            } else {
                Checksum::Good
            },
        })
    });
    prop_oneof![
        20 => segment,
        1 => number(ISS).prop_map(icmp),
        1 => Just(Subject::Malformed { error: "torn".to_string() }),
    ]
}

fn check(exchange: &Exchange) {
    let mut last = 0;
    for change in &exchange.states {
        assert!(!change.states.is_empty());
        assert_eq!(change.basis == Basis::Possible, change.states.len() > 1);
        assert!(change.t_ns >= last);
        assert!(change.segment < exchange.segments.len());
        last = change.t_ns;
    }
    let opened = exchange.verdict == Some(Verdict::Open);
    assert_eq!(exchange.handshake.peer_isn.is_some(), opened);
    assert_eq!(exchange.close.outcome == Outcome::NotAttempted, !opened);
    assert_eq!(exchange.verdict.is_some(), exchange.reason.is_some());
    assert!(exchange.data.preview.len() as u64 <= exchange.data.received);
    assert!(exchange.anomalies.iter().map(|it| it.t_ns).is_sorted());
}

/// Our TCP, and an observer of all that it sends and receives.
struct Watched {
    connection: Connection,
    observer: Observer,
    now: Time,
}

impl Watched {
    fn open() -> Watched {
        let mut connection = Connection::new(Config {
            local_port: 50_000,
            remote_port: 80,
            iss: ISS,
            window: 1000,
            options: Options::default(),
            syn_flags: Flags::default(),
            schedule: Schedule {
                first: Duration::from_secs(1),
                retries: 2,
            },
        });
        connection.open(Time(0));
        let mut watched = Watched {
            connection,
            observer: Observer::new(Vantage::Ours),
            now: Time(0),
        };
        watched.look();
        watched
    }

    fn arrives(&mut self, arrival: &Subject) {
        let Subject::Segment {
            from: End::Peer,
            segment,
            checksum: Checksum::Good,
            missing: 0,
            ..
        } = arrival
        else {
            return;
        };
        // Far enough apart that no answer is held back.
        self.now = self.now + Duration::from_secs(2);
        self.observer.observe(Stamp(self.now.0), arrival);
        self.connection.on_segment(self.now, segment);
        self.look();
    }

    fn closes(&mut self) {
        if self.connection.state().is_synchronized() {
            self.connection.close(self.now);
            self.look();
        }
    }

    fn look(&mut self) {
        while let Some(sent) = self.connection.poll_transmit() {
            let stamp = Stamp(self.now.0);
            self.observer
                .observe(stamp, &subject(End::Local, sent.segment));
        }
        let state = self.connection.state();
        let over = self.observer.exchange.verdict == Some(Verdict::Closed);
        // After a RST in SYN-RECEIVED LISTEN is thought of too.
        let known = self.observer.ends.states(End::Local);
        assert!(over || known.contains(state), "{state} is not in {known:?}");
        assert!(known.only().is_some() || state == State::Closed);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_frames_give_a_report_that_is_sound_in_itself(subjects in vec(any_subject(), 0..60)) {
        let mut observer = Observer::new(Vantage::Ours);
        for (at, subject) in subjects.iter().enumerate() {
            observer.observe(Stamp(at as u64 * 30_000_000), subject);
        }
        check(&observer.finish());
    }

    #[test]
    fn any_frames_after_a_handshake_do_too(subjects in vec(any_subject(), 0..60)) {
        let mut observer = Observer::new(Vantage::Ours);
        for (at, text) in ["S 0", "S. 0 ack 1", ". 1 ack 1"].into_iter().enumerate() {
            let subject = match at {
                1 => subject(End::Peer, shorthand::read(text, IRS, ISS)),
                _ => subject(End::Local, shorthand::read(text, ISS, IRS)),
            };
            observer.observe(Stamp(at as u64), &subject);
        }
        for (at, subject) in subjects.iter().enumerate() {
            observer.observe(Stamp(100 + at as u64 * 30_000_000), subject);
        }
        check(&observer.finish());
    }

    /// What our TCP takes and what the observer thinks it takes are the same.
    #[test]
    fn our_own_state_is_always_known(
        arrivals in vec(any_subject(), 0..40),
        opens in any::<bool>(),
        closes_after in 0..40_usize,
    ) {
        let mut pair = Watched::open();
        if opens {
            pair.arrives(&subject(End::Peer, shorthand::read("S. 0 ack 1", IRS, ISS)));
        }
        for (at, subject) in arrivals.iter().enumerate() {
            if at == closes_after {
                pair.closes();
            }
            pair.arrives(subject);
        }
    }

    #[test]
    fn any_bytes_may_be_asked_whether_they_concern_us(
        mut bytes in vec(any::<u8>(), 0..120),
        version in prop::sample::select(vec![0x45_u8, 0x60]),
        protocol in prop::sample::select(vec![1_u8, 6, 58]),
        sent in any::<bool>(),
    ) {
        if bytes.len() > 10 {
            bytes[0] = version;
            bytes[if version == 0x45 { 9 } else { 6 }] = protocol;
        }
        if let Ok(packet) = Packet::parse(&bytes) {
            let flow = Flow {
                local: (packet.ip.dst(), 50_000).into(),
                remote: (packet.ip.src(), 80).into(),
            };
            let direction = if sent { Direction::Sent } else { Direction::Received };
            let frame = Frame { stamp: None, direction, interface: 1, checksum_pending: false, bytes };
            let _ = flow.subject(&frame, packet);
        }
    }
}

/// The quote of an ICMP error must be of our addresses and ports.
#[test]
fn icmp_about_somebody_else_is_none_of_our_business() {
    let address = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
    let flow = Flow {
        local: (address(1), 50_000).into(),
        remote: (address(2), 80).into(),
    };
    for (src, dst, src_port, dst_port, concerns) in [
        (1, 2, 50_000, 80, true),
        (1, 3, 50_000, 80, false),
        (4, 2, 50_000, 80, false),
        (1, 2, 50_001, 80, false),
        (1, 2, 50_000, 81, false),
        (2, 1, 80, 50_000, false),
    ] {
        let syn = Segment {
            src_port,
            dst_port,
            flags: Flags::SYN,
            ..Segment::default()
        };
        let fields = IpFields::default();
        let quoted = Packet::build(address(src), address(dst), syn, &fields).emit();
        let message = IcmpMessage {
            version: IpVersion::V4,
            icmp_type: 3,
            code: 1,
            checksum: 0,
            rest: [0; 4],
            body: quoted,
        };
        let packet = Packet::build_icmp(address(254), address(1), message, &fields);
        let frame = Frame {
            stamp: None,
            direction: Direction::Received,
            interface: 1,
            checksum_pending: false,
            bytes: packet.emit(),
        };
        assert_eq!(flow.subject(&frame, packet).is_some(), concerns);
    }
}
