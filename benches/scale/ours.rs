//! tcpshake: how it is asked, and what its JSON Lines say.

use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::Path;

use serde::Deserialize;

use crate::task::{Judged, Task, Told, Verdict};

pub fn command(task: &Task, options: &[&str]) -> Vec<String> {
    let program = env::var("TCPSHAKE_BENCH_PROGRAM")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_tcpshake").to_owned());
    let ports = task.ports();
    let words = [&["--json", "-p", &ports], options, task.words].concat();
    [program]
        .into_iter()
        .chain(words.into_iter().map(str::to_owned))
        .collect()
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Probe(Probe),
    Summary(Summary),
}

#[derive(Deserialize)]
struct Probe {
    target: Target,
    verdict: Option<String>,
    close: Close,
}

#[derive(Deserialize)]
struct Target {
    addr: Option<Ipv4Addr>,
    port: u16,
}

#[derive(Deserialize)]
struct Close {
    outcome: String,
}

#[derive(Deserialize)]
struct Summary {
    kernel_rst: u64,
    capture_drops: u64,
    retries: u64,
    rate: f64,
}

pub fn judge(task: &Task, out: &Path) -> Judged {
    let mut told = Told::nothing(task);
    let (mut open, mut in_order, mut summary) = (0, 0, None);
    for line in BufReader::new(File::open(out).expect("its output")).lines() {
        let line = line.expect("text");
        let parsed = serde_json::from_str(&line);
        match parsed.unwrap_or_else(|error| panic!("{error}: {line}")) {
            Line::Summary(it) => summary = Some(it),
            Line::Probe(probe) => {
                let verdict = verdict_called(probe.verdict.as_deref());
                open += usize::from(verdict == Verdict::Open);
                in_order += usize::from(probe.close.outcome == "in-order");
                let address = probe.target.addr.unwrap_or(Ipv4Addr::UNSPECIFIED);
                told.say(address, probe.target.port, verdict);
            }
        }
    }
    let mut judged = told.judge(true);
    judged.note = Some(match summary {
        None => "NO SUMMARY".to_owned(),
        Some(it) => format!(
            "closed in order {in_order} of {open}, kernel_rst {}, capture_drops {}, retries {}, rate {:.0}",
            it.kernel_rst, it.capture_drops, it.retries, it.rate
        ),
    });
    judged
}

fn verdict_called(name: Option<&str>) -> Verdict {
    match name {
        Some("open") => Verdict::Open,
        Some("closed") => Verdict::Closed,
        Some("filtered") => Verdict::Filtered,
        _ => Verdict::Other,
    }
}
