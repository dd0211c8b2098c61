//! SYN where a connection stands already: RFC 9293 3.10.7.4, fourth; RFC 5961 4.2.

use super::fixture::{Tcp, cases, recv, send};
use crate::tcp::State::*;

cases! {
    /// "SYN-RECEIVED ... initiated with a passive OPEN, then return this connection to LISTEN".
    rcv_syn_in_window_in_syn_received: Tcp::called(), "S 5" => [], Listen, [];
    /// First: its SYN again is not in the window; like Linux, the SYN-ACK goes out again.
    rcv_syn_again_in_syn_received: Tcp::called(), "S 0" => ["S. 0 ack 1"], SynReceived, [];
    /// First, "trimming off any portions that lie outside the window (including SYN and FIN)": text
    /// or a FIN in the window bring no SYN into it.
    rcv_syn_data_again_in_syn_received: Tcp::called(), "S 0:5" => ["S. 0 ack 1"], SynReceived, [];
    rcv_syn_data_again_in_syn_received_of_simultaneous_open: SynReceived,
        "S 0:5" => ["S. 0 ack 1"], SynReceived, [];
    rcv_syn_fin_again_in_syn_received: Tcp::called(), "SF 0" => ["S. 0 ack 1"], SynReceived, [];
    rcv_syn_fin_again_in_syn_received_of_simultaneous_open: SynReceived,
        "SF 0" => ["S. 0 ack 1"], SynReceived, [];
    /// First: it is no longer the SYN that asked; "an acknowledgment should be sent in reply".
    rcv_syn_ack_again_in_syn_received: Tcp::called(),
        "S. 0 ack 1" => [". 1 ack 1"], SynReceived, [];
    /// "Otherwise, handle per the directions for synchronized states".
    rcv_syn_in_window_in_syn_received_of_simultaneous_open: SynReceived,
        "S 5" => [". 1 ack 1"], SynReceived, [];
    /// First: the crossing SYN again.
    rcv_syn_again_in_syn_received_of_simultaneous_open: SynReceived,
        "S 0" => ["S. 0 ack 1"], SynReceived, [];
    /// RFC 5961 4.2 (1): "irrespective of the sequence number, TCP MUST send a challenge ACK".
    rcv_syn_in_window_in_established: Established, "S 5" => [". 1 ack 1"], Established, [];
    rcv_syn_in_window_in_fin_wait_1: FinWait1, "S 5" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_in_window_in_fin_wait_2: FinWait2, "S 5" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_in_window_in_close_wait: CloseWait, "S 5" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_in_window_in_closing: Closing, "S 5" => [". 2 ack 2"], Closing, [];
    rcv_syn_in_window_in_last_ack: LastAck, "S 5" => [". 2 ack 2"], LastAck, [];
    /// The same: no new connection is taken in TIME-WAIT.
    rcv_syn_in_window_in_time_wait: TimeWait, "S 5" => [". 2 ack 2"], TimeWait, [];
    /// First: the SYN-ACK again means that our ACK was lost.
    rcv_syn_ack_again_in_established: Established, "S. 0 ack 1" => [". 1 ack 1"], Established, [];
    /// RFC 5961 4.2 (1): another ISN is not taken.
    rcv_syn_ack_of_another_isn_in_established: Established,
        "S. 7 ack 1" => [". 1 ack 1"], Established, [];
    /// RST comes before SYN.
    rcv_syn_rst_in_window_in_established: Established, "SR 5" => [". 1 ack 1"], Established, [];

    /// RFC 5961 4.2 (1), and in SYN-RECEIVED as above: at RCV.NXT the same.
    rcv_syn_exact_in_syn_received: Tcp::called(), "S 1" => [], Listen, [];
    rcv_syn_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "S 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_exact_in_established: Established, "S 1" => [". 1 ack 1"], Established, [];
    rcv_syn_exact_in_fin_wait_1: FinWait1, "S 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_exact_in_fin_wait_2: FinWait2, "S 1" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_exact_in_close_wait: CloseWait, "S 2" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_exact_in_closing: Closing, "S 2" => [". 2 ack 2"], Closing, [];
    rcv_syn_exact_in_last_ack: LastAck, "S 2" => [". 2 ack 2"], LastAck, [];
    rcv_syn_exact_in_time_wait: TimeWait, "S 2" => [". 2 ack 2"], TimeWait, [];
    /// The same with FIN, which comes eighth.
    rcv_syn_fin_in_window_in_syn_received: Tcp::called(), "SF 5" => [], Listen, [];
    rcv_syn_fin_in_window_in_syn_received_of_simultaneous_open: SynReceived,
        "SF 5" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_in_window_in_established: Established, "SF 5" => [". 1 ack 1"], Established, [];
    rcv_syn_fin_in_window_in_fin_wait_1: FinWait1, "SF 5" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_fin_in_window_in_fin_wait_2: FinWait2, "SF 5" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_fin_in_window_in_close_wait: CloseWait, "SF 6" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_fin_in_window_in_closing: Closing, "SF 6" => [". 2 ack 2"], Closing, [];
    rcv_syn_fin_in_window_in_last_ack: LastAck, "SF 6" => [". 2 ack 2"], LastAck, [];
    rcv_syn_fin_in_window_in_time_wait: TimeWait, "SF 6" => [". 2 ack 2"], TimeWait, [];
    /// The same with ACK, which comes fifth.
    rcv_syn_ack_in_window_in_syn_received: Tcp::called(), "S. 5 ack 1" => [], Listen, [];
    rcv_syn_ack_in_window_in_syn_received_of_simultaneous_open: SynReceived,
        "S. 5 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_ack_in_window_in_established: Established,
        "S. 5 ack 1" => [". 1 ack 1"], Established, [];
    rcv_syn_ack_in_window_in_fin_wait_1: FinWait1, "S. 5 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_ack_in_window_in_fin_wait_2: FinWait2, "S. 5 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_ack_in_window_in_close_wait: CloseWait, "S. 6 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_ack_in_window_in_closing: Closing, "S. 6 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_syn_ack_in_window_in_last_ack: LastAck, "S. 6 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_syn_ack_in_window_in_time_wait: TimeWait, "S. 6 ack 2" => [". 2 ack 2"], TimeWait, [];
    /// The same with an ACK of what was never sent: no reset.
    rcv_syn_ack_in_window_ack_too_new_in_syn_received: Tcp::called(),
        "S. 5 ack 2" => [], Listen, [];
    rcv_syn_ack_in_window_ack_too_new_in_syn_received_of_simultaneous_open: SynReceived,
        "S. 5 ack 2" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_ack_in_window_ack_too_new_in_established: Established,
        "S. 5 ack 2" => [". 1 ack 1"], Established, [];
    rcv_syn_ack_in_window_ack_too_new_in_fin_wait_1: FinWait1,
        "S. 5 ack 3" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_ack_in_window_ack_too_new_in_fin_wait_2: FinWait2,
        "S. 5 ack 3" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_ack_in_window_ack_too_new_in_close_wait: CloseWait,
        "S. 6 ack 2" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_ack_in_window_ack_too_new_in_closing: Closing,
        "S. 6 ack 3" => [". 2 ack 2"], Closing, [];
    rcv_syn_ack_in_window_ack_too_new_in_last_ack: LastAck,
        "S. 6 ack 3" => [". 2 ack 2"], LastAck, [];
    rcv_syn_ack_in_window_ack_too_new_in_time_wait: TimeWait,
        "S. 6 ack 3" => [". 2 ack 2"], TimeWait, [];
    /// The same with FIN and ACK.
    rcv_syn_fin_ack_in_window_in_syn_received: Tcp::called(), "SF. 5 ack 1" => [], Listen, [];
    rcv_syn_fin_ack_in_window_in_syn_received_of_simultaneous_open: SynReceived,
        "SF. 5 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_ack_in_window_in_established: Established,
        "SF. 5 ack 1" => [". 1 ack 1"], Established, [];
    rcv_syn_fin_ack_in_window_in_fin_wait_1: FinWait1, "SF. 5 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_fin_ack_in_window_in_fin_wait_2: FinWait2, "SF. 5 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_fin_ack_in_window_in_close_wait: CloseWait,
        "SF. 6 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_fin_ack_in_window_in_closing: Closing, "SF. 6 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_syn_fin_ack_in_window_in_last_ack: LastAck, "SF. 6 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_syn_fin_ack_in_window_in_time_wait: TimeWait, "SF. 6 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// At RCV.NXT, with FIN, with ACK and with both: the same.
    rcv_syn_fin_exact_in_syn_received: Tcp::called(), "SF 1" => [], Listen, [];
    rcv_syn_fin_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "SF 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_exact_in_established: Established, "SF 1" => [". 1 ack 1"], Established, [];
    rcv_syn_fin_exact_in_fin_wait_1: FinWait1, "SF 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_fin_exact_in_fin_wait_2: FinWait2, "SF 1" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_fin_exact_in_close_wait: CloseWait, "SF 2" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_fin_exact_in_closing: Closing, "SF 2" => [". 2 ack 2"], Closing, [];
    rcv_syn_fin_exact_in_last_ack: LastAck, "SF 2" => [". 2 ack 2"], LastAck, [];
    rcv_syn_fin_exact_in_time_wait: TimeWait, "SF 2" => [". 2 ack 2"], TimeWait, [];
    rcv_syn_ack_exact_in_syn_received: Tcp::called(), "S. 1 ack 1" => [], Listen, [];
    rcv_syn_ack_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "S. 1 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_ack_exact_in_established: Established, "S. 1 ack 1" => [". 1 ack 1"], Established, [];
    rcv_syn_ack_exact_in_fin_wait_1: FinWait1, "S. 1 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_ack_exact_in_fin_wait_2: FinWait2, "S. 1 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_ack_exact_in_close_wait: CloseWait, "S. 2 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_ack_exact_in_closing: Closing, "S. 2 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_syn_ack_exact_in_last_ack: LastAck, "S. 2 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_syn_ack_exact_in_time_wait: TimeWait, "S. 2 ack 2" => [". 2 ack 2"], TimeWait, [];
    rcv_syn_fin_ack_exact_in_syn_received: Tcp::called(), "SF. 1 ack 1" => [], Listen, [];
    rcv_syn_fin_ack_exact_in_syn_received_of_simultaneous_open: SynReceived,
        "SF. 1 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_ack_exact_in_established: Established,
        "SF. 1 ack 1" => [". 1 ack 1"], Established, [];
    rcv_syn_fin_ack_exact_in_fin_wait_1: FinWait1, "SF. 1 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_fin_ack_exact_in_fin_wait_2: FinWait2, "SF. 1 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_fin_ack_exact_in_close_wait: CloseWait, "SF. 2 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_fin_ack_exact_in_closing: Closing, "SF. 2 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_syn_fin_ack_exact_in_last_ack: LastAck, "SF. 2 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_syn_fin_ack_exact_in_time_wait: TimeWait, "SF. 2 ack 2" => [". 2 ack 2"], TimeWait, [];
}

/// RFC 5961 7: also the SYN-ACK repeats are limited.
#[test]
fn a_storm_of_syns_is_answered_ten_times_a_second() {
    let mut tcp = Tcp::called();
    for _ in 0..10_000 {
        send!(tcp, "S 0");
    }
    assert_eq!(tcp.sent().len(), 10);
}

/// Two ends that both opened agree, whichever segments cross (figure 8).
#[test]
fn a_simultaneous_open_ends_in_established_on_both_ends() {
    let mut tcp: Tcp = SynSent.into();
    send!(tcp, "S 0");
    recv!(tcp, ["S. 0 ack 1"]);
    send!(tcp, "S. 0 ack 1");
    send!(tcp, "S. 0 ack 1");
    recv!(tcp, [". 1 ack 1"]);
    assert_eq!(tcp.state(), Established);
}
