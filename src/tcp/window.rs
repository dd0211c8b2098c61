//! Is an incoming segment acceptable? The tests of RFC 9293 3.10.7.4 as tightened by RFC 5961.

use crate::wire::{Segment, SeqNumber};

/// RFC 9293 3.10.7.4, first (table 6): some of the segment lies in the receive window.
///
/// `len` is SEG.LEN: data, SYN and FIN.
pub fn sequence_acceptable(rcv_nxt: SeqNumber, rcv_wnd: u32, seq: SeqNumber, len: u32) -> bool {
    let in_window = |number: SeqNumber| {
        let offset = number.diff(rcv_nxt);
        offset >= 0 && offset.unsigned_abs() < rcv_wnd
    };
    match (len, rcv_wnd) {
        (0, 0) => seq == rcv_nxt,
        (0, _) => in_window(seq),
        (_, 0) => false,
        _ => in_window(seq) || in_window(seq + (len - 1)),
    }
}

/// [`sequence_acceptable`] for a segment. A bare FIN asks for no buffer: like Linux, take it at a
/// window of zero.
pub fn segment_acceptable(rcv_nxt: SeqNumber, rcv_wnd: u32, segment: &Segment) -> bool {
    let window = if segment.payload.is_empty() {
        rcv_wnd.max(1)
    } else {
        rcv_wnd
    };
    sequence_acceptable(rcv_nxt, window, segment.seq, segment.seq_len())
}

/// What to do with a RST in a synchronized state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RstJudgement {
    /// Exactly at RCV.NXT: the connection is reset.
    Reset,
    /// Elsewhere in the window: it may be forged, answer with a challenge ACK.
    Challenge,
    /// Outside the window: drop it.
    Drop,
}

/// RFC 9293 3.10.7.4, second (RFC 5961 3.2).
pub fn judge_rst(rcv_nxt: SeqNumber, rcv_wnd: u32, seq: SeqNumber) -> RstJudgement {
    if seq == rcv_nxt {
        RstJudgement::Reset
    } else if sequence_acceptable(rcv_nxt, rcv_wnd, seq, 0) {
        RstJudgement::Challenge
    } else {
        RstJudgement::Drop
    }
}

/// What the acknowledgment number of a segment says in a synchronized state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AckJudgement {
    /// SND.UNA < SEG.ACK =< SND.NXT.
    New,
    /// At or a little below SND.UNA.
    Duplicate,
    /// Of something never sent, or too old to be true: answer with a challenge ACK.
    Challenge,
}

/// RFC 9293 3.10.7.4, fifth (RFC 5961 5.2): an ACK may be at most MAX.SND.WND behind SND.UNA.
pub fn judge_ack(
    snd_una: SeqNumber,
    snd_nxt: SeqNumber,
    max_snd_wnd: u32,
    ack: SeqNumber,
) -> AckJudgement {
    if snd_una.lt(ack) && ack.le(snd_nxt) {
        AckJudgement::New
    } else if ack.le(snd_una) && snd_una.diff(ack).unsigned_abs() <= max_snd_wnd {
        AckJudgement::Duplicate
    } else {
        AckJudgement::Challenge
    }
}

/// RFC 9293 3.10.7.3, first: in SYN-SENT only ISS < SEG.ACK =< SND.NXT answers our SYN.
pub fn ack_answers_syn(iss: SeqNumber, snd_nxt: SeqNumber, ack: SeqNumber) -> bool {
    iss.lt(ack) && ack.le(snd_nxt)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u32) -> SeqNumber = SeqNumber;

    #[test]
    fn a_segment_is_acceptable_when_any_of_it_lies_in_the_window() {
        assert!(sequence_acceptable(S(100), 10, S(100), 0));
        assert!(sequence_acceptable(S(100), 10, S(109), 5));
        assert!(sequence_acceptable(S(100), 10, S(95), 6));
        assert!(!sequence_acceptable(S(100), 10, S(95), 5));
        assert!(!sequence_acceptable(S(100), 10, S(110), 1));
        assert!(!sequence_acceptable(S(100), 10, S(99), 0));
    }

    #[test]
    fn the_window_wraps_with_the_sequence_space() {
        assert!(sequence_acceptable(S(u32::MAX), 10, S(3), 1));
        assert!(!sequence_acceptable(S(u32::MAX), 10, S(9), 1));
    }

    #[test]
    fn a_zero_window_takes_an_empty_segment_at_rcv_nxt_only() {
        assert!(sequence_acceptable(S(7), 0, S(7), 0));
        assert!(!sequence_acceptable(S(7), 0, S(8), 0));
        assert!(!sequence_acceptable(S(7), 0, S(7), 1));
    }

    #[test]
    fn a_rst_counts_only_at_rcv_nxt() {
        assert_eq!(judge_rst(S(5), 100, S(5)), RstJudgement::Reset);
        assert_eq!(judge_rst(S(5), 100, S(6)), RstJudgement::Challenge);
        assert_eq!(judge_rst(S(5), 100, S(4)), RstJudgement::Drop);
        assert_eq!(judge_rst(S(5), 0, S(5)), RstJudgement::Reset);
    }

    #[test]
    fn an_ack_of_what_was_never_sent_is_challenged() {
        assert_eq!(judge_ack(S(10), S(20), 100, S(21)), AckJudgement::Challenge);
        assert_eq!(judge_ack(S(10), S(20), 100, S(20)), AckJudgement::New);
        assert_eq!(judge_ack(S(10), S(20), 100, S(10)), AckJudgement::Duplicate);
        assert_eq!(
            judge_ack(S(1000), S(1000), 100, S(899)),
            AckJudgement::Challenge
        );
        assert_eq!(
            judge_ack(S(1000), S(1000), 100, S(900)),
            AckJudgement::Duplicate
        );
    }
}
