//! What becomes of each frame of the connection: it is observed, and recorded if somebody wants it.

use std::ops::ControlFlow;

use crate::clock::Stamp;
use crate::exchange::{AnomalyKind, End, News};
use crate::link::Frame;
use crate::observe::{Observer, Subject, Vantage};

/// A frame of the connection, and what it tells.
#[derive(Debug)]
pub struct Recorded<'a> {
    /// The kernel's stamp; without one, when the frame was read.
    pub at: Stamp,
    /// Who sent it: an ICMP error counts as the peer's.
    pub from: End,
    /// The frame.
    pub frame: &'a Frame,
    /// What it tells.
    pub news: News,
}

/// Takes every frame of a connection as it is observed, in order of their stamps.
pub trait Recorder {
    /// The next frame. [`ControlFlow::Break`]: no more can be taken, and the connection is to end.
    fn record(&mut self, recorded: &Recorded<'_>) -> ControlFlow<()>;
}

/// A frame, what it is to the connection, and what the engine has to say of it.
#[derive(Debug)]
pub(super) struct Caught {
    pub(super) frame: Frame,
    pub(super) subject: Subject,
    pub(super) notes: Vec<(AnomalyKind, String)>,
}

/// The observer, and who records what it is told.
pub(super) struct Audience<'a> {
    pub(super) observer: Observer,
    recorder: Option<&'a mut dyn Recorder>,
    failed: bool,
}

impl<'a> Audience<'a> {
    pub(super) fn new(recorder: Option<&'a mut dyn Recorder>) -> Audience<'a> {
        Audience {
            observer: Observer::new(Vantage::Ours),
            recorder,
            failed: false,
        }
    }

    /// Somebody waits for the frames.
    pub(super) fn is_recording(&self) -> bool {
        self.recorder.is_some()
    }

    pub(super) fn stop_recording(&mut self) {
        self.recorder = None;
    }

    /// No more could be recorded.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The next frame, for both.
    pub(super) fn tell(&mut self, at: Stamp, caught: &Caught) {
        let mut news = self.observer.observe(at, &caught.subject);
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        news.anomalies.extend_from_slice(&caught.notes);
        let flow = recorder.record(&Recorded {
            at,
            from: caught.subject.sender(),
            frame: &caught.frame,
            news,
        });
        if flow.is_break() {
            self.failed = true;
            self.recorder = None;
        }
    }
}
