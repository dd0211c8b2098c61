//! A segment in a few words.

use crate::exchange::{End, Exchange, SegmentRecord};
use crate::wire::{SeqNumber, TcpOption};

use super::SEGMENT;

/// Flags, numbers relative to the ISNs, and the options of SYNs and of what is missing, as far as
/// they fit.
pub(super) fn describe(record: &SegmentRecord, exchange: &Exchange) -> String {
    let handshake = &exchange.handshake;
    let (own, other) = match record.from {
        End::Local => (handshake.isn, handshake.peer_isn),
        End::Peer => (handshake.peer_isn, handshake.isn),
    };
    let segment = &record.segment;
    let flags = segment.flags;
    let seq = relative(segment.seq, own);
    let mut words = Vec::new();
    if flags.syn() {
        words.push(format!("seq {seq} ({})", segment.seq));
    } else if record.len > 0 {
        words.push(format!("seq {seq} len {}", record.len));
    } else if flags.fin() || flags.rst() {
        words.push(format!("seq {seq}"));
    }
    if flags.ack() {
        words.push(format!("ack {}", relative(segment.ack, other)));
    }
    for option in segment.options.iter() {
        match option {
            TcpOption::Sack(blocks) => words.extend(sack(&blocks, other)),
            TcpOption::Nop | TcpOption::End { .. } => {}
            option if flags.syn() => words.push(option.to_string()),
            _ => {}
        }
    }
    fitting(format!("{:3}", flags.to_string()), &words)
}

fn relative(number: SeqNumber, isn: Option<SeqNumber>) -> String {
    match isn {
        Some(isn) => number.diff(isn).to_string(),
        None => number.to_string(),
    }
}

/// What has come beyond the acknowledgment number: edges count as it does.
fn sack(blocks: &[(SeqNumber, SeqNumber)], isn: Option<SeqNumber>) -> Vec<String> {
    let block = |&(left, right): &(SeqNumber, SeqNumber)| {
        format!("sack {}:{}", relative(left, isn), relative(right, isn))
    };
    blocks.iter().map(block).collect()
}

/// The words that fit into a segment's columns after `text`, and dots for the rest.
fn fitting(mut text: String, words: &[String]) -> String {
    const DOTS: &str = " ...";
    for (index, word) in words.iter().enumerate() {
        let is_last = index + 1 == words.len();
        let room = SEGMENT.saturating_sub(text.len() + if is_last { 0 } else { DOTS.len() });
        if word.len() + 1 > room {
            text.push_str(DOTS);
            break;
        }
        text.push(' ');
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;
    use crate::exchange::Checksum;
    use crate::wire::{Flags, IpFields, Options, Packet, Segment};

    /// Its words, of a peer whose initial number is 1000; ours is 5000.
    fn words(segment: Segment, len: usize) -> String {
        let mut exchange = Exchange::new();
        exchange.handshake.isn = Some(SeqNumber(5000));
        exchange.handshake.peer_isn = Some(SeqNumber(1000));
        describe(&record(segment, len), &exchange)
    }

    fn record(segment: Segment, len: usize) -> SegmentRecord {
        let home = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let packet = Packet::build(home, home, segment, &IpFields::default());
        SegmentRecord {
            t_ns: 0,
            from: End::Peer,
            ip: packet.ip.clone(),
            segment: packet.tcp().unwrap().clone(),
            len,
            window_size: 0,
            checksum: Checksum::Good,
        }
    }

    fn segment(flags: Flags, seq: u32, ack: u32) -> Segment {
        Segment {
            flags,
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            ..Segment::default()
        }
    }

    #[test]
    fn numbers_count_from_the_initial_ones() {
        let data = segment(Flags::ACK | Flags::PSH, 1001, 5019);
        assert_eq!(words(data, 1448), "P.  seq 1 len 1448 ack 19");
        let fin = segment(Flags::ACK | Flags::FIN, 2449, 5019);
        assert_eq!(words(fin, 0), "F.  seq 1449 ack 19");
        let ack = segment(Flags::ACK, 1001, 5001);
        assert_eq!(words(ack, 0), ".   ack 1");
    }

    #[test]
    fn what_is_missing_shows_in_an_ack() {
        let mut ack = segment(Flags::ACK, 1001, 5001);
        let beyond = |from: u32, to: u32| (SeqNumber(5000 + from), SeqNumber(5000 + to));
        ack.options = Options::from(vec![
            TcpOption::Nop,
            TcpOption::Timestamps { val: 1, ecr: 2 },
            TcpOption::Sack(vec![beyond(1461, 2921)]),
        ]);
        assert_eq!(words(ack.clone(), 0), ".   ack 1 sack 1461:2921");
        let blocks = [1461, 4381, 7301].map(|from| beyond(from, from + 1460));
        ack.options = Options::from(vec![TcpOption::Sack(blocks.to_vec())]);
        assert_eq!(words(ack, 0), ".   ack 1 sack 1461:2921 ...");
    }

    #[test]
    fn whatever_comes_fits_its_columns() {
        let numbers = [0, 1, 999, 1001, 0x7fff_ffff, 0x8000_0000, u32::MAX];
        let options = [
            Options::default(),
            Options::from(vec![TcpOption::Sack(vec![
                (
                    SeqNumber(u32::MAX),
                    SeqNumber(9)
                );
                4
            ])]),
            Options::from(vec![TcpOption::Other {
                kind: 254,
                data: vec![0xff; 38],
            }]),
        ];
        for bits in 0..0x1000 {
            for (seq, ack) in numbers.into_iter().flat_map(|a| numbers.map(|b| (a, b))) {
                let options = options[bits % 3].clone();
                let wild = Segment {
                    options,
                    ..segment(Flags::from_bits(bits as u16), seq, ack)
                };
                let wild = record(wild, bits % 2 * 65_535);
                for isn in [None, Some(SeqNumber(7))] {
                    let mut exchange = Exchange::new();
                    exchange.handshake.peer_isn = isn;
                    let text = describe(&wild, &exchange);
                    assert!(text.len() <= SEGMENT, "{text}");
                }
            }
        }
    }
}
