//! FIN in every state: RFC 9293 3.10.7.4, eighth.

use super::fixture::{Tcp, cases, recv, send};
use crate::tcp::State::*;

cases! {
    /// "ESTABLISHED: Enter the CLOSE-WAIT state."
    rcv_fin_in_established: Established, "F. 1 ack 1" => [". 1 ack 2"], CloseWait, [PeerClosed];
    /// Seventh and eighth: text before it counts first.
    rcv_fin_with_data_in_established: Established, "FP. 1:11 ack 1" => [". 1 ack 12"],
        CloseWait, [PeerClosed];
    /// With a hole before it it is not taken.
    rcv_fin_after_hole_in_established: Established, "F. 5 ack 1" => [". 1 ack 1"],
        Established, [];
    /// "FIN-WAIT-1 ... If our FIN has been ACKed ... then enter TIME-WAIT".
    rcv_fin_ack_of_fin_in_fin_wait_1: FinWait1, "F. 1 ack 2" => [". 2 ack 2"],
        TimeWait, [CloseAcknowledged, PeerClosed];
    /// "otherwise, enter the CLOSING state".
    rcv_fin_in_fin_wait_1: FinWait1, "F. 1 ack 1" => [". 2 ack 2"], Closing, [PeerClosed];
    /// "FIN-WAIT-2: Enter the TIME-WAIT state."
    rcv_fin_in_fin_wait_2: FinWait2, "F. 1 ack 2" => [". 2 ack 2"], TimeWait, [PeerClosed];
    /// With a hole before it it is not taken.
    rcv_fin_after_hole_in_fin_wait_2: FinWait2, "F. 5 ack 2" => [". 2 ack 1"], FinWait2, [];
    /// First: the FIN again is answered and changes nothing ("Remain in the CLOSE-WAIT state").
    rcv_fin_again_in_close_wait: CloseWait, "F. 1 ack 1" => [". 1 ack 2"], CloseWait, [];
    /// "Remain in the CLOSING state."
    rcv_fin_again_in_closing: Closing, "F. 1 ack 1" => [". 2 ack 2"], Closing, [];
    /// "Remain in the LAST-ACK state."
    rcv_fin_again_in_last_ack: LastAck, "F. 1 ack 1" => [". 2 ack 2"], LastAck, [];
    /// Fifth, TIME-WAIT: "a retransmission of the remote FIN. Acknowledge it".
    rcv_fin_again_in_time_wait: TimeWait, "F. 1 ack 2" => [". 2 ack 2"], TimeWait, [];
    /// A second FIN beyond the first is ignored.
    rcv_second_fin_in_close_wait: CloseWait, "F. 2 ack 1" => [], CloseWait, [];
    /// A second FIN beyond the first is ignored.
    rcv_second_fin_in_time_wait: TimeWait, "F. 2 ack 2" => [], TimeWait, [];
}

/// First: the FIN again that acknowledges our FIN lies before the window: its ACK is not taken,
/// and the pure ACK that answers our answer is.
#[test]
fn rcv_fin_again_with_ack_of_fin_in_closing() {
    let mut tcp: Tcp = Closing.into();
    send!(tcp, "F. 1 ack 2");
    recv!(tcp, [". 2 ack 2"]);
    assert_eq!(tcp.state(), Closing);
    send!(tcp, ". 2 ack 2");
    assert_eq!(tcp.state(), TimeWait);
}

/// Eighth, after a hole: the FIN counts when it comes again in order.
#[test]
fn a_fin_that_overtook_data_counts_when_it_is_repeated() {
    let mut tcp: Tcp = FinWait2.into();
    send!(tcp, "F. 11 ack 2");
    send!(tcp, "P. 1:11 ack 2");
    send!(tcp, "F. 11 ack 2");
    recv!(tcp, [". 2 ack 1", ". 2 ack 11", ". 2 ack 12"]);
    assert_eq!(tcp.state(), TimeWait);
}
