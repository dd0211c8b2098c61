//! CLOSE and ABORT in every state: RFC 9293 3.10.4 and 3.10.5.

use super::fixture::{Cause::*, Tcp, cases, recv, send};
use crate::tcp::State::{self, *};

cases! {
    /// 3.10.4: "error: connection does not exist".
    close_in_closed: Closed, Close => [], Closed, [];
    /// 3.10.4: "Delete TCB, enter CLOSED state, and return."
    close_in_listen: Listen, Close => [], Closed, [];
    /// 3.10.4: "Delete the TCB and return".
    close_in_syn_sent: SynSent, Close => [], Closed, [];
    /// 3.10.4: "form a FIN segment and send it, and enter FIN-WAIT-1 state".
    close_in_syn_received: Tcp::called(), Close => ["F. 1 ack 1"], FinWait1, [];
    close_in_syn_received_of_simultaneous_open: SynReceived, Close => ["F. 1 ack 1"], FinWait1, [];
    close_in_established: Established, Close => ["F. 1 ack 1"], FinWait1, [];
    /// 3.10.4: "acceptable ... as long as a second FIN is not emitted".
    close_in_fin_wait_1: FinWait1, Close => [], FinWait1, [];
    close_in_fin_wait_2: FinWait2, Close => [], FinWait2, [];
    /// 3.10.4: "send a FIN segment, enter LAST-ACK state".
    close_in_close_wait: CloseWait, Close => ["F. 1 ack 2"], LastAck, [];
    /// 3.10.4: "error: connection closing".
    close_in_closing: Closing, Close => [], Closing, [];
    close_in_last_ack: LastAck, Close => [], LastAck, [];
    close_in_time_wait: TimeWait, Close => [], TimeWait, [];

    /// 3.10.5: nothing to reset.
    abort_in_closed: Closed, Abort => [], Closed, [];
    abort_in_listen: Listen, Abort => [], Closed, [];
    /// Beyond 3.10.5: a peer in SYN-RECEIVED, its SYN-ACK lost, expects ISS+1.
    abort_in_syn_sent: SynSent, Abort => ["R 1"], Closed, [];
    /// 3.10.5: <SEQ=SND.NXT><CTL=RST>; SND.NXT comes after our FIN.
    abort_in_syn_received: Tcp::called(), Abort => ["R 1"], Closed, [];
    abort_in_syn_received_of_simultaneous_open: SynReceived, Abort => ["R 1"], Closed, [];
    abort_in_established: Established, Abort => ["R. 1 ack 1"], Closed, [];
    abort_in_fin_wait_1: FinWait1, Abort => ["R. 2 ack 1"], Closed, [];
    abort_in_fin_wait_2: FinWait2, Abort => ["R. 2 ack 1"], Closed, [];
    abort_in_close_wait: CloseWait, Abort => ["R. 1 ack 2"], Closed, [];
    /// Beyond 3.10.5: the peer's FIN is acknowledged, ours may be lost.
    abort_in_closing: Closing, Abort => ["R. 2 ack 2"], Closed, [];
    abort_in_last_ack: LastAck, Abort => ["R. 2 ack 2"], Closed, [];
    /// 3.10.5: "Respond with \"ok\" and delete the TCB".
    abort_in_time_wait: TimeWait, Abort => [], Closed, [];
}

/// 3.10.5: "all segments queued for ... retransmission should be flushed"; nothing follows.
#[test]
fn nothing_is_left_of_an_aborted_connection() {
    for state in State::ALL {
        let mut tcp: Tcp = state.into();
        tcp.connection.abort(tcp.now);
        tcp.sent();
        assert_eq!(tcp.connection.poll_timeout(), None, "{state}");
        tcp.connection.abort(tcp.now);
        recv!(tcp, []);
    }
}

/// 3.10.4, SYN-SENT: "Delete the TCB": its timer too.
#[test]
fn a_closed_attempt_leaves_no_timer() {
    assert_eq!(Tcp::from(SynSent).closed().connection.poll_timeout(), None);
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

/// RFC 5961 3.2: a peer that missed our FIN challenges our RST; the answer has its number.
#[test]
fn the_answer_to_a_challenge_of_our_reset_is_exact() {
    let mut tcp: Tcp = FinWait1.into();
    tcp.connection.abort(tcp.now);
    recv!(tcp, ["R. 2 ack 1"]);
    send!(tcp, ". 1 ack 1");
    recv!(tcp, ["R 1"]);
}
