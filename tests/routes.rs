//! One socket asked again and again gives the answers of a new one each time.

mod lab;

use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};

use tcpshake::net::route::{RouteError, Routes, interface_index, route};

use lab::{Pair, in_lab};

const DESTINATIONS: [&str; 21] = [
    "10.0.0.2",
    "192.0.2.1",
    "127.0.0.1",
    "198.51.100.1",
    "198.51.100.129",
    "10.0.0.1",
    "203.0.113.1",
    "127.5.6.7",
    "203.0.113.129",
    "10.0.0.255",
    "198.18.0.1",
    "255.255.255.255",
    "100.64.0.1",
    "fd00::2",
    "2001:db8::1",
    "::1",
    "fe80::2%cli0",
    "fe80::2%lo",
    "2001:db8:1::1",
    "2001:db8:2::1",
    "2001:db8:3::1",
];

#[test]
fn each_answer_is_that_of_a_new_socket() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        client.ip("address add 10.0.0.7/24 dev cli0
            address add fd00::7/64 dev cli0 nodad
            route add 192.0.2.0/24 via 10.0.0.2 mtu 1400
            route add 198.51.100.0/25 via 10.0.0.2 src 10.0.0.7 mtu 1300
            route add 198.51.100.128/25 via 10.0.0.2 src 127.0.0.9
            route add prohibit 203.0.113.0/25
            route add blackhole 203.0.113.128/25
            route add 100.64.0.0/16 via 10.0.0.2 table 7
            route add 2001:db8::/48 via fd00::2 mtu 1400
            route add 2001:db8:1::/48 via fd00::2 src fd00::7
            route add prohibit 2001:db8:2::/48");
        client.rule("-4", &["from", "10.0.0.7", "table", "7"]);
        let sources = [
            None,
            Some("10.0.0.7"),
            Some("fd00::7"),
            Some("fe80::1"),
            Some("192.0.2.9"),
        ];
        client.run(|| {
            for source in sources.map(|source| source.map(|ip| ip.parse::<IpAddr>().unwrap())) {
                for interface in [None, Some("cli0"), Some("lo"), Some("nosuch0")] {
                    compare(source, interface);
                }
            }
        });
    });
}

fn compare(source: Option<IpAddr>, interface: Option<&str>) {
    let mut routes = Routes::new(source, interface);
    let mut answers = 0;
    for first in DESTINATIONS {
        // Each after each.
        for second in DESTINATIONS {
            for to in [first, second].map(destination) {
                let answer = routes.to(to);
                answers += usize::from(answer.is_ok());
                let expected = route(to, source, interface);
                assert_eq!(
                    told(&answer),
                    told(&expected),
                    "{to} {source:?} {interface:?}"
                );
            }
        }
    }
    let ours = source != "192.0.2.9".parse().ok();
    assert!(answers > 0 || !ours || interface.is_some(), "{source:?}");
}

fn told<T: Debug>(answer: &Result<T, RouteError>) -> String {
    format!("{answer:?}")
}

fn destination(text: &str) -> SocketAddr {
    let (ip, zone) = text.split_once('%').unwrap_or((text, ""));
    let mut address = SocketAddr::new(ip.parse().expect("an address"), 80);
    if let (SocketAddr::V6(v6), false) = (&mut address, zone.is_empty()) {
        v6.set_scope_id(interface_index(zone).expect("an interface"));
    }
    address
}
