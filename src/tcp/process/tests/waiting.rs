//! Retransmission and giving up: RFC 6298 5, RFC 9293 3.8.

use super::fixture::{Tcp, recv, send};
use crate::tcp::{Event, State::*};

/// The segment is sent again after 1 and 3 s and given up after 7.
fn sent_three_times(mut tcp: Tcp, repeat: &str) {
    for wait in [1000, 2000] {
        tcp.wait(wait - 1);
        recv!(tcp, []);
        tcp.wait(1);
        assert_eq!(tcp.sent(), [repeat]);
    }
    tcp.wait(3999);
    assert_eq!(tcp.events(), []);
    tcp.wait(1);
    recv!(tcp, []);
    assert_eq!(tcp.events(), [Event::GaveUp]);
    assert_eq!(tcp.connection.poll_timeout(), None);
    tcp.wait(100_000);
    assert_eq!((tcp.sent().len(), tcp.events().len()), (0, 0));
}

#[test]
fn no_answer_in_syn_sent() {
    sent_three_times(SynSent.into(), "S 0");
}

#[test]
fn no_answer_in_syn_received() {
    sent_three_times(Tcp::called(), "S. 0 ack 1");
    sent_three_times(SynReceived.into(), "S. 0 ack 1");
}

#[test]
fn no_answer_in_fin_wait_1() {
    sent_three_times(FinWait1.into(), "F. 1 ack 1");
}

#[test]
fn no_answer_in_closing() {
    sent_three_times(Closing.into(), "F. 1 ack 2");
}

#[test]
fn no_answer_in_last_ack() {
    sent_three_times(LastAck.into(), "F. 1 ack 2");
}

/// RFC 6298 5.2: "When all outstanding data has been acknowledged, turn off the timer".
#[test]
fn no_timer_runs_where_nothing_is_outstanding() {
    for state in [Closed, Listen, Established, FinWait2, CloseWait, TimeWait] {
        assert_eq!(Tcp::from(state).connection.poll_timeout(), None, "{state}");
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
