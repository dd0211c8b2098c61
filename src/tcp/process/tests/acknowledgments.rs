//! The ACK field: RFC 9293 3.10.7.4, fifth; RFC 5961 5.2.

use super::fixture::{Tcp, cases, send};
use crate::tcp::State::*;

cases! {
    /// "If the ACK is a duplicate (SEG.ACK =< SND.UNA), it can be ignored."
    rcv_duplicate_ack_in_established: Established, ". 1 ack 1" => [], Established, [];

    /// "FIN-WAIT-1 ... if the FIN segment is now acknowledged, then enter FIN-WAIT-2".
    rcv_ack_of_fin_in_fin_wait_1: FinWait1, ". 1 ack 2" => [], FinWait2, [CloseAcknowledged];
    /// It is not: nothing changes.
    rcv_ack_before_fin_in_fin_wait_1: FinWait1, ". 1 ack 1" => [], FinWait1, [];
    /// "CLOSING ... if the ACK acknowledges our FIN, then enter TIME-WAIT".
    rcv_ack_of_fin_in_closing: Closing, ". 2 ack 2" => [], TimeWait, [CloseAcknowledged];
    /// "otherwise, ignore the segment".
    rcv_ack_before_fin_in_closing: Closing, ". 2 ack 1" => [], Closing, [];
    /// "LAST-ACK ... If our FIN is now acknowledged, delete the TCB, enter CLOSED".
    rcv_ack_of_fin_in_last_ack: LastAck, ". 2 ack 2" => [], Closed, [CloseAcknowledged];
    /// It is not: nothing changes.
    rcv_ack_before_fin_in_last_ack: LastAck, ". 2 ack 1" => [], LastAck, [];
    /// As in ESTABLISHED.
    rcv_ack_in_fin_wait_2: FinWait2, ". 1 ack 2" => [], FinWait2, [];
    /// As in ESTABLISHED.
    rcv_ack_in_close_wait: CloseWait, ". 2 ack 1" => [], CloseWait, [];
    /// Nothing to do.
    rcv_ack_in_time_wait: TimeWait, ". 2 ack 2" => [], TimeWait, [];

    /// First: "not acceptable, an acknowledgment should be sent in reply".
    rcv_old_ack_segment_in_established: Established, ". 0 ack 1" => [". 1 ack 1"], Established, [];

    /// "if the ACK bit is off, drop the segment and return": without any flag.
    rcv_null_in_syn_received: Tcp::called(), "none 1" => [], SynReceived, [];
    rcv_null_in_syn_received_of_simultaneous_open: SynReceived, "none 1" => [], SynReceived, [];
    rcv_null_in_established: Established, "none 1" => [], Established, [];
    rcv_null_in_fin_wait_1: FinWait1, "none 1" => [], FinWait1, [];
    rcv_null_in_fin_wait_2: FinWait2, "none 1" => [], FinWait2, [];
    rcv_null_in_close_wait: CloseWait, "none 2" => [], CloseWait, [];
    rcv_null_in_closing: Closing, "none 2" => [], Closing, [];
    rcv_null_in_last_ack: LastAck, "none 2" => [], LastAck, [];
    rcv_null_in_time_wait: TimeWait, "none 2" => [], TimeWait, [];
    /// "if the ACK bit is off, drop": a FIN does not count.
    rcv_fin_without_ack_in_syn_received: Tcp::called(), "F 1" => [], SynReceived, [];
    rcv_fin_without_ack_in_syn_received_of_simultaneous_open: SynReceived,
        "F 1" => [], SynReceived, [];
    rcv_fin_without_ack_in_established: Established, "F 1" => [], Established, [];
    rcv_fin_without_ack_in_fin_wait_1: FinWait1, "F 1" => [], FinWait1, [];
    rcv_fin_without_ack_in_fin_wait_2: FinWait2, "F 1" => [], FinWait2, [];
    rcv_fin_without_ack_in_close_wait: CloseWait, "F 2" => [], CloseWait, [];
    rcv_fin_without_ack_in_closing: Closing, "F 2" => [], Closing, [];
    rcv_fin_without_ack_in_last_ack: LastAck, "F 2" => [], LastAck, [];
    rcv_fin_without_ack_in_time_wait: TimeWait, "F 2" => [], TimeWait, [];
    /// "if the ACK bit is off, drop": text does not count.
    rcv_data_without_ack_in_syn_received_of_simultaneous_open: SynReceived,
        "P 1:5" => [], SynReceived, [];
    rcv_data_without_ack_in_established: Established, "P 1:5" => [], Established, [];
    rcv_data_without_ack_in_fin_wait_1: FinWait1, "P 1:5" => [], FinWait1, [];
    rcv_data_without_ack_in_fin_wait_2: FinWait2, "P 1:5" => [], FinWait2, [];
    rcv_data_without_ack_in_close_wait: CloseWait, "P 2:5" => [], CloseWait, [];
    rcv_data_without_ack_in_closing: Closing, "P 2:5" => [], Closing, [];
    rcv_data_without_ack_in_last_ack: LastAck, "P 2:5" => [], LastAck, [];
    rcv_data_without_ack_in_time_wait: TimeWait, "P 2:5" => [], TimeWait, [];

    /// RFC 5961 5.2: "SND.UNA - MAX.SND.WND =< SEG.ACK" does not hold: "an ACK sent back".
    rcv_ack_too_old_in_established: Established, ". 1 ack -1000" => [". 1 ack 1"], Established, [];
    rcv_ack_too_old_in_fin_wait_1: FinWait1, ". 1 ack -1000" => [". 2 ack 1"], FinWait1, [];
    rcv_ack_too_old_in_fin_wait_2: FinWait2, ". 1 ack -999" => [". 2 ack 1"], FinWait2, [];
    rcv_ack_too_old_in_close_wait: CloseWait, ". 2 ack -1000" => [". 1 ack 2"], CloseWait, [];
    rcv_ack_too_old_in_closing: Closing, ". 2 ack -1000" => [". 2 ack 2"], Closing, [];
    rcv_ack_too_old_in_last_ack: LastAck, ". 2 ack -1000" => [". 2 ack 2"], LastAck, [];
    rcv_ack_too_old_in_time_wait: TimeWait, ". 2 ack -999" => [". 2 ack 2"], TimeWait, [];
    rcv_fin_ack_too_old_in_established: Established,
        "F. 1 ack -1000" => [". 1 ack 1"], Established, [];
    rcv_fin_ack_too_old_in_fin_wait_1: FinWait1, "F. 1 ack -1000" => [". 2 ack 1"], FinWait1, [];
    rcv_fin_ack_too_old_in_fin_wait_2: FinWait2, "F. 1 ack -999" => [". 2 ack 1"], FinWait2, [];
    rcv_fin_ack_too_old_in_close_wait: CloseWait, "F. 2 ack -1000" => [". 1 ack 2"], CloseWait, [];
    rcv_fin_ack_too_old_in_closing: Closing, "F. 2 ack -1000" => [". 2 ack 2"], Closing, [];
    rcv_fin_ack_too_old_in_last_ack: LastAck, "F. 2 ack -1000" => [". 2 ack 2"], LastAck, [];
    rcv_fin_ack_too_old_in_time_wait: TimeWait, "F. 2 ack -999" => [". 2 ack 2"], TimeWait, [];
    rcv_data_ack_too_old_in_established: Established,
        "P. 1:5 ack -1000" => [". 1 ack 1"], Established, [];
    rcv_data_ack_too_old_in_fin_wait_1: FinWait1, "P. 1:5 ack -1000" => [". 2 ack 1"], FinWait1, [];
    rcv_data_ack_too_old_in_fin_wait_2: FinWait2, "P. 1:5 ack -999" => [". 2 ack 1"], FinWait2, [];
    rcv_data_ack_too_old_in_close_wait: CloseWait,
        "P. 2:6 ack -1000" => [". 1 ack 2"], CloseWait, [];
    rcv_data_ack_too_old_in_closing: Closing, "P. 2:6 ack -1000" => [". 2 ack 2"], Closing, [];
    rcv_data_ack_too_old_in_last_ack: LastAck, "P. 2:6 ack -1000" => [". 2 ack 2"], LastAck, [];
    rcv_data_ack_too_old_in_time_wait: TimeWait, "P. 2:6 ack -999" => [". 2 ack 2"], TimeWait, [];
    /// RFC 5961 5.2: it just holds: a duplicate, "it can be ignored".
    rcv_oldest_ack_in_established: Established, ". 1 ack -999" => [], Established, [];
    rcv_oldest_ack_in_fin_wait_1: FinWait1, ". 1 ack -999" => [], FinWait1, [];
    rcv_oldest_ack_in_fin_wait_2: FinWait2, ". 1 ack -998" => [], FinWait2, [];
    rcv_oldest_ack_in_close_wait: CloseWait, ". 2 ack -999" => [], CloseWait, [];
    rcv_oldest_ack_in_closing: Closing, ". 2 ack -999" => [], Closing, [];
    rcv_oldest_ack_in_last_ack: LastAck, ". 2 ack -999" => [], LastAck, [];
    rcv_oldest_ack_in_time_wait: TimeWait, ". 2 ack -998" => [], TimeWait, [];
    /// "acks something not yet sent (SEG.ACK > SND.NXT), then send an ACK, drop the segment".
    rcv_ack_too_new_in_established: Established, ". 1 ack 2" => [". 1 ack 1"], Established, [];
    rcv_ack_too_new_in_fin_wait_1: FinWait1, ". 1 ack 3" => [". 2 ack 1"], FinWait1, [];
    rcv_ack_too_new_in_fin_wait_2: FinWait2, ". 1 ack 3" => [". 2 ack 1"], FinWait2, [];
    rcv_ack_too_new_in_close_wait: CloseWait, ". 2 ack 2" => [". 1 ack 2"], CloseWait, [];
    rcv_ack_too_new_in_closing: Closing, ". 2 ack 3" => [". 2 ack 2"], Closing, [];
    rcv_ack_too_new_in_last_ack: LastAck, ". 2 ack 3" => [". 2 ack 2"], LastAck, [];
    rcv_ack_too_new_in_time_wait: TimeWait, ". 2 ack 3" => [". 2 ack 2"], TimeWait, [];
    rcv_fin_ack_too_new_in_established: Established, "F. 1 ack 2" => [". 1 ack 1"], Established, [];
    rcv_fin_ack_too_new_in_fin_wait_1: FinWait1, "F. 1 ack 3" => [". 2 ack 1"], FinWait1, [];
    rcv_fin_ack_too_new_in_fin_wait_2: FinWait2, "F. 1 ack 3" => [". 2 ack 1"], FinWait2, [];
    rcv_fin_ack_too_new_in_close_wait: CloseWait, "F. 2 ack 2" => [". 1 ack 2"], CloseWait, [];
    rcv_fin_ack_too_new_in_closing: Closing, "F. 2 ack 3" => [". 2 ack 2"], Closing, [];
    rcv_fin_ack_too_new_in_last_ack: LastAck, "F. 2 ack 3" => [". 2 ack 2"], LastAck, [];
    rcv_fin_ack_too_new_in_time_wait: TimeWait, "F. 2 ack 3" => [". 2 ack 2"], TimeWait, [];
    rcv_data_ack_too_new_in_established: Established,
        "P. 1:5 ack 2" => [". 1 ack 1"], Established, [];
    rcv_data_ack_too_new_in_fin_wait_1: FinWait1, "P. 1:5 ack 3" => [". 2 ack 1"], FinWait1, [];
    rcv_data_ack_too_new_in_fin_wait_2: FinWait2, "P. 1:5 ack 3" => [". 2 ack 1"], FinWait2, [];
    rcv_data_ack_too_new_in_close_wait: CloseWait, "P. 2:6 ack 2" => [". 1 ack 2"], CloseWait, [];
    rcv_data_ack_too_new_in_closing: Closing, "P. 2:6 ack 3" => [". 2 ack 2"], Closing, [];
    rcv_data_ack_too_new_in_last_ack: LastAck, "P. 2:6 ack 3" => [". 2 ack 2"], LastAck, [];
    rcv_data_ack_too_new_in_time_wait: TimeWait, "P. 2:6 ack 3" => [". 2 ack 2"], TimeWait, [];
    /// SYN-RECEIVED: "If the segment acknowledgment is not acceptable, form a reset segment".
    /// RFC 5961 5.2 would send an ACK; the reset tells a peer with an old connection (3.5.1).
    rcv_ack_too_old_in_syn_received_of_simultaneous_open: SynReceived,
        ". 1 ack 0" => ["R 0"], SynReceived, [];
    rcv_ack_too_new_in_syn_received_of_simultaneous_open: SynReceived,
        ". 1 ack 2" => ["R 2"], SynReceived, [];
    rcv_fin_ack_too_old_in_syn_received: Tcp::called(), "F. 1 ack 0" => ["R 0"], SynReceived, [];
    rcv_fin_ack_too_old_in_syn_received_of_simultaneous_open: SynReceived,
        "F. 1 ack 0" => ["R 0"], SynReceived, [];
    rcv_fin_ack_too_new_in_syn_received: Tcp::called(), "F. 1 ack 2" => ["R 2"], SynReceived, [];
    rcv_fin_ack_too_new_in_syn_received_of_simultaneous_open: SynReceived,
        "F. 1 ack 2" => ["R 2"], SynReceived, [];
    rcv_data_ack_too_old_in_syn_received: Tcp::called(), "P. 1:5 ack 0" => ["R 0"], SynReceived, [];
    rcv_data_ack_too_old_in_syn_received_of_simultaneous_open: SynReceived,
        "P. 1:5 ack 0" => ["R 0"], SynReceived, [];
    rcv_data_ack_too_new_in_syn_received: Tcp::called(), "P. 1:5 ack 2" => ["R 2"], SynReceived, [];
    rcv_data_ack_too_new_in_syn_received_of_simultaneous_open: SynReceived,
        "P. 1:5 ack 2" => ["R 2"], SynReceived, [];

    /// "if the ACK bit is off, drop": also after a hole.
    rcv_null_after_hole_in_syn_received: Tcp::called(), "none 5" => [], SynReceived, [];
    rcv_null_after_hole_in_syn_received_of_simultaneous_open: SynReceived,
        "none 5" => [], SynReceived, [];
    rcv_null_after_hole_in_established: Established, "none 5" => [], Established, [];
    rcv_null_after_hole_in_fin_wait_1: FinWait1, "none 5" => [], FinWait1, [];
    rcv_null_after_hole_in_fin_wait_2: FinWait2, "none 5" => [], FinWait2, [];
    rcv_null_after_hole_in_close_wait: CloseWait, "none 6" => [], CloseWait, [];
    rcv_null_after_hole_in_closing: Closing, "none 6" => [], Closing, [];
    rcv_null_after_hole_in_last_ack: LastAck, "none 6" => [], LastAck, [];
    rcv_null_after_hole_in_time_wait: TimeWait, "none 6" => [], TimeWait, [];
    rcv_fin_without_ack_after_hole_in_syn_received: Tcp::called(), "F 5" => [], SynReceived, [];
    rcv_fin_without_ack_after_hole_in_syn_received_of_simultaneous_open: SynReceived,
        "F 5" => [], SynReceived, [];
    rcv_fin_without_ack_after_hole_in_established: Established, "F 5" => [], Established, [];
    rcv_fin_without_ack_after_hole_in_fin_wait_1: FinWait1, "F 5" => [], FinWait1, [];
    rcv_fin_without_ack_after_hole_in_fin_wait_2: FinWait2, "F 5" => [], FinWait2, [];
    rcv_fin_without_ack_after_hole_in_close_wait: CloseWait, "F 6" => [], CloseWait, [];
    rcv_fin_without_ack_after_hole_in_closing: Closing, "F 6" => [], Closing, [];
    rcv_fin_without_ack_after_hole_in_last_ack: LastAck, "F 6" => [], LastAck, [];
    rcv_fin_without_ack_after_hole_in_time_wait: TimeWait, "F 6" => [], TimeWait, [];
    /// In the window with a hole before it and nothing in it: an ACK is no reason for an ACK.
    rcv_ack_after_hole_in_syn_received: Tcp::called(),
        ". 5 ack 1" => [], Established, [Established];
    rcv_ack_after_hole_in_syn_received_of_simultaneous_open: SynReceived,
        ". 5 ack 1" => [], Established, [Established];
    rcv_ack_after_hole_in_established: Established, ". 5 ack 1" => [], Established, [];
    rcv_ack_after_hole_in_fin_wait_1: FinWait1, ". 5 ack 1" => [], FinWait1, [];
    rcv_ack_after_hole_in_fin_wait_2: FinWait2, ". 5 ack 2" => [], FinWait2, [];
    rcv_ack_after_hole_in_close_wait: CloseWait, ". 6 ack 1" => [], CloseWait, [];
    rcv_ack_after_hole_in_closing: Closing, ". 6 ack 1" => [], Closing, [];
    rcv_ack_after_hole_in_last_ack: LastAck, ". 6 ack 1" => [], LastAck, [];
    rcv_ack_after_hole_in_time_wait: TimeWait, ". 6 ack 2" => [], TimeWait, [];
    /// The same: what it acknowledges counts.
    rcv_ack_of_fin_after_hole_in_fin_wait_1: FinWait1,
        ". 5 ack 2" => [], FinWait2, [CloseAcknowledged];
    rcv_ack_of_fin_after_hole_in_closing: Closing, ". 6 ack 2" => [], TimeWait, [CloseAcknowledged];
    rcv_ack_of_fin_after_hole_in_last_ack: LastAck, ". 6 ack 2" => [], Closed, [CloseAcknowledged];
}

/// "SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)": old segments set no window.
#[test]
fn an_overtaken_segment_does_not_set_the_window() {
    let mut tcp: Tcp = Established.into();
    send!(tcp, "P. 1:5 ack 1 win 700");
    assert_eq!(tcp.connection.snd.wnd, 700);
    send!(tcp, "P. 3:8 ack 1 win 600");
    assert_eq!(tcp.connection.snd.wnd, 600);
    send!(tcp, "P. 1:9 ack 1 win 500");
    assert_eq!(tcp.connection.snd.wnd, 600);
    assert_eq!(tcp.connection.snd.max_wnd, 1000);
}
