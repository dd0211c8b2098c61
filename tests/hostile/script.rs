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
//! | `garble N` | some of its bytes are others, chosen by this seed; the checksum may be right |
//! | `atomic` | behind an IPv6 fragment header, though in one piece |
//!
//! `icmp N` quotes a segment of ours with the sequence number N: a port unreachable, or with
//! `frag-needed` a packet too big; `port N` quotes another port of ours.

mod packets;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tcpshake::clock::Time;
use tcpshake::wire::{Flags, Packet, Segment, SeqNumber};

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
        let last = fitting.clone().next_back();
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
        let seq = segment.seq.diff(self.our_isn);
        let mut text = format!("{} {seq}", segment.flags);
        if !segment.payload.is_empty() {
            text += &format!(":{}", seq + segment.payload.len() as i32);
        }
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
