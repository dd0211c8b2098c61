//! The user's wish to stop, as a file descriptor to poll.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// SIGINT, SIGTERM and SIGHUP, blocked in the thread that made it and read from a `signalfd`.
#[derive(Debug)]
pub struct Signals {
    set: SigSet,
    fd: SignalFd,
}

impl Signals {
    /// Blocks the signals in this thread; threads started later inherit that. SIGHUP is left alone
    /// when it is ignored, as under nohup.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn block() -> io::Result<Signals> {
        let mut set = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
        if !hangup_is_ignored() {
            set.add(Signal::SIGHUP);
        }
        set.thread_block()?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Signals { set, fd })
    }

    /// Takes one signal, if one has come since the last call. Never waits.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn take(&self) -> io::Result<bool> {
        Ok(self.fd.read_signal()?.is_some())
    }

    /// From now on they have their usual effect in this thread, which for the program is enough.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn unblock(&self) -> io::Result<()> {
        Ok(self.set.thread_unblock()?)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A blocked signal is queued even where it is ignored, so the kernel does not tell on its own.
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (libc::SIGHUP - 1)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::raise;

    #[test]
    fn a_signal_to_this_thread_is_taken_once() {
        let signals = Signals::block().unwrap();
        assert!(!signals.take().unwrap());
        raise(Signal::SIGTERM).unwrap();
        assert!(signals.take().unwrap());
        assert!(!signals.take().unwrap());
    }
}
