//! How much may be under way: RFC 5681 with NewReno (RFC 6582), and ECN's answer (RFC 3168 6.1.2).

use crate::wire::SeqNumber;

/// RFC 5681 3.2: so many duplicate acknowledgments mean a loss.
const DUPLICATES: u32 = 3;

/// The congestion window of one direction, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Congestion {
    mss: u32,
    cwnd: u32,
    ssthresh: u32,
    duplicates: u32,
    /// A loss is being made good until this number is acknowledged (RFC 6582 3.2: recover).
    recover: Option<SeqNumber>,
    /// What was sent before a time-out is sent again: its duplicate ACKs mean nothing (RFC 6582
    /// 3.2, step 4).
    timed_out_at: Option<SeqNumber>,
    /// The window was reduced for ECN-Echo when this was SND.NXT: once in a round trip.
    reduced_at: Option<SeqNumber>,
}

impl Congestion {
    pub(super) fn new(mss: u32) -> Congestion {
        Congestion {
            mss,
            // RFC 6928 2.
            cwnd: (10 * mss).min(14_600.max(2 * mss)),
            ssthresh: u32::MAX,
            duplicates: 0,
            recover: None,
            timed_out_at: None,
            reduced_at: None,
        }
    }

    /// cwnd: how many bytes may be under way.
    pub(super) fn window(&self) -> u32 {
        self.cwnd
    }

    /// The segments are smaller from now on.
    pub(super) fn set_mss(&mut self, mss: u32) {
        self.mss = mss;
    }

    /// New data is acknowledged: `acked` bytes, up to `una`. Returns whether the first segment that
    /// is not acknowledged is to be sent again.
    pub(super) fn on_new_ack(&mut self, acked: u32, una: SeqNumber) -> bool {
        self.duplicates = 0;
        self.timed_out_at = self.timed_out_at.filter(|at| una.lt(*at));
        match self.recover {
            Some(recover) if una.lt(recover) => {
                // RFC 6582 3.2, step 3, partial: the next hole.
                self.cwnd = self.cwnd.saturating_sub(acked).max(self.mss) + self.mss;
                true
            }
            Some(_) => {
                self.recover = None;
                self.cwnd = self.ssthresh;
                false
            }
            None if self.cwnd < self.ssthresh => {
                self.cwnd = self.cwnd.saturating_add(acked.min(self.mss)); // RFC 5681 3.1, (2)
                false
            }
            None => {
                let step = self.mss.saturating_mul(self.mss) / self.cwnd.max(1);
                self.cwnd = self.cwnd.saturating_add(step.max(1)); // RFC 5681 3.1, (3)
                false
            }
        }
    }

    /// RFC 5681 3.2. Returns whether the first segment that is not acknowledged is to be sent again.
    pub(super) fn on_duplicate_ack(&mut self, in_flight: u32, nxt: SeqNumber) -> bool {
        if self.recover.is_some() {
            self.cwnd = self.cwnd.saturating_add(self.mss);
            return false;
        }
        if self.timed_out_at.is_some() {
            return false;
        }
        self.duplicates += 1;
        if self.duplicates != DUPLICATES {
            return false;
        }
        self.halve(in_flight);
        self.cwnd = self.ssthresh + DUPLICATES * self.mss;
        self.recover = Some(nxt);
        true
    }

    /// RFC 5681 3.1, (4): from the loss window.
    pub(super) fn on_timeout(&mut self, in_flight: u32, nxt: SeqNumber) {
        self.halve(in_flight);
        self.timed_out_at = Some(nxt);
        self.cwnd = self.mss;
        self.duplicates = 0;
        self.recover = None;
    }

    /// RFC 3168 6.1.2: ECN-Echo came. Returns whether the window is reduced for it.
    pub(super) fn on_echo(&mut self, in_flight: u32, una: SeqNumber, nxt: SeqNumber) -> bool {
        let again = self.reduced_at.is_some_and(|at| una.le(at));
        if again || self.recover.is_some() {
            return false;
        }
        self.halve(in_flight);
        self.cwnd = self.ssthresh;
        self.reduced_at = Some(nxt);
        true
    }

    fn halve(&mut self, in_flight: u32) {
        self.ssthresh = (in_flight / 2).max(2 * self.mss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u32) -> SeqNumber = SeqNumber;

    #[test]
    fn the_initial_window_is_that_of_rfc_6928() {
        for (mss, window) in [(1460, 14_600), (536, 5360), (8960, 17_920)] {
            assert_eq!(Congestion::new(mss).window(), window);
        }
    }

    #[test]
    fn slow_start_doubles_and_avoidance_adds_one_segment() {
        let mut congestion = Congestion::new(1000);
        for _ in 0..10 {
            congestion.on_new_ack(1000, S(0));
        }
        assert_eq!(congestion.window(), 20_000);
        congestion.on_timeout(20_000, S(0));
        assert_eq!(congestion.window(), 1000);
        for _ in 0..9 {
            congestion.on_new_ack(1000, S(0));
        }
        assert_eq!(congestion.window(), 10_000);
        for _ in 0..10 {
            congestion.on_new_ack(1000, S(0));
        }
        assert!((10_900..11_000).contains(&congestion.window()));
    }

    #[test]
    fn the_third_duplicate_sends_again_and_a_partial_ack_too() {
        let mut congestion = Congestion::new(1000);
        let again: Vec<bool> = (0..5)
            .map(|_| congestion.on_duplicate_ack(10_000, S(10_000)))
            .collect();
        assert_eq!(again, [false, false, true, false, false]);
        assert!(congestion.on_new_ack(4000, S(4000)));
        assert!(!congestion.on_new_ack(6000, S(10_000)));
        assert_eq!(congestion.window(), 5000);
    }

    #[test]
    fn duplicates_of_what_a_time_out_sent_again_mean_nothing() {
        let mut congestion = Congestion::new(1000);
        congestion.on_timeout(10_000, S(10_000));
        let ask = |congestion: &mut Congestion| {
            (0..3).any(|_| congestion.on_duplicate_ack(10_000, S(12_000)))
        };
        assert!(!ask(&mut congestion));
        congestion.on_new_ack(10_000, S(10_000));
        assert!(ask(&mut congestion));
    }

    #[test]
    fn an_echo_reduces_once_in_a_round_trip() {
        let mut congestion = Congestion::new(1000);
        assert!(congestion.on_echo(8000, S(0), S(8000)));
        assert_eq!(congestion.window(), 4000);
        assert!(!congestion.on_echo(8000, S(8000), S(9000)));
        assert!(congestion.on_echo(8000, S(8001), S(9000)));
    }
}
