//! `--write`: what the file holds is what the report tells, whatever happens to the run.

mod lab;
mod pcapng;
mod stage;

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::libc::IPPROTO_RAW;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use tcpshake::wire::{Flags, IpFields, Packet, Segment};

use lab::{
    Bridged, CLIENT_V4, Finished, Namespace, PEER_V4, Pair, explains, in_lab, program,
    schema_faults, tcpshake, wait_until,
};
use pcapng::{Shown, agree, blocks, count, frames, frames_of, path, remarks, statistics};
use stage::{App, Family, OUR_SYN, PEER_FIN, SYN_ACK, Stage, counter};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpshake");

/// An end, and an application that makes it worth seeing.
const COURSES: [(&str, App); 8] = [
    ("fin", App::Serving),
    ("rst", App::Idle),
    ("syn-rst", App::Idle),
    ("passive", App::Hasty),
    (
        "half",
        App::Late {
            answer: 5000,
            closes: true,
        },
    ),
    ("simultaneous", App::Hasty),
    ("hold", App::Closing),
    ("none", App::Idle),
];

/// `--json -w FILE`, for one probe: what it prints, and the frames, which agree with it.
fn recorded(client: &Namespace, file: &Path, arguments: &[&str]) -> (Value, Vec<Shown>) {
    let finished = write_to(client, file, arguments);
    let [probe] = &finished.json()[..] else {
        panic!("not one line: {finished:?}")
    };
    let shown = frames(file);
    agree(&shown, &remarks(file), probe);
    (probe.clone(), shown)
}

fn write_to(client: &Namespace, file: &Path, arguments: &[&str]) -> Finished {
    tcpshake(client, &["--json", "-w", name(file)])
        .args(arguments)
        .run()
}

fn name(file: &Path) -> &str {
    file.to_str().expect("a path in UTF-8")
}

/// Every end against `peer`, under the address `host`.
fn every_end(client: &Namespace, peer: &Namespace, host: &str, any: &str, interface: &str) {
    let file = path(&format!("ends-{host}"));
    for (end, app) in COURSES {
        let server = app.serve(peer, format!("{any}:0").parse().expect("an address"), 128);
        let target = format!("{host}:{}", server.address().port());
        let (probe, shown) = recorded(client, &file, &["--hold=20ms", "--end", end, &target]);
        assert_eq!(probe["verdict"], "open", "{end} {probe:#}");
        assert!(
            shown.iter().all(|it| it.interface == interface),
            "{shown:#?}"
        );
        let [whole] = statistics(&file)[..] else {
            panic!("not one interface")
        };
        assert_eq!(whole.received, shown.len() as u64);
        assert_eq!(whole.dropped, Some(0));
        assert!(whole.begun <= shown[0].stamp);
        assert!(shown[shown.len() - 1].stamp <= whole.ended);
        server.end();
    }
}

#[test]
fn every_end_over_ipv4() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        every_end(&client, &peer, "10.0.0.2", "0.0.0.0", "cli0");
    });
}

#[test]
fn every_end_over_ipv6() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        every_end(&client, &peer, "[fd00::2]", "[::]", "cli0");
    });
}

#[test]
fn every_end_over_link_local_addresses() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        every_end(&client, &peer, "[fe80::2%cli0]", "[::]", "cli0");
    });
}

#[test]
fn every_end_over_loopback() {
    in_lab(|| {
        let host = Namespace::new();
        every_end(&host, &host, "127.0.0.1", "127.0.0.1", "lo");
        every_end(&host, &host, "[::1]", "[::1]", "lo");
    });
}

#[test]
fn what_a_bridge_shows_twice_is_there_once() {
    in_lab(|| {
        let Bridged { client, peer } = Bridged::new();
        let file = path("bridge");
        let server = App::Closing.serve(&peer, SocketAddr::new(PEER_V4, 0), 128);
        let (probe, shown) = recorded(&client, &file, &[&server.address().to_string()]);
        assert_eq!(probe["close"]["outcome"], "in-order", "{probe:#}");
        let counted = statistics(&file);
        let received: u64 = counted.iter().map(|it| it.received).sum();
        assert_eq!(received, shown.len() as u64);
        // Ours are seen on the bridge first, the peer's on its port.
        assert_eq!(counted.len(), 2);
        let dropped: Vec<_> = counted.iter().map(|it| it.dropped).collect();
        assert_eq!(dropped, [Some(0), None]);
        server.end();
    });
}

#[test]
fn losses_are_told_where_they_show() {
    in_lab(|| {
        let stage = Stage::new();
        let file = path("losses");
        for family in Family::BOTH {
            for (lost, words) in [
                (SYN_ACK, "syn-retransmitted: the first SYN got no answer"),
                (OUR_SYN, "syn-retransmitted: 2 SYNs got no answer"),
                (PEER_FIN, "local CLOSED (seen)"),
            ] {
                let act = stage.act(family, App::Closing);
                act.lose(&[lost]);
                let target = act.far().to_string();
                let patience = ["--timeout", "100ms", &target];
                let (_, shown) = recorded(&stage.client, &file, &patience);
                let says = |comment: &String| comment == words;
                let of = shown.iter().filter(|it| it.comments.iter().any(says));
                let dirs: Vec<_> = of.map(|it| it.dir).collect();
                assert_eq!(dirs, ["out"], "{words} {shown:#?}");
            }
        }
    });
}

#[test]
fn icmp_errors_about_the_connection_are_there() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        peer.nft(
            "table inet t { chain c { type filter hook input priority 0; \
             tcp dport 83 reject with icmpx admin-prohibited; }; }",
        );
        let file = path("icmp");
        for target in ["10.0.0.2:83", "[fd00::2]:83"] {
            let (probe, shown) = recorded(&client, &file, &[target]);
            assert_eq!(probe["verdict"], "filtered");
            let kinds: Vec<_> = shown.iter().map(|it| (it.dir, it.is_icmp)).collect();
            assert_eq!(kinds, [("out", false), ("in", true)]);
        }
        // Nobody answers the question for the address: the error is from this host.
        let (probe, shown) = recorded(&client, &file, &["10.0.0.9:80"]);
        assert_eq!(probe["reason"], "host-unreach");
        assert!(
            shown.iter().all(|it| it.is_icmp && it.interface == "lo"),
            "{shown:#?}"
        );
    });
}

/// Sends a segment below any TCP.
fn inject(host: &Namespace, from: SocketAddr, to: SocketAddr) {
    let raw = Some(Protocol::from(IPPROTO_RAW));
    let segment = Segment {
        src_port: from.port(),
        dst_port: to.port(),
        flags: Flags::ACK,
        ..Segment::default()
    };
    let packet = Packet::build(from.ip(), to.ip(), segment, &IpFields::default()).emit();
    host.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, raw).expect("a raw socket");
        socket.send_to(&packet, &to.into()).expect("a packet sent");
    });
}

#[test]
fn nothing_else_is_there_and_strangers_on_the_connection_are() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let file = path("strangers");
        let server = App::Idle.serve(&peer, SocketAddr::new(PEER_V4, 0), 128);
        let (near, far) = (SocketAddr::new(CLIENT_V4, 40_000), server.address());
        let target = far.to_string();
        let options = ["--json", "-w", name(&file), "--source-port=40000"];
        let running = tcpshake(&client, &options)
            .args(&["--end=hold", "--hold=1m", &target])
            .spawn();
        wait_until("the handshake is written", || {
            (count(&file) == 3).then_some(())
        });
        // Beside it: another connection to the same port, and segments from other ports to ours.
        drop(client.connect(far));
        let elsewhere: IpAddr = CLIENT_V4;
        let before = counter(&client, "Ip", "InReceives");
        for port in [9, 10] {
            inject(&peer, SocketAddr::new(PEER_V4, port), near);
            inject(&client, SocketAddr::new(elsewhere, port), far);
        }
        wait_until("they have come", || {
            (counter(&client, "Ip", "InReceives") >= before + 2).then_some(())
        });
        assert_eq!(count(&file), 3);
        // And one of somebody else on the connection itself.
        inject(&client, near, far);
        wait_until("it is written", || (count(&file) > 3).then_some(()));
        running.signal(Signal::SIGINT);
        let finished = running.finish();
        let mut probe = finished.json().remove(0);
        let shown = frames(&file);
        let strange = "foreign-segment: a segment (.) left this host that tcpshake did not send";
        assert_eq!(shown[3].comments.last().map(String::as_str), Some(strange));
        assert_eq!(remarks(&file), ["probe 0: interrupted"]);
        // In the report it stands behind all that the observer tells.
        let anomalies = probe["anomalies"].as_array_mut().expect("anomalies");
        assert_eq!(anomalies.last().expect("one")["id"], "foreign-segment");
        anomalies.rotate_right(1);
        agree(&shown, &remarks(&file), &probe);
        assert_eq!(statistics(&file).len(), 1);
    });
}

#[test]
fn the_connections_of_all_probes_follow_one_another() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let file = path("series");
        let server = App::Idle.serve(&peer, SocketAddr::new(PEER_V4, 0), 128);
        let open = server.address().to_string();
        let several = [
            "-v",
            "-c3",
            "-i0s",
            "--end=rst",
            &open,
            "10.0.0.2:9",
            "[fd00::2]:9",
        ];
        let finished = write_to(&client, &file, &several);
        assert_eq!(finished.code(), 0, "{finished:?}");
        let lines = finished.json();
        let probes: Vec<_> = lines.iter().filter(|it| it["type"] == "probe").collect();
        assert_eq!(probes.len(), 9);
        let mut shown = frames(&file);
        assert!(shown.is_sorted_by_key(|it| it.stamp));
        assert_eq!(statistics(&file)[0].received, shown.len() as u64);
        for probe in probes {
            agree(&frames_of(probe, &mut shown), &[], probe);
        }
        assert!(shown.is_empty());
    });
}

#[test]
fn what_no_frame_shows_stands_between_the_probes() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        client.sysctl("net/ipv4/neigh/cli0/mcast_solicit", "1");
        client.sysctl("net/ipv4/neigh/cli0/retrans_time_ms", "50");
        let server = App::Idle.serve(&peer, SocketAddr::new(PEER_V4, 0), 128);
        let open = server.address().to_string();
        let file = path("between");
        let several = ["-v", "-c2", "-i0s", "10.0.0.99:9", &open, "--end=rst"];
        let finished = write_to(&client, &file, &several);
        let lines = finished.json();
        let (mut shown, remarks) = (frames(&file), remarks(&file));
        let received: u64 = statistics(&file).iter().map(|it| it.received).sum();
        assert_eq!(received, shown.len() as u64);
        let unsent = "not-sent: 1 of our segments never left this host: the next hop did not \
                      answer, or a local rule dropped them";
        let mut expected = Vec::new();
        for probe in lines.iter().filter(|it| it["type"] == "probe") {
            let own = frames_of(probe, &mut shown);
            agree(&own, &remarks, probe);
            // One ICMP error for an address that nobody has, four segments for one that answers.
            let is_answered = probe["target"]["input"] == *open;
            assert_eq!(own.len(), if is_answered { 4 } else { 1 });
            let remark = format!("probe {}: {unsent}", probe["seq"]);
            expected.extend((!is_answered).then_some(remark));
        }
        assert!(shown.is_empty());
        assert_eq!(remarks, expected);
    });
}

#[test]
fn a_signal_leaves_a_whole_file_and_sigkill_one_up_to_the_last_frame() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        for (signal, ends) in [
            (Signal::SIGINT, true),
            (Signal::SIGTERM, true),
            (Signal::SIGHUP, true),
            (Signal::SIGKILL, false),
        ] {
            let file = path("signal");
            let server = App::Idle.serve(&peer, SocketAddr::new(PEER_V4, 0), 128);
            let target = server.address().to_string();
            let options = [
                "--json",
                "--end=hold",
                "--hold=1m",
                "-w",
                name(&file),
                &target,
            ];
            let running = tcpshake(&client, &options).spawn();
            wait_until("the handshake is written", || {
                (count(&file) == 3).then_some(())
            });
            running.signal(signal);
            let finished = running.finish();
            let shown = frames(&file);
            let whole = statistics(&file);
            if ends {
                assert_eq!(remarks(&file), ["probe 0: interrupted"]);
                agree(&shown, &remarks(&file), &finished.json()[0]);
                assert_eq!(whole[0].received, shown.len() as u64);
            } else {
                assert_eq!(shown.len(), 3, "{shown:#?}");
                assert!(whole.is_empty());
            }
        }
    });
}

#[test]
fn a_full_disk_ends_the_connection_and_the_file_with_a_whole_frame() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let copy = path("full-copy");
        let app = App::Answering {
            asked: 1,
            answer: 1_000_000,
            closes: false,
        };
        let server = app.serve(&peer, SocketAddr::new(PEER_V4, 0), 128);
        let far = server.address();
        let script = "mount -t tmpfs -o size=64k none /mnt && cd /mnt || exit 99
            \"$1\" --json --send x --hold 1m -w run.pcapng \"$2\"
            status=$?; cp run.pcapng \"$3\"; exit $status";
        let script = ["--mount", "sh", "-c", script, "sh"];
        let more = [PROGRAM, &far.to_string(), name(&copy)];
        let finished = program(&client, "unshare", &script).args(&more).run();
        assert_eq!(finished.code(), 6, "{finished:?}");
        assert_eq!(
            finished.stderr,
            "tcpshake: --write: cannot write run.pcapng: No space left on device (os error 28)\n"
        );
        let probe = finished.json().remove(0);
        assert_eq!(probe["verdict"], "open");
        assert_eq!(probe["close"]["outcome"], "aborted");
        let shown = frames(&copy);
        assert!(shown.len() > 5, "{shown:#?}");
        assert!(statistics(&copy).is_empty());
        let near = SocketAddr::new(CLIENT_V4, port(&probe));
        wait_until("the peer has been reset", || {
            (peer.tcp_state(far, near) == "CLOSED").then_some(())
        });
    });
}

fn port(probe: &Value) -> u16 {
    let port = probe["local"]["port"].as_u64().expect("a port");
    port.try_into().expect("a port")
}

#[test]
fn a_disk_without_any_room_is_told_before_anything_is_sent() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let before = counter(&peer, "Tcp", "InSegs");
        let finished = tcpshake(&client, &["-w", "/dev/full", "10.0.0.2:81"]).run();
        assert_eq!(finished.code(), 6);
        assert_eq!(
            finished.stderr,
            "tcpshake: --write: cannot write /dev/full: No space left on device (os error 28)\n"
        );
        assert_eq!(finished.stdout, "");
        assert_eq!(counter(&peer, "Tcp", "InSegs"), before);
    });
}

/// Runs with standard output as it comes.
fn to(host: &Namespace, arguments: &[&str], stdout: Stdio) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null()).stdout(stdout);
    let child = host.spawn(command.stderr(Stdio::piped()));
    child.wait_with_output().expect("its output")
}

#[test]
fn standard_output_takes_the_capture_and_standard_error_the_report() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let server = App::Idle.serve(&peer, SocketAddr::new(PEER_V4, 0), 128);
        let target = server.address().to_string();
        let file = path("stdout");
        let options = ["--json", "--end=rst", "-w", "-", &target];
        let output = to(&client, &options, Stdio::piped());
        assert_eq!(output.status.code(), Some(0));
        fs::write(&file, &output.stdout).expect("a file");
        let probe: Value = serde_json::from_slice(&output.stderr).expect("one line of JSON");
        assert!(schema_faults(&probe).is_empty());
        agree(&frames(&file), &remarks(&file), &probe);
        explains(&file, &[probe]);
        assert_eq!(statistics(&file)[0].received, 4);

        let output = to(&client, &["--end=rst", "-w-", &target], Stdio::null());
        let ladder = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(ladder.contains("open, reset by us as asked."), "{ladder}");
    });
}

#[test]
fn whoever_closes_the_pipe_has_captured_enough() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let server = App::Idle.serve(&peer, SocketAddr::new(PEER_V4, 0), 128);
        let target = server.address().to_string();
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let output = to(&client, &["-w", "-", &target], writer.into());
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert_eq!(
            told,
            "tcpshake: --write: cannot write standard output: Broken pipe (os error 32)\n"
        );

        // It reads as far as the SYN-ACK, of a connection that would stay for a minute.
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut command = Command::new(PROGRAM);
        let options = ["--end=none", "--hold=1m", "-c9", "-w", "-", &target];
        command.args(options).stdin(Stdio::null()).stdout(writer);
        let child = client.spawn(command.stderr(Stdio::piped()));
        drop(command);
        io::Read::read_exact(&mut reader, &mut [0; 500]).expect("the SYN and the SYN-ACK");
        drop(reader);
        let output = child.wait_with_output().expect("its output");
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(told.contains("seq=0 open"), "{told}");
        assert!(!told.contains("seq=1"), "{told}");
        assert!(told.ends_with("Broken pipe (os error 32)\n"), "{told}");
        wait_until("the peer has been reset", || {
            let sockets = peer.tcp_sockets().into_iter();
            let mut open = sockets.filter(|it| it.remote.ip() == CLIENT_V4);
            open.next().is_none().then_some(())
        });
    });
}

#[test]
fn a_capture_is_not_for_a_terminal() {
    in_lab(|| {
        let host = Namespace::new();
        let line = format!("{PROGRAM} -w - 127.0.0.1:9");
        let finished = program(&host, "script", &["-qec", &line, "/dev/null"]).run();
        assert_eq!(finished.code(), 2, "{finished:?}");
        assert!(
            finished.stdout.contains("a capture is not for a terminal"),
            "{finished:?}"
        );
    });
}

/// A directory that only capabilities open.
fn forbidden() -> PathBuf {
    let directory = path("forbidden");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).expect("a directory");
    fs::set_permissions(&directory, Permissions::from_mode(0o555)).expect("no right to write");
    directory
}

#[test]
fn a_path_that_cannot_be_written_is_a_mistake_of_the_user() {
    in_lab(|| {
        let host = Namespace::new();
        let directory = forbidden();
        let file = directory.join("run.pcapng");
        for (path, why) in [
            (
                Path::new("/nonexistent/run.pcapng"),
                "No such file or directory",
            ),
            (&directory, "Is a directory"),
            (&file, "Permission denied"),
        ] {
            let before = counter(&host, "Tcp", "InSegs");
            let finished = tcpshake(&host, &["-w", name(path), "127.0.0.1:9"])
                .with_only(&["net_raw"])
                .run();
            assert_eq!((finished.code(), &*finished.stdout), (2, ""));
            let told = format!("tcpshake: --write: cannot write {}: {why}", name(path));
            assert!(finished.stderr.starts_with(&told), "{finished:?}");
            assert_eq!(counter(&host, "Tcp", "InSegs"), before);
        }
        // Root may, though it gives up what makes it root before the first frame.
        let (probe, _) = recorded(&host, &file, &["127.0.0.1:9"]);
        assert_eq!(probe["verdict"], "closed");
        fs::remove_dir_all(&directory).expect("a directory to remove");
    });
}

#[test]
fn what_a_file_held_is_lost_only_when_there_is_something_better() {
    in_lab(|| {
        let host = Namespace::new();
        let file = path("before");
        let before = vec![b'.'; 100_000];
        fs::write(&file, &before).expect("a file");
        for (capabilities, arguments, status) in [
            (&[][..], &["127.0.0.1:9"][..], 6),
            (&["net_raw"], &["127.0.0.1"], 2),
            (&["net_raw"], &["-I", "none0", "127.0.0.1:9"], 6),
        ] {
            let finished = tcpshake(&host, &["-w", name(&file)])
                .args(arguments)
                .with_only(capabilities)
                .run();
            assert_eq!(finished.code(), status, "{finished:?}");
            assert_eq!(fs::read(&file).expect("a file"), before);
            let none = path("none-before");
            let finished = tcpshake(&host, &["-w", name(&none)])
                .args(arguments)
                .with_only(capabilities)
                .run();
            assert_eq!(finished.code(), status, "{finished:?}");
            assert!(!none.exists());
        }
        recorded(&host, &file, &["127.0.0.1:9"]);
    });
}

#[test]
fn a_run_that_sends_nothing_leaves_a_capture_without_frames() {
    in_lab(|| {
        let host = Namespace::new();
        for (rules, reason) in [
            ("", "no-route"),
            (
                "table ip t { chain c { type filter hook output priority 0; \
                 tcp dport 9 reject with tcp reset; }; }",
                "local-firewall",
            ),
        ] {
            host.nft(rules);
            let file = path("nothing");
            let target = if rules.is_empty() {
                "192.0.2.1:9"
            } else {
                "127.0.0.1:9"
            };
            let (probe, shown) = recorded(&host, &file, &[target]);
            assert_eq!(probe["reason"], reason);
            assert!(shown.is_empty());
            assert_eq!(statistics(&file)[0].received, 0);
        }
    });
}

#[test]
fn a_named_pipe_waits_for_its_reader() {
    in_lab(|| {
        let host = Namespace::new();
        let pipe = path("pipe");
        host.output_of("mkfifo", &[name(&pipe)], "");
        let running = tcpshake(&host, &["--json", "-w", name(&pipe), "127.0.0.1:9"]).spawn();
        let mut bytes = Vec::new();
        let mut reader = File::open(&pipe).expect("the pipe");
        io::Read::read_to_end(&mut reader, &mut bytes).expect("a capture");
        let probe = running.finish().json().remove(0);
        let file = path("from-pipe");
        fs::write(&file, &bytes).expect("a file");
        agree(&frames(&file), &remarks(&file), &probe);
        explains(&file, &[probe]);
        assert_eq!(statistics(&file)[0].received, 2);
        fs::remove_file(&pipe).expect("a pipe to remove");
    });
}

#[test]
fn a_large_answer_is_written_as_it_comes() {
    const ANSWER: usize = 100_000_000;
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        let file = path("large");
        let app = App::Answering {
            asked: 1,
            answer: ANSWER,
            closes: true,
        };
        let server = app.serve(&peer, SocketAddr::new(PEER_V4, 0), 128);
        let target = server.address().to_string();
        let ask = ["--send=x", "--hold=30s", "--timeout=5s", &target];
        let running = tcpshake(&client, &["--json", "-w", name(&file)]).args(&ask);
        let finished = running.alone().run();
        let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what the programs used");
        let probe = finished.json().remove(0);
        assert_eq!(probe["data"]["received"], ANSWER, "{finished:?}");
        assert_eq!(probe["close"]["outcome"], "in-order");
        assert!(used.max_rss() < 64 << 10, "{} kB", used.max_rss());
        explains(&file, &[probe]);
        let bytes = fs::read(&file).expect("a file");
        assert!(bytes.len() > ANSWER);
        let kinds = blocks(&bytes);
        assert_eq!(kinds.last().expect("a block").0, 5);
        assert_eq!(statistics(&file)[0].received, kinds.len() as u64 - 3);
        fs::remove_file(&file).expect("a file to remove");
    });
}
