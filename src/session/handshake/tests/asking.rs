//! With a request (`--send`): when the end begins.

use super::{End, LINGER, Probe};
use crate::session::Request;

/// How long the peer may be quiet, in milliseconds; `--hold` is as long.
const QUIET: u64 = 500;

/// Both ways of `--end` that send a FIN first once the peer is quiet.
const CLOSING: [End; 2] = [End::Fin, End::Half];

impl Probe {
    /// Ten bytes are asked, and acknowledged a round trip later.
    fn asked(end: End) -> Probe {
        let mut probe = Probe::asking(end, 10);
        expect!(probe, [". 1 ack 1", "P. 1:11 ack 1"]);
        probe.pass(20);
        probe.arrives(". 1 ack 11");
        expect!(probe, []);
        probe
    }

    fn asking(end: End, len: usize) -> Probe {
        let mut probe = Probe::start(end);
        probe.session = probe.session.asking(Some(Request {
            text: vec![b'x'; len].into(),
            quiet: std::time::Duration::from_millis(QUIET),
        }));
        probe.pass(20);
        probe.arrives("S. 0 ack 1");
        probe
    }
}

#[test]
fn the_end_begins_when_the_peer_has_been_quiet() {
    for end in CLOSING {
        let mut probe = Probe::asked(end);
        probe.pass(QUIET - 1);
        expect!(probe, []);
        probe.pass(1);
        expect!(probe, ["F. 11 ack 1"]);
        probe.arrives("F. 1 ack 12");
        expect!(probe, [". 12 ack 2"]);
        assert!(probe.session.is_done());
    }
}

#[test]
fn each_byte_of_the_answer_is_waited_for_anew() {
    let mut probe = Probe::asked(End::Fin);
    for byte in 1..5 {
        probe.pass(QUIET - 1);
        probe.arrives(&format!("P. {byte}:{} ack 11", byte + 1));
        assert_eq!(probe.sent(), [format!(". 11 ack {}", byte + 1)]);
    }
    probe.pass(QUIET);
    expect!(probe, ["F. 11 ack 5"]);
}

#[test]
fn what_comes_again_is_no_news() {
    let mut probe = Probe::asked(End::Fin);
    probe.arrives("P. 1:11 ack 11");
    probe.pass(QUIET - 1);
    probe.arrives("P. 1:11 ack 11");
    expect!(probe, [". 11 ack 11", ". 11 ack 11"]);
    probe.pass(1);
    expect!(probe, ["F. 11 ack 11"]);
}

#[test]
fn the_end_begins_when_the_peer_has_closed() {
    for end in [End::Fin, End::Half, End::Passive, End::Hold] {
        let mut probe = Probe::asked(end);
        probe.arrives("FP. 1:6 ack 11");
        expect!(probe, [". 11 ack 7", "F. 11 ack 7"]);
        probe.arrives(". 7 ack 12");
        assert!(probe.session.is_done());
    }
}

#[test]
fn rst_resets_when_the_peer_is_quiet_or_has_closed() {
    let mut probe = Probe::asked(End::Rst);
    probe.pass(QUIET);
    expect!(probe, ["R. 11 ack 1"]);
    assert_eq!(probe.time_to_end(), LINGER);
    let mut probe = Probe::asked(End::Rst);
    probe.arrives("F. 1 ack 11");
    expect!(probe, [". 11 ack 2", "R. 11 ack 2"]);
}

#[test]
fn rst_waits_for_text_under_way() {
    let mut probe = Probe::asking(End::Rst, 10);
    probe.arrives("F. 1 ack 1");
    expect!(probe, [". 1 ack 1", "P. 1:11 ack 1", ". 11 ack 2"]);
    probe.arrives(". 2 ack 11");
    expect!(probe, ["R. 11 ack 2"]);
}

#[test]
fn simultaneous_crosses_the_peers_fin() {
    let mut probe = Probe::asked(End::Simultaneous);
    probe.arrives("F. 1 ack 11");
    expect!(probe, ["F. 11 ack 1", ". 12 ack 2"]);
    probe.arrives(". 2 ack 12");
    assert!(probe.session.is_done());
}

#[test]
fn passive_waits_for_the_fin_of_a_quiet_peer() {
    let mut probe = Probe::asked(End::Passive);
    assert_eq!(probe.time_to_end(), QUIET + 7000 + LINGER);
    expect!(probe, ["R. 11 ack 1"]);
}

#[test]
fn hold_holds_once_the_peer_is_quiet() {
    let mut probe = Probe::asked(End::Hold);
    probe.pass(QUIET + 499);
    expect!(probe, []);
    probe.pass(1);
    expect!(probe, ["F. 11 ack 1"]);
}

#[test]
fn an_answer_that_comes_late_is_read_to_its_end() {
    let mut probe = Probe::asked(End::Fin);
    probe.pass(QUIET);
    expect!(probe, ["F. 11 ack 1"]);
    probe.arrives(". 1 ack 12");
    for byte in 1..20 {
        probe.pass(6000);
        probe.arrives(&format!("P. {byte}:{} ack 12", byte + 1));
        assert_eq!(probe.sent(), [format!(". 12 ack {}", byte + 1)]);
    }
    probe.arrives("F. 20 ack 12");
    assert!(probe.session.is_done());
}

#[test]
fn nothing_is_asked_to_hear_what_the_peer_says() {
    let mut probe = Probe::asking(End::Fin, 0);
    expect!(probe, [". 1 ack 1"]);
    probe.pass(300);
    probe.arrives("P. 1:11 ack 1");
    expect!(probe, [". 1 ack 11"]);
    probe.pass(QUIET);
    expect!(probe, ["F. 1 ack 11"]);
}

#[test]
fn a_request_that_is_not_acknowledged_is_no_quiet_peer() {
    let mut probe = Probe::asking(End::Fin, 10);
    probe.sent();
    assert_eq!(probe.time_to_end(), 7000 + LINGER);
    expect!(
        probe,
        [
            "P. 1:11 ack 1",
            "P. 1:11 ack 1",
            "R. 1 ack 1",
            "R. 11 ack 1"
        ]
    );
}

#[test]
fn a_closed_window_is_waited_for_as_long_as_an_answer() {
    let mut probe = Probe::start(End::Fin);
    probe.session = probe.session.asking(Some(Request {
        text: vec![b'x'; 10].into(),
        quiet: std::time::Duration::from_millis(QUIET),
    }));
    probe.arrives("S. 0 ack 1 win 0");
    expect!(probe, [". 1 ack 1"]);
    assert_eq!(probe.time_to_end(), 7000);
    expect!(
        probe,
        [". 1:2 ack 1", ". 1:2 ack 1", "R. 1 ack 1", "R. 2 ack 1"]
    );
}

#[test]
fn what_is_missing_has_the_time_to_come_again() {
    let mut probe = Probe::asked(End::Fin);
    probe.arrives("P. 11:21 ack 11");
    probe.pass(6999);
    expect!(probe, [". 11 ack 1"]);
    probe.arrives("P. 1:11 ack 11");
    expect!(probe, [". 11 ack 21"]);
    probe.pass(QUIET);
    expect!(probe, ["F. 11 ack 21"]);
}

#[test]
fn an_interrupt_resets_what_is_under_way() {
    let mut probe = Probe::asking(End::Fin, 10);
    probe.sent();
    probe.session.interrupt(probe.now);
    expect!(probe, ["R. 1 ack 1", "R. 11 ack 1"]);
    probe.arrives(". 1 ack 6");
    expect!(probe, ["R 6"]);
    assert_eq!(probe.time_to_end(), LINGER);
}
