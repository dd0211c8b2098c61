//! The lines of one window, before they are a space and a list of names.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::net::route::zone_index;
use crate::plan::Problem;

use super::names::{Family, Resolver};
use super::parse::{self, Block, Host};
use super::ports::PortSet;
use super::region::{Range, scope};
use super::space::endpoints;

/// What holds for every target.
pub struct Rules {
    /// Ports of the targets that name none.
    pub ports: Option<PortSet>,
    /// The address family that the user wants.
    pub family: Family,
    /// The zones that the user named.
    pub zones: Zones,
}

/// Zones and their interfaces' indices.
#[derive(Default)]
pub struct Zones(HashMap<String, u32>);

impl Zones {
    fn index(&mut self, zone: Option<&str>) -> Result<u32, Problem> {
        let Some(zone) = zone else {
            return Ok(0);
        };
        if let Some(index) = self.0.get(zone) {
            return Ok(*index);
        }
        let index =
            zone_index(zone).map_err(|error| Problem::host("no-interface", error.to_string()))?;
        self.0.insert(zone.to_string(), index);
        Ok(index)
    }

    /// What the user calls the zone of this index.
    pub fn name(&self, index: u32) -> Option<&str> {
        let mut all = self.0.iter();
        let (name, _) = all.find(|(_, known)| **known == index)?;
        Some(name)
    }
}

/// Targets that were read, and not yet put in order.
#[derive(Default)]
pub struct Draft {
    /// Addresses and blocks.
    pub items: Vec<(Range, PortSet)>,
    /// The words of single endpoints that are written otherwise than we would.
    pub words: HashMap<SocketAddr, Box<str>, RandomState>,
    /// Names, each once.
    pub names: Vec<Named>,
    known: HashMap<String, usize, RandomState>,
    /// How many targets were read.
    pub lines: u64,
}

/// A name and all the ports it was given with.
pub struct Named {
    /// As it was written first.
    pub name: Arc<str>,
    /// As the whole target was written, if it was one, once.
    pub words: Option<Box<str>>,
    ports: Vec<PortSet>,
}

impl Named {
    /// Its ports.
    pub fn ports(&self) -> PortSet {
        PortSet::union(&self.ports)
    }
}

impl Draft {
    /// Adds the target that `input` stands for.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(&mut self, input: &str, rules: &mut Rules) -> Result<(), Problem> {
        let item = parse::parse(input).map_err(Problem::usage)?;
        let ports = item.ports(input, rules.ports.as_ref());
        let ports = ports.map_err(Problem::usage)?;
        let only = (ports.count() == 1).then(|| match item.ports {
            Some(_) => input.to_string(),
            None => parse::join(item.words, ports.nth(0)),
        });
        match item.host {
            Host::Address(ip, zone) => {
                check_family(ip, rules.family)?;
                let range = Range::one(ip, rules.zones.index(zone.as_deref())?);
                if let Some(words) = only {
                    self.remember(range.endpoint(0, ports.nth(0)), words);
                }
                self.items.push((range, ports));
            }
            Host::Block(block) => {
                let range = range(&block, &mut rules.zones)?;
                check_family(block.address.to_canonical(), rules.family)?;
                if endpoints(range, ports.count()).is_none() {
                    return Err(Problem::usage(format!(
                        "{input}: more than 2^63 targets: write a longer prefix, or fewer ports"
                    )));
                }
                self.items.push((range, ports));
            }
            Host::Name(name) => self.name(name, ports, only),
        }
        self.lines += 1;
        Ok(())
    }

    fn remember(&mut self, endpoint: SocketAddr, words: String) {
        if words != endpoint.to_string() {
            self.words.entry(endpoint).or_insert(words.into());
        }
    }

    fn name(&mut self, name: String, ports: PortSet, only: Option<String>) {
        let next = self.names.len();
        let index = *self.known.entry(name.to_ascii_lowercase()).or_insert(next);
        if index < next {
            let named = &mut self.names[index];
            named.words = None;
            named.ports.push(ports);
        } else {
            self.names.push(Named {
                name: name.into(),
                words: only.map(Into::into),
                ports: vec![ports],
            });
        }
    }
}

fn range(block: &Block, zones: &mut Zones) -> Result<Range, Problem> {
    Ok(block.range(zones.index(block.zone.as_deref())?))
}

fn check_family(ip: IpAddr, family: Family) -> Result<(), Problem> {
    let mismatch = match family {
        Family::V4 => ip.is_ipv6().then_some(("IPv6", "-4")),
        Family::V6 => ip.is_ipv4().then_some(("IPv4", "-6")),
        Family::Any => None,
    };
    match mismatch {
        Some((version, option)) => Err(Problem::usage(format!(
            "{ip} is an {version} address: drop {option}"
        ))),
        None => Ok(()),
    }
}

/// What `input` takes away: without ports all of them, and of a name all addresses.
///
/// # Errors
/// What is wrong with it, or that its name is not found: then it cannot be left alone.
pub fn excluded(
    input: &str,
    zones: &mut Zones,
    resolver: &Resolver,
) -> Result<Vec<(Range, PortSet)>, Problem> {
    let item = parse::parse(input).map_err(Problem::usage)?;
    let ports = item.ports(input, Some(&PortSet::all()));
    let ports = ports.map_err(Problem::usage)?;
    let ranges = match item.host {
        Host::Address(ip, zone) => vec![Range::one(ip, zones.index(zone.as_deref())?)],
        Host::Block(block) => vec![range(&block, zones)?],
        Host::Name(name) => {
            let found = resolver(&name, Family::Any).map_err(|problem| match problem {
                Problem::Target { reason, text } => Problem::host(reason, text),
                other => other,
            })?;
            let one = |address: &SocketAddr| Range::one(address.ip(), scope(*address));
            found.iter().map(one).collect()
        }
    };
    Ok(ranges
        .into_iter()
        .map(|range| (range, ports.clone()))
        .collect())
}
