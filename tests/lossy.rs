//! On a path that loses, delays, overtakes and doubles: the verdict is right whenever enough came
//! through, the data too, and nothing stays open on the peer.
//!
//! Two captures say what came through, one on each side of the router.

mod lab;
mod stage;
mod weather;

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tcpshake::session::End;

use lab::in_lab;
use stage::{Family, Stage};
use weather::{Case, Probed, Relay, Seen, Weather};

/// So many probes run at a time; most of them wait.
const AT_A_TIME: usize = 24;

/// Every end, without data and with it, over both families, and a port where nobody listens.
fn cases(loss: u32) -> Vec<Case> {
    let case = |end, family, with_data, refused| Case {
        end,
        family,
        with_data,
        refused,
        loss,
    };
    let of_family = |family| {
        let silent = End::ALL
            .map(End::word)
            .map(|end| case(end, family, false, false));
        // These two open no connection.
        let talking = End::ALL
            .map(End::word)
            .into_iter()
            .filter(|end| !["syn-rst", "none"].contains(end));
        let talking = talking.map(move |end| case(end, family, true, false));
        let refused = case("fin", family, false, true);
        silent
            .into_iter()
            .chain(talking)
            .chain([refused])
            .collect::<Vec<_>>()
    };
    Family::BOTH.into_iter().flat_map(of_family).collect()
}

/// Runs them side by side on one stage, and holds each to what the captures saw.
fn bear(stage: &Stage, cases: &[Case]) -> Vec<Probed> {
    repeat_soon(stage);
    let near = stage.client.capture("cli0", "tcp");
    let far = stage.peer.capture("srv0", "tcp");
    let to_come = Mutex::new((1..).zip(cases));
    let next = || to_come.lock().expect("no one has failed").next();
    let probed = thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            while let Some((number, case)) = next() {
                done.push(case.run(stage, number));
            }
            done
        };
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        let done = workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a worker"));
        done.collect::<Vec<_>>()
    });
    assert_eq!(probed.len(), cases.len());
    let (near, far) = (near.stop(), far.stop());
    for probed in &probed {
        eprintln!(
            "{:?} {} to {}: {}",
            probed.case, probed.near, probed.far, probed.story.json
        );
        Seen::new(probed, &near, &far).check();
    }
    probed
}

/// What stays with the peer's kernel does not stay for long.
fn repeat_soon(stage: &Stage) {
    // From Linux 6.15 on; without it the test takes longer.
    let _ = stage.peer.try_sysctl("net/ipv4/tcp_rto_max_ms", "1000");
    stage.peer.sysctl("net/ipv4/tcp_fin_timeout", "1");
    // Each RST that is not exact is challenged, not the first in half a second alone.
    stage.peer.sysctl("net/ipv4/tcp_invalid_ratelimit", "0");
    // Each segment is a frame of its own, to be lost or not.
    stage.peer.ip("link set srv0 gso_max_segs 1");
}

#[test]
fn every_end_where_segments_are_lost() {
    in_lab(|| {
        let losses = [5, 15, 30];
        let probed = bear(&Stage::new(), &losses.map(cases).concat());
        // With each of them some got through nevertheless.
        for loss in losses {
            let mut of_it = probed.iter().filter(|probed| probed.case.loss == loss);
            assert!(of_it.any(|probed| probed.outcome() == "in-order" && probed.case.with_data));
        }
    });
}

#[test]
fn every_end_where_segments_are_late_and_overtake_each_other() {
    in_lab(|| {
        for (doubles, seed) in [(0, 1), (10, 2), (30, 3)] {
            let stage = Stage::new();
            let delay = Duration::from_millis(50);
            let weather = Weather {
                delay,
                doubles,
                seed,
            };
            let _relay = Relay::start(&stage, weather);
            for probed in bear(&stage, &cases(0)) {
                // Everything gets through in the end.
                let wanted = match probed.case.end {
                    _ if probed.case.refused => "not-attempted",
                    "rst" | "syn-rst" | "none" => "aborted",
                    _ => "in-order",
                };
                assert_eq!(probed.outcome(), wanted, "{:#}", probed.story.json);
                assert_eq!(probed.left, None);
            }
        }
    });
}
