//! A plan carried out: open what needs privilege, give it up, probe, report.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::engine::{self, Finished, Probe, Stop};
use crate::exchange::{Exchange, Flow, Outcome};
use crate::link::{Link, SendError};
use crate::net::guard::Guard;
use crate::net::stamps::Stamping;
use crate::net::{Live, OpenError, privs, route::interface_name};
use crate::plan::{Departure, Destination, Host, Plan, Problem, guard_problem};
use crate::random;
use crate::report::{Failure, LocalInfo, Record, Report, Summary, TargetInfo};
use crate::session::Handshake;
use crate::tcp::Config;
use crate::wire::{IpFields, SeqNumber};

/// How long the kernel may take to switch its stamps on.
const STAMPING: Duration = Duration::from_millis(100);

/// The longest that it took, with a margin.
const UNSHOWN: Duration = Duration::from_millis(10);

/// Why a run ended before its time.
#[derive(Debug)]
pub enum RunError {
    /// This host cannot probe.
    Problem(Problem),
    /// The capture failed.
    Capture(io::Error),
    /// The report could not be written.
    Output(io::Error),
}

impl From<Problem> for RunError {
    fn from(problem: Problem) -> RunError {
        RunError::Problem(problem)
    }
}

/// Probes every destination of the plan, one after the other. `complain` is told, in one line,
/// about each that cannot be probed.
///
/// # Errors
/// [`RunError`]; what was probed until then is reported.
pub fn run(
    plan: &Plan,
    stamping: Option<&Stamping>,
    report: &mut dyn Report,
    complain: &mut dyn FnMut(&str),
) -> Result<Vec<Record>, RunError> {
    let mut link = open(plan, stamping)?;
    let begun = link.as_ref().map(|(link, _)| link.now());
    let deadline = begun.and_then(|begun| Some(begun + plan.deadline?));
    let mut summary = Summary::default();
    let mut records = Vec::new();
    let mut interrupted = false;
    for destination in &plan.destinations {
        let seq = records.len() as u64;
        let record = match (&destination.way, &mut link) {
            (Ok(departure), Some((link, ports))) if !interrupted => probe(
                plan,
                destination,
                departure,
                &ports[&departure.local],
                link,
                deadline,
                seq,
            )?,
            (Ok(_), _) => blank(
                plan,
                destination,
                seq,
                failure(
                    "interrupted",
                    &format!("{}: interrupted before its turn", destination.target.input),
                ),
            ),
            (Err(problem), _) => blank(plan, destination, seq, why_not(problem)),
        };
        interrupted |= record.stopped;
        if let Some(failure) = &record.failure {
            complain(&failure.text);
        }
        report.probe(&record).map_err(RunError::Output)?;
        summary.add(&record);
        records.push(record);
    }
    if records.len() > 1 {
        if let (Some((link, _)), Some(begun)) = (&link, begun) {
            summary.elapsed_ns = u64::try_from((link.now() - begun).as_nanos()).unwrap_or(u64::MAX);
        }
        report.summary(&summary).map_err(RunError::Output)?;
    }
    Ok(records)
}

/// A guarded source port.
#[derive(Clone, Debug)]
struct Source {
    address: SocketAddr,
    guard: String,
}

type Sources = HashMap<SocketAddr, Source>;

/// Everything that needs privilege, then the privilege is given up. `None`: nothing to probe.
fn open(plan: &Plan, stamping: Option<&Stamping>) -> Result<Option<(Live, Sources)>, RunError> {
    let mut guards = Vec::new();
    let mut sources = Sources::new();
    for destination in &plan.destinations {
        let Ok(departure) = &destination.way else {
            continue;
        };
        let wanted = departure.local;
        if sources.contains_key(&wanted) {
            continue;
        }
        let guard = open_guard(plan, wanted)?;
        sources.insert(
            wanted,
            Source {
                address: guard.local(),
                guard: guard.way().to_string(),
            },
        );
        guards.push(guard);
    }
    if guards.is_empty() {
        return Ok(None);
    }
    let link = Live::open(guards, plan.interface.as_deref()).map_err(open_problem)?;
    privs::drop_all().map_err(|error| {
        Problem::host(
            "no-privilege",
            format!("capabilities could not be given up: {error}"),
        )
    })?;
    if !stamping.is_some_and(|stamping| stamping.wait(STAMPING)) {
        // Without loopback nothing can show that the stamps are on: wait as long as it ever took.
        // A frame without a stamp is reported as such in any case.
        thread::sleep(UNSHOWN);
    }
    Ok(Some((link, sources)))
}

/// Any port but one that we are about to probe on this very address.
fn open_guard(plan: &Plan, local: SocketAddr) -> Result<Guard, Problem> {
    let open =
        || Guard::open(local, plan.guard).map_err(|error| guard_problem(error, plan.source_port));
    let probed = |guard: &Guard| {
        let same = |remote: SocketAddr| remote.ip() == local.ip() && remote.port() == guard.port();
        plan.destinations
            .iter()
            .filter_map(|destination| destination.remote)
            .any(same)
    };
    let mut refused = Vec::new();
    loop {
        let guard = open()?;
        if !probed(&guard) {
            return Ok(guard);
        }
        // Held until another is found, so that it is not given again.
        refused.push(guard);
    }
}

fn open_problem(error: OpenError) -> Problem {
    match error {
        OpenError::Privilege(_) => Problem::host(
            "no-privilege",
            format!(
                "raw sockets need CAP_NET_RAW: run it with sudo, or once: {}",
                privs::setcap_line()
            ),
        ),
        OpenError::UnknownInterface(_) => Problem::host("no-interface", error.to_string()),
        OpenError::Other(_) => Problem::host("no-link", error.to_string()),
    }
}

fn probe(
    plan: &Plan,
    destination: &Destination,
    departure: &Departure,
    source: &Source,
    link: &mut Live,
    deadline: Option<crate::clock::Time>,
    seq: u64,
) -> Result<Record, RunError> {
    let remote = destination.remote.expect("a departure goes to an address");
    let flow = Flow {
        local: source.address,
        remote,
    };
    let drops = link.capture_drops();
    let finished =
        engine::run(link, aim(plan, departure, flow), deadline).map_err(RunError::Capture)?;
    let failure = refusal(&finished, destination);
    let mut exchange = finished.exchange;
    let waited = finished.stopped.is_none() && plan.course.end.waits_for_fin();
    if waited && exchange.close.outcome == Outcome::Aborted {
        // No frame tells what our RST had waited for.
        exchange.close.outcome = Outcome::NoFin;
    }
    Ok(Record {
        seq,
        started: finished.started,
        target: target_info(destination),
        local: LocalInfo {
            addr: Some(source.address),
            interface: finished.interface.map(interface_name),
            guard: Some(source.guard.clone()),
        },
        requested: plan.course.end,
        time_wait: plan.course.time_wait,
        kernel_rst: finished.kernel_rst,
        capture_drops: link.capture_drops().saturating_sub(drops),
        stopped: finished.stopped.is_some(),
        failure,
        exchange,
    })
}

fn aim(plan: &Plan, departure: &Departure, flow: Flow) -> Probe {
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
                iss: SeqNumber(plan.isn.unwrap_or_else(random::u32)),
                window: syn.window,
                options: syn.options.clone(),
                syn_flags: syn.flags,
                schedule: plan.schedule,
            },
            plan.course,
        ),
    }
}

/// Why there is no verdict, if there is none.
fn refusal(finished: &Finished, destination: &Destination) -> Option<Failure> {
    let input = &destination.target.input;
    match &finished.refused {
        Some(error @ SendError::Firewall) => {
            return Some(failure(
                "local-firewall",
                &format!("{input}: nothing was sent: {error}"),
            ));
        }
        Some(SendError::NoRoute(error)) => {
            return Some(failure("no-route", &format!("{input}: no route: {error}")));
        }
        Some(SendError::Other(error)) => {
            return Some(failure(
                "not-sent",
                &format!("{input}: the SYN could not be sent: {error}"),
            ));
        }
        None => {}
    }
    let undecided =
        finished.exchange.verdict.is_none() && finished.stopped == Some(Stop::Interrupted);
    undecided.then(|| {
        failure(
            "interrupted",
            &format!("{input}: interrupted before any answer"),
        )
    })
}

fn why_not(problem: &Problem) -> Failure {
    match problem {
        Problem::Target { reason, text } | Problem::Host { reason, text } => failure(reason, text),
        Problem::Usage(text) => failure("usage", text),
    }
}

fn failure(reason: &'static str, text: &str) -> Failure {
    Failure {
        reason,
        text: text.to_string(),
    }
}

fn target_info(destination: &Destination) -> TargetInfo {
    TargetInfo {
        input: destination.target.input.clone(),
        name: match &destination.target.host {
            Host::Name(name) => Some(name.clone()),
            Host::Address(..) => None,
        },
        addr: destination.remote.map(|remote| remote.ip()),
        port: destination.target.port,
    }
}

/// The record of a target of which nothing was sent.
fn blank(plan: &Plan, destination: &Destination, seq: u64, failure: Failure) -> Record {
    Record {
        seq,
        started: crate::net::wall(),
        target: target_info(destination),
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
