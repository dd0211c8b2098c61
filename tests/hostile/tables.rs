//! The tables: what a peer does, what we answer, what we report.

use super::Case;

/// What comes of a connection that goes on as if nothing had been.
pub const WHOLE: &str = "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2";
/// Ends without a valid answer to our SYN: one RST, so that nothing stays half-open.
pub const IN_VAIN: &str = "S 0, R 1";
/// Long enough to be heard by the slowest machine, where silence is what the case is about.
pub const SHORT: &str = "-W 400ms --retries 0";

/// RFC 9293 3.10.7.3: what answers our SYN.
pub const ANSWERS: &[Case] = &[
    Case {
        name: "a SYN-ACK with a wrong ack gets a RST with that number (first)",
        peer: "S => S. 0 ack 2",
        args: SHORT,
        ours: "S 0, R 2, R 1",
        report: "filtered no-response not-attempted 7: wrong-ack",
    },
    Case {
        name: "a SYN-ACK that acknowledges nothing gets a RST with that number",
        peer: "S => S. 0 ack 0",
        args: SHORT,
        ours: "S 0, R 0, R 1",
        report: "filtered no-response not-attempted 7: wrong-ack",
    },
    Case {
        name: "a right SYN-ACK after a wrong one opens",
        peer: "S => S. 0 ack 2, S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: "S 0, R 2, . 1 ack 1, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 7: wrong-ack | local=TIME-WAIT peer=LAST-ACK|CLOSED",
    },
    Case {
        name: "a RST with a wrong ack is ignored, and not answered",
        peer: "S => R. 0 ack 2",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 7: wrong-ack",
    },
    Case {
        name: "a RST without ACK is ignored (second)",
        peer: "S => R 0",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: unexpected-segment",
    },
    Case {
        name: "a RST that acknowledges our SYN closes, SYN or not",
        peer: "S => SR. 0 ack 1",
        args: "",
        ours: "S 0",
        report: "closed reset not-attempted 3 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "an ACK of our SYN without SYN is dropped (fifth)",
        peer: "S => . 1 ack 1",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: unexpected-segment",
    },
    Case {
        name: "a FIN without SYN is dropped (fifth)",
        peer: "S => F. 1 ack 1, F 1",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: unexpected-segment",
    },
    Case {
        name: "a challenge ACK of an old connection is reset (figure 9)",
        peer: "S => . 500 ack 300",
        args: SHORT,
        ours: "S 0, R 300, R 1",
        report: "filtered no-response not-attempted 4: old-connection",
    },
    Case {
        name: "once the old connection is reset our next SYN opens",
        peer: "S => . 500 ack 300; S => S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "-W 400ms --retries 1",
        ours: "S 0, R 300, S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: old-connection syn-retransmitted",
    },
    Case {
        name: "a challenge ACK to our RST is reset as well (3.10.7.1)",
        peer: "S => +100ms S. 0 ack 1; R. => . 1 ack 1",
        args: "--end rst",
        ours: "S 0, . 1 ack 1, R. 1 ack 1, R 1",
        report: "open syn-ack aborted 0",
    },
    Case {
        name: "a challenge ACK to the RST of a half-open probe too",
        peer: "S => +100ms S. 0 ack 1; R => . 1 ack 1; R =>",
        args: "--end syn-rst",
        ours: "S 0, R 1 x2",
        report: "open syn-ack aborted 0",
    },
    Case {
        name: "who answers every RST gets a hundred more a second",
        peer: "S => +100ms S. 0 ack 1; R => x3 . 1 ack 1",
        args: "--end syn-rst",
        ours: "S 0, R 1 x101",
        report: "open syn-ack aborted 0",
    },
];

/// A SYN-ACK that cannot be taken for one.
pub const SPOILT: &[Case] = &[
    Case {
        name: "a wrong checksum",
        peer: "S => S. 0 ack 1 sum",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: bad-checksum",
    },
    Case {
        name: "IP fragments, which are not put together",
        peer: "S => S. 0 ack 1 fragments",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: fragmented",
    },
    Case {
        name: "a header cut short",
        peer: "S => S. 0 ack 1 cut 16",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: malformed-segment",
    },
    Case {
        name: "a frame cut short in its header",
        peer: "S => S. 0 ack 1 short 16",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: malformed-segment",
    },
    Case {
        name: "a frame cut short in its data",
        peer: "S => S. 0:10 ack 1 short 25",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: bad-checksum",
    },
    Case {
        name: "a data offset of nothing",
        peer: "S => S. 0 ack 1 offset 0",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: malformed-segment",
    },
    Case {
        name: "a data offset within the fixed header",
        peer: "S => S. 0:20 ack 1 offset 4",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: malformed-segment",
    },
    Case {
        name: "a data offset beyond the packet",
        peer: "S => S. 0:20 ack 1 offset 15",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: malformed-segment",
    },
    Case {
        name: "a good one after each of these still opens",
        peer: "S => S. 0 ack 1 sum, S. 0 ack 1 fragments, S. 0 ack 1 cut 16, S. 0 ack 1 offset 4,
               S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0: bad-checksum fragmented malformed-segment",
    },
    Case {
        name: "a fragment that is whole (RFC 6946) is taken",
        peer: "S => S. 0 ack 1 atomic; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0",
    },
];

/// RFC 9293 3.1: a SYN-ACK whose options make no sense opens all the same (MUST-7).
pub const OPTIONS: &[Case] = &[
    Case {
        name: "an option of length 0",
        peer: "S => S. 0 ack 1 opt 02000000; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0: malformed-options",
    },
    Case {
        name: "an option of length 1",
        peer: "S => S. 0 ack 1 opt 02010000; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0: malformed-options",
    },
    Case {
        name: "an option longer than the header",
        peer: "S => S. 0 ack 1 opt 02ff05b4; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0: malformed-options",
    },
    Case {
        name: "an option whose length byte is missing",
        peer: "S => S. 0 ack 1 opt 01010102; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0: malformed-options",
    },
    Case {
        name: "rubbish after the end of the list is no option",
        peer: "S => S. 0 ack 1 opt 0002000003030e00; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0 | peer.mss=null peer.wscale=null peer.sack=false",
    },
    Case {
        name: "two maximum segment sizes",
        peer: "S => S. 0 ack 1 opt 020405b402040218; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0 | peer.mss=1460",
    },
    Case {
        name: "a maximum segment size of nothing",
        peer: "S => S. 0 ack 1 opt 02040000; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0 | peer.mss=0",
    },
    Case {
        name: "a window scale of 255 counts as 14 (RFC 7323 2.3)",
        peer: "S => S. 0 ack 1 opt 0303ff01; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0: wscale-too-large | peer.wscale=255",
    },
    Case {
        name: "timestamps that nobody offered are not used (RFC 7323 3.2)",
        peer: "S => S. 0 ack 1 opt 0101080affffffff00000000;
               F. => . 1 ack 2 opt 0101080a0000000100000000, F. 1 ack 2",
        args: "--syn-like bare",
        ours: WHOLE,
        report: "open syn-ack in-order 0",
    },
];

/// RFC 9293 3.10.7.4: what a peer sends on an open connection.
pub const OPEN: &[Case] = &[
    Case {
        name: "the text of a SYN-ACK is taken (3.10.7.3, fourth)",
        peer: "S => S. 0:5 ack 1; F. => . 6 ack 2, F. 6 ack 2",
        args: "",
        ours: "S 0, . 1 ack 1, . 1 ack 6, F. 1 ack 6, . 2 ack 7",
        report: "open syn-ack in-order 0 | data.received=5 data.preview=xxxxx",
    },
    Case {
        name: "a second SYN-ACK with another ISN gets a challenge ACK (RFC 5961 4.2)",
        peer: "S => S. 0 ack 1, S. 1000 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: "S 0, . 1 ack 1 x2, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 7: isn-changed | handshake.peer_isn=4294967293",
    },
    Case {
        name: "one with an ISN outside the window gets an ACK (first)",
        peer: "S => S. 0 ack 1, S. 1000000 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: "S 0, . 1 ack 1 x2, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 7: isn-changed",
    },
    Case {
        name: "a SYN-ACK again gets the ACK again",
        peer: "S => S. 0 ack 1, S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: "S 0, . 1 ack 1 x2, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: syn-ack-repeated",
    },
    Case {
        name: "data beyond the window gets an ACK and is not taken (first)",
        peer: "S => S. 0 ack 1, P. 1001:1011 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms --window 1000 --wscale none",
        ours: "S 0, . 1 ack 1 x2, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: out-of-window | data.received=0",
    },
    Case {
        name: "of data across the edge of the window only what is in it is taken",
        peer: "S => S. 0 ack 1, P. 1:1301 ack 1; F. => . 1001 ack 2, F. 1001 ack 2",
        args: "--end hold --hold 100ms --window 1000 --wscale none",
        ours: "S 0, . 1 ack 1, . 1 ack 1001, F. 1 ack 1001, . 2 ack 1002",
        report: "open syn-ack in-order 0: beyond-window | data.received=1000",
    },
    Case {
        name: "an ACK of what was never sent gets an ACK (fifth)",
        peer: "S => S. 0 ack 1, . 1 ack 500; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: "S 0, . 1 ack 1 x2, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: out-of-window",
    },
    Case {
        name: "a segment without ACK is dropped (fifth)",
        peer: "S => S. 0 ack 1, P 1:11, F 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: WHOLE,
        report: "open syn-ack in-order 0: unexpected-segment | data.received=0 close.first=local",
    },
    Case {
        name: "a segment with a wrong checksum is dropped",
        peer: "S => S. 0 ack 1, P. 1:11 ack 1 sum; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: WHOLE,
        report: "open syn-ack in-order 0: bad-checksum | data.received=0",
    },
    Case {
        name: "a window that shrinks is told (3.8.6, SHLD-14)",
        peer: "S => S. 0 ack 1 win 5000, . 1 ack 1 win 100; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: WHOLE,
        report: "open syn-ack in-order 0: window-shrunk",
    },
    Case {
        name: "a window that never opens does not keep a FIN back",
        peer: "S => S. 0 ack 1 win 0; F. => . 1 ack 2 win 0, F. 1 ack 2 win 0",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0",
    },
];

/// FINs that come first, with company, or not at all.
pub const FINS: &[Case] = &[
    Case {
        name: "the peer's FIN before ours: CLOSE-WAIT, LAST-ACK",
        peer: "S => S. 0 ack 1, F. 1 ack 1; F. => . 2 ack 2",
        args: "--end hold --hold 5s",
        ours: "S 0, . 1 ack 1, . 1 ack 2, F. 1 ack 2",
        report: "open syn-ack in-order 0 | close.first=peer local=CLOSED peer=TIME-WAIT",
    },
    Case {
        name: "a FIN with data before ours",
        peer: "S => S. 0 ack 1, FP. 1:11 ack 1; F. => . 12 ack 2",
        args: "--end hold --hold 5s",
        ours: "S 0, . 1 ack 1, . 1 ack 12, F. 1 ack 12",
        report: "open syn-ack in-order 0 | data.received=10 local=CLOSED peer=TIME-WAIT",
    },
    Case {
        name: "a FIN that crosses ours: CLOSING",
        peer: "S => S. 0 ack 1, F. 1 ack 1; F. => . 2 ack 2",
        args: "",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0 | local=TIME-WAIT peer=CLOSING|TIME-WAIT",
    },
    Case {
        name: "a FIN that has not heard of ours: CLOSING",
        peer: "S => S. 0 ack 1; F. => F. 1 ack 1, . 2 ack 2",
        args: "",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0 \
                 | close.first=local local=TIME-WAIT peer=CLOSING|TIME-WAIT",
    },
    Case {
        name: "the FIN of a SYN-ACK is taken (3.10.7.3, fourth)",
        peer: "S => SF. 0 ack 1; F. => . 2 ack 2",
        args: "",
        ours: "S 0, . 1 ack 1, . 1 ack 2, F. 1 ack 2",
        report: "open syn-ack in-order 0: fin-in-syn-ack | close.first=peer local=CLOSED peer=TIME-WAIT",
    },
    Case {
        name: "the FIN of a SYN-ACK with data is taken",
        peer: "S => SF. 0:5 ack 1; F. => . 7 ack 2",
        args: "",
        ours: "S 0, . 1 ack 1, . 1 ack 7, F. 1 ack 7",
        report: "open syn-ack in-order 0: fin-in-syn-ack | data.received=5 local=CLOSED peer=TIME-WAIT",
    },
    Case {
        name: "a half-open probe of a SYN-ACK with FIN is reset all the same",
        peer: "S => SF. 0 ack 1",
        args: "--end syn-rst",
        ours: "S 0, R 1",
        report: "open syn-ack aborted 0: fin-in-syn-ack | local=CLOSED",
    },
    Case {
        name: "a FIN behind a hole is not taken",
        peer: "S => S. 0 ack 1; F. => . 1 ack 2, F. 11 ack 2, F. 1 ack 2",
        args: "",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0 | local=TIME-WAIT peer=LAST-ACK|CLOSED",
    },
    Case {
        name: "a FIN beyond the window gets an ACK and is not taken",
        peer: "S => S. 0 ack 1; F. => . 1 ack 2, F. 1000000 ack 2, F. 1 ack 2",
        args: "",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: out-of-window | local=TIME-WAIT peer=LAST-ACK|CLOSED",
    },
    Case {
        name: "a FIN of which only the data before it fits the window is not taken",
        peer: "S => S. 0 ack 1, FP. 1:1301 ack 1; F. => F. 1301 ack 2, F. 1001 ack 2",
        args: "--end hold --hold 100ms --window 1000 --wscale none",
        ours: "S 0, . 1 ack 1, . 1 ack 1001, F. 1 ack 1001, . 2 ack 1001, . 2 ack 1002",
        report: "open syn-ack in-order 0: beyond-window | data.received=1000 local=TIME-WAIT peer=CLOSING|TIME-WAIT",
    },
    Case {
        name: "data after the FIN is ignored (seventh)",
        peer: "S => S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2, P. 2:12 ack 2",
        args: "--time-wait=100ms",
        ours: WHOLE,
        report: "open syn-ack in-order 0: out-of-window | data.received=0 local=TIME-WAIT",
    },
    Case {
        name: "an ACK of more than our FIN gets an ACK (fifth)",
        peer: "S => S. 0 ack 1; F. => . 1 ack 3, . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: out-of-window",
    },
    Case {
        name: "our FIN is never acknowledged",
        peer: "S => S. 0 ack 1",
        args: "-W 400ms --retries 1",
        ours: "S 0, . 1 ack 1, F. 1 ack 1 x2, R. 2 ack 1",
        report: "open syn-ack no-ack 7: fin-retransmitted | handshake.completed=true local=CLOSED",
    },
    Case {
        name: "nor when the peer's FIN has come first",
        peer: "S => S. 0 ack 1, F. 1 ack 1",
        args: "-W 400ms --retries 1 --end passive",
        ours: "S 0, . 1 ack 1, . 1 ack 2, F. 1 ack 2 x2, R. 2 ack 2",
        report: "open syn-ack no-ack 7: fin-retransmitted",
    },
    Case {
        name: "the peer never closes after our FIN",
        peer: "S => S. 0 ack 1; F. => . 1 ack 2",
        args: SHORT,
        ours: "S 0, . 1 ack 1, F. 1 ack 1, R. 2 ack 1",
        report: "open syn-ack no-fin 7 | close.first=local local=CLOSED peer=CLOSE-WAIT|LAST-ACK|CLOSED",
    },
    Case {
        name: "the peer never closes a half-closed connection",
        peer: "S => S. 0 ack 1; F. => . 1 ack 2",
        args: "-W 400ms --retries 0 --end half",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, R. 2 ack 1",
        report: "open syn-ack no-fin 7",
    },
    Case {
        name: "the peer never closes, and we wait for that",
        peer: "S => S. 0 ack 1",
        args: "-W 400ms --retries 0 --end passive",
        ours: "S 0, . 1 ack 1, R. 1 ack 1",
        report: "open syn-ack no-fin 7 | close.first=null local=CLOSED",
    },
    Case {
        name: "the peer never closes, and we wait for that to close at the same time",
        peer: "S => S. 0 ack 1",
        args: "-W 400ms --retries 0 --end simultaneous",
        ours: "S 0, . 1 ack 1, R. 1 ack 1",
        report: "open syn-ack no-fin 7",
    },
];

/// RFC 9293 3.10.7.4, second: a RST in each state that a peer can meet us in. In CLOSE-WAIT we
/// never stay: our FIN leaves with the ACK of the peer's.
pub const RESETS: &[Case] = &[
    Case {
        name: "with the SYN-ACK unanswered",
        peer: "S => S. 0 ack 1, R. 1 ack 1",
        args: "--end none --hold 5s",
        ours: "S 0",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "with the SYN-ACK unanswered, without ACK: not taken (3.10.7.3, second)",
        peer: "S => S. 0 ack 1, R 1",
        args: "--end none --hold 100ms",
        ours: "S 0, R 1",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in ESTABLISHED",
        peer: "S => S. 0 ack 1, +20ms R 1",
        args: "--end hold --hold 5s",
        ours: "S 0, . 1 ack 1",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in ESTABLISHED, on the heels of the SYN-ACK",
        peer: "S => S. 0 ack 1, R 1",
        args: "--end hold --hold 5s",
        ours: "S 0, . 1 ack 1",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in ESTABLISHED, while we wait for the peer's FIN",
        peer: "S => S. 0 ack 1; . => R. 1 ack 1",
        args: "--end passive",
        ours: "S 0, . 1 ack 1",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in FIN-WAIT-1",
        peer: "S => S. 0 ack 1; F. => R 1",
        args: "",
        ours: "S 0, . 1 ack 1, F. 1 ack 1",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in FIN-WAIT-2",
        peer: "S => S. 0 ack 1; F. => . 1 ack 2, R 1",
        args: "",
        ours: "S 0, . 1 ack 1, F. 1 ack 1",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in CLOSING",
        peer: "S => S. 0 ack 1; F. => F. 1 ack 1, R 2",
        args: "",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in LAST-ACK",
        peer: "S => S. 0 ack 1, F. 1 ack 1; F. => R 2",
        args: "--end passive",
        ours: "S 0, . 1 ack 1, . 1 ack 2, F. 1 ack 2",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in LAST-ACK, on the heels of the FIN",
        peer: "S => S. 0 ack 1, F. 1 ack 1, R 2",
        args: "--end hold --hold 5s",
        ours: "S 0, . 1 ack 1, . 1 ack 2, F. 1 ack 2",
        report: "open syn-ack reset-by-peer 7 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in TIME-WAIT, when all is over",
        peer: "S => S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2, R 2",
        args: "--time-wait=5s",
        ours: WHOLE,
        report: "open syn-ack in-order 0 | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "in the window but not exact: challenged (RFC 5961 3.2)",
        peer: "S => S. 0 ack 1, R 2; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: "S 0, . 1 ack 1 x2, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: rst-ignored | local=TIME-WAIT peer=LAST-ACK|CLOSED",
    },
    Case {
        name: "challenged, and then exact: the peer meant it",
        peer: "S => S. 0 ack 1, R 2; . =>; . => R 1",
        args: "--end hold --hold 5s",
        ours: "S 0, . 1 ack 1 x2",
        report: "open syn-ack reset-by-peer 7: rst-ignored | local=CLOSED peer=CLOSED",
    },
    Case {
        name: "outside the window, on either side: dropped in silence",
        peer: "S => S. 0 ack 1, R 0, R 1000000; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: WHOLE,
        report: "open syn-ack in-order 0: rst-ignored | local=TIME-WAIT peer=LAST-ACK|CLOSED",
    },
    Case {
        name: "in the window of FIN-WAIT-2 but not exact: challenged",
        peer: "S => S. 0 ack 1; F. => . 1 ack 2, R 5, F. 1 ack 2",
        args: "",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: rst-ignored | local=TIME-WAIT peer=LAST-ACK|CLOSED",
    },
    Case {
        name: "with another TTL: taken, and told",
        peer: "S => S. 0 ack 1, +20ms R 1 ttl 99",
        args: "--end hold --hold 5s",
        ours: "S 0, . 1 ack 1",
        report: "open syn-ack reset-by-peer 7: rst-ttl | local=CLOSED peer=SYN-RECEIVED|ESTABLISHED|CLOSED",
    },
    Case {
        name: "with a wrong checksum: none",
        peer: "S => S. 0 ack 1, R 1 sum; F. => . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: WHOLE,
        report: "open syn-ack in-order 0: bad-checksum | local=TIME-WAIT peer=LAST-ACK|CLOSED",
    },
];

/// ICMP errors (RFC 5927): only one that quotes our unanswered SYN decides.
pub const ICMP: &[Case] = &[
    Case {
        name: "one that quotes our SYN decides",
        peer: "S => icmp 0",
        args: "",
        ours: "S 0",
        report: "unreachable port-unreach not-attempted 5",
    },
    Case {
        name: "one that quotes somebody else's segment is none of ours",
        peer: "S => icmp 0 port 1, S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0",
    },
    Case {
        name: "one with a number that we never sent does not decide",
        peer: "S => icmp 5",
        args: SHORT,
        ours: IN_VAIN,
        report: "filtered no-response not-attempted 4: icmp-ignored",
    },
    Case {
        name: "nor does it keep a SYN-ACK from it",
        peer: "S => icmp -1, S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "",
        ours: WHOLE,
        report: "open syn-ack in-order 0: icmp-ignored",
    },
    Case {
        name: "after establishment it is a hint at most (RFC 5927 5.2)",
        peer: "S => S. 0 ack 1, icmp 0, icmp 1; F. => icmp 1, icmp 1 frag-needed, . 1 ack 2, F. 1 ack 2",
        args: "--end hold --hold 100ms",
        ours: WHOLE,
        report: "open syn-ack in-order 0: icmp-ignored | icmp=null local=TIME-WAIT",
    },
];
