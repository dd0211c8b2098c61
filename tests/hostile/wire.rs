//! A hostile peer at the other end of a cable: it owns an address that the kernel there does not
//! have, and answers by hand through a packet socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
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
use crate::lab::{Finished, Namespace, PATIENCE, Pair, Running, send_frame, tcpshake};

const HOSTILE: [&str; 2] = ["10.0.0.66", "fd00::66"];
const ETHERNET_HEADER: usize = 14;
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
        let thread = thread::spawn(move || react(&socket, &header, &peer, reactor));
        Player { thread, protocol }
    }

    /// Plays a case, `tcpshake` against it, to its end.
    pub fn run(&self, case: &Case, port: u16, ipv6: bool) -> (Result, Value) {
        let (finished, heard) = self.run_with(case, port, ipv6, |_| ());
        let line = finished.json().pop().expect("a line");
        let report = summary(&line, finished.code());
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
        meanwhile: impl FnOnce(&Running),
    ) -> (Finished, String) {
        let address: IpAddr = HOSTILE[usize::from(ipv6)].parse().expect("an address");
        let at = SocketAddr::new(address, port);
        let player = self.play(case.script(), at);
        let arguments = case.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let probe = tcpshake(&self.pair.client, &["--json", &at.to_string()]).args(&arguments);
        let running = probe.spawn();
        meanwhile(&running);
        let finished = running.finish();
        (finished, player.stop(&self.pair.client, self.peer))
    }
}

impl Player {
    /// Ends the play when all that was sent before has arrived, and gives what was heard.
    fn stop(self, client: &Namespace, peer: LinkAddr) -> String {
        let marker = [&ethernet(mac(&peer), [0; 6], self.protocol)[..], &MARKER].concat();
        client.run(|| send_frame("cli0", &marker));
        self.thread.join().expect("the peer's thread").heard()
    }
}

fn react(socket: &Socket, header: &[u8], via: &LinkAddr, mut reactor: Reactor) -> Reactor {
    let begun = Instant::now();
    let now = || Time(begun.elapsed().as_nanos() as u64);
    let mut buffer = vec![0; 70_000];
    loop {
        for packet in reactor.speak(now()) {
            let frame = [header, &packet].concat();
            sendto(socket.as_raw_fd(), &frame, via, MsgFlags::empty()).expect("sending a frame");
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
    }
}

fn is_readable(socket: &Socket, wait: Duration) -> bool {
    // Rounded up: a wait of nothing would be a busy one.
    let millis = u16::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    poll(&mut polled, PollTimeout::from(millis)).expect("poll") > 0
}

fn read(mut socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut socket, buffer)
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
