//! From arguments to what will be done: every mistake of the user's ends here, before anything is
//! sent.

mod request;
mod syn;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::time::Duration;

use crate::cli::{CourseArgs, OutputArgs, ProbeArgs, Rate, SynArgs};
use crate::expect::Expectation;
use crate::net::guard::GuardError;
use crate::net::route::{Route, RouteError, Routes};
use crate::session::{Course, Request};
use crate::targets::{Feed, NO_GROUPS, Next, Target};
use crate::tcp::Schedule;
use crate::wire::IpVersion;

pub use request::request;
pub use syn::Syn;

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
    /// The only target, if there is no other.
    pub only: Option<Destination>,
    /// What our SYNs look like, and where they leave from.
    pub syn: SynArgs,
    /// DSCP of every packet.
    pub dscp: u8,
    /// Don't fragment.
    pub dont_fragment: bool,
    /// What to do after the SYN-ACK.
    pub course: Course,
    /// What to send once connected.
    pub request: Option<Request>,
    /// How long to wait for the peer.
    pub schedule: Schedule,
    /// How many new connections a second.
    pub rate: Rate,
    /// How many connections at a time.
    pub parallel: usize,
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
    /// Only what is open.
    pub open: bool,
}

impl Plan {
    /// There may be more than one target.
    pub fn is_several(&self) -> bool {
        self.only.is_none()
    }

    /// How often each target is probed.
    pub fn rounds(&self) -> u64 {
        self.count.unwrap_or(1)
    }
}

/// One target: where its packets go, or why they cannot.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The target.
    pub target: Target,
    /// Our SYN and the address it leaves from.
    pub way: Result<Departure, Problem>,
}

/// How to reach a destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Departure {
    /// The address to send from, and the interface of a link-local one.
    pub route: Route,
    /// The SYN to send.
    pub syn: Syn,
}

impl Departure {
    /// What the route takes in one segment, in bytes, options not counted.
    pub fn largest_segment(&self) -> u32 {
        // The length field of an IPv4 packet says no more.
        let mtu = self.route.mtu.min(u32::from(u16::MAX));
        mtu.saturating_sub(IpVersion::of(self.route.source).headers())
    }
}

/// Turns arguments into a plan, and the targets. Asks the kernel for the route where there is only
/// one; sends nothing.
///
/// # Errors
/// A [`Problem`] that concerns the whole run. What concerns one target stays with it.
pub fn plan(args: &ProbeArgs) -> Result<(Plan, Feed), Problem> {
    let syn = &args.syn;
    check_options(syn)?;
    let request = request(&args.course)?;
    let mut feed = Feed::open(args)?;
    if feed.is_in_vain() {
        return Err(nothing_to_probe());
    }
    let only = if feed.is_several() {
        None
    } else {
        only_target(&mut feed, syn)?
    };
    let plan = Plan {
        only,
        syn: syn.clone(),
        dscp: syn.dscp.unwrap_or(0),
        dont_fragment: !syn.no_df,
        course: course(&args.course),
        request,
        schedule: schedule(&args.course),
        rate: args.scale.rate,
        parallel: args.scale.parallel as usize,
        count: args.course.count,
        interval: args.course.interval,
        deadline: args.course.deadline,
        expect: args.verdict.expect.clone(),
        output: args.output.clone(),
        open: args.scale.open,
    };
    Ok((plan, feed))
}

/// Of what the user names nothing is left.
pub fn nothing_to_probe() -> Problem {
    let text = "nothing to probe: no target is named that is not excluded";
    Problem::usage(text.to_string())
}

fn only_target(feed: &mut Feed, syn: &SynArgs) -> Result<Option<Destination>, Problem> {
    match feed.poll() {
        Next::Target(target) => {
            let way = Departures::new(syn).way(&target);
            match way {
                // Somebody's mistake, and no member of a block.
                Err(Problem::Target {
                    reason: "broadcast",
                    text,
                }) => Err(Problem::usage(text)),
                Ok(_) | Err(Problem::Target { .. }) => Ok(Some(Destination { target, way })),
                Err(problem) => Err(problem),
            }
        }
        Next::Bad(problem) => Err(problem),
        Next::Wait | Next::End => Ok(None),
    }
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

/// Finds the way to one target after the other.
#[derive(Debug)]
pub struct Departures<'a> {
    args: &'a SynArgs,
    routes: Routes,
    /// The clock that our timestamps begin with.
    clock: u32,
    /// The SYN for routes of each kind.
    syns: HashMap<(IpVersion, u32), Syn>,
}

impl<'a> Departures<'a> {
    /// For SYNs as the user wants them.
    pub fn new(args: &'a SynArgs) -> Departures<'a> {
        Departures {
            args,
            routes: Routes::new(args.source, args.interface.as_deref()),
            clock: crate::random::u32(),
            syns: HashMap::new(),
        }
    }

    /// The way to `target`.
    ///
    /// # Errors
    /// Why there is none. A [`Problem::Host`] concerns every target.
    pub fn way(&mut self, target: &Target) -> Result<Departure, Problem> {
        let remote = target.remote.clone()?;
        let found = self.routes.to(remote).map_err(route_problem)?;
        if found.source == remote.ip() && self.args.source_port == Some(remote.port()) {
            return Err(Problem::usage(format!(
                "{remote} is where we would send from: choose another --source-port"
            )));
        }
        let version = IpVersion::of(remote.ip());
        let syn = match self.syns.entry((version, found.mtu)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let syn = Syn::new(self.args, version, found.mtu, self.clock)?;
                new.insert(syn).clone()
            }
        };
        Ok(Departure { route: found, syn })
    }
}

fn route_problem(error: RouteError) -> Problem {
    let text = error.to_string();
    match error {
        RouteError::NoRoute { .. } => Problem::target("no-route", text),
        RouteError::SourceNotOurs(_) | RouteError::SourceElsewhere { .. } => Problem::host(
            "source-not-ours",
            format!("--source: {text}: choose one that `ip address` shows"),
        ),
        RouteError::UnknownInterface(_) => Problem::host(
            "no-interface",
            format!("--interface: {text}: `ip link` shows those there are"),
        ),
        RouteError::FamilyMismatch { .. } => Problem::usage(format!("--source: {text}")),
        RouteError::ScopeNeeded(ip) => {
            Problem::usage(format!("{text}: write [{ip}%eth0], or add --interface"))
        }
        RouteError::TwoInterfaces { .. } => Problem::usage(format!(
            "--interface: {text}: name the same interface, or only one"
        )),
        RouteError::Broadcast(ip) => Problem::target("broadcast", format!("{ip}: {NO_GROUPS}")),
        RouteError::Other(_) => Problem::host("no-route", text),
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
