//! From arguments to what will be done: every mistake of the user's ends here, before anything is
//! sent.

mod request;
mod syn;
mod target;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::{CourseArgs, NameArgs, OutputArgs, ProbeArgs, SynArgs};
use crate::expect::Expectation;
use crate::net::guard::{GuardError, Way};
use crate::net::route::{Route, RouteError, route};
use crate::session::{Course, Request};
use crate::tcp::Schedule;
use crate::wire::IpVersion;

pub use request::request;
pub use syn::Syn;
pub use target::{Family, Host, Target};

/// How long `--end hold` and `--end none` wait by themselves.
const HOLD: Duration = Duration::from_secs(1);

/// Why something cannot be done, in one line for the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// A mistake on the command line (exit status 2).
    Usage(String),
    /// This one target cannot be probed (exit status 6, a result with a reason).
    Target {
        /// The reason, a fixed word.
        reason: &'static str,
        /// What failed, with what, and what to do.
        text: String,
    },
    /// This host cannot probe at all (exit status 6).
    Host {
        /// The reason, a fixed word.
        reason: &'static str,
        /// What failed, with what, and what to do.
        text: String,
    },
}

impl Problem {
    /// A mistake on the command line.
    pub fn usage(text: String) -> Problem {
        Problem::Usage(text)
    }

    /// A target that cannot be probed.
    pub fn target(reason: &'static str, text: String) -> Problem {
        Problem::Target { reason, text }
    }

    /// A host that cannot probe.
    pub fn host(reason: &'static str, text: String) -> Problem {
        Problem::Host { reason, text }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Usage(text) | Problem::Target { text, .. } | Problem::Host { text, .. } => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for Problem {}

/// What will be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to probe, in order.
    pub destinations: Vec<Destination>,
    /// Initial sequence number, if the user chose one.
    pub isn: Option<u32>,
    /// Source port, if the user chose one.
    pub source_port: Option<u16>,
    /// Interface, if the user chose one.
    pub interface: Option<String>,
    /// DSCP of every packet.
    pub dscp: u8,
    /// Don't fragment.
    pub dont_fragment: bool,
    /// The guard's way, if the user chose one.
    pub guard: Option<Way>,
    /// What to do after the SYN-ACK.
    pub course: Course,
    /// What to send once connected.
    pub request: Option<Request>,
    /// How long to wait for the peer.
    pub schedule: Schedule,
    /// How often to probe each, if the user said so.
    pub count: Option<u64>,
    /// From the start of one probe of a target to that of the next, at least.
    pub interval: Duration,
    /// How long the whole run may take.
    pub deadline: Option<Duration>,
    /// What the user expects.
    pub expect: Vec<Expectation>,
    /// What to print.
    pub output: OutputArgs,
}

impl Plan {
    /// How often each target is probed.
    pub fn rounds(&self) -> u64 {
        self.count.unwrap_or(1)
    }
}

/// One target: where its packets go, or why they cannot.
#[derive(Clone, Debug)]
pub struct Destination {
    /// As the user wrote it.
    pub target: Target,
    /// The address, once it is known.
    pub remote: Option<SocketAddr>,
    /// Our SYN and the address it leaves from.
    pub way: Result<Departure, Problem>,
}

/// How to reach a destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Departure {
    /// The address to send from, and the interface of a link-local one.
    pub route: Route,
    /// The address and port to guard, port 0 for any.
    pub local: SocketAddr,
    /// The SYN to send.
    pub syn: Syn,
}

impl Departure {
    /// What the route takes in one segment, in bytes, options not counted.
    pub fn largest_segment(&self) -> u32 {
        // The length field of an IPv4 packet says no more.
        let mtu = self.route.mtu.min(u32::from(u16::MAX));
        mtu.saturating_sub(IpVersion::of(self.local.ip()).headers())
    }
}

/// Turns arguments into a plan. Resolves names and asks the kernel for routes; sends nothing.
///
/// # Errors
/// A [`Problem`] that concerns the whole run. What concerns one target stays with it.
pub fn plan(args: &ProbeArgs) -> Result<Plan, Problem> {
    let syn = &args.syn;
    check_options(syn)?;
    let request = request(&args.course)?;
    let mut targets = Vec::new();
    for input in &args.targets {
        targets.extend(target::parse(input, args.ports.as_deref())?);
    }
    let mut destinations = Vec::new();
    for target in targets {
        destinations.extend(destinations_of(target, &args.names, syn)?);
    }
    Ok(Plan {
        destinations,
        isn: syn.isn,
        source_port: syn.source_port,
        interface: syn.interface.clone(),
        dscp: syn.dscp.unwrap_or(0),
        dont_fragment: !syn.no_df,
        guard: syn.guard,
        course: course(&args.course),
        request,
        schedule: schedule(&args.course),
        count: args.course.count,
        interval: args.course.interval,
        deadline: args.course.deadline,
        expect: args.verdict.expect.clone(),
        output: args.output.clone(),
    })
}

/// What happens after the SYN-ACK.
pub fn course(args: &CourseArgs) -> Course {
    Course {
        end: args.end,
        hold: args.hold.unwrap_or(HOLD),
        time_wait: args.time_wait,
    }
}

/// How long each wait for the peer is.
pub fn schedule(args: &CourseArgs) -> Schedule {
    Schedule {
        first: args.timeout,
        retries: args.retries,
    }
}

/// A mistake in the options is told before any name is looked up.
fn check_options(syn: &SynArgs) -> Result<(), Problem> {
    Syn::new(syn, IpVersion::V4, 1500, 0).map(drop)
}

fn destinations_of(
    target: Target,
    names: &NameArgs,
    syn: &SynArgs,
) -> Result<Vec<Destination>, Problem> {
    let family = match (names.ipv4, names.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let mut addresses = match target::resolve(&target, family) {
        Ok(addresses) => addresses,
        Err(problem @ Problem::Target { .. }) => {
            return Ok(vec![Destination {
                target,
                remote: None,
                way: Err(problem),
            }]);
        }
        Err(problem) => return Err(problem),
    };
    if !names.all_addresses {
        addresses.truncate(1);
    }
    addresses
        .into_iter()
        .map(|remote| destination(target.clone(), remote, syn))
        .collect()
}

fn destination(target: Target, remote: SocketAddr, syn: &SynArgs) -> Result<Destination, Problem> {
    let way = match route(remote, syn.source, syn.interface.as_deref()) {
        Ok(found) => departure(remote, found, syn).map(Ok)?,
        Err(error) => Err(route_problem(error)?),
    };
    Ok(Destination {
        target,
        remote: Some(remote),
        way,
    })
}

fn departure(remote: SocketAddr, found: Route, syn: &SynArgs) -> Result<Departure, Problem> {
    if found.source == remote.ip() && syn.source_port == Some(remote.port()) {
        return Err(Problem::usage(format!(
            "{remote} is where we would send from: choose another --source-port"
        )));
    }
    let clock = crate::random::u32();
    Ok(Departure {
        route: found,
        local: found.local(syn.source_port.unwrap_or(0)),
        syn: Syn::new(syn, IpVersion::of(remote.ip()), found.mtu, clock)?,
    })
}

/// What concerns only this target is returned, what concerns the whole run is the error.
fn route_problem(error: RouteError) -> Result<Problem, Problem> {
    let text = error.to_string();
    match error {
        RouteError::NoRoute { .. } => Ok(Problem::target("no-route", text)),
        RouteError::SourceNotOurs(_) | RouteError::SourceElsewhere { .. } => Err(Problem::host(
            "source-not-ours",
            format!("--source: {text}: choose one that `ip address` shows"),
        )),
        RouteError::UnknownInterface(_) => Err(Problem::host(
            "no-interface",
            format!("--interface: {text}: `ip link` shows those there are"),
        )),
        RouteError::FamilyMismatch { .. } => Err(Problem::usage(format!("--source: {text}"))),
        RouteError::ScopeNeeded(ip) => Err(Problem::usage(format!(
            "{text}: write [{ip}%eth0], or add --interface"
        ))),
        RouteError::TwoInterfaces { .. } => Err(Problem::usage(format!(
            "--interface: {text}: name the same interface, or only one"
        ))),
        RouteError::Broadcast(ip) => Err(Problem::usage(format!("{ip}: {}", target::NO_GROUPS))),
        RouteError::Other(_) => Err(Problem::host("no-route", text)),
    }
}

/// A guard that cannot be had concerns every target.
pub fn guard_problem(error: GuardError, source_port: Option<u16>) -> Problem {
    let text = error.to_string();
    match (error, source_port) {
        (GuardError::PortInUse(_), Some(_)) => Problem::host(
            "port-in-use",
            format!("--source-port: {text}: choose another, or leave it out to take a free one"),
        ),
        (GuardError::PortNeedsPrivilege(_), _) => Problem::host(
            "no-privilege",
            format!("--source-port: {text}: run as root, or choose one from 1024 on"),
        ),
        (GuardError::NoWay(tried), _) if tried.len() == 1 => Problem::host(
            "no-guard",
            format!("--guard: {text}: leave it out to take the strongest that holds"),
        ),
        (GuardError::NoWay(_), _) => Problem::host("no-guard", text),
        _ => Problem::host("no-source-port", text),
    }
}
