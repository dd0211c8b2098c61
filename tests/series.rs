//! `--count` and `--interval`: the same probe again and again, at its pace, from new ports.

mod lab;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use lab::{Finished, PEER_V4, PEER_V6, Pair, Segment, in_lab, tcpshake};

const A_MINUTE: Duration = Duration::from_secs(60);

#[test]
fn each_probe_has_a_port_and_an_isn_of_its_own() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        for ip in [PEER_V4, PEER_V6] {
            let listener = peer.listen((ip, 80));
            let target = listener.address().to_string();
            for capabilities in [&["net_raw"][..], &["net_raw", "net_admin"]] {
                let capture = client.capture("cli0", "tcp");
                let arguments = ["--json", "-c", "20", "-i", "0s", "--end=rst", &target];
                let finished = tcpshake(&client, &arguments).with_only(capabilities).run();
                assert_eq!((finished.code(), &*finished.stderr), (0, ""));
                let probes = probes(&finished);
                assert_eq!(probes.len(), 20);
                for (seq, probe) in probes.iter().enumerate() {
                    assert_eq!(probe["seq"], seq);
                    assert_eq!(probe["kernel_rst"], 0);
                }
                let told: Vec<(u64, u64)> = probes
                    .iter()
                    .map(|probe| {
                        (
                            number(probe, "/local/port"),
                            number(probe, "/handshake/isn"),
                        )
                    })
                    .collect();
                assert_eq!(
                    told.iter().map(|it| it.0).collect::<BTreeSet<_>>().len(),
                    20
                );
                assert_eq!(
                    told.iter().map(|it| it.1).collect::<BTreeSet<_>>().len(),
                    20
                );
                assert_eq!(syns(&capture.stop().segments()), told);
            }
        }
    });
}

#[test]
fn the_user_may_pin_the_port_and_the_isn() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        let pinned = ["--source-port=4000", "--isn=7", "-c3", "-i0s", "--json"];
        let finished = tcpshake(&client, &pinned)
            .args(&["--end=rst", "10.0.0.2:80"])
            .run();
        assert_eq!(finished.code(), 0);
        for probe in probes(&finished) {
            assert_eq!(probe["local"]["port"], 4000);
            assert_eq!(probe["handshake"]["isn"], 7);
        }
    });
}

#[test]
fn a_peer_in_time_wait_is_probed_from_another_port() {
    const COUNT: usize = 40;
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 80));
        let finished = thread::scope(|scope| {
            scope.spawn(|| (0..COUNT).for_each(|_| listener.accept().close()));
            let count = COUNT.to_string();
            let arguments = ["--json", "-c", &count, "-i0s", "--end=hold", "--hold=10s"];
            tcpshake(&client, &arguments).args(&["10.0.0.2:80"]).run()
        });
        assert_eq!((finished.code(), &*finished.stderr), (0, ""));
        let probes = probes(&finished);
        let ports: BTreeSet<u64> = probes
            .iter()
            .map(|probe| number(probe, "/local/port"))
            .collect();
        assert_eq!(ports.len(), COUNT);
        for probe in &probes {
            assert_eq!(probe["close"]["first"], "peer");
            assert_eq!(probe["close"]["outcome"], "in-order");
            assert_eq!(probe["kernel_rst"], 0);
        }
    });
}

#[test]
fn filter_guards_that_are_used_up_are_told_and_not_used_again() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        // A half-open probe may leave the peer half open: its RST may be lost.
        let arguments = ["--json", "--guard=filter", "-c18", "-i0s", "--end=syn-rst"];
        let finished = tcpshake(&client, &arguments).args(&["10.0.0.2:80"]).run();
        let probes = probes(&finished);
        let (sent, not_sent) = probes.split_at(16);
        assert!(sent.iter().all(|probe| probe["verdict"] == "open"));
        assert!(
            not_sent
                .iter()
                .all(|probe| probe["reason"] == "no-source-port")
        );
        assert_eq!(finished.stderr.lines().count(), not_sent.len());
        assert_eq!(finished.code(), 1);
    });
}

#[test]
fn probes_start_an_interval_apart() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        let capture = client.capture("cli0", "tcp[tcpflags] == tcp-syn");
        let arguments = ["-q", "-c4", "-i", "150ms", "--end=rst", "10.0.0.2:80"];
        assert_eq!(tcpshake(&client, &arguments).run().code(), 0);
        let segments = capture.stop().segments();
        assert_eq!(segments.len(), 4);
        // Three intervals, less what the first SYN waited for the processor and a neighbour.
        let apart = segments[3].0.since(segments[0].0);
        assert!(apart > 300_000_000, "{apart} ns");
    });
}

#[test]
fn a_probe_that_takes_longer_than_the_interval_is_not_cut_short() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 80));
        let capture = client.capture("cli0", "tcp");
        thread::scope(|scope| {
            scope.spawn(|| (0..3).for_each(|_| drop(listener.accept().read_to_end())));
            let arguments = ["-q", "-c3", "-i1ms", "--end=hold", "--hold=50ms"];
            let run = tcpshake(&client, &arguments).args(&["10.0.0.2:80"]);
            assert_eq!(run.run().code(), 0);
        });
        let segments = capture.stop().segments();
        let ports = segments.iter().map(|(_, segment)| {
            let (here, there) = (segment.source.port(), segment.destination.port());
            if there == 80 { here } else { there }
        });
        let mut connections: Vec<u16> = ports.collect();
        connections.dedup();
        assert_eq!(connections.len(), 3, "one after the other");
    });
}

#[test]
fn the_summaries_are_those_of_the_lines() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        let arguments = ["--json", "-c25", "-i0s", "--end=rst", "10.0.0.2:80-81"];
        let finished = tcpshake(&client, &arguments).run();
        assert_eq!(finished.code(), 0);
        let lines = finished.json();
        let [probes @ .., one, other, all] = &lines[..] else {
            panic!("{finished:?}")
        };
        assert_eq!(probes.len(), 50);
        let of = |summary: &Value| summary["target"]["port"].as_u64();
        assert_eq!(
            BTreeSet::from([of(one), of(other)]),
            BTreeSet::from([Some(80), Some(81)])
        );
        for (summary, port) in [(one, of(one)), (other, of(other)), (all, None)] {
            let mine: Vec<&Value> = probes
                .iter()
                .filter(|probe| port.is_none_or(|port| probe["target"]["port"] == port))
                .collect();
            let target = port.map_or(&Value::Null, |_| &mine[0]["target"]);
            assert_eq!(&summary["target"], target);
            assert_eq!(summary["sent"], mine.len());
            assert_eq!(summary["answered"], mine.len());
            let rtts = mine.iter().map(|probe| number(probe, "/handshake/rtt_ns"));
            is_summed_up(rtts.collect(), &summary["rtt"]);
        }
        for summary in [one, other] {
            let [open, closed] = if of(summary) == Some(80) {
                [25, 0]
            } else {
                [0, 25]
            };
            assert_eq!(
                (&summary["open"], &summary["closed"]),
                (&open.into(), &closed.into())
            );
        }
        assert_eq!((&all["open"], &all["closed"]), (&25.into(), &25.into()));
    });
}

/// By nearest rank, computed in another way than the program does.
fn is_summed_up(mut rtts: Vec<u64>, rtt: &Value) {
    rtts.sort_unstable();
    let count = rtts.len();
    let covers = |percent: usize, ns: u64| {
        100 * rtts.iter().filter(|&&sample| sample <= ns).count() >= percent * count
    };
    for (key, percent) in [("p50_ns", 50), ("p90_ns", 90), ("p99_ns", 99)] {
        let least = rtts.iter().find(|&&ns| covers(percent, ns));
        assert_eq!(rtt[key].as_u64(), least.copied(), "{key}");
    }
    assert_eq!(rtt["min_ns"], rtts[0]);
    assert_eq!(rtt["max_ns"], rtts[count - 1]);
    let mean = rtts.iter().sum::<u64>() as f64 / count as f64;
    let squares = rtts.iter().map(|&ns| (ns as f64 - mean).powi(2));
    let deviation = (squares.sum::<f64>() / count as f64).sqrt();
    for (key, exact) in [("mean_ns", mean), ("stddev_ns", deviation)] {
        let told = number(rtt, &format!("/{key}")) as f64;
        assert!((told - exact).abs() <= 1.0, "{key}: {told}, not {exact}");
    }
}

#[test]
fn people_see_a_line_a_probe_and_statistics() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        let run = |arguments: &[&str]| {
            let series = ["-c2", "-i0s", "-W9s", "--end=rst"];
            let finished = tcpshake(&client, &series).args(arguments).run();
            assert_eq!(finished.stderr, "");
            assert!(
                finished
                    .stdout
                    .lines()
                    .all(|line| line.chars().count() <= 80)
            );
            without_times(&finished.stdout)
        };
        let statistics = "\
2 sent, 2 answered, 0% lost
2 probes: 2 open, 0 closed, 0 filtered, 0 unreachable, 0 not possible
RTT min * ms, mean * ms, max * ms, stddev * ms
    p50 * ms, p90 * ms, p99 * ms
";
        assert_eq!(
            run(&["10.0.0.2:80"]),
            format!(
                "tcpshake 10.0.0.2:80 from 10.0.0.1 on cli0
seq=0 open * ms aborted
seq=1 open * ms aborted

--- 10.0.0.2:80 ---
{statistics}"
            )
        );
        assert_eq!(
            run(&["-q", "10.0.0.2:80"]),
            format!("--- 10.0.0.2:80 ---\n{statistics}")
        );
        let several = run(&["10.0.0.2:80-81"]);
        let (lines, statistics) = several.split_once("\n\n").unwrap();
        let told: Vec<(&str, &str)> = lines
            .lines()
            .map(|line| {
                let (target, rest) = line.split_once(" seq=").unwrap();
                (target, rest.trim_start_matches(char::is_numeric))
            })
            .collect();
        // In each round in order of decision, and one round after the other.
        for round in told.chunks(2) {
            let expected = [
                ("10.0.0.2:80", " open * ms aborted"),
                ("10.0.0.2:81", " closed * ms reset"),
            ];
            let round = BTreeSet::from_iter(round.iter().copied());
            assert_eq!(round, BTreeSet::from(expected), "{several}");
        }
        assert_eq!(told.len(), 4);
        assert!(statistics.contains("--- 10.0.0.2:80 ---\n"), "{several}");
        assert!(statistics.contains("--- 10.0.0.2:81 ---\n"), "{several}");
        let all = "\n--- all ---\n4 sent, 4 answered, 0% lost\n4 probes: 2 open, 2 closed, ";
        assert!(several.contains(all), "{several}");
    });
}

/// Each number of milliseconds as `*`.
fn without_times(text: &str) -> String {
    let mut parts = text.split(" ms").peekable();
    let mut told = String::new();
    while let Some(part) = parts.next() {
        let time = part.rfind(' ').map_or(0, |space| space + 1);
        match parts.peek() {
            Some(_) => told += &format!("{}* ms", &part[..time]),
            None => told += part,
        }
    }
    told
}

#[test]
fn silence_is_lost() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        peer.nft(
            "table ip t { chain c { type filter hook input priority 0; \
             tcp dport 80 tcp flags syn numgen inc mod 2 == 1 drop; }; }",
        );
        let arguments = ["-q", "-c4", "-i0s", "-W20ms", "--retries=0", "10.0.0.2:80"];
        let finished = tcpshake(&client, &arguments).run();
        let told = "4 sent, 2 answered, 50% lost\n\
                    4 probes: 0 open, 2 closed, 2 filtered, 0 unreachable, 0 not possible\n";
        assert!(finished.stdout.contains(told), "{finished:?}");
        // They ended in different ways.
        assert_eq!(finished.code(), 1);
    });
}

#[test]
fn probes_that_end_alike_give_their_common_status() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        for (target, status) in [("10.0.0.2:80", 0), ("10.0.0.2:81", 3), ("192.0.2.1:80", 6)] {
            let arguments = ["--json", "-c3", "-i0s", "--end=rst", target];
            assert_eq!(
                tcpshake(&client, &arguments).run().code(),
                status,
                "{target}"
            );
        }
    });
}

#[test]
fn what_cannot_be_probed_is_told_once() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        let arguments = [
            "--json",
            "-c3",
            "-i0s",
            "--end=rst",
            "192.0.2.1:80",
            "10.0.0.2:80",
        ];
        let finished = tcpshake(&client, &arguments).run();
        let lines = finished.json();
        let all = lines.last().unwrap();
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
        assert_eq!((&all["sent"], &all["errors"]), (&3.into(), &1.into()));
        assert_eq!(finished.code(), 6);
    });
}

#[test]
fn a_signal_during_the_interval_ends_the_series_with_its_summary() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 80));
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let arguments = ["--json", "-c9", "-i1h", "10.0.0.2:80"];
            let running = tcpshake(&client, &arguments).spawn();
            let mut connection = listener.accept();
            let remote = connection.remote();
            connection.read_to_end();
            connection.close();
            // Our last ACK is there: the probe is over, and the interval runs.
            peer.wait_for_tcp_state(listener.address(), remote, "CLOSED");
            running.signal(signal);
            let finished = running.finish_within(A_MINUTE);
            let lines = finished.json();
            let types: Vec<&Value> = lines.iter().map(|line| &line["type"]).collect();
            assert_eq!(types, ["probe", "summary", "summary"]);
            assert_eq!(lines[0]["close"]["outcome"], "in-order");
            assert_eq!(lines[2]["sent"], 1);
            assert_eq!((finished.code(), &*finished.stderr), (0, ""));
        }
    });
}

#[test]
fn a_signal_during_a_probe_is_no_fault_of_the_series() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 80));
        let arguments = [
            "--json",
            "-c9",
            "-i0s",
            "--end=hold",
            "--hold=1h",
            "10.0.0.2:80",
        ];
        let running = tcpshake(&client, &arguments).spawn();
        // The peer ends the first, the user the second.
        listener.accept().close();
        let _second = listener.accept();
        running.signal(Signal::SIGINT);
        let finished = running.finish_within(A_MINUTE);
        let lines = finished.json();
        assert_eq!(lines.last().unwrap()["sent"], 2);
        assert_eq!(lines[1]["close"]["outcome"], "aborted");
        assert_eq!(finished.code(), 0);
    });
}

#[test]
fn the_deadline_bounds_the_whole_series() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen((PEER_V4, 80));
        for (interval, at_least) in [("50ms", 2), ("1h", 1)] {
            let arguments = [
                "--json",
                "-c1000",
                "--deadline=400ms",
                "--end=syn-rst",
                "-i",
            ];
            let finished = tcpshake(&client, &arguments)
                .args(&[interval, "10.0.0.2:80"])
                .run();
            let lines = finished.json();
            let all = lines.last().unwrap();
            assert!((at_least..=9).contains(&number(all, "/sent")), "{all:#}");
            assert!(number(all, "/elapsed_ns") < 10_000_000_000);
            assert_eq!(finished.code(), 0);
        }
    });
}

/// Port and sequence number of each SYN.
fn syns<Stamp>(segments: &[(Stamp, Segment)]) -> Vec<(u64, u64)> {
    let syns = segments
        .iter()
        .filter(|(_, segment)| segment.flags == Segment::SYN);
    syns.map(|(_, syn)| (syn.source.port().into(), syn.seq.into()))
        .collect()
}

fn probes(finished: &Finished) -> Vec<Value> {
    let mut lines = finished.json();
    lines.retain(|line| line["type"] == "probe");
    lines
}

fn number(value: &Value, place: &str) -> u64 {
    let found = value.pointer(place).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no number at {place} of {value:#}"))
}
