//! How a connection of a capture went, in a sentence that takes no side.

use crate::exchange::{CloseRecord, End, Exchange, IcmpRecord, Manner, Verdict};
use crate::tcp::StateSet;

use super::verdict::waited;
use super::{Connection, Names, millis};

/// The word that the sentence begins with.
pub(super) fn opening(exchange: &Exchange) -> &'static str {
    match exchange.verdict {
        Some(Verdict::Open) if is_half_open(exchange) => "half-open",
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

/// The client's answer to the SYN-ACK is not there, nor anything that shows that it came.
pub(super) fn is_half_open(exchange: &Exchange) -> bool {
    let ended = [Manner::InOrder, Manner::HalfClosed, Manner::Simultaneous];
    exchange.verdict == Some(Verdict::Open)
        && exchange.reason != Some("established")
        && !exchange.handshake.completed
        && !ended.contains(&exchange.close.manner)
}

fn by_whom(exchange: &Exchange) -> &'static str {
    match (exchange.verdict, exchange.reason) {
        (None, _) => " before the capture begins",
        (_, Some("established")) if exchange.handshake.isn.is_none() => {
            " before the capture begins"
        }
        _ if is_half_open(exchange) => " without the client's ACK",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Each;
    use crate::tcp::State;

    fn told(exchange: Exchange) -> String {
        let connection = Connection {
            stream: 0,
            seq: 0,
            first_frame: 1,
            last_frame: 9,
            client: "198.51.100.7:50211".parse().unwrap(),
            server: "192.0.2.1:443".parse().unwrap(),
            packets: Each::default(),
            bytes: Each::default(),
            completeness: 0,
            requested: None,
            exchange,
        };
        let word = opening(&connection.exchange);
        format!("{word}{}", sentence(&connection))
    }

    fn opened() -> Exchange {
        let mut exchange = Exchange::new();
        exchange.verdict = Some(Verdict::Open);
        exchange.handshake.completed = true;
        exchange
    }

    fn closed(manner: Manner, first: Option<End>) -> Exchange {
        let mut exchange = opened();
        exchange.close.manner = manner;
        exchange.close.first = first;
        exchange
    }

    #[test]
    fn every_end_says_who_was_first() {
        let (client, server) = (Some(End::Local), Some(End::Peer));
        for (manner, first, text) in [
            (Manner::InOrder, client, "closed in order, the client first"),
            (Manner::InOrder, server, "closed in order, the server first"),
            (
                Manner::HalfClosed,
                server,
                "half-closed by the server, later closed by the client",
            ),
            (Manner::Simultaneous, client, "closed by both ends at once"),
            (Manner::StillOpen, None, "still open when the capture ends"),
            (
                Manner::StillOpen,
                client,
                "closed by the client only when the capture ends",
            ),
        ] {
            let whole = format!("opened by the client, {text}.");
            assert_eq!(told(closed(manner, first)), whole);
        }
    }

    #[test]
    fn a_reset_names_its_end_and_the_states_that_it_may_have_been_in() {
        let mut exchange = closed(Manner::Reset, None);
        for (states, text) in [
            (State::Established.into(), "ESTABLISHED"),
            (
                StateSet::from([State::FinWait1, State::FinWait2, State::Closing]),
                "FIN-WAIT-1, FIN-WAIT-2 or CLOSING",
            ),
        ] {
            exchange.close.reset = Some((End::Local, states));
            let whole = format!("opened by the client, reset by the client in {text}.");
            assert_eq!(told(exchange.clone()), whole);
        }
    }

    #[test]
    fn what_the_capture_does_not_have_is_said() {
        let mut exchange = closed(Manner::StillOpen, None);
        exchange.handshake.completed = false;
        assert_eq!(
            told(exchange.clone()),
            "half-open without the client's ACK, still open when the capture ends."
        );
        exchange.verdict = None;
        assert_eq!(
            told(exchange),
            "opened before the capture begins, still open when the capture ends."
        );
        // Its ACK is only not in the capture.
        let mut exchange = closed(Manner::InOrder, Some(End::Local));
        exchange.handshake.completed = false;
        assert_eq!(
            told(exchange),
            "opened by the client, closed in order, the client first."
        );
    }

    #[test]
    fn silence_is_as_long_as_the_capture() {
        let mut exchange = Exchange::new();
        exchange.verdict = Some(Verdict::Filtered);
        exchange.handshake.syn_sent = 1;
        assert_eq!(
            told(exchange.clone()),
            "unanswered: one SYN, and nothing after it."
        );
        exchange.handshake.syn_sent = 3;
        exchange.elapsed_ns = 3_000_000_000;
        assert_eq!(told(exchange), "unanswered: 3 SYNs in 3.0 s.");
    }

    #[test]
    fn a_round_trip_has_the_parts_that_were_captured() {
        let mut exchange = opened();
        assert_eq!(round_trip(&exchange), None);
        exchange.handshake.rtt_ns = Some(20_000_000);
        let first = "SYN to SYN-ACK 20.000 ms";
        assert_eq!(round_trip(&exchange).as_deref(), Some(first));
        exchange.handshake.ack_ns = Some(31_000);
        exchange.handshake.initial_rtt_ns = Some(20_031_000);
        let whole = format!("RTT 20.031 ms: {first}, SYN-ACK to ACK 0.031 ms");
        assert_eq!(round_trip(&exchange), Some(whole));
        exchange.handshake.rtt_ns = None;
        exchange.handshake.ack_ns = None;
        assert_eq!(round_trip(&exchange).as_deref(), Some("RTT 20.031 ms"));
    }
}
