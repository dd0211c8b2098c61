//! Network namespaces that live as long as their handle.

use std::fs::{self, File};
use std::io::{self, Write};
use std::panic;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, setns, unshare};

/// A network of its own: interfaces, addresses, routes, firewall, sockets and sysctls.
pub struct Namespace {
    handle: File,
}

impl Namespace {
    /// An empty one, with its loopback interface up.
    pub fn new() -> Namespace {
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace");
            Namespace::here()
        });
        let namespace = made.join().expect("the thread that makes a namespace");
        namespace.ip("link set lo up");
        namespace
    }

    /// The one that the calling thread is in.
    pub fn here() -> Namespace {
        let handle = File::open("/proc/thread-self/ns/net").expect("this thread's namespace");
        Namespace { handle }
    }

    /// A handle to give to a program, as its standard input for example.
    pub fn handle(&self) -> File {
        self.handle.try_clone().expect("a second handle")
    }

    /// Runs `body` on a thread inside. Sockets made there belong to this namespace for good.
    pub fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&self.handle, CloneFlags::CLONE_NEWNET).expect("entering a namespace");
                body()
            });
            inside
                .join()
                .unwrap_or_else(|failure| panic::resume_unwind(failure))
        })
    }

    /// Starts a thread inside that outlives the call.
    pub fn start<T: Send + 'static>(
        &self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let handle = self.handle();
        thread::spawn(move || {
            setns(handle, CloneFlags::CLONE_NEWNET).expect("entering a namespace");
            body()
        })
    }

    /// Starts a program inside.
    pub fn spawn(&self, command: &mut Command) -> Child {
        self.run(|| command.spawn()).unwrap_or_else(|error| {
            let program = command.get_program().display();
            panic!("cannot start {program}: {error}; tests/run installs what the tests need")
        })
    }

    /// Runs a program inside with `input`, which must succeed, and gives what it prints.
    pub fn output_of(&self, program: &str, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped());
        let mut child = self.spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut stdin = child.stdin.take().expect("its standard input");
        stdin.write_all(input.as_bytes()).expect("writing to it");
        drop(stdin);
        let output = child.wait_with_output().expect("its output");
        assert!(
            output.status.success(),
            "{program} {arguments:?} failed: {}{input}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs `ip` commands, one a line: `"link set lo up"`.
    pub fn ip(&self, commands: &str) {
        self.output_of("ip", &["-batch", "-"], commands);
    }

    /// Adds a rule of policy routing for one family: `rule("-6", &["from", "fd00::1", ...])`.
    pub fn rule(&self, family: &str, rule: &[&str]) {
        self.output_of("ip", &[&[family, "rule", "add"], rule].concat(), "");
    }

    /// Sets a sysctl: `sysctl("net/ipv4/ip_default_ttl", "255")`.
    pub fn sysctl(&self, name: &str, value: &str) {
        self.try_sysctl(name, value)
            .unwrap_or_else(|error| panic!("sysctl {name} = {value}: {error}"));
    }

    pub fn try_sysctl(&self, name: &str, value: &str) -> io::Result<()> {
        self.run(|| fs::write(format!("/proc/sys/{name}"), value))
    }
}
