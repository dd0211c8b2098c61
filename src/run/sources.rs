//! The source ports: guarded, and none used twice towards a peer that may still hold the connection.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;

use crate::clock::Time;
use crate::exchange::{End, Exchange, Flow};
use crate::link::Link;
use crate::net::Live;
use crate::net::filter::MAX_PORTS;
use crate::net::guard::{Guard, Way};
use crate::plan::{Plan, Problem, guard_problem};
use crate::tcp::{State, TWO_MSL};

/// How many ports are guarded while there is privilege: later ones have no filter guard.
const AT_ONCE: u64 = 16;

/// How many ports to try for one that is new to a peer.
const TRIES: usize = 16;

/// A guarded source port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    wanted: SocketAddr,
    /// The address and port to send from.
    pub(super) address: SocketAddr,
    /// How it is guarded.
    pub(super) way: Way,
}

impl Source {
    fn new(wanted: SocketAddr, guard: &Guard) -> Source {
        Source {
            wanted,
            address: guard.local(),
            way: guard.way(),
        }
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
    /// At most one for each port towards each target.
    past: HashMap<Flow, Past>,
}

impl<'a> Sources<'a> {
    /// Guards a port for each address that the plan sends from, and several when several probes
    /// are to leave from it.
    pub(super) fn open(plan: &'a Plan) -> Result<(Sources<'a>, Vec<Guard>), Problem> {
        let mut sources = Sources {
            plan,
            open: VecDeque::new(),
            past: HashMap::new(),
        };
        let mut guards = Vec::new();
        let departures = plan
            .destinations
            .iter()
            .filter_map(|to| to.way.as_ref().ok());
        for wanted in departures.map(|departure| departure.local) {
            if sources.open.iter().any(|source| source.wanted == wanted) {
                continue;
            }
            let ports = if wanted.port() == 0 {
                plan.rounds().min(AT_ONCE)
            } else {
                1
            };
            for _ in 0..ports {
                let guard = sources.guard(wanted)?;
                sources.open.push_back(Source::new(wanted, &guard));
                guards.push(guard);
            }
        }
        Ok((sources, guards))
    }

    /// A port to probe `remote` from: the chosen one, else one from which it was not probed yet.
    ///
    /// # Errors
    /// The capture failed. The inner one: there is no such port.
    pub(super) fn take(
        &mut self,
        link: &mut Live,
        wanted: SocketAddr,
        remote: SocketAddr,
    ) -> io::Result<Result<Source, Problem>> {
        let now = link.now();
        let mut open = self.open.iter().filter(|source| source.wanted == wanted);
        let fits = |source: &&Source| {
            wanted.port() != 0 || self.past(source.address, remote, now).is_none()
        };
        if let Some(source) = open.find(fits) {
            return Ok(Ok(*source));
        }
        match self.fresh(wanted, remote, now) {
            Ok(guard) => self.keep(link, wanted, guard).map(Ok),
            Err(problem) => Ok(self.again(wanted, remote, now).ok_or_else(|| {
                let text = format!("{remote}: no new source port: {problem}");
                Problem::target("no-source-port", text)
            })),
        }
    }

    /// The connection is over.
    pub(super) fn used(&mut self, link: &Live, flow: Flow, exchange: &Exchange) {
        let past = Past {
            ended: link.now(),
            held: may_be_held(exchange),
        };
        self.past.insert(flow, past);
    }

    fn past(&self, local: SocketAddr, remote: SocketAddr, now: Time) -> Option<Past> {
        let past = self.past.get(&Flow { local, remote });
        past.copied().filter(|past| now - past.ended < TWO_MSL)
    }

    fn keep(&mut self, link: &mut Live, wanted: SocketAddr, guard: Guard) -> io::Result<Source> {
        if self.open.len() >= MAX_PORTS
            && let Some(oldest) = self.open.pop_front()
        {
            link.release(oldest.address);
        }
        let source = Source::new(wanted, &guard);
        self.open.push_back(source);
        link.keep(guard)?;
        Ok(source)
    }

    /// A port that `remote` has not seen lately; at least none that it may still hold.
    fn fresh(&self, wanted: SocketAddr, remote: SocketAddr, now: Time) -> Result<Guard, Problem> {
        // Held until one is found, so that none is given twice.
        let mut seen = Vec::new();
        for _ in 0..TRIES {
            let guard = self.guard(wanted)?;
            match self.past(guard.local(), remote, now) {
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
    fn again(&self, wanted: SocketAddr, remote: SocketAddr, now: Time) -> Option<Source> {
        let ours = self.open.iter().filter(|source| source.wanted == wanted);
        let past =
            ours.filter_map(|source| Some((source, self.past(source.address, remote, now)?)));
        let over = past.filter(|(_, past)| !past.held);
        over.min_by_key(|(_, past)| past.ended)
            .map(|(source, _)| *source)
    }

    /// Any port but one that we are about to probe on this very address.
    fn guard(&self, local: SocketAddr) -> Result<Guard, Problem> {
        let plan = self.plan;
        let probed = |guard: &Guard| {
            let same =
                |remote: SocketAddr| remote.ip() == local.ip() && remote.port() == guard.port();
            plan.destinations
                .iter()
                .filter_map(|destination| destination.remote)
                .any(same)
        };
        let mut refused = Vec::new();
        loop {
            let guard = Guard::open(local, plan.guard)
                .map_err(|error| guard_problem(error, plan.source_port))?;
            if !probed(&guard) {
                return Ok(guard);
            }
            // Held until another is found, so that it is not given again.
            refused.push(guard);
        }
    }
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
