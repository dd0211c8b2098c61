//! `--time-wait`: our last ACK is lost, and the peer's repeated FIN is answered all the same.

mod lab;

use lab::{PEER_V4, Pair, Segment, in_lab, tcpshake};

/// Of the bare ACKs that reach the peer, drops the second: our last.
const LAST_ACK_LOST: &str = "table ip lossy { chain input { type filter hook input priority 0
    tcp flags == ack numgen inc mod 3 == 1 drop
}
}";

#[test]
fn a_repeated_fin_is_acknowledged_in_time_wait() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 0));
        peer.nft(LAST_ACK_LOST);
        let capture = client.capture("cli0", "tcp");
        let target = format!("{PEER_V4}:{}", listener.port());
        let running = tcpshake(&client, &["--json", "--time-wait", "1s", &target]).spawn();
        let mut connection = listener.accept();
        let (far, near) = (connection.local(), connection.remote());
        connection.read_to_end();
        connection.close();
        let finished = running.finish();
        assert_eq!(finished.code(), 0, "{finished:#?}");
        assert_eq!(peer.tcp_state(far, near), "CLOSED");
        let fins = |segments: &[(_, Segment)]| {
            let theirs = segments.iter().filter(|(_, s)| s.source == far);
            theirs.filter(|(_, s)| s.flags & Segment::FIN != 0).count()
        };
        let segments = capture.stop().segments();
        assert!(
            fins(&segments) >= 2,
            "the peer repeated its FIN: {segments:?}"
        );
        assert!(
            segments.iter().all(|(_, s)| s.flags & Segment::RST == 0),
            "{segments:?}"
        );
        let report = &finished.json()[0];
        assert_eq!(report["close"]["outcome"], "in-order");
        assert_eq!(report["kernel_rst"], 0);
    });
}

#[test]
fn a_signal_ends_time_wait_at_once_and_sends_nothing() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 0));
        let target = format!("{PEER_V4}:{}", listener.port());
        let running = tcpshake(&client, &["--json", "--time-wait", &target]).spawn();
        let mut connection = listener.accept();
        let (far, near) = (connection.local(), connection.remote());
        connection.read_to_end();
        connection.close();
        peer.wait_for_tcp_state(far, near, "CLOSED");
        running.signal(nix::sys::signal::Signal::SIGINT);
        let finished = running.finish();
        assert_eq!(finished.code(), 0, "{finished:#?}");
        let report = &finished.json()[0];
        assert_eq!(report["close"]["outcome"], "in-order");
        let resets = report["segments"].as_array().unwrap();
        assert!(
            resets
                .iter()
                .all(|s| !s["flags"].as_str().unwrap().contains('R')),
            "{report}"
        );
    });
}
