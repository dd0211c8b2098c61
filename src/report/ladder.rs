//! The ladder: one connection, for people, in 80 columns.

mod connection;
mod cycle;
mod fold;
mod offer;
mod words;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use crate::exchange::{
    Anomaly, AnomalyKind, DataRecord, End, Exchange, IcmpPacket, StateChange, Verdict,
};
use crate::tcp::{State, StateSet};

use super::fields::{self, Group, Numbers};
use super::verdict::sentence;
use super::{Names, Record, Report, Style, Summary, WIDTH, millis, printable};
use fold::Rung;

/// Columns of our state.
const LOCAL: usize = 12;
/// Columns of the peer's state.
const PEER: usize = 15;
/// Columns of the segment's text, beside its arrow.
const SEGMENT: usize = 35;

/// Writes a ladder for each probe, or for each connection of a capture.
#[derive(Debug)]
pub struct Ladder<W> {
    out: W,
    style: Style,
    verbose: bool,
    /// A connection has been drawn.
    drawn: bool,
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
            drawn: false,
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
        self.lines(wrap(&header, "  "))?;
        writeln!(self.out)
    }

    fn lines(&mut self, lines: impl IntoIterator<Item = String>) -> io::Result<()> {
        for line in lines {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    /// If there is any.
    fn rungs(&mut self, exchange: &Exchange, names: Names) -> io::Result<()> {
        let errors = self.verbose && !exchange.icmp_packets.is_empty();
        if !errors && exchange.segments.is_empty() {
            return Ok(());
        }
        let [left, right] = [End::Local, End::Peer].map(|end| names.of(end));
        let head = format!("{:>8}  {left:LOCAL$} {:41} {right}", "ms", "");
        writeln!(self.out, "{}", self.style.faint(head))?;
        let rungs = match self.verbose {
            true => (0..exchange.segments.len()).map(Rung::One).collect(),
            false => fold::rungs(exchange),
        };
        let mut errors = exchange.icmp_packets.iter().peekable();
        let mut told = 0;
        for rung in rungs {
            match rung {
                Rung::One(index) => {
                    let before = exchange.segments[index].t_ns;
                    while let Some(error) = errors.next_if(|error| error.t_ns < before) {
                        self.icmp(error, exchange)?;
                    }
                    self.segment(told..=index, exchange)?;
                    told = index + 1;
                }
                Rung::Folded(range) => {
                    let line = format!("{:>8}  {}", "...", fold::told(&exchange.segments[range]));
                    writeln!(self.out, "{}", self.style.faint(line))?;
                }
            }
        }
        let omitted = |anomaly: &Anomaly| anomaly.id == AnomalyKind::SegmentsOmitted.id();
        if exchange.anomalies.iter().any(omitted) {
            self.omitted(exchange)?;
        }
        for error in errors {
            self.icmp(error, exchange)?;
        }
        if self.verbose {
            return Ok(());
        }
        writeln!(self.out)
    }

    /// A line for the segments that are not listed, with what they came to.
    fn omitted(&mut self, exchange: &Exchange) -> io::Result<()> {
        let listed = exchange.segments.last().map_or(0, |segment| segment.t_ns);
        let state = |end| match exchange.last_state(end) {
            Some(change) if change.t_ns > listed => short(change.states, width(end)),
            _ => String::new(),
        };
        let line = format!(
            "{:>8}  {} {:41} {}",
            "...",
            self.style
                .local(format_args!("{:LOCAL$}", state(End::Local))),
            "more segments, which are not listed",
            self.style.peer(state(End::Peer))
        );
        writeln!(self.out, "{}", line.trim_end())
    }

    /// The last of these segments, with what all of them have changed.
    fn segment(&mut self, range: RangeInclusive<usize>, exchange: &Exchange) -> io::Result<()> {
        let segment = &exchange.segments[*range.end()];
        let state = |end| {
            change_in(exchange, &range, end).map_or(String::new(), |c| short(c.states, width(end)))
        };
        let (local, peer) = (state(End::Local), state(End::Peer));
        let text = words::describe(segment, exchange);
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
        Ok(())
    }

    /// A rung for an ICMP error, which only its fields make worth one.
    fn icmp(&mut self, error: &IcmpPacket, exchange: &Exchange) -> io::Result<()> {
        if !self.verbose {
            return Ok(());
        }
        let about = quoted(error, exchange);
        let (own, quote) = fields::icmp(error, Numbers::of(exchange, about));
        let arrow = match about {
            End::Local => self.style.arrow_in(),
            End::Peer => self.style.arrow_out(),
        };
        let (time, reason) = (time(error.t_ns), error.message.reason());
        writeln!(self.out, "{time}  {:LOCAL$} {arrow} ICMP {reason}", "")?;
        self.fields(&own, INDENT)?;
        writeln!(self.out, "{:INDENT$}quoting", "")?;
        self.fields(&quote, INDENT + 2)?;
        writeln!(self.out)
    }

    fn fields(&mut self, groups: &[Group], indent: usize) -> io::Result<()> {
        let style = self.style;
        let lines = groups.iter();
        self.lines(lines.flat_map(|it| fields::lines(it, indent, style)))
    }

    /// A sentence in lines, its first word in the colour of the verdict.
    fn verdict(
        &mut self,
        verdict: Option<Verdict>,
        word: &str,
        lines: &[String],
    ) -> io::Result<()> {
        for (number, line) in lines.iter().enumerate() {
            match line.strip_prefix(word) {
                Some(rest) if number == 0 => {
                    let word = self.style.verdict(verdict, word);
                    writeln!(self.out, "{word}{rest}")?;
                }
                _ => writeln!(self.out, "{line}")?,
            }
        }
        Ok(())
    }

    fn notes(&mut self, record: &Record) -> io::Result<()> {
        let last = record
            .exchange
            .last_state(End::Local)
            .and_then(|change| change.states.only());
        let time_wait = (last == Some(State::TimeWait)).then(|| match record.time_wait {
            Some(stay) if !record.stopped => {
                format!(
                    "TIME-WAIT was held for {}",
                    humantime::format_duration(stay)
                )
            }
            Some(_) => "TIME-WAIT was cut short".to_string(),
            None => "TIME-WAIT: 2MSL (60 s) was not waited for (--time-wait does)".to_string(),
        });
        let notes = notes(&record.exchange.anomalies);
        self.write_notes(notes.into_iter().chain(time_wait))
    }

    fn write_notes(&mut self, notes: impl IntoIterator<Item = String>) -> io::Result<()> {
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
        let exchange = &record.exchange;
        self.rungs(exchange, Names::PROBE)?;
        let word = exchange.verdict.map_or("no verdict", Verdict::word);
        let told = wrap(&format!("{word}{}", sentence(record)), "");
        self.verdict(exchange.verdict, word, &told)?;
        if let Some(peer) = &exchange.peer {
            let opened = exchange.handshake.peer_isn.is_some();
            self.lines(wrap(&offer::of_peer(peer, opened), "      "))?;
        }
        self.lines(data(&exchange.data))?;
        self.notes(record)
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        writeln!(self.out)?;
        for line in summary.lines() {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
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

/// Whose segment an ICMP error is about, and to whom it goes.
fn quoted(error: &IcmpPacket, exchange: &Exchange) -> End {
    let mut segments = exchange.segments.iter();
    let of_peer = segments.find(|it| it.from == End::Peer);
    let source = of_peer.map(|it| (it.ip.src(), it.segment.src_port));
    let quote = error.message.quote();
    match quote.map(|quote| (quote.src, quote.src_port)) {
        quoted if quoted.is_some() && quoted == source => End::Peer,
        _ => End::Local,
    }
}

/// Milliseconds, right-aligned; fewer decimals where they would not fit, seconds after a day.
fn time(t_ns: i64) -> String {
    let ms = t_ns as f64 / 1e6;
    match ms {
        _ if ms < 9_999.999 => format!("{ms:8.3}"),
        _ if ms < 99_999_999.0 => format!("{ms:8.0}"),
        _ => format!("{:6.0} s", ms / 1e3),
    }
}

/// The last change that these segments show. What those beyond the list show has only the last of
/// the list to refer to, and comes later than that.
fn change_in<'a>(
    exchange: &'a Exchange,
    range: &RangeInclusive<usize>,
    end: End,
) -> Option<&'a StateChange> {
    let by = exchange.segments[*range.end()].t_ns;
    let mut changes = exchange.states.iter().rev();
    changes.find(|it| it.end == end && range.contains(&it.segment) && it.t_ns <= by)
}

/// Columns of the states of an end.
fn width(end: End) -> usize {
    match end {
        End::Local => LOCAL,
        End::Peer => PEER,
    }
}

/// So many candidates tell nothing.
const ANY: usize = 5;

/// One state in full, two in short, of more the one it is heading for, with a question mark; in so
/// many columns at most.
fn short(states: StateSet, width: usize) -> String {
    if let Some(only) = states.only() {
        return only.name().to_string();
    }
    if states.len() >= ANY && !states.contains(State::Listen) {
        return "?".to_string();
    }
    let both: Vec<&str> = states.iter().map(abbreviated).collect();
    let both = both.join("|");
    if states.len() == 2 && both.len() <= width {
        return both;
    }
    // Before the SYN-ACK nothing is known but what we hope for.
    let hoped = states.contains(State::Listen) && !states.contains(State::Established);
    // Ends cross seldom: whoever may be in CLOSE-WAIT is heading for that.
    let crossed = |state: &State| *state == State::Closing && states.contains(State::CloseWait);
    // Nor does one close in secret often.
    let fin_wait = [State::FinWait1, State::FinWait2];
    let hidden = |state: &State| fin_wait.contains(state) && states.contains(State::Established);
    let heading = if hoped {
        Some(State::Listen)
    } else {
        let likely = states
            .iter()
            .filter(|state| !crossed(state) && !hidden(state));
        likely.last()
    };
    heading.map_or(String::new(), |state| {
        let name = format!("{} ?", state.name());
        if name.len() <= width {
            return name;
        }
        format!("{} ?", abbreviated(state))
    })
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

/// What was said, if anything was.
fn data(data: &DataRecord) -> Option<String> {
    let first = data.first_byte_ns.map_or(String::new(), |ns| {
        format!(", the first after {}", millis(ns.unsigned_abs()))
    });
    let said = data.sent + data.received > 0;
    said.then(|| {
        format!(
            "data: {} bytes sent, {} received{first}",
            data.sent, data.received
        )
    })
}
