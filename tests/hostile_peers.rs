//! Peers that misbehave: what we answer, and what we report.
//!
//! Each table is tried in virtual time and, with the same expectations, on a cable between two
//! network namespaces, over IPv4 and IPv6.

mod hostile;
mod lab;

use nix::sys::signal::Signal;
use serde_json::Value;
use tcpshake::session::End;

use hostile::Case;
use hostile::endless::{ENDLESS, FLOODS};
use hostile::tables::*;
use hostile::wire::Stage;
use lab::in_lab;

/// Tells every case that did not come out as expected, in both families.
fn in_virtual_time(cases: &[Case]) {
    let faults = cases.iter().flat_map(|case| {
        [false, true].map(|ipv6| {
            let found = case.in_virtual_time(ipv6).result;
            (found != case.expected()).then(|| fault(case, ipv6, &found))
        })
    });
    tell(faults.flatten().collect());
}

fn on_the_wire(cases: &[Case]) {
    let stage = Stage::new();
    let mut faults = Vec::new();
    for (port, case) in (1000..).zip(cases) {
        for ipv6 in [false, true] {
            let (found, line) = stage.run(case, port, ipv6);
            if found != case.expected() {
                faults.push(format!("{}\n{line}", fault(case, ipv6, &found)));
            }
        }
    }
    tell(faults);
}

fn fault(case: &Case, ipv6: bool, found: &hostile::Result) -> String {
    let family = if ipv6 { 6 } else { 4 };
    let Case { name, peer, .. } = case;
    let expected = case.expected();
    format!("{name} (IPv{family}): {peer}\nexpected {expected:#?}\nfound {found:#?}")
}

fn tell(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Two tests of one table.
macro_rules! tables {
    ($($table:ident: $in_virtual_time:ident, $on_the_wire:ident;)*) => {
        $(
            #[test]
            fn $in_virtual_time() {
                in_virtual_time($table);
            }

            #[test]
            fn $on_the_wire() {
                in_lab(|| on_the_wire($table));
            }
        )*
    };
}

tables! {
    ANSWERS: answers_to_our_syn_in_virtual_time, answers_to_our_syn_on_the_wire;
    SPOILT: spoilt_syn_acks_in_virtual_time, spoilt_syn_acks_on_the_wire;
    OPTIONS: odd_options_in_virtual_time, odd_options_on_the_wire;
    OPEN: odd_segments_in_virtual_time, odd_segments_on_the_wire;
    FINS: odd_fins_in_virtual_time, odd_fins_on_the_wire;
    RESETS: resets_in_virtual_time, resets_on_the_wire;
    ICMP: icmp_errors_in_virtual_time, icmp_errors_on_the_wire;
    ASKED: odd_answers_in_virtual_time, odd_answers_on_the_wire;
}

#[test]
fn a_peer_that_never_stops_holds_up_nothing_but_what_waits_for_it() {
    let mut faults = Vec::new();
    for endless in ENDLESS {
        let case = &endless.case;
        let played = case.interrupted(false, endless.interrupt);
        let mut found = played.result;
        if case.ours.is_empty() {
            found.ours.clear(); // Too long to be written down.
        }
        if found != case.expected() || played.took.as_secs() != endless.takes {
            faults.push(format!(
                "{}took {:?}",
                fault(case, false, &found),
                played.took
            ));
        }
    }
    tell(faults);
}

/// A peer whose every packet is another than it should be, with some bytes of its choice.
fn garbled(seed: u32) -> String {
    let garble = |n| format!("garble {}", seed * 16 + n);
    format!(
        "S => S. 0:9 ack 1 opt 020405b40103030701010402 {}, icmp 0 {}, S. 0 ack 1 {}, S. 0 ack 1;
         . => P. 1:30 ack 1 {}, R 1 {}, . 1 ack 1 fragments {};
         F. => . 1 ack 2 {}, P. 1:10 ack 2 {}, icmp 1 {}, +200ms F. 1 ack 2 {}, F. 1 ack 2",
        garble(0),
        garble(1),
        garble(2),
        garble(3),
        garble(4),
        garble(5),
        garble(6),
        garble(7),
        garble(8),
        garble(9)
    )
}

/// No panic, in time, and a report as the schema has it: what a garbled peer said is anybody's
/// guess.
#[test]
fn garbled_packets_in_virtual_time() {
    for seed in 0..1000 {
        let end = End::ALL[seed as usize % End::ALL.len()];
        let case = Case {
            name: &format!("garbled {seed}, {end}"),
            peer: &garbled(seed),
            args: &format!("-W 1s --end {end}"),
            ours: "",
            report: "",
        };
        let played = case.in_virtual_time(seed % 2 == 1);
        // The SYN, the FIN or its wait, the peer's FIN, and less than a second each for the rest.
        assert!(
            played.took.as_secs() < 4 * 7 + 2,
            "{} took {:?}",
            case.name,
            played.took
        );
    }
}

#[test]
fn garbled_packets_on_the_wire() {
    in_lab(|| {
        let stage = Stage::new();
        for seed in 0..48 {
            let end = End::ALL[seed as usize % End::ALL.len()];
            let case = Case {
                name: &format!("garbled {seed}, {end}"),
                peer: &garbled(seed),
                args: &format!("-W 200ms --retries 0 --hold 50ms --end {end}"),
                ours: "",
                report: "",
            };
            // It ends, its line is as the schema has it, and the kernel has sent nothing.
            let (found, line) = stage.run(&case, 3000 + seed as u16, seed % 2 == 1);
            assert!(found.ours.starts_with("S 0"), "{}: {line}", case.name);
        }
    });
}

#[test]
fn a_flood_is_answered_in_measure_in_virtual_time() {
    in_virtual_time(FLOODS);
}

#[test]
fn a_flood_is_answered_in_measure_on_the_wire() {
    in_lab(|| {
        let stage = Stage::new();
        let mut faults = Vec::new();
        for (port, case) in (2000..).zip(FLOODS) {
            for ipv6 in [false, true] {
                let (mut found, line) = stage.run(case, port, ipv6);
                let mut expected = case.expected();
                let seconds = 1 + line["elapsed_ns"].as_u64().expect("a number") / 1_000_000_000;
                found.ours = uncounted(&found.ours, 1 + 10 * seconds);
                expected.ours = uncounted(&expected.ours, 11);
                if found != expected {
                    faults.push(fault(case, ipv6, &found));
                }
            }
        }
        tell(faults);
    });
}

/// What reached the peer, without how often, but no more often than that.
fn uncounted(ours: &str, most: u64) -> String {
    let kinds = ours.split(", ").map(|run| {
        let (kind, count) = run.split_once(" x").unwrap_or((run, "1"));
        let count: u64 = count.parse().expect("a number");
        assert!(count <= most, "{most} at most: {ours}");
        kind
    });
    kinds.collect::<Vec<_>>().join(", ")
}

/// A byte every few milliseconds, for ever.
const DRIP: Case = Case {
    name: "a drip on the wire",
    peer: "S => S. 0 ack 1; F. => . 1 ack 2, every 5ms P. 1:2 ack 2",
    args: "--end half -W 3s",
    ours: "",
    report: "open syn-ack no-fin 7",
};

#[test]
fn an_endless_drip_ends_with_a_signal_and_a_reset() {
    in_lab(|| {
        let stage = Stage::new();
        for ipv6 in [false, true] {
            let (finished, ours) = stage.run_with(&DRIP, 80, ipv6, |running, player| {
                player.wait_for(50);
                running.signal(Signal::SIGINT);
            });
            let line = finished.json().pop().expect("a line");
            assert_eq!(hostile::summary(&DRIP, &line, finished.code()), DRIP.report);
            check_drip(&ours, &line);
        }
    });
}

#[test]
fn an_endless_drip_ends_with_the_deadline_and_a_reset() {
    in_lab(|| {
        let stage = Stage::new();
        let args = "--end half -W 3s --deadline 500ms";
        let (result, line) = stage.run(&Case { args, ..DRIP }, 80, false);
        assert_eq!(result.report, DRIP.report);
        check_drip(&result.ours, &line);
    });
}

/// Each byte was acknowledged once, and the RST has the number after the last.
fn check_drip(ours: &str, line: &Value) {
    let received = line["data"]["received"].as_u64().expect("a number");
    let rst = ours
        .rsplit(", ")
        .find(|it| it.starts_with("R."))
        .expect("a RST");
    let acknowledged = rst.rsplit(' ').next().expect("its ack");
    let acknowledged: u64 = acknowledged.parse::<u64>().expect("a number") - 1;
    assert!(acknowledged > 1, "{ours}");
    // What comes while we leave is counted, and answered with RST.
    assert!(received >= acknowledged, "{ours} {line}");
    let acks = (1..=acknowledged).map(|n| format!(", . 2 ack {}", n + 1));
    let expected = format!(
        "S 0, . 1 ack 1, F. 1 ack 1{}, {rst}",
        acks.collect::<String>()
    );
    assert!(ours.starts_with(&expected), "{ours}");
}
