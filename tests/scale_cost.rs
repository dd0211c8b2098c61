//! What speed and number must not cost: the truth of a round trip, and memory.

mod lab;
mod scale_path;

use std::collections::HashMap;
use std::net::SocketAddr;

use lab::{Recording, Segment, in_lab, program};
use scale_path::outcome::Outcome;
use scale_path::{Crowd, width};

/// The contract's tolerance.
const WITHIN_NS: u64 = 1_000;

/// As tests/rtt.rs explains: a RST comes with the kernel's stamp, which every capture shows; of a
/// SYN-ACK of this machine each capture reads the clock in its turn.
#[test]
fn round_trips_at_full_speed_are_those_of_a_capture() {
    in_lab(|| {
        let crowd = Crowd::open();
        let network = width("10.10.8.0/22", "10.10.0.0/18");
        let count = width(1 << 10, 1 << 14);
        let closed = differences(&crowd, "81", network, count);
        assert_eq!(closed.len(), count);
        assert!(closed.iter().all(|ns| *ns <= WITHIN_NS), "{closed:?}");
        let mut open = differences(&crowd, "80", network, count);
        open.sort_unstable();
        assert!(
            open.len() == count && open[count / 2] <= WITHIN_NS,
            "{open:?}"
        );
    });
}

/// Between our round trip and that of the capture, for each target that both saw.
fn differences(crowd: &Crowd, port: &str, network: &str, count: usize) -> Vec<u64> {
    let capture = crowd.client.capture("cli0", "tcp");
    let ask = ["--end", "syn-rst", "-p", port, network];
    let outcome = Outcome::of(&crowd.at_full_speed(&ask).run(), count);
    let seen = round_trips(&capture.stop());
    let both = outcome
        .by_target()
        .into_iter()
        .filter_map(|(target, line)| {
            let ours = line.handshake.rtt_ns?;
            Some(ours.abs_diff(*seen.get(&target)?))
        });
    both.collect()
}

/// From the only SYN to the first answer.
fn round_trips(recording: &Recording) -> HashMap<SocketAddr, u64> {
    let (mut began, mut took) = (HashMap::new(), HashMap::new());
    for (stamp, segment) in recording.segments() {
        if segment.flags == Segment::SYN {
            began.insert(segment.destination, stamp);
        } else if let Some(syn) = began.remove(&segment.source) {
            took.insert(segment.source, stamp.0 - syn.0);
        }
    }
    took
}

/// Ten times as many targets need hardly more memory.
#[test]
fn memory_follows_what_is_in_flight_and_not_the_targets() {
    in_lab(|| {
        let crowd = Crowd::new();
        let (few, many) = width(
            ("10.16.0.0/21", "10.16.0.0/18"),
            ("10.16.0.0/16", "10.16.0.0/12"),
        );
        let parallel = width("1000", "10000");
        let few = peak_memory(&crowd, few, parallel);
        let many = peak_memory(&crowd, many, parallel);
        assert!(many * 10 <= few * 11, "{few} kB, then {many} kB");
        assert!(many < 64 << 10, "{many} kB");
    });
}

/// In kB.
fn peak_memory(crowd: &Crowd, network: &str, parallel: &str) -> u64 {
    let tcpshake = env!("CARGO_BIN_EXE_tcpshake");
    let ask = "--json --rate max -W 100ms --retries 0 -p 80";
    // Of a million lines none is to be kept here.
    let words = format!("{tcpshake} {ask} --parallel {parallel} {network} >/dev/null");
    let measured = ["--format=%M", "sh", "-c", &words];
    let finished = program(&crowd.client, "time", &measured).run();
    let last = finished.stderr.lines().last().expect("what time says");
    last.parse().expect("a number")
}
