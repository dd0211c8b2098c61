//! What must be true of a report, given what really happened.

use tcpshake::engine::{Finished, Stop};
use tcpshake::exchange::{Basis, End, Exchange, Outcome, Verdict};
use tcpshake::link::Direction;
use tcpshake::tcp::{State, StateSet};

use super::network::SimLink;
use super::text_at;

/// The parts of a report agree with each other.
pub fn check_consistent(exchange: &Exchange) {
    let mut last = 0;
    for change in &exchange.states {
        assert!(!change.states.is_empty());
        assert_eq!(change.basis == Basis::Possible, change.states.len() > 1);
        assert!(change.t_ns >= last, "states out of order");
        assert!(change.segment < exchange.segments.len());
        last = change.t_ns;
    }
    let opened = exchange.verdict == Some(Verdict::Open);
    assert_eq!(exchange.handshake.peer_isn.is_some(), opened);
    assert_eq!(exchange.close.outcome == Outcome::NotAttempted, !opened);
    let undecided = exchange.reason == Some("interrupted");
    assert_eq!(exchange.verdict.is_none(), undecided);
    assert!(exchange.reason.is_some());
    assert!(exchange.data.preview.len() as u64 <= exchange.data.received);
    let stamps = exchange.segments.iter().map(|segment| segment.t_ns);
    assert!(stamps.is_sorted());
}

/// The verdict follows from the first answer to our SYN that reached us.
pub fn check_verdict(link: &SimLink, finished: &Finished) {
    let exchange = &finished.exchange;
    let isn = exchange.handshake.isn.unwrap();
    let answer = link.captured.iter().find(|frame| {
        let segment = &frame.segment;
        frame.direction == Direction::Received
            && segment.flags.ack()
            && segment.ack == isn + 1
            && (segment.flags.syn() || segment.flags.rst())
    });
    let expected = match answer {
        // Who did not wait has not heard silence.
        None if finished.stopped == Some(Stop::Interrupted) => None,
        None => Some(Verdict::Filtered),
        Some(frame) if frame.segment.flags.rst() => Some(Verdict::Closed),
        Some(_) => Some(Verdict::Open),
    };
    assert_eq!(exchange.verdict, expected);
}

/// After every frame the set of states that we give for the peer contains its state: the one it had
/// when it sent its newest segment that reached us, and the one it has now, unless it has closed or
/// given up since then and nothing of that has reached us.
pub fn check_peer_states(link: &SimLink, finished: &Finished) {
    let exchange = &finished.exchange;
    assert_eq!(exchange.segments.len(), link.captured.len());
    let mut newest = None;
    for (index, frame) in link.captured.iter().enumerate() {
        let claimed = claim_after(exchange, index);
        if let Some(sent) = frame.sent {
            let overtaken = newest.is_some_and(|(order, _)| order > sent.order);
            if !overtaken {
                newest = Some((sent.order, sent.moves));
                must_contain(link, exchange, index, claimed, sent.state);
            }
        }
        let heard_of = newest.map_or(0, |(_, moves)| moves);
        if heard_of == frame.moves {
            must_contain(link, exchange, index, claimed, frame.state);
        }
    }
    let heard_of = newest.map_or(0, |(_, moves)| moves);
    if heard_of == link.peer_moves() {
        let last = exchange.segments.len() - 1;
        must_contain(
            link,
            exchange,
            last,
            claim_after(exchange, last),
            link.peer_state(),
        );
    }
}

fn claim_after(exchange: &Exchange, index: usize) -> StateSet {
    exchange
        .states
        .iter()
        .rev()
        .find(|change| change.end == End::Peer && change.segment <= index)
        .map_or(StateSet::from([State::Closed, State::Listen]), |change| {
            change.states
        })
}

fn must_contain(
    link: &SimLink,
    exchange: &Exchange,
    index: usize,
    claimed: StateSet,
    truth: Option<State>,
) {
    let Some(truth) = truth else { return };
    if !claimed.contains(truth) {
        show(link, exchange);
        panic!("after segment {index} the peer is in {truth}, the report says {claimed:?}");
    }
}

fn show(link: &SimLink, exchange: &Exchange) {
    for (index, (frame, record)) in link.captured.iter().zip(&exchange.segments).enumerate() {
        let direction = match frame.direction {
            Direction::Sent => '>',
            Direction::Received | Direction::Looped => '<',
        };
        eprintln!(
            "{index:3} {:9} us {direction} {} seq {} ack {} len {}: peer {:?} moves {}, {:?}, claim {:?}",
            record.t_ns / 1000,
            record.segment.flags,
            record.segment.seq,
            record.segment.ack,
            record.len,
            frame.state,
            frame.moves,
            frame.sent,
            claim_after(exchange, index)
        );
    }
}

/// Every byte was told as it was, both ways; and all of them where both ends closed in order.
pub fn check_text(link: &SimLink, finished: &Finished, asked: Option<usize>) {
    let exchange = &finished.exchange;
    let data = &exchange.data;
    let isn = exchange.handshake.isn.unwrap();
    for frame in &link.captured {
        if frame.direction == Direction::Sent {
            let offset = frame.segment.seq.diff(isn + 1).max(0) as usize;
            let told = (offset..).zip(&frame.segment.payload);
            assert!(told.into_iter().all(|(at, &byte)| byte == text_at(at)));
        }
    }
    let said = link.peer_said();
    let received = usize::try_from(data.received).unwrap();
    assert_eq!(data.preview, said[..received.min(64)]);
    assert!(data.sent <= asked.unwrap_or(0) as u64);
    if exchange.close.outcome == Outcome::InOrder {
        assert_eq!(received, said.len());
        assert_eq!(data.sent, asked.unwrap_or(0) as u64);
    }
}

/// When a RST was our last word and got through, the peer is left with no connection.
pub fn check_nothing_left(link: &mut SimLink, finished: &Finished) {
    link.drain();
    let Some(state) = link.peer_state() else {
        return;
    };
    let over = [State::Closed, State::Listen, State::TimeWait].contains(&state);
    if link.reset_came_last && !link.reset_lost && !over {
        show(link, &finished.exchange);
        panic!("the peer is left in {state}");
    }
}
