//! `--write`: the file, or the pipe, that the frames go to.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::clock::Stamp;
use crate::engine::{Recorded, Recorder};
use crate::net::route::{interface_hardware, interface_name};
use crate::net::wall;
use crate::plan::Problem;
use crate::report::{Mark, Pcapng};

use super::whole::Whole;

/// A file that was opened and is as it was.
#[derive(Debug)]
pub(super) struct Opened {
    name: String,
    file: File,
    /// What it holds was not begun by others.
    is_ours: bool,
    /// It was not there before.
    new: Option<PathBuf>,
}

impl Opened {
    /// Opens `path` with what rights there are; `-` is standard output.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn open(path: &Path) -> Result<Opened, Problem> {
        let name = path.display().to_string();
        if path == Path::new("-") {
            if io::stdout().is_terminal() {
                return Err(Problem::usage(
                    "--write -: a capture is not for a terminal: redirect standard output".into(),
                ));
            }
            let opened = io::stdout().as_fd().try_clone_to_owned();
            let file = opened.map_err(|error| refused("standard output", &error))?;
            return Ok(Opened {
                name: "standard output".to_string(),
                file: file.into(),
                is_ours: false,
                new: None,
            });
        }
        let new = (!path.exists()).then(|| path.to_path_buf());
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| refused(&name, &error))?;
        Ok(Opened {
            name,
            is_ours: file.metadata().is_ok_and(|metadata| metadata.is_file()),
            file,
            new,
        })
    }

    /// There will be no capture: what was not there before is not there again.
    pub(super) fn leave(&self) {
        if let Some(path) = &self.new {
            // Why there is none is what the user has to know.
            let _ = fs::remove_file(path);
        }
    }

    /// Begins the capture, in place of what the file held.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn begin(self) -> Result<Capture, Unwritten> {
        let Opened {
            name,
            file,
            is_ours,
            ..
        } = self;
        let begin = || {
            if is_ours {
                file.set_len(0)?;
            }
            Pcapng::new(Whole::of_blocks(file), &system())
        };
        match begin() {
            Ok(pcapng) => Ok(Capture {
                name,
                pcapng,
                begun: wall(),
                begun_probes: HashSet::new(),
                last: None,
                error: None,
            }),
            Err(error) => Err(Unwritten { name, error }),
        }
    }
}

fn refused(name: &str, error: &io::Error) -> Problem {
    Problem::usage(format!("--write: cannot write {name}: {error}"))
}

/// As `uname -sr` has it.
fn system() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", release.trim()).trim_end().to_string()
}

/// What could not be written, and why.
#[derive(Debug)]
pub struct Unwritten {
    /// The file, as the user called it.
    pub name: String,
    /// What the kernel says.
    pub error: io::Error,
}

/// A capture under way.
#[derive(Debug)]
pub(super) struct Capture {
    name: String,
    pcapng: Pcapng<Whole>,
    begun: Stamp,
    /// The probes under way of which a frame has come.
    begun_probes: HashSet<u64>,
    /// When and on which interface the last frame came.
    last: Option<(Stamp, u32)>,
    error: Option<io::Error>,
}

impl Capture {
    /// Nothing more can be written.
    pub(super) fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// No more frames of the probe `seq` come: what is there to say besides. Without a frame it would
    /// be of nothing.
    pub(super) fn end_probe(&mut self, seq: u64, marks: &[Mark]) {
        let with_frames = self.begun_probes.remove(&seq);
        if !with_frames || marks.is_empty() || self.has_failed() {
            return;
        }
        let (at, index) = self.last.expect("a probe with frames");
        self.error = self.pcapng.remark(at, index, marks).err();
    }

    /// Ends it. The capture lost `lost` frames.
    ///
    /// # Errors
    /// Something of it could not be written.
    pub(super) fn finish(mut self, lost: u64) -> Result<(), Unwritten> {
        let ended = match self.error {
            None => self.pcapng.finish(self.begun, wall(), lost),
            Some(error) => Err(error),
        };
        let name = self.name;
        ended.map_err(|error| Unwritten { name, error })
    }

    fn write(&mut self, recorded: &Recorded<'_>) -> io::Result<()> {
        let frame = recorded.frame;
        let index = frame.interface;
        if !self.pcapng.describes(index) {
            let (name, hardware) = (interface_name(index), interface_hardware(index));
            self.pcapng.describe(index, &name, hardware)?;
        }
        let (at, from) = (recorded.at, recorded.from);
        let (seq, end) = (recorded.id, recorded.end);
        let is_first = self.begun_probes.insert(seq);
        let mark = is_first.then_some(Mark::Probe { seq, end });
        let tells = (mark.as_ref(), &recorded.news);
        self.pcapng.frame(at, index, from, &frame.bytes, tells)?;
        self.last = Some((at, index));
        Ok(())
    }
}

impl Recorder for Capture {
    fn record(&mut self, recorded: &Recorded<'_>) -> ControlFlow<()> {
        if let Err(error) = self.write(recorded) {
            self.error = Some(error);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
