//! The handshake's round trip and its parts, between stamps.

use crate::wire::Segment;

/// The newest SYN, to find out whether an answer answers it, and the SYN-ACK.
#[derive(Clone, Debug, Default)]
pub(super) struct HandshakeRtt {
    /// When it was sent, and its timestamp.
    newest: Option<(i64, Option<u32>)>,
    /// It was not the first.
    repeated: bool,
    /// When the SYN-ACK came.
    syn_ack: Option<i64>,
}

impl HandshakeRtt {
    /// A SYN left.
    pub(super) fn syn(&mut self, t_ns: i64, segment: &Segment) {
        self.repeated = self.newest.is_some();
        let val = segment.options.timestamps().map(|(val, _)| val);
        self.newest = Some((t_ns, val));
    }

    /// What the round trip of an answer takes at least, nanoseconds. After a second the SYN-ACK
    /// may be a repeat (RFC 6298 2.1), which says nothing.
    pub(super) fn at_least(&self, t_ns: i64) -> i64 {
        let since_last = self.newest.map_or(0, |(sent, _)| t_ns - sent);
        if since_last < 1_000_000_000 {
            since_last
        } else {
            0
        }
    }

    /// The round trip of an answer, if only one SYN can have caused it.
    ///
    /// RFC 6298 3 (Karn): after a repeated SYN the sample is ambiguous, unless the answer echoes
    /// the timestamp of the newest (RFC 7323 4.1). An older echo tells nothing: a SYN-ACK sent
    /// again after it was lost echoes the first SYN all the same.
    pub(super) fn answered(&self, t_ns: i64, answer: &Segment) -> Option<u64> {
        let echoed = answer.options.timestamps().map(|(_, ecr)| ecr);
        let (newest, val) = self.newest?;
        let told = val.is_some() && val == echoed;
        if self.repeated && !told {
            return None;
        }
        u64::try_from(t_ns - newest).ok()
    }

    /// The SYN-ACK came.
    pub(super) fn syn_ack(&mut self, t_ns: i64) {
        self.syn_ack = Some(t_ns);
    }

    /// It came again: which of them the ACK answers is ambiguous (RFC 6298 3, Karn).
    pub(super) fn syn_ack_again(&mut self) {
        self.syn_ack = None;
    }

    /// The first acknowledgment of the SYN-ACK: how long after it.
    pub(super) fn acknowledged(&mut self, t_ns: i64) -> Option<u64> {
        let came = self.syn_ack.take()?;
        u64::try_from(t_ns - came).ok()
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
        let mut rtt = HandshakeRtt::default();
        rtt.syn(10, &Segment::default());
        assert_eq!(rtt.answered(35, &Segment::default()), Some(25));
    }

    #[test]
    fn a_repeated_syn_without_timestamps_is_ambiguous() {
        let mut rtt = HandshakeRtt::default();
        rtt.syn(0, &Segment::default());
        rtt.syn(1000, &Segment::default());
        assert_eq!(rtt.answered(1030, &Segment::default()), None);
    }

    #[test]
    fn an_echo_of_the_newest_syn_tells_that_it_was_answered() {
        let mut rtt = HandshakeRtt::default();
        rtt.syn(0, &stamped(5, 0));
        rtt.syn(1000, &stamped(6, 0));
        assert_eq!(rtt.answered(1030, &stamped(900, 6)), Some(30));
        assert_eq!(rtt.answered(1030, &stamped(900, 5)), None);
        assert_eq!(rtt.answered(1030, &stamped(900, 7)), None);
    }
}
