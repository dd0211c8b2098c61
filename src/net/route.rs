//! Which source address, and what MTU, the kernel itself would use.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::libc;
use nix::net::if_::{if_indextoname, if_nametoindex};
use nix::sys::socket::{SockaddrIn, SockaddrStorage, connect, getsockopt};
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
        /// The source asked for.
        source: Option<IpAddr>,
        /// The interface asked for.
        interface: Option<String>,
        /// What the kernel says.
        error: io::Error,
    },
    /// The source is not an address of this host.
    SourceNotOurs(IpAddr),
    /// The link-local source is not an address of that interface.
    SourceElsewhere {
        /// The source asked for.
        source: IpAddr,
        /// The interface.
        interface: String,
    },
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
    /// The destination's zone is one interface, the one asked for another.
    TwoInterfaces {
        /// Where to.
        to: IpAddr,
        /// The interface of its zone.
        zone: String,
        /// The interface asked for.
        interface: String,
    },
    /// Every host of a network, not one.
    Broadcast(IpAddr),
    /// Anything else.
    Other(io::Error),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::NoRoute {
                to,
                source,
                interface,
                error,
            } => {
                write!(
                    f,
                    "no route to {to}: {} (see `ip route get {to}",
                    why(error)
                )?;
                if let Some(source) = source {
                    write!(f, " from {source}")?;
                }
                if let Some(interface) = interface {
                    write!(f, " oif {interface}")?;
                }
                f.write_str("`)")
            }
            RouteError::Broadcast(ip) => write!(f, "{ip} is a broadcast address"),
            RouteError::SourceNotOurs(ip) => write!(f, "{ip} is not an address of this host"),
            RouteError::SourceElsewhere { source, interface } => {
                write!(f, "{source} is not an address of {interface}")
            }
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
            RouteError::TwoInterfaces {
                to,
                zone,
                interface,
            } => write!(f, "{to}%{zone} is not reached by {interface}"),
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
/// # Errors
/// [`RouteError`].
pub fn route(
    dest: SocketAddr,
    source: Option<IpAddr>,
    interface: Option<&str>,
) -> Result<Route, RouteError> {
    Routes::new(source, interface).to(dest)
}

/// As [`route`], for many destinations: one socket a family is asked again and again.
#[derive(Debug)]
pub struct Routes {
    source: Option<IpAddr>,
    interface: Option<String>,
    v4: Option<Socket>,
    v6: Option<Socket>,
}

impl Routes {
    /// `source` must be an address of this host; `interface` restricts the choice as
    /// `SO_BINDTODEVICE` does.
    pub fn new(source: Option<IpAddr>, interface: Option<&str>) -> Routes {
        Routes {
            source,
            interface: interface.map(str::to_owned),
            v4: None,
            v6: None,
        }
    }

    /// The route to `dest`, which carries the scope of a link-local address.
    ///
    /// # Errors
    /// [`RouteError`].
    pub fn to(&mut self, dest: SocketAddr) -> Result<Route, RouteError> {
        let interface = self.interface.as_deref();
        let wish = Wish::new(dest, self.source, interface)?;
        let kept = match dest {
            SocketAddr::V4(_) => &mut self.v4,
            SocketAddr::V6(_) => &mut self.v6,
        };
        match (wish.ask_again(kept), interface) {
            (Err(error @ RouteError::NoRoute { .. }), Some(name)) if self.source.is_none() => {
                wish.ask_from_each_address_of(name).ok_or(error)
            }
            (answer, _) => answer,
        }
    }
}

/// What a route is asked for.
#[derive(Clone, Copy)]
struct Wish<'a> {
    dest: SocketAddr,
    source: Option<IpAddr>,
    interface: Option<&'a str>,
    scope: u32,
}

impl<'a> Wish<'a> {
    fn new(
        dest: SocketAddr,
        source: Option<IpAddr>,
        interface: Option<&'a str>,
    ) -> Result<Wish<'a>, RouteError> {
        let to = dest.ip();
        if let Some(source) = source.filter(|source| source.is_ipv4() != to.is_ipv4()) {
            return Err(RouteError::FamilyMismatch { source, to });
        }
        let zone = scope_of(dest);
        let scope = match interface {
            Some(name) => interface_index(name)?,
            None => zone,
        };
        if let Some(name) = interface.filter(|_| zone != 0 && zone != scope) {
            return Err(RouteError::TwoInterfaces {
                to,
                zone: interface_name(zone),
                interface: name.to_owned(),
            });
        }
        let ends = [Some(to), source].into_iter().flatten();
        match ends.filter_map(link_local).next() {
            Some(ip) if scope == 0 => Err(RouteError::ScopeNeeded(ip)),
            _ => Ok(Wish {
                dest: scoped(to, dest.port(), scope),
                source,
                interface,
                scope,
            }),
        }
    }

    /// Over the socket that is `kept`, if one is; afterwards one is kept that is as good as new.
    /// An error may leave anything behind: its socket is not kept.
    fn ask_again(&self, kept: &mut Option<Socket>) -> Result<Route, RouteError> {
        let ends = [Some(self.dest.ip()), self.source].into_iter().flatten();
        if ends.filter_map(link_local).next().is_some() {
            // It would be bound to their zone.
            return self.ask(&self.socket()?);
        }
        let socket = match kept.take() {
            Some(socket) => {
                self.choose_interface(&socket)?;
                socket
            }
            None => self.socket()?,
        };
        let route = self.ask(&socket)?;
        *kept = disconnect(&socket).is_ok().then_some(socket);
        Ok(route)
    }

    /// A socket that has the source.
    fn socket(&self) -> Result<Socket, RouteError> {
        let domain = Domain::for_address(self.dest);
        let socket =
            Socket::new(domain, Type::DGRAM, None).map_err(|error| self.no_route(error))?;
        self.choose_interface(&socket)?;
        if let Some(source) = self.source {
            bind(&socket, source, self.scope)?;
        }
        Ok(socket)
    }

    fn choose_interface(&self, socket: &Socket) -> Result<(), RouteError> {
        let name = self.interface.map(str::as_bytes);
        match name {
            Some(_) => socket.bind_device(name).map_err(RouteError::Other),
            None => Ok(()),
        }
    }

    fn ask(&self, socket: &Socket) -> Result<Route, RouteError> {
        if let Err(error) = socket.connect(&self.dest.into()) {
            return Err(self.refusal(socket, error));
        }
        chosen(socket, self.dest).map_err(RouteError::Other)
    }

    /// A rule that goes by the source (`ip rule add from`) applies only once there is one. For
    /// IPv4 the kernel asks a second time itself, for IPv6 it does not keep to the interface.
    fn ask_from_each_address_of(self, interface: &str) -> Option<Route> {
        let addresses = addresses_of(interface).into_iter();
        let mut usable =
            addresses.filter(|ip| ip.is_ipv4() == self.dest.is_ipv4() && link_local(*ip).is_none());
        usable.find_map(|ip| {
            let source = Some(ip);
            let wish = Wish { source, ..self };
            wish.ask(&wish.socket().ok()?).ok()
        })
    }

    /// A broadcast address and a route of type `prohibit` are both EACCES, but the first is not
    /// for one who asked for it.
    fn refusal(&self, socket: &Socket, error: io::Error) -> RouteError {
        let is_broadcast = error.raw_os_error() == Some(libc::EACCES)
            && socket.set_broadcast(true).is_ok()
            && socket.connect(&self.dest.into()).is_ok();
        if is_broadcast {
            RouteError::Broadcast(self.dest.ip())
        } else {
            self.no_route(error)
        }
    }

    fn no_route(&self, error: io::Error) -> RouteError {
        let zone = (self.scope != 0).then(|| interface_name(self.scope));
        RouteError::NoRoute {
            to: self.dest.ip(),
            source: self.source,
            interface: zone,
            error,
        }
    }
}

fn bind(socket: &Socket, source: IpAddr, scope: u32) -> Result<(), RouteError> {
    let refusal = |error: io::Error| match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => match link_local(source) {
            Some(_) => RouteError::SourceElsewhere {
                source,
                interface: interface_name(scope),
            },
            None => RouteError::SourceNotOurs(source),
        },
        _ => RouteError::Other(error),
    };
    socket
        .bind(&scoped(source, 0, scope).into())
        .map_err(refusal)
}

/// Has it forget the destination, and with it the source, the port and the interface, but for a
/// source that it was bound to.
fn disconnect(socket: &Socket) -> nix::Result<()> {
    let nobody = libc::sockaddr_in {
        sin_family: libc::AF_UNSPEC as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: 0 },
        sin_zero: [0; 8],
    };
    connect(socket.as_raw_fd(), &SockaddrIn::from(nobody))
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

/// The names of interfaces, each asked for once.
#[derive(Debug, Default)]
pub struct InterfaceNames(HashMap<u32, String>);

impl InterfaceNames {
    /// The name of the interface with this index.
    pub fn of(&mut self, index: u32) -> &str {
        let known = self.0.entry(index);
        known.or_insert_with(|| interface_name(index))
    }
}

/// The index of the interface that a zone names, or numbers (RFC 4007 11.2).
///
/// # Errors
/// [`RouteError::UnknownInterface`].
pub fn zone_index(zone: &str) -> Result<u32, RouteError> {
    let numbered = |index: &u32| if_indextoname(*index).is_ok_and(|name| !name.is_empty());
    interface_index(zone).or_else(|error| zone.parse().ok().filter(numbered).ok_or(error))
}

fn addresses_of(interface: &str) -> Vec<IpAddr> {
    let entries = getifaddrs().into_iter().flatten();
    let its_own = entries.filter(|entry| entry.interface_name == interface);
    let ip = |address: SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
    };
    its_own.filter_map(|entry| ip(entry.address?)).collect()
}

/// The hardware type (`ARPHRD_`) of the interface of this index; `ARPHRD_VOID` when it has gone.
pub fn interface_hardware(index: u32) -> u16 {
    let of_index = |entry: InterfaceAddress| {
        let link = *entry.address?.as_link_addr()?;
        (link.ifindex() == index as usize).then(|| link.hatype())
    };
    let addresses = getifaddrs().ok();
    let found = addresses.and_then(|mut addresses| addresses.find_map(of_index));
    found.unwrap_or(libc::ARPHRD_VOID)
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
    fn the_zone_and_the_interface_are_one() {
        let refused = route(to("[fe80::1%4000000000]:80"), None, Some("lo"));
        assert_eq!(
            refused.unwrap_err().to_string(),
            "fe80::1%4000000000 is not reached by lo"
        );
    }

    #[test]
    fn a_missing_route_is_looked_for_with_the_same_wish() {
        let refused = RouteError::NoRoute {
            to: [192, 0, 2, 1].into(),
            source: Some([10, 0, 0, 1].into()),
            interface: Some("eth1".to_owned()),
            error: io::Error::from_raw_os_error(libc::ENETUNREACH),
        };
        let hint = "`ip route get 192.0.2.1 from 10.0.0.1 oif eth1`";
        assert!(refused.to_string().contains(hint), "{refused}");
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
