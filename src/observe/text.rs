//! Text both ways: how much was sent and received, and in what order.

use crate::exchange::{AnomalyKind, End, PREVIEW};
use crate::wire::{Segment, SeqNumber};

use super::Observer;

impl Observer {
    /// Before the numbers of the segment are noted.
    pub(super) fn our_text_leaves(&mut self, t_ns: i64, segment: &Segment) {
        let local = &self.ends.local;
        let Some(nxt) = local.fin.or(local.nxt) else {
            return;
        };
        let len = segment.payload.len() as u64;
        if len == 0 {
            return;
        }
        let sent = self.exchange.data.sent;
        let Some(from) = sent.checked_add_signed(segment.text_seq().diff(nxt).into()) else {
            return;
        };
        self.exchange.data.sent = sent.max(from + len);
        if from < sent {
            // As the ladder counts: the SYN is number 0.
            let text = format!("data of ours (seq {} len {len}) was sent again", from + 1);
            self.anomaly(AnomalyKind::DataRetransmitted, t_ns, text);
        } else {
            self.note_probe(t_ns, segment);
        }
    }

    /// Returns the number of the peer's FIN when it is taken with this segment: nothing before it
    /// is missing any more.
    pub(super) fn take_text(&mut self, t_ns: i64, segment: &Segment) -> Option<SeqNumber> {
        let text = self.received.as_mut()?;
        let (seq, len) = (segment.text_seq(), segment.payload.len() as u32);
        let before = text.clone();
        let fresh = text.take(seq, len, segment.flags.fin(), self.our_window);
        let fin = text.fin_is_next().then(|| text.nxt());
        if fin.is_some() {
            text.take_fin();
        }
        if len == 0 {
            return fin;
        }
        let received = i64::try_from(self.exchange.data.received).unwrap_or(i64::MAX);
        let from = received.saturating_add(seq.diff(before.nxt()).into());
        let beyond = (seq + len).diff(before.nxt() + self.our_window).max(0);
        if before.is_closed() {
            self.note_text_after_fin(t_ns, (seq + len).diff(before.nxt()).max(0));
        } else if beyond > 0 {
            self.note_beyond_window(t_ns, beyond);
        } else if self.received.as_ref() == Some(&before) {
            let text = format!("data of the peer (seq {} len {len}) came again", from + 1);
            self.anomaly(AnomalyKind::DataRepeated, t_ns, text);
        } else if fresh == 0 {
            let text = format!(
                "data of the peer (seq {} len {len}) came before what it follows",
                from + 1
            );
            self.anomaly(AnomalyKind::OutOfOrder, t_ns, text);
        }
        if !before.is_closed() {
            self.keep_preview(received, from, &segment.payload);
            self.count_received(t_ns, fresh);
        }
        fin
    }

    /// The bytes that stand at `from` and later; those before `received` are known.
    fn keep_preview(&mut self, received: i64, from: i64, bytes: &[u8]) {
        let places = self.preview.iter_mut().enumerate();
        for (at, kept) in places.skip(usize::try_from(received).unwrap_or(PREVIEW)) {
            let offset = usize::try_from(at as i64 - from).ok();
            if let Some(&byte) = offset.and_then(|offset| bytes.get(offset)) {
                *kept = byte;
            }
        }
    }

    fn count_received(&mut self, t_ns: i64, fresh: u32) {
        if fresh == 0 {
            return;
        }
        let data = &mut self.exchange.data;
        data.first_byte_ns.get_or_insert(t_ns);
        data.received += u64::from(fresh);
        if data.preview.len() < PREVIEW {
            let len = usize::try_from(data.received).map_or(PREVIEW, |len| len.min(PREVIEW));
            data.preview = self.preview[..len].to_vec();
        }
    }

    /// Text beyond the peer's window asks whether it has opened (RFC 9293 3.8.6.1).
    fn note_probe(&mut self, t_ns: i64, segment: &Segment) {
        let end = segment.text_seq() + segment.payload.len() as u32;
        if let Some(edge) = self.peer_edge().filter(|edge| edge.lt(end)) {
            let room = edge.diff(segment.text_seq()).max(0);
            let text = format!("the peer's window has room for {room} bytes: it was probed");
            self.anomaly(AnomalyKind::ZeroWindow, t_ns, text);
        }
    }

    /// The first number that does not fit the window that the peer advertised last.
    fn peer_edge(&self) -> Option<SeqNumber> {
        self.last_window.map(|last| last.edge)
    }

    /// How far the window of a segment is shifted (RFC 7323 2.2: never that of a SYN).
    pub(super) fn window_shift(&self, from: End, segment: &Segment) -> u8 {
        match self.negotiated {
            Some(agreed) if !segment.flags.syn() => match from {
                End::Local => agreed.opener.window_shift,
                End::Peer => agreed.answerer.window_shift,
            },
            _ => 0,
        }
    }
}
