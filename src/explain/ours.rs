//! What a capture that tcpshake wrote tells besides its frames.

use crate::capture::Captured;
use crate::exchange::{AnomalyKind, End, Untold};
use crate::link::Direction;
use crate::report::Mark;
use crate::session;

/// A probe of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Probe {
    pub(super) seq: u64,
    /// The end that was asked for.
    pub(super) end: session::End,
}

/// What is said of one frame.
#[derive(Debug)]
pub(super) struct Ours {
    /// It is the first of this probe.
    pub(super) begins: Option<Probe>,
    /// Who sent it: the client is ours.
    pub(super) from: End,
    pub(super) notes: Vec<(AnomalyKind, String)>,
}

impl Ours {
    /// `None`: somebody else captured it.
    pub(super) fn of(captured: &Captured) -> Option<Ours> {
        if !captured.is_ours {
            return None;
        }
        let mut ours = Ours {
            begins: None,
            from: match captured.direction? {
                Direction::Received => End::Peer,
                Direction::Sent | Direction::Looped => End::Local,
            },
            notes: Vec::new(),
        };
        for comment in captured.comments.clone() {
            match Mark::parse(&comment) {
                Some(Mark::Probe { seq, end }) => ours.begins = Some(Probe { seq, end }),
                Some(Mark::Frame { kind, text }) => ours.notes.push((kind, text)),
                Some(Mark::Note { .. } | Mark::Interrupted { .. }) | None => {}
            }
        }
        Some(ours)
    }
}

/// What is known of a probe besides its frames.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) probe: Probe,
    pub(super) untold: Untold,
}

impl Known {
    pub(super) fn of(probe: Probe) -> Known {
        Known {
            probe,
            untold: Untold {
                awaited_fin: probe.end.waits_for_fin(),
                ..Untold::default()
            },
        }
    }

    /// What is said of one of its frames.
    pub(super) fn note(&mut self, notes: Vec<(AnomalyKind, String)>) {
        for (kind, text) in notes {
            self.untold.of_frames.push(kind, text);
        }
    }

    /// What is said after a probe, if it is this one.
    pub(super) fn take(&mut self, mark: &Mark) {
        match mark {
            Mark::Note { seq, kind, text } if *seq == self.probe.seq => {
                self.untold.of_no_frame.push(*kind, text.clone());
            }
            Mark::Interrupted { seq } if *seq == self.probe.seq => self.untold.interrupted = true,
            _ => {}
        }
    }
}
