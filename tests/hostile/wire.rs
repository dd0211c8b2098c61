//! A hostile peer at the other end of a cable: it owns an address that the kernel there does not
//! have, and answers by hand through a packet socket.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{LinkAddr, MsgFlags, sendto};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use tcpshake::clock::Time;

use super::script::{Reactor, Script};
use super::{Case, Result, summary};
use crate::lab::{Finished, Namespace, PATIENCE, Pair, Running, send_frame, tcpshake, wait_until};

const HOSTILE: [&str; 2] = ["10.0.0.66", "fd00::66"];
const ETHERNET_HEADER: usize = 14;
/// So many frames at once, with so many bytes waiting at most, find room in the smallest queue.
const BURST: usize = 50;
const ROOM: usize = 64 << 10;
/// No IP packet begins like this: the end of the play.
const MARKER: [u8; 20] = [0xff; 20];

/// Two hosts on a cable, one of them hostile.
pub struct Stage {
    pub pair: Pair,
    client: LinkAddr,
    peer: LinkAddr,
}

/// A hostile peer that is being played.
pub struct Player {
    thread: thread::JoinHandle<Reactor>,
    heard: Arc<AtomicUsize>,
    protocol: u16,
}

impl Stage {
    pub fn new() -> Stage {
        let pair = Pair::new();
        let client = link_address(&pair.client, "cli0");
        let peer = link_address(&pair.peer, "srv0");
        let mac = mac(&peer).map(|byte| format!("{byte:02x}")).join(":");
        for address in HOSTILE {
            let neighbour = format!("neigh add {address} lladdr {mac} dev cli0 nud permanent");
            pair.client.ip(&neighbour);
        }
        Stage { pair, client, peer }
    }

    /// Has the peer play `script` at this port.
    pub fn play(&self, script: Script, at: SocketAddr) -> Player {
        let protocol = if at.is_ipv6() {
            libc::ETH_P_IPV6
        } else {
            libc::ETH_P_IP
        } as u16;
        // Of one protocol: what this host sends is not seen.
        let number = Protocol::from(i32::from(protocol.to_be()));
        let socket = self
            .pair
            .peer
            .run(|| Socket::new(Domain::PACKET, Type::RAW, Some(number)).expect("a packet socket"));
        let (client, peer) = (self.client, self.peer);
        let header = ethernet(mac(&client), mac(&peer), protocol);
        let reactor = Reactor::new(script, at);
        let heard = Arc::new(AtomicUsize::new(0));
        let counter = heard.clone();
        let queues = self.pair.client.run(Queues::open);
        let thread = thread::spawn(move || {
            let send = |packet: &[u8]| {
                let frame = [&header, packet].concat();
                sendto(socket.as_raw_fd(), &frame, &peer, MsgFlags::empty()).expect("a cable");
            };
            react(&socket, send, &queues, reactor, &counter)
        });
        Player {
            thread,
            heard,
            protocol,
        }
    }

    /// Plays a case, `tcpshake` against it, to its end.
    pub fn run(&self, case: &Case, port: u16, ipv6: bool) -> (Result, Value) {
        let (finished, heard) = self.run_with(case, port, ipv6, |_, _| ());
        let line = finished.json().pop().expect("a line");
        let report = summary(case, &line, finished.code());
        (
            Result {
                ours: heard,
                report,
            },
            line,
        )
    }

    pub fn run_with(
        &self,
        case: &Case,
        port: u16,
        ipv6: bool,
        meanwhile: impl FnOnce(&Running, &Player),
    ) -> (Finished, String) {
        let address: IpAddr = HOSTILE[usize::from(ipv6)].parse().expect("an address");
        let at = SocketAddr::new(address, port);
        let player = self.play(case.script(), at);
        let arguments = case.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let probe = tcpshake(&self.pair.client, &["--json", &at.to_string()]).args(&arguments);
        let running = probe.spawn();
        meanwhile(&running, &player);
        let finished = running.finish();
        (finished, player.stop(&self.pair.client, self.peer))
    }
}

impl Player {
    /// Returns when the peer has heard so many segments of ours.
    pub fn wait_for(&self, segments: usize) {
        wait_until("the peer has heard enough of us", || {
            (self.heard.load(Ordering::Relaxed) >= segments).then_some(())
        });
    }

    /// Ends the play when all that was sent before has arrived, and gives what was heard.
    fn stop(self, client: &Namespace, peer: LinkAddr) -> String {
        let marker = [&ethernet(mac(&peer), [0; 6], self.protocol)[..], &MARKER].concat();
        client.run(|| send_frame("cli0", &marker));
        self.thread.join().expect("the peer's thread").heard()
    }
}

fn react(
    socket: &Socket,
    send: impl Fn(&[u8]),
    queues: &Queues,
    mut reactor: Reactor,
    heard: &AtomicUsize,
) -> Reactor {
    let begun = Instant::now();
    let now = || Time(begun.elapsed().as_nanos() as u64);
    let mut buffer = vec![0; 70_000];
    loop {
        for burst in reactor.speak(now()).chunks(BURST) {
            queues.wait_for_room();
            burst.iter().for_each(|packet| send(packet));
        }
        let wait = reactor.next_due().map_or(3 * PATIENCE, |at| at - now());
        if !is_readable(socket, wait) {
            assert!(reactor.next_due().is_some(), "nobody ended the play");
            continue;
        }
        let count = read(socket, &mut buffer).expect("a frame");
        let packet = &buffer[ETHERNET_HEADER..count];
        if packet.starts_with(&MARKER) {
            return reactor;
        }
        reactor.hear(now(), packet);
        heard.store(reactor.heard_segments(), Ordering::Relaxed);
    }
}

/// The packet sockets of a host. What tcpshake has no room for it reports as lost, rightly, but no
/// test can be of what is lost.
struct Queues(File);

impl Queues {
    /// Of the namespace that the calling thread is in.
    fn open() -> Queues {
        Queues(File::open("/proc/thread-self/net/packet").expect("the packet sockets"))
    }

    fn wait_for_room(&self) {
        wait_until("tcpshake has read what it was sent", || {
            let mut table = String::new();
            let mut file = &self.0;
            file.rewind().expect("a file of the kernel");
            file.read_to_string(&mut table).expect("a table");
            let sockets = table.lines().skip(1);
            let mut queued = sockets.map(|line| line.split_whitespace().nth(6).expect("Rmem"));
            queued
                .all(|bytes| bytes.parse::<usize>().expect("a number") < ROOM)
                .then_some(())
        });
    }
}

fn is_readable(socket: &Socket, wait: Duration) -> bool {
    // Rounded up: a wait of nothing would be a busy one.
    let millis = u16::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    poll(&mut polled, PollTimeout::from(millis)).expect("poll") > 0
}

fn read(mut socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    socket.read(buffer)
}

fn link_address(host: &Namespace, interface: &str) -> LinkAddr {
    let addresses = host.run(|| getifaddrs().expect("the interfaces").collect::<Vec<_>>());
    let mut of_it = addresses
        .into_iter()
        .filter(|it| it.interface_name == interface);
    of_it
        .find_map(|entry| entry.address?.as_link_addr().copied())
        .expect("its link-layer address")
}

fn mac(address: &LinkAddr) -> [u8; 6] {
    address.addr().expect("an Ethernet address")
}

fn ethernet(to: [u8; 6], from: [u8; 6], protocol: u16) -> Vec<u8> {
    [&to[..], &from, &protocol.to_be_bytes()].concat()
}
