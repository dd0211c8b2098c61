//! The connections under way, and which of them a packet concerns.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

use crate::exchange::Flow;
use crate::wire::{Packet, Payload, Quote, Segment};

use super::connection::Connection;

/// The caller's name for a connection.
pub type Id = u64;

/// By name, and by addresses and ports.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Each stays in its place. A place that is free is taken again.
    places: Vec<Option<Connection>>,
    free: Vec<usize>,
    names: HashMap<Id, usize, RandomState>,
    flows: HashMap<Flow, Id, RandomState>,
}

impl Table {
    pub(super) fn insert(&mut self, id: Id, connection: Connection) {
        self.flows.insert(bare(connection.flow()), id);
        let connection = Some(connection);
        let place = match self.free.pop() {
            Some(place) => {
                self.places[place] = connection;
                place
            }
            None => {
                self.places.push(connection);
                self.places.len() - 1
            }
        };
        self.names.insert(id, place);
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Connection> {
        let place = self.names.remove(&id)?;
        let connection = self.places[place].take()?;
        self.free.push(place);
        self.flows.remove(&bare(connection.flow()));
        Some(connection)
    }

    pub(super) fn get(&self, id: Id) -> Option<&Connection> {
        self.places[*self.names.get(&id)?].as_ref()
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Connection> {
        self.places[*self.names.get(&id)?].as_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// In order of their names.
    pub(super) fn ids(&self) -> Vec<Id> {
        let mut ids: Vec<Id> = self.names.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Which connections a packet may concern. What has no ports concerns all between its addresses.
    pub(super) fn concerned(&self, packet: &Packet) -> Concerned {
        let (src, dst) = (packet.ip.src(), packet.ip.dst());
        match &packet.payload {
            Payload::Tcp(segment) => Concerned::one(self.of_segment(src, dst, segment)),
            Payload::Icmp(message) => {
                Concerned::one(message.quote().and_then(|quote| self.of_quote(&quote)))
            }
            Payload::Malformed { .. } | Payload::Fragment(_) => {
                let between = |flow: &Flow| flow.remote.ip() == src && flow.local.ip() == dst;
                let flows = self.flows.iter().filter(|(flow, _)| between(flow));
                Concerned::Several(flows.map(|(_, id)| *id).collect())
            }
            Payload::Other(_) => Concerned::Nobody,
        }
    }

    fn of_segment(&self, src: IpAddr, dst: IpAddr, segment: &Segment) -> Option<Id> {
        let src = SocketAddr::new(src, segment.src_port);
        let dst = SocketAddr::new(dst, segment.dst_port);
        let by = |local, remote| self.flows.get(&Flow { local, remote }).copied();
        by(dst, src).or_else(|| by(src, dst))
    }

    fn of_quote(&self, quote: &Quote) -> Option<Id> {
        let flow = Flow {
            local: SocketAddr::new(quote.src, quote.src_port),
            remote: SocketAddr::new(quote.dst, quote.dst_port),
        };
        self.flows.get(&flow).copied()
    }
}

/// What a packet concerns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Concerned {
    Nobody,
    One(Id),
    Several(Vec<Id>),
}

impl Concerned {
    fn one(id: Option<Id>) -> Concerned {
        id.map_or(Concerned::Nobody, Concerned::One)
    }
}

/// Scope ids and flow labels are no part of what a packet says.
fn bare(flow: Flow) -> Flow {
    let bare = |address: SocketAddr| SocketAddr::new(address.ip(), address.port());
    Flow {
        local: bare(flow.local),
        remote: bare(flow.remote),
    }
}
