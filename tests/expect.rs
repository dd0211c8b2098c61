//! `--expect`: what must hold decides the exit status, and what was found instead is told.

mod lab;

use lab::{Finished, Namespace, PEER_V4, Pair, in_lab, tcpshake};

#[test]
fn an_expectation_replaces_the_default_one() {
    in_lab(|| {
        let (client, _peer) = network();
        for (target, expression, status) in [
            ("10.0.0.2:81", "verdict=closed", 0),
            ("10.0.0.2:81", "verdict=open", 1),
            ("10.0.0.2:80", "verdict=open", 0),
            ("10.0.0.2:80", "verdict=closed", 1),
            ("10.0.0.2:80", "seq=0", 0),
            ("10.0.0.2:81", "seq=0", 0),
        ] {
            let finished = expect(&client, &[expression], &[target]);
            assert_eq!(finished.code(), status, "{target} {expression}");
            assert_eq!(finished.stderr.is_empty(), status == 0, "{finished:?}");
        }
    });
}

#[test]
fn each_kind_of_key_is_held_against_what_was_found() {
    in_lab(|| {
        let (client, _peer) = network();
        for (holds, fails, found) in [
            ("verdict=open", "verdict!=open", "open"),
            ("reason=syn-ack", "reason=reset", "syn-ack"),
            ("target.addr=10.0.0.2", "target.addr=10.0.0.3", "10.0.0.2"),
            ("local.interface=cli0", "local.interface=eth0", "cli0"),
            ("peer.mss=1460", "peer.mss>1460", "1460"),
            ("peer.sack=true", "peer.sack=false", "true"),
            (
                "handshake.isn=0x01020304",
                "handshake.isn<16909060",
                "16909060",
            ),
            ("handshake.rtt>0s", "handshake.rtt>1h", "us"),
            ("handshake.rtt_ns>0", "handshake.rtt_ns=0", ""),
            ("close.outcome=aborted", "close.outcome=in-order", "aborted"),
            ("close.fin_rtt<1h", "close.first=local", "null"),
            ("kernel_rst<=0", "kernel_rst>=1", "0"),
            ("elapsed<1h", "elapsed>1h", "us"),
            ("sent=1", "sent!=1", "1"),
            ("lost=0", "lost>0", "0"),
            ("rtt.p99<1h", "rtt.p99>1h", "us"),
            ("rtt.stddev_ns=0", "rtt.stddev_ns>0", "0"),
        ] {
            let run =
                |expression| expect(&client, &[expression], &["--isn=0x01020304", "10.0.0.2:80"]);
            // With a reset there is no FIN whose round trip could be known: null fails.
            let status = i32::from(holds == "close.fin_rtt<1h");
            assert_eq!(run(holds).code(), status, "{holds}");
            let finished = run(fails);
            assert_eq!(finished.code(), 1, "{fails}");
            let told = format!("expected {fails}, found ");
            assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
            assert!(finished.stderr.contains(&told), "{finished:?}");
            assert!(finished.stderr.trim_end().contains(found), "{finished:?}");
        }
    });
}

#[test]
fn a_false_one_says_which_target_and_which_probe() {
    in_lab(|| {
        let (client, _peer) = network();
        let closed = expect(&client, &["verdict=open"], &["10.0.0.2:81"]);
        assert_eq!(
            closed.stderr,
            "tcpshake: 10.0.0.2:81 seq 0: expected verdict=open, found closed\n"
        );
        let several = expect(
            &client,
            &["verdict=open", "sent=1"],
            &["-c2", "-i0s", "10.0.0.2:80-81"],
        );
        let told: Vec<&str> = several.stderr.lines().collect();
        let [first, second, "tcpshake: summary: expected sent=1, found 4"] = told[..] else {
            panic!("{several:?}")
        };
        // Which of the targets comes first in a round is for the seed to say.
        for (line, seqs) in [(first, ["0", "1"]), (second, ["2", "3"])] {
            let is_told = |seq: &str| {
                line == format!(
                    "tcpshake: 10.0.0.2:81 seq {seq}: expected verdict=open, found closed"
                )
            };
            assert!(seqs.into_iter().any(is_told), "{several:?}");
        }
        assert_eq!(several.code(), 1);
    });
}

#[test]
fn all_must_hold() {
    in_lab(|| {
        let (client, _peer) = network();
        for (expressions, status) in [
            (&["verdict=open", "peer.mss=1460"][..], 0),
            (&["verdict=open", "peer.mss=1461"], 1),
            (&["verdict=closed", "peer.mss=1460"], 1),
            (&["verdict=open", "sent=1", "lost=0", "rtt.max<1h"], 0),
            (&["verdict=open", "sent=2"], 1),
        ] {
            let finished = expect(&client, expressions, &["10.0.0.2:80"]);
            assert_eq!(finished.code(), status, "{expressions:?}");
        }
    });
}

#[test]
fn several_targets_are_all_held_to_it() {
    in_lab(|| {
        let (client, _peer) = network();
        for (targets, status) in [
            (&["10.0.0.2:80", "[fe80::2%cli0]:81"][..], 1),
            (&["10.0.0.2:81", "[fd00::2]:81"], 0),
            (&["10.0.0.2:81", "192.0.2.1:80"], 1),
        ] {
            let finished = expect(&client, &["verdict=closed"], targets);
            assert_eq!(finished.code(), status, "{targets:?}");
        }
        // Every expectation held, but not every target got a verdict.
        let finished = expect(&client, &["sent=1"], &["10.0.0.2:81", "192.0.2.1:80"]);
        assert_eq!(finished.code(), 6);
    });
}

#[test]
fn what_could_not_be_probed_is_null() {
    in_lab(|| {
        let (client, _peer) = network();
        for (expression, status) in [
            ("verdict!=open", 1),
            ("peer.mss!=1460", 1),
            ("reason=no-route", 0),
            ("sent=0", 0),
            ("rtt.p50<1h", 1),
        ] {
            let finished = expect(&client, &[expression], &["192.0.2.1:80"]);
            assert_eq!(finished.code(), status, "{expression}");
        }
    });
}

#[test]
fn every_format_is_held_to_it() {
    in_lab(|| {
        let (client, _peer) = network();
        for format in [&["-q"][..], &["--json"], &[], &["-c2", "-i0s"]] {
            let arguments = [format, &["10.0.0.2:80"]].concat();
            assert_eq!(expect(&client, &["verdict=open"], &arguments).code(), 0);
            assert_eq!(expect(&client, &["verdict=closed"], &arguments).code(), 1);
        }
    });
}

/// A client, and a peer that listens on port 80.
fn network() -> (Namespace, (Namespace, lab::Listener)) {
    let Pair { client, peer } = Pair::new();
    let listener = peer.listen((PEER_V4, 80));
    (client, (peer, listener))
}

fn expect(client: &Namespace, expressions: &[&str], arguments: &[&str]) -> Finished {
    let mut program = tcpshake(client, &["--end=rst"]);
    for expression in expressions {
        program = program.args(&["--expect", expression]);
    }
    program.args(arguments).run()
}
