//! Several probes in numbers.

use crate::exchange::Verdict;

use super::rtts::{Rtt, Rtts};
use super::{Record, TargetInfo, millis};

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
        self.sent += u64::from(record.failure.is_none());
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
        lines
    }

    /// For people who sent the same probe often: what ping ends with.
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
        lines
    }

    fn verdicts(&self) -> String {
        let probes = self.sent + self.errors;
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
}
