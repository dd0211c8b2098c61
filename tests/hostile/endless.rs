//! Peers that never stop: a drop each second for ever, and floods.

use std::time::Duration;

use super::Case;

/// A case in virtual time, how long it takes, and when the user stops it.
pub struct Endless {
    pub case: Case<'static>,
    /// In seconds; two round trips and less are not counted.
    pub takes: u64,
    pub interrupt: Option<Duration>,
}

/// A byte each second, from the FIN on.
const DRIP_AFTER_FIN: &str = "S => S. 0 ack 1; F. => . 1 ack 2, +500ms every 1s P. 1:2 ack 2";
/// A byte each second, from the SYN-ACK on; our FIN is never acknowledged.
const DRIP: &str = "S => S. 0 ack 1, +500ms every 1s P. 1:2 ack 1";
/// A day and more.
const LONG: u64 = 100_000;

/// The schedule is that of the contract, 1+2+4 s, and bounds every wait for the peer.
pub const ENDLESS: &[Endless] = &[
    Endless {
        case: Case {
            name: "half reads for as long as data comes, until the user stops it",
            peer: DRIP_AFTER_FIN,
            args: "-W 1s --end half",
            ours: "",
            report: "open syn-ack no-fin 7: segments-omitted \
                     | data.received=100000 n.segments=10001 n.anomalies=1",
        },
        takes: LONG,
        interrupt: Some(Duration::from_secs(LONG)),
    },
    Endless {
        case: Case {
            name: "half, until the deadline",
            peer: DRIP_AFTER_FIN,
            args: "-W 1s --end half --deadline 1h",
            ours: "",
            report: "open syn-ack no-fin 7 | data.received=3600",
        },
        takes: 3600,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "half counts only data that comes in order",
            peer: "S => S. 0 ack 1; F. => . 1 ack 2, +500ms every 1s P. 11:12 ack 2",
            args: "-W 1s --end half",
            ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 1 x7, R. 2 ack 1",
            report: "open syn-ack no-fin 7: out-of-order | data.received=0",
        },
        takes: 7,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "fin waits for the FIN, whatever else comes",
            peer: DRIP_AFTER_FIN,
            args: "-W 1s --end fin",
            ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2, . 2 ack 3, . 2 ack 4, . 2 ack 5, \
                   . 2 ack 6, . 2 ack 7, . 2 ack 8, R. 2 ack 8",
            report: "open syn-ack no-fin 7 | data.received=7",
        },
        takes: 7,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "fin waits for the ACK, whatever else comes",
            peer: DRIP,
            args: "-W 1s --end fin",
            ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2, F. 1 ack 2, . 2 ack 3, . 2 ack 4, \
                   F. 1 ack 4, . 2 ack 5, . 2 ack 6, . 2 ack 7, . 2 ack 8, R. 2 ack 8",
            report: "open syn-ack no-ack 7: fin-retransmitted | data.received=7",
        },
        takes: 7,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "hold holds as long as it was told",
            peer: DRIP,
            args: "-W 1s --end hold --hold 2s",
            ours: "",
            report: "open syn-ack no-ack 7: fin-retransmitted | data.received=9",
        },
        takes: 9,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "passive waits for the FIN, whatever else comes",
            peer: DRIP,
            args: "-W 1s --end passive",
            ours: "",
            report: "open syn-ack no-fin 7 | data.received=7",
        },
        takes: 7,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "simultaneous waits for the FIN, whatever else comes",
            peer: DRIP,
            args: "-W 1s --end simultaneous",
            ours: "",
            report: "open syn-ack no-fin 7 | data.received=7",
        },
        takes: 7,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "none answers nothing, and ends",
            peer: DRIP,
            args: "-W 1s --end none --hold 3s",
            ours: "S 0, R 1",
            report: "open syn-ack aborted 0 | handshake.completed=false",
        },
        takes: 3,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "rst ends at once",
            peer: DRIP,
            args: "-W 1s --end rst",
            ours: "S 0, . 1 ack 1, R. 1 ack 1",
            report: "open syn-ack aborted 0 | data.received=0",
        },
        takes: 0,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "wrong answers do not put the SYN's schedule off",
            peer: "S => +500ms every 1s S. 0 ack 2; S =>",
            args: "-W 1s",
            ours: "",
            report: "filtered no-response not-attempted 7: wrong-ack syn-retransmitted wrong-ack \
                     syn-retransmitted wrong-ack | handshake.syn_sent=3",
        },
        takes: 7,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "old ACKs do not put the FIN's schedule off",
            peer: "S => S. 0 ack 1, +500ms every 1s . 1 ack 1",
            args: "-W 1s",
            ours: "S 0, . 1 ack 1, F. 1 ack 1 x3, R. 2 ack 1",
            report: "open syn-ack no-ack 7: fin-retransmitted",
        },
        takes: 7,
        interrupt: None,
    },
    Endless {
        case: Case {
            name: "a FIN repeated for ever does not hold TIME-WAIT",
            peer: "S => S. 0 ack 1; F. => . 1 ack 2, every 1s F. 1 ack 2",
            args: "-W 1s --time-wait=4500ms",
            ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2 x5",
            report: "open syn-ack in-order 0 | local=TIME-WAIT",
        },
        takes: 4,
        interrupt: None,
    },
];

/// Ten thousand at once. Whatever calls for an answer gets ten in a second (RFC 5961 7).
pub const FLOODS: &[Case] = &[
    Case {
        name: "of SYN-ACKs",
        peer: "S => x10000 S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "-W 30s --retries 0",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 1 x10, . 2 ack 2",
        report: "open syn-ack in-order 0: syn-ack-repeated segments-omitted \
                 | n.anomalies=101",
    },
    Case {
        name: "of FINs",
        peer: "S => S. 0 ack 1; F. => . 1 ack 2, x10200 F. 1 ack 2, R 2",
        args: "-W 30s --retries 0 --time-wait",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2 x11",
        report: "open syn-ack in-order 0: segments-omitted | local=CLOSED",
    },
    Case {
        name: "of SYN-ACKs with a wrong ack",
        peer: "S => x10000 S. 0 ack 2, S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "-W 30s --retries 0",
        ours: "S 0, R 2 x10, . 1 ack 1, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 7: wrong-ack segments-omitted | n.anomalies=101",
    },
    Case {
        name: "of RSTs that are not exact",
        peer: "S => S. 0 ack 1, x10000 R 2, F. 1 ack 1; F. => . 2 ack 2",
        args: "-W 30s --retries 0 --end passive",
        ours: "S 0, . 1 ack 1 x11, . 1 ack 2, F. 1 ack 2",
        report: "open syn-ack in-order 0: rst-ignored segments-omitted | n.anomalies=101",
    },
    Case {
        name: "of ICMP errors that do not decide",
        peer: "S => x10000 icmp 5, S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "-W 30s --retries 0",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: icmp-ignored | n.anomalies=100",
    },
    Case {
        name: "of wrong checksums",
        peer: "S => x10000 S. 0 ack 1 sum, S. 0 ack 1; F. => . 1 ack 2, F. 1 ack 2",
        args: "-W 30s --retries 0",
        ours: "S 0, . 1 ack 1, F. 1 ack 1, . 2 ack 2",
        report: "open syn-ack in-order 0: bad-checksum segments-omitted | n.anomalies=101",
    },
];
