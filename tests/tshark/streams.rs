//! What tshark knows of each connection, in the words of `explain --json`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Saved;

const FIELDS: [&str; 22] = [
    "frame.number",
    "frame.len",
    "_ws.col.Source",
    "_ws.col.Destination",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.stream",
    "tcp.flags",
    "tcp.seq_raw",
    "tcp.len",
    "tcp.completeness",
    "tcp.analysis.initial_rtt",
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "tcp.options.sack_perm",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.window_size_value",
    "ip.ttl",
    "ipv6.hlim",
    "icmp.type",
    "icmpv6.type",
];

const SYN: u64 = 0x02;
const RST: u64 = 0x04;
const ACK: u64 = 0x10;

/// A frame's fields by their names.
struct Row(BTreeMap<&'static str, String>);

impl Row {
    fn text(&self, field: &str) -> &str {
        &self.0[field]
    }

    /// `None` where the frame has no such field.
    fn number(&self, field: &str) -> Option<u64> {
        let text = self.text(field);
        let parsed = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        (!text.is_empty()).then(|| parsed.unwrap_or_else(|_| panic!("{field}: {text:?}")))
    }

    fn has(&self, flags: u64) -> bool {
        self.number("tcp.flags")
            .is_some_and(|it| it & flags == flags)
    }

    /// It is a segment that an ICMP error quotes.
    fn is_quote(&self) -> bool {
        !self.text("icmp.type").is_empty() || !self.text("icmpv6.type").is_empty()
    }

    /// It opens a connection, or answers that: the flag is set, and the other is or is not.
    fn is_syn(&self, answers: bool) -> bool {
        self.has(SYN) && self.has(ACK) == answers
    }

    fn end(&self, address: &str, port: &str) -> End {
        let port = self.number(port).expect("a port");
        (self.text(address).to_owned(), port)
    }

    fn src(&self) -> End {
        self.end("_ws.col.Source", "tcp.srcport")
    }

    fn dst(&self) -> End {
        self.end("_ws.col.Destination", "tcp.dstport")
    }

    /// What its SYN offers, as far as tshark has a field for it.
    fn offer(&self) -> Value {
        let stamps = self
            .number("tcp.options.timestamp.tsval")
            .map(|val| json!({ "val": val, "ecr": self.number("tcp.options.timestamp.tsecr") }));
        let is_v6 = self.text("_ws.col.Source").contains(':');
        json!({
            "mss": self.number("tcp.options.mss_val"),
            "wscale": self.number("tcp.options.wscale.shift"),
            "sack": !self.text("tcp.options.sack_perm").is_empty(),
            "timestamps": stamps,
            "window": self.number("tcp.window_size_value"),
            "ttl": self.number(if is_v6 { "ipv6.hlim" } else { "ip.ttl" }),
        })
    }
}

/// Address and port.
type End = (String, u64);

/// Of each stream, in the order of their numbers.
///
/// A SYN after a RST begins another, whatever its number: the end that sent or took the RST has
/// deleted its TCB (RFC 9293 3.10.7.4, second). tshark goes by the number alone.
pub fn streams(capture: &Saved) -> Vec<Value> {
    let mut last_of: BTreeMap<u64, usize> = BTreeMap::new();
    let mut streams: Vec<Vec<Row>> = Vec::new();
    for row in capture.rows(&FIELDS) {
        let row = Row(FIELDS.into_iter().zip(row).collect());
        let number = row.number("tcp.stream").expect("a stream");
        let last = last_of.get(&number).copied();
        let is_reset = |at: usize| {
            streams[at]
                .iter()
                .any(|row| row.has(RST) && !row.is_quote())
        };
        match last {
            Some(at) if row.is_quote() || !row.is_syn(false) || !is_reset(at) => {
                streams[at].push(row);
            }
            _ => {
                last_of.insert(number, streams.len());
                streams.push(vec![row]);
            }
        }
    }
    // What tshark tells of a whole stream is then of no use.
    let shared = |rows: &[Row]| {
        let of = |rows: &[Row]| rows[0].number("tcp.stream");
        streams.iter().filter(|it| of(it) == of(rows)).count() > 1
    };
    let told = streams.iter().enumerate();
    told.map(|(number, rows)| stream(number, rows, shared(rows)))
        .collect()
}

fn stream(number: usize, rows: &[Row], is_shared: bool) -> Value {
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    // An ICMP error is about a stream, but the segment that it quotes is nobody's.
    let segments: Vec<&Row> = rows.iter().filter(|row| !row.is_quote()).collect();
    let syn = segments.iter().find(|row| row.is_syn(false));
    let syn_ack = segments.iter().find(|row| row.is_syn(true));
    let client = match (syn, syn_ack) {
        (Some(syn), _) => syn.src(),
        (None, Some(syn_ack)) => syn_ack.dst(),
        (None, None) => first.src(),
    };
    let server = if first.src() == client {
        first.dst()
    } else {
        first.src()
    };
    let of = |end: &End| -> Vec<&Row> {
        let segments = segments.iter().copied();
        segments.filter(|row| row.src() == *end).collect()
    };
    let sides = [of(&client), of(&server)];
    let [isn, peer_isn] = [0, 1].map(|side| {
        let opens = sides[side].iter().find(|row| row.has(SYN));
        opens.and_then(|row| row.number("tcp.seq_raw"))
    });
    let [sent, received] = [0, 1].map(|side| data(&sides[side]));
    let address = |(addr, port): End| json!({ "addr": addr, "port": port });
    let each = |tell: &dyn Fn(&[&Row]) -> u64| json!({ "client": tell(&sides[0]), "server": tell(&sides[1]) });
    let length = |row: &&Row| row.number("frame.len");
    let mut told = json!({
        "stream": number,
        "first_frame": first.number("frame.number"),
        "last_frame": last.number("frame.number"),
        "client": address(client),
        "server": address(server),
        "packets": each(&|rows| rows.len() as u64),
        "bytes": each(&|rows| rows.iter().filter_map(length).sum()),
        "handshake": { "isn": isn, "peer_isn": peer_isn },
        "options": {},
        "data": { "sent": sent, "received": received },
    });
    for (end, rows) in ["client", "server"].iter().zip(&sides) {
        // We tell what the answer to a SYN offers even where that is a RST.
        if let Some(syn) = rows.iter().find(|row| row.has(SYN)) {
            told["options"][end] = syn.offer();
        }
    }
    // tshark shows what there was before the frame, the SYN excepted, and again in its second pass.
    let has_counted = segments.len() > 1 || syn.is_some();
    if !is_shared && has_counted {
        told["completeness"] = json!(last.number("tcp.completeness"));
    }
    if !is_shared && is_plain(&sides) {
        let initial_rtt = segments.iter().find_map(|row| initial_rtt(row));
        told["handshake"]["initial_rtt_ns"] = json!(initial_rtt);
    }
    told
}

/// The handshake is a SYN, its SYN-ACK and the acknowledgment of that. tshark measures from the last
/// SYN of either end to the first ACK, be it that of a RST. We measure no round trip where
/// - there was no handshake (RFC 9293 3.5.2: a RST refuses it);
/// - a SYN was repeated, unless the answer tells which it answers (RFC 6298 3, RFC 7323 4.1);
/// - both ends sent a SYN (RFC 9293 3.5, figure 7): the second is no answer to the first.
fn is_plain([client, server]: &[Vec<&Row>; 2]) -> bool {
    let syns = |rows: &[&Row], answers| rows.iter().filter(|row| row.is_syn(answers)).count();
    let third = client.iter().find(|row| !row.has(SYN));
    let answered = (syns(client, false), syns(server, true)) == (1, 1);
    let refused = server.get(1).is_some_and(|row| row.has(RST));
    answered && !refused && syns(server, false) == 0 && third.is_some_and(|row| !row.has(RST))
}

/// Nanoseconds, of a number of seconds with nine decimals.
fn initial_rtt(row: &Row) -> Option<u64> {
    let digits: String = row.text("tcp.analysis.initial_rtt").replace('.', "");
    (!digits.is_empty()).then(|| digits.parse().expect("seconds"))
}

/// How many bytes of data are there, each counted once.
fn data(rows: &[&Row]) -> usize {
    let bytes = rows.iter().flat_map(|row| {
        let seq = row.number("tcp.seq_raw").expect("a number") + u64::from(row.has(SYN));
        let len = row.number("tcp.len").unwrap_or(0);
        (seq..seq + len).map(|number| number as u32)
    });
    bytes.collect::<BTreeSet<u32>>().len()
}
