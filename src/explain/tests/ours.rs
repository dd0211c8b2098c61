//! Captures of our own: what they tell besides their frames is heard, and no more.

use crate::clock::Stamp;
use crate::exchange::{AnomalyKind, End, News, Outcome, Verdict};
use crate::report::{Connection, Mark, Pcapng};
use crate::session::End as Ending;

use super::capture::packet;
use super::{Limits, Wishes, account_within};

/// A capture as `--write` makes it.
struct Written {
    pcapng: Pcapng<Vec<u8>>,
    now: u64,
}

impl Written {
    fn new() -> Written {
        let mut pcapng = Pcapng::new(Vec::new(), "Linux").unwrap();
        pcapng.describe(1, "eth0", 1).unwrap();
        Written { pcapng, now: 0 }
    }

    fn probe(self, seq: u64, end: Ending, frames: &[&str]) -> Written {
        let (first, rest) = frames.split_first().unwrap();
        let mark = Mark::Probe { seq, end };
        let begun = self.frame(first, Some(&mark), News::default());
        rest.iter().fold(begun, |written, frame| {
            written.frame(frame, None, News::default())
        })
    }

    fn frame(self, frame: &str, mark: Option<&Mark>, news: News) -> Written {
        self.bytes(frame, &packet(frame), mark, news)
    }

    fn bytes(mut self, frame: &str, bytes: &[u8], mark: Option<&Mark>, news: News) -> Written {
        let from = if frame.contains('>') && !frame.contains("icmp") {
            End::Local
        } else {
            End::Peer
        };
        self.now += 1_000_000;
        let tells = (mark, &news);
        self.pcapng
            .frame(Stamp(self.now), 1, from, bytes, tells)
            .unwrap();
        self
    }

    fn remark(mut self, mark: Mark) -> Written {
        self.pcapng.remark(Stamp(self.now), 1, &[mark]).unwrap();
        self
    }

    fn bytes_of_all(mut self) -> Vec<u8> {
        let ended = Stamp(self.now);
        self.pcapng.finish(Stamp(0), ended, 0).unwrap();
        self.pcapng.into_inner()
    }

    fn connections(self) -> Vec<Connection> {
        explained(&self.bytes_of_all())
    }
}

fn explained(capture: &[u8]) -> Vec<Connection> {
    account_within(Limits::default(), capture, &Wishes::default()).connections
}

fn anomalies(connection: &Connection) -> Vec<&str> {
    connection
        .exchange
        .anomalies
        .iter()
        .map(|it| it.id)
        .collect()
}

fn note(kind: AnomalyKind) -> News {
    News {
        anomalies: vec![(kind, "said of a frame".to_string())],
        ..News::default()
    }
}

const ABORTED: [&str; 4] = ["> S 0", "< S. 0 ack 1", "> . 1 ack 1", "> R. 1 ack 1"];

#[test]
fn a_marked_frame_begins_a_probe_and_what_is_said_after_it_counts() {
    let connections = Written::new()
        .probe(7, Ending::Passive, &ABORTED)
        .probe(8, Ending::Rst, &ABORTED)
        .remark(Mark::Note {
            seq: 8,
            kind: AnomalyKind::NoKernelStamp,
            text: "it was late".to_string(),
        })
        .probe(9, Ending::Fin, &["> S 0"])
        .remark(Mark::Interrupted { seq: 9 })
        // The same number once more, while the one before is unanswered.
        .probe(10, Ending::Fin, &["> S 0"])
        .connections();
    let told = connections.iter().map(|it| {
        let exchange = &it.exchange;
        let outcome = (exchange.verdict, exchange.close.outcome);
        (it.seq, it.requested, outcome, exchange.handshake.rtt_ns)
    });
    let (open, rtt) = (Some(Verdict::Open), Some(1_000_000));
    let unanswered = Outcome::NotAttempted;
    let expected = [
        (7, Some(Ending::Passive), (open, Outcome::NoFin), rtt),
        (8, Some(Ending::Rst), (open, Outcome::Aborted), None),
        (9, Some(Ending::Fin), (None, unanswered), None),
        (
            10,
            Some(Ending::Fin),
            (Some(Verdict::Filtered), unanswered),
            None,
        ),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(anomalies(&connections[1]), ["no-kernel-stamp"]);
    assert_eq!(connections[2].exchange.reason, Some("interrupted"));
}

#[test]
fn an_error_alone_is_a_probe_of_the_one_that_it_quotes() {
    let connections = Written::new()
        .probe(0, Ending::Fin, &["icmp > S 0"])
        .connections();
    assert_eq!(connections[0].client, super::CLIENT);
    assert_eq!(connections[0].exchange.verdict, Some(Verdict::Unreachable));
}

#[test]
fn whatever_comes_between_the_ends_of_a_probe_is_of_it() {
    let connections = Written::new()
        .probe(0, Ending::Fin, &["> S 0"])
        .frame("> S 500", None, note(AnomalyKind::ForeignSegment))
        .frame("> R 1", None, note(AnomalyKind::KernelRst))
        .frame("< S. 0 ack 1", None, News::default())
        .connections();
    assert_eq!(connections.len(), 1);
    let said = anomalies(&connections[0]);
    assert!(
        said.ends_with(&["foreign-segment", "kernel-rst"]),
        "{said:?}"
    );
    // Seen first from the other side, the client is ours all the same.
    let connections = Written::new()
        .probe(0, Ending::Fin, &["< . 1 ack 1", "> S 0"])
        .connections();
    assert_eq!(
        (connections.len(), connections[0].client),
        (1, super::CLIENT)
    );
}

#[test]
fn what_cannot_be_read_is_of_the_probe_that_waits_for_its_sender() {
    let whole = packet("< S. 0 ack 1");
    let mut without_ports = whole[..22].to_vec();
    without_ports[3] = 22;
    let connections = Written::new()
        .probe(0, Ending::Fin, &["> S 0"])
        .bytes("<", &without_ports, None, News::default())
        .connections();
    assert_eq!(connections.len(), 1);
    assert_eq!(anomalies(&connections[0]), ["malformed-segment"]);
}

#[test]
fn what_a_capture_of_others_says_is_not_heard() {
    let capture = Written::new()
        .probe(7, Ending::Passive, &ABORTED)
        .remark(Mark::Interrupted { seq: 7 })
        .bytes_of_all();
    let ours = b"tcpshake ";
    let place = capture
        .windows(ours.len())
        .position(|it| it == ours)
        .unwrap();
    let mut others = capture.clone();
    others[place] = b'T';
    let heard = |capture: &[u8]| {
        let all = explained(capture);
        (all[0].seq, all[0].requested, all[0].exchange.close.outcome)
    };
    let passive = Some(Ending::Passive);
    assert_eq!(heard(&capture), (7, passive, Outcome::NoFin));
    assert_eq!(heard(&others), (0, None, Outcome::Aborted));
}

#[test]
fn marks_that_lie_are_no_harm() {
    let probe = |seq| Mark::Probe {
        seq,
        end: Ending::None,
    };
    let connections = Written::new()
        .remark(Mark::Interrupted { seq: 0 })
        .frame("> . 5 ack 5", None, note(AnomalyKind::KernelRst))
        .frame("< F. 5 ack 9", Some(&probe(3)), News::default())
        .frame("< F. 5 ack 9", Some(&probe(3)), News::default())
        .remark(Mark::Interrupted { seq: 4 })
        .remark(Mark::Note {
            seq: 4,
            kind: AnomalyKind::NotSent,
            text: String::new(),
        })
        .frame("999> S 1", None, note(AnomalyKind::KernelRst))
        .connections();
    let seqs: Vec<u64> = connections.iter().map(|it| it.seq).collect();
    assert_eq!(seqs, [0, 3, 3, 3]);
    for connection in &connections {
        let said = anomalies(connection);
        assert!(!said.contains(&"kernel-rst") && !said.contains(&"not-sent"));
    }
}
