//! What has arrived of the peer's text, without the bytes: RFC 9293 3.10.7.4, seventh and eighth.

use crate::wire::SeqNumber;

/// Numbers from the first to before the second.
pub type Block = (SeqNumber, SeqNumber);

/// So many pieces beyond a hole are remembered. A receiver may drop what comes out of order, and
/// one that is sent every other byte of its window would fill memory otherwise.
const MOST_BLOCKS: usize = 64;

/// What has come in order (RCV.NXT), and the pieces that lie beyond a hole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reassembly {
    nxt: SeqNumber,
    /// Disjoint, the most recent first (RFC 2018 4).
    beyond: Vec<Block>,
    /// The number of the FIN, once it has come, though there may be a hole before it.
    fin: Option<SeqNumber>,
    /// The FIN is taken: nothing follows it.
    closed: bool,
}

impl Reassembly {
    /// Everything before `nxt` has arrived.
    pub fn new(nxt: SeqNumber) -> Reassembly {
        Reassembly {
            nxt,
            ..Reassembly::default()
        }
    }

    /// RCV.NXT: the next number expected.
    pub fn nxt(&self) -> SeqNumber {
        self.nxt
    }

    /// Takes `len` bytes from `seq` and the FIN after them, as far as they are new and lie in a
    /// window of `wnd` bytes. Returns how many bytes have come in order by it.
    pub fn take(&mut self, seq: SeqNumber, len: u32, fin: bool, wnd: u32) -> u32 {
        if self.closed {
            return 0;
        }
        let before = self.nxt;
        let end = seq + len;
        let edge = self.nxt + wnd;
        if fin && self.nxt.le(end) && end.le(edge) {
            self.end_at(end);
        }
        let last = self.fin.map_or(edge, |fin| earlier(fin, edge));
        let (from, to) = (later(seq, self.nxt), earlier(end, last));
        if from.lt(to) {
            self.add((from, to));
        }
        self.nxt.diff(before).unsigned_abs()
    }

    /// Everything before `nxt` has arrived, and the FIN that stands at `fin` if that is before it;
    /// [`Reassembly::take_fin`] passes that. Returns how many bytes of it had not been taken.
    pub fn skip_to(&mut self, nxt: SeqNumber, fin: Option<SeqNumber>) -> u32 {
        if let Some(fin) = fin.filter(|fin| fin.lt(nxt)) {
            self.end_at(fin);
        }
        let to = self.fin.map_or(nxt, |fin| earlier(fin, nxt));
        if self.closed || to.le(self.nxt) {
            return 0;
        }
        let before = self.nxt;
        self.add((self.nxt, to));
        self.nxt.diff(before).unsigned_abs()
    }

    /// Whether nothing is missing before the peer's FIN, which is not taken yet.
    pub fn fin_is_next(&self) -> bool {
        !self.closed && self.fin == Some(self.nxt)
    }

    /// Moves past the FIN. Nothing is taken after it.
    pub fn take_fin(&mut self) {
        self.nxt += 1;
        self.closed = true;
        self.beyond.clear();
    }

    /// A FIN stands there. Of two the first counts, and nothing that came beyond it.
    fn end_at(&mut self, end: SeqNumber) {
        let fin = self.fin.map_or(end, |fin| earlier(fin, end));
        self.fin = Some(fin);
        self.beyond.retain_mut(|block| {
            block.1 = earlier(block.1, fin);
            block.0.lt(block.1)
        });
    }

    /// Whether the FIN is taken.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether something has arrived beyond a hole.
    pub fn has_hole(&self) -> bool {
        !self.beyond.is_empty() || self.fin.is_some() && !self.closed
    }

    /// RFC 2018 4: the pieces beyond holes, that of the newest segment first.
    pub fn blocks(&self) -> &[Block] {
        &self.beyond
    }

    fn add(&mut self, mut block: Block) {
        let touches = |other: &Block| other.0.le(block.1) && block.0.le(other.1);
        let full = self.beyond.len() == MOST_BLOCKS;
        if full && block.0 != self.nxt && !self.beyond.iter().any(touches) {
            return;
        }
        // A block that grows may touch another.
        while let Some(index) = self
            .beyond
            .iter()
            .position(|other| other.0.le(block.1) && block.0.le(other.1))
        {
            let other = self.beyond.remove(index);
            block = (earlier(block.0, other.0), later(block.1, other.1));
        }
        if block.0 == self.nxt {
            self.nxt = block.1;
        } else {
            self.beyond.insert(0, block);
        }
    }
}

fn earlier(one: SeqNumber, other: SeqNumber) -> SeqNumber {
    if one.lt(other) { one } else { other }
}

fn later(one: SeqNumber, other: SeqNumber) -> SeqNumber {
    if one.lt(other) { other } else { one }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Just before the wrap.
    const START: SeqNumber = SeqNumber(u32::MAX - 10);

    fn text() -> Reassembly {
        Reassembly::new(START)
    }

    fn blocks(text: &Reassembly) -> Vec<(i32, i32)> {
        let relative = |&(from, to): &Block| (from.diff(START), to.diff(START));
        text.blocks().iter().map(relative).collect()
    }

    #[test]
    fn in_order_text_moves_rcv_nxt() {
        let mut text = text();
        assert_eq!(text.take(START, 20, false, 100), 20);
        assert_eq!(text.nxt(), START + 20);
        assert_eq!(text.take(START + 10, 15, false, 100), 5);
    }

    #[test]
    fn a_filled_hole_brings_what_lay_beyond_it() {
        let mut text = text();
        assert_eq!(text.take(START + 10, 10, false, 100), 0);
        assert_eq!(text.take(START + 30, 10, false, 100), 0);
        assert_eq!(blocks(&text), [(30, 40), (10, 20)]);
        assert_eq!(text.take(START, 10, false, 100), 20);
        assert_eq!(blocks(&text), [(30, 40)]);
        assert_eq!(text.take(START + 15, 20, false, 100), 20);
        assert!(text.blocks().is_empty());
    }

    #[test]
    fn the_newest_block_comes_first() {
        let mut text = text();
        text.take(START + 10, 5, false, 100);
        text.take(START + 20, 5, false, 100);
        text.take(START + 30, 5, false, 100);
        text.take(START + 15, 5, false, 100);
        assert_eq!(blocks(&text), [(10, 25), (30, 35)]);
    }

    #[test]
    fn nothing_beyond_the_window_is_taken() {
        let mut text = text();
        assert_eq!(text.take(START, 200, true, 100), 100);
        assert!(!text.fin_is_next());
        assert_eq!(text.take(START + 150, 200, true, 100), 0);
        assert_eq!(blocks(&text), [(150, 200)]);
    }

    #[test]
    fn a_fin_beyond_a_hole_waits_for_its_turn() {
        let mut text = text();
        text.take(START + 10, 10, true, 100);
        assert!(text.has_hole() && !text.fin_is_next());
        assert_eq!(text.take(START, 10, false, 100), 20);
        assert!(text.fin_is_next());
        text.take_fin();
        assert_eq!(text.nxt(), START + 21);
        assert!(!text.has_hole() && !text.fin_is_next());
    }

    #[test]
    fn of_two_fins_the_first_in_order_counts() {
        let mut text = text();
        text.take(START + 10, 10, true, 100);
        text.take(START, 0, true, 100);
        assert!(text.fin_is_next());
    }

    #[test]
    fn what_came_beyond_a_fin_does_not_hide_it() {
        let mut text = text();
        text.take(START + 5, 20, false, 100);
        text.take(START + 40, 20, false, 100);
        assert_eq!(text.take(START, 10, true, 100), 10);
        assert!(text.fin_is_next());
        text.take_fin();
        assert!(!text.has_hole() && text.blocks().is_empty());
    }

    #[test]
    fn nothing_counts_after_the_fin() {
        let mut text = text();
        text.take(START, 10, true, 100);
        assert_eq!(text.take(START + 10, 10, false, 100), 0);
        text.take_fin();
        assert_eq!(text.take(START + 11, 10, true, 100), 0);
        assert!(!text.fin_is_next());
    }

    #[test]
    fn a_bare_fin_needs_no_window() {
        let mut text = text();
        text.take(START, 0, true, 0);
        assert!(text.fin_is_next());
    }

    #[test]
    fn every_other_byte_fills_no_memory() {
        let mut text = text();
        for number in (1..60_000).step_by(2) {
            text.take(START + number, 1, false, 65_535);
        }
        assert_eq!(text.blocks().len(), MOST_BLOCKS);
        assert_eq!(text.take(START, 1, false, 65_535), 2);
    }

    proptest! {
        /// As if each byte were looked at for itself.
        #[test]
        fn it_holds_what_a_map_of_bytes_holds(
            pieces in prop::collection::vec((0u32..120, 0u32..40), 1..40),
            wnd in 1u32..100,
        ) {
            let mut text = text();
            let mut arrived = [false; 400];
            let mut nxt = 0;
            for (seq, len) in pieces {
                let edge = nxt + wnd;
                for number in seq.max(nxt)..(seq + len).min(edge) {
                    arrived[number as usize] = true;
                }
                let before = nxt;
                while arrived[nxt as usize] {
                    nxt += 1;
                }
                prop_assert_eq!(text.take(START + seq, len, false, wnd), nxt - before);
                prop_assert_eq!(text.nxt(), START + nxt);
                for &(from, to) in text.blocks() {
                    let (from, to) = (from.diff(START) as usize, to.diff(START) as usize);
                    prop_assert!(arrived[from..to].iter().all(|&byte| byte));
                    prop_assert!(!arrived[from - 1] && !arrived[to]);
                }
            }
        }
    }
}
