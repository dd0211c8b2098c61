//! From a capture to the connections that its frames belong to.

use std::io::Read;
use std::net::SocketAddr;

use crate::capture::link::{NoPacket, interface, network};
use crate::capture::{CaptureError, Captured, Item, LinkType, Reader};
use crate::clock::Stamp;
use crate::exchange::AnomalyKind;
use crate::observe::Copies;
use crate::report::Mark;

use super::ours::Probe;
use super::pipeline::FULL;
use super::selection::Selection;
use super::sight::{Frame, sight};
use super::streams::{Found, Limits, Stream, Streams};

/// How often the progress is told, in frames.
const PROGRESS: u64 = 1 << 12;

/// What there is to do about connections, each known by its place.
#[derive(Debug)]
pub(super) enum Step {
    /// One has begun, in a place that is free. `None`: nobody asked for it.
    Begun(usize, Option<Opened>),
    /// It has a frame.
    Frame(usize, Frame),
    /// tcpshake says this of its next frame.
    Notes(usize, Vec<(AnomalyKind, String)>),
    /// This is said of it after its last frame.
    Remark(usize, Mark),
    /// It is over, or forgotten.
    Over(usize),
    /// So many bytes of the capture are done with.
    Progress(u64),
}

/// A connection that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    /// Its number, as Wireshark counts (`tcp.stream`).
    pub(super) number: u64,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// Which of our probes it is, in a capture of ours.
    pub(super) probe: Option<Probe>,
    pub(super) first_frame: u64,
}

/// What there was in a capture.
pub(super) struct Sorted {
    pub(super) frames: u64,
    pub(super) connections: u64,
    /// Frames behind link headers that are not known, and the first such type.
    pub(super) unknown: Option<(u64, LinkType)>,
    /// Why it could not be read to its end.
    pub(super) fault: Option<CaptureError>,
}

/// Reads frames and takes those of TCP to the connections they belong to.
pub(super) struct Sorter<'a, R> {
    reader: Reader<R>,
    sieve: Sieve<'a>,
    fault: Option<CaptureError>,
}

/// What is remembered from frame to frame.
struct Sieve<'a> {
    selection: &'a Selection,
    streams: Streams,
    copies: Copies,
    last: Stamp,
    frames: u64,
    unknown: Option<(u64, LinkType)>,
}

impl<'a, R: Read> Sorter<'a, R> {
    pub(super) fn new(limits: Limits, reader: Reader<R>, selection: &'a Selection) -> Self {
        Sorter {
            reader,
            sieve: Sieve {
                selection,
                streams: Streams::new(limits),
                copies: Copies::default(),
                last: Stamp::default(),
                frames: 0,
                unknown: None,
            },
            fault: None,
        }
    }

    /// The next steps, as many as are a full batch. Whoever waits for them gets those that are there
    /// before the input has to be waited for. Whether there may be more.
    pub(super) fn fill(&mut self, steps: &mut Vec<Step>) -> bool {
        while steps.len() < FULL {
            match self.reader.next_item() {
                Ok(Some(Item::Frame(captured))) => self.sieve.frame(&captured, steps),
                Ok(Some(Item::Remarks(comments))) => {
                    let marks = comments.filter_map(|comment| Mark::parse(&comment));
                    self.sieve.remarks(marks, steps);
                }
                Ok(None) => return false,
                Err(fault) => {
                    self.fault = Some(fault);
                    return false;
                }
            }
            if self.sieve.frames.is_multiple_of(PROGRESS) {
                steps.push(Step::Progress(self.reader.offset()));
            }
            if self.reader.is_drained() {
                break;
            }
        }
        true
    }

    pub(super) fn end(self) -> Sorted {
        Sorted {
            frames: self.sieve.frames,
            connections: self.sieve.streams.opened(),
            unknown: self.sieve.unknown,
            fault: self.fault,
        }
    }
}

impl Sieve<'_> {
    fn frame(&mut self, captured: &Captured, steps: &mut Vec<Step>) {
        self.frames += 1;
        // A frame without a stamp came after the one before it, and that is all there is to know.
        self.last = captured.stamp.unwrap_or(self.last);
        let (link, direction) = (captured.interface.link, captured.direction);
        let is_copy = |packet: &[u8]| {
            let interface = interface(link, captured.bytes).unwrap_or(captured.interface.index);
            // Those of ours are counted once already.
            (captured.interfaces > 1 || link.is_of_any())
                && !captured.is_ours
                && self.copies.is_copy(self.last, interface, direction, packet)
        };
        let packet = match network(link, captured.bytes) {
            Ok(packet) => packet,
            Err(NoPacket::UnknownLink(link)) => {
                self.unknown.get_or_insert((0, link)).0 += 1;
                return;
            }
            Err(NoPacket::NotIp) => return,
        };
        let Some(mut sighting) = sight(captured, packet, self.last, is_copy) else {
            return;
        };
        let forget = |place, stream: &Stream| {
            if stream.is_asked_for {
                steps.push(Step::Over(place));
            }
        };
        let Some(found) = self.streams.find(&sighting, forget) else {
            return;
        };
        let Found {
            stream,
            place,
            is_new,
        } = found;
        if is_new {
            let ends = [stream.client, stream.server];
            stream.is_asked_for = self.selection.wants(stream.number, ends);
            let opened = stream.is_asked_for.then(|| Opened {
                number: stream.number,
                client: stream.client,
                server: stream.server,
                probe: stream.probe,
                first_frame: sighting.number(),
            });
            steps.push(Step::Begun(place, opened));
        }
        let from = stream.sender(&sighting);
        if let Some(head) = &sighting.head
            && !sighting.is_quote()
        {
            stream.numbers.take(from, head);
        }
        let has_ended = stream.has_ended();
        if stream.is_asked_for {
            if let Some(notes) = sighting.take_notes() {
                steps.push(Step::Notes(place, notes));
            }
            sighting.is_of(from);
            steps.push(Step::Frame(place, sighting.frame));
        }
        if has_ended {
            self.streams.linger(place);
        }
    }

    /// What is said of probes of ours.
    fn remarks(&mut self, marks: impl Iterator<Item = Mark>, steps: &mut Vec<Step>) {
        for mark in marks {
            let probe = mark.seq().and_then(|seq| self.streams.probe(seq));
            if let Some((place, true)) = probe {
                steps.push(Step::Remark(place, mark));
            }
        }
    }
}
