//! The manual page and the README say what the program does, and all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use clap::CommandFactory;
use serde_json::Value;

use tcpshake::cli::Cli;
use tcpshake::clock::Stamp;
use tcpshake::exchange::{
    Anomaly, AnomalyKind, Basis, Checksum, End, Exchange, IcmpRecord, PeerRecord, SegmentRecord,
    StateChange,
};
use tcpshake::exit;
use tcpshake::report::{Json, LocalInfo, Record, Report, Summary, TargetInfo};
use tcpshake::session;
use tcpshake::tcp::State;
use tcpshake::wire::{IpFields, Packet, Segment};

const MANUAL: &str = "man/tcpshake.1";
const COLUMNS: usize = 80;

fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{}: {error}", whole.display()))
}

/// The lines of the manual page between a heading and the next one of its kind.
fn manual(heading: &str) -> Vec<String> {
    let kind = &heading[..3];
    let text = read(MANUAL);
    let lines = text.lines().skip_while(|line| *line != heading).skip(1);
    let ends = |line: &&str| line.starts_with(".Sh ") || line.starts_with(kind);
    let found: Vec<String> = lines
        .take_while(|line| !ends(line))
        .map(str::to_owned)
        .collect();
    assert!(!found.is_empty(), "{MANUAL} has no {heading}");
    found
}

/// What follows `macro_name` on lines such as `.It Va schema`.
fn items<'a>(lines: &'a [String], macro_name: &str) -> Vec<&'a str> {
    let start = format!(".It {macro_name}");
    let after = lines.iter().filter_map(|line| line.strip_prefix(&start));
    after.map(str::trim).collect()
}

/// Every word after `Fl`, as it is typed: `-q`, `--quiet`.
fn options_in<'a>(lines: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    for line in lines {
        let words: Vec<&str> = line.trim_start_matches('.').split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "Fl") {
            match pair[1].strip_prefix('-') {
                Some(long) => options.insert(format!("--{long}")),
                // Several short options may share one Fl.
                None => {
                    options.extend(pair[1].chars().map(|short| format!("-{short}")));
                    true
                }
            };
        }
    }
    options
}

/// Every command of the program, the program itself first, with `--help` and `--version` added.
fn commands() -> Vec<clap::Command> {
    let mut program = Cli::command();
    program.build();
    let inner: Vec<clap::Command> = program.get_subcommands().cloned().collect();
    [vec![program], inner].concat()
}

fn options_of_the_program() -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    for command in commands() {
        for argument in command.get_arguments() {
            options.extend(argument.get_short().map(|short| format!("-{short}")));
            options.extend(argument.get_long().map(|long| format!("--{long}")));
        }
    }
    options
}

#[test]
fn the_manual_page_describes_every_option_and_no_other() {
    let text = read(MANUAL);
    let described = options_in(text.lines().filter(|line| line.starts_with(".It Fl ")));
    assert_eq!(described, options_of_the_program());
    let mentioned = options_in(text.lines());
    assert_eq!(mentioned, described, "mentioned, and described");
}

#[test]
fn the_manual_page_names_every_value_that_an_option_can_have() {
    let text = read(MANUAL);
    let named: BTreeSet<&str> = text
        .lines()
        .flat_map(|line| {
            line.split_whitespace()
                .skip_while(|word| !word.ends_with("Cm"))
        })
        .collect();
    for command in commands() {
        for argument in command.get_arguments() {
            let takes_value = argument.get_action().takes_values();
            for value in argument
                .get_possible_values()
                .iter()
                .filter(|_| takes_value)
            {
                let hidden = value.is_hide_set();
                let name = value.get_name();
                assert!(
                    hidden || named.contains(name),
                    "{MANUAL}: no {name} of {argument}"
                );
            }
        }
    }
}

#[test]
fn the_synopsis_names_every_command_and_no_other() {
    let synopsis = manual(".Sh SYNOPSIS");
    let named: BTreeSet<&str> = synopsis
        .iter()
        .filter_map(|line| line.split_once("Cm "))
        .map(|(_, name)| name)
        .collect();
    let program = Cli::command();
    let commands: BTreeSet<&str> = program
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    assert_eq!(named, commands);
    let description = manual(".Sh DESCRIPTION");
    let described: BTreeSet<&str> = items(&description, "Cm ")
        .iter()
        .filter_map(|item| item.split_whitespace().next())
        .collect();
    assert!(described.is_superset(&commands), "{described:?}");
}

#[test]
fn the_manual_page_explains_every_anomaly_and_no_other() {
    let diagnostics = manual(".Sh DIAGNOSTICS");
    let explained = BTreeSet::from_iter(items(&diagnostics, "Sy "));
    let known = AnomalyKind::ALL.iter().map(|kind| kind.id());
    assert_eq!(explained, known.collect());
}

#[test]
fn the_manual_page_and_the_help_list_every_exit_status_and_no_other() {
    let known = BTreeSet::from([
        exit::SUCCESS,
        exit::FAILED,
        exit::USAGE,
        exit::CLOSED,
        exit::FILTERED,
        exit::UNREACHABLE,
        exit::CANNOT_PROBE,
        exit::MISBEHAVED,
    ]);
    let section = manual(".Sh EXIT STATUS");
    let listed = items(&section, "").into_iter().map(|item| item.parse());
    assert_eq!(
        listed.collect::<Result<BTreeSet<u8>, _>>(),
        Ok(known.clone())
    );
    let help = Cli::command().render_help().to_string();
    let (_, line) = help.split_once("Exit status:").expect("the exit status");
    let listed = line.split_whitespace().filter_map(|word| word.parse().ok());
    assert_eq!(listed.collect::<BTreeSet<u8>>(), known);
}

/// A record of which everything is known, or nothing.
fn record(full: bool) -> Record {
    let mut exchange = Exchange::new();
    if full {
        exchange.peer = Some(PeerRecord::default());
        exchange.states.push(StateChange {
            t_ns: 0,
            end: End::Local,
            states: State::SynSent.into(),
            basis: Basis::Seen,
            segment: 0,
        });
        let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let syn = Packet::build(home, home, Segment::default(), &IpFields::default());
        exchange.segments.push(SegmentRecord {
            t_ns: 0,
            from: End::Local,
            ip: syn.ip.clone(),
            segment: syn.tcp().expect("a segment").clone(),
            len: 0,
            window_size: 0,
            checksum: Checksum::Good,
        });
        exchange.icmp = Some(IcmpRecord {
            t_ns: 0,
            icmp_type: 3,
            code: 13,
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            reason: "admin-prohibited",
        });
        exchange
            .anomalies
            .push(Anomaly::new(AnomalyKind::NotSent, 0, String::new()));
    }
    Record {
        seq: 0,
        started: Stamp(0),
        target: TargetInfo {
            input: "localhost:1".to_string(),
            name: None,
            addr: None,
            port: 1,
        },
        local: LocalInfo {
            addr: full.then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 1))),
            ..LocalInfo::default()
        },
        requested: session::End::Fin,
        time_wait: None,
        exchange,
        kernel_rst: 0,
        capture_drops: 0,
        failure: None,
        stopped: false,
    }
}

/// One line of JSON, as the program writes it.
fn line(segments: bool, write: impl FnOnce(&mut dyn Report) -> io::Result<()>) -> Value {
    let mut bytes = Vec::new();
    write(&mut Json::new(&mut bytes, segments)).expect("a line in memory");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The path of every key, and whether its value is null.
fn keys(value: &Value, path: &str, found: &mut BTreeMap<String, bool>) {
    let members = match value {
        Value::Object(members) => members,
        Value::Array(elements) => {
            return elements
                .iter()
                .for_each(|element| keys(element, path, found));
        }
        _ => return,
    };
    for (key, value) in members {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        found.insert(path.clone(), value.is_null());
        keys(value, &path, found);
    }
}

/// Each key that a section of the manual page explains, and whether it says that it may be null.
fn explained(heading: &str) -> BTreeMap<String, bool> {
    let mut explained = BTreeMap::new();
    let mut last = None;
    for line in manual(heading) {
        if let Some(key) = line.strip_prefix(".It Va ") {
            explained.insert(key.to_string(), false);
            last = Some(key.to_string());
        } else if let Some(key) = &last {
            let words = line.to_lowercase();
            let mut words = words.split(|c: char| !c.is_alphanumeric());
            let says_null = words.any(|word| word == "null");
            *explained.get_mut(key).expect("the last key") |= says_null;
        }
    }
    explained
}

#[test]
fn the_manual_page_explains_every_key_of_a_probe_and_no_other() {
    let mut full = BTreeMap::new();
    keys(&line(true, |json| json.probe(&record(true))), "", &mut full);
    let mut blank = BTreeMap::new();
    keys(
        &line(false, |json| json.probe(&record(false))),
        "",
        &mut blank,
    );
    // What is null in one of the two may be null.
    for (key, is_null) in blank {
        *full.get_mut(&key).expect("a key of every line") |= is_null;
    }
    // These are arrays or objects whose parts are explained; only the whole can be null.
    let groups = [
        "target",
        "local",
        "handshake",
        "peer.timestamps",
        "data",
        "close",
    ];
    full.retain(|key, _| !groups.contains(&key.as_str()));
    assert_eq!(explained(".Ss The probe line"), full);
}

#[test]
fn the_manual_page_explains_every_key_of_a_summary_and_no_other() {
    let mut known = BTreeMap::new();
    let of_one = Summary::of(record(true).target);
    for summary in [of_one, Summary::default()] {
        let written = line(false, |json| json.summary(&summary));
        keys(&written, "", &mut known);
    }
    // Explained with the probe line.
    known.retain(|key, _| key != "rtt" && !key.starts_with("target."));
    assert_eq!(explained(".Ss The summary line"), known);
}

/// Runs a program; one that is missing fails the test.
fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("LC_ALL", "C.UTF-8")
        .env_remove("COLUMNS");
    command.output().unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("{program} is missing: tests/run installs it"),
        _ => panic!("{program}: {error}"),
    })
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

#[test]
fn the_manual_page_is_sound() {
    let lint = run("mandoc", &["-T", "lint", "-W", "warning", MANUAL]);
    let told = [lint.stdout, lint.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&told), "");
    assert!(lint.status.success());
}

#[test]
fn the_manual_page_fits_into_80_columns() {
    let page = stdout(&run("mandoc", &["-T", "ascii", "-O", "width=80", MANUAL]));
    for line in page.lines() {
        // Bold is X, backspace, X; underlined is _, backspace, X.
        let columns = line.chars().count() - 2 * line.matches('\u{8}').count();
        assert!(columns <= COLUMNS, "{line}");
    }
}

#[test]
fn the_help_fits_into_80_columns() {
    for arguments in [
        &["-h"][..],
        &["--help"],
        &["probe", "--help"],
        &["demo", "--help"],
        &["completions", "--help"],
    ] {
        let help = stdout(&run(env!("CARGO_BIN_EXE_tcpshake"), arguments));
        let wide = help.lines().find(|line| line.chars().count() > COLUMNS);
        assert_eq!(wide, None, "{arguments:?}");
    }
}

/// The fenced blocks of the README.
fn blocks() -> Vec<String> {
    let readme = read("README.md");
    let parts = readme.split("```").skip(1).step_by(2);
    // The rest of the first line names the language.
    parts
        .map(|block| {
            block
                .split_once('\n')
                .map_or("", |(_, rest)| rest)
                .to_string()
        })
        .collect()
}

#[test]
fn the_readme_names_no_option_that_does_not_exist() {
    let known = options_of_the_program();
    let readme = read("README.md");
    // Options of other programs stand on lines that begin with their names.
    let lines = readme
        .lines()
        .filter(|line| !line.trim_start().starts_with("cargo "));
    let words = lines.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-'));
    for word in words {
        let name = word.strip_prefix("--").unwrap_or_default();
        if name.starts_with(|c: char| c.is_ascii_lowercase()) {
            assert!(known.contains(word), "README.md: {word}");
        }
    }
}

#[test]
fn the_commands_of_the_readme_can_be_run() {
    let blocks = blocks().concat();
    for command in ["cargo run --release -- demo", "tests/run"] {
        assert!(blocks.lines().any(|line| line == command), "{command}");
    }
    for script in ["tests/run", ".ci/run"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mode = fs::metadata(path).expect(script).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} is not executable");
    }
    let ci = read(".ci/run");
    assert!(ci.lines().any(|line| line.ends_with(" tests/run")), "{ci}");
}

/// The states that a ladder shows, ours and the peer's, with the arrow of each segment.
fn rungs(ladder: &str) -> Vec<String> {
    let lines = ladder
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("ms "))
        .skip(1)
        .take_while(|line| !line.is_empty());
    lines
        .map(|line| {
            let columns: Vec<char> = line.chars().collect();
            let part = |from: usize, to: usize| {
                let part = columns.get(from..to.min(columns.len())).unwrap_or_default();
                part.iter().collect::<String>().trim().to_string()
            };
            let direction = if part(23, 28).contains('─') {
                "in"
            } else {
                "out"
            };
            format!("{} {direction} {}", part(10, 22), part(65, COLUMNS))
        })
        .collect()
}

#[test]
fn the_ladder_of_the_readme_is_the_demo() {
    if env::var("TCPSHAKE_NO_NAMESPACES").is_ok_and(|value| value == "1") {
        // Not eprintln!, which the test harness hides for a test that passes.
        let test = "the_ladder_of_the_readme_is_the_demo";
        let _ = writeln!(
            io::stderr(),
            "NOT RUN: {test}: TCPSHAKE_NO_NAMESPACES=1 is set"
        );
        return;
    }
    let demo = run(env!("CARGO_BIN_EXE_tcpshake"), &["demo"]);
    let told = String::from_utf8_lossy(&demo.stderr);
    assert!(demo.status.success(), "{told}");
    let blocks = blocks();
    let shown = blocks
        .iter()
        .find(|block| block.starts_with("tcpshake 127.0.0.1"))
        .expect("a ladder in README.md");
    assert_eq!(rungs(shown), rungs(&stdout(&demo)));
    assert_eq!(rungs(shown).len(), 7);
}
