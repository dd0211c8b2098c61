//! What a peer may do, or does all the same, and a user must be told.

use crate::exchange::{AnomalyKind, End};
use crate::wire::{Segment, SeqNumber};

use super::Observer;

/// RFC 7323 2.3: a larger shift counts as this.
const MAX_SHIFT: u8 = 14;

/// The newest window of the peer, and the segment it came with (RFC 9293 3.10.7.4, fifth).
#[derive(Clone, Copy, Debug)]
pub(super) struct LastWindow {
    seq: SeqNumber,
    ack: SeqNumber,
    /// The first number that does not fit it.
    pub(super) edge: SeqNumber,
}

impl Observer {
    pub(super) fn note_options(&mut self, t_ns: i64, from: End, segment: &Segment) {
        if segment.options.malformed() {
            let text = format!(
                "the options of a segment ({}) are malformed: {}",
                segment.flags, segment.options
            );
            self.anomaly(AnomalyKind::MalformedOptions, t_ns, text);
        }
        let shift = segment.options.window_scale();
        let too_large = |shift: &u8| from == End::Peer && segment.flags.syn() && *shift > MAX_SHIFT;
        if let Some(shift) = shift.filter(too_large) {
            let text =
                format!("the peer asks for a window scale of {shift}: {MAX_SHIFT} is the most");
            self.anomaly(AnomalyKind::WscaleTooLarge, t_ns, text);
        }
    }

    /// The answer to our SYN opens the connection.
    pub(super) fn note_closing_syn(&mut self, t_ns: i64, segment: &Segment) {
        if segment.flags.fin() {
            let text = "the peer opened and closed in one segment: its SYN-ACK has a FIN".into();
            self.anomaly(AnomalyKind::FinInSynAck, t_ns, text);
        }
    }

    /// Of the text of a segment `beyond` bytes were not taken.
    pub(super) fn note_beyond_window(&mut self, t_ns: i64, beyond: i32) {
        let text = format!(
            "{beyond} bytes of the peer go beyond our window of {} and were not taken",
            self.our_window
        );
        self.anomaly(AnomalyKind::BeyondWindow, t_ns, text);
    }

    /// RFC 9293 3.10.7.4, seventh: text after the FIN is ignored, its ACK is not.
    pub(super) fn note_text_after_fin(&mut self, t_ns: i64, len: i32) {
        if len > 0 {
            let text = format!("{len} bytes came after the peer's FIN and were not taken");
            self.anomaly(AnomalyKind::OutOfWindow, t_ns, text);
        }
    }

    /// RFC 9293 3.8.6: the right edge of a window must not move left. With a scaled one it moves
    /// by what the scale rounds off (RFC 7323 2.4).
    pub(super) fn follow_peer_window(&mut self, t_ns: i64, segment: &Segment) {
        let shift = self.window_shift(End::Peer, segment);
        let window = u32::from(segment.window) << shift;
        self.peer_window = self.peer_window.max(window);
        let (seq, ack) = (segment.seq, segment.ack);
        if !segment.flags.ack() || segment.flags.rst() {
            return;
        }
        let edge = ack + window;
        let last = self.last_window.unwrap_or(LastWindow { seq, ack, edge });
        let newer = last.seq.le(seq) && last.ack.le(ack);
        if !newer {
            return;
        }
        let lost = last.edge.diff(edge);
        if lost >= 1 << shift {
            let text = format!("the peer took back {lost} bytes of the window that it had given");
            self.anomaly(AnomalyKind::WindowShrunk, t_ns, text);
        }
        self.last_window = Some(LastWindow { seq, ack, edge });
    }
}
