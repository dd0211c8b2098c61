//! IP headers.

use crate::wire::{Extension, Fragment, IpHeader, Ipv4Header, Ipv6Header};

use super::{Field, Group, bit, bytes, digits, field, hex16, remark, status};

/// The groups of an IP header. The header that an ICMP error quotes was changed on its way: it is
/// not `whole`, and its checksum says nothing.
pub(super) fn header(ip: &IpHeader, whole: bool) -> Vec<Group> {
    match ip {
        IpHeader::V4(ip) => ipv4(ip, whole),
        IpHeader::V6(ip) => ipv6(ip),
    }
}

fn ipv4(ip: &Ipv4Header, whole: bool) -> Vec<Group> {
    let mut groups = vec![
        vec![
            field("ip.version", 4),
            field("ip.hdr_len", Ipv4Header::MIN_LEN + ip.options.len()),
            field("ip.dsfield.dscp", ip.dscp),
            field("ip.dsfield.ecn", ip.ecn),
            field("ip.len", ip.total_length),
        ],
        vec![
            hex16("ip.id", ip.identification),
            bit("ip.flags.rb", ip.flags & 4 != 0),
            bit("ip.flags.df", ip.df()),
            bit("ip.flags.mf", ip.mf()),
            // In bytes, as Wireshark counts.
            field("ip.frag_offset", u32::from(ip.fragment_offset) * 8),
        ],
        vec![
            field("ip.ttl", ip.ttl),
            field("ip.proto", ip.protocol),
            hex16("ip.checksum", ip.checksum),
        ],
        vec![field("ip.src", ip.src), field("ip.dst", ip.dst)],
    ];
    if whole {
        groups[2].push(status("ip.checksum.status", ip.checksum_ok()));
    }
    groups.extend(ipv4_options(&ip.options));
    groups
}

/// A group for each option. Their length bytes count kind and length too.
fn ipv4_options(mut rest: &[u8]) -> Vec<Group> {
    let mut groups = Vec::new();
    while let &[kind, ref after @ ..] = rest {
        let mut group = vec![field("ip.opt.type", kind)];
        rest = match kind {
            0 => &[],
            1 => after,
            _ => match after.first() {
                Some(&len) if len >= 2 && usize::from(len) <= rest.len() => {
                    let (option, next) = rest.split_at(len.into());
                    group.push(field("ip.opt.len", len));
                    group.extend(data(&option[2..]));
                    next
                }
                _ => {
                    group.push(remark(format_args!("malformed: {}", digits(after))));
                    &[]
                }
            },
        };
        groups.push(group);
    }
    groups
}

fn ipv6(ip: &Ipv6Header) -> Vec<Group> {
    let mut groups = vec![
        vec![
            field("ipv6.version", 6),
            field("ipv6.tclass.dscp", ip.dscp),
            field("ipv6.tclass.ecn", ip.ecn),
            field("ipv6.flow", format_args!("{:#08x}", ip.flow_label)),
        ],
        vec![
            field("ipv6.plen", ip.payload_length),
            field("ipv6.nxt", ip.next_header),
            field("ipv6.hlim", ip.hop_limit),
        ],
        // Two of them may be longer than a line.
        vec![field("ipv6.src", ip.src)],
        vec![field("ipv6.dst", ip.dst)],
    ];
    groups.extend(ip.extensions.iter().flat_map(extension));
    groups
}

/// The groups of an extension header: its own, and one for each option in it.
fn extension(header: &Extension) -> Vec<Group> {
    let names = match header.kind {
        0 => [
            "ipv6.hopopts.nxt",
            "ipv6.hopopts.len",
            "ipv6.hopopts.len_oct",
        ],
        60 => [
            "ipv6.dstopts.nxt",
            "ipv6.dstopts.len",
            "ipv6.dstopts.len_oct",
        ],
        43 => return vec![routing(header)],
        _ => return vec![other_extension(header)],
    };
    let mut groups = vec![lengths(header, names)];
    groups.extend(ipv6_options(header.bytes.get(2..).unwrap_or_default()));
    groups
}

/// Its next header, its length byte and its length.
fn lengths(header: &Extension, names: [&'static str; 3]) -> Group {
    let len = header.bytes.get(1).copied().unwrap_or_default();
    vec![
        field(names[0], header.next_header()),
        field(names[1], len),
        field(names[2], header.bytes.len()),
    ]
}

fn routing(header: &Extension) -> Group {
    let names = [
        "ipv6.routing.nxt",
        "ipv6.routing.len",
        "ipv6.routing.len_oct",
    ];
    let mut group = lengths(header, names);
    if let [_, _, kind, left, rest @ ..] = header.bytes.as_slice() {
        group.push(field("ipv6.routing.type", kind));
        group.push(field("ipv6.routing.segleft", left));
        group.extend(data(rest));
    }
    group
}

/// A fragment header (RFC 8200 4.5) or an authentication header (RFC 4302 2).
fn other_extension(header: &Extension) -> Group {
    if let Some(Fragment { offset, more, id }) = header.fragment() {
        return vec![
            field("ipv6.fraghdr.nxt", header.next_header()),
            field("ipv6.fraghdr.offset", u32::from(offset) * 8),
            bit("ipv6.fraghdr.more", more),
            field("ipv6.fraghdr.ident", format_args!("{id:#010x}")),
        ];
    }
    let mut group = vec![field("ah.next_header", header.next_header())];
    if let &[_, len, _, _, a, b, c, d, e, f, g, h, ref icv @ ..] = header.bytes.as_slice() {
        let (spi, sequence) = ([a, b, c, d], [e, f, g, h]);
        group.extend([
            field("ah.length", len),
            field("ah.spi", format_args!("{:#010x}", u32::from_be_bytes(spi))),
            field("ah.sequence", u32::from_be_bytes(sequence)),
            bytes("ah.icv", icv),
        ]);
    }
    group
}

/// A group for each option. Their length bytes count the data alone.
fn ipv6_options(mut rest: &[u8]) -> Vec<Group> {
    let mut groups = Vec::new();
    while let &[kind, ref after @ ..] = rest {
        let mut group = vec![field("ipv6.opt.type", format_args!("{kind:#04x}"))];
        let split = after
            .split_first()
            .and_then(|(len, data)| Some((len, data.split_at_checked(usize::from(*len))?)));
        rest = match split {
            // Pad1 is a single byte (RFC 8200 4.2).
            _ if kind == 0 => after,
            Some((len, (option, next))) => {
                group.push(field("ipv6.opt.length", len));
                group.extend(data(option));
                next
            }
            None => {
                group.push(remark(format_args!("malformed: {}", digits(after))));
                &[]
            }
        };
        groups.push(group);
    }
    groups
}

/// What is not taken apart here; of much the beginning.
fn data(bytes: &[u8]) -> Option<Field> {
    const MOST: usize = 24;
    let shown = digits(&bytes[..bytes.len().min(MOST)]);
    match bytes.len() {
        0 => None,
        1..=MOST => Some(remark(format_args!("data {shown}"))),
        len => Some(remark(format_args!("data {shown}... {len} bytes"))),
    }
}
