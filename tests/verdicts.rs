//! Open, closed, filtered, unreachable: each verdict with its reason, evidence and exit status.

mod lab;

use std::net::IpAddr;

use serde_json::{Value, json};

use lab::{End, Finished, Namespace, PEER_V4, PEER_V6, Pair, in_lab, lay_wire, tcpshake};

/// `reject with icmp type ...` of nftables, the ICMP type and code that it sends, and what they
/// mean by the contract; the reason is nmap's word (portreasons.cc).
const REJECTS_V4: [(&str, u8, u8, &str, &str, i32); 7] = [
    ("net-unreachable", 3, 0, "unreachable", "net-unreach", 5),
    ("host-unreachable", 3, 1, "unreachable", "host-unreach", 5),
    ("prot-unreachable", 3, 2, "unreachable", "proto-unreach", 5),
    ("port-unreachable", 3, 3, "unreachable", "port-unreach", 5),
    ("net-prohibited", 3, 9, "filtered", "net-prohibited", 4),
    ("host-prohibited", 3, 10, "filtered", "host-prohibited", 4),
    ("admin-prohibited", 3, 13, "filtered", "admin-prohibited", 4),
];

const REJECTS_V6: [(&str, u8, u8, &str, &str, i32); 6] = [
    ("no-route", 1, 0, "unreachable", "no-route", 5),
    ("admin-prohibited", 1, 1, "filtered", "admin-prohibited", 4),
    ("addr-unreachable", 1, 3, "unreachable", "host-unreach", 5),
    ("port-unreachable", 1, 4, "unreachable", "port-unreach", 5),
    ("policy-fail", 1, 5, "unreachable", "admin-prohibited", 5),
    ("reject-route", 1, 6, "unreachable", "reject-route", 5),
];

#[test]
fn a_listener_is_open() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        for address in [PEER_V4, PEER_V6] {
            let listener = peer.listen((address, 0));
            let target = listener.address().to_string();
            let (line, finished) = probe(&client, &["--end=syn-rst", &target]);
            assert_eq!(verdict_of(&line, &finished), ("open", "syn-ack", 0));
            assert_eq!(line["icmp"], Value::Null);
            assert_eq!(line["peer"]["ttl"], 64);
            assert!(line["handshake"]["rtt_ns"].is_u64());
        }
    });
}

#[test]
fn a_port_without_a_listener_is_closed() {
    in_lab(|| {
        let pair = Pair::new();
        for target in ["10.0.0.2:81", "[fd00::2]:81"] {
            is_closed_by_reset(&pair.client, target, 64);
        }
    });
}

#[test]
fn a_firewall_that_drops_makes_it_filtered() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        filter(&peer, "input", "drop");
        for target in ["10.0.0.2:80", "[fd00::2]:80"] {
            let arguments = ["-W", "10ms", "--retries", "1", target];
            let (line, finished) = probe(&client, &arguments);
            assert_eq!(verdict_of(&line, &finished), ("filtered", "no-response", 4));
            assert_eq!(evidence(&line), [&Value::Null; 2]);
            assert_eq!(line["handshake"]["rtt_ns"], Value::Null);
            assert_eq!(line["handshake"]["syn_sent"], 2);
            assert_eq!(line["close"]["outcome"], "not-attempted");
            assert_eq!(flags(&line), ["S", "S", "R"]);
            let quiet = tcpshake(&client, &["-q"]).args(&arguments).run();
            let expected = format!("{target} filtered: no answer to 2 SYNs in ");
            assert!(quiet.stdout.starts_with(&expected), "{quiet:?}");
        }
    });
}

#[test]
fn each_icmp_code_of_a_firewall_on_the_peer_has_its_reason() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        unlimited_icmp(&peer);
        for reject in REJECTS_V4 {
            filter(
                &peer,
                "input",
                &format!("reject with icmp type {}", reject.0),
            );
            is_rejected(&client, "10.0.0.2:80", "10.0.0.2", reject);
        }
        for reject in REJECTS_V6 {
            filter(
                &peer,
                "input",
                &format!("reject with icmpv6 type {}", reject.0),
            );
            is_rejected(&client, "[fd00::2]:80", "fd00::2", reject);
        }
    });
}

#[test]
fn each_icmp_code_of_a_router_on_the_way_has_its_reason() {
    in_lab(|| {
        let Way {
            client,
            router,
            peer: _peer,
        } = Way::new();
        for reject in REJECTS_V4 {
            filter(
                &router,
                "forward",
                &format!("reject with icmp type {}", reject.0),
            );
            is_rejected(&client, "10.2.0.2:80", "10.1.0.1", reject);
        }
        for reject in REJECTS_V6 {
            filter(
                &router,
                "forward",
                &format!("reject with icmpv6 type {}", reject.0),
            );
            is_rejected(&client, "[fd02::2]:80", "fd01::1", reject);
        }
    });
}

#[test]
fn a_firewall_that_resets_makes_it_closed() {
    in_lab(|| {
        let Way {
            client,
            router,
            peer,
        } = Way::new();
        let _listeners = ["10.2.0.2", "fd02::2"].map(|address| {
            let address: IpAddr = address.parse().unwrap();
            peer.listen((address, 80))
        });
        filter(&peer, "input", "reject with tcp reset");
        for target in ["10.2.0.2:80", "[fd02::2]:80"] {
            is_closed_by_reset(&client, target, 63);
        }
        peer.nft("flush ruleset");
        filter(&router, "forward", "reject with tcp reset");
        for target in ["10.2.0.2:80", "[fd02::2]:80"] {
            is_closed_by_reset(&client, target, 64);
        }
    });
}

#[test]
fn a_ttl_that_ends_at_a_router_makes_it_unreachable() {
    in_lab(|| {
        let Way {
            client,
            router: _router,
            peer: _peer,
        } = Way::new();
        for (target, from, icmp_type) in [
            ("10.2.0.2:80", "10.1.0.1", 11),
            ("[fd02::2]:80", "fd01::1", 3),
        ] {
            let reject = ("", icmp_type, 0, "unreachable", "time-exceeded", 5);
            is_rejected_with(&client, &["--ttl=1", target], from, reject);
        }
    });
}

#[test]
fn a_router_without_a_route_makes_it_unreachable() {
    in_lab(|| {
        let Way {
            client,
            router: _router,
            peer: _peer,
        } = Way::new();
        for (target, from, icmp_type, reason) in [
            ("192.0.2.1:80", "10.1.0.1", 3, "net-unreach"),
            ("[2001:db8::1]:80", "fd01::1", 1, "no-route"),
        ] {
            let reject = ("", icmp_type, 0, "unreachable", reason, 5);
            is_rejected(&client, target, from, reject);
        }
    });
}

#[test]
fn the_timestamp_tells_which_of_two_syns_was_answered() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        lose_the_first_syn(&peer);
        for address in [PEER_V4, PEER_V6] {
            let listener = peer.listen((address, 80));
            let target = listener.address().to_string();
            let arguments = ["--end=syn-rst", "-W", "100ms", &target];
            let (line, finished) = probe(&client, &arguments);
            assert_eq!(verdict_of(&line, &finished), ("open", "syn-ack", 0));
            assert_eq!(line["handshake"]["syn_sent"], 2);
            assert_eq!(flags(&line), ["S", "S", "S.", "R"]);
            let time = |segment: usize| line["segments"][segment]["t_ns"].as_u64().unwrap();
            assert_eq!(line["handshake"]["rtt_ns"], time(2) - time(1));
            let [anomaly] = &line["anomalies"].as_array().unwrap()[..] else {
                panic!("{line:#}")
            };
            assert_eq!(anomaly["id"], "syn-retransmitted");
            assert_eq!(anomaly["t_ns"], time(1));

            let (line, finished) =
                probe(&client, &[&["--timestamps=none"], &arguments[..]].concat());
            assert_eq!(verdict_of(&line, &finished), ("open", "syn-ack", 0));
            assert_eq!(line["handshake"]["syn_sent"], 2);
            assert_eq!(line["handshake"]["rtt_ns"], Value::Null);
            assert_eq!(line["handshake"]["rtt_source"], Value::Null);
            assert_eq!(line["anomalies"][0]["id"], "syn-retransmitted");
        }
    });
}

/// Three hosts in a row; the router has no default route and sends as many ICMP errors as asked.
struct Way {
    client: Namespace,
    router: Namespace,
    peer: Namespace,
}

impl Way {
    fn new() -> Way {
        let [client, router, peer] = [(); 3].map(|()| Namespace::new());
        let end = |host, interface, addresses| End {
            host,
            interface,
            addresses,
        };
        lay_wire(
            &end(
                &client,
                "cli0",
                &["10.1.0.2/24", "fd01::2/64", "fe80::2/64"],
            ),
            &end(
                &router,
                "near",
                &["10.1.0.1/24", "fd01::1/64", "fe80::1/64"],
            ),
            1500,
        );
        lay_wire(
            &end(&router, "far", &["10.2.0.1/24", "fd02::1/64", "fe80::1/64"]),
            &end(&peer, "srv0", &["10.2.0.2/24", "fd02::2/64", "fe80::2/64"]),
            1500,
        );
        client.ip("route add default via 10.1.0.1");
        client.ip("route add ::/0 via fd01::1");
        peer.ip("route add default via 10.2.0.1");
        peer.ip("route add ::/0 via fd02::1");
        router.sysctl("net/ipv4/ip_forward", "1");
        router.sysctl("net/ipv6/conf/all/forwarding", "1");
        unlimited_icmp(&router);
        Way {
            client,
            router,
            peer,
        }
    }
}

fn unlimited_icmp(host: &Namespace) {
    host.sysctl("net/ipv4/icmp_ratelimit", "0");
    host.sysctl("net/ipv6/icmp/ratelimit", "0");
}

/// One rule for TCP to port 80, in place of all others.
fn filter(host: &Namespace, hook: &str, what: &str) {
    host.nft(&format!(
        "flush ruleset
        table inet t {{ chain c {{ type filter hook {hook} priority 0;
            tcp dport 80 {what}; }}; }}"
    ));
}

/// Drops the first SYN from each port.
fn lose_the_first_syn(host: &Namespace) {
    host.nft(
        "table inet t {
            set known { type inet_service; flags dynamic; };
            chain c { type filter hook input priority 0;
                tcp flags syn tcp sport != @known add @known { tcp sport } drop; };
        }",
    );
}

fn probe(client: &Namespace, arguments: &[&str]) -> (Value, Finished) {
    let finished = tcpshake(client, &["--json"]).args(arguments).run();
    assert_eq!(finished.stderr, "");
    let mut lines = finished.json();
    assert_eq!(lines.len(), 1, "{finished:?}");
    (lines.remove(0), finished)
}

fn is_rejected(
    client: &Namespace,
    target: &str,
    from: &str,
    reject: (&str, u8, u8, &str, &str, i32),
) {
    is_rejected_with(client, &[target], from, reject);
}

fn is_rejected_with(
    client: &Namespace,
    arguments: &[&str],
    from: &str,
    (name, icmp_type, code, verdict, reason, status): (&str, u8, u8, &str, &str, i32),
) {
    let (line, finished) = probe(client, arguments);
    assert_eq!(
        verdict_of(&line, &finished),
        (verdict, reason, status),
        "{name}: {line:#}"
    );
    let icmp = json!({
        "type": icmp_type,
        "code": code,
        "from": from,
        "reason": reason,
        "t_ns": line["elapsed_ns"],
    });
    assert_eq!(evidence(&line), [&Value::Null, &icmp], "{name}");
    assert_eq!(line["handshake"]["syn_sent"], 1);
    assert_eq!(line["close"]["outcome"], "not-attempted");
    assert_eq!(line["anomalies"], json!([]));
    assert_eq!(flags(&line), ["S"]);

    let quiet = tcpshake(client, &["-q"]).args(arguments).run();
    let target = arguments.last().expect("a target");
    let expected = format!(
        "{target} {verdict}: {from} says {reason} (ICMP type {icmp_type} code {code}) after "
    );
    assert!(quiet.stdout.starts_with(&expected), "{quiet:?}");
    assert!(quiet.stdout.ends_with(" ms.\n"), "{quiet:?}");
    assert_eq!((quiet.code(), &*quiet.stderr), (status, ""));
}

fn is_closed_by_reset(client: &Namespace, target: &str, ttl: u8) {
    let (line, finished) = probe(client, &[target]);
    assert_eq!(
        verdict_of(&line, &finished),
        ("closed", "reset", 3),
        "{line:#}"
    );
    assert_eq!(line["icmp"], Value::Null);
    assert_eq!(line["peer"]["ttl"], ttl, "{line:#}");
    assert_eq!(line["handshake"]["peer_isn"], Value::Null);
    assert_eq!(line["handshake"]["rtt_ns"], line["segments"][1]["t_ns"]);
    assert_eq!(line["close"]["outcome"], "not-attempted");
    assert_eq!(flags(&line), ["S", "R."]);
    let quiet = tcpshake(client, &["-q", target]).run();
    let expected = format!("{target} closed: the peer refused with RST. RTT ");
    assert!(quiet.stdout.starts_with(&expected), "{quiet:?}");
    assert_eq!((quiet.code(), &*quiet.stderr), (3, ""));
}

fn verdict_of<'a>(line: &'a Value, finished: &Finished) -> (&'a str, &'a str, i32) {
    let word = |key: &str| {
        line[key]
            .as_str()
            .unwrap_or_else(|| panic!("no {key}: {line:#}"))
    };
    (word("verdict"), word("reason"), finished.code())
}

fn evidence(line: &Value) -> [&Value; 2] {
    [&line["peer"], &line["icmp"]]
}

fn flags(line: &Value) -> Vec<&str> {
    let segments = line["segments"].as_array().expect("segments");
    segments
        .iter()
        .map(|segment| segment["flags"].as_str().expect("flags"))
        .collect()
}
