//! What is seen of many targets while they are probed, and what is left when a run is cut short.

mod lab;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use lab::{Namespace, PEER_V4, Pair, in_lab, program, tcpshake, wait_until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpshake");

fn drop_port(peer: &Namespace, port: u16) {
    peer.nft(&format!(
        "table ip t {{ chain c {{ type filter hook input priority 0; tcp dport {port} drop; }}; }}"
    ));
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("many-{name}"))
}

/// Fails unless these are whole lines of JSON.
fn whole_lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|it| panic!("{it}: {line}"));
    text.lines().map(parse).collect()
}

/// The peer holds no connection any more, half open or open.
fn nothing_is_open_on(peer: &Namespace) {
    wait_until("no connection is open on the peer", || {
        let sockets = peer.tcp_sockets();
        sockets.iter().all(|it| it.state == "LISTEN").then_some(())
    });
}

#[test]
fn people_see_a_line_a_target_and_statistics() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let _listener = peer.listen((PEER_V4, 80));
        drop_port(&peer, 82);
        let arguments = ["--end=rst", "-W1s", "--retries=1", "-p80-82", "10.0.0.2"];
        let more = ["peer:81", "[fd00::2]:82", "192.0.2.1:80", "nobody:80"];
        let run = tcpshake(&client, &arguments).args(&more);
        let finished = run.hosts("10.10.0.9 peer\n").run();
        let (lines, statistics) = finished.stdout.split_once("\n\n").unwrap();
        let told: BTreeSet<String> = lines.lines().map(without_time).collect();
        let expected = [
            "10.0.0.2:80           open       *  aborted",
            "10.0.0.2:81           closed     *  reset",
            "10.0.0.2:82           filtered   *  no-response (syn-retransmitted)",
            "peer:81 (10.10.0.9)   closed     *  reset",
            "[fd00::2]:82          closed     *  reset",
        ];
        assert_eq!(told, BTreeSet::from(expected.map(str::to_string)));
        let wide = |line: &&str| line.chars().count() > 80;
        assert_eq!(finished.stdout.lines().find(wide), None);
        assert!(statistics.starts_with("done in "), "{statistics}");
        for told in [
            "\n5 sent, 4 answered, 20% lost\n",
            "\n7 probes: 1 open, 3 closed, 1 filtered, 0 unreachable, 2 not possible\n",
            "\nRTT min ",
        ] {
            assert!(statistics.contains(told), "{statistics}");
        }
        assert!(!statistics.contains("pace: "), "{statistics}");
        // What could not be probed has its sentence there.
        assert_eq!(finished.stderr.lines().count(), 2, "{finished:?}");
        assert_eq!(finished.code(), 6);

        let ladders = tcpshake(&client, &["-v"]).args(&["10.0.0.2:81", "10.10.0.1:81"]);
        let ladders = ladders.run().stdout;
        assert_eq!(ladders.matches("\ntcpshake ").count() + 1, 2, "{ladders}");
    });
}

/// Target and verdict as they stand, the round trip as `*`.
fn without_time(line: &str) -> String {
    let (head, tail) = line.split_at(33);
    let tail = tail.trim_start();
    let rest = tail.split_once(" ms  ").map_or(tail, |(time, rest)| {
        assert!(time.parse::<f64>().is_ok(), "{line}");
        rest
    });
    format!("{head}*  {rest}")
}

#[test]
fn losses_and_the_pace_are_in_the_summary() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        // Every second SYN is lost, whoever sends it.
        peer.nft(
            "table ip t { chain c { type filter hook input priority 0; \
             tcp flags syn numgen inc mod 2 == 1 drop; }; }",
        );
        let targets = ["-W50ms", "-p81-84", "10.10.0.0/25"];
        let finished = tcpshake(&client, &["--json"]).args(&targets).run();
        let summary = finished.json().pop().unwrap();
        assert_eq!(summary["closed"], 512, "{summary:#}");
        let pace = &summary["pace"];
        let loss = pace["loss"].as_f64().unwrap();
        assert!((0.3..1.0).contains(&loss), "{summary:#}");
        assert!(summary["retries"].as_u64() > Some(100), "{summary:#}");
        let slowdowns = pace["slowdowns"].as_u64().unwrap();
        assert_eq!(slowdowns == 0, pace["lowest"].is_null(), "{summary:#}");

        for quiet in [&["-q"][..], &[]] {
            let finished = tcpshake(&client, quiet).args(&targets).run();
            let line = finished.stdout.lines().find(|it| it.starts_with("pace: "));
            let line = line.unwrap_or_else(|| panic!("{finished:?}"));
            assert!(
                line.contains("% of SYNs lost, ") || line.len() > 60,
                "{line}"
            );
        }
    });
}

#[test]
fn only_open_ports_are_shown_and_all_are_counted() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let _listener = peer.listen(([0, 0, 0, 0], 80));
        let file = scratch("open.pcapng");
        let targets = [
            "--open",
            "--end=syn-rst",
            "-p80-81",
            "10.10.0.0/30",
            "nobody",
        ];
        let run = |arguments: &[&str]| {
            let run = tcpshake(&client, arguments).args(&targets).hosts("");
            // What is not shown is in the capture all the same.
            let finished = run.alone().run();
            assert_eq!(finished.code(), 6);
            assert!(finished.stderr.contains("nobody"), "{finished:?}");
            finished
        };
        let json = run(&["--json", "-w", file.to_str().unwrap()]).stdout;
        let mut lines = whole_lines(&json);
        let summary = lines.pop().unwrap();
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line["verdict"] == "open"));
        let counted = ["open", "closed", "errors"].map(|key| summary[key].as_u64());
        assert_eq!(counted, [Some(4), Some(4), Some(2)]);
        // The capture has all.
        let mut explain = Command::new(PROGRAM);
        let explained = explain.args(["explain", "--json"]).arg(&file).output();
        let explained = explained.unwrap();
        let explained = String::from_utf8(explained.stdout).unwrap();
        assert_eq!(whole_lines(&explained).len(), 8);
        fs::remove_file(file).unwrap();

        for (arguments, opens) in [
            (&["-q"][..], 4),
            (&[], 4),
            (&["-v"], 4),
            (&["-c2", "-i0s"], 8),
        ] {
            let text = run(arguments).stdout;
            let shown = |word: &str| {
                let is_line = |line: &&str| !line.contains("probes") && line.contains(word);
                text.lines().filter(is_line).count()
            };
            assert_eq!(shown("open"), opens, "{text}");
            assert_eq!(shown(":81 ") + shown("closed"), 0, "{text}");
            assert!(text.contains(" closed, 0 filtered"), "{text}");
        }
        let one = |target| tcpshake(&client, &["--open", "--end=syn-rst", target]).run();
        let closed = one("10.10.0.1:81");
        assert_eq!((closed.code(), &*closed.stdout), (3, ""));
        let open = one("10.10.0.1:80");
        assert!(
            open.stdout.contains("open, reset by us as asked"),
            "{open:?}"
        );
    });
}

#[test]
fn a_signal_in_the_middle_resets_what_is_open_and_sums_up() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let listener = peer.listen(([0, 0, 0, 0], 80));
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let arguments = ["--json", "--end=hold", "--hold=1h", "--parallel=4"];
            let running = tcpshake(&client, &arguments);
            let running = running.args(&["-p80", "10.10.0.0/28"]).spawn();
            let held: Vec<_> = (0..4).map(|_| listener.accept()).collect();
            running.signal(signal);
            let finished = running.finish();
            drop(held);
            nothing_is_open_on(&peer);
            let mut lines = whole_lines(&finished.stdout);
            let summary = lines.pop().unwrap();
            assert_eq!(
                (&summary["type"], &summary["open"]),
                (&"summary".into(), &4.into())
            );
            assert_eq!(lines.len(), 4);
            assert!(
                lines
                    .iter()
                    .all(|line| line["close"]["outcome"] == "aborted")
            );
            let told = "tcpshake: the end came before 12 targets had their turn\n";
            assert_eq!((finished.code(), &*finished.stderr), (0, told));
        }
    });
}

#[test]
fn the_deadline_in_the_middle_leaves_targets_that_could_not_be_probed() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let _listener = peer.listen(([0, 0, 0, 0], 80));
        let arguments = ["--json", "--deadline=2s", "--end=hold", "--hold=1h"];
        let run = tcpshake(&client, &arguments);
        let finished = run.args(&["--parallel=4", "-p80", "10.10.0.0/28"]).run();
        nothing_is_open_on(&peer);
        let mut lines = whole_lines(&finished.stdout);
        assert_eq!(lines.pop().unwrap()["open"], 4);
        assert_eq!(lines.len(), 4);
        let told = "tcpshake: the deadline came before 12 targets had their turn\n";
        assert_eq!((finished.code(), &*finished.stderr), (6, told));
    });
}

#[test]
fn whoever_closes_the_pipe_in_the_middle_has_read_enough() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let _listener = peer.listen(([0, 0, 0, 0], 80));
        for format in ["--json", "-q", "--color=never"] {
            let mut command = Command::new(PROGRAM);
            command.args([format, "--end=none", "--hold=1h", "-p80-81", "10.10.0.0/20"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = client.spawn(command.stdin(Stdio::null()));
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            for _ in 0..3 {
                let line = lines.next().unwrap().unwrap();
                assert!(line.contains(":81"), "{line}");
            }
            drop(lines);
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), &*told), (Some(0), ""), "{format}");
            nothing_is_open_on(&peer);
        }
    });
}

#[test]
fn a_full_disk_keeps_whole_lines_and_leaves_nothing_open() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let _listener = peer.listen(([0, 0, 0, 0], 80));
        let (text, code, told) = client.run(|| {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            let (none, private) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
            mount(none, "/", none, private, none).unwrap();
            let small = Some("size=64k");
            mount(none, "/mnt", Some("tmpfs"), MsFlags::empty(), small).unwrap();
            let mut command = Command::new(PROGRAM);
            command.args([
                "--json",
                "--end=hold",
                "--hold=1h",
                "-p80-82",
                "10.10.0.0/24",
            ]);
            command.stdout(File::create("/mnt/lines").unwrap());
            let output = command.stderr(Stdio::piped()).stdin(Stdio::null()).output();
            let output = output.unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            let text = fs::read_to_string("/mnt/lines").unwrap();
            (text, output.status.code(), told)
        });
        assert_eq!(code, Some(6), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains("cannot write the report: No space"), "{told}");
        let lines = whole_lines(&text);
        assert!(lines.len() > 20, "{}", lines.len());
        assert!(text.len() > 60_000, "{}", text.len());
        nothing_is_open_on(&peer);
    });
}

#[test]
fn lines_of_a_file_are_whole_after_a_signal() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::with_a_block();
        let file = scratch("signal.json");
        let mut command = Command::new(PROGRAM);
        command.args(["--json", "--rate=max", "-p81-99", "10.10.0.0/16"]);
        command.stdout(File::create(&file).unwrap());
        let child = client.spawn(command.stdin(Stdio::null()).stderr(Stdio::piped()));
        wait_until("there are lines", || {
            (fs::metadata(&file).unwrap().len() > 1 << 20).then_some(())
        });
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
        let output = child.wait_with_output().unwrap();
        let mut lines = whole_lines(&fs::read_to_string(&file).unwrap());
        fs::remove_file(&file).unwrap();
        let summary = lines.pop().unwrap();
        let told = ["sent", "errors"].map(|key| summary[key].as_u64().unwrap());
        assert_eq!(told.iter().sum::<u64>(), lines.len() as u64);
        assert_eq!(summary["kernel_rst"], 0);
        // Those that were under way had no answer yet: one line tells of them all.
        let status = if told[1] > 0 { 6 } else { 0 };
        assert_eq!(output.status.code(), Some(status), "{summary:#}");
        let complaints = String::from_utf8(output.stderr).unwrap();
        assert!(complaints.lines().count() <= 2, "{complaints}");
        assert!(
            complaints.contains(" targets had their turn\n"),
            "{complaints}"
        );
        let unanswered = format!("tcpshake: the end came before {} target", told[1]);
        assert_eq!(
            complaints.contains(&unanswered),
            told[1] > 0,
            "{complaints}"
        );
    });
}

/// What `command` shows on a terminal, and whether there was a bar.
fn on_a_terminal(client: &Namespace, command: &str) -> (String, bool) {
    let script = program(client, "script", &["-qec", command, "/dev/null"]);
    let shown = script.env("TERM", "xterm").run().stdout;
    let has_bar = shown.contains(" in flight, ");
    // Each line as it is when nothing can change it any more.
    let is_over = |line: &str| line.rsplit(['\r', '\u{1b}']).next().map(str::to_string);
    let shown = shown.replace("\r\n", "\n").replace("\u{1b}[2K", "\r");
    let left = shown.lines().filter_map(is_over);
    (left.collect::<Vec<_>>().join("\n"), has_bar)
}

#[test]
fn a_bar_on_a_terminal_leaves_whole_lines_behind() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        drop_port(&peer, 82);
        let run = |command: &str| {
            // Longer than half a second in any case.
            let probe = "-W 400ms --retries 1 --color never -p81-82 10.10.0.0/28 nobody.test";
            on_a_terminal(&client, &format!("{PROGRAM} {probe} {command}"))
        };
        let (shown, has_bar) = run("");
        assert!(has_bar, "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        for host in 0..16 {
            for (port, how) in [(81, "  reset"), (82, "  no-response")] {
                let begin = format!("10.10.0.{host}:{port} ");
                let is_it = |line: &&&str| line.starts_with(&begin) && line.contains(how);
                assert_eq!(lines.iter().filter(is_it).count(), 1, "{begin}{shown}");
            }
        }
        let failed = lines
            .iter()
            .filter(|it| it.starts_with("tcpshake: nobody.test"));
        assert_eq!(failed.count(), 2, "{shown}");
        assert!(!shown.contains("in flight"), "{shown}");

        for (command, expected) in [
            ("-q", false),
            ("| cat", false),
            ("2>/dev/null", false),
            ("--json", true),
            ("> /dev/null", true),
        ] {
            let (shown, has_bar) = run(command);
            assert_eq!(has_bar, expected, "{command}: {shown}");
            if command == "--json" {
                let lines = shown.lines().filter(|it| it.starts_with('{'));
                let lines: Vec<Value> = lines
                    .flat_map(|it| whole_lines(&format!("{it}\n")))
                    .collect();
                assert_eq!(lines.len(), 2 * 17 + 1);
            }
        }
    });
}

#[test]
fn one_target_has_no_bar() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        drop_port(&peer, 82);
        let command = format!("{PROGRAM} -W 900ms --retries 0 10.10.0.1:82");
        let (shown, has_bar) = on_a_terminal(&client, &command);
        assert!(!has_bar, "{shown}");
    });
}
