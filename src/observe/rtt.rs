//! The handshake's round trip, between kernel stamps.

use crate::wire::Segment;

/// Every SYN we sent, to find the one that an answer answers.
#[derive(Clone, Debug, Default)]
pub(super) struct SynRtt {
    sent: Vec<(i64, Option<u32>)>,
}

impl SynRtt {
    /// A SYN left.
    pub(super) fn syn(&mut self, t_ns: i64, segment: &Segment) {
        self.sent
            .push((t_ns, segment.options.timestamps().map(|(val, _)| val)));
    }

    /// The round trip of an answer, if only one SYN can have caused it.
    ///
    /// RFC 6298 3 (Karn): after a repeated SYN the sample is ambiguous, unless the timestamp that
    /// the answer echoes tells (RFC 7323 4.1).
    pub(super) fn answered(&self, t_ns: i64, answer: &Segment) -> Option<u64> {
        let echoed = answer.options.timestamps().map(|(_, ecr)| ecr);
        let causes: Vec<i64> = match self.sent.as_slice() {
            [(only, _)] => vec![*only],
            repeated => repeated
                .iter()
                .filter(|(_, val)| val.is_some() && *val == echoed)
                .map(|(sent, _)| *sent)
                .collect(),
        };
        match causes.as_slice() {
            [sent] => u64::try_from(t_ns - sent).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Options, TcpOption};

    fn stamped(val: u32, ecr: u32) -> Segment {
        let options = Options::from(vec![TcpOption::Timestamps { val, ecr }]);
        Segment {
            options,
            ..Segment::default()
        }
    }

    #[test]
    fn one_syn_needs_no_timestamp() {
        let mut rtt = SynRtt::default();
        rtt.syn(10, &Segment::default());
        assert_eq!(rtt.answered(35, &Segment::default()), Some(25));
    }

    #[test]
    fn a_repeated_syn_without_timestamps_is_ambiguous() {
        let mut rtt = SynRtt::default();
        rtt.syn(0, &Segment::default());
        rtt.syn(1000, &Segment::default());
        assert_eq!(rtt.answered(1030, &Segment::default()), None);
    }

    #[test]
    fn the_echoed_timestamp_tells_which_syn_was_answered() {
        let mut rtt = SynRtt::default();
        rtt.syn(0, &stamped(5, 0));
        rtt.syn(1000, &stamped(6, 0));
        assert_eq!(rtt.answered(1030, &stamped(900, 6)), Some(30));
        assert_eq!(rtt.answered(1030, &stamped(900, 5)), Some(1030));
        assert_eq!(rtt.answered(1030, &stamped(900, 7)), None);
    }
}
