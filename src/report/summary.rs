//! Several probes in numbers.

use crate::exchange::Verdict;

use super::rtts::{Rtt, Rtts};
use super::{Record, TargetInfo, WIDTH, duration, millis};

/// The pace that a run of several targets kept.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Kept {
    /// The limit in the end, in SYNs a second.
    pub rate: Option<f64>,
    /// The lowest limit that was not the user's.
    pub lowest: Option<f64>,
    /// How often the limit was lowered.
    pub slowdowns: u64,
    /// The share of the SYNs to answering targets that stayed unanswered.
    pub loss: f64,
}

/// What several probes came to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Summary {
    /// The target, `None` for all.
    pub target: Option<TargetInfo>,
    /// Probes of which at least the SYN was sent.
    pub sent: u64,
    /// Of these, probes that anything answered.
    pub answered: u64,
    /// Verdict open.
    pub open: u64,
    /// Verdict closed.
    pub closed: u64,
    /// Verdict filtered.
    pub filtered: u64,
    /// Verdict unreachable.
    pub unreachable: u64,
    /// No verdict.
    pub errors: u64,
    /// SYNs sent again.
    pub retries: u64,
    /// RSTs of this host's kernel.
    pub kernel_rst: u64,
    /// Frames that the capture lost.
    pub capture_drops: u64,
    /// Of all probes of several targets.
    pub pace: Option<Kept>,
    /// The whole run, nanoseconds.
    pub elapsed_ns: u64,
    rtts: Rtts,
}

impl Summary {
    /// Of one target, nothing counted yet.
    pub fn of(target: TargetInfo) -> Summary {
        Summary {
            target: Some(target),
            ..Summary::default()
        }
    }

    /// Counts one more probe.
    pub fn add(&mut self, record: &Record) {
        let exchange = &record.exchange;
        let was_sent = record.failure.is_none() || exchange.handshake.syn_sent > 0;
        self.sent += u64::from(was_sent);
        match exchange.verdict {
            Some(Verdict::Open) => self.open += 1,
            Some(Verdict::Closed) => self.closed += 1,
            Some(Verdict::Filtered) => self.filtered += 1,
            Some(Verdict::Unreachable) => self.unreachable += 1,
            None => self.errors += 1,
        }
        self.answered += u64::from(exchange.peer.is_some() || exchange.icmp.is_some());
        self.retries += u64::from(exchange.handshake.syn_sent.saturating_sub(1));
        self.kernel_rst += record.kernel_rst;
        self.capture_drops += record.capture_drops;
        if let Some(rtt_ns) = exchange.handshake.rtt_ns {
            self.rtts.add(rtt_ns);
        }
    }

    /// Probes that nothing answered.
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.answered)
    }

    /// Probes a second.
    pub fn rate(&self) -> f64 {
        if self.elapsed_ns == 0 {
            0.0
        } else {
            self.sent as f64 * 1e9 / self.elapsed_ns as f64
        }
    }

    /// The round trips, if there was any.
    pub fn rtt(&self) -> Option<Rtt> {
        self.rtts.numbers()
    }

    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.verdicts()];
        if let Some(rtt) = self.rtt() {
            lines.push(format!(
                "RTT min {}, mean {}, max {}",
                millis(rtt.min_ns),
                millis(rtt.mean_ns),
                millis(rtt.max_ns)
            ));
        }
        lines.extend(self.course());
        wrapped(&lines)
    }

    /// For people who want to know more: what ping ends with.
    pub(super) fn statistics(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "{} sent, {} answered, {} lost",
                self.sent,
                self.answered,
                percent(self.lost(), self.sent)
            ),
            self.verdicts(),
        ];
        if let Some(rtt) = self.rtt() {
            lines.push(format!(
                "RTT min {}, mean {}, max {}, stddev {}",
                millis(rtt.min_ns),
                millis(rtt.mean_ns),
                millis(rtt.max_ns),
                millis(rtt.stddev_ns)
            ));
            lines.push(format!(
                "    p50 {}, p90 {}, p99 {}",
                millis(rtt.p50_ns),
                millis(rtt.p90_ns),
                millis(rtt.p99_ns)
            ));
        }
        lines.extend(self.course());
        wrapped(&lines)
    }

    /// For people: how long it took, and how fast it was.
    pub(super) fn speed(&self) -> String {
        let took = duration(self.elapsed_ns);
        format!("done in {took}, {:.0} probes a second", self.rate())
    }

    /// How several targets were probed, where something stood in the way.
    fn course(&self) -> Option<String> {
        let pace = self.pace?;
        let lowest = pace.lowest.map(|lowest| {
            let times = match pace.slowdowns {
                1 => "once".to_string(),
                n => format!("{n} times"),
            };
            let end = match pace.rate {
                None => ", and to no limit again".to_string(),
                Some(rate) if rate > lowest => format!(", {rate:.0} in the end"),
                Some(_) => String::new(),
            };
            format!("slowed down {times}, to {lowest:.0} SYNs a second{end}")
        });
        let lost = (pace.loss > 0.0).then(|| {
            let percent = (pace.loss * 100.0).max(0.1);
            format!("{percent:.1}% of SYNs lost, {} sent again", self.retries)
        });
        let told: Vec<String> = lowest.into_iter().chain(lost).collect();
        (!told.is_empty()).then(|| format!("pace: {}", told.join("; ")))
    }

    fn verdicts(&self) -> String {
        let decided = self.open + self.closed + self.filtered + self.unreachable;
        let probes = decided + self.errors;
        format!(
            "{probes} probe{}: {} open, {} closed, {} filtered, {} unreachable, {} not possible",
            if probes == 1 { "" } else { "s" },
            self.open,
            self.closed,
            self.filtered,
            self.unreachable,
            self.errors
        )
    }
}

fn wrapped(lines: &[String]) -> Vec<String> {
    let options = || textwrap::Options::new(WIDTH).subsequent_indent("  ");
    let wrap = |line: &String| -> Vec<String> {
        // What is indented stays so.
        if line.len() <= WIDTH {
            return vec![line.clone()];
        }
        let parts = textwrap::wrap(line, options());
        parts.into_iter().map(Into::into).collect()
    };
    lines.iter().flat_map(wrap).collect()
}

/// `part` of `whole`, with a decimal where there is one.
fn percent(part: u64, whole: u64) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    let decimals = usize::from(percent.fract() != 0.0);
    format!("{percent:.decimals$}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_whole_where_it_can_be() {
        assert_eq!(percent(0, 0), "0%");
        assert_eq!(percent(0, 5), "0%");
        assert_eq!(percent(5, 5), "100%");
        assert_eq!(percent(1, 3), "33.3%");
    }

    fn told(rate: Option<f64>, lowest: Option<f64>, slowdowns: u64, loss: f64) -> Option<String> {
        let pace = Some(Kept {
            rate,
            lowest,
            slowdowns,
            loss,
        });
        let summary = Summary {
            pace,
            retries: 7,
            ..Summary::default()
        };
        summary.course()
    }

    #[test]
    fn a_pace_that_nothing_changed_is_not_worth_a_line() {
        assert_eq!(Summary::default().course(), None);
        assert_eq!(told(Some(1000.0), None, 0, 0.0), None);
        assert_eq!(told(None, None, 0, 0.0), None);
    }

    #[test]
    fn a_pace_tells_how_slow_it_was_and_what_was_lost() {
        for (rate, lowest, slowdowns, loss, text) in [
            (
                Some(500.0),
                Some(500.0),
                1,
                0.0,
                "slowed down once, to 500 SYNs a second",
            ),
            (
                Some(812.4),
                Some(500.0),
                2,
                0.0,
                "slowed down 2 times, to 500 SYNs a second, 812 in the end",
            ),
            (
                None,
                Some(500.0),
                1,
                0.0,
                "slowed down once, to 500 SYNs a second, and to no limit again",
            ),
            (None, None, 0, 0.2, "20.0% of SYNs lost, 7 sent again"),
            (None, None, 0, 1e-6, "0.1% of SYNs lost, 7 sent again"),
            (
                Some(10.0),
                Some(10.0),
                1,
                0.5,
                "slowed down once, to 10 SYNs a second; 50.0% of SYNs lost, 7 sent again",
            ),
        ] {
            let expected = format!("pace: {text}");
            assert_eq!(told(rate, lowest, slowdowns, loss), Some(expected));
        }
    }

    #[test]
    fn statistics_of_millions_fit_into_80_columns() {
        let summary = Summary {
            sent: 16_777_216,
            open: 5_000_000,
            closed: 5_000_000,
            filtered: 5_000_000,
            unreachable: 1_777_216,
            errors: 1_000_000,
            retries: 33_554_432,
            pace: Some(Kept {
                rate: None,
                lowest: Some(12_345.0),
                slowdowns: 12,
                loss: 0.123,
            }),
            ..Summary::default()
        };
        for line in [summary.lines(), summary.statistics()].concat() {
            assert!(line.len() <= WIDTH, "{line}");
        }
    }
}
