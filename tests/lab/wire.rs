//! Cables: veth pairs between namespaces.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::{Namespace, wait_until};

pub const CLIENT_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub const PEER_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub const CLIENT_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));
pub const PEER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));

/// Two hosts on one cable: `cli0` and `srv0`, IPv4 (/24), IPv6 (fd00::/64) and link-local
/// (fe80::1 and fe80::2) addresses.
pub struct Pair {
    pub client: Namespace,
    pub peer: Namespace,
}

impl Pair {
    pub fn new() -> Pair {
        Pair::with_mtu(1500)
    }

    /// The peer has all of 10.10.0.0/16, too.
    pub fn with_a_block() -> Pair {
        let pair = Pair::new();
        pair.peer.ip("route add local 10.10.0.0/16 dev lo");
        pair.client.ip("route add 10.10.0.0/16 via 10.0.0.2");
        pair
    }

    pub fn with_mtu(mtu: u16) -> Pair {
        let (client, peer) = (Namespace::new(), Namespace::new());
        lay_wire(
            &End {
                host: &client,
                interface: "cli0",
                addresses: &["10.0.0.1/24", "fd00::1/64", "fe80::1/64"],
            },
            &End {
                host: &peer,
                interface: "srv0",
                addresses: &["10.0.0.2/24", "fd00::2/64", "fe80::2/64"],
            },
            mtu,
        );
        Pair { client, peer }
    }
}

/// As [`Pair`], but the client's addresses are on a bridge, `br0`, and the cable is in its port,
/// `port0`: the client sees each frame twice.
pub struct Bridged {
    pub client: Namespace,
    pub peer: Namespace,
}

impl Bridged {
    pub fn new() -> Bridged {
        let (client, peer) = (Namespace::new(), Namespace::new());
        let port = End {
            host: &client,
            interface: "port0",
            addresses: &[],
        };
        let far = End {
            host: &peer,
            interface: "srv0",
            addresses: &["10.0.0.2/24", "fd00::2/64", "fe80::2/64"],
        };
        lay_wire(&port, &far, 1500);
        client.ip("link add br0 type bridge\nlink set port0 master br0");
        let bridge = End {
            host: &client,
            interface: "br0",
            addresses: &["10.0.0.1/24", "fd00::1/64", "fe80::1/64"],
        };
        bridge.bring_up();
        wait_until("the bridge carries traffic", || {
            bridge.is_ready().then_some(())
        });
        Bridged { client, peer }
    }
}

static NEXT_INDEX: AtomicU32 = AtomicU32::new(10);

/// One end of a cable.
pub struct End<'a> {
    pub host: &'a Namespace,
    pub interface: &'a str,
    pub addresses: &'a [&'a str],
}

/// Lays a cable and returns when both ends carry traffic.
pub fn lay_wire(one: &End, other: &End, mtu: u16) {
    // The kernel takes a second to see a cable whose ends have the same interface index.
    let [first, second] = [(); 2].map(|()| NEXT_INDEX.fetch_add(1, Ordering::Relaxed).to_string());
    let mtu = mtu.to_string();
    let mut add = Command::new("ip");
    add.args([
        "link",
        "add",
        one.interface,
        "index",
        &first,
        "mtu",
        &mtu,
        "type",
        "veth",
    ]);
    add.args(["peer", other.interface, "index", &second, "mtu", &mtu]);
    // The handle of the other namespace is the program's standard input.
    add.args(["netns", "/proc/self/fd/0"])
        .stdin(Stdio::from(other.host.handle()));
    let added = one.host.spawn(&mut add).wait().expect("ip link add");
    assert!(added.success(), "ip link add failed: {added}");
    for end in [one, other] {
        end.bring_up();
    }
    for end in [one, other] {
        wait_until("the cable carries traffic", || end.is_ready().then_some(()));
    }
}

impl End<'_> {
    fn bring_up(&self) {
        let interface = self.interface;
        let mut commands = format!("link set {interface} addrgenmode none\n");
        for address in self.addresses {
            // Duplicate address detection would hold an IPv6 address back for a second.
            let nodad = if address.contains(':') { "nodad" } else { "" };
            commands += &format!("address add {address} dev {interface} {nodad}\n");
        }
        commands += &format!("link set {interface} up\n");
        self.host.ip(&commands);
    }

    fn is_ready(&self) -> bool {
        self.host.run(|| {
            let mut addresses = getifaddrs().expect("the interfaces");
            let running = addresses.any(|entry| {
                entry.interface_name == self.interface
                    && entry.flags.contains(InterfaceFlags::IFF_RUNNING)
            });
            running && !has_tentative_addresses()
        })
    }
}

fn has_tentative_addresses() -> bool {
    const TENTATIVE: u8 = 0x40;
    let table = fs::read_to_string("/proc/thread-self/net/if_inet6").expect("IPv6 addresses");
    table.lines().any(|line| {
        let flags = line.split_whitespace().nth(4).expect("address flags");
        u8::from_str_radix(flags, 16).expect("hexadecimal flags") & TENTATIVE != 0
    })
}
