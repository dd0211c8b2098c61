//! The far side: accepts whatever comes, reads to the end, closes.

use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use nix::libc::MSG_DONTWAIT;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, Socket, Type};

use crate::measure::raise_descriptor_limit;

pub const MODE: &str = "--server";
pub const READY: &str = "listening\n";
const BACKLOG: i32 = 65_535;

pub fn serve(ports: &[&str]) {
    raise_descriptor_limit();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
    // By descriptor, as the events are.
    let mut sockets: Vec<Option<Socket>> = Vec::new();
    let mut listeners = 0;
    for port in ports {
        let listener = listen(port.parse().expect("a port"));
        listeners = listener.as_raw_fd() as usize + 1;
        watch(&epoll, &mut sockets, listener);
    }
    print!("{READY}");
    let mut events = [EpollEvent::empty(); 512];
    loop {
        let ready = epoll.wait(&mut events, EpollTimeout::NONE);
        let ready = ready.expect("what is ready");
        for event in &events[..ready] {
            let index = event.data() as usize;
            if index < listeners {
                accept_all(&epoll, &mut sockets, index);
            } else if sockets[index].as_ref().is_some_and(has_ended) {
                sockets[index] = None;
            }
        }
    }
}

fn listen(port: u16) -> Socket {
    let kind = Type::STREAM.nonblocking();
    let listener = Socket::new(Domain::IPV4, kind, Some(Protocol::TCP)).expect("a socket");
    let all = std::net::SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    listener.bind(&all.into()).expect("a free port");
    listener.listen(BACKLOG).expect("a listener");
    listener
}

fn watch(epoll: &Epoll, sockets: &mut Vec<Option<Socket>>, socket: Socket) {
    let index = socket.as_raw_fd() as usize;
    let event = EpollEvent::new(EpollFlags::EPOLLIN, index as u64);
    epoll.add(&socket, event).expect("room in epoll");
    if sockets.len() <= index {
        sockets.resize_with(index + 1, || None);
    }
    sockets[index] = Some(socket);
}

fn accept_all(epoll: &Epoll, sockets: &mut Vec<Option<Socket>>, listener: usize) {
    // Not sockets[listener] all the time: the table may move.
    let listener = sockets[listener].take().expect("a listener");
    while let Ok((connection, _)) = listener.accept_raw() {
        // The FIN may be here already.
        if !has_ended(&connection) {
            watch(epoll, sockets, connection);
        }
    }
    let index = listener.as_raw_fd() as usize;
    sockets[index] = Some(listener);
}

fn has_ended(connection: &Socket) -> bool {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    loop {
        match connection.recv_with_flags(&mut buffer, MSG_DONTWAIT) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}
