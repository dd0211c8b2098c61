//! Conversations written segment by segment.

use std::net::SocketAddr;
use std::ops::BitOr;

use tcpshake::wire::{Flags, IpFields, Packet, Segment, SeqNumber, TcpOption};

/// An IP packet and when it was captured, in microseconds.
#[derive(Clone)]
pub struct Said {
    pub micros: u64,
    pub packet: Vec<u8>,
}

/// Two ends to come, the client first.
#[derive(Clone)]
pub struct Talk {
    pub ends: [SocketAddr; 2],
    pub isns: [u32; 2],
    /// What their SYNs offer.
    pub offers: [Vec<TcpOption>; 2],
    /// When it begins.
    pub micros: u64,
}

impl Talk {
    /// Between two IPv4 hosts, at this port of the client.
    pub fn v4(port: u16) -> Talk {
        Talk::between(["192.0.2.1", "198.51.100.2"], port)
    }

    /// Between two IPv6 hosts.
    pub fn v6(port: u16) -> Talk {
        Talk::between(["2001:db8::1", "2001:db8::2"], port)
    }

    fn between(hosts: [&str; 2], port: u16) -> Talk {
        let [client, server] = hosts.map(|host| host.parse().expect("an address"));
        let stamps = |val, ecr| TcpOption::Timestamps { val, ecr };
        let number = u32::from(port);
        Talk {
            ends: [SocketAddr::new(client, port), SocketAddr::new(server, 443)],
            // The server's numbers wrap around in the middle of its data.
            isns: [number.wrapping_mul(2_654_435_761), u32::MAX - 20],
            offers: [
                vec![
                    TcpOption::Mss(1460),
                    TcpOption::SackPermitted,
                    stamps(number, 0),
                    TcpOption::Nop,
                    TcpOption::WindowScale(7),
                ],
                vec![
                    TcpOption::Mss(1400),
                    TcpOption::Nop,
                    TcpOption::WindowScale(3),
                    TcpOption::SackPermitted,
                    stamps(77, number),
                ],
            ],
            micros: 1_700_000_000_000_000,
        }
    }

    /// Plays a script: words apart, each one segment.
    ///
    /// `>` is sent by the client, `<` by the server; flags follow as tcpdump writes them, then
    /// `:` and bytes of data. A `~` in front repeats that end's last sequence number. A `-` behind
    /// crosses the other end's last segment: it does not acknowledge it. `<_` is said but not
    /// captured.
    pub fn play(&self, script: &str) -> Vec<Said> {
        let mut said = Vec::new();
        let mut numbers = Numbers::new(self.isns);
        for (index, word) in (0..).zip(script.split_whitespace()) {
            let word = Word::parse(word);
            let segment = self.segment(&word, &mut numbers);
            if !word.is_missed {
                let (this, other) = (word.from, 1 - word.from);
                let [src, dst] = [this, other].map(|end| self.ends[end].ip());
                said.push(Said {
                    // No two steps take the same time.
                    micros: self.micros + 1_000 * index + 37 * index * index,
                    packet: Packet::build(src, dst, segment, &IpFields::default()).emit(),
                });
            }
        }
        said
    }

    fn segment(&self, word: &Word, numbers: &mut Numbers) -> Segment {
        let (this, other) = (word.from, 1 - word.from);
        let ack = word.flags.ack();
        let (seq, acknowledged) = numbers.take(word);
        let segment = Segment {
            src_port: self.ends[this].port(),
            dst_port: self.ends[other].port(),
            seq: SeqNumber(seq),
            ack: SeqNumber(if ack { acknowledged } else { 0 }),
            flags: word.flags,
            window: 60_000,
            options: if word.flags.syn() {
                self.offers[this].clone().into()
            } else {
                Vec::new().into()
            },
            payload: vec![b'x'; word.data],
            ..Segment::default()
        };
        numbers.sent(this, &segment);
        segment
    }
}

/// Where the two ends are.
struct Numbers {
    isns: [u32; 2],
    next: [u32; 2],
    /// The sequence number of the last segment of each.
    last: [u32; 2],
}

impl Numbers {
    fn new(isns: [u32; 2]) -> Numbers {
        Numbers {
            isns,
            next: isns,
            last: isns,
        }
    }

    /// The sequence and acknowledgment numbers of a segment.
    fn take(&self, word: &Word) -> (u32, u32) {
        let (this, other) = (word.from, 1 - word.from);
        let seq = match word {
            it if it.flags.syn() => self.isns[this],
            it if it.is_repeat => self.last[this],
            _ => self.next[this],
        };
        let known = if word.is_crossing {
            &self.last
        } else {
            &self.next
        };
        (seq, known[other])
    }

    fn sent(&mut self, end: usize, segment: &Segment) {
        self.last[end] = segment.seq.0;
        self.next[end] = segment.seq.0.wrapping_add(segment.seq_len());
    }
}

/// One word of a script.
struct Word {
    from: usize,
    flags: Flags,
    data: usize,
    is_repeat: bool,
    is_crossing: bool,
    is_missed: bool,
}

impl Word {
    fn parse(word: &str) -> Word {
        let (word, is_repeat) = strip(word, word.strip_prefix('~'));
        let (word, is_crossing) = strip(word, word.strip_suffix('-'));
        let (head, data) = word.split_once(':').unwrap_or((word, "0"));
        let (from, flags) = match head.split_at(1) {
            (">", flags) => (0, flags),
            ("<", flags) => (1, flags),
            _ => panic!("who says {word:?}?"),
        };
        let (flags, is_missed) = strip(flags, flags.strip_prefix('_'));
        Word {
            from,
            flags: flags.chars().map(flag).fold(Flags::default(), BitOr::bitor),
            data: data.parse().expect("a number of bytes"),
            is_repeat,
            is_crossing,
            is_missed,
        }
    }
}

fn flag(letter: char) -> Flags {
    match letter {
        'F' => Flags::FIN,
        'S' => Flags::SYN,
        'R' => Flags::RST,
        'P' => Flags::PSH,
        '.' => Flags::ACK,
        'U' => Flags::URG,
        'E' => Flags::ECE,
        'W' => Flags::CWR,
        _ => panic!("no flag is written {letter:?}"),
    }
}

/// What is left, and whether something was stripped.
fn strip<'a>(whole: &'a str, stripped: Option<&'a str>) -> (&'a str, bool) {
    (stripped.unwrap_or(whole), stripped.is_some())
}

/// Several conversations at the same time.
pub fn together(talks: Vec<Vec<Said>>) -> Vec<Said> {
    let mut all = talks.concat();
    all.sort_by_key(|said| said.micros);
    all
}
