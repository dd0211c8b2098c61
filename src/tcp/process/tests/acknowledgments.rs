//! The ACK field: RFC 9293 3.10.7.4, fifth; RFC 5961 5.2.

use super::fixture::{Tcp, cases, send};
use crate::tcp::State::*;

cases! {
    /// "if the ACK bit is off, drop the segment and return".
    rcv_data_without_ack_in_established: Established, "P 1:5" => [], Established, [];
    /// "if the ACK bit is off, drop": also a FIN.
    rcv_fin_without_ack_in_established: Established, "F 1" => [], Established, [];
    /// "if the ACK bit is off, drop".
    rcv_fin_without_ack_in_fin_wait_1: FinWait1, "F 1" => [], FinWait1, [];
    /// "if the ACK bit is off, drop".
    rcv_fin_without_ack_in_fin_wait_2: FinWait2, "F 1" => [], FinWait2, [];
    /// "if the ACK bit is off, drop".
    rcv_no_ack_in_close_wait: CloseWait, "P 2:5" => [], CloseWait, [];
    /// "if the ACK bit is off, drop".
    rcv_no_ack_in_closing: Closing, "P 2:5" => [], Closing, [];
    /// "if the ACK bit is off, drop".
    rcv_no_ack_in_last_ack: LastAck, "P 2:5" => [], LastAck, [];

    /// "If the ACK is a duplicate (SEG.ACK =< SND.UNA), it can be ignored."
    rcv_duplicate_ack_in_established: Established, ". 1 ack 1" => [], Established, [];
    /// "If the ACK acks something not yet sent, then send an ACK, drop the segment".
    rcv_ack_too_new_in_established: Established, ". 1 ack 2" => [". 1 ack 1"], Established, [];
    /// The same: nothing of the segment counts.
    rcv_fin_ack_too_new_in_established: Established, "F. 1 ack 2" => [". 1 ack 1"],
        Established, [];
    /// RFC 5961 5.2: older than SND.UNA - MAX.SND.WND.
    rcv_ack_too_old_in_established: Established, ". 1 ack -1000" => [". 1 ack 1"],
        Established, [];
    /// RFC 5961 5.2: at SND.UNA - MAX.SND.WND.
    rcv_oldest_ack_in_established: Established, ". 1 ack -999" => [], Established, [];
    /// As in ESTABLISHED.
    rcv_ack_too_new_in_fin_wait_1: FinWait1, ". 1 ack 3" => [". 2 ack 1"], FinWait1, [];
    /// As in ESTABLISHED.
    rcv_ack_too_new_in_fin_wait_2: FinWait2, ". 1 ack 3" => [". 2 ack 1"], FinWait2, [];
    /// As in ESTABLISHED.
    rcv_ack_too_new_in_close_wait: CloseWait, ". 2 ack 2" => [". 1 ack 2"], CloseWait, [];
    /// As in ESTABLISHED.
    rcv_ack_too_new_in_closing: Closing, ". 2 ack 3" => [". 2 ack 2"], Closing, [];
    /// As in ESTABLISHED.
    rcv_ack_too_new_in_last_ack: LastAck, ". 2 ack 3" => [". 2 ack 2"], LastAck, [];
    /// As in ESTABLISHED.
    rcv_ack_too_new_in_time_wait: TimeWait, ". 2 ack 3" => [". 2 ack 2"], TimeWait, [];

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

    /// First: "If an incoming segment is not acceptable, an acknowledgment should be sent in reply".
    rcv_old_ack_segment_in_established: Established, ". 0 ack 1" => [". 1 ack 1"], Established, [];
    /// First: beyond the window.
    rcv_ack_beyond_window_in_established: Established, ". 1001 ack 1" => [". 1 ack 1"],
        Established, [];
    /// First: unacceptable, so its ACK is not taken.
    rcv_ack_beyond_window_in_fin_wait_1: FinWait1, ". 1001 ack 2" => [". 2 ack 1"], FinWait1, [];
    /// In the window with a hole before it and nothing in it: an ACK is no reason for an ACK.
    rcv_ack_after_hole_in_established: Established, ". 5 ack 1" => [], Established, [];
    /// The same: what it acknowledges counts.
    rcv_ack_after_hole_in_fin_wait_1: FinWait1, ". 5 ack 2" => [], FinWait2, [CloseAcknowledged];
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
