//! A whole run against a host that serves one connection, and nothing is out of the ordinary.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::{Value, json};

use super::{App, Story};
use crate::lab::{Finished, Namespace, tcpshake, wait_until};

/// Probes a port of `peer`, which closes when the client has, under the address `host`, brackets
/// and zone included. Fails unless nothing at all is worth a note and the peer's states are told.
pub fn visit(client: &Namespace, peer: &Namespace, host: &str, arguments: &[&str]) -> Story {
    let story = visit_to(App::Closing, client, peer, host, arguments);
    story.passes_through(&[
        "SYN-RECEIVED",
        "ESTABLISHED",
        "CLOSE-WAIT",
        "LAST-ACK",
        "CLOSED",
    ]);
    story
}

/// The same with another application.
pub fn visit_to(
    app: App,
    client: &Namespace,
    peer: &Namespace,
    host: &str,
    arguments: &[&str],
) -> Story {
    let arguments = [&["--json"], arguments].concat();
    let (port, finished) = run(app, client, peer, host, &arguments);
    let story = Story::of(&finished);
    story.went_well();
    let far = SocketAddr::new(address(story.at("target.addr")), port);
    wait_until("the peer has closed", || {
        let state = peer.tcp_state(far, story.near());
        ["CLOSED", "TIME-WAIT"].contains(&state).then_some(())
    });
    story
}

/// What it prints for people.
pub fn look(client: &Namespace, peer: &Namespace, host: &str, arguments: &[&str]) -> String {
    run(App::Closing, client, peer, host, arguments).1.stdout
}

fn run(
    app: App,
    client: &Namespace,
    peer: &Namespace,
    host: &str,
    arguments: &[&str],
) -> (u16, Finished) {
    let any: IpAddr = match host.contains(':') {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    };
    never_repeats(peer);
    let server = app.serve(peer, SocketAddr::new(any, 0), 128);
    let port = server.listener.port();
    let target = format!("{host}:{port}");
    let finished = tcpshake(client, &[&[&target[..]], arguments].concat()).run();
    assert_eq!(finished.code(), 0, "{finished:?}");
    server.end();
    (port, finished)
}

/// A kernel sends again when our program has to wait some milliseconds for a processor.
pub fn never_repeats(peer: &Namespace) {
    peer.sysctl("net/ipv4/tcp_early_retrans", "0");
    // Before Linux 6.11 the least time-out is 200 ms.
    let _ = peer.try_sysctl("net/ipv4/tcp_rto_min_us", "5000000");
}

impl Story {
    /// Our address and port.
    pub fn near(&self) -> SocketAddr {
        let port = self.at("local.port").as_u64().expect("a port");
        SocketAddr::new(
            address(self.at("local.addr")),
            port.try_into().expect("a port"),
        )
    }

    /// Fails unless it is the story of a connection without anything worth a note.
    pub fn went_well(&self) {
        assert_eq!(self.code, 0, "{:#}", self.json);
        for (path, wanted) in [
            ("verdict", json!("open")),
            ("close.outcome", json!("in-order")),
            ("handshake.syn_sent", json!(1)),
            ("kernel_rst", json!(0)),
            ("anomalies", json!([])),
            ("icmp", json!(null)),
        ] {
            assert_eq!(*self.at(path), wanted, "{path} of {:#}", self.json);
        }
        assert!(self.at("handshake.rtt_ns").is_u64(), "{:#}", self.json);
        self.holds_each_segment_once();
    }

    /// How many segments are told.
    pub fn segments(&self) -> usize {
        self.at("segments").as_array().expect("the segments").len()
    }

    /// Fails when two segments with data, SYN or FIN have the same numbers. An acknowledgement may
    /// well be repeated: on two processors one of the peer's is easily overtaken by its data.
    fn holds_each_segment_once(&self) {
        let segments = self.at("segments").as_array().expect("the segments");
        let counts = |segment: &&Value| {
            let flags = segment["flags"].as_str().expect("flags");
            segment["len"] != 0 || flags.contains(['S', 'F'])
        };
        let which =
            |segment: &Value| ["dir", "flags", "seq", "len"].map(|key| segment[key].to_string());
        let mut seen: Vec<_> = segments.iter().filter(counts).map(which).collect();
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all, "a segment is there twice: {:#}", self.json);
    }
}

fn address(value: &Value) -> IpAddr {
    let text = value.as_str().expect("an address");
    text.parse().expect("an address")
}
