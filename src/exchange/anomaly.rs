//! Everything out of the ordinary that a report can name, in one table.

/// Something out of the ordinary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anomaly {
    /// A fixed word for programs: [`AnomalyKind::id`].
    pub id: &'static str,
    /// When, in nanoseconds from the first frame.
    pub t_ns: i64,
    /// A sentence for people.
    pub text: String,
    /// The peer broke the rules of TCP (exit status 7).
    pub misbehaviour: bool,
}

impl Anomaly {
    /// This kind, at that time, in these words.
    pub fn new(kind: AnomalyKind, t_ns: i64, text: String) -> Anomaly {
        Anomaly {
            id: kind.id(),
            t_ns,
            text,
            misbehaviour: kind.is_misbehaviour(),
        }
    }
}

/// So many anomalies of a kind are kept: what repeats itself fills no memory.
pub const MOST_OF_A_KIND: usize = 100;

/// The text of one more anomaly of a kind of which there are `before`; the last says that it is, and
/// after it there is none.
pub(crate) fn one_more(before: usize, text: String) -> Option<String> {
    match before + 1 {
        MOST_OF_A_KIND => Some(text + " (more of this kind are not listed)"),
        count => (count < MOST_OF_A_KIND).then_some(text),
    }
}

macro_rules! kinds {
    ($($kind:ident $id:literal $meaning:literal,)*) => {
        /// What can be out of the ordinary. The manual page explains each under its word.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum AnomalyKind {
            $(#[doc = $meaning] $kind,)*
        }

        impl AnomalyKind {
            /// All of them.
            pub const ALL: &[AnomalyKind] = &[$(AnomalyKind::$kind,)*];

            /// Its word in reports.
            pub fn id(self) -> &'static str {
                match self {
                    $(AnomalyKind::$kind => $id,)*
                }
            }
        }
    };
}

kinds! {
    SynRetransmitted "syn-retransmitted" "The SYN was sent again.",
    SynAckRepeated "syn-ack-repeated" "The SYN-ACK was sent again.",
    FinRetransmitted "fin-retransmitted" "The client's FIN was sent again.",
    DataRetransmitted "data-retransmitted" "Data of the client was sent again.",
    DataRepeated "data-repeated" "Data of the server came again.",
    OutOfOrder "out-of-order" "Data came before what it follows.",
    WrongAck "wrong-ack" "The answer to our SYN acknowledges something else.",
    OldConnection "old-connection" "The peer still has an old connection on these ports.",
    FinInSynAck "fin-in-syn-ack" "The answer to our SYN has a FIN.",
    IsnChanged "isn-changed" "A second SYN of the peer has another initial sequence number.",
    UnexpectedSegment "unexpected-segment" "A segment answers no SYN, while ours is unanswered.",
    LateAnswer "late-answer" "A segment came after a verdict other than open, or a SYN-ACK after our RST.",
    OutOfWindow "out-of-window" "A segment of the peer lies outside what either end can have sent.",
    BeyondWindow "beyond-window" "Data of the peer goes beyond our window.",
    ZeroWindow "zero-window" "The peer's window has no room for our data, and was probed.",
    WindowShrunk "window-shrunk" "The peer took back a part of its window.",
    RstIgnored "rst-ignored" "A RST has not the number that we expect (RFC 5961).",
    RstTtl "rst-ttl" "The TTL of a RST differs from that of the peer's other segments.",
    RstTiming "rst-timing" "A RST came sooner than the round trip allows.",
    PathMtu "path-mtu" "A router takes no packets as large as ours.",
    IcmpIgnored "icmp-ignored" "An ICMP error about the connection came and did not decide.",
    BadChecksum "bad-checksum" "A segment has a wrong TCP checksum.",
    MalformedSegment "malformed-segment" "A TCP header cannot be read.",
    Fragmented "fragmented" "A segment came in IP fragments, which are not put together.",
    MalformedOptions "malformed-options" "The options of a segment cannot be read to their end.",
    WscaleTooLarge "wscale-too-large" "The window scale of the peer is above 14.",
    KernelRst "kernel-rst" "This host's kernel sent a RST in our name.",
    ForeignSegment "foreign-segment" "Another program of this host sent a segment on our connection.",
    SendFailed "send-failed" "The kernel refused to send a segment.",
    NotSent "not-sent" "The kernel took segments of ours that never left this host.",
    SegmentsOmitted "segments-omitted" "There were more segments than are listed.",
    NotCaptured "not-captured" "Data was acknowledged that the capture does not hold.",
    CaptureDrops "capture-drops" "The capture lost frames.",
    NoKernelStamp "no-kernel-stamp" "A frame came without the kernel's time stamp.",
    ClockStepped "clock-stepped" "The wall clock was set during the exchange.",
}

impl AnomalyKind {
    /// The kind of an anomaly.
    pub fn of(anomaly: &Anomaly) -> Option<AnomalyKind> {
        let mut all = AnomalyKind::ALL.iter().copied();
        all.find(|kind| kind.id() == anomaly.id)
    }

    /// Whether it shows that the peer broke the rules of TCP (exit status 7).
    pub fn is_misbehaviour(self) -> bool {
        matches!(self, AnomalyKind::WrongAck | AnomalyKind::IsnChanged)
    }
}
