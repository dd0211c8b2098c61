//! Every mistake is one clear line and the right exit status, and nothing is sent.

mod lab;

use std::net::SocketAddr;

use serde_json::Value;

use lab::{CLIENT_V4, Finished, Namespace, Pair, Program, in_lab, tcpshake};

const USAGE: i32 = 2;
const CANNOT_PROBE: i32 = 6;

#[test]
fn a_mistake_on_the_command_line_is_named() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        let capture = client.capture("cli0", NOT_NEIGHBOURS);
        let target = "10.0.0.2:80";
        for (arguments, told) in [
            (&[][..], &["no target", "HOST:PORT"][..]),
            (&["probe"], &["no target"]),
            (&[""], &["empty", "HOST:PORT"]),
            (&["10.0.0.2"], &["10.0.0.2", "no port", "--ports"]),
            (&["2001:db8::1"], &["no port", "[2001:db8::1]:443"]),
            (&[":80"], &["no host"]),
            (&["[]:80"], &["no host"]),
            (&["10.0.0.2:"], &["no port"]),
            (&["10.0.0.2:0"], &["port 0", "1 to 65535"]),
            (&["10.0.0.2:65536"], &["port 65536", "1 to 65535"]),
            (&["-p", "0", "10.0.0.2"], &["port 0", "1 to 65535"]),
            (&["10.0.0.2:80,0"], &["port 0"]),
            (&["10.0.0.2:9-7"], &["9-7", "backwards"]),
            (&["10.0.0.2:80,,81"], &["no port"]),
            (&["10.0.0.2:80-"], &["80-"]),
            (&["10.0.0.2:-1"], &["-1"]),
            (&["10.0.0.2:+80"], &["+80"]),
            (&["10.0.0.2: 80"], &["\" 80\""]),
            (&["10.0.0.2:frob"], &["unknown service", "frob"]),
            (&["[fd00::2:80"], &["bracket", "not closed"]),
            (&["fd00::2]:80"], &["fd00::2]:80", "bracket"]),
            (&["[[fd00::2]:80"], &["[[fd00::2]:80"]),
            (&["[fd00::2]]:80"], &["after the bracket"]),
            (&["[fd00::2]80"], &["after the bracket"]),
            (&["[fd00::x]:80"], &["not an IPv6 address"]),
            (&["10.0.0.2%cli0:80"], &["zone"]),
            (&["[fe80::2]:80"], &["fe80::2", "interface"]),
            (&["224.0.0.1:80"], &["multicast"]),
            (&["[ff02::1]:80"], &["multicast"]),
            (&["255.255.255.255:80"], &["broadcast"]),
            (&["10.0.0.255:80"], &["10.0.0.255", "broadcast"]),
            (&["0.0.0.0:80"], &["unspecified"]),
            (&["-4", "[fd00::2]:80"], &["fd00::2", "-4"]),
            (&["-6", target], &["10.0.0.2", "-6"]),
            (&["-4", "-6", target], &["--ipv4", "--ipv6"]),
            (&["--source", "fd00::1", target], &["--source", "fd00::1"]),
            (&["--ttl", "0", target], &["--ttl", "1..=255"]),
            (&["--ttl", "256", target], &["--ttl", "1..=255"]),
            (&["--dscp", "64", target], &["--dscp", "64"]),
            (&["--isn", "4294967296", target], &["--isn", "4294967295"]),
            (&["--isn", "0xg", target], &["--isn", "hexadecimal"]),
            (&["--source-port", "0", target], &["--source-port", "0"]),
            (
                &["--source-port", "65536", target],
                &["--source-port", "65536"],
            ),
            (&["--mss", "65536", target], &["--mss", "65536", "none"]),
            (&["--wscale", "256", target], &["--wscale", "256", "none"]),
            (&["--option", "254", target], &["--option", "KIND:HEX"]),
            (&["--option", "254:0", target], &["--option", "hexadecimal"]),
            (&["--option", "256:00", target], &["--option", "256"]),
            (&["--fastopen=xy", target], &["--fastopen", "hexadecimal"]),
            (&["--guard", "frob", target], &["--guard", "frob", "md5"]),
            (&["--end", "frob", target], &["--end", "frob", "syn-rst"]),
            (
                &["--syn-like", "frob", target],
                &["--syn-like", "frob", "linux"],
            ),
            (&["--timeout", "5", target], &["--timeout", "'5'"]),
            (&["--timeout", "0s", target], &["--timeout", "0s"]),
            (&["--hold", "soon", target], &["--hold", "soon"]),
            (&["--deadline", "-1s", target], &["-1"]),
            (&["--retries", "31", target], &["--retries", "31"]),
            (&["-c", "0", target], &["--count", "0"]),
            (&["-c", "many", target], &["--count", "many"]),
            (&["-c", "2", "-i", "soon", target], &["--interval", "soon"]),
            (&["-i", "1s", target], &["--count"]),
            (
                &["--expect", "verdict", target],
                &["--expect", "KEY OP VALUE"],
            ),
            (
                &["--expect", "verdikt=open", target],
                &["no key", "verdikt"],
            ),
            (&["--expect", "peer.mtu>1", target], &["peer.mtu", "mss"]),
            (
                &["--expect", "verdict=opne", target],
                &["opne", "open, closed"],
            ),
            (
                &["--expect", "verdict>open", target],
                &["verdict", "no order"],
            ),
            (
                &["--expect", "rtt.p99<50", target],
                &["rtt.p99", "duration"],
            ),
            (
                &["--expect", "peer.sack=1", target],
                &["peer.sack", "true or false"],
            ),
            (&["--color", "frob", target], &["--color", "frob", "never"]),
            (&["--json", "-q", target], &["--json", "--quiet"]),
            (&["--frob", target], &["--frob"]),
            (&["--ttl"], &["--ttl"]),
            (&["completions"], &["SHELL"]),
            (&["completions", "frob"], &["frob", "bash"]),
            (&["demo", "frob"], &["frob"]),
        ] {
            refuses(&client, arguments, USAGE, told);
        }
        assert_eq!(capture.stop().packets, []);
    });
}

#[test]
fn options_that_do_not_fit_are_counted() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        let capture = client.capture("cli0", NOT_NEIGHBOURS);
        let half = "--option=254:00112233445566778899";
        for (arguments, bytes) in [
            (&[half, half, "10.0.0.2:80"][..], "44 bytes"),
            (
                &[
                    "--fastopen=0011223344556677",
                    "--option=254:001122334455667788",
                    half,
                    "10.0.0.2:80",
                ],
                "bytes",
            ),
        ] {
            refuses(&client, arguments, USAGE, &[bytes, "40"]);
        }
        assert_eq!(capture.stop().packets, []);
    });
}

#[test]
fn what_this_host_cannot_do_is_named_with_a_way_out() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        let capture = client.capture("cli0", NOT_NEIGHBOURS);
        let busy = client.listen((CLIENT_V4, 0));
        let port = busy.port().to_string();
        let target = "10.0.0.2:80";
        for (arguments, told) in [
            (
                &["-I", "nosuch0", target][..],
                &["--interface", "nosuch0", "ip link"][..],
            ),
            (&["[fe80::2%nosuch0]:80"], &["nosuch0"]),
            (
                &["--source", "10.0.0.77", target],
                &["--source", "10.0.0.77", "ip address"],
            ),
            (
                &["--source", "fd00::77", "[fd00::2]:80"],
                &["--source", "fd00::77"],
            ),
            (
                &["--source-port", &port, target],
                &["--source-port", &port, "in use"],
            ),
        ] {
            refuses(&client, arguments, CANNOT_PROBE, told);
        }
        let reserved = tcpshake(&client, &["--source-port=80", target]).with_only(&["net_raw"]);
        is_refused(
            &reserved.run(),
            CANNOT_PROBE,
            &["--source-port", "80", "1024"],
        );
        assert_eq!(capture.stop().packets, []);
    });
}

#[test]
fn without_privilege_the_exact_setcap_line_is_told() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        let program = env!("CARGO_BIN_EXE_tcpshake");
        for capabilities in [&[][..], &["net_admin"]] {
            let finished = tcpshake(&client, &["10.0.0.2:80"])
                .with_only(capabilities)
                .run();
            assert_eq!(
                finished.stderr,
                format!(
                    "tcpshake: raw sockets need CAP_NET_RAW: run it with sudo, or once: \
                     sudo setcap cap_net_raw+ep {program}\n"
                )
            );
            is_refused(&finished, CANNOT_PROBE, &[]);
        }
    });
}

#[test]
fn a_name_without_an_address_is_a_line_without_a_verdict() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        for (arguments, hosts, told) in [
            (
                &["nosuch.example:80"][..],
                "",
                &["nosuch.example", "not found"][..],
            ),
            (
                &["-4", "six.example:80"],
                "fd00::2 six.example",
                &["six.example", "IPv4", "-4"],
            ),
            (
                &["-6", "four.example:80"],
                "10.0.0.2 four.example",
                &["four.example", "IPv6", "-6"],
            ),
        ] {
            let capture = client.capture("cli0", NOT_NEIGHBOURS);
            let run = |form| {
                tcpshake(&client, &[form])
                    .args(arguments)
                    .hosts(hosts)
                    .run()
            };
            let finished = run("--json");
            let lines = finished.json();
            let [line] = &lines[..] else {
                panic!("{finished:?}")
            };
            assert_eq!(line["verdict"], Value::Null);
            assert_eq!(line["reason"], "name-not-found");
            let name = arguments.last().unwrap().strip_suffix(":80").unwrap();
            assert_eq!(line["target"]["name"], name);
            assert_eq!(line["target"]["addr"], Value::Null);
            is_one_line(&finished, CANNOT_PROBE, told);
            is_refused(&run("--quiet"), CANNOT_PROBE, told);
            assert_eq!(capture.stop().packets, []);
        }
    });
}

#[test]
fn a_name_is_probed_at_its_first_address_or_at_all() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listeners = ["10.0.0.2:80", "[fd00::2]:80"]
            .map(|address| peer.listen(address.parse::<SocketAddr>().unwrap()));
        let hosts = "10.0.0.2 two.example\nfd00::2 two.example";
        let run = |arguments: &[&str]| -> Finished {
            let program: Program =
                tcpshake(&client, &["--json", "--end=syn-rst", "two.example:80"]);
            program.args(arguments).hosts(hosts).run()
        };
        for (option, address) in [("-4", "10.0.0.2"), ("-6", "fd00::2")] {
            let finished = run(&[option]);
            assert_eq!(addresses(&finished), [address]);
            assert_eq!((finished.code(), &*finished.stderr), (0, ""));
        }
        assert_eq!(addresses(&run(&[])).len(), 1);
        let finished = run(&["--all-addresses"]);
        let mut all = addresses(&finished);
        all.sort();
        assert_eq!(all, ["10.0.0.2", "fd00::2"]);
        assert_eq!((finished.code(), &*finished.stderr), (0, ""));
        assert_eq!(addresses(&run(&["--all-addresses", "-6"])), ["fd00::2"]);
    });
}

#[test]
fn an_ipv4_address_in_ipv6_clothes_is_an_ipv4_address() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _listener = peer.listen("10.0.0.2:80".parse::<SocketAddr>().unwrap());
        let arguments = ["--json", "--end=syn-rst", "[::ffff:10.0.0.2]:80"];
        let finished = tcpshake(&client, &arguments).run();
        assert_eq!(addresses(&finished), ["10.0.0.2"]);
        assert_eq!(finished.code(), 0);
    });
}

/// What is not the kernel's own talk with its neighbours.
const NOT_NEIGHBOURS: &str = "ip or (ip6 and (tcp or udp))";

/// Both in JSON and for people.
fn refuses(client: &Namespace, arguments: &[&str], status: i32, told: &[&str]) {
    is_refused(&tcpshake(client, arguments).run(), status, told);
    let has_target = arguments.last().is_some_and(|last| last.contains(':'));
    if has_target && !arguments.contains(&"--json") {
        let arguments = [&["--json"], arguments].concat();
        is_refused(&tcpshake(client, &arguments).run(), status, told);
    }
}

fn is_refused(finished: &Finished, status: i32, told: &[&str]) {
    is_one_line(finished, status, told);
    assert_eq!(finished.stdout, "", "{finished:?}");
}

fn is_one_line(finished: &Finished, status: i32, told: &[&str]) {
    let line = &finished.stderr;
    assert_eq!(finished.code(), status, "{finished:?}");
    assert!(
        line.starts_with("tcpshake: ") && line.ends_with('\n'),
        "{finished:?}"
    );
    assert_eq!(line.lines().count(), 1, "{finished:?}");
    for word in told {
        assert!(line.contains(word), "{word:?} is not in {line:?}");
    }
}

fn addresses(finished: &Finished) -> Vec<String> {
    let lines = finished.json();
    let probes = lines.iter().filter(|line| line["type"] == "probe");
    probes
        .map(|line| {
            assert_eq!(line["verdict"], "open", "{line:#}");
            line["target"]["addr"]
                .as_str()
                .expect("an address")
                .to_owned()
        })
        .collect()
}
