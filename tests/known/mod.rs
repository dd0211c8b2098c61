//! Reports made by hand: of which everything is known, or nothing.

#![allow(dead_code)] // each test uses a part

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tcpshake::clock::Stamp;
use tcpshake::exchange::{
    Anomaly, AnomalyKind, Basis, Checksum, End, Exchange, IcmpRecord, Manner, Offer, Outcome,
    SegmentRecord, StateChange, Verdict,
};
use tcpshake::report::{Connection, Each};
use tcpshake::session;
use tcpshake::tcp::{Negotiated, Side, State};
use tcpshake::wire::{Flags, IpFields, Options, Packet, Segment, SeqNumber, TcpOption};

/// Of whatever a report can tell at least one, or nothing at all.
pub fn exchange(full: bool) -> Exchange {
    let mut exchange = Exchange::new();
    if !full {
        return exchange;
    }
    let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
    exchange.started = Some(Stamp(1_767_323_045_000_000_009));
    exchange.verdict = Some(Verdict::Open);
    exchange.reason = Some("syn-ack");
    exchange.handshake.isn = Some(SeqNumber(16_909_060));
    exchange.handshake.peer_isn = Some(SeqNumber(485_205_666));
    exchange.handshake.rtt_ns = Some(11_532_101);
    exchange.handshake.ack_ns = Some(27_899);
    exchange.handshake.initial_rtt_ns = Some(11_560_000);
    exchange.offered = Some(offer());
    exchange.peer = Some(Offer::default()); // offers nothing
    exchange.agreed = Some(agreed());
    exchange.data.first_byte_ns = Some(12_000_000);
    exchange.data.preview = b"hello".to_vec();
    exchange.close.outcome = Outcome::ResetByPeer;
    exchange.close.manner = Manner::Reset;
    exchange.close.first = Some(End::Local);
    exchange.close.fin_rtt_ns = Some(11_000_000);
    exchange.close.peer_fin_ns = Some(11_100_000);
    exchange.close.reset = Some((End::Peer, [State::LastAck, State::Closed].into()));
    exchange.states.push(StateChange {
        t_ns: 0,
        end: End::Local,
        states: State::SynSent.into(),
        basis: Basis::Seen,
        segment: 0,
    });
    exchange.segments.push(syn(home));
    exchange.icmp = Some(IcmpRecord {
        t_ns: 0,
        icmp_type: 3,
        code: 13,
        from: home,
        reason: "admin-prohibited",
    });
    let lost = "the first SYN got no answer".to_string();
    let anomaly = Anomaly::new(AnomalyKind::SynRetransmitted, 0, lost);
    exchange.anomalies.push(anomaly);
    exchange
}

fn offer() -> Offer {
    Offer {
        mss: Some(1460),
        wscale: Some(7),
        timestamps: Some((1, 2)),
        options: Options::from(vec![TcpOption::Mss(1460)]),
        ..Offer::default()
    }
}

fn agreed() -> Negotiated {
    let side = Side {
        mss: 1460,
        window_shift: 7,
    };
    Negotiated {
        opener: side,
        answerer: side,
        timestamps: true,
        sack: false,
        ecn: false,
    }
}

fn syn(home: IpAddr) -> SegmentRecord {
    let segment = Segment {
        flags: Flags::SYN,
        ..Segment::default()
    };
    let packet = Packet::build(home, home, segment, &IpFields::default());
    SegmentRecord {
        t_ns: 0,
        from: End::Local,
        ip: packet.ip.clone(),
        segment: packet.tcp().expect("a segment").clone(),
        len: 0,
        window_size: 0,
        checksum: Checksum::Good,
    }
}

/// The same as a connection of a capture.
pub fn connection(full: bool) -> Connection {
    let end = |host: u8, port: u16| SocketAddr::from(([198, 51, 100, host], port));
    Connection {
        stream: 3,
        seq: 3,
        first_frame: 7,
        last_frame: 12,
        client: end(7, 50211),
        server: end(1, 443),
        packets: Each::default(),
        bytes: Each::default(),
        completeness: 0,
        requested: full.then_some(session::End::Fin),
        exchange: exchange(full),
    }
}
