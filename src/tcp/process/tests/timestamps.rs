//! Timestamps once agreed: RFC 7323 3.2, 4.3 and 5.3 (PAWS).

use super::fixture::{Tcp, recv, send};
use crate::tcp::State::{self, *};
use crate::wire::TcpOption;

/// ESTABLISHED with timestamps: ours count from 100, the peer's last was 50.
fn stamped() -> Tcp {
    let mut tcp = Tcp::new(&[TcpOption::Timestamps { val: 100, ecr: 0 }]);
    tcp.connection.open(tcp.now);
    send!(tcp, "S. 0 ack 1 ts 50 100");
    recv!(tcp, ["S 0 ts 100 0", ". 1 ack 1 ts 100 50"]);
    tcp
}

fn arrival(text: &str, answers: &[&str], after: State) {
    let mut tcp = stamped();
    send!(tcp, text);
    assert_eq!(tcp.sent(), answers);
    assert_eq!(tcp.state(), after);
}

/// 3.2: "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop".
#[test]
fn rcv_fin_without_timestamp_in_established() {
    arrival("F. 1 ack 1", &[], Established);
}

/// 5.3, R1: "SEG.TSval < TS.Recent ... Send an acknowledgment in reply ... and drop".
#[test]
fn rcv_fin_with_old_timestamp_in_established() {
    arrival(
        "F. 1 ack 1 ts 49 100",
        &[". 1 ack 1 ts 100 50"],
        Established,
    );
}

/// 5.3, R1: the same value is not old.
#[test]
fn rcv_fin_with_same_timestamp_in_established() {
    arrival("F. 1 ack 1 ts 50 100", &[". 1 ack 2 ts 100 50"], CloseWait);
}

/// 5.3, R3: it is recorded and echoed.
#[test]
fn rcv_data_with_new_timestamp_in_established() {
    arrival(
        "P. 1:3 ack 1 ts 60 100",
        &[". 1 ack 3 ts 100 60"],
        Established,
    );
}

/// 5.3, R1: "if the RST bit is not set".
#[test]
fn rcv_rst_with_old_timestamp_in_established() {
    arrival("R 1 ts 1 0", &[], Closed);
}

/// 3.2: the exception.
#[test]
fn rcv_rst_without_timestamp_in_established() {
    arrival("R 1", &[], Closed);
}

/// 5.2: the comparison is modulo 2^32.
#[test]
fn rcv_data_with_wrapped_timestamp_in_established() {
    arrival(
        "P. 1:3 ack 1 ts 4294967295 100",
        &[". 1 ack 1 ts 100 50"],
        Established,
    );
    arrival(
        "P. 1:3 ack 1 ts 2147483690 100",
        &[". 1 ack 3 ts 100 2147483690"],
        Established,
    );
}

/// 5.3, R2 before R3: what lies outside the window leaves no trace.
#[test]
fn an_unacceptable_segment_does_not_set_ts_recent() {
    arrival(
        "P. -9:0 ack 1 ts 70 100",
        &[". 1 ack 1 ts 100 50"],
        Established,
    );
    arrival(
        "P. 2000:2001 ack 1 ts 70 100",
        &[". 1 ack 1 ts 100 50"],
        Established,
    );
}

/// 5.3, R3: "SEG.SEQ =< Last.ACK.sent".
#[test]
fn a_segment_after_a_hole_does_not_set_ts_recent() {
    arrival(
        "P. 5:9 ack 1 ts 70 100",
        &[". 1 ack 1 ts 100 50"],
        Established,
    );
}

/// 3.2: "TSopt MUST be sent in every non-<RST> segment"; 4.1: TSval is the time of sending.
#[test]
fn every_segment_carries_the_time_of_its_sending() {
    let mut tcp = stamped();
    tcp.now = crate::clock::Time(3_000_000);
    tcp.connection.close(tcp.now);
    tcp.wait(1000);
    recv!(tcp, ["F. 1 ack 1 ts 103 50", "F. 1 ack 1 ts 1103 50"]);
}

/// 3.2: not agreed, not sent, not asked for.
#[test]
fn without_an_offer_of_the_peer_there_are_no_timestamps() {
    let mut tcp = Tcp::new(&[TcpOption::Timestamps { val: 100, ecr: 0 }]);
    tcp.connection.open(tcp.now);
    send!(tcp, "S. 0 ack 1");
    send!(tcp, "F. 1 ack 1 ts 1 1");
    recv!(tcp, ["S 0 ts 100 0", ". 1 ack 1", ". 1 ack 2"]);
}

/// 3.2: a listener answers with its own value and echoes the SYN's.
#[test]
fn rcv_syn_with_timestamp_in_listen() {
    let mut tcp = Tcp::new(&[TcpOption::Timestamps { val: 100, ecr: 0 }]);
    tcp.connection.listen();
    send!(tcp, "S 0 ts 50 0");
    recv!(tcp, ["S. 0 ack 1 ts 100 50"]);
}
