//! How a connection of a capture went, in a sentence that takes no side.

use crate::exchange::{CloseRecord, End, Exchange, IcmpRecord, Manner, Verdict};
use crate::tcp::StateSet;

use super::verdict::waited;
use super::{Connection, Names, millis};

/// The word that the sentence begins with.
pub(super) fn opening(exchange: &Exchange) -> &'static str {
    match exchange.verdict {
        Some(Verdict::Open) if !exchange.handshake.completed => "half-open",
        None | Some(Verdict::Open) => "opened",
        Some(Verdict::Closed) => "refused",
        Some(Verdict::Filtered | Verdict::Unreachable) if exchange.icmp.is_none() => "unanswered",
        Some(verdict) => verdict.word(),
    }
}

/// What follows that word.
pub(super) fn sentence(connection: &Connection) -> String {
    let exchange = &connection.exchange;
    match exchange.verdict {
        Some(Verdict::Closed) => " by the server with RST.".to_string(),
        Some(Verdict::Filtered | Verdict::Unreachable) => exchange
            .icmp
            .map_or_else(|| silence(exchange), |icmp| icmp_error(&icmp)),
        None | Some(Verdict::Open) => {
            format!("{}, {}.", by_whom(exchange), ending(&exchange.close))
        }
    }
}

fn by_whom(exchange: &Exchange) -> &'static str {
    match (exchange.verdict, exchange.reason) {
        (None, _) => " before the capture begins",
        _ if !exchange.handshake.completed => " without the client's ACK",
        (_, Some("syn")) => " by both ends at once",
        _ => " by the client",
    }
}

fn ending(close: &CloseRecord) -> String {
    let name = |end| Names::CONNECTION.of(end);
    match (close.manner, close.first) {
        (Manner::InOrder, Some(first)) => format!("closed in order, the {} first", name(first)),
        (Manner::InOrder, None) => "closed in order".to_string(),
        (Manner::HalfClosed, first) => {
            let first = first.unwrap_or(End::Local);
            let (first, then) = (name(first), name(first.other()));
            format!("half-closed by the {first}, later closed by the {then}")
        }
        (Manner::Simultaneous, _) => "closed by both ends at once".to_string(),
        (Manner::Reset, _) => match close.reset {
            Some((end, states)) => format!("reset by the {} in {}", name(end), any_of(states)),
            None => "reset".to_string(),
        },
        (Manner::StillOpen, Some(first)) => {
            format!("closed by the {} only when the capture ends", name(first))
        }
        (Manner::StillOpen, None) => "still open when the capture ends".to_string(),
        (Manner::NotOpened, _) => "never open".to_string(),
    }
}

fn any_of(states: StateSet) -> String {
    let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_string(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "an unknown state".to_string(),
    }
}

/// The parts of the handshake on either side of where it was captured, and their sum.
pub(super) fn round_trip(exchange: &Exchange) -> Option<String> {
    let handshake = &exchange.handshake;
    let answer = match exchange.verdict {
        Some(Verdict::Closed) => "RST",
        _ => "SYN-ACK",
    };
    let whole = handshake
        .initial_rtt_ns
        .map(|ns| format!("RTT {}", millis(ns)));
    let parts = [
        handshake
            .rtt_ns
            .map(|ns| format!("SYN to {answer} {}", millis(ns))),
        handshake
            .ack_ns
            .map(|ns| format!("SYN-ACK to ACK {}", millis(ns))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match (whole, parts.join(", ")) {
        (Some(whole), parts) if parts.is_empty() => Some(whole),
        (Some(whole), parts) => Some(format!("{whole}: {parts}")),
        (None, parts) => Some(parts).filter(|it| !it.is_empty()),
    }
}

fn silence(exchange: &Exchange) -> String {
    match exchange.handshake.syn_sent {
        0 | 1 => ": one SYN, and nothing after it.".to_string(),
        n => format!(": {n} SYNs in {}.", waited(exchange)),
    }
}

fn icmp_error(icmp: &IcmpRecord) -> String {
    format!(
        ": {} says {} (ICMP type {} code {}) after {}.",
        icmp.from,
        icmp.reason,
        icmp.icmp_type,
        icmp.code,
        millis(icmp.t_ns.unsigned_abs())
    )
}
