//! The stamps of pcapng.

use crate::clock::Stamp;

const SECOND: u32 = 1_000_000_000;

/// How an interface counts time: `if_tsresol` and `if_tsoffset`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TimeUnit {
    /// The exponent of a negative power of 10, or with the highest bit set, of 2.
    pub(super) resolution: u8,
    /// Seconds to add.
    pub(super) offset: i64,
}

impl Default for TimeUnit {
    /// Microseconds since the epoch.
    fn default() -> TimeUnit {
        TimeUnit {
            resolution: 6,
            offset: 0,
        }
    }
}

impl TimeUnit {
    /// The stamp of so many units; `None` before 1970 and after 2554.
    pub(super) fn stamp(self, units: u64) -> Option<Stamp> {
        let exponent = u32::from(self.resolution & 0x7f);
        let units = u128::from(units);
        let nanos = if self.resolution & 0x80 != 0 {
            (units * u128::from(SECOND)) >> exponent
        } else if exponent <= 9 {
            units * 10_u128.pow(9 - exponent)
        } else {
            // Where the power overflows, no 64-bit count reaches a nanosecond.
            let per_nano = 10_u128.checked_pow(exponent - 9);
            per_nano.map_or(0, |per_nano| units / per_nano)
        };
        // 2^94 at most, so the sum cannot overflow.
        let nanos = i128::try_from(nanos).ok()? + i128::from(self.offset) * i128::from(SECOND);
        u64::try_from(nanos).ok().map(Stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(resolution: u8, offset: i64, units: u64) -> Option<u64> {
        let unit = TimeUnit { resolution, offset };
        unit.stamp(units).map(|stamp| stamp.0)
    }

    #[test]
    fn powers_of_ten_and_two_become_nanoseconds() {
        for (resolution, units, expected) in [
            (0, 3, 3_000_000_000),
            (3, 1_500, 1_500_000_000),
            (6, 1_500_000, 1_500_000_000),
            (9, 7, 7),
            (12, 7_999, 7),
            (0x80, 2, 2_000_000_000),
            (0x81, 3, 1_500_000_000),
            (0x94, 1 << 19, 500_000_000),
            (0xbf, 1 << 62, 500_000_000),
        ] {
            assert_eq!(nanos(resolution, 0, units), Some(expected));
        }
    }

    #[test]
    fn absurd_resolutions_neither_panic_nor_overflow() {
        for resolution in 0..=255 {
            for units in [0, 1, u64::MAX] {
                for offset in [0, i64::MIN, i64::MAX] {
                    let _ = nanos(resolution, offset, units);
                }
            }
        }
        assert_eq!(nanos(0x7f, 0, u64::MAX), Some(0));
        assert_eq!(nanos(0xff, 0, u64::MAX), Some(0));
        assert_eq!(nanos(0, 0, u64::MAX), None);
    }

    #[test]
    fn the_offset_counts_seconds_either_way() {
        assert_eq!(nanos(6, 10, 1), Some(10_000_001_000));
        assert_eq!(nanos(6, -1, 1_000_001), Some(1_000));
        assert_eq!(nanos(6, -2, 1_000_001), None);
    }
}
