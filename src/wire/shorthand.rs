//! Segments as tcpdump writes them, with relative numbers, for tests that read like a capture:
//! `F. 1 ack 1`, `P. 1:11 ack 1 win 500`, `S 0 ts 7 0`.

use super::{Flags, Options, Segment, SeqNumber, TcpOption};

/// The segment that `text` describes. Its numbers count from these two.
pub(crate) fn read(text: &str, seq_from: SeqNumber, ack_from: SeqNumber) -> Segment {
    let mut words = text.split_whitespace();
    let mut number = || words.next().unwrap().to_string();
    let mut segment = Segment {
        flags: letters(&number()),
        ..Segment::default()
    };
    let seq = number();
    let (first, end) = seq.split_once(':').unwrap_or((&seq, &seq));
    let signed = |text: &str| text.parse::<i32>().unwrap();
    segment.seq = seq_from + signed(first).cast_unsigned();
    segment.payload = vec![b'x'; usize::try_from(signed(end) - signed(first)).unwrap()];
    segment.window = 1000;
    let mut options = Vec::new();
    while let Some(key) = words.next() {
        let mut number = || words.next().unwrap().parse::<i64>().unwrap();
        match key {
            "ack" => segment.ack = ack_from + (number() as u32),
            "win" => segment.window = number() as u16,
            "mss" => options.push(TcpOption::Mss(number() as u16)),
            "wscale" => options.push(TcpOption::WindowScale(number() as u8)),
            "sackOK" => options.push(TcpOption::SackPermitted),
            "ts" => {
                let (val, ecr) = (number() as u32, number() as u32);
                options.push(TcpOption::Timestamps { val, ecr });
            }
            _ => panic!("no such key: {key}"),
        }
    }
    segment.options = Options::from(options);
    segment
}

/// The shorthand of `segment`, windows and options other than timestamps and SACK left out.
pub(crate) fn write(segment: &Segment, seq_from: SeqNumber, ack_from: SeqNumber) -> String {
    let seq = segment.seq.diff(seq_from);
    let mut text = format!("{} {seq}", segment.flags);
    if !segment.payload.is_empty() {
        text += &format!(":{}", seq + i32::try_from(segment.payload.len()).unwrap());
    }
    if segment.flags.ack() {
        text += &format!(" ack {}", segment.ack.diff(ack_from));
    }
    if let Some((val, ecr)) = segment.options.timestamps() {
        text += &format!(" ts {val} {ecr}");
    }
    for option in segment.options.iter() {
        if let TcpOption::Sack(blocks) = option {
            let relative = |(from, to): &(SeqNumber, SeqNumber)| {
                format!("{}:{}", from.diff(ack_from), to.diff(ack_from))
            };
            let blocks: Vec<String> = blocks.iter().map(relative).collect();
            text += &format!(" sack {}", blocks.join(","));
        }
    }
    text
}

fn letters(text: &str) -> Flags {
    if text == "none" {
        return Flags::default();
    }
    text.chars()
        .map(|letter| match letter {
            'S' => Flags::SYN,
            'F' => Flags::FIN,
            'R' => Flags::RST,
            'P' => Flags::PSH,
            '.' => Flags::ACK,
            'U' => Flags::URG,
            'E' => Flags::ECE,
            'W' => Flags::CWR,
            _ => panic!("no such flag: {letter}"),
        })
        .fold(Flags::default(), |all, flag| all | flag)
}

#[test]
fn what_is_read_is_written_again() {
    let (iss, irs) = (SeqNumber(u32::MAX), SeqNumber(7));
    for text in [
        "S 0",
        "S. 0 ack 1",
        "FP. 1:11 ack 2",
        "none 1",
        "R -5",
        ". 1 ack 1 ts 9 4",
    ] {
        assert_eq!(write(&read(text, iss, irs), iss, irs), text);
    }
}
