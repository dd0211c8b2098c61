//! One probe of one destination, and the record of it.

use crate::engine::{Finished, Probe, Stop};
use crate::exchange::{AnomalyKind, Exchange, Flow};
use crate::link::SendError;
use crate::net::guard::Way;
use crate::plan::{Departure, Plan, Problem};
use crate::random;
use crate::report::{Failure, LocalInfo, Mark, Record, TargetInfo};
use crate::session::Handshake;
use crate::targets::Target;
use crate::tcp::Config;
use crate::wire::{IpFields, SeqNumber};

/// The reason of a probe that was stopped before any answer.
pub(super) const INTERRUPTED: &str = "interrupted";

/// What came of the probe `seq` of `target`, its port guarded in this `way`. It left by `interface`.
pub(super) fn record(
    plan: &Plan,
    target: &Target,
    seq: u64,
    (finished, way): (Finished, Way),
    interface: Option<&str>,
) -> Record {
    Record {
        seq,
        started: finished.started,
        target: target_info(target),
        local: LocalInfo {
            addr: Some(finished.flow.local),
            interface: interface.map(str::to_owned),
            guard: Some(way.to_string()),
        },
        requested: plan.course.end,
        time_wait: plan.course.time_wait,
        kernel_rst: finished.kernel_rst,
        capture_drops: finished.capture_drops,
        stopped: finished.stopped.is_some(),
        failure: refusal(&finished, target),
        exchange: finished.exchange,
    }
}

/// A probe of the connection `flow`.
pub(super) fn aim(plan: &Plan, departure: &Departure, flow: Flow) -> Probe {
    let syn = &departure.syn;
    Probe {
        flow,
        scope: departure.route.scope,
        ip: IpFields {
            ttl: syn.ttl,
            dscp: plan.dscp,
            ecn: 0,
            dont_fragment: plan.dont_fragment,
            identification: (random::u32() as u16).max(1),
            flow_label: random::u32() & 0xf_ffff,
        },
        session: Handshake::new(
            Config {
                local_port: flow.local.port(),
                remote_port: flow.remote.port(),
                iss: SeqNumber(plan.syn.isn.unwrap_or_else(random::u32)),
                window: syn.window,
                options: syn.options.clone(),
                syn_flags: syn.flags,
                schedule: plan.schedule,
            },
            plan.course,
        )
        .asking(plan.request.clone())
        .limited_to(departure.largest_segment()),
    }
}

/// What there is to say of a probe that no frame tells.
pub(super) fn marks(seq: u64, finished: &Finished) -> Vec<Mark> {
    let anomalies = finished.exchange.anomalies.iter();
    let notes = anomalies.filter_map(|anomaly| {
        let kind = AnomalyKind::of(anomaly)?;
        let text = anomaly.text.clone();
        let is_note = AnomalyKind::OF_NO_FRAME.contains(&kind);
        is_note.then_some(Mark::Note { seq, kind, text })
    });
    let interrupted = finished.stopped == Some(Stop::Interrupted);
    let interrupted = interrupted.then_some(Mark::Interrupted { seq });
    notes.chain(interrupted).collect()
}

/// Why there is no verdict, if there is none.
fn refusal(finished: &Finished, target: &Target) -> Option<Failure> {
    let undecided = finished.exchange.verdict.is_none()
        && matches!(finished.stopped, Some(Stop::Interrupted | Stop::Unrecorded));
    let (reason, text) = match &finished.refused {
        Some(error @ SendError::Firewall) => {
            ("local-firewall", format!("nothing was sent: {error}"))
        }
        Some(SendError::NoRoute(error)) => ("no-route", format!("no route: {error}")),
        Some(SendError::Busy(error) | SendError::Other(error)) => {
            ("not-sent", format!("the SYN could not be sent: {error}"))
        }
        None if undecided => (INTERRUPTED, "interrupted before any answer".to_string()),
        None => return None,
    };
    Some(failure(reason, &format!("{}: {text}", target.input())))
}

pub(super) fn why_not(problem: &Problem) -> Failure {
    match problem {
        Problem::Target { reason, text } | Problem::Host { reason, text } => failure(reason, text),
        Problem::Usage(text) => failure("usage", text),
    }
}

pub(super) fn failure(reason: &'static str, text: &str) -> Failure {
    Failure {
        reason,
        text: text.to_string(),
    }
}

pub(super) fn target_info(target: &Target) -> TargetInfo {
    TargetInfo {
        input: target.input(),
        name: target.name.as_deref().map(str::to_string),
        addr: target.remote.as_ref().ok().map(|remote| remote.ip()),
        port: target.port,
    }
}

/// The record of a target of which nothing was sent.
pub(super) fn blank(plan: &Plan, target: &Target, seq: u64, failure: Failure) -> Record {
    Record {
        seq,
        started: crate::net::wall(),
        target: target_info(target),
        local: LocalInfo::default(),
        requested: plan.course.end,
        time_wait: plan.course.time_wait,
        exchange: Exchange::new(),
        kernel_rst: 0,
        capture_drops: 0,
        failure: Some(failure),
        stopped: false,
    }
}
