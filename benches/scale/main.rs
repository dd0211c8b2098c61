//! Many targets at full speed: tcpshake beside a kernel `connect()`+`close()` client and the
//! scanners that are installed, in one table of whole processes.
//!
//! All of a group meet the same server over the same veth pair, in turn, round after round.
//! `TCPSHAKE_BENCH_ROUNDS` sets the rounds (3), `TCPSHAKE_BENCH_PROGRAM` another tcpshake to measure,
//! `TCPSHAKE_BENCH_ONLY` the groups whose title contains a word.

#[path = "../../tests/lab/mod.rs"]
mod lab;

mod epoll_client;
mod group;
mod measure;
mod network;
mod ours;
mod rivals;
mod server;
mod table;
mod task;

use std::env;

use group::Group;
use network::Field;
use rivals::{MASSCAN, NMAP_CONNECT, NMAP_FORCED, NMAP_SYN, ZMAP};
use task::{Contender, Task};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [measure::MODE, out, ref command @ ..] => measure::measure(out, command),
        [server::MODE, ref ports @ ..] => server::serve(ports),
        [epoll_client::MODE, ref range @ ..] => epoll_client::run(range),
        // `cargo test --benches` only wants to know that it builds.
        _ if words.contains(&"--bench") && network::is_inside() => bench(),
        _ => {}
    }
}

fn bench() {
    let rounds = env::var("TCPSHAKE_BENCH_ROUNDS").map_or(3, |it| it.parse().expect("a number"));
    let only = env::var("TCPSHAKE_BENCH_ONLY").unwrap_or_default();
    let field = Field::new();
    println!(
        "whole processes, both ends on the same {} processors; of {rounds} rounds the one with the \
         median time,\nbut the fewest found, the most wrong and the most half-open sockets left on \
         the peer; nmap runs once\n",
        std::thread::available_parallelism().expect("processors")
    );
    table::head();
    for group in groups().iter().filter(|group| group.title.contains(&only)) {
        group.run(&field, rounds);
    }
    println!("{}", field.overflows());
}

fn groups() -> Vec<Group> {
    let net = Task::all_open;
    let cycles = |words| Contender::Ours(net(words), &["--rate", "max"]);
    let kernel = |words| Contender::Kernel(net(words));
    let whole: &[&str] = &["10.10.0.0/16"];
    let ports = Task::one_host();
    let mut groups = vec![
        Group {
            title: "full cycles: 65,536 hosts, all open",
            contenders: vec![
                cycles(whole),
                kernel(whole),
                Contender::Rival(net(whole), &NMAP_CONNECT),
            ],
        },
        Group {
            title: "half-open probes: 65,536 hosts, all open",
            contenders: vec![
                Contender::Ours(net(whole), &["--rate", "max", "--end", "syn-rst"]),
                Contender::Rival(net(whole), &MASSCAN),
                Contender::Rival(net(whole), &ZMAP),
                Contender::Rival(net(whole), &NMAP_SYN),
                Contender::Rival(net(whole), &NMAP_FORCED),
            ],
        },
        Group {
            title: "ports: all 65,535 of one host, all but four refused",
            contenders: vec![
                Contender::Ours(ports, &["--rate", "max"]),
                Contender::Kernel(ports),
                Contender::Ours(ports, &["--rate", "max", "--end", "syn-rst"]),
                Contender::Rival(ports, &MASSCAN),
                Contender::Rival(ports, &NMAP_SYN),
                Contender::Rival(ports, &NMAP_FORCED),
            ],
        },
    ];
    let sizes: [&[&str]; 3] = [&["10.10.0.0/22"], &["10.10.0.0/19", "10.10.32.0/21"], whole];
    let grown = |words| vec![cycles(words), kernel(words)];
    let mut growth = sizes.map(grown).concat();
    let silent: [&[&str]; 2] = [&["10.16.0.0/16"], &["10.16.0.0/12"]];
    growth.extend(silent.map(|network| Contender::Ours(Task::silent(network), SILENT)));
    groups.push(Group {
        title: "growth: full cycles with 1,024 to 65,536 hosts, 65,536 and 1,048,576 that never answer",
        contenders: growth,
    });
    groups
}

const SILENT: &[&str] = &[
    "--rate",
    "max",
    "--timeout",
    "100ms",
    "--retries",
    "0",
    "--parallel",
    "10000",
];
