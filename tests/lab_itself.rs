//! The laboratory shows what is there, before anything is shown with it.

mod lab;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::time::Duration;

use nix::sys::signal::Signal;

use lab::{
    CLIENT_V4, CLIENT_V6, End, Namespace, PEER_V4, PEER_V6, Pair, Segment, in_lab, lay_wire,
    program, tcpshake, wait_until,
};

const NOT_LONG: Duration = Duration::from_millis(200);

#[test]
fn both_ends_of_a_connection_are_seen_from_established_to_time_wait() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        for address in [PEER_V4, PEER_V6] {
            let listener = peer.listen((address, 0));
            let mut active = client.connect(listener.address());
            let passive = listener.accept();
            let (near, far) = (active.local(), active.remote());
            assert_eq!(client.tcp_state(near, far), "ESTABLISHED");
            assert_eq!(peer.tcp_state(far, near), "ESTABLISHED");

            active.finish_writing();
            client.wait_for_tcp_state(near, far, "FIN-WAIT-2");
            peer.wait_for_tcp_state(far, near, "CLOSE-WAIT");
            passive.close();
            assert_eq!(active.read_to_end(), b"");
            client.wait_for_tcp_state(near, far, "TIME-WAIT");
            peer.wait_for_tcp_state(far, near, "CLOSED");
        }
    });
}

#[test]
fn data_crosses_and_a_reset_ends_both() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V6, 80));
        let mut active = client.connect(listener.address());
        let mut passive = listener.accept();
        active.write(b"question");
        assert_eq!(passive.read(8), b"question");
        let (near, far) = (active.local(), active.remote());
        passive.reset();
        client.wait_for_tcp_state(near, far, "CLOSED");
        peer.wait_for_tcp_state(far, near, "CLOSED");
    });
}

#[test]
fn a_capture_holds_every_segment_before_its_stop() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        for (host, interface) in [(&client, "cli0"), (&peer, "srv0")] {
            let capture = host.capture(interface, "tcp");
            let listener = peer.listen((PEER_V4, 0));
            let active = client.connect(listener.address());
            let (near, far) = (active.local(), active.remote());
            let passive = listener.accept();
            active.finish_writing();
            passive.close();
            client.wait_for_tcp_state(near, far, "TIME-WAIT");
            peer.wait_for_tcp_state(far, near, "CLOSED");
            let recording = capture.stop();

            let stamped = recording.segments();
            let (stamps, segments): (Vec<_>, Vec<_>) = stamped.into_iter().unzip();
            assert!(stamps.is_sorted());
            assert_eq!(segments[0].flags, Segment::SYN);
            assert_eq!((segments[0].source, segments[0].destination), (near, far));
            assert_eq!(segments[1].flags, Segment::SYN | Segment::ACK);
            assert_eq!(segments[1].ack, segments[0].seq.wrapping_add(1));
            assert_eq!(segments[2].flags, Segment::ACK);
            let fins = segments
                .iter()
                .filter(|segment| segment.flags & Segment::FIN != 0);
            assert_eq!(fins.count(), 2);
            assert_eq!(segments.last().map(|segment| segment.source), Some(near));
        }
    });
}

#[test]
fn a_capture_on_the_loopback_interface_holds_each_segment_once() {
    in_lab(|| {
        let host = Namespace::new();
        let capture = host.capture("lo", "tcp");
        let listener = host.listen(([127, 0, 0, 1], 0));
        let _active = host.connect(listener.address());
        assert_eq!(capture.stop().segments().len(), 3);
    });
}

#[test]
fn a_saved_capture_is_a_file_that_tcpdump_reads() {
    in_lab(|| {
        let host = Namespace::new();
        let capture = host.capture("lo", "tcp");
        let listener = host.listen(([127, 0, 0, 1], 0));
        let _active = host.connect(listener.address());
        let file = std::env::temp_dir().join(format!("tcpshake-lab-{}", listener.port()));
        capture.stop().save(&file);
        let file_name = file.to_str().unwrap();
        let lines = host.output_of("tcpdump", &["-n", "-r", file_name], "");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(lines.lines().count(), 3, "{lines}");
    });
}

#[test]
fn a_drop_rule_leaves_a_connect_without_an_answer() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 80));
        assert_eq!(peer.ruleset(), "");
        peer.nft(
            "table ip t { chain c { type filter hook input priority 0; tcp dport 80 drop; }; }",
        );
        assert!(peer.ruleset().contains("tcp dport 80 drop"));
        let refused = client.try_connect(listener.address(), NOT_LONG).err();
        assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::TimedOut));
    });
}

#[test]
fn a_handshake_without_its_third_segment_is_half_open() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 80));
        client.nft(
            "table ip t { chain c { type filter hook input priority 0; tcp sport 80 drop; }; }",
        );
        assert!(client.try_connect(listener.address(), NOT_LONG).is_err());
        let [half_open] = &peer.half_open()[..] else {
            panic!("{:?}", peer.tcp_sockets())
        };
        assert_eq!(half_open.local, listener.address());
        assert_eq!(half_open.remote.ip(), CLIENT_V4);
        assert_eq!(
            peer.tcp_state(half_open.local, half_open.remote),
            "SYN-RECEIVED"
        );
    });
}

#[test]
fn a_full_backlog_takes_no_more() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen_with((PEER_V6, 80), 0, |_| ());
        let held = listener.fill_from(&peer, 0);
        assert!(client.try_connect(listener.address(), NOT_LONG).is_err());
        drop(held);
    });
}

#[test]
fn a_deferred_accept_stays_half_open_until_data_comes() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 80));
        listener.defer_accept(30);
        let mut active = client.connect(listener.address());
        let (near, far) = (active.local(), active.remote());
        assert_eq!(peer.tcp_state(far, near), "SYN-RECEIVED");
        active.write(b"data");
        listener.accept();
    });
}

#[test]
fn sysctls_belong_to_one_namespace() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        peer.sysctl("net/ipv4/ip_default_ttl", "255");
        let capture = client.capture("cli0", "tcp");
        let listener = peer.listen((PEER_V4, 0));
        client.connect(listener.address());
        let recording = capture.stop();
        let ttl = |packet: usize| recording.packets[packet].bytes[8];
        assert_eq!((ttl(0), ttl(1)), (64, 255));
    });
}

#[test]
fn a_router_between_two_hosts_forwards_and_drops() {
    in_lab(|| {
        let (client, router, peer) = (Namespace::new(), Namespace::new(), Namespace::new());
        let end = |host, interface, addresses| End {
            host,
            interface,
            addresses,
        };
        lay_wire(
            &end(&client, "cli0", &["10.1.0.2/24"]),
            &end(&router, "near", &["10.1.0.1/24"]),
            1500,
        );
        lay_wire(
            &end(&router, "far", &["10.2.0.1/24"]),
            &end(&peer, "srv0", &["10.2.0.2/24"]),
            1280,
        );
        client.ip("route add default via 10.1.0.1");
        peer.ip("route add default via 10.2.0.1");
        router.sysctl("net/ipv4/ip_forward", "1");
        let listener = peer.listen(([10, 2, 0, 2], 80));
        client.connect(listener.address());
        router.nft(
            "table ip t { chain c { type filter hook forward priority 0;
             tcp dport 80 reject with icmp type host-unreachable; }; }",
        );
        let refused = client.try_connect(listener.address(), NOT_LONG).err();
        assert_eq!(
            refused.map(|error| error.kind()),
            Some(ErrorKind::HostUnreachable)
        );
    });
}

#[test]
fn the_configuration_tells_a_change() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        let before = client.configuration();
        assert_eq!(client.configuration(), before);
        client.ip("route add 192.0.2.0/24 via 10.0.0.2");
        assert_ne!(client.configuration(), before);
    });
}

#[test]
fn link_local_addresses_connect() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen("[::]:80".parse::<SocketAddr>().unwrap());
        let scope = client
            .run(|| nix::net::if_::if_nametoindex("cli0"))
            .unwrap();
        let address = format!("[fe80::2%{scope}]:80")
            .parse::<SocketAddr>()
            .unwrap();
        let active = client.connect(address);
        let passive = listener.accept();
        assert_eq!(client.tcp_state(active.local(), address), "ESTABLISHED");
        assert_eq!(
            peer.tcp_state(passive.local(), passive.remote()),
            "ESTABLISHED"
        );
        assert_ne!(passive.remote().ip(), CLIENT_V6);
    });
}

#[test]
fn a_program_has_the_capabilities_that_it_is_given() {
    in_lab(|| {
        let host = Namespace::new();
        let status = program(&host, "cat", &["/proc/self/status"]);
        let of_an_ordinary_user = status.with_only(&[]).run().stdout;
        assert!(of_an_ordinary_user.contains("CapEff:\t0000000000000000\n"));
        let status = program(&host, "cat", &["/proc/self/status"]);
        let with_two = status.with_only(&["net_raw", "net_admin"]).run().stdout;
        assert!(with_two.contains("CapPrm:\t0000000000003000\n"));
        assert!(with_two.contains("CapEff:\t0000000000003000\n"));
    });
}

#[test]
fn a_program_of_the_crate_runs_on_a_host() {
    in_lab(|| {
        let host = Namespace::new();
        let finished = tcpshake(&host, &["--version"]).run();
        assert_eq!(finished.code(), 0, "{finished:?}");
    });
}

#[test]
fn a_program_is_ended_by_a_signal_or_by_its_deadline() {
    in_lab(|| {
        let host = Namespace::new();
        let asleep = program(&host, "sleep", &["1000"]).spawn();
        asleep.signal(Signal::SIGTERM);
        let status = asleep.finish().status;
        assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
        let asleep = program(&host, "sleep", &["1000"]).spawn();
        let failure = catch_unwind(|| asleep.finish_within(NOT_LONG)).unwrap_err();
        assert!(
            failure
                .downcast::<String>()
                .unwrap()
                .starts_with("still running after 200ms")
        );
    });
}

#[test]
fn packet_sockets_are_counted() {
    in_lab(|| {
        let host = Namespace::new();
        assert_eq!(host.packet_sockets(), 0);
        let capture = host.capture("lo", "tcp");
        assert_eq!(host.packet_sockets(), 1);
        capture.stop();
        wait_until("the capture is gone", || {
            (host.packet_sockets() == 0).then_some(())
        });
    });
}
