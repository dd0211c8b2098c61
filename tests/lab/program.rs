//! Programs under a deadline, tcpshake above all.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Namespace, Witness, schema_faults};

pub const TCPSHAKE: &str = env!("CARGO_BIN_EXE_tcpshake");
const TIME_TO_RUN: Duration = Duration::from_secs(60);

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    /// From its start to its end.
    pub wall: Duration,
}

impl Finished {
    /// Its exit status; fails when a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| {
            let signal = self.status.signal();
            panic!(
                "ended by signal {signal:?}; it printed {}{}",
                self.stdout, self.stderr
            )
        })
    }

    /// Its JSON Lines; fails for a line that the schema does not describe.
    pub fn json(&self) -> Vec<Value> {
        let parse = |line| {
            let value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{error}: not JSON: {line}"));
            let faults = schema_faults(&value);
            assert!(
                faults.is_empty(),
                "not as the schema has it: {faults:#?}\n{line}"
            );
            value
        };
        self.stdout.lines().map(parse).collect()
    }
}

/// A program that runs, its output being read.
pub struct Running {
    pid: Pid,
    end: Receiver<(Output, Duration)>,
    witness: Option<Witness>,
}

impl Running {
    /// Starts it in the namespace of the calling thread. If its standard input is a pipe, it finds
    /// `input` there.
    pub fn start(command: &mut Command, input: Vec<u8>) -> Running {
        let started = Instant::now();
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap_or_else(|error| {
            let program = command.get_program().display();
            panic!("cannot start {program}: {error}; tests/run installs what the tests need")
        });
        let pid = Pid::from_raw(child.id().cast_signed());
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without having read everything.
            thread::spawn(move || stdin.write_all(&input));
        }
        let (ended, end) = mpsc::channel();
        thread::spawn(move || {
            let output = child.wait_with_output().expect("its output");
            ended.send((output, started.elapsed()))
        });
        Running {
            pid,
            end,
            witness: None,
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).expect("a running program");
    }

    pub fn finish(self) -> Finished {
        self.finish_within(TIME_TO_RUN)
    }

    /// Waits for its end. After `time` it is killed, and the test fails.
    pub fn finish_within(self, time: Duration) -> Finished {
        let ended = self.end.recv_timeout(time);
        if ended.is_err() {
            self.signal(Signal::SIGKILL);
        }
        let in_time = ended.is_ok();
        let (output, wall) = ended
            .or_else(|_| self.end.recv())
            .expect("the thread that waits for the program");
        let text = |bytes| String::from_utf8(bytes).expect("a program that prints UTF-8");
        let finished = Finished {
            status: output.status,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            wall,
        };
        assert!(
            in_time,
            "still running after {time:?}; it printed {finished:#?}"
        );
        if let Some(witness) = self.witness {
            witness.hear(&finished);
        }
        finished
    }
}

/// A run of a program to come, with every capability unless told otherwise.
pub struct Program<'a> {
    host: &'a Namespace,
    program: &'a str,
    arguments: Vec<String>,
    capabilities: Option<String>,
    environment: Vec<(String, String)>,
    hosts: Option<String>,
    nameserver: Option<String>,
    input: Vec<u8>,
    is_alone: bool,
}

/// `tcpshake ARGUMENTS` on `host`.
pub fn tcpshake<'a>(host: &'a Namespace, arguments: &[&str]) -> Program<'a> {
    program(host, TCPSHAKE, arguments)
}

/// Any program on `host`.
pub fn program<'a>(host: &'a Namespace, program: &'a str, arguments: &[&str]) -> Program<'a> {
    let arguments = arguments.iter().map(ToString::to_string).collect();
    Program {
        host,
        program,
        arguments,
        capabilities: None,
        environment: Vec::new(),
        hosts: None,
        nameserver: None,
        input: Vec::new(),
        is_alone: false,
    }
}

impl Program<'_> {
    /// With these alone, as an ordinary user: `with_only(&["net_raw"])`.
    pub fn with_only(mut self, capabilities: &[&str]) -> Self {
        let added = capabilities.iter().map(|name| format!(",+{name}"));
        self.capabilities = Some(format!("-all{}", added.collect::<String>()));
        self
    }

    /// With further arguments.
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// With names that `/etc/hosts` alone resolves, as these lines say: `"10.0.0.2 peer"`.
    pub fn hosts(mut self, lines: &str) -> Self {
        self.hosts = Some(lines.to_owned());
        self
    }

    /// Where `/etc/hosts` does not know a name, with a name server at this address, which has two
    /// seconds to answer.
    pub fn nameserver(mut self, address: &str) -> Self {
        self.nameserver = Some(address.to_owned());
        self
    }

    /// With these bytes at its standard input, which is empty otherwise.
    pub fn input(mut self, bytes: &[u8]) -> Self {
        self.input = bytes.to_vec();
        self
    }

    /// Without a witness: what the programs of this test use is measured.
    pub fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn run(self) -> Finished {
        self.spawn().finish()
    }

    pub fn spawn(self) -> Running {
        let mut command = self.command();
        let witness = Witness::of(self.program, &self.arguments).filter(|_| !self.is_alone);
        if let Some(witness) = &witness {
            command.args(witness.arguments());
        }
        let running = self.host.run(|| {
            if let Some(lines) = self.hosts {
                resolve_by(&lines, self.nameserver.as_deref());
            }
            Running::start(&mut command, self.input)
        });
        Running { witness, ..running }
    }

    fn command(&self) -> Command {
        let mut command = match &self.capabilities {
            None => Command::new(self.program),
            Some(capabilities) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--inh-caps={capabilities}"));
                command
                    .arg(format!("--ambient-caps={capabilities}"))
                    .arg(self.program);
                command
            }
        };
        command.args(&self.arguments).stdin(match self.input[..] {
            [] => Stdio::null(),
            _ => Stdio::piped(),
        });
        command
            .env("LC_ALL", "C.UTF-8")
            .envs(self.environment.iter().cloned());
        command
    }
}

/// Gives the calling thread, and what it starts, files of its own in `/etc`.
fn resolve_by(hosts: &str, nameserver: Option<&str>) {
    let none = None::<&str>;
    let directory = "/etc";
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).expect("private mounts");
    let services = fs::read("/etc/services").unwrap_or_default();
    mount(none, directory, Some("tmpfs"), MsFlags::empty(), none).expect("a tmpfs");
    let dns = if nameserver.is_some() { "dns" } else { "" };
    let order = format!("hosts: files {dns}\nservices: files\n");
    let server = nameserver.map(|it| format!("nameserver {it}\noptions timeout:2 attempts:1\n"));
    for (name, text) in [
        ("hosts", hosts.as_bytes()),
        ("host.conf", b"multi on\n"),
        ("nsswitch.conf", order.as_bytes()),
        ("resolv.conf", server.unwrap_or_default().as_bytes()),
        ("services", &services),
    ] {
        fs::write(Path::new(directory).join(name), text).expect(name);
    }
}
