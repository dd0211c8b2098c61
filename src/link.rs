//! What lies between the engine and a network: the kernel, or the simulated one of the tests.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;

use crate::clock::{Stamp, Time};

/// Which way a frame went, seen from this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// It left this host (`PACKET_OUTGOING`).
    Sent,
    /// It reached this host.
    Received,
    /// Both at once, on loopback.
    Looped,
}

impl Direction {
    /// Whether it left this host.
    pub fn is_sent(self) -> bool {
        self != Direction::Received
    }

    /// Whether it reached this host.
    pub fn is_received(self) -> bool {
        self != Direction::Sent
    }
}

/// One captured frame, from its IP header on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The kernel's own stamp. `None` when the kernel did not stamp it: never filled in by us.
    pub stamp: Option<Stamp>,
    /// Which way it went.
    pub direction: Direction,
    /// Index of the interface it was captured on.
    pub interface: u32,
    /// The sender left the transport checksum for the hardware (`TP_STATUS_CSUMNOTREADY`), so it
    /// says nothing yet.
    pub checksum_pending: bool,
    /// The bytes from the IP header on.
    pub bytes: Vec<u8>,
}

/// Why [`Link::recv`] returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wake {
    /// A frame was captured.
    Frame(Frame),
    /// The given time came, and no frame is queued.
    Timeout,
    /// The user asked us to stop (SIGINT, SIGTERM, SIGHUP).
    Interrupted,
    /// Whoever works beside has called.
    Called,
}

/// One whole IP packet, header included, and where it goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The bytes from the IP header on.
    pub packet: Vec<u8>,
    /// Where it goes.
    pub to: IpAddr,
    /// The interface index of a link-local IPv6 destination, else 0.
    pub scope: u32,
}

/// Why a packet was not sent.
#[derive(Debug)]
pub enum SendError {
    /// There is no room for it at the moment (EAGAIN, ENOBUFS): the same packet may be sent later.
    Busy(io::Error),
    /// A local packet filter refused it (EPERM).
    Firewall,
    /// The kernel has no route for it (ENETUNREACH, EHOSTUNREACH, ENETDOWN, ...).
    NoRoute(io::Error),
    /// Anything else.
    Other(io::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Firewall => {
                f.write_str("a local packet filter or connection tracking refused it (EPERM)")
            }
            SendError::Busy(error) | SendError::NoRoute(error) | SendError::Other(error) => {
                error.fmt(f)
            }
        }
    }
}

impl Error for SendError {}

/// A way to send IP packets and to see the frames that concern us.
pub trait Link {
    /// The monotonic clock.
    fn now(&self) -> Time;

    /// The wall clock, the one that [`Frame::stamp`] uses.
    fn wall(&self) -> Stamp;

    /// Sends one whole IP packet, header included. `scope` is the interface index of a link-local
    /// IPv6 destination, else 0.
    ///
    /// # Errors
    /// [`SendError`]: nothing left this host.
    fn send(&mut self, packet: &[u8], to: IpAddr, scope: u32) -> Result<(), SendError>;

    /// Sends `packets` in their order, up to the first that is refused. How many left, and why the
    /// next did not; what comes after it was not tried.
    fn send_all(&mut self, packets: &[Outgoing]) -> (usize, Option<SendError>) {
        for (sent, next) in packets.iter().enumerate() {
            if let Err(error) = self.send(&next.packet, next.to, next.scope) {
                return (sent, Some(error));
            }
        }
        (packets.len(), None)
    }

    /// Waits for the next frame, until `until` (`None`: for ever).
    ///
    /// Frames that are queued come first, even when that time has come; it is for the caller to see
    /// that they hold back nothing. The user's wish to stop gets in between.
    ///
    /// # Errors
    /// The capture itself failed.
    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake>;

    /// Frames that the capture lost because we did not read fast enough.
    fn capture_drops(&self) -> u64;
}

impl<L: Link> Link for &mut L {
    fn now(&self) -> Time {
        (**self).now()
    }

    fn wall(&self) -> Stamp {
        (**self).wall()
    }

    fn send(&mut self, packet: &[u8], to: IpAddr, scope: u32) -> Result<(), SendError> {
        (**self).send(packet, to, scope)
    }

    fn send_all(&mut self, packets: &[Outgoing]) -> (usize, Option<SendError>) {
        (**self).send_all(packets)
    }

    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
        (**self).recv(until)
    }

    fn capture_drops(&self) -> u64 {
        (**self).capture_drops()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses the packet of this one byte.
    struct Picky {
        refused: u8,
        sent: Vec<u8>,
    }

    impl Link for Picky {
        fn now(&self) -> Time {
            Time(0)
        }

        fn wall(&self) -> Stamp {
            Stamp(0)
        }

        fn send(&mut self, packet: &[u8], _: IpAddr, _: u32) -> Result<(), SendError> {
            if packet == [self.refused] {
                return Err(SendError::Firewall);
            }
            self.sent.extend(packet);
            Ok(())
        }

        fn recv(&mut self, _: Option<Time>) -> io::Result<Wake> {
            Ok(Wake::Timeout)
        }

        fn capture_drops(&self) -> u64 {
            0
        }
    }

    #[test]
    fn packets_leave_in_order_up_to_the_one_that_is_refused() {
        let packets = [1, 2, 3].map(|byte| Outgoing {
            packet: vec![byte],
            to: [192, 0, 2, 1].into(),
            scope: 0,
        });
        let send_all = |refused| {
            let sent = Vec::new();
            let mut link = Picky { refused, sent };
            let (count, error) = link.send_all(&packets);
            (count, error.is_some(), link.sent)
        };
        assert_eq!(send_all(0), (3, false, vec![1, 2, 3]));
        assert_eq!(send_all(3), (2, true, vec![1, 2]));
        assert_eq!(send_all(1), (0, true, vec![]));
    }
}
