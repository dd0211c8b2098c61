//! The connections of a capture, told apart as tshark tells them apart.

mod written;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use tcpshake::capture::Reader;
use tcpshake::explain::{Wishes, explain};
use tcpshake::report::{Connection, Explanation, Totals};
use tcpshake::wire::{Flags, IcmpMessage, IpFields, IpVersion, Packet, Segment, SeqNumber};

use written::frames::{framed, v4, v6, ways};
use written::{MICROSECONDS, Order, Pcap, Pcapng};

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Vec<Connection>>>);

impl Explanation for Kept {
    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.0.borrow_mut().push(connection.clone());
        Ok(())
    }

    fn end(&mut self, _: &Totals) -> io::Result<()> {
        Ok(())
    }
}

fn connections(capture: &[u8]) -> Vec<Connection> {
    let kept = Kept::default();
    let reader = Reader::new(capture).expect("a capture");
    let mut choose = |_| -> Box<dyn Explanation> { Box::new(kept.clone()) };
    let told = explain(reader, &Wishes::default(), &mut choose, &mut |_| {});
    let told = told.expect("memory can be written");
    assert!(told.fault.is_none());
    kept.0.take()
}

/// What tshark says of the frames, a row each.
fn tshark(capture: &[u8], fields: &[&str]) -> Vec<Vec<String>> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("explain.pcap");
    fs::write(&file, capture).expect("a file");
    // Twice, so that a frame knows of those after it.
    let output = Command::new("tshark")
        .args(["-2", "-T", "fields", "-r"])
        .arg(&file)
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .output()
        .expect("tshark runs");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    let row = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().map(row).collect()
}

/// Random numbers, the same each time (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        let factor = 6_364_136_223_846_793_005;
        self.0 = self
            .0
            .wrapping_mul(factor)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % limit
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }
}

const HOSTS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)),
];

/// Both ends of one pair of ports, which say what they like.
struct Talk {
    port: u16,
    isn: [u32; 2],
    /// Either has sent FIN or RST.
    closes: bool,
}

impl Talk {
    fn new(port: u16, isn: [u32; 2]) -> Talk {
        Talk {
            port,
            isn,
            closes: false,
        }
    }

    /// A packet of either end, or an ICMP error about one.
    fn next(&mut self, dice: &mut Dice) -> Vec<u8> {
        let (syn, fin, rst, ack) = (Flags::SYN, Flags::FIN, Flags::RST, Flags::ACK);
        let from = dice.below(2) as usize;
        let flags = dice.of(&[syn, syn | ack, ack, ack, ack, fin | ack, rst, rst | ack]);
        // An old number after the end opens anew (RFC 9293 3.10.7); tshark 4.0 takes it for a repeat.
        if flags == syn && (self.closes || dice.below(2) == 0) {
            self.isn[from] += 100_000;
        }
        self.closes |= flags.fin() || flags.rst();
        let text = dice.of(&[0, 0, 1, 1, 50]);
        let takes_data = flags == ack || flags == fin | ack;
        let data = if takes_data { dice.of(&[0, 0, 9]) } else { 0 };
        let seq = if flags == syn { 0 } else { text };
        let mut ports = [self.port, 443];
        let mut hosts = HOSTS;
        if from == 1 {
            ports.reverse();
            hosts.reverse();
        }
        let segment = Segment {
            src_port: ports[0],
            dst_port: ports[1],
            seq: SeqNumber(self.isn[from] + seq),
            ack: SeqNumber(self.isn[1 - from] + dice.of(&[0, 1, 1, 9])),
            flags,
            window: 1_000,
            payload: vec![b'x'; data],
            ..Segment::default()
        };
        let packet = Packet::build(hosts[0], hosts[1], segment, &IpFields::default());
        if dice.below(12) == 0 {
            return error(&packet);
        }
        packet.emit()
    }
}

fn error(about: &Packet) -> Vec<u8> {
    let message = IcmpMessage {
        version: IpVersion::V4,
        icmp_type: 3,
        code: 1,
        checksum: 0,
        rest: [0; 4],
        body: about.emit(),
    };
    let router = IpAddr::from([203, 0, 113, 9]);
    Packet::build_icmp(router, about.ip.src(), message, &IpFields::default()).emit()
}

/// The first and last frame of a connection, its segments and its mask.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    frames: (u64, u64),
    segments: u64,
    /// `None` where tshark counts otherwise: what errors quote, but not a first frame that is all.
    completeness: Option<u8>,
    /// The first frame is a SYN. tshark counts none that comes later.
    opens: bool,
}

fn ours(capture: &[u8]) -> BTreeMap<u64, Line> {
    let all = connections(capture).into_iter();
    let line = |it: &Connection| Line {
        frames: (it.first_frame, it.last_frame),
        segments: it.packets.client + it.packets.server,
        completeness: Some(it.completeness),
        opens: false,
    };
    all.map(|it| (it.stream, line(&it))).collect()
}

fn of_tshark(capture: &[u8]) -> BTreeMap<u64, Line> {
    let mut lines: BTreeMap<u64, Line> = BTreeMap::new();
    let mut quoted = BTreeSet::new();
    let fields = ["tcp.stream", "icmp.type", "tcp.completeness", "tcp.flags"];
    for (frame, row) in (1..).zip(tshark(capture, &fields)) {
        let Ok(stream) = row[0].parse() else { continue };
        let mask: u8 = row[2].parse().expect("a mask");
        let line = lines.entry(stream).or_insert(Line {
            frames: (frame, frame),
            segments: 0,
            completeness: None,
            opens: row[1].is_empty() && row[3] == "0x0002",
        });
        line.frames.1 = frame;
        line.segments += u64::from(row[1].is_empty());
        line.completeness = Some(mask);
        if !row[1].is_empty() {
            quoted.insert(stream);
        }
    }
    for (stream, line) in &mut lines {
        let is_lone = line.segments == 1 && !line.opens;
        if is_lone || quoted.contains(stream) {
            line.completeness = None;
        }
    }
    lines
}

#[test]
fn random_segments_are_numbered_as_tshark_numbers_them() {
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let ports = 1_000..1_300;
        let isn = [1_000_000, 2_000_000];
        let mut talks: Vec<Talk> = ports.map(|port| Talk::new(port, isn)).collect();
        let mut file = Pcap::new(Order::Little, MICROSECONDS, RAW);
        for index in 0..3_000 {
            let which = dice.below(300) as usize;
            let packet = talks[which].next(&mut dice);
            file = file.frame(1_000 + index / 1_000, index % 1_000 * 1_000, &packet);
        }
        let (ours, theirs) = (ours(&file.bytes), of_tshark(&file.bytes));
        assert!(theirs.len() > 400);
        assert_eq!(ours.len(), theirs.len());
        for (stream, line) in theirs {
            let mut ours = ours[&stream].clone();
            ours.opens = line.opens;
            ours.completeness = line.completeness.and(ours.completeness).map(|mask| {
                let late_syn = u8::from(!line.opens);
                mask & !late_syn
            });
            assert_eq!(ours, line, "seed {seed}, stream {stream}");
        }
    }
}

#[test]
fn a_frame_seen_on_two_interfaces_is_one_segment_in_two_packets() {
    let frame = framed(&v4(1, 30));
    let on = |others: &[(u32, u64)]| {
        let file = Pcapng::new(Order::Little);
        let file = file.interface(ETHERNET, 0, &[]).interface(ETHERNET, 0, &[]);
        let file = file.frame(0, 1_000, &frame);
        let add = |file: Pcapng, (interface, at): &(u32, u64)| file.frame(*interface, *at, &frame);
        let file = others.iter().fold(file, add);
        let all = connections(&file.bytes);
        assert_eq!(all.len(), 1);
        (all[0].packets.client, all[0].exchange.segments.len())
    };
    assert_eq!(on(&[(1, 1_009)]), (2, 1));
    // Again on the same interface, or much later: sent again.
    assert_eq!(on(&[(0, 1_009)]), (2, 2));
    assert_eq!(on(&[(1, 1_000_000)]), (2, 2));
}

#[test]
fn every_link_type_and_tunnel_leads_to_the_connection_inside() {
    for packet in [v4(1, 30), v6(1, 30)] {
        for (name, link, frame) in ways(&packet) {
            let file = Pcap::new(Order::Little, MICROSECONDS, link).frame(1, 2, &frame);
            let all = connections(&file.bytes);
            assert_eq!(all.len(), 1, "{name}");
            let bytes = all[0].bytes.client;
            assert_eq!(bytes, frame.len() as u64, "{name}");
            assert_eq!(all[0].server.port(), 443, "{name}");
        }
    }
}
