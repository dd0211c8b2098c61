//! CLOSE and ABORT in every state: RFC 9293 3.10.4 and 3.10.5.

use super::fixture::{Tcp, recv, send};
use crate::tcp::State::{self, *};

fn close(start: impl Into<Tcp>, sent: &[&str], after: State) {
    let mut tcp = start.into().closed();
    assert_eq!(tcp.sent(), sent);
    assert_eq!(tcp.state(), after);
}

fn abort(start: impl Into<Tcp>, sent: &[&str]) {
    let mut tcp: Tcp = start.into();
    tcp.connection.abort(tcp.now);
    assert_eq!(tcp.sent(), sent);
    assert_eq!(tcp.state(), Closed);
    assert_eq!(tcp.connection.poll_timeout(), None);
    tcp.connection.abort(tcp.now);
    recv!(tcp, []);
}

/// 3.10.4: "connection does not exist".
#[test]
fn close_in_closed() {
    close(Closed, &[], Closed);
}

/// 3.10.4: "Delete TCB, enter CLOSED state, and return."
#[test]
fn close_in_listen() {
    close(Listen, &[], Closed);
}

/// 3.10.4: "Delete the TCB": its timer too.
#[test]
fn close_in_syn_sent() {
    close(SynSent, &[], Closed);
    assert_eq!(Tcp::from(SynSent).closed().connection.poll_timeout(), None);
}

/// 3.10.4: "form a FIN segment and send it, and enter FIN-WAIT-1".
#[test]
fn close_in_syn_received() {
    close(SynReceived, &["F. 1 ack 1"], FinWait1);
    close(Tcp::called(), &["F. 1 ack 1"], FinWait1);
}

/// 3.10.4: the same.
#[test]
fn close_in_established() {
    close(Established, &["F. 1 ack 1"], FinWait1);
}

/// 3.10.4: "connection closing".
#[test]
fn close_in_fin_wait_1() {
    close(FinWait1, &[], FinWait1);
}

/// 3.10.4: "connection closing".
#[test]
fn close_in_fin_wait_2() {
    close(FinWait2, &[], FinWait2);
}

/// 3.10.4: "send a FIN segment, enter LAST-ACK".
#[test]
fn close_in_close_wait() {
    close(CloseWait, &["F. 1 ack 2"], LastAck);
}

/// 3.10.4: "connection closing".
#[test]
fn close_in_the_states_after_both_fins() {
    close(Closing, &[], Closing);
    close(LastAck, &[], LastAck);
    close(TimeWait, &[], TimeWait);
}

/// RFC 6298 5.4: closed in SYN-RECEIVED, the SYN is the earliest that is not acknowledged.
#[test]
fn a_close_in_syn_received_sends_the_syn_ack_again_first() {
    let mut tcp = Tcp::called().closed();
    tcp.sent();
    tcp.wait(1000);
    recv!(tcp, ["S. 0 ack 1"]);
    send!(tcp, ". 1 ack 1");
    assert_eq!(tcp.state(), FinWait1);
    tcp.wait(1000);
    recv!(tcp, ["F. 1 ack 1"]);
    send!(tcp, ". 1 ack 2");
    assert_eq!(tcp.state(), FinWait2);
}

/// 3.10.5: nothing to reset.
#[test]
fn abort_in_closed_and_listen() {
    abort(Closed, &[]);
    abort(Listen, &[]);
}

/// Beyond 3.10.5: a peer in SYN-RECEIVED, its SYN-ACK lost, expects ISS+1.
#[test]
fn abort_in_syn_sent() {
    abort(SynSent, &["R 1"]);
}

/// 3.10.5: <SEQ=SND.NXT><CTL=RST>.
#[test]
fn abort_in_syn_received() {
    abort(SynReceived, &["R 1"]);
    abort(Tcp::called(), &["R 1"]);
}

/// 3.10.5: <SEQ=SND.NXT><CTL=RST>.
#[test]
fn abort_in_established() {
    abort(Established, &["R. 1 ack 1"]);
}

/// 3.10.5: SND.NXT comes after the FIN.
#[test]
fn abort_in_fin_wait_1() {
    abort(FinWait1, &["R. 2 ack 1"]);
}

/// 3.10.5.
#[test]
fn abort_in_fin_wait_2() {
    abort(FinWait2, &["R. 2 ack 1"]);
}

/// 3.10.5.
#[test]
fn abort_in_close_wait() {
    abort(CloseWait, &["R. 1 ack 2"]);
}

/// Beyond 3.10.5: the peer's FIN is acknowledged, ours may be lost.
#[test]
fn abort_in_closing_and_last_ack() {
    abort(Closing, &["R. 2 ack 2"]);
    abort(LastAck, &["R. 2 ack 2"]);
}

/// 3.10.5: "respond with ok and delete the TCB".
#[test]
fn abort_in_time_wait() {
    abort(TimeWait, &[]);
}

/// RFC 5961 3.2: a peer that missed our FIN challenges our RST; the answer has its number.
#[test]
fn the_answer_to_a_challenge_of_our_reset_is_exact() {
    let mut tcp: Tcp = FinWait1.into();
    tcp.connection.abort(tcp.now);
    recv!(tcp, ["R. 2 ack 1"]);
    send!(tcp, ". 1 ack 1");
    recv!(tcp, ["R 1"]);
}
