//! What a run asks of the network: opened with privilege, used without.

use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use crate::cli::Rate;
use crate::engine::{Engine, Pace};
use crate::link::Link;
use crate::net::guard::Guard;
use crate::net::limits::raise_descriptors;
use crate::net::stamps::Stamping;
use crate::net::{Live, OpenError, privs};
use crate::observe::Detail;
use crate::plan::{Plan, Problem};
use crate::targets::Feed;

use super::RunError;
use super::capture::{Capture, Opened};
use super::sources::Sources;

/// How long the kernel may take to switch its stamps on.
const STAMPING: Duration = Duration::from_millis(100);

/// The longest that it took, with a margin.
const UNSHOWN: Duration = Duration::from_millis(10);

/// What probes, and the ports that it leaves from.
#[derive(Debug)]
pub(super) struct Network<'a> {
    pub(super) engine: Engine<Live>,
    pub(super) sources: Sources<'a>,
}

/// Everything that needs privilege, then the privilege is given up.
pub(super) fn open<'a>(
    plan: &'a Plan,
    feed: &Feed,
    stamping: Option<&Stamping>,
) -> Result<(Option<Network<'a>>, Option<Capture>), RunError> {
    if plan.is_several() {
        raise_descriptors();
    }
    let (sources, guards) = Sources::open(plan)?;
    // With what root may write; capabilities that come with the program's file open no other. Before
    // signals are blocked: a named pipe waits here for its reader.
    let file = plan.output.write.as_deref().map(Opened::open).transpose()?;
    let network = if guards.is_empty() {
        None
    } else {
        let link = open_link(plan, guards, stamping);
        let link = link.inspect_err(|_| file.iter().for_each(Opened::leave))?;
        let engine = engine(plan, feed, link)?;
        Some(Network { engine, sources })
    };
    // What the file held is lost only now.
    let capture = file.map(Opened::begin).transpose()?;
    Ok((network, capture))
}

fn engine(plan: &Plan, feed: &Feed, mut link: Live) -> Result<Engine<Live>, Problem> {
    if !plan.is_several() {
        return Ok(Engine::new(link));
    }
    let bell = feed.as_fd().try_clone_to_owned();
    let bell = bell.map_err(|error| open_problem(OpenError::Other(error)))?;
    link.heed(bell);
    let mut engine = Engine::new(link);
    let rate = match plan.rate {
        Rate::PerSecond(rate) => Some(rate.get().into()),
        Rate::Max => None,
    };
    let now = engine.link().now();
    engine.keep_pace(Pace::new(rate, plan.parallel, plan.schedule, now));
    engine.answer_strays();
    engine.keep(detail(plan));
    Ok(engine)
}

/// Of many targets no more is kept than somebody looks at.
fn detail(plan: &Plan) -> Detail {
    let output = &plan.output;
    if output.format.verbose || !plan.expect.is_empty() {
        Detail::Segments
    } else if output.format.json || output.write.is_some() || plan.count.is_some() {
        Detail::States
    } else {
        Detail::Outcome
    }
}

fn open_link(
    plan: &Plan,
    guards: Vec<Guard>,
    stamping: Option<&Stamping>,
) -> Result<Live, Problem> {
    let link = Live::open(guards, plan.syn.interface.as_deref()).map_err(open_problem)?;
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
    Ok(link)
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
