//! The manual page and the README say what the program does, and all of it.

mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use clap::CommandFactory;
use serde_json::Value;

use tcpshake::cli::{self, Cli};
use tcpshake::clock::Stamp;
use tcpshake::exchange::{AnomalyKind, Manner, Outcome, Verdict};
use tcpshake::exit;
use tcpshake::report::{Explanation, Json, Kept, LocalInfo, Record, Report, Summary, TargetInfo};
use tcpshake::session;
use tcpshake::wire::{IcmpMessage, IpVersion};

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

#[test]
fn the_manual_page_explains_every_end_and_no_other() {
    let section = manual(".Ss Ends");
    let explained = items(&section, "Cm ");
    assert_eq!(explained, session::End::ALL.map(|end| end.word()));
}

#[test]
fn the_manual_page_explains_every_verdict_and_no_other() {
    let section = manual(".Ss Verdicts");
    let explained = items(&section, "Cm ");
    let (open, closed) = (Verdict::Open, Verdict::Closed);
    let known = [open, closed, Verdict::Filtered, Verdict::Unreachable];
    assert_eq!(explained, known.map(Verdict::word));
}

/// What the next one of them is, so that none can be forgotten here.
fn next(outcome: Outcome) -> Option<Outcome> {
    match outcome {
        Outcome::InOrder => Some(Outcome::ResetByPeer),
        Outcome::ResetByPeer => Some(Outcome::NoFin),
        Outcome::NoFin => Some(Outcome::NoAck),
        Outcome::NoAck => Some(Outcome::Aborted),
        Outcome::Aborted => Some(Outcome::StillOpen),
        Outcome::StillOpen => Some(Outcome::NotAttempted),
        Outcome::NotAttempted => None,
    }
}

/// The words that a section explains in a list below a key.
fn words_of(heading: &str, key: &str) -> Vec<String> {
    let section = manual(heading);
    let after = section.iter().skip_while(|it| *it != key);
    let list: Vec<String> = after.take_while(|it| *it != ".El").cloned().collect();
    let words = items(&list, "Li ");
    words.into_iter().map(str::to_string).collect()
}

#[test]
fn the_manual_page_explains_every_outcome_and_no_other() {
    let all = std::iter::successors(Some(Outcome::InOrder), |outcome| next(*outcome));
    let known: Vec<&str> = all.map(Outcome::word).collect();
    let explained = words_of(".Ss The probe line", ".It Va close.outcome");
    assert_eq!(explained, known);
}

/// What the next one of them is, so that none can be forgotten here.
fn next_manner(manner: Manner) -> Option<Manner> {
    match manner {
        Manner::InOrder => Some(Manner::HalfClosed),
        Manner::HalfClosed => Some(Manner::Simultaneous),
        Manner::Simultaneous => Some(Manner::Reset),
        Manner::Reset => Some(Manner::StillOpen),
        Manner::StillOpen => Some(Manner::NotOpened),
        Manner::NotOpened => None,
    }
}

#[test]
fn the_manual_page_explains_every_manner_and_no_other() {
    let all = std::iter::successors(Some(Manner::InOrder), |manner| next_manner(*manner));
    let known: Vec<&str> = all.map(Manner::word).collect();
    let explained = words_of(".Ss The connection line", ".It Va close.manner");
    assert_eq!(explained, known);
}

/// The reasons of probes that were not possible, each written where it is given.
const NOT_POSSIBLE: [(&str, &str); 8] = [
    ("name-not-found", "src/targets/names.rs"),
    ("no-route", "src/plan/mod.rs"),
    ("local-firewall", "src/run/probe.rs"),
    ("not-sent", "src/run/probe.rs"),
    ("broadcast", "src/plan/mod.rs"),
    ("own-port", "src/run/sources.rs"),
    ("no-source-port", "src/run/sources.rs"),
    ("interrupted", "src/run/probe.rs"),
];

#[test]
fn the_manual_page_names_every_reason_and_no_other() {
    for (reason, file) in NOT_POSSIBLE {
        assert!(read(file).contains(&format!("\"{reason}\"")), "{reason}");
    }
    let mut known = BTreeSet::from(["syn-ack", "syn", "reset", "no-response", "established"]);
    known.extend(NOT_POSSIBLE.map(|(reason, _)| reason));
    let any = (0..=u8::MAX).flat_map(|icmp_type| (0..=u8::MAX).map(move |code| (icmp_type, code)));
    for (icmp_type, code) in any {
        let errors = [IpVersion::V4, IpVersion::V6].map(|version| IcmpMessage {
            version,
            icmp_type,
            code,
            checksum: 0,
            rest: [0; 4],
            body: Vec::new(),
        });
        // Those that may decide.
        let decide = errors.iter().filter(|error| error.reports_loss());
        known.extend(decide.map(IcmpMessage::reason));
    }
    let section = manual(".Ss Verdicts");
    let words = section.iter().filter_map(|line| {
        let word = line.strip_prefix(".It Li ").or(line.strip_prefix(".Li "));
        word.and_then(|line| line.split_whitespace().next())
    });
    assert_eq!(words.collect::<BTreeSet<&str>>(), known);
}

/// What a shell makes of a command: up to a pipe or a redirection, quotes taken off.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            ('|' | '>', None) => break,
            (' ', None) => words.push(String::new()),
            (c, _) => words.iter_mut().last().expect("a word").push(c),
        }
    }
    assert_eq!(quote, None, "{command}");
    words.retain(|word| !word.is_empty());
    words
}

/// Refuses what the program would refuse.
fn parse(command: &str) {
    if let Err(refusal) = cli::parse(words(command).into_iter().map(Into::into)) {
        panic!("{command}: {refusal:?}");
    }
}

#[test]
fn the_commands_of_the_examples_can_be_typed() {
    let text = manual(".Sh EXAMPLES").join("\n").replace("\\e", "\\");
    let text = text.replace("\\\n", " ");
    let starts = ["$ tcpshake ", ".Dl $ tcpshake "];
    let typed = text.lines().filter_map(|line| {
        let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
        Some(format!("tcpshake {rest}"))
    });
    let typed: Vec<String> = typed.collect();
    assert!(typed.len() > 12, "{typed:#?}");
    for command in typed {
        parse(&command);
    }
}

#[test]
fn the_commands_of_the_readme_can_be_typed() {
    let blocks = blocks().concat();
    let typed = blocks.lines().filter(|line| {
        // Not the heads of ladders.
        line.starts_with("tcpshake ") && !line.contains(" from ")
    });
    let mut count = 0;
    for line in typed {
        // What it does stands beside it.
        let command = line.split_once("  ").map_or(line, |(command, _)| command);
        let command = command
            .split_once(" exit status")
            .map_or(command, |it| it.0);
        parse(command);
        count += 1;
    }
    assert!(count > 5);
}

/// The states that stand in each line, as far as any do.
fn states(lines: &str) -> Vec<Vec<&str>> {
    let is_state = |word: &&str| {
        let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "-|".contains(c);
        word.len() > 3 && word.starts_with(char::is_alphabetic) && word.chars().all(letters)
    };
    let lines = lines.lines();
    let states = lines.map(|line| line.split_whitespace().filter(is_state).collect());
    states
        .filter(|states: &Vec<&str>| !states.is_empty())
        .collect()
}

#[test]
fn the_variations_of_the_diagrams_are_what_the_program_draws() {
    let section = manual(".Ss State diagrams").join("\n");
    for (heading, picture) in [
        ("Merged:", "fin-merged"),
        ("Half close:", "half"),
        ("Passive close:", "passive"),
        ("Simultaneous close:", "simultaneous"),
        ("Simultaneous open:", "simultaneous-open"),
        ("Refused,", "refused"),
        ("reset later.", "reset"),
    ] {
        let (_, rest) = section.split_once(heading).expect(heading);
        let rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        let rungs = match heading {
            "reset later." => rest.split_once("\n\n").map_or("", |(_, rest)| rest),
            _ => rest,
        };
        let end = rungs
            .find("\n\n")
            .or(rungs.find("\n.Ed"))
            .unwrap_or(rungs.len());
        let explained = states(&rungs[..end]);
        assert!(explained.len() > 1, "{heading}");
        let picture = read(&format!("tests/pictures/{picture}.txt"));
        let drawn = states(&picture);
        let mut drawn = drawn.iter();
        for rung in &explained {
            assert!(drawn.any(|it| it == rung), "{heading} {rung:?}");
        }
    }
}

#[test]
fn the_connections_of_the_manual_page_are_what_the_program_draws() {
    let section = manual(".Ss Connections of a capture");
    // The page is indented, so lines may be broken elsewhere.
    let solid = |text: &str| text.replace('→', ">").replace(char::is_whitespace, "");
    let picture = |name: &str| solid(&read(&format!("tests/pictures/{name}.txt")));
    let drawn = picture("connection-fin") + &picture("connections");
    let mut shown = 0;
    let mut literal = false;
    for line in &section {
        match line.as_str() {
            ".Bd -literal" => literal = true,
            ".Ed" => literal = false,
            line if literal => {
                assert!(drawn.contains(&solid(line)), "{line}");
                shown += 1;
            }
            _ => {}
        }
    }
    assert!(shown > 12, "{shown}");
}

/// A record of which everything is known, or nothing.
fn record(full: bool) -> Record {
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
        exchange: known::exchange(full),
        kernel_rst: 0,
        capture_drops: 0,
        failure: None,
        stopped: false,
    }
}

/// One line of JSON, as the program writes it.
fn line(segments: bool, write: impl FnOnce(&mut Json<&mut Vec<u8>>) -> io::Result<()>) -> Value {
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
fn the_manual_page_explains_every_key_of_a_connection_and_no_other() {
    let mut known = BTreeMap::new();
    for full in [true, false] {
        let mut found = BTreeMap::new();
        let told = line(full, |json| json.connection(&known::connection(full)));
        keys(&told, "", &mut found);
        for (key, is_null) in found {
            *known.entry(key).or_default() |= is_null;
        }
    }
    let groups = [
        "client",
        "server",
        "packets",
        "bytes",
        "handshake",
        "peer.timestamps",
        "data",
        "close",
        "options",
        "agreed",
        "agreed.mss",
        "agreed.wscale",
        "retransmitted",
    ];
    known.retain(|key, _| !groups.contains(&key.as_str()));
    // Objects like that of a probe's peer.
    known.retain(|key, _| {
        !key.starts_with("options.client.") && !key.starts_with("options.server.")
    });
    let own = explained(".Ss The connection line");
    for key in own.keys() {
        assert!(known.contains_key(key), "{key}");
    }
    // What is not explained there is as in the probe line.
    let all = explained(".Ss The probe line").into_iter().chain(own);
    let mut all: BTreeMap<String, bool> = all.collect();
    all.retain(|key, _| !key.starts_with("target.") && !key.starts_with("local."));
    assert_eq!(all, known);
}

#[test]
fn the_manual_page_explains_every_key_of_a_summary_and_no_other() {
    let mut known = BTreeMap::new();
    let mut full = Summary::of(record(true).target);
    full.pace = Some(Kept {
        rate: None,
        lowest: None,
        slowdowns: 0,
        loss: 0.0,
    });
    for summary in [full, Summary::default()] {
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
