//! Many targets: which they are, in which order they come, and what became of each.

mod lab;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use lab::{Finished, PEER_V4, Pair, in_lab, tcpshake};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpshake");

/// A file of targets, for this test alone.
struct List(PathBuf);

impl List {
    fn new(name: &str, text: &str) -> List {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("targets-{name}"));
        fs::write(&path, text).expect("a file of targets");
        List(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // What is left is written over by the next.
        let _ = fs::remove_file(&self.0);
    }
}

/// The lines of probes, and the summary.
fn probes(finished: &Finished) -> Vec<Value> {
    let mut lines = finished.json();
    lines.retain(|line| line["type"] == "probe");
    lines
}

/// Addresses and ports in order of start.
fn in_order(finished: &Finished) -> Vec<String> {
    let mut probes = probes(finished);
    probes.sort_by_key(|probe| probe["seq"].as_u64());
    probes.iter().map(endpoint).collect()
}

fn endpoint(probe: &Value) -> String {
    let target = &probe["target"];
    match target["addr"].as_str() {
        Some(addr) => format!("{addr} {}", target["port"]),
        None => format!(
            "{} {}",
            target["name"].as_str().expect("a name"),
            target["port"]
        ),
    }
}

/// Each of them, and none twice.
fn each_once(finished: &Finished) -> BTreeSet<String> {
    let all = in_order(finished);
    let each: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(each.len(), all.len(), "{all:?}");
    each
}

fn endpoints(addresses: impl IntoIterator<Item = String>, ports: &[u16]) -> BTreeSet<String> {
    let of = |address: String| ports.iter().map(move |port| format!("{address} {port}"));
    addresses.into_iter().flat_map(of).collect()
}

fn block(start: [u8; 4], count: u32) -> impl Iterator<Item = String> {
    let start = u32::from(Ipv4Addr::from(start));
    (start..start + count).map(|address| Ipv4Addr::from(address).to_string())
}

#[test]
fn blocks_lists_and_ranges_are_all_that_they_name() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::with_a_block();
        let arguments = ["--json", "-p", "80,7000-7001", "10.10.0.0/28"];
        let more = ["10.10.1.0/31:82", "10.10.2.1:http,8000-8001", "[fd00::2]:9"];
        let finished = tcpshake(&client, &arguments).args(&more).run();
        let expected = [
            endpoints(block([10, 10, 0, 0], 16), &[80, 7000, 7001]),
            endpoints(block([10, 10, 1, 0], 2), &[82]),
            endpoints(block([10, 10, 2, 1], 1), &[80, 8000, 8001]),
            endpoints(["fd00::2".to_string()], &[9]),
        ];
        let expected: BTreeSet<String> = expected.into_iter().flatten().collect();
        assert_eq!(each_once(&finished), expected);
        assert_eq!((finished.code(), &*finished.stderr), (0, ""));
        let summary = finished.json().pop().unwrap();
        assert_eq!(summary["sent"], expected.len());
        assert_eq!(summary["closed"], expected.len());
    });
}

#[test]
fn a_file_and_standard_input_hold_a_target_a_line() {
    const LINES: &str = "# what we look after\n\n10.10.0.0/30   # a block\n  10.10.1.1:81,82\r\n\
                         [fd00::2]:83\n10.10.0.1\n10.10.1.2";
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::with_a_block();
        let expected = [
            endpoints(block([10, 10, 0, 0], 4), &[80]),
            endpoints(["10.10.1.1".to_string()], &[81, 82]),
            endpoints(["fd00::2".to_string()], &[83]),
            endpoints(["10.10.1.2".to_string()], &[80]),
            endpoints(["10.10.3.3".to_string()], &[99]),
        ];
        let expected: BTreeSet<String> = expected.into_iter().flatten().collect();
        let list = List::new("file", LINES);
        for file in [list.path(), "-"] {
            let arguments = ["--json", "-p80", "--targets", file, "10.10.3.3:99"];
            let input = if file == "-" { LINES } else { "" };
            let finished = tcpshake(&client, &arguments).input(input.as_bytes()).run();
            assert_eq!(each_once(&finished), expected, "{file}");
            assert_eq!((finished.code(), &*finished.stderr), (0, ""));
        }
    });
}

#[test]
fn a_mistake_in_a_file_stops_the_run_and_one_in_a_stream_does_not() {
    const LINES: &str = "10.10.0.1:81\n10.10.0.2:http:81\n10.10.0.3:81\n";
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::with_a_block();
        let list = List::new("mistake", LINES);
        let finished = tcpshake(&client, &["--json", "--targets", list.path()]).run();
        assert_eq!((finished.code(), &*finished.stdout), (2, ""));
        assert!(finished.stderr.contains(", line 2: "), "{finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1);

        let stream = tcpshake(&client, &["--json", "--targets=-"]);
        let finished = stream.input(LINES.as_bytes()).run();
        let addresses = ["10.10.0.1", "10.10.0.3"].map(str::to_string);
        assert_eq!(each_once(&finished), endpoints(addresses, &[81]));
        assert!(finished.stderr.contains(", line 2: "), "{finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1);
        // It may have been meant as a target.
        assert_eq!(finished.code(), 6);
        assert_eq!(finished.json().pop().unwrap()["errors"], 1);
    });
}

#[test]
fn what_is_excluded_is_never_probed_whatever_names_it() {
    const HOSTS: &str = "10.10.0.1 one\n10.10.0.2 two\n10.10.0.3 three\n";
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let list = List::new("named", "10.10.0.1:81\none:81\n10.10.0.0/29:81-82\n");
        let not = List::new("excluded", "# not these\n10.10.0.4/31\n10.10.0.6:82\n");
        let capture = peer.capture("srv0", "tcp");
        let excluded = ["--exclude", "10.10.0.1", "--exclude", "two"];
        let finished = tcpshake(&client, &["--json", "--targets", list.path()])
            .args(&excluded)
            .args(&["--exclude-file", not.path()])
            .args(&["-p81", "one", "two", "three", "10.10.0.2"])
            .hosts(HOSTS)
            .run();
        assert_eq!(finished.code(), 0, "{finished:?}");
        let left = [0, 3, 6, 7].map(|host| format!("10.10.0.{host}"));
        let mut expected = endpoints(left, &[81, 82]);
        expected.remove("10.10.0.6 82");
        assert_eq!(each_once(&finished), expected);
        let seen = capture.stop().segments().into_iter().map(|(_, it)| it);
        let seen = seen.filter(|it| it.flags == lab::Segment::SYN);
        let seen = seen.map(|it| format!("{} {}", it.destination.ip(), it.destination.port()));
        assert_eq!(seen.collect::<BTreeSet<_>>(), expected);
    });
}

#[test]
fn where_nothing_is_left_to_probe_it_is_said() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::with_a_block();
        let excluded: &[&str] = &["10.10.0.0/30:81", "--exclude", "10.10.0.0/24"];
        let by_name: &[&str] = &["one:81", "--exclude", "10.10.0.1"];
        for arguments in [excluded, by_name, &["--targets=-"]] {
            let run = tcpshake(&client, arguments).args(&["--json"]);
            let finished = run.hosts("10.10.0.1 one\n").run();
            assert_eq!(
                (finished.code(), &*finished.stdout),
                (2, ""),
                "{arguments:?}"
            );
            let told = finished.stderr.starts_with("tcpshake: nothing to probe");
            assert!(told, "{finished:?}");
            assert_eq!(finished.stderr.lines().count(), 1);
        }
        // A part may well be empty.
        let arguments = ["--json", "--shard=3/3", "10.10.0.0/31:81"];
        let finished = tcpshake(&client, &arguments).run();
        assert_eq!(
            (finished.code(), &*finished.stdout, &*finished.stderr),
            (0, "", "")
        );
    });
}

#[test]
fn shards_are_disjoint_and_together_the_whole() {
    const HOSTS: &str = "10.10.2.1 one\n10.10.2.2 two\n";
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::with_a_block();
        let targets = ["-p81-83", "10.10.0.0/27", "one", "none", "--targets=-"];
        let run = |shard: &str| {
            let arguments = [
                "--json",
                "--exclude=10.10.0.5:82",
                "--seed=7",
                "--shard",
                shard,
            ];
            let run = tcpshake(&client, &arguments).args(&targets);
            each_once(&run.hosts(HOSTS).input(b"10.10.1.7\ntwo\n10.10.0.1\n").run())
        };
        let whole = run("1/1");
        assert_eq!(whole.len(), 3 * 36 - 1);
        for n in [2, 5] {
            let parts: Vec<_> = (1..=n).map(|k| run(&format!("{k}/{n}"))).collect();
            let sizes: Vec<usize> = parts.iter().map(BTreeSet::len).collect();
            assert_eq!(sizes.iter().sum::<usize>(), whole.len(), "{sizes:?}");
            let union: BTreeSet<String> = parts.into_iter().flatten().collect();
            assert_eq!(union, whole);
            // Addresses and names are dealt out by themselves.
            let even = whole.len() / n - 1..=whole.len() / n + 2;
            assert!(sizes.iter().all(|size| even.contains(size)), "{sizes:?}");
        }
    });
}

#[test]
fn the_seed_decides_on_the_order() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::with_a_block();
        let order = |arguments: &[&str]| {
            let block = ["--json", "-p81-84", "10.10.0.0/28"];
            in_order(&tcpshake(&client, &block).args(arguments).run())
        };
        let first = order(&[]);
        assert_eq!(order(&["--seed=0"]), first);
        let other = order(&["--seed=1"]);
        assert_ne!(other, first);
        let set = |order: &[String]| order.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(set(&other), set(&first));
        // No host gets its ports in a row.
        let hosts = first.iter().map(|it| it.split_once(' ').unwrap().0);
        let hosts: Vec<&str> = hosts.collect();
        assert!(
            hosts
                .windows(4)
                .all(|four| four.iter().any(|it| it != &four[0]))
        );
    });
}

#[test]
fn an_endpoint_is_probed_once_under_its_first_words() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let _listener = peer.listen((PEER_V4, 80));
        let words = [
            "10.0.0.2:http",
            "10.0.0.2/32:80",
            "10.0.0.2",
            "peer",
            "PEER:80",
        ];
        let finished = tcpshake(&client, &["--json", "--end=rst", "-p80", "10.10.0.1"])
            .args(&words)
            .hosts("10.0.0.2 peer\n")
            .run();
        assert_eq!(finished.code(), 0);
        let mut told = probes(&finished);
        assert_eq!(told.len(), 2);
        told.retain(|probe| probe["target"]["addr"] == "10.0.0.2");
        assert_eq!(told[0]["target"]["input"], "10.0.0.2:http");
        assert_eq!(told[0]["verdict"], "open");
    });
}

#[test]
fn a_name_that_is_not_found_is_a_result_and_the_run_goes_on() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let _listener = peer.listen((PEER_V4, 80));
        let arguments = ["--json", "--end=rst", "-p80-81", "nobody.test", "peer"];
        let run = tcpshake(&client, &arguments).args(&["10.10.0.0/29", "nowhere.test:82"]);
        let finished = run.hosts("10.0.0.2 peer\n").run();
        assert_eq!(finished.code(), 6);
        let (failed, probed): (Vec<Value>, Vec<Value>) = probes(&finished)
            .into_iter()
            .partition(|probe| probe["verdict"].is_null());
        assert_eq!(probed.len(), 2 + 16);
        let words: BTreeSet<&str> = failed
            .iter()
            .map(|it| it["target"]["input"].as_str().unwrap())
            .collect();
        let expected = ["nobody.test:80", "nobody.test:81", "nowhere.test:82"];
        assert_eq!(words, BTreeSet::from(expected));
        for probe in &failed {
            assert_eq!(probe["reason"], "name-not-found");
            assert_eq!(probe["target"]["addr"], Value::Null);
        }
        let summary = finished.json().pop().unwrap();
        assert_eq!(
            (&summary["sent"], &summary["errors"]),
            (&18.into(), &3.into())
        );
        assert!(finished.stderr.contains("nobody.test"), "{finished:?}");
        assert!(finished.stderr.contains("nowhere.test"), "{finished:?}");
    });
}

#[test]
fn a_name_server_that_does_not_answer_holds_up_no_target() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        peer.nft(
            "table ip t { chain c { type filter hook input priority 0; udp dport 53 drop; }; }",
        );
        let arguments = ["--json", "-p81", "slow.test", "10.10.0.0/28", "known"];
        let run = tcpshake(&client, &arguments).hosts("10.10.1.1 known\n");
        let finished = run.nameserver("10.0.0.2").run();
        let probes = probes(&finished);
        let (slow, others) = probes.split_last().unwrap();
        assert_eq!(slow["target"]["input"], "slow.test:81");
        assert_eq!(slow["reason"], "name-not-found");
        assert_eq!(others.len(), 17);
        assert!(others.iter().all(|probe| probe["verdict"] == "closed"));
        assert_eq!(finished.code(), 6);

        // Nor the end.
        let arguments = [
            "--json",
            "-p81",
            "--deadline=300ms",
            "slow.test",
            "10.10.0.1",
        ];
        let run = tcpshake(&client, &arguments).hosts("");
        let finished = run.nameserver("10.0.0.2").run();
        let told = "tcpshake: the deadline came before 1 target had its turn\n";
        assert_eq!((finished.code(), &*finished.stderr), (6, told));
    });
}

#[test]
fn of_a_name_the_first_address_is_probed_or_all_of_them() {
    const HOSTS: &str = "10.10.0.1 many\n10.10.0.2 many\n10.10.0.3 many\n";
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::with_a_block();
        let run = |arguments: &[&str]| {
            let run = tcpshake(&client, &["--json", "-p81,82", "many"]);
            each_once(&run.args(arguments).hosts(HOSTS).run())
        };
        let first = block([10, 10, 0, 1], 1);
        assert_eq!(run(&[]), endpoints(first, &[81, 82]));
        let all = block([10, 10, 0, 1], 3);
        assert_eq!(run(&["--all-addresses"]), endpoints(all, &[81, 82]));
        let but_one = ["10.10.0.1", "10.10.0.3"].map(str::to_string);
        let excluded = ["--all-addresses", "--exclude=10.10.0.2"];
        assert_eq!(run(&excluded), endpoints(but_one, &[81, 82]));
    });
}

#[test]
fn several_targets_succeed_when_each_has_a_verdict() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let _listener = peer.listen((PEER_V4, 80));
        peer.nft(
            "table ip t { chain c { type filter hook input priority 0; tcp dport 82 drop; \
             tcp dport 83 reject with icmp type host-unreachable; }; }",
        );
        let all: &[&str] = &["10.0.0.2:80-83"];
        for (arguments, status) in [
            (all, 0),
            (&["10.0.0.2:82,83"], 0),
            (&["10.0.0.2:80", "192.0.2.1:80"], 6),
            (&["192.0.2.1:80", "192.0.2.2:80"], 6),
            (
                &["10.0.0.2:81", "10.10.0.1:81", "--expect=verdict=closed"],
                0,
            ),
            (&["10.0.0.2:80-81", "--expect=verdict=closed"], 1),
            (&["10.0.0.2:80-81", "--expect=sent=2"], 0),
            (&["10.0.0.2:80-81", "--expect=sent=3"], 1),
        ] {
            let run = tcpshake(&client, &["-q", "--end=rst", "-W300ms", "--retries=1"]);
            let finished = run.args(arguments).run();
            assert_eq!(finished.code(), status, "{finished:?}");
        }
    });
}

#[test]
fn a_target_of_a_live_stream_is_probed_before_the_stream_ends() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_a_block();
        let _listener = peer.listen((PEER_V4, 80));
        let mut command = Command::new(PROGRAM);
        command.args(["--json", "--end=rst", "--targets=-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = client.spawn(&mut command);
        let mut stream = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for target in ["10.0.0.2:80", "10.10.0.1:81", "10.10.0.2:81"] {
            writeln!(stream, "{target}").unwrap();
            let line = lines.next().unwrap().unwrap();
            let probe: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(probe["target"]["input"], target);
        }
        drop(stream);
        let summary: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(summary["sent"], 3);
        assert!(child.wait().unwrap().success());
        assert!(lines.next().is_none());
    });
}
