//! How often silence must be heard before nobody is there.
//!
//! Among the SYNs to targets that answer in the end, a share q stays unanswered. If a target were
//! there, k attempts would all fail with the probability q^k: attempts go on until it is below
//! [`WRONG`].

use std::time::Duration;

use crate::clock::Time;
use crate::tcp::Schedule;

/// A target that is there may be called filtered so rarely.
const WRONG: f64 = 1e-6;

/// No target gets more SYNs than this, if the user does not ask for more, so that a run ends.
const MOST: u32 = 100;

/// From so many outcomes on the loss of a period stands for itself.
const ENOUGH: u32 = 64;

/// So many periods are kept; what left earlier counts as the first of them. A full memory reaches
/// back for minutes, beyond what any target waits at a rate that fills it.
const REMEMBERED: usize = 4096;

/// The SYNs that one target got.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    sent: u32,
    last: Time,
    /// When those left that nothing answered in time. Those whose answer may have been lost by our
    /// own capture are not among them.
    unanswered: Vec<Time>,
    /// How often our capture had lost frames when the last one left.
    blindness: u64,
}

impl Attempts {
    /// How many SYNs were sent.
    pub fn sent(&self) -> u32 {
        self.sent
    }

    pub(super) fn last(&self) -> Time {
        self.last
    }

    pub(super) fn unanswered(&self) -> &[Time] {
        &self.unanswered
    }
}

/// What became of the SYNs that left in a period, to targets that answered in the end.
#[derive(Debug)]
struct Period {
    from: Time,
    lost: u32,
    answered: u32,
}

impl Period {
    fn new(from: Time) -> Period {
        Period {
            from,
            lost: 0,
            answered: 0,
        }
    }

    fn outcomes(&self) -> u32 {
        self.lost + self.answered
    }

    fn with(&self, other: &Period) -> Period {
        Period {
            from: self.from,
            lost: self.lost + other.lost,
            answered: self.answered + other.answered,
        }
    }

    /// The share lost, at most: the upper end of Wilson's interval of two standard deviations,
    /// which holds for few outcomes too.
    fn loss_at_most(&self) -> f64 {
        const Z2: f64 = 4.0;
        let n = f64::from(self.outcomes()).max(1.0);
        let share = f64::from(self.lost) / n;
        let spread = (Z2 * (share * (1.0 - share) / n + Z2 / (4.0 * n * n))).sqrt();
        (share + Z2 / (2.0 * n) + spread) / (1.0 + Z2 / n)
    }
}

/// The measured loss over time.
#[derive(Debug)]
pub(super) struct Silence {
    schedule: Schedule,
    /// In order, never empty.
    periods: Vec<Period>,
    lost: u64,
    answered: u64,
    /// How long it takes to hear of a loss.
    lag: Duration,
    blindness: u64,
    dice: u64,
}

impl Silence {
    pub(super) fn new(schedule: Schedule, now: Time) -> Silence {
        Silence {
            schedule,
            lag: schedule.first,
            periods: vec![Period::new(now)],
            lost: 0,
            answered: 0,
            blindness: 0,
            dice: now.0,
        }
    }

    pub(super) fn syn_left(&mut self, now: Time, attempts: &mut Attempts) -> Duration {
        attempts.sent += 1;
        attempts.last = now;
        attempts.blindness = self.blindness;
        match u32::try_from(attempts.unanswered.len()) {
            Ok(attempt) if attempt <= self.schedule.retries => self.schedule.wait(attempt),
            _ => self.schedule.first.mul_f64(1.0 + self.jitter() / 2.0),
        }
    }

    /// From 0 to 1. Targets that keep step would meet the same crowd each time, and their attempts
    /// fail together.
    fn jitter(&mut self) -> f64 {
        // Knuth's linear congruential generator (MMIX); its upper half is good enough.
        const A: u64 = 6_364_136_223_846_793_005;
        const C: u64 = 1_442_695_040_888_963_407;
        self.dice = self.dice.wrapping_mul(A).wrapping_add(C);
        (self.dice >> 32) as f64 / f64::from(u32::MAX)
    }

    pub(super) fn capture_lost(&mut self) {
        self.blindness += 1;
    }

    pub(super) fn answered(&mut self, now: Time, lost: &[Time], answered: Time) {
        for &left in lost {
            let period = self.at(left);
            self.periods[period].lost += 1;
            self.lag = (self.lag * 15 + (now - left)) / 16;
        }
        self.lost += lost.len() as u64;
        self.answered += 1;
        let latest = &self.periods[self.periods.len() - 1];
        if answered > latest.from + self.schedule.first / 16 && latest.outcomes() >= ENOUGH {
            if self.periods.len() == REMEMBERED {
                self.periods.remove(0);
            }
            self.periods.push(Period::new(answered));
        }
        let period = self.at(answered);
        self.periods[period].answered += 1;
    }

    /// The last attempt's wait is over: whether the target is not there.
    pub(super) fn is_proved(&self, now: Time, attempts: &mut Attempts) -> bool {
        if attempts.blindness == self.blindness {
            attempts.unanswered.push(attempts.last);
        }
        let scheduled = self.schedule.retries.saturating_add(1);
        if attempts.sent >= scheduled.max(MOST) {
            return true;
        }
        if attempts.unanswered.len() < scheduled as usize {
            return false;
        }
        let evidence = |&left: &Time| -self.loss_around(left, now).ln();
        self.lost == 0 || attempts.unanswered.iter().map(evidence).sum::<f64>() >= -WRONG.ln()
    }

    /// Of the SYNs that left about then. Losses show late, with the answer to a later SYN: those
    /// that left lately are taken to have fared no better than the last of which much is known.
    fn loss_around(&self, left: Time, now: Time) -> f64 {
        let known = Time(now.0.saturating_sub(2 * self.lag.as_nanos() as u64));
        let latest = self.loss_at(left);
        if left <= known {
            return latest;
        }
        latest.max(self.loss_at(known))
    }

    /// The loss of the period of `left`, with those before it if it is short of outcomes.
    fn loss_at(&self, left: Time) -> f64 {
        let index = self.at(left);
        let own = &self.periods[index];
        match index.checked_sub(1).map(|before| &self.periods[before]) {
            Some(before) if own.outcomes() < ENOUGH => own.with(before).loss_at_most(),
            _ => own.loss_at_most(),
        }
    }

    pub(super) fn loss(&self) -> f64 {
        self.lost as f64 / (self.lost + self.answered).max(1) as f64
    }

    fn at(&self, left: Time) -> usize {
        let begun = self.periods.partition_point(|period| period.from <= left);
        begun.saturating_sub(1)
    }
}
