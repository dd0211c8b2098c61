//! Many probes: a line each and closing statistics, in the manner of ping.

use std::io::{self, Write};

use crate::exchange::{Exchange, Outcome, Verdict};

use super::{Record, Report, Style, Summary, TargetInfo, WIDTH, millis, printable};

/// Columns of a target: of any IPv4 address and port.
const TARGET: usize = 21;
/// Columns of a target, a verdict and a round trip.
const TIMES: usize = 43;

/// Writes a line a probe, or none, and statistics in the end.
///
/// The probes are of one target again and again, of several, or both.
#[derive(Debug)]
pub struct Series<W> {
    out: W,
    style: Style,
    /// A line a probe.
    lines: bool,
    /// More than one target: each line names its own.
    several: bool,
    /// More than one probe of each: each line has its number.
    repeated: bool,
    written: bool,
}

impl<W: Write> Series<W> {
    /// Writes to `out`: probes of one target, or of `several`, once or `repeated`.
    pub fn new(out: W, style: Style, several: bool, repeated: bool) -> Series<W> {
        Series {
            out,
            style,
            lines: true,
            several,
            repeated,
            written: false,
        }
    }

    /// With nothing but the statistics, or with all.
    #[must_use]
    pub fn quiet(self, quiet: bool) -> Series<W> {
        Series {
            lines: !quiet,
            ..self
        }
    }

    /// What is the same for all probes of one target.
    fn header(&mut self, record: &Record) -> io::Result<()> {
        if self.written || self.several {
            return Ok(());
        }
        let mut header = format!("tcpshake {}", name(&record.target));
        if let Some(local) = record.local.addr {
            header += &format!(" from {}", local.ip());
        }
        if let Some(interface) = &record.local.interface {
            header += &format!(" on {}", printable(interface));
        }
        for line in textwrap::wrap(
            &header,
            textwrap::Options::new(WIDTH).subsequent_indent("  "),
        ) {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn line(&self, record: &Record, verdict: Verdict) -> String {
        let exchange = &record.exchange;
        let rtt = exchange.handshake.rtt_ns.map(millis);
        let (head, rtt) = match (self.several, self.repeated) {
            (_, false) => {
                let head = format!("{:TARGET$} ", name(&record.target));
                let columns = TIMES.saturating_sub(head.chars().count() + verdict.word().len() + 1);
                let rtt = rtt.unwrap_or_default();
                (head, format!(" {rtt:>columns$} "))
            }
            (several, true) => {
                let input = several.then(|| printable(&record.target.input) + " ");
                let head = format!("{}seq={} ", input.unwrap_or_default(), record.seq);
                (head, rtt.map_or_else(String::new, |rtt| format!(" {rtt}")))
            }
        };
        let mut tail = format!("{rtt} {}", how(exchange, verdict));
        let room = WIDTH.saturating_sub(head.chars().count() + verdict.word().len() + tail.len());
        tail += &notes(exchange, room);
        let word = self.style.verdict(Some(verdict), verdict.word());
        format!("{head}{word}{tail}")
    }
}

impl<W: Write> Report for Series<W> {
    fn probe(&mut self, record: &Record) -> io::Result<()> {
        match record.exchange.verdict {
            Some(verdict) if self.lines => {
                self.header(record)?;
                let line = self.line(record, verdict);
                writeln!(self.out, "{line}")?;
                self.written = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        let title = match &summary.target {
            Some(target) => printable(&target.input),
            None if self.several => "all".to_string(),
            // Of one target all has been said.
            None => return Ok(()),
        };
        if self.written {
            writeln!(self.out)?;
        }
        self.written = true;
        if self.repeated {
            writeln!(self.out, "--- {title} ---")?;
        } else {
            writeln!(self.out, "{}", summary.speed())?;
        }
        for line in summary.statistics() {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The user's words, and the address that a name stands for.
fn name(target: &TargetInfo) -> String {
    let input = printable(&target.input);
    match target.addr.filter(|_| target.name.is_some()) {
        Some(addr) => format!("{input} ({addr})"),
        None => input,
    }
}

/// How an open port's connection ended, else why it has its verdict.
fn how(exchange: &Exchange, verdict: Verdict) -> &'static str {
    match (verdict, exchange.close.outcome) {
        (Verdict::Open, Outcome::NotAttempted) => "not-closed",
        (Verdict::Open, outcome) => outcome.word(),
        _ => exchange.reason.unwrap_or_default(),
    }
}

/// The words of what was out of the ordinary, each once, as many as there is `room` for.
fn notes(exchange: &Exchange, room: usize) -> String {
    const MORE: &str = ", ...";
    let mut ids: Vec<&str> = Vec::new();
    for anomaly in &exchange.anomalies {
        if !ids.contains(&anomaly.id) {
            ids.push(anomaly.id);
        }
    }
    if ids.is_empty() {
        return String::new();
    }
    let whole = format!(" ({})", ids.join(", "));
    if whole.len() <= room {
        return whole;
    }
    while ids.len() > 1 && ids.join(", ").len() + MORE.len() + " ()".len() > room {
        ids.pop();
    }
    format!(" ({}{MORE})", ids.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Anomaly, AnomalyKind};

    fn with(kinds: &[AnomalyKind]) -> Exchange {
        let anomalies = kinds
            .iter()
            .map(|&kind| Anomaly::new(kind, 0, String::new()));
        Exchange {
            anomalies: anomalies.collect(),
            ..Exchange::new()
        }
    }

    #[test]
    fn an_ordinary_probe_has_no_notes() {
        assert_eq!(notes(&with(&[]), 40), "");
    }

    #[test]
    fn equal_notes_are_told_once() {
        let twice = with(&[AnomalyKind::RstTtl, AnomalyKind::RstTtl]);
        assert_eq!(notes(&twice, 40), " (rst-ttl)");
    }

    #[test]
    fn notes_fit_their_room() {
        let exchange = with(AnomalyKind::ALL);
        for room in [30, 40, 60] {
            let told = notes(&exchange, room);
            assert!(told.len() <= room && told.ends_with(", ...)"), "{told}");
        }
    }
}
