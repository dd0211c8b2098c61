//! `explain` held against tshark, over captures of every ending, link type and tunnel.

mod lab;
mod live;
mod samples;
mod stage;
mod tshark;
mod written;

use std::process::Command;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use lab::{Running, in_lab};
use samples::Sample;
use tshark::Saved;
use tshark::streams::streams;

/// Two at a time.
const WORKERS: usize = 2;

/// Where we tell something else than tshark: a sample, the stream, which of its values, and ours.
/// [`tshark::streams`] has the rules in which we differ wherever they apply.
const DIFFERENCES: [(&str, usize, &str, &str); 6] = [
    // A SYN-ACK acknowledges ISS+1, so it tells the ISN of a SYN that was not captured
    // (RFC 9293 3.10.7.3, first).
    ("syn-ack-first", 0, "/handshake/isn", "1543915584"),
    ("client-unheard", 0, "/handshake/isn", "1543915584"),
    // The first fragment holds the TCP header, so it belongs to the connection (RFC 791 3.2); the
    // client acknowledges its data. tshark waits for the others in vain.
    ("fragments", 0, "/packets/server", "4"),
    ("fragments", 0, "/bytes/server", "436"),
    ("fragments", 0, "/data/received", "200"),
    // What the server acknowledges the client has sent (RFC 9293 3.4), whoever heard it.
    ("client-unheard", 0, "/data/sent", "10"),
];

/// What the program tells of each connection.
fn explain(capture: &Saved) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpshake"));
    command.args(["explain", "--json"]).arg(capture.file());
    let finished = Running::start(&mut command, Vec::new()).finish();
    assert_eq!((finished.code(), &*finished.stderr), (0, ""));
    finished.json()
}

/// The part of `told` that `wanted` has an opinion of.
fn part(told: &Value, wanted: &Value) -> Value {
    match wanted {
        Value::Object(keys) => {
            let keys = keys.iter();
            keys.map(|(key, wanted)| (key.clone(), part(&told[key], wanted)))
                .collect()
        }
        _ => told.clone(),
    }
}

/// Where the two differ, each with both values; differences of less than a microsecond are none.
fn faults(sample: &str, capture: &Saved) -> Vec<String> {
    let (told, mut wanted) = (explain(capture), streams(capture));
    let mut faults = Vec::new();
    for (_, stream, path, ours) in DIFFERENCES.iter().filter(|it| it.0 == sample) {
        let ours: Value = serde_json::from_str(ours).expect("JSON");
        let theirs = wanted[*stream]
            .pointer_mut(path)
            .expect("a value of tshark");
        if *theirs == ours {
            faults.push(format!("{sample}: {stream}: {path}: tshark agrees: {ours}"));
        }
        *theirs = ours;
    }
    if told.len() != wanted.len() {
        let (ours, theirs) = (told.len(), wanted.len());
        faults.push(format!("{sample}: {ours} streams, and tshark has {theirs}"));
    }
    for (told, wanted) in told.iter().zip(&wanted) {
        compare(
            &part(told, wanted),
            wanted,
            &format!("{sample}: {}: ", wanted["stream"]),
            &mut faults,
        );
    }
    faults
}

fn compare(told: &Value, wanted: &Value, at: &str, faults: &mut Vec<String>) {
    let rounded = |value: &Value| value.as_u64().map(|nanos| nanos / 1_000);
    match (told, wanted) {
        (Value::Object(keys), Value::Object(_)) => {
            for (key, told) in keys {
                compare(told, &wanted[key], &format!("{at}/{key}"), faults);
            }
        }
        _ if at.ends_with("_ns")
            && rounded(told)
                .zip(rounded(wanted))
                .is_some_and(|(one, other)| one.abs_diff(other) <= 1) => {}
        _ if told == wanted => {}
        _ => faults.push(format!("{at}: {told}, and tshark has {wanted}")),
    }
}

fn tshark_tells_the_same(samples: Vec<Sample>) {
    let samples = Mutex::new(samples.into_iter());
    let next = || samples.lock().expect("no worker has failed").next();
    let work = || {
        let mut found = Vec::new();
        while let Some(sample) = next() {
            found.extend(faults(&sample.name, &Saved::new(&sample.bytes)));
        }
        found
    };
    let found = thread::scope(|scope| {
        let workers = [(); WORKERS].map(|()| scope.spawn(work));
        workers
            .map(|worker| worker.join().expect("a worker"))
            .concat()
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn tshark_tells_the_same_of_every_link_and_story() {
    tshark_tells_the_same(samples::made::made());
}

#[test]
fn tshark_tells_the_same_of_real_connections() {
    in_lab(|| tshark_tells_the_same(live::live()));
}
