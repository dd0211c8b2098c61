//! An input that the user may end.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::net::signals::Signals;

/// Whoever writes into a pipe may have been sent the same signal, as by Ctrl-C, and writes what it
/// still holds: tcpdump does.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// timeout(1) sends its signal twice, to the program and to its group: that is one wish.
const SAME_WISH: Duration = Duration::from_millis(100);

/// Whether an input was ended by a signal, and not by itself.
#[derive(Clone, Default, Debug)]
pub(super) struct Interrupted(Arc<AtomicBool>);

impl Interrupted {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A file that is at its end, too, when SIGINT, SIGTERM or SIGHUP has come.
#[derive(Debug)]
pub(super) struct Interruptible {
    input: File,
    /// Is shut by the other side at a signal; by this one when there is no more to read. `None`: it
    /// is.
    wish: Option<UnixStream>,
    /// How long there may be more after a signal.
    grace: Duration,
    until: Option<Instant>,
    interrupted: Interrupted,
}

impl Interruptible {
    /// Keeps the signals from this thread, and those that it starts, for good; after the first one,
    /// and when all is read, another thread takes them as the system has it. Where no thread is to
    /// be had, all is as it was.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn new(input: File) -> io::Result<Interruptible> {
        let is_regular = input.metadata()?.is_file();
        let grace = if is_regular {
            Duration::ZERO
        } else {
            LAST_WORDS
        };
        let (wish, watched) = UnixStream::pair()?;
        let signals = Arc::new(Signals::block()?);
        let watching = signals.clone();
        let watcher = thread::Builder::new().name("signals".into());
        let watcher = watcher.spawn(move || watch(&watching, watched));
        if watcher.is_err() {
            signals.unblock()?;
        }
        Ok(Interruptible::between(
            input,
            watcher.ok().map(|_| wish),
            grace,
        ))
    }

    fn between(input: File, wish: Option<UnixStream>, grace: Duration) -> Interruptible {
        Interruptible {
            input,
            wish,
            grace,
            until: None,
            interrupted: Interrupted::default(),
        }
    }

    pub(super) fn interrupted(&self) -> Interrupted {
        self.interrupted.clone()
    }

    /// Waits for the input; false when it is to be read no more.
    fn wait(&mut self) -> io::Result<bool> {
        let Some(wish) = &self.wish else {
            return Ok(!self.interrupted.get());
        };
        let until = match self.until {
            Some(until) => until,
            None => {
                let mut both = [to_read(&self.input), to_read(wish)];
                poll(&mut both, PollTimeout::NONE)?;
                if !is_ready(&both[1]) {
                    return Ok(true);
                }
                *self.until.insert(Instant::now() + self.grace)
            }
        };
        let left = until.saturating_duration_since(Instant::now());
        // In whole milliseconds, the last of which is none.
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let there = !left.is_zero() && poll(&mut [to_read(&self.input)], timeout)? > 0;
        if !there {
            self.interrupted.0.store(true, Ordering::Relaxed);
            self.wish = None;
        }
        Ok(there)
    }
}

impl Read for Interruptible {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.wait()? {
            return Ok(0);
        }
        let read = self.input.read(buffer)?;
        if read == 0 {
            self.wish = None;
        }
        Ok(read)
    }
}

/// Shuts `wish` at the first signal. After that, or when the other side has shut it, the signals do
/// what they usually do: they end the program, whatever its other threads are waiting for.
fn watch(signals: &Signals, wish: UnixStream) {
    let mut both = [to_read(signals), to_read(&wish)];
    while poll(&mut both, PollTimeout::NONE) == Err(Errno::EINTR) {}
    if is_ready(&both[0]) && !is_ready(&both[1]) {
        drop(wish);
        thread::sleep(SAME_WISH);
        while signals.take().is_ok_and(|taken| taken) {}
    }
    // Else nobody could end the program any more.
    signals.unblock().expect("signals that were blocked");
    loop {
        thread::park();
    }
}

fn to_read(it: &impl AsFd) -> PollFd<'_> {
    PollFd::new(it.as_fd(), PollFlags::POLLIN)
}

/// Or shut, or broken: reading it says which.
fn is_ready(it: &PollFd) -> bool {
    it.any().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Write, pipe};
    use std::os::fd::OwnedFd;

    use super::*;

    const LONG: Duration = Duration::from_mins(10);

    /// A pipe to be read, its other end, and what ends the reading when it is dropped.
    fn piped(grace: Duration) -> (Interruptible, PipeWriter, UnixStream) {
        let (reader, writer) = pipe().unwrap();
        let (wish, watched) = UnixStream::pair().unwrap();
        let input = File::from(OwnedFd::from(reader));
        (
            Interruptible::between(input, Some(wish), grace),
            writer,
            watched,
        )
    }

    fn rest_of(mut input: Interruptible) -> (String, bool) {
        let mut text = String::new();
        input.read_to_string(&mut text).unwrap();
        assert_eq!(input.read(&mut [0; 9]).unwrap(), 0);
        (text, input.interrupted.get())
    }

    #[test]
    fn a_wish_ends_what_would_go_on() {
        let (input, _writer, watched) = piped(Duration::from_millis(5));
        drop(watched);
        assert_eq!(rest_of(input), (String::new(), true));
    }

    #[test]
    fn the_last_words_after_a_wish_are_heard() {
        let (input, mut writer, watched) = piped(LONG);
        drop(watched);
        writer.write_all(b"flushed").unwrap();
        drop(writer);
        assert_eq!(rest_of(input), ("flushed".into(), false));
    }

    #[test]
    fn a_writer_that_never_stops_is_heard_for_as_long() {
        let (mut input, mut writer, watched) = piped(Duration::from_millis(50));
        drop(watched);
        let flood = thread::spawn(move || while writer.write_all(b"more").is_ok() {});
        while input.read(&mut [0; 999]).unwrap() > 0 {}
        assert!(input.interrupted.get());
        drop(input);
        flood.join().unwrap();
    }

    #[test]
    fn an_end_is_no_interruption_and_lets_the_signals_go() {
        let (mut input, mut writer, mut watched) = piped(LONG);
        writer.write_all(b"all").unwrap();
        drop(writer);
        assert_eq!(input.read(&mut [0; 9]).unwrap(), 3);
        assert_eq!(input.read(&mut [0; 9]).unwrap(), 0);
        assert!(!input.interrupted.get());
        assert_eq!(watched.read(&mut [0]).unwrap(), 0);
    }
}
