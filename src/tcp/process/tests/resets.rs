//! RST in every state: RFC 9293 3.10.7.4, second; RFC 5961 3.2.

use super::fixture::{Tcp, cases, recv, send};
use crate::tcp::State::*;

cases! {
    /// "SYN-RECEIVED ... initiated with a passive OPEN ... return this connection to LISTEN".
    rcv_rst_exact_in_syn_received: Tcp::called(), "R 1" => [], Listen, [];
    /// "... initiated with an active OPEN ... refused, enter CLOSED".
    rcv_rst_exact_in_syn_received_of_simultaneous_open: SynReceived, "R 1" => [], Closed, [Reset];
    /// "ESTABLISHED ... If the RST bit is set ... enter CLOSED".
    rcv_rst_exact_in_established: Established, "R 1" => [], Closed, [Reset];
    /// As in ESTABLISHED, whatever it acknowledges: the ACK is not looked at before.
    rcv_rst_ack_exact_in_established: Established, "R. 1 ack 99" => [], Closed, [Reset];
    /// As in ESTABLISHED.
    rcv_rst_exact_in_fin_wait_1: FinWait1, "R 1" => [], Closed, [Reset];
    /// As in ESTABLISHED.
    rcv_rst_exact_in_fin_wait_2: FinWait2, "R 1" => [], Closed, [Reset];
    /// As in ESTABLISHED.
    rcv_rst_exact_in_close_wait: CloseWait, "R 2" => [], Closed, [Reset];
    /// "CLOSING, LAST-ACK, TIME-WAIT ... enter the CLOSED state".
    rcv_rst_exact_in_closing: Closing, "R 2" => [], Closed, [Reset];
    /// As in CLOSING.
    rcv_rst_exact_in_last_ack: LastAck, "R 2" => [], Closed, [Reset];
    /// As in CLOSING.
    rcv_rst_exact_in_time_wait: TimeWait, "R 2" => [], Closed, [Reset];

    /// RFC 5961 3.2 (3): in the window, not at RCV.NXT: a challenge ACK.
    rcv_rst_in_window_in_syn_received: Tcp::called(), "R 2" => [". 1 ack 1"], SynReceived, [];
    /// RFC 5961 3.2 (3).
    rcv_rst_in_window_in_established: Established, "R 2" => [". 1 ack 1"], Established, [];
    /// RFC 5961 3.2 (3): up to the last number of the window.
    rcv_rst_at_window_end_in_established: Established, "R 1000" => [". 1 ack 1"], Established, [];
    /// RFC 5961 3.2 (3).
    rcv_rst_in_window_in_fin_wait_1: FinWait1, "R 2" => [". 2 ack 1"], FinWait1, [];
    /// RFC 5961 3.2 (3).
    rcv_rst_in_window_in_fin_wait_2: FinWait2, "R 2" => [". 2 ack 1"], FinWait2, [];
    /// RFC 5961 3.2 (3).
    rcv_rst_in_window_in_close_wait: CloseWait, "R 3" => [". 1 ack 2"], CloseWait, [];
    /// RFC 5961 3.2 (3).
    rcv_rst_in_window_in_closing: Closing, "R 3" => [". 2 ack 2"], Closing, [];
    /// RFC 5961 3.2 (3).
    rcv_rst_in_window_in_last_ack: LastAck, "R 3" => [". 2 ack 2"], LastAck, [];
    /// RFC 5961 3.2 (3).
    rcv_rst_in_window_in_time_wait: TimeWait, "R 3" => [". 2 ack 2"], TimeWait, [];

    /// RFC 5961 3.2 (1): "silently drop the segment".
    rcv_rst_before_window_in_syn_received: Tcp::called(), "R 0" => [], SynReceived, [];
    /// RFC 5961 3.2 (1).
    rcv_rst_before_window_in_established: Established, "R 0" => [], Established, [];
    /// RFC 5961 3.2 (1).
    rcv_rst_beyond_window_in_established: Established, "R 1001" => [], Established, [];
    /// RFC 5961 3.2 (1).
    rcv_rst_beyond_window_in_fin_wait_1: FinWait1, "R 1001" => [], FinWait1, [];
    /// RFC 5961 3.2 (1).
    rcv_rst_beyond_window_in_fin_wait_2: FinWait2, "R 1001" => [], FinWait2, [];
    /// RFC 5961 3.2 (1): a reset that the peer sent before its FIN comes too late.
    rcv_rst_before_fin_in_close_wait: CloseWait, "R 1" => [], CloseWait, [];
    /// RFC 5961 3.2 (1).
    rcv_rst_before_fin_in_closing: Closing, "R 1" => [], Closing, [];
    /// RFC 5961 3.2 (1).
    rcv_rst_before_fin_in_last_ack: LastAck, "R 1" => [], LastAck, [];
    /// RFC 5961 3.2 (1).
    rcv_rst_before_fin_in_time_wait: TimeWait, "R 1" => [], TimeWait, [];
}

/// 3.10.7.4, second, and 3.10.7.2: back in LISTEN the next SYN is as good as the first.
#[test]
fn a_listener_survives_a_reset() {
    let mut tcp = Tcp::called();
    send!(tcp, "R 1");
    assert_eq!(tcp.connection.poll_timeout(), None);
    send!(tcp, "S 70");
    recv!(tcp, ["S. 0 ack 71"]);
    send!(tcp, ". 71 ack 1");
    assert_eq!(tcp.state(), Established);
}

/// RFC 5961 7: challenge ACKs are limited.
#[test]
fn challenges_are_sent_ten_times_a_second() {
    let mut tcp: Tcp = Established.into();
    for _ in 0..10_000 {
        send!(tcp, "R 2");
    }
    assert_eq!(tcp.sent().len(), 10);
}

/// RFC 5961 3.2: only a peer without the connection can answer a challenge with an exact RST.
#[test]
fn the_answer_to_a_challenge_resets() {
    let mut tcp: Tcp = Established.into();
    send!(tcp, "R 5");
    recv!(tcp, [". 1 ack 1"]);
    send!(tcp, "R 1");
    assert_eq!(tcp.state(), Closed);
}
