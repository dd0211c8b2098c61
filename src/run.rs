//! A plan carried out: open what needs privilege, give it up, probe, report.

mod capture;
mod explain;
mod interrupt;
mod network;
mod probe;
mod progress;
mod rounds;
mod sources;
mod whole;

use std::io;

use crate::net::stamps::Stamping;
use crate::plan::{Plan, Problem};
use crate::report::Report;
use crate::targets::Feed;

use rounds::Rounds;

pub use capture::Unwritten;
pub use explain::{Explained, explain};
pub use progress::{Progress, is_pipe};
pub use whole::LineBuffer;

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

/// Probes every target, each as often as the plan says. `complain` is told, in one line, about each
/// that cannot be probed and each expectation that is not met. `progress` shows how far the run is.
/// Returns the exit status.
///
/// # Errors
/// [`RunError`]; what was probed until then is reported.
pub fn run(
    plan: &Plan,
    feed: Feed,
    stamping: Option<&Stamping>,
    progress: &Progress,
    report: &mut dyn Report,
    complain: &mut dyn FnMut(&str),
) -> Result<u8, RunError> {
    let mut rounds = Rounds::open(plan, feed, stamping, progress, report, complain)?;
    let status = rounds.run().and_then(|()| rounds.close());
    if matches!(status, Err(RunError::Output(_))) {
        rounds.abandon().map_err(RunError::Capture)?;
    }
    let written = rounds.end_capture();
    let status = status?;
    written?;
    Ok(status)
}
