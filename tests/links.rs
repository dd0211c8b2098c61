//! Every kind of link: link-local addresses, addresses that live on loopback, bridges.

mod lab;
mod stage;

use lab::{Bridged, Capture, End, Namespace, Pair, in_lab, lay_wire, tcpshake};
use stage::{look, visit};

#[test]
fn a_link_local_target_is_reached_by_its_zone() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let index = index_of(&client, "cli0");
        let by_index = format!("[fe80::2%{index}]");
        let ways: [(&str, &[&str]); 4] = [
            ("[fe80::2%cli0]", &[]),
            (&by_index, &[]),
            ("[fe80::2]", &["-I", "cli0"]),
            ("[fe80::2%cli0]", &["-I", "cli0"]),
        ];
        for (host, arguments) in ways {
            let story = visit(&client, &peer, host, arguments);
            assert_eq!(*story.at("local.interface"), "cli0");
            assert_eq!(*story.at("local.addr"), "fe80::1");
            assert_eq!(*story.at("target.addr"), "fe80::2");
        }
    });
}

#[test]
fn the_same_link_local_address_on_two_links_is_two_hosts() {
    in_lab(|| {
        let client = Namespace::new();
        let peers = [Namespace::new(), Namespace::new()];
        for (peer, interface) in peers.iter().zip(["cli0", "cli1"]) {
            lay_wire(
                &end(&client, interface, &["fe80::1/64"]),
                &end(peer, "srv0", &["fe80::2/64"]),
                1500,
            );
        }
        for (peer, interface) in peers.iter().zip(["cli0", "cli1"]) {
            let story = visit(&client, peer, &format!("[fe80::2%{interface}]"), &[]);
            assert_eq!(*story.at("local.interface"), interface);
        }
    });
}

#[test]
fn a_source_reaches_a_link_local_target_from_its_own_link() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        for source in ["fe80::1", "fd00::1"] {
            let story = visit(&client, &peer, "[fe80::2%cli0]", &["--source", source]);
            assert_eq!(*story.at("local.addr"), source);
        }
    });
}

#[test]
fn a_zone_that_does_not_fit_is_refused() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        let refusals: [(&[&str], i32, &str); 8] = [
            (
                &["[fe80::2]:80"],
                2,
                "fe80::2 is link-local and says nothing without an interface: \
                 write [fe80::2%eth0], or add --interface",
            ),
            (
                &["[fe80::2%]:80"],
                2,
                "[fe80::2%]:80: no zone after the '%': write [fe80::2%eth0]",
            ),
            (
                &["[fd00::2%cli0]:80"],
                2,
                "[fd00::2%cli0]:80: only a link-local address has a zone: \
                 drop %cli0, or write --interface cli0",
            ),
            (
                &["[fe80::2%cli0]:80", "-I", "lo"],
                2,
                "--interface: fe80::2%cli0 is not reached by lo: \
                 name the same interface, or only one",
            ),
            (
                &["[fe80::2%nosuch0]:80"],
                6,
                "there is no interface \"nosuch0\"",
            ),
            (&["[fe80::2%9999]:80"], 6, "there is no interface \"9999\""),
            (
                &["[fe80::2%lo]:80", "--source", "fe80::1"],
                6,
                "--source: fe80::1 is not an address of lo: choose one that `ip address` shows",
            ),
            (
                &["[fe80::2%lo]:80"],
                6,
                "no route to fe80::2: no entry in the routing table leads there \
                 (see `ip route get fe80::2 oif lo`)",
            ),
        ];
        for (arguments, code, line) in refusals {
            let finished = tcpshake(&client, arguments).run();
            assert_eq!(finished.code(), code, "{finished:?}");
            assert_eq!(finished.stderr, format!("tcpshake: {line}\n"));
        }
    });
}

#[test]
fn a_ladder_keeps_to_80_columns_with_the_longest_of_names() {
    in_lab(|| {
        let (client, peer) = (Namespace::new(), Namespace::new());
        let interface = "quite-long-name";
        lay_wire(
            &end(&client, interface, &["fe80::1111:2222:3333:4444/64"]),
            &end(&peer, "srv0", &["fe80::5555:6666:7777:8888/64"]),
            1500,
        );
        let host = format!("[fe80::5555:6666:7777:8888%{interface}]");
        let ladder = look(&client, &peer, &host, &["--end", "half"]);
        for line in ladder.lines() {
            assert!(line.chars().count() <= 80, "{line}\n{ladder}");
        }
        let header = ladder.lines().take_while(|line| !line.is_empty());
        let header: Vec<&str> = header.map(str::trim).collect();
        let header = header.join(" ");
        assert!(header.contains(&host), "{header}");
        assert!(
            header.contains(" from [fe80::1111:2222:3333:4444]:"),
            "{header}"
        );
        assert!(header.contains(" on quite-long-name, guard "), "{header}");
    });
}

#[test]
fn an_address_of_our_own_is_reached_over_loopback() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        client.ip("address add 10.99.0.1/32 dev lo\naddress add fd99::1/128 dev lo nodad");
        for (host, source) in [
            ("127.0.0.2", "127.0.0.1"),
            ("[::1]", "::1"),
            ("10.99.0.1", "10.99.0.1"),
            ("[fd99::1]", "fd99::1"),
            ("10.0.0.1", "10.0.0.1"),
            ("[fd00::1]", "fd00::1"),
        ] {
            let story = visit(&client, &client, host, &[]);
            assert_eq!(*story.at("local.interface"), "lo");
            assert_eq!(*story.at("local.addr"), source);
        }
    });
}

#[test]
fn an_ipv4_neighbour_needs_no_route_but_the_interface() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        peer.ip("address add 192.0.2.7/32 dev srv0");
        let story = visit(&client, &peer, "192.0.2.7", &["-I", "cli0"]);
        assert_eq!(*story.at("local.interface"), "cli0");
        assert_eq!(*story.at("local.addr"), "10.0.0.1");
    });
}

#[test]
fn a_source_that_lives_on_loopback_leaves_by_the_cable() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        client.ip("address add 10.99.0.1/32 dev lo\naddress add fd99::1/128 dev lo nodad");
        peer.ip("route add 10.99.0.1 via 10.0.0.1\nroute add fd99::1 via fd00::1");
        for (host, source) in [("10.0.0.2", "10.99.0.1"), ("[fd00::2]", "fd99::1")] {
            let witnesses = ["cli0", "lo"].map(|interface| client.capture(interface, "tcp"));
            let story = visit(&client, &peer, host, &["--source", source]);
            assert_eq!(*story.at("local.interface"), "cli0");
            assert_eq!(*story.at("local.addr"), source);
            let [cable, loopback] = witnesses.map(Capture::stop);
            assert_eq!(story.segments(), cable.segments().len());
            assert_eq!(loopback.segments(), []);
        }
    });
}

#[test]
fn a_frame_on_a_bridge_and_its_port_counts_once() {
    in_lab(|| {
        let Bridged { client, peer } = Bridged::new();
        for host in ["10.0.0.2", "[fd00::2]", "[fe80::2%br0]"] {
            let witnesses = ["br0", "port0"].map(|interface| client.capture(interface, "tcp"));
            let story = visit(&client, &peer, host, &[]);
            let [bridge, port] = witnesses.map(Capture::stop);
            assert_eq!(*story.at("local.interface"), "br0");
            assert_eq!(story.segments(), bridge.segments().len());
            assert_eq!(story.segments(), port.segments().len());
        }
    });
}

#[test]
fn a_bridge_with_an_address_of_its_own_shows_each_answer_once() {
    in_lab(|| {
        let Bridged { client, peer } = Bridged::new();
        // The port then holds the answers for frames to another host.
        client.ip("link set br0 address 02:00:00:00:00:01");
        for host in ["10.0.0.2", "[fd00::2]"] {
            let story = visit(&client, &peer, host, &[]);
            assert_eq!(*story.at("local.interface"), "br0");
        }
    });
}

#[test]
fn a_frame_that_a_bridge_sends_through_two_ports_counts_once() {
    in_lab(|| {
        let Bridged { client, peer } = Bridged::new();
        let bystander = Namespace::new();
        lay_wire(
            &end(&client, "port1", &[]),
            &end(&bystander, "srv0", &[]),
            1500,
        );
        client.ip("link set port1 master br0
             link set port0 type bridge_slave learning off
             link set br0 type bridge ageing_time 0");
        for host in ["10.0.0.2", "[fd00::2]"] {
            let witness = client.capture("port1", "tcp");
            let story = visit(&client, &peer, host, &[]);
            assert_eq!(*story.at("local.interface"), "br0");
            let flooded = witness.stop().segments();
            assert!(!flooded.is_empty());
            assert!(flooded.iter().all(|(_, it)| it.source == story.near()));
        }
    });
}

#[test]
fn a_repeat_on_a_bridge_is_still_a_repeat() {
    in_lab(|| {
        let Bridged { client, peer } = Bridged::new();
        for (family, address) in [("ip", "10.0.0.2"), ("ip6", "fd00::2")] {
            let listener = peer.listen((address.parse::<std::net::IpAddr>().unwrap(), 0));
            peer.nft(&format!(
                "table {family} t {{ chain c {{ type filter hook input priority 0;
                 tcp dport {} tcp flags & (syn|ack) == syn numgen inc mod 1000 == 0 drop; }}; }}",
                listener.port()
            ));
            let target = listener.address().to_string();
            let arguments = ["--json", "--end=syn-rst", "--timeout=500ms", &target];
            let finished = tcpshake(&client, &arguments).run();
            assert_eq!(finished.code(), 0, "{finished:?}");
            let line = finished.json().remove(0);
            assert_eq!(line["handshake"]["syn_sent"], 2, "{line:#}");
            let segments = line["segments"].as_array().unwrap();
            let flags: Vec<_> = segments.iter().map(|it| it["flags"].clone()).collect();
            assert_eq!(flags, ["S", "S", "S.", "R"], "{line:#}");
            let anomalies = line["anomalies"].as_array().unwrap();
            let ids: Vec<_> = anomalies.iter().map(|it| it["id"].clone()).collect();
            assert_eq!(ids, ["syn-retransmitted"], "{line:#}");
        }
    });
}

fn end<'a>(host: &'a Namespace, interface: &'a str, addresses: &'a [&'a str]) -> End<'a> {
    End {
        host,
        interface,
        addresses,
    }
}

fn index_of(host: &Namespace, interface: &'static str) -> u32 {
    host.run(|| nix::net::if_::if_nametoindex(interface).expect("an interface"))
}
