//! Whoever connects is read to the end and let go.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use crate::lab::Namespace;

/// Of all connections that nobody has accepted yet there is room for so many.
const BACKLOG: i32 = 65_535;
/// No file descriptor.
const LISTENER: u64 = u64::MAX;

/// Serves this port of every address of `host`, for as long as the test runs.
pub fn serve(host: &Namespace, port: u16) {
    raise_descriptor_limit();
    let listener = host.run(|| listen(port));
    host.start(move || Server::new(listener).run());
}

fn raise_descriptor_limit() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("up to the hard limit");
}

fn listen(port: u16) -> TcpListener {
    let kind = Type::STREAM.nonblocking();
    let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::TCP)).expect("a socket");
    let all = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    socket.bind(&all.into()).expect("a free port");
    socket.listen(BACKLOG).expect("a listener");
    socket.into()
}

struct Server {
    listener: TcpListener,
    epoll: Epoll,
    connections: HashMap<u64, TcpStream>,
}

impl Server {
    fn new(listener: TcpListener) -> Server {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
        let event = EpollEvent::new(EpollFlags::EPOLLIN, LISTENER);
        epoll.add(&listener, event).expect("room in epoll");
        Server {
            listener,
            epoll,
            connections: HashMap::new(),
        }
    }

    fn run(mut self) {
        let mut events = [EpollEvent::empty(); 512];
        loop {
            let ready = self.epoll.wait(&mut events, EpollTimeout::NONE);
            let ready = ready.expect("what is ready");
            for event in &events[..ready] {
                match event.data() {
                    LISTENER => self.accept_all(),
                    key => self.look_at(key),
                }
            }
        }
    }

    fn accept_all(&mut self) {
        while let Ok((mut connection, _)) = self.listener.accept() {
            connection.set_nonblocking(true).expect("a socket");
            // The FIN may be here already.
            if has_ended(&mut connection) {
                continue;
            }
            let key = connection.as_raw_fd() as u64;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, key);
            self.epoll.add(&connection, event).expect("room in epoll");
            self.connections.insert(key, connection);
        }
    }

    fn look_at(&mut self, key: u64) {
        if self.connections.get_mut(&key).is_some_and(has_ended) {
            self.connections.remove(&key);
        }
    }
}

fn has_ended(connection: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}
