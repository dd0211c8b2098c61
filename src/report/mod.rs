//! What is known, written for people and for programs: one file a format.

mod connection;
mod ending;
mod fields;
mod json;
mod ladder;
mod line;
mod mark;
mod only_open;
mod pcapng;
mod rtts;
mod series;
mod style;
mod summary;
mod table;
mod verdict;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::clock::Stamp;
use crate::exchange::Exchange;
use crate::session::End;

pub use connection::{Connection, Each, Explanation, Totals};
pub use json::{Json, probe_value, summary_value};
pub use ladder::Ladder;
pub use line::Lines;
pub use mark::Mark;
pub use only_open::OnlyOpen;
pub use pcapng::Pcapng;
pub use rtts::Rtt;
pub use series::Series;
pub use style::Style;
pub use summary::{Kept, Summary};
pub use table::Table;
use verdict::Names;

/// Columns of a line.
const WIDTH: usize = 80;

/// What a probe was aimed at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetInfo {
    /// The user's words.
    pub input: String,
    /// The name, if it was one.
    pub name: Option<String>,
    /// The address, once known.
    pub addr: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

impl From<SocketAddr> for TargetInfo {
    /// An address and port that stand for themselves.
    fn from(remote: SocketAddr) -> TargetInfo {
        TargetInfo {
            input: remote.to_string(),
            name: None,
            addr: Some(remote.ip()),
            port: remote.port(),
        }
    }
}

/// Where a probe was sent from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LocalInfo {
    /// Our address and port.
    pub addr: Option<SocketAddr>,
    /// The interface that our SYN left by.
    pub interface: Option<String>,
    /// How the port was guarded.
    pub guard: Option<String>,
}

/// Why there is no verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// A fixed word for programs.
    pub reason: &'static str,
    /// A sentence for people.
    pub text: String,
}

/// One probe, complete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Counted from 0.
    pub seq: u64,
    /// When its first frame left.
    pub started: Stamp,
    /// What it was aimed at.
    pub target: TargetInfo,
    /// Where it was sent from.
    pub local: LocalInfo,
    /// The end that was asked for.
    pub requested: End,
    /// How long we were to stay in TIME-WAIT.
    pub time_wait: Option<Duration>,
    /// What happened.
    pub exchange: Exchange,
    /// RSTs of this host's kernel.
    pub kernel_rst: u64,
    /// Frames that the capture lost meanwhile.
    pub capture_drops: u64,
    /// Why there is no verdict.
    pub failure: Option<Failure>,
    /// The user or the deadline ended it early.
    pub stopped: bool,
}

/// A format.
pub trait Report {
    /// One probe is over.
    ///
    /// # Errors
    /// The output cannot be written.
    fn probe(&mut self, record: &Record) -> io::Result<()>;

    /// Several probes are over: all of one target, or all.
    ///
    /// # Errors
    /// The output cannot be written.
    fn summary(&mut self, summary: &Summary) -> io::Result<()>;

    /// Hands on what was told so far.
    ///
    /// # Errors
    /// The output cannot be written.
    fn flush(&mut self) -> io::Result<()>;
}

/// `text` with every control character escaped, those of direction included: nothing from outside
/// steers a terminal.
pub fn printable(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .flat_map(|c| {
            let steers = c.is_control() || turns(c);
            let escaped = steers.then(|| c.escape_default());
            let plain = (!steers).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Nanoseconds as milliseconds with three decimals.
fn millis(ns: u64) -> String {
    format!("{:.3} ms", ns as f64 / 1e6)
}

/// Nanoseconds, to say no more than people want to know.
fn duration(ns: u64) -> String {
    match ns {
        ns if ns < 1_000_000_000 => format!("{:.0} ms", ns as f64 / 1e6),
        ns => format!("{:.1} s", ns as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            printable("a\x1b[31mb\r\n\u{9b}é"),
            "a\\u{1b}[31mb\\r\\n\\u{9b}é"
        );
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }
}
