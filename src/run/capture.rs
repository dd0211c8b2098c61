//! `--write`: the file, or the pipe, that the frames go to.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::clock::Stamp;
use crate::engine::{Recorded, Recorder};
use crate::net::route::{interface_hardware, interface_name};
use crate::net::wall;
use crate::plan::Problem;
use crate::report::{Mark, Pcapng};
use crate::session::End;

/// A file that was opened and is as it was.
#[derive(Debug)]
pub(super) struct Opened {
    name: String,
    out: Blocks,
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
                out: Blocks::after(file.into(), None),
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
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        Ok(Opened {
            name,
            out: Blocks::after(file, is_file.then_some(0)),
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
        let Opened { name, out, .. } = self;
        let begin = || {
            if out.whole.is_some() {
                out.file.set_len(0)?;
            }
            Pcapng::new(out, &system())
        };
        match begin() {
            Ok(pcapng) => Ok(Capture {
                name,
                pcapng,
                begun: wall(),
                first: None,
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
    pcapng: Pcapng<Blocks>,
    begun: Stamp,
    /// Of a probe whose first frame has not come yet.
    first: Option<Mark>,
    /// When and on which interface the last frame came.
    last: Option<(Stamp, u32)>,
    error: Option<io::Error>,
}

impl Capture {
    /// Nothing more can be written.
    pub(super) fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// The frames that come belong to the probe `seq`.
    pub(super) fn begin_probe(&mut self, seq: u64, end: End) {
        self.first = Some(Mark::Probe { seq, end });
    }

    /// No more of them come: what is there to say besides. Without a frame it would be of nothing.
    pub(super) fn end_probe(&mut self, marks: &[Mark]) {
        let without_frames = self.first.take().is_some();
        if without_frames || marks.is_empty() || self.has_failed() {
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
        let tells = (self.first.as_ref(), &recorded.news);
        self.pcapng.frame(at, index, from, &frame.bytes, tells)?;
        self.first = None;
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

/// A file that takes each block whole or, where it can be cut, not at all.
#[derive(Debug)]
struct Blocks {
    file: File,
    /// Bytes of whole blocks; `None`: it cannot be cut, or was begun by others.
    whole: Option<u64>,
}

impl Blocks {
    fn after(file: File, whole: Option<u64>) -> Blocks {
        Blocks { file, whole }
    }
}

impl Write for Blocks {
    fn write(&mut self, block: &[u8]) -> io::Result<usize> {
        let written = self.file.write_all(block);
        match (&written, &mut self.whole) {
            (Ok(()), Some(whole)) => *whole += block.len() as u64,
            // The first error is the one to tell.
            (Err(_), Some(whole)) => drop(self.file.set_len(*whole)),
            _ => {}
        }
        written.map(|()| block.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
