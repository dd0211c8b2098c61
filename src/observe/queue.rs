//! Whether a FIN of the peer may wait behind text that it has not sent yet.
//!
//! An application that closes while text waits for the window has its end in FIN-WAIT-1 (or
//! LAST-ACK) at once, though the FIN leaves only behind the text (RFC 9293 3.10.4; so does Linux).
//! Its segments look like those of an open connection meanwhile.

use crate::wire::{Segment, SeqNumber};

/// What the peer's send queue may hold.
#[derive(Clone, Debug)]
pub(super) struct PeerQueue {
    /// The most text of a segment of the peer, bytes.
    mss: u32,
    /// The window that we advertised last, bytes.
    window: u32,
    /// The number after all text seen of it.
    nxt: Option<SeqNumber>,
    /// The queue was empty when everything up to here had left.
    empty_at: Option<SeqNumber>,
    /// The length of the newest text without PSH: that of a full segment, or of several.
    unpushed: u32,
    /// It sent something again: its congestion window may be a segment.
    repeats: bool,
    /// The number after all that we have sent.
    our_nxt: Option<SeqNumber>,
    /// Segments of ours that it has not acknowledged: the number after each, and what each said.
    unheard: Vec<(SeqNumber, SeqNumber)>,
    /// The newest acknowledgment of ours that has certainly reached it.
    heard: Option<SeqNumber>,
}

/// Every IPv4 network takes packets of 576 bytes (RFC 9293 3.7.1), of which headers and options
/// take 80 at most; IPv6 takes more.
const SMALLEST_MSS: u32 = 496;

/// One for each segment that we may have under way.
const MOST_UNHEARD: usize = 1024;

impl PeerQueue {
    /// A peer that sends at most `mss` bytes of text in a segment, to our `window`.
    pub(super) fn new(mss: u32, window: u32) -> PeerQueue {
        PeerQueue {
            mss: mss.max(1),
            window,
            nxt: None,
            empty_at: None,
            unpushed: 0,
            repeats: false,
            our_nxt: None,
            unheard: Vec::new(),
            heard: None,
        }
    }

    /// We advertise another window.
    pub(super) fn offer(&mut self, window: u32) {
        self.window = window;
    }

    /// A segment of ours. That it arrived shows only if it occupies numbers: the peer acknowledges
    /// those.
    pub(super) fn we_send(&mut self, segment: &Segment) {
        let end = segment.seq + segment.seq_len();
        // Of one that is sent again, either may be the one that arrived.
        let is_new = self.our_nxt.is_none_or(|nxt| nxt.lt(end));
        if !is_new || segment.seq_len() == 0 || segment.flags.rst() {
            return;
        }
        self.our_nxt = Some(end);
        if segment.flags.ack() && self.unheard.len() < MOST_UNHEARD {
            self.unheard.push((end, segment.ack));
        }
    }

    /// Whether the text of this segment left as soon as it was written, if it is no repeat: nothing
    /// waited when the peer sent what came last, and nothing of it is missing.
    pub(super) fn begins_with(&self, segment: &Segment, gap: bool) -> bool {
        let is_next = self.nxt.map_or(!gap, |nxt| segment.text_seq() == nxt);
        !segment.payload.is_empty() && is_next && !self.text_may_wait()
    }

    /// Whether the peer may have closed when it sent this segment without a FIN.
    pub(super) fn fin_may_wait(&mut self, segment: &Segment) -> bool {
        self.hear(segment);
        let len = segment.payload.len() as u32;
        let end = segment.text_seq() + len;
        if len == 0 {
            return self.text_may_wait();
        }
        if self.nxt.is_some_and(|nxt| end.le(nxt)) {
            self.repeats = true;
            return true;
        }
        self.nxt = Some(end);
        // RFC 9293 3.9.1.2: PSH on the last that is queued. Some set it in between, but then on a
        // full segment. A FIN that was queued would be in it.
        let is_last = segment.flags.psh() && !self.may_be_full(len);
        if is_last {
            self.empty_at = Some(end);
        }
        if !segment.flags.psh() {
            self.unpushed = len;
        }
        !is_last
    }

    /// Whether so much text may be full segments. Those of the peer may be smaller than the SYNs
    /// allow: cut to half the window that we advertise (so does Linux), or to its own network, as
    /// text before it shows that ended nothing.
    fn may_be_full(&self, len: u32) -> bool {
        let fills = |size: u32| len.is_multiple_of(size) && self.unpushed.is_multiple_of(size);
        len.is_multiple_of(self.mss)
            || len.min(self.mss) >= self.window / 2
            || self.unpushed > 0 && (SMALLEST_MSS..=self.mss).any(fills)
    }

    /// Text under way may fill the congestion window, which is a full segment at least, or so much
    /// of ours that the rest is not worth sending (RFC 9293 3.8.6.2.1).
    fn text_may_wait(&self) -> bool {
        if self.window == 0 {
            return true;
        }
        let Some(nxt) = self.nxt else { return false };
        let in_flight = self.heard.map_or(i32::MAX, |heard| nxt.diff(heard)).max(0);
        let room = self.mss.min(self.window / 2);
        let fits = in_flight.unsigned_abs() < room && self.empty_at == Some(nxt);
        in_flight > 0 && (self.repeats || !fits)
    }

    /// The newest acknowledgment of ours that has certainly reached the peer.
    pub(super) fn heard(&self) -> Option<SeqNumber> {
        self.heard
    }

    fn hear(&mut self, segment: &Segment) {
        if !segment.flags.ack() {
            return;
        }
        let heard = self.unheard.extract_if(.., |(end, _)| end.le(segment.ack));
        for (_, ack) in heard {
            if self.heard.is_none_or(|known| known.lt(ack)) {
                self.heard = Some(ack);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::shorthand;

    fn read(text: &str) -> Segment {
        shorthand::read(text, SeqNumber(0), SeqNumber(0))
    }

    fn queue_after(texts: &[&str]) -> (PeerQueue, bool) {
        let mut queue = PeerQueue::new(100, 65_535);
        let mut may_wait = false;
        for text in texts {
            match text.split_once(' ') {
                Some((">", ours)) => queue.we_send(&read(ours)),
                Some((_, theirs)) => may_wait = queue.fin_may_wait(&read(theirs)),
                None => panic!("{text}"),
            }
        }
        (queue, may_wait)
    }

    fn fin_may_wait(texts: &[&str]) -> bool {
        queue_after(texts).1
    }

    #[test]
    fn a_peer_without_text_holds_no_fin_back() {
        assert!(!fin_may_wait(&["< . 1 ack 1"]));
    }

    #[test]
    fn a_full_segment_may_have_more_behind_it() {
        assert!(fin_may_wait(&["< . 1:101 ack 1"]));
        assert!(fin_may_wait(&["< P. 1:201 ack 1"]));
    }

    #[test]
    fn of_a_segment_sent_again_the_first_may_have_arrived() {
        let again = [
            "< . 1:101 ack 1",
            "> P. 1:2 ack 51",
            "> P. 1:2 ack 101",
            "< . 101 ack 2",
        ];
        assert!(fin_may_wait(&again));
    }

    #[test]
    fn a_short_segment_with_psh_is_the_last() {
        assert!(!fin_may_wait(&["< P. 1:50 ack 1"]));
        assert!(fin_may_wait(&["< . 1:50 ack 1"]));
        let small = ["> P. 1:2 ack 1", "< P. 1:50 ack 2", "< . 50 ack 2"];
        assert!(!fin_may_wait(&small));
    }

    #[test]
    fn after_a_repeat_one_segment_may_fill_the_congestion_window() {
        let again = ["> P. 1:2 ack 1", "< P. 1:50 ack 2", "< P. 1:50 ack 2"];
        assert!(fin_may_wait(&again));
    }

    #[test]
    fn text_under_way_may_hold_a_fin_back() {
        assert!(fin_may_wait(&["< . 1:101 ack 1", "< . 101 ack 1"]));
    }

    #[test]
    fn what_the_peer_acknowledges_it_has_read() {
        let read_all = ["< . 1:101 ack 1", "> P. 1:2 ack 101", "< . 101 ack 2"];
        assert!(!fin_may_wait(&read_all));
        let read_some = ["< . 1:101 ack 1", "> P. 1:2 ack 51", "< . 101 ack 2"];
        assert!(fin_may_wait(&read_some));
        // An ACK of ours may be lost.
        let perhaps = ["< . 1:101 ack 1", "> . 1 ack 101", "< . 101 ack 1"];
        assert!(fin_may_wait(&perhaps));
    }

    /// With segments of up to 1460 bytes, to a window of so much.
    fn last_may_hold_a_fin_back(window: u32, texts: &[&str]) -> bool {
        let mut queue = PeerQueue::new(1460, window);
        let mut waits = false;
        for text in texts {
            waits = queue.fin_may_wait(&read(text));
        }
        waits
    }

    #[test]
    fn a_peer_cuts_its_segments_to_half_our_window() {
        assert!(last_may_hold_a_fin_back(
            1000,
            &[". 1:501 ack 1", "P. 501:1001 ack 1"]
        ));
        assert!(last_may_hold_a_fin_back(200, &["P. 1:201 ack 1"]));
        assert!(!last_may_hold_a_fin_back(
            1000,
            &[". 1:501 ack 1", "P. 501:601 ack 1"]
        ));
    }

    #[test]
    fn a_peer_cuts_its_segments_to_its_own_network() {
        let full = [". 1:1249 ack 1", ". 1249:2497 ack 1", "P. 2497:3745 ack 1"];
        assert!(last_may_hold_a_fin_back(65_535, &full));
        let several_in_a_frame = [". 1:12481 ack 1", "P. 12481:14977 ack 1"];
        assert!(last_may_hold_a_fin_back(65_535, &several_in_a_frame));
        let shorter = [". 1:1249 ack 1", "P. 1249:2249 ack 1"];
        assert!(!last_may_hold_a_fin_back(65_535, &shorter));
        // Nothing before it tells of a smaller size.
        assert!(!last_may_hold_a_fin_back(65_535, &["P. 1:1249 ack 1"]));
    }

    #[test]
    fn a_closed_window_holds_everything_back() {
        assert!(last_may_hold_a_fin_back(0, &[". 1 ack 1"]));
        assert!(!last_may_hold_a_fin_back(1, &[". 1 ack 1"]));
    }

    #[test]
    fn text_at_an_empty_queue_begins_there() {
        let begins = |texts: &[&str], next: &str, gap: bool| {
            queue_after(texts).0.begins_with(&read(next), gap)
        };
        assert!(begins(&[], ". 1:101 ack 1", false));
        assert!(!begins(&[], ". 101:201 ack 1", true));
        assert!(begins(
            &["< P. 1:50 ack 1", "> P. 1:2 ack 50", "< . 50 ack 2"],
            ". 50:150 ack 2",
            false
        ));
        let full = ["< . 1:101 ack 1"];
        assert!(!begins(&full, ". 101:201 ack 2", false));
        assert!(!begins(&full, ". 1:101 ack 2", false));
    }
}
