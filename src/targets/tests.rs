//! The feed as a whole, over files and pipes, with a resolver of its own.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{PipeWriter, Write, pipe};
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use nix::poll::{PollFd, PollFlags, poll};

use super::{Family, Feed, Found, Next, Resolver, Target, WINDOW};
use crate::cli;
use crate::plan::Problem;

/// `one` and `twin` are the same host, `three` has three addresses; all others are not known.
fn book(name: &str, _: Family) -> Found {
    let address = |last: u8| ([192, 0, 2, last], 0).into();
    match name {
        "one" | "twin" => Ok(vec![address(1)]),
        "three" => Ok(vec![address(3), address(4), address(5)]),
        "blocked" => Ok(vec![([0, 0, 0, 0], 0).into()]),
        _ => Err(Problem::target(
            "name-not-found",
            format!("{name}: not in the book"),
        )),
    }
}

fn open_with(arguments: &[&str], resolver: Arc<Resolver>) -> Result<Feed, Problem> {
    let all = ["tcpshake"].iter().chain(arguments).map(OsString::from);
    Feed::with(&cli::parse(all).expect("arguments").probe, resolver)
}

fn open(arguments: &[&str]) -> Feed {
    open_with(arguments, Arc::new(book)).unwrap_or_else(|problem| panic!("{problem}"))
}

fn refusal(arguments: &[&str]) -> Problem {
    open_with(arguments, Arc::new(book))
        .err()
        .expect("a mistake")
}

/// Waits for the descriptor of the feed.
fn await_bell(feed: &Feed) {
    let mut fds = [PollFd::new(feed.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut fds, 20_000u16), Ok(1), "the bell rings in time");
}

/// What comes next, waiting for it.
fn next(feed: &mut Feed) -> Next {
    loop {
        match feed.poll() {
            Next::Wait => await_bell(feed),
            other => return other,
        }
    }
}

fn target(feed: &mut Feed) -> Target {
    match next(feed) {
        Next::Target(target) => target,
        other => panic!("{other:?}"),
    }
}

fn rest(feed: &mut Feed) -> Vec<Target> {
    let mut targets = Vec::new();
    loop {
        match next(feed) {
            Next::Target(target) => targets.push(target),
            Next::End => return targets,
            other => panic!("{other:?}"),
        }
    }
}

fn all(arguments: &[&str]) -> Vec<Target> {
    let mut feed = open(arguments);
    let targets = rest(&mut feed);
    assert_eq!(feed.total(), Some(targets.len() as u64));
    assert_eq!(feed.poll(), Next::End);
    targets
}

fn inputs(targets: &[Target]) -> BTreeSet<String> {
    let inputs: BTreeSet<String> = targets.iter().map(Target::input).collect();
    assert_eq!(inputs.len(), targets.len(), "each once");
    inputs
}

fn words<const N: usize>(words: [&str; N]) -> BTreeSet<String> {
    words.iter().map(ToString::to_string).collect()
}

/// A file that is gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(text: &str) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tcpshake-targets-{}-{number}", process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).expect("a file");
        Scratch(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a name in UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A feed that reads a pipe, and the end to write to.
fn piped(more: &[&str]) -> (Feed, PipeWriter) {
    let (reader, writer) = pipe().expect("a pipe");
    let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
    let feed = open(&[&["--targets", &path], more].concat());
    (feed, writer)
}

#[test]
fn a_block_is_visited_once_and_in_no_order() {
    let targets = all(&["10.0.0.0/24:80,443"]);
    let inputs: Vec<String> = targets.iter().map(Target::input).collect();
    assert_eq!(inputs.iter().collect::<BTreeSet<_>>().len(), 512);
    assert!(!inputs.is_sorted());
    assert!(inputs.contains(&"10.0.0.0:80".to_string()));
    assert!(inputs.contains(&"10.0.0.255:443".to_string()));
}

#[test]
fn the_seed_alone_decides_on_the_order() {
    let order = |seed| all(&["10.0.0.0/24:80", "--seed", seed]);
    assert_eq!(order("7"), order("7"));
    assert_ne!(order("7"), order("8"));
}

#[test]
fn what_is_written_more_than_once_is_given_once() {
    let targets = all(&[
        "10.0.0.0/30:80",
        "10.0.0.1:80,81",
        "[::ffff:10.0.0.2]:http",
        "10.0.0.1:81",
    ]);
    let expected = [
        "10.0.0.0:80",
        "10.0.0.1:80",
        "10.0.0.1:81",
        "10.0.0.3:80",
        "[::ffff:10.0.0.2]:http",
    ];
    assert_eq!(inputs(&targets), words(expected));
}

#[test]
fn a_single_target_keeps_its_words() {
    for input in [
        "127.0.0.1:http",
        "[2001:DB8::1]:443",
        "[fe80::1%lo]:80",
        "one:http",
        "127.0.0.1:80",
    ] {
        assert_eq!(inputs(&all(&[input])), words([input]));
    }
    for (host, input) in [("2001:DB8::1", "[2001:DB8::1]:80"), ("one", "one:80")] {
        assert_eq!(inputs(&all(&["-p", "http", host])), words([input]));
    }
}

#[test]
fn one_of_many_is_an_address_and_a_port() {
    let expected = words(["[fe80::1%lo]:80", "[fe80::1%lo]:81"]);
    assert_eq!(inputs(&all(&["[fe80::1%lo]:80-81"])), expected);
    assert_eq!(inputs(&all(&["one:80,81"])), words(["one:80", "one:81"]));
}

#[test]
fn exclusions_win_over_everything() {
    let file = Scratch::new("10.0.0.9 # not this one\n");
    let targets = all(&[
        "10.0.0.8/30:80,81",
        "one:80",
        "three:80,81",
        "--exclude",
        "10.0.0.8:81",
        "--exclude",
        "three:80",
        "--exclude-file",
        file.path(),
        "--exclude",
        "192.0.2.1/32",
    ]);
    let expected = [
        "10.0.0.8:80",
        "10.0.0.10:80",
        "10.0.0.10:81",
        "10.0.0.11:80",
        "10.0.0.11:81",
        "three:81",
    ];
    assert_eq!(inputs(&targets), words(expected));
}

#[test]
fn an_exclusion_that_is_not_known_stops_the_run() {
    let problem = refusal(&["one:80", "--exclude", "nobody"]);
    assert!(
        matches!(
            &problem,
            Problem::Host {
                reason: "name-not-found",
                ..
            }
        ),
        "{problem:?}"
    );
    let file = Scratch::new("10.0.0.1\n10.0.0.1:x:y\n");
    let problem = refusal(&["one:80", "--exclude-file", file.path()]).to_string();
    assert!(
        problem.contains(&format!("{}, line 2: ", file.path())),
        "{problem}"
    );
}

#[test]
fn what_no_host_has_is_left_out_of_a_block() {
    for (block, count) in [
        ("223.255.255.254/30:80", 4),
        ("0.0.0.0/30:80", 3),
        ("255.255.255.252/30:80", 3),
        ("0.0.0.0/0:80", (1 << 32) - (1 << 28) - 2),
        ("224.0.0.0/3:80", (1 << 28) - 1),
        ("[::/126]:80", 3),
        ("[::ffff:0.0.0.0]/96:80", (1 << 32) - (1 << 28) - 2),
    ] {
        assert_eq!(open(&[block]).total(), Some(count), "{block}");
    }
}

#[test]
fn shards_are_disjoint_and_together_the_whole() {
    // More than one window, and each line again in the other.
    let lines = (0..WINDOW + 500).map(|n| format!("10.1.0.{}:{}\n", n % 256, n / 256 % 128 + 1));
    let file = Scratch::new(&lines.collect::<String>());
    let names = ["one:1-50", "twin:99", "nobody:1-9"];
    let arguments = [
        &names[..],
        &["10.0.0.0/24:80,443", "--targets", file.path()],
    ]
    .concat();
    let mut parts = BTreeSet::new();
    for shard in ["1/2", "2/2"] {
        let part = inputs(&all(&[&arguments[..], &["--shard", shard]].concat()));
        assert!(parts.is_disjoint(&part));
        assert_eq!(part.len(), (128 * 256 + 512 + 60) / 2);
        parts.extend(part);
    }
    assert_eq!(parts.len(), 128 * 256 + 512 + 60);
}

#[test]
fn an_endpoint_of_two_names_or_of_a_block_is_given_once() {
    let targets = all(&["192.0.2.0/30:80", "one:80,81", "twin:80,81", "three:82"]);
    let endpoints: BTreeSet<_> = targets
        .iter()
        .map(|it| it.remote.clone().unwrap())
        .collect();
    assert_eq!((targets.len(), endpoints.len()), (6, 6));
    assert_eq!(targets.iter().filter(|it| it.name.is_some()).count(), 2);
}

#[test]
fn a_name_has_its_first_address_or_all() {
    assert_eq!(all(&["three:80,81"]).len(), 2);
    let targets = all(&["three:80,81", "--all-addresses"]);
    assert_eq!(targets.len(), 6);
    assert!(
        targets
            .iter()
            .all(|target| target.name.as_deref() == Some("three"))
    );
}

#[test]
fn a_name_is_looked_up_once_for_all_its_ports() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = asked.clone();
    let resolver = move |name: &str, family| {
        notes.lock().unwrap().push(name.to_string());
        book(name, family)
    };
    let lines = ["one:80", "One:81-90", "ONE:80", "nobody:1"];
    let mut feed = open_with(&lines, Arc::new(resolver)).unwrap();
    assert!(asked.lock().unwrap().len() < 3);
    assert_eq!(rest(&mut feed).len(), 12);
    asked.lock().unwrap().sort();
    assert_eq!(*asked.lock().unwrap(), ["nobody", "one"]);
}

#[test]
fn a_name_that_is_not_found_is_a_result_for_each_port() {
    let targets = all(&["nobody:80,443", "blocked:1"]);
    assert_eq!(
        inputs(&targets),
        words(["nobody:80", "nobody:443", "blocked:1"])
    );
    for target in targets {
        let problem = target.remote.unwrap_err();
        assert!(matches!(
            problem,
            Problem::Target {
                reason: "name-not-found",
                ..
            }
        ));
    }
}

#[test]
fn a_slow_name_delays_nothing() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let resolver = move |name: &str, family| {
        if name == "three" {
            let _ = held.lock().unwrap().recv();
        }
        book(name, family)
    };
    let arguments = ["three:80", "10.0.0.0/24:80", "one:80"];
    let mut feed = open_with(&arguments, Arc::new(resolver)).unwrap();
    let early: Vec<Target> = (0..257).map(|_| target(&mut feed)).collect();
    assert!(inputs(&early).contains("one:80"));
    assert_eq!(feed.poll(), Next::Wait);
    release.send(()).unwrap();
    assert_eq!(inputs(&rest(&mut feed)), words(["three:80"]));
}

#[test]
fn names_and_blocks_take_turns_and_so_do_names() {
    let mut feed = open(&["10.0.0.0/8:80", "one:1-65535", "nobody:1-65535"]);
    let mut names = BTreeSet::new();
    // As long as no name is known only the block has targets; one has more than enough ports for
    // the other to become known.
    while names.len() < 2 {
        names.extend(target(&mut feed).name);
        thread::yield_now();
    }
    let following: Vec<Target> = (0..20).map(|_| target(&mut feed)).collect();
    assert_eq!(following.iter().filter(|it| it.name.is_some()).count(), 10);
    assert_eq!(
        following
            .iter()
            .filter(|it| it.name.as_deref() == Some("one"))
            .count(),
        5
    );
}

#[test]
fn one_target_is_told_from_several() {
    let several = |arguments: &[&str]| open(arguments).is_several();
    let one = Scratch::new("one:80\n");
    for arguments in [
        ["one:80"].as_slice(),
        &["10.0.0.1:80", "10.0.0.1:http"],
        &["three:80"],
        &["one:80", "--all-addresses"],
        &["--targets", one.path()],
        &["10.0.0.0/31:80", "--exclude", "10.0.0.0"],
    ] {
        assert!(!several(arguments), "{arguments:?}");
    }
    for arguments in [
        ["one:80,81"].as_slice(),
        &["10.0.0.0/31:80"],
        &["one:80", "10.0.0.1:80"],
        &["three:80", "--all-addresses"],
        &["10.0.0.0/31:80", "--shard", "1/2"],
        &["--targets", "/dev/null", "--targets", "-"],
    ] {
        assert!(several(arguments), "{arguments:?}");
    }
}

#[test]
fn every_mistake_in_a_file_is_told_before_anything_is_given() {
    let good = Scratch::new("one:80\n");
    for (line, why) in [
        ("10.0.0.0/33:80", "the length of a prefix"),
        ("one", "no port: write one:443"),
        ("::/0:80", "more than 2^63"),
        ("[fe80::1%nosuch0]:80", "there is no interface"),
        ("10.0.0.1:80 10.0.0.2:80", "one target at a time"),
    ] {
        let bad = Scratch::new(&format!("# list\n\none:80\n{line}\n"));
        let problem = refusal(&["--targets", good.path(), "--targets", bad.path()]).to_string();
        let begin = format!("{}, line 4: ", bad.path());
        assert!(
            problem.starts_with(&begin) && problem.contains(why),
            "{problem}"
        );
    }
    let problem = refusal(&["--targets", "/nonexistent/list"]).to_string();
    assert!(
        problem.contains("--targets: cannot read /nonexistent/list"),
        "{problem}"
    );
    assert!(
        refusal(&["--targets", "/"])
            .to_string()
            .contains("directory")
    );
}

#[test]
fn the_wrong_family_is_a_mistake() {
    for arguments in [
        ["-4", "[::1]:80"],
        ["-4", "[2001:db8::/64]:80"],
        ["-6", "10.0.0.0/8:1"],
    ] {
        let problem = refusal(&arguments);
        assert!(
            matches!(&problem, Problem::Usage(text) if text.contains(arguments[0])),
            "{problem:?}"
        );
    }
    assert!(
        refusal(&["-p", "0", "one"])
            .to_string()
            .starts_with("--ports: port 0")
    );
    assert!(matches!(
        refusal(&["::/65:1", "1::/65:1", "2::/65:1"]),
        Problem::Usage(_)
    ));
}

#[test]
fn standard_input_has_one_reader() {
    for arguments in [
        ["--targets", "-", "--send-file", "-"],
        ["--targets", "-", "--exclude-file", "-"],
        ["--targets", "-", "--targets", "-"],
    ] {
        assert!(refusal(&arguments).to_string().contains("only once"));
    }
}

#[test]
fn a_long_file_comes_in_windows_each_endpoint_once() {
    // Every address twice, the second time in another window.
    let line = |n: u64| format!("10.{}.{}.{}\n", n / 65_536, n / 256 % 256, n % 256);
    let half = 40_000;
    let text: String = (0..2 * half).map(|n| line(n % half)).collect();
    let file = Scratch::new(&text);
    let mut feed = open(&["-p", "80", "--targets", file.path()]);
    assert_eq!(feed.total(), None);
    let targets = rest(&mut feed);
    assert_eq!(inputs(&targets).len() as u64, half);
    assert_eq!(feed.total(), Some(half));
}

#[test]
fn an_endpoint_that_a_name_had_is_not_in_a_later_window() {
    let filler: String = (0..WINDOW)
        .map(|n| format!("10.0.{}.{}\n", n / 256, n % 256))
        .collect();
    let file = Scratch::new(&format!("one\n{filler}192.0.2.0/31\n"));
    let targets = all(&["-p", "80", "--targets", file.path()]);
    assert_eq!(targets.len() as u64, WINDOW + 2);
    assert_eq!(
        inputs(&targets)
            .iter()
            .filter(|input| input.starts_with("192."))
            .count(),
        1
    );
}

#[test]
fn a_quiet_pipe_is_not_waited_for() {
    let (mut feed, mut writer) = piped(&["-p", "80"]);
    assert!(feed.is_several());
    assert_eq!(feed.poll(), Next::Wait);
    for line in ["10.0.0.1", "10.0.0.1\n10.0.0.2:81", "one"] {
        writeln!(writer, "{line}").unwrap();
        let last = line.lines().last().unwrap();
        assert!(target(&mut feed).input().starts_with(last), "{line}");
        assert_eq!((feed.poll(), feed.total()), (Next::Wait, None));
    }
    write!(writer, "10.0.0.3").unwrap();
    drop(writer);
    assert_eq!(inputs(&rest(&mut feed)), words(["10.0.0.3:80"]));
    assert_eq!(feed.total(), Some(4));
}

#[test]
fn a_bad_line_of_a_pipe_does_not_stop_the_run() {
    let (mut feed, mut writer) = piped(&[]);
    writer
        .write_all(b"10.0.0.1:80\n10.0.0.0/99:80\n\xff\n10.0.0.2:80\n")
        .unwrap();
    drop(writer);
    let (mut targets, mut told) = (Vec::new(), Vec::new());
    loop {
        match next(&mut feed) {
            Next::Target(target) => targets.push(target),
            Next::Bad(problem) => told.push(problem.to_string()),
            Next::End => break,
            Next::Wait => panic!("waited for"),
        }
    }
    assert_eq!(inputs(&targets), words(["10.0.0.1:80", "10.0.0.2:80"]));
    assert!(told[0].contains(", line 2: 10.0.0.0/99:80: "), "{told:?}");
    assert!(told[1].contains(", line 3: it is not text"), "{told:?}");
}

#[test]
fn with_shards_a_quiet_pipe_is_waited_for() {
    let (mut feed, mut writer) = piped(&["--shard", "1/2"]);
    writeln!(writer, "10.0.0.1:1-9").unwrap();
    assert_eq!(feed.poll(), Next::Wait);
    await_bell(&feed);
    assert_eq!(feed.poll(), Next::Wait);
    writeln!(writer, "10.0.0.1:10").unwrap();
    drop(writer);
    assert_eq!(rest(&mut feed).len(), 5);
}

#[test]
fn a_run_that_ends_early_leaves_no_one_waiting() {
    let (mut feed, mut writer) = piped(&["-p", "80"]);
    writeln!(writer, "10.0.0.1").unwrap();
    target(&mut feed);
    drop(feed);
    // More than the pipe and the queue hold: somebody reads to the end, or closes.
    let line = [b'#'; 1 << 20];
    while writer.write_all(&line).is_ok() && writer.write_all(b"\n10.0.0.2\n").is_ok() {}
}
