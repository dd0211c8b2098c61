//! Many targets: a far side that is 65,536 hosts at once, and what a run tells of them.

#![allow(
    dead_code,
    reason = "each test program uses the part of it that it needs"
)]

pub mod outcome;
pub mod server;

use std::env;

use crate::lab::{Namespace, Pair, Program, tcpshake};

/// Widens the runs to what the issue asks for; the suite makes do with less.
const WIDE: &str = "TCPSHAKE_WIDE";

/// `wide` where the environment asks for it, else `narrow`.
pub fn width<T>(narrow: T, wide: T) -> T {
    if env::var(WIDE).is_ok_and(|value| value == "1") {
        wide
    } else {
        narrow
    }
}

/// A client, and on its cable a peer that owns 10.10.0.0/16 besides 10.0.0.2. 10.16.0.0/12 lies
/// behind it too, and nobody answers there.
pub struct Crowd {
    pub client: Namespace,
    pub peer: Namespace,
}

impl Crowd {
    pub fn new() -> Crowd {
        let Pair { client, peer } = Pair::with_a_block();
        client.ip("route add 10.16.0.0/12 via 10.0.0.2");
        peer.ip("route add blackhole 10.16.0.0/12");
        for (name, value) in [
            ("net/core/somaxconn", "65535"),
            ("net/ipv4/tcp_max_syn_backlog", "262144"),
            ("net/ipv4/tcp_syncookies", "0"),
        ] {
            peer.sysctl(name, value);
        }
        let crowd = Crowd { client, peer };
        // Now the two know each other's hardware addresses.
        server::serve(&crowd.peer, 7);
        crowd
            .client
            .connect("10.0.0.2:7".parse().expect("an address"));
        crowd
    }

    /// One whose hosts have port 80 open.
    pub fn open() -> Crowd {
        let crowd = Crowd::new();
        server::serve(&crowd.peer, 80);
        crowd
    }

    /// Reports in JSON, as fast as it can. Nothing is recorded.
    pub fn at_full_speed(&self, arguments: &[&str]) -> Program<'_> {
        tcpshake(&self.client, &["--json", "--rate", "max"])
            .args(arguments)
            .alone()
    }

    /// Of the states of the peer's sockets that matter: none is in one of them after a run.
    pub fn has_nothing_left(&self) -> bool {
        let sockets = self.peer.tcp_sockets();
        sockets.iter().all(|socket| socket.state == "LISTEN")
    }
}
