//! Where the queue of the capture is full, frames are lost to us as on the wire: that is told, and
//! the peer sends them again.

mod lab;
mod pcapng;
mod stage;

use std::net::{IpAddr, SocketAddr};
use std::thread;

use nix::libc::IPPROTO_RAW;
use nix::sys::signal::Signal;
use socket2::{Domain, Protocol, Socket, Type};
use tcpshake::wire::{Flags, IpFields, Packet, Segment};

use lab::{Namespace, PEER_V4, Pair, in_lab, tcpshake, wait_until};
use stage::{Story, counter};

/// More than 16 MiB, the most that a queue of 8 MiB holds with what the kernel adds to each frame.
const FRAMES: usize = 16_000;
const ANSWER: usize = 50_000;

#[test]
fn what_the_capture_loses_is_told_and_comes_again() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        // The whole answer leaves at once, without an acknowledgment.
        peer.ip("route change 10.0.0.0/24 dev srv0 initcwnd 100");
        let listener = peer.listen((PEER_V4, 0));
        let target = listener.address().to_string();
        let file = pcapng::path("drops");
        for capabilities in [&["net_raw"][..], &["net_raw", "net_admin"]] {
            let ask = [
                "--json",
                "--timeout",
                "5s",
                "--send=",
                "--hold",
                "30s",
                "-w",
                file.to_str().expect("a path in UTF-8"),
                &target,
            ];
            let program = tcpshake(&client, &ask).with_only(capabilities).spawn();
            let mut connection = listener.accept();
            program.signal(Signal::SIGSTOP);
            flood(&peer, connection.remote());
            let before = counter(&peer, "Tcp", "OutSegs");
            let answering = thread::spawn(move || {
                connection.write(&[b'a'; ANSWER]);
                connection.finish_writing();
                connection.read_to_end();
            });
            wait_until("the answer has left", || {
                let left = counter(&peer, "Tcp", "OutSegs") - before;
                (left >= ANSWER as u64 / 1448).then_some(())
            });
            program.signal(Signal::SIGCONT);
            let story = Story::of(&program.finish());
            answering.join().expect("an answer that is taken");
            let what = || format!("{capabilities:?} {:#}", story.json);
            let told = |anomaly: &serde_json::Value| anomaly["id"] == "capture-drops";
            let anomalies = story.at("anomalies").as_array().expect("anomalies");
            let lost = anomalies.iter().find(|it| told(it)).expect("frames lost");
            let counted = pcapng::statistics(&file)[0].dropped.expect("a count");
            let words = format!("the capture lost {counted} frames:");
            let text = lost["text"].as_str().expect("a text");
            assert!(text.starts_with(&words), "{words} {}", what());
            pcapng::frames(&file);
            assert_eq!(story.at("data.received"), ANSWER, "{}", what());
            assert_eq!(story.at("close.outcome"), "in-order", "{}", what());
            assert_eq!(story.at("kernel_rst"), 0, "{}", what());
            assert_eq!(story.code, 0, "{}", what());
        }
    });
}

/// Sends what the capture has to look at, though it belongs to no connection.
fn flood(peer: &Namespace, to: SocketAddr) {
    let raw = Some(Protocol::from(IPPROTO_RAW));
    let socket = peer.run(|| Socket::new(Domain::IPV4, Type::RAW, raw).expect("a raw socket"));
    let segment = Segment {
        src_port: 9,
        dst_port: to.port(),
        flags: Flags::ACK,
        payload: vec![0; 1400],
        ..Segment::default()
    };
    let from: IpAddr = PEER_V4;
    let packet = Packet::build(from, to.ip(), segment, &IpFields::default()).emit();
    for _ in 0..FRAMES {
        socket.send_to(&packet, &to.into()).expect("a packet sent");
    }
}
