//! CLOSED, LISTEN, SYN-SENT and SYN-RECEIVED: RFC 9293 3.10.7.1 to 3.10.7.3.

use super::fixture::{IRS, ISS, Tcp, cases, recv, send};
use crate::tcp::State::*;
use crate::wire::TcpOption;

cases! {
    /// 3.10.7.1: "An incoming segment containing a RST is discarded."
    rcv_rst_in_closed: Closed, "R 1" => [], Closed, [];
    /// 3.10.7.1: "If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>".
    rcv_ack_in_closed: Closed, ". 1 ack 5" => ["R 5"], Closed, [];
    /// 3.10.7.1: a SYN-ACK is no exception.
    rcv_syn_ack_in_closed: Closed, "S. 0 ack 1" => ["R 1"], Closed, [];
    /// 3.10.7.1: a FIN is no exception.
    rcv_fin_ack_in_closed: Closed, "F. 7 ack 9" => ["R 9"], Closed, [];
    /// 3.10.7.1: "If the ACK bit is off, <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>"; our 0 is 2.
    rcv_null_in_closed: Closed, "none 1" => ["R. 2 ack 1"], Closed, [];
    rcv_fin_without_ack_in_closed: Closed, "F 1" => ["R. 2 ack 2"], Closed, [];
    rcv_syn_in_closed: Closed, "S 0" => ["R. 2 ack 1"], Closed, [];
    rcv_syn_fin_in_closed: Closed, "SF 0" => ["R. 2 ack 2"], Closed, [];
    rcv_data_without_ack_in_closed: Closed, "P 1:5" => ["R. 2 ack 5"], Closed, [];
    /// 3.10.7.1: "If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>".
    rcv_syn_fin_ack_in_closed: Closed, "SF. 0 ack 1" => ["R 1"], Closed, [];
    rcv_data_in_closed: Closed, "P. 1:5 ack 9" => ["R 9"], Closed, [];
    /// 3.10.7.1: "An incoming segment containing a RST is discarded", whatever else it has.
    rcv_rst_ack_in_closed: Closed, "R. 1 ack 1" => [], Closed, [];
    rcv_fin_rst_in_closed: Closed, "FR 1" => [], Closed, [];
    rcv_fin_rst_ack_in_closed: Closed, "FR. 1 ack 1" => [], Closed, [];
    rcv_syn_rst_in_closed: Closed, "SR 1" => [], Closed, [];
    rcv_syn_rst_ack_in_closed: Closed, "SR. 1 ack 1" => [], Closed, [];
    rcv_syn_fin_rst_in_closed: Closed, "SFR 1" => [], Closed, [];
    rcv_syn_fin_rst_ack_in_closed: Closed, "SFR. 1 ack 1" => [], Closed, [];

    /// 3.10.7.2, first: "An incoming RST should be ignored."
    rcv_rst_in_listen: Listen, "R 0" => [], Listen, [];
    /// 3.10.7.2, first, whatever it acknowledges.
    rcv_rst_ack_in_listen: Listen, "R. 0 ack 1" => [], Listen, [];
    /// 3.10.7.2, second: "Any acknowledgment is bad if it arrives on a connection still in LISTEN."
    rcv_ack_in_listen: Listen, ". 1 ack 5" => ["R 5"], Listen, [];
    /// 3.10.7.2, second: before the SYN is looked at.
    rcv_syn_ack_in_listen: Listen, "S. 0 ack 1" => ["R 1"], Listen, [];
    /// 3.10.7.2, third: <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>.
    rcv_syn_in_listen: Listen, "S 0" => ["S. 0 ack 1"], SynReceived, [];
    /// 3.10.7.2, fourth: "Any other control or data-bearing segment ... drop".
    rcv_fin_without_ack_in_listen: Listen, "F 0" => [], Listen, [];
    /// 3.10.7.2, fourth: data without ACK.
    rcv_data_without_ack_in_listen: Listen, "P 0:5" => [], Listen, [];
    /// 3.10.7.2, first: RST before ACK and SYN.
    rcv_fin_rst_in_listen: Listen, "FR 0" => [], Listen, [];
    rcv_fin_rst_ack_in_listen: Listen, "FR. 0 ack 1" => [], Listen, [];
    rcv_syn_rst_in_listen: Listen, "SR 0" => [], Listen, [];
    rcv_syn_rst_ack_in_listen: Listen, "SR. 0 ack 1" => [], Listen, [];
    rcv_syn_fin_rst_in_listen: Listen, "SFR 0" => [], Listen, [];
    rcv_syn_fin_rst_ack_in_listen: Listen, "SFR. 0 ack 1" => [], Listen, [];
    /// 3.10.7.2, second: ACK before SYN, and whatever else the segment has.
    rcv_fin_ack_in_listen: Listen, "F. 7 ack 9" => ["R 9"], Listen, [];
    rcv_syn_fin_ack_in_listen: Listen, "SF. 0 ack 1" => ["R 1"], Listen, [];
    rcv_data_in_listen: Listen, "P. 1:5 ack 9" => ["R 9"], Listen, [];
    /// 3.10.7.2, third: "any other control or text should be queued". It is not: RCV.NXT is
    /// SEG.SEQ+1 either way, and the peer sends again what that does not acknowledge.
    rcv_syn_fin_in_listen: Listen, "SF 0" => ["S. 0 ack 1"], SynReceived, [];
    rcv_syn_data_in_listen: Listen, "S 0:5" => ["S. 0 ack 1"], SynReceived, [];
    rcv_syn_fin_data_in_listen: Listen, "SF 0:5" => ["S. 0 ack 1"], SynReceived, [];
    /// 3.10.7.2, fourth: "Drop the segment and return."
    rcv_null_in_listen: Listen, "none 0" => [], Listen, [];

    /// 3.10.7.3, first: SEG.ACK =< ISS, "send a reset".
    rcv_ack_too_old_in_syn_sent: SynSent, ". 0 ack 0" => ["R 0"], SynSent, [];
    /// 3.10.7.3, first: SEG.ACK > SND.NXT, "send a reset".
    rcv_ack_too_new_in_syn_sent: SynSent, ". 0 ack 2" => ["R 2"], SynSent, [];
    /// 3.10.7.3, first: also when it is a SYN-ACK.
    rcv_syn_ack_too_new_in_syn_sent: SynSent, "S. 0 ack 2" => ["R 2"], SynSent, [];
    /// 3.10.7.3, first: "unless the RST bit is set, if so drop the segment".
    rcv_rst_ack_too_new_in_syn_sent: SynSent, "R. 0 ack 2" => [], SynSent, [];
    /// 3.10.7.3, second: "If the ACK was acceptable ... enter CLOSED state".
    rcv_rst_ack_in_syn_sent: SynSent, "R. 0 ack 1" => [], Closed, [Reset];
    /// 3.10.7.3, second: "Otherwise (no ACK), drop the segment".
    rcv_rst_in_syn_sent: SynSent, "R 1" => [], SynSent, [];
    /// 3.10.7.3, second: before the SYN is looked at.
    rcv_syn_rst_ack_in_syn_sent: SynSent, "SR. 0 ack 1" => [], Closed, [Reset];
    /// 3.10.7.3, fourth: "our SYN has been ACKed ... ESTABLISHED ... <CTL=ACK>".
    rcv_syn_ack_in_syn_sent: SynSent, "S. 0 ack 1" => [". 1 ack 1"], Established, [Established];
    /// 3.10.7.3, fourth: "Otherwise, enter SYN-RECEIVED, form a SYN,ACK segment".
    rcv_syn_in_syn_sent: SynSent, "S 0" => ["S. 0 ack 1"], SynReceived, [];
    /// 3.10.7.3, fifth: "if neither of the SYN or RST bits is set, then drop the segment".
    rcv_ack_in_syn_sent: SynSent, ". 0 ack 1" => [], SynSent, [];
    /// 3.10.7.3, fifth.
    rcv_fin_ack_in_syn_sent: SynSent, "F. 0 ack 1" => [], SynSent, [];
    /// 3.10.7.3, fourth: "If there are other controls or text in the segment, then continue".
    rcv_syn_ack_data_in_syn_sent: SynSent, "S. 0:5 ack 1" => [". 1 ack 1", ". 1 ack 6"],
        Established, [Established];
    /// 3.10.7.3, fourth: the FIN counts.
    rcv_syn_fin_ack_in_syn_sent: SynSent, "SF. 0 ack 1" => [". 1 ack 1", ". 1 ack 2"],
        CloseWait, [Established, PeerClosed];
    /// 3.10.7.3, fourth: text, then FIN.
    rcv_syn_fin_ack_data_in_syn_sent: SynSent, "SF. 0:5 ack 1" => [". 1 ack 1", ". 1 ack 7"],
        CloseWait, [Established, PeerClosed];
    /// 3.10.7.3, first: SEG.ACK =< ISS, "send a reset", whatever else the segment has.
    rcv_fin_ack_too_old_in_syn_sent: SynSent, "F. 0 ack 0" => ["R 0"], SynSent, [];
    rcv_syn_ack_too_old_in_syn_sent: SynSent, "S. 0 ack 0" => ["R 0"], SynSent, [];
    rcv_syn_fin_ack_too_old_in_syn_sent: SynSent, "SF. 0 ack 0" => ["R 0"], SynSent, [];
    rcv_data_ack_too_old_in_syn_sent: SynSent, "P. 0:5 ack 0" => ["R 0"], SynSent, [];
    /// 3.10.7.3, first: SEG.ACK > SND.NXT, the same.
    rcv_fin_ack_too_new_in_syn_sent: SynSent, "F. 0 ack 2" => ["R 2"], SynSent, [];
    rcv_syn_fin_ack_too_new_in_syn_sent: SynSent, "SF. 0 ack 2" => ["R 2"], SynSent, [];
    rcv_data_ack_too_new_in_syn_sent: SynSent, "P. 0:5 ack 2" => ["R 2"], SynSent, [];
    /// 3.10.7.3, first: "unless the RST bit is set, if so drop the segment and return".
    rcv_rst_ack_too_old_in_syn_sent: SynSent, "R. 0 ack 0" => [], SynSent, [];
    rcv_fin_rst_ack_too_old_in_syn_sent: SynSent, "FR. 0 ack 0" => [], SynSent, [];
    rcv_syn_rst_ack_too_old_in_syn_sent: SynSent, "SR. 0 ack 0" => [], SynSent, [];
    rcv_syn_fin_rst_ack_too_old_in_syn_sent: SynSent, "SFR. 0 ack 0" => [], SynSent, [];
    rcv_fin_rst_ack_too_new_in_syn_sent: SynSent, "FR. 0 ack 2" => [], SynSent, [];
    rcv_syn_rst_ack_too_new_in_syn_sent: SynSent, "SR. 0 ack 2" => [], SynSent, [];
    rcv_syn_fin_rst_ack_too_new_in_syn_sent: SynSent, "SFR. 0 ack 2" => [], SynSent, [];
    /// 3.10.7.3, second: "If the ACK was acceptable, then ... enter CLOSED state".
    rcv_fin_rst_ack_in_syn_sent: SynSent, "FR. 0 ack 1" => [], Closed, [Reset];
    rcv_syn_fin_rst_ack_in_syn_sent: SynSent, "SFR. 0 ack 1" => [], Closed, [Reset];
    /// 3.10.7.3, second: "Otherwise (no ACK), drop the segment and return."
    rcv_fin_rst_in_syn_sent: SynSent, "FR 0" => [], SynSent, [];
    rcv_syn_rst_in_syn_sent: SynSent, "SR 0" => [], SynSent, [];
    rcv_syn_fin_rst_in_syn_sent: SynSent, "SFR 0" => [], SynSent, [];
    /// 3.10.7.3, fourth: "other controls or text ... queue them". They are not, as in LISTEN.
    rcv_syn_fin_in_syn_sent: SynSent, "SF 0" => ["S. 0 ack 1"], SynReceived, [];
    rcv_syn_data_in_syn_sent: SynSent, "S 0:5" => ["S. 0 ack 1"], SynReceived, [];
    /// 3.10.7.3, fifth: "if neither of the SYN or RST bits is set, then drop the segment".
    rcv_null_in_syn_sent: SynSent, "none 0" => [], SynSent, [];
    rcv_fin_without_ack_in_syn_sent: SynSent, "F 0" => [], SynSent, [];
    rcv_data_without_ack_in_syn_sent: SynSent, "P 0:5" => [], SynSent, [];
    rcv_data_in_syn_sent: SynSent, "P. 0:5 ack 1" => [], SynSent, [];

    /// 3.10.7.4, fifth: "If the segment acknowledgment is acceptable ... enter ESTABLISHED".
    rcv_ack_in_syn_received: Tcp::called(), ". 1 ack 1" => [], Established, [Established];
    /// 3.10.7.4, fifth: "If not acceptable, form a reset segment <SEQ=SEG.ACK>".
    rcv_ack_too_new_in_syn_received: Tcp::called(), ". 1 ack 2" => ["R 2"], SynReceived, [];
    /// 3.10.7.4, fifth: SND.UNA < SEG.ACK is needed.
    rcv_ack_too_old_in_syn_received: Tcp::called(), ". 1 ack 0" => ["R 0"], SynReceived, [];
    /// 3.10.7.4, fifth: "if the ACK bit is off, drop the segment".
    rcv_data_without_ack_in_syn_received: Tcp::called(), "P 1:5" => [], SynReceived, [];
    /// 3.10.7.4, fifth to eighth: and a FIN.
    rcv_fin_ack_in_syn_received: Tcp::called(), "F. 1 ack 1" => [". 1 ack 2"],
        CloseWait, [Established, PeerClosed];
    /// Figure 8: the SYN-ACK of a simultaneous open lies before the window and establishes.
    rcv_syn_ack_in_syn_received_of_simultaneous_open: SynReceived,
        "S. 0 ack 1" => [], Established, [Established];
    /// The same with data: its SYN takes the first number.
    rcv_syn_ack_data_in_syn_received_of_simultaneous_open: SynReceived,
        "S. 0:5 ack 1" => [". 1 ack 6"], Established, [Established];
    /// 3.10.7.4, fifth: the SYN-ACK of a simultaneous open must acknowledge ours.
    rcv_syn_ack_too_new_in_syn_received_of_simultaneous_open: SynReceived,
        "S. 0 ack 2" => ["R 2"], SynReceived, [];
    /// Figure 8 with the SYN-ACK lost: the next ACK does as well.
    rcv_ack_in_syn_received_of_simultaneous_open: SynReceived, ". 1 ack 1" => [],
        Established, [Established];
    /// Figure 8, fifth to eighth: the SYN-ACK of a simultaneous open may close.
    rcv_syn_fin_ack_in_syn_received_of_simultaneous_open: SynReceived,
        "SF. 0 ack 1" => [". 1 ack 2"], CloseWait, [Established, PeerClosed];
    /// 3.10.7.4, fifth: SND.UNA < SEG.ACK is needed.
    rcv_syn_ack_too_old_in_syn_received_of_simultaneous_open: SynReceived,
        "S. 0 ack 0" => ["R 0"], SynReceived, [];
}

/// 3.10.7.1: "If the ACK bit is off, <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>".
#[test]
fn rcv_syn_data_in_closed() {
    let mut tcp = Tcp::new(&[]);
    send!(tcp, "S 0:5");
    let [rst] = tcp.segments().try_into().unwrap();
    assert!(rst.flags.rst() && rst.flags.ack());
    assert_eq!((rst.seq.0, rst.ack), (0, IRS + 6));
    assert_eq!((rst.src_port, rst.dst_port), (50_000, 80));
}

/// 3.10.7.3, first, and RFC 5961 7: ten resets a second at most.
#[test]
fn rcv_wrong_acks_in_syn_sent_are_answered_ten_times_a_second() {
    let mut tcp: Tcp = SynSent.into();
    for _ in 0..10_000 {
        send!(tcp, "S. 0 ack 9");
    }
    assert_eq!(tcp.sent().len(), 10);
    tcp.now = tcp.now + std::time::Duration::from_secs(1);
    send!(tcp, "S. 0 ack 9");
    recv!(tcp, ["R 9"]);
}

/// 3.10.1: <SEQ=ISS><CTL=SYN>.
#[test]
fn active_open_sends_a_syn() {
    let mut tcp = Tcp::new(&[]);
    tcp.connection.open(tcp.now);
    let [syn] = tcp.segments().try_into().unwrap();
    assert_eq!((syn.seq, syn.ack.0, syn.window), (ISS, 0, 1000));
    assert_eq!(tcp.state(), SynSent);
}

/// RFC 7323 2.2, 3.2; RFC 2018 2: an answer carries only what was offered.
#[test]
fn rcv_syn_without_options_in_listen_gets_none_back() {
    let mut tcp = Tcp::new(&[
        TcpOption::Mss(1460),
        TcpOption::WindowScale(7),
        TcpOption::SackPermitted,
        TcpOption::Timestamps { val: 9, ecr: 0 },
    ]);
    tcp.connection.listen();
    send!(tcp, "S 0");
    let [answer] = tcp.segments().try_into().unwrap();
    assert_eq!(answer.options.mss(), Some(1460));
    assert_eq!(answer.options.window_scale(), None);
    assert_eq!(answer.options.timestamps(), None);
    assert!(!answer.options.sack_permitted());
}

/// RFC 7323 2.2: the window of a SYN-ACK is not scaled, of no segment after it is it not.
#[test]
fn windows_are_scaled_after_the_handshake_only() {
    let mut tcp = Tcp::new(&[TcpOption::WindowScale(2)]);
    tcp.connection.open(tcp.now);
    send!(tcp, "S. 0 ack 1 win 100 wscale 3");
    assert_eq!(tcp.connection.snd.wnd, 100);
    let windows: Vec<u16> = tcp.segments().iter().map(|sent| sent.window).collect();
    assert_eq!(windows, [1000, 250]);
    send!(tcp, ". 1 ack 1 win 100");
    assert_eq!(tcp.connection.snd.wnd, 800);
}

/// RFC 7323 2.2 in a simultaneous open.
#[test]
fn the_window_of_a_crossing_syn_ack_is_not_scaled() {
    let mut tcp = Tcp::new(&[TcpOption::WindowScale(2)]);
    tcp.connection.open(tcp.now);
    send!(tcp, "S 0 win 100 wscale 3");
    send!(tcp, "S. 0 ack 1 win 100 wscale 3");
    assert_eq!(tcp.state(), Established);
    assert_eq!(tcp.connection.snd.wnd, 100);
}
