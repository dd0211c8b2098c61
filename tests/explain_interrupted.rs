//! `explain` of a capture that has no end until a signal comes.

mod lab;
mod samples;
mod written;

use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio, id};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use lab::{Finished, Running, wait_until};
use samples::made::WHOLE;
use samples::talk::{Talk, together};
use written::{MICROSECONDS, Order, Pcap};

const RAW: u16 = 101;
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
/// More connections than a pipe can hold the report of.
const MANY: u16 = 200;
const SAID: &str = "interrupted; the report is of what came before\n";

/// So many connections, one after the other.
fn capture(connections: u16) -> Vec<u8> {
    let talks = (0..connections).map(|it| Talk::v4(40_000 + it).play(WHOLE));
    let start = Pcap::new(Order::Little, MICROSECONDS, RAW);
    let frames = together(talks.collect());
    let whole = frames.iter().fold(start, |file, it| {
        let [seconds, micros] = [it.micros / 1_000_000, it.micros % 1_000_000]
            .map(|it| u32::try_from(it).expect("a time before 2106"));
        file.frame(seconds, micros, &it.packet)
    });
    whole.bytes
}

fn explain(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpshake"));
    command.arg("explain").args(arguments);
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// All that was written into a pipe has been read from it.
fn wait_until_empty(pipe: &impl AsFd) {
    wait_until("the program has read all there is", || {
        let mut there = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        let there = poll(&mut there, PollTimeout::ZERO).expect("a pipe");
        (there == 0).then_some(())
    });
}

/// A pipe for the standard input of a program, with an eye on what is in it.
fn standard_input(command: &mut Command) -> (PipeWriter, PipeReader) {
    let (reader, writer) = pipe().expect("a pipe");
    command.stdin(reader.try_clone().expect("a descriptor"));
    (writer, reader)
}

/// Sends it when all of `capture` has been read. The pipe stays open.
fn interrupted(arguments: &[&str], capture: &[u8], signal: Signal) -> Finished {
    let mut command = explain(arguments);
    let (mut writer, eye) = standard_input(&mut command);
    let running = Running::start(command.arg("-"), Vec::new());
    writer.write_all(capture).expect("a program that reads");
    wait_until_empty(&eye);
    running.signal(signal);
    running.finish()
}

#[test]
fn a_signal_is_the_end_of_a_capture_from_a_pipe() {
    for signal in SIGNALS {
        let finished = interrupted(&["--json"], &capture(2), signal);
        assert_eq!(finished.code(), 0, "{signal}: {finished:?}");
        let told = finished.json();
        let outcomes: Vec<_> = told.iter().map(|it| &it["close"]["outcome"]).collect();
        assert_eq!(outcomes, ["in-order"; 2], "{signal}");
        assert_eq!(finished.stderr, format!("tcpshake: -: {SAID}"));

        let finished = interrupted(&[], &capture(2), signal);
        assert_eq!(finished.code(), 0, "{signal}: {finished:?}");
        let ends = finished
            .stdout
            .contains("\n2 TCP connections in 20 frames\n");
        assert!(ends, "{}", finished.stdout);
    }
}

#[test]
fn a_record_that_a_signal_cuts_is_no_damage() {
    let whole = capture(2);
    for missing in [1, 30, 45] {
        let cut = &whole[..whole.len() - missing];
        let finished = interrupted(&["--json"], cut, Signal::SIGINT);
        assert_eq!((finished.code(), finished.json().len()), (0, 2));
        assert_eq!(finished.stderr, format!("tcpshake: -: {SAID}"));
    }
    // The file header and half a record.
    let finished = interrupted(&["--json"], &whole[..30], Signal::SIGINT);
    let expected = format!("tcpshake: -: {SAID}tcpshake: -: there is no TCP in it\n");
    assert_eq!((finished.code(), finished.stderr), (0, expected));
}

#[test]
fn a_capture_that_has_not_begun_is_not_called_damaged() {
    let finished = interrupted(&[], &capture(1)[..20], Signal::SIGINT);
    let expected = "tcpshake: -: interrupted before anything of it was read\n";
    assert_eq!((finished.code(), &*finished.stderr), (6, expected));
}

#[test]
fn a_signal_is_the_end_of_a_capture_from_a_fifo() {
    let name = format!("interrupted-{}.fifo", id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo").success());
    // Of both ends: neither waits for the other, and both stay open.
    let mut fifo = File::options().read(true).write(true).open(&path).unwrap();
    let mut command = explain(&["--json"]);
    let running = Running::start(command.arg(&path), Vec::new());
    fifo.write_all(&capture(1)).unwrap();
    wait_until_empty(&fifo);
    running.signal(Signal::SIGTERM);
    let finished = running.finish();
    fs::remove_file(&path).unwrap();
    assert_eq!((finished.code(), finished.json().len()), (0, 1));
}

/// A program whose report nobody reads.
struct Stuck {
    child: Child,
    report: PipeReader,
}

impl Stuck {
    fn start(mut command: Command) -> Stuck {
        let (report, output) = pipe().expect("a pipe");
        let child = command.stdout(output).stderr(Stdio::null()).spawn();
        let child = child.expect("tcpshake");
        Stuck { child, report }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).expect("a program that runs");
    }

    /// It is writing its report, and one of its threads does not block the signal.
    fn wait_until_writing(&self, signal: Signal) {
        let mut there = [PollFd::new(self.report.as_fd(), PollFlags::POLLIN)];
        let written = poll(&mut there, PollTimeout::from(60_000_u16));
        assert_eq!(written, Ok(1), "a report");
        wait_until("the signal has its usual effect", || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
            let is_open = |status: String| {
                let mask = status.lines().find_map(|it| it.strip_prefix("SigBlk:\t"));
                let mask = u64::from_str_radix(mask.expect("a mask"), 16).expect("a mask");
                mask & (1 << (signal as i32 - 1)) == 0
            };
            let mut masks = tasks.flatten().filter_map(|task| {
                let status = fs::read_to_string(task.path().join("status")).ok()?;
                Some(is_open(status))
            });
            masks.any(|it| it).then_some(())
        });
    }

    /// The signal that ended it, with its report incomplete.
    fn end(mut self) -> Option<i32> {
        let status = wait_until("it has ended", || self.child.try_wait().expect("a child"));
        let mut report = Vec::new();
        self.report.read_to_end(&mut report).expect("a report");
        assert!(report.iter().filter(|&&it| it == b'\n').count() < MANY.into());
        status.signal()
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn a_second_signal_ends_a_long_report() {
    let mut command = explain(&["--json", "--order", "trouble", "-"]);
    let (mut writer, eye) = standard_input(&mut command);
    let stuck = Stuck::start(command);
    writer.write_all(&capture(MANY)).expect("all of it is read");
    wait_until_empty(&eye);
    stuck.signal(Signal::SIGINT);
    stuck.wait_until_writing(Signal::SIGINT);
    stuck.signal(Signal::SIGINT);
    assert_eq!(stuck.end(), Some(Signal::SIGINT as i32));
}

#[test]
fn a_first_signal_ends_the_report_of_a_capture_that_was_read() {
    let name = format!("interrupted-{}.pcap", id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, capture(MANY)).unwrap();
    let mut command = explain(&["--json", "--order", "trouble"]);
    command.arg(&path);
    let stuck = Stuck::start(command);
    stuck.wait_until_writing(Signal::SIGTERM);
    stuck.signal(Signal::SIGTERM);
    assert_eq!(stuck.end(), Some(Signal::SIGTERM as i32));
    fs::remove_file(&path).unwrap();
}
