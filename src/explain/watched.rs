//! What is gathered of one connection.

use crate::exchange::{AnomalyKind, Checksum, End};
use crate::observe::{Observer, Subject};
use crate::report::{Connection, Each, Mark};

use super::ours::Known;
use super::sight::Frame;
use super::sorter::Opened;

/// A connection that is to be reported.
#[derive(Debug)]
pub(super) struct Watched {
    observer: Observer,
    opened: Opened,
    last_frame: u64,
    packets: Each<u64>,
    bytes: Each<u64>,
    completeness: u8,
    /// Which ends have sent a right checksum.
    is_trusted: Each<bool>,
    /// The capture does not say of every frame when it came.
    lacks_stamps: bool,
    /// What is known besides, where it is one of our probes.
    known: Option<Known>,
}

impl Watched {
    pub(super) fn new(observer: Observer, opened: Opened) -> Watched {
        Watched {
            observer,
            opened,
            last_frame: opened.first_frame,
            packets: Each::default(),
            bytes: Each::default(),
            completeness: 0,
            is_trusted: Each::default(),
            lacks_stamps: false,
            known: opened.probe.map(Known::of),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.opened.number
    }

    /// One of its frames.
    pub(super) fn take(&mut self, frame: &mut Frame) {
        let from = frame.from;
        self.last_frame = frame.number;
        self.lacks_stamps |= !frame.is_stamped;
        if !frame.is_quote {
            *self.packets.of_mut(from) += 1;
            *self.bytes.of_mut(from) += u64::from(frame.bytes);
            self.completeness |= frame.completeness;
        }
        if frame.is_copy {
            return;
        }
        if let Some(subject) = &mut frame.subject {
            if let Subject::Segment { checksum, .. } = subject {
                *checksum = self.judged(from, *checksum);
            }
            self.observer.observe(frame.at, subject);
        }
    }

    /// What is said of the frame that comes next.
    pub(super) fn note(&mut self, notes: Vec<(AnomalyKind, String)>) {
        if let Some(known) = &mut self.known {
            known.note(notes);
        }
    }

    /// What is said of it after its last frame.
    pub(super) fn remark(&mut self, mark: &Mark) {
        if let Some(known) = &mut self.known {
            known.take(mark);
        }
    }

    pub(super) fn finish(self) -> Connection {
        let mut exchange = self.observer.finish();
        if self.lacks_stamps {
            exchange.forget_round_trips();
        }
        let probe = self.known.map(|known| {
            exchange.add_untold(known.untold);
            known.probe
        });
        let opened = self.opened;
        Connection {
            stream: opened.number,
            seq: probe.map_or(opened.number, |probe| probe.seq),
            first_frame: opened.first_frame,
            last_frame: self.last_frame,
            client: opened.client,
            server: opened.server,
            packets: self.packets,
            bytes: self.bytes,
            completeness: self.completeness,
            requested: probe.map(|probe| probe.end),
            exchange,
        }
    }

    /// Whoever never sends a right checksum leaves them to hardware behind the capture: a wrong one
    /// says something only of an end that can do better.
    fn judged(&mut self, from: End, checksum: Checksum) -> Checksum {
        let is_trusted = self.is_trusted.of_mut(from);
        *is_trusted |= checksum == Checksum::Good;
        match checksum {
            Checksum::Bad if !*is_trusted && self.known.is_none() => Checksum::Pending,
            other => other,
        }
    }
}
