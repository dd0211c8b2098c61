//! Text both ways: how much was sent and received, and in what order.

use std::mem;

use crate::exchange::{AnomalyKind, End, PREVIEW};
use crate::wire::{Segment, SeqNumber};

use super::Observer;

impl Observer {
    /// Before the numbers of the segment are noted.
    pub(super) fn our_text_leaves(&mut self, t_ns: i64, segment: &Segment) {
        let local = self.ends.known(End::Local);
        let Some(nxt) = local.fin.or(local.nxt) else {
            return;
        };
        let len = u64::from(segment.text_len());
        if len == 0 {
            return;
        }
        let sent = self.exchange.data.sent;
        let Some(from) = sent.checked_add_signed(segment.text_seq().diff(nxt).into()) else {
            return;
        };
        self.exchange.data.sent = sent.max(from + len);
        if from < sent {
            self.note_repeated(t_ns, End::Local, from as i64, len as u32);
        } else {
            self.close.text(End::Local);
            self.note_probe(t_ns, End::Local, segment);
        }
    }

    /// Returns the number of the sender's FIN when it is taken with this segment: nothing before it
    /// is missing any more.
    pub(super) fn take_text(
        &mut self,
        t_ns: i64,
        from: End,
        segment: &Segment,
    ) -> Option<SeqNumber> {
        let window = self.window_for(from);
        let text = self.sides[from].text.as_mut()?;
        let (seq, len) = (segment.text_seq(), segment.text_len());
        let before = text.clone();
        let fresh = text.take(seq, len, segment.flags.fin(), window);
        let fin = text.fin_is_next().then(|| text.nxt());
        if fin.is_some() {
            text.take_fin();
        }
        if fresh > 0 || fin.is_some() {
            // Something follows: what was acknowledged last was no FIN.
            let owed = mem::take(&mut self.sides[from].owes_one);
            self.count_arrived(t_ns, from, owed.into());
        }
        if len == 0 {
            return fin;
        }
        let arrived = i64::try_from(self.sides[from].arrived).unwrap_or(i64::MAX);
        let start = arrived.saturating_add(seq.diff(before.nxt()).into());
        let beyond = (seq + len).diff(before.nxt() + window).max(0);
        let is_known = self.sides[from].text.as_ref() == Some(&before);
        if before.is_closed() {
            let again = (seq + len).lt(before.nxt());
            self.exchange.retransmitted.data += u32::from(again);
            self.note_text_after_fin(t_ns, (seq + len).diff(before.nxt()).max(0));
            return fin;
        }
        if beyond > 0 {
            self.note_beyond_window(t_ns, from, beyond);
        } else if is_known {
            // RFC 9293 3.8.4: a keep-alive repeats the last byte, which has been acknowledged.
            let acked = self.ends.known(from.other()).acked;
            let keeps_alive = len == 1 && seq + 1 == before.nxt() && acked == Some(before.nxt());
            if !keeps_alive {
                self.note_repeated(t_ns, from, start, len);
            }
        } else if fresh == 0 {
            let text = format!(
                "data (seq {} len {len}) came before what it follows",
                start + 1
            );
            self.anomaly(AnomalyKind::OutOfOrder, t_ns, text);
        }
        if !is_known {
            self.close.text(from);
        }
        match from {
            End::Peer => {
                let known = segment.payload.len().saturating_sub(self.missing as usize);
                self.keep_preview(arrived, start, &segment.payload[..known]);
                if self.missing > 0 {
                    self.end_preview(start.saturating_add(known as i64));
                }
            }
            End::Local => {
                let end = u64::try_from(start + i64::from(len)).unwrap_or_default();
                let data = &mut self.exchange.data;
                data.sent = data.sent.max(end);
            }
        }
        self.count_arrived(t_ns, from, fresh);
        fin
    }

    /// Text that starts `start` bytes after the first was sent already.
    fn note_repeated(&mut self, t_ns: i64, from: End, start: i64, len: u32) {
        self.exchange.retransmitted.data += 1;
        let (kind, words) = match from {
            End::Local => (AnomalyKind::DataRetransmitted, "was sent"),
            End::Peer => (AnomalyKind::DataRepeated, "came"),
        };
        // As the ladder counts: the SYN is number 0.
        let text = format!("data (seq {} len {len}) {words} again", start + 1);
        self.anomaly(kind, t_ns, text);
    }

    /// The bytes that stand at `from` and later; those before `received` are known.
    fn keep_preview(&mut self, received: i64, from: i64, bytes: &[u8]) {
        let end = from.saturating_add(bytes.len() as i64).min(PREVIEW as i64);
        let start = received.max(from);
        if (0..end).contains(&start) {
            let bytes = &bytes[(start - from) as usize..(end - from) as usize];
            self.preview[start as usize..end as usize].copy_from_slice(bytes);
        }
    }

    /// The bytes from there on were not captured.
    pub(super) fn end_preview(&mut self, at: i64) {
        let at = usize::try_from(at).unwrap_or_default();
        self.previewed = self.previewed.min(at);
    }

    /// So many bytes more of the text of `from` have arrived in order.
    pub(super) fn count_arrived(&mut self, t_ns: i64, from: End, fresh: u32) {
        self.sides[from].arrived += u64::from(fresh);
        if fresh == 0 || from == End::Local {
            return;
        }
        let received = self.sides[from].arrived;
        let data = &mut self.exchange.data;
        data.first_byte_ns.get_or_insert(t_ns.max(0));
        data.received = received;
        if self.shown < self.previewed {
            let received = usize::try_from(received).unwrap_or(PREVIEW);
            self.shown = received.min(self.previewed);
        }
    }
}
