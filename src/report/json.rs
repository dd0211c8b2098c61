//! JSON Lines: the contract with programs. `tcpshake-1.schema.json` beside this file describes it.

use std::io::{self, Write};
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use crate::clock::Stamp;
use crate::exchange::{DataRecord, End, Exchange, Offer};

use super::{Record, Report, Rtt, Summary, TargetInfo, printable};

const SCHEMA: &str = "tcpshake/1";

/// Writes one object a line.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    /// Show each segment.
    segments: bool,
}

impl<W: Write> Json<W> {
    /// Writes to `out`; `segments` says whether to list them.
    pub fn new(out: W, segments: bool) -> Json<W> {
        Json { out, segments }
    }

    /// A line goes out whole, in one write.
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

impl<W: Write> Report for Json<W> {
    fn probe(&mut self, record: &Record) -> io::Result<()> {
        let segments = self.segments;
        self.line(&probe(record, segments))
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        self.line(&summary_line(summary))
    }
}

/// The line of a probe, its segments listed, as a value to look into.
pub fn probe_value(record: &Record) -> Value {
    serde_json::to_value(probe(record, true)).expect("keys are strings")
}

/// The line of a summary as a value to look into.
pub fn summary_value(summary: &Summary) -> Value {
    serde_json::to_value(summary_line(summary)).expect("keys are strings")
}

#[derive(Serialize)]
struct Probe<'a> {
    schema: &'static str,
    r#type: &'static str,
    seq: u64,
    started: String,
    target: Target<'a>,
    local: Local<'a>,
    verdict: Option<&'static str>,
    reason: Option<&'static str>,
    handshake: Handshake,
    peer: Option<Peer>,
    data: Data,
    close: Close,
    states: Vec<StateLine>,
    segments: Option<Vec<Segment>>,
    icmp: Option<Icmp>,
    anomalies: Vec<Anomaly<'a>>,
    kernel_rst: u64,
    elapsed_ns: u64,
}

#[derive(Serialize)]
struct Target<'a> {
    input: &'a str,
    name: Option<&'a str>,
    addr: Option<IpAddr>,
    port: u16,
}

#[derive(Serialize)]
struct Local<'a> {
    addr: Option<IpAddr>,
    port: Option<u16>,
    interface: Option<&'a str>,
    guard: Option<&'a str>,
}

#[derive(Serialize)]
struct Handshake {
    isn: Option<u32>,
    peer_isn: Option<u32>,
    rtt_ns: Option<u64>,
    rtt_source: Option<&'static str>,
    syn_sent: u32,
    completed: bool,
}

#[derive(Serialize)]
struct Peer {
    mss: Option<u16>,
    wscale: Option<u8>,
    sack: bool,
    timestamps: Timestamps,
    window: u16,
    ttl: u8,
    ecn: bool,
    options: String,
}

#[derive(Serialize)]
struct Timestamps {
    val: Option<u32>,
    ecr: Option<u32>,
}

#[derive(Serialize)]
struct Data {
    sent: u64,
    received: u64,
    first_byte_ns: Option<i64>,
    preview: Option<String>,
}

#[derive(Serialize)]
struct Close {
    requested: &'static str,
    outcome: &'static str,
    first: Option<&'static str>,
    fin_rtt_ns: Option<u64>,
    peer_fin_ns: Option<u64>,
}

#[derive(Serialize)]
struct StateLine {
    t_ns: i64,
    end: &'static str,
    state: Vec<&'static str>,
    basis: &'static str,
}

#[derive(Serialize)]
struct Segment {
    t_ns: i64,
    dir: &'static str,
    flags: String,
    seq: u32,
    ack: u32,
    win: u16,
    len: usize,
    ttl: u8,
    options: String,
}

#[derive(Serialize)]
struct Icmp {
    r#type: u8,
    code: u8,
    from: IpAddr,
    reason: &'static str,
    t_ns: i64,
}

#[derive(Serialize)]
struct Anomaly<'a> {
    id: &'static str,
    t_ns: i64,
    text: &'a str,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    schema: &'static str,
    r#type: &'static str,
    target: Option<Target<'a>>,
    sent: u64,
    answered: u64,
    lost: u64,
    open: u64,
    closed: u64,
    filtered: u64,
    unreachable: u64,
    errors: u64,
    retries: u64,
    rate: f64,
    rtt: RttLine,
    kernel_rst: u64,
    capture_drops: u64,
    elapsed_ns: u64,
}

#[derive(Serialize)]
struct RttLine {
    min_ns: Option<u64>,
    mean_ns: Option<u64>,
    p50_ns: Option<u64>,
    p90_ns: Option<u64>,
    p99_ns: Option<u64>,
    max_ns: Option<u64>,
    stddev_ns: Option<u64>,
}

fn probe(record: &Record, segments: bool) -> Probe<'_> {
    let exchange = &record.exchange;
    Probe {
        schema: SCHEMA,
        r#type: "probe",
        seq: record.seq,
        started: rfc3339(record.started),
        target: target(&record.target),
        local: Local {
            addr: record.local.addr.map(|local| local.ip()),
            port: record.local.addr.map(|local| local.port()),
            interface: record.local.interface.as_deref(),
            guard: record.local.guard.as_deref(),
        },
        verdict: exchange.verdict.map(|verdict| verdict.word()),
        reason: exchange
            .reason
            .or(record.failure.as_ref().map(|failure| failure.reason)),
        handshake: handshake(exchange),
        peer: exchange.peer.as_ref().map(peer),
        data: data(&exchange.data),
        close: Close {
            requested: record.requested.word(),
            outcome: exchange.close.outcome.word(),
            first: exchange.close.first.map(End::word),
            fin_rtt_ns: exchange.close.fin_rtt_ns,
            peer_fin_ns: exchange.close.peer_fin_ns,
        },
        states: states(exchange),
        segments: segments.then(|| all_segments(exchange)),
        icmp: exchange.icmp.map(|icmp| Icmp {
            r#type: icmp.icmp_type,
            code: icmp.code,
            from: icmp.from,
            reason: icmp.reason,
            t_ns: icmp.t_ns,
        }),
        anomalies: exchange
            .anomalies
            .iter()
            .map(|anomaly| Anomaly {
                id: anomaly.id,
                t_ns: anomaly.t_ns,
                text: &anomaly.text,
            })
            .collect(),
        kernel_rst: record.kernel_rst,
        elapsed_ns: exchange.elapsed_ns,
    }
}

fn target(target: &TargetInfo) -> Target<'_> {
    Target {
        input: &target.input,
        name: target.name.as_deref(),
        addr: target.addr,
        port: target.port,
    }
}

fn handshake(exchange: &Exchange) -> Handshake {
    let handshake = &exchange.handshake;
    Handshake {
        isn: handshake.isn.map(|isn| isn.0),
        peer_isn: handshake.peer_isn.map(|isn| isn.0),
        rtt_ns: handshake.rtt_ns,
        rtt_source: handshake.rtt_ns.map(|_| "kernel"),
        syn_sent: handshake.syn_sent,
        completed: handshake.completed,
    }
}

fn peer(peer: &Offer) -> Peer {
    Peer {
        mss: peer.mss,
        wscale: peer.wscale,
        sack: peer.sack,
        timestamps: Timestamps {
            val: peer.timestamps.map(|(val, _)| val),
            ecr: peer.timestamps.map(|(_, ecr)| ecr),
        },
        window: peer.window,
        ttl: peer.ttl,
        ecn: peer.ecn,
        options: peer.options.to_string(),
    }
}

fn data(data: &DataRecord) -> Data {
    let preview = String::from_utf8_lossy(&data.preview);
    Data {
        sent: data.sent,
        received: data.received,
        first_byte_ns: data.first_byte_ns,
        preview: (!data.preview.is_empty()).then(|| printable(&preview)),
    }
}

fn states(exchange: &Exchange) -> Vec<StateLine> {
    let line = |change: &crate::exchange::StateChange| StateLine {
        t_ns: change.t_ns,
        end: change.end.word(),
        state: change.states.iter().map(|state| state.name()).collect(),
        basis: change.basis.word(),
    };
    exchange.states.iter().map(line).collect()
}

fn all_segments(exchange: &Exchange) -> Vec<Segment> {
    let line = |record: &crate::exchange::SegmentRecord| Segment {
        t_ns: record.t_ns,
        dir: match record.from {
            End::Local => "out",
            End::Peer => "in",
        },
        flags: record.segment.flags.to_string(),
        seq: record.segment.seq.0,
        ack: record.segment.ack.0,
        win: record.segment.window,
        len: record.len,
        ttl: record.ip.ttl(),
        options: record.segment.options.to_string(),
    };
    exchange.segments.iter().map(line).collect()
}

fn summary_line(summary: &Summary) -> SummaryLine<'_> {
    let rtt = summary.rtt();
    let of = |field: fn(Rtt) -> u64| rtt.map(field);
    SummaryLine {
        schema: SCHEMA,
        r#type: "summary",
        target: summary.target.as_ref().map(target),
        sent: summary.sent,
        answered: summary.answered,
        lost: summary.lost(),
        open: summary.open,
        closed: summary.closed,
        filtered: summary.filtered,
        unreachable: summary.unreachable,
        errors: summary.errors,
        retries: summary.retries,
        rate: summary.rate(),
        rtt: RttLine {
            min_ns: of(|rtt| rtt.min_ns),
            mean_ns: of(|rtt| rtt.mean_ns),
            p50_ns: of(|rtt| rtt.p50_ns),
            p90_ns: of(|rtt| rtt.p90_ns),
            p99_ns: of(|rtt| rtt.p99_ns),
            max_ns: of(|rtt| rtt.max_ns),
            stddev_ns: of(|rtt| rtt.stddev_ns),
        },
        kernel_rst: summary.kernel_rst,
        capture_drops: summary.capture_drops,
        elapsed_ns: summary.elapsed_ns,
    }
}

fn rfc3339(stamp: Stamp) -> String {
    humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(stamp.0)).to_string()
}
