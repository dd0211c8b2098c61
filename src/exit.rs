//! The exit status: a contract.

use crate::exchange::{Outcome, Verdict};
use crate::report::Record;
use crate::session::End;

/// Open, and ended as asked; or every one of several targets got a verdict.
pub const SUCCESS: u8 = 0;
/// A mistake on the command line.
pub const USAGE: u8 = 2;
/// RST in answer to our SYN.
pub const CLOSED: u8 = 3;
/// Silence, or administratively prohibited.
pub const FILTERED: u8 = 4;
/// Another ICMP error.
pub const UNREACHABLE: u8 = 5;
/// This host could not probe.
pub const CANNOT_PROBE: u8 = 6;
/// The peer broke the rules of TCP.
pub const MISBEHAVED: u8 = 7;

/// The status of a run over `records`.
pub fn status(records: &[Record]) -> u8 {
    match records {
        [one] => status_of_one(one),
        several
            if several
                .iter()
                .all(|record| record.exchange.verdict.is_some()) =>
        {
            SUCCESS
        }
        _ => CANNOT_PROBE,
    }
}

fn status_of_one(record: &Record) -> u8 {
    let exchange = &record.exchange;
    if exchange
        .anomalies
        .iter()
        .any(|anomaly| anomaly.misbehaviour)
    {
        return MISBEHAVED;
    }
    match exchange.verdict {
        None => CANNOT_PROBE,
        Some(Verdict::Closed) => CLOSED,
        Some(Verdict::Filtered) => FILTERED,
        Some(Verdict::Unreachable) => UNREACHABLE,
        Some(Verdict::Open) if ended_as_asked(record) => SUCCESS,
        Some(Verdict::Open) => MISBEHAVED,
    }
}

fn ended_as_asked(record: &Record) -> bool {
    match record.exchange.close.outcome {
        Outcome::InOrder => true,
        // The user's own wish to stop early is no fault of the peer.
        Outcome::Aborted => {
            record.stopped || matches!(record.requested, End::Rst | End::SynRst | End::None)
        }
        Outcome::NoFin | Outcome::NoAck | Outcome::ResetByPeer | Outcome::NotAttempted => false,
    }
}
