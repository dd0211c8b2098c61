//! One slow or hostile target among a thousand good ones changes nothing for any other.

mod lab;
mod scale_path;

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use nix::libc::{ETH_P_IP, IPPROTO_RAW};
use socket2::{Domain, Protocol, Socket, Type};
use tcpshake::wire::{Flags, IpFields, Packet, Segment, SeqNumber};

use lab::{CLIENT_V4, Namespace, in_lab};
use scale_path::outcome::Outcome;
use scale_path::{Crowd, width};

/// Among the good ones of 10.10.4.0/22.
const HOSTILE: Ipv4Addr = Ipv4Addr::new(10, 10, 5, 5);
const ISN: SeqNumber = SeqNumber(0x1000_0000);
const FLOOD: u32 = 10_000;

/// What it does when a segment of ours comes.
type Answer = fn(&Speaker, &Segment);

#[test]
fn who_never_answers_holds_up_nobody() {
    in_lab(|| judge(|_, _| (), "filtered", 1));
}

#[test]
fn who_answers_late_holds_up_nobody() {
    in_lab(|| {
        let answer = |speaker: &Speaker, segment: &Segment| {
            if segment.flags.syn() {
                thread::sleep(Duration::from_millis(width(800, 5000)));
                speaker.accept(segment);
            }
        };
        judge(answer, "open", 1);
    });
}

#[test]
fn a_flood_of_syn_acks_drowns_nobody() {
    in_lab(|| {
        let answer = |speaker: &Speaker, segment: &Segment| {
            if segment.flags.syn() {
                (0..FLOOD).for_each(|_| speaker.accept(segment));
            }
        };
        judge(answer, "open", 3);
    });
}

#[test]
fn a_flood_of_data_drowns_nobody() {
    in_lab(|| {
        let answer = |speaker: &Speaker, segment: &Segment| {
            if !segment.flags.syn() {
                return;
            }
            speaker.accept(segment);
            for number in 0..FLOOD {
                let data = Segment {
                    seq: ISN + 1 + number % 600 * 100,
                    ack: segment.seq + 1,
                    flags: Flags::ACK,
                    payload: vec![b'x'; 100],
                    ..Segment::default()
                };
                speaker.say(segment, data);
            }
        };
        judge(answer, "open", 3);
    });
}

#[test]
fn resets_with_wrong_numbers_reset_nobody() {
    in_lab(|| {
        let answer = |speaker: &Speaker, segment: &Segment| {
            if !segment.flags.syn() {
                return;
            }
            for number in 1..=200 {
                let reset = Segment {
                    seq: SeqNumber(number * 7_777_777),
                    ack: segment.seq + 1 + number,
                    flags: Flags::RST | Flags::ACK,
                    ..Segment::default()
                };
                speaker.say(segment, reset);
            }
            speaker.accept(segment);
        };
        judge(answer, "open", 1);
    });
}

/// Runs with one that does `answer` and is found to be `verdict` in the end. What the crowd is told
/// to be, and its round trips, are as without it, up to a factor for the work that a flood is.
fn judge(answer: Answer, verdict: &str, busier: u64) {
    let crowd = Crowd::open();
    let ask = ["-W", width("300ms", "1s"), "-p", "80", "10.10.4.0/22"];
    let quiet = Outcome::of(&crowd.at_full_speed(&ask).run(), 1024);
    quiet.all_are("open in-order");
    play(&crowd.peer, answer);
    let outcome = Outcome::of(&crowd.at_full_speed(&ask).run(), 1024);
    eprintln!("{} then {}", quiet.summary, outcome.summary);
    let mut told = outcome.by_target();
    let at = SocketAddr::from((HOSTILE, 80));
    let line = told.remove(&at).expect("its line");
    assert_eq!(line.verdict.as_deref(), Some(verdict), "{line:?}");
    for line in told.values() {
        assert_eq!(line.verdict.as_deref(), Some("open"), "{line:?}");
        // What our own queue has lost may have been the end.
        if outcome.summary["capture_drops"] == 0 {
            assert_eq!(line.close.outcome, "in-order", "{line:?}");
        }
    }
    let (before, beside) = (round_trip(&quiet), round_trip(&outcome));
    assert!(beside < before * 5 * busier, "{before} ns then {beside} ns");
    let slowest = width(6, 24) * 1_000_000_000;
    let took = outcome.summary["elapsed_ns"].as_u64().expect("a time");
    assert!(took < slowest * busier, "{}", outcome.summary);
}

fn round_trip(outcome: &Outcome) -> u64 {
    let median = &outcome.summary["rtt"]["p50_ns"];
    median.as_u64().expect("a median")
}

/// Has `host` do so, and its kernel be silent.
fn play(host: &Namespace, answer: Answer) {
    host.nft(&format!(
        "table ip hostile {{
            chain arriving {{
                type filter hook prerouting priority -300
                ip daddr {HOSTILE} drop
            }}
        }}"
    ));
    let ip = Protocol::from(i32::from((ETH_P_IP as u16).to_be()));
    let mut heard = host.run(|| Socket::new(Domain::PACKET, Type::DGRAM, Some(ip)).expect("a tap"));
    let raw = Some(Protocol::from(IPPROTO_RAW));
    let speaker = host.run(|| Speaker {
        socket: Socket::new(Domain::IPV4, Type::RAW, raw).expect("a raw socket"),
    });
    thread::spawn(move || {
        let mut buffer = [0; 70_000];
        loop {
            let length = heard.read(&mut buffer).expect("a frame");
            let Ok(packet) = Packet::parse(&buffer[..length]) else {
                continue;
            };
            if packet.ip.dst() == IpAddr::from(HOSTILE)
                && let Some(segment) = packet.tcp()
            {
                answer(&speaker, segment);
            }
        }
    });
}

struct Speaker {
    socket: Socket,
}

impl Speaker {
    fn accept(&self, syn: &Segment) {
        let syn_ack = Segment {
            seq: ISN,
            ack: syn.seq + 1,
            flags: Flags::SYN | Flags::ACK,
            ..Segment::default()
        };
        self.say(syn, syn_ack);
    }

    fn say(&self, to: &Segment, segment: Segment) {
        let segment = Segment {
            src_port: to.dst_port,
            dst_port: to.src_port,
            window: 64_240,
            ..segment
        };
        let ip = IpFields::default();
        let packet = Packet::build(HOSTILE.into(), CLIENT_V4, segment, &ip).emit();
        let to = SocketAddr::new(CLIENT_V4, 0).into();
        self.socket.send_to(&packet, &to).expect("a packet sent");
    }
}
