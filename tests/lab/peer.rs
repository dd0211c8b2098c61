//! The kernel's TCP as the peer, led step by step.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use nix::libc;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::SetUsize;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{Namespace, PATIENCE};

#[derive(Clone)]
struct DeferAccept;
nix::setsockopt_impl!(
    DeferAccept,
    libc::IPPROTO_TCP,
    libc::TCP_DEFER_ACCEPT,
    usize,
    SetUsize
);

impl Namespace {
    /// Listens at `address`; port 0 takes a free one.
    pub fn listen(&self, address: impl Into<SocketAddr>) -> Listener {
        self.listen_with(address, 128, |_| ())
    }

    /// Listens with room for `backlog` + 1 connections that nobody has accepted, on a socket that
    /// `prepare` has seen before it is bound.
    pub fn listen_with(
        &self,
        address: impl Into<SocketAddr>,
        backlog: i32,
        prepare: impl FnOnce(&Socket) + Send,
    ) -> Listener {
        let address = address.into();
        self.run(|| {
            let socket = Socket::new(
                Domain::for_address(address),
                Type::STREAM,
                Some(Protocol::TCP),
            )
            .expect("a TCP socket");
            // On a listener this is how long accept waits.
            socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
            prepare(&socket);
            socket
                .bind(&address.into())
                .unwrap_or_else(|error| panic!("bind {address}: {error}"));
            socket
                .listen(backlog)
                .unwrap_or_else(|error| panic!("listen {address}: {error}"));
            Listener {
                socket: socket.into(),
            }
        })
    }

    /// Connects as the kernel does; fails when there is no answer.
    pub fn connect(&self, to: SocketAddr) -> Connection {
        self.try_connect(to, PATIENCE)
            .unwrap_or_else(|error| panic!("connect {to}: {error}"))
    }

    pub fn try_connect(&self, to: SocketAddr, within: Duration) -> std::io::Result<Connection> {
        self.run(|| TcpStream::connect_timeout(&to, within))
            .map(Connection::new)
    }

    /// Connects from an address of our own, which may have been in use just now.
    pub fn connect_from(&self, from: SocketAddr, to: SocketAddr) -> Connection {
        self.run(|| {
            let (domain, tcp) = (Domain::for_address(to), Some(Protocol::TCP));
            let socket = Socket::new(domain, Type::STREAM, tcp).expect("a TCP socket");
            socket.set_reuse_address(true).expect("SO_REUSEADDR");
            socket
                .bind(&from.into())
                .unwrap_or_else(|error| panic!("bind {from}: {error}"));
            socket
                .connect_timeout(&to.into(), PATIENCE)
                .unwrap_or_else(|error| panic!("connect {from} to {to}: {error}"));
            Connection::new(socket.into())
        })
    }
}

/// A listening socket of the kernel.
pub struct Listener {
    socket: TcpListener,
}

impl Listener {
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket")
    }

    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// The next connection; fails when none comes.
    pub fn accept(&self) -> Connection {
        let (stream, _) = self.socket.accept().expect("a connection to accept");
        Connection::new(stream)
    }

    /// Has the kernel take a connection for established only when its first data comes
    /// (TCP_DEFER_ACCEPT).
    pub fn defer_accept(&self, seconds: usize) {
        setsockopt(&self.socket, DeferAccept, &seconds).expect("TCP_DEFER_ACCEPT");
    }

    /// Fills the room that `backlog` made, from `host`. Further SYNs are dropped for as long as the
    /// connections are held.
    pub fn fill_from(&self, host: &Namespace, backlog: i32) -> Vec<Connection> {
        (0..=backlog)
            .map(|_| host.connect(self.address()))
            .collect()
    }
}

/// An end of a connection of the kernel.
pub struct Connection {
    stream: TcpStream,
}

impl Connection {
    fn new(stream: TcpStream) -> Connection {
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a time-out");
        Connection { stream }
    }

    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().expect("a local address")
    }

    pub fn remote(&self) -> SocketAddr {
        self.stream.peer_addr().expect("a remote address")
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(bytes)
            .expect("a peer that takes data");
    }

    /// Exactly `count` bytes.
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("data");
        bytes
    }

    /// All there is until the other end's FIN.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("data and a FIN");
        bytes
    }

    /// Sends a FIN and goes on reading.
    pub fn finish_writing(&self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("an open connection");
    }

    /// Sends a FIN, or a reset when data was left unread.
    pub fn close(self) {}

    /// Ends the connection with a reset.
    pub fn reset(self) {
        let no_linger = Some(Duration::ZERO);
        SockRef::from(&self.stream)
            .set_linger(no_linger)
            .expect("SO_LINGER");
    }
}
