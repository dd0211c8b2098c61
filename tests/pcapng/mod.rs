//! A capture file that the program has written, read by others: tshark, capinfos, tcpdump.

#![allow(dead_code, reason = "each test program uses the part that it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use serde_json::Value;

const FIELDS: [&str; 7] = [
    "frame.time_epoch",
    "frame.interface_name",
    "frame.packet_flags_direction",
    "tcp.flags",
    "tcp.seq_raw",
    "icmp.type",
    "icmpv6.type",
];
/// Anomalies of the run, which no frame shows.
const OF_NO_FRAME: [&str; 5] = [
    "not-sent",
    "send-failed",
    "capture-drops",
    "no-kernel-stamp",
    "clock-stepped",
];
const UNSTAMPED: &str = "no-kernel-stamp: ";
const BETWEEN_COMMENTS: char = '\x1f';
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const COMMENT: u16 = 1;
const BEGUN: u16 = 2;

/// A path of its own for each name, without a file.
pub fn path(name: &str) -> PathBuf {
    let name = format!("write-{name}.pcapng");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

/// A frame as tshark shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    pub stamp: u64,
    pub interface: String,
    pub dir: &'static str,
    pub seq: String,
    pub is_icmp: bool,
    pub comments: Vec<String>,
}

/// All frames of a file, which every reader must take without complaint.
pub fn frames(file: &Path) -> Vec<Shown> {
    let name = file.to_str().expect("a path in UTF-8");
    quiet("capinfos", &[name]);
    let mut arguments = vec!["-n", "-r", name, "-T", "fields", "-E", "aggregator=\x1f"];
    arguments.extend(FIELDS.iter().flat_map(|field| ["-e", field]));
    arguments.extend(["-e", "frame.comment"]);
    let shown: Vec<Shown> = quiet("tshark", &arguments).lines().map(shown).collect();
    let printed = quiet("tcpdump", &["-n", "-r", name]);
    let count = printed.lines().filter(|line| !line.starts_with('\t'));
    assert_eq!(count.count(), shown.len(), "{printed}");
    shown
}

/// What a program prints; fails when it has anything to say about it.
fn quiet(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<&str> = told
        .lines()
        .filter(|line| !line.starts_with("reading from file ") && !line.contains("user \"root\""))
        .collect();
    assert!(
        output.status.success() && complaints.is_empty(),
        "{program} {arguments:?}: {told}"
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn shown(line: &str) -> Shown {
    let columns: Vec<&str> = line.split('\t').collect();
    let [stamp, interface, direction, _, seq, icmp, icmpv6, comments] = columns[..] else {
        panic!("not eight columns: {line:?}")
    };
    let (seconds, nanos) = stamp.split_once('.').expect("a fraction");
    let number = |digits: &str| digits.parse::<u64>().expect("a number");
    assert_eq!(nanos.len(), 9, "{stamp}");
    Shown {
        stamp: number(seconds) * 1_000_000_000 + number(nanos),
        interface: interface.to_owned(),
        dir: match direction {
            "0x00000001" => "in",
            "0x00000002" => "out",
            other => panic!("direction {other:?}"),
        },
        seq: seq.to_owned(),
        is_icmp: !icmp.is_empty() || !icmpv6.is_empty(),
        comments: comments
            .split(BETWEEN_COMMENTS)
            .filter(|comment| !comment.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}

/// The statistics of one interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statistics {
    pub begun: u64,
    pub ended: u64,
    pub received: u64,
    pub dropped: Option<u64>,
}

/// The blocks of a file, which must be whole: their types and bytes.
pub fn blocks(bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let mut rest = bytes;
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let length = u32_at(rest, 4) as usize;
        let (block, more) = rest.split_at_checked(length).expect("a whole block");
        assert_eq!(u32_at(block, length - 4) as usize, length);
        blocks.push((u32_at(block, 0), block));
        rest = more;
    }
    blocks
}

/// How many frames a file that is still being written holds.
pub fn count(file: &Path) -> usize {
    let bytes = fs::read(file).unwrap_or_default();
    let frames = blocks(&bytes).into_iter();
    frames.filter(|(kind, _)| *kind == ENHANCED_PACKET).count()
}

/// The statistics at the end of a file.
pub fn statistics(file: &Path) -> Vec<Statistics> {
    let bytes = fs::read(file).expect("a file");
    let blocks = blocks(&bytes).into_iter();
    let ends = blocks.skip_while(|(kind, block)| *kind != INTERFACE_STATISTICS || !counts(block));
    ends.map(|(kind, block)| {
        assert_eq!(kind, INTERFACE_STATISTICS, "nothing comes after statistics");
        let option = |wanted| options(block).find(|(code, _)| *code == wanted);
        let option = |wanted| option(wanted).map(|(_, value)| value);
        let stamp = |code| {
            let bytes = option(code).expect("a stamp");
            u64::from(u32_at(bytes, 0)) << 32 | u64::from(u32_at(bytes, 4))
        };
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        Statistics {
            begun: stamp(BEGUN),
            ended: stamp(3),
            received: number(option(4).expect("a count")),
            dropped: option(5).map(number),
        }
    })
    .collect()
}

/// What is said between the frames: `probe 0: interrupted`.
pub fn remarks(file: &Path) -> Vec<String> {
    let bytes = fs::read(file).expect("a file");
    let blocks = blocks(&bytes).into_iter();
    let between = blocks.filter(|(kind, block)| *kind == INTERFACE_STATISTICS && !counts(block));
    let said = between.flat_map(|(_, block)| options(block));
    said.map(|(code, text)| {
        assert_eq!(code, COMMENT);
        String::from_utf8(text.to_vec()).expect("UTF-8")
    })
    .collect()
}

/// Statistics that have numbers, not comments alone.
fn counts(statistics: &[u8]) -> bool {
    options(statistics).any(|(code, _)| code == BEGUN)
}

fn options(statistics: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = &statistics[20..statistics.len() - 4];
    std::iter::from_fn(move || {
        let code = u16::from_le_bytes([rest[0], rest[1]]);
        let length = usize::from(u16::from_le_bytes([rest[2], rest[3]]));
        let value = &rest[4..4 + length];
        rest = &rest[4 + length.next_multiple_of(4)..];
        (code != 0).then_some((code, value))
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Takes out the frames of one probe, by when they were captured.
pub fn frames_of(probe: &Value, shown: &mut Vec<Shown>) -> Vec<Shown> {
    let started = started(probe);
    let segments = probe["segments"].as_array().expect("segments").iter();
    let errors = Some(&probe["icmp"]).filter(|it| !it.is_null());
    let stamps: Vec<u64> = segments
        .chain(errors)
        .map(|it| started + t_ns(it))
        .collect();
    shown
        .extract_if(.., |it| stamps.contains(&it.stamp))
        .collect()
}

/// Fails unless the frames of one probe are what its JSON tells: the same segments at the same
/// nanosecond, beside ICMP errors and segments that cannot be read, and the same claims and
/// anomalies as comments of the frames that show them; those that none shows are among the remarks.
pub fn agree(shown: &[Shown], remarks: &[String], probe: &Value) {
    let started = started(probe);
    let list = |key: &str| probe[key].as_array().expect(key);
    let told: Vec<_> = list("segments")
        .iter()
        .map(|it| {
            let (dir, seq) = (it["dir"].as_str().expect("dir"), it["seq"].to_string());
            (started + t_ns(it), dir.to_owned(), seq)
        })
        .collect();
    let segments: Vec<_> = shown
        .iter()
        .filter(|it| !it.is_icmp)
        .map(|it| (it.stamp, it.dir.to_owned(), it.seq.clone()))
        .collect();
    assert_eq!(segments, told, "{probe:#}");
    assert!(shown.is_sorted_by_key(|it| it.stamp));
    for end in ["local", "peer"] {
        assert_eq!(
            claims_shown(shown, end),
            claims_told(probe, end),
            "{shown:#?}"
        );
    }
    let (seq, requested) = (&probe["seq"], text(&probe["close"]["requested"]));
    let of_no_frame = |it: &&Value| OF_NO_FRAME.contains(&text(&it["id"]));
    let (of_none, of_frames): (Vec<_>, Vec<_>) = list("anomalies").iter().partition(of_no_frame);
    let words = |it: &Value| format!("{}: {}", text(&it["id"]), text(&it["text"]));
    let first = format!("probe {seq}: --end {requested}");
    let mut expected: Vec<String> = shown.first().map(|_| first).into_iter().collect();
    expected.extend(of_frames.into_iter().map(words));
    let is_claim = |it: &&String| it.starts_with("local ") || it.starts_with("peer ");
    // The report tells once, in other words, what each such frame does.
    let is_unstamped = |it: &&String| it.starts_with(UNSTAMPED);
    let comments = shown.iter().flat_map(|it| &it.comments);
    let others = comments.filter(|it| !is_claim(it) && !is_unstamped(it));
    assert_eq!(
        others.collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
    let own = remarks
        .iter()
        .filter_map(|it| it.strip_prefix(&format!("probe {seq}: ")));
    let own: Vec<&str> = own.filter(|it| *it != "interrupted").collect();
    let of_none = of_none.into_iter().filter(|_| !shown.is_empty());
    assert_eq!(own, of_none.map(words).collect::<Vec<_>>());
}

/// When, with the states and the basis: `ESTABLISHED (inferred)`. What holds since the SYN-ACK has
/// no time here.
type Claims = Vec<(Option<u64>, String)>;

fn claims_shown(shown: &[Shown], end: &str) -> Claims {
    let mut claims = Claims::new();
    for frame in shown {
        for comment in &frame.comments {
            let Some(claim) = comment.strip_prefix(&format!("{end} ")) else {
                continue;
            };
            let (claim, since) = claim.split_at(claim.find(')').expect("a basis") + 1);
            if let Some(wrong) = since.strip_prefix(", never ") {
                let (_, last) = claims.pop().expect("a claim to be taken back");
                let wrong = wrong.split_once(':').expect("why").0;
                assert!(last.starts_with(&format!("{wrong} (")), "{last} {wrong}");
            }
            let at = (since != " since the SYN-ACK").then_some(frame.stamp);
            claims.push((at, claim.to_owned()));
        }
    }
    claims
}

fn claims_told(probe: &Value, end: &str) -> Claims {
    let states = probe["states"].as_array().expect("states").iter();
    let of_end = states.filter(|it| it["end"] == end);
    of_end
        .map(|it| {
            let names = it["state"].as_array().expect("states").iter().map(text);
            let names = names.collect::<Vec<_>>().join("|");
            let basis = text(&it["basis"]);
            let opens = (end, &*names, basis) == ("local", "ESTABLISHED", "inferred");
            let at = (!opens).then(|| started(probe) + t_ns(it));
            (at, format!("{names} ({basis})"))
        })
        .collect()
}

fn started(probe: &Value) -> u64 {
    let time = humantime::parse_rfc3339(text(&probe["started"])).expect("a time");
    let since = time.duration_since(UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(since.as_nanos()).expect("a time before 2554")
}

fn t_ns(value: &Value) -> u64 {
    value["t_ns"].as_u64().expect("a time after the first")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}
