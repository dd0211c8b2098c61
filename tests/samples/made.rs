//! Captures that are written here: link types and tunnels that this kernel lacks, and what only a
//! patient eavesdropper would ever see.

use super::Sample;
use super::talk::{Said, Talk, together};
use crate::written::frames::{framed, ways};
use crate::written::{MICROSECONDS, NANOSECONDS, ORDERS, Order, Pcap, Pcapng};

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

/// A whole connection: a request, an answer, and a close in order.
pub const WHOLE: &str = ">S <S. >. >P.:100 <. <P.:200 >. >F. <F. >.";

/// Every sample of this kind.
pub fn made() -> Vec<Sample> {
    let told = STORIES.iter().map(|(name, script)| story(name, script));
    let mut all: Vec<_> = told.chain(links()).collect();
    all.extend(reused());
    all.extend([
        every_way_at_once(),
        interleaved(),
        sections(),
        without_stamps(),
        cut_behind_the_headers(),
        fragments(),
        offloaded(),
        checksums(),
        extension_headers(),
        padded(),
    ]);
    all
}

/// Connections on raw IP: what is said, what is lost, and where the capture begins and ends.
const STORIES: [(&str, &str); 40] = [
    ("in-order", WHOLE),
    ("server-first", ">S <S. >. >P.:9 <FP.:70 >. >F. <."),
    (
        "half-close",
        ">S <S. >. >F. <. <P.:100 >. <P.:100 >. <F. >.",
    ),
    ("half-close-by-server", ">S <S. >. <F. >. >P.:30 <. >F. <."),
    ("simultaneous-close", ">S <S. >. >F. <F.- >. <."),
    ("merged-fin", ">S <S. >. >F. <F. >."),
    ("simultaneous-open", ">S <S >S. <S. >P.:5 <. >F. <F. >."),
    (
        "crossed-syns-one-answer",
        ">S <S >S. <. <P.:5 >. <F. >F. <.",
    ),
    ("refused", ">S <R."),
    ("refused-twice", ">S <R. >S <R."),
    ("unanswered", ">S >S >S"),
    ("given-up-in-syn-sent", ">S >S >R"),
    ("half-open-probe", ">S <S. >R"),
    ("reset-by-server-in-syn-received", ">S <S. <R."),
    ("reset-by-client", ">S <S. >. >P.:10 <. >R."),
    ("reset-by-server", ">S <S. >. >P.:10 <. <R."),
    (
        "reset-by-client-after-its-fin",
        ">S <S. >. >F. <. <P.:10 >R",
    ),
    (
        "reset-by-server-after-its-fin",
        ">S <S. >. <F. >. >P.:10 <R",
    ),
    ("reset-after-the-other-fin", ">S <S. >. <F. >. >R."),
    ("reset-of-both-ends", ">S <S. >. >R. <R."),
    ("still-open", ">S <S. >. >P.:10 <. <P.:10 >."),
    ("syn-only", ">S"),
    ("no-third-segment", ">S <S. <S. <S."),
    ("lost-syn", ">S >S <S. >. >F. <F. >."),
    ("lost-syn-ack", ">S <S. >S <S. >. >F. <F. >."),
    ("lost-fin", ">S <S. >. >F. ~>F. ~>F. <F. >."),
    ("lost-fin-of-server", ">S <S. >. >F. <. <F. ~<F. >."),
    (
        "lost-data",
        ">S <S. >. >P.:50 ~>P.:50 <. >P.:50 ~>P.:50 <. >F. <F. >.",
    ),
    ("data-first", ">_S <_S. >_. >P.:10 <. >F. <F. >."),
    ("server-data-first", ">_S <_S. >_. <P.:10 >. <F. >F. <."),
    ("syn-ack-first", ">_S <S. >. >P.:10 <. >F. <F. >."),
    ("third-segment-first", ">_S <_S. >. >P.:10 <. >F. <F. >."),
    ("fin-first", ">_S <_S. >_. >F. <F. >."),
    ("reset-alone", ">_S <_S. >_. <R."),
    ("ack-alone", ">_S <_S. >_. >."),
    ("ends-with-fin", ">S <S. >. >P.:10 <. >F."),
    ("client-unheard", ">_S <S. >_. >_P.:10 <. <P.:20 >_F. <F."),
    ("server-unheard", ">S <_S. >. >P.:10 <_. >F. <_F. >."),
    ("ecn", ">SEW <SE. >. >PW.:10 <E. >F. <F. >."),
    ("data-in-syn", ">S:20 <S. >. <P.:30 >. >F. <F. >."),
];

fn story(name: &str, script: &str) -> Sample {
    Sample::new(name, raw(&Talk::v4(40_000).play(script)))
}

/// A capture of nanoseconds, on an interface without link headers.
fn raw(said: &[Said]) -> Vec<u8> {
    pcap(Order::Little, NANOSECONDS, RAW, said, <[u8]>::to_vec)
}

fn pcap(
    order: Order,
    magic: u32,
    link: u16,
    said: &[Said],
    frame: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let units = if magic == NANOSECONDS { 1_000 } else { 1 };
    let mut file = Pcap::new(order, magic, link);
    for Said { micros, packet } in said {
        let [seconds, fraction] = [micros / 1_000_000, micros % 1_000_000 * units]
            .map(|it| u32::try_from(it).expect("a time before 2106"));
        file = file.frame(seconds, fraction, &frame(packet));
    }
    file.bytes
}

/// The same conversation in each frame and tunnel, in each kind of file.
fn links() -> Vec<Sample> {
    let said = Talk::v4(40_001).play(WHOLE);
    let count = ways(&said[0].packet).len();
    let files = (0..count).map(|way| {
        let (name, link, _) = ways(&said[0].packet)[way];
        let order = ORDERS[way % 2];
        let magic = [MICROSECONDS, NANOSECONDS][way / 2 % 2];
        let frame = |packet: &[u8]| ways(packet)[way].2.clone();
        Sample::new(name, pcap(order, magic, link, &said, frame))
    });
    files.collect()
}

/// A connection in each frame and tunnel over IPv6, on an interface of its own, which counts
/// microseconds, nanoseconds or 2^-20 seconds.
fn every_way_at_once() -> Sample {
    let any = ways(&Talk::v6(1).play(">S")[0].packet);
    let mut file = Pcapng::new(Order::Big);
    let mut frames = Vec::new();
    for (way, (_, link, _)) in any.iter().enumerate() {
        let resolution = [6, 9, 0x94][way % 3];
        file = file.interface(*link, 0, &[(9, &[resolution])]);
        let port = 41_000 + u16::try_from(way).expect("a few ways");
        for Said { micros, packet } in Talk::v6(port).play(WHOLE) {
            frames.push((
                micros + 91 * way as u64,
                way,
                ways(&packet).swap_remove(way).2,
            ));
        }
    }
    frames.sort_by_key(|(micros, ..)| *micros);
    for (micros, way, frame) in frames {
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let units = [
            micros,
            micros * 1_000,
            (seconds << 20) + (rest << 20) / 1_000_000,
        ][way % 3];
        file = file.frame(way as u32, units, &frame);
    }
    Sample::new("every way at once", file.bytes)
}

/// A 4-tuple that is used again, as often as it can happen.
fn reused() -> Vec<Sample> {
    let again = |isns: [u32; 2], script: &str| {
        let talk = Talk::v4(42_000);
        Talk {
            isns,
            micros: talk.micros + 5_000_000,
            ..talk
        }
        .play(script)
    };
    let first = |script: &str| Talk::v4(42_000).play(script);
    let isns = Talk::v4(42_000).isns;
    let fresh = [isns[0] + 1_000_000, 7];
    [
        ("reused after TIME-WAIT", first(WHOLE), again(fresh, WHOLE)),
        (
            "reused after a reset",
            first(">S <S. >. >R."),
            again(fresh, WHOLE),
        ),
        (
            "reused after refusals",
            first(">S <R. >S <R."),
            again(fresh, WHOLE),
        ),
        (
            "reused without an end",
            first(">S <S. >. >P.:7 <."),
            again(fresh, WHOLE),
        ),
        (
            "reused with the same ISN",
            first(">S <S. >. >R."),
            again([isns[0], 7], WHOLE),
        ),
        ("reused the other way", first(WHOLE), other_way()),
        (
            "reused after a half-open probe",
            first(">S <S. >R"),
            again(fresh, ">S <S. >R"),
        ),
        ("reused and refused", first(WHOLE), again(fresh, ">S <R.")),
    ]
    .map(|(name, one, other)| Sample::new(name, raw(&together(vec![one, other]))))
    .into()
}

/// The server of [`reused`] opens a connection between the same ports.
fn other_way() -> Vec<Said> {
    let Talk {
        ends: [client, server],
        offers,
        micros,
        ..
    } = Talk::v4(42_000);
    let talk = Talk {
        ends: [server, client],
        isns: [1, 2],
        offers,
        micros: micros + 9_000_000,
    };
    talk.play(WHOLE)
}

/// Eight connections at the same time.
pub fn interleaved() -> Sample {
    let talks = (0..8_u16).map(|number| {
        let talk = if number % 2 == 0 {
            Talk::v4(43_000 + number)
        } else {
            Talk::v6(43_000 + number)
        };
        let micros = talk.micros + 311 * u64::from(number);
        Talk { micros, ..talk }.play(STORIES[usize::from(number)].1)
    });
    let said = together(talks.collect());
    Sample::new(
        "interleaved",
        pcap(Order::Big, MICROSECONDS, ETHERNET, &said, framed),
    )
}

/// A connection that begins in one section and ends in the next, of the other byte order.
pub fn sections() -> Sample {
    let said = Talk::v6(44_000).play(WHOLE);
    let (one, other) = said.split_at(4);
    let mut file = Pcapng::new(Order::Little).interface(RAW, 0, &[(2, b"tun0")]);
    for said in one {
        file = file.frame(0, said.micros, &said.packet);
    }
    file = file.section(Order::Big).interface(RAW, 0, &[]).interface(
        ETHERNET,
        0,
        &[(9, &[9]), (14, &1_000_000_000_u64.to_be_bytes())],
    );
    for said in other {
        let nanos = (said.micros - 1_000_000_000_000_000) * 1_000;
        file = file.frame(1, nanos, &framed(&said.packet));
    }
    Sample::new("sections", file.bytes)
}

/// Simple packet blocks tell no time.
fn without_stamps() -> Sample {
    let mut file = Pcapng::new(Order::Big).interface(RAW, 0, &[]);
    for said in Talk::v4(44_001).play(WHOLE) {
        file = file.simple(&said.packet, said.packet.len());
    }
    Sample::new("without stamps", file.bytes)
}

/// A snapshot length that leaves nothing of the data.
fn cut_behind_the_headers() -> Sample {
    let mut file = Pcap::new(Order::Little, MICROSECONDS, ETHERNET);
    for Said { micros, packet } in Talk::v4(44_002).play(WHOLE) {
        let frame = framed(&packet);
        let kept = &frame[..frame.len().min(76)];
        let fraction = u32::try_from(micros % 1_000_000).expect("less than a million");
        file = file.cut(1_700_000_000, fraction, kept, frame.len());
    }
    Sample::new("cut behind the headers", file.bytes)
}

/// The same conversation after something has been done to some of its packets.
fn altered(name: &str, talk: Talk, script: &str, alter: impl Fn(usize, &mut Vec<u8>)) -> Sample {
    let mut said = talk.play(script);
    for (index, said) in said.iter_mut().enumerate() {
        alter(index, &mut said.packet);
    }
    Sample::new(
        name,
        pcap(Order::Little, MICROSECONDS, ETHERNET, &said, framed),
    )
}

/// Data that comes in fragments is not there for either of us.
fn fragments() -> Sample {
    altered("fragments", Talk::v4(44_003), WHOLE, |index, packet| {
        if index == 5 {
            packet[6] = 0x20;
        }
    })
}

/// Segments that the hardware was to cut, without a length.
fn offloaded() -> Sample {
    let script = ">S <S. >. >P.:20000 <. <P.:30000 >. >F. <F. >.";
    altered("offloaded", Talk::v4(44_004), script, |_, packet| {
        if packet.len() > 1_500 {
            packet[2..4].fill(0);
        }
    })
}

/// Checksums that are left to the hardware, and a request damaged on its way, which is sent again.
fn checksums() -> Sample {
    let script = ">S <S. >. >P.:100 ~>P.:100 <. <P.:200 >. >F. <F. >.";
    altered(
        "checksums",
        Talk::v4(44_005),
        script,
        |index, packet| match index {
            3 => packet[60] ^= 1,
            5 | 7 => packet[36..38].fill(0),
            _ => {}
        },
    )
}

/// Hop-by-hop and destination options before TCP.
fn extension_headers() -> Sample {
    altered(
        "extension headers",
        Talk::v6(44_006),
        WHOLE,
        |index, packet| {
            let padding = [1, 4, 0, 0, 0, 0];
            let headers = [&[60, 0][..], &padding, &[6, 0], &padding].concat();
            let kept = if index % 2 == 0 { 16 } else { 8 };
            packet[6] = if kept == 16 { 0 } else { 60 };
            packet[5] += kept;
            packet.splice(40..40, headers[16 - usize::from(kept)..].iter().copied());
        },
    )
}

/// Short Ethernet frames are filled up to 60 bytes.
fn padded() -> Sample {
    altered("padded", Talk::v4(44_007), WHOLE, |_, packet| {
        let len = packet.len().max(46);
        packet.resize(len, 0);
    })
}
