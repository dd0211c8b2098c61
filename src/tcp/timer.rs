//! The retransmission timer: RFC 6298 5, with a schedule that the user gives.

use std::time::Duration;

use crate::clock::Time;

/// Twice the maximum segment lifetime (RFC 9293 3.4.2): after it nothing of a connection is left in
/// the network, and no end holds it any more.
pub const TWO_MSL: Duration = Duration::from_secs(240);

/// How long to wait for the peer: `first`, doubled for each of `retries`.
///
/// It stands in the place of RFC 6298's estimator: a probe of one round trip has no samples to
/// estimate from, and its user wants to know beforehand when it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// The first wait.
    pub first: Duration,
    /// How often to send again.
    pub retries: u32,
}

impl Schedule {
    /// The wait after transmission number `attempt`, counted from 0 (RFC 6298 5.5: back off).
    pub fn wait(self, attempt: u32) -> Duration {
        self.first
            .saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX))
    }

    /// All the waits together.
    pub fn total(self) -> Duration {
        (0..=self.retries.min(63)).fold(Duration::ZERO, |sum, attempt| {
            sum.saturating_add(self.wait(attempt))
        })
    }
}

/// The timer of the earliest unacknowledged segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetransmissionTimer {
    schedule: Schedule,
    attempt: u32,
    /// Attempts beyond the schedule.
    granted: u32,
    granted_wait: Duration,
    deadline: Option<Time>,
}

/// What an expired timer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expiry {
    Nothing,
    Retransmit,
    GiveUp,
}

impl RetransmissionTimer {
    pub(super) fn new(schedule: Schedule) -> Self {
        RetransmissionTimer {
            schedule,
            attempt: 0,
            granted: 0,
            granted_wait: Duration::ZERO,
            deadline: None,
        }
    }

    /// RFC 6298 5.1: a segment that wants an acknowledgment was sent for the first time.
    pub(super) fn start(&mut self, now: Time) {
        self.attempt = 0;
        self.deadline = Some(now + self.schedule.wait(0));
    }

    /// RFC 6298 5.2: everything is acknowledged.
    pub(super) fn stop(&mut self) {
        self.deadline = None;
    }

    /// The next time it expires is the last.
    pub(super) fn is_last(&self) -> bool {
        self.deadline.is_some()
            && self.attempt == self.schedule.retries.saturating_add(self.granted)
    }

    /// Allows one more attempt than the schedule does, which waits so long.
    pub(super) fn grant(&mut self, wait: Duration) {
        self.granted = self.granted.saturating_add(1);
        self.granted_wait = wait;
    }

    /// If it runs, the wait of this attempt begins now.
    pub(super) fn restart(&mut self, now: Time) {
        if self.deadline.is_some() {
            self.deadline = Some(now + self.wait());
        }
    }

    fn wait(&self) -> Duration {
        match self.attempt <= self.schedule.retries {
            true => self.schedule.wait(self.attempt),
            false => self.granted_wait,
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// RFC 6298 5.4 to 5.6.
    pub(super) fn on_timeout(&mut self, now: Time) -> Expiry {
        match self.deadline {
            Some(deadline) if now >= deadline => {}
            _ => return Expiry::Nothing,
        }
        if self.is_last() {
            self.deadline = None;
            return Expiry::GiveUp;
        }
        self.attempt += 1;
        self.deadline = Some(now + self.wait());
        Expiry::Retransmit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_default_schedule_waits_seven_seconds_in_all() {
        let schedule = Schedule {
            first: SECOND,
            retries: 2,
        };
        assert_eq!(schedule.wait(2), 4 * SECOND);
        assert_eq!(schedule.total(), 7 * SECOND);
    }

    #[test]
    fn a_schedule_without_end_saturates() {
        let schedule = Schedule {
            first: Duration::MAX,
            retries: u32::MAX,
        };
        assert_eq!(schedule.total(), Duration::MAX);
        assert_eq!(schedule.wait(40), Duration::MAX);
    }

    #[test]
    fn an_attempt_beyond_the_schedule_waits_as_long_as_whoever_grants_it_says() {
        let mut timer = RetransmissionTimer::new(Schedule {
            first: SECOND,
            retries: 1,
        });
        timer.start(Time(0));
        assert!(!timer.is_last());
        timer.on_timeout(Time::default() + SECOND);
        assert!(timer.is_last());
        timer.grant(5 * SECOND);
        let third = Time::default() + 3 * SECOND;
        assert_eq!(timer.on_timeout(third), Expiry::Retransmit);
        assert_eq!(timer.deadline(), Some(third + 5 * SECOND));
        assert_eq!(timer.on_timeout(third + 5 * SECOND), Expiry::GiveUp);
    }

    #[test]
    fn each_retransmission_doubles_the_wait() {
        let mut timer = RetransmissionTimer::new(Schedule {
            first: SECOND,
            retries: 1,
        });
        timer.start(Time(0));
        assert_eq!(timer.on_timeout(Time(999_999_999)), Expiry::Nothing);
        assert_eq!(timer.on_timeout(Time(1_000_000_000)), Expiry::Retransmit);
        assert_eq!(timer.deadline(), Some(Time(3_000_000_000)));
        assert_eq!(timer.on_timeout(Time(3_000_000_000)), Expiry::GiveUp);
        assert_eq!(timer.deadline(), None);
    }
}
