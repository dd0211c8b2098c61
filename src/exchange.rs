//! What is known of one connection: the one thing that reports read.
//!
//! [`crate::observe`] fills it from captured frames. It holds no socket, no clock and no text for
//! people beyond the wording of anomalies.

mod anomaly;
mod close;
mod news;
mod untold;

use std::net::{IpAddr, SocketAddr};

use crate::clock::Stamp;
use crate::tcp::{Negotiated, State, StateSet};
use crate::wire::{IcmpMessage, IpHeader, Options, Segment, SeqNumber};

pub(crate) use anomaly::one_more;
pub use anomaly::{Anomaly, AnomalyKind, MOST_OF_A_KIND};
pub use close::{CloseRecord, Manner, Outcome};
pub use news::{NewState, News, Since};
pub use untold::{Notes, Untold};

/// The two addresses and ports of a connection, seen from us.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flow {
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

/// One of the two ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// Ours.
    Local,
    /// The other.
    Peer,
}

impl End {
    /// The one across.
    pub fn other(self) -> End {
        match self {
            End::Local => End::Peer,
            End::Peer => End::Local,
        }
    }
}

/// The answer to the question whether the port is open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// A SYN-ACK that acknowledges our SYN came.
    Open,
    /// A RST that acknowledges our SYN came.
    Closed,
    /// Silence, or an ICMP error that says: administratively prohibited.
    Filtered,
    /// Any other ICMP error.
    Unreachable,
}

/// Why a state is claimed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Basis {
    /// A segment of that end proves it.
    Seen,
    /// The rules of RFC 9293 allow nothing else.
    Inferred,
    /// More than one state is possible.
    Possible,
}

/// One end is known to be in another state, or in one of several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateChange {
    /// When, in nanoseconds from the first frame.
    pub t_ns: i64,
    /// Which end.
    pub end: End,
    /// The states it may be in.
    pub states: StateSet,
    /// Why.
    pub basis: Basis,
    /// The segment that shows it: an index into [`Exchange::segments`].
    pub segment: usize,
}

/// One captured segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentRecord {
    /// When, in nanoseconds from the first frame.
    pub t_ns: i64,
    /// Who sent it.
    pub from: End,
    /// The IP header over it.
    pub ip: IpHeader,
    /// The segment, of its payload only the first [`PREVIEW`] bytes.
    pub segment: Segment,
    /// Bytes of the whole payload.
    pub len: usize,
    /// Its window in bytes, scaled as the SYNs agreed.
    pub window_size: u32,
    /// What its checksum says.
    pub checksum: Checksum,
}

/// What a TCP checksum says of its segment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Checksum {
    /// It is right.
    Good,
    /// It is wrong.
    Bad,
    /// Nothing: the sender left it to the hardware.
    Pending,
}

/// The handshake's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HandshakeRecord {
    /// Our initial sequence number.
    pub isn: Option<SeqNumber>,
    /// The peer's.
    pub peer_isn: Option<SeqNumber>,
    /// From our SYN to its SYN-ACK or RST, in nanoseconds between kernel stamps. `None` when there
    /// was no answer, no stamp, or more than one SYN that it may answer.
    pub rtt_ns: Option<u64>,
    /// How often our SYN was sent.
    pub syn_sent: u32,
    /// Our third segment left.
    pub completed: bool,
    /// From the SYN-ACK to the first acknowledgment of it, nanoseconds.
    pub ack_ns: Option<u64>,
    /// From the SYN that was answered to that acknowledgment, nanoseconds.
    pub initial_rtt_ns: Option<u64>,
}

/// What the first segment of an end offered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offer {
    /// Its maximum segment size, bytes.
    pub mss: Option<u16>,
    /// Its window scale.
    pub wscale: Option<u8>,
    /// Selective acknowledgments permitted.
    pub sack: bool,
    /// TSval and TSecr.
    pub timestamps: Option<(u32, u32)>,
    /// The window field, bytes.
    pub window: u16,
    /// TTL or hop limit of that segment.
    pub ttl: u8,
    /// It offered ECN, or accepted it.
    pub ecn: bool,
    /// All its options.
    pub options: Options,
}

/// Data both ways.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DataRecord {
    /// Bytes we sent, repeats not counted.
    pub sent: u64,
    /// Bytes that arrived in order.
    pub received: u64,
    /// From our SYN to the first byte received, nanoseconds.
    pub first_byte_ns: Option<i64>,
    /// The first bytes received, at most [`PREVIEW`].
    pub preview: Vec<u8>,
}

/// How many segments repeat what was sent before, of both ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retransmitted {
    /// SYNs.
    pub syn: u32,
    /// SYN-ACKs.
    pub synack: u32,
    /// FINs.
    pub fin: u32,
    /// Segments of data.
    pub data: u32,
}

/// How many bytes, of all data received and of each segment's, are kept to be shown.
pub const PREVIEW: usize = 64;

/// An ICMP error that quotes our SYN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpRecord {
    /// When, in nanoseconds from the first frame.
    pub t_ns: i64,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub code: u8,
    /// Who sent it.
    pub from: IpAddr,
    /// nmap's word for it.
    pub reason: &'static str,
}

/// An ICMP error that quotes one of our segments, whether or not it decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IcmpPacket {
    /// When, in nanoseconds from the first frame.
    pub t_ns: i64,
    /// The IP header over it.
    pub ip: IpHeader,
    /// The message, of its body only the first [`QUOTED`] bytes.
    pub message: IcmpMessage,
    /// Its checksum is right.
    pub intact: bool,
}

/// How much of an ICMP error's body is kept: an IPv6 header, a few extension headers, and TCP's.
pub const QUOTED: usize = 256;

/// Everything known of one connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// The stamp of the first frame.
    pub started: Option<Stamp>,
    /// The verdict, `None` as long as nothing was sent.
    pub verdict: Option<Verdict>,
    /// nmap's word for why; `interrupted` where nobody waited for a verdict.
    pub reason: Option<&'static str>,
    /// The handshake.
    pub handshake: HandshakeRecord,
    /// What our SYN offered.
    pub offered: Option<Offer>,
    /// The peer's answer.
    pub peer: Option<Offer>,
    /// What the two agreed on.
    pub agreed: Option<Negotiated>,
    /// Data both ways.
    pub data: DataRecord,
    /// What was sent more than once, by either end.
    pub retransmitted: Retransmitted,
    /// The close.
    pub close: CloseRecord,
    /// State changes of both ends, in order of time.
    pub states: Vec<StateChange>,
    /// All segments, in order of time.
    pub segments: Vec<SegmentRecord>,
    /// The ICMP error that decided.
    pub icmp: Option<IcmpRecord>,
    /// The ICMP errors, in order of time; of very many the first.
    pub icmp_packets: Vec<IcmpPacket>,
    /// What was out of the ordinary, in order of time.
    pub anomalies: Vec<Anomaly>,
    /// From the first frame to the last, nanoseconds.
    pub elapsed_ns: u64,
}

impl Exchange {
    /// Nothing seen yet.
    pub fn new() -> Exchange {
        Exchange {
            started: None,
            verdict: None,
            reason: None,
            handshake: HandshakeRecord::default(),
            offered: None,
            peer: None,
            agreed: None,
            data: DataRecord::default(),
            retransmitted: Retransmitted::default(),
            close: CloseRecord::default(),
            states: Vec::new(),
            segments: Vec::new(),
            icmp: None,
            icmp_packets: Vec::new(),
            anomalies: Vec::new(),
            elapsed_ns: 0,
        }
    }

    /// Whether an end is known to have sent its FIN.
    pub fn has_closed(&self, end: End) -> bool {
        use State::{Closing, FinWait1, FinWait2, LastAck};
        let after = StateSet::from([FinWait1, FinWait2, Closing, LastAck]);
        let of_end = self.states.iter().filter(|change| change.end == end);
        of_end
            .filter_map(|change| change.states.only())
            .any(|state| after.contains(state))
    }

    /// The last claim about an end.
    pub fn last_state(&self, end: End) -> Option<&StateChange> {
        self.states.iter().rev().find(|change| change.end == end)
    }
}

impl Default for Exchange {
    fn default() -> Self {
        Exchange::new()
    }
}
