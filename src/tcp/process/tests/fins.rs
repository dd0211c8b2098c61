//! FIN in every state: RFC 9293 3.10.7.4, eighth.

use super::fixture::{Tcp, cases, recv, send};
use crate::tcp::State::*;

cases! {
    /// "ESTABLISHED: Enter the CLOSE-WAIT state."
    rcv_fin_ack_in_established: Established, "F. 1 ack 1" => [". 1 ack 2"], CloseWait, [PeerClosed];
    /// "FIN-WAIT-1 ... If our FIN has been ACKed ... then enter TIME-WAIT".
    rcv_fin_ack_of_fin_in_fin_wait_1: FinWait1, "F. 1 ack 2" => [". 2 ack 2"],
        TimeWait, [CloseAcknowledged, PeerClosed];
    /// "otherwise, enter the CLOSING state".
    rcv_fin_ack_in_fin_wait_1: FinWait1, "F. 1 ack 1" => [". 2 ack 2"], Closing, [PeerClosed];
    /// "FIN-WAIT-2: Enter the TIME-WAIT state."
    rcv_fin_ack_in_fin_wait_2: FinWait2, "F. 1 ack 2" => [". 2 ack 2"], TimeWait, [PeerClosed];
    /// First: the FIN again is answered and changes nothing ("Remain in the CLOSE-WAIT state").
    rcv_fin_ack_again_in_close_wait: CloseWait, "F. 1 ack 1" => [". 1 ack 2"], CloseWait, [];
    /// "Remain in the CLOSING state."
    rcv_fin_ack_again_in_closing: Closing, "F. 1 ack 1" => [". 2 ack 2"], Closing, [];
    /// "Remain in the LAST-ACK state."
    rcv_fin_ack_again_in_last_ack: LastAck, "F. 1 ack 1" => [". 2 ack 2"], LastAck, [];
    /// Fifth, TIME-WAIT: "a retransmission of the remote FIN. Acknowledge it".
    rcv_fin_ack_again_in_time_wait: TimeWait, "F. 1 ack 2" => [". 2 ack 2"], TimeWait, [];

    /// "SYN-RECEIVED ... Enter the CLOSE-WAIT state", once the ACK establishes.
    rcv_fin_ack_in_syn_received_of_simultaneous_open: SynReceived,
        "F. 1 ack 1" => [". 1 ack 2"], CloseWait, [Established, PeerClosed];
    /// With a hole before it it is not taken; the answer says where.
    rcv_fin_ack_after_hole_in_syn_received: Tcp::called(),
        "F. 5 ack 1" => [". 1 ack 1"], Established, [Established];
    rcv_fin_ack_after_hole_in_syn_received_of_simultaneous_open: SynReceived,
        "F. 5 ack 1" => [". 1 ack 1"], Established, [Established];
    rcv_fin_ack_after_hole_in_established: Established,
        "F. 5 ack 1" => [". 1 ack 1"], Established, [];
    rcv_fin_ack_after_hole_in_fin_wait_1: FinWait1, "F. 5 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_fin_ack_after_hole_in_fin_wait_2: FinWait2, "F. 5 ack 2" => [". 2 ack 1"], FinWait2, [];
    /// The same, at the end of the window.
    rcv_fin_ack_at_window_end_in_syn_received: Tcp::called(),
        "F. 1000 ack 1" => [". 1 ack 1"], Established, [Established];
    rcv_fin_ack_at_window_end_in_syn_received_of_simultaneous_open: SynReceived,
        "F. 1000 ack 1" => [". 1 ack 1"], Established, [Established];
    rcv_fin_ack_at_window_end_in_established: Established,
        "F. 1000 ack 1" => [". 1 ack 1"], Established, [];
    rcv_fin_ack_at_window_end_in_fin_wait_1: FinWait1,
        "F. 1000 ack 1" => [". 2 ack 1"], FinWait1, [];
    rcv_fin_ack_at_window_end_in_fin_wait_2: FinWait2,
        "F. 1000 ack 2" => [". 2 ack 1"], FinWait2, [];
    /// Its ACK is taken nevertheless.
    rcv_fin_ack_of_fin_after_hole_in_fin_wait_1: FinWait1,
        "F. 5 ack 2" => [". 2 ack 1"], FinWait2, [CloseAcknowledged];
    /// Text before it counts first.
    rcv_fin_data_in_syn_received: Tcp::called(),
        "FP. 1:11 ack 1" => [". 1 ack 12"], CloseWait, [Established, PeerClosed];
    rcv_fin_data_in_syn_received_of_simultaneous_open: SynReceived,
        "FP. 1:11 ack 1" => [". 1 ack 12"], CloseWait, [Established, PeerClosed];
    rcv_fin_data_in_established: Established,
        "FP. 1:11 ack 1" => [". 1 ack 12"], CloseWait, [PeerClosed];
    rcv_fin_data_in_fin_wait_1: FinWait1, "FP. 1:11 ack 1" => [". 2 ack 12"], Closing, [PeerClosed];
    rcv_fin_data_in_fin_wait_2: FinWait2,
        "FP. 1:11 ack 2" => [". 2 ack 12"], TimeWait, [PeerClosed];
    rcv_fin_data_and_ack_of_fin_in_fin_wait_1: FinWait1,
        "FP. 1:11 ack 2" => [". 2 ack 12"], TimeWait, [CloseAcknowledged, PeerClosed];
    /// A FIN beyond the first is ignored, as text is: nothing can come after a FIN.
    rcv_second_fin_in_close_wait: CloseWait, "F. 2 ack 1" => [], CloseWait, [];
    rcv_second_fin_in_closing: Closing, "F. 2 ack 1" => [], Closing, [];
    rcv_second_fin_in_last_ack: LastAck, "F. 2 ack 1" => [], LastAck, [];
    rcv_second_fin_in_time_wait: TimeWait, "F. 2 ack 2" => [], TimeWait, [];
    /// The same after a hole.
    rcv_second_fin_after_hole_in_close_wait: CloseWait, "F. 6 ack 1" => [], CloseWait, [];
    rcv_second_fin_after_hole_in_closing: Closing, "F. 6 ack 1" => [], Closing, [];
    rcv_second_fin_after_hole_in_last_ack: LastAck, "F. 6 ack 1" => [], LastAck, [];
    rcv_second_fin_after_hole_in_time_wait: TimeWait, "F. 6 ack 2" => [], TimeWait, [];
    /// The same; its ACK is taken ("enter the TIME-WAIT state"; "delete the TCB, enter CLOSED").
    rcv_second_fin_and_ack_of_fin_in_closing: Closing,
        "F. 2 ack 2" => [], TimeWait, [CloseAcknowledged];
    rcv_second_fin_and_ack_of_fin_in_last_ack: LastAck,
        "F. 2 ack 2" => [], Closed, [CloseAcknowledged];
}

/// First: the FIN again that acknowledges our FIN lies before the window: its ACK is not taken,
/// and the pure ACK that answers our answer is.
#[test]
fn rcv_fin_ack_again_with_ack_of_fin_in_closing() {
    let mut tcp: Tcp = Closing.into();
    send!(tcp, "F. 1 ack 2");
    recv!(tcp, [". 2 ack 2"]);
    assert_eq!(tcp.state(), Closing);
    send!(tcp, ". 2 ack 2");
    assert_eq!(tcp.state(), TimeWait);
}

/// Eighth, after a hole: the FIN counts once nothing before it is missing.
#[test]
fn a_fin_that_overtook_data_counts_when_the_data_is_there() {
    let mut tcp: Tcp = FinWait2.into();
    send!(tcp, "F. 11 ack 2");
    assert_eq!(tcp.state(), FinWait2);
    send!(tcp, "P. 1:11 ack 2");
    recv!(tcp, [". 2 ack 1", ". 2 ack 12"]);
    assert_eq!(tcp.state(), TimeWait);
}
