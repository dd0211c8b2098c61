//! The line of a connection of a capture.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::exchange::{Exchange, Retransmitted};
use crate::report::{Connection, Each, Names};

use super::exchange::{self, Peer, StateNames, Told};
use super::{SCHEMA, rfc3339};

#[derive(Serialize)]
pub(super) struct Line<'a> {
    schema: &'static str,
    r#type: &'static str,
    stream: u64,
    seq: u64,
    started: Option<String>,
    first_frame: u64,
    last_frame: u64,
    client: Address,
    server: Address,
    packets: Both<u64>,
    bytes: Both<u64>,
    #[serde(flatten)]
    told: Told<'a>,
    options: Both<Option<Peer>>,
    agreed: Agreed,
    completeness: u8,
    retransmitted: Repeats,
}

#[derive(Serialize)]
struct Address {
    addr: IpAddr,
    port: u16,
}

impl From<SocketAddr> for Address {
    fn from(end: SocketAddr) -> Address {
        Address {
            addr: end.ip(),
            port: end.port(),
        }
    }
}

#[derive(Serialize)]
struct Both<T> {
    client: T,
    server: T,
}

impl<T: Copy> From<Each<T>> for Both<T> {
    fn from(each: Each<T>) -> Both<T> {
        Both {
            client: each.client,
            server: each.server,
        }
    }
}

/// What a connection's `handshake` has besides.
#[derive(Serialize)]
pub(super) struct MoreOfHandshake {
    ack_ns: Option<u64>,
    initial_rtt_ns: Option<u64>,
}

/// What its `close` has besides.
#[derive(Serialize)]
pub(super) struct MoreOfClose {
    manner: &'static str,
    reset_by: Option<&'static str>,
    reset_in: Option<StateNames>,
}

#[derive(Serialize)]
struct Agreed {
    mss: Both<Option<u16>>,
    wscale: Both<Option<u8>>,
    timestamps: Option<bool>,
    sack: Option<bool>,
    ecn: Option<bool>,
}

#[derive(Serialize)]
struct Repeats {
    syn: u32,
    synack: u32,
    fin: u32,
    data: u32,
}

impl From<Retransmitted> for Repeats {
    fn from(of: Retransmitted) -> Repeats {
        Repeats {
            syn: of.syn,
            synack: of.synack,
            fin: of.fin,
            data: of.data,
        }
    }
}

/// Of this connection.
pub(super) fn line(connection: &Connection, segments: bool) -> Line<'_> {
    let exchange = &connection.exchange;
    Line {
        schema: SCHEMA,
        r#type: "connection",
        stream: connection.stream,
        seq: connection.seq,
        started: exchange.started.map(rfc3339),
        first_frame: connection.first_frame,
        last_frame: connection.last_frame,
        client: connection.client.into(),
        server: connection.server.into(),
        packets: connection.packets.into(),
        bytes: connection.bytes.into(),
        told: told(connection, segments),
        options: Both {
            client: exchange.offered.as_ref().map(exchange::peer),
            server: exchange.peer.as_ref().map(exchange::peer),
        },
        agreed: agreed(exchange),
        completeness: connection.completeness,
        retransmitted: exchange.retransmitted.into(),
    }
}

fn told(connection: &Connection, segments: bool) -> Told<'_> {
    let exchange = &connection.exchange;
    let (names, handshake, close) = (Names::CONNECTION, exchange.handshake, exchange.close);
    let mut told = exchange::told(exchange, names, segments);
    told.handshake.rtt_source = handshake.rtt_ns.map(|_| "capture");
    told.handshake.more = Some(MoreOfHandshake {
        ack_ns: handshake.ack_ns,
        initial_rtt_ns: handshake.initial_rtt_ns,
    });
    told.close.requested = connection.requested.map(|end| end.word());
    told.close.more = Some(MoreOfClose {
        manner: close.manner.word(),
        reset_by: close.reset.map(|(end, _)| names.of(end)),
        reset_in: close.reset.map(|(_, states)| StateNames(states)),
    });
    told
}

fn agreed(exchange: &Exchange) -> Agreed {
    let agreed = exchange.agreed;
    Agreed {
        mss: Both {
            client: agreed.map(|of| of.opener.mss),
            server: agreed.map(|of| of.answerer.mss),
        },
        wscale: Both {
            client: agreed.map(|of| of.opener.window_shift),
            server: agreed.map(|of| of.answerer.window_shift),
        },
        timestamps: agreed.map(|of| of.timestamps),
        sack: agreed.map(|of| of.sack),
        ecn: agreed.map(|of| of.ecn),
    }
}
