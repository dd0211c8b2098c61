//! What a run of many targets told, added up.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use serde_json::Value;

use crate::lab::{Finished, schema_faults};

/// One line in so many is held to the schema: the tests of single probes do it with all.
const SAMPLE: usize = 101;

/// A line of a probe, as far as it is looked at.
#[derive(Clone, Deserialize, Debug)]
pub struct Line {
    pub seq: usize,
    pub target: Target,
    pub verdict: Option<String>,
    pub reason: String,
    pub handshake: Handshake,
    pub close: Close,
    pub kernel_rst: u64,
    pub elapsed_ns: u64,
}

#[derive(Clone, Deserialize, Debug)]
pub struct Target {
    pub addr: Option<IpAddr>,
    pub port: u16,
}

#[derive(Clone, Deserialize, Debug)]
pub struct Handshake {
    pub isn: Option<u32>,
    pub rtt_ns: Option<u64>,
    pub syn_sent: u32,
}

#[derive(Clone, Deserialize, Debug)]
pub struct Close {
    pub outcome: String,
}

/// A run that came to its end.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub lines: Vec<Line>,
    pub summary: Value,
}

impl Outcome {
    /// Fails unless each of `targets` has one line, the numbers are those from 0 on, no RST was the
    /// kernel's, and lines and summary are as the schema has them.
    pub fn of(finished: &Finished, targets: usize) -> Outcome {
        let outcome = Outcome::so_far(finished);
        assert_eq!(outcome.lines.len(), targets, "{}", finished.stderr);
        assert_eq!(outcome.summary["sent"], targets);
        outcome
    }

    /// As [`Outcome::of`], of a run that was cut short.
    pub fn so_far(finished: &Finished) -> Outcome {
        let mut texts: Vec<&str> = finished.stdout.lines().collect();
        let last = texts.pop().expect("a summary");
        let summary = valid(last);
        assert_eq!(summary["type"], "summary", "{last}");
        assert_eq!(summary["kernel_rst"], 0, "{last}");
        for text in texts.iter().step_by(SAMPLE) {
            valid(text);
        }
        let parse = |text: &&str| serde_json::from_str(text).expect("a probe");
        let lines: Vec<Line> = texts.iter().map(parse).collect();
        assert!(lines.iter().all(|line| line.kernel_rst == 0));
        let outcome = Outcome {
            code: finished.code(),
            lines,
            summary,
        };
        outcome.each_is_told_once();
        outcome
    }

    fn each_is_told_once(&self) {
        let mut numbers: Vec<usize> = self.lines.iter().map(|line| line.seq).collect();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(0..numbers.len()));
        let by_target = self.by_target();
        assert_eq!(by_target.len(), self.lines.len(), "a target is told twice");
    }

    pub fn by_target(&self) -> BTreeMap<SocketAddr, &Line> {
        let pair = |line| (address(line), line);
        self.lines.iter().map(pair).collect()
    }

    /// How often there is each verdict, and how often each outcome: `open in-order 7`.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            let verdict = line.verdict.as_deref().unwrap_or(&line.reason);
            *counts
                .entry(format!("{verdict} {}", line.close.outcome))
                .or_default() += 1;
        }
        counts
    }

    /// Fails unless all the lines say this.
    pub fn all_are(&self, verdict_and_outcome: &str) {
        let all = BTreeMap::from([(verdict_and_outcome.to_owned(), self.lines.len())]);
        assert_eq!(self.counts(), all, "{}", self.summary);
    }

    /// Fails unless every target has the verdict that `is` has for it.
    pub fn verdicts_are(&self, is: impl Fn(SocketAddr) -> &'static str) {
        for line in &self.lines {
            let wanted = is(address(line));
            assert_eq!(line.verdict.as_deref(), Some(wanted), "{line:?}");
        }
    }

    pub fn retries(&self) -> u64 {
        self.summary["retries"].as_u64().expect("a number")
    }
}

fn address(line: &Line) -> SocketAddr {
    SocketAddr::new(line.target.addr.expect("an address"), line.target.port)
}

fn valid(text: &str) -> Value {
    let value = serde_json::from_str(text).expect("JSON");
    assert_eq!(schema_faults(&value), [] as [String; 0], "{text}");
    value
}
