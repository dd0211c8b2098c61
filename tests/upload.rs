//! `--send-file`: what we send is what the server gets, whatever room it has.

mod lab;
mod stage;

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::thread;

use serde_json::json;

use lab::{
    Connection, Namespace, PEER_V4, PEER_V6, Pair, Program, in_lab, stay_on_one_processor,
    tcpshake, wait_until,
};
use stage::{Story, counter};

const MOST: usize = 1 << 20;

/// Bytes of which none can take another's place unnoticed: numbers, one after the other.
fn text(count: usize) -> Vec<u8> {
    let numbers = 0..u32::try_from(count.div_ceil(4)).expect("a size");
    let mut text: Vec<u8> = numbers.flat_map(u32::to_be_bytes).collect();
    text.truncate(count);
    text
}

/// Sends `text` to a server that has a buffer of `room` bytes, if any is said, and takes it as
/// `read` does.
fn upload(
    pair: &Pair,
    host: IpAddr,
    room: Option<usize>,
    text: &[u8],
    read: fn(&Namespace, &mut Connection) -> Vec<u8>,
) -> Story {
    let Pair { client, peer } = pair;
    let listener = peer.listen_with((host, 0), 128, |socket| {
        if let Some(room) = room {
            socket.set_recv_buffer_size(room).expect("SO_RCVBUF");
        }
    });
    let target = listener.address().to_string();
    let story = thread::scope(|scope| {
        let ask = ["--json", "--hold", "50ms", "--send-file", "-", &target];
        let program = tcpshake(client, &ask).input(text).spawn();
        let reading = scope.spawn(|| {
            let mut connection = listener.accept();
            let got = read(peer, &mut connection);
            (got, connection.local(), connection.remote())
        });
        let story = Story::of(&program.finish());
        let (got, far, near) = reading.join().expect("a server that reads");
        assert!(got == text, "{} bytes of {}", got.len(), text.len());
        peer.wait_for_tcp_state(far, near, "CLOSED");
        story
    });
    for (path, wanted) in [
        ("verdict", json!("open")),
        ("data.sent", json!(text.len())),
        ("data.received", json!(0)),
        ("close.outcome", json!("in-order")),
        ("close.first", json!("local")),
        ("kernel_rst", json!(0)),
    ] {
        assert_eq!(*story.at(path), wanted, "{path} {:#}", story.json);
    }
    assert_eq!(story.code, 0, "{:#}", story.json);
    story.passes_through(&["ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]);
    story
}

#[test]
fn a_file_arrives_as_it_is() {
    in_lab(|| {
        stay_on_one_processor();
        let pair = Pair::new();
        for host in [PEER_V4, PEER_V6] {
            for count in [1, 1460, 100_001, MOST] {
                let read = |_: &Namespace, connection: &mut Connection| connection.read_to_end();
                let story = upload(&pair, host, None, &text(count), read);
                assert_eq!(*story.at("anomalies"), json!([]), "{:#}", story.json);
            }
        }
    });
}

#[test]
fn a_server_with_little_room_gets_all_of_it() {
    in_lab(|| {
        let pair = Pair::new();
        for host in [PEER_V4, PEER_V6] {
            let read = |_: &Namespace, connection: &mut Connection| connection.read_to_end();
            upload(&pair, host, Some(1), &text(200_000), read);
        }
    });
}

#[test]
fn a_server_that_reads_when_its_window_has_closed_gets_all_of_it() {
    /// A little each time.
    fn sip(peer: &Namespace, connection: &mut Connection) -> Vec<u8> {
        let mut got = Vec::new();
        for closed in 1..=5 {
            wait_until("the window has closed", || {
                (counter(peer, "TcpExt", "TCPToZeroWindowAdv") >= closed).then_some(())
            });
            got.extend(connection.read(2000));
        }
        got.extend(connection.read_to_end());
        got
    }
    in_lab(|| {
        for host in [PEER_V4, PEER_V6] {
            upload(&Pair::new(), host, Some(1), &text(50_000), sip);
        }
    });
}

/// Ends with a mistake on the command line, and sends nothing.
fn is_refused(program: Program, why: &str) {
    let finished = program.run();
    assert_eq!(finished.stderr, format!("tcpshake: {why}\n"));
    assert_eq!(finished.stdout, "");
    assert_eq!(finished.code(), 2);
}

#[test]
fn more_than_a_mebibyte_is_refused() {
    in_lab(|| {
        let host = Namespace::here();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("upload-too-large");
        let too_much = text(MOST + 1);
        fs::write(&file, &too_much).expect("a file");
        let name = file.to_str().expect("a name");
        let why = "--send-file: more than 1 MiB is not sent";
        let send = |file| tcpshake(&host, &["--send-file", file, "127.0.0.1:9"]);
        is_refused(send(name), why);
        is_refused(send("-").input(&too_much), why);
        fs::remove_file(&file).expect("the file");
    });
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    in_lab(|| {
        let host = Namespace::here();
        for (file, error) in [
            ("/nowhere", "No such file or directory (os error 2)"),
            ("/", "Is a directory (os error 21)"),
        ] {
            let why = format!("--send-file: cannot read {file}: {error}");
            is_refused(tcpshake(&host, &["--send-file", file, "127.0.0.1:9"]), &why);
        }
    });
}
