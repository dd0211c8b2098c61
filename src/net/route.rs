//! Which source address, and what MTU, the kernel itself would use.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use nix::libc;
use nix::net::if_::{if_indextoname, if_nametoindex};
use nix::sys::socket::getsockopt;
use socket2::{Domain, Socket, Type};

use super::options::{IpMtu, Ipv6Mtu};

/// What the kernel's routing says about a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The address to send from.
    pub source: IpAddr,
    /// The interface index that a link-local IPv6 source or destination needs, else 0.
    pub scope: u32,
    /// The largest IP packet that fits, in bytes (`IP_MTU`, `IPV6_MTU`), a learnt path MTU included.
    pub mtu: u32,
}

impl Route {
    /// The source as an address to bind to, with `port` (0: any).
    pub fn local(&self, port: u16) -> SocketAddr {
        scoped(self.source, port, self.scope)
    }
}

/// Why there is no route.
#[derive(Debug)]
pub enum RouteError {
    /// The kernel does not know where to send it.
    NoRoute {
        /// Where to.
        to: IpAddr,
        /// What the kernel says.
        error: io::Error,
    },
    /// The source is not an address of this host (or not of that interface).
    SourceNotOurs(IpAddr),
    /// No interface has this name.
    UnknownInterface(String),
    /// One of the two addresses is IPv4, the other IPv6.
    FamilyMismatch {
        /// The source asked for.
        source: IpAddr,
        /// Where to.
        to: IpAddr,
    },
    /// A link-local IPv6 address says nothing without an interface.
    ScopeNeeded(Ipv6Addr),
    /// Every host of a network, not one.
    Broadcast(IpAddr),
    /// Anything else.
    Other(io::Error),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::NoRoute { to, error } => {
                write!(
                    f,
                    "no route to {to}: {} (see `ip route get {to}`)",
                    why(error)
                )
            }
            RouteError::Broadcast(ip) => write!(f, "{ip} is a broadcast address"),
            RouteError::SourceNotOurs(ip) => write!(f, "{ip} is not an address of this host"),
            RouteError::UnknownInterface(name) => write!(f, "there is no interface {name:?}"),
            RouteError::FamilyMismatch { source, to } => {
                write!(f, "{source} and {to} are not of the same IP version")
            }
            RouteError::ScopeNeeded(ip) => {
                write!(
                    f,
                    "{ip} is link-local and says nothing without an interface"
                )
            }
            RouteError::Other(error) => write!(f, "cannot ask the kernel for a route: {error}"),
        }
    }
}

/// What the kernel means by its error number here.
fn why(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENETUNREACH) => "no entry in the routing table leads there".to_owned(),
        Some(libc::EHOSTUNREACH) => "a route of type unreachable refuses it".to_owned(),
        Some(libc::EACCES) => "a route of type prohibit refuses it".to_owned(),
        Some(libc::EINVAL) => "a route of type blackhole swallows it".to_owned(),
        _ => error.to_string(),
    }
}

impl Error for RouteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RouteError::NoRoute { error, .. } | RouteError::Other(error) => Some(error),
            _ => None,
        }
    }
}

/// Asks the kernel's routing, by connecting a UDP socket; nothing is sent. Needs no privilege.
///
/// `source` must be an address of this host; `interface` restricts the choice as
/// `SO_BINDTODEVICE` does. `dest` carries the scope of a link-local address.
///
/// # Errors
/// [`RouteError`].
pub fn route(
    dest: SocketAddr,
    source: Option<IpAddr>,
    interface: Option<&str>,
) -> Result<Route, RouteError> {
    let to = dest.ip();
    if let Some(source) = source.filter(|source| source.is_ipv4() != to.is_ipv4()) {
        return Err(RouteError::FamilyMismatch { source, to });
    }
    let scope = match interface {
        Some(name) => interface_index(name)?,
        None => scope_of(dest),
    };
    let link_local = [Some(to), source]
        .into_iter()
        .flatten()
        .find_map(link_local);
    if let Some(ip) = link_local.filter(|_| scope == 0) {
        return Err(RouteError::ScopeNeeded(ip));
    }
    let socket = Socket::new(Domain::for_address(dest), Type::DGRAM, None)
        .map_err(|error| RouteError::NoRoute { to, error })?;
    if let Some(name) = interface {
        socket
            .bind_device(Some(name.as_bytes()))
            .map_err(RouteError::Other)?;
    }
    if let Some(source) = source {
        bind(&socket, source, scope)?;
    }
    let dest = scoped(to, dest.port(), scope);
    if let Err(error) = socket.connect(&dest.into()) {
        return Err(refusal(&socket, dest, error));
    }
    chosen(&socket, dest).map_err(RouteError::Other)
}

/// A broadcast address and a route of type `prohibit` are both EACCES, but the first is not for
/// one who asked for it.
fn refusal(socket: &Socket, dest: SocketAddr, error: io::Error) -> RouteError {
    let to = dest.ip();
    let is_broadcast = error.raw_os_error() == Some(libc::EACCES)
        && socket.set_broadcast(true).is_ok()
        && socket.connect(&dest.into()).is_ok();
    if is_broadcast {
        RouteError::Broadcast(to)
    } else {
        RouteError::NoRoute { to, error }
    }
}

fn bind(socket: &Socket, source: IpAddr, scope: u32) -> Result<(), RouteError> {
    let refusal = |error: io::Error| match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => RouteError::SourceNotOurs(source),
        _ => RouteError::Other(error),
    };
    socket
        .bind(&scoped(source, 0, scope).into())
        .map_err(refusal)
}

/// What the connected socket has settled on.
fn chosen(socket: &Socket, dest: SocketAddr) -> io::Result<Route> {
    let local = socket.local_addr()?.as_socket();
    let local = local.expect("the name of an IP socket is an IP address");
    let mtu = match local {
        SocketAddr::V4(_) => getsockopt(socket, IpMtu)?,
        SocketAddr::V6(_) => getsockopt(socket, Ipv6Mtu)?,
    };
    Ok(Route {
        source: local.ip(),
        scope: scope_of(local).max(scope_of(dest)),
        // The kernel's MTU is an int, never negative.
        mtu: mtu.unsigned_abs(),
    })
}

fn link_local(ip: IpAddr) -> Option<Ipv6Addr> {
    match ip {
        IpAddr::V6(ip) => ip.is_unicast_link_local().then_some(ip),
        IpAddr::V4(_) => None,
    }
}

/// `ip` with `scope` where that means anything: link-local IPv6.
fn scoped(ip: IpAddr, port: u16, scope: u32) -> SocketAddr {
    match link_local(ip) {
        Some(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
        None => SocketAddr::new(ip, port),
    }
}

fn scope_of(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => v6.scope_id(),
    }
}

/// The index of the interface of this name.
///
/// # Errors
/// [`RouteError::UnknownInterface`].
pub fn interface_index(name: &str) -> Result<u32, RouteError> {
    if_nametoindex(name).map_err(|_| RouteError::UnknownInterface(name.to_owned()))
}

/// The name of the interface of this index, its number in decimal when it has gone.
pub fn interface_name(index: u32) -> String {
    match if_indextoname(index) {
        // nix does not notice that the call failed, and gives an empty name.
        Ok(name) if !name.is_empty() => name.to_string_lossy().into_owned(),
        _ => index.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn to(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_loopback_address_is_reached_from_loopback() {
        let v4 = route(to("127.0.0.1:80"), None, None).unwrap();
        assert_eq!(v4.source, Ipv4Addr::LOCALHOST);
        assert!(v4.mtu >= 1280);
        let v6 = route(to("[::1]:80"), None, None).unwrap();
        assert_eq!(v6.source, Ipv6Addr::LOCALHOST);
    }

    #[test]
    fn a_source_of_ours_is_kept() {
        let source = IpAddr::from([127, 5, 6, 7]);
        let route = route(to("127.0.0.1:80"), Some(source), Some("lo")).unwrap();
        assert_eq!(route.source, source);
    }

    #[test]
    fn a_source_of_another_host_is_refused() {
        let elsewhere = IpAddr::from([192, 0, 2, 1]);
        let refused = route(to("127.0.0.1:80"), Some(elsewhere), None);
        assert!(matches!(refused, Err(RouteError::SourceNotOurs(ip)) if ip == elsewhere));
    }

    #[test]
    fn the_ip_versions_of_both_ends_must_agree() {
        let refused = route(to("127.0.0.1:80"), Some(Ipv6Addr::LOCALHOST.into()), None);
        assert!(matches!(refused, Err(RouteError::FamilyMismatch { .. })));
    }

    #[test]
    fn an_unknown_interface_is_named() {
        let refused = route(to("127.0.0.1:80"), None, Some("nosuch0"));
        assert_eq!(
            refused.unwrap_err().to_string(),
            "there is no interface \"nosuch0\""
        );
    }

    #[test]
    fn a_link_local_address_needs_an_interface() {
        let refused = route(to("[fe80::1]:80"), None, None);
        assert!(matches!(refused, Err(RouteError::ScopeNeeded(_))));
        let source = "fe80::1".parse().unwrap();
        let refused = route(to("[::1]:80"), Some(source), None);
        assert!(matches!(refused, Err(RouteError::ScopeNeeded(ip)) if ip == source));
    }

    #[test]
    fn only_a_link_local_address_is_bound_with_its_scope() {
        let route = |source: &str| Route {
            source: source.parse().unwrap(),
            scope: 3,
            mtu: 1500,
        };
        assert_eq!(route("fe80::1").local(7), to("[fe80::1%3]:7"));
        assert_eq!(route("2001:db8::1").local(7), to("[2001:db8::1]:7"));
    }

    #[test]
    fn interfaces_have_names_and_numbers() {
        assert_eq!(interface_name(interface_index("lo").unwrap()), "lo");
        assert_eq!(interface_name(0), "0");
    }
}
