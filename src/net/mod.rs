//! The real link: the kernel's sockets, opened once with privilege and used without.
//!
//! The order in a program: [`stamps::Stamping::enable`] first of all, then
//! [`route::route`] and [`guard::Guard::open`] (neither needs privilege), [`Live::open`] (needs
//! CAP_NET_RAW), [`privs::drop_all`], [`stamps::Stamping::wait`], and then the first segment.

pub mod filter;
pub mod guard;
pub mod inject;
pub mod limits;
pub mod netns;
mod options;
pub mod park;
pub mod privs;
pub mod route;
pub mod signals;
pub mod stamps;
pub mod tap;

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::slice;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::read;

use self::filter::Interest;
use self::guard::Guard;
use self::inject::Injector;
use self::signals::Signals;
use self::tap::Tap;
use crate::clock::{Stamp, Time};
use crate::link::{Link, Outgoing, SendError, Wake};

/// Why the link could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// CAP_NET_RAW is missing: see [`privs::setcap_line`].
    Privilege(io::Error),
    /// No interface has this name.
    UnknownInterface(String),
    /// Anything else.
    Other(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Privilege(error) => write!(f, "raw sockets need CAP_NET_RAW: {error}"),
            OpenError::UnknownInterface(name) => write!(f, "there is no interface {name:?}"),
            OpenError::Other(error) => write!(f, "cannot open the network: {error}"),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            OpenError::Privilege(error) | OpenError::Other(error) => Some(error),
            OpenError::UnknownInterface(_) => None,
        }
    }
}

/// The kernel as a [`Link`].
///
/// Dropping it does not wait for the kernel (see [`park`]); the guards close last.
#[derive(Debug)]
pub struct Live {
    tap: Tap,
    injector: Injector,
    signals: Signals,
    guards: Vec<Guard>,
    /// Whoever works beside calls through it.
    bell: Option<OwnedFd>,
}

impl Live {
    /// Opens everything that needs privilege, and blocks SIGINT, SIGTERM and SIGHUP in this thread
    /// (they become [`Wake::Interrupted`]). The tap captures from now on, and sees the ports of
    /// `guards` only; without any, all TCP. Segments leave by `interface` if one is given.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(guards: Vec<Guard>, interface: Option<&str>) -> Result<Live, OpenError> {
        let refusal = |error: io::Error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => OpenError::Privilege(error),
            Some(libc::ENODEV) => OpenError::UnknownInterface(interface.unwrap_or("").to_owned()),
            _ => OpenError::Other(error),
        };
        Ok(Live {
            injector: Injector::open(interface).map_err(refusal)?,
            tap: Tap::open(ports_of(&guards)).map_err(refusal)?,
            signals: Signals::block().map_err(OpenError::Other)?,
            guards,
            bell: None,
        })
    }

    /// Keeps one more guard for as long as the link; the tap sees its port from now on.
    ///
    /// # Errors
    /// The tap cannot be told.
    pub fn keep(&mut self, guard: Guard) -> io::Result<()> {
        self.guards.push(guard);
        self.tap.watch(ports_of(&self.guards))
    }

    /// Lets go of the guard of `local`, once its connection is over.
    pub fn release(&mut self, local: SocketAddr) {
        self.guards.retain(|guard| guard.local() != local);
    }

    /// From now on [`Wake::Called`] tells when there was something to read from `bell` (a pipe, a
    /// socket or an `eventfd`); what it was is thrown away.
    pub fn heed(&mut self, bell: OwnedFd) {
        self.bell = Some(bell);
    }

    /// Waits until frames are queued (`None`: they are taken now), for a signal or a call, or until
    /// `until`.
    fn wait(&mut self, until: Option<Time>) -> io::Result<Option<Wake>> {
        let left = until.map(|until| TimeSpec::from_duration(until - self.now()));
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut sources = vec![readable(self.signals.as_fd()), readable(self.tap.as_fd())];
        sources.extend(self.bell.as_ref().map(|bell| readable(bell.as_fd())));
        match ppoll(&mut sources, left, None) {
            Ok(0) => return Ok(Some(Wake::Timeout)),
            Err(Errno::EINTR) => return Ok(None),
            other => other?,
        };
        let [signals, tap, bell] =
            [0, 1, 2].map(|at| sources.get(at).and_then(PollFd::any) == Some(true));
        if tap {
            self.tap.fill()?;
        }
        if signals && self.signals.take()? {
            return Ok(Some(Wake::Interrupted));
        }
        if bell {
            self.silence_bell();
            return Ok(Some(Wake::Called));
        }
        Ok(None)
    }

    /// One that is closed at the other end would ring for ever.
    fn silence_bell(&mut self) {
        let mut calls = [0; 1024];
        let heard = self.bell.as_ref().map(|bell| read(bell, &mut calls));
        if !matches!(heard, Some(Ok(1..) | Err(Errno::EAGAIN | Errno::EINTR))) {
            self.bell = None;
        }
    }
}

impl Link for Live {
    fn now(&self) -> Time {
        Time(read_clock(ClockId::CLOCK_MONOTONIC))
    }

    fn wall(&self) -> Stamp {
        wall()
    }

    fn send(&mut self, packet: &[u8], to: IpAddr, scope: u32) -> Result<(), SendError> {
        let packet = packet.to_vec();
        let outgoing = Outgoing { packet, to, scope };
        let (_, refused) = self.injector.send_all(slice::from_ref(&outgoing));
        refused.map_or(Ok(()), Err)
    }

    fn send_all(&mut self, packets: &[Outgoing]) -> (usize, Option<SendError>) {
        self.injector.send_all(packets)
    }

    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
        loop {
            if let Some(frame) = self.tap.take() {
                return Ok(Wake::Frame(frame));
            }
            if let Some(wake) = self.wait(until)? {
                return Ok(wake);
            }
        }
    }

    fn capture_drops(&self) -> u64 {
        self.tap.drops()
    }
}

fn ports_of(guards: &[Guard]) -> Interest {
    Interest::new(guards.iter().map(Guard::port))
}

/// The wall clock, the one of the kernel's stamps.
pub fn wall() -> Stamp {
    Stamp(read_clock(ClockId::CLOCK_REALTIME))
}

/// Nanoseconds on `clock`.
fn read_clock(clock: ClockId) -> u64 {
    let reading = clock_gettime(clock).expect("these two clocks are always there");
    Duration::from(reading).as_nanos() as u64
}
