//! How a connection ended.

use crate::tcp::StateSet;

use super::End;

/// How the connection ended, seen from us.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Outcome {
    /// Both FINs were sent and acknowledged.
    InOrder,
    /// An acceptable RST of the peer ended it.
    ResetByPeer,
    /// The peer never sent its FIN: not after ours, and not where ours was to wait for it.
    NoFin,
    /// The peer never acknowledged our FIN, or our data.
    NoAck,
    /// We reset it without having closed.
    Aborted,
    /// Nothing has ended it yet.
    StillOpen,
    /// There was no handshake.
    #[default]
    NotAttempted,
}

/// By what the connection ended, or where it stands, whoever looks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Manner {
    /// One end closed, then the other.
    InOrder,
    /// One end closed, and the other sent data after that before it closed.
    HalfClosed,
    /// Their FINs crossed (RFC 9293 figure 13).
    Simultaneous,
    /// A RST ended it.
    Reset,
    /// It was not over when the capture was.
    StillOpen,
    /// There was no handshake.
    #[default]
    NotOpened,
}

/// How the connection was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CloseRecord {
    /// How it ended, seen from us.
    pub outcome: Outcome,
    /// The same, whoever looks.
    pub manner: Manner,
    /// Who sent the first FIN.
    pub first: Option<End>,
    /// From our FIN to its acknowledgment, nanoseconds; `None` when the FIN was sent twice.
    pub fin_rtt_ns: Option<u64>,
    /// From our FIN to the peer's, nanoseconds; `None` when the peer's came first.
    pub peer_fin_ns: Option<u64>,
    /// Who sent the RST that ended it, and the states in which that may have been.
    pub reset: Option<(End, StateSet)>,
}
