//! A capture explained: from a file to a report.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::capture::{CaptureError, Fault, LinkType, Reader};
use crate::cli::{ExplainArgs, FormatArgs, Place};
use crate::exchange::End;
use crate::explain::{self, Choose, Selection, Told, Wishes};
use crate::net::privs;
use crate::observe::Detail;
use crate::report::Totals;

use super::interrupt::Interruptible;
use super::progress::is_pipe;

/// What became of a capture.
#[derive(Debug)]
pub enum Explained {
    /// It was read, as far as the fault if there is one.
    Read {
        /// How much was in it.
        totals: Totals,
        /// Frames behind link headers that are not known, and the first such type.
        unknown: Option<(u64, LinkType)>,
        /// Why there is no more.
        fault: Option<CaptureError>,
        /// A signal ended it.
        was_interrupted: bool,
    },
    /// Nothing of it could be read, and why.
    Unread(String),
}

/// Explains the capture that the arguments name, in the format that `choose` gives. The first SIGINT,
/// SIGTERM or SIGHUP is the end of the capture.
///
/// # Errors
/// The report cannot be written.
pub fn explain(args: &ExplainArgs, choose: &mut Choose<'_>) -> io::Result<Explained> {
    let opened = Opened::open(&args.file);
    // Whatever the file holds, it meets no privilege.
    privs::drop_all()?;
    let Opened { input, size } = match opened {
        Ok(opened) => opened,
        Err(error) => return Ok(Explained::Unread(format!("it cannot be opened: {error}"))),
    };
    // Not before: opening a FIFO may take its time.
    let input = Interruptible::new(input)?;
    let interrupted = input.interrupted();
    let reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(_) if interrupted.get() => {
            let why = "interrupted before anything of it was read";
            return Ok(Explained::Unread(why.to_owned()));
        }
        Err(fault) => return Ok(Explained::Unread(fault.to_string())),
    };
    let bar = bar(size);
    let mut progress = |offset| bar.set_position(offset);
    let is_shown = is_shown();
    let mut choose = |several| {
        // The report is about to begin.
        if is_shown {
            bar.finish_and_clear();
        }
        choose(several)
    };
    let told = explain::explain(reader, &wishes(args), &mut choose, &mut progress);
    bar.finish_and_clear();
    let Told {
        totals,
        unknown,
        fault,
    } = told?;
    let was_interrupted = interrupted.get();
    // The user cut it there.
    let is_wished =
        |it: &CaptureError| was_interrupted && matches!(it.fault, Fault::CutShort { .. });
    Ok(match fault.filter(|fault| !is_wished(fault)) {
        Some(fault) if totals.frames == 0 => Explained::Unread(fault.to_string()),
        fault => Explained::Read {
            totals,
            unknown,
            fault,
            was_interrupted,
        },
    })
}

fn wishes(args: &ExplainArgs) -> Wishes {
    Wishes {
        selection: Selection {
            streams: args.stream.clone(),
            hosts: args.host.clone(),
            ports: args.port.clone(),
        },
        order: args.order,
        at: args.at.map(|place| match place {
            Place::Client => End::Local,
            Place::Server => End::Peer,
        }),
        detail: match args.format {
            FormatArgs { verbose: true, .. } => Detail::Segments,
            FormatArgs { json: true, .. } => Detail::States,
            // A table has a line for each.
            _ => Detail::Outcome,
        },
    }
}

/// A capture to be read.
struct Opened {
    input: File,
    /// Its bytes, where that is known beforehand.
    size: Option<u64>,
}

impl Opened {
    fn open(path: &Path) -> io::Result<Opened> {
        if path == Path::new("-") {
            return Ok(Opened {
                // Unbuffered, so that it can be waited for.
                input: File::from(io::stdin().as_fd().try_clone_to_owned()?),
                size: None,
            });
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        Ok(Opened {
            size: metadata.is_file().then_some(metadata.len()),
            input: file,
        })
    }
}

/// Whether standard output ends on a terminal, as far as can be told: a pager may be behind a pipe.
fn is_shown() -> bool {
    let stdout = io::stdout();
    stdout.is_terminal() || is_pipe(stdout).unwrap_or(true)
}

/// A progress bar on standard error, if that is a terminal.
fn bar(size: Option<u64>) -> ProgressBar {
    let (bar, template) = match size {
        Some(size) => (
            ProgressBar::new(size),
            "[{bar:30}] {percent:>3} % of {total_bytes}, {eta} left",
        ),
        None => (ProgressBar::no_length(), "{bytes} read, {bytes_per_sec}"),
    };
    // It is hidden where standard error is no terminal.
    bar.set_draw_target(ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(template).expect("a sound template");
    bar.set_style(style.progress_chars("=> "));
    bar
}
