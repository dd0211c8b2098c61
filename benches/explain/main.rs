//! How long `tcpshake explain` takes over a large capture of small packets, beside tcpdump, which
//! only copies it, and tshark; and how much memory, at two sizes.
//!
//! `TCPSHAKE_BENCH_MB` sets the size of the capture, 1000 unless given.

mod traffic;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, iter};

use nix::sys::resource::{UsageWho, getrusage};

const SIZE: &str = "TCPSHAKE_BENCH_MB";
const ROUNDS: usize = 3;
/// The share of the capture that shows whether memory grows, and that tshark is given.
const SMALL: u64 = 8;
/// The argument after which this program runs another and prints what it took.
const MEASURE: &str = "--measure";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [MEASURE, command @ ..] = &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return measure(command);
    }
    // `cargo test --benches` only wants to know that it builds.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let megabytes = env::var(SIZE).map_or(1_000, |it| it.parse().expect("a number of megabytes"));
    let whole = Capture::new("whole", megabytes * 1_000_000);
    let small = Capture::new("small", megabytes * 1_000_000 / SMALL);
    println!(
        "a capture of {megabytes} MB: {} packets of {} connections; whole processes, median of {ROUNDS}\n",
        whole.held.frames, whole.held.connections
    );
    report(&whole, &small);
}

/// A capture file, removed in the end.
struct Capture {
    file: PathBuf,
    held: traffic::Held,
}

impl Capture {
    fn new(name: &str, size: u64) -> Capture {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}.pcap"));
        let out = File::create(&file).expect("a file for the capture");
        let held = traffic::write(&mut BufWriter::with_capacity(1 << 20, out), size)
            .expect("room for the capture");
        Capture { file, held }
    }

    fn name(&self) -> &str {
        self.file.to_str().expect("a path in UTF-8")
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// What one run of a program took.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Figures {
    wall: Duration,
    peak_kb: i64,
}

/// Runs a program whose figures are wanted alone: the most memory of any child is then its own.
fn measure(command: &[&str]) {
    let (program, arguments) = command.split_first().expect("a program");
    let begun = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let wall = begun.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what the child used");
    println!("{} {}", wall.as_nanos(), usage.max_rss());
}

fn run(command: &[&str]) -> Figures {
    let this = env::current_exe().expect("the path of this program");
    let output = Command::new(this)
        .arg(MEASURE)
        .args(command)
        .stderr(Stdio::inherit())
        .output()
        .expect("this program once more");
    assert!(output.status.success(), "{command:?}: {}", output.status);
    let printed = String::from_utf8(output.stdout).expect("text");
    let (wall, peak) = printed.trim().split_once(' ').expect("two numbers");
    Figures {
        wall: Duration::from_nanos(wall.parse().expect("nanoseconds")),
        peak_kb: peak.parse().expect("kilobytes"),
    }
}

fn explain(capture: &Capture) -> Figures {
    run(&[env!("CARGO_BIN_EXE_tcpshake"), "explain", capture.name()])
}

fn tcpdump(capture: &Capture) -> Figures {
    // Otherwise it gives /dev/null away to a user of its own.
    let command = [
        "tcpdump",
        "-Z",
        "root",
        "-r",
        capture.name(),
        "-w",
        "/dev/null",
        "tcp",
    ];
    run(&command)
}

fn tshark(capture: &Capture) -> Figures {
    run(&["tshark", "-r", capture.name(), "-q", "-z", "conv,tcp"])
}

fn report(whole: &Capture, small: &Capture) {
    let _warm_up = (tcpdump(whole), explain(small));
    let (mut ours, mut copied): (Vec<_>, Vec<_>) =
        iter::repeat_with(|| (explain(whole), tcpdump(whole)))
            .take(ROUNDS)
            .unzip();
    ours.sort();
    copied.sort();
    let (ours, copied) = (ours[ROUNDS / 2], copied[ROUNDS / 2]);
    let (ours_small, dissected) = (explain(small), tshark(small));

    println!("{:44} {:>9} {:>11}", "", "seconds", "peak MB");
    let line = |name: &str, figures: Figures| {
        let (wall, peak) = (figures.wall.as_secs_f64(), figures.peak_kb as f64 / 1024.0);
        println!("{name:44} {wall:9.3} {peak:11.1}");
    };
    line("tcpshake explain", ours);
    line("tcpdump -w /dev/null tcp", copied);
    line(&format!("tcpshake explain, 1/{SMALL} of it"), ours_small);
    line(
        &format!("tshark -q -z conv,tcp, 1/{SMALL} of it"),
        dissected,
    );
    let ratio = |one: Figures, other: Figures| one.wall.as_secs_f64() / other.wall.as_secs_f64();
    println!(
        "\n{:.2} times the time of tcpdump (at most 3); tshark takes {:.1} times ours (at least 20)\n\
         {:.2} times the memory for {SMALL} times the capture",
        ratio(ours, copied),
        ratio(dissected, ours_small),
        ours.peak_kb as f64 / ours_small.peak_kb as f64,
    );
}
