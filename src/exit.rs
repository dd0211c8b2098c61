//! The exit status: a contract.

use crate::exchange::{End as Side, Outcome, Verdict};
use crate::report::Record;
use crate::session::End;

/// Open, and ended as asked; or every one of several targets got a verdict.
pub const SUCCESS: u8 = 0;
/// An expectation was not met, or the probes of one target ended in different ways.
pub const FAILED: u8 = 1;
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

/// What the probes of a run came to, and the status that follows from it.
#[derive(Clone, Debug)]
pub struct Tally {
    targets: usize,
    /// There are expectations of the user's, which replace ours.
    expecting: bool,
    disappointed: bool,
    /// Some probe has no verdict.
    blank: bool,
    /// How the probes ended: one status, or [`FAILED`] where they differ.
    common: Option<u8>,
}

impl Tally {
    /// Of a run over `targets`; `expecting` when the user has expectations.
    pub fn new(targets: usize, expecting: bool) -> Tally {
        Tally {
            targets,
            expecting,
            disappointed: false,
            blank: false,
            common: None,
        }
    }

    /// One more target.
    pub fn add_target(&mut self) {
        self.targets += 1;
    }

    /// Something that was to be probed was not.
    pub fn add_blank(&mut self) {
        self.targets += 1;
        self.blank = true;
    }

    /// One more probe.
    pub fn add(&mut self, record: &Record) {
        let status = status_of_one(record);
        self.blank |= record.exchange.verdict.is_none();
        self.common = match self.common {
            Some(before) if before != status => Some(FAILED),
            _ => Some(status),
        };
    }

    /// An expectation of the user's was not met.
    pub fn disappoint(&mut self) {
        self.disappointed = true;
    }

    /// The status so far.
    pub fn status(&self) -> u8 {
        match self.targets {
            _ if self.disappointed => FAILED,
            1 if self.expecting => SUCCESS,
            1 => self.common.unwrap_or(CANNOT_PROBE),
            _ if self.blank => CANNOT_PROBE,
            _ => SUCCESS,
        }
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
        Outcome::NoAck | Outcome::NoFin if !record.exchange.has_closed(Side::Local) => {
            record.stopped
        }
        Outcome::NoFin
        | Outcome::NoAck
        | Outcome::ResetByPeer
        | Outcome::StillOpen
        | Outcome::NotAttempted => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stamp;
    use crate::exchange::{Basis, Exchange, StateChange};
    use crate::report::{LocalInfo, TargetInfo};
    use crate::tcp::State;

    fn ended(verdict: Option<Verdict>) -> Record {
        let mut exchange = Exchange {
            verdict,
            ..Exchange::new()
        };
        exchange.close.outcome = Outcome::InOrder;
        Record {
            seq: 0,
            started: Stamp(0),
            target: TargetInfo {
                input: "h:1".to_string(),
                name: None,
                addr: None,
                port: 1,
            },
            local: LocalInfo::default(),
            requested: End::Fin,
            time_wait: None,
            exchange,
            kernel_rst: 0,
            capture_drops: 0,
            failure: None,
            stopped: false,
        }
    }

    fn tally(targets: usize, expecting: bool, verdicts: &[Option<Verdict>]) -> Tally {
        let mut tally = Tally::new(targets, expecting);
        for &verdict in verdicts {
            tally.add(&ended(verdict));
        }
        tally
    }

    const OPEN: Option<Verdict> = Some(Verdict::Open);
    const CLOSED_PORT: Option<Verdict> = Some(Verdict::Closed);

    #[test]
    fn probes_of_one_target_share_a_status_or_fail() {
        for (verdicts, status) in [
            (&[OPEN][..], SUCCESS),
            (&[OPEN, OPEN], SUCCESS),
            (&[CLOSED_PORT, CLOSED_PORT], CLOSED),
            (&[OPEN, CLOSED_PORT], FAILED),
            (&[OPEN, CLOSED_PORT, OPEN], FAILED),
            (&[OPEN, None], FAILED),
            (&[None, None], CANNOT_PROBE),
        ] {
            assert_eq!(tally(1, false, verdicts).status(), status, "{verdicts:?}");
        }
    }

    #[test]
    fn what_was_cut_short_before_our_fin_is_no_fault_of_the_peer() {
        for (outcome, closed, stopped, status) in [
            (Outcome::NoAck, false, true, SUCCESS),
            (Outcome::NoAck, false, false, MISBEHAVED),
            (Outcome::NoAck, true, true, MISBEHAVED),
            (Outcome::NoFin, false, true, SUCCESS),
            (Outcome::NoFin, false, false, MISBEHAVED),
            (Outcome::NoFin, true, true, MISBEHAVED),
            (Outcome::Aborted, false, true, SUCCESS),
        ] {
            let mut record = ended(OPEN);
            record.exchange.close.outcome = outcome;
            record.stopped = stopped;
            record.exchange.states.extend(closed.then_some(StateChange {
                t_ns: 0,
                end: Side::Local,
                states: State::FinWait1.into(),
                basis: Basis::Seen,
                segment: 0,
            }));
            let mut tally = Tally::new(1, false);
            tally.add(&record);
            assert_eq!(tally.status(), status, "{outcome:?} {closed} {stopped}");
        }
    }

    #[test]
    fn of_several_targets_each_must_have_a_verdict() {
        for expecting in [false, true] {
            assert_eq!(tally(2, expecting, &[OPEN, CLOSED_PORT]).status(), SUCCESS);
            assert_eq!(tally(2, expecting, &[OPEN, None]).status(), CANNOT_PROBE);
        }
    }

    #[test]
    fn the_expectations_of_the_user_replace_ours() {
        for verdicts in [&[CLOSED_PORT][..], &[OPEN, CLOSED_PORT], &[None]] {
            let mut tally = tally(1, true, verdicts);
            assert_eq!(tally.status(), SUCCESS, "{verdicts:?}");
            tally.disappoint();
            assert_eq!(tally.status(), FAILED, "{verdicts:?}");
        }
    }
}
