//! Sets of ports, and how they are written: `443`, `80,443`, `8000-8100`, a service name, a list of
//! these.

use std::ops::RangeInclusive;
use std::sync::Arc;

use dns_lookup::{AddrInfoHints, getaddrinfo};
use nix::libc;

/// Ports from 1 to 65535, as runs that neither overlap nor touch. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PortSet(Arc<[Run]>);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Run {
    first: u16,
    last: u16,
    /// How many ports the runs before it have.
    before: u16,
}

impl PortSet {
    /// Every port.
    pub fn all() -> PortSet {
        PortSet::from_iter([1..=u16::MAX])
    }

    /// Reads a list of ports.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(list: &str) -> Result<PortSet, String> {
        Ok(parse(list)?.into_iter().collect())
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        let last = self.0.last();
        last.map_or(0, |run| {
            u32::from(run.before) + u32::from(run.last - run.first) + 1
        })
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The port with `index` smaller ones before it.
    ///
    /// # Panics
    /// When there are not that many.
    pub fn nth(&self, index: u32) -> u16 {
        let after = |run: &Run| u32::from(run.before) <= index;
        let run = self.0[self.0.partition_point(after) - 1];
        let port = u32::from(run.first) + (index - u32::from(run.before));
        assert!(port <= u32::from(run.last), "an index below the count");
        port as u16
    }

    /// Whether `port` is one of them.
    pub fn contains(&self, port: u16) -> bool {
        let at = self.0.partition_point(|run| run.last < port);
        self.0.get(at).is_some_and(|run| run.first <= port)
    }

    /// Those that are in any of `sets`.
    pub fn union<'a>(sets: impl IntoIterator<Item = &'a PortSet>) -> PortSet {
        sets.into_iter().flat_map(PortSet::ranges).collect()
    }

    /// Those that are not in `other`.
    pub fn minus(&self, other: &PortSet) -> PortSet {
        let mut left = Vec::new();
        for run in self.0.iter() {
            let mut first = u32::from(run.first);
            let start = other.0.partition_point(|taken| taken.last < run.first);
            let overlapping = other.0[start..].iter();
            for taken in overlapping.take_while(|taken| taken.first <= run.last) {
                if first < u32::from(taken.first) {
                    left.push(first as u16..=taken.first - 1);
                }
                first = u32::from(taken.last) + 1;
            }
            if first <= u32::from(run.last) {
                left.push(first as u16..=run.last);
            }
        }
        left.into_iter().collect()
    }

    /// Its runs, the lowest first.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u16>> {
        self.0.iter().map(|run| run.first..=run.last)
    }
}

impl FromIterator<RangeInclusive<u16>> for PortSet {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u16>>>(ranges: I) -> PortSet {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|it| !it.is_empty()).collect();
        ranges.sort_unstable_by_key(|range| *range.start());
        let mut runs: Vec<Run> = Vec::with_capacity(ranges.len());
        for range in ranges {
            let (first, last) = range.into_inner();
            match runs.last_mut() {
                Some(run) if u32::from(first) <= u32::from(run.last) + 1 => {
                    run.last = run.last.max(last);
                }
                before => {
                    let before = before.map_or(0, |run| run.before + (run.last - run.first) + 1);
                    runs.push(Run {
                        first,
                        last,
                        before,
                    });
                }
            }
        }
        PortSet(runs.into())
    }
}

/// The ports of a list as they are written, ranges as such.
pub fn parse(list: &str) -> Result<Vec<RangeInclusive<u16>>, String> {
    let range = |item: &str| match item.split_once('-') {
        Some((first, last)) if is_number(first) && is_number(last) => {
            let range = parse_port(first)?..=parse_port(last)?;
            match range.is_empty() {
                true => Err(format!("the range {item} runs backwards")),
                false => Ok(range),
            }
        }
        _ => parse_port(item).map(|port| port..=port),
    };
    list.split(',').map(range).collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse_port(item: &str) -> Result<u16, String> {
    if item.is_empty() {
        return Err("no port after the colon".to_string());
    }
    if is_number(item) {
        return match item.parse() {
            Ok(0) | Err(_) => Err(format!(
                "port {item} is out of range: ports run from 1 to 65535"
            )),
            Ok(port) => Ok(port),
        };
    }
    // Without a letter it is no name (RFC 6335 5.1), though the resolver takes "+80" for 80.
    let is_name = item.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_name
        .then(|| service(item))
        .flatten()
        .ok_or_else(|| format!("unknown service {item:?}: give the number of the port"))
}

fn service(name: &str) -> Option<u16> {
    let hints = AddrInfoHints {
        socktype: libc::SOCK_STREAM,
        ..AddrInfoHints::default()
    };
    let mut found = getaddrinfo(None, Some(name), Some(hints)).ok()?;
    found.next()?.ok().map(|info| info.sockaddr.port())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ranges() -> impl Strategy<Value = Vec<(u16, u16)>> {
        // Close together, so that they meet; and at the upper end, where a sum would overflow.
        let low = (1u16..60, 0u16..9);
        let high = (65_500u16.., 0u16..9);
        prop::collection::vec(prop_oneof![low, high], 0..12)
    }

    fn set(ranges: &[(u16, u16)]) -> PortSet {
        let ranges = ranges.iter();
        ranges
            .map(|&(first, more)| first..=first.saturating_add(more))
            .collect()
    }

    fn model(set: &PortSet) -> BTreeSet<u16> {
        set.ranges().flatten().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_set_of_ports_is_a_set(one in ranges(), other in ranges(), port in 1u16..90) {
            let naive = |ranges: &[(u16, u16)]| -> BTreeSet<u16> {
                ranges.iter().flat_map(|&(first, more)| first..=first.saturating_add(more)).collect()
            };
            let (a, b) = (set(&one), set(&other));
            let (naive_a, naive_b) = (naive(&one), naive(&other));
            prop_assert_eq!(model(&a), naive_a.clone());
            prop_assert_eq!(a.count() as usize, naive_a.len());
            prop_assert_eq!(a.contains(port), naive_a.contains(&port));
            prop_assert_eq!(model(&PortSet::union([&a, &b])), &naive_a | &naive_b);
            prop_assert_eq!(model(&a.minus(&b)), &naive_a - &naive_b);
            let listed: Vec<u16> = (0..a.count()).map(|index| a.nth(index)).collect();
            prop_assert_eq!(listed, naive_a.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn equal_sets_are_equal_however_they_are_written() {
        let parse = |list| PortSet::parse(list).unwrap();
        assert_eq!(parse("80,81-90,85,443"), parse("443,80-90"));
        assert_eq!(parse("1-65535"), PortSet::all());
        assert_eq!(PortSet::all().count(), 65_535);
        assert_eq!(PortSet::all().nth(65_534), 65_535);
    }

    #[test]
    fn a_service_is_its_port() {
        assert_eq!(parse("https,80").unwrap(), [443..=443, 80..=80]);
    }
}
