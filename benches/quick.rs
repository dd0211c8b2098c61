//! How long the whole process takes, beside the least that a C program can do.
//!
//! Both connect to the same listener over a veth pair and close, in turn, each started 30 ms after
//! the last. The figures are of whole processes, from spawn to exit.

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lab::{Namespace, PEER_V4, Pair};

const ROUNDS: usize = 200;
const APART: Duration = Duration::from_millis(30);

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") || !lab::is_inside() {
        return;
    }
    let Pair { client, peer } = Pair::new();
    let listener = peer.listen((PEER_V4, 0));
    let port = listener.port().to_string();
    thread::spawn(move || {
        loop {
            let mut connection = listener.accept();
            thread::spawn(move || {
                connection.read_to_end();
                connection.close();
            });
        }
    });
    let c_program = compile();
    let address = PEER_V4.to_string();
    let target = format!("{address}:{port}");
    let tcpshake = || {
        run(
            &client,
            Command::new(env!("CARGO_BIN_EXE_tcpshake")).arg(&target),
        )
    };
    let c = || run(&client, Command::new(&c_program).args([&address, &port]));

    let _warm_up = (tcpshake(), c());
    let mut figures = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        figures.0.push(tcpshake());
        figures.1.push(c());
    }
    report(figures.0, figures.1);
}

fn compile() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("connect_close");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/connect_close.c");
    let status = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(&program)
        .arg(source)
        .status()
        .expect("a C compiler: install gcc");
    assert!(status.success(), "{source} does not compile");
    program
}

fn run(host: &Namespace, command: &mut Command) -> Duration {
    thread::sleep(APART);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let (status, took) = host.run(|| {
        let begun = Instant::now();
        let status = command.status().expect("the program starts");
        (status, begun.elapsed())
    });
    assert!(status.success(), "{command:?}: {status}");
    took
}

fn report(mut tcpshake: Vec<Duration>, mut c: Vec<Duration>) {
    tcpshake.sort();
    c.sort();
    let at = |sorted: &[Duration], percent: usize| {
        sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1e3
    };
    println!("whole process, one connection opened and closed, {ROUNDS} runs each, in turn");
    println!(
        "{:24} {:>9} {:>9} {:>9} {:>9}",
        "ms", "min", "median", "p90", "max"
    );
    for (name, sorted) in [("tcpshake", &tcpshake), ("C connect()+close()", &c)] {
        println!(
            "{name:24} {:9.3} {:9.3} {:9.3} {:9.3}",
            at(sorted, 0),
            at(sorted, 50),
            at(sorted, 90),
            at(sorted, 100)
        );
    }
    let (ours, theirs) = (at(&tcpshake, 50), at(&c, 50));
    println!(
        "medians: {:.2} times, {:+.3} ms",
        ours / theirs,
        ours - theirs
    );
}
