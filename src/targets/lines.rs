//! Files of targets, one a line. What can be read only once is read beside everything else.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::bell::Ringer;

/// The longest line, bytes: a list of all odd ports is not half as long.
const LONGEST: u64 = 1 << 20;

/// How many lines are read ahead.
const AHEAD: usize = 4096;

/// How long a writer may be quiet before what it wrote is probed, milliseconds.
const QUIET: u16 = 10;

/// The words of a line that is not blank, without comment and spaces, or why it has none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its words.
    pub words: Result<String, String>,
}

/// What can be had of a source at the moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// A line.
    Line(Line),
    /// The writer is quiet, more may come.
    Pause,
    /// More is being read.
    Nothing,
    /// There is no more.
    End,
}

/// A file or a stream of lines.
pub struct Source {
    /// What it is called.
    pub name: String,
    reader: Reader,
}

enum Reader {
    File(Lines<File>),
    /// A stream that nobody reads yet.
    Waiting(File, Ringer),
    Stream(Receiver<Piece>),
}

impl Source {
    /// Opens `path`, `-` for standard input. A stream is announced with `ringer`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path, ringer: Ringer) -> io::Result<Source> {
        let (name, file) = if path == Path::new("-") {
            let stdin = io::stdin().as_fd().try_clone_to_owned()?;
            ("standard input".to_string(), File::from(stdin))
        } else {
            (path.display().to_string(), File::open(path)?)
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // Standard input is a stream even where it is a file: part of it may have been read.
        let is_file = metadata.is_file() && path != Path::new("-");
        let reader = match is_file {
            true => Reader::File(Lines::new(file)),
            false => Reader::Waiting(file, ringer),
        };
        Ok(Source { name, reader })
    }

    /// It is no file: what comes is known only when it comes.
    pub fn is_stream(&self) -> bool {
        !matches!(self.reader, Reader::File(_))
    }

    /// What comes next. It never waits. The first call for a stream starts a thread.
    pub fn next(&mut self) -> Piece {
        if let Reader::Waiting(file, ringer) = &self.reader {
            let ringer = ringer.clone();
            self.reader = match file.try_clone() {
                Ok(file) => Reader::Stream(read_beside(file, ringer)),
                Err(error) => {
                    let (send, receiver) = mpsc::sync_channel(1);
                    let _ = send.send(Piece::Line(unreadable(0, &error)));
                    Reader::Stream(receiver)
                }
            };
        }
        match &mut self.reader {
            Reader::File(lines) => lines.next().map_or(Piece::End, Piece::Line),
            Reader::Stream(pieces) => latest(pieces),
            Reader::Waiting(..) => Piece::Nothing,
        }
    }

    /// Every line, of a stream too, however long it takes.
    pub fn read_all(self) -> Vec<Line> {
        match self.reader {
            Reader::File(lines) => lines.collect(),
            Reader::Waiting(file, _) => Lines::new(file).collect(),
            Reader::Stream(pieces) => {
                let line = |piece| match piece {
                    Piece::Line(line) => Some(line),
                    _ => None,
                };
                pieces.into_iter().filter_map(line).collect()
            }
        }
    }

    /// Every line of a file; it can be read again. Nothing of a stream.
    ///
    /// # Errors
    /// It cannot be rewound.
    pub fn each(&mut self, mut look: impl FnMut(Line)) -> io::Result<()> {
        if let Reader::File(lines) = &mut self.reader {
            lines.by_ref().for_each(&mut look);
            lines.rewind()?;
        }
        Ok(())
    }
}

/// A pause that is over says nothing.
fn latest(pieces: &Receiver<Piece>) -> Piece {
    let mut last = Piece::Nothing;
    loop {
        match pieces.try_recv() {
            Ok(Piece::Pause) => last = Piece::Pause,
            Ok(piece) => return piece,
            Err(TryRecvError::Empty) => return last,
            Err(TryRecvError::Disconnected) => return Piece::End,
        }
    }
}

fn read_beside(file: File, ringer: Ringer) -> Receiver<Piece> {
    let (send, receiver) = mpsc::sync_channel(AHEAD);
    thread::spawn(move || {
        pass_on(file, &send, &ringer);
        drop(send);
        ringer.ring();
    });
    receiver
}

/// Until the end of the stream, or of the run.
fn pass_on(file: File, send: &SyncSender<Piece>, ringer: &Ringer) {
    let mut lines = Lines::new(file);
    loop {
        let piece = match lines.is_at_hand() {
            true => lines.next().map_or(Piece::End, Piece::Line),
            false => Piece::Pause,
        };
        let is_pause = piece == Piece::Pause;
        if piece == Piece::End || send.send(piece).is_err() {
            return;
        }
        ringer.ring();
        if is_pause && lines.wait().is_err() {
            return;
        }
    }
}

/// The lines of a reader that are not blank.
struct Lines<R> {
    reader: BufReader<R>,
    number: u64,
    has_failed: bool,
}

impl<R: Read> Lines<R> {
    fn new(reader: R) -> Lines<R> {
        Lines {
            reader: BufReader::with_capacity(1 << 16, reader),
            number: 0,
            has_failed: false,
        }
    }

    /// The next line, blank or not.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let mut limited = self.reader.by_ref().take(LONGEST);
        let length = limited.read_until(b'\n', &mut bytes)?;
        if length as u64 == LONGEST {
            return Err(io::Error::other("the line is longer than 1 MiB"));
        }
        Ok((length > 0).then_some(bytes))
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        while !self.has_failed {
            self.number += 1;
            let bytes = match self.read() {
                Ok(bytes) => bytes?,
                Err(error) => {
                    self.has_failed = true;
                    return Some(unreadable(self.number, &error));
                }
            };
            let words = words(&bytes, self.number == 1);
            if words.as_deref() != Ok("") {
                let number = self.number;
                return Some(Line { number, words });
            }
        }
        None
    }
}

impl<R: Seek> Lines<R> {
    fn rewind(&mut self) -> io::Result<()> {
        (self.number, self.has_failed) = (0, false);
        self.reader.rewind()
    }
}

impl Lines<File> {
    /// A line or the end can be had without waiting long.
    fn is_at_hand(&self) -> bool {
        self.reader.buffer().contains(&b'\n') || self.is_readable(QUIET.into()).unwrap_or(true)
    }

    fn wait(&self) -> nix::Result<bool> {
        self.is_readable(PollTimeout::NONE)
    }

    fn is_readable(&self, timeout: PollTimeout) -> nix::Result<bool> {
        let mut fds = [PollFd::new(
            self.reader.get_ref().as_fd(),
            PollFlags::POLLIN,
        )];
        loop {
            match poll(&mut fds, timeout) {
                Err(Errno::EINTR) => {}
                ready => return Ok(ready? > 0),
            }
        }
    }
}

fn unreadable(number: u64, error: &io::Error) -> Line {
    Line {
        number,
        words: Err(format!("cannot read it: {error}")),
    }
}

/// The words of a line. Some editors begin a file with a byte order mark.
fn words(line: &[u8], is_first: bool) -> Result<String, String> {
    let text = str::from_utf8(line).map_err(|_| "it is not text in UTF-8".to_string())?;
    let text = match is_first {
        true => text.trim_start_matches('\u{feff}'),
        false => text,
    };
    let text = text.split('#').next().unwrap_or_default();
    Ok(text.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let lines = Lines::new(text);
        lines.map(|line| (line.number, line.words)).collect()
    }

    #[test]
    fn comments_blank_lines_and_carriage_returns_are_passed_over() {
        let text = "\u{feff}a:1\r\n\r\n  # note\n\t b:2 \t# why\n#\nc:3";
        let line = |number, words: &str| (number, Ok(words.to_string()));
        let lines = [line(1, "a:1"), line(4, "b:2"), line(6, "c:3")];
        assert_eq!(read(text.as_bytes()), lines);
        assert_eq!(read(b""), []);
    }

    #[test]
    fn a_line_that_is_no_text_is_told_and_the_next_is_read() {
        let lines = read(b"a:1\n\xff\xfe\nc:3\n");
        assert!(lines[1].1.as_ref().unwrap_err().contains("UTF-8"));
        assert_eq!(lines[2], (3, Ok("c:3".to_string())));
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let lines = read(&vec![b'x'; 3 << 20]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].1.as_ref().unwrap_err().contains("1 MiB"));
    }
}
