//! The MTU of a link: the MSS that follows from it, and frames that are larger.

mod lab;
mod stage;

use lab::{Bridged, Namespace, Pair, in_lab};
use stage::{App, Family, POURED, Stage, Story, visit, visit_to};

const HOSTS: [&str; 2] = ["10.0.0.2", "[fd00::2]"];

#[test]
fn the_mss_is_what_the_mtu_leaves() {
    in_lab(|| {
        for (mtu, mss) in [(1280, [1240, 1220]), (9000, [8960, 8940])] {
            let Pair { client, peer } = Pair::with_mtu(mtu);
            for (host, mss) in HOSTS.into_iter().zip(mss) {
                let story = visit(&client, &peer, host, &[]);
                assert_eq!(mss_of_our_syn(&story), mss);
                assert_eq!(*story.at("peer.mss"), mss);
            }
        }
    });
}

#[test]
fn the_mss_is_the_one_of_the_kernels_own_syn() {
    in_lab(|| {
        let Pair { client, peer } = Pair::with_mtu(9000);
        let both_ways = |peer, host, interface| {
            let story = visit(&client, peer, host, &[]);
            let kernel = mss_of_the_kernel(&client, peer, host, interface);
            assert_eq!(mss_of_our_syn(&story), kernel, "{host}");
            kernel
        };
        for host in ["127.0.0.1", "[::1]"] {
            both_ways(&client, host, "lo");
        }
        for host in HOSTS {
            both_ways(&peer, host, "cli0");
        }
        // A route may be narrower than its link.
        client.ip("route add 10.0.0.2 dev cli0 mtu 1400\nroute add fd00::2 dev cli0 mtu 1400");
        let narrow = HOSTS.map(|host| both_ways(&peer, host, "cli0"));
        assert_eq!(narrow, [1360, 1340]);
    });
}

#[test]
fn frames_larger_than_the_mtu_are_taken_whole() {
    in_lab(|| {
        for mtu in [1500, 9000] {
            let Pair { client, peer } = Pair::with_mtu(mtu);
            takes_all(&client, &peer, mtu);
        }
    });
}

#[test]
fn frames_larger_than_the_mtu_count_once_on_a_bridge() {
    in_lab(|| {
        let Bridged { client, peer } = Bridged::new();
        takes_all(&client, &peer, 1500);
    });
}

/// RFC 1191 and RFC 8201: what was too large for it is sent again.
#[test]
fn a_narrower_link_on_the_path_gets_smaller_segments() {
    in_lab(|| {
        let stage = Stage::new();
        stage.router.ip("link set far mtu 1400");
        let text = "x".repeat(4000);
        for (family, largest) in Family::BOTH.into_iter().zip([1348, 1328]) {
            let act = stage.act(family, App::Closing);
            let asks = act.begin(&["--send", &text, "--hold", "100ms"]);
            let story = Story::of(&asks.finish());
            act.server.end();
            assert_eq!(*story.at("close.outcome"), "in-order", "{}", story.json);
            assert_eq!(*story.at("data.sent"), 4000);
            assert_eq!(*story.at("kernel_rst"), 0);
            let anomalies = story.at("anomalies").as_array().expect("a list");
            let ids: Vec<_> = anomalies.iter().map(|it| it["id"].as_str()).collect();
            assert_eq!(ids[..2], [Some("path-mtu"), Some("data-retransmitted")]);
            let again = &anomalies[1]["t_ns"];
            let segments = story.at("segments").as_array().expect("the segments");
            let later = segments.iter().filter(|segment| {
                segment["dir"] == "out" && segment["t_ns"].as_i64() >= again.as_i64()
            });
            let longest = later.map(|segment| segment["len"].as_u64()).max();
            assert_eq!(longest, Some(Some(largest)), "{}", story.json);
        }
    });
}

fn takes_all(client: &Namespace, peer: &Namespace, mtu: u16) {
    for host in HOSTS {
        for end in ["half", "passive"] {
            let story = visit_to(App::Pouring, client, peer, host, &["--end", end]);
            assert_eq!(*story.at("data.received"), POURED, "{:#}", story.json);
            let lengths = lengths_received(&story);
            assert_eq!(lengths.iter().sum::<u64>(), POURED as u64);
            let longest = lengths.into_iter().max();
            assert!(
                longest > Some(mtu.into()),
                "{longest:?} in {:#}",
                story.json
            );
        }
    }
}

fn lengths_received(story: &Story) -> Vec<u64> {
    let segments = story
        .at("segments")
        .as_array()
        .expect("the segments")
        .iter();
    let received = segments.filter(|segment| segment["dir"] == "in");
    received
        .map(|segment| segment["len"].as_u64().expect("a length"))
        .collect()
}

fn mss_of_our_syn(story: &Story) -> u16 {
    let options = story.at("segments.0.options").as_str().expect("options");
    mss_in(options)
}

/// As tcpdump prints it.
fn mss_of_the_kernel(client: &Namespace, peer: &Namespace, host: &str, interface: &str) -> u16 {
    let address = format!("{host}:0").parse::<std::net::SocketAddr>();
    let listener = peer.listen(address.expect("an address"));
    let capture = client.capture(interface, "tcp");
    client.connect(listener.address());
    mss_in(&capture.stop().printed()[0])
}

fn mss_in(options: &str) -> u16 {
    let (_, mss) = options.split_once("mss ").expect("an MSS");
    let digits = mss.split(|c: char| !c.is_ascii_digit()).next();
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("a number")
}
