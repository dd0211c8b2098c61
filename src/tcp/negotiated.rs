//! What two SYNs agree on.

use crate::wire::{Flags, Segment};

/// What one SYN offers that needs no answer to count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Side {
    /// Largest segment this end takes, in bytes; 536 when it does not say (RFC 9293 3.7.1).
    pub mss: u16,
    /// How far to shift the windows that this end advertises (RFC 7323 2.3), 0 unless agreed.
    pub window_shift: u8,
}

/// The outcome of the negotiation in the SYN of one end and the SYN or SYN-ACK of the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Negotiated {
    /// Of the end that sent the first SYN.
    pub opener: Side,
    /// Of the end that answered.
    pub answerer: Side,
    /// Both offered timestamps: every later segment carries them (RFC 7323 3.2).
    pub timestamps: bool,
    /// Both permit selective acknowledgments (RFC 2018 2).
    pub sack: bool,
    /// Explicit congestion notification (RFC 3168 6.1.1).
    pub ecn: bool,
}

/// The largest shift of a window: a larger one counts as this (RFC 7323 2.3).
pub const MAX_SHIFT: u8 = 14;

/// RFC 9293 3.7.1, MUST-15.
const DEFAULT_MSS: u16 = 536;

impl Negotiated {
    /// The most text of a segment to an end that takes such an MSS, in bytes: options come out of it
    /// (RFC 6691 2).
    pub fn most_text(&self, mss: u32) -> u32 {
        const TIMESTAMPS: u32 = 12;
        mss.saturating_sub(if self.timestamps { TIMESTAMPS } else { 0 })
    }

    /// `syn` is the first SYN, `answer` the SYN-ACK (or, when both opened, the other SYN).
    pub fn from_syns(syn: &Segment, answer: &Segment) -> Negotiated {
        let both = |has: fn(&Segment) -> bool| has(syn) && has(answer);
        let scaled = both(|s| s.options.window_scale().is_some());
        let side = |segment: &Segment| Side {
            mss: segment.options.mss().unwrap_or(DEFAULT_MSS),
            window_shift: match segment.options.window_scale() {
                Some(shift) if scaled => shift.min(MAX_SHIFT),
                _ => 0,
            },
        };
        Negotiated {
            opener: side(syn),
            answerer: side(answer),
            timestamps: both(|s| s.options.timestamps().is_some()),
            sack: both(|s| s.options.sack_permitted()),
            ecn: offers_ecn(syn) && accepts_ecn(answer),
        }
    }
}

/// RFC 3168 6.1.1: an ECN-setup SYN.
pub(crate) fn offers_ecn(syn: &Segment) -> bool {
    syn.flags.contains(Flags::ECE | Flags::CWR)
}

/// RFC 3168 6.1.1: an ECN-setup SYN-ACK has ECE and not CWR; both set is a reflecting stack.
pub(crate) fn accepts_ecn(answer: &Segment) -> bool {
    answer.flags.contains(Flags::ECE) && !answer.flags.contains(Flags::CWR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Options, TcpOption};

    fn syn(options: Vec<TcpOption>) -> Segment {
        Segment {
            flags: Flags::SYN,
            options: Options::from(options),
            ..Segment::default()
        }
    }

    #[test]
    fn an_option_counts_only_when_both_offer_it() {
        let timestamps = TcpOption::Timestamps { val: 1, ecr: 0 };
        let ours = syn(vec![
            TcpOption::SackPermitted,
            timestamps,
            TcpOption::WindowScale(7),
        ]);
        let agreed = Negotiated::from_syns(&ours, &syn(vec![TcpOption::SackPermitted]));
        assert!(agreed.sack && !agreed.timestamps);
        assert_eq!(
            agreed.opener,
            Side {
                mss: 536,
                window_shift: 0
            }
        );
    }

    #[test]
    fn a_shift_above_14_counts_as_14() {
        let ours = syn(vec![TcpOption::WindowScale(255)]);
        let agreed = Negotiated::from_syns(&ours, &syn(vec![TcpOption::WindowScale(2)]));
        assert_eq!(agreed.opener.window_shift, 14);
        assert_eq!(agreed.answerer.window_shift, 2);
    }

    #[test]
    fn a_stack_that_reflects_the_ecn_bits_has_not_accepted() {
        let mut ours = syn(vec![]);
        ours.flags = Flags::SYN | Flags::ECE | Flags::CWR;
        let mut answer = ours.clone();
        assert!(!Negotiated::from_syns(&ours, &answer).ecn);
        answer.flags = Flags::SYN | Flags::ACK | Flags::ECE;
        assert!(Negotiated::from_syns(&ours, &answer).ecn);
    }
}
