//! The connections of a capture: told apart, followed, and reported.
//!
//! Pure over a [`Reader`]: there is no clock but the stamps of the frames. What is drawn from the
//! frames of a connection is [`crate::observe`]'s business; here is decided which frames those are.
//! Memory follows the connections that are open, never the capture.

mod numbers;
mod ours;
mod queue;
mod selection;
mod sight;
mod streams;
#[cfg(test)]
mod tests;
mod watched;

use std::io::{self, Read};

use crate::capture::link::interface;
use crate::capture::{CaptureError, Comments, Item, Reader};
use crate::clock::Stamp;
use crate::exchange::End;
use crate::observe::{Copies, Observer, Vantage};
use crate::report::{Mark, Totals};

use queue::Queue;
use sight::{Sighting, sight};
use streams::{Found, Limits, Stream, Streams};
use watched::Watched;

pub use queue::Choose;
pub use selection::{Order, Selection, Trouble, trouble};

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wishes {
    /// Of which connections.
    pub selection: Selection,
    /// In which order.
    pub order: Order,
    /// At which end the frames were captured: the client's is [`End::Local`]. `None`: unknown.
    pub at: Option<End>,
    /// Segments are listed, however many connections there are.
    pub verbose: bool,
}

/// What there was in a capture.
#[derive(Debug)]
pub struct Told {
    /// How much.
    pub totals: Totals,
    /// Why it could not be read to its end.
    pub fault: Option<CaptureError>,
}

/// How often the progress is told, in frames.
const PROGRESS: u64 = 1 << 12;

/// Reports the connections of a capture that are asked for, in the format that `choose` gives.
/// `progress` is told the offset in the capture now and then.
///
/// # Errors
/// The report cannot be written. That the capture cannot be read any further is no error: what was
/// read is reported, and [`Told::fault`] says why there is no more.
pub fn explain<R: Read>(
    reader: Reader<R>,
    wishes: &Wishes,
    choose: &mut Choose<'_>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Told> {
    explain_within(Limits::default(), reader, wishes, choose, progress)
}

fn explain_within<R: Read>(
    limits: Limits,
    mut reader: Reader<R>,
    wishes: &Wishes,
    choose: &mut Choose<'_>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Told> {
    let mut explainer = Explainer::new(limits, wishes, choose);
    let mut copies = Copies::default();
    let mut last = Stamp::default();
    let mut frames = 0;
    let fault = loop {
        let captured = match reader.next_item() {
            Ok(Some(Item::Frame(captured))) => captured,
            Ok(Some(Item::Remarks(comments))) => {
                explainer.remark(comments);
                continue;
            }
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        };
        frames += 1;
        // A frame without a stamp came after the one before it, and that is all there is to know.
        last = captured.stamp.unwrap_or(last);
        let (link, direction) = (captured.interface.link, captured.direction);
        let interface = interface(link, captured.bytes).unwrap_or(captured.interface.index);
        let is_copy = |packet: &[u8]| {
            // Those of ours are counted once already.
            (captured.interfaces > 1 || link.is_of_any())
                && !captured.is_ours
                && copies.is_copy(last, interface, direction, packet)
        };
        if let Some(sighting) = sight(&captured, last, is_copy) {
            explainer.take(sighting)?;
        }
        if frames % PROGRESS == 0 {
            progress(reader.offset());
        }
    };
    let totals = explainer.end(frames)?;
    Ok(Told { totals, fault })
}

/// Takes frames of TCP to the connections they belong to.
struct Explainer<'a> {
    wishes: &'a Wishes,
    streams: Streams,
    queue: Queue<'a>,
}

impl<'a> Explainer<'a> {
    fn new(limits: Limits, wishes: &'a Wishes, choose: &'a mut Choose<'_>) -> Explainer<'a> {
        Explainer {
            wishes,
            streams: Streams::new(limits),
            queue: Queue::new(wishes.order, choose),
        }
    }

    fn take(&mut self, sighting: Sighting) -> io::Result<()> {
        let queue = &mut self.queue;
        let forget = |stream| report(queue, stream);
        let Some(Found {
            stream,
            pair,
            is_new,
        }) = self.streams.find(&sighting, forget)
        else {
            return Ok(());
        };
        let selection = &self.wishes.selection;
        if is_new && selection.wants(stream.number, [stream.client, stream.server]) {
            self.queue.begun(stream.number);
            let is_first = self.queue.asked_for() == 1;
            let observer = observer(self.wishes, stream.probe.is_some(), is_first);
            let watched = Watched::new(observer, sighting.number, stream.probe);
            stream.watched = Some(Box::new(watched));
        }
        let from = stream.sender(&sighting);
        if let Some(head) = &sighting.head
            && !sighting.is_quote()
        {
            stream.numbers.take(from, head);
        }
        let has_ended = stream.has_ended();
        if let Some(watched) = &mut stream.watched {
            watched.take(from, sighting);
        }
        if has_ended {
            self.streams.linger(pair);
        }
        if is_new {
            self.queue.advance()?;
        }
        Ok(())
    }

    /// What is said of the probe that was last.
    fn remark(&mut self, comments: Comments<'_>) {
        let probe = self.streams.last_probe();
        if let Some(watched) = probe.and_then(|stream| stream.watched.as_mut()) {
            let marks = comments.filter_map(|comment| Mark::parse(&comment));
            marks.for_each(|mark| watched.remark(mark));
        }
    }

    fn end(mut self, frames: u64) -> io::Result<Totals> {
        let totals = Totals {
            frames,
            connections: self.streams.opened(),
            shown: self.queue.asked_for(),
        };
        // One by one: all at once would be much.
        for stream in self.streams.into_rest() {
            report(&mut self.queue, stream);
            self.queue.advance()?;
        }
        self.queue.end(&totals)?;
        Ok(totals)
    }
}

fn report(queue: &mut Queue, mut stream: Stream) {
    if let Some(watched) = stream.watched.take() {
        queue.over(watched.finish(&stream));
    }
}

/// The one place where observers are made. Segments are kept where they may be shown: of the first
/// connection, which may be the only one, and of all if so wished.
fn observer(wishes: &Wishes, is_ours: bool, is_first: bool) -> Observer {
    let mut observer = Observer::new(match wishes.at {
        _ if is_ours => Vantage::Ours,
        Some(end) => Vantage::At(end),
        None => Vantage::Between,
    });
    if !wishes.verbose && !is_first {
        observer.forget_segments();
    }
    observer
}
