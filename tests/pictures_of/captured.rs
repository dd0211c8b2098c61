//! The same exchanges, as somebody sees them who captured their frames between the ends.

use tcpshake::clock::Stamp;
use tcpshake::exchange::{End, Exchange, SegmentRecord};
use tcpshake::observe::{Observer, Subject, Vantage};
use tcpshake::report::{Connection, Each, Record};
use tcpshake::wire::Segment;

/// What a probe was, as the connection of a capture.
pub fn connection(stream: u64, record: &Record) -> Connection {
    let exchange = observed(&record.exchange);
    let of = |end| exchange.segments.iter().filter(move |it| it.from == end);
    let each = |count: fn(&SegmentRecord) -> u64| Each {
        client: of(End::Local).map(count).sum(),
        server: of(End::Peer).map(count).sum(),
    };
    let remote = record.target.addr.expect("an address");
    Connection {
        stream,
        seq: stream,
        first_frame: 20 * stream + 1,
        last_frame: 20 * stream + exchange.segments.len() as u64,
        client: record.local.addr.expect("an address"),
        server: (remote, record.target.port).into(),
        packets: each(|_| 1),
        bytes: each(|it| 54 + it.len as u64),
        completeness: 0,
        requested: None,
        exchange,
    }
}

/// What its frames tell from between the ends.
fn observed(exchange: &Exchange) -> Exchange {
    let started = exchange.started.unwrap_or_default();
    let at = |t_ns: i64| Stamp(started.0.wrapping_add_signed(t_ns));
    let segments = exchange.segments.iter().map(|it| {
        let mut payload = it.segment.payload.clone();
        payload.resize(it.len, 0);
        let subject = Subject::Segment {
            from: it.from,
            ip: it.ip.clone(),
            segment: Segment {
                payload,
                ..it.segment.clone()
            },
            checksum: it.checksum,
            missing: 0,
        };
        (it.t_ns, subject)
    });
    let errors = exchange.icmp_packets.iter().map(|it| {
        let subject = Subject::Icmp {
            ip: it.ip.clone(),
            message: it.message.clone(),
            quote: it.message.quote().expect("it quotes a segment"),
        };
        (it.t_ns, subject)
    });
    let mut frames: Vec<_> = segments.chain(errors).collect();
    frames.sort_by_key(|(t_ns, _)| *t_ns);
    let mut observer = Observer::new(Vantage::Between);
    for (t_ns, subject) in &frames {
        observer.observe(at(*t_ns), subject);
    }
    observer.finish()
}

/// As the capture has it that ended after so many segments.
pub fn cut_short(record: &Record, segments: usize) -> Record {
    let mut record = record.clone();
    record.exchange.segments.truncate(segments);
    record
}

/// As the capture has it that began after the handshake.
pub fn begun_late(record: &Record) -> Record {
    const HANDSHAKE: usize = 3;
    let mut record = record.clone();
    record.exchange.segments.drain(..HANDSHAKE);
    record
}
