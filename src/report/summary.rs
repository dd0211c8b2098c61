//! Several probes in numbers.

use crate::exchange::Verdict;

use super::{Record, millis};

/// What several probes came to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Summary {
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
    rtts: Vec<u64>,
}

/// Round trips in numbers, nanoseconds.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)] // the names say it
pub struct Rtt {
    pub min_ns: u64,
    pub mean_ns: u64,
    pub p50_ns: u64,
    pub p90_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
    pub stddev_ns: u64,
}

impl Summary {
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
        self.rtts.extend(exchange.handshake.rtt_ns);
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

    /// The round trips, if there was any. A percentile is a sample: the smallest that this part
    /// of all samples does not exceed.
    pub fn rtt(&self) -> Option<Rtt> {
        let mut sorted = self.rtts.clone();
        sorted.sort_unstable();
        let (min_ns, max_ns) = (*sorted.first()?, *sorted.last()?);
        let count = sorted.len();
        let mean = sorted.iter().map(|&ns| ns as f64).sum::<f64>() / count as f64;
        let variance = sorted
            .iter()
            .map(|&ns| (ns as f64 - mean).powi(2))
            .sum::<f64>()
            / count as f64;
        let percentile = |percent: usize| sorted[(count * percent).div_ceil(100).max(1) - 1];
        Some(Rtt {
            min_ns,
            mean_ns: mean.round() as u64,
            p50_ns: percentile(50),
            p90_ns: percentile(90),
            p99_ns: percentile(99),
            max_ns,
            stddev_ns: variance.sqrt().round() as u64,
        })
    }

    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} probes: {} open, {} closed, {} filtered, {} unreachable, {} not possible",
            self.sent + self.errors,
            self.open,
            self.closed,
            self.filtered,
            self.unreachable,
            self.errors
        )];
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let summary = Summary {
            rtts: (1..=100).rev().collect(),
            ..Summary::default()
        };
        let rtt = summary.rtt().unwrap();
        assert_eq!(
            (rtt.min_ns, rtt.p50_ns, rtt.p90_ns, rtt.p99_ns, rtt.max_ns),
            (1, 50, 90, 99, 100)
        );
        assert_eq!(rtt.mean_ns, 51); // 50.5, rounded
    }

    #[test]
    fn without_a_sample_there_is_no_round_trip() {
        assert_eq!(Summary::default().rtt(), None);
    }
}
