//! How threads tell the one that waits that something came: a descriptor becomes readable.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The end of the one that waits.
pub struct Bell {
    stream: UnixStream,
    ringer: Ringer,
}

/// The end of those that something comes from.
#[derive(Clone)]
pub struct Ringer(Arc<Rung>);

struct Rung {
    stream: UnixStream,
    /// A byte is under way, another would say nothing new.
    rung: AtomicBool,
}

impl Bell {
    /// A bell that has not rung.
    ///
    /// # Errors
    /// No descriptor can be had.
    pub fn new() -> io::Result<Bell> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Bell {
            stream: near,
            ringer: Ringer(Arc::new(Rung {
                stream: far,
                rung: AtomicBool::new(false),
            })),
        })
    }

    /// What rings it.
    pub fn ringer(&self) -> Ringer {
        self.ringer.clone()
    }

    /// Silences it. What came must be looked for afterwards, not before.
    pub fn clear(&mut self) {
        let mut bytes = [0; 16];
        while matches!(self.stream.read(&mut bytes), Ok(1..)) {}
        self.ringer.0.rung.store(false, Ordering::SeqCst);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Ringer {
    /// Makes the bell's descriptor readable.
    pub fn ring(&self) {
        if !self.0.rung.swap(true, Ordering::SeqCst) {
            // It fails when nobody waits any more.
            let _ = (&self.0.stream).write(&[0]);
        }
    }
}
