//! A plan carried out: open what needs privilege, give it up, probe, report.

mod capture;
mod explain;
mod interrupt;
mod probe;
mod sources;

use std::io;
use std::thread;
use std::time::Duration;

use crate::clock::Time;
use crate::exit::Tally;
use crate::expect::Expectation;
use crate::link::{Link, Wake};
use crate::net::guard::Guard;
use crate::net::stamps::Stamping;
use crate::net::{Live, OpenError, privs};
use crate::plan::{Plan, Problem};
use crate::report::{Record, Report, Summary, probe_value, summary_value};

use capture::{Capture, Opened};
use probe::{blank, failure, probe, target_info, why_not};
use sources::Sources;

pub use capture::Unwritten;
pub use explain::{Explained, explain};

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
    let written = run.end_capture();
    let status = status?;
    written?;
    Ok(status)
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
        let (network, capture) = open(plan, stamping)?;
        let begun = network
            .as_ref()
            .map(|(link, _)| link.now())
            .unwrap_or_default();
        let repeated = plan.destinations.iter().filter(|_| plan.count.is_some());
        Ok(Run {
            plan,
            over: network.is_none(),
            network,
            capture,
            report,
            complain,
            begun,
            deadline: plan.deadline.map(|longest| begun + longest),
            due: begun,
            seq: 0,
            summaries: repeated.map(|to| Summary::of(target_info(to))).collect(),
            total: Summary::default(),
            tally: Tally::new(plan.destinations.len(), !plan.expect.is_empty()),
        })
    }

    fn now(&self) -> Time {
        self.network
            .as_ref()
            .map_or(self.begun, |(link, _)| link.now())
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
        for index in 0..self.plan.destinations.len() {
            let Some(record) = self.probe(index, first).map_err(RunError::Capture)? else {
                continue;
            };
            self.seq += 1;
            self.tell(index, &record, first)?;
        }
        Ok(())
    }

    fn probe(&mut self, index: usize, first: bool) -> io::Result<Option<Record>> {
        let (plan, seq) = (self.plan, self.seq);
        let destination = &plan.destinations[index];
        let record = match (&destination.way, &mut self.network) {
            (Ok(departure), Some((link, sources))) if !self.over => {
                let aim = (destination, departure);
                let capture = self.capture.as_mut();
                let (record, interrupted) =
                    probe(plan, aim, (link, sources), capture, self.deadline, seq)?;
                let late = self.deadline.is_some_and(|deadline| link.now() >= deadline);
                let unwritten = self.capture.as_ref().is_some_and(Capture::has_failed);
                self.over = interrupted || late || record.stopped || unwritten;
                record
            }
            _ if !first => return Ok(None),
            (Ok(_), _) => {
                let text = format!("{}: interrupted before its turn", destination.target.input);
                blank(plan, destination, seq, failure("interrupted", &text))
            }
            (Err(problem), _) => blank(plan, destination, seq, why_not(problem)),
        };
        Ok(Some(record))
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
        let Some((link, _)) = &mut self.network else {
            return Ok(false);
        };
        if self.deadline.is_some_and(|deadline| due >= deadline) {
            return Ok(false);
        }
        loop {
            match link.recv(Some(due))? {
                Wake::Interrupted => return Ok(false),
                Wake::Timeout => return Ok(true),
                // What comes late for a connection that is over.
                Wake::Frame(_) if link.now() >= due => return Ok(true),
                Wake::Frame(_) | Wake::Called => {}
            }
        }
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
        self.judge_summary();
        Ok(self.tally.status())
    }

    fn end_capture(&mut self) -> Result<(), Unwritten> {
        let network = self.network.as_ref();
        let lost = network.map_or(0, |(link, _)| link.capture_drops());
        self.capture
            .take()
            .map_or(Ok(()), |capture| capture.finish(lost))
    }
}

/// What probes; `None`: there is nothing to probe.
type Network<'a> = Option<(Live, Sources<'a>)>;

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
        Some((link, sources))
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
