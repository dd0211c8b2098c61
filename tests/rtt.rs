//! The round trip is the one between the kernel's stamps of the frames, whoever else looks on.

mod lab;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::socket::{setsockopt, sockopt};

use lab::{Namespace, PEER_V4, PEER_V6, Pair, Recording, Segment, in_lab, tcpshake, wait_until};

/// The contract's tolerance.
const WITHIN_NS: u64 = 1_000;
/// No interrupt between two captures takes longer.
const AT_WORST_NS: u64 = 100_000;
const RUNS: usize = 200;
/// Four crossings of the kernel's stack take longer than this on any machine.
const PHYSICAL_MINIMUM_NS: u64 = 2_000;

/// A capture anywhere on the machine has the kernel stamp every frame: those of this test program
/// must not help each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn on_a_cable_it_is_that_of_a_capture() {
    let _alone = alone();
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        for address in [PEER_V4, PEER_V6] {
            let listener = peer.listen((address, 80));
            equals_the_witness(&client, "cli0", listener.address());
        }
    });
}

#[test]
fn on_loopback_it_is_that_of_a_capture() {
    let _alone = alone();
    in_lab(|| {
        let host = Namespace::new();
        let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for address in addresses {
            let listener = host.listen((address, 80));
            equals_the_witness(&host, "lo", listener.address());
        }
    });
}

#[test]
fn it_is_as_true_without_a_capture_as_with_one() {
    let _alone = alone();
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 80));
        let unwatched = round_trips(RUNS, &client, listener.address());
        let stamps_for_all = client.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").expect("a UDP socket");
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("stamps");
            socket
        });
        let watched = round_trips(RUNS / 4, &client, listener.address());
        drop(stamps_for_all);

        let (alone, beside) = (median(&unwatched), median(&watched));
        let figures = format!("medians {alone} ns alone, {beside} ns beside: {unwatched:?}");
        assert!(alone < beside * 3 && beside < alone * 3, "{figures}");
        let shortest = unwatched.iter().min().unwrap();
        assert!(*shortest > PHYSICAL_MINIMUM_NS, "{figures}");
        // A stamp of the reader instead of the kernel makes it an order of magnitude too short.
        assert!(*shortest > alone.max(beside) / 10, "{figures}");
        // A busy machine makes one long now and then, never one in twenty.
        let long = unwatched.iter().filter(|rtt| **rtt > alone * 10).count();
        assert!(long * 20 < RUNS, "{figures}");
    });
}

/// A RST comes with the kernel's stamp, which every capture shows: there is no difference but in
/// the last digit. A SYN-ACK of this machine's own TCP comes with its time of departure instead,
/// and each capture in its turn reads the clock: mostly within a microsecond, never far.
fn equals_the_witness(client: &Namespace, interface: &str, open: SocketAddr) {
    let closed = SocketAddr::new(open.ip(), 81);
    for difference in differences(client, interface, closed) {
        assert!(difference <= WITHIN_NS, "{closed}: {difference} ns");
    }
    let of_syn_acks = differences(client, interface, open);
    let figures = format!("{open}: {of_syn_acks:?} ns");
    assert!(median(&of_syn_acks) <= WITHIN_NS, "{figures}");
    assert!(of_syn_acks.iter().all(|ns| *ns <= AT_WORST_NS), "{figures}");
}

fn differences(client: &Namespace, interface: &str, target: SocketAddr) -> Vec<u64> {
    let one = |_| {
        no_tap_is_left(client);
        let capture = client.capture(interface, "tcp");
        let rtt = round_trip(client, target);
        rtt.abs_diff(between_syn_and_answer(&capture.stop()))
    };
    (0..9).map(one).collect()
}

fn round_trips(runs: usize, client: &Namespace, target: SocketAddr) -> Vec<u64> {
    let one = |_| {
        no_tap_is_left(client);
        round_trip(client, target)
    };
    (0..runs).map(one).collect()
}

/// Each that the kernel has not yet freed lengthens the way of every frame.
fn no_tap_is_left(host: &Namespace) {
    wait_until("the last run's tap is gone", || {
        (host.packet_sockets() == 0).then_some(())
    });
}

fn round_trip(client: &Namespace, target: SocketAddr) -> u64 {
    let target = target.to_string();
    let finished = tcpshake(client, &["--json", "--end=syn-rst", &target]).run();
    let line = finished.json().remove(0);
    assert_eq!(line["handshake"]["rtt_source"], "kernel", "{line:#}");
    line["handshake"]["rtt_ns"].as_u64().expect("a round trip")
}

fn between_syn_and_answer(recording: &Recording) -> u64 {
    let [(syn, first), (answer, second), ..] = &recording.segments()[..] else {
        panic!("{recording:?}")
    };
    assert_eq!(first.flags, Segment::SYN);
    assert_eq!(second.ack, first.seq.wrapping_add(1));
    answer.0 - syn.0
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}
