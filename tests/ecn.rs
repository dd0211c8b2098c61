//! Explicit congestion notification on the wire (RFC 3168), with Linux at the other end and marks
//! that its firewall sets. tcpdump is the witness.

mod lab;
mod stage;

use std::net::IpAddr;
use std::thread;

use lab::{
    Captured, PEER_V4, PEER_V6, Pair, Recording, Segment, in_lab, stay_on_one_processor, tcpshake,
};
use stage::{Story, counter, never_repeats};

const NOT_ECT: u8 = 0b00;
const ECT_0: u8 = 0b10;
const CE: u8 = 0b11;

const ECE: u8 = 0x40;
const CWR: u8 = 0x80;

const REQUEST: usize = 100_000;
const ANSWER: usize = 200_000;

/// A segment and what its packet says of congestion.
#[derive(Debug)]
struct Seen {
    ours: bool,
    ecn: u8,
    segment: Segment,
    /// Of text, bytes.
    len: u32,
}

impl Seen {
    fn has(&self, flag: u8) -> bool {
        self.segment.flags & flag != 0
    }

    /// The number after its text.
    fn end(&self) -> u32 {
        self.segment.seq.wrapping_add(self.len)
    }

    /// Whether it acknowledges all before `number`.
    fn acknowledges(&self, number: u32) -> bool {
        self.segment.ack.wrapping_sub(number).cast_signed() >= 0
    }
}

fn seen(packet: &Captured, peer: IpAddr) -> Seen {
    let bytes = &packet.bytes;
    let number = |at| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let (ecn, header, whole) = match bytes[0] >> 4 {
        4 => (bytes[1] & 0b11, usize::from(bytes[0] & 0xf) * 4, number(2)),
        _ => (bytes[1] >> 4 & 0b11, 40, 40 + number(4)),
    };
    let options = usize::from(bytes[header + 12] >> 4) * 4;
    let segment = Segment::parse(bytes).expect("TCP");
    Seen {
        ours: segment.destination.ip() == peer,
        ecn,
        segment,
        len: u32::try_from(whole - header - options).expect("a length"),
    }
}

/// Which direction the peer's firewall marks one packet of: the fourth that may be marked.
#[derive(Clone, Copy)]
enum Marked {
    Nothing,
    Ours,
    Theirs,
}

/// Sends a request to a server whose kernel handles ECN as `tcp_ecn` says, and reads its answer.
/// Gives what was seen at our interface.
fn converse(peer: IpAddr, tcp_ecn: &str, marked: Marked) -> (Story, Vec<Seen>) {
    let pair = Pair::new();
    never_repeats(&pair.peer);
    pair.peer.sysctl("net/ipv4/tcp_ecn", tcp_ecn);
    let ip = if peer.is_ipv4() { "ip" } else { "ip6" };
    let hook = match marked {
        Marked::Nothing => None,
        // Behind the capture, and before it.
        Marked::Ours => Some("prerouting"),
        Marked::Theirs => Some("postrouting"),
    };
    if let Some(hook) = hook {
        pair.peer.nft(&format!(
            "table {ip} marks {{ chain marks {{ type filter hook {hook} priority 0;
             {ip} ecn ect0 numgen inc mod 1000000 == 3 {ip} ecn set ce
             }}
             }}"
        ));
    }
    let listener = pair.peer.listen((peer, 0));
    let target = listener.address().to_string();
    let capture = pair.client.capture("cli0", "tcp");
    let answering = thread::spawn(move || {
        let mut connection = listener.accept();
        connection.read(REQUEST);
        connection.write(&vec![b'a'; ANSWER]);
        connection.finish_writing();
        connection.read_to_end();
    });
    let ask = [
        "--json",
        "--ecn",
        "--hold",
        "30s",
        "--send-file",
        "-",
        &target,
    ];
    let request = [b'q'; REQUEST];
    let story = Story::of(&tcpshake(&pair.client, &ask).input(&request).run());
    answering.join().expect("a server that answers");
    story.went_well();
    assert_eq!(story.at("data.sent"), REQUEST);
    assert_eq!(story.at("data.received"), ANSWER);
    assert_eq!(counter(&pair.peer, "TcpExt", "PAWSEstab"), 0);
    let recording = capture.stop();
    has_timestamps(&recording);
    let packets = recording.packets.iter();
    (story, packets.map(|packet| seen(packet, peer)).collect())
}

/// RFC 7323 3.2: every segment has them, once both SYNs do.
fn has_timestamps(recording: &Recording) {
    for line in recording.printed() {
        assert!(line.contains("TS val "), "{line}");
    }
}

/// RFC 3168 6.1.4 and 6.1.5: new text may be marked, and nothing else.
fn only_text_may_be_marked(seen: &[Seen]) {
    for one in seen.iter().filter(|one| one.ours) {
        let wanted = if one.len > 0 { ECT_0 } else { NOT_ECT };
        assert_eq!(one.ecn, wanted, "{one:?}");
    }
}

/// Where the mark came to be known, and where the sender answered it: the numbers after the text.
struct Echoed {
    from: u32,
    until: u32,
}

/// RFC 3168 6.1.3: every acknowledgment has ECE from the marked segment on, up to the one with CWR.
fn is_echoed(by_us: bool, seen: &[Seen], echoed: &Echoed) {
    let after_handshake = seen.iter().filter(|one| !one.has(Segment::SYN));
    for one in after_handshake.filter(|one| one.ours == by_us) {
        let knows = one.acknowledges(echoed.from) && !one.acknowledges(echoed.until);
        assert_eq!(one.has(ECE), knows, "{one:?} of {seen:#?}");
    }
}

/// The one segment with CWR of an end, after the handshake.
fn the_answer(from_us: bool, seen: &[Seen]) -> &Seen {
    let later = seen.iter().filter(|one| !one.has(Segment::SYN));
    let answers: Vec<_> = later
        .filter(|one| one.ours == from_us && one.has(CWR))
        .collect();
    let [answer] = answers[..] else {
        panic!("not one answer: {answers:#?} of {seen:#?}")
    };
    assert!(answer.len > 0, "{answer:?}");
    answer
}

#[test]
fn where_both_agree_our_text_may_be_marked() {
    in_lab(|| {
        stay_on_one_processor();
        for peer in [PEER_V4, PEER_V6] {
            let (story, seen) = converse(peer, "1", Marked::Nothing);
            assert_eq!(story.at("peer.ecn"), true);
            let [syn, syn_ack, ..] = &seen[..] else {
                panic!("{seen:#?}")
            };
            assert!(syn.has(ECE) && syn.has(CWR), "{syn:?}");
            assert!(syn_ack.has(ECE) && !syn_ack.has(CWR), "{syn_ack:?}");
            only_text_may_be_marked(&seen);
            for one in &seen[2..] {
                assert!(!one.has(ECE | CWR), "{one:?}");
            }
        }
    });
}

#[test]
fn where_the_peer_does_not_agree_nothing_may_be_marked() {
    in_lab(|| {
        stay_on_one_processor();
        for peer in [PEER_V4, PEER_V6] {
            let (story, seen) = converse(peer, "0", Marked::Nothing);
            assert_eq!(story.at("peer.ecn"), false);
            for one in &seen[1..] {
                assert_eq!(one.ecn, NOT_ECT, "{one:?}");
                assert!(!one.has(ECE | CWR), "{one:?}");
            }
        }
    });
}

#[test]
fn a_mark_on_the_peers_text_is_echoed_until_it_answers() {
    in_lab(|| {
        stay_on_one_processor();
        for peer in [PEER_V4, PEER_V6] {
            let (_, seen) = converse(peer, "1", Marked::Theirs);
            only_text_may_be_marked(&seen);
            let marked: Vec<_> = seen.iter().filter(|one| one.ecn == CE).collect();
            let [marked] = marked[..] else {
                panic!("not one mark: {marked:#?}")
            };
            let echoed = Echoed {
                from: marked.end(),
                until: the_answer(false, &seen).end(),
            };
            is_echoed(true, &seen, &echoed);
        }
    });
}

#[test]
fn a_mark_on_our_text_is_answered_once() {
    in_lab(|| {
        stay_on_one_processor();
        for peer in [PEER_V4, PEER_V6] {
            let (_, seen) = converse(peer, "1", Marked::Ours);
            only_text_may_be_marked(&seen);
            let answer = the_answer(true, &seen);
            let marked = seen.iter().filter(|one| one.ours && one.len > 0).nth(3);
            let echoed = Echoed {
                from: marked.expect("text").end(),
                until: answer.end(),
            };
            is_echoed(false, &seen, &echoed);
        }
    });
}
