//! What whoever drove a connection knows of it, and no frame tells.

use super::anomaly::one_more;
use super::{Anomaly, AnomalyKind, Exchange, Outcome};

impl AnomalyKind {
    /// What the driver alone knows of one frame.
    pub const OF_A_FRAME: [AnomalyKind; 2] = [AnomalyKind::KernelRst, AnomalyKind::ForeignSegment];

    /// What the driver alone knows of the connection, and which belongs to no frame.
    pub const OF_NO_FRAME: [AnomalyKind; 5] = [
        AnomalyKind::SendFailed,
        AnomalyKind::NotSent,
        AnomalyKind::CaptureDrops,
        AnomalyKind::NoKernelStamp,
        AnomalyKind::ClockStepped,
    ];
}

/// Anomalies without a time, of each kind so many.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Notes(Vec<(AnomalyKind, String)>);

impl Notes {
    /// One more, where there is room.
    pub fn push(&mut self, kind: AnomalyKind, text: String) {
        let before = self.0.iter().filter(|(other, _)| *other == kind).count();
        self.0
            .extend(one_more(before, text).map(|text| (kind, text)));
    }

    /// Whether there is one of this kind.
    pub fn has(&self, kind: AnomalyKind) -> bool {
        self.0.iter().any(|(other, _)| *other == kind)
    }
}

/// What the frames of a connection do not tell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Untold {
    /// Our FIN was to wait for the peer's.
    pub awaited_fin: bool,
    /// It was cut short by the user, who did not wait for an answer any longer.
    pub interrupted: bool,
    /// What was noted of frames, in their order.
    pub of_frames: Notes,
    /// What was noted besides.
    pub of_no_frame: Notes,
}

impl Exchange {
    /// Adds what no frame tells to what they do.
    pub fn add_untold(&mut self, untold: Untold) {
        let Untold {
            awaited_fin,
            interrupted,
            of_frames,
            of_no_frame,
        } = untold;
        // No frame tells what our RST had waited for. A FIN of ours would say `no-fin` by itself.
        if awaited_fin && self.close.outcome == Outcome::Aborted && self.close.first.is_none() {
            self.close.outcome = Outcome::NoFin;
        }
        if of_no_frame.has(AnomalyKind::NoKernelStamp) {
            self.forget_round_trips();
        }
        // Silence says something only to those who waited.
        if interrupted && !self.is_answered() {
            self.verdict = None;
            self.reason = Some("interrupted");
        }
        let t_ns = i64::try_from(self.elapsed_ns).unwrap_or(i64::MAX);
        let notes = of_frames.0.into_iter().chain(of_no_frame.0);
        self.anomalies
            .extend(notes.map(|(kind, text)| Anomaly::new(kind, t_ns, text)));
    }

    /// Without a stamp of every frame no round trip is known.
    pub fn forget_round_trips(&mut self) {
        self.handshake.rtt_ns = None;
        self.handshake.ack_ns = None;
        self.handshake.initial_rtt_ns = None;
        self.close.fin_rtt_ns = None;
    }

    /// The peer, or somebody on the way, has answered the SYN.
    pub fn is_answered(&self) -> bool {
        self.peer.is_some() || self.icmp.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{End, Offer, Verdict};

    fn with(untold: Untold, mut exchange: Exchange) -> Exchange {
        exchange.add_untold(untold);
        exchange
    }

    #[test]
    fn who_waited_for_a_fin_that_never_came_says_no_fin() {
        use Outcome::{Aborted, NoAck, NoFin, ResetByPeer};
        for (awaited_fin, first, outcome, expected) in [
            (true, None, Aborted, NoFin),
            (false, None, Aborted, Aborted),
            (true, Some(End::Peer), Aborted, Aborted),
            (true, None, ResetByPeer, ResetByPeer),
            (true, None, NoAck, NoAck),
        ] {
            let mut exchange = Exchange::new();
            (exchange.close.outcome, exchange.close.first) = (outcome, first);
            let untold = Untold {
                awaited_fin,
                ..Untold::default()
            };
            let close = with(untold, exchange).close;
            assert_eq!(close.outcome, expected, "{awaited_fin} {first:?}");
        }
    }

    #[test]
    fn silence_is_no_verdict_where_the_user_did_not_wait() {
        let silent = Exchange {
            verdict: Some(Verdict::Filtered),
            reason: Some("no-response"),
            ..Exchange::new()
        };
        let answered = Exchange {
            peer: Some(Offer::default()),
            ..silent.clone()
        };
        let interrupted = Untold {
            interrupted: true,
            ..Untold::default()
        };
        let cut = with(interrupted.clone(), silent.clone());
        assert_eq!((cut.verdict, cut.reason), (None, Some("interrupted")));
        assert_eq!(with(interrupted, answered.clone()), answered);
        assert_eq!(with(Untold::default(), silent.clone()), silent);
    }

    #[test]
    fn without_a_kernel_stamp_no_round_trip_is_given() {
        let mut exchange = Exchange::new();
        exchange.handshake.rtt_ns = Some(1);
        exchange.handshake.initial_rtt_ns = Some(2);
        let mut untold = Untold::default();
        let unstamped = AnomalyKind::NoKernelStamp;
        untold.of_no_frame.push(unstamped, String::new());
        let exchange = with(untold, exchange);
        assert_eq!(exchange.handshake.rtt_ns, None);
        assert_eq!(exchange.handshake.initial_rtt_ns, None);
    }

    #[test]
    fn notes_come_last_those_of_frames_first_and_of_a_kind_a_hundred() {
        let mut untold = Untold::default();
        let (of_frames, others) = (&mut untold.of_frames, &mut untold.of_no_frame);
        others.push(AnomalyKind::SendFailed, "failed".to_string());
        for n in 0..1000 {
            of_frames.push(AnomalyKind::KernelRst, n.to_string());
        }
        let exchange = Exchange {
            elapsed_ns: 7,
            ..Exchange::new()
        };
        let anomalies = with(untold, exchange).anomalies;
        assert_eq!(anomalies.len(), 101);
        assert!(anomalies.iter().all(|anomaly| anomaly.t_ns == 7));
        assert_eq!(
            (anomalies[98].id, &*anomalies[98].text),
            ("kernel-rst", "98")
        );
        let last = "99 (more of this kind are not listed)";
        assert_eq!(anomalies[99].text, last);
        assert_eq!(anomalies[100].id, "send-failed");
    }
}
