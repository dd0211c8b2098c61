//! How often a peer is answered that makes no sense.

use crate::clock::Time;

/// RFC 5961 7: answers to unacceptable segments are limited, so that two confused ends cannot
/// keep each other busy.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throttle {
    since: Time,
    sent: u32,
}

impl Throttle {
    /// So many acknowledgments.
    pub(crate) const ACKS: u32 = 10;
    /// So many RSTs: after an ABORT each segment that was under way wants one, and the last of them
    /// has the number that the peer takes.
    pub(crate) const RESETS: u32 = 100;

    /// Whether one more of a kind of which there are `per_second` may be sent.
    pub(crate) fn allows(&mut self, now: Time, per_second: u32) -> bool {
        if (now - self.since).as_secs() >= 1 {
            *self = Throttle {
                since: now,
                sent: 0,
            };
        }
        self.sent += 1;
        self.sent <= per_second
    }
}
