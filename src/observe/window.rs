//! The windows that an end advertises.

use crate::exchange::{AnomalyKind, End};
use crate::tcp::MAX_SHIFT;
use crate::wire::{Segment, SeqNumber};

use super::{Observer, Sight};

/// What an end has advertised, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Advertised {
    /// Last.
    pub(super) window: u32,
    /// At most.
    pub(super) largest: u32,
    newest: Option<Newest>,
}

/// The newest window, and the segment it came with (RFC 9293 3.10.7.4, fifth).
#[derive(Clone, Copy, Debug)]
struct Newest {
    seq: SeqNumber,
    ack: SeqNumber,
    /// The first number that does not fit it.
    edge: SeqNumber,
}

impl Observer {
    /// RFC 9293 3.8.6: the right edge of a window must not move left. With a scaled one it moves
    /// by what the scale rounds off (RFC 7323 2.4).
    pub(super) fn follow_window(&mut self, t_ns: i64, from: End, segment: &Segment) {
        let shift = self.window_shift(from, segment);
        let window = u32::from(segment.window) << shift.unwrap_or(MAX_SHIFT);
        let advertised = &mut self.sides[from].advertised;
        advertised.largest = advertised.largest.max(window);
        if segment.flags.rst() {
            return;
        }
        advertised.window = window;
        self.ends.offers(from, window);
        let (seq, ack) = (segment.seq, segment.ack);
        let Some(shift) = shift.filter(|_| segment.flags.ack()) else {
            return;
        };
        let edge = ack + window;
        let last = advertised.newest.unwrap_or(Newest { seq, ack, edge });
        let newer = last.seq.le(seq) && last.ack.le(ack);
        if !newer {
            return;
        }
        advertised.newest = Some(Newest { seq, ack, edge });
        let lost = last.edge.diff(edge);
        if lost >= 1 << shift && self.ends.sight(from) != Sight::Ours {
            let text = format!("{lost} bytes of the window that had been given were taken back");
            self.anomaly(AnomalyKind::WindowShrunk, t_ns, text);
        }
    }

    /// Text beyond the other window asks whether it has opened (RFC 9293 3.8.6.1).
    pub(super) fn note_probe(&mut self, t_ns: i64, from: End, segment: &Segment) {
        let end = segment.text_seq() + segment.text_len();
        let newest = self.sides[from.other()].advertised.newest;
        let edge = newest.map(|newest| newest.edge);
        if let Some(edge) = edge.filter(|edge| edge.lt(end)) {
            let room = edge.diff(segment.text_seq()).max(0);
            let text = format!("the window has room for {room} bytes: it was probed");
            self.anomaly(AnomalyKind::ZeroWindow, t_ns, text);
        }
    }

    /// How far the window of a segment is shifted (RFC 7323 2.2: never that of a SYN); `None` where
    /// the SYNs that say it were not captured.
    pub(super) fn window_shift(&self, from: End, segment: &Segment) -> Option<u8> {
        if segment.flags.syn() {
            return Some(0);
        }
        self.exchange.agreed.map(|agreed| match from {
            End::Local => agreed.opener.window_shift,
            End::Peer => agreed.answerer.window_shift,
        })
    }
}
