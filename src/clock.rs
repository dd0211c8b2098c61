//! Two kinds of time, kept apart by type.
//!
//! Timers run on the monotonic clock ([`Time`]); frames carry kernel stamps of the wall clock
//! ([`Stamp`]). Subtracting one from the other is meaningless, so it does not compile.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on the monotonic clock, in nanoseconds since an arbitrary origin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time(pub u64);

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates: a deadline beyond the end of the clock never comes.
    fn add(self, wait: Duration) -> Time {
        Time(self.0.saturating_add(nanos(wait)))
    }
}

impl Sub for Time {
    type Output = Duration;

    /// The time from `earlier` to `self`, zero when it lies ahead.
    fn sub(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A kernel stamp of a frame: nanoseconds of `CLOCK_REALTIME` since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Nanoseconds from `earlier` to `self`, negative when `self` came first. A capture may claim
    /// any stamps; they lie no further apart than lets two such differences be subtracted.
    pub fn since(self, earlier: Stamp) -> i64 {
        const FURTHEST: i128 = i64::MAX as i128 / 2;
        let apart = i128::from(self.0) - i128::from(earlier.0);
        apart.clamp(-FURTHEST, FURTHEST) as i64
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
