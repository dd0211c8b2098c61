//! The language of hostile peers, in the spirit of packetdrill.
//!
//! ```text
//! S => S. 0 ack 1; F. => . 1 ack 2, +20ms F. 1 ack 2
//! ```
//! A rule says what a segment of ours is answered with: its flags as tcpdump writes them, then
//! segments with relative numbers. Of several rules for the same flags the first answers the first
//! such segment, the second the second, and the last all that follow. Before a segment may stand
//! `+20ms` (later than the one it answers), `x100` (so often) or `every 1s` (for ever, each time
//! with the numbers that follow). After its flags and numbers (`5:15`: ten bytes of data):
//!
//! | word | |
//! |---|---|
//! | `ack N`, `win N`, `ttl N` | that field |
//! | `opt HEX` | these options, whole words, made of whatever |
//! | `sum` | the checksum is wrong |
//! | `offset N` | this data offset, though the header has another length |
//! | `cut N` | only so many bytes are sent, and the IP header says so |
//! | `short N` | only so many bytes are sent, and the IP header says nothing of it |
//! | `fragments` | in IP fragments of 8 bytes |
//! | `atomic` | behind an IPv6 fragment header, though in one piece |
//!
//! `icmp N` quotes a segment of ours with the sequence number N: a port unreachable, or with
//! `frag-needed` a packet too big; `port N` quotes another port of ours.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tcpshake::clock::Time;
use tcpshake::wire::{
    Flags, IcmpMessage, IpFields, IpHeader, IpVersion, Options, Packet, Segment, SeqNumber,
};

/// Close to the end of the sequence space: whatever a peer sends crosses it.
const PEER_ISN: SeqNumber = SeqNumber(u32::MAX - 2);

/// What a peer does.
#[derive(Clone, Debug)]
pub struct Script {
    rules: Vec<(Flags, Vec<Action>)>,
}

#[derive(Clone, Debug, Default)]
struct Action {
    after: Duration,
    copies: usize,
    every: Option<Duration>,
    /// `None`: an ICMP error.
    flags: Option<Flags>,
    /// Of the segment, or of the quoted one.
    seq: u32,
    len: u32,
    ack: u32,
    /// The words after the numbers, and their values.
    words: HashMap<String, String>,
}

impl Script {
    pub fn parse(text: &str) -> Script {
        let rules = text.split(';').filter(|rule| !rule.trim().is_empty());
        let rule = |rule: &str| {
            let (trigger, answer) = rule.split_once("=>").expect("FLAGS => ANSWER");
            let actions = answer.split(',').filter(|text| !text.trim().is_empty());
            (flags(trigger.trim()), actions.map(Action::parse).collect())
        };
        Script {
            rules: rules.map(rule).collect(),
        }
    }
}

/// Words that stand alone.
const ALONE: [&str; 4] = ["sum", "fragments", "atomic", "frag-needed"];

impl Action {
    fn parse(text: &str) -> Action {
        let mut words = text.split_whitespace().peekable();
        let mut action = Action {
            copies: 1,
            ..Action::default()
        };
        let kind = loop {
            let word = words.next().expect("a segment");
            if let Some(after) = word.strip_prefix('+') {
                action.after = duration(after);
            } else if let Some(copies) = word.strip_prefix('x') {
                action.copies = number(copies) as usize;
            } else if word == "every" {
                action.every = words.next().map(duration);
            } else {
                break word;
            }
        };
        action.flags = (kind != "icmp").then(|| flags(kind));
        let seq = words.next().expect("a sequence number");
        let (first, end) = seq.split_once(':').unwrap_or((seq, seq));
        action.seq = number(first);
        action.len = number(end).wrapping_sub(action.seq);
        while let Some(word) = words.next() {
            let value = if ALONE.contains(&word) {
                ""
            } else {
                words.next().unwrap_or_else(|| panic!("{word} WHAT?"))
            };
            action.words.insert(word.to_owned(), value.to_owned());
        }
        action.ack = action.number("ack").unwrap_or(0);
        action
    }

    fn number(&self, word: &str) -> Option<u32> {
        self.words.get(word).map(|value| number(value))
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains_key(word)
    }

    /// The packet as it goes over the wire, in its fragments. `from` is the peer.
    fn packets(&self, from: SocketAddr, to: SocketAddr, our_isn: SeqNumber) -> Vec<Vec<u8>> {
        let ip = IpFields {
            ttl: self.number("ttl").unwrap_or(64) as u8,
            dont_fragment: !self.has("fragments"),
            identification: 7,
            ..IpFields::default()
        };
        let Some(flags) = self.flags else {
            return vec![self.icmp(from, to, our_isn, &ip)];
        };
        let segment = Segment {
            src_port: from.port(),
            dst_port: to.port(),
            seq: PEER_ISN + self.seq,
            ack: if flags.ack() {
                our_isn + self.ack
            } else {
                SeqNumber(0)
            },
            flags,
            window: self.number("win").unwrap_or(1000) as u16,
            options: Options::parse(&self.words.get("opt").map_or(vec![], |text| hex(text))),
            payload: vec![b'x'; self.len as usize],
            ..Segment::default()
        };
        let packet = Packet::build(from.ip(), to.ip(), segment, &ip);
        let header = packet.ip.emit().len();
        self.spoil(packet.emit(), header)
    }

    /// What makes it hostile, done to the bytes.
    fn spoil(&self, mut bytes: Vec<u8>, header: usize) -> Vec<Vec<u8>> {
        if let Some(words) = self.number("offset") {
            let byte = bytes[header + 12];
            bytes[header + 12] = (words << 4) as u8 | byte & 15;
            let change = u16::from(bytes[header + 12]) << 8;
            fix_checksum(&mut bytes, header + 16, u16::from(byte) << 8, change);
        }
        if self.has("sum") {
            bytes[header + 16] ^= 0x55;
        }
        if let Some(len) = self.number("cut") {
            bytes.truncate(header + len as usize);
            set_length(&mut bytes, header);
        }
        if let Some(len) = self.number("short") {
            bytes.truncate(header + len as usize);
        }
        if self.has("atomic") {
            return vec![fragment(&bytes, header, 0, bytes.len() - header, false)];
        }
        if self.has("fragments") {
            let len = bytes.len() - header;
            let starts = (0..len).step_by(8);
            return starts
                .map(|at| fragment(&bytes, header, at, 8.min(len - at), at + 8 < len))
                .collect();
        }
        vec![bytes]
    }

    fn icmp(&self, from: SocketAddr, to: SocketAddr, isn: SeqNumber, ip: &IpFields) -> Vec<u8> {
        let quoted = Segment {
            src_port: self.number("port").map_or(to.port(), |port| port as u16),
            dst_port: from.port(),
            seq: isn + self.seq,
            flags: Flags::SYN,
            ..Segment::default()
        };
        let too_big = self.has("frag-needed");
        let (version, icmp_type, code) = match (from.ip().is_ipv4(), too_big) {
            (true, false) => (IpVersion::V4, 3, 3),
            (true, true) => (IpVersion::V4, 3, 4),
            (false, false) => (IpVersion::V6, 1, 4),
            (false, true) => (IpVersion::V6, 2, 0),
        };
        let message = IcmpMessage {
            version,
            icmp_type,
            code,
            checksum: 0,
            // The next hop's MTU, where there is one.
            rest: if too_big { [0, 0, 5, 0] } else { [0; 4] },
            body: Packet::build(to.ip(), from.ip(), quoted, &IpFields::default()).emit(),
        };
        Packet::build_icmp(from.ip(), to.ip(), message, ip).emit()
    }
}

/// A script being played to one connection.
#[derive(Debug)]
pub struct Reactor {
    script: Script,
    peer: SocketAddr,
    us: Option<SocketAddr>,
    our_isn: SeqNumber,
    answered: HashMap<u16, usize>,
    due: Vec<(Time, Action)>,
    heard: Vec<String>,
}

impl Reactor {
    pub fn new(script: Script, peer: SocketAddr) -> Reactor {
        Reactor {
            script,
            peer,
            us: None,
            our_isn: SeqNumber(0),
            answered: HashMap::new(),
            due: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// A packet that reached the peer; one for somebody else is let pass.
    pub fn hear(&mut self, now: Time, packet: &[u8]) {
        let Ok(packet) = Packet::parse(packet) else {
            return;
        };
        let Some(segment) = packet.tcp().filter(|_| packet.ip.dst() == self.peer.ip()) else {
            return;
        };
        if segment.dst_port != self.peer.port() {
            return;
        }
        let from = SocketAddr::new(packet.ip.src(), segment.src_port);
        if self.us.replace(from).is_none() {
            self.our_isn = segment.seq;
        }
        self.heard.push(self.write(segment));
        let count = self.answered.entry(segment.flags.bits()).or_default();
        let fitting = self.script.rules.iter();
        let mut fitting = fitting.filter(|(flags, _)| *flags == segment.flags);
        let last = fitting.clone().last();
        let Some((_, actions)) = fitting.nth(*count).or(last) else {
            return;
        };
        *count += 1;
        let due = actions.iter().map(|it| (now + it.after, it.clone()));
        self.due.extend(due);
        // Stable: what is due at the same time keeps the order of the script.
        self.due.sort_by_key(|(at, _)| *at);
    }

    pub fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The packets that are due by now.
    pub fn speak(&mut self, now: Time) -> Vec<Vec<u8>> {
        let Some(to) = self.us else { return Vec::new() };
        let mut packets = Vec::new();
        while self.next_due().is_some_and(|at| at <= now) {
            let (at, action) = self.due.remove(0);
            let once = action.packets(self.peer, to, self.our_isn);
            packets.extend(
                once.iter()
                    .cycle()
                    .take(once.len() * action.copies)
                    .cloned(),
            );
            if let Some(pause) = action.every {
                let next = Action {
                    seq: action.seq + action.len,
                    ..action
                };
                self.due.push((at + pause, next));
                self.due.sort_by_key(|(at, _)| *at);
            }
        }
        packets
    }

    pub fn heard_segments(&self) -> usize {
        self.heard.len()
    }

    /// All that it heard of us, repeats in a row counted: `"S 0 x3, R 1"`.
    pub fn heard(&self) -> String {
        let runs = self.heard.chunk_by(|one, other| one == other);
        let written = runs.map(|run| match run.len() {
            1 => run[0].clone(),
            n => format!("{} x{n}", run[0]),
        });
        written.collect::<Vec<_>>().join(", ")
    }

    fn write(&self, segment: &Segment) -> String {
        let mut text = format!("{} {}", segment.flags, segment.seq.diff(self.our_isn));
        if segment.flags.ack() {
            text += &format!(" ack {}", segment.ack.diff(PEER_ISN));
        }
        text
    }
}

fn number(text: &str) -> u32 {
    let number = text.parse::<i64>();
    number.unwrap_or_else(|_| panic!("no number: {text}")) as u32
}

fn duration(text: &str) -> Duration {
    humantime::parse_duration(text).expect("a duration")
}

fn hex(text: &str) -> Vec<u8> {
    let bytes = (0..text.len()).step_by(2);
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    bytes.map(byte).collect()
}

fn flags(text: &str) -> Flags {
    let flag = |letter| match letter {
        'S' => Flags::SYN,
        'F' => Flags::FIN,
        'R' => Flags::RST,
        'P' => Flags::PSH,
        '.' => Flags::ACK,
        _ => panic!("no such flag: {letter}"),
    };
    text.chars()
        .map(flag)
        .fold(Flags::default(), |all, flag| all | flag)
}

/// RFC 1624: one word under the checksum changes.
fn fix_checksum(bytes: &mut [u8], at: usize, before: u16, after: u16) {
    let word = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let sum = u32::from(!word) + u32::from(!before) + u32::from(after);
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    bytes[at..at + 2].copy_from_slice(&(!(folded as u16)).to_be_bytes());
}

/// Makes the IP header's length that of the packet.
fn set_length(packet: &mut [u8], header: usize) {
    let len = packet.len();
    if packet[0] >> 4 == 4 {
        packet[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        packet[10..12].fill(0);
        let IpHeader::V4(ip) = IpHeader::parse(packet).expect("an IP header").0 else {
            unreachable!("version 4")
        };
        let header = ip.with_checksum().emit();
        packet[..header.len()].copy_from_slice(&header);
    } else {
        packet[4..6].copy_from_slice(&((len - header) as u16).to_be_bytes());
    }
}

/// `len` bytes of the packet's payload from `at`, as a fragment.
fn fragment(packet: &[u8], header: usize, at: usize, len: usize, more: bool) -> Vec<u8> {
    let payload = &packet[header + at..header + at + len];
    let mut ip = packet[..header].to_vec();
    if ip[0] >> 4 == 4 {
        let field = (at / 8) as u16 | if more { 0x2000 } else { 0 };
        ip[6..8].copy_from_slice(&field.to_be_bytes());
    } else {
        let field = at as u16 | u16::from(more);
        let [high, low] = field.to_be_bytes();
        ip.extend([ip[6], 0, high, low, 0, 0, 0, 7]);
        ip[6] = 44;
    }
    let mut bytes = [&ip, payload].concat();
    let fixed = if bytes[0] >> 4 == 4 { header } else { 40 };
    set_length(&mut bytes, fixed);
    bytes
}
