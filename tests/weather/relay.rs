//! The router's work done by hand: every segment late by chance, overtaken, some of them doubled.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{RcvBuf, SetBool};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send,
    setsockopt, socket,
};

use super::random::Random;
use crate::lab::{Namespace, Segment};
use crate::stage::{Family, Stage};

nix::setsockopt_impl!(
    VnetHeader,
    libc::SOL_PACKET,
    libc::PACKET_VNET_HDR,
    bool,
    SetBool
);

#[derive(Clone)]
struct VnetHeader;

/// Before each frame: which checksum is left to the hardware, which there is none of. It goes out
/// as it came in.
const VNET_HEADER: usize = 10;
const ETHERNET_HEADER: usize = 14;

/// What happens to each segment.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// It comes up to so much later.
    pub delay: Duration,
    /// Of each hundred so many come twice.
    pub doubles: u64,
    pub seed: u64,
}

/// Relays until it is dropped.
pub struct Relay {
    stop: Arc<AtomicBool>,
    at_work: Option<JoinHandle<()>>,
}

impl Relay {
    /// Takes over from the kernel of the router.
    pub fn start(stage: &Stage, weather: Weather) -> Relay {
        stage.router.sysctl("net/ipv4/ip_forward", "0");
        stage.router.sysctl("net/ipv6/conf/all/forwarding", "0");
        let near = Port::open(stage, "near", &stage.client, "cli0", Family::client);
        let far = Port::open(stage, "far", &stage.peer, "srv0", Family::peer);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut path = Path {
            ports: [near, far],
            random: Random::new(weather.seed),
            weather,
            under_way: BinaryHeap::new(),
            count: 0,
        };
        let at_work = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                path.step();
            }
        });
        Relay {
            stop,
            at_work: Some(at_work),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.at_work.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the relay has failed");
        }
    }
}

/// An interface of the router and the host behind it.
struct Port {
    socket: OwnedFd,
    /// Destination and source of a frame to the host.
    to_host: [u8; 12],
    host: [IpAddr; 2],
}

impl Port {
    fn open(
        stage: &Stage,
        interface: &str,
        host: &Namespace,
        its_interface: &str,
        address: fn(Family) -> IpAddr,
    ) -> Port {
        let mac = |link: &LinkAddr| link.addr().expect("a hardware address");
        let (socket, ours) = stage.router.run(|| {
            let socket = socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
                SockProtocol::EthAll,
            )
            .expect("a packet socket");
            let link = link_address(interface);
            bind(socket.as_raw_fd(), &link).expect("an interface to bind to");
            setsockopt(&socket, VnetHeader, &true).expect("PACKET_VNET_HDR");
            setsockopt(&socket, RcvBuf, &(4 << 20)).expect("SO_RCVBUF");
            (socket, mac(&link))
        });
        let theirs = host.run(|| mac(&link_address(its_interface)));
        let mut to_host = [0; 12];
        to_host[..6].copy_from_slice(&theirs);
        to_host[6..].copy_from_slice(&ours);
        Port {
            socket,
            to_host,
            host: Family::BOTH.map(address),
        }
    }
}

fn link_address(interface: &str) -> LinkAddr {
    let mut addresses = getifaddrs().expect("the interfaces");
    addresses
        .find_map(|entry| {
            let address = entry.address.filter(|_| entry.interface_name == interface);
            address.and_then(|address| address.as_link_addr().copied())
        })
        .unwrap_or_else(|| panic!("no interface {interface}"))
}

/// Where it goes out, and the frame.
type Flight = (Instant, u64, usize, Vec<u8>);

struct Path {
    ports: [Port; 2],
    weather: Weather,
    random: Random,
    under_way: BinaryHeap<Reverse<Flight>>,
    count: u64,
}

impl Path {
    fn step(&mut self) {
        let next = self.under_way.peek().map(|Reverse((due, ..))| *due);
        let rest = Duration::from_millis(20);
        let wait = next.map_or(rest, |due| due.saturating_duration_since(Instant::now()));
        let wait = PollTimeout::try_from(wait.min(rest)).expect("a short wait");
        let mut readable = self
            .ports
            .each_ref()
            .map(|port| PollFd::new(port.socket.as_fd(), PollFlags::POLLIN));
        match poll(&mut readable, wait) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
        for from in 0..2 {
            while let Some(frame) = self.receive(from) {
                self.delay(1 - from, frame);
            }
        }
        self.send_what_is_due();
    }

    /// The next segment from there to the host behind the other interface.
    fn receive(&self, from: usize) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 70_000];
        loop {
            let fd = self.ports[from].socket.as_raw_fd();
            let count = match recv(fd, &mut buffer, MsgFlags::empty()) {
                Ok(count) => count,
                Err(Errno::EAGAIN | Errno::EINTR) => return None,
                Err(error) => panic!("recv: {error}"),
            };
            let frame = &buffer[VNET_HEADER..count];
            let is_ip = [[0x08, 0x00], [0x86, 0xdd]].contains(&[frame[12], frame[13]]);
            let segment = is_ip
                .then(|| Segment::parse(&frame[ETHERNET_HEADER..]))
                .flatten();
            let to = self.ports[1 - from].host;
            if segment.is_some_and(|segment| to.contains(&segment.destination.ip())) {
                buffer.truncate(count);
                return Some(buffer);
            }
        }
    }

    fn delay(&mut self, to: usize, mut frame: Vec<u8>) {
        frame[VNET_HEADER..][..12].copy_from_slice(&self.ports[to].to_host);
        let copies = 1 + usize::from(self.random.percent(self.weather.doubles));
        for _ in 0..copies {
            let delay = self.random.below(self.weather.delay.as_micros() as u64 + 1);
            let due = Instant::now() + Duration::from_micros(delay);
            self.count += 1;
            self.under_way
                .push(Reverse((due, self.count, to, frame.clone())));
        }
    }

    fn send_what_is_due(&mut self) {
        let now = Instant::now();
        while self
            .under_way
            .peek()
            .is_some_and(|Reverse((due, ..))| *due <= now)
        {
            if let Some(Reverse((.., to, frame))) = self.under_way.pop() {
                let fd = self.ports[to].socket.as_raw_fd();
                send(fd, &frame, MsgFlags::empty()).expect("room on the cable");
            }
        }
    }
}
