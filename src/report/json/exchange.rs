//! What the lines of a probe and of a connection have in common.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::exchange::{self, DataRecord, End, Exchange, Offer, StateChange};
use crate::report::{Names, printable};
use crate::tcp::{State, StateSet};

use super::connection::{MoreOfClose, MoreOfHandshake};

/// What an exchange came to.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    verdict: Option<&'static str>,
    pub(super) reason: Option<&'static str>,
    pub(super) handshake: Handshake,
    peer: Option<Peer>,
    data: Data,
    pub(super) close: Close,
    states: States<'a>,
    segments: Option<Vec<Segment>>,
    icmp: Option<Icmp>,
    anomalies: Vec<Anomaly<'a>>,
    /// Known to whoever ran the connection.
    pub(super) kernel_rst: Option<u64>,
    elapsed_ns: u64,
}

#[derive(Serialize)]
pub(super) struct Handshake {
    isn: Option<u32>,
    peer_isn: Option<u32>,
    pub(super) rtt_ns: Option<u64>,
    /// Known to whoever has captured the frames.
    pub(super) rtt_source: Option<&'static str>,
    syn_sent: u32,
    completed: bool,
    #[serde(flatten)]
    pub(super) more: Option<MoreOfHandshake>,
}

#[derive(Serialize)]
pub(super) struct Peer {
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
pub(super) struct Data {
    sent: u64,
    received: u64,
    first_byte_ns: Option<i64>,
    preview: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Close {
    pub(super) requested: Option<&'static str>,
    outcome: &'static str,
    first: Option<&'static str>,
    fin_rtt_ns: Option<u64>,
    peer_fin_ns: Option<u64>,
    #[serde(flatten)]
    pub(super) more: Option<MoreOfClose>,
}

/// Written from where they are, as there are many of them.
pub(super) struct States<'a> {
    changes: &'a [StateChange],
    names: Names,
}

impl Serialize for States<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.changes.iter().map(|change| StateLine {
            t_ns: change.t_ns,
            end: self.names.of(change.end),
            state: StateNames(change.states),
            basis: change.basis.word(),
        }))
    }
}

#[derive(Serialize)]
struct StateLine {
    t_ns: i64,
    end: &'static str,
    state: StateNames,
    basis: &'static str,
}

/// The states of a set, as RFC 9293 names them.
pub(super) struct StateNames(pub(super) StateSet);

impl Serialize for StateNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(State::name))
    }
}

#[derive(Serialize)]
pub(super) struct Segment {
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
pub(super) struct Icmp {
    r#type: u8,
    code: u8,
    from: IpAddr,
    reason: &'static str,
    t_ns: i64,
}

#[derive(Serialize)]
pub(super) struct Anomaly<'a> {
    id: &'static str,
    t_ns: i64,
    text: &'a str,
}

/// Of this exchange, its ends so named, with all segments or without.
pub(super) fn told(exchange: &Exchange, names: Names, segments: bool) -> Told<'_> {
    Told {
        verdict: exchange.verdict.map(|verdict| verdict.word()),
        reason: exchange.reason,
        handshake: handshake(exchange),
        peer: exchange.peer.as_ref().map(peer),
        data: data(&exchange.data),
        close: close(exchange, names),
        states: States {
            changes: &exchange.states,
            names,
        },
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
        kernel_rst: None,
        elapsed_ns: exchange.elapsed_ns,
    }
}

fn handshake(exchange: &Exchange) -> Handshake {
    let handshake = &exchange.handshake;
    Handshake {
        isn: handshake.isn.map(|isn| isn.0),
        peer_isn: handshake.peer_isn.map(|isn| isn.0),
        rtt_ns: handshake.rtt_ns,
        rtt_source: None,
        syn_sent: handshake.syn_sent,
        completed: handshake.completed,
        more: None,
    }
}

/// What an end offered.
pub(super) fn peer(peer: &Offer) -> Peer {
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

fn close(exchange: &Exchange, names: Names) -> Close {
    let close = &exchange.close;
    Close {
        requested: None,
        outcome: close.outcome.word(),
        first: close.first.map(|end| names.of(end)),
        fin_rtt_ns: close.fin_rtt_ns,
        peer_fin_ns: close.peer_fin_ns,
        more: None,
    }
}

fn all_segments(exchange: &Exchange) -> Vec<Segment> {
    let line = |record: &exchange::SegmentRecord| Segment {
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
