//! What this host itself refuses or cannot deliver: told apart from what the network does.

mod lab;

use serde_json::{Value, json};

use lab::{Finished, Namespace, Pair, in_lab, tcpshake};

#[test]
fn without_a_route_nothing_is_sent() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        for target in ["192.0.2.1", "2001:db8::1"] {
            let told = no_route(target, "no entry in the routing table leads there");
            is_not_probed(&client, target, "no-route", &told);
        }
    });
}

#[test]
fn a_route_that_refuses_is_named() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        for (kind, meaning) in [
            ("blackhole", "a route of type blackhole swallows it"),
            ("prohibit", "a route of type prohibit refuses it"),
            ("unreachable", "a route of type unreachable refuses it"),
        ] {
            for (target, network) in [
                ("192.0.2.1", "192.0.2.0/24"),
                ("2001:db8::1", "2001:db8::/32"),
            ] {
                client.ip(&format!("route add {kind} {network}"));
                is_not_probed(&client, target, "no-route", &no_route(target, meaning));
                client.ip(&format!("route del {kind} {network}"));
            }
        }
    });
}

#[test]
fn a_local_firewall_is_told_from_one_on_the_way() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listeners = ["10.0.0.2:80", "[fd00::2]:80"]
            .map(|address| peer.listen(address.parse::<std::net::SocketAddr>().unwrap()));
        for hook in ["output", "postrouting"] {
            client.nft(&format!(
                "flush ruleset
                table inet t {{ chain c {{ type filter hook {hook} priority 0;
                    tcp dport 80 drop; }}; }}"
            ));
            for (target, shown) in [("10.0.0.2", "10.0.0.2:80"), ("fd00::2", "[fd00::2]:80")] {
                let told = format!(
                    "{shown}: nothing was sent: \
                     a local packet filter or connection tracking refused it (EPERM)"
                );
                is_not_probed(&client, target, "local-firewall", &told);
            }
        }
    });
}

#[test]
fn a_neighbour_that_does_not_answer_is_unreachable_by_our_own_kernel() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        for family in ["ipv4", "ipv6"] {
            client.sysctl(&format!("net/{family}/neigh/cli0/mcast_solicit"), "1");
            client.sysctl(&format!("net/{family}/neigh/cli0/retrans_time_ms"), "50");
        }
        for (target, from, icmp_type, code) in [
            ("10.0.0.99:80", "10.0.0.1", 3, 1),
            ("[fd00::99]:80", "fd00::1", 1, 3),
        ] {
            let finished = tcpshake(&client, &["--json", target]).run();
            let line = only_line(&finished);
            assert_eq!(line["verdict"], "unreachable");
            assert_eq!(line["reason"], "host-unreach");
            assert_eq!(line["peer"], Value::Null);
            let icmp = json!({
                "type": icmp_type,
                "code": code,
                "from": from,
                "reason": "host-unreach",
                "t_ns": 0,
            });
            assert_eq!(line["icmp"], icmp);
            assert_eq!(line["segments"], json!([]));
            assert_eq!(line["handshake"]["rtt_ns"], Value::Null);
            assert_eq!(line["anomalies"][0]["id"], "not-sent");
            assert_eq!((finished.code(), &*finished.stderr), (5, ""));

            let quiet = tcpshake(&client, &["-q", target]).run();
            let told = format!(
                "{target} unreachable: the next hop did not answer; this host itself says \
                 host-unreach (ICMP type {icmp_type} code {code}).\n"
            );
            assert_eq!((quiet.stdout, quiet.stderr), (told, String::new()));
        }
    });
}

#[test]
fn without_the_patience_for_our_own_kernels_word_it_is_silence() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        for limit in [
            ["-W10ms", "--retries=1"],
            ["--deadline=30ms", "--retries=2"],
        ] {
            for target in ["10.0.0.99:80", "[fd00::99]:80"] {
                let finished = tcpshake(&client, &["--json", target]).args(&limit).run();
                let line = only_line(&finished);
                assert_eq!(line["verdict"], "filtered", "{line:#}");
                assert_eq!(line["reason"], "no-response");
                assert_eq!(line["segments"], json!([]));
                assert_eq!(line["anomalies"][0]["id"], "not-sent");
                assert_eq!((finished.code(), &*finished.stderr), (4, ""));
            }
        }
    });
}

fn no_route(target: &str, why: &str) -> String {
    format!("no route to {target}: {why} (see `ip route get {target}`)")
}

/// In JSON it is a line without a verdict, for people a line on standard error; nothing is sent.
fn is_not_probed(client: &Namespace, target: &str, reason: &str, told: &str) {
    let capture = client.capture("cli0", "tcp");
    let finished = tcpshake(client, &["--json", "-p80", target]).run();
    let line = only_line(&finished);
    assert_eq!(line["verdict"], Value::Null);
    assert_eq!(line["reason"], reason);
    assert_eq!(line["target"]["addr"], target);
    assert_eq!(line["peer"], Value::Null);
    assert_eq!(line["icmp"], Value::Null);
    assert_eq!(line["segments"], json!([]));
    assert_eq!(line["handshake"]["syn_sent"], 0);
    let told = format!("tcpshake: {told}\n");
    assert_eq!((finished.code(), &*finished.stderr), (6, &*told));
    for form in [&["-q"][..], &[]] {
        let finished = tcpshake(client, form).args(&["-p80", target]).run();
        assert_eq!((finished.stdout.as_str(), &*finished.stderr), ("", &*told));
        assert_eq!(finished.code(), 6);
    }
    assert_eq!(capture.stop().segments(), []);
}

fn only_line(finished: &Finished) -> Value {
    let mut lines = finished.json();
    assert_eq!(lines.len(), 1, "{finished:?}");
    lines.remove(0)
}
