//! How far a run is: a bar on standard error, while that is a terminal.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::clock::Time;

/// A run that is over by then needs no bar.
const AFTER: Duration = Duration::from_millis(500);

/// From one look at the run to the next: the bar is drawn twice at most, before lines and after.
const EVERY: Duration = Duration::from_millis(200);

/// A bar, or none. Whatever else goes to its terminal is written [`aside`](Progress::aside).
#[derive(Clone, Debug, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar, if standard error is a terminal that can draw one.
    pub fn on_stderr() -> Progress {
        let wanted = !ProgressDrawTarget::stderr().is_hidden() && !console_is_dumb();
        let hidden = || ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Progress {
            bar: wanted.then(hidden),
        }
    }

    /// Takes the bar away, calls `write`, and draws it again.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away for good.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// As far as a run has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// Probes that are over.
    pub(super) done: u64,
    /// Of so many, as far as is known.
    pub(super) total: Option<u64>,
    /// Connections.
    pub(super) in_flight: usize,
    /// The share of SYNs that were lost.
    pub(super) loss: f64,
}

/// When to look, so that the bar moves and nothing waits for it.
#[derive(Debug)]
pub(super) struct Ticker {
    bar: Option<ProgressBar>,
    due: Time,
    has_begun: bool,
    /// The bar has moved since the last lines.
    has_moved: bool,
}

impl Ticker {
    /// Of a run that begins now.
    pub(super) fn new(progress: &Progress, now: Time) -> Ticker {
        Ticker {
            bar: progress.bar.clone(),
            due: now + AFTER,
            has_begun: false,
            has_moved: false,
        }
    }

    /// When to look again; `None`: never.
    pub(super) fn due(&self) -> Option<Time> {
        self.bar.is_some().then_some(self.due)
    }

    /// Shows how far the run is, if it is time.
    pub(super) fn tick(&mut self, now: Time, standing: impl FnOnce() -> Standing) {
        let Some(bar) = self.bar.as_ref().filter(|_| now >= self.due) else {
            return;
        };
        if !self.has_begun {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        show(bar, standing());
        self.due = now + EVERY;
        self.has_begun = true;
        self.has_moved = true;
    }

    /// Whether lines may leave: beside a bar, each time it has moved.
    pub(super) fn lets_lines_leave(&mut self) -> bool {
        std::mem::take(&mut self.has_moved) || !self.has_begun
    }
}

fn show(bar: &ProgressBar, standing: Standing) {
    let Standing {
        done,
        total,
        in_flight,
        loss,
    } = standing;
    let total = total.map(|total| total.max(done));
    bar.set_style(style(total.is_some()));
    bar.set_message(format!("{in_flight} in flight, {:.1}% lost", loss * 100.0));
    bar.update(|state| {
        state.set_pos(done);
        if let Some(total) = total {
            state.set_len(total);
        }
    });
}

fn style(has_end: bool) -> ProgressStyle {
    let template = if has_end {
        "[{wide_bar}] {pos}/{len}, {rate}/s, {eta} left, {msg}"
    } else {
        "{pos} done, {rate}/s, {msg}"
    };
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Where it cannot be written there is no bar.
        let _ = write!(out, "{:.0}", state.per_sec());
    };
    let style = ProgressStyle::with_template(template).expect("a sound template");
    style.with_key("rate", rate).progress_chars("=> ")
}

fn console_is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// Whether this is a pipe: it may end on the terminal, as with a pager behind it.
///
/// # Errors
/// The kernel cannot say.
pub fn is_pipe(stream: impl AsFd) -> io::Result<bool> {
    let file = File::from(stream.as_fd().try_clone_to_owned()?);
    let kind = file.metadata()?.file_type();
    Ok(kind.is_fifo() || kind.is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_bar_nothing_waits_and_no_line_is_held_back() {
        let mut ticker = Ticker::new(&Progress::default(), Time::default());
        assert_eq!(ticker.due(), None);
        ticker.tick(Time::default() + EVERY, || unreachable!("nobody looks"));
        assert!(ticker.lets_lines_leave() && ticker.lets_lines_leave());
    }

    #[test]
    fn beside_a_bar_lines_leave_when_it_moves() {
        let bar = Some(ProgressBar::hidden());
        let begun = Time::default();
        let mut ticker = Ticker::new(&Progress { bar }, begun);
        assert_eq!(ticker.due(), Some(begun + AFTER));
        assert!(ticker.lets_lines_leave());
        let standing = |done| Standing {
            done,
            total: Some(9),
            in_flight: 3,
            loss: 0.25,
        };
        ticker.tick(begun, || unreachable!("too early"));
        ticker.tick(begun + AFTER, || standing(4));
        assert!(ticker.lets_lines_leave());
        assert!(!ticker.lets_lines_leave());
        let next = begun + AFTER + EVERY;
        assert_eq!(ticker.due(), Some(next));
        ticker.tick(next, || standing(5));
        assert!(ticker.lets_lines_leave());
    }
}
