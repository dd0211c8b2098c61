//! The targets of one name, once its addresses are known.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::plan::Problem;

use super::Target;
use super::draft::Named;
use super::names::Found;
use super::order::Walk;
use super::parse::refuse_groups;
use super::ports::PortSet;

/// A name with the ports that are still to come, each at every address, or with the reason why it
/// is not known.
pub struct Ready {
    name: Arc<str>,
    words: Option<Box<str>>,
    ports: PortSet,
    walk: Walk,
    found: Found,
    /// The port whose addresses are given, and how many of them were.
    at: Option<(u16, usize)>,
}

impl Ready {
    /// The ports of `named` that `walk` visits. Its addresses are not known yet.
    pub fn new(named: Named, walk: Walk) -> Ready {
        Ready {
            ports: named.ports(),
            name: named.name,
            words: named.words,
            walk,
            found: Ok(Vec::new()),
            at: None,
        }
    }

    /// Its addresses became known: `all`, or the first of them, are targets.
    pub fn settle(&mut self, found: Found, all: bool) {
        self.found = found.and_then(|addresses| self.hosts(addresses, all));
    }

    /// Some resolvers block names by giving the unspecified address.
    fn hosts(&self, addresses: Vec<SocketAddr>, all: bool) -> Found {
        let first = addresses[0].ip();
        let is_host = |address: &SocketAddr| refuse_groups(address.ip()).is_ok();
        let most = if all { usize::MAX } else { 1 };
        let hosts: Vec<_> = addresses.into_iter().filter(is_host).take(most).collect();
        if hosts.is_empty() {
            let why = refuse_groups(first).err().unwrap_or_default();
            return Err(Problem::target(
                "name-not-found",
                format!("{}: the resolver gives {first}: {why}", self.name),
            ));
        }
        Ok(hosts)
    }

    /// How many targets it still has, before any is given.
    pub fn left(&self) -> u64 {
        let addresses = self.found.as_ref().map_or(1, Vec::len).max(1);
        self.walk.left() * addresses as u64
    }

    /// The next target.
    pub fn next(&mut self) -> Option<Target> {
        let addresses = self.found.as_ref().map_or(1, Vec::len);
        let (port, index) = match self.at {
            Some((port, given)) if given < addresses => (port, given),
            _ => (self.ports.nth(self.walk.next()? as u32), 0),
        };
        self.at = Some((port, index + 1));
        let remote = match &self.found {
            Ok(addresses) => {
                let mut endpoint = addresses[index];
                endpoint.set_port(port);
                Ok(endpoint)
            }
            Err(problem) => Err(problem.clone()),
        };
        Some(Target {
            words: self.words.clone(),
            name: Some(self.name.clone()),
            port,
            remote,
        })
    }
}
