//! The states of both ends from any place on the path, in virtual time: what is claimed is true.

mod sim;

use sim::SCHEDULE;
use sim::elsewhere::World;
use sim::network::Weather;
use sim::peer::{Listener, Policy};
use sim::random::Random;
use tcpshake::clock::Time;
use tcpshake::exchange::{End, Exchange};
use tcpshake::observe::Vantage;

const SEEDS: u64 = 1000;

fn bad_weather(random: &mut Random) -> Weather {
    Weather {
        loss: random.pick(&[0, 0, 10, 20]),
        duplicates: random.pick(&[0, 10, 30]),
        delay_us: random.pick(&[(100, 1), (10_000, 1), (1000, 50_000)]),
    }
}

/// What an application that has connected may do.
const CLIENTS: [Policy; 6] = [
    Policy::CloseOnFin,
    Policy::CloseLater,
    Policy::CloseFirst,
    Policy::CloseAtOnce,
    Policy::NeverClose,
    Policy::Reset,
];

fn watched(vantage: Vantage, seed: u64, unseen: usize) -> Exchange {
    let mut random = Random::new(seed);
    let (active, passive) = (random.pick(&CLIENTS), random.pick(&Policy::ALL));
    let weather = [bad_weather(&mut random), bad_weather(&mut random)];
    eprintln!("{vantage:?} seed {seed}: {active:?} {passive:?} {weather:?}");
    let client = Listener::new(active, &mut random, SCHEDULE).opening(Time(1_000_000_000));
    let server = Listener::new(passive, &mut random, SCHEDULE);
    let world = World::new([client, server], vantage, weather, random);
    world.beginning_after(unseen).run()
}

fn many(vantage: Vantage) {
    for seed in 0..SEEDS {
        watched(vantage, seed, 0);
    }
}

#[test]
fn from_between() {
    many(Vantage::Between);
}

#[test]
fn from_the_client() {
    many(Vantage::At(End::Local));
}

#[test]
fn from_the_server() {
    many(Vantage::At(End::Peer));
}

#[test]
fn from_the_middle_of_the_connection_on() {
    for seed in 0..SEEDS {
        let vantages = [
            Vantage::Between,
            Vantage::At(End::Local),
            Vantage::At(End::Peer),
        ];
        let unseen = Random::new(seed).below(12) as usize;
        watched(vantages[seed as usize % 3], seed, unseen);
    }
}
