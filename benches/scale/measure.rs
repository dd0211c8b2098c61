//! Whole processes: how long, how much processor time, how much memory.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;

use crate::lab::Namespace;

/// The argument after which this program runs another, prints what it took, and nothing else: the
/// figures of its children are then those of the one program.
pub const MODE: &str = "--measure";
/// A program that takes longer is killed, which its exit status tells.
const LONGEST: &str = "300";

/// What one run of a program took.
#[derive(Clone, Copy)]
pub struct Figures {
    pub wall: Duration,
    /// User and system time.
    pub cpu: Duration,
    pub peak_kb: u64,
    /// As a shell has it.
    pub status: i64,
}

/// Where the standard output of a run is, and its standard error.
pub struct Output {
    pub out: PathBuf,
    pub err: PathBuf,
}

impl Output {
    pub fn new() -> Output {
        let file = |name| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        Output {
            out: file("bench-scale.out"),
            err: file("bench-scale.err"),
        }
    }

    /// Why a program failed, in its own last words.
    pub fn why(&self, status: i64) -> String {
        let words = fs::read_to_string(&self.err).unwrap_or_default();
        let last = words.lines().rfind(|line| !line.trim().is_empty());
        format!(
            "exit status {status}: {}",
            last.unwrap_or("not a word").trim()
        )
    }
}

pub fn measure(out: &str, command: &[&str]) {
    let file = |path: PathBuf| File::create(path).expect("a file for the output");
    let begun = Instant::now();
    let status = Command::new("timeout")
        .arg(LONGEST)
        .args(command)
        .stdin(Stdio::null())
        .stdout(file(out.into()))
        .stderr(file(Path::new(out).with_extension("err")))
        .status()
        .expect("timeout, of coreutils");
    let wall = begun.elapsed();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what the child used");
    let cpu = used.user_time() + used.system_time();
    println!(
        "{} {} {} {}",
        wall.as_micros(),
        cpu.num_microseconds(),
        used.max_rss(),
        status.code().unwrap_or(-1)
    );
}

pub fn run(host: &Namespace, command: &[String], output: &Output) -> Figures {
    let this = env::current_exe().expect("the path of this program");
    let out = output.out.to_str().expect("a path in UTF-8");
    let mut runner = Command::new(this);
    runner.arg(MODE).arg(out).args(command);
    let child = host.spawn(runner.stdin(Stdio::null()).stdout(Stdio::piped()));
    let printed = child.wait_with_output().expect("its figures");
    let printed = String::from_utf8(printed.stdout).expect("text");
    let numbers: Vec<i64> = printed
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    let [wall, cpu, peak_kb, status] = numbers[..] else {
        panic!("no figures of {command:?}: {printed}");
    };
    Figures {
        wall: Duration::from_micros(wall.cast_unsigned()),
        cpu: Duration::from_micros(cpu.cast_unsigned()),
        peak_kb: peak_kb.cast_unsigned(),
        status,
    }
}

/// As far as this user may.
pub fn raise_descriptor_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("a higher limit");
}
