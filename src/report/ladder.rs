//! The ladder: one connection, for people, in 80 columns.

use std::io::{self, Write};
use std::net::SocketAddr;

use crate::exchange::{
    Anomaly, End, Exchange, IcmpPacket, Outcome, PeerRecord, SegmentRecord, StateChange,
};
use crate::tcp::{State, StateSet};
use crate::wire::{SeqNumber, TcpOption};

use super::fields::{self, Group, Numbers};
use super::verdict::sentence;
use super::{Record, Report, Style, Summary, printable};

/// Columns of a line.
pub(super) const WIDTH: usize = 80;
/// Columns of our state.
const LOCAL: usize = 12;
/// Columns of the peer's state.
const PEER: usize = 15;
/// Columns of the segment's text, beside its arrow.
const SEGMENT: usize = 35;

/// Writes a ladder for each probe.
#[derive(Debug)]
pub struct Ladder<W> {
    out: W,
    style: Style,
    verbose: bool,
}

/// Columns before the fields of a segment, and more before those of a quoted one.
const INDENT: usize = 4;

impl<W: Write> Ladder<W> {
    /// Writes to `out`.
    pub fn new(out: W, style: Style) -> Ladder<W> {
        Ladder {
            out,
            style,
            verbose: false,
        }
    }

    /// With every field of every packet, or without.
    #[must_use]
    pub fn verbose(self, verbose: bool) -> Ladder<W> {
        Ladder { verbose, ..self }
    }

    fn header(&mut self, record: &Record) -> io::Result<()> {
        let mut header = format!("tcpshake {}", printable(&record.target.input));
        if let Some(addr) = record.target.addr
            && record.target.name.is_some()
        {
            header += &format!(" ({addr})");
        }
        if let Some(local) = record.local.addr {
            // Without the zone: the interface is named beside it.
            header += &format!(" from {}", SocketAddr::new(local.ip(), local.port()));
        }
        if let Some(interface) = &record.local.interface {
            header += &format!(" on {}", printable(interface));
        }
        if let Some(guard) = &record.local.guard {
            header += &format!(", guard {guard}");
        }
        for line in textwrap::wrap(
            &header,
            textwrap::Options::new(WIDTH).subsequent_indent("  "),
        ) {
            writeln!(self.out, "{line}")?;
        }
        writeln!(self.out)
    }

    fn rungs(&mut self, exchange: &Exchange) -> io::Result<()> {
        let head = format!("{:>8}  {:LOCAL$} {:41} {}", "ms", "local", "", "peer");
        writeln!(self.out, "{}", self.style.faint(head))?;
        let mut errors = exchange.icmp_packets.iter().peekable();
        for (index, segment) in exchange.segments.iter().enumerate() {
            while let Some(error) = errors.next_if(|error| error.t_ns < segment.t_ns) {
                self.icmp(error, exchange)?;
            }
            let local =
                change_at(exchange, index, End::Local).map_or(String::new(), |c| short(c.states));
            let peer =
                change_at(exchange, index, End::Peer).map_or(String::new(), |c| short(c.states));
            let text = describe(segment, exchange);
            let middle = match segment.from {
                End::Local => format!("{text:SEGMENT$} {}", self.style.arrow_out()),
                End::Peer => format!("{} {text:SEGMENT$}", self.style.arrow_in()),
            };
            let line = format!(
                "{}  {} {middle} {}",
                time(segment.t_ns),
                self.style.local(format_args!("{local:LOCAL$}")),
                self.style.peer(peer)
            );
            writeln!(self.out, "{}", line.trim_end())?;
            if self.verbose {
                let numbers = Numbers::of(exchange, segment.from);
                self.fields(&fields::segment(segment, numbers), INDENT)?;
                writeln!(self.out)?;
            }
        }
        for error in errors {
            self.icmp(error, exchange)?;
        }
        if self.verbose {
            return Ok(());
        }
        writeln!(self.out)
    }

    /// A rung for an ICMP error, which only its fields make worth one.
    fn icmp(&mut self, error: &IcmpPacket, exchange: &Exchange) -> io::Result<()> {
        if !self.verbose {
            return Ok(());
        }
        let (own, quote) = fields::icmp(error, Numbers::of(exchange, End::Local));
        let arrow = self.style.arrow_in();
        let (time, reason) = (time(error.t_ns), error.message.reason());
        writeln!(self.out, "{time}  {:LOCAL$} {arrow} ICMP {reason}", "")?;
        self.fields(&own, INDENT)?;
        writeln!(self.out, "{:INDENT$}quoting", "")?;
        self.fields(&quote, INDENT + 2)?;
        writeln!(self.out)
    }

    fn fields(&mut self, groups: &[Group], indent: usize) -> io::Result<()> {
        for line in groups
            .iter()
            .flat_map(|it| fields::lines(it, indent, self.style))
        {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn verdict(&mut self, record: &Record) -> io::Result<()> {
        let word = record
            .exchange
            .verdict
            .map_or("no verdict", |verdict| verdict.word());
        let text = format!("{word}{}", sentence(record));
        let lines = wrap(&text, "");
        for (number, line) in lines.iter().enumerate() {
            match line.strip_prefix(word) {
                Some(rest) if number == 0 => {
                    let word = self.style.verdict(record.exchange.verdict, word);
                    writeln!(self.out, "{word}{rest}")?;
                }
                _ => writeln!(self.out, "{line}")?,
            }
        }
        Ok(())
    }

    fn notes(&mut self, record: &Record) -> io::Result<()> {
        let mut notes = notes(&record.exchange.anomalies);
        let last = record
            .exchange
            .last_state(End::Local)
            .and_then(|change| change.states.only());
        if last == Some(State::TimeWait) {
            notes.push(match record.time_wait {
                Some(stay) if !record.stopped => {
                    format!(
                        "TIME-WAIT was held for {}",
                        humantime::format_duration(stay)
                    )
                }
                Some(_) => "TIME-WAIT was cut short".to_string(),
                None => "TIME-WAIT: 2MSL (60 s) was not waited for (--time-wait does)".to_string(),
            });
        }
        for note in notes {
            let lines = wrap(&format!("note: {}", printable(&note)), "      ");
            for line in lines {
                match line.strip_prefix("note:") {
                    Some(rest) => writeln!(self.out, "{}{rest}", self.style.note("note:"))?,
                    None => writeln!(self.out, "{line}")?,
                }
            }
        }
        Ok(())
    }
}

impl<W: Write> Report for Ladder<W> {
    fn probe(&mut self, record: &Record) -> io::Result<()> {
        if record.failure.is_some() && record.exchange.segments.is_empty() {
            // There is nothing to draw; the reason is on standard error.
            return Ok(());
        }
        if record.seq > 0 {
            writeln!(self.out)?;
        }
        self.header(record)?;
        let errors = self.verbose && !record.exchange.icmp_packets.is_empty();
        if errors || !record.exchange.segments.is_empty() {
            self.rungs(&record.exchange)?;
        }
        self.verdict(record)?;
        if let Some(peer) = &record.exchange.peer {
            for line in wrap(&offer(peer, &record.exchange), "      ") {
                writeln!(self.out, "{line}")?;
            }
        }
        self.notes(record)?;
        self.out.flush()
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        writeln!(self.out)?;
        for line in summary.lines() {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }
}

/// How many different notes of one kind are shown.
const OF_A_KIND: usize = 3;

/// The anomalies' texts; equal ones counted, and of each kind no more than a few.
fn notes(anomalies: &[Anomaly]) -> Vec<String> {
    let mut shown: Vec<(&Anomaly, usize)> = Vec::new();
    let mut left_out: Vec<(&str, usize)> = Vec::new();
    for anomaly in anomalies {
        if let Some((_, count)) = shown
            .iter_mut()
            .find(|(same, _)| same.id == anomaly.id && same.text == anomaly.text)
        {
            *count += 1;
        } else if shown
            .iter()
            .filter(|(other, _)| other.id == anomaly.id)
            .count()
            < OF_A_KIND
        {
            shown.push((anomaly, 1));
        } else if let Some((_, count)) = left_out.iter_mut().find(|(id, _)| *id == anomaly.id) {
            *count += 1;
        } else {
            left_out.push((anomaly.id, 1));
        }
    }
    let told = shown.into_iter().map(|(anomaly, count)| match count {
        1 => anomaly.text.clone(),
        _ => format!("{} ({count} times)", anomaly.text),
    });
    told.chain(
        left_out
            .into_iter()
            .map(|(id, count)| format!("{id}: {count} more")),
    )
    .collect()
}

fn wrap(text: &str, indent: &str) -> Vec<String> {
    textwrap::wrap(
        text,
        textwrap::Options::new(WIDTH).subsequent_indent(indent),
    )
    .into_iter()
    .map(|line| line.into_owned())
    .collect()
}

/// Milliseconds, right-aligned; fewer decimals where they would not fit.
fn time(t_ns: i64) -> String {
    let ms = t_ns as f64 / 1e6;
    match ms {
        _ if ms < 10_000.0 => format!("{ms:8.3}"),
        _ => format!("{ms:8.0}"),
    }
}

fn change_at(exchange: &Exchange, segment: usize, end: End) -> Option<&StateChange> {
    exchange
        .states
        .iter()
        .rev()
        .find(|change| change.segment == segment && change.end == end)
}

/// One state in full, two in short, of more the one it is heading for, with a question mark.
fn short(states: StateSet) -> String {
    if let Some(only) = states.only() {
        return only.name().to_string();
    }
    let both: Vec<&str> = states.iter().map(abbreviated).collect();
    let both = both.join("|");
    if states.len() == 2 && both.len() <= PEER {
        return both;
    }
    // Before the SYN-ACK nothing is known but what we hope for.
    let hoped = states.contains(State::Listen) && !states.contains(State::Established);
    let heading = if hoped {
        Some(State::Listen)
    } else {
        states.iter().last()
    };
    heading.map_or(String::new(), |state| format!("{} ?", state.name()))
}

fn abbreviated(state: State) -> &'static str {
    match state {
        State::SynReceived => "SYN-RCVD",
        State::Established => "ESTAB",
        State::FinWait1 => "FIN-W1",
        State::FinWait2 => "FIN-W2",
        State::CloseWait => "CLOSE-W",
        State::TimeWait => "TIME-W",
        other => other.name(),
    }
}

/// Flags, numbers relative to the ISNs, and the options of SYNs, as far as they fit.
fn describe(record: &SegmentRecord, exchange: &Exchange) -> String {
    let handshake = &exchange.handshake;
    let (own, other) = match record.from {
        End::Local => (handshake.isn, handshake.peer_isn),
        End::Peer => (handshake.peer_isn, handshake.isn),
    };
    let segment = &record.segment;
    let flags = segment.flags;
    let relative = |number: SeqNumber, isn: Option<SeqNumber>| match isn {
        Some(isn) => number.diff(isn).to_string(),
        None => number.to_string(),
    };
    let seq = relative(segment.seq, own);
    let mut text = format!("{:3}", flags.to_string());
    if flags.syn() {
        text += &format!(" seq {seq} ({})", segment.seq);
    } else if record.len > 0 {
        text += &format!(" seq {seq} len {}", record.len);
    } else if flags.fin() || flags.rst() {
        text += &format!(" seq {seq}");
    }
    if flags.ack() {
        text += &format!(" ack {}", relative(segment.ack, other));
    }
    if flags.syn() {
        let options: Vec<String> = segment.options.iter().filter_map(named).collect();
        append_fitting(&mut text, &options);
    }
    text
}

fn named(option: &TcpOption) -> Option<String> {
    match option {
        TcpOption::Nop | TcpOption::End { .. } => None,
        other => Some(other.to_string()),
    }
}

/// Appends the words that fit into a segment's columns, and dots for the rest.
fn append_fitting(text: &mut String, words: &[String]) {
    const DOTS: &str = " ...";
    for (index, word) in words.iter().enumerate() {
        let is_last = index + 1 == words.len();
        let room = SEGMENT.saturating_sub(text.len() + if is_last { 0 } else { DOTS.len() });
        if word.len() + 1 > room {
            text.push_str(DOTS);
            return;
        }
        text.push(' ');
        text.push_str(word);
    }
}

/// What the peer's answer offered.
fn offer(peer: &PeerRecord, exchange: &Exchange) -> String {
    let mut parts = Vec::new();
    if let Some(mss) = peer.mss {
        parts.push(format!("mss {mss}"));
    }
    if exchange.handshake.peer_isn.is_some() {
        parts.push(match peer.wscale {
            Some(shift) => format!("window {} (<< {shift})", peer.window),
            None => format!("window {}", peer.window),
        });
    }
    let agreed = [
        (peer.sack, "SACK"),
        (peer.timestamps.is_some(), "timestamps"),
        (peer.ecn, "ECN"),
    ];
    parts.extend(
        agreed
            .iter()
            .filter(|(there, _)| *there)
            .map(|(_, name)| (*name).to_string()),
    );
    parts.push(match hops(peer.ttl) {
        0 => format!("TTL {} (on this link)", peer.ttl),
        1 => format!("TTL {} (about 1 hop)", peer.ttl),
        n => format!("TTL {} (about {n} hops)", peer.ttl),
    });
    if exchange.close.outcome == Outcome::NotAttempted && peer.mss.is_none() && parts.len() == 1 {
        return format!("peer: RST with {}", parts[0]);
    }
    format!("peer: {}", parts.join(", "))
}

/// Stacks start at one of these.
fn hops(ttl: u8) -> u8 {
    [32, 64, 128, 255]
        .into_iter()
        .find(|start| *start >= ttl)
        .map_or(0, |start| start - ttl)
}
