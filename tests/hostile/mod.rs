//! Peers that misbehave, each a small script, tried in virtual time and on a real wire with the
//! same expectations.

pub mod script;
pub mod virtual_time;
pub mod wire;

use serde_json::Value;

use script::Script;

/// A hostile peer, and what must come of it.
pub struct Case {
    /// A sentence.
    pub name: &'static str,
    /// What the peer does, in the language of [`script`].
    pub peer: &'static str,
    /// Arguments beside those of [`Case::arguments`].
    pub args: &'static str,
    /// What reaches the peer of us, as it would write it: `"S 0, R 2, R 1"`.
    pub ours: &'static str,
    /// Verdict, reason, outcome, exit status, anomalies: `"open syn-ack in-order 0: rst-ignored"`.
    pub report: &'static str,
}

/// What came of it: what the peer heard of us, and the report of tcpshake.
#[derive(PartialEq, Eq, Debug)]
pub struct Result {
    pub ours: String,
    pub report: String,
}

impl Case {
    pub fn script(&self) -> Script {
        Script::parse(self.peer)
    }

    /// Nothing is sent again unless the case says so: a busy machine adds no segment.
    pub fn arguments(&self) -> Vec<String> {
        let words = self.args.split_whitespace().map(str::to_owned);
        let mut arguments: Vec<String> = words.collect();
        if !arguments.iter().any(|word| word == "-W") {
            arguments.extend(["-W", "3s", "--retries", "0"].map(str::to_owned));
        }
        arguments
    }

    pub fn expected(&self) -> Result {
        Result {
            ours: self.ours.to_owned(),
            report: self.report.to_owned(),
        }
    }
}

/// The report as [`Case::report`] writes it; anomalies of one kind in a row are written once.
pub fn summary(line: &Value, status: i32) -> String {
    assert_eq!(line["kernel_rst"], 0, "{line}");
    let word = |value: &Value| value.as_str().unwrap_or("null").to_owned();
    let mut anomalies: Vec<String> = line["anomalies"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|anomaly| word(&anomaly["id"]))
        .collect();
    anomalies.dedup();
    let start = format!(
        "{} {} {} {status}",
        word(&line["verdict"]),
        word(&line["reason"]),
        word(&line["close"]["outcome"])
    );
    [vec![start], anomalies].concat().join(" ").replacen(
        &format!(" {status} "),
        &format!(" {status}: "),
        1,
    )
}
