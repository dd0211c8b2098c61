//! The rate: additive increase, multiplicative decrease (RFC 5681 3.1), the decrease in proportion
//! to the loss (as in DCTCP, RFC 8257 3.3).
//!
//! Where a TCP sender counts round trips, the unit here is the time after which a lost SYN is known
//! to be lost: the wait for its answer, the repeated SYN's wait for its turn, and a round trip. The
//! SYNs of one such round are judged at the end of the next, and after each decrease only those
//! that left later.
//!
//! A path may lose at any rate. When a decrease does not lower the loss it is taken back, and only
//! what is lost beyond that loss counts from then on.

use std::time::Duration;

use crate::clock::Time;

/// The rate never falls below this, if the user's is not lower.
const FLOOR: f64 = 10.0;

/// Under `max`, a rate above this is none.
const LIMITLESS: f64 = 1e6;

/// A share of lost SYNs that is not worth a decrease.
const TOLERATED: f64 = 0.01;

/// So many outcomes tell a share.
const ENOUGH: u32 = 128;

/// So many losses under `max` are acted upon at once.
const FIRST: u32 = 5;

/// A loss above this is put down to the rate, whatever a decrease did.
const NOT_OF_THE_PATH: f64 = 0.6;

/// A decrease to this share tells whether it helps.
const DEEP: f64 = 0.65;

/// After so many rounds the loss of the path is tried again.
const BELIEVED: u32 = 32;

/// The SYNs that left in one round, and what became of those to targets that answered.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    from: Time,
    to: Time,
    /// The limit when it began.
    limit: Option<f64>,
    sent: u32,
    /// Of those that the next SYN to the same target made good.
    lost: u32,
    answered: u32,
}

impl Round {
    fn new(from: Time, limit: Option<f64>) -> Round {
        Round {
            from,
            limit,
            ..Round::default()
        }
    }

    fn add(&mut self, later: Round) {
        self.to = later.to;
        self.sent += later.sent;
        self.lost += later.lost;
        self.answered += later.answered;
    }

    /// SYNs a second.
    fn rate(&self) -> f64 {
        f64::from(self.sent) / (self.to - self.from).as_secs_f64().max(1e-3)
    }

    /// The share p that was lost. A share 1 - p gets through; of the SYNs that did not, the same
    /// share is made good by the next: p (1 - p). The ratio of the two is p, however many targets
    /// are not there or still await their third SYN.
    fn loss(&self) -> f64 {
        (f64::from(self.lost) / f64::from(self.answered.max(1))).min(1.0)
    }

    /// Answers to a SYN.
    fn yielded(&self) -> f64 {
        f64::from(self.answered) / f64::from(self.sent.max(1))
    }

    /// How far the measured share may lie from the true one, 2.5 standard deviations of the ratio.
    fn noise(&self, share: f64) -> f64 {
        2.5 * (share * (1.0 + share) / f64::from(self.answered.max(1))).sqrt()
    }
}

/// A decrease whose effect is not known yet.
#[derive(Clone, Copy, Debug)]
struct Trial {
    rate: f64,
    loss: f64,
    yielded: f64,
}

impl Trial {
    /// A deep one tells more.
    fn is_deep(&self, rate: f64) -> bool {
        rate <= self.rate * DEEP
    }

    /// The loss fell, or after a deep decrease each SYN brought more answers, at least half as far
    /// as on a path that lets so much through and no more.
    fn helped(&self, rate: f64, round: &Round) -> bool {
        let policed = (1.0 - (1.0 - self.loss) * self.rate / rate).max(0.0);
        let fell = round.loss() <= (self.loss + policed) / 2.0;
        let more = round.yielded() >= self.yielded * (1.0 + self.rate / rate) / 2.0;
        fell || (more && self.is_deep(rate)) || round.loss() > NOT_OF_THE_PATH
    }
}

#[derive(Debug)]
pub(super) struct Control {
    /// The user's.
    most: Option<f64>,
    rate: Option<f64>,
    /// ssthresh of RFC 5681: below it the rate doubles in each round.
    threshold: f64,
    /// Rounds since the last decrease.
    increases: f64,
    /// The loss that has nothing to do with the rate.
    base: f64,
    /// Rounds since that was tried.
    believed: u32,
    trial: Option<Trial>,
    ripe: Round,
    young: Round,
    /// How long it takes to hear of a loss.
    lag: Duration,
    user_parallel: usize,
    parallel: usize,
    lowest: Option<f64>,
    slowdowns: u64,
}

impl Control {
    pub(super) fn new(most: Option<f64>, parallel: usize, wait: Duration, now: Time) -> Control {
        Control {
            most,
            rate: most,
            threshold: f64::INFINITY,
            increases: 0.0,
            base: 0.0,
            believed: 0,
            trial: None,
            ripe: Round::new(now, most),
            young: Round::new(now, most),
            lag: wait,
            user_parallel: parallel,
            parallel,
            lowest: None,
            slowdowns: 0,
        }
    }

    pub(super) fn rate(&self) -> Option<f64> {
        self.rate
    }

    pub(super) fn parallel(&self) -> usize {
        self.parallel
    }

    pub(super) fn lowest(&self) -> Option<f64> {
        self.lowest
    }

    pub(super) fn slowdowns(&self) -> u64 {
        self.slowdowns
    }

    pub(super) fn syn_left(&mut self, now: Time) {
        self.turn(now);
        self.young.sent += 1;
    }

    pub(super) fn answered(&mut self, now: Time, lost: &[Time], answered: Time) {
        if let Some(&left) = lost.last() {
            // RFC 6298 2.3 smooths a round trip so.
            self.lag = (self.lag * 7 + (now - left)) / 8;
            if let Some(round) = self.round_of(left) {
                round.lost += 1;
            }
        }
        if let Some(round) = self.round_of(answered) {
            round.answered += 1;
        }
        self.turn(now);
    }

    /// `None`: it left before the last decrease, or was judged.
    fn round_of(&mut self, left: Time) -> Option<&mut Round> {
        if left >= self.young.from {
            Some(&mut self.young)
        } else {
            Some(&mut self.ripe).filter(|ripe| left >= ripe.from)
        }
    }

    /// Frames were lost on our own side: RFC 9438 4.6 for the decrease, once a round.
    pub(super) fn own_loss(&mut self, now: Time) {
        const BETA: f64 = 0.7;
        if self.ripe.from == self.young.from && self.slowdowns > 0 {
            return;
        }
        let rate = self.so_far(now).rate();
        self.parallel = (self.parallel / 2).max(1);
        self.decrease(now, rate, BETA);
        self.trial = None;
    }

    /// Under `max` the first losses are acted upon at once, everything else at the end of a round.
    fn turn(&mut self, now: Time) {
        let so_far = self.so_far(now);
        if self.rate.is_none() && so_far.lost >= FIRST {
            self.judge(now, so_far);
        } else if now >= self.young.from + self.lag {
            self.young.to = now;
            let ripe = self.ripe;
            let told = ripe.lost + ripe.answered >= ENOUGH
                || match self.trial {
                    Some(_) => now >= ripe.from + 32 * self.lag,
                    None => ripe.lost == 0 || now >= ripe.from + 4 * self.lag,
                };
            if ripe.to > ripe.from && told {
                self.ripe = self.young;
                self.young = Round::new(now, self.rate);
                self.judge(now, ripe);
            } else if ripe.to > ripe.from {
                self.ripe.add(self.young);
                self.young = Round::new(now, self.rate);
            } else {
                self.ripe = self.young;
                self.young = Round::new(now, self.rate);
            }
        }
    }

    fn so_far(&self, now: Time) -> Round {
        let mut all = self.ripe;
        all.add(self.young);
        all.to = now;
        all
    }

    fn judge(&mut self, now: Time, round: Round) {
        let loss = round.loss();
        if let (Some(trial), Some(rate)) = (self.trial.take(), self.rate)
            && !trial.helped(rate, &round)
        {
            if !trial.is_deep(rate) && rate > self.floor() {
                return self.try_less(now, trial);
            }
            self.base = loss;
            self.believed = 0;
            self.rate = Some(rate.max(trial.rate));
            self.threshold = trial.rate * 2.0;
            return;
        }
        if loss + round.noise(self.base) < self.base {
            self.base = loss;
        }
        let trial = Trial {
            rate: round.limit.unwrap_or_else(|| round.rate()),
            loss,
            yielded: round.yielded(),
        };
        self.believed += 1;
        let excess = (loss - self.base) / (1.0 - self.base);
        if excess > TOLERATED + round.noise(self.base) {
            // What got through is what the path carries; a little less is below that.
            const BELOW: f64 = 0.95;
            self.decrease(now, trial.rate, (1.0 - excess).max(0.5) * BELOW);
            self.trial = Some(trial);
        } else if self.base > TOLERATED && self.believed >= BELIEVED {
            self.try_less(now, trial);
        } else {
            self.increase(&round);
        }
    }

    /// So much less that the loss must tell whether the rate has to do with it.
    fn try_less(&mut self, now: Time, trial: Trial) {
        self.believed = 0;
        self.decrease(now, trial.rate, DEEP);
        self.trial = Some(trial);
    }

    fn decrease(&mut self, now: Time, from: f64, factor: f64) {
        let from = self.rate.map_or(from, |rate| rate.min(from));
        let rate = (from * factor).max(self.floor());
        // A burst without a limit says little of what the path carries.
        if self.rate.is_some() {
            self.threshold = rate;
        }
        self.rate = Some(rate);
        self.lowest = Some(self.lowest.map_or(rate, |lowest| lowest.min(rate)));
        self.slowdowns += 1;
        self.increases = 0.0;
        self.ripe = Round::new(now, self.rate);
        self.young = Round::new(now, self.rate);
    }

    fn floor(&self) -> f64 {
        self.most.map_or(FLOOR, |most| most.min(FLOOR))
    }

    fn increase(&mut self, round: &Round) {
        self.parallel = (self.parallel + self.user_parallel.div_ceil(16)).min(self.user_parallel);
        // RFC 7661 4.3: a limit that was not reached has not been tried.
        let Some(rate) = self.rate.filter(|rate| round.rate() >= rate / 2.0) else {
            return;
        };
        let rate = if rate < self.threshold {
            (rate * 2.0).min(self.threshold)
        } else {
            self.increases += 1.0;
            rate + (self.increases / 4.0).max(1.0) * self.threshold / 16.0
        };
        self.rate = match self.most {
            Some(most) => Some(rate.min(most)),
            None => Some(rate).filter(|rate| *rate < LIMITLESS),
        };
    }
}
