//! Output of which nothing is left half written: blocks of a capture, lines of a report.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, Write};

use super::progress::Progress;

/// Lines are handed on in pieces of about so many bytes.
const PIECE: usize = 1 << 16;

/// A file that takes what it is given whole or, where it can be cut, not at all.
#[derive(Debug)]
pub(super) struct Whole {
    file: File,
    /// How many of these bytes may stay when no others follow.
    stays: fn(&[u8]) -> usize,
}

impl Whole {
    /// Of which each write stays as a whole.
    pub(super) fn of_blocks(file: File) -> Whole {
        let stays = |_: &[u8]| 0;
        Whole { file, stays }
    }

    /// Of which each line does.
    fn of_lines(file: File) -> Whole {
        let stays = |part: &[u8]| {
            part.iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1)
        };
        Whole { file, stays }
    }

    /// Takes back the last bytes, if nobody has written behind them.
    fn take_back(&mut self, bytes: usize) -> io::Result<()> {
        let end = self.file.stream_position()?;
        if self.file.metadata()?.len() == end {
            let kept = end - bytes as u64;
            self.file.set_len(kept)?;
            self.file.seek(io::SeekFrom::Start(kept))?;
        }
        Ok(())
    }
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            let error = match self.file.write(&bytes[done..]) {
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(count) => {
                    done += count;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            // The first error is the one to tell.
            let _ = self.take_back(done - (self.stays)(&bytes[..done]));
            return Err(error);
        }
        Ok(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines, which leave when they are flushed or are many.
#[derive(Debug)]
pub struct LineBuffer {
    out: Whole,
    lines: Vec<u8>,
    /// What is drawn on the same terminal.
    progress: Progress,
}

impl LineBuffer {
    /// Writes to `file`.
    pub fn new(file: File) -> LineBuffer {
        LineBuffer {
            out: Whole::of_lines(file),
            lines: Vec::new(),
            progress: Progress::default(),
        }
    }

    /// On a terminal that shows `progress` too.
    #[must_use]
    pub fn beside(self, progress: Progress) -> LineBuffer {
        LineBuffer { progress, ..self }
    }
}

impl Write for LineBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.extend_from_slice(bytes);
        if self.lines.len() >= PIECE && self.lines.ends_with(b"\n") {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let LineBuffer {
            out,
            lines,
            progress,
        } = self;
        let written = progress.aside(|| out.write_all(lines));
        lines.clear();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_leave_when_they_are_flushed_or_many() {
        let path = std::env::temp_dir().join(format!("tcpshake-lines-{}", std::process::id()));
        let mut lines = LineBuffer::new(File::create(&path).unwrap());
        let length = || std::fs::metadata(&path).unwrap().len();
        writeln!(lines, "one").unwrap();
        assert_eq!(length(), 0);
        lines.flush().unwrap();
        assert_eq!(length(), 4);
        for _ in 0..PIECE / 4 {
            writeln!(lines, "two").unwrap();
        }
        assert_eq!(length(), 4 + PIECE as u64);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn of_a_line_that_finds_no_room_nothing_stays() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut lines = LineBuffer::new(full);
        writeln!(lines, "one").unwrap();
        assert_eq!(lines.flush().unwrap_err().kind(), ErrorKind::StorageFull);
        // It is not offered again.
        lines.flush().unwrap();
    }
}
