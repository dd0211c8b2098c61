//! `HOST[:PORTS]`: what the user's words mean. Nothing is looked up.

use std::net::IpAddr;

use super::ports::PortSet;
use super::region::{self, Range};

/// A host, or many, and the ports written with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item<'a> {
    /// As it is written, without ports.
    pub words: &'a str,
    /// What that means.
    pub host: Host,
    /// The words after the colon.
    pub ports: Option<&'a str>,
}

/// What stands for a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// One address.
    Address(IpAddr, Option<String>),
    /// A block of addresses: one that lies in it, and the length of its prefix.
    Block(Block),
    /// A name.
    Name(String),
}

/// A CIDR block (RFC 4632, RFC 4291 2.3). Bits after the prefix mean nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// The address as it is written.
    pub address: IpAddr,
    /// The length of the prefix, bits.
    pub prefix: u8,
    /// The zone of a link-local one.
    pub zone: Option<String>,
}

impl Block {
    /// Its addresses, in the zone of this index.
    pub fn range(&self, scope: u32) -> Range {
        let bits = match self.address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let rest = bits - u32::from(self.prefix);
        let hosts = 1u128.checked_shl(rest).map_or(u128::MAX, |size| size - 1);
        let number = region::number(self.address);
        Range {
            scope,
            first: number & !hosts,
            last: number | hosts,
        }
    }
}

/// Reads `HOST[:PORTS]`.
///
/// # Errors
/// What is wrong, beginning with the words.
pub fn parse(input: &str) -> Result<Item<'_>, String> {
    if input.is_empty() {
        return Err("an empty target: give HOST:PORT".to_string());
    }
    let read = || {
        let (words, ports) = split(input)?;
        let host = parse_host(words)?;
        Ok(Item { words, host, ports })
    };
    read().map_err(|why: String| format!("{input}: {why}"))
}

impl Item<'_> {
    /// The ports written with it, else those that are `given` for all.
    ///
    /// # Errors
    /// As [`parse`]; `input` is what was parsed.
    pub fn ports(&self, input: &str, given: Option<&PortSet>) -> Result<PortSet, String> {
        match (self.ports, given) {
            (Some(written), _) => PortSet::parse(written).map_err(|why| format!("{input}: {why}")),
            (None, Some(given)) => Ok(given.clone()),
            (None, None) => Err(no_port(input, self.words)),
        }
    }
}

/// Told of a target without a port.
pub fn no_port(input: &str, host: &str) -> String {
    let example = join(host, 443);
    format!("{input}: no port: write {example}, or add --ports 443")
}

/// A host and a port as a target is written.
pub fn join(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The host as written, and the ports if there are any.
fn split(input: &str) -> Result<(&str, Option<&str>), String> {
    let address_end = match input.strip_prefix('[') {
        Some(rest) => match rest.find(']') {
            Some(close) => close + 2,
            None => {
                return Err("the bracket is not closed: write [2001:db8::1]:443".to_string());
            }
        },
        // The length of a prefix ends an address, whatever colons are in it.
        None => input.find('/').unwrap_or(0),
    };
    let colons = input[address_end..].match_indices(':');
    let colons: Vec<usize> = colons.map(|(at, _)| address_end + at).take(2).collect();
    match colons[..] {
        // More than one colon and no bracket: an IPv6 address without a port.
        [_, _] if address_end == 0 => Ok((input, None)),
        [colon, ..] => Ok((&input[..colon], Some(&input[colon + 1..]))),
        [] => Ok((input, None)),
    }
}

/// The host without brackets, and the words after the slash.
fn unwrapped(written: &str) -> Result<(&str, Option<&str>), String> {
    let (bare, behind) = match written.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((inside, ""))) => (inside, None),
        Some(Some((inside, behind))) => (
            inside,
            behind
                .strip_prefix('/')
                .map(Some)
                .ok_or("expected ':' and a port after the bracket")?,
        ),
        _ => (written, None),
    };
    match (bare.split_once('/'), behind) {
        (Some((address, prefix)), None) => Ok((address, Some(prefix))),
        (None, prefix) => Ok((bare, prefix)),
        (Some(_), Some(_)) => Err("a prefix has one length".to_string()),
    }
}

fn parse_host(written: &str) -> Result<Host, String> {
    if written.contains("//") {
        return Err("a target is no URL: give HOST:PORT".to_string());
    }
    if written.contains(char::is_whitespace) {
        return Err("there is a space in it: give one target at a time".to_string());
    }
    let (bare, prefix) = unwrapped(written)?;
    if bare.is_empty() {
        return Err("no host: give HOST:PORT".to_string());
    }
    if bare.contains(['[', ']']) {
        return Err("a bracket too many or too few: write [2001:db8::1]:443".to_string());
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
            match prefix {
                Some(prefix) => Ok(Host::Block(block(ip, prefix, zone)?)),
                None => {
                    // An IPv4-mapped IPv6 address is reached by IPv4 (RFC 4291 2.5.5.2).
                    let ip = ip.to_canonical();
                    refuse_groups(ip)?;
                    Ok(Host::Address(ip, zone))
                }
            }
        }
        Err(_) if written.contains(':') || zone.is_some() => Err(format!(
            "{address:?} is not an IPv6 address (with a port, write [ADDRESS]:PORT)"
        )),
        Err(_) if prefix.is_some() => Err(format!(
            "{address:?} is not an address, and only a block of addresses has a prefix: write 192.0.2.0/24"
        )),
        Err(_) if is_nmap_range(bare) => {
            Err("a range of addresses is written as a block, or several: 192.0.2.0/24".to_string())
        }
        Err(_) => Ok(Host::Name(bare.to_string())),
    }
}

/// The length of the prefix of link-local addresses (RFC 4291 2.5.6).
const LINK_LOCAL: u8 = 10;

fn block(address: IpAddr, prefix: &str, zone: Option<String>) -> Result<Block, String> {
    let (most, example) = match address {
        IpAddr::V4(_) => (32, "192.0.2.0/24"),
        IpAddr::V6(_) => (128, "[2001:db8::/112]:443"),
    };
    let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let length = is_number.then(|| prefix.parse().ok()).flatten();
    let prefix = length.filter(|length| *length <= most).ok_or_else(|| {
        format!(
            "the length of a prefix is a number from 0 to {most}, not {prefix:?}: write {example}"
        )
    })?;
    if zone.is_some() && prefix < LINK_LOCAL {
        return Err("a block with a zone lies in fe80::/10".to_string());
    }
    let block = Block {
        address,
        prefix,
        zone,
    };
    let Range { first, last, .. } = block.range(0);
    let lies_in = |group: &Range| group.first <= first && last <= group.last;
    if groups().iter().any(lies_in) {
        refuse_groups(region::address(first))?;
    }
    Ok(block)
}

/// `192.0.2.1-20`, `192.0.2.*`: no resolver takes it for a name.
fn is_nmap_range(bare: &str) -> bool {
    let is_dotted = bare
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".-*".contains(&byte));
    is_dotted && bare.contains('.') && bare.contains(['-', '*'])
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
pub const NO_GROUPS: &str = "a multicast or broadcast address cannot be probed with TCP";

/// TCP knows one peer (RFC 9293 3.9.2.3, MUST-57).
///
/// # Errors
/// Why `ip` is not a host's address.
pub fn refuse_groups(ip: IpAddr) -> Result<(), String> {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    if ip.is_multicast() || broadcast {
        return Err(NO_GROUPS.to_string());
    }
    if ip.is_unspecified() {
        return Err("the unspecified address is no host: name one".to_string());
    }
    Ok(())
}

/// The addresses that [`refuse_groups`] refuses. In a larger block they are left out.
pub fn groups() -> [Range; 5] {
    let range = |first: &str, last: &str| {
        let number = |text: &str| region::number(text.parse().expect("an address"));
        Range {
            scope: 0,
            first: number(first),
            last: number(last),
        }
    };
    [
        range("0.0.0.0", "0.0.0.0"),
        range("224.0.0.0", "239.255.255.255"),
        range("255.255.255.255", "255.255.255.255"),
        range("::", "::"),
        range("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_of(input: &str) -> (String, Option<&str>) {
        let item = parse(input).unwrap_or_else(|why| panic!("{why}"));
        let Host::Block(block) = item.host else {
            panic!("{input} is a block");
        };
        let Range { first, last, .. } = block.range(0);
        let (first, last) = (region::address(first), region::address(last));
        (format!("{first} {last}"), item.ports)
    }

    fn refusal(input: &str) -> String {
        parse(input).unwrap_err()
    }

    #[test]
    fn a_block_is_all_its_addresses_the_first_and_the_last_too() {
        for (input, range) in [
            ("10.0.0.0/16", "10.0.0.0 10.0.255.255"),
            ("10.0.0.77/30", "10.0.0.76 10.0.0.79"),
            ("192.0.2.1/32", "192.0.2.1 192.0.2.1"),
            ("0.0.0.0/0", "0.0.0.0 255.255.255.255"),
            ("2001:db8::/112", "2001:db8:: 2001:db8::ffff"),
            ("[2001:db8::]/112", "2001:db8:: 2001:db8::ffff"),
            ("[2001:db8::/112]", "2001:db8:: 2001:db8::ffff"),
            ("[fe80::1%eth0]/126", "fe80:: fe80::3"),
            ("[::ffff:10.0.0.0]/120", "10.0.0.0 10.0.0.255"),
        ] {
            assert_eq!(block_of(input), (range.to_string(), None));
        }
    }

    #[test]
    fn the_ports_of_a_block_follow_it_however_it_is_written() {
        for input in [
            "10.0.0.0/16:443",
            "[2001:db8::]/112:443",
            "[2001:db8::/112]:443",
            "2001:db8::/112:443",
        ] {
            assert_eq!(block_of(input).1, Some("443"), "{input}");
        }
    }

    #[test]
    fn what_is_no_block_is_refused_with_what_to_write() {
        for (input, why) in [
            (
                "10.0.0.0/33",
                "from 0 to 32, not \"33\": write 192.0.2.0/24",
            ),
            ("10.0.0.0/", "from 0 to 32"),
            ("10.0.0.0/+8", "from 0 to 32"),
            ("10.0.0.0/255.0.0.0:80", "from 0 to 32, not \"255.0.0.0\""),
            ("[2001:db8::/129]:80", "from 0 to 128"),
            ("[2001:db8::/64]/64", "one length"),
            ("example.com/24", "\"example.com\" is not an address"),
            ("[fe80::%eth0/9]:80", "fe80::/10"),
            ("10.0.0.1-20:80", "written as a block"),
            ("10.0.0.*", "written as a block"),
            ("[::1]x:80", "after the bracket"),
            ("10.0.0.1 10.0.0.2:80", "one target at a time"),
            ("http://h/", "URL"),
        ] {
            let told = refusal(input);
            assert!(told.starts_with(input) && told.contains(why), "{told}");
        }
    }

    #[test]
    fn a_block_of_no_hosts_is_refused() {
        for input in [
            "224.0.0.0/4",
            "239.1.2.0/24",
            "255.255.255.255/32",
            "ff02::/16",
        ] {
            assert!(refusal(input).contains("multicast or broadcast"), "{input}");
        }
        for input in ["0.0.0.0/32", "::/128"] {
            assert!(refusal(input).contains("unspecified"), "{input}");
        }
    }

    #[test]
    fn numbers_that_the_resolver_takes_for_addresses_are_names() {
        for name in ["127.1", "2130706433", "a-b.example", "1-2.example"] {
            assert_eq!(parse(name).unwrap().host, Host::Name(name.to_string()));
        }
    }

    #[test]
    fn what_is_left_out_of_a_block_is_what_is_refused_alone() {
        for Range { first, last, .. } in groups() {
            for number in [first, last] {
                assert!(refuse_groups(region::address(number)).is_err());
            }
            for number in [first.checked_sub(1), last.checked_add(1)]
                .into_iter()
                .flatten()
            {
                let ip = region::address(number);
                let listed = groups()
                    .iter()
                    .any(|range| (range.first..=range.last).contains(&number));
                assert_eq!(refuse_groups(ip).is_err(), listed, "{ip}");
            }
        }
    }
}
