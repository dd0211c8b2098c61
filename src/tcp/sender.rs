//! The send side: its sequence variables, the text that waits, and what may leave now.

use std::ops::Range;
use std::sync::Arc;

use crate::wire::SeqNumber;

use super::congestion::Congestion;

/// Linux's floor: a peer that asks for less would make a packet of each byte.
const LEAST_MSS: u32 = 48;

/// Send sequence variables (RFC 9293 3.3.1), the text and the FIN after it.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) una: SeqNumber,
    pub(super) nxt: SeqNumber,
    pub(super) wnd: u32,
    pub(super) wl1: SeqNumber,
    pub(super) wl2: SeqNumber,
    pub(super) max_wnd: u32,
    /// All that was ever given to send: at most what a user gives one probe.
    text: Arc<[u8]>,
    /// The number of the first byte of `text`.
    start: SeqNumber,
    /// A FIN follows the text.
    closing: bool,
    /// Where sending goes on: SND.NXT, or before it when a time-out goes back to SND.UNA.
    cursor: SeqNumber,
    /// Largest text of a segment, bytes.
    mss: u32,
    pub(super) congestion: Congestion,
}

/// What the next segment carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) seq: SeqNumber,
    /// Of the text.
    pub(super) range: Range<usize>,
    pub(super) fin: bool,
    /// It ends the text.
    pub(super) push: bool,
    /// Some of it was sent before.
    pub(super) again: bool,
}

/// How far the peer's window binds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Urgency {
    /// What both windows allow, in segments worth sending.
    Usual,
    /// The timer expired: one segment, of one byte where the window is closed (RFC 9293 3.8.6.1).
    Probe,
}

impl Sender {
    pub(super) fn new(iss: SeqNumber) -> Sender {
        Sender {
            una: iss,
            nxt: iss,
            wnd: 0,
            wl1: SeqNumber(0),
            wl2: SeqNumber(0),
            max_wnd: 0,
            text: Arc::from([]),
            start: iss + 1,
            closing: false,
            cursor: iss + 1,
            mss: LEAST_MSS,
            congestion: Congestion::new(LEAST_MSS),
        }
    }

    /// The SYN with number ISS is sent.
    pub(super) fn syn_sent(&mut self) {
        self.nxt = self.start;
    }

    /// Nothing is sent: LISTEN.
    pub(super) fn reset(&mut self) {
        let iss = self.start - 1;
        (self.una, self.nxt, self.cursor) = (iss, iss, self.start);
    }

    /// RFC 9293 3.7.1: what both ends' networks take, in bytes of text.
    pub(super) fn set_mss(&mut self, mss: u32) {
        self.mss = mss.max(LEAST_MSS);
        self.congestion = Congestion::new(self.mss);
    }

    /// A router takes no larger segments (RFC 1191, RFC 8201): what is under way is lost.
    pub(super) fn lower_mss(&mut self, mss: u32) {
        self.mss = self.mss.min(mss.max(LEAST_MSS));
        self.congestion.set_mss(self.mss);
        if self.text_is_outstanding() {
            self.go_back();
        }
    }

    pub(super) fn write(&mut self, text: Arc<[u8]>) {
        self.text = if self.text.is_empty() {
            text
        } else {
            self.text.iter().chain(text.iter()).copied().collect()
        };
    }

    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    pub(super) fn text(&self, range: Range<usize>) -> &[u8] {
        &self.text[range]
    }

    /// The number after the text: that of the FIN.
    fn end(&self) -> SeqNumber {
        self.start + u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }

    /// Everything is sent, the FIN included if there is one.
    fn is_all_sent(&self) -> bool {
        self.nxt == self.end() + u32::from(self.closing)
    }

    /// Something is sent and not acknowledged, or waits to be sent.
    pub(super) fn is_busy(&self) -> bool {
        self.una != self.nxt || !self.is_all_sent()
    }

    /// The FIN is sent and acknowledged.
    pub(super) fn fin_is_acknowledged(&self) -> bool {
        self.closing && self.una == self.end() + 1
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.nxt.diff(self.una).unsigned_abs()
    }

    /// Some of our text is on its way, or was lost.
    pub(super) fn text_is_outstanding(&self) -> bool {
        self.una.lt(self.nxt) && self.una.lt(self.end())
    }

    /// SEG.ACK is new: SND.UNA moves, and sending never goes on before it.
    pub(super) fn acknowledged(&mut self, ack: SeqNumber) {
        self.una = ack;
        if self.cursor.lt(ack) {
            self.cursor = ack;
        }
    }

    /// RFC 6298 5.4: the earliest segment that is not acknowledged goes first.
    pub(super) fn go_back(&mut self) {
        self.cursor = if self.una.lt(self.start) {
            self.start
        } else {
            self.una
        };
    }

    /// What may leave now.
    pub(super) fn next_piece(&self, urgency: Urgency) -> Option<Piece> {
        let window = match urgency {
            Urgency::Usual => self.wnd.min(self.congestion.window()),
            Urgency::Probe => self.wnd.max(1),
        };
        let piece = self.piece(self.cursor, self.una + window)?;
        let rest = self.text.len() - piece.range.end;
        let is_silly = !piece.fin && rest > 0 && self.is_silly(piece.range.len() as u32);
        (urgency == Urgency::Probe || !is_silly).then_some(piece)
    }

    /// RFC 5681 3.2: the first segment that is not acknowledged, once more.
    pub(super) fn first_piece(&self) -> Option<Piece> {
        let edge = self.una + self.wnd.max(1);
        let sent = if edge.lt(self.nxt) { edge } else { self.nxt };
        self.piece(self.una, sent)
    }

    /// The largest text of a segment: not more than half of a small window, or a receiver that
    /// avoids silly windows (RFC 9293 3.8.6.2.2) would never open it again by a whole segment.
    fn largest(&self) -> u32 {
        const DEFAULT_MSS: u32 = 536;
        if self.max_wnd > DEFAULT_MSS {
            self.mss.min(self.max_wnd / 2)
        } else {
            self.mss
        }
    }

    /// A segment from `seq`, its text before `edge`.
    fn piece(&self, seq: SeqNumber, edge: SeqNumber) -> Option<Piece> {
        let waiting = positive(self.end().diff(seq));
        let len = waiting.min(positive(edge.diff(seq))).min(self.largest());
        // A bare FIN asks for no room in the peer's buffer.
        let fin = self.closing && len == waiting && seq.le(self.end());
        if len == 0 && !fin {
            return None;
        }
        let from = positive(seq.diff(self.start)) as usize;
        Some(Piece {
            seq,
            range: from..from + len as usize,
            fin,
            push: len > 0 && len == waiting,
            again: seq.lt(self.nxt),
        })
    }

    /// RFC 9293 3.8.6.2.1: neither a full segment nor half the largest window.
    fn is_silly(&self, len: u32) -> bool {
        len < self.largest() && len < self.max_wnd / 2
    }

    /// The piece has left.
    pub(super) fn sent(&mut self, piece: &Piece) {
        let len = u32::try_from(piece.range.len()).unwrap_or(u32::MAX);
        let end = piece.seq + (len + u32::from(piece.fin));
        if self.cursor.lt(end) {
            self.cursor = end;
        }
        if self.nxt.lt(end) {
            self.nxt = end;
        }
    }
}

fn positive(difference: i32) -> u32 {
    difference.max(0).unsigned_abs()
}
