//! Of many ports those that are open: `--open`.

use std::io;

use crate::exchange::Verdict;

use super::{Record, Report, Summary};

/// Hands on what is open, and summaries, which count all; of `several` targets, not that of one
/// of which nothing was told.
pub struct OnlyOpen {
    report: Box<dyn Report>,
    several: bool,
}

impl OnlyOpen {
    /// Of what `report` would tell.
    pub fn new(report: Box<dyn Report>, several: bool) -> OnlyOpen {
        OnlyOpen { report, several }
    }
}

impl Report for OnlyOpen {
    fn probe(&mut self, record: &Record) -> io::Result<()> {
        match record.exchange.verdict {
            Some(Verdict::Open) => self.report.probe(record),
            _ => Ok(()),
        }
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        let is_of_untold = self.several && summary.target.is_some() && summary.open == 0;
        if is_of_untold {
            return Ok(());
        }
        self.report.summary(summary)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.report.flush()
    }
}
