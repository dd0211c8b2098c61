//! Round trips in numbers, in memory that does not grow with their count.

use hdrhistogram::Histogram;

/// So many samples are kept as they are, and a percentile is one of them.
const KEPT: usize = 100_000;

/// Of more samples, percentiles are exact to this many significant digits.
const DIGITS: u8 = 3;

/// Round trips, nanoseconds.
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

/// All the round trips of a run.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Rtts {
    count: u64,
    min: u64,
    max: u64,
    mean: f64,
    /// The sum of the squared distances from the mean (Welford).
    squares: f64,
    samples: Samples,
}

#[derive(Clone, PartialEq, Debug)]
enum Samples {
    Few(Vec<u64>),
    Many(Box<Histogram<u64>>),
}

impl Default for Samples {
    fn default() -> Samples {
        Samples::Few(Vec::new())
    }
}

impl Samples {
    fn add(&mut self, ns: u64) {
        match self {
            Samples::Few(samples) if samples.len() < KEPT => samples.push(ns),
            Samples::Few(samples) => {
                let mut histogram =
                    Histogram::new(DIGITS).expect("a histogram has 0 to 5 significant digits");
                for &sample in samples.iter().chain([&ns]) {
                    record(&mut histogram, sample);
                }
                *self = Samples::Many(Box::new(histogram));
            }
            Samples::Many(histogram) => record(histogram, ns),
        }
    }

    /// By nearest rank: the least sample that `percents[i]` percent of all do not exceed.
    fn percentiles<const N: usize>(&self, percents: [usize; N]) -> [u64; N] {
        match self {
            Samples::Few(samples) => {
                let mut sorted = samples.clone();
                sorted.sort_unstable();
                percents.map(|percent| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1])
            }
            Samples::Many(histogram) => {
                percents.map(|percent| histogram.value_at_percentile(percent as f64))
            }
        }
    }
}

fn record(histogram: &mut Histogram<u64>, ns: u64) {
    histogram
        .record(ns)
        .expect("a histogram that grows holds any number");
}

impl Rtts {
    /// One more.
    pub(super) fn add(&mut self, ns: u64) {
        self.min = if self.count == 0 {
            ns
        } else {
            self.min.min(ns)
        };
        self.max = self.max.max(ns);
        self.count += 1;
        let distance = ns as f64 - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (ns as f64 - self.mean);
        self.samples.add(ns);
    }

    /// In numbers, if there was any.
    pub(super) fn numbers(&self) -> Option<Rtt> {
        if self.count == 0 {
            return None;
        }
        let [p50, p90, p99] = self.samples.percentiles([50, 90, 99]);
        let within = |ns: u64| ns.clamp(self.min, self.max);
        Some(Rtt {
            min_ns: self.min,
            mean_ns: self.mean.round() as u64,
            p50_ns: within(p50),
            p90_ns: within(p90),
            p99_ns: within(p99),
            max_ns: self.max,
            stddev_ns: (self.squares / self.count as f64).sqrt().round() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(samples: impl IntoIterator<Item = u64>) -> Rtt {
        let mut rtts = Rtts::default();
        samples.into_iter().for_each(|ns| rtts.add(ns));
        rtts.numbers().unwrap()
    }

    #[test]
    fn percentiles_are_samples() {
        let rtt = numbers((1..=100).rev());
        assert_eq!(
            (rtt.min_ns, rtt.p50_ns, rtt.p90_ns, rtt.p99_ns, rtt.max_ns),
            (1, 50, 90, 99, 100)
        );
        assert_eq!(rtt.mean_ns, 51); // 50.5, rounded
        assert_eq!(rtt.stddev_ns, 29); // 28.87
    }

    #[test]
    fn of_one_sample_all_numbers_are_that_sample() {
        let rtt = numbers([7]);
        assert_eq!((rtt.min_ns, rtt.mean_ns, rtt.p50_ns), (7, 7, 7));
        assert_eq!((rtt.p90_ns, rtt.p99_ns, rtt.max_ns), (7, 7, 7));
        assert_eq!(rtt.stddev_ns, 0);
    }

    #[test]
    fn without_a_sample_there_are_no_numbers() {
        assert_eq!(Rtts::default().numbers(), None);
    }

    #[test]
    fn beyond_what_is_kept_percentiles_have_three_digits() {
        let count = 3 * KEPT as u64;
        let step = 1_000;
        let rtt = numbers((1..=count).map(|n| n * step));
        assert_eq!((rtt.min_ns, rtt.max_ns), (step, count * step));
        for (percent, found) in [(50, rtt.p50_ns), (90, rtt.p90_ns), (99, rtt.p99_ns)] {
            let exact = count * percent / 100 * step;
            assert!(
                found.abs_diff(exact) <= exact / 1_000,
                "{found} for {exact}"
            );
        }
        assert_eq!(rtt.mean_ns, (count + 1) * step / 2);
    }

    #[test]
    fn many_samples_take_no_more_room_than_a_histogram() {
        let mut rtts = Rtts::default();
        (0..=KEPT as u64).for_each(|ns| rtts.add(ns * 1_000_000));
        let Samples::Many(histogram) = rtts.samples else {
            panic!("still a list")
        };
        assert!(histogram.distinct_values() < 100_000);
    }
}
