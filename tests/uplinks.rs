//! A host with two uplinks: answers that come back another way, policy routing, marked packets.

mod lab;
mod stage;

use std::net::{IpAddr, SocketAddr};

use tcpshake::clock::Stamp;

use lab::{Capture, End, Namespace, Recording, Segment, in_lab, lay_wire, tcpshake};
use stage::{Story, visit};

#[test]
fn answers_may_come_back_by_the_other_uplink() {
    in_lab(|| {
        let net = Uplinks::new();
        net.peer
            .ip("route add 10.1.0.1 via 10.2.0.1\nroute add fd01::1 via fd02::1");
        for family in &FAMILIES {
            for arguments in [&[][..], &["-I", "cli0"], &["--source", family.sources[0]]] {
                let (story, [first, second]) = net.watched_visit(family, arguments);
                let sent = from(&first, family.sources[0]);
                let came = from(&second, family.service);
                assert_eq!(*story.at("local.interface"), "cli0");
                assert_eq!(sent.len(), first.segments().len());
                assert_eq!(came.len(), second.segments().len());
                assert_eq!(story.segments(), sent.len() + came.len());
            }
        }
    });
}

#[test]
fn policy_routing_goes_by_the_source() {
    in_lab(|| {
        let net = Uplinks::new();
        for family in &FAMILIES {
            let [near, other] = family.sources;
            for (arguments, source, uplink) in [
                (&[][..], near, 0),
                (&["--source", near], near, 0),
                (&["--source", other], other, 1),
                (&["-I", "cli0"], near, 0),
                (&["-I", "cli1"], other, 1),
                (&["-I", "cli0", "--source", near], near, 0),
                (&["-I", "cli1", "--source", other], other, 1),
            ] {
                let (story, witnesses) = net.watched_visit(family, arguments);
                assert_eq!(*story.at("local.addr"), source, "{arguments:?}");
                assert_eq!(*story.at("local.interface"), ["cli0", "cli1"][uplink]);
                assert_eq!(story.segments(), witnesses[uplink].segments().len());
                assert_eq!(witnesses[1 - uplink].segments(), []);
            }
        }
    });
}

#[test]
fn net_raw_alone_chooses_the_uplink() {
    in_lab(|| {
        let net = Uplinks::new();
        for family in &FAMILIES {
            let listener = net.peer.listen(SocketAddr::new(address(family.service), 0));
            let target = listener.address().to_string();
            let arguments = ["--json", "--end=syn-rst", "-I", "cli1", &target];
            let finished = tcpshake(&net.client, &arguments).with_only(&["net_raw"]);
            let finished = finished.run();
            assert_eq!(finished.code(), 0, "{finished:?}");
            let local = &finished.json()[0]["local"];
            assert_eq!(local["interface"], "cli1");
            assert_eq!(local["addr"], family.sources[1]);
        }
    });
}

#[test]
fn a_source_may_leave_by_the_other_uplink_where_a_route_leads_there() {
    in_lab(|| {
        let net = Uplinks::new();
        for (family, gateway) in FAMILIES.iter().zip(["10.2.0.2", "fd02::2"]) {
            let [near, _] = family.sources;
            net.client.ip(&format!(
                "route add default via {gateway} table 101 metric 4096"
            ));
            let (story, [first, second]) =
                net.watched_visit(family, &["--source", near, "-I", "cli1"]);
            assert_eq!(*story.at("local.addr"), near);
            assert_eq!(*story.at("local.interface"), "cli1");
            // The peer answers where its own routes lead.
            assert_eq!(first.segments(), from(&first, family.service));
            assert_eq!(second.segments(), from(&second, near));
        }
    });
}

#[test]
fn a_source_without_a_route_by_the_interface_is_told() {
    in_lab(|| {
        let net = Uplinks::new();
        let arguments = ["[fd09::1]:80", "--source", "fd01::1", "-I", "cli1"];
        let finished = tcpshake(&net.client, &arguments).run();
        assert_eq!(finished.code(), 6, "{finished:?}");
        assert_eq!(finished.stdout, "");
        assert_eq!(
            finished.stderr,
            "tcpshake: no route to fd09::1: no entry in the routing table leads there \
             (see `ip route get fd09::1 from fd01::1 oif cli1`)\n"
        );

        net.client
            .sysctl("net/ipv4/neigh/cli1/retrans_time_ms", "100");
        // The kernel takes an IPv4 destination for a neighbour, which is not there to answer.
        let arguments = [
            "--json",
            "10.8.0.1:80",
            "--source",
            "10.1.0.1",
            "-I",
            "cli1",
        ];
        let finished = tcpshake(&net.client, &arguments).run();
        assert_eq!(finished.code(), 5, "{finished:?}");
        let line = finished.json().remove(0);
        assert_eq!(line["reason"], "host-unreach", "{line:#}");
        assert_eq!(line["icmp"]["from"], "10.1.0.1", "{line:#}");
        assert_eq!(line["anomalies"][0]["id"], "not-sent", "{line:#}");
        assert_eq!(line["local"]["interface"], serde_json::Value::Null);
    });
}

#[test]
fn a_marked_packet_is_reported_where_it_left() {
    in_lab(|| {
        let net = Uplinks::new();
        net.client.nft(
            "table inet t { chain c { type route hook output priority mangle;
             tcp flags & (syn|ack) == syn meta mark set 7; }; }",
        );
        for option in ["-4", "-6"] {
            net.client
                .rule(option, &["fwmark", "7", "lookup", "102", "pref", "10"]);
        }
        for family in &FAMILIES {
            let (story, [first, second]) = net.watched_visit(family, &[]);
            assert_eq!(*story.at("local.interface"), "cli1");
            assert_eq!(*story.at("local.addr"), family.sources[0]);
            let [syn] = &second.segments()[..] else {
                panic!("{second:?}")
            };
            assert_eq!(syn.1.flags, Segment::SYN);
            assert_eq!(story.segments(), 1 + first.segments().len());
        }
    });
}

/// The client's addresses on its two uplinks, and the one address of the peer.
struct Family {
    sources: [&'static str; 2],
    service: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        sources: ["10.1.0.1", "10.2.0.1"],
        service: "10.9.0.1",
    },
    Family {
        sources: ["fd01::1", "fd02::1"],
        service: "fd09::1",
    },
];

/// A client whose routes lead by cli0, unless the source is the address of cli1; and a peer at the
/// far end of both, with an address of its own.
struct Uplinks {
    client: Namespace,
    peer: Namespace,
}

impl Uplinks {
    fn new() -> Uplinks {
        let (client, peer) = (Namespace::new(), Namespace::new());
        let end = |host, interface, addresses| End {
            host,
            interface,
            addresses,
        };
        lay_wire(
            &end(
                &client,
                "cli0",
                &["10.1.0.1/24", "fd01::1/64", "fe80::1/64"],
            ),
            &end(&peer, "srv0", &["10.1.0.2/24", "fd01::2/64", "fe80::2/64"]),
            1500,
        );
        lay_wire(
            &end(
                &client,
                "cli1",
                &["10.2.0.1/24", "fd02::1/64", "fe80::1/64"],
            ),
            &end(&peer, "srv1", &["10.2.0.2/24", "fd02::2/64", "fe80::2/64"]),
            1500,
        );
        peer.ip("address add 10.9.0.1/32 dev lo\naddress add fd09::1/128 dev lo nodad");
        for (table, gateways) in [
            ("main", ["10.1.0.2", "fd01::2"]),
            ("101", ["10.1.0.2", "fd01::2"]),
            ("102", ["10.2.0.2", "fd02::2"]),
        ] {
            for gateway in gateways {
                client.ip(&format!("route add default via {gateway} table {table}"));
            }
        }
        for (family, option) in FAMILIES.iter().zip(["-4", "-6"]) {
            for (source, table) in family.sources.iter().zip(["101", "102"]) {
                client.rule(option, &["from", source, "lookup", table]);
            }
        }
        // The stricter of the two for `all` and for the interface applies.
        for (host, interfaces) in [(&client, ["cli0", "cli1"]), (&peer, ["srv0", "srv1"])] {
            for entry in interfaces.iter().chain(&["all"]) {
                host.sysctl(&format!("net/ipv4/conf/{entry}/rp_filter"), "0");
            }
        }
        Uplinks { client, peer }
    }

    /// With a witness on each uplink.
    fn watched_visit(&self, family: &Family, arguments: &[&str]) -> (Story, [Recording; 2]) {
        let witnesses = ["cli0", "cli1"].map(|interface| self.client.capture(interface, "tcp"));
        let host = match family.service.contains(':') {
            true => format!("[{}]", family.service),
            false => family.service.to_owned(),
        };
        let story = visit(&self.client, &self.peer, &host, arguments);
        (story, witnesses.map(Capture::stop))
    }
}

fn from(recording: &Recording, sender: &str) -> Vec<(Stamp, Segment)> {
    let sender = address(sender);
    let mut segments = recording.segments();
    segments.retain(|(_, segment)| segment.source.ip() == sender);
    segments
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
