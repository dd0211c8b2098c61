//! Retransmission and giving up: RFC 6298 5, RFC 9293 3.8.

use super::fixture::{Cause::*, Tcp, cases, recv, send};
use crate::tcp::{Event, State::*};

cases! {
    /// 3.10.8: "send the segment at the front of the retransmission queue again", once after 1 s.
    retransmission_timeout_in_syn_sent: SynSent, Wait(2999) => ["S 0"], SynSent, [];
    retransmission_timeout_in_syn_received: Tcp::called(),
        Wait(2999) => ["S. 0 ack 1"], SynReceived, [];
    retransmission_timeout_in_syn_received_of_simultaneous_open: SynReceived,
        Wait(2999) => ["S. 0 ack 1"], SynReceived, [];
    retransmission_timeout_in_fin_wait_1: FinWait1, Wait(2999) => ["F. 1 ack 1"], FinWait1, [];
    retransmission_timeout_in_closing: Closing, Wait(2999) => ["F. 1 ack 2"], Closing, [];
    retransmission_timeout_in_last_ack: LastAck, Wait(2999) => ["F. 1 ack 2"], LastAck, [];
    /// 3.10.8: "reinitialize the retransmission timer", doubled (RFC 6298 5.5): again after 3 s.
    second_retransmission_timeout_in_syn_sent: SynSent, Wait(6999) => ["S 0", "S 0"], SynSent, [];
    second_retransmission_timeout_in_syn_received: Tcp::called(),
        Wait(6999) => ["S. 0 ack 1", "S. 0 ack 1"], SynReceived, [];
    second_retransmission_timeout_in_syn_received_of_simultaneous_open: SynReceived,
        Wait(6999) => ["S. 0 ack 1", "S. 0 ack 1"], SynReceived, [];
    second_retransmission_timeout_in_fin_wait_1: FinWait1,
        Wait(6999) => ["F. 1 ack 1", "F. 1 ack 1"], FinWait1, [];
    second_retransmission_timeout_in_closing: Closing,
        Wait(6999) => ["F. 1 ack 2", "F. 1 ack 2"], Closing, [];
    second_retransmission_timeout_in_last_ack: LastAck,
        Wait(6999) => ["F. 1 ack 2", "F. 1 ack 2"], LastAck, [];
    /// 3.10.8, USER TIMEOUT: "signal the user". The user here is the session: it aborts, so that
    /// the peer has a RST before the state is CLOSED.
    user_timeout_in_syn_sent: SynSent, Wait(7000) => ["S 0", "S 0"], SynSent, [GaveUp];
    user_timeout_in_syn_received: Tcp::called(),
        Wait(7000) => ["S. 0 ack 1", "S. 0 ack 1"], SynReceived, [GaveUp];
    user_timeout_in_syn_received_of_simultaneous_open: SynReceived,
        Wait(7000) => ["S. 0 ack 1", "S. 0 ack 1"], SynReceived, [GaveUp];
    user_timeout_in_fin_wait_1: FinWait1,
        Wait(7000) => ["F. 1 ack 1", "F. 1 ack 1"], FinWait1, [GaveUp];
    user_timeout_in_closing: Closing, Wait(7000) => ["F. 1 ack 2", "F. 1 ack 2"], Closing, [GaveUp];
    user_timeout_in_last_ack: LastAck,
        Wait(7000) => ["F. 1 ack 2", "F. 1 ack 2"], LastAck, [GaveUp];
    /// RFC 6298 5.2: "When all outstanding data has been acknowledged, turn off the timer".
    no_timeout_in_closed: Closed, Wait(900_000) => [], Closed, [];
    no_timeout_in_listen: Listen, Wait(900_000) => [], Listen, [];
    no_timeout_in_established: Established, Wait(900_000) => [], Established, [];
    no_timeout_in_fin_wait_2: FinWait2, Wait(900_000) => [], FinWait2, [];
    no_timeout_in_close_wait: CloseWait, Wait(900_000) => [], CloseWait, [];
    /// 3.10.8, TIME-WAIT TIMEOUT: the session counts it, who was told how long (`--time-wait`).
    no_timeout_in_time_wait: TimeWait, Wait(900_000) => [], TimeWait, [];
}

/// 3.10.8, USER TIMEOUT: once.
#[test]
fn nothing_follows_the_user_timeout() {
    for state in [SynSent, SynReceived, FinWait1, Closing, LastAck] {
        let mut tcp: Tcp = state.into();
        for millis in [1000, 2000, 4000] {
            tcp.wait(millis);
        }
        assert_eq!(tcp.sent().len(), 2, "{state}");
        assert_eq!(tcp.events(), [Event::GaveUp], "{state}");
        tcp.wait(100_000);
        assert_eq!((tcp.sent().len(), tcp.events().len()), (0, 0), "{state}");
    }
}

/// 3.10.7.4, fifth: a FIN that is sent again carries what has been received since.
#[test]
fn a_repeated_fin_acknowledges_what_came_meanwhile() {
    let mut tcp: Tcp = FinWait1.into();
    send!(tcp, "P. 1:11 ack 1");
    tcp.wait(1000);
    recv!(tcp, [". 2 ack 11", "F. 1 ack 11"]);
}

/// RFC 6298 5.3: a duplicate ACK does not restart the timer.
#[test]
fn duplicate_acks_do_not_put_off_the_end() {
    let mut tcp: Tcp = FinWait1.into();
    for _ in 0..14 {
        tcp.wait(500);
        send!(tcp, ". 1 ack 1");
    }
    assert_eq!(tcp.events(), [Event::GaveUp]);
}

/// A call before its time, or without reason, is harmless.
#[test]
fn spurious_timeouts_do_nothing() {
    for state in crate::tcp::State::ALL {
        let mut tcp = Tcp::from(state);
        tcp.wait(999);
        assert_eq!(tcp.sent().len(), 0, "{state}");
        assert_eq!(tcp.state(), state);
    }
}

/// A late answer to a repeated SYN is an answer.
#[test]
fn rcv_syn_ack_after_repeats_in_syn_sent() {
    let mut tcp: Tcp = SynSent.into();
    tcp.wait(1000);
    tcp.wait(2000);
    send!(tcp, "S. 0 ack 1");
    recv!(tcp, ["S 0", "S 0", ". 1 ack 1"]);
    assert_eq!(tcp.state(), Established);
}

/// The answer is withheld: the SYN is not repeated, and what arrives is still known.
#[test]
fn withheld_in_syn_sent() {
    let mut tcp: Tcp = SynSent.into();
    tcp.connection.withhold();
    tcp.wait(60_000);
    recv!(tcp, []);
    assert_eq!(tcp.state(), SynSent);
}
