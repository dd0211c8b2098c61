//! What the kernel itself says about its sockets.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Namespace, wait_until};

/// A state by its name in RFC 9293.
pub type TcpState = &'static str;

/// One line of `/proc/net/tcp` or `tcp6`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KernelSocket {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub state: TcpState,
}

impl Namespace {
    /// Every TCP socket, half-open ones and those in TIME-WAIT included.
    pub fn tcp_sockets(&self) -> Vec<KernelSocket> {
        let tables = self.run(|| {
            ["tcp", "tcp6"].map(|table| {
                fs::read_to_string(format!("/proc/thread-self/net/{table}")).expect(table)
            })
        });
        tables
            .iter()
            .flat_map(|table| table.lines().skip(1))
            .map(KernelSocket::parse)
            .collect()
    }

    /// The state of the connection between `local` and `remote` as this host's kernel has it;
    /// CLOSED when it has none.
    pub fn tcp_state(&self, local: SocketAddr, remote: SocketAddr) -> TcpState {
        let is_it =
            |socket: &KernelSocket| same(socket.local, local) && same(socket.remote, remote);
        self.tcp_sockets()
            .into_iter()
            .find(is_it)
            .map_or("CLOSED", |socket| socket.state)
    }

    /// Returns when the connection is in `state`; fails when that takes too long.
    pub fn wait_for_tcp_state(&self, local: SocketAddr, remote: SocketAddr, state: TcpState) {
        let mut last = "";
        wait_until(&format!("{local} to {remote} is in {state}"), || {
            last = self.tcp_state(local, remote);
            (last == state).then_some(())
        });
    }

    /// The connections that wait for the third segment of the handshake.
    pub fn half_open(&self) -> Vec<KernelSocket> {
        let mut sockets = self.tcp_sockets();
        sockets.retain(|socket| socket.state == "SYN-RECEIVED");
        sockets
    }

    /// How many packet sockets are open. A closed one goes when the kernel comes to it.
    pub fn packet_sockets(&self) -> usize {
        let table = self.run(|| fs::read_to_string("/proc/thread-self/net/packet"));
        table.expect("the packet sockets").lines().skip(1).count()
    }
}

impl KernelSocket {
    fn parse(line: &str) -> KernelSocket {
        let mut fields = line.split_whitespace().skip(1);
        let mut field = || {
            fields
                .next()
                .unwrap_or_else(|| panic!("too short a line: {line}"))
        };
        KernelSocket {
            local: address(field()),
            remote: address(field()),
            state: state_numbered(field()),
        }
    }
}

/// The scope of a link-local address is not in the kernel's table.
fn same(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip() == other.ip() && one.port() == other.port()
}

fn state_numbered(hexadecimal: &str) -> TcpState {
    match hexadecimal {
        "01" => "ESTABLISHED",
        "02" => "SYN-SENT",
        "03" => "SYN-RECEIVED",
        "04" => "FIN-WAIT-1",
        "05" => "FIN-WAIT-2",
        "06" => "TIME-WAIT",
        "07" => "CLOSED",
        "08" => "CLOSE-WAIT",
        "09" => "LAST-ACK",
        "0A" => "LISTEN",
        "0B" => "CLOSING",
        other => panic!("unknown TCP state {other}"),
    }
}

/// `0200000A:01BB`: words in this machine's byte order, the port as a number.
fn address(field: &str) -> SocketAddr {
    let (words, port) = field.split_once(':').expect("ADDRESS:PORT");
    let port = u16::from_str_radix(port, 16).expect("a hexadecimal port");
    let word = |at: usize| {
        u32::from_str_radix(&words[at..at + 8], 16)
            .expect("a hexadecimal word")
            .to_ne_bytes()
    };
    let address = if words.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)))
    } else {
        let mut bytes = [0; 16];
        for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
            chunk.copy_from_slice(&word(index * 8));
        }
        // A dual-stack socket of the kernel writes IPv4 addresses as ::ffff:a.b.c.d.
        IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
    };
    SocketAddr::new(address, port)
}
