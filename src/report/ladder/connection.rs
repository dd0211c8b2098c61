//! The ladder of a connection of a capture: neither end is ours.

use std::io::{self, Write};

use crate::exchange::{DataRecord, End, Retransmitted};
use crate::report::ending::{opening, round_trip, sentence};
use crate::report::{Connection, Explanation, Names, Totals, millis};

use super::cycle::cycle;
use super::{Ladder, WIDTH, notes, offer};

impl<W: Write> Explanation for Ladder<W> {
    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.drawn {
            writeln!(self.out)?;
        }
        self.drawn = true;
        let exchange = &connection.exchange;
        self.lines(self.title(connection))?;
        writeln!(self.out)?;
        self.rungs(exchange, Names::CONNECTION)?;
        let word = opening(exchange);
        let told = unparted(&format!("{word}{}", sentence(connection)), "");
        self.verdict(exchange.verdict, word, &told)?;
        self.lines(round_trip(exchange))?;
        for end in [End::Local, End::Peer] {
            self.lines(unbroken(&cycle(exchange, end), "        "))?;
        }
        let handshake = &exchange.handshake;
        let offers = [
            (End::Local, &exchange.offered, handshake.isn),
            (End::Peer, &exchange.peer, handshake.peer_isn),
        ];
        for (end, offered, isn) in offers {
            if let Some(offered) = offered {
                let name = Names::CONNECTION.of(end);
                let line = offer::of_end(name, offered, isn.is_some());
                self.lines(unparted(&line, "  "))?;
            }
        }
        if let Some(agreed) = &exchange.agreed {
            self.lines(unparted(&offer::agreement(agreed), "  "))?;
        }
        self.lines(data(&exchange.data))?;
        self.lines(repeats(exchange.retransmitted))?;
        self.write_notes(notes(&exchange.anomalies))
    }

    fn end(&mut self, _: &Totals) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W> Ladder<W> {
    fn title(&self, connection: &Connection) -> Vec<String> {
        let frames = match (connection.first_frame, connection.last_frame) {
            (first, last) if first == last => format!("frame {first}"),
            (first, last) => format!("frames {first} to {last}"),
        };
        let words = [
            format!("stream {}:", connection.stream),
            connection.client.to_string(),
            format!("{} {},", self.style.arrow(), connection.server),
            frames,
        ];
        unbroken(&words, "  ")
    }
}

/// A text in lines that part no word: names of states have hyphens.
fn unparted(text: &str, indent: &str) -> Vec<String> {
    let words: Vec<String> = text.split(' ').map(str::to_string).collect();
    unbroken(&words, indent)
}

/// The same of words that may have spaces.
fn unbroken(words: &[String], indent: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut columns = 0;
    for word in words {
        let width = word.chars().count();
        match lines.last_mut() {
            Some(line) if columns + 1 + width <= WIDTH => {
                line.push(' ');
                line.push_str(word);
                columns += 1 + width;
            }
            last => {
                let indent = if last.is_none() { "" } else { indent };
                lines.push(format!("{indent}{word}"));
                columns = indent.len() + width;
            }
        }
    }
    lines
}

fn data(data: &DataRecord) -> Option<String> {
    let first = data.first_byte_ns.map_or(String::new(), |ns| {
        format!(", its first after {}", millis(ns.unsigned_abs()))
    });
    let said = data.sent + data.received > 0;
    said.then(|| {
        format!(
            "data: client {} bytes, server {}{first}",
            data.sent, data.received
        )
    })
}

fn repeats(of: Retransmitted) -> Option<String> {
    let kinds = [
        (of.syn, "SYN", "SYNs"),
        (of.synack, "SYN-ACK", "SYN-ACKs"),
        (of.fin, "FIN", "FINs"),
        (of.data, "segment of data", "segments of data"),
    ];
    let told: Vec<String> = kinds
        .into_iter()
        .filter(|&(count, ..)| count > 0)
        .map(|(count, one, several)| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {several}"),
        })
        .collect();
    (!told.is_empty()).then(|| format!("retransmitted: {}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::quoted;
    use super::*;
    use crate::exchange::{Checksum, Exchange, IcmpPacket, SegmentRecord};
    use crate::wire::{IcmpMessage, IpFields, IpVersion, Packet, Segment};

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn segment(from: End) -> Packet {
        let (src, dst, src_port, dst_port) = match from {
            End::Local => (CLIENT, SERVER, 50211, 443),
            End::Peer => (SERVER, CLIENT, 443, 50211),
        };
        let segment = Segment {
            src_port,
            dst_port,
            ..Segment::default()
        };
        Packet::build(src, dst, segment, &IpFields::default())
    }

    fn error_about(packet: &Packet) -> IcmpPacket {
        let message = IcmpMessage {
            version: IpVersion::V4,
            icmp_type: 3,
            code: 1,
            checksum: 0,
            rest: [0; 4],
            body: packet.emit(),
        };
        IcmpPacket {
            t_ns: 0,
            ip: packet.ip.clone(),
            message,
            intact: true,
        }
    }

    #[test]
    fn an_icmp_error_goes_to_the_end_whose_segment_it_quotes() {
        let mut exchange = Exchange::new();
        for end in [End::Local, End::Peer] {
            let packet = segment(end);
            exchange.segments.push(SegmentRecord {
                t_ns: 0,
                from: end,
                ip: packet.ip.clone(),
                segment: packet.tcp().unwrap().clone(),
                len: 0,
                window_size: 0,
                checksum: Checksum::Good,
            });
            assert_eq!(quoted(&error_about(&packet), &exchange), end);
        }
    }

    #[test]
    fn lines_part_no_word() {
        let text = "reset by the client in FIN-WAIT-1 or FIN-WAIT-2 ".repeat(4);
        let lines = unparted(text.trim_end(), "  ");
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= WIDTH));
        let words = lines.iter().flat_map(|line| line.split_whitespace());
        assert!(words.eq(text.split_whitespace()));
    }

    #[test]
    fn repeats_are_told_by_kind() {
        let mut of = Retransmitted::default();
        assert_eq!(repeats(of), None);
        of.syn = 1;
        of.data = 3;
        let told = "retransmitted: 1 SYN, 3 segments of data";
        assert_eq!(repeats(of).as_deref(), Some(told));
        of.data = 1;
        of.synack = 2;
        let told = "retransmitted: 1 SYN, 2 SYN-ACKs, 1 segment of data";
        assert_eq!(repeats(of).as_deref(), Some(told));
    }
}
