//! Kernel stamps: switching them on, and knowing that they are.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, TimestampingFlag, Timestamps, recvmsg, setsockopt,
    sockopt,
};
use socket2::{Domain, Socket, Type};

use crate::clock::Stamp;

/// Asks the kernel for its own receive stamps on `socket` (`SO_TIMESTAMPING`).
///
/// `SO_TIMESTAMPNS` is left alone on purpose: with it, `recvmsg` makes up the time of a frame that
/// the kernel did not stamp, and nothing tells the two apart.
///
/// # Errors
/// What `setsockopt` says.
pub fn request(socket: &impl AsFd) -> io::Result<()> {
    let flags = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    Ok(setsockopt(socket, sockopt::Timestamping, &flags)?)
}

/// The kernel's stamp in a control message, if it is one and the kernel did stamp the frame.
pub fn stamp_in(message: &ControlMessageOwned) -> Option<Stamp> {
    let ControlMessageOwned::ScmTimestampsns(stamps) = message else {
        return None;
    };
    let seconds = u64::try_from(stamps.system.tv_sec()).ok()?;
    let nanos = u64::try_from(stamps.system.tv_nsec()).ok()?;
    let stamp = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    (stamp != 0).then_some(Stamp(stamp))
}

/// Keeps the kernel's stamping of received frames switched on for as long as it lives.
///
/// The kernel switches stamping on in a work queue, 0.2 to 4 ms after it was asked, so ask
/// first of all ([`Stamping::enable`]) and send the first segment after [`Stamping::wait`].
#[derive(Debug)]
pub struct Stamping {
    socket: Socket,
}

impl Stamping {
    /// Asks for stamping and returns at once. Needs no privilege.
    ///
    /// # Errors
    /// There is no UDP socket to be had, or the kernel knows no `SO_TIMESTAMPING`.
    pub fn enable() -> io::Result<Stamping> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        request(&socket)?;
        Ok(Stamping { socket })
    }

    /// Waits until the kernel stamps what it receives, shown by a datagram to ourselves over
    /// loopback. `false`: it could not be shown within `limit`, or there is no loopback.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        self.stamped_within(limit).unwrap_or(false)
    }

    fn stamped_within(&self, limit: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + limit;
        self.connect_to_itself()?;
        self.socket.set_read_timeout(Some(limit))?;
        while Instant::now() < deadline {
            self.socket.send(&[0])?;
            if self.next_is_stamped()? {
                return Ok(true);
            }
            // The work queue that switches stamping on is served on this very processor: asking
            // again at once would keep it waiting for the rest of our time slice.
            thread::yield_now();
        }
        Ok(false)
    }

    /// Connected to itself, the socket takes datagrams from nobody else.
    fn connect_to_itself(&self) -> io::Result<()> {
        if self.socket.peer_addr().is_ok() {
            return Ok(());
        }
        self.socket
            .bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
        self.socket.connect(&self.socket.local_addr()?)
    }

    fn next_is_stamped(&self) -> io::Result<bool> {
        let mut control = cmsg_space!(Timestamps);
        let message = recvmsg::<SockaddrIn>(
            self.socket.as_raw_fd(),
            &mut [],
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        Ok(message.cmsgs()?.any(|part| stamp_in(&part).is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_to_ourselves_is_stamped_soon() {
        let stamping = Stamping::enable().unwrap();
        assert!(stamping.wait(Duration::from_secs(5)));
    }

    #[test]
    fn waiting_again_is_fine() {
        let stamping = Stamping::enable().unwrap();
        assert!(stamping.wait(Duration::from_secs(5)));
        assert!(stamping.wait(Duration::from_secs(5)));
    }
}
