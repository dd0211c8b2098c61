//! Sets of endpoints, exact and without a list of them: ranges of addresses, each with its ports.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use foldhash::fast::RandomState;

use super::ports::PortSet;

/// Addresses of one zone that follow each other. An IPv4 address is the number of its IPv4-mapped
/// IPv6 address, which means the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The zone's index; 0 where there is none.
    pub scope: u32,
    /// The number of the first address.
    pub first: u128,
    /// The number of the last address.
    pub last: u128,
}

/// The number of an address.
pub fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The address of a number.
pub fn address(number: u128) -> IpAddr {
    match number >> 32 {
        0xffff => Ipv4Addr::from_bits(number as u32).into(),
        _ => Ipv6Addr::from_bits(number).into(),
    }
}

impl Range {
    /// Of one address.
    pub fn one(ip: IpAddr, scope: u32) -> Range {
        let number = number(ip);
        Range {
            scope,
            first: number,
            last: number,
        }
    }

    /// The endpoint at the address `offset` after the first.
    pub fn endpoint(&self, offset: u64, port: u16) -> SocketAddr {
        match address(self.first + u128::from(offset)) {
            IpAddr::V6(v6) => SocketAddrV6::new(v6, port, 0, self.scope).into(),
            v4 => SocketAddr::new(v4, port),
        }
    }
}

/// The scope of an endpoint's zone, 0 where there is none.
pub fn scope(endpoint: SocketAddr) -> u32 {
    match endpoint {
        SocketAddr::V6(v6) => v6.scope_id(),
        SocketAddr::V4(_) => 0,
    }
}

/// A set of endpoints: blocks in order, which do not overlap, of 40 bytes each.
#[derive(Clone, Debug, Default)]
pub struct Region {
    blocks: Vec<Block>,
    sets: Vec<PortSet>,
}

/// A range and which of the sets of ports it has.
#[derive(Clone, Copy, Debug)]
struct Block {
    first: Number,
    last: Number,
    scope: u32,
    set: u32,
}

/// A number of 128 bits at half the alignment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Number([u64; 2]);

impl From<u128> for Number {
    fn from(wide: u128) -> Number {
        Number([(wide >> 64) as u64, wide as u64])
    }
}

impl From<Number> for u128 {
    fn from(Number([high, low]): Number) -> u128 {
        u128::from(high) << 64 | u128::from(low)
    }
}

impl Block {
    fn range(&self) -> Range {
        Range {
            scope: self.scope,
            first: self.first.into(),
            last: self.last.into(),
        }
    }
}

impl Region {
    /// Everything that is in any of `items`, which may overlap.
    pub fn union(items: impl IntoIterator<Item = (Range, PortSet)>) -> Region {
        let mut builder = Builder::default();
        let mut items: Vec<Block> = items
            .into_iter()
            .filter(|(_, ports)| !ports.is_empty())
            .map(|(range, ports)| Block {
                first: range.first.into(),
                last: range.last.into(),
                scope: range.scope,
                set: builder.sets.id(&ports),
            })
            .collect();
        items.sort_unstable_by_key(|block| (block.scope, block.first, block.last));
        let items = same_ranges_joined(items, &mut builder.sets);
        for zone in items.chunk_by(|one, other| one.scope == other.scope) {
            builder.sweep(zone);
        }
        builder.region()
    }

    /// What is not in `other`. What `other` says of an address without a zone it says of that
    /// address in every zone.
    pub fn minus(self, other: &Region) -> Region {
        if other.is_empty() {
            return self;
        }
        let has_zones = self.blocks.iter().any(|block| block.scope != 0);
        let left = self.minus_in(other, |scope| scope);
        match has_zones {
            true => left.minus_in(other, |_| 0),
            false => left,
        }
    }

    fn minus_in(self, other: &Region, zone: impl Fn(u32) -> u32) -> Region {
        let mut builder = Builder::default();
        let mut known: HashMap<(u32, u32), PortSet, RandomState> = HashMap::default();
        for block in &self.blocks {
            let Range { scope, first, last } = block.range();
            let ports = &self.sets[block.set as usize];
            let mut from = Some(first);
            for taken in other.overlapping(zone(scope), block.first, block.last) {
                let start = from.expect("the last block that overlaps ends it");
                let overlap = (start.max(taken.first.into()), last.min(taken.last.into()));
                if start < overlap.0 {
                    builder.push(scope, start, overlap.0 - 1, ports);
                }
                let left = known.entry((block.set, taken.set));
                let left = left.or_insert_with(|| ports.minus(&other.sets[taken.set as usize]));
                builder.push(scope, overlap.0, overlap.1, left);
                from = (overlap.1 < last).then(|| overlap.1 + 1);
            }
            if let Some(from) = from {
                builder.push(scope, from, last, ports);
            }
        }
        builder.region()
    }

    fn overlapping(&self, scope: u32, first: Number, last: Number) -> impl Iterator<Item = &Block> {
        let before = |block: &Block| (block.scope, block.last) < (scope, first);
        let start = self.blocks.partition_point(before);
        let blocks = self.blocks[start..].iter();
        blocks.take_while(move |block| block.scope == scope && block.first <= last)
    }

    /// Whether `endpoint` is in it, in its zone or without one.
    pub fn contains(&self, endpoint: SocketAddr) -> bool {
        let number = number(endpoint.ip()).into();
        [scope(endpoint), 0].into_iter().any(|zone| {
            let mut blocks = self.overlapping(zone, number, number);
            let found = blocks.next();
            found.is_some_and(|block| self.sets[block.set as usize].contains(endpoint.port()))
        })
    }

    /// Its ranges and their ports, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Range, &PortSet)> {
        let blocks = self.blocks.iter();
        blocks.map(|block| (block.range(), &self.sets[block.set as usize]))
    }

    /// The range of this index, and its ports.
    pub fn get(&self, index: usize) -> (Range, &PortSet) {
        let block = &self.blocks[index];
        (block.range(), &self.sets[block.set as usize])
    }

    /// How many ranges it has.
    pub fn ranges(&self) -> usize {
        self.blocks.len()
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

/// So that many ports of one host, a line each, are one block before anything is compared.
fn same_ranges_joined(items: Vec<Block>, sets: &mut Sets) -> Vec<Block> {
    let same = items.chunk_by(|one, other| {
        (one.scope, one.first, one.last) == (other.scope, other.first, other.last)
    });
    same.map(|group| Block {
        set: sets.union(group.iter().map(|block| block.set)),
        ..group[0]
    })
    .collect()
}

/// Builds a region, block after block.
#[derive(Default)]
struct Builder {
    blocks: Vec<Block>,
    sets: Sets,
}

impl Builder {
    /// Adds what lies behind everything so far.
    fn push(&mut self, scope: u32, first: u128, last: u128, ports: &PortSet) {
        if !ports.is_empty() {
            let set = self.sets.id(ports);
            self.push_set(scope, first, last, set);
        }
    }

    fn push_set(&mut self, scope: u32, first: u128, last: u128, set: u32) {
        match self.blocks.last_mut() {
            Some(block)
                if (block.scope, block.set) == (scope, set)
                    && u128::from(block.last).checked_add(1) == Some(first) =>
            {
                block.last = last.into();
            }
            _ => self.blocks.push(Block {
                first: first.into(),
                last: last.into(),
                scope,
                set,
            }),
        }
    }

    /// Adds the blocks of one zone, which come in the order of their first address and may
    /// overlap: from boundary to boundary, the union of those that cover the stretch. CIDR
    /// blocks nest, so these are few.
    fn sweep(&mut self, items: &[Block]) {
        let mut items = items.iter().peekable();
        let mut open: Vec<&Block> = Vec::new();
        let mut from = 0;
        loop {
            if open.is_empty() {
                match items.peek() {
                    Some(next) => from = next.first.into(),
                    None => return,
                }
            }
            while let Some(block) = items.next_if(|block| u128::from(block.first) == from) {
                open.push(block);
            }
            let ends = open.iter().map(|block| u128::from(block.last));
            let next_begins = items.peek().map(|next| u128::from(next.first) - 1);
            let to = ends.chain(next_begins).min().expect("a block is open");
            let set = self.sets.union(open.iter().map(|block| block.set));
            self.push_set(open[0].scope, from, to, set);
            open.retain(|block| u128::from(block.last) > to);
            // At the last address of all nothing is open any more.
            from = to.saturating_add(1);
        }
    }

    fn region(self) -> Region {
        Region {
            blocks: self.blocks,
            sets: self.sets.sets,
        }
    }
}

/// Sets of ports, each once.
#[derive(Default)]
struct Sets {
    sets: Vec<PortSet>,
    ids: HashMap<PortSet, u32, RandomState>,
    unions: HashMap<(u32, u32), u32, RandomState>,
}

impl Sets {
    fn id(&mut self, ports: &PortSet) -> u32 {
        if let Some(id) = self.ids.get(ports) {
            return *id;
        }
        let id = u32::try_from(self.sets.len()).expect("fewer sets than memory has room for");
        self.sets.push(ports.clone());
        self.ids.insert(ports.clone(), id);
        id
    }

    fn union(&mut self, ids: impl Iterator<Item = u32>) -> u32 {
        let mut ids: Vec<u32> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        match ids[..] {
            [only] => only,
            [one, other] => match self.unions.get(&(one, other)) {
                Some(id) => *id,
                None => {
                    let id = self.union_of(&ids);
                    self.unions.insert((one, other), id);
                    id
                }
            },
            _ => self.union_of(&ids),
        }
    }

    fn union_of(&mut self, ids: &[u32]) -> u32 {
        let union = PortSet::union(ids.iter().map(|id| &self.sets[*id as usize]));
        self.id(&union)
    }
}
