//! What earlier windows held.

use std::net::SocketAddr;

use super::region::Region;

/// The union of many regions, kept as a few, each at least twice as large as the next: adding a
/// small one costs little, however many there were.
#[derive(Default)]
pub struct Earlier(Vec<Region>);

impl Earlier {
    /// Adds what has nothing in common with the others.
    pub fn push(&mut self, mut region: Region) {
        if region.is_empty() {
            return;
        }
        while let Some(last) = self.0.pop_if(|last| last.ranges() < 2 * region.ranges()) {
            let items = [&last, &region].into_iter().flat_map(Region::iter);
            region = Region::union(items.map(|(range, ports)| (range, ports.clone())));
        }
        self.0.push(region);
    }

    /// The regions.
    pub fn regions(&self) -> &[Region] {
        &self.0
    }

    /// Whether any window held `endpoint`.
    pub fn contains(&self, endpoint: SocketAddr) -> bool {
        self.0.iter().any(|region| region.contains(endpoint))
    }
}
