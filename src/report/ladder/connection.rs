//! The ladder of a connection of a capture: neither end is ours.

use std::io::{self, Write};

use crate::exchange::{DataRecord, End, Retransmitted};
use crate::report::ending::{opening, round_trip, sentence};
use crate::report::{Connection, Explanation, Names, Totals, millis};

use super::cycle::cycle;
use super::{Ladder, WIDTH, notes, offer, wrap};

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
        let rest = sentence(connection);
        self.verdict(exchange.verdict, opening(exchange), &rest)?;
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
                self.lines(wrap(&line, "  "))?;
            }
        }
        if let Some(agreed) = &exchange.agreed {
            self.lines(wrap(&offer::agreement(agreed), "  "))?;
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

/// These words in lines, none of them parted.
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
        (of.syn, "SYN"),
        (of.synack, "SYN-ACK"),
        (of.fin, "FIN"),
        (of.data, "segment of data"),
    ];
    let several = |name: &str| match name {
        "segment of data" => "segments of data".to_string(),
        name => format!("{name}s"),
    };
    let told: Vec<String> = kinds
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, name)| match count {
            1 => format!("1 {name}"),
            _ => format!("{count} {}", several(name)),
        })
        .collect();
    (!told.is_empty()).then(|| format!("retransmitted: {}", told.join(", ")))
}
