//! A shuffled order that needs no list: the same for every process with the same seed, so that
//! several can share the work.

use std::fmt;
use std::str::FromStr;

/// As many rounds on each half of a number.
const ROUNDS: usize = 4;

/// A permutation of the numbers below `len`: a Feistel network over the next power of two, walked
/// until it comes back below `len`.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    len: u64,
    low_bits: u32,
    high_mask: u64,
    keys: [[u64; 2]; ROUNDS],
}

impl Order {
    /// The order of `len` numbers that `seed` gives.
    ///
    /// # Panics
    /// When `len` is more than 2^63.
    pub fn new(len: u64, seed: u64) -> Order {
        assert!(len <= 1 << 63, "what a space holds at most");
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        let mut state = seed;
        Order {
            len,
            low_bits: bits.div_ceil(2),
            high_mask: (1 << (bits / 2)) - 1,
            keys: [(); ROUNDS].map(|()| [(); 2].map(|()| next_key(&mut state))),
        }
    }

    /// How many numbers it orders.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number at `position`.
    ///
    /// # Panics
    /// When `position` is not below the length.
    pub fn at(&self, position: u64) -> u64 {
        assert!(position < self.len, "a position below the length");
        let mut number = self.shuffled(position);
        // The network permutes a power of two, less than twice the length: its cycle leads back.
        while number >= self.len {
            number = self.shuffled(number);
        }
        number
    }

    fn shuffled(&self, number: u64) -> u64 {
        let low_mask = (1 << self.low_bits) - 1;
        let (mut low, mut high) = (number & low_mask, number >> self.low_bits);
        for [one, other] in self.keys {
            low ^= mixed(high ^ one) & low_mask;
            high ^= mixed(low ^ other) & self.high_mask;
        }
        high << self.low_bits | low
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn next_key(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed(*state)
}

/// The finalizer of SplitMix64: every bit of the argument changes half of the bits.
fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Seeds the order of what comes `nth`, for runs that have several orders.
pub fn seed(seed: u64, nth: u64) -> u64 {
    mixed(seed ^ mixed(nth))
}

/// One of several processes that share the work: part `k` of `n`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    k: u64,
    n: u64,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Shard = Shard { k: 1, n: 1 };

    /// The positions of `order` that are this part's, `base` positions of other orders before it.
    pub fn walk(self, order: Order, base: u64) -> Walk {
        let ahead = (self.n + self.k - 1 - base % self.n) % self.n;
        Walk {
            order,
            next: ahead,
            step: self.n,
        }
    }

    /// There are other parts.
    pub fn has_others(self) -> bool {
        self.n > 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text.split_once('/');
        let parsed = numbers.and_then(|(k, n)| Some((k.parse().ok()?, n.parse::<u32>().ok()?)));
        match parsed {
            Some((k, n)) if (1..=n).contains(&k) => Ok(Shard {
                k: k.into(),
                n: n.into(),
            }),
            _ => Err("expected K/N with K from 1 to N, as in 2/5".to_string()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.k, self.n)
    }
}

/// The numbers of an order, or of one part of it, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    order: Order,
    next: u64,
    step: u64,
}

impl Walk {
    /// How many are left.
    pub fn left(&self) -> u64 {
        let len = self.order.len();
        len.saturating_sub(self.next).div_ceil(self.step)
    }
}

impl Iterator for Walk {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        (self.next < self.order.len()).then(|| {
            let number = self.order.at(self.next);
            self.next += self.step;
            number
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn whole(len: u64, seed: u64) -> Vec<u64> {
        Shard::WHOLE.walk(Order::new(len, seed), 0).collect()
    }

    #[test]
    fn every_length_up_to_a_thousand_is_permuted() {
        for len in 0..1000 {
            let mut numbers = whole(len, len);
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..len), "{len}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32,
            failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_number_comes_twice(len in 1u64..70_000, seed: u64) {
            let numbers = whole(len, seed);
            prop_assert!(numbers.iter().all(|number| *number < len));
            prop_assert_eq!(numbers.iter().collect::<HashSet<_>>().len() as u64, len);
        }

        #[test]
        fn the_largest_lengths_are_ordered_too(seed: u64, less in 0u64..1000, from in 0u64..1 << 62) {
            let order = Order::new((1 << 63) - less, seed);
            let numbers: HashSet<u64> = (from..from + 100).map(|position| order.at(position)).collect();
            prop_assert_eq!(numbers.len(), 100);
            prop_assert!(numbers.iter().all(|number| *number < order.len()));
        }

        #[test]
        fn shards_are_disjoint_and_complete(len in 0u64..500, n in 1u64..40, base in 0u64..1000, seed: u64) {
            let order = Order::new(len, seed);
            let parts = (1..=n).map(|k| Shard { k, n }.walk(order, base));
            let mut all: Vec<u64> = Vec::new();
            for part in parts {
                prop_assert!(part.left().abs_diff(len / n) <= 1);
                prop_assert_eq!(part.left(), part.count() as u64);
                all.extend(part);
            }
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..len));
        }
    }

    #[test]
    fn orders_side_by_side_deal_evenly_to_the_shards() {
        let shares = (1..=4).map(|k| {
            let shard = Shard { k, n: 4 };
            (0..1000)
                .map(|base| shard.walk(Order::new(1, 0), base).left())
                .sum()
        });
        assert_eq!(shares.collect::<Vec<u64>>(), [250; 4]);
    }

    #[test]
    fn neighbours_in_the_order_are_far_apart() {
        let numbers = whole(65_536, 0);
        let distances = numbers.windows(2).map(|two| two[0].abs_diff(two[1]));
        // Two random numbers are a third of the length apart.
        let mean = distances.sum::<u64>() / 65_535;
        assert!((21_000..22_700).contains(&mean), "{mean}");
    }

    #[test]
    fn each_stretch_of_the_order_spreads_over_all_networks() {
        for (seed, len) in [(0, 65_536), (1, 65_536), (2, 60_000), (3, 1 << 20)] {
            let numbers = whole(len, seed);
            let mut worst: f64 = 0.0;
            for stretch in numbers.chunks_exact(4096) {
                let mut buckets = [0u32; 256];
                for number in stretch {
                    buckets[(number * 256 / len) as usize] += 1;
                }
                let expected = 16.0;
                let chi: f64 = buckets
                    .iter()
                    .map(|&count| (f64::from(count) - expected).powi(2) / expected)
                    .sum();
                worst = worst.max(chi);
            }
            // 255 degrees of freedom: above 350 comes once in 10,000 stretches.
            assert!(worst < 350.0, "seed {seed}, {len}: chi-square {worst}");
        }
    }

    #[test]
    fn a_position_says_nothing_of_the_number() {
        // Which half of the numbers comes at even positions, at odd ones, early and late.
        let numbers = whole(65_536, 0);
        let halves = |step: usize, from: usize| {
            let some = numbers.iter().skip(from).step_by(step).take(8192);
            some.filter(|number| **number < 32_768).count()
        };
        for (step, from) in [(1, 0), (1, 57_344), (2, 0), (2, 1), (8, 3)] {
            // Four standard deviations of 8,192 throws of a coin.
            assert!(halves(step, from).abs_diff(4096) < 181, "{step} {from}");
        }
    }

    #[test]
    fn another_seed_is_another_order() {
        let (one, other) = (whole(65_536, 0), whole(65_536, 1));
        let same = one.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert!(same < 12, "{same}");
    }

    #[test]
    fn a_shard_is_written_as_a_fraction() {
        assert_eq!("2/5".parse(), Ok(Shard { k: 2, n: 5 }));
        for wrong in ["0/5", "6/5", "2", "2/", "/5", "a/b", "1/0", "-1/5", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
