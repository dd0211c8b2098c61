//! Sending whole IP packets through the kernel's routing, neighbours and OUTPUT chain.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg, setsockopt, sockopt,
};
use nix::{cmsg_space, libc};
use socket2::{Domain, Protocol, Socket, Type};

use crate::link::{Outgoing, SendError};

/// So many packets leave with one call at most.
const RUN: usize = 64;

/// Bytes of packets that wait for a neighbour's address, or for the interface, before the kernel
/// takes no more: those of a thousand neighbours that never answer still let others pass.
const QUEUE: usize = 4 << 20;

/// Raw sockets with the IP header included (`IPPROTO_RAW`), one a family.
///
/// Opening needs CAP_NET_RAW, sending nothing. They receive nothing either.
#[derive(Debug)]
pub struct Injector {
    v4: Socket,
    /// `None` where the kernel has no IPv6.
    v6: Option<Socket>,
}

impl Injector {
    /// Opens both sockets, on `interface` only if one is given (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW, ENODEV for an unknown interface, or what else the kernel says.
    pub fn open(interface: Option<&str>) -> io::Result<Injector> {
        let v4 = raw_socket(Domain::IPV4, interface)?;
        let v6 = match raw_socket(Domain::IPV6, interface) {
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => None,
            other => Some(other?),
        };
        Ok(Injector { v4, v6 })
    }

    /// Sends `packets` in their order, up to the first that is refused. How many left, and why the
    /// next did not. Never waits.
    ///
    /// A packet's own source address takes part in the choice of the route, as it does for the
    /// kernel's sockets. The kernel fills in the IPv4 header checksum and, without DF, a zero IPv4
    /// identification.
    pub fn send_all(&self, packets: &[Outgoing]) -> (usize, Option<SendError>) {
        let mut sent = 0;
        while sent < packets.len() {
            match self.send_run(&packets[sent..]) {
                Ok(count) => sent += count,
                Err(error) => return (sent, Some(error)),
            }
        }
        (sent, None)
    }

    /// Sends the first of `packets` and those that can go in the same call: how many did. The
    /// kernel stops at one that it refuses, and says why when that is the first.
    fn send_run(&self, packets: &[Outgoing]) -> Result<usize, SendError> {
        let origin = Origin::of(&packets[0]).ok_or_else(|| refusal(Errno::EINVAL))?;
        let alike = |packet: &&Outgoing| Origin::of(packet) == Some(origin);
        let run = packets.iter().take(RUN).take_while(alike).count();
        let run = &packets[..run];
        match origin.source {
            IpAddr::V4(source) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(source.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                send(&self.v4, run, ControlMessage::Ipv4PacketInfo(&info)).map_err(refusal)
            }
            IpAddr::V6(source) => {
                let socket = self.v6.as_ref();
                let socket = socket.ok_or_else(|| refusal(Errno::EAFNOSUPPORT))?;
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr {
                        s6_addr: source.octets(),
                    },
                    ipi6_ifindex: origin.scope,
                };
                send(socket, run, ControlMessage::Ipv6PacketInfo(&info)).map_err(refusal_v6)
            }
        }
    }
}

/// What packets must have in common to leave with one call: they share its control message.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Origin {
    source: IpAddr,
    scope: u32,
}

impl Origin {
    /// `None`: the packet has no whole header.
    fn of(packet: &Outgoing) -> Option<Origin> {
        let source = match packet.to {
            IpAddr::V4(_) => IpAddr::from(*packet.packet.get(12..)?.first_chunk::<4>()?),
            IpAddr::V6(_) => IpAddr::from(*packet.packet.get(8..)?.first_chunk::<16>()?),
        };
        let scope = packet.scope;
        Some(Origin { source, scope })
    }
}

fn raw_socket(domain: Domain, interface: Option<&str>) -> io::Result<Socket> {
    let protocol = Some(Protocol::from(libc::IPPROTO_RAW));
    let socket = Socket::new(domain, Type::RAW.nonblocking(), protocol)?;
    if let Some(name) = interface {
        socket.bind_device(Some(name.as_bytes()))?;
    }
    // Without it the kernel says that a packet left which a full queue dropped (ENOBUFS).
    if domain == Domain::IPV4 {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
    }
    // Beyond net.core.wmem_max with CAP_NET_ADMIN, else up to it.
    setsockopt(&socket, sockopt::SndBufForce, &QUEUE)
        .map_err(io::Error::from)
        .or_else(|_| socket.set_send_buffer_size(QUEUE))?;
    Ok(socket)
}

/// How many of `run` left; the error is that of the first.
fn send(socket: &Socket, run: &[Outgoing], source: ControlMessage<'_>) -> nix::Result<usize> {
    let parts = run.iter().map(|packet| [IoSlice::new(&packet.packet)]);
    let parts: Vec<_> = parts.collect();
    let addresses: Vec<_> = run.iter().map(|packet| Some(address_of(packet))).collect();
    // Room for either family's.
    let control = Some(cmsg_space!(libc::in6_pktinfo));
    loop {
        let mut headers = MultiHeaders::preallocate(run.len(), control.clone());
        let sent = sendmmsg(
            socket.as_raw_fd(),
            &mut headers,
            &parts,
            &addresses,
            [source],
            MsgFlags::empty(),
        );
        match sent {
            Err(Errno::EINTR) => {}
            other => return other.map(Iterator::count),
        }
    }
}

fn address_of(packet: &Outgoing) -> SockaddrStorage {
    match packet.to {
        IpAddr::V4(_) => SocketAddr::new(packet.to, 0).into(),
        IpAddr::V6(to) => SocketAddrV6::new(to, 0, 0, packet.scope).into(),
    }
}

fn refusal(errno: Errno) -> SendError {
    match errno {
        Errno::EPERM => SendError::Firewall,
        Errno::EAGAIN | Errno::ENOBUFS => SendError::Busy(errno.into()),
        // EACCES is what a route of type `prohibit` gives.
        Errno::ENETUNREACH
        | Errno::EHOSTUNREACH
        | Errno::ENETDOWN
        | Errno::EHOSTDOWN
        | Errno::ENODEV
        | Errno::ENXIO
        | Errno::EADDRNOTAVAIL
        | Errno::EAFNOSUPPORT
        | Errno::EACCES => SendError::NoRoute(errno.into()),
        _ => SendError::Other(errno.into()),
    }
}

/// Where IPv4 says ENOBUFS for a table of neighbours that is full, IPv6 says EINVAL.
fn refusal_v6(errno: Errno) -> SendError {
    match errno {
        Errno::EINVAL => SendError::Busy(errno.into()),
        _ => refusal(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_filter_a_missing_route_and_a_full_queue_are_told_apart() {
        assert!(matches!(refusal(Errno::EPERM), SendError::Firewall));
        assert!(matches!(refusal(Errno::ENETUNREACH), SendError::NoRoute(_)));
        assert!(matches!(refusal(Errno::ENOBUFS), SendError::Busy(_)));
        assert!(matches!(refusal(Errno::EMSGSIZE), SendError::Other(_)));
        assert!(matches!(refusal(Errno::EINVAL), SendError::Other(_)));
        assert!(matches!(refusal_v6(Errno::EINVAL), SendError::Busy(_)));
        assert!(matches!(refusal_v6(Errno::EPERM), SendError::Firewall));
    }

    #[test]
    fn a_packet_without_a_whole_header_has_no_origin() {
        let outgoing = |length: u8, to: &str| Outgoing {
            packet: (0..length).collect(),
            to: to.parse().unwrap(),
            scope: 3,
        };
        assert!(Origin::of(&outgoing(15, "192.0.2.1")).is_none());
        assert!(Origin::of(&outgoing(23, "2001:db8::1")).is_none());
        let v4 = Origin::of(&outgoing(16, "192.0.2.1")).unwrap();
        assert_eq!((v4.source, v4.scope), ([12, 13, 14, 15].into(), 3));
        let v6 = Origin::of(&outgoing(24, "2001:db8::1")).unwrap();
        let source: IpAddr = "809:a0b:c0d:e0f:1011:1213:1415:1617".parse().unwrap();
        assert_eq!((v6.source, v6.scope), (source, 3));
    }
}
