//! The port guard: a listener that reserves our port and keeps the kernel silent about it.
//!
//! The kernel resets what it knows nothing of, so it would answer the SYN-ACK of a connection that
//! we drive by hand. It stays silent when a listening socket owns the port and drops the segment.

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use nix::libc;
use nix::sys::socket::setsockopt;
use socket2::{Domain, SockFilter, Socket, Type};

use super::options::{IpMinTtl, Ipv6MinHopCount, Md5Sig, TcpMd5SigExt};

/// How a guard drops what reaches its port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Way {
    /// A socket filter that passes nothing (`SO_ATTACH_FILTER`). Needs CAP_NET_ADMIN.
    Filter,
    /// A TCP-MD5 key for every peer, so that unsigned segments are dropped (`TCP_MD5SIG_EXT`).
    /// Needs a kernel with CONFIG_TCP_MD5SIG.
    Md5,
    /// A least TTL of 255 (`IP_MINTTL`, `IPV6_MINHOPCOUNT`). Does not hold against segments that
    /// arrive with TTL 255, as those of some neighbours do.
    Ttl,
}

impl Way {
    /// All of them, the strongest first.
    pub const ALL: [Way; 3] = [Way::Filter, Way::Md5, Way::Ttl];

    fn protect(self, socket: &Socket, ip: IpAddr) -> io::Result<()> {
        match self {
            Way::Filter => socket.attach_filter(&[DROP_ALL]),
            Way::Md5 => Ok(setsockopt(socket, TcpMd5SigExt, &secret_key(ip))?),
            Way::Ttl if ip.is_ipv4() => Ok(setsockopt(socket, IpMinTtl, &255)?),
            Way::Ttl => Ok(setsockopt(socket, Ipv6MinHopCount, &255)?),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Way::Filter => "filter",
            Way::Md5 => "md5",
            Way::Ttl => "ttl",
        })
    }
}

impl FromStr for Way {
    type Err = String;

    fn from_str(text: &str) -> Result<Way, String> {
        let named = Way::ALL.into_iter().find(|way| way.to_string() == text);
        named.ok_or_else(|| format!("{text:?} is none of filter, md5, ttl"))
    }
}

/// Why there is no guard.
#[derive(Debug)]
pub enum GuardError {
    /// Another socket of this host has the port (EADDRINUSE).
    PortInUse(SocketAddr),
    /// The address is not one of this host's (EADDRNOTAVAIL).
    AddressNotOurs(IpAddr),
    /// The port is reserved for the privileged (EACCES).
    PortNeedsPrivilege(u16),
    /// No way of dropping segments holds here: which were tried, and what the kernel said.
    NoWay(Vec<(Way, io::Error)>),
    /// Anything else.
    Other(io::Error),
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GuardError::PortInUse(local) if local.port() == 0 => {
                write!(f, "{} has no free port left", local.ip())
            }
            GuardError::PortInUse(local) => write!(f, "{local} is in use by another socket"),
            GuardError::AddressNotOurs(ip) => write!(f, "{ip} is not an address of this host"),
            GuardError::PortNeedsPrivilege(port) => {
                write!(
                    f,
                    "port {port} needs a privilege (net.ipv4.ip_unprivileged_port_start)"
                )
            }
            GuardError::NoWay(tried) => {
                f.write_str("the kernel cannot be kept from resetting our connection")?;
                for (way, error) in tried {
                    match (way, error.raw_os_error()) {
                        (Way::Filter, Some(libc::EPERM)) => {
                            f.write_str("; filter: needs CAP_NET_ADMIN")?;
                        }
                        _ => write!(f, "; {way}: {error}")?,
                    }
                }
                Ok(())
            }
            GuardError::Other(error) => write!(f, "cannot guard the source port: {error}"),
        }
    }
}

impl Error for GuardError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            GuardError::Other(error) => Some(error),
            _ => None,
        }
    }
}

/// A listener that owns a local port and drops everything sent to it. Close it only after the
/// connection is over; it goes with the process in any case.
#[derive(Debug)]
pub struct Guard {
    _listener: Socket,
    local: SocketAddr,
    way: Way,
}

impl Guard {
    /// Guards `local`, port 0 for one of the kernel's choice; a link-local IPv6 address needs its
    /// scope. `wanted` names the way, else the strongest that holds is taken.
    ///
    /// # Errors
    /// [`GuardError`]; nothing is left bound.
    pub fn open(local: SocketAddr, wanted: Option<Way>) -> Result<Guard, GuardError> {
        let socket = Socket::new(Domain::for_address(local), Type::STREAM, None)
            .map_err(GuardError::Other)?;
        let way = match &wanted {
            Some(way) => protect(&socket, local.ip(), std::slice::from_ref(way)),
            None => protect(&socket, local.ip(), &Way::ALL),
        }?;
        let local = listen(&socket, local).map_err(|error| refusal(local, error))?;
        Ok(Guard {
            _listener: socket,
            local,
            way,
        })
    }

    /// The guarded address and port.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The guarded port.
    pub fn port(&self) -> u16 {
        self.local.port()
    }

    /// How it is guarded.
    pub fn way(&self) -> Way {
        self.way
    }
}

/// Must come before [`listen`]: between the two the kernel would answer.
fn protect(socket: &Socket, ip: IpAddr, ways: &[Way]) -> Result<Way, GuardError> {
    let mut tried = Vec::new();
    for &way in ways {
        match way.protect(socket, ip) {
            Ok(()) => return Ok(way),
            Err(error) => tried.push((way, error)),
        }
    }
    Err(GuardError::NoWay(tried))
}

fn listen(socket: &Socket, local: SocketAddr) -> io::Result<SocketAddr> {
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&local.into())?;
    socket.listen(1)?;
    let bound = socket.local_addr()?.as_socket();
    Ok(bound.expect("the name of an IP socket is an IP address"))
}

fn refusal(local: SocketAddr, error: io::Error) -> GuardError {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => GuardError::PortInUse(local),
        Some(libc::EADDRNOTAVAIL) => GuardError::AddressNotOurs(local.ip()),
        Some(libc::EACCES) => GuardError::PortNeedsPrivilege(local.port()),
        _ => GuardError::Other(error),
    }
}

const DROP_ALL: SockFilter = SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, 0);

/// A key that no peer knows.
fn secret_key(ip: IpAddr) -> Md5Sig {
    let family = if ip.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    Md5Sig::for_everyone(
        family,
        RandomState::new().build_hasher().finish().to_ne_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
    use std::time::Duration;

    const LOOPBACKS: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];

    #[test]
    fn a_way_reads_as_it_is_written() {
        for way in Way::ALL {
            assert_eq!(way.to_string().parse(), Ok(way));
        }
        assert!("tls".parse::<Way>().is_err());
    }

    #[test]
    fn a_guarded_port_answers_nothing_without_any_privilege() {
        for ip in LOOPBACKS {
            for way in [Way::Md5, Way::Ttl] {
                let guard = Guard::open(SocketAddr::new(ip, 0), Some(way)).unwrap();
                assert_eq!(guard.way(), way);
                let knock = TcpStream::connect_timeout(&guard.local(), Duration::from_millis(20));
                assert_eq!(knock.unwrap_err().kind(), io::ErrorKind::TimedOut);
            }
        }
    }

    #[test]
    fn the_strongest_way_that_holds_is_taken() {
        let guard = Guard::open(SocketAddr::new(LOOPBACKS[0], 0), None).unwrap();
        assert_ne!(guard.port(), 0);
        assert_ne!(guard.way(), Way::Ttl);
    }

    #[test]
    fn a_guarded_port_is_reserved() {
        let guard = Guard::open(SocketAddr::new(LOOPBACKS[0], 0), None).unwrap();
        let second = Guard::open(guard.local(), None);
        assert!(matches!(second, Err(GuardError::PortInUse(local)) if local == guard.local()));
    }

    #[test]
    fn an_address_of_another_host_is_refused() {
        let elsewhere = IpAddr::from([192, 0, 2, 1]);
        let guard = Guard::open(SocketAddr::new(elsewhere, 0), None);
        assert!(matches!(guard, Err(GuardError::AddressNotOurs(ip)) if ip == elsewhere));
    }
}
