//! One line a probe: `-q`.

use std::io::{self, Write};

use super::verdict::sentence;
use super::{Record, Report, Style, Summary, printable};

/// Writes the verdict and nothing else.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    style: Style,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`.
    pub fn new(out: W, style: Style) -> Lines<W> {
        Lines { out, style }
    }
}

impl<W: Write> Report for Lines<W> {
    fn probe(&mut self, record: &Record) -> io::Result<()> {
        let Some(verdict) = record.exchange.verdict else {
            return Ok(());
        };
        let word = self.style.verdict(Some(verdict), verdict.word());
        writeln!(
            self.out,
            "{} {word}{}",
            printable(&record.target.input),
            sentence(record)
        )
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        for line in summary.lines() {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
