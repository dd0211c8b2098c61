//! Sending whole IP packets through the kernel's routing, neighbours and OUTPUT chain.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike, sendmsg};
use socket2::{Domain, Protocol, Socket, Type};

use crate::link::SendError;

/// How often, and for how many milliseconds each time, a full send buffer is waited for.
const FULL_RETRIES: u32 = 3;
const FULL_WAIT: u8 = 10;

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

    /// Sends one whole IP packet. `scope` is the interface index of a link-local IPv6 source or
    /// destination ([`Route::scope`](super::route::Route::scope)), else 0.
    ///
    /// The packet's own source address takes part in the choice of the route, as it does for the
    /// kernel's sockets. The kernel fills in the IPv4 header checksum and, without DF, a zero IPv4
    /// identification.
    ///
    /// # Errors
    /// [`SendError`]: nothing left this host.
    pub fn send(&self, packet: &[u8], to: IpAddr, scope: u32) -> Result<(), SendError> {
        match to {
            IpAddr::V4(to) => self.send_v4(packet, to),
            IpAddr::V6(to) => self.send_v6(packet, to, scope),
        }
    }

    fn send_v4(&self, packet: &[u8], to: Ipv4Addr) -> Result<(), SendError> {
        let source: [u8; 4] = slice_at(packet, 12)?;
        let info = libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr {
                s_addr: u32::from_ne_bytes(source),
            },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let to = SockaddrIn::from(SocketAddrV4::new(to, 0));
        send(
            &self.v4,
            packet,
            &ControlMessage::Ipv4PacketInfo(&info),
            &to,
        )
    }

    fn send_v6(&self, packet: &[u8], to: Ipv6Addr, scope: u32) -> Result<(), SendError> {
        let Some(socket) = &self.v6 else {
            return Err(SendError::NoRoute(Errno::EAFNOSUPPORT.into()));
        };
        let source: [u8; 16] = slice_at(packet, 8)?;
        let info = libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr { s6_addr: source },
            ipi6_ifindex: scope,
        };
        let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, scope));
        send(socket, packet, &ControlMessage::Ipv6PacketInfo(&info), &to)
    }
}

fn raw_socket(domain: Domain, interface: Option<&str>) -> io::Result<Socket> {
    let protocol = Some(Protocol::from(libc::IPPROTO_RAW));
    let socket = Socket::new(domain, Type::RAW.nonblocking(), protocol)?;
    if let Some(name) = interface {
        socket.bind_device(Some(name.as_bytes()))?;
    }
    Ok(socket)
}

fn slice_at<const N: usize>(packet: &[u8], at: usize) -> Result<[u8; N], SendError> {
    let rest = packet.get(at..).and_then(|rest| rest.first_chunk());
    rest.copied()
        .ok_or_else(|| SendError::Other(Errno::EINVAL.into()))
}

fn send<A: SockaddrLike>(
    socket: &Socket,
    packet: &[u8],
    source: &ControlMessage<'_>,
    to: &A,
) -> Result<(), SendError> {
    let parts = [IoSlice::new(packet)];
    let control = std::slice::from_ref(source);
    let mut retries = 0;
    loop {
        match sendmsg(
            socket.as_raw_fd(),
            &parts,
            control,
            MsgFlags::empty(),
            Some(to),
        ) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN | Errno::ENOBUFS) if retries < FULL_RETRIES => {
                retries += 1;
                let mut writable = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
                // Whether it became writable shows on the next try.
                let _ = poll(&mut writable, PollTimeout::from(FULL_WAIT));
            }
            Err(errno) => return Err(refusal(errno)),
        }
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
        | Errno::EACCES => SendError::NoRoute(errno.into()),
        _ => SendError::Other(errno.into()),
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
    }

    #[test]
    fn a_packet_without_a_whole_header_is_refused() {
        assert!(slice_at::<4>(&[0; 15], 12).is_err());
        assert_eq!(slice_at::<4>(&[7; 16], 12).unwrap(), [7; 4]);
    }
}
