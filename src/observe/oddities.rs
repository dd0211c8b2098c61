//! What a peer may do, or does all the same, and a user must be told.

use crate::exchange::{AnomalyKind, End};
use crate::tcp::MAX_SHIFT;
use crate::wire::Segment;

use super::{Observer, Sight};

impl Observer {
    pub(super) fn note_options(&mut self, t_ns: i64, from: End, segment: &Segment) {
        if segment.options.malformed() {
            let text = format!(
                "the options of a segment ({}) are malformed: {}",
                segment.flags, segment.options
            );
            self.anomaly(AnomalyKind::MalformedOptions, t_ns, text);
        }
        if !segment.flags.syn() || self.ends.sight(from) == Sight::Ours {
            return;
        }
        let shift = segment.options.window_scale();
        if let Some(shift) = shift.filter(|shift| *shift > MAX_SHIFT) {
            let text = format!("a window scale of {shift} is asked for: {MAX_SHIFT} is the most");
            self.anomaly(AnomalyKind::WscaleTooLarge, t_ns, text);
        }
    }

    /// The answer to the SYN opens the connection.
    pub(super) fn note_closing_syn(&mut self, t_ns: i64, segment: &Segment) {
        if segment.flags.fin() {
            let text = "the SYN-ACK has a FIN: it opens and closes in one segment".into();
            self.anomaly(AnomalyKind::FinInSynAck, t_ns, text);
        }
    }

    /// Of the text of a segment of `from`, `beyond` bytes were not taken.
    pub(super) fn note_beyond_window(&mut self, t_ns: i64, from: End, beyond: i32) {
        let text = format!(
            "{beyond} bytes go beyond the window of {} and were not taken",
            self.window_for(from)
        );
        self.anomaly(AnomalyKind::BeyondWindow, t_ns, text);
    }

    /// RFC 9293 3.10.7.4, seventh: text after the FIN is ignored, its ACK is not.
    pub(super) fn note_text_after_fin(&mut self, t_ns: i64, len: i32) {
        if len > 0 {
            let text = format!("{len} bytes came after the FIN and were not taken");
            self.anomaly(AnomalyKind::OutOfWindow, t_ns, text);
        }
    }
}
