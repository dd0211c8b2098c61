//! A whole exchange with nginx: every end of the connection, over IPv4 and IPv6.

mod lab;
mod nginx;
mod stage;

use std::net::{IpAddr, SocketAddr};

use nginx::{Nginx, PORT, length_of_answer};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use lab::{KernelSocket, Namespace, PEER_V4, PEER_V6, Pair, Running, TcpState, in_lab, tcpshake};
use lab::{stay_on_one_processor, wait_until};
use stage::{Story, never_repeats};

/// How we close, and what becomes of it.
#[derive(Clone, Copy, Debug)]
struct Close {
    end: &'static str,
    outcome: &'static str,
    first: Option<&'static str>,
    /// The states of the peer's kernel.
    through: &'static [TcpState],
    code: i32,
}

fn close(end: &'static str, first: Option<&'static str>, through: &'static [TcpState]) -> Close {
    Close {
        end,
        outcome: "in-order",
        first,
        through,
        code: 0,
    }
}

impl Close {
    fn aborted(self) -> Close {
        Close {
            outcome: "aborted",
            ..self
        }
    }

    /// The server never closes.
    fn in_vain(self) -> Close {
        Close {
            outcome: "no-fin",
            code: 7,
            ..self
        }
    }
}

/// After an answer in HTTP/1.0 the server closes.
fn after_the_server() -> [Close; 6] {
    const ANSWERED: [TcpState; 4] = ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"];
    let after = |end| close(end, Some("peer"), &ANSWERED);
    [
        after("fin"),
        after("passive"),
        after("half"),
        after("hold"),
        close(
            "simultaneous",
            Some("peer"),
            &["ESTABLISHED", "FIN-WAIT-1", "CLOSING", "TIME-WAIT"],
        ),
        close(
            "rst",
            Some("peer"),
            &["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSED"],
        )
        .aborted(),
    ]
}

/// In HTTP/1.1 it waits for the next request.
fn before_the_server() -> [Close; 6] {
    let before = |end| {
        let through = &["ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"];
        close(end, Some("local"), through)
    };
    let cut = |end| close(end, None, &["ESTABLISHED", "CLOSED"]);
    [
        before("fin"),
        before("half"),
        before("hold"),
        cut("passive").in_vain(),
        cut("simultaneous").in_vain(),
        cut("rst").aborted(),
    ]
}

fn get(version: &str, size: u64) -> String {
    format!("GET /{size} HTTP/{version}\r\nHost: peer\r\nConnection: keep-alive\r\n\r\n")
}

/// As it is written on the command line.
fn escaped(request: &str) -> String {
    request.replace('\r', "\\r").replace('\n', "\\n")
}

/// Gets a file of `size` bytes in each of these ways, all at once.
fn visit(size: u64) {
    stay_on_one_processor();
    let Pair { client, peer } = Pair::new();
    never_repeats(&peer);
    let _nginx = Nginx::serve(&peer, &format!("visit-{size}"), &[size]);
    // An HTTP/1.0 client that asks for keep-alive would get it.
    let closing = get("1.0", size).replace("Connection: keep-alive\r\n", "");
    let staying = get("1.1", size);
    for (request, closes, hold) in [
        (closing, after_the_server(), "30s"),
        (staying, before_the_server(), "500ms"),
    ] {
        for host in [PEER_V4, PEER_V6] {
            let length = length_of_answer(&client, host, &request);
            assert!(length > size, "{length}");
            let runs = closes.map(|close| (close, begin(&client, host, &request, close.end, hold)));
            for (close, running) in runs {
                let story = Story::of(&running.finish());
                check(&story, close, &request, length);
                story.passes_through(close.through);
                let at_last = close.through.last().expect("a last state");
                let far = SocketAddr::new(host, PORT);
                peer.wait_for_tcp_state(far, story.near(), at_last);
                let last = story.last_claim();
                assert!(last.allows(at_last), "{last:?} {:#}", story.json);
            }
        }
    }
    nothing_is_open(&peer);
}

fn begin(client: &Namespace, host: IpAddr, request: &str, end: &str, hold: &str) -> Running {
    let target = SocketAddr::new(host, PORT).to_string();
    let request = escaped(request);
    let ask = ["--json", "--send", &request, "--end", end, "--hold", hold];
    tcpshake(
        client,
        &[&ask[..], &["--timeout", "300ms", &target]].concat(),
    )
    .spawn()
}

fn check(story: &Story, close: Close, request: &str, length: u64) {
    let what = || format!("{close:?} {:#}", story.json);
    assert_eq!(story.code, close.code, "{}", what());
    for (path, wanted) in [
        ("verdict", json!("open")),
        ("data.sent", json!(request.len())),
        ("data.received", json!(length)),
        ("close.outcome", json!(close.outcome)),
        ("close.first", json!(close.first)),
        ("handshake.syn_sent", json!(1)),
        ("kernel_rst", json!(0)),
        ("anomalies", json!([])),
    ] {
        assert_eq!(*story.at(path), wanted, "{path} {}", what());
    }
    let preview = story.at("data.preview").as_str().expect("text");
    assert!(
        preview.starts_with("HTTP/1.1 200 OK\\r\\nServer: nginx"),
        "{preview}"
    );
    // The answer takes a round trip more than the SYN-ACK.
    let segments = story.at("segments").as_array().expect("segments");
    let first = segments
        .iter()
        .find(|segment| segment["dir"] == "in" && segment["len"] != 0);
    let first = &first.expect("an answer")["t_ns"];
    assert_eq!(story.at("data.first_byte_ns"), first, "{}", what());
    let rtt = &story.at("handshake.rtt_ns");
    assert!(number(first) > number(rtt), "{}", what());
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn nothing_is_open(peer: &Namespace) {
    wait_until("the peer has no open connection", || {
        let mut sockets = peer.tcp_sockets().into_iter();
        let closed = sockets.all(|socket| ["LISTEN", "TIME-WAIT"].contains(&socket.state));
        closed.then_some(())
    });
}

#[test]
fn one_byte_of_nginx() {
    in_lab(|| visit(1));
}

#[test]
fn a_hundred_thousand_bytes_of_nginx() {
    in_lab(|| visit(100_000));
}

#[test]
fn ten_million_bytes_of_nginx() {
    in_lab(|| visit(10_000_000));
}

/// What the program may take of memory, bytes.
const MOST_MEMORY: i64 = 64 << 20;

#[test]
fn a_hundred_million_bytes_pass_in_bounded_memory() {
    const SIZE: u64 = 100_000_000;
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _nginx = Nginx::serve(&peer, "large", &[SIZE]);
        let request = get("1.1", SIZE).replace("keep-alive", "close");
        for (host, capabilities) in [
            (PEER_V4, None),
            (PEER_V6, None),
            (PEER_V4, Some(&["net_raw"][..])),
        ] {
            let length = length_of_answer(&client, host, &request);
            let target = SocketAddr::new(host, PORT).to_string();
            let request = escaped(&request);
            let mut program = tcpshake(&client, &["--json", "--send", &request, &target]).alone();
            if let Some(capabilities) = capabilities {
                program = program.with_only(capabilities);
            }
            let story = Story::of(&program.run());
            assert_eq!(story.at("data.received"), length, "{:#}", story.json);
            assert_eq!(story.at("close.outcome"), "in-order", "{:#}", story.json);
            assert_eq!(story.code, 0, "{:#}", story.json);
            assert_eq!(story.at("kernel_rst"), 0, "{:#}", story.json);
            nothing_is_open(&peer);
        }
        // Of all programs that have run here, in kilobytes.
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what the programs used");
        let most = usage.max_rss() * 1024;
        assert!(most < MOST_MEMORY, "{most} bytes");
    });
}

#[test]
fn an_answer_that_is_cut_short_leaves_nothing_open() {
    // Far more than can pass in the time.
    const SIZE: u64 = 1 << 40;
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let _nginx = Nginx::serve(&peer, "endless", &[SIZE]);
        let request = escaped(&get("1.1", SIZE));
        for host in [PEER_V4, PEER_V6] {
            for deadline in ["200ms", "1h"] {
                let target = SocketAddr::new(host, PORT).to_string();
                let ask = [
                    "--json",
                    "--send",
                    &request,
                    "--deadline",
                    deadline,
                    &target,
                ];
                let running = tcpshake(&client, &ask).spawn();
                if deadline == "1h" {
                    wait_until("the answer comes", || {
                        let sockets = peer.tcp_sockets();
                        let open = |socket: &KernelSocket| socket.state == "ESTABLISHED";
                        sockets.iter().any(open).then_some(())
                    });
                    running.signal(Signal::SIGINT);
                }
                let story = Story::of(&running.finish());
                nothing_is_open(&peer);
                assert_eq!(story.at("verdict"), "open", "{:#}", story.json);
                assert_eq!(story.at("close.outcome"), "aborted", "{:#}", story.json);
                assert_eq!(story.at("close.first"), &Value::Null, "{:#}", story.json);
                assert_eq!(story.at("kernel_rst"), 0, "{:#}", story.json);
                assert!(story.our_reset().is_some(), "{:#}", story.json);
                assert!(story.last_claim().allows("CLOSED"), "{:#}", story.json);
            }
        }
    });
}

#[test]
fn an_end_without_a_connection_sends_nothing() {
    in_lab(|| {
        let host = Namespace::here();
        for end in ["syn-rst", "none"] {
            for ask in [["--send", "x"], ["--send-file", "/dev/null"]] {
                let arguments = [&ask[..], &["--end", end, "127.0.0.1:80"]].concat();
                let finished = tcpshake(&host, &arguments).run();
                let said = format!(
                    "tcpshake: {} needs a connection: --end {end} never completes the handshake\n",
                    ask[0]
                );
                assert_eq!(finished.stderr, said);
                assert_eq!(finished.stdout, "");
                assert_eq!(finished.code(), 2);
            }
        }
    });
}
