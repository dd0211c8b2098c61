//! `tcpshake demo`: the whole story without a network and without privilege.

mod lab;

use lab::{Finished, Namespace, in_lab, program, tcpshake};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpshake");

#[test]
fn it_needs_no_privilege() {
    in_lab(|| {
        let host = Namespace::new();
        let as_user = |arguments: &[&str]| tcpshake(&host, arguments).with_only(&[]).run();
        tells_the_story(&as_user(&["demo"]));
        is_the_story_in_json(&as_user(&["demo", "--json"]));
        is_one_line(&as_user(&["demo", "-q"]));
    });
}

#[test]
fn it_runs_as_root_too() {
    in_lab(|| {
        let host = Namespace::new();
        let as_root = |arguments: &[&str]| {
            let map = ["--user", "--map-root-user", PROGRAM];
            program(&host, "unshare", &map).args(arguments).run()
        };
        tells_the_story(&as_root(&["demo"]));
        is_the_story_in_json(&as_root(&["demo", "--json"]));
        is_one_line(&as_root(&["demo", "-q"]));
    });
}

#[test]
fn with_every_capability_it_stays_in_this_user_namespace() {
    in_lab(|| {
        let host = Namespace::new();
        let before = host.configuration();
        tells_the_story(&tcpshake(&host, &["demo"]).run());
        assert_eq!(host.configuration(), before);
        assert_eq!(host.packet_sockets(), 0);
    });
}

#[test]
fn where_private_networks_are_forbidden_it_says_what_to_do() {
    in_lab(|| {
        let host = Namespace::new();
        for limit in ["max_user_namespaces", "max_net_namespaces"] {
            let forbid = format!(
                "echo 0 > /proc/sys/user/{limit} &&
                exec setpriv --bounding-set=-all --inh-caps=-all {PROGRAM} demo"
            );
            let inside = ["--user", "--map-root-user", "sh", "-c", &forbid];
            let finished = program(&host, "unshare", &inside).run();
            assert_eq!(
                (finished.code(), &*finished.stdout),
                (6, ""),
                "{finished:?}"
            );
            assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
            for word in [
                "tcpshake: demo: ",
                limit,
                "sudo tcpshake demo",
                "sudo tcpshake HOST:PORT",
            ] {
                assert!(
                    finished.stderr.contains(word),
                    "{word:?} is not in {finished:?}"
                );
            }
        }
    });
}

fn tells_the_story(finished: &Finished) {
    assert_eq!(
        (finished.code(), &*finished.stderr),
        (0, ""),
        "{finished:?}"
    );
    for word in [
        "tcpshake 127.0.0.1:",
        " on lo, guard ",
        "SYN-SENT",
        "ESTABLISHED",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "SYN-RECEIVED",
        "CLOSE-WAIT",
        "LAST-ACK",
        "open, closed in order. RTT ",
        "sudo tcpshake HOST:PORT",
    ] {
        assert!(
            finished.stdout.contains(word),
            "{word:?} is not in\n{}",
            finished.stdout
        );
    }
    assert!(
        finished
            .stdout
            .lines()
            .all(|line| line.chars().count() <= 80)
    );
}

fn is_the_story_in_json(finished: &Finished) {
    let lines = finished.json();
    let [line] = &lines[..] else {
        panic!("{finished:?}")
    };
    assert_eq!(
        (finished.code(), &*finished.stderr),
        (0, ""),
        "{finished:?}"
    );
    assert_eq!(line["verdict"], "open");
    assert_eq!(line["local"]["addr"], "127.0.0.1");
    assert_eq!(line["local"]["interface"], "lo");
    assert_eq!(line["close"]["outcome"], "in-order");
    assert_eq!(line["kernel_rst"], 0);
    assert!(line["handshake"]["rtt_ns"].is_u64());
}

fn is_one_line(finished: &Finished) {
    assert_eq!(
        (finished.code(), &*finished.stderr),
        (0, ""),
        "{finished:?}"
    );
    assert_eq!(finished.stdout.lines().count(), 1, "{finished:?}");
}
