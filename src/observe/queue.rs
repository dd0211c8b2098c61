//! Whether a FIN of an end may wait behind text that it has not sent yet.
//!
//! An application that closes while text waits for the window has its end in FIN-WAIT-1 (or
//! LAST-ACK) at once, though the FIN leaves only behind the text (RFC 9293 3.10.4; so does Linux).
//! Its segments look like those of an open connection meanwhile.

use crate::wire::{Segment, SeqNumber};

/// What the send queue of an end may hold.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// The most text of a segment, bytes; of those seen where no SYN says it.
    mss: u32,
    mss_known: bool,
    /// The window that the other end advertised last, bytes.
    window: u32,
    /// The number after all text seen of it.
    nxt: Option<SeqNumber>,
    /// The queue was empty when everything up to here had left.
    empty_at: Option<SeqNumber>,
    /// It sent something again: its congestion window may be a segment.
    repeats: bool,
    /// The number after all that the other end has sent.
    other_nxt: Option<SeqNumber>,
    /// A segment of the other end that it has not acknowledged: mostly there is one at a time, which
    /// takes no memory of its own.
    unheard: Option<Unheard>,
    /// The others.
    unheard_more: Vec<Unheard>,
    /// The newest acknowledgment of the other end that has certainly reached it.
    heard: SeqNumber,
}

/// The number after a segment, and what it acknowledges.
type Unheard = (SeqNumber, SeqNumber);

/// One for each segment that may be under way.
const MOST_UNHEARD: usize = 1024;

impl Queue {
    /// Of an end that sends at most `mss` bytes of text in a segment, from `start`, to a `window`.
    pub(super) fn new(mss: Option<u32>, window: u32, start: SeqNumber) -> Queue {
        Queue {
            mss: mss.unwrap_or_default().max(1),
            mss_known: mss.is_some(),
            window,
            nxt: None,
            empty_at: None,
            repeats: false,
            other_nxt: None,
            unheard: None,
            unheard_more: Vec::new(),
            heard: start,
        }
    }

    /// Of an end of which nothing is known but that it has sent up to `nxt`: text may be waiting, and
    /// nothing of what it sent need have been acknowledged.
    pub(super) fn in_the_middle(window: u32, nxt: SeqNumber) -> Queue {
        let long_ago = nxt - (1 << 30);
        Queue {
            nxt: Some(nxt),
            ..Queue::new(None, window, long_ago)
        }
    }

    /// The other end advertises another window.
    pub(super) fn offer(&mut self, window: u32) {
        self.window = window;
    }

    /// A segment of the other end. That it arrived shows only if it occupies numbers: those are
    /// acknowledged.
    pub(super) fn other_sends(&mut self, segment: &Segment) {
        let end = segment.seq + segment.seq_len();
        // Of one that is sent again, either may be the one that arrived.
        let is_new = self.other_nxt.is_none_or(|nxt| nxt.lt(end));
        if !is_new || segment.seq_len() == 0 || segment.flags.rst() {
            return;
        }
        self.other_nxt = Some(end);
        let unheard = (end, segment.ack);
        if !segment.flags.ack() {
            return;
        }
        if self.unheard.is_none() {
            self.unheard = Some(unheard);
        } else if self.unheard_more.len() + 1 < MOST_UNHEARD {
            self.unheard_more.push(unheard);
        }
    }

    /// What the next segment of the end says: whether its text left as soon as it was written, and
    /// whether the end may have closed when it sent it without a FIN.
    pub(super) fn judge(&mut self, segment: &Segment, gap: bool) -> (bool, bool) {
        let at_once = self.begins_with(segment, gap);
        (at_once, self.fin_may_wait(segment, at_once))
    }

    /// Whether the text of this segment left as soon as it was written, if it is no repeat: nothing
    /// waited when what came last was sent, and nothing of it is missing.
    fn begins_with(&self, segment: &Segment, gap: bool) -> bool {
        let is_next = self.nxt.map_or(!gap, |nxt| segment.text_seq() == nxt);
        !segment.payload.is_empty() && is_next && !self.text_may_wait()
    }

    /// Not so where its text left `at_once`, as it was written.
    fn fin_may_wait(&mut self, segment: &Segment, at_once: bool) -> bool {
        self.hear(segment);
        let len = segment.text_len();
        let end = segment.text_seq() + len;
        if len == 0 {
            return self.text_may_wait();
        }
        if self.nxt.is_some_and(|nxt| end.le(nxt)) {
            self.repeats = true;
            return true;
        }
        self.nxt = Some(end);
        if !self.mss_known {
            self.mss = self.mss.max(len);
        }
        // RFC 9293 3.9.1.2: PSH on the last that is queued. Some set it in between, and cut what is
        // queued at other places than full segments.
        let is_last = at_once && segment.flags.psh() && len < self.room();
        if is_last {
            self.empty_at = Some(end);
        }
        !is_last
    }

    /// What any end sends in one segment: it may cut its text to half the window of the other (so
    /// does Linux).
    fn room(&self) -> u32 {
        self.mss.min(self.window / 2)
    }

    /// Text under way may fill the congestion window, which is a full segment at least, or so much
    /// of the advertised one that the rest is not worth sending (RFC 9293 3.8.6.2.1).
    fn text_may_wait(&self) -> bool {
        if self.window == 0 {
            return true;
        }
        let Some(nxt) = self.nxt else { return false };
        let in_flight = nxt.diff(self.heard).max(0).unsigned_abs();
        let fits = in_flight < self.room() && self.empty_at == Some(nxt);
        in_flight > 0 && (self.repeats || !fits)
    }

    /// The newest acknowledgment of the other end that has certainly reached this one.
    pub(super) fn heard(&self) -> SeqNumber {
        self.heard
    }

    fn hear(&mut self, segment: &Segment) {
        if !segment.flags.ack() {
            return;
        }
        let is_heard = |it: &mut Unheard| it.0.le(segment.ack);
        let first = self.unheard.take_if(is_heard);
        let more = self.unheard_more.extract_if(.., is_heard);
        for (_, ack) in first.into_iter().chain(more) {
            if self.heard.lt(ack) {
                self.heard = ack;
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

    fn queue_after(texts: &[&str]) -> (Queue, bool) {
        queue_of(100, 65_535, texts)
    }

    /// With segments of up to `mss` bytes, to such a window. `> ` is the other end.
    fn queue_of(mss: u32, window: u32, texts: &[&str]) -> (Queue, bool) {
        let mut queue = Queue::new(Some(mss), window, SeqNumber(1));
        let mut may_wait = false;
        for text in texts {
            match text.split_once(' ') {
                Some((">", ours)) => queue.other_sends(&read(ours)),
                Some((_, theirs)) => {
                    (_, may_wait) = queue.judge(&read(theirs), false);
                }
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
        queue_of(1460, window, texts).1
    }

    #[test]
    fn half_our_window_may_be_a_full_segment() {
        assert!(last_may_hold_a_fin_back(1000, &["< P. 1:501 ack 1"]));
        assert!(!last_may_hold_a_fin_back(1000, &["< P. 1:500 ack 1"]));
    }

    #[test]
    fn psh_behind_text_under_way_ends_nothing() {
        let burst = ["< . 1:1461 ack 1", "< P. 1461:1561 ack 1"];
        assert!(last_may_hold_a_fin_back(65_535, &burst));
        let records = ["< P. 1:701 ack 1", "< P. 701:1401 ack 1"];
        assert!(!last_may_hold_a_fin_back(65_535, &records));
        let many = [
            &records[..],
            &["< P. 1401:2101 ack 1", "< P. 2101:2801 ack 1"],
        ]
        .concat();
        assert!(last_may_hold_a_fin_back(65_535, &many));
    }

    #[test]
    fn a_closed_window_holds_everything_back() {
        assert!(last_may_hold_a_fin_back(0, &["< . 1 ack 1"]));
        assert!(!last_may_hold_a_fin_back(1, &["< . 1 ack 1"]));
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
