//! A line for each connection of a capture, in 80 columns.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::iter::repeat_n;
use std::net::SocketAddr;

use crate::exchange::{End, Exchange, Manner, Verdict};

use super::ending::is_half_open;
use super::{Connection, Explanation, Style, Totals, WIDTH};

/// Columns before the addresses: what is left holds the longest one, with its port.
const ADDRESSES: usize = 33;
/// Goes on there in the next line.
const BREAK: &str = "\n                                 ";

/// Writes a line for each connection, and in the end how many there were.
#[derive(Debug)]
pub struct Table<W> {
    out: W,
    style: Style,
    rows: u64,
    row: String,
}

impl<W: Write> Table<W> {
    /// Writes to `out`, which holds lines back until the end.
    pub fn new(out: W, style: Style) -> Table<W> {
        Table {
            out,
            style,
            rows: 0,
            row: String::new(),
        }
    }

    fn header(&mut self) -> io::Result<()> {
        let (rtt, end) = ("ms", "end");
        let head = format!(
            "stream{rtt:>5} {:>4} {:>4} {end:<10} client {} server",
            "sent",
            "recv",
            self.style.arrow()
        );
        writeln!(self.out, "{}", self.style.faint(head))
    }
}

impl<W: Write> Explanation for Table<W> {
    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.rows == 0 {
            self.header()?;
        }
        self.rows += 1;
        self.row.clear();
        write(&mut self.row, connection, self.style).map_err(io::Error::other)?;
        // A row goes out whole, in one write.
        self.out.write_all(self.row.as_bytes())
    }

    fn end(&mut self, totals: &Totals) -> io::Result<()> {
        let Totals {
            frames,
            connections,
            shown,
        } = *totals;
        let plural = |count| if count == 1 { "" } else { "s" };
        if self.rows > 0 {
            writeln!(self.out)?;
        }
        let of = match connections {
            all if all == shown => String::new(),
            all => format!(" of {all}"),
        };
        writeln!(
            self.out,
            "{shown}{of} TCP connection{} in {frames} frame{}",
            plural(connections.max(shown)),
            plural(frames)
        )?;
        if self.rows > 0 {
            let key = "ms: handshake; C client, S server: first to close; \
                       + sent again; ! anomalies";
            writeln!(self.out, "{}", self.style.faint(key))?;
        }
        self.out.flush()
    }
}

/// Columns of how it ended.
const END: usize = 10;

/// A whole row, of one line or more, at the end of `row`.
fn write(row: &mut String, connection: &Connection, style: Style) -> fmt::Result {
    let exchange = &connection.exchange;
    let start = row.len();
    decimal(row, connection.stream, 5, ' ');
    row.push(' ');
    millis(row, connection.round_trip_ns())?;
    row.push(' ');
    volume(row, exchange.data.sent)?;
    row.push(' ');
    volume(row, exchange.data.received)?;
    row.push(' ');
    let columns = row.len() - start + END + 1;
    ending(row, exchange, style)?;
    row.push(' ');
    addresses(row, columns, connection, style)?;
    row.push('\n');
    Ok(())
}

/// Milliseconds in five columns: as many decimals as there is room for, after 100 s in seconds.
fn millis(row: &mut String, ns: Option<u64>) -> fmt::Result {
    let Some(ns) = ns else {
        return row.write_str("    -");
    };
    for decimals in [3, 2, 1] {
        let unit = 10_u64.pow(6 - decimals);
        let (rounded, scale) = (ns.saturating_add(unit / 2) / unit, 10_u64.pow(decimals));
        if rounded < 10_000 {
            let (whole, rest) = (rounded / scale, rounded % scale);
            let decimals = decimals as usize;
            decimal(row, whole, 4 - decimals, ' ');
            row.push('.');
            decimal(row, rest, decimals, '0');
            return Ok(());
        }
    }
    match ns.saturating_add(500_000) / 1_000_000 {
        ms if ms < 100_000 => write!(row, "{ms:>5}"),
        ms => write!(row, "{:>4}s", ms / 1_000),
    }
}

/// Bytes in four columns.
fn volume(row: &mut String, bytes: u64) -> fmt::Result {
    if bytes < 10_000 {
        decimal(row, bytes, 4, ' ');
        return Ok(());
    }
    let mut value = bytes;
    for unit in ["k", "M", "G", "T", "P", "E"] {
        if value < 10_000 && unit != "k" {
            return write!(row, "{}.{}{unit}", value / 1_000, value % 1_000 / 100);
        }
        value /= 1_000;
        if value < 1_000 {
            return write!(row, "{value:>3}{unit}");
        }
    }
    Ok(())
}

/// A number in so many columns, or more. There may be millions of rows: the way through a formatter
/// would take longer than all the rest.
fn decimal(row: &mut String, value: u64, columns: usize, fill: char) {
    let before = columns.saturating_sub(1);
    match value / 10 {
        0 => row.extend(repeat_n(fill, before)),
        rest => decimal(row, rest, before, fill),
    }
    row.push(char::from(b'0' + (value % 10) as u8));
}

/// An address with its port, as it is written everywhere.
fn address(row: &mut String, address: SocketAddr) -> fmt::Result {
    let SocketAddr::V4(address) = address else {
        return write!(row, "{address}");
    };
    let [first, rest @ ..] = address.ip().octets();
    decimal(row, first.into(), 1, ' ');
    for octet in rest {
        row.push('.');
        decimal(row, octet.into(), 1, ' ');
    }
    row.push(':');
    decimal(row, address.port().into(), 1, ' ');
    Ok(())
}

/// How it ended, and who was first to close.
fn ending(row: &mut String, exchange: &Exchange, style: Style) -> fmt::Result {
    let close = &exchange.close;
    let (client, first) = (End::Local, close.first);
    let refused = Some(Verdict::Closed);
    let (text, color) = match (exchange.verdict, close.manner) {
        (Some(Verdict::Closed), _) => ("refused", Some(refused)),
        (Some(Verdict::Filtered | Verdict::Unreachable), _) => match exchange.icmp {
            Some(_) => ("ICMP error", Some(exchange.verdict)),
            None => ("unanswered", Some(exchange.verdict)),
        },
        (_, Manner::InOrder) if first == Some(client) => ("in order C", None),
        (_, Manner::InOrder) => ("in order S", None),
        (_, Manner::HalfClosed) if first == Some(client) => ("half by C", None),
        (_, Manner::HalfClosed) => ("half by S", None),
        (_, Manner::Simultaneous) => ("crossed", None),
        (_, Manner::Reset) => match close.reset {
            Some((End::Local, _)) => ("reset by C", Some(refused)),
            Some((End::Peer, _)) => ("reset by S", Some(refused)),
            None => ("reset", Some(refused)),
        },
        (_, Manner::StillOpen) => match first {
            Some(End::Local) => ("C FIN only", None),
            Some(End::Peer) => ("S FIN only", None),
            None if is_half_open(exchange) => ("half-open", None),
            None => ("open", None),
        },
        (_, Manner::NotOpened) => ("not open", None),
    };
    match color.filter(|_| style.color) {
        Some(verdict) => {
            let padding = END - text.len();
            write!(row, "{}{:padding$}", style.verdict(verdict, text), "")
        }
        None => {
            row.push_str(text);
            row.extend(repeat_n(' ', END.saturating_sub(text.len())));
            Ok(())
        }
    }
}

/// Both addresses, and what stands out. What has no room begins a line of its own.
fn addresses(
    row: &mut String,
    mut columns: usize,
    connection: &Connection,
    style: Style,
) -> fmt::Result {
    let start = row.len();
    address(row, connection.client)?;
    let width = row.len() - start;
    if columns + width > WIDTH {
        row.insert_str(start, BREAK);
        columns = ADDRESSES;
    }
    columns += width;
    let start = row.len();
    address(row, connection.server)?;
    let width = row.len() - start;
    let fits = columns + 3 + width <= WIDTH;
    let (lead, from) = match fits {
        true => (" ", columns + 3),
        // The arrow stands before the column of the addresses.
        false => (&BREAK[..BREAK.len() - 2], ADDRESSES),
    };
    for part in [" ", style.arrow(), lead] {
        row.insert_str(start, part);
    }
    trouble(row, from + width, &connection.exchange, style)
}

/// How many segments were repeated, and how much is out of the ordinary.
fn trouble(row: &mut String, columns: usize, exchange: &Exchange, style: Style) -> fmt::Result {
    let of = exchange.retransmitted;
    let repeated: u64 = [of.syn, of.synack, of.fin, of.data]
        .map(u64::from)
        .iter()
        .sum();
    let told = match (repeated, exchange.anomalies.len()) {
        (0, 0) => return Ok(()),
        (repeated, 0) => format!("+{repeated}"),
        (0, anomalies) => format!("!{anomalies}"),
        (repeated, anomalies) => format!("+{repeated} !{anomalies}"),
    };
    let fits = columns + 1 + told.len() <= WIDTH;
    row.push_str(if fits { " " } else { BREAK });
    row.push_str(&style.note(told));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Anomaly, AnomalyKind};
    use crate::report::Each;
    use crate::tcp::State;

    fn connection(stream: u64, client: &str, server: &str) -> Connection {
        Connection {
            stream,
            seq: stream,
            first_frame: 1,
            last_frame: 1,
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
            packets: Each::default(),
            bytes: Each::default(),
            completeness: 0,
            requested: None,
            exchange: Exchange::new(),
        }
    }

    fn row(connection: &Connection) -> String {
        let mut row = String::new();
        write(&mut row, connection, Style::PLAIN).unwrap();
        row
    }

    #[test]
    fn a_round_trip_has_five_columns() {
        for (ns, text) in [
            (0, "0.000"),
            (499, "0.000"),
            (500, "0.001"),
            (9_999_499, "9.999"),
            (9_999_500, "10.00"),
            (99_994_999, "99.99"),
            (99_995_000, "100.0"),
            (999_949_999, "999.9"),
            (999_950_000, " 1000"),
            (99_999_000_000, "99999"),
            (100_000_000_000, " 100s"),
            (9_999_000_000_000, "9999s"),
        ] {
            let mut row = String::new();
            millis(&mut row, Some(ns)).unwrap();
            assert_eq!(row, text, "{ns}");
        }
    }

    #[test]
    fn a_volume_has_four_columns() {
        for (bytes, text) in [
            (0, "   0"),
            (9_999, "9999"),
            (10_000, " 10k"),
            (999_999, "999k"),
            (1_000_000, "1.0M"),
            (9_999_999, "9.9M"),
            (10_000_000, " 10M"),
            (1_250_000_000, "1.2G"),
            (u64::MAX, " 18E"),
        ] {
            let mut row = String::new();
            volume(&mut row, bytes).unwrap();
            assert_eq!(row, text, "{bytes}");
        }
    }

    #[test]
    fn numbers_and_addresses_are_written_as_ever() {
        for value in [0, 7, 10, 65_535, 1_234_567_890, u64::MAX] {
            for columns in [1, 5, 21] {
                let mut row = String::new();
                decimal(&mut row, value, columns, ' ');
                decimal(&mut row, value, columns, '0');
                assert_eq!(row, format!("{value:>columns$}{value:0columns$}"));
            }
        }
        for text in [
            "0.0.0.0:0",
            "255.10.9.100:65535",
            "[::1]:7",
            "[2001:db8::1]:443",
        ] {
            let mut row = String::new();
            address(&mut row, text.parse().unwrap()).unwrap();
            assert_eq!(row, text);
        }
    }

    #[test]
    fn two_ipv4_addresses_always_fit_in_one_line() {
        let longest = "255.255.255.255:65535";
        let row = row(&connection(1_234_567, longest, longest));
        assert_eq!(row.lines().count(), 1);
        assert!(row.trim_end().len() <= WIDTH, "{row}");
    }

    #[test]
    fn no_address_is_cut_and_no_line_too_long() {
        let long = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
        for stream in [0, 99_999, 100_000, u64::MAX] {
            for (client, server) in [(long, long), (long, "[::1]:1"), ("[::1]:1", long)] {
                for many in [0, 7, u32::MAX] {
                    let mut connection = connection(stream, client, server);
                    connection.exchange.retransmitted.data = many;
                    let row = row(&connection);
                    let wide = row.lines().find(|line| line.chars().count() > WIDTH);
                    assert_eq!(wide, None);
                    let mut words = row.split_whitespace();
                    assert!(words.any(|word| word == client) && words.any(|word| word == server));
                }
            }
        }
    }

    #[test]
    fn an_arrow_in_a_line_of_its_own_stands_before_the_server() {
        let long = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
        let row = row(&connection(7, long, long));
        let lines: Vec<&str> = row.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].find('['), Some(ADDRESSES));
        assert_eq!(lines[1].find('['), Some(ADDRESSES));
        assert_eq!(lines[1].find('>'), Some(ADDRESSES - 2));
    }

    #[test]
    fn every_ending_has_its_words() {
        let told = |verdict, manner, first, reset: Option<End>| {
            let mut it = connection(0, "10.0.0.1:1", "10.0.0.2:2");
            it.exchange.verdict = verdict;
            it.exchange.handshake.completed = true;
            it.exchange.close.manner = manner;
            it.exchange.close.first = first;
            it.exchange.close.reset = reset.map(|end| (end, State::Established.into()));
            row(&it)[22..32].trim_end().to_string()
        };
        let (client, server) = (Some(End::Local), Some(End::Peer));
        let open = Some(Verdict::Open);
        for (verdict, manner, first, reset, text) in [
            (open, Manner::InOrder, client, None, "in order C"),
            (open, Manner::InOrder, server, None, "in order S"),
            (open, Manner::HalfClosed, client, None, "half by C"),
            (open, Manner::HalfClosed, server, None, "half by S"),
            (open, Manner::Simultaneous, client, None, "crossed"),
            (open, Manner::Reset, client, client, "reset by C"),
            (open, Manner::Reset, None, server, "reset by S"),
            (open, Manner::StillOpen, None, None, "open"),
            (open, Manner::StillOpen, client, None, "C FIN only"),
            (None, Manner::StillOpen, server, None, "S FIN only"),
            (
                Some(Verdict::Closed),
                Manner::NotOpened,
                None,
                None,
                "refused",
            ),
            (
                Some(Verdict::Filtered),
                Manner::NotOpened,
                None,
                None,
                "unanswered",
            ),
            (None, Manner::NotOpened, None, None, "not open"),
        ] {
            assert_eq!(told(verdict, manner, first, reset), text);
        }
    }

    #[test]
    fn what_stands_out_is_counted() {
        let mut it = connection(0, "10.0.0.1:1", "10.0.0.2:2");
        it.exchange.retransmitted.syn = 1;
        it.exchange.retransmitted.data = 2;
        assert!(row(&it).ends_with("10.0.0.2:2 +3\n"));
        let again = Anomaly::new(AnomalyKind::SynRetransmitted, 0, String::new());
        it.exchange.anomalies.push(again);
        assert!(row(&it).ends_with("10.0.0.2:2 +3 !1\n"));
        it.exchange.retransmitted = Default::default();
        assert!(row(&it).ends_with("10.0.0.2:2 !1\n"));
    }

    fn end_of(shown: u64, connections: u64, frames: u64) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, Style::PLAIN);
        let totals = Totals {
            frames,
            connections,
            shown,
        };
        table.end(&totals).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_last_line_counts_what_there_was() {
        assert_eq!(end_of(0, 0, 0), "0 TCP connections in 0 frames\n");
        assert_eq!(end_of(1, 1, 1), "1 TCP connection in 1 frame\n");
        assert_eq!(end_of(0, 7, 90), "0 of 7 TCP connections in 90 frames\n");
    }
}
