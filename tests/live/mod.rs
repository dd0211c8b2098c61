//! Captures of real connections: of two kernels, and of tcpshake with one. All courses run at the
//! same time, and are captured at either end and at the router between.

mod courses;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use tcpshake::capture::Reader;
use tcpshake::capture::link::network;
use tcpshake::wire::{IcmpMessage, Packet};

use crate::lab::{Connection, stay_on_one_processor};
use crate::samples::Sample;
use crate::stage::{Act, App, Family, Stage};
use crate::written::{NANOSECONDS, Order, Pcap};
use courses::{COURSES, Client, Course, beside};

const ETHERNET: u16 = 1;
/// Bytes of a capture without frames.
const EMPTY: usize = 24;

/// Every sample of this kind; in the lab.
pub fn live() -> Vec<Sample> {
    stay_on_one_processor();
    let stage = Stage::new();
    let places = [
        ("client", &stage.client, "cli0"),
        ("router", &stage.router, "near"),
        ("server", &stage.peer, "srv0"),
    ];
    let captures =
        places.map(|(_, host, interface)| host.capture(interface, "tcp or icmp or icmp6"));
    let families = Family::BOTH.iter().cycle();
    let acts: Vec<_> = COURSES
        .iter()
        .zip(families)
        .map(|(course, family)| (course, stage.act(*family, course.app)))
        .collect();
    let mut written = Vec::new();
    let _still_open: Vec<Option<Connection>> = thread::scope(|scope| {
        let runs: Vec<_> = acts
            .iter()
            .map(|(course, act)| scope.spawn(|| run(&stage, course, act)))
            .collect();
        let ended = runs
            .into_iter()
            .map(|run| run.join().expect("a course that ends"));
        let (open, files): (Vec<_>, Vec<_>) = ended.unzip();
        written.extend(files.into_iter().flatten());
        open
    });
    let captures = captures.map(|capture| capture.stop().pcap().to_vec());
    for (index, (course, act)) in acts.into_iter().enumerate() {
        let of = |at: usize| only(&captures[at], act.far());
        // Some segments never get as far as the server.
        let at = [index % 3, 0].into_iter().find(|at| of(*at).len() > EMPTY);
        let at = at.expect("every course begins at the client");
        let name = format!("{}, at the {}", course.name, places[at].0);
        written.push(Sample::new(&name, of(at)));
        if course.app != App::Greeting {
            act.server.end();
        }
    }
    let whole = places.iter().zip(captures);
    written.extend(
        whole.map(|(place, capture)| Sample::new(&format!("all at the {}", place.0), capture)),
    );
    written
}

/// A connection that stays open, and the capture that tcpshake wrote.
fn run(stage: &Stage, course: &Course, act: &Act) -> (Option<Connection>, Option<Sample>) {
    stage.lose_first(act.far().port(), course.lost);
    match course.client {
        Client::Kernel(play) => (play(stage, act), None),
        Client::Probe(arguments) => {
            let file =
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.pcapng", course.name));
            let name = file.to_str().expect("a path in UTF-8");
            let finished = act.begin(&[arguments, &["-w", name]].concat()).finish();
            assert!(!matches!(finished.code(), 2 | 6), "{finished:?}");
            let bytes = fs::read(&file).expect("the capture");
            fs::remove_file(&file).expect("a file to remove");
            (
                None,
                Some(Sample::new(&format!("{}, written", course.name), bytes)),
            )
        }
    }
}

/// The part of a capture that is about a port of the server, or the one beside.
fn only(capture: &[u8], server: SocketAddr) -> Vec<u8> {
    let wanted = [server.port(), beside(server).port()];
    let mut part = Pcap::new(Order::Little, NANOSECONDS, ETHERNET);
    let mut reader = Reader::new(capture).expect("a capture");
    while let Some(frame) = reader.next_frame().expect("a whole capture") {
        let packet = network(frame.interface.link, frame.bytes).expect("IP");
        let ports = ports(&Packet::parse(packet).expect("an IP packet"));
        if ports.is_some_and(|ports| ports.iter().any(|port| wanted.contains(port))) {
            let nanos = frame.stamp.expect("a stamp").0;
            let [seconds, fraction] = [nanos / 1_000_000_000, nanos % 1_000_000_000]
                .map(|it| u32::try_from(it).expect("32 bits"));
            part = part.frame(seconds, fraction, frame.bytes);
        }
    }
    part.bytes
}

/// The ports of a segment, or of the one that an ICMP error quotes.
fn ports(packet: &Packet) -> Option<[u16; 2]> {
    let segment = packet.tcp().map(|it| [it.src_port, it.dst_port]);
    let quote = packet.icmp().and_then(IcmpMessage::quote);
    segment.or(quote.map(|it| [it.src_port, it.dst_port]))
}
