//! No segment leaves this host but those that we report: the kernel stays silent.

mod lab;

use std::net::IpAddr;

use serde_json::{Value, json};
use tcpshake::session::End;

use lab::{
    Finished, Listener, Namespace, PEER_V4, PEER_V6, Pair, Recording, Segment, in_lab, tcpshake,
    wait_until,
};

const NET_RAW: &[&str] = &["net_raw"];
const NET_RAW_AND_ADMIN: &[&str] = &["net_raw", "net_admin"];

#[test]
fn net_raw_alone_is_enough_to_keep_the_kernel_silent() {
    in_lab(|| {
        let pair = Pair::new();
        for (wanted, taken) in [(None, "md5"), (Some("md5"), "md5"), (Some("ttl"), "ttl")] {
            no_reset_leaks(&pair, NET_RAW, wanted, taken);
        }
    });
}

#[test]
fn with_net_admin_each_way_keeps_the_kernel_silent() {
    in_lab(|| {
        let pair = Pair::new();
        for (wanted, taken) in [
            (None, "filter"),
            (Some("filter"), "filter"),
            (Some("md5"), "md5"),
            (Some("ttl"), "ttl"),
        ] {
            no_reset_leaks(&pair, NET_RAW_AND_ADMIN, wanted, taken);
        }
    });
}

#[test]
fn a_neighbour_that_sends_ttl_255_is_no_way_past_md5_and_filter() {
    in_lab(|| {
        let pair = Pair::new();
        answer_with_ttl_255(&pair.peer);
        no_reset_leaks(&pair, NET_RAW, None, "md5");
        no_reset_leaks(&pair, NET_RAW_AND_ADMIN, None, "filter");
        no_reset_leaks(&pair, NET_RAW_AND_ADMIN, Some("md5"), "md5");
    });
}

#[test]
fn a_reset_that_slips_past_the_ttl_guard_is_seen_counted_and_explained() {
    in_lab(|| {
        let pair = Pair::new();
        answer_with_ttl_255(&pair.peer);
        for address in [PEER_V4, PEER_V6] {
            for end in End::ALL.map(End::word) {
                let capture = pair.peer.capture("srv0", "tcp");
                let listener = pair.peer.listen((address, 0));
                let arguments = probe_of(&listener, end, Some("ttl"));
                let finished = run(&pair.client, NET_RAW, &arguments);
                let [line] = &finished.json()[..] else {
                    panic!("{finished:#?}")
                };
                forget(&pair.peer, &listener);
                let recording = capture.stop();
                let case = format!("{address} {end}: {line:#}");
                assert_eq!(line["local"]["guard"], "ttl", "{case}");
                assert_eq!(sent(reported(line)), sent(seen(&recording)), "{case}");
                let resets = resets_of_the_kernel(&recording, end);
                assert!(resets > 0, "{case}");
                assert_eq!(line["kernel_rst"], resets, "{case}");
                let explained = anomalies(line, "kernel-rst");
                assert_eq!(explained.len(), resets, "{case}");
                assert!(explained[0].contains("guard"), "{case}");
            }
        }
    });
}

#[test]
fn the_filter_cannot_be_had_without_net_admin() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let listener = peer.listen((PEER_V4, 0));
        let capture = client.capture("cli0", "tcp");
        for format in ["--json", "--quiet"] {
            let target = listener.address().to_string();
            let finished = tcpshake(&client, &[format, "--guard", "filter", &target])
                .with_only(NET_RAW)
                .run();
            assert_eq!(finished.code(), 6, "{finished:?}");
            assert_eq!(finished.stdout, "");
            assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
            assert!(finished.stderr.contains("filter: "), "{finished:?}");
            assert!(finished.stderr.contains("CAP_NET_ADMIN"), "{finished:?}");
        }
        assert_eq!(capture.stop().segments(), []);
    });
}

/// Every end over IPv4 and IPv6: the peer's side of the cable carries what the report says, in its
/// order, and nothing else.
fn no_reset_leaks(pair: &Pair, capabilities: &[&str], wanted: Option<&str>, taken: &str) {
    for address in [PEER_V4, PEER_V6] {
        for end in End::ALL.map(End::word) {
            let capture = pair.peer.capture("srv0", "tcp");
            let listener = pair.peer.listen((address, 0));
            let arguments = probe_of(&listener, end, wanted);
            let finished = run_answered(pair, &listener, end, capabilities, &arguments);
            let [line] = &finished.json()[..] else {
                panic!("{finished:#?}")
            };
            forget(&pair.peer, &listener);
            let case = format!("guard {wanted:?}, {address}, {end}: {line:#}");
            assert_eq!(line["local"]["guard"], taken, "{case}");
            assert_eq!(reported(line), seen(&capture.stop()), "{case}");
            assert_eq!(line["kernel_rst"], 0, "{case}");
            assert_eq!(line["anomalies"], json!([]), "{case}");
            assert_eq!(finished.code(), 0, "{case}");
            assert_eq!(finished.stderr, "", "{case}");
        }
    }
}

fn probe_of(listener: &Listener, end: &str, guard: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["--json".to_owned(), format!("--end={end}")];
    arguments.push("--hold=20ms".to_owned());
    arguments.extend(guard.map(|way| format!("--guard={way}")));
    arguments.push(listener.address().to_string());
    arguments
}

fn run(client: &Namespace, capabilities: &[&str], arguments: &[String]) -> Finished {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    tcpshake(client, &arguments).with_only(capabilities).run()
}

/// The server reads to the end and closes, or closes at once, where the end asks for that.
fn run_answered(
    pair: &Pair,
    listener: &Listener,
    end: &str,
    capabilities: &[&str],
    arguments: &[String],
) -> Finished {
    std::thread::scope(|scope| {
        match end {
            "fin" | "half" | "hold" => {
                scope.spawn(|| listener.accept().read_to_end());
            }
            "passive" | "simultaneous" => {
                scope.spawn(|| listener.accept().close());
            }
            _ => {}
        }
        run(&pair.client, capabilities, arguments)
    })
}

/// Returns when the peer's kernel knows nothing of the connection any more: all that we sent has
/// crossed the cable.
fn forget(peer: &Namespace, listener: &Listener) {
    wait_until("the peer has no connection", || {
        let mut sockets = peer.tcp_sockets();
        let over = ["LISTEN", "TIME-WAIT"];
        sockets
            .retain(|socket| socket.local == listener.address() && !over.contains(&socket.state));
        sockets.is_empty().then_some(())
    });
}

fn answer_with_ttl_255(peer: &Namespace) {
    peer.sysctl("net/ipv4/ip_default_ttl", "255");
    peer.sysctl("net/ipv6/conf/srv0/hop_limit", "255");
}

/// The segments of the report, with the keys of the contract but for the time.
fn reported(line: &Value) -> Vec<Value> {
    let mut segments = line["segments"].as_array().expect("segments").clone();
    for segment in &mut segments {
        segment
            .as_object_mut()
            .expect("an object")
            .remove("t_ns")
            .expect("a time");
    }
    segments
}

/// The same from the capture: numbers as they are on the wire, words as tcpdump prints them.
fn seen(recording: &Recording) -> Vec<Value> {
    let printed = recording.printed();
    assert_eq!(printed.len(), recording.packets.len());
    let packets = recording.packets.iter().zip(&printed);
    packets
        .map(|(packet, printed)| {
            let bytes = &packet.bytes;
            let segment = Segment::parse(bytes).expect("TCP");
            let (header, ttl, total) = match bytes[0] >> 4 {
                4 => (20, bytes[8], word(bytes, 2)),
                _ => (40, bytes[7], 40 + word(bytes, 4)),
            };
            let data_offset = usize::from(bytes[header + 12] >> 4) * 4;
            json!({
                "dir": if is_peer(segment.source.ip()) { "in" } else { "out" },
                "flags": between(printed, "Flags [", "]").expect("flags"),
                "seq": segment.seq,
                "ack": segment.ack,
                "win": word(bytes, header + 14),
                "len": usize::from(total) - header - data_offset,
                "ttl": ttl,
                "options": between(printed, "options [", "], length").unwrap_or(""),
            })
        })
        .collect()
}

/// Of the RSTs without ACK, which the kernel sends to answer a SYN-ACK, these ends send one too.
fn resets_of_the_kernel(recording: &Recording, end: &str) -> usize {
    let all = seen(recording);
    let resets = all
        .iter()
        .filter(|segment| segment["dir"] == "out" && segment["flags"] == "R");
    resets.count() - usize::from(["syn-rst", "none"].contains(&end))
}

fn anomalies<'a>(line: &'a Value, id: &str) -> Vec<&'a str> {
    let all = line["anomalies"].as_array().expect("anomalies");
    let these = all.iter().filter(|anomaly| anomaly["id"] == id);
    these
        .map(|anomaly| anomaly["text"].as_str().expect("text"))
        .collect()
}

fn sent(segments: Vec<Value>) -> Vec<Value> {
    let ours = segments.into_iter();
    ours.filter(|segment| segment["dir"] == "out").collect()
}

fn is_peer(address: IpAddr) -> bool {
    [PEER_V4, PEER_V6].contains(&address)
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}
