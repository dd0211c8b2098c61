//! A capture explained: from a file to a report.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::capture::{CaptureError, Fault, Reader};
use crate::cli::{ExplainArgs, Place};
use crate::exchange::End;
use crate::explain::{self, Choose, Selection, Wishes};
use crate::net::privs;

/// How far a capture was read.
#[derive(Debug)]
pub struct Explained {
    /// There was something to read in it.
    pub anything: bool,
    /// Why it was not read to its end.
    pub fault: Option<CaptureError>,
}

/// Explains the capture that the arguments name, in the format that `choose` gives.
///
/// # Errors
/// The report cannot be written.
pub fn explain(args: &ExplainArgs, choose: &mut Choose<'_>) -> io::Result<Explained> {
    let opened = Opened::open(&args.file);
    // Whatever the file holds, it meets no privilege.
    privs::drop_all()?;
    let unread = |fault| Explained {
        anything: false,
        fault: Some(fault),
    };
    let Opened { input, size } = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let fault = Fault::Input(error);
            return Ok(unread(CaptureError { offset: 0, fault }));
        }
    };
    let reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(fault) => return Ok(unread(fault)),
    };
    let bar = bar(size);
    let mut progress = |offset| bar.set_position(offset);
    let told = explain::explain(reader, &wishes(args), choose, &mut progress);
    bar.finish_and_clear();
    let told = told?;
    Ok(Explained {
        anything: told.totals.frames > 0,
        fault: told.fault,
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
        verbose: args.format.verbose,
    }
}

/// A capture to be read.
struct Opened {
    input: Box<dyn Read>,
    /// Its bytes, where that is known beforehand.
    size: Option<u64>,
}

impl Opened {
    fn open(path: &Path) -> io::Result<Opened> {
        let file = if path == Path::new("-") {
            // Not its buffer, which would only copy.
            let stdin = io::stdin();
            return Ok(Opened {
                size: None,
                input: Box::new(stdin),
            });
        } else {
            File::open(path)?
        };
        let metadata = file.metadata()?;
        Ok(Opened {
            size: metadata.is_file().then_some(metadata.len()),
            input: Box::new(file),
        })
    }
}

/// A progress bar on standard error, if that is a terminal and the report does not run over the
/// same one.
fn bar(size: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() || io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match size {
        Some(size) => (
            ProgressBar::new(size),
            "{bar:30} {percent:>3} % of {total_bytes}, {eta} left",
        ),
        None => (ProgressBar::no_length(), "{bytes} read, {bytes_per_sec}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(template).expect("a sound template"));
    bar
}
