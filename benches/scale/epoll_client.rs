//! The peer to beat: `connect()` and `close()` through the kernel, as fast as it goes, and no word
//! about any target. What connected is closed at once, so that the FIN goes out.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::{env, fs};

use nix::libc::EINPROGRESS;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, Socket, Type};

use crate::measure::raise_descriptor_limit;
use crate::task::{Judged, Task, Verdict};

pub const MODE: &str = "--connect";
/// What tcpshake has in flight unless told otherwise.
const PARALLEL: usize = 1_000;

pub fn command(task: &Task) -> Vec<String> {
    let this = env::current_exe().expect("the path of this program");
    vec![
        this.to_str().expect("a path in UTF-8").to_owned(),
        MODE.to_owned(),
        u32::from(task.first).to_string(),
        task.hosts.to_string(),
        task.first_port.to_string(),
        task.last_port.to_string(),
    ]
}

/// It only counts: a target is wrong when a count is.
pub fn judge(task: &Task, out: &Path) -> Judged {
    let text = fs::read_to_string(out).expect("what it printed");
    let counts: Vec<usize> = text
        .split_whitespace()
        .map(|count| count.parse().expect("a count"))
        .collect();
    let [open, closed, failed] = counts[..] else {
        panic!("three counts: {text}");
    };
    let wrong = task.truly(Verdict::Open).abs_diff(open);
    let wrong = wrong.max(task.truly(Verdict::Closed).abs_diff(closed));
    Judged {
        found: open,
        wrong: wrong.max(failed),
        note: None,
    }
}

pub fn run(range: &[&str]) {
    let numbers: Vec<u32> = range
        .iter()
        .map(|it| it.parse().expect("a number"))
        .collect();
    let [first, hosts, first_port, last_port] = numbers[..] else {
        panic!("four numbers: {range:?}");
    };
    raise_descriptor_limit();
    let ports = first_port as u16..=last_port as u16;
    let targets = (first..first + hosts).flat_map(|host| {
        let address = Ipv4Addr::from(host);
        ports.clone().map(move |port| (address, port).into())
    });
    let Counts {
        open,
        closed,
        failed,
    } = Client::new().connect_to_all(targets);
    println!("{open} {closed} {failed}");
}

#[derive(Default)]
struct Counts {
    open: usize,
    closed: usize,
    failed: usize,
}

/// What is in flight, in places numbered as the events are.
struct Client {
    epoll: Epoll,
    places: Vec<Option<Socket>>,
    free: Vec<usize>,
}

impl Client {
    fn new() -> Client {
        Client {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll"),
            places: (0..PARALLEL).map(|_| None).collect(),
            free: (0..PARALLEL).rev().collect(),
        }
    }

    fn connect_to_all(mut self, mut targets: impl Iterator<Item = SocketAddr>) -> Counts {
        let mut counts = Counts::default();
        let mut events = [EpollEvent::empty(); 256];
        loop {
            while let Some(place) = self.free.pop() {
                let Some(target) = targets.next() else {
                    self.free.push(place);
                    break;
                };
                self.start(place, target);
            }
            if self.free.len() == PARALLEL {
                return counts;
            }
            let ready = self.epoll.wait(&mut events, EpollTimeout::NONE);
            let ready = ready.expect("what is ready");
            for event in &events[..ready] {
                self.end(event, &mut counts);
            }
        }
    }

    /// The kernel's choice of a source port does for every target: only the four numbers together
    /// must be new.
    fn start(&mut self, place: usize, target: SocketAddr) {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new_raw(Domain::IPV4, kind, Some(Protocol::TCP)).expect("a socket");
        match socket.connect(&target.into()) {
            Err(error) if error.raw_os_error() == Some(EINPROGRESS) => {}
            other => panic!("connecting to {target}: {other:?}"),
        }
        let event = EpollEvent::new(EpollFlags::EPOLLOUT, place as u64);
        self.epoll.add(&socket, event).expect("room in epoll");
        self.places[place] = Some(socket);
    }

    /// Closing takes the socket out of epoll too.
    fn end(&mut self, event: &EpollEvent, counts: &mut Counts) {
        let place = event.data() as usize;
        let socket = self.places[place].take().expect("a socket in its place");
        self.free.push(place);
        let failed = EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
        if !event.events().intersects(failed) {
            counts.open += 1;
            return;
        }
        let error = socket.take_error().expect("why it failed");
        match error.map(|error| error.kind()) {
            Some(std::io::ErrorKind::ConnectionRefused) => counts.closed += 1,
            _ => counts.failed += 1,
        }
    }
}
