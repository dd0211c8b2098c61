//! Whole sessions over a simulated network: many seeds, every end, peers good and bad.

mod sim;

use std::time::Duration;

use sim::network::{SimLink, Weather};
use sim::peer::{Listener, Policy, Script};
use sim::random::Random;
use sim::{SCHEDULE, oracle};
use tcpshake::exchange::Verdict;
use tcpshake::session::End;
use tcpshake::wire::{Flags, Options, Segment, SeqNumber};

const SEEDS: u64 = 1000;

fn bad_weather(random: &mut Random) -> Weather {
    Weather {
        loss: random.pick(&[0, 0, 10, 30]),
        duplicates: random.pick(&[0, 10, 30]),
        delay_us: random.pick(&[(100, 1), (10_000, 1), (1000, 50_000), (1000, 150_000)]),
    }
}

/// One probe of a peer that follows the rules, in bad weather.
fn probe(end: End, seed: u64) {
    let mut random = Random::new(seed);
    let policy = random.pick(&Policy::ALL);
    let (out, back) = (bad_weather(&mut random), bad_weather(&mut random));
    let interrupt = random
        .percent(20)
        .then(|| Duration::from_millis(random.below(2000)));
    let says_nothing = matches!(end, End::SynRst | End::None);
    let asked = random.pick(&[None, Some(0), Some(20), Some(5000), Some(40_000)]);
    let asked = asked.filter(|_| !says_nothing);
    eprintln!(
        "{end} seed {seed}: asked {asked:?} {policy:?} {out:?} {back:?} interrupt {interrupt:?}"
    );
    let flow = sim::flow(&mut random);
    let peer = Listener::new(policy, &mut random, SCHEDULE);
    let mut link = SimLink::new(flow, Box::new(peer), seed)
        .weather(out, back)
        .interrupted_at(interrupt);
    let finished = sim::run_asking(&mut link, flow, end, &mut random, asked);
    oracle::check_verdict(&link, &finished);
    oracle::check_text(&link, &finished, asked);
    oracle::check_peer_states(&link, &finished);
    oracle::check_nothing_left(&mut link, &finished);
}

fn probes(end: End) {
    for seed in 0..SEEDS {
        probe(end, seed);
    }
}

#[test]
fn fin_in_bad_weather() {
    probes(End::Fin);
}

#[test]
fn rst_in_bad_weather() {
    probes(End::Rst);
}

#[test]
fn syn_rst_in_bad_weather() {
    probes(End::SynRst);
}

#[test]
fn hold_in_bad_weather() {
    probes(End::Hold);
}

#[test]
fn passive_in_bad_weather() {
    probes(End::Passive);
}

#[test]
fn half_in_bad_weather() {
    probes(End::Half);
}

#[test]
fn simultaneous_in_bad_weather() {
    probes(End::Simultaneous);
}

#[test]
fn none_in_bad_weather() {
    probes(End::None);
}

/// Nothing is lost: what comes of each end against each application.
#[test]
fn every_end_in_fine_weather() {
    use Policy::*;
    use tcpshake::exchange::Outcome::{self, *};
    let expected = |end: End, policy: Policy| -> Outcome {
        match (end, policy) {
            (_, Refuse) => NotAttempted,
            (End::Rst | End::SynRst | End::None, _) => Aborted,
            (End::Fin, NeverClose | Reset) => NoFin,
            (End::Hold, NeverClose) => NoFin,
            (End::Hold, Reset) => ResetByPeer,
            (End::Half, NeverClose | Reset) => NoFin,
            (end, Reset) if end.waits_for_fin() => ResetByPeer,
            // The peer waits for us, and we for the peer.
            (end, NeverClose | CloseOnFin | CloseLater) if end.waits_for_fin() => NoFin,
            _ => InOrder,
        }
    };
    for (end, policy) in End::ALL
        .into_iter()
        .flat_map(|end| Policy::ALL.map(|policy| (end, policy)))
    {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let flow = sim::flow(&mut random);
            let peer = Listener::new(policy, &mut random, SCHEDULE);
            let mut link = SimLink::new(flow, Box::new(peer), seed);
            let finished = sim::run(&mut link, flow, end, &mut random);
            let exchange = &finished.exchange;
            eprintln!("{end} {policy:?} seed {seed}");
            let outcome = exchange.close.outcome;
            let reset_meanwhile = policy == Reset && outcome == ResetByPeer;
            assert!(
                outcome == expected(end, policy) || reset_meanwhile,
                "{outcome:?}"
            );
            if exchange.verdict == Some(Verdict::Open) {
                assert_eq!(exchange.handshake.rtt_ns, Some(20_000_200 - 100));
            }
            oracle::check_verdict(&link, &finished);
            oracle::check_peer_states(&link, &finished);
            oracle::check_nothing_left(&mut link, &finished);
        }
    }
}

/// A segment that a peer without rules may send: numbers near the right ones, any flags.
fn wild(random: &mut Random, ours: &Segment, isn: SeqNumber) -> Segment {
    let any = Flags::from_bits(random.next() as u16);
    let flags = random.pick(&[
        Flags::SYN | Flags::ACK,
        Flags::SYN,
        Flags::ACK,
        Flags::ACK | Flags::PSH,
        Flags::FIN | Flags::ACK,
        Flags::RST,
        Flags::RST | Flags::ACK,
        Flags::FIN,
        any,
    ]);
    let near = |random: &mut Random, number: SeqNumber| match random.below(8) {
        0 => SeqNumber(random.next() as u32),
        1 => number - 1,
        2 => number + random.below(3000) as u32,
        n => number + (n as u32 / 3),
    };
    let after_ours = ours.seq + ours.seq_len();
    Segment {
        src_port: ours.dst_port,
        dst_port: ours.src_port,
        seq: near(random, isn),
        ack: near(random, after_ours),
        flags,
        window: random.next() as u16,
        options: Options::parse(&random.next().to_be_bytes()[..random.below(3) as usize * 4]),
        payload: vec![b'x'; random.pick(&[0, 0, 0, 1, 100, 1400])],
        ..Segment::default()
    }
}

/// Whatever the peer sends, the session ends in time and the report is sound in itself.
#[test]
fn every_end_against_wild_peers() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let end = random.pick(&End::ALL);
        let flow = sim::flow(&mut random);
        let isn = SeqNumber(random.next() as u32);
        let mut dice = Random::new(seed + 1_000_000);
        let opens = dice.percent(70);
        let mut budget = 200;
        let peer = Script::new(move |ours: &Segment| {
            let mut answers = Vec::new();
            budget -= 1;
            if budget < 0 {
                return answers;
            }
            if ours.flags.syn() && opens {
                answers.push(answer(ours, isn, Flags::SYN | Flags::ACK));
            }
            for _ in 0..dice.below(4) {
                answers.push(wild(&mut dice, ours, isn));
            }
            answers
        });
        let weather = Weather {
            duplicates: 10,
            ..Weather::FINE
        };
        let mut link = SimLink::new(flow, Box::new(peer), seed).weather(weather, weather);
        eprintln!("{end} seed {seed}");
        sim::run(&mut link, flow, end, &mut random);
    }
}

fn answer(ours: &Segment, seq: SeqNumber, flags: Flags) -> Segment {
    Segment {
        src_port: ours.dst_port,
        dst_port: ours.src_port,
        seq,
        ack: ours.seq + ours.seq_len(),
        flags,
        window: 1000,
        ..Segment::default()
    }
}

/// A peer that answers everything ten thousand times is answered in measure, and the report does
/// not grow with each repeat.
#[test]
fn a_flood_is_answered_in_measure() {
    for end in End::ALL {
        let mut random = Random::new(7);
        let flow = sim::flow(&mut random);
        let isn = SeqNumber(9);
        let peer = Script::new(move |ours: &Segment| {
            let first = ours.flags.syn() && !ours.flags.ack();
            let repeats = if first { 2000 } else { 0 };
            vec![answer(ours, isn, Flags::SYN | Flags::ACK); repeats]
        });
        let mut link = SimLink::new(flow, Box::new(peer), 7);
        let finished = sim::run(&mut link, flow, end, &mut random);
        let exchange = &finished.exchange;
        assert_eq!(exchange.verdict, Some(Verdict::Open));
        assert!(exchange.anomalies.len() < 250, "{end}");
        let sent = exchange
            .segments
            .iter()
            .filter(|segment| segment.from == tcpshake::exchange::End::Local)
            .count();
        assert!(sent < 110, "{end} sent {sent}");
    }
}
