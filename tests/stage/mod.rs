//! A stage for one act: client, router and peer, an application at the peer that plays its part,
//! and a router that loses what it is told to lose.
//!
//! Losses happen on the router, so that neither end's kernel knows of them and the capture of the
//! program still holds what it sent.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test program uses the part of the stage that it needs"
)]

mod app;
mod counter;
mod step;
mod story;
mod visit;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::lab::{End, Namespace, Running, TcpState, lay_wire, tcpshake};

pub use app::{App, POURED, Server};
pub use counter::counter;
pub use step::{Step, at, show, show_on};
pub use story::{Claim, Story};
pub use visit::{look, never_repeats, visit, visit_to};

const CLIENT: [&str; 2] = ["10.1.0.2", "fd01::2"];
const PEER: [&str; 2] = ["10.2.0.2", "fd02::2"];

/// One wait of 200 ms, so that giving up is quick.
pub const IMPATIENT: [&str; 4] = ["--timeout", "200ms", "--retries", "0"];

/// A kind of segment that the router can lose, in the language of nftables.
#[derive(Clone, Copy)]
pub struct Lost(&'static str);

pub const OUR_SYN: Lost = Lost("tcp dport PORT tcp flags & (fin|syn|rst|ack) == syn");
pub const OUR_ACK: Lost = Lost("tcp dport PORT tcp flags & (fin|syn|rst|ack) == ack");
/// All but the third segment of the handshake.
pub const OUR_LATER_ACKS: Lost =
    Lost("tcp dport PORT tcp flags & (fin|syn|rst|ack) == ack numgen inc mod 1000 != 0");
/// The same, data excepted.
pub const OUR_LATER_BARE_ACKS: Lost = Lost(
    "tcp dport PORT tcp flags & (fin|syn|rst|psh|ack) == ack meta length < 120 numgen inc mod 1000 != 0",
);
pub const OUR_DATA: Lost = Lost("tcp dport PORT meta length >= 120");
/// All but the first 4000 bytes or so.
pub const OUR_LATER_DATA: Lost = Lost("tcp dport PORT meta length >= 120 numgen inc mod 1000 > 2");
pub const OUR_FIN: Lost = Lost("tcp dport PORT tcp flags & fin == fin");
pub const OUR_RST: Lost = Lost("tcp dport PORT tcp flags & rst == rst");
pub const SYN_ACK: Lost = Lost("tcp sport PORT tcp flags & (fin|syn|rst|ack) == (syn|ack)");
pub const PEER_ACK: Lost = Lost("tcp sport PORT tcp flags & (fin|syn|rst|psh|ack) == ack");
/// Repeated, data may carry the FIN as well.
/// Without data, with SACK blocks or not.
pub const PEER_BARE_ACK: Lost =
    Lost("tcp sport PORT tcp flags & (fin|syn|rst|psh|ack) == ack meta length < 120");
/// All but the first 4000 bytes or so.
pub const PEER_LATER_DATA: Lost = Lost("tcp sport PORT meta length >= 120 numgen inc mod 1000 > 2");
/// All but the first 26 segments.
pub const PEER_DATA_AFTER_PUSH: Lost =
    Lost("tcp sport PORT meta length >= 120 numgen inc mod 1000 > 25");
pub const PEER_DATA: Lost = Lost("tcp sport PORT tcp flags & psh == psh");
pub const PEER_FIN: Lost = Lost("tcp sport PORT tcp flags & fin == fin");

/// Two hosts that reach each other through a router, over IPv4 and IPv6.
pub struct Stage {
    pub client: Namespace,
    pub router: Namespace,
    pub peer: Namespace,
}

impl Stage {
    pub fn new() -> Stage {
        let stage = Stage {
            client: Namespace::new(),
            router: Namespace::new(),
            peer: Namespace::new(),
        };
        let wire = |host, interface, addresses, at_router, gateways| {
            let end = |host, interface, addresses| End {
                host,
                interface,
                addresses,
            };
            lay_wire(
                &end(host, interface, addresses),
                &end(&stage.router, at_router, gateways),
                1500,
            );
        };
        wire(
            &stage.client,
            "cli0",
            &["10.1.0.2/24", "fd01::2/64", "fe80::2/64"],
            "near",
            &["10.1.0.1/24", "fd01::1/64", "fe80::1/64"],
        );
        wire(
            &stage.peer,
            "srv0",
            &["10.2.0.2/24", "fd02::2/64", "fe80::2/64"],
            "far",
            &["10.2.0.1/24", "fd02::1/64", "fe80::1/64"],
        );
        stage
            .client
            .ip("route add default via 10.1.0.1\nroute add default via fd01::1");
        stage
            .peer
            .ip("route add default via 10.2.0.1\nroute add default via fd02::1");
        stage.router.sysctl("net/ipv4/ip_forward", "1");
        stage.router.sysctl("net/ipv6/conf/all/forwarding", "1");
        stage
    }

    /// From now on the router loses these segments to and from a port of the peer, and no others.
    pub fn lose(&self, port: u16, lost: &[Lost]) {
        let rules = lost
            .iter()
            .map(|Lost(rule)| rule.replace("PORT", &port.to_string()));
        self.drop(port, &rules.collect::<Vec<_>>());
    }

    /// The same, of each kind only the first that comes.
    pub fn lose_first(&self, port: u16, lost: &[Lost]) {
        let rules = lost.iter().map(|Lost(rule)| {
            let rule = rule.replace("PORT", &port.to_string());
            format!("{rule} numgen inc mod 1000 < 1")
        });
        self.drop(port, &rules.collect::<Vec<_>>());
    }

    /// The same, of each hundred so many, either way.
    pub fn lose_some(&self, port: u16, percent: u32) {
        let rule = |end| format!("tcp {end} {port} numgen random mod 100 < {percent}");
        self.drop(port, &["dport", "sport"].map(rule));
    }

    fn drop(&self, port: u16, rules: &[String]) {
        let rules: String = rules.iter().map(|rule| format!("{rule} drop\n")).collect();
        self.router.nft(&format!(
            "table inet port{port} {{}}
             delete table inet port{port}
             table inet port{port} {{
                chain lost {{ type filter hook forward priority 0; {rules} }}
             }}"
        ));
    }

    pub fn act(&self, family: Family, app: App) -> Act<'_> {
        self.act_with_backlog(family, app, 128)
    }

    pub fn act_with_backlog(&self, family: Family, app: App, backlog: i32) -> Act<'_> {
        // Below the ports that a kernel hands out.
        static NEXT_PORT: AtomicU16 = AtomicU16::new(1000);
        let number = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        Act {
            stage: self,
            server: app.serve(&self.peer, SocketAddr::new(family.peer(), number), backlog),
            near: SocketAddr::new(family.client(), 10_000 + number),
        }
    }

    /// The peer's connections with the client that are neither closed nor in TIME-WAIT.
    pub fn left_open_at_the_peer(&self) -> Vec<(SocketAddr, TcpState)> {
        let clients = [Family::V4, Family::V6].map(Family::client);
        let sockets = self.peer.tcp_sockets().into_iter();
        sockets
            .filter(|socket| clients.contains(&socket.remote.ip()) && socket.state != "TIME-WAIT")
            .map(|socket| (socket.remote, socket.state))
            .collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const BOTH: [Family; 2] = [Family::V4, Family::V6];

    pub fn client(self) -> IpAddr {
        CLIENT[self as usize].parse().expect("an address")
    }

    pub fn peer(self) -> IpAddr {
        PEER[self as usize].parse().expect("an address")
    }
}

/// One connection to come: an application that waits at the peer, and our source port.
pub struct Act<'a> {
    stage: &'a Stage,
    pub server: Server,
    /// Our end.
    pub near: SocketAddr,
}

impl Act<'_> {
    /// The peer's end.
    pub fn far(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn lose(&self, lost: &[Lost]) {
        self.stage.lose(self.far().port(), lost);
    }

    /// Starts the program with its source port pinned.
    pub fn begin(&self, arguments: &[&str]) -> Running {
        let (target, port) = (self.far().to_string(), self.near.port().to_string());
        let all = [&["--json", &target, "--source-port", &port], arguments].concat();
        tcpshake(&self.stage.client, &all).spawn()
    }

    /// What the peer's kernel says.
    pub fn kernel_state(&self) -> TcpState {
        self.stage.peer.tcp_state(self.far(), self.near)
    }

    /// Returns when the peer's kernel says so.
    pub fn wait_for_kernel(&self, state: TcpState) {
        self.stage
            .peer
            .wait_for_tcp_state(self.far(), self.near, state);
    }
}
