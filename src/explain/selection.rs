//! Which connections are asked for, and in which order.

use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};

use crate::exchange::Verdict;
use crate::report::Connection;

/// Which connections are asked for: those that fit every list that is not empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// The number is one of these.
    pub streams: Vec<u64>,
    /// The address of either end is one of these.
    pub hosts: Vec<IpAddr>,
    /// The port of either end is one of these.
    pub ports: Vec<u16>,
}

impl Selection {
    /// Whether a connection between these ends is asked for.
    #[must_use]
    pub fn wants(&self, stream: u64, ends: [SocketAddr; 2]) -> bool {
        let any = |fits: &dyn Fn(SocketAddr) -> bool| ends.into_iter().any(fits);
        (self.streams.is_empty() || self.streams.contains(&stream))
            && (self.hosts.is_empty() || any(&|end| self.hosts.contains(&end.ip())))
            && (self.ports.is_empty() || any(&|end| self.ports.contains(&end.port())))
    }
}

/// In which order connections are reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// That of their first frames.
    #[default]
    Time,
    /// The longest handshake first, those without one last.
    Rtt,
    /// Those first in which most went wrong: see [`trouble`].
    Trouble,
}

impl Order {
    /// Sorts what is reported; within the same, by number.
    pub fn sort(self, connections: &mut [Box<Connection>]) {
        connections.sort_by_key(|it| it.stream);
        match self {
            Order::Time => {}
            Order::Rtt => connections.sort_by_key(|it| Reverse(handshake_ns(it))),
            Order::Trouble => connections.sort_by_key(|it| Reverse(trouble(it))),
        }
    }
}

/// How long the handshake took: both halves where both are there.
fn handshake_ns(connection: &Connection) -> Option<u64> {
    let handshake = &connection.exchange.handshake;
    handshake.initial_rtt_ns.or(handshake.rtt_ns)
}

/// What went wrong, the worst first, each outweighing all that follow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Trouble {
    /// A RST ended it after the handshake.
    pub reset: bool,
    /// An end broke the rules of TCP, so often.
    pub misbehaved: usize,
    /// Segments sent more than once.
    pub retransmitted: u64,
    /// The server, or an ICMP error, refused it.
    pub refused: bool,
    /// Nothing came back.
    pub unanswered: bool,
    /// All that was out of the ordinary.
    pub anomalies: usize,
}

/// What went wrong in a connection.
#[must_use]
pub fn trouble(connection: &Connection) -> Trouble {
    let exchange = &connection.exchange;
    let again = exchange.retransmitted;
    let misbehaved = exchange.anomalies.iter().filter(|it| it.misbehaviour);
    let verdict = exchange.verdict;
    Trouble {
        reset: exchange.close.reset.is_some() && verdict == Some(Verdict::Open),
        misbehaved: misbehaved.count(),
        retransmitted: [again.syn, again.synack, again.fin, again.data]
            .into_iter()
            .map(u64::from)
            .sum(),
        refused: matches!(verdict, Some(Verdict::Closed | Verdict::Unreachable)),
        unanswered: verdict == Some(Verdict::Filtered),
        anomalies: exchange.anomalies.len(),
    }
}
