//! What the frames of others tell, wherever they were captured.

use crate::clock::Stamp;
use crate::exchange::{End, Exchange, Manner, Outcome, Verdict};
use crate::observe::{Observer, Vantage};
use crate::tcp::{State, StateSet};
use crate::wire::shorthand;

use super::{IRS, ISS, icmp, ids, observed_from, subject};

use State::*;

const OPENED: [&str; 3] = ["> S 0", "< S. 0 ack 1", "> . 1 ack 1"];

fn between(frames: &[&str]) -> Exchange {
    observed_from(Vantage::Between, frames)
}

fn opened(frames: &[&str]) -> Exchange {
    between(&[&OPENED, frames].concat())
}

/// What was claimed of an end, one after the other.
fn claims(exchange: &Exchange, end: End) -> Vec<StateSet> {
    let of_end = exchange.states.iter().filter(|change| change.end == end);
    of_end.map(|change| change.states).collect()
}

const CLOSE: [&str; 4] = ["> F. 1 ack 1", "< . 1 ack 2", "< F. 1 ack 2", "> . 2 ack 2"];

#[test]
fn between_the_ends_nothing_is_known_to_have_arrived() {
    let exchange = opened(&CLOSE);
    let client: [StateSet; 7] = [
        SynSent.into(),
        [SynSent, Established].into(),
        Established.into(),
        FinWait1.into(),
        [FinWait1, FinWait2].into(),
        // The ACK may be lost, and so may the FIN.
        [FinWait1, FinWait2, TimeWait].into(),
        TimeWait.into(),
    ];
    assert_eq!(claims(&exchange, End::Local), client);
    let last = exchange.last_state(End::Peer).unwrap();
    assert_eq!(last.states, [LastAck, Closed].into());
}

#[test]
fn at_the_server_what_the_client_sends_has_arrived() {
    let frames = [&OPENED[..], &CLOSE].concat();
    let exchange = observed_from(Vantage::At(End::Peer), &frames);
    let server: [StateSet; 6] = [
        // A full backlog drops the SYN.
        [Closed, Listen, SynReceived].into(),
        SynReceived.into(),
        Established.into(),
        CloseWait.into(),
        LastAck.into(),
        Closed.into(),
    ];
    assert_eq!(claims(&exchange, End::Peer), server);
}

#[test]
fn a_capture_that_begins_in_the_middle_learns_where_the_ends_are() {
    let exchange = between(&[
        "> P. 1:21 ack 1",
        "< . 1 ack 21",
        "< P. 1:101 ack 21",
        "> . 21 ack 101",
        "< P. 101:201 ack 21",
    ]);
    assert_eq!(exchange.verdict, Some(Verdict::Open));
    assert_eq!(exchange.reason, Some("established"));
    assert_eq!((exchange.data.sent, exchange.data.received), (20, 200));
    let client = claims(&exchange, End::Local);
    assert_eq!(client.last(), Some(&Established.into()));
    assert!(exchange.anomalies.is_empty(), "{:?}", exchange.anomalies);
}

#[test]
fn a_syn_ack_tells_the_number_of_the_syn_before_it() {
    let exchange = between(&["< S. 0 ack 1", "> . 1 ack 1"]);
    assert_eq!(exchange.handshake.isn, Some(ISS));
    assert_eq!(exchange.handshake.syn_sent, 0);
    assert_eq!(exchange.handshake.rtt_ns, None);
    assert_eq!(exchange.handshake.ack_ns, Some(10_000_000));
}

#[test]
fn what_is_acknowledged_was_sent_though_the_capture_lacks_it() {
    let exchange = opened(&["< P. 1:11 ack 1", "> . 1 ack 31", "< P. 31:41 ack 1"]);
    assert_eq!(exchange.data.received, 40);
    assert_eq!(ids(&exchange), ["not-captured"]);
    // A FIN is no byte.
    let exchange = opened(&["< F. 11 ack 1", "> . 1 ack 12"]);
    assert_eq!(exchange.data.received, 10);
    assert_eq!(exchange.close.first, Some(End::Peer));
}

#[test]
fn a_fin_that_the_capture_lacks_decides_nothing_wrongly() {
    let exchange = opened(&["> . 1 ack 2", "> F. 1 ack 2", "< . 2 ack 2"]);
    let last = |end| exchange.last_state(end).unwrap().states;
    assert!(last(End::Local).contains(LastAck) && last(End::Local).contains(FinWait2));
    assert!(last(End::Peer).contains(TimeWait) && last(End::Peer).contains(CloseWait));
    assert_eq!(exchange.close.first, None);
    assert_eq!(exchange.close.manner, Manner::StillOpen);
    assert_eq!(exchange.data.received, 0);
    // Text that follows shows that it was text.
    let exchange = opened(&["> . 1 ack 2", "< P. 2:4 ack 1"]);
    assert_eq!(exchange.data.received, 3);
}

#[test]
fn a_reset_that_answers_a_stray_segment_ends_no_syn() {
    // RFC 9293 figure 9.
    let exchange = between(&[
        "> S 0",
        "< . 301 ack 101",
        "> R 101",
        "> S 0",
        "< S. 0 ack 1",
        "> . 1 ack 1",
    ]);
    assert_eq!(exchange.verdict, Some(Verdict::Open));
    assert_eq!(exchange.close.reset, None);
    assert_eq!(
        exchange.last_state(End::Local).unwrap().states,
        Established.into()
    );
}

#[test]
fn the_handshake_is_parted_where_it_was_captured() {
    let exchange = opened(&[]);
    let handshake = exchange.handshake;
    assert_eq!(handshake.rtt_ns, Some(10_000_000));
    assert_eq!(handshake.ack_ns, Some(10_000_000));
    assert_eq!(handshake.initial_rtt_ns, Some(20_000_000));
    // RFC 6298 3 (Karn).
    let repeated = between(&["> S 0", "< S. 0 ack 1", "< S. 0 ack 1", "> . 1 ack 1"]);
    assert_eq!(repeated.handshake.ack_ns, None);
}

#[test]
fn repeats_of_either_end_are_counted_by_what_they_repeat() {
    let frames = [
        "> S 0",
        "> S 0",
        "< S. 0 ack 1",
        "< S. 0 ack 1",
        "> . 1 ack 1",
        "> P. 1:11 ack 1",
        "> P. 1:11 ack 1",
        "< P. 1:6 ack 11",
        "< P. 1:6 ack 11",
        "> F. 11 ack 6",
        "> F. 11 ack 6",
        "< F. 6 ack 12",
        "< F. 6 ack 12",
    ];
    let counted = between(&frames).retransmitted;
    assert_eq!((counted.syn, counted.synack), (1, 1));
    assert_eq!((counted.fin, counted.data), (2, 2));
}

#[test]
fn a_keep_alive_repeats_nothing() {
    let answered = [
        "< P. 1:11 ack 1",
        "> . 1 ack 11",
        "< . 10:11 ack 1",
        "> . 1 ack 11",
    ];
    let exchange = opened(&answered);
    assert!(exchange.anomalies.is_empty(), "{:?}", exchange.anomalies);
    assert_eq!(exchange.retransmitted.data, 0);
    let unanswered = opened(&["< P. 1:2 ack 1", "< P. 1:2 ack 1"]);
    assert_eq!(unanswered.retransmitted.data, 1);
}

#[test]
fn how_it_ended_whoever_looks() {
    type Case = (&'static [&'static str], Manner, Outcome, Option<End>);
    let cases: [Case; 8] = [
        (&CLOSE, Manner::InOrder, Outcome::InOrder, Some(End::Local)),
        (
            &["< F. 1 ack 1", "> . 1 ack 2", "> F. 1 ack 2", "< . 2 ack 2"],
            Manner::InOrder,
            Outcome::InOrder,
            Some(End::Peer),
        ),
        (
            &["> F. 1 ack 1", "< F. 1 ack 1", "> . 2 ack 2", "< . 2 ack 2"],
            Manner::Simultaneous,
            Outcome::InOrder,
            Some(End::Local),
        ),
        (
            &[
                "> F. 1 ack 1",
                "< P. 1:9 ack 2",
                "< F. 9 ack 2",
                "> . 2 ack 10",
            ],
            Manner::HalfClosed,
            Outcome::InOrder,
            Some(End::Local),
        ),
        (
            &["> F. 1 ack 1", "< . 1 ack 2"],
            Manner::StillOpen,
            Outcome::StillOpen,
            Some(End::Local),
        ),
        (&["< R. 1 ack 1"], Manner::Reset, Outcome::ResetByPeer, None),
        (&["> R. 1 ack 1"], Manner::Reset, Outcome::Aborted, None),
        (&[], Manner::StillOpen, Outcome::StillOpen, None),
    ];
    for (frames, manner, outcome, first) in cases {
        let close = opened(frames).close;
        assert_eq!(
            (close.manner, close.outcome),
            (manner, outcome),
            "{frames:?}"
        );
        assert_eq!(close.first, first, "{frames:?}");
    }
}

#[test]
fn who_reset_and_in_which_state() {
    let of = |frames: &[&str]| opened(frames).close.reset;
    assert_eq!(
        of(&["> R. 1 ack 1"]),
        Some((End::Local, Established.into()))
    );
    let closed_first = of(&["> F. 1 ack 1", "< . 1 ack 2", "< R. 1 ack 2"]);
    assert_eq!(closed_first, Some((End::Peer, CloseWait.into())));
    // After both have closed it ends nothing.
    assert_eq!(of(&[&CLOSE[..], &["> R 2"]].concat()), None);
    let refused = between(&["> S 0", "< R. 0 ack 1"]).close.reset;
    assert_eq!(refused.map(|(end, _)| end), Some(End::Peer));
}

#[test]
fn an_icmp_error_is_a_hint_to_a_client_that_is_not_ours() {
    for (vantage, verdict) in [
        (Vantage::Ours, Verdict::Filtered),
        (Vantage::Between, Verdict::Open),
    ] {
        let mut observer = Observer::new(vantage);
        let answer = shorthand::read("S. 0 ack 1", IRS, ISS);
        observer.observe(
            Stamp(0),
            &subject(End::Local, shorthand::read("S 0", ISS, IRS)),
        );
        observer.observe(Stamp(1), &icmp(ISS));
        observer.observe(Stamp(2), &subject(End::Peer, answer));
        let exchange = observer.finish();
        assert_eq!(exchange.verdict, Some(verdict));
        assert_eq!(exchange.icmp.is_some(), verdict == Verdict::Filtered);
    }
}

#[test]
fn nothing_of_an_end_that_reset_came_later() {
    let exchange = opened(&["> R. 1 ack 1", "> . 1 ack 1"]);
    assert_eq!(
        exchange.last_state(End::Local).unwrap().states,
        Closed.into()
    );
}
