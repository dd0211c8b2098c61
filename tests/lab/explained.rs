//! What `explain` tells of a capture is what the run told that wrote it.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::Value;

use super::program::TCPSHAKE;
use super::{Finished, schema_faults};

/// Keys that one of the two does not have, or has in a sense of its own.
const LIVE_ONLY: [&str; 5] = ["type", "started", "target", "local", "kernel_rst"];

/// The capture of a run that reports in JSON, to be held against that report.
pub struct Witness {
    file: PathBuf,
    /// The test has no use for it.
    is_own: bool,
}

impl Witness {
    /// What the run writes if it writes any, else what it can be made to.
    pub fn of(program: &str, arguments: &[String]) -> Option<Witness> {
        let mut words = arguments.iter();
        if program != TCPSHAKE || !arguments.iter().any(|it| it == "--json") {
            return None;
        }
        let is_own = !words.any(|it| it == "-w");
        let file = words.next().map_or_else(scratch, PathBuf::from);
        Some(Witness { file, is_own })
    }

    /// What the program has to be told.
    pub fn arguments(&self) -> Vec<&str> {
        let file = self.file.to_str().expect("a path in UTF-8");
        let both = ["-w", file].into_iter();
        both.filter(|_| self.is_own).collect()
    }

    /// The run is over. One that was killed told nothing; where it could not begin, or the test
    /// reads its capture from a pipe, there is no file.
    pub fn hear(self, finished: &Finished) {
        if !self.file.is_file() {
            return;
        }
        if finished.status.code().is_some() {
            explains(&self.file, &finished.json());
        }
    }
}

impl Drop for Witness {
    /// What a test failed for is kept.
    fn drop(&mut self) {
        if self.is_own && !thread::panicking() {
            // There may be none.
            let _ = fs::remove_file(&self.file);
        }
    }
}

/// Process numbers are those of a lab, and several are at work.
fn scratch() -> PathBuf {
    let number = RandomState::new().build_hasher().finish();
    let name = format!("explained-{number:016x}.pcapng");
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Fails unless what `explain` tells of `file` is what the lines of the run tell that wrote it:
/// the same under the same keys, with `client` for `local` and `server` for `peer`.
pub fn explains(file: &Path, lines: &[Value]) {
    let mut explained = explain(file);
    let mut faults = Vec::new();
    for live in lines.iter().filter(|line| line["type"] == "probe") {
        let name = format!("probe {}", live["seq"]);
        match explained.remove(&live["seq"].to_string()) {
            Some(connection) => differ(&name, &renamed(live), &connection, &mut faults),
            None if has_frames(live) => faults.push(format!("{name}: no connection")),
            None => {}
        }
    }
    let strangers = explained
        .keys()
        .map(|seq| format!("connection {seq}: no probe"));
    faults.extend(strangers);
    assert!(
        faults.is_empty(),
        "{} is not explained as it was:\n{}\n{lines:#?}",
        file.display(),
        faults.join("\n")
    );
}

/// The connections of a capture, by the number of their probe.
fn explain(file: &Path) -> BTreeMap<String, Value> {
    let mut command = Command::new(TCPSHAKE);
    let output = command.args(["explain", "--json", "-v"]).arg(file).output();
    let output = output.expect("tcpshake explain");
    let complaints = String::from_utf8_lossy(&output.stderr);
    let empty = output.stdout.is_empty() && complaints.ends_with(": there is no TCP in it\n");
    assert!(complaints.is_empty() || empty, "{complaints}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut connections = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(schema_faults(&line), [] as [String; 0], "{line:#}");
        assert_eq!(line["kernel_rst"], Value::Null);
        let before = connections.insert(line["seq"].to_string(), line);
        assert_eq!(before, None, "two connections of one probe");
    }
    connections
}

fn has_frames(live: &Value) -> bool {
    live["handshake"]["syn_sent"] != 0 || !live["icmp"].is_null()
}

/// A probe in the words of a connection.
fn renamed(live: &Value) -> Value {
    let mut line = live.clone();
    let keys = line.as_object_mut().expect("an object");
    keys.retain(|key, _| !LIVE_ONLY.contains(&&**key));
    // Without -v several targets have none.
    if keys["segments"].is_null() {
        keys.remove("segments");
    }
    let source = &mut line["handshake"]["rtt_source"];
    if !source.is_null() {
        *source = "capture".into();
    }
    rename(&mut line["close"]["first"]);
    for change in line["states"].as_array_mut().expect("states") {
        rename(&mut change["end"]);
    }
    line
}

fn rename(end: &mut Value) {
    *end = match end.as_str() {
        Some("local") => "client".into(),
        Some("peer") => "server".into(),
        _ => return,
    };
}

/// Every leaf that is not the same, with its path.
fn differ(path: &str, live: &Value, explained: &Value, faults: &mut Vec<String>) {
    match (live, explained) {
        (Value::Object(live), Value::Object(explained)) => {
            for (key, value) in live {
                let other = explained.get(key).unwrap_or(&Value::Null);
                differ(&format!("{path}.{key}"), value, other, faults);
            }
        }
        (Value::Array(live), Value::Array(explained)) => {
            for index in 0..live.len().max(explained.len()) {
                let both = [live, explained].map(|list| list.get(index).unwrap_or(&Value::Null));
                differ(&format!("{path}[{index}]"), both[0], both[1], faults);
            }
        }
        _ if live == explained => {}
        _ => faults.push(format!("{path}: live {live}, explained {explained}")),
    }
}
