//! TCP segments and their options.

use crate::exchange::{Checksum, End, Exchange, SegmentRecord};
use crate::wire::{Flags, Options, Segment, SeqNumber, TcpOption};

use super::{Field, Group, bit, bytes, digits, field, hex16, ip, remark, status};

/// The names of the flags, and of the three reserved bits.
const FLAGS: [(Flags, &str); 10] = [
    (Flags::from_bits(0xe00), "tcp.flags.res"),
    (Flags::AE, "tcp.flags.ae"),
    (Flags::CWR, "tcp.flags.cwr"),
    (Flags::ECE, "tcp.flags.ece"),
    (Flags::URG, "tcp.flags.urg"),
    (Flags::ACK, "tcp.flags.ack"),
    (Flags::PSH, "tcp.flags.push"),
    (Flags::RST, "tcp.flags.reset"),
    (Flags::SYN, "tcp.flags.syn"),
    (Flags::FIN, "tcp.flags.fin"),
];

/// Columns of the payload's text on one line.
const TEXT: usize = 60;

/// Where the relative numbers of a segment count from.
#[derive(Clone, Copy)]
pub(in crate::report) struct Numbers {
    seq: SeqNumber,
    ack: SeqNumber,
}

impl Numbers {
    /// For the segments of `from`.
    pub(in crate::report) fn of(exchange: &Exchange, from: End) -> Numbers {
        Numbers {
            seq: first(exchange, from),
            ack: first(exchange, from.other()),
        }
    }
}

/// The initial number of an end. Where no SYN tells it, Wireshark counts the first segment as 1.
fn first(exchange: &Exchange, end: End) -> SeqNumber {
    let isn = match end {
        End::Local => exchange.handshake.isn,
        End::Peer => exchange.handshake.peer_isn,
    };
    let seen = || exchange.segments.iter().find(|record| record.from == end);
    let guessed = |SegmentRecord { segment, .. }: &SegmentRecord| {
        segment.seq - u32::from(!segment.flags.syn())
    };
    isn.or_else(|| seen().map(guessed)).unwrap_or_default()
}

/// The groups of a captured segment, its IP header's first.
pub(in crate::report) fn segment(record: &SegmentRecord, numbers: Numbers) -> Vec<Group> {
    let segment = &record.segment;
    let mut groups = ip::header(&record.ip, true);
    let mut tcp = header(segment, numbers);
    tcp[0].push(field("tcp.len", record.len));
    groups.append(&mut tcp);
    groups.push(vec![
        field("tcp.window_size_value", segment.window),
        field("tcp.window_size", record.window_size),
        field("tcp.urgent_pointer", segment.urgent),
    ]);
    groups.push(checksum(segment.checksum, record.checksum));
    groups.extend(options(&segment.options, numbers));
    groups.extend((record.len > 0).then(|| payload(&segment.payload, record.len)));
    groups
}

/// The groups of a segment that an ICMP error quotes. Its checksum and its length say nothing: the
/// quote may end before the data does.
pub(super) fn quoted(transport: &[u8], numbers: Numbers) -> Vec<Group> {
    let Ok(segment) = Segment::parse(transport) else {
        return cut_short(transport, numbers);
    };
    let mut groups = header(&segment, numbers);
    groups.push(vec![
        field("tcp.window_size_value", segment.window),
        field("tcp.urgent_pointer", segment.urgent),
        hex16("tcp.checksum", segment.checksum),
    ]);
    groups.extend(options(&segment.options, numbers));
    groups
}

/// Of a header that is not all there: what RFC 792 grants, eight bytes.
fn cut_short(transport: &[u8], numbers: Numbers) -> Vec<Group> {
    let Some(&[a, b, c, d, e, f, g, h]) = transport.first_chunk() else {
        return Vec::new();
    };
    let seq = SeqNumber(u32::from_be_bytes([e, f, g, h]));
    vec![
        vec![
            field("tcp.srcport", u16::from_be_bytes([a, b])),
            field("tcp.dstport", u16::from_be_bytes([c, d])),
            field("tcp.seq", since(seq, numbers.seq)),
            field("tcp.seq_raw", seq),
        ],
        vec![remark("the quote ends within the TCP header")],
    ]
}

fn since(number: SeqNumber, first: SeqNumber) -> u32 {
    number.0.wrapping_sub(first.0)
}

/// Ports, numbers, header length and flags.
fn header(segment: &Segment, numbers: Numbers) -> Vec<Group> {
    // Without ACK the field is not counted from anything.
    let ack = match segment.flags.ack() {
        true => since(segment.ack, numbers.ack),
        false => segment.ack.0,
    };
    let mut flags = vec![hex16("tcp.flags", segment.flags.bits())];
    let bits = segment.flags.bits();
    flags.extend(FLAGS.map(|(flag, name)| bit(name, bits & flag.bits() != 0)));
    vec![
        vec![
            field("tcp.srcport", segment.src_port),
            field("tcp.dstport", segment.dst_port),
            field("tcp.hdr_len", segment.header_len()),
        ],
        vec![
            field("tcp.seq", since(segment.seq, numbers.seq)),
            field("tcp.seq_raw", segment.seq),
            field("tcp.ack", ack),
            field("tcp.ack_raw", segment.ack),
        ],
        flags,
    ]
}

fn checksum(value: u16, checksum: Checksum) -> Group {
    let mut group = vec![hex16("tcp.checksum", value)];
    match checksum {
        Checksum::Good => group.push(status("tcp.checksum.status", true)),
        Checksum::Bad => group.push(status("tcp.checksum.status", false)),
        Checksum::Pending => {
            group.push(field("tcp.checksum.status", "Unverified"));
            group.push(remark("left to the hardware"));
        }
    }
    group
}

/// A group for each option.
fn options(options: &Options, numbers: Numbers) -> impl Iterator<Item = Group> {
    options.iter().map(move |option| {
        let mut group = vec![field("tcp.option_kind", option.kind())];
        let single = matches!(option, TcpOption::Nop | TcpOption::End { .. });
        if !single && !matches!(option, TcpOption::Malformed(_)) {
            group.push(field("tcp.option_len", option.wire_len()));
        }
        group.extend(option_fields(&option, numbers));
        group
    })
}

fn option_fields(option: &TcpOption, numbers: Numbers) -> Vec<Field> {
    match option {
        TcpOption::End { rest } if rest.is_empty() => vec![field("tcp.options.eol", "")],
        TcpOption::End { rest } => vec![
            field("tcp.options.eol", ""),
            remark(format_args!("then {}", digits(rest))),
        ],
        TcpOption::Nop => vec![field("tcp.options.nop", "")],
        TcpOption::Mss(mss) => vec![field("tcp.options.mss_val", mss)],
        TcpOption::WindowScale(shift) => vec![
            field("tcp.options.wscale.shift", shift),
            field("tcp.options.wscale.multiplier", 1_u32 << (*shift).min(14)),
        ],
        TcpOption::SackPermitted => vec![field("tcp.options.sack_perm", "")],
        TcpOption::Sack(blocks) => sack(blocks, numbers),
        TcpOption::Timestamps { val, ecr } => vec![
            field("tcp.options.timestamp.tsval", val),
            field("tcp.options.timestamp.tsecr", ecr),
        ],
        TcpOption::FastOpen(cookie) if cookie.is_empty() => {
            vec![field("tcp.options.tfo.request", "")]
        }
        TcpOption::FastOpen(cookie) => vec![bytes("tcp.options.tfo.cookie", cookie)],
        TcpOption::Other { kind: 19, data } if data.len() == 16 => {
            vec![bytes("tcp.options.md5.digest", data)]
        }
        TcpOption::Other { data, .. } if data.is_empty() => Vec::new(),
        TcpOption::Other { data, .. } => vec![remark(format_args!("data {}", digits(data)))],
        TcpOption::Malformed(tail) => {
            vec![remark(format_args!("malformed: {}", digits(tail)))]
        }
    }
}

/// The edges are numbers of the other end.
fn sack(blocks: &[(SeqNumber, SeqNumber)], numbers: Numbers) -> Vec<Field> {
    let mut fields = vec![field("tcp.options.sack.count", blocks.len())];
    for (left, right) in blocks {
        fields.extend([
            field("tcp.options.sack_le", since(*left, numbers.ack)),
            field("tcp.options.sack_re", since(*right, numbers.ack)),
            remark(format_args!("raw {left} to {right}")),
        ]);
    }
    fields
}

/// The beginning of the data, everything escaped that is no printable ASCII, and its length.
fn payload(beginning: &[u8], len: usize) -> Group {
    let mut rows = vec![String::new()];
    for byte in beginning {
        let escaped = byte.escape_ascii().to_string();
        match rows.last_mut() {
            Some(row) if row.len() + escaped.len() <= TEXT => row.push_str(&escaped),
            _ => rows.push(escaped),
        }
    }
    let names = std::iter::once("tcp.payload").chain(std::iter::repeat(""));
    let rows = names.zip(&rows);
    let mut group: Group = rows
        .map(|(name, row)| field(name, format_args!("\"{row}\"")))
        .collect();
    if beginning.len() < len {
        let text = format_args!("{} of {len} bytes", beginning.len());
        group.push(remark(text));
    }
    group
}
