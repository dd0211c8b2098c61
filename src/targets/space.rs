//! A region whose endpoints have numbers.

use std::net::SocketAddr;

use super::region::{Range, Region};

/// The most endpoints that one space holds.
pub const MOST: u64 = 1 << 63;

/// The endpoints of a region, numbered from 0: all ports of its first address, of its second, and
/// so on.
#[derive(Clone, Debug, Default)]
pub struct Space {
    region: Region,
    /// How many endpoints come before each range.
    before: Vec<u64>,
    len: u64,
}

impl Space {
    /// Numbers a region, unless it has more than 2^63 endpoints.
    pub fn new(region: Region) -> Option<Space> {
        let mut before = Vec::with_capacity(region.ranges());
        let mut len = 0u64;
        for (range, ports) in region.iter() {
            before.push(len);
            let more = endpoints(range, ports.count())?;
            len = len.checked_add(more).filter(|len| *len <= MOST)?;
        }
        Some(Space {
            region,
            before,
            len,
        })
    }

    /// How many endpoints there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The endpoint of a number.
    ///
    /// # Panics
    /// When `number` is not below the length.
    pub fn nth(&self, number: u64) -> SocketAddr {
        assert!(number < self.len, "a number below the length");
        let index = self.before.partition_point(|before| *before <= number) - 1;
        let (range, ports) = self.region.get(index);
        let offset = number - self.before[index];
        let count = u64::from(ports.count());
        range.endpoint(offset / count, ports.nth((offset % count) as u32))
    }

    /// Whether `endpoint` is one of them.
    pub fn contains(&self, endpoint: SocketAddr) -> bool {
        self.region.contains(endpoint)
    }

    /// The endpoints without their numbers.
    pub fn into_region(self) -> Region {
        self.region
    }
}

/// How many endpoints a range with so many ports has, if not more than [`MOST`].
pub fn endpoints(range: Range, ports: u32) -> Option<u64> {
    let addresses = u64::try_from(range.last - range.first)
        .ok()?
        .checked_add(1)?;
    let count = addresses.checked_mul(u64::from(ports))?;
    (count <= MOST).then_some(count)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::targets::parse::groups;
    use crate::targets::ports::PortSet;
    use crate::targets::region::{address, number};

    type Written = (bool, u32, u8, u8, u16, u16);

    /// Few addresses, few ports, all kinds of blocks: so that everything meets.
    fn items() -> impl Strategy<Value = Vec<Written>> {
        vec(
            (any::<bool>(), 0u32..3, 0u8..64, 0u8..7, 1u16..6, 0u16..3),
            0..14,
        )
    }

    fn item(&(is_v6, scope, host, size, port, more): &Written) -> (Range, PortSet) {
        let base = match is_v6 {
            true => u128::MAX - 63,
            false => number(Ipv4Addr::new(10, 0, 0, 0).into()),
        };
        let (scope, mask) = (if is_v6 { scope } else { 0 }, (1u128 << size) - 1);
        let at = base + u128::from(host);
        let range = Range {
            scope,
            first: at & !mask,
            last: at | mask,
        };
        (range, PortSet::from_iter([port..=port + more]))
    }

    fn endpoint(scope: u32, number: u128, port: u16) -> SocketAddr {
        Range {
            scope,
            first: number,
            last: number,
        }
        .endpoint(0, port)
    }

    fn naive(items: &[Written]) -> BTreeSet<SocketAddr> {
        let mut all = BTreeSet::new();
        for (range, ports) in items.iter().map(item) {
            for number in range.first..=range.last {
                all.extend(
                    ports
                        .ranges()
                        .flatten()
                        .map(|port| endpoint(range.scope, number, port)),
                );
            }
        }
        all
    }

    fn listed(space: &Space) -> Vec<SocketAddr> {
        (0..space.len()).map(|number| space.nth(number)).collect()
    }

    fn region(items: &[Written]) -> Region {
        Region::union(items.iter().map(item))
    }

    fn without_zone(mut endpoint: SocketAddr) -> SocketAddr {
        if let SocketAddr::V6(v6) = &mut endpoint {
            v6.set_scope_id(0);
        }
        endpoint
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_space_is_the_union_of_its_items_and_has_nothing_twice(items in items()) {
            let space = Space::new(region(&items)).unwrap();
            let (listed, naive) = (listed(&space), naive(&items));
            prop_assert_eq!(listed.len(), naive.len());
            prop_assert_eq!(&listed.into_iter().collect::<BTreeSet<_>>(), &naive);
            for endpoint in &naive {
                prop_assert!(space.contains(*endpoint));
            }
        }

        #[test]
        fn ranges_are_as_few_as_can_be(items in items()) {
            let region = region(&items);
            let all: Vec<(Range, &PortSet)> = region.iter().collect();
            for pair in all.windows(2) {
                let ((a, of_a), (b, of_b)) = (&pair[0], &pair[1]);
                prop_assert!(a.scope < b.scope || a.last < b.first);
                let touch = a.scope == b.scope && a.last + 1 == b.first;
                prop_assert!(!touch || of_a != of_b);
            }
        }

        #[test]
        fn what_is_taken_away_wins_over_everything(items in items(), excluded in items()) {
            let space = Space::new(region(&items).minus(&region(&excluded))).unwrap();
            let gone = naive(&excluded);
            let is_left = |endpoint: &SocketAddr| {
                !gone.contains(endpoint) && !gone.contains(&without_zone(*endpoint))
            };
            let left: BTreeSet<_> = naive(&items).into_iter().filter(is_left).collect();
            let listed = listed(&space);
            prop_assert_eq!(listed.len(), left.len());
            prop_assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), left);
        }

        #[test]
        fn what_is_in_no_item_is_not_contained(items in items(), probe: (bool, u8, u16)) {
            let (is_v6, host, port) = probe;
            let (range, _) = item(&(is_v6, 0, host % 64, 0, 1, 0));
            let endpoint = range.endpoint(0, port % 9 + 1);
            prop_assert_eq!(region(&items).contains(endpoint), naive(&items).contains(&endpoint));
        }
    }

    fn everything(ip: IpAddr, bits: u32) -> Range {
        let first = number(ip);
        Range {
            scope: 0,
            first,
            last: first | (u128::MAX >> (128 - bits)),
        }
    }

    #[test]
    fn the_whole_of_ipv4_is_counted_without_its_groups() {
        let v4 = everything(Ipv4Addr::UNSPECIFIED.into(), 32);
        let groups = Region::union(groups().map(|range| (range, PortSet::all())));
        let region = Region::union([(v4, PortSet::all())]).minus(&groups);
        let space = Space::new(region).unwrap();
        assert_eq!(space.len(), ((1 << 32) - (1 << 28) - 2) * 65_535);
        assert_eq!(space.nth(0), "0.0.0.1:1".parse().unwrap());
        assert_eq!(
            space.nth(space.len() - 1),
            "255.255.255.254:65535".parse().unwrap()
        );
        assert!(!space.contains("224.0.0.1:80".parse().unwrap()));
    }

    #[test]
    fn more_than_can_be_numbered_is_no_space_but_can_be_taken_away() {
        let v6 = everything(Ipv6Addr::UNSPECIFIED.into(), 128);
        let all = Region::union([(v6, PortSet::all())]);
        assert!(Space::new(all.clone()).is_none());
        let half = everything(Ipv6Addr::UNSPECIFIED.into(), 63);
        let most = Space::new(Region::union([(half, PortSet::from_iter([9..=9]))])).unwrap();
        assert_eq!(most.len(), MOST);
        assert!(most.into_region().minus(&all).is_empty());
    }

    #[test]
    fn every_port_of_a_host_a_line_each_is_one_range() {
        let host = Range::one([192, 0, 2, 1].into(), 0);
        let items = (1..=u16::MAX)
            .rev()
            .map(|port| (host, PortSet::from_iter([port..=port])));
        let region = Region::union(items);
        assert_eq!(region.ranges(), 1);
        assert_eq!(Space::new(region).unwrap().len(), 65_535);
    }

    #[test]
    fn an_address_keeps_its_zone() {
        let fe80: Ipv6Addr = "fe80::1".parse().unwrap();
        let region = Region::union([(Range::one(fe80.into(), 7), PortSet::from_iter([80..=80]))]);
        let space = Space::new(region).unwrap();
        assert_eq!(space.nth(0), SocketAddrV6::new(fe80, 80, 0, 7).into());
        assert_eq!(address(number(fe80.into())), IpAddr::V6(fe80));
    }
}
