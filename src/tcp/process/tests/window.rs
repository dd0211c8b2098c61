//! Out of the window in every state: RFC 9293 3.10.7.4, first (table 6): "If an incoming segment is
//! not acceptable, an acknowledgment should be sent in reply ... drop the unacceptable segment".
//! That of RSTs is with the resets.

use super::fixture::{Tcp, cases};
use crate::tcp::State::{self, *};

/// `state` with no room for more: RCV.WND is 0.
fn full(state: State) -> Tcp {
    let mut tcp = Tcp::from(state);
    tcp.connection.rcv.wnd = 0;
    tcp
}

cases! {
    /// SEG.SEQ+SEG.LEN-1 < RCV.NXT: a segment without flags.
    rcv_null_before_window_in_syn_received: Tcp::called(),
        "none -4" => [". 1 ack 1"], SynReceived, [];
    rcv_null_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "none -4" => [". 1 ack 1"], SynReceived, [];
    rcv_null_before_window_in_established: Established, "none -4" => [". 1 ack 1"], Established, [];
    rcv_null_before_window_in_fin_wait_1: FinWait1, "none -4" => [". 2 ack 1"], FinWait1, [];
    rcv_null_before_window_in_fin_wait_2: FinWait2, "none -4" => [". 2 ack 1"], FinWait2, [];
    rcv_null_before_window_in_close_wait: CloseWait, "none -3" => [". 1 ack 2"], CloseWait, [];
    rcv_null_before_window_in_closing: Closing, "none -3" => [". 2 ack 2"], Closing, [];
    rcv_null_before_window_in_last_ack: LastAck, "none -3" => [". 2 ack 2"], LastAck, [];
    rcv_null_before_window_in_time_wait: TimeWait, "none -3" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ+SEG.LEN-1 < RCV.NXT: FIN.
    rcv_fin_without_ack_before_window_in_syn_received: Tcp::called(),
        "F -4" => [". 1 ack 1"], SynReceived, [];
    rcv_fin_without_ack_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "F -4" => [". 1 ack 1"], SynReceived, [];
    rcv_fin_without_ack_before_window_in_established: Established,
        "F -4" => [". 1 ack 1"], Established, [];
    rcv_fin_without_ack_before_window_in_fin_wait_1: FinWait1,
        "F -4" => [". 2 ack 1"], FinWait1, [];
    rcv_fin_without_ack_before_window_in_fin_wait_2: FinWait2,
        "F -4" => [". 2 ack 1"], FinWait2, [];
    rcv_fin_without_ack_before_window_in_close_wait: CloseWait,
        "F -3" => [". 1 ack 2"], CloseWait, [];
    rcv_fin_without_ack_before_window_in_closing: Closing, "F -3" => [". 2 ack 2"], Closing, [];
    rcv_fin_without_ack_before_window_in_last_ack: LastAck, "F -3" => [". 2 ack 2"], LastAck, [];
    rcv_fin_without_ack_before_window_in_time_wait: TimeWait, "F -3" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ+SEG.LEN-1 < RCV.NXT: SYN, also for RFC 5961 4.2.
    rcv_syn_before_window_in_syn_received: Tcp::called(), "S -4" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "S -4" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_before_window_in_established: Established, "S -4" => [". 1 ack 1"], Established, [];
    rcv_syn_before_window_in_fin_wait_1: FinWait1, "S -4" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_before_window_in_fin_wait_2: FinWait2, "S -4" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_before_window_in_close_wait: CloseWait, "S -3" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_before_window_in_closing: Closing, "S -3" => [". 2 ack 2"], Closing, [];
    rcv_syn_before_window_in_last_ack: LastAck, "S -3" => [". 2 ack 2"], LastAck, [];
    rcv_syn_before_window_in_time_wait: TimeWait, "S -3" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ+SEG.LEN-1 < RCV.NXT: SYN and FIN.
    rcv_syn_fin_before_window_in_syn_received: Tcp::called(),
        "SF -4" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "SF -4" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_before_window_in_established: Established,
        "SF -4" => [". 1 ack 1"], Established, [];
    rcv_syn_fin_before_window_in_fin_wait_1: FinWait1, "SF -4" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_fin_before_window_in_fin_wait_2: FinWait2, "SF -4" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_fin_before_window_in_close_wait: CloseWait, "SF -3" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_fin_before_window_in_closing: Closing, "SF -3" => [". 2 ack 2"], Closing, [];
    rcv_syn_fin_before_window_in_last_ack: LastAck, "SF -3" => [". 2 ack 2"], LastAck, [];
    rcv_syn_fin_before_window_in_time_wait: TimeWait, "SF -3" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ+SEG.LEN-1 < RCV.NXT: ACK.
    rcv_ack_before_window_in_syn_received: Tcp::called(),
        ". -4 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_ack_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        ". -4 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_ack_before_window_in_established: Established,
        ". -4 ack 1" => [". 1 ack 1"], Established, [];
    rcv_ack_before_window_in_fin_wait_1: FinWait1, ". -4 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_ack_before_window_in_fin_wait_2: FinWait2, ". -4 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_ack_before_window_in_close_wait: CloseWait, ". -3 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_ack_before_window_in_closing: Closing, ". -3 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_ack_before_window_in_last_ack: LastAck, ". -3 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_ack_before_window_in_time_wait: TimeWait, ". -3 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ+SEG.LEN-1 < RCV.NXT: FIN and ACK: the ACK is not looked at.
    rcv_fin_ack_before_window_in_syn_received: Tcp::called(),
        "F. -4 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_fin_ack_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "F. -4 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_fin_ack_before_window_in_established: Established,
        "F. -4 ack 1" => [". 1 ack 1"], Established, [];
    rcv_fin_ack_before_window_in_fin_wait_1: FinWait1, "F. -4 ack 2" => [". 2 ack 1"], FinWait1, [];
    rcv_fin_ack_before_window_in_fin_wait_2: FinWait2, "F. -4 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_fin_ack_before_window_in_close_wait: CloseWait,
        "F. -3 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_fin_ack_before_window_in_closing: Closing, "F. -3 ack 2" => [". 2 ack 2"], Closing, [];
    rcv_fin_ack_before_window_in_last_ack: LastAck, "F. -3 ack 2" => [". 2 ack 2"], LastAck, [];
    rcv_fin_ack_before_window_in_time_wait: TimeWait, "F. -3 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ+SEG.LEN-1 < RCV.NXT: SYN and ACK.
    rcv_syn_ack_before_window_in_syn_received: Tcp::called(),
        "S. -4 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_ack_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "S. -4 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_ack_before_window_in_established: Established,
        "S. -4 ack 1" => [". 1 ack 1"], Established, [];
    rcv_syn_ack_before_window_in_fin_wait_1: FinWait1, "S. -4 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_ack_before_window_in_fin_wait_2: FinWait2, "S. -4 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_ack_before_window_in_close_wait: CloseWait,
        "S. -3 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_ack_before_window_in_closing: Closing, "S. -3 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_syn_ack_before_window_in_last_ack: LastAck, "S. -3 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_syn_ack_before_window_in_time_wait: TimeWait, "S. -3 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ+SEG.LEN-1 < RCV.NXT: SYN, FIN and ACK.
    rcv_syn_fin_ack_before_window_in_syn_received: Tcp::called(),
        "SF. -4 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_ack_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "SF. -4 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_ack_before_window_in_established: Established,
        "SF. -4 ack 1" => [". 1 ack 1"], Established, [];
    rcv_syn_fin_ack_before_window_in_fin_wait_1: FinWait1,
        "SF. -4 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_fin_ack_before_window_in_fin_wait_2: FinWait2,
        "SF. -4 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_fin_ack_before_window_in_close_wait: CloseWait,
        "SF. -3 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_fin_ack_before_window_in_closing: Closing, "SF. -3 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_syn_fin_ack_before_window_in_last_ack: LastAck,
        "SF. -3 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_syn_fin_ack_before_window_in_time_wait: TimeWait,
        "SF. -3 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ+SEG.LEN-1 < RCV.NXT: text.
    rcv_data_before_window_in_syn_received: Tcp::called(),
        "P. -4:0 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_data_before_window_in_syn_received_of_simultaneous_open: SynReceived,
        "P. -4:0 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_data_before_window_in_established: Established,
        "P. -4:0 ack 1" => [". 1 ack 1"], Established, [];
    rcv_data_before_window_in_fin_wait_1: FinWait1, "P. -4:0 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_data_before_window_in_fin_wait_2: FinWait2, "P. -4:0 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_data_before_window_in_close_wait: CloseWait,
        "P. -3:1 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_data_before_window_in_closing: Closing, "P. -3:1 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_data_before_window_in_last_ack: LastAck, "P. -3:1 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_data_before_window_in_time_wait: TimeWait, "P. -3:1 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ >= RCV.NXT+RCV.WND: a segment without flags.
    rcv_null_beyond_window_in_syn_received: Tcp::called(),
        "none 1001" => [". 1 ack 1"], SynReceived, [];
    rcv_null_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "none 1001" => [". 1 ack 1"], SynReceived, [];
    rcv_null_beyond_window_in_established: Established,
        "none 1001" => [". 1 ack 1"], Established, [];
    rcv_null_beyond_window_in_fin_wait_1: FinWait1, "none 1001" => [". 2 ack 1"], FinWait1, [];
    rcv_null_beyond_window_in_fin_wait_2: FinWait2, "none 1001" => [". 2 ack 1"], FinWait2, [];
    rcv_null_beyond_window_in_close_wait: CloseWait, "none 1002" => [". 1 ack 2"], CloseWait, [];
    rcv_null_beyond_window_in_closing: Closing, "none 1002" => [". 2 ack 2"], Closing, [];
    rcv_null_beyond_window_in_last_ack: LastAck, "none 1002" => [". 2 ack 2"], LastAck, [];
    rcv_null_beyond_window_in_time_wait: TimeWait, "none 1002" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ >= RCV.NXT+RCV.WND: FIN.
    rcv_fin_without_ack_beyond_window_in_syn_received: Tcp::called(),
        "F 1001" => [". 1 ack 1"], SynReceived, [];
    rcv_fin_without_ack_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "F 1001" => [". 1 ack 1"], SynReceived, [];
    rcv_fin_without_ack_beyond_window_in_established: Established,
        "F 1001" => [". 1 ack 1"], Established, [];
    rcv_fin_without_ack_beyond_window_in_fin_wait_1: FinWait1,
        "F 1001" => [". 2 ack 1"], FinWait1, [];
    rcv_fin_without_ack_beyond_window_in_fin_wait_2: FinWait2,
        "F 1001" => [". 2 ack 1"], FinWait2, [];
    rcv_fin_without_ack_beyond_window_in_close_wait: CloseWait,
        "F 1002" => [". 1 ack 2"], CloseWait, [];
    rcv_fin_without_ack_beyond_window_in_closing: Closing, "F 1002" => [". 2 ack 2"], Closing, [];
    rcv_fin_without_ack_beyond_window_in_last_ack: LastAck, "F 1002" => [". 2 ack 2"], LastAck, [];
    rcv_fin_without_ack_beyond_window_in_time_wait: TimeWait,
        "F 1002" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ >= RCV.NXT+RCV.WND: SYN, also for RFC 5961 4.2.
    rcv_syn_beyond_window_in_syn_received: Tcp::called(),
        "S 1001" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "S 1001" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_beyond_window_in_established: Established, "S 1001" => [". 1 ack 1"], Established, [];
    rcv_syn_beyond_window_in_fin_wait_1: FinWait1, "S 1001" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_beyond_window_in_fin_wait_2: FinWait2, "S 1001" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_beyond_window_in_close_wait: CloseWait, "S 1002" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_beyond_window_in_closing: Closing, "S 1002" => [". 2 ack 2"], Closing, [];
    rcv_syn_beyond_window_in_last_ack: LastAck, "S 1002" => [". 2 ack 2"], LastAck, [];
    rcv_syn_beyond_window_in_time_wait: TimeWait, "S 1002" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ >= RCV.NXT+RCV.WND: SYN and FIN.
    rcv_syn_fin_beyond_window_in_syn_received: Tcp::called(),
        "SF 1001" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "SF 1001" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_beyond_window_in_established: Established,
        "SF 1001" => [". 1 ack 1"], Established, [];
    rcv_syn_fin_beyond_window_in_fin_wait_1: FinWait1, "SF 1001" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_fin_beyond_window_in_fin_wait_2: FinWait2, "SF 1001" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_fin_beyond_window_in_close_wait: CloseWait, "SF 1002" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_fin_beyond_window_in_closing: Closing, "SF 1002" => [". 2 ack 2"], Closing, [];
    rcv_syn_fin_beyond_window_in_last_ack: LastAck, "SF 1002" => [". 2 ack 2"], LastAck, [];
    rcv_syn_fin_beyond_window_in_time_wait: TimeWait, "SF 1002" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ >= RCV.NXT+RCV.WND: ACK.
    rcv_ack_beyond_window_in_syn_received: Tcp::called(),
        ". 1001 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_ack_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        ". 1001 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_ack_beyond_window_in_established: Established,
        ". 1001 ack 1" => [". 1 ack 1"], Established, [];
    rcv_ack_beyond_window_in_fin_wait_1: FinWait1, ". 1001 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_ack_beyond_window_in_fin_wait_2: FinWait2, ". 1001 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_ack_beyond_window_in_close_wait: CloseWait, ". 1002 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_ack_beyond_window_in_closing: Closing, ". 1002 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_ack_beyond_window_in_last_ack: LastAck, ". 1002 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_ack_beyond_window_in_time_wait: TimeWait, ". 1002 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ >= RCV.NXT+RCV.WND: FIN and ACK: the ACK is not looked at.
    rcv_fin_ack_beyond_window_in_syn_received: Tcp::called(),
        "F. 1001 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_fin_ack_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "F. 1001 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_fin_ack_beyond_window_in_established: Established,
        "F. 1001 ack 1" => [". 1 ack 1"], Established, [];
    rcv_fin_ack_beyond_window_in_fin_wait_1: FinWait1,
        "F. 1001 ack 2" => [". 2 ack 1"], FinWait1, [];
    rcv_fin_ack_beyond_window_in_fin_wait_2: FinWait2,
        "F. 1001 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_fin_ack_beyond_window_in_close_wait: CloseWait,
        "F. 1002 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_fin_ack_beyond_window_in_closing: Closing, "F. 1002 ack 2" => [". 2 ack 2"], Closing, [];
    rcv_fin_ack_beyond_window_in_last_ack: LastAck, "F. 1002 ack 2" => [". 2 ack 2"], LastAck, [];
    rcv_fin_ack_beyond_window_in_time_wait: TimeWait,
        "F. 1002 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ >= RCV.NXT+RCV.WND: SYN and ACK.
    rcv_syn_ack_beyond_window_in_syn_received: Tcp::called(),
        "S. 1001 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_ack_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "S. 1001 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_ack_beyond_window_in_established: Established,
        "S. 1001 ack 1" => [". 1 ack 1"], Established, [];
    rcv_syn_ack_beyond_window_in_fin_wait_1: FinWait1,
        "S. 1001 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_ack_beyond_window_in_fin_wait_2: FinWait2,
        "S. 1001 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_ack_beyond_window_in_close_wait: CloseWait,
        "S. 1002 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_ack_beyond_window_in_closing: Closing, "S. 1002 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_syn_ack_beyond_window_in_last_ack: LastAck, "S. 1002 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_syn_ack_beyond_window_in_time_wait: TimeWait,
        "S. 1002 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ >= RCV.NXT+RCV.WND: SYN, FIN and ACK.
    rcv_syn_fin_ack_beyond_window_in_syn_received: Tcp::called(),
        "SF. 1001 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_ack_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "SF. 1001 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_syn_fin_ack_beyond_window_in_established: Established,
        "SF. 1001 ack 1" => [". 1 ack 1"], Established, [];
    rcv_syn_fin_ack_beyond_window_in_fin_wait_1: FinWait1,
        "SF. 1001 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_syn_fin_ack_beyond_window_in_fin_wait_2: FinWait2,
        "SF. 1001 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_syn_fin_ack_beyond_window_in_close_wait: CloseWait,
        "SF. 1002 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_syn_fin_ack_beyond_window_in_closing: Closing,
        "SF. 1002 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_syn_fin_ack_beyond_window_in_last_ack: LastAck,
        "SF. 1002 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_syn_fin_ack_beyond_window_in_time_wait: TimeWait,
        "SF. 1002 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// SEG.SEQ >= RCV.NXT+RCV.WND: text.
    rcv_data_beyond_window_in_syn_received: Tcp::called(),
        "P. 1001:1005 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_data_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "P. 1001:1005 ack 1" => [". 1 ack 1"], SynReceived, [];
    rcv_data_beyond_window_in_established: Established,
        "P. 1001:1005 ack 1" => [". 1 ack 1"], Established, [];
    rcv_data_beyond_window_in_fin_wait_1: FinWait1,
        "P. 1001:1005 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_data_beyond_window_in_fin_wait_2: FinWait2,
        "P. 1001:1005 ack 2" => [". 2 ack 1"], FinWait2, [];
    rcv_data_beyond_window_in_close_wait: CloseWait,
        "P. 1002:1006 ack 1" => [". 1 ack 2"], CloseWait, [];
    rcv_data_beyond_window_in_closing: Closing, "P. 1002:1006 ack 1" => [". 2 ack 2"], Closing, [];
    rcv_data_beyond_window_in_last_ack: LastAck, "P. 1002:1006 ack 1" => [". 2 ack 2"], LastAck, [];
    rcv_data_beyond_window_in_time_wait: TimeWait,
        "P. 1002:1006 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// Table 6, length and window 0: SEG.SEQ = RCV.NXT.
    rcv_ack_at_zero_window_in_established: full(Established), ". 1 ack 1" => [], Established, [];
    rcv_ack_of_fin_at_zero_window_in_fin_wait_1: full(FinWait1),
        ". 1 ack 2" => [], FinWait2, [CloseAcknowledged];
    rcv_ack_of_fin_at_zero_window_in_closing: full(Closing),
        ". 2 ack 2" => [], TimeWait, [CloseAcknowledged];
    rcv_ack_of_fin_at_zero_window_in_last_ack: full(LastAck),
        ". 2 ack 2" => [], Closed, [CloseAcknowledged];
    rcv_rst_at_zero_window_in_established: full(Established), "R 1" => [], Closed, [Reset];
    /// The same: every other number is outside.
    rcv_ack_after_zero_window_in_established: full(Established),
        ". 2 ack 1" => [". 1 ack 1"], Established, [];
    rcv_rst_after_zero_window_in_established: full(Established), "R 2" => [], Established, [];
    /// Table 6, length > 0 and window 0: "not acceptable". The "special allowance ... to accept
    /// valid ACKs" is that for segments of length 0: what this one acknowledges comes again.
    rcv_data_at_zero_window_in_established: full(Established),
        "P. 1:2 ack 1" => [". 1 ack 1"], Established, [];
    rcv_data_at_zero_window_in_fin_wait_1: full(FinWait1),
        "P. 1:2 ack 2" => [". 2 ack 1"], FinWait1, [];
}
