//! SEND and what becomes of the text: RFC 9293 3.8, RFC 5681, RFC 3168.

use super::fixture::{Tcp, read, recv, send, write};
use crate::tcp::State::*;
use crate::tcp::{Event, State};
use crate::wire::TcpOption;

impl Tcp {
    /// ESTABLISHED with a peer that takes segments of 100 bytes.
    fn writing(len: usize) -> Tcp {
        let mut tcp = Tcp::from(SynSent).after("S. 0 ack 1 mss 100");
        tcp.sent();
        tcp.events();
        tcp.write(len);
        tcp
    }

    fn write(&mut self, len: usize) {
        self.connection.write(self.now, vec![b'x'; len].into());
    }
}

/// 3.8.3: "segments ... the size of the effective send MSS"; 3.9.1.2: PSH on the last.
#[test]
fn text_leaves_in_segments_of_the_peers_mss() {
    let mut tcp = Tcp::writing(250);
    recv!(
        tcp,
        [". 1:101 ack 1", ". 101:201 ack 1", "P. 201:251 ack 1"]
    );
    send!(tcp, ". 1 ack 251");
    assert!(!tcp.connection.is_sending());
    assert_eq!(tcp.connection.poll_timeout(), None);
}

/// 3.7.1 and RFC 6691 2: the smallest of what both ends and the route take, less our options.
#[test]
fn segments_fit_the_route_and_leave_room_for_options() {
    let timestamps = TcpOption::Timestamps { val: 0, ecr: 0 };
    let mut tcp = Tcp::new(&[timestamps]).in_state(SynSent);
    tcp.connection.limit_segments(90);
    send!(tcp, "S. 0 ack 1 mss 100 ts 5 0");
    tcp.sent();
    tcp.write(100);
    recv!(tcp, [". 1:79 ack 1 ts 0 5", "P. 79:101 ack 1 ts 0 5"]);
}

/// 3.10.2: "queue the data"; what was asked for before the connection is there waits for it.
#[test]
fn text_written_in_syn_sent_leaves_once_established() {
    let mut tcp = Tcp::from(SynSent);
    tcp.write(10);
    recv!(tcp, []);
    send!(tcp, "S. 0 ack 1");
    recv!(tcp, [". 1 ack 1", "P. 1:11 ack 1"]);
}

/// 3.10.2: "connection closing".
#[test]
fn after_close_nothing_is_taken() {
    for state in [Closed, FinWait1, FinWait2, Closing, LastAck, TimeWait] {
        let mut tcp: Tcp = state.into();
        tcp.write(10);
        recv!(tcp, []);
    }
}

/// 3.10.4: the FIN follows what was written before.
#[test]
fn the_fin_rides_on_the_last_text() {
    let mut tcp = Tcp::writing(0);
    send!(tcp, ". 1 ack 1 win 150");
    tcp.write(250);
    tcp.connection.close(tcp.now);
    assert_eq!(tcp.state(), FinWait1);
    recv!(tcp, [". 1:101 ack 1"]);
    send!(tcp, ". 1 ack 101 win 200");
    recv!(tcp, [". 101:201 ack 1", "FP. 201:251 ack 1"]);
    send!(tcp, ". 1 ack 252");
    assert_eq!(tcp.state(), FinWait2);
    assert_eq!(tcp.events(), [Event::CloseAcknowledged]);
}

/// 3.10.4, CLOSE-WAIT: "queue this request until all preceding SENDs have been segmentized".
#[test]
fn close_wait_is_left_as_the_fin_leaves() {
    let mut tcp = Tcp::writing(0).after("F. 1 ack 1 win 0");
    tcp.sent();
    tcp.write(50);
    tcp.connection.close(tcp.now);
    assert_eq!(tcp.state(), CloseWait);
    send!(tcp, ". 2 ack 1 win 1000");
    recv!(tcp, ["FP. 1:51 ack 2"]);
    assert_eq!(tcp.state(), LastAck);
    send!(tcp, ". 2 ack 52");
    assert_eq!(tcp.state(), Closed);
}

/// 3.8.6.2.1: what is neither a full segment nor half the largest window waits for more room.
#[test]
fn a_silly_window_is_not_used() {
    let mut tcp = Tcp::writing(0);
    send!(tcp, ". 1 ack 1 win 30");
    tcp.write(250);
    recv!(tcp, []);
    send!(tcp, ". 1 ack 1 win 100");
    recv!(tcp, [". 1:101 ack 1"]);
}

/// 3.8.6.2.2: a receiver that reads in small pieces opens its window by whole segments only.
#[test]
fn a_segment_fills_at_most_half_of_a_small_window() {
    let mut tcp = Tcp::from(SynSent).after("S. 0 ack 1 mss 1460 win 1448");
    tcp.sent();
    tcp.write(2000);
    recv!(tcp, [". 1:725 ack 1", ". 725:1449 ack 1"]);
}

/// RFC 7323 2.4: in units of the scale it never shrinks.
#[test]
fn a_window_below_the_unit_of_the_scale_is_rounded_up() {
    let mut tcp = Tcp::new(&[TcpOption::WindowScale(10)]).in_state(SynSent);
    send!(tcp, "S. 0 ack 1 wscale 7");
    assert_eq!(tcp.segments()[0].window, 1);
    send!(tcp, "P. 1:1025 ack 1");
    recv!(tcp, [". 1 ack 1025"]);
}

/// 3.8.6.1: "at least one octet of new data ... even if the send window is zero", on our schedule.
#[test]
fn a_closed_window_is_probed_and_given_up() {
    let mut tcp = Tcp::writing(0);
    send!(tcp, ". 1 ack 1 win 0");
    tcp.write(250);
    recv!(tcp, []);
    for wait in [1000, 2000] {
        tcp.wait(wait);
        recv!(tcp, [". 1:2 ack 1"]);
        send!(tcp, ". 1 ack 1 win 0");
        recv!(tcp, []);
    }
    tcp.wait(4000);
    assert_eq!(tcp.events(), [Event::GaveUp]);
}

/// 3.8.6.1: the window may open with an ACK that takes the probe, or without.
#[test]
fn an_opened_window_is_used_from_what_was_not_taken() {
    for (ack, sent) in [
        (". 1 ack 1 win 100", ". 1:101 ack 1"),
        (". 1 ack 2 win 100", ". 2:102 ack 1"),
    ] {
        let mut tcp = Tcp::writing(0);
        send!(tcp, ". 1 ack 1 win 0");
        tcp.write(250);
        tcp.wait(1000);
        recv!(tcp, [". 1:2 ack 1"]);
        send!(tcp, ack);
        recv!(tcp, [sent]);
    }
}

/// A peer that takes a byte a probe cannot keep us for ever.
#[test]
fn what_a_closed_window_takes_does_not_lengthen_the_schedule() {
    let mut tcp = Tcp::writing(0);
    send!(tcp, ". 1 ack 1 win 0");
    tcp.write(250);
    tcp.wait(1000);
    send!(tcp, ". 1 ack 2 win 0");
    tcp.wait(2000);
    send!(tcp, ". 1 ack 3 win 0");
    tcp.wait(4000);
    assert_eq!(tcp.events(), [Event::GaveUp]);
}

/// 3.8.6: "must be prepared for": what lies beyond a shrunken window is not sent again.
#[test]
fn a_window_that_shrinks_is_respected() {
    let mut tcp = Tcp::writing(300);
    tcp.sent();
    send!(tcp, ". 1 ack 101 win 50");
    tcp.wait(1000);
    recv!(tcp, [". 101:151 ack 1"]);
}

/// RFC 6298 5.4 and 5.5, RFC 5681 3.1: the first is sent again, alone, with twice the wait.
#[test]
fn a_time_out_goes_back_to_the_first_that_is_missing() {
    let mut tcp = Tcp::writing(300);
    tcp.sent();
    tcp.wait(1000);
    recv!(tcp, [". 1:101 ack 1"]);
    tcp.wait(2000);
    recv!(tcp, [". 1:101 ack 1"]);
    send!(tcp, ". 1 ack 101");
    recv!(tcp, [". 101:201 ack 1", "P. 201:301 ack 1"]);
}

/// RFC 5681 3.2: three duplicates; RFC 6582 3.2: a partial ACK shows the next hole.
#[test]
fn three_duplicate_acks_ask_for_the_first_segment() {
    let mut tcp = Tcp::writing(500);
    tcp.sent();
    for answer in [&[] as &[&str], &[], &[". 1:101 ack 1"], &[]] {
        send!(tcp, ". 1 ack 1");
        assert_eq!(tcp.sent(), answer);
    }
    send!(tcp, ". 1 ack 201");
    recv!(tcp, [". 201:301 ack 1"]);
    send!(tcp, ". 1 ack 501");
    recv!(tcp, []);
}

/// 3.10.5: the peer expects SND.UNA, SND.NXT or something between, which it challenges.
#[test]
fn abort_with_text_under_way_sends_a_rst_of_either_number() {
    let mut tcp = Tcp::writing(250);
    tcp.sent();
    tcp.connection.abort(tcp.now);
    recv!(tcp, ["R. 1 ack 1", "R. 251 ack 1"]);
}

/// RFC 2018 4: the newest piece first.
#[test]
fn what_lies_beyond_a_hole_is_told_in_sack_blocks() {
    let mut tcp = Tcp::new(&[TcpOption::SackPermitted])
        .in_state(SynSent)
        .after("S. 0 ack 1 sackOK");
    tcp.sent();
    send!(tcp, "P. 11:21 ack 1");
    recv!(tcp, [". 1 ack 1 sack 11:21"]);
    send!(tcp, "P. 31:41 ack 1");
    recv!(tcp, [". 1 ack 1 sack 31:41,11:21"]);
    send!(tcp, "P. 1:11 ack 1");
    recv!(tcp, [". 1 ack 21 sack 31:41"]);
    send!(tcp, "P. 21:31 ack 1");
    recv!(tcp, [". 1 ack 41"]);
}

/// RFC 2018 2: without SACK-permitted of both ends there are no blocks.
#[test]
fn no_sack_blocks_where_they_were_not_agreed() {
    let mut tcp = Tcp::new(&[TcpOption::SackPermitted])
        .in_state(SynSent)
        .after("S. 0 ack 1");
    tcp.sent();
    send!(tcp, "P. 11:21 ack 1");
    recv!(tcp, [". 1 ack 1"]);
}

/// RFC 1191 6.5: what was too large is sent again, smaller.
#[test]
fn a_narrower_path_gets_smaller_segments() {
    let mut tcp = Tcp::writing(150);
    recv!(tcp, [". 1:101 ack 1", "P. 101:151 ack 1"]);
    tcp.connection.lower_path(tcp.now, 60);
    recv!(tcp, [". 1:61 ack 1", ". 61:121 ack 1", "P. 121:151 ack 1"]);
    tcp.connection.lower_path(tcp.now, 80);
    recv!(tcp, []);
}

/// RFC 3168 6.1.
mod ecn {
    use super::*;
    use crate::wire::Flags;

    fn agreed() -> Tcp {
        let mut tcp = Tcp::with_flags(Flags::ECE | Flags::CWR).in_state(SynSent);
        tcp.sent();
        send!(tcp, "S.E 0 ack 1 mss 100");
        tcp.sent();
        tcp.events();
        tcp
    }

    fn marked(tcp: &mut Tcp, text: &str) {
        let segment = read(text);
        tcp.connection.on_marked_segment(tcp.now, &segment);
    }

    /// Each segment sent, and whether its packet is ECT(0).
    fn sent(tcp: &mut Tcp) -> Vec<(String, bool)> {
        std::iter::from_fn(|| tcp.connection.poll_transmit())
            .map(|sent| (write(&sent.segment), sent.ecn_capable))
            .collect()
    }

    /// 6.1.4 to 6.1.6.
    #[test]
    fn new_text_is_ecn_capable_and_nothing_else() {
        let mut tcp = agreed();
        tcp.write(150);
        let capable = |text: &str, capable| (text.to_string(), capable);
        assert_eq!(
            sent(&mut tcp),
            [
                capable(". 1:101 ack 1", true),
                capable("P. 101:151 ack 1", true)
            ]
        );
        tcp.wait(1000);
        assert_eq!(sent(&mut tcp), [capable(". 1:101 ack 1", false)]);
        send!(tcp, "P. 1:11 ack 151");
        assert_eq!(sent(&mut tcp), [capable(". 151 ack 11", false)]);
        tcp.connection.close(tcp.now);
        assert_eq!(sent(&mut tcp), [capable("F. 151 ack 11", false)]);
    }

    /// 6.1.3: until the peer says CWR.
    #[test]
    fn a_mark_is_echoed_until_the_peer_answers_it() {
        let mut tcp = agreed();
        marked(&mut tcp, "P. 1:11 ack 1");
        send!(tcp, "P. 11:21 ack 1");
        recv!(tcp, [".E 1 ack 11", ".E 1 ack 21"]);
        send!(tcp, "P.W 21:31 ack 1");
        recv!(tcp, [". 1 ack 31"]);
    }

    #[test]
    fn without_ecn_a_mark_means_nothing() {
        let mut tcp = Tcp::writing(0);
        marked(&mut tcp, "P. 1:11 ack 1");
        recv!(tcp, [". 1 ack 11"]);
    }

    /// 6.1.2: once in a round trip; the next new text says so.
    #[test]
    fn an_echo_is_answered_once() {
        let mut tcp = agreed();
        tcp.write(100);
        tcp.sent();
        send!(tcp, ".E 1 ack 101");
        tcp.write(200);
        recv!(tcp, [".W 101:201 ack 1", "P. 201:301 ack 1"]);
    }
}

/// Every state in which text may wait, closed on by the peer's RST.
#[test]
fn a_rst_ends_the_sending() {
    let mut tcp = Tcp::writing(250);
    tcp.sent();
    send!(tcp, "R. 1 ack 1");
    assert_eq!(tcp.state(), State::Closed);
    tcp.wait(1000);
    recv!(tcp, []);
}
