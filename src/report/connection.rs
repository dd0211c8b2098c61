//! What a report of a capture is made of.

use std::io;
use std::net::SocketAddr;

use crate::exchange::{End, Exchange};
use crate::session;

/// Something of each end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Each<T> {
    /// The client's.
    pub client: T,
    /// The server's.
    pub server: T,
}

impl<T> Each<T> {
    /// The part of `end`.
    pub fn of_mut(&mut self, end: End) -> &mut T {
        match end {
            End::Local => &mut self.client,
            End::Peer => &mut self.server,
        }
    }
}

/// One connection of a capture, complete.
///
/// Its client is [`End::Local`] in the exchange, its server [`End::Peer`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection {
    /// Its number, from 0, as Wireshark counts (`tcp.stream`).
    pub stream: u64,
    /// The number of the probe, in a capture that tcpshake wrote; else that of the stream.
    pub seq: u64,
    /// Its first frame, numbered from 1 over the file.
    pub first_frame: u64,
    /// Its last frame.
    pub last_frame: u64,
    /// The sender of the first SYN; without one the receiver of the first SYN-ACK, else the first
    /// sender.
    pub client: SocketAddr,
    /// The other end.
    pub server: SocketAddr,
    /// Frames that each end sent, ICMP errors not counted.
    pub packets: Each<u64>,
    /// Bytes of them on the wire, link headers included.
    pub bytes: Each<u64>,
    /// Wireshark's mask of what there is of it (`tcp.completeness`).
    pub completeness: u8,
    /// The end that was asked for, in a capture that tcpshake wrote.
    pub requested: Option<session::End>,
    /// What happened.
    pub exchange: Exchange,
}

impl Connection {
    /// The round trip of the handshake: the whole of it where the capture has both parts, else what
    /// it has.
    pub fn round_trip_ns(&self) -> Option<u64> {
        let handshake = &self.exchange.handshake;
        handshake.initial_rtt_ns.or(handshake.rtt_ns)
    }
}

/// What a report of a capture ends with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Frames of the capture.
    pub frames: u64,
    /// TCP connections in it.
    pub connections: u64,
    /// Those that were asked for.
    pub shown: u64,
}

/// A format for what a capture tells.
pub trait Explanation {
    /// One of its connections.
    ///
    /// # Errors
    /// The output cannot be written.
    fn connection(&mut self, connection: &Connection) -> io::Result<()>;

    /// There are no more.
    ///
    /// # Errors
    /// The output cannot be written.
    fn end(&mut self, totals: &Totals) -> io::Result<()>;
}
