//! Segment text: RFC 9293 3.10.7.4, first and seventh.

use super::fixture::{Tcp, cases, recv, send};
use crate::tcp::State::*;

cases! {
    /// Seventh: "acknowledge the data".
    rcv_data_in_established: Established, "P. 1:11 ack 1" => [". 1 ack 11"], Established, [];
    rcv_data_in_fin_wait_1: FinWait1, "P. 1:11 ack 1" => [". 2 ack 11"], FinWait1, [];
    rcv_data_in_fin_wait_2: FinWait2, "P. 1:11 ack 2" => [". 2 ack 11"], FinWait2, [];
    /// Fifth and seventh.
    rcv_data_and_ack_of_fin_in_fin_wait_1: FinWait1, "P. 1:11 ack 2" => [". 2 ack 11"],
        FinWait2, [CloseAcknowledged];
    /// Seventh: "This should not occur since a FIN has been received ... Ignore".
    rcv_data_in_close_wait: CloseWait, "P. 2:11 ack 1" => [], CloseWait, [];
    rcv_data_in_closing: Closing, "P. 2:11 ack 1" => [], Closing, [];
    rcv_data_in_last_ack: LastAck, "P. 2:11 ack 1" => [], LastAck, [];
    rcv_data_in_time_wait: TimeWait, "P. 2:11 ack 2" => [], TimeWait, [];

    /// First: old data again means that our ACK was lost.
    rcv_old_data_in_fin_wait_2: FinWait2, "P. -9:1 ack 2" => [". 2 ack 1"], FinWait2, [];
    /// First: a FIN beyond the window is not reached.
    rcv_fin_beyond_window_in_established: Established, "FP. 1:1501 ack 1" => [". 1 ack 1001"],
        Established, [];
    /// Sixth: the urgent pointer changes nothing for us.
    rcv_urgent_data_in_established: Established, "UP. 1:11 ack 1" => [". 1 ack 11"],
        Established, [];

    /// Fifth to seventh: the ACK that establishes may carry data.
    rcv_data_in_syn_received: Tcp::called(),
        "P. 1:11 ack 1" => [". 1 ack 11"], Established, [Established];
    rcv_data_in_syn_received_of_simultaneous_open: SynReceived,
        "P. 1:11 ack 1" => [". 1 ack 11"], Established, [Established];
    /// Seventh: with a hole before it nothing is taken, the answer says where.
    rcv_data_after_hole_in_syn_received: Tcp::called(),
        "P. 5:11 ack 1" => [". 1 ack 1"], Established, [Established];
    rcv_data_after_hole_in_syn_received_of_simultaneous_open: SynReceived,
        "P. 5:11 ack 1" => [". 1 ack 1"], Established, [Established];
    rcv_data_after_hole_in_established: Established,
        "P. 5:11 ack 1" => [". 1 ack 1"], Established, [];
    rcv_data_after_hole_in_fin_wait_1: FinWait1, "P. 5:11 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_data_after_hole_in_fin_wait_2: FinWait2, "P. 5:11 ack 2" => [". 2 ack 1"], FinWait2, [];
    /// Seventh: "Ignore the segment text", after a hole too.
    rcv_data_after_hole_in_close_wait: CloseWait, "P. 6:12 ack 1" => [], CloseWait, [];
    rcv_data_after_hole_in_closing: Closing, "P. 6:12 ack 1" => [], Closing, [];
    rcv_data_after_hole_in_last_ack: LastAck, "P. 6:12 ack 1" => [], LastAck, [];
    rcv_data_after_hole_in_time_wait: TimeWait, "P. 6:12 ack 2" => [], TimeWait, [];
    /// Fifth before seventh: the text is ignored, its ACK is not.
    rcv_data_and_ack_of_fin_in_closing: Closing,
        "P. 2:11 ack 2" => [], TimeWait, [CloseAcknowledged];
    rcv_data_and_ack_of_fin_in_last_ack: LastAck,
        "P. 2:11 ack 2" => [], Closed, [CloseAcknowledged];
    /// First: "If a segment's contents straddle the boundary ..., only the new parts".
    rcv_data_partly_old_in_syn_received: Tcp::called(),
        "P. -4:11 ack 1" => [". 1 ack 11"], Established, [Established];
    rcv_data_partly_old_in_syn_received_of_simultaneous_open: SynReceived,
        "P. -4:11 ack 1" => [". 1 ack 11"], Established, [Established];
    rcv_data_partly_old_in_established: Established,
        "P. -4:11 ack 1" => [". 1 ack 11"], Established, [];
    rcv_data_partly_old_in_fin_wait_1: FinWait1, "P. -4:11 ack 1" => [". 2 ack 11"], FinWait1, [];
    rcv_data_partly_old_in_fin_wait_2: FinWait2, "P. -4:11 ack 2" => [". 2 ack 11"], FinWait2, [];
    /// The same where there can be no new parts: ignored.
    rcv_data_partly_old_in_close_wait: CloseWait, "P. -3:12 ack 1" => [], CloseWait, [];
    rcv_data_partly_old_in_closing: Closing, "P. -3:12 ack 1" => [], Closing, [];
    rcv_data_partly_old_in_last_ack: LastAck, "P. -3:12 ack 1" => [], LastAck, [];
    rcv_data_partly_old_in_time_wait: TimeWait, "P. -3:12 ack 2" => [], TimeWait, [];
    /// First: the end of the window is that of what is taken.
    rcv_data_partly_beyond_window_in_syn_received: Tcp::called(),
        "P. 1:1501 ack 1" => [". 1 ack 1001"], Established, [Established];
    rcv_data_partly_beyond_window_in_syn_received_of_simultaneous_open: SynReceived,
        "P. 1:1501 ack 1" => [". 1 ack 1001"], Established, [Established];
    rcv_data_partly_beyond_window_in_established: Established,
        "P. 1:1501 ack 1" => [". 1 ack 1001"], Established, [];
    rcv_data_partly_beyond_window_in_fin_wait_1: FinWait1,
        "P. 1:1501 ack 1" => [". 2 ack 1001"], FinWait1, [];
    rcv_data_partly_beyond_window_in_fin_wait_2: FinWait2,
        "P. 1:1501 ack 2" => [". 2 ack 1001"], FinWait2, [];
}

/// Seventh: RCV.NXT moves with each byte, and over the wrap of the sequence space.
#[test]
fn data_in_order_is_acknowledged_as_it_comes() {
    let mut tcp: Tcp = Established.into();
    for (data, answer) in [
        ("P. 1:501 ack 1", ". 1 ack 501"),
        ("P. 501:1401 ack 1", ". 1 ack 1401"),
        ("P. 1:501 ack 1", ". 1 ack 1401"),
        ("P. 1401:1402 ack 1", ". 1 ack 1402"),
    ] {
        send!(tcp, data);
        recv!(tcp, [answer]);
    }
}

/// First, table 6: at a window of zero no data is acceptable; a FIN asks for no buffer.
#[test]
fn at_a_window_of_zero_only_a_bare_fin_is_taken() {
    let mut tcp: Tcp = Established.into();
    tcp.connection.rcv.wnd = 0;
    send!(tcp, "P. 1:2 ack 1");
    recv!(tcp, [". 1 ack 1"]);
    send!(tcp, "F. 1 ack 1");
    recv!(tcp, [". 1 ack 2"]);
    assert_eq!(tcp.state(), CloseWait);
}

/// RFC 5961 7: ten answers a second to data that is not acceptable.
#[test]
fn unacceptable_data_is_answered_ten_times_a_second() {
    let mut tcp: Tcp = Established.into();
    for _ in 0..10_000 {
        send!(tcp, "P. 5000:5001 ack 1");
    }
    assert_eq!(tcp.sent().len(), 10);
}
