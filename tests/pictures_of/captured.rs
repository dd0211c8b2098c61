//! The same exchanges, as somebody sees them who captured their frames.

use tcpshake::exchange::{
    CloseRecord, End, Exchange, HandshakeRecord, Manner, Offer, Outcome, SegmentRecord,
};
use tcpshake::report::{Connection, Each, Record};
use tcpshake::tcp::{Negotiated, State};
use tcpshake::wire::Flags;

/// What a probe was, as the connection of a capture.
pub fn connection(stream: u64, record: &Record) -> Connection {
    let mut exchange = record.exchange.clone();
    complete(&mut exchange);
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

/// Fills in what only the observer of a capture tells, as far as that is not done.
fn complete(exchange: &mut Exchange) {
    if exchange.close.manner == Manner::NotOpened {
        end(exchange);
    }
    let segments = exchange.segments.clone();
    let syn_of = |end| {
        let mut syns = segments.iter();
        syns.find(|it| it.from == end && it.segment.flags.syn())
    };
    let Some(syn) = syn_of(End::Local) else {
        return;
    };
    exchange.offered.get_or_insert_with(|| offer(syn));
    let Some(answer) = syn_of(End::Peer) else {
        return;
    };
    let agreed = Negotiated::from_syns(&syn.segment, &answer.segment);
    exchange.agreed.get_or_insert(agreed);
    let ack = segments.iter().find(|it| {
        it.from == End::Local && it.t_ns >= answer.t_ns && it.segment.flags.contains(Flags::ACK)
    });
    if let (Some(ack), Some(rtt_ns)) = (ack, exchange.handshake.rtt_ns) {
        let ack_ns = ack.t_ns.abs_diff(answer.t_ns);
        exchange.handshake.ack_ns.get_or_insert(ack_ns);
        let whole = &mut exchange.handshake.initial_rtt_ns;
        whole.get_or_insert(rtt_ns + ack_ns);
    }
    let again = |id| exchange.anomalies.iter().filter(|it| it.id == id).count() as u32;
    exchange.retransmitted.syn = again("syn-retransmitted");
    exchange.retransmitted.synack = again("syn-ack-repeated");
    exchange.retransmitted.fin = again("fin-retransmitted");
    exchange.retransmitted.data = again("data-retransmitted");
}

/// As the capture has it that ended after so many segments.
pub fn cut_short(record: &Record, segments: usize) -> Record {
    let mut record = record.clone();
    let exchange = &mut record.exchange;
    exchange.segments.truncate(segments);
    exchange.states.retain(|it| it.segment < segments);
    exchange.close = CloseRecord {
        outcome: Outcome::StillOpen,
        manner: Manner::StillOpen,
        ..CloseRecord::default()
    };
    record
}

/// As the capture has it that began after the handshake.
pub fn begun_late(record: &Record) -> Record {
    const HANDSHAKE: usize = 3;
    let mut record = record.clone();
    let exchange = &mut record.exchange;
    exchange.segments.drain(..HANDSHAKE);
    let first_ns = exchange.segments[0].t_ns;
    for segment in &mut exchange.segments {
        segment.t_ns -= first_ns;
    }
    exchange.states.retain(|it| it.segment >= HANDSHAKE);
    for change in &mut exchange.states {
        change.segment -= HANDSHAKE;
        change.t_ns -= first_ns;
    }
    exchange.verdict = None;
    exchange.reason = None;
    exchange.peer = None;
    exchange.handshake = HandshakeRecord::default();
    record
}

fn offer(syn: &SegmentRecord) -> Offer {
    let options = &syn.segment.options;
    Offer {
        mss: options.mss(),
        wscale: options.window_scale(),
        sack: options.sack_permitted(),
        timestamps: options.timestamps(),
        window: syn.segment.window,
        ttl: syn.ip.ttl(),
        ecn: false,
        options: options.clone(),
    }
}

fn end(exchange: &mut Exchange) {
    let claimed = |state: State| {
        let mut changes = exchange.states.iter();
        changes.any(|it| it.states.only() == Some(state))
    };
    let fin = |it: &SegmentRecord| it.segment.flags.fin();
    let after_fin = exchange.segments.iter().skip_while(|it| !fin(it));
    let first = after_fin.clone().next().map(|it| it.from);
    let half = after_fin
        .clone()
        .any(|it| Some(it.from) != first && it.len > 0);
    let rst = exchange.segments.iter().find(|it| it.segment.flags.rst());
    let before = |end| {
        let own = exchange.states.iter().filter(|it| it.end == end);
        let sets: Vec<_> = own.map(|it| it.states).collect();
        sets.iter().rev().nth(1).copied().unwrap_or_default()
    };
    exchange.close.reset = rst.map(|it| (it.from, before(it.from)));
    exchange.close.manner = match exchange.close.outcome {
        Outcome::NotAttempted => Manner::NotOpened,
        _ if rst.is_some() => Manner::Reset,
        Outcome::InOrder if claimed(State::Closing) => Manner::Simultaneous,
        Outcome::InOrder if half => Manner::HalfClosed,
        Outcome::InOrder => Manner::InOrder,
        _ => Manner::StillOpen,
    };
}
