//! `-v` beside Wireshark: each field that is printed has the value that tshark finds under its name.

mod lab;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::thread;

use tcpshake::clock::Stamp;
use tcpshake::exchange::Flow;
use tcpshake::link::{Direction, Frame};
use tcpshake::observe::{Observer, Vantage};
use tcpshake::report::{Ladder, LocalInfo, Record, Report, Style};
use tcpshake::session::End;
use tcpshake::wire::{
    Extension, Flags, IcmpMessage, IpFields, IpHeader, IpVersion, Options, Packet, Payload,
    Segment, SeqNumber, TcpOption,
};

use lab::{Pair, in_lab, tcpshake};

#[test]
fn every_field_is_what_tshark_finds_on_the_wire() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        for (target, port) in [
            ("10.0.0.2:80", 80),
            ("10.0.0.2:81", 81),
            ("[fd00::2]:80", 80),
            ("[fd00::2]:81", 81),
        ] {
            let listener = peer.listen(target.parse::<SocketAddr>().expect("an address"));
            for end in ["fin", "rst"] {
                let capture = client.capture("cli0", &format!("tcp port {port}"));
                let options = [
                    "-v",
                    "--dscp=46",
                    "--ecn",
                    "--fastopen",
                    "--end",
                    end,
                    target,
                ];
                let told = thread::scope(|scope| {
                    if end == "fin" {
                        scope.spawn(|| listener.accept().read_to_end());
                    } else {
                        scope.spawn(|| listener.accept().close());
                    }
                    tcpshake(&client, &options).run()
                });
                assert_eq!((told.code(), &*told.stderr), (0, ""));
                let file = file(&format!("{end}-{port}"));
                capture.stop().save(&file);
                let packets = packets(&told.stdout);
                let kinds: Vec<&str> = packets.iter().map(|it| it.first("tcp.flags")).collect();
                let last = if end == "fin" { "0x0011" } else { "0x0014" };
                for flags in ["0x00c2", "0x0052", "0x0010", last] {
                    assert!(kinds.contains(&flags), "{flags}: {kinds:?}");
                }
                compare(&packets, &file);
            }
        }
    });
}

#[test]
fn a_refusal_is_what_tshark_finds_on_the_wire() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        for target in ["10.0.0.2:82", "[fd00::2]:82"] {
            let capture = client.capture("cli0", "tcp port 82");
            let told = tcpshake(&client, &["-v", target]).run();
            assert_eq!(told.code(), 3);
            let file = file("refused");
            capture.stop().save(&file);
            let packets = packets(&told.stdout);
            assert_eq!(packets[1].first("tcp.flags"), "0x0014");
            compare(&packets, &file);
        }
    });
}

#[test]
fn an_icmp_error_and_its_quote_are_what_tshark_finds_on_the_wire() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        peer.nft(
            "table inet t { chain c { type filter hook input priority 0; \
             tcp dport 83 reject with icmpx admin-prohibited; }; }",
        );
        for target in ["10.0.0.2:83", "[fd00::2]:83"] {
            let capture = client.capture("cli0", "tcp port 83 or icmp[0] = 3 or icmp6[0] = 1");
            let told = tcpshake(&client, &["-v", target]).run();
            assert_eq!(told.code(), 4, "{told:?}");
            assert!(told.stdout.contains(" ICMP admin-prohibited\n"), "{told:?}");
            let file = file("prohibited");
            capture.stop().save(&file);
            compare(&packets(&told.stdout), &file);
        }
    });
}

#[test]
fn json_lists_the_segments_of_several_targets_with_verbose_alone() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        let run = |more: &[&str]| {
            let targets = ["--json", "10.0.0.2:81-82"];
            let lines = tcpshake(&client, &targets).args(more).run().json();
            [lines[0]["segments"].clone(), lines[1]["segments"].clone()]
        };
        assert!(run(&[]).iter().all(serde_json::Value::is_null));
        for verbose in ["-v", "--verbose"] {
            for segments in run(&[verbose]) {
                assert_eq!(segments.as_array().map(Vec::len), Some(2), "{segments}");
            }
        }
    });
}

/// The two addresses and ports of what is made up here.
fn flow(v6: bool) -> Flow {
    let [local, remote] = if v6 {
        ["[2001:db8::1]:50000", "[2001:db8::2]:80"]
    } else {
        ["192.0.2.1:50000", "192.0.2.2:80"]
    };
    Flow {
        local: local.parse().expect("an address"),
        remote: remote.parse().expect("an address"),
    }
}

const ISS: SeqNumber = SeqNumber(u32::MAX - 1);
const IRS: SeqNumber = SeqNumber(7000);

fn ours(flow: Flow, seq: u32, flags: Flags, segment: Segment) -> Packet {
    let segment = Segment {
        src_port: flow.local.port(),
        dst_port: flow.remote.port(),
        seq: ISS + seq,
        flags,
        window: 0x1234,
        ..segment
    };
    let (src, dst) = (flow.local.ip(), flow.remote.ip());
    Packet::build(
        src,
        dst,
        segment,
        &IpFields {
            flow_label: 0xabcde,
            ..IpFields::default()
        },
    )
}

fn theirs(flow: Flow, seq: u32, ack: u32, flags: Flags, segment: Segment) -> Packet {
    let segment = Segment {
        src_port: flow.remote.port(),
        dst_port: flow.local.port(),
        seq: IRS + seq,
        ack: ISS + ack,
        flags: flags | Flags::ACK,
        window: 501,
        ..segment
    };
    let (src, dst) = (flow.remote.ip(), flow.local.ip());
    let ip = IpFields {
        ttl: 57,
        dscp: 10,
        ecn: 1,
        identification: 0xbeef,
        ..IpFields::default()
    };
    Packet::build(src, dst, segment, &ip)
}

fn with(options: Vec<TcpOption>) -> Segment {
    Segment {
        options: Options::from(options),
        ..Segment::default()
    }
}

/// A handshake, and a segment of the peer for each list of options.
fn conversation(flow: Flow) -> Vec<Packet> {
    let syn = with(vec![
        TcpOption::Mss(1460),
        TcpOption::WindowScale(7),
        TcpOption::FastOpen(vec![1, 2, 3, 4, 5, 6, 7, 8]),
    ]);
    let answer = with(vec![
        TcpOption::Mss(1220),
        TcpOption::Nop,
        TcpOption::WindowScale(14),
    ]);
    let mut packets = vec![
        ours(flow, 0, Flags::SYN, syn),
        theirs(flow, 0, 1, Flags::SYN, answer),
        ours(
            flow,
            1,
            Flags::ACK,
            Segment {
                ack: IRS + 1,
                ..Segment::default()
            },
        ),
    ];
    for options in [
        vec![TcpOption::Timestamps {
            val: u32::MAX,
            ecr: 1,
        }],
        vec![TcpOption::Sack(vec![
            (ISS + 1, ISS + 4),
            (ISS + 9, ISS + 10),
        ])],
        vec![TcpOption::Other {
            kind: 19,
            data: vec![0xab; 16],
        }],
        vec![
            TcpOption::Other {
                kind: 200,
                data: vec![0x1b, b'[', b'm'],
            },
            TcpOption::Nop,
        ],
        vec![TcpOption::SackPermitted, TcpOption::FastOpen(Vec::new())],
    ] {
        packets.push(theirs(flow, 1, 1, Flags::ECE, with(options)));
    }
    let text = b"\x1b[31mred\r\n\xff \"quoted\" \\ and a tail that goes past the sixty-four bytes";
    let data = Segment {
        payload: text.to_vec(),
        urgent: 9,
        ..Segment::default()
    };
    packets.push(theirs(
        flow,
        1,
        1,
        Flags::PSH | Flags::URG | Flags::AE,
        data,
    ));
    packets.push(theirs(
        flow,
        99,
        1,
        Flags::RST | Flags::from_bits(0xe00),
        Segment::default(),
    ));
    packets
}

#[test]
fn every_kind_of_option_is_what_tshark_finds() {
    for flow in [flow(false), flow(true)] {
        let told = compared(flow, conversation(flow), "options");
        let text = [
            r#"    tcp.payload="\x1b[31mred\r\n\xff \"quoted\" \\ and a tail that goes past ""#,
            r#"      "the sixty-four " (64 of 69 bytes)"#,
        ];
        assert!(told.contains(&text.join("\n")), "{told}");
        assert!(
            told.contains("tcp.option_kind=200 tcp.option_len=5 (data 1b5b6d)"),
            "{told}"
        );
        assert!(
            told.contains("tcp.options.sack_le=1 tcp.options.sack_re=4 (raw 4294967295 to 2)"),
            "{told}"
        );
    }
}

#[test]
fn a_checksum_is_right_wrong_or_left_to_the_hardware() {
    let flow = flow(false);
    let mut packets = vec![ours(flow, 0, Flags::SYN, Segment::default())];
    let mut wrong = theirs(flow, 0, 1, Flags::SYN, Segment::default());
    if let Payload::Tcp(segment) = &mut wrong.payload {
        segment.checksum ^= 1;
    }
    packets.push(wrong);
    let told = compared(flow, packets.clone(), "checksums");
    assert_eq!(
        told.matches("tcp.checksum.status=Good").count(),
        1,
        "{told}"
    );
    assert_eq!(told.matches("tcp.checksum.status=Bad").count(), 1, "{told}");
    let told = ladder(flow, &packets, true);
    let left = "tcp.checksum.status=Unverified (left to the hardware)";
    assert_eq!(told.matches(left).count(), 2, "{told}");
}

#[test]
fn ip_options_and_extension_headers_are_what_tshark_finds() {
    let v4 = flow(false);
    let mut routed = theirs(v4, 0, 1, Flags::SYN, Segment::default());
    if let IpHeader::V4(ip) = &mut routed.ip {
        ip.options = vec![1, 148, 4, 0, 0, 0, 0, 0];
        ip.total_length += 8;
        *ip = ip.clone().with_checksum();
    }
    compared(
        v4,
        vec![ours(v4, 0, Flags::SYN, Segment::default()), routed],
        "ip-options",
    );

    let v6 = flow(true);
    let mut extended = theirs(v6, 0, 1, Flags::SYN, Segment::default());
    if let IpHeader::V6(ip) = &mut extended.ip {
        let extension = |kind, bytes: &[u8]| Extension {
            kind,
            bytes: bytes.to_vec(),
        };
        ip.next_header = 0;
        ip.extensions = vec![
            extension(0, &[43, 0, 5, 2, 0, 0, 1, 0]),
            extension(43, &[60, 0, 253, 0, 1, 2, 3, 4]),
            extension(60, &[44, 0, 0x1e, 2, 7, 8, 0, 0]),
            extension(44, &[6, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef]),
        ];
        ip.payload_length += 32;
    }
    compared(
        v6,
        vec![ours(v6, 0, Flags::SYN, Segment::default()), extended],
        "extensions",
    );
}

#[test]
fn every_icmp_error_is_what_tshark_finds() {
    for (v6, types) in [
        (
            false,
            &[(3, 1), (3, 4), (4, 0), (5, 1), (11, 0), (12, 0)][..],
        ),
        (true, &[(1, 3), (2, 0), (3, 0), (4, 1)]),
    ] {
        let flow = flow(v6);
        let syn = ours(flow, 0, Flags::SYN, with(vec![TcpOption::Mss(1460)]));
        let mut packets = vec![syn.clone()];
        for &(icmp_type, code) in types {
            let all_but_eight = syn.tcp().expect("a segment").header_len() - 8;
            // tshark reads eight bytes of a redirect's quote, and no shorter header in IPv6.
            let cuts = match (v6, icmp_type) {
                (true, _) => &[0][..],
                (false, 5) => &[all_but_eight],
                _ => &[0, all_but_eight],
            };
            for cut in cuts {
                let mut body = syn.emit();
                body.truncate(body.len() - cut);
                let message = IcmpMessage {
                    version: IpVersion::V4,
                    icmp_type,
                    code,
                    checksum: 0,
                    rest: [0, 0, 5, 0xdc],
                    body,
                };
                let (src, dst) = (flow.remote.ip(), flow.local.ip());
                packets.push(Packet::build_icmp(src, dst, message, &IpFields::default()));
            }
        }
        compared(flow, packets, "errors");
    }
}

/// What `-v` tells of these packets, after tshark has agreed.
fn compared(flow: Flow, wire: Vec<Packet>, name: &str) -> String {
    let told = ladder(flow, &wire, false);
    assert!(told.is_ascii() && !told.contains('\x1b'), "{told}");
    assert!(told.lines().all(|line| line.len() <= 80), "{told}");
    let file = file(name);
    // The header of a pcap file of raw IP packets, then each with its length.
    let mut pcap: Vec<u8> = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101_u32]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    for packet in &wire {
        let bytes = packet.emit();
        let len = bytes.len() as u32;
        for word in [0, 0, len, len] {
            pcap.extend(word.to_le_bytes());
        }
        pcap.extend(bytes);
    }
    fs::write(&file, pcap).expect("a file");
    let packets = packets(&told);
    assert_eq!(packets.len(), wire.len(), "{told}");
    compare(&packets, &file);
    told
}

fn ladder(flow: Flow, wire: &[Packet], checksum_pending: bool) -> String {
    let mut observer = Observer::new(Vantage::Ours);
    for (at, packet) in wire.iter().enumerate() {
        let frame = Frame {
            stamp: Some(Stamp(at as u64 * 1000)),
            direction: if packet.ip.src() == flow.local.ip() {
                Direction::Sent
            } else {
                Direction::Received
            },
            interface: 2,
            checksum_pending,
            bytes: Vec::new(),
        };
        let subject = flow
            .subject(&frame, packet.clone())
            .expect("of this connection");
        observer.observe(Stamp(at as u64 * 1000), &subject);
    }
    let record = Record {
        seq: 0,
        started: Stamp(0),
        target: flow.remote.into(),
        local: LocalInfo::default(),
        requested: End::Fin,
        time_wait: None,
        exchange: observer.finish(),
        kernel_rst: 0,
        capture_drops: 0,
        failure: None,
        stopped: false,
    };
    let mut text = Vec::new();
    let mut ladder = Ladder::new(&mut text, Style::PLAIN).verbose(true);
    ladder.probe(&record).expect("memory");
    String::from_utf8(text).expect("text")
}

/// The fields of one packet: names and values in the order in which they are printed.
#[derive(Debug, Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn all(&self, name: &str) -> Vec<&str> {
        let of_name = self.0.iter().filter(|(other, _)| other == name);
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    fn first(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }
}

/// What a report with `-v` tells of each packet. The payload is compared elsewhere.
fn packets(report: &str) -> Vec<Fields> {
    let mut packets: Vec<Fields> = Vec::new();
    let rungs = report.lines().skip_while(|line| !line.ends_with(" peer"));
    for line in rungs
        .skip(1)
        .take_while(|line| !line.starts_with(char::is_alphabetic))
    {
        if !line.starts_with("    ") || line[..8].trim().parse::<f64>().is_ok() {
            packets.extend((!line.is_empty()).then(Fields::default));
            continue;
        }
        let fields = line
            .split(" (")
            .next()
            .unwrap_or_default()
            .split_whitespace();
        for field in fields
            .take_while(|field| !field.contains('"'))
            .filter(|it| it.contains('.'))
        {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let packet = packets.last_mut().expect("a rung comes first");
            packet.0.push((name.to_string(), value.to_string()));
        }
    }
    packets
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fields-{name}-{}.pcap", process::id()))
}

/// Every field of every packet, in both.
fn compare(packets: &[Fields], file: &Path) {
    let mut names: Vec<&str> = packets
        .iter()
        .flat_map(|it| &it.0)
        .map(|(name, _)| &**name)
        .collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() > 30, "{names:?}");
    let mut tshark = Command::new("tshark");
    tshark
        .arg("-r")
        .arg(file)
        .args(["-n", "-T", "fields", "-E", "aggregator=;"]);
    for check in ["ip.check_checksum", "tcp.check_checksum"] {
        tshark.args(["-o", &format!("{check}:TRUE")]);
    }
    tshark.args(names.iter().flat_map(|name| ["-e", name]));
    let output = tshark.output().expect("tshark, which tests/run installs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines.len(), packets.len(), "packets of {}", file.display());
    for (index, (ours, line)) in packets.iter().zip(&lines).enumerate() {
        let quoted = ours.first("icmp.type").len() + ours.first("icmpv6.type").len() > 0;
        for name in &names {
            // In a quote tshark has no relative numbers, no other name for the raw ones, and takes
            // lengths and windows as they stand.
            let same_as = match *name {
                "tcp.seq" | "tcp.ack" | "tcp.len" | "tcp.window_size" if quoted => continue,
                "tcp.seq_raw" if quoted => "tcp.seq",
                "tcp.ack_raw" if quoted => "tcp.ack",
                name => name,
            };
            let column = names.iter().position(|it| *it == same_as);
            let theirs = column.and_then(|column| line.get(column)).unwrap_or(&"");
            let theirs: Vec<&str> = theirs.split(';').filter(|it| !it.is_empty()).collect();
            let ours = ours.all(name);
            assert!(
                agree(name, &ours, &theirs),
                "packet {index}, {name}: {ours:?}, tshark {theirs:?}"
            );
        }
    }
    fs::remove_file(file).expect("a file of ours");
}

fn agree(name: &str, ours: &[&str], mut theirs: &[&str]) -> bool {
    // tshark has a status for quoted headers too, and takes padding for more ends of the list.
    let may_have_more = name.ends_with(".status") || name == "tcp.options.eol";
    if may_have_more || name == "tcp.option_kind" && theirs.ends_with(&["0", "0"]) {
        theirs = theirs.get(..ours.len()).unwrap_or_default();
    }
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(ours, theirs)| match *ours {
            "" | "Unverified" => true,
            "Good" => ["1", "Good"].contains(theirs),
            "Bad" => ["0", "Bad"].contains(theirs),
            _ => ours == theirs || number(ours).is_some() && number(ours) == number(theirs),
        })
}

/// Decimal, hexadecimal, or a truth: 1 in Wireshark 4.0, True in later ones.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if text == "True" => Some(1),
        None if text == "False" => Some(0),
        None => text.parse().ok(),
    }
}
