//! Which segments have a rung of their own, and which stand together behind one line.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::exchange::{End, Exchange, SegmentRecord};
use crate::report::millis;

use super::OF_A_KIND;

/// A run of segments that tell nothing new is shown as it is up to this length.
const MOST: usize = 8;
/// Of a longer one these many begin it and end it, and one line stands for what is between.
const AT_ENDS: usize = 3;

/// A line of the ladder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Rung {
    /// A segment: an index into [`Exchange::segments`].
    One(usize),
    /// Several in a row.
    Folded(Range<usize>),
}

/// Every segment in order, long runs folded.
pub(super) fn rungs(exchange: &Exchange) -> Vec<Rung> {
    let mut rungs = Vec::new();
    let mut start = 0;
    for run in telling(exchange).chunk_by(|a, b| a == b) {
        let end = start + run.len();
        let folded = if run[0] || run.len() <= MOST {
            end..end
        } else {
            start + AT_ENDS..end - AT_ENDS
        };
        rungs.extend((start..folded.start).map(Rung::One));
        rungs.extend((folded.end..end).map(Rung::One));
        if !folded.is_empty() {
            rungs.insert(rungs.len() - AT_ENDS, Rung::Folded(folded));
        }
        start = end;
    }
    rungs
}

/// Of each segment, whether it opens, closes or resets, says something new of an end, or is one
/// that the notes are about.
fn telling(exchange: &Exchange) -> Vec<bool> {
    let noted = noted(exchange);
    let news = news(exchange);
    let tells = |(index, record): (usize, &SegmentRecord)| {
        let flags = record.segment.flags;
        flags.is_control() || news.contains(&index) || noted.contains(&record.t_ns)
    };
    exchange.segments.iter().enumerate().map(tells).collect()
}

/// The segments that show what had not been claimed of that end before. Data makes a claim waver:
/// each full segment may hide that the peer's program has closed, and each short one shows that it
/// has not.
fn news(exchange: &Exchange) -> HashSet<usize> {
    let mut claimed = HashSet::new();
    let changes = exchange.states.iter();
    changes
        .filter(|change| claimed.insert((change.end, change.states)))
        .map(|change| change.segment)
        .collect()
}

/// The times of the first anomalies of each kind, of as many as are told.
fn noted(exchange: &Exchange) -> HashSet<i64> {
    let mut of_a_kind: HashMap<&str, usize> = HashMap::new();
    let mut first = |id| {
        let count = of_a_kind.entry(id).or_default();
        *count += 1;
        *count <= OF_A_KIND
    };
    let anomalies = exchange.anomalies.iter();
    anomalies
        .filter(|anomaly| first(anomaly.id))
        .map(|anomaly| anomaly.t_ns)
        .collect()
}

/// What a line says of the segments that it stands for.
pub(super) fn told(folded: &[SegmentRecord]) -> String {
    let from = |end| folded.iter().filter(move |record| record.from == end);
    let bytes = |end| from(end).map(|record| record.len as u64).sum::<u64>();
    let (sent, received) = (from(End::Local).count(), from(End::Peer).count());
    let span = match folded {
        [first, .., last] => last.t_ns.abs_diff(first.t_ns),
        _ => 0,
    };
    let span = match span {
        ns if ns < 10_000_000_000 => millis(ns),
        ns => format!("{:.1} s", ns as f64 / 1e9),
    };
    format!(
        "{sent} segment{} out ({} B), {received} in ({} B), in {span}",
        if sent == 1 { "" } else { "s" },
        bytes(End::Local),
        bytes(End::Peer)
    )
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::Rung::{Folded, One};
    use super::*;
    use crate::exchange::{Anomaly, AnomalyKind, Basis, Checksum, StateChange};
    use crate::tcp::State::{Established, FinWait1};
    use crate::wire::{Flags, IpFields, Packet, Segment};

    fn segment(t_ns: i64, from: End, len: usize) -> SegmentRecord {
        let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let segment = Segment {
            flags: Flags::ACK,
            ..Segment::default()
        };
        let packet = Packet::build(home, home, segment, &IpFields::default());
        SegmentRecord {
            t_ns,
            from,
            ip: packet.ip.clone(),
            segment: packet.tcp().unwrap().clone(),
            len,
            window_size: 0,
            checksum: Checksum::Good,
        }
    }

    /// So many segments of data from the peer, a microsecond apart.
    fn data(count: usize) -> Exchange {
        let stamps = (0..count as i64).map(|it| it * 1000);
        Exchange {
            segments: stamps.map(|at| segment(at, End::Peer, 100)).collect(),
            ..Exchange::new()
        }
    }

    fn ones(range: Range<usize>) -> Vec<Rung> {
        range.map(One).collect()
    }

    #[test]
    fn a_short_run_is_shown_as_it_is() {
        for count in 0..=MOST {
            assert_eq!(rungs(&data(count)), ones(0..count));
        }
    }

    #[test]
    fn a_long_run_is_folded_but_for_its_ends() {
        for count in [MOST + 1, 20, 10_000] {
            let folded = vec![Folded(3..count - 3)];
            let expected = [ones(0..3), folded, ones(count - 3..count)].concat();
            assert_eq!(rungs(&data(count)), expected);
        }
    }

    #[test]
    fn syn_fin_and_rst_always_show() {
        for flag in [Flags::SYN, Flags::FIN, Flags::RST] {
            let mut exchange = data(19);
            exchange.segments[9].segment.flags = flag | Flags::ACK;
            let before = [ones(0..3), vec![Folded(3..6)], ones(6..9)].concat();
            let after = [ones(10..13), vec![Folded(13..16)], ones(16..19)].concat();
            assert_eq!(rungs(&exchange), [before, ones(9..10), after].concat());
        }
    }

    #[test]
    fn what_is_new_of_a_state_always_shows_and_what_returns_does_not() {
        let mut exchange = data(80);
        for (segment, state) in [(20, Established), (40, FinWait1), (60, Established)] {
            exchange.states.push(StateChange {
                t_ns: segment as i64 * 1000,
                end: End::Peer,
                states: state.into(),
                basis: Basis::Seen,
                segment,
            });
        }
        let rungs = rungs(&exchange);
        assert!(rungs.contains(&One(20)) && rungs.contains(&One(40)));
        assert!(rungs.contains(&Folded(44..77)), "{rungs:?}");
    }

    #[test]
    fn the_segments_of_the_first_anomalies_of_a_kind_show() {
        let mut exchange = data(100);
        for at in [20, 40, 60, 80] {
            let anomaly = Anomaly::new(AnomalyKind::OutOfOrder, at * 1000, String::new());
            exchange.anomalies.push(anomaly);
        }
        let rungs = rungs(&exchange);
        for shown in [20, 40, 60] {
            assert!(rungs.contains(&One(shown)), "{shown}");
        }
        assert!(rungs.contains(&Folded(64..97)), "{rungs:?}");
    }

    #[test]
    fn a_fold_counts_segments_and_bytes_each_way() {
        let mut segments = data(5).segments;
        assert_eq!(
            told(&segments),
            "0 segments out (0 B), 5 in (500 B), in 0.004 ms"
        );
        segments.push(segment(12_000_000_000, End::Local, 7));
        assert_eq!(
            told(&segments),
            "1 segment out (7 B), 5 in (500 B), in 12.0 s"
        );
    }
}
