//! `HOST:PORTS`: read, then resolved.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::net::route::zone_index;
use crate::targets;

pub use crate::targets::{Family, NO_GROUPS};

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

/// Reads `HOST:PORTS`, or `HOST` when `ports` (from `-p`) are given: one target a port.
///
/// # Errors
/// A [`Problem`] of usage that names what is wrong.
pub fn parse(input: &str, ports: Option<&str>) -> Result<Vec<Target>, Problem> {
    let item = targets::parse(input).map_err(Problem::usage)?;
    let host = match item.host {
        targets::Host::Address(ip, zone) => Host::Address(ip, zone),
        targets::Host::Name(name) => Host::Name(name),
        targets::Host::Block(_) => {
            return Err(Problem::usage(format!(
                "{input}: blocks of addresses are not supported yet: name one address"
            )));
        }
    };
    let wanted = item
        .ports
        .or(ports)
        .ok_or_else(|| Problem::usage(targets::no_port(input, item.words)))?;
    let ports = targets::parse_ports(wanted)
        .map_err(|why| Problem::usage(format!("{input}: {why}")))?
        .into_iter()
        .flatten();
    let ports: Vec<u16> = ports.collect();
    let several = ports.len() > 1 || item.ports.is_none();
    Ok(ports
        .into_iter()
        .map(|port| Target {
            input: if several {
                targets::join(item.words, port)
            } else {
                input.to_string()
            },
            host: host.clone(),
            port,
        })
        .collect())
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
        Host::Name(name) => Ok(targets::look_up(name, family)?
            .into_iter()
            .map(|mut address| {
                address.set_port(target.port);
                address
            })
            .collect()),
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
