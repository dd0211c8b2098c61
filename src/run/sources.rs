//! The source ports: guarded, and none used twice towards a peer that may still hold the connection.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::libc;

use crate::clock::Time;
use crate::exchange::{End, Exchange, Flow};
use crate::link::Link;
use crate::net::Live;
use crate::net::filter::MAX_PORTS;
use crate::net::guard::{Guard, GuardError, Way};
use crate::net::route::Route;
use crate::plan::{Destination, Plan, Problem, guard_problem};
use crate::tcp::{State, TWO_MSL};

/// How many ports are guarded while there is privilege: later ones have no filter guard.
const AT_ONCE: u64 = 16;

/// Where one port serves all our addresses.
const EVERYWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
];

/// How many ports to try for one that is new to a peer.
const TRIES: usize = 16;

/// A guarded source port.
#[derive(Clone, Copy, Debug)]
struct Source {
    /// The address that the guard was asked for.
    wanted: SocketAddr,
    /// What it got.
    bound: SocketAddr,
    way: Way,
    /// How many connections leave from it now.
    users: usize,
}

impl Source {
    fn port(&self) -> u16 {
        self.bound.port()
    }
}

/// A connection that was.
#[derive(Clone, Copy, Debug)]
struct Past {
    ended: Time,
    held: bool,
}

/// The guarded ports of a run, oldest first, and what they were used for.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    plan: &'a Plan,
    open: VecDeque<Source>,
    /// At most one for each port towards each target, where targets are probed again.
    past: HashMap<Flow, Past>,
}

impl<'a> Sources<'a> {
    /// Guards a port of the address that the only target is probed from, or of every address of
    /// ours; several ports when several probes are to leave from it.
    pub(super) fn open(plan: &'a Plan) -> Result<(Sources<'a>, Vec<Guard>), Problem> {
        let mut sources = Sources {
            plan,
            open: VecDeque::new(),
            past: HashMap::new(),
        };
        let mut guards = Vec::new();
        let ports = match plan.syn.source_port {
            None => plan.rounds().min(AT_ONCE),
            Some(_) => 1,
        };
        let taboo = plan.only.as_ref().and_then(own_port);
        for wanted in sources.all_wanted() {
            for _ in 0..ports {
                let guard = match guard(plan, wanted, |port| taboo == Some(port)) {
                    Err(GuardError::Other(error)) if lacks_ipv6(wanted, &error) => break,
                    opened => opened.map_err(|error| guard_problem(error, plan.syn.source_port))?,
                };
                sources.add(wanted, &guard);
                guards.push(guard);
            }
        }
        Ok((sources, guards))
    }

    fn all_wanted(&self) -> Vec<SocketAddr> {
        let port = self.plan.syn.source_port.unwrap_or(0);
        match &self.plan.only {
            Some(only) => {
                let way = only.way.as_ref().ok();
                way.map(|it| it.route.local(port)).into_iter().collect()
            }
            None => EVERYWHERE.map(|ip| SocketAddr::new(ip, port)).to_vec(),
        }
    }

    /// What the guard for a route is asked for.
    fn wanted(&self, route: &Route) -> SocketAddr {
        let port = self.plan.syn.source_port.unwrap_or(0);
        if self.plan.is_several() {
            let [v4, v6] = EVERYWHERE;
            let ip = if route.source.is_ipv4() { v4 } else { v6 };
            SocketAddr::new(ip, port)
        } else {
            route.local(port)
        }
    }

    /// An address and port to probe `remote` from, and how it is guarded: the chosen port, else one
    /// from which it was not probed yet. [`Sources::used`] gives it back.
    ///
    /// # Errors
    /// The capture failed. The inner one: there is no such port.
    pub(super) fn take(
        &mut self,
        link: &mut Live,
        route: &Route,
        remote: SocketAddr,
    ) -> io::Result<Result<(SocketAddr, Way), Problem>> {
        let now = link.now();
        let wanted = self.wanted(route);
        let fits = |source: &Source| {
            let is_new = || self.past(route.local(source.port()), remote, now).is_none();
            source.wanted == wanted && (wanted.port() != 0 || is_new())
        };
        let index = match self.open.iter().position(fits) {
            Some(index) => index,
            None => match self.fresh(wanted, route, remote, now) {
                Ok(guard) => self.keep(link, wanted, guard)?,
                Err(problem) => match self.again(wanted, route, remote, now) {
                    Some(index) => index,
                    None => {
                        let text = format!("{remote}: no new source port: {problem}");
                        return Ok(Err(Problem::target("no-source-port", text)));
                    }
                },
            },
        };
        let source = &mut self.open[index];
        source.users += 1;
        Ok(Ok((route.local(source.port()), source.way)))
    }

    /// Whether `remote` is one of these ports: the kernel is silent there because of us.
    pub(super) fn hold(&self, route: &Route, remote: SocketAddr) -> bool {
        let is_it =
            |it: &Source| it.port() == remote.port() && it.bound.is_ipv4() == remote.is_ipv4();
        route.source == remote.ip() && self.open.iter().any(is_it)
    }

    /// Gives up all ports, which nothing leaves from any more, and takes others, none of `ports`.
    ///
    /// # Errors
    /// The capture failed. The inner one: there are no others.
    pub(super) fn move_away(
        &mut self,
        link: &mut Live,
        ports: &HashSet<u16>,
    ) -> io::Result<Result<(), Problem>> {
        let old = mem::take(&mut self.open);
        for Source { wanted, bound, .. } in &old {
            if wanted.port() != 0 {
                let text = format!("{bound} is where the probes leave from, and a target");
                return Ok(Err(Problem::target("own-port", text)));
            }
            if self.open.iter().all(|it| it.wanted != *wanted) {
                match guard(self.plan, *wanted, |port| ports.contains(&port)) {
                    Ok(guard) => self.keep(link, *wanted, guard)?,
                    Err(error) => return Ok(Err(guard_problem(error, None))),
                };
            }
        }
        old.iter().for_each(|source| link.release(source.bound));
        Ok(Ok(()))
    }

    /// The connection is over.
    pub(super) fn used(&mut self, now: Time, flow: Flow, exchange: &Exchange) {
        let (port, is_ipv4) = (flow.local.port(), flow.local.is_ipv4());
        let is_its = |it: &&mut Source| it.port() == port && it.bound.is_ipv4() == is_ipv4;
        if let Some(source) = self.open.iter_mut().find(is_its) {
            source.users -= 1;
        }
        if self.plan.count.is_some() {
            let held = may_be_held(exchange);
            self.past.insert(flow, Past { ended: now, held });
        }
    }

    fn past(&self, local: SocketAddr, remote: SocketAddr, now: Time) -> Option<Past> {
        let past = self.past.get(&Flow { local, remote });
        past.copied().filter(|past| now - past.ended < TWO_MSL)
    }

    fn add(&mut self, wanted: SocketAddr, guard: &Guard) {
        self.open.push_back(Source {
            wanted,
            bound: guard.local(),
            way: guard.way(),
            users: 0,
        });
    }

    /// Keeps one more port, in the place of the oldest that nobody uses where there are many.
    fn keep(&mut self, link: &mut Live, wanted: SocketAddr, guard: Guard) -> io::Result<usize> {
        let idle = self.open.iter().position(|source| source.users == 0);
        if self.open.len() >= MAX_PORTS
            && let Some(oldest) = idle.and_then(|index| self.open.remove(index))
        {
            link.release(oldest.bound);
        }
        self.add(wanted, &guard);
        link.keep(guard)?;
        Ok(self.open.len() - 1)
    }

    /// A port that `remote` has not seen lately; at least none that it may still hold.
    fn fresh(
        &self,
        wanted: SocketAddr,
        route: &Route,
        remote: SocketAddr,
        now: Time,
    ) -> Result<Guard, Problem> {
        // Held until one is found, so that none is given twice.
        let mut seen = Vec::new();
        let taboo = (route.source == remote.ip()).then_some(remote.port());
        while seen.len() < TRIES {
            let guard = guard(self.plan, wanted, |port| taboo == Some(port))
                .map_err(|error| guard_problem(error, self.plan.syn.source_port))?;
            let local = route.local(guard.port());
            match self.past(local, remote, now) {
                None => return Ok(guard),
                Some(past) => seen.push((past.held, guard)),
            }
        }
        let free = seen.into_iter().find(|(held, _)| !held);
        free.map(|(_, guard)| guard).ok_or_else(|| {
            Problem::target(
                "no-source-port",
                "it may still hold a connection from every port tried: choose a longer --interval"
                    .to_string(),
            )
        })
    }

    /// The port used longest ago whose connection is over for certain.
    fn again(
        &self,
        wanted: SocketAddr,
        route: &Route,
        remote: SocketAddr,
        now: Time,
    ) -> Option<usize> {
        let ours = self.open.iter().enumerate();
        let past = ours
            .filter(|(_, source)| source.wanted == wanted)
            .filter_map(|(index, source)| {
                Some((index, self.past(route.local(source.port()), remote, now)?))
            });
        let over = past.filter(|(_, past)| !past.held);
        over.min_by_key(|(_, past)| past.ended)
            .map(|(index, _)| index)
    }
}

/// The port of a target on the very address that we probe it from.
fn own_port(destination: &Destination) -> Option<u16> {
    let departure = destination.way.as_ref().ok()?;
    let remote = destination.target.remote.as_ref().ok()?;
    (departure.route.source == remote.ip()).then(|| remote.port())
}

/// Any port but one that is `taboo`.
fn guard(
    plan: &Plan,
    wanted: SocketAddr,
    taboo: impl Fn(u16) -> bool,
) -> Result<Guard, GuardError> {
    // Held until another is found, so that it is not given again.
    let mut refused = Vec::new();
    loop {
        let guard = Guard::open(wanted, plan.syn.guard)?;
        if !taboo(guard.port()) {
            return Ok(guard);
        }
        refused.push(guard);
    }
}

/// A kernel without IPv6 reaches no such target.
fn lacks_ipv6(wanted: SocketAddr, error: &io::Error) -> bool {
    wanted.is_ipv6() && error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// Whether the peer may still be in TIME-WAIT, or half open: whatever the report does not exclude.
fn may_be_held(exchange: &Exchange) -> bool {
    const OVER: [State; 3] = [State::Closed, State::Listen, State::LastAck];
    let last = exchange.last_state(End::Peer);
    last.is_some_and(|change| change.states.iter().any(|state| !OVER.contains(&state)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Basis, StateChange};
    use crate::tcp::StateSet;

    fn held(states: StateSet) -> bool {
        let mut exchange = Exchange::new();
        exchange.states.push(StateChange {
            t_ns: 0,
            end: End::Peer,
            states,
            basis: Basis::Possible,
            segment: 0,
        });
        may_be_held(&exchange)
    }

    #[test]
    fn a_peer_that_closed_second_holds_nothing() {
        assert!(!held(
            StateSet::from(State::LastAck).union(State::Closed.into())
        ));
        assert!(!held(State::Closed.into()));
    }

    #[test]
    fn a_peer_in_time_wait_or_half_open_may_hold_the_connection() {
        for state in [State::TimeWait, State::SynReceived, State::CloseWait] {
            assert!(held(state.into()));
            assert!(held(StateSet::from(state).union(State::Closed.into())));
        }
    }

    #[test]
    fn a_peer_of_which_nothing_is_known_was_sent_nothing() {
        assert!(!may_be_held(&Exchange::new()));
    }
}
