//! RST in every state: RFC 9293 3.10.7.4, second; RFC 5961 3.2.

use super::fixture::{Tcp, cases, recv, send};
use crate::tcp::State::*;

cases! {
    /// "SYN-RECEIVED ... initiated with a passive OPEN ... return this connection to LISTEN".
    rcv_rst_exact_in_syn_received: Tcp::called(), "R 1" => [], Listen, [];
    /// "... initiated with an active OPEN ... refused, enter CLOSED".
    rcv_rst_exact_in_syn_received_of_simultaneous_open: SynReceived, "R 1" => [], Closed, [Reset];
    /// "ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT ... Enter the CLOSED state".
    rcv_rst_exact_in_established: Established, "R 1" => [], Closed, [Reset];
    rcv_rst_exact_in_fin_wait_1: FinWait1, "R 1" => [], Closed, [Reset];
    rcv_rst_exact_in_fin_wait_2: FinWait2, "R 1" => [], Closed, [Reset];
    rcv_rst_exact_in_close_wait: CloseWait, "R 2" => [], Closed, [Reset];
    /// "CLOSING, LAST-ACK, TIME-WAIT ... enter the CLOSED state".
    rcv_rst_exact_in_closing: Closing, "R 2" => [], Closed, [Reset];
    rcv_rst_exact_in_last_ack: LastAck, "R 2" => [], Closed, [Reset];
    rcv_rst_exact_in_time_wait: TimeWait, "R 2" => [], Closed, [Reset];

    /// RFC 5961 3.2 (3): up to the last number of the window.
    rcv_rst_at_window_end_in_established: Established, "R 1000" => [". 1 ack 1"], Established, [];

    /// RFC 5961 3.2 (2), the same whatever else the segment has: SYN, ACK and FIN come later.
    rcv_rst_ack_exact_in_syn_received: Tcp::called(), "R. 1 ack 1" => [], Listen, [];
    rcv_rst_ack_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "R. 1 ack 1" => [], Closed, [Reset];
    rcv_rst_ack_exact_in_established: Established, "R. 1 ack 1" => [], Closed, [Reset];
    rcv_rst_ack_exact_in_fin_wait_1: FinWait1, "R. 1 ack 1" => [], Closed, [Reset];
    rcv_rst_ack_exact_in_fin_wait_2: FinWait2, "R. 1 ack 2" => [], Closed, [Reset];
    rcv_rst_ack_exact_in_close_wait: CloseWait, "R. 2 ack 1" => [], Closed, [Reset];
    rcv_rst_ack_exact_in_closing: Closing, "R. 2 ack 1" => [], Closed, [Reset];
    rcv_rst_ack_exact_in_last_ack: LastAck, "R. 2 ack 1" => [], Closed, [Reset];
    rcv_rst_ack_exact_in_time_wait: TimeWait, "R. 2 ack 2" => [], Closed, [Reset];
    rcv_fin_rst_exact_in_syn_received: Tcp::called(), "FR 1" => [], Listen, [];
    rcv_fin_rst_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "FR 1" => [], Closed, [Reset];
    rcv_fin_rst_exact_in_established: Established, "FR 1" => [], Closed, [Reset];
    rcv_fin_rst_exact_in_fin_wait_1: FinWait1, "FR 1" => [], Closed, [Reset];
    rcv_fin_rst_exact_in_fin_wait_2: FinWait2, "FR 1" => [], Closed, [Reset];
    rcv_fin_rst_exact_in_close_wait: CloseWait, "FR 2" => [], Closed, [Reset];
    rcv_fin_rst_exact_in_closing: Closing, "FR 2" => [], Closed, [Reset];
    rcv_fin_rst_exact_in_last_ack: LastAck, "FR 2" => [], Closed, [Reset];
    rcv_fin_rst_exact_in_time_wait: TimeWait, "FR 2" => [], Closed, [Reset];
    rcv_fin_rst_ack_exact_in_syn_received: Tcp::called(), "FR. 1 ack 1" => [], Listen, [];
    rcv_fin_rst_ack_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "FR. 1 ack 1" => [], Closed, [Reset];
    rcv_fin_rst_ack_exact_in_established: Established, "FR. 1 ack 1" => [], Closed, [Reset];
    rcv_fin_rst_ack_exact_in_fin_wait_1: FinWait1, "FR. 1 ack 1" => [], Closed, [Reset];
    rcv_fin_rst_ack_exact_in_fin_wait_2: FinWait2, "FR. 1 ack 2" => [], Closed, [Reset];
    rcv_fin_rst_ack_exact_in_close_wait: CloseWait, "FR. 2 ack 1" => [], Closed, [Reset];
    rcv_fin_rst_ack_exact_in_closing: Closing, "FR. 2 ack 1" => [], Closed, [Reset];
    rcv_fin_rst_ack_exact_in_last_ack: LastAck, "FR. 2 ack 1" => [], Closed, [Reset];
    rcv_fin_rst_ack_exact_in_time_wait: TimeWait, "FR. 2 ack 2" => [], Closed, [Reset];
    rcv_syn_rst_exact_in_syn_received: Tcp::called(), "SR 1" => [], Listen, [];
    rcv_syn_rst_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "SR 1" => [], Closed, [Reset];
    rcv_syn_rst_exact_in_established: Established, "SR 1" => [], Closed, [Reset];
    rcv_syn_rst_exact_in_fin_wait_1: FinWait1, "SR 1" => [], Closed, [Reset];
    rcv_syn_rst_exact_in_fin_wait_2: FinWait2, "SR 1" => [], Closed, [Reset];
    rcv_syn_rst_exact_in_close_wait: CloseWait, "SR 2" => [], Closed, [Reset];
    rcv_syn_rst_exact_in_closing: Closing, "SR 2" => [], Closed, [Reset];
    rcv_syn_rst_exact_in_last_ack: LastAck, "SR 2" => [], Closed, [Reset];
    rcv_syn_rst_exact_in_time_wait: TimeWait, "SR 2" => [], Closed, [Reset];
    rcv_syn_rst_ack_exact_in_syn_received: Tcp::called(), "SR. 1 ack 1" => [], Listen, [];
    rcv_syn_rst_ack_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "SR. 1 ack 1" => [], Closed, [Reset];
    rcv_syn_rst_ack_exact_in_established: Established, "SR. 1 ack 1" => [], Closed, [Reset];
    rcv_syn_rst_ack_exact_in_fin_wait_1: FinWait1, "SR. 1 ack 1" => [], Closed, [Reset];
    rcv_syn_rst_ack_exact_in_fin_wait_2: FinWait2, "SR. 1 ack 2" => [], Closed, [Reset];
    rcv_syn_rst_ack_exact_in_close_wait: CloseWait, "SR. 2 ack 1" => [], Closed, [Reset];
    rcv_syn_rst_ack_exact_in_closing: Closing, "SR. 2 ack 1" => [], Closed, [Reset];
    rcv_syn_rst_ack_exact_in_last_ack: LastAck, "SR. 2 ack 1" => [], Closed, [Reset];
    rcv_syn_rst_ack_exact_in_time_wait: TimeWait, "SR. 2 ack 2" => [], Closed, [Reset];
    rcv_syn_fin_rst_exact_in_syn_received: Tcp::called(), "SFR 1" => [], Listen, [];
    rcv_syn_fin_rst_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "SFR 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_exact_in_established: Established, "SFR 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_exact_in_fin_wait_1: FinWait1, "SFR 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_exact_in_fin_wait_2: FinWait2, "SFR 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_exact_in_close_wait: CloseWait, "SFR 2" => [], Closed, [Reset];
    rcv_syn_fin_rst_exact_in_closing: Closing, "SFR 2" => [], Closed, [Reset];
    rcv_syn_fin_rst_exact_in_last_ack: LastAck, "SFR 2" => [], Closed, [Reset];
    rcv_syn_fin_rst_exact_in_time_wait: TimeWait, "SFR 2" => [], Closed, [Reset];
    rcv_syn_fin_rst_ack_exact_in_syn_received: Tcp::called(), "SFR. 1 ack 1" => [], Listen, [];
    rcv_syn_fin_rst_ack_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "SFR. 1 ack 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_ack_exact_in_established: Established, "SFR. 1 ack 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_ack_exact_in_fin_wait_1: FinWait1, "SFR. 1 ack 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_ack_exact_in_fin_wait_2: FinWait2, "SFR. 1 ack 2" => [], Closed, [Reset];
    rcv_syn_fin_rst_ack_exact_in_close_wait: CloseWait, "SFR. 2 ack 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_ack_exact_in_closing: Closing, "SFR. 2 ack 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_ack_exact_in_last_ack: LastAck, "SFR. 2 ack 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_ack_exact_in_time_wait: TimeWait, "SFR. 2 ack 2" => [], Closed, [Reset];
    /// RFC 5961 3.2 (2): also beside an ACK of what was never sent, which comes fifth.
    rcv_rst_ack_exact_ack_too_new_in_syn_received: Tcp::called(), "R. 1 ack 2" => [], Listen, [];
    rcv_rst_ack_exact_ack_too_new_in_syn_received_of_simultaneous_open: SynReceived,
        "R. 1 ack 2" => [], Closed, [Reset];
    rcv_rst_ack_exact_ack_too_new_in_established: Established, "R. 1 ack 2" => [], Closed, [Reset];
    rcv_rst_ack_exact_ack_too_new_in_fin_wait_1: FinWait1, "R. 1 ack 3" => [], Closed, [Reset];
    rcv_rst_ack_exact_ack_too_new_in_fin_wait_2: FinWait2, "R. 1 ack 3" => [], Closed, [Reset];
    rcv_rst_ack_exact_ack_too_new_in_close_wait: CloseWait, "R. 2 ack 2" => [], Closed, [Reset];
    rcv_rst_ack_exact_ack_too_new_in_closing: Closing, "R. 2 ack 3" => [], Closed, [Reset];
    rcv_rst_ack_exact_ack_too_new_in_last_ack: LastAck, "R. 2 ack 3" => [], Closed, [Reset];
    rcv_rst_ack_exact_ack_too_new_in_time_wait: TimeWait, "R. 2 ack 3" => [], Closed, [Reset];

    /// RFC 5961 3.2 (3): in the window, not at RCV.NXT: a challenge ACK, whatever else it has.
    rcv_rst_in_window_in_syn_received: Tcp::called(), "R 2" => [". 1 ack 1"], SynReceived, [];
    rcv_rst_in_window_in_syn_received_of_simultaneous_open: SynReceived,
        "R 2" => [". 1 ack 1"], SynReceived, [];
    rcv_rst_in_window_in_established: Established, "R 2" => [". 1 ack 1"], Established, [];
    rcv_rst_in_window_in_fin_wait_1: FinWait1, "R 2" => [". 2 ack 1"], FinWait1, [];
    rcv_rst_in_window_in_fin_wait_2: FinWait2, "R 2" => [". 2 ack 1"], FinWait2, [];
    rcv_rst_in_window_in_close_wait: CloseWait, "R 3" => [". 1 ack 2"], CloseWait, [];
    rcv_rst_in_window_in_closing: Closing, "R 3" => [". 2 ack 2"], Closing, [];
    rcv_rst_in_window_in_last_ack: LastAck, "R 3" => [". 2 ack 2"], LastAck, [];
    rcv_rst_in_window_in_time_wait: TimeWait, "R 3" => [". 2 ack 2"], TimeWait, [];
    rcv_rst_ack_in_window_in_syn_received: Tcp::called(),
        "R. 5 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_rst_ack_in_window_in_syn_received_of_simultaneous_open: SynReceived,
        "R. 5 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_rst_ack_in_window_in_established: Established,
        "R. 5 ack 1" => [". 1 ack 1"], Established, [];
    rcv_rst_ack_in_window_in_fin_wait_1: FinWait1, "R. 5 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_rst_ack_in_window_in_fin_wait_2: FinWait2, "R. 5 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_rst_ack_in_window_in_close_wait: CloseWait, "R. 6 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_rst_ack_in_window_in_closing: Closing, "R. 6 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_rst_ack_in_window_in_last_ack: LastAck, "R. 6 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_rst_ack_in_window_in_time_wait: TimeWait, "R. 6 ack 2" => [". 2 ack 2"], TimeWait, [];
    rcv_syn_fin_rst_ack_in_window_in_syn_received: Tcp::called(),
        "SFR. 5 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_rst_ack_in_window_in_syn_received_of_simultaneous_open: SynReceived,
        "SFR. 5 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_rst_ack_in_window_in_established: Established,
        "SFR. 5 ack 1" => [". 1 ack 1"], Established, [];
    rcv_syn_fin_rst_ack_in_window_in_fin_wait_1: FinWait1,
        "SFR. 5 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_fin_rst_ack_in_window_in_fin_wait_2: FinWait2,
        "SFR. 5 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_fin_rst_ack_in_window_in_close_wait: CloseWait,
        "SFR. 6 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_fin_rst_ack_in_window_in_closing: Closing, "SFR. 6 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_syn_fin_rst_ack_in_window_in_last_ack: LastAck,
        "SFR. 6 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_syn_fin_rst_ack_in_window_in_time_wait: TimeWait,
        "SFR. 6 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// RFC 5961 3.2 (1): "silently drop the segment", whatever else it has. One that the peer sent
    /// before its FIN comes too late.
    rcv_rst_before_window_in_syn_received: Tcp::called(), "R 0" => [], SynReceived, [];
    rcv_rst_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "R 0" => [], SynReceived, [];
    rcv_rst_before_window_in_established: Established, "R 0" => [], Established, [];
    rcv_rst_before_window_in_fin_wait_1: FinWait1, "R 0" => [], FinWait1, [];
    rcv_rst_before_window_in_fin_wait_2: FinWait2, "R 0" => [], FinWait2, [];
    rcv_rst_before_window_in_close_wait: CloseWait, "R 1" => [], CloseWait, [];
    rcv_rst_before_window_in_closing: Closing, "R 1" => [], Closing, [];
    rcv_rst_before_window_in_last_ack: LastAck, "R 1" => [], LastAck, [];
    rcv_rst_before_window_in_time_wait: TimeWait, "R 1" => [], TimeWait, [];
    rcv_rst_ack_before_window_in_syn_received: Tcp::called(), "R. -4 ack 1" => [], SynReceived, [];
    rcv_rst_ack_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "R. -4 ack 1" => [], SynReceived, [];
    rcv_rst_ack_before_window_in_established: Established, "R. -4 ack 1" => [], Established, [];
    rcv_rst_ack_before_window_in_fin_wait_1: FinWait1, "R. -4 ack 1" => [], FinWait1, [];
    rcv_rst_ack_before_window_in_fin_wait_2: FinWait2, "R. -4 ack 2" => [], FinWait2, [];
    rcv_rst_ack_before_window_in_close_wait: CloseWait, "R. -3 ack 1" => [], CloseWait, [];
    rcv_rst_ack_before_window_in_closing: Closing, "R. -3 ack 1" => [], Closing, [];
    rcv_rst_ack_before_window_in_last_ack: LastAck, "R. -3 ack 1" => [], LastAck, [];
    rcv_rst_ack_before_window_in_time_wait: TimeWait, "R. -3 ack 2" => [], TimeWait, [];
    rcv_syn_fin_rst_ack_before_window_in_syn_received: Tcp::called(),
        "SFR. -4 ack 1" => [], SynReceived, [];
    rcv_syn_fin_rst_ack_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "SFR. -4 ack 1" => [], SynReceived, [];
    rcv_syn_fin_rst_ack_before_window_in_established: Established,
        "SFR. -4 ack 1" => [], Established, [];
    rcv_syn_fin_rst_ack_before_window_in_fin_wait_1: FinWait1, "SFR. -4 ack 1" => [], FinWait1, [];
    rcv_syn_fin_rst_ack_before_window_in_fin_wait_2: FinWait2, "SFR. -4 ack 2" => [], FinWait2, [];
    rcv_syn_fin_rst_ack_before_window_in_close_wait: CloseWait,
        "SFR. -3 ack 1" => [], CloseWait, [];
    rcv_syn_fin_rst_ack_before_window_in_closing: Closing, "SFR. -3 ack 1" => [], Closing, [];
    rcv_syn_fin_rst_ack_before_window_in_last_ack: LastAck, "SFR. -3 ack 1" => [], LastAck, [];
    rcv_syn_fin_rst_ack_before_window_in_time_wait: TimeWait, "SFR. -3 ack 2" => [], TimeWait, [];
    rcv_rst_beyond_window_in_syn_received: Tcp::called(), "R 1001" => [], SynReceived, [];
    rcv_rst_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "R 1001" => [], SynReceived, [];
    rcv_rst_beyond_window_in_established: Established, "R 1001" => [], Established, [];
    rcv_rst_beyond_window_in_fin_wait_1: FinWait1, "R 1001" => [], FinWait1, [];
    rcv_rst_beyond_window_in_fin_wait_2: FinWait2, "R 1001" => [], FinWait2, [];
    rcv_rst_beyond_window_in_close_wait: CloseWait, "R 1002" => [], CloseWait, [];
    rcv_rst_beyond_window_in_closing: Closing, "R 1002" => [], Closing, [];
    rcv_rst_beyond_window_in_last_ack: LastAck, "R 1002" => [], LastAck, [];
    rcv_rst_beyond_window_in_time_wait: TimeWait, "R 1002" => [], TimeWait, [];
    rcv_rst_ack_beyond_window_in_syn_received: Tcp::called(),
        "R. 1001 ack 1" => [], SynReceived, [];
    rcv_rst_ack_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "R. 1001 ack 1" => [], SynReceived, [];
    rcv_rst_ack_beyond_window_in_established: Established, "R. 1001 ack 1" => [], Established, [];
    rcv_rst_ack_beyond_window_in_fin_wait_1: FinWait1, "R. 1001 ack 1" => [], FinWait1, [];
    rcv_rst_ack_beyond_window_in_fin_wait_2: FinWait2, "R. 1001 ack 2" => [], FinWait2, [];
    rcv_rst_ack_beyond_window_in_close_wait: CloseWait, "R. 1002 ack 1" => [], CloseWait, [];
    rcv_rst_ack_beyond_window_in_closing: Closing, "R. 1002 ack 1" => [], Closing, [];
    rcv_rst_ack_beyond_window_in_last_ack: LastAck, "R. 1002 ack 1" => [], LastAck, [];
    rcv_rst_ack_beyond_window_in_time_wait: TimeWait, "R. 1002 ack 2" => [], TimeWait, [];
    rcv_syn_fin_rst_ack_beyond_window_in_syn_received: Tcp::called(),
        "SFR. 1001 ack 1" => [], SynReceived, [];
    rcv_syn_fin_rst_ack_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "SFR. 1001 ack 1" => [], SynReceived, [];
    rcv_syn_fin_rst_ack_beyond_window_in_established: Established,
        "SFR. 1001 ack 1" => [], Established, [];
    rcv_syn_fin_rst_ack_beyond_window_in_fin_wait_1: FinWait1,
        "SFR. 1001 ack 1" => [], FinWait1, [];
    rcv_syn_fin_rst_ack_beyond_window_in_fin_wait_2: FinWait2,
        "SFR. 1001 ack 2" => [], FinWait2, [];
    rcv_syn_fin_rst_ack_beyond_window_in_close_wait: CloseWait,
        "SFR. 1002 ack 1" => [], CloseWait, [];
    rcv_syn_fin_rst_ack_beyond_window_in_closing: Closing, "SFR. 1002 ack 1" => [], Closing, [];
    rcv_syn_fin_rst_ack_beyond_window_in_last_ack: LastAck, "SFR. 1002 ack 1" => [], LastAck, [];
    rcv_syn_fin_rst_ack_beyond_window_in_time_wait: TimeWait, "SFR. 1002 ack 2" => [], TimeWait, [];
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
