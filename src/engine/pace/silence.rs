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
    blindness: u64,
}

impl Silence {
    pub(super) fn new(schedule: Schedule, now: Time) -> Silence {
        Silence {
            schedule,
            periods: vec![Period::new(now)],
            lost: 0,
            answered: 0,
            blindness: 0,
        }
    }

    pub(super) fn syn_left(&self, now: Time, attempts: &mut Attempts) -> Duration {
        attempts.sent += 1;
        attempts.last = now;
        attempts.blindness = self.blindness;
        match u32::try_from(attempts.unanswered.len()) {
            Ok(attempt) if attempt <= self.schedule.retries => self.schedule.wait(attempt),
            _ => self.schedule.first,
        }
    }

    pub(super) fn capture_lost(&mut self) {
        self.blindness += 1;
    }

    pub(super) fn answered(&mut self, lost: &[Time], answered: Time) {
        for &left in lost {
            let period = self.at(left);
            self.periods[period].lost += 1;
        }
        self.lost += lost.len() as u64;
        self.answered += 1;
        let latest = &self.periods[self.periods.len() - 1];
        if answered > latest.from + self.schedule.first / 16 && latest.outcomes() >= ENOUGH {
            self.periods.push(Period::new(answered));
        }
        let period = self.at(answered);
        self.periods[period].answered += 1;
    }

    /// The last attempt's wait is over: whether the target is not there.
    pub(super) fn is_proved(&self, attempts: &mut Attempts) -> bool {
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
        let evidence = |&left: &Time| -self.loss_around(left).ln();
        self.lost == 0 || attempts.unanswered.iter().map(evidence).sum::<f64>() >= -WRONG.ln()
    }

    /// Of the SYNs that left about then. What became of the latest is not all known yet: they are
    /// taken to have fared no better than those before.
    fn loss_around(&self, left: Time) -> f64 {
        let index = self.at(left);
        let (own, before) = (&self.periods[index], &self.periods[index.saturating_sub(1)]);
        if index > 0 && own.outcomes() < ENOUGH {
            return own.with(before).loss_at_most();
        }
        own.loss_at_most().max(before.loss_at_most())
    }

    pub(super) fn loss(&self) -> f64 {
        self.lost as f64 / (self.lost + self.answered).max(1) as f64
    }

    fn at(&self, left: Time) -> usize {
        let begun = self.periods.partition_point(|period| period.from <= left);
        begun.saturating_sub(1)
    }
}
