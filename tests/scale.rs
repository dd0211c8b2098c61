//! Tens of thousands of targets at full speed, each told once and rightly, and nothing of it is left
//! behind.

mod lab;
mod scale_path;
mod stage;

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use lab::{Namespace, Segment, in_lab, tcpshake, wait_until};
use scale_path::outcome::Outcome;
use scale_path::{Crowd, server, width};
use stage::counter;

const ENDS: [&str; 8] = [
    "fin",
    "rst",
    "syn-rst",
    "passive",
    "half",
    "simultaneous",
    "hold",
    "none",
];

/// The whole /16 takes a debug build too long for each run of the suite.
fn network() -> (&'static str, usize) {
    width(("10.10.64.0/18", 1 << 14), ("10.10.0.0/16", 1 << 16))
}

#[test]
fn every_target_is_opened_and_closed_in_order() {
    in_lab(|| {
        let crowd = Crowd::open();
        let (network, targets) = network();
        let finished = crowd.at_full_speed(&["-p", "80", network]).run();
        let outcome = Outcome::of(&finished, targets);
        assert_eq!(outcome.code, 0);
        outcome.all_are("open in-order");
    });
}

#[test]
fn every_target_is_found_by_half_open_probes() {
    in_lab(|| {
        let crowd = Crowd::open();
        let (network, targets) = network();
        let probe = crowd.at_full_speed(&["--end", "syn-rst", "-p", "80", network]);
        let outcome = Outcome::of(&probe.run(), targets);
        outcome.all_are("open aborted");
        assert_eq!(crowd.peer.half_open(), []);
    });
}

#[test]
fn whatever_the_end_no_peer_holds_anything() {
    in_lab(|| {
        let crowd = Crowd::open();
        for end in ENDS {
            let ask = ["--end", end, "--hold", "50ms", "-W", "200ms"];
            let ask = crowd.at_full_speed(&ask).args(&["--retries", "1"]);
            let outcome = Outcome::of(&ask.args(&["-p", "80", "10.10.0.0/22"]).run(), 1024);
            outcome.verdicts_are(|_| "open");
            assert_eq!(crowd.peer.half_open(), [], "{end}");
            wait_until("the peers have closed", || {
                crowd.has_nothing_left().then_some(())
            });
        }
    });
}

#[test]
fn the_few_open_ports_of_a_host_are_told_from_all_the_others() {
    in_lab(|| {
        const OPEN: [u16; 4] = [1, 80, 32_768, 65_535];
        let crowd = Crowd::new();
        for port in OPEN {
            server::serve(&crowd.peer, port);
        }
        let ports = width("1-8192,32768,57344-65535", "1-65535");
        let count = width(8192 + 1 + 8192, 65_535);
        let finished = crowd.at_full_speed(&["-p", ports, "10.10.3.4"]).run();
        let is_open = |port| port == 7 || OPEN.contains(&port);
        Outcome::of(&finished, count).verdicts_are(|target| match target.port() {
            port if is_open(port) => "open",
            _ => "closed",
        });
    });
}

/// The kernel's RSTs have neither an identification nor a window.
#[test]
fn no_rst_on_the_far_side_is_the_kernels() {
    in_lab(|| {
        let crowd = Crowd::open();
        let before = crowd.client.ruleset();
        for end in ["fin", "rst", "syn-rst", "none"] {
            let filter = "tcp[tcpflags] & tcp-rst != 0 and src host 10.0.0.1";
            let capture = crowd.peer.capture("srv0", filter);
            let ask = crowd.at_full_speed(&["--end", end, "--hold", "50ms"]);
            let finished = ask.args(&["-p", "80-81", "10.10.0.0/22"]).run();
            Outcome::of(&finished, 2048).verdicts_are(|target| match target.port() {
                80 => "open",
                _ => "closed",
            });
            for packet in capture.stop().packets {
                let identification = [packet.bytes[4], packet.bytes[5]];
                let segment = Segment::parse(&packet.bytes).expect("a segment");
                assert_ne!(identification, [0, 0], "--end {end}: {segment:?}");
            }
        }
        assert_eq!(crowd.client.ruleset(), before);
    });
}

#[test]
fn what_our_own_queue_loses_changes_no_verdict() {
    in_lab(|| {
        let crowd = Crowd::open();
        let ask = ["--end", "syn-rst", "--parallel", "20000", "-p", "80,81"];
        let probe = crowd.at_full_speed(&ask).args(&["10.10.0.0/19"]);
        let running = probe.with_only(&["net_raw"]).spawn();
        stop_for(&crowd, &running, Duration::from_secs(1));
        let outcome = Outcome::of(&running.finish(), 1 << 14);
        outcome.verdicts_are(|target| match target.port() {
            80 => "open",
            _ => "closed",
        });
    });
}

#[test]
fn a_pause_in_the_middle_changes_no_verdict() {
    in_lab(|| {
        let crowd = Crowd::open();
        for ask in [&["--end", "fin"][..], &["-W", "300ms", "--retries", "0"]] {
            let probe = crowd.at_full_speed(ask).args(&["-p", "80,81"]);
            let running = probe.args(&["10.10.0.0/19"]).spawn();
            stop_for(&crowd, &running, Duration::from_secs(2));
            Outcome::of(&running.finish(), 1 << 14).verdicts_are(|target| match target.port() {
                80 => "open",
                _ => "closed",
            });
        }
    });
}

/// In the middle: the peer has heard of a part of the targets.
fn stop_for(crowd: &Crowd, running: &lab::Running, time: Duration) {
    let heard = || counter(&crowd.peer, "Tcp", "InSegs");
    let before = heard();
    wait_until("the run is under way", || {
        (heard() > before + 2000).then_some(())
    });
    running.signal(Signal::SIGSTOP);
    thread::sleep(time);
    running.signal(Signal::SIGCONT);
}

/// What `explain` tells of the capture is held to the report by the lab.
#[test]
fn the_capture_of_many_explains_each() {
    in_lab(|| {
        let crowd = Crowd::open();
        let ask = ["--json", "--rate", "max", "-p", "80,81", "10.10.0.0/24"];
        let finished = tcpshake(&crowd.client, &ask).run();
        assert_eq!(Outcome::of(&finished, 512).code, 0);
    });
}

#[test]
fn each_of_several_targets_is_probed_as_often_as_asked() {
    in_lab(|| {
        let crowd = Crowd::open();
        let ask = ["--json", "-c", "3", "-i", "100ms", "-p", "80"];
        let finished = tcpshake(&crowd.client, &ask).args(&["10.10.0.0/26"]).run();
        let lines = finished.json();
        let of_type = |kind| lines.iter().filter(move |line| line["type"] == kind);
        assert_eq!(of_type("probe").count(), 3 * 64);
        for probe in of_type("probe") {
            assert_eq!(probe["close"]["outcome"], "in-order", "{probe:#}");
        }
        let sent: Vec<u64> = of_type("summary")
            .filter_map(|it| it["sent"].as_u64())
            .collect();
        assert_eq!(sent, [[3; 64].as_slice(), &[3 * 64]].concat());
    });
}

#[test]
fn an_interrupted_run_resets_what_is_open_and_tells_all_it_began() {
    in_lab(|| {
        let crowd = Crowd::open();
        let ask = ["--json", "--rate", "max", "--end", "hold", "--hold", "1m"];
        let probe = tcpshake(&crowd.client, &ask).args(&["-p", "80", "10.10.0.0/16"]);
        let running = probe.alone().spawn();
        wait_until("a thousand connections are open", || {
            (established(&crowd.peer).len() >= 1000).then_some(())
        });
        running.signal(Signal::SIGINT);
        let finished = running.finish();
        let outcome = Outcome::so_far(&finished);
        assert_eq!(outcome.lines.len(), 1000);
        outcome.all_are("open aborted");
        let note = "tcpshake: the end came before 64536 targets had their turn\n";
        assert!(finished.stderr.ends_with(note), "{}", finished.stderr);
        wait_until("the peers have nothing open", || {
            crowd.has_nothing_left().then_some(())
        });
    });
}

fn established(peer: &Namespace) -> Vec<SocketAddr> {
    let sockets = peer.tcp_sockets().into_iter();
    let open = sockets.filter(|socket| socket.state == "ESTABLISHED");
    open.map(|socket| socket.local).collect()
}
