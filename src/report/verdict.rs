//! The verdict in a sentence.

use crate::exchange::{Basis, End as Side, Exchange, IcmpRecord, Manner, Outcome, Verdict};
use crate::session::End;

use super::{Record, duration, millis};

impl Verdict {
    /// The contract's word.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Open => "open",
            Verdict::Closed => "closed",
            Verdict::Filtered => "filtered",
            Verdict::Unreachable => "unreachable",
        }
    }
}

impl Outcome {
    /// The contract's word.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::InOrder => "in-order",
            Outcome::ResetByPeer => "reset-by-peer",
            Outcome::NoFin => "no-fin",
            Outcome::NoAck => "no-ack",
            Outcome::Aborted => "aborted",
            Outcome::StillOpen => "still-open",
            Outcome::NotAttempted => "not-attempted",
        }
    }
}

impl Manner {
    /// The contract's word.
    pub fn word(self) -> &'static str {
        match self {
            Manner::InOrder => "in-order",
            Manner::HalfClosed => "half-closed",
            Manner::Simultaneous => "simultaneous",
            Manner::Reset => "reset",
            Manner::StillOpen => "still-open",
            Manner::NotOpened => "not-opened",
        }
    }
}

impl Basis {
    /// The contract's word.
    pub fn word(self) -> &'static str {
        match self {
            Basis::Seen => "seen",
            Basis::Inferred => "inferred",
            Basis::Possible => "possible",
        }
    }
}

/// What the two ends are called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Names {
    local: &'static str,
    peer: &'static str,
}

impl Names {
    /// Where one of them is ours.
    pub(super) const PROBE: Names = Names {
        local: "local",
        peer: "peer",
    };

    /// Where we look on.
    pub(super) const CONNECTION: Names = Names {
        local: "client",
        peer: "server",
    };

    /// The name of `end`.
    pub(super) fn of(self, end: Side) -> &'static str {
        match end {
            Side::Local => self.local,
            Side::Peer => self.peer,
        }
    }
}

/// What follows the verdict's word: how it ended, why, and the round trip.
pub(super) fn sentence(record: &Record) -> String {
    let exchange = &record.exchange;
    match exchange.verdict {
        None => record
            .failure
            .as_ref()
            .map_or_else(String::new, |failure| format!(": {}", failure.text)),
        Some(Verdict::Open) => format!(", {}.{}", ending(record), open_times(exchange)),
        Some(Verdict::Closed) => format!(": the peer refused with RST.{}", rtt(exchange)),
        Some(Verdict::Filtered | Verdict::Unreachable) => exchange
            .icmp
            .map_or_else(|| silence(exchange), |icmp| icmp_error(&icmp, record)),
    }
}

fn icmp_error(icmp: &IcmpRecord, record: &Record) -> String {
    let error = format!(
        "{} (ICMP type {} code {})",
        icmp.reason, icmp.icmp_type, icmp.code
    );
    let from_here = record.local.addr.map(|local| local.ip()) == Some(icmp.from);
    if from_here && record.target.addr != Some(icmp.from) {
        // Our own kernel tells us so when nobody answers its ARP or neighbour solicitation.
        return format!(": the next hop did not answer; this host itself says {error}.");
    }
    format!(
        ": {} says {error} after {}.",
        icmp.from,
        millis(icmp.t_ns.unsigned_abs())
    )
}

/// How long it took, to say no more than people want to know.
pub(super) fn waited(exchange: &Exchange) -> String {
    duration(exchange.elapsed_ns)
}

fn silence(exchange: &Exchange) -> String {
    let waited = waited(exchange);
    match exchange.handshake.syn_sent {
        0 => ": no answer.".to_string(),
        1 => format!(": no answer to the SYN in {waited}."),
        n => format!(": no answer to {n} SYNs in {waited}."),
    }
}

fn ending(record: &Record) -> &'static str {
    let closed = record.exchange.has_closed(Side::Local);
    let resets = matches!(record.requested, End::Rst | End::SynRst | End::None);
    match record.exchange.close.outcome {
        Outcome::InOrder => "closed in order",
        Outcome::ResetByPeer => "but the peer reset the connection",
        Outcome::NoFin if record.stopped => "stopped early, before the peer's FIN",
        Outcome::NoAck if record.stopped && !closed => {
            "stopped early, before the peer's ACK of our data"
        }
        Outcome::NoAck if record.stopped => "stopped early, before the peer's ACK of our FIN",
        Outcome::NoFin if record.exchange.close.first.is_none() => "but the peer never closed",
        Outcome::NoFin => "but the peer acknowledged our FIN and never sent its own",
        Outcome::NoAck if !closed => "but the peer never acknowledged our data",
        Outcome::NoAck => "but the peer never acknowledged our FIN",
        Outcome::Aborted if record.stopped => "stopped early and reset by us",
        Outcome::Aborted if !resets => "but the peer took no more of our data",
        Outcome::Aborted => "reset by us as asked",
        Outcome::StillOpen => "and still open",
        Outcome::NotAttempted => "not closed",
    }
}

fn open_times(exchange: &Exchange) -> String {
    let close = exchange.close;
    let fin = match (close.fin_rtt_ns, close.peer_fin_ns) {
        (Some(ack), Some(fin)) if fin > ack => {
            format!("; the peer's FIN came {} after its ACK.", millis(fin - ack))
        }
        (Some(ack), Some(fin)) if fin == ack => "; the peer's FIN came with its ACK.".to_string(),
        _ => ".".to_string(),
    };
    match exchange.handshake.rtt_ns {
        Some(rtt_ns) => format!(" RTT {}{fin}", millis(rtt_ns)),
        None => String::new(),
    }
}

fn rtt(exchange: &Exchange) -> String {
    exchange
        .handshake
        .rtt_ns
        .map_or_else(String::new, |rtt_ns| format!(" RTT {}.", millis(rtt_ns)))
}
