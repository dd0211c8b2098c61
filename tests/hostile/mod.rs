//! Peers that misbehave, each a small script, tried in virtual time and on a real wire with the
//! same expectations.

pub mod endless;
pub mod script;
pub mod tables;
pub mod virtual_time;
pub mod wire;

use serde_json::Value;

use script::Script;

/// A hostile peer, and what must come of it.
pub struct Case<'a> {
    /// A sentence.
    pub name: &'a str,
    /// What the peer does, in the language of [`script`].
    pub peer: &'a str,
    /// Arguments beside those of [`Case::arguments`].
    pub args: &'a str,
    /// What reaches the peer of us, as it would write it: `"S 0, R 2, R 1"`.
    pub ours: &'a str,
    /// Verdict, reason, outcome, exit status, anomalies, and further keys of the JSON:
    /// `"open syn-ack in-order 0: rst-ignored | data.received=5 peer=LAST-ACK"`.
    pub report: &'a str,
}

/// What came of it: what the peer heard of us, and the report of tcpshake.
#[derive(PartialEq, Eq, Debug)]
pub struct Result {
    pub ours: String,
    pub report: String,
}

impl Case<'_> {
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

    /// What else is expected of the report: the keys behind the bar.
    fn keys(&self) -> impl Iterator<Item = &str> {
        let behind = self.report.split_once(" | ").map_or("", |(_, keys)| keys);
        let pairs = behind.split_whitespace();
        pairs.map(|pair| pair.split_once('=').expect("KEY=VALUE").0)
    }

    pub fn expected(&self) -> Result {
        Result {
            ours: self.ours.to_owned(),
            report: self.report.to_owned(),
        }
    }
}

/// The report as [`Case::report`] writes it; anomalies of one kind in a row are written once.
pub fn summary(case: &Case, line: &Value, status: i32) -> String {
    assert_eq!(line["kernel_rst"], 0, "{line}");
    let start = format!(
        "{} {} {} {status}",
        word(&line["verdict"]),
        word(&line["reason"]),
        word(&line["close"]["outcome"])
    );
    let anomalies = line["anomalies"].as_array().expect("a list");
    let mut ids: Vec<String> = anomalies.iter().map(|it| word(&it["id"])).collect();
    ids.dedup();
    let colon = if ids.is_empty() { "" } else { ": " };
    let looked_up: String = case
        .keys()
        .map(|key| format!(" {key}={}", value_of(line, key)))
        .collect();
    let bar = if looked_up.is_empty() { "" } else { " |" };
    format!("{start}{colon}{}{bar}{looked_up}", ids.join(" "))
}

/// `local` and `peer` are the states that an end was last in, `n.KEY` the length of a list.
fn value_of(line: &Value, key: &str) -> String {
    if let Some(key) = key.strip_prefix("n.") {
        return line[key].as_array().map_or(0, Vec::len).to_string();
    }
    if !matches!(key, "local" | "peer") {
        return word(
            line.pointer(&format!("/{}", key.replace('.', "/")))
                .unwrap_or_else(|| panic!("no key {key}")),
        );
    }
    let states = line["states"].as_array().expect("a list");
    let last = states.iter().rev().find(|change| change["end"] == key);
    let last = last.and_then(|change| change["state"].as_array());
    let names = last.into_iter().flatten().map(word);
    names.collect::<Vec<_>>().join("|")
}

fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
