//! A plan carried out: open what needs privilege, give it up, probe, report.

mod capture;
mod explain;
mod interrupt;
mod probe;
mod sources;
mod whole;

use std::collections::HashMap;
use std::io;
use std::thread;
use std::time::Duration;

use crate::clock::Time;
use crate::engine::{Engine, Finished, Recorder, Stop};
use crate::exchange::Flow;
use crate::exit::Tally;
use crate::expect::Expectation;
use crate::link::Link;
use crate::net::guard::{Guard, Way};
use crate::net::stamps::Stamping;
use crate::net::{Live, OpenError, privs};
use crate::plan::{Plan, Problem};
use crate::report::{Record, Report, Summary, probe_value, summary_value};

use capture::{Capture, Opened};
use probe::{aim, blank, failure, marks, record, target_info, why_not};
use sources::{Source, Sources};

pub use capture::Unwritten;
pub use explain::{Explained, explain};
pub use whole::LineBuffer;

/// How long the kernel may take to switch its stamps on.
const STAMPING: Duration = Duration::from_millis(100);

/// The longest that it took, with a margin.
const UNSHOWN: Duration = Duration::from_millis(10);

/// Connections under way at once.
const PARALLEL: usize = 1000;

/// Why a run ended before its time.
#[derive(Debug)]
pub enum RunError {
    /// This host cannot probe.
    Problem(Problem),
    /// The capture failed.
    Capture(io::Error),
    /// The report could not be written.
    Output(io::Error),
    /// `--write`: the capture file could not.
    Unwritten(Unwritten),
}

impl From<Problem> for RunError {
    fn from(problem: Problem) -> RunError {
        RunError::Problem(problem)
    }
}

impl From<Unwritten> for RunError {
    fn from(unwritten: Unwritten) -> RunError {
        RunError::Unwritten(unwritten)
    }
}

/// Probes every destination of the plan, one after the other, as often as it says. `complain` is
/// told, in one line, about each that cannot be probed and each expectation that is not met.
/// Returns the exit status.
///
/// # Errors
/// [`RunError`]; what was probed until then is reported.
pub fn run(
    plan: &Plan,
    stamping: Option<&Stamping>,
    report: &mut dyn Report,
    complain: &mut dyn FnMut(&str),
) -> Result<u8, RunError> {
    let mut run = Run::open(plan, stamping, report, complain)?;
    let status = run.rounds().and_then(|()| run.close());
    if matches!(status, Err(RunError::Output(_))) {
        run.abandon().map_err(RunError::Capture)?;
    }
    let written = run.end_capture();
    let status = status?;
    written?;
    Ok(status)
}

/// Of a connection under way.
struct Launched {
    /// An index into the plan's destinations.
    index: usize,
    /// How the port is guarded.
    way: Way,
}

struct Run<'a> {
    plan: &'a Plan,
    /// `None`: there is nothing to probe.
    network: Network<'a>,
    /// `--write`.
    capture: Option<Capture>,
    report: &'a mut dyn Report,
    complain: &'a mut dyn FnMut(&str),
    begun: Time,
    deadline: Option<Time>,
    /// When the next round is due.
    due: Time,
    seq: u64,
    launched: HashMap<u64, Launched>,
    /// No more probes.
    over: bool,
    /// One a target when the probes are repeated, else none.
    summaries: Vec<Summary>,
    total: Summary,
    tally: Tally,
}

impl<'a> Run<'a> {
    fn open(
        plan: &'a Plan,
        stamping: Option<&Stamping>,
        report: &'a mut dyn Report,
        complain: &'a mut dyn FnMut(&str),
    ) -> Result<Run<'a>, RunError> {
        let (mut network, capture) = open(plan, stamping)?;
        let begun = network
            .as_ref()
            .map(|(engine, _)| engine.link().now())
            .unwrap_or_default();
        let deadline = plan.deadline.map(|longest| begun + longest);
        if let Some((engine, _)) = &mut network {
            engine.stop_at(deadline);
        }
        let repeated = plan.destinations.iter().filter(|_| plan.count.is_some());
        Ok(Run {
            plan,
            over: network.is_none(),
            network,
            capture,
            report,
            complain,
            begun,
            deadline,
            due: begun,
            seq: 0,
            launched: HashMap::new(),
            summaries: repeated.map(|to| Summary::of(target_info(to))).collect(),
            total: Summary::default(),
            tally: Tally::new(plan.destinations.len(), !plan.expect.is_empty()),
        })
    }

    fn now(&self) -> Time {
        self.network
            .as_ref()
            .map_or(self.begun, |(engine, _)| engine.link().now())
    }

    fn rounds(&mut self) -> Result<(), RunError> {
        self.round(true)?;
        for _ in 1..self.plan.rounds() {
            if self.over || !self.wait().map_err(RunError::Capture)? {
                break;
            }
            self.round(false)?;
        }
        Ok(())
    }

    /// Each target once. What cannot be probed is told the first time only.
    fn round(&mut self, first: bool) -> Result<(), RunError> {
        self.due = self.now() + self.plan.interval;
        let mut next = 0;
        loop {
            while next < self.plan.destinations.len() && self.has_room() {
                self.launch(next, first)?;
                next += 1;
            }
            self.report.flush().map_err(RunError::Output)?;
            if self.launched.is_empty() {
                return Ok(());
            }
            self.turn(None).map_err(RunError::Capture)?;
            while let Some((seq, finished)) = self.poll_finished() {
                self.conclude(seq, finished, first)?;
            }
        }
    }

    fn has_room(&self) -> bool {
        self.launched.len() < PARALLEL
    }

    /// Begins to probe a destination, or tells why not.
    fn launch(&mut self, index: usize, first: bool) -> Result<(), RunError> {
        let (plan, seq) = (self.plan, self.seq);
        let destination = &plan.destinations[index];
        let failure = match (&destination.way, &mut self.network) {
            (Ok(departure), Some((engine, sources))) if !self.over => {
                let remote = destination.remote.expect("a departure goes to an address");
                let source = sources.take(engine.link_mut(), departure.local, remote);
                match source.map_err(RunError::Capture)? {
                    Ok(Source { address, way, .. }) => {
                        let local = address;
                        let flow = Flow { local, remote };
                        engine.start(seq, aim(plan, departure, flow));
                        self.launched.insert(seq, Launched { index, way });
                        self.seq += 1;
                        return Ok(());
                    }
                    Err(problem) => why_not(&problem),
                }
            }
            _ if !first => return Ok(()),
            (Ok(_), _) => {
                let text = format!("{}: interrupted before its turn", destination.target.input);
                failure("interrupted", &text)
            }
            (Err(problem), _) => why_not(problem),
        };
        self.seq += 1;
        let record = blank(plan, destination, seq, failure);
        self.tell(index, &record, first)
    }

    fn turn(&mut self, until: Option<Time>) -> io::Result<()> {
        let Some((engine, _)) = &mut self.network else {
            return Ok(());
        };
        let recorder = self.capture.as_mut().map(|it| it as &mut dyn Recorder);
        engine.turn(until, recorder)?;
        let late = self.deadline.is_some_and(|at| engine.link().now() >= at);
        let unwritten = self.capture.as_ref().is_some_and(Capture::has_failed);
        self.over |= engine.is_interrupted() || late || unwritten;
        Ok(())
    }

    fn poll_finished(&mut self) -> Option<(u64, Finished)> {
        let (engine, _) = self.network.as_mut()?;
        engine.poll_finished()
    }

    /// A probe is over.
    fn conclude(&mut self, seq: u64, finished: Finished, first: bool) -> Result<(), RunError> {
        let launched = self.launched.remove(&seq);
        let Launched { index, way } = launched.expect("a connection that was launched");
        if let Some(capture) = &mut self.capture {
            capture.end_probe(seq, &marks(seq, &finished));
        }
        if let Some((engine, sources)) = &mut self.network {
            sources.used(engine.link(), finished.flow, &finished.exchange);
        }
        let destination = &self.plan.destinations[index];
        let record = record(self.plan, destination, seq, (finished, way));
        self.tell(index, &record, first)
    }

    fn tell(&mut self, index: usize, record: &Record, first: bool) -> Result<(), RunError> {
        if let Some(failure) = &record.failure {
            (self.complain)(&failure.text);
        }
        self.report.probe(record).map_err(RunError::Output)?;
        self.total.add(record);
        if let Some(summary) = self.summaries.get_mut(index) {
            summary.add(record);
        }
        // Whoever stops a series does not want its last probe judged.
        if first || !record.stopped {
            self.tally.add(record);
            self.judge_probe(record);
        }
        Ok(())
    }

    fn judge_probe(&mut self, record: &Record) {
        if self.plan.expect.iter().all(Expectation::is_of_summary) {
            return;
        }
        let value = probe_value(record);
        for expectation in self.plan.expect.iter().filter(|it| !it.is_of_summary()) {
            if let Err(found) = expectation.check(&value) {
                self.tally.disappoint();
                let which = format!("{} seq {}", record.target.input, record.seq);
                (self.complain)(&format!("{which}: expected {expectation}, found {found}"));
            }
        }
    }

    fn judge_summary(&mut self) {
        let value = summary_value(&self.total);
        for expectation in self.plan.expect.iter().filter(|it| it.is_of_summary()) {
            if let Err(found) = expectation.check(&value) {
                self.tally.disappoint();
                (self.complain)(&format!("summary: expected {expectation}, found {found}"));
            }
        }
    }

    /// Until the next round is due. `false`: there is none, the user or the deadline says so.
    fn wait(&mut self) -> io::Result<bool> {
        let due = self.due;
        if self.deadline.is_some_and(|deadline| due >= deadline) {
            return Ok(false);
        }
        while !self.over && self.now() < due {
            self.turn(Some(due))?;
        }
        Ok(!self.over)
    }

    fn close(&mut self) -> Result<u8, RunError> {
        let elapsed = u64::try_from((self.now() - self.begun).as_nanos()).unwrap_or(u64::MAX);
        for summary in self.summaries.iter_mut().chain([&mut self.total]) {
            summary.elapsed_ns = elapsed;
        }
        if self.plan.count.is_some() || self.seq > 1 {
            for summary in self.summaries.iter().chain([&self.total]) {
                self.report.summary(summary).map_err(RunError::Output)?;
            }
        }
        self.report.flush().map_err(RunError::Output)?;
        self.judge_summary();
        Ok(self.tally.status())
    }

    /// Nobody wants to know any more: what is open on peers is reset.
    fn abandon(&mut self) -> io::Result<()> {
        if let Some((engine, _)) = &mut self.network {
            engine.stop(Stop::Unrecorded);
        }
        while !self.launched.is_empty() {
            self.turn(None)?;
            while let Some((seq, _)) = self.poll_finished() {
                self.launched.remove(&seq);
            }
        }
        Ok(())
    }

    fn end_capture(&mut self) -> Result<(), Unwritten> {
        let network = self.network.as_ref();
        let lost = network.map_or(0, |(engine, _)| engine.link().capture_drops());
        self.capture
            .take()
            .map_or(Ok(()), |capture| capture.finish(lost))
    }
}

/// What probes; `None`: there is nothing to probe.
type Network<'a> = Option<(Engine<Live>, Sources<'a>)>;

/// Everything that needs privilege, then the privilege is given up.
fn open<'a>(
    plan: &'a Plan,
    stamping: Option<&Stamping>,
) -> Result<(Network<'a>, Option<Capture>), RunError> {
    let (sources, guards) = Sources::open(plan)?;
    // With what root may write; capabilities that come with the program's file open no other. Before
    // signals are blocked: a named pipe waits here for its reader.
    let file = plan.output.write.as_deref().map(Opened::open).transpose()?;
    let network = if guards.is_empty() {
        None
    } else {
        let link = open_link(plan, guards, stamping);
        let link = link.inspect_err(|_| file.iter().for_each(Opened::leave))?;
        Some((Engine::new(link), sources))
    };
    // What the file held is lost only now.
    let capture = file.map(Opened::begin).transpose()?;
    Ok((network, capture))
}

fn open_link(
    plan: &Plan,
    guards: Vec<Guard>,
    stamping: Option<&Stamping>,
) -> Result<Live, Problem> {
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
