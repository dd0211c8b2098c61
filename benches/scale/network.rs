//! Two hosts on one cable: the client, and a far side that is 65,536 hosts at once.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use crate::lab::{Namespace, Pair};
use crate::server;
use crate::task::OPEN;

const INSIDE: &str = "TCPSHAKE_INSIDE_BENCH";
/// How long the sockets of one run may outlive it before the next begins.
const SETTLING: Duration = Duration::from_secs(10);

pub const CLIENT: &str = "10.0.0.1";
pub const INTERFACE: &str = "cli0";
pub const GATEWAY_MAC: &str = "02:00:00:00:00:02";
const CLIENT_MAC: &str = "02:00:00:00:00:01";

/// Whether this process is in network and process namespaces of its own. If not, it has run there
/// once more. An ordinary user needs a user namespace too; for root, one would only take away the
/// right to large socket buffers.
pub fn is_inside() -> bool {
    if env::var_os(INSIDE).is_some() {
        Namespace::here().ip("link set lo up");
        return true;
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--net", "--pid"]);
    if !geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let path = env::var("PATH").unwrap_or_default();
    let status = command
        .args(["--fork", "--kill-child", "--mount-proc", "--"])
        .arg(env::current_exe().expect("the path of this program"))
        .args(env::args().skip(1))
        .env(INSIDE, "1")
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .status()
        .expect("setpriv, of util-linux");
    assert!(status.success(), "the run inside failed: {status}");
    false
}

/// The network and the server.
pub struct Field {
    pub near: Namespace,
    far: Namespace,
    server: Child,
}

impl Field {
    pub fn new() -> Field {
        let Pair { client, peer } = Pair::new();
        // Nobody's first burst waits for ARP.
        client.ip(&format!(
            "link set cli0 address {CLIENT_MAC}\n\
             neighbor replace 10.0.0.2 lladdr {GATEWAY_MAC} dev cli0 nud permanent\n\
             route add 10.10.0.0/16 via 10.0.0.2\n\
             route add 10.16.0.0/12 via 10.0.0.2"
        ));
        peer.ip(&format!(
            "link set srv0 address {GATEWAY_MAC}\n\
             neighbor replace {CLIENT} lladdr {CLIENT_MAC} dev srv0 nud permanent\n\
             route add local 10.10.0.0/16 dev lo\n\
             route add blackhole 10.16.0.0/12"
        ));
        for (name, value) in [
            ("net/core/somaxconn", "65535"),
            ("net/ipv4/tcp_max_syn_backlog", "262144"),
            ("net/ipv4/tcp_syncookies", "0"),
        ] {
            peer.sysctl(name, value);
        }
        let server = start_server(&peer);
        Field {
            near: client,
            far: peer,
            server,
        }
    }

    /// How many connections the peer's kernel still holds half open.
    pub fn half_open(&self) -> usize {
        self.far.half_open().len()
    }

    /// Waits until the peer has nothing left of the last run.
    pub fn settle(&self) {
        let deadline = Instant::now() + SETTLING;
        let is_busy = || {
            let sockets = self.far.tcp_sockets();
            sockets.iter().any(|socket| socket.state != "LISTEN")
        };
        while is_busy() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether the far side itself was too slow for anyone.
    pub fn overflows(&self) -> String {
        let table = self
            .far
            .run(|| fs::read_to_string("/proc/thread-self/net/netstat"))
            .expect("the far side's counters");
        let mut rows = table.lines().filter(|line| line.starts_with("TcpExt:"));
        let mut row = || rows.next().expect("TcpExt").split_whitespace();
        let counters: Vec<(&str, &str)> = row().zip(row()).collect();
        let count = |name| {
            let counter = counters.iter().find(|(it, _)| *it == name);
            counter.map_or("unknown", |(_, value)| *value)
        };
        format!(
            "far side: {} listen queue overflows, {} SYNs dropped",
            count("ListenOverflows"),
            count("ListenDrops")
        )
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn start_server(host: &Namespace) -> Child {
    let this = env::current_exe().expect("the path of this program");
    let mut command = Command::new(this);
    let ports = OPEN.map(|port| port.to_string());
    command.arg(server::MODE).args(&ports);
    let mut server = host.spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let stdout = server.stdout.take().expect("its output");
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("what the server says");
    assert_eq!(line, server::READY, "the server does not listen");
    server
}
