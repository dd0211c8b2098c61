//! The laboratory: private networks in which a test meets the kernel's own TCP.
//!
//! A test calls [`in_lab`] and lays out its network inside. Nothing of it touches the machine's own
//! network, and no privilege is needed.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test program uses the part of the laboratory that it needs"
)]

mod capture;
mod explained;
mod firewall;
mod kernel;
mod namespace;
mod peer;
mod program;
mod schema;
mod segment;
mod wire;

use std::env;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

pub use capture::{Capture, Captured, Recording, send_frame};
pub use explained::{Witness, explains};
pub use kernel::{KernelSocket, TcpState};
pub use namespace::Namespace;
pub use peer::{Connection, Listener};
pub use program::{Finished, Program, Running, program, tcpshake};
pub use schema::schema_faults;
pub use segment::Segment;
pub use wire::{Bridged, CLIENT_V4, CLIENT_V6, End, PEER_V4, PEER_V6, Pair, lay_wire};

/// How long a test waits for anything that is sure to come.
pub const PATIENCE: Duration = Duration::from_secs(10);
const WHOLE_TEST: Duration = Duration::from_secs(120);

const INSIDE: &str = "TCPSHAKE_INSIDE_LAB";
const TURNED_OFF: &str = "TCPSHAKE_NO_NAMESPACES";

/// Runs the calling test's body in a network, process and user namespace of its own.
///
/// A threaded process cannot enter a user namespace, so the test program starts itself once more
/// for this one test. Whatever the test starts ends with it.
pub fn in_lab<Body: FnOnce()>(body: Body) {
    let test = name_of_test_with::<Body>();
    if env::var_os(INSIDE).is_some() {
        let lab = Namespace::here();
        lab.ip("link set lo up");
        // A small table of sockets for each further namespace, quick to read (from Linux 6.1 on).
        let _ = lab.try_sysctl("net/ipv4/tcp_child_ehash_entries", "1024");
        body();
    } else if env::var(TURNED_OFF).is_ok_and(|value| value == "1") {
        // Not eprintln!, which the test harness hides for a test that passes.
        let _ = writeln!(io::stderr(), "NOT RUN: {test}: {TURNED_OFF}=1 is set");
    } else {
        start_again_inside(test);
    }
}

/// The path of the test function as the harness knows it, from the type of the closure it passed.
fn name_of_test_with<Body>() -> &'static str {
    let path = std::any::type_name::<Body>();
    let path = path.split_once("::").map_or(path, |(_crate, path)| path);
    path.trim_end_matches("::{{closure}}")
}

/// For a program without the test harness: whether it is inside. If not, it has run there once
/// more, in full.
pub fn is_inside() -> bool {
    if env::var_os(INSIDE).is_some() {
        Namespace::here().ip("link set lo up");
        return true;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let status = command_inside(&arguments)
        .status()
        .expect("setpriv, of util-linux");
    assert!(status.success(), "the run inside the lab failed: {status}");
    false
}

fn start_again_inside(test: &str) {
    let arguments = [
        "--exact",
        test,
        "--include-ignored",
        "--nocapture",
        "--test-threads=1",
    ];
    let finished =
        Running::start(&mut command_inside(&arguments), Vec::new()).finish_within(WHOLE_TEST);
    print!("{}", finished.stdout);
    eprint!("{}", finished.stderr);
    assert!(
        !finished.stderr.starts_with("unshare:"),
        "this test needs a private network namespace, and this machine forbids it: {}\n\
         allow user namespaces (the sysctls user.max_user_namespaces, user.max_net_namespaces, \
         kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or set \
         {TURNED_OFF}=1 to go without the tests that need them",
        finished.stderr.trim_end(),
    );
    assert!(
        finished.status.success(),
        "{test} failed in the lab: {}",
        finished.status
    );
    assert!(
        finished.stdout.contains("1 passed"),
        "no test is called {test}: in_lab must be called by the test function itself"
    );
}

/// The uid inside is not 0, but holds every capability: programs such as tcpdump that would give up
/// root for a user that does not exist inside let it be, and what runs without capabilities is an
/// ordinary user. The process namespace ends all that the test started; the signal ends the
/// namespace with the harness.
fn command_inside(arguments: &[impl AsRef<OsStr>]) -> Command {
    let this_program = env::current_exe().expect("the path of the test program");
    let path = env::var("PATH").unwrap_or_default();
    let mut command = Command::new("setpriv");
    command
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--user",
            "--map-user=1000",
            "--map-group=1000",
        ])
        .args([
            "--keep-caps",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--",
        ])
        .arg(this_program)
        .args(arguments)
        .env(INSIDE, "1")
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .stdin(Stdio::null());
    command
}

/// Has this thread, and all that it starts from now on, run on one processor. A cable hands frames
/// on wherever they were sent, so that on two processors one may overtake another.
pub fn stay_on_one_processor() {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this).expect("the processors");
    let is_allowed = |number: &usize| allowed.is_set(*number).unwrap_or(false);
    let first = (0..CpuSet::count()).find(is_allowed);
    let mut only = CpuSet::new();
    only.set(first.expect("a processor")).expect("room for it");
    sched_setaffinity(this, &only).expect("an affinity");
}

/// Waits until `condition` gives a value. For what the kernel does without telling anyone.
pub fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain until {what}"
        );
        thread::sleep(Duration::from_millis(1));
    }
}
