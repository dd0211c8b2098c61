//! Where one connection ends and the next on the same addresses and ports begins.

use crate::exchange::End;
use crate::tcp::window::ack_answers_syn;
use crate::wire::SeqNumber;

use super::sight::Head;

/// The numbers of a connection, as far as they decide what belongs to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    ends: [Numbered; 2],
    is_over: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Numbered {
    /// Wireshark's base of relative numbers: the initial one, or what is nearest to it.
    base: Option<SeqNumber>,
    /// The first number after all that it sent.
    next: Option<SeqNumber>,
    /// It sent a SYN without ACK.
    asked: bool,
    /// It sent a SYN with ACK.
    answered: bool,
    /// It sent something other than RST.
    spoke: bool,
    /// The number after its FIN.
    fin: Option<SeqNumber>,
    /// Its FIN was acknowledged.
    is_done: bool,
}

impl Numbers {
    /// Whether a SYN that is captured or quoted with this number is that of another connection: as
    /// Wireshark counts (`tcp.stream`), where it is not the base of that direction.
    ///
    /// A stray SYN may be none of it: a connection that is open answers it with an ACK and drops it
    /// (RFC 9293 3.10.7.4, fourth). But to an eye on the path, a new connection is what follows
    /// almost always.
    pub(super) fn differs(&self, from: End, head: &Head) -> bool {
        let base = self.ends[from as usize].base;
        head.asks_to_open() && base.is_some_and(|base| base != head.seq)
    }

    /// Whether a SYN with the number of before opens anew: after the end of a connection its TCB is
    /// gone (RFC 9293 3.10.7.3, 3.10.7.4), and the number says nothing. Wireshark counts so since
    /// 4.2; before, it took every such SYN for a repeat.
    pub(super) fn is_reopened(&self, from: End, head: &Head) -> bool {
        let base = self.ends[from as usize].base;
        head.asks_to_open() && base == Some(head.seq) && self.is_over
    }

    /// One of its segments.
    pub(super) fn take(&mut self, from: End, head: &Head) {
        let (flags, other) = (head.flags, from.other() as usize);
        if flags.rst() && self.is_reset_by(from, head) {
            self.is_over = true;
        }
        let end = &mut self.ends[from as usize];
        if flags.syn() && flags.ack() {
            end.base = Some(head.seq);
        } else {
            let before = if flags.syn() { head.seq } else { head.seq - 1 };
            end.base.get_or_insert(before);
        }
        end.asked |= head.asks_to_open();
        end.answered |= flags.syn() && flags.ack();
        end.spoke |= !flags.rst();
        let after = head.seq + head.len + u32::from(flags.syn()) + u32::from(flags.fin());
        if end.next.is_none_or(|next| next.lt(after)) {
            end.next = Some(after);
        }
        if flags.fin() {
            end.fin = Some(after);
        }
        if flags.ack() {
            let end = &mut self.ends[other];
            end.base.get_or_insert(head.ack - 1);
            end.is_done |= end.fin.is_some_and(|fin| fin.le(head.ack));
        }
        self.is_over |= self.ends.iter().all(|end| end.is_done);
    }

    /// Both FINs were acknowledged, or a RST ended it.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// RFC 9293 3.10.7.3: what answers a SYN must acknowledge it, and who has sent only that answers
    /// something old with a RST of its number.
    fn is_reset_by(&self, from: End, head: &Head) -> bool {
        let end = &self.ends[from as usize];
        let other = &self.ends[from.other() as usize];
        match (end.spoke, other.base, other.next) {
            (false, Some(iss), Some(next)) if other.asked => {
                head.flags.ack() && ack_answers_syn(iss, next, head.ack)
            }
            _ if end.asked && !other.answered => match (end.base, end.next) {
                (Some(iss), Some(next)) => iss.lt(head.seq) && head.seq.le(next),
                _ => true,
            },
            _ => true,
        }
    }
}
