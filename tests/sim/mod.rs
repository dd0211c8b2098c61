//! The engine and its sessions over a network in virtual time.

#![allow(clippy::unwrap_used)] // a test that cannot go on stops here
#![allow(dead_code)] // each test file uses a part

pub mod elsewhere;
pub mod network;
pub mod oracle;
pub mod peer;
pub mod random;

use std::time::Duration;

use tcpshake::engine::{self, Finished, Probe};
use tcpshake::exchange::Flow;
use tcpshake::link::Link;
use tcpshake::report::{Json, Ladder, LocalInfo, Record, Report, Style};
use tcpshake::session::{Course, End, Handshake, Request};
use tcpshake::tcp::{Config, Schedule};
use tcpshake::wire::{Flags, IpFields, Options, SeqNumber, TcpOption};

use network::SimLink;
use random::Random;

/// 1+2+4 s.
pub const SCHEDULE: Schedule = Schedule {
    first: Duration::from_secs(1),
    retries: 2,
};

pub const HOLD: Duration = Duration::from_millis(500);

/// Our address and the peer's, of either family.
pub fn flow(random: &mut Random) -> Flow {
    if random.percent(70) {
        Flow {
            local: "192.0.2.1:50000".parse().unwrap(),
            remote: "192.0.2.2:80".parse().unwrap(),
        }
    } else {
        Flow {
            local: "[2001:db8::1]:50000".parse().unwrap(),
            remote: "[2001:db8::2]:80".parse().unwrap(),
        }
    }
}

fn config(random: &mut Random) -> Config {
    let stamps = random.next() as u32;
    let mut options = vec![TcpOption::Mss(1460), TcpOption::SackPermitted];
    if random.percent(70) {
        options.push(TcpOption::Timestamps {
            val: stamps,
            ecr: 0,
        });
    }
    if random.percent(70) {
        options.push(TcpOption::WindowScale(7));
    }
    Config {
        local_port: 50_000,
        remote_port: 80,
        iss: SeqNumber(random.pick(&[0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX - 1, u32::MAX])),
        window: random.pick(&[64_240, 1000, 65_535]),
        options: Options::from(options).padded(),
        syn_flags: Flags::default(),
        schedule: SCHEDULE,
    }
}

/// A byte that tells where in a text it stands.
pub fn text_at(offset: usize) -> u8 {
    (offset % 251) as u8
}

pub fn text(len: usize) -> Vec<u8> {
    (0..len).map(text_at).collect()
}

/// Drives one probe to its end and checks what holds whoever the peer is.
pub fn run(link: &mut SimLink, flow: Flow, end: End, random: &mut Random) -> Finished {
    run_asking(link, flow, end, random, None)
}

/// The same with so many bytes to send.
pub fn run_asking(
    link: &mut SimLink,
    flow: Flow,
    end: End,
    random: &mut Random,
    len: Option<usize>,
) -> Finished {
    let course = Course {
        end,
        hold: HOLD,
        time_wait: None,
    };
    let begun = link.now();
    let probe = Probe {
        flow,
        scope: 0,
        ip: IpFields::default(),
        session: Handshake::new(config(random), course).asking(request(len)),
    };
    let finished = engine::run(link, probe, None).unwrap();
    let took = link.now() - begun;
    assert!(took <= longest(len), "it took {took:?}");
    assert_eq!(finished.kernel_rst, 0);
    assert!(finished.refused.is_none());
    assert_eq!(finished.interface, Some(2));
    oracle::check_consistent(&finished.exchange);
    check_reports(&finished, end, flow);
    finished
}

fn request(len: Option<usize>) -> Option<Request> {
    len.map(|len| Request {
        text: text(len).into(),
        quiet: HOLD,
    })
}

/// The handshake, the hold, the peer's ACK, the peer's FIN, a last round trip; every segment of
/// the text, ours and the peer's, may need the whole schedule.
fn longest(len: Option<usize>) -> Duration {
    let segments = len.map_or(0, |len| len / 500 + 100) as u32;
    (5 + segments) * SCHEDULE.total() + HOLD + Duration::from_secs(1)
}

fn check_reports(finished: &Finished, end: End, flow: Flow) {
    let record = Record {
        seq: 0,
        started: finished.started,
        target: flow.remote.into(),
        local: LocalInfo::default(),
        requested: end,
        time_wait: None,
        exchange: finished.exchange.clone(),
        kernel_rst: finished.kernel_rst,
        capture_drops: 0,
        failure: None,
        stopped: finished.stopped.is_some(),
    };
    let mut json = Vec::new();
    Json::new(&mut json, true).probe(&record).unwrap();
    let line: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let segments = line["segments"].as_array().unwrap();
    assert_eq!(segments.len(), finished.exchange.segments.len());
    for state in line["states"].as_array().unwrap() {
        let possible = state["state"].as_array().unwrap().len() > 1;
        assert_eq!(state["basis"] == "possible", possible, "{state}");
    }
    for verbose in [false, true] {
        let mut text = Vec::new();
        let mut ladder = Ladder::new(&mut text, Style::PLAIN).verbose(verbose);
        ladder.probe(&record).unwrap();
        let text = String::from_utf8(text).unwrap();
        let wide = text.lines().find(|line| line.len() > 80);
        assert!(text.is_ascii() && wide.is_none(), "{wide:?}");
    }
}
