//! JSON Lines: the contract with programs. `tcpshake-1.schema.json` beside this directory describes
//! it.

mod connection;
mod exchange;
mod probe;
mod summary;

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use crate::clock::Stamp;

use super::{Connection, Explanation, Record, Report, Summary, Totals};

const SCHEMA: &str = "tcpshake/1";

/// Writes one object a line.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    /// Show each segment.
    segments: bool,
    line: Vec<u8>,
}

impl<W: Write> Json<W> {
    /// Writes to `out`; `segments` says whether to list them.
    pub fn new(out: W, segments: bool) -> Json<W> {
        Json {
            out,
            segments,
            line: Vec::new(),
        }
    }

    /// A line goes out whole, in one write.
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }
}

impl<W: Write> Report for Json<W> {
    fn probe(&mut self, record: &Record) -> io::Result<()> {
        self.line(&probe::line(record, self.segments))
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        self.line(&summary::line(summary))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Explanation for Json<W> {
    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.line(&connection::line(connection, self.segments))
    }

    fn end(&mut self, _: &Totals) -> io::Result<()> {
        self.out.flush()
    }
}

/// The line of a probe, its segments listed, as a value to look into.
pub fn probe_value(record: &Record) -> Value {
    serde_json::to_value(probe::line(record, true)).expect("keys are strings")
}

/// The line of a summary as a value to look into.
pub fn summary_value(summary: &Summary) -> Value {
    serde_json::to_value(summary::line(summary)).expect("keys are strings")
}

fn rfc3339(stamp: Stamp) -> String {
    humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(stamp.0)).to_string()
}
