//! Frames in order of their stamps: the kernel queues some a little out of it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::{Stamp, Time};
use crate::exchange::AnomalyKind;
use crate::link::Frame;
use crate::observe::Subject;

use super::table::Id;

/// How long a frame waits for an earlier one.
pub(super) const SLACK: Duration = Duration::from_millis(1);

/// A frame, what it is to its connection, and what the engine has to say of it.
#[derive(Debug)]
pub(super) struct Caught {
    /// The kernel's stamp; without one, when the frame was read.
    pub(super) at: Stamp,
    pub(super) frame: Frame,
    pub(super) subject: Subject,
    pub(super) notes: Vec<(AnomalyKind, String)>,
}

/// A short queue of the frames of all connections, sorted by stamp; equal stamps keep their order.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    read: Time,
    id: Id,
    caught: Caught,
}

impl InOrder {
    /// Adds a frame that was read at `read`.
    pub(super) fn push(&mut self, read: Time, id: Id, caught: Caught) {
        let at = caught.at;
        let earlier = self.waiting.iter().rev().take_while(|it| it.caught.at > at);
        let place = self.waiting.len() - earlier.count();
        self.waiting.insert(place, Waiting { read, id, caught });
    }

    /// Takes the first, if nothing can come before it any more, or else if `all` are wanted.
    pub(super) fn pop(&mut self, now: Time, all: bool) -> Option<(Id, Caught)> {
        let due = self.next()? <= now;
        let first = if all || due {
            self.waiting.pop_front()
        } else {
            None
        };
        first.map(|it| (it.id, it.caught))
    }

    /// When the first will have waited long enough.
    pub(super) fn next(&self) -> Option<Time> {
        self.waiting.front().map(|it| it.read + SLACK)
    }
}
