//! Sequence numbers: arithmetic modulo 2^32.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A sequence or acknowledgment number (RFC 9293 3.4).
///
/// There is no `Ord`: the numbers form a circle, so "before" holds only for numbers less than
/// 2^31 apart. Exactly 2^31 apart, each counts as before the other, as in most TCPs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// `self` comes before `other`.
    #[must_use]
    pub fn lt(self, other: SeqNumber) -> bool {
        self.diff(other) < 0
    }

    /// `self` comes before `other` or is the same.
    #[must_use]
    pub fn le(self, other: SeqNumber) -> bool {
        self.diff(other) <= 0
    }

    /// `self` comes after `other`.
    #[must_use]
    pub fn gt(self, other: SeqNumber) -> bool {
        other.lt(self)
    }

    /// `self` comes after `other` or is the same.
    #[must_use]
    pub fn ge(self, other: SeqNumber) -> bool {
        other.le(self)
    }

    /// How far `self` lies after `earlier`, in sequence numbers; negative when it lies before.
    #[must_use]
    pub fn diff(self, earlier: SeqNumber) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }
}

impl Add<u32> for SeqNumber {
    type Output = SeqNumber;

    fn add(self, count: u32) -> SeqNumber {
        SeqNumber(self.0.wrapping_add(count))
    }
}

impl AddAssign<u32> for SeqNumber {
    fn add_assign(&mut self, count: u32) {
        *self = *self + count;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = SeqNumber;

    fn sub(self, count: u32) -> SeqNumber {
        SeqNumber(self.0.wrapping_sub(count))
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_after_the_wrap_come_later() {
        let (before, after) = (SeqNumber(u32::MAX), SeqNumber(1));
        assert!(before.lt(after) && before.le(after));
        assert!(after.gt(before) && after.ge(before));
        assert!(!after.lt(before) && !before.gt(after));
        assert_eq!(after.diff(before), 2);
        assert_eq!(before.diff(after), -2);
    }

    #[test]
    fn a_number_is_neither_before_nor_after_itself() {
        let number = SeqNumber(7);
        assert!(!number.lt(number) && !number.gt(number));
        assert!(number.le(number) && number.ge(number));
    }

    #[test]
    fn adding_and_subtracting_wrap() {
        let mut number = SeqNumber(u32::MAX);
        assert_eq!(number + 1, SeqNumber(0));
        number += 3;
        assert_eq!(number, SeqNumber(2));
        assert_eq!(number - 3, SeqNumber(u32::MAX));
    }

    #[test]
    fn a_number_prints_in_decimal() {
        assert_eq!(SeqNumber(4_294_967_295).to_string(), "4294967295");
    }
}
