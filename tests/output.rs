//! What people see: ladders, colours, pipes, and the word for each of several targets.

mod lab;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::json;

use lab::{Finished, Listener, Namespace, Pair, in_lab, program, tcpshake};

const ENDS: [&str; 5] = ["fin", "rst", "syn-rst", "hold", "none"];
const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpshake");
const ESCAPE: char = '\x1b';

#[test]
fn a_ladder_fits_80_columns_with_and_without_unicode() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        for address in ["10.0.0.2:80", "[fd00::2]:80"] {
            let listener = peer.listen(address.parse::<SocketAddr>().unwrap());
            for end in ENDS {
                for (locale, unicode) in [("C.UTF-8", true), ("C", false), ("POSIX", false)] {
                    let ladder = ladder(&client, &listener, end, locale);
                    assert!(
                        ladder.lines().all(|line| line.chars().count() <= 80),
                        "{ladder}"
                    );
                    assert_eq!(ladder.is_ascii(), !unicode, "{ladder}");
                    assert!(!ladder.contains(ESCAPE), "{ladder}");
                    let arrow = if unicode { "────▶" } else { "---->" };
                    assert!(ladder.contains(arrow), "{ladder}");
                }
            }
        }
    });
}

#[test]
fn a_ladder_tells_the_story_and_the_verdict() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen("10.0.0.2:80".parse::<SocketAddr>().unwrap());
        let ladder = ladder(&client, &listener, "fin", "C");
        let lines: Vec<&str> = ladder.lines().collect();
        assert!(
            lines[0].starts_with("tcpshake 10.0.0.2:80 from 10.0.0.1:"),
            "{ladder}"
        );
        assert!(lines[0].contains(" on cli0, guard "), "{ladder}");
        for word in [
            "SYN-SENT",
            "ESTABLISHED",
            "FIN-WAIT-1",
            "TIME-WAIT",
            "SYN-RECEIVED",
            "SYN-RCVD|ESTAB",
            "LAST-ACK",
            "open, closed in order. RTT ",
            "peer: mss 1460",
            "note: TIME-WAIT",
        ] {
            assert!(ladder.contains(word), "{word:?} is not in\n{ladder}");
        }
    });
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        let into_a_pipe = |arguments: &[&str]| {
            let finished = tcpshake(&client, &["10.0.0.2:81"]).args(arguments).run();
            assert_eq!(finished.code(), 3);
            finished.stdout.contains(ESCAPE)
        };
        assert!(!into_a_pipe(&[]));
        assert!(!into_a_pipe(&["--color=auto"]));
        assert!(into_a_pipe(&["--color=always"]));
        assert!(into_a_pipe(&["--color=always", "-q"]));
        assert!(!into_a_pipe(&["--color=never"]));
        assert!(!into_a_pipe(&["--color=always", "--json"]));

        let onto_a_terminal = |option: &str, name: &str, value: &str| {
            let line = format!("{PROGRAM} {option} 10.0.0.2:81");
            let script = program(&client, "script", &["-qec", &line, "/dev/null"]);
            let finished = script.env("TERM", "xterm").env(name, value).run();
            assert!(finished.stdout.contains("closed"), "{finished:?}");
            finished.stdout.contains(ESCAPE)
        };
        assert!(onto_a_terminal("", "NO_COLOR", ""));
        assert!(!onto_a_terminal("", "NO_COLOR", "1"));
        assert!(!onto_a_terminal("", "TERM", "dumb"));
        assert!(!onto_a_terminal("--color=never", "NO_COLOR", ""));
        assert!(onto_a_terminal("--color=always", "NO_COLOR", "1"));
        assert!(!onto_a_terminal("--json", "NO_COLOR", ""));
    });
}

#[test]
fn quiet_is_one_line() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen("10.0.0.2:80".parse::<SocketAddr>().unwrap());
        for (target, end, words) in [
            ("10.0.0.2:80", "rst", "open, reset by us as asked. RTT "),
            (
                "10.0.0.2:81",
                "fin",
                "closed: the peer refused with RST. RTT ",
            ),
        ] {
            for option in ["-q", "--quiet"] {
                let finished = tcpshake(&client, &[option, "--end", end, target]).run();
                assert_eq!(finished.stdout.lines().count(), 1, "{finished:?}");
                let expected = format!("{target} {words}");
                assert!(finished.stdout.starts_with(&expected), "{finished:?}");
                assert_eq!(finished.stderr, "");
            }
        }
    });
}

#[test]
fn whoever_closes_the_pipe_has_read_enough() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen("10.0.0.2:80".parse::<SocketAddr>().unwrap());
        for arguments in [
            &["--end=rst", "10.0.0.2:80"][..],
            &["--end=rst", "--json", "10.0.0.2:80"],
            &["--end=rst", "-q", "10.0.0.2:80"],
            &["--end=rst", "10.0.0.2:80", "10.0.0.2:81"],
            &["10.0.0.2:81"],
            &["--help"],
            &["--version"],
            &["completions", "bash"],
            &["demo"],
            &["demo", "--json"],
        ] {
            let (reader, writer) = io::pipe().unwrap();
            drop(reader);
            let finished = write_to(&client, arguments, writer.into());
            assert_eq!(
                (finished.code(), &*finished.stderr),
                (0, ""),
                "{arguments:?}"
            );
        }
    });
}

#[test]
fn a_report_that_cannot_be_written_is_a_failure() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        for arguments in [&["10.0.0.2:81"][..], &["--json", "10.0.0.2:81"]] {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let finished = write_to(&client, arguments, full.into());
            assert_eq!(finished.code(), 6, "{finished:?}");
            assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
            assert!(
                finished.stderr.contains("cannot write the report"),
                "{finished:?}"
            );
        }
    });
}

#[test]
fn several_targets_end_with_a_summary() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen("10.0.0.2:80".parse::<SocketAddr>().unwrap());
        let probed = ["--end=rst", "10.0.0.2:80-81", "[fd00::2]:80"];
        for (more, status, counts) in [
            (&[][..], 0, [3, 1, 2, 0]),
            (&["192.0.2.1:80"], 6, [3, 1, 2, 1]),
        ] {
            let finished = tcpshake(&client, &["--json"])
                .args(&probed)
                .args(more)
                .run();
            let lines = finished.json();
            let (summary, probes) = lines.split_last().unwrap();
            assert_eq!(finished.code(), status);
            // They are counted as they start, and told as they are decided.
            let seqs: BTreeSet<u64> = probes.iter().filter_map(|it| it["seq"].as_u64()).collect();
            assert!(seqs.into_iter().eq(0..probes.len() as u64), "{probes:#?}");
            assert!(probes.iter().all(|probe| probe["segments"].is_null()));
            assert_eq!(summary["type"], "summary");
            assert!(summary["target"].is_null());
            let counted = ["sent", "open", "closed", "errors"].map(|key| summary[key].clone());
            assert_eq!(counted, counts.map(serde_json::Value::from), "{summary:#}");
            assert_eq!(summary["answered"], 3);
            assert_eq!(summary["lost"], 0);
            assert_eq!(summary["kernel_rst"], 0);
            let pace = json!({"rate": 1000.0, "lowest": null, "slowdowns": 0, "loss": 0.0});
            assert_eq!(summary["pace"], pace);

            let quiet = tcpshake(&client, &["-q"]).args(&probed).args(more).run();
            let [_, open, closed, errors] = counts;
            let told = format!(
                "{} probes: {open} open, {closed} closed, 0 filtered, 0 unreachable, \
                 {errors} not possible\n",
                open + closed + errors
            );
            assert!(quiet.stdout.contains(&told), "{quiet:?}");
            assert_eq!(quiet.code(), status);
            assert_eq!(quiet.stderr.lines().count(), more.len());
        }
    });
}

#[test]
fn the_deadline_ends_the_whole_run() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen("10.0.0.2:80".parse::<SocketAddr>().unwrap());
        peer.nft(
            "table ip t { chain c { type filter hook input priority 0; tcp dport 81 drop; }; }",
        );
        let run = |arguments: &[&str]| {
            let finished = tcpshake(&client, &["--json", "--deadline=400ms"])
                .args(arguments)
                .run();
            let line = finished.json().remove(0);
            let elapsed = line["elapsed_ns"].as_u64().unwrap();
            // From the SYN, which leaves a moment after the beginning, and the first wait of the
            // default schedule is a second.
            assert!((100_000_000..900_000_000).contains(&elapsed), "{line:#}");
            (line, finished.code())
        };
        let (silent, status) = run(&["10.0.0.2:81"]);
        assert_eq!(silent["verdict"], "filtered");
        assert_eq!(silent["reason"], "no-response");
        assert_eq!(status, 4);

        let (held, status) = run(&["--end=hold", "--hold=1m", "10.0.0.2:80"]);
        assert_eq!(held["verdict"], "open");
        assert_eq!(held["close"]["outcome"], "aborted");
        assert_eq!(status, 0);
    });
}

#[test]
fn help_version_and_completions_are_printed() {
    in_lab(|| {
        let host = Namespace::new();
        for (arguments, told) in [
            (&["--help"][..], "Usage: tcpshake"),
            (&["-h"], "Usage: tcpshake"),
            (&["demo", "--help"], "Usage: tcpshake demo"),
            (
                &["--version"],
                concat!("tcpshake ", env!("CARGO_PKG_VERSION")),
            ),
            (&["-V"], "tcpshake "),
            (&["completions", "bash"], "_tcpshake()"),
            (&["completions", "zsh"], "#compdef tcpshake"),
            (&["completions", "fish"], "complete -c tcpshake"),
        ] {
            // No privilege is asked for what needs none.
            let finished = tcpshake(&host, arguments).with_only(&[]).run();
            assert_eq!(
                (finished.code(), &*finished.stderr),
                (0, ""),
                "{arguments:?}"
            );
            assert!(finished.stdout.contains(told), "{finished:?}");
            assert!(!finished.stdout.contains(ESCAPE));
        }
    });
}

fn ladder(client: &Namespace, listener: &Listener, end: &str, locale: &str) -> String {
    let target = listener.address().to_string();
    let arguments = ["--end", end, "--hold=10ms", &target];
    let finished = thread::scope(|scope| {
        scope.spawn(|| {
            if ["fin", "hold"].contains(&end) {
                listener.accept().read_to_end();
            } else if end == "rst" {
                // What was reset before it was accepted is no business of the next.
                listener.accept().close();
            }
        });
        tcpshake(client, &arguments).env("LC_ALL", locale).run()
    });
    assert_eq!((finished.code(), &*finished.stderr), (0, ""));
    finished.stdout
}

fn write_to(host: &Namespace, arguments: &[&str], stdout: Stdio) -> Finished {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null()).stdout(stdout);
    let child = host.spawn(command.stderr(Stdio::piped()));
    let output = child.wait_with_output().expect("its output");
    Finished {
        status: output.status,
        stdout: String::new(),
        stderr: String::from_utf8(output.stderr).expect("text"),
        wall: Default::default(),
    }
}
