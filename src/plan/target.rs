//! `HOST:PORTS`: read, then resolved.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use dns_lookup::{AddrInfoHints, LookupErrorKind, getaddrinfo};
use nix::libc;

use crate::net::route::zone_index;

use super::Problem;

/// A host and one of its ports, as the user wrote them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The user's words, with one port.
    pub input: String,
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// A host before it is resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// An address, with the zone of a link-local one.
    Address(IpAddr, Option<String>),
    /// A name.
    Name(String),
}

/// Which address family the user wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Either.
    Any,
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

/// Reads `HOST:PORTS`, or `HOST` when `ports` (from `-p`) are given: one target a port.
///
/// # Errors
/// A [`Problem`] of usage that names what is wrong.
pub fn parse(input: &str, ports: Option<&str>) -> Result<Vec<Target>, Problem> {
    if input.is_empty() {
        return Err(Problem::usage(
            "an empty target: give HOST:PORT".to_string(),
        ));
    }
    let (host, written) = split(input)?;
    let host_of = parse_host(host).map_err(|why| Problem::usage(format!("{input}: {why}")))?;
    let wanted = written.or(ports).ok_or_else(|| {
        Problem::usage(format!(
            "{input}: no port: write {}, or add --ports 443",
            join(host, 443)
        ))
    })?;
    let ports = parse_ports(wanted).map_err(|why| Problem::usage(format!("{input}: {why}")))?;
    let several = ports.len() > 1 || written.is_none();
    Ok(ports
        .into_iter()
        .map(|port| Target {
            input: if several {
                join(host, port)
            } else {
                input.to_string()
            },
            host: host_of.clone(),
            port,
        })
        .collect())
}

fn join(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The host as written, and the ports if there are any.
fn split(input: &str) -> Result<(&str, Option<&str>), Problem> {
    if let Some(rest) = input.strip_prefix('[') {
        let close = rest.find(']').ok_or_else(|| {
            Problem::usage(format!(
                "{input}: the bracket is not closed: write [2001:db8::1]:443"
            ))
        })?;
        let (host, after) = (&input[..close + 2], &rest[close + 1..]);
        return match after.strip_prefix(':') {
            Some(ports) => Ok((host, Some(ports))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(Problem::usage(format!(
                "{input}: expected ':' and a port after the bracket"
            ))),
        };
    }
    // More than one colon and no bracket: an IPv6 address without a port.
    match input.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((input, None)),
        Some((host, ports)) => Ok((host, Some(ports))),
        None => Ok((input, None)),
    }
}

fn parse_host(written: &str) -> Result<Host, String> {
    let bare = written
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(written);
    if bare.is_empty() {
        return Err("no host: give HOST:PORT".to_string());
    }
    if bare.contains(['[', ']']) {
        return Err("a bracket too many or too few: write [2001:db8::1]:443".to_string());
    }
    if bare.contains("//") {
        return Err("a target is no URL: give HOST:PORT".to_string());
    }
    if bare.contains('/') {
        return Err("blocks of addresses are not supported yet: name one address".to_string());
    }
    let (address, zone) = match bare.split_once('%') {
        Some((address, zone)) => (address, Some(zone.to_string())),
        None => (bare, None),
    };
    match address.parse::<IpAddr>() {
        Ok(ip) if ip.is_ipv4() && zone.is_some() => Err("an IPv4 address has no zone".to_string()),
        Ok(ip) => {
            if let Some(zone) = &zone {
                check_zone(ip, zone)?;
            }
            // An IPv4-mapped IPv6 address is reached by IPv4 (RFC 4291 2.5.5.2).
            let ip = ip.to_canonical();
            refuse_groups(ip)?;
            Ok(Host::Address(ip, zone))
        }
        Err(_) if written.contains(':') || zone.is_some() => Err(format!(
            "{bare:?} is not an IPv6 address (with a port, write [ADDRESS]:PORT)"
        )),
        Err(_) => Ok(Host::Name(bare.to_string())),
    }
}

/// RFC 4007 11.2: a zone is part of an address that means something in that zone only.
fn check_zone(ip: IpAddr, zone: &str) -> Result<(), String> {
    let link_local = matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
    match zone {
        "" => Err(format!("no zone after the '%': write [{ip}%eth0]")),
        _ if !link_local => Err(format!(
            "only a link-local address has a zone: drop %{zone}, or write --interface {zone}"
        )),
        _ => Ok(()),
    }
}

/// Told of an address that is not one host's.
pub(super) const NO_GROUPS: &str = "a multicast or broadcast address cannot be probed with TCP";

/// TCP knows one peer (RFC 9293 3.9.2.3, MUST-57).
fn refuse_groups(ip: IpAddr) -> Result<(), String> {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    if ip.is_multicast() || broadcast {
        return Err(NO_GROUPS.to_string());
    }
    if ip.is_unspecified() {
        return Err("the unspecified address is no host: name one".to_string());
    }
    Ok(())
}

fn parse_ports(list: &str) -> Result<Vec<u16>, String> {
    let mut ports = Vec::new();
    for item in list.split(',') {
        match item.split_once('-') {
            Some((first, last)) if is_number(first) && is_number(last) => {
                let (first, last) = (parse_port(first)?, parse_port(last)?);
                if first > last {
                    return Err(format!("the range {item} runs backwards"));
                }
                ports.extend(first..=last);
            }
            _ => ports.push(parse_port(item)?),
        }
    }
    Ok(ports)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse_port(item: &str) -> Result<u16, String> {
    if item.is_empty() {
        return Err("no port after the colon".to_string());
    }
    if is_number(item) {
        return match item.parse() {
            Ok(0) | Err(_) => Err(format!(
                "port {item} is out of range: ports run from 1 to 65535"
            )),
            Ok(port) => Ok(port),
        };
    }
    // Without a letter it is no name (RFC 6335 5.1), though the resolver takes "+80" for 80.
    let is_name = item.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_name
        .then(|| service(item))
        .flatten()
        .ok_or_else(|| format!("unknown service {item:?}: give the number of the port"))
}

fn service(name: &str) -> Option<u16> {
    let hints = AddrInfoHints {
        socktype: libc::SOCK_STREAM,
        ..AddrInfoHints::default()
    };
    let mut found = getaddrinfo(None, Some(name), Some(hints)).ok()?;
    found.next()?.ok().map(|info| info.sockaddr.port())
}

/// The addresses of a target, in the resolver's order.
///
/// # Errors
/// A [`Problem`]: the name is not found, or has no address of the wanted family.
pub fn resolve(target: &Target, family: Family) -> Result<Vec<SocketAddr>, Problem> {
    match &target.host {
        Host::Address(ip, zone) => {
            let mismatch = match family {
                Family::V4 => ip.is_ipv6().then_some(("IPv6", "-4")),
                Family::V6 => ip.is_ipv4().then_some(("IPv4", "-6")),
                Family::Any => None,
            };
            if let Some((version, option)) = mismatch {
                return Err(Problem::usage(format!(
                    "{ip} is an {version} address: drop {option}"
                )));
            }
            Ok(vec![with_zone(*ip, target.port, zone.as_deref())?])
        }
        Host::Name(name) => look_up(name, target.port, family),
    }
}

fn with_zone(ip: IpAddr, port: u16, zone: Option<&str>) -> Result<SocketAddr, Problem> {
    let IpAddr::V6(v6) = ip else {
        return Ok(SocketAddr::new(ip, port));
    };
    let scope = zone
        .map_or(Ok(0), zone_index)
        .map_err(|error| Problem::host("no-interface", error.to_string()))?;
    Ok(SocketAddrV6::new(v6, port, 0, scope).into())
}

fn look_up(name: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>, Problem> {
    let address = match family {
        Family::Any => libc::AF_UNSPEC,
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    let hints = AddrInfoHints {
        address,
        socktype: libc::SOCK_STREAM,
        ..AddrInfoHints::default()
    };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| {
        let wanted = match family {
            Family::Any => "address",
            Family::V4 => "IPv4 address",
            Family::V6 => "IPv6 address",
        };
        let why = match error.kind() {
            LookupErrorKind::Again => "the name server did not answer, try again later".to_string(),
            LookupErrorKind::NoName | LookupErrorKind::NoData if family == Family::Any => {
                "name not found: check the spelling, or give the address".to_string()
            }
            LookupErrorKind::NoName | LookupErrorKind::NoData => {
                format!("no {wanted} found for this name (without -4 and -6 any will do)")
            }
            _ => std::io::Error::from(error).to_string(),
        };
        Problem::target("name-not-found", format!("{name}: {why}"))
    })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for info in found.flatten() {
        let mut address = info.sockaddr;
        address.set_port(port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Problem::target(
            "name-not-found",
            format!("{name}: the resolver gave no address"),
        ));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(input: &str) -> Target {
        let mut all = parse(input, None).unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn refusal(input: &str) -> String {
        parse(input, None).unwrap_err().to_string()
    }

    #[test]
    fn hosts_are_names_and_addresses_of_both_kinds() {
        assert_eq!(
            one("example.com:443").host,
            Host::Name("example.com".into())
        );
        assert_eq!(
            one("192.0.2.1:80").host,
            Host::Address([192, 0, 2, 1].into(), None)
        );
        assert_eq!(one("[2001:db8::1]:80").port, 80);
        assert_eq!(
            one("[fe80::1%eth0]:80").host,
            Host::Address("fe80::1".parse().unwrap(), Some("eth0".into()))
        );
    }

    #[test]
    fn a_mapped_address_is_an_ipv4_address() {
        let mapped = one("[::ffff:192.0.2.1]:80");
        assert_eq!(mapped.host, Host::Address([192, 0, 2, 1].into(), None));
    }

    #[test]
    fn ports_may_stand_apart() {
        let targets = parse("2001:db8::1", Some("80,443")).unwrap();
        assert_eq!(
            targets.iter().map(|t| t.port).collect::<Vec<_>>(),
            [80, 443]
        );
        assert_eq!(targets[0].input, "[2001:db8::1]:80");
    }

    #[test]
    fn ports_are_lists_and_ranges() {
        let ports: Vec<u16> = parse("h:1,7-9", None)
            .unwrap()
            .iter()
            .map(|t| t.port)
            .collect();
        assert_eq!(ports, [1, 7, 8, 9]);
    }

    #[test]
    fn a_port_out_of_range_is_named() {
        for port in ["0", "65536", "99999999999"] {
            assert!(
                refusal(&format!("h:{port}")).contains(&format!("port {port} is out of range"))
            );
        }
        assert!(refusal("h:9-7").contains("backwards"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        assert!(refusal("h").contains("no port"));
        assert!(refusal(":80").contains("no host"));
        assert!(refusal("h:").contains("no port after"));
        for input in ["[::1:80", "::1]:80", "[[::1]:80", "[::1]]:80", "a]:80"] {
            assert!(refusal(input).contains("bracket"), "{input}");
        }
        assert!(refusal("").contains("empty"));
        assert!(refusal("2001:db8::1").contains("write [2001:db8::1]:443"));
        for port in ["+80", " 80", "-1", "80-", "-"] {
            assert!(refusal(&format!("h:{port}")).contains("unknown service"));
        }
        assert!(refusal("224.0.0.1:80").contains("multicast"));
        assert!(refusal("0.0.0.0:80").contains("unspecified"));
        assert!(refusal("10.0.0.0/24:80").contains("blocks"));
        assert!(refusal("http://h:80/").contains("URL"));
        assert!(refusal("[nonsense::x]:80").contains("not an IPv6 address"));
    }

    #[test]
    fn only_a_link_local_address_has_a_zone() {
        assert!(refusal("[fe80::1%]:80").contains("no zone"));
        assert!(refusal("[2001:db8::1%eth0]:80").contains("write --interface eth0"));
        assert!(refusal("192.0.2.1%eth0:80").contains("an IPv4 address has no zone"));
    }

    #[test]
    fn a_zone_is_an_interface_that_there_is() {
        for zone in ["lo", "1"] {
            let resolved = resolve(&one(&format!("[fe80::1%{zone}]:80")), Family::Any);
            assert_eq!(resolved.unwrap(), ["[fe80::1%1]:80".parse().unwrap()]);
        }
        for zone in ["nosuch0", "0", "4000000000"] {
            let problem = resolve(&one(&format!("[fe80::1%{zone}]:80")), Family::Any).unwrap_err();
            assert!(
                problem.to_string().contains("there is no interface"),
                "{problem}"
            );
        }
    }

    #[test]
    fn an_address_of_the_other_family_is_a_usage_error() {
        let problem = resolve(&one("[::1]:80"), Family::V4).unwrap_err();
        assert!(matches!(problem, Problem::Usage(_)), "{problem:?}");
    }
}
