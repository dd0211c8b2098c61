//! From the frames of connections to their report.

use std::io;
use std::mem;

use crate::observe::{Detail, Observer, Vantage};
use crate::report::Totals;

use super::Wishes;
use super::queue::{Choose, Queue};
use super::sorter::{Opened, Step};
use super::watched::Watched;

/// Has connections observed, and reports those that are over.
pub(super) struct Teller<'a> {
    wishes: &'a Wishes,
    /// Each connection that is asked for, in its place: the next one in it takes no new memory.
    watched: Vec<Option<Watched>>,
    queue: Queue<'a>,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a> Teller<'a> {
    pub(super) fn new(
        wishes: &'a Wishes,
        choose: &'a mut Choose<'_>,
        progress: &'a mut dyn FnMut(u64),
    ) -> Teller<'a> {
        Teller {
            wishes,
            watched: Vec::new(),
            queue: Queue::new(wishes.order, choose),
            progress,
        }
    }

    pub(super) fn take(&mut self, step: &mut Step) -> io::Result<()> {
        match step {
            Step::Begun(place, opened) => {
                if let Some(opened) = opened {
                    self.begin(*place, opened);
                }
                self.queue.advance()?;
            }
            Step::Frame(place, frame) => {
                if let Some(watched) = self.at(*place) {
                    watched.take(frame);
                }
            }
            Step::Notes(place, notes) => {
                if let Some(watched) = self.at(*place) {
                    watched.note(mem::take(notes));
                }
            }
            Step::Remark(place, mark) => {
                if let Some(watched) = self.at(*place) {
                    watched.remark(mark);
                }
            }
            Step::Over(place) => {
                if let Some(watched) = self.watched.get_mut(*place).and_then(Option::take) {
                    self.queue.over(watched.finish())?;
                }
            }
            Step::Progress(offset) => (self.progress)(*offset),
        }
        Ok(())
    }

    fn at(&mut self, place: usize) -> Option<&mut Watched> {
        self.watched.get_mut(place)?.as_mut()
    }

    fn begin(&mut self, place: usize, opened: &Opened) {
        self.queue.begun(opened.number);
        let is_first = self.queue.asked_for() == 1;
        let observer = observer(self.wishes, opened.probe.is_some(), is_first);
        if place >= self.watched.len() {
            self.watched.resize_with(place + 1, || None);
        }
        self.watched[place] = Some(Watched::new(observer, *opened));
    }

    /// There are no more.
    pub(super) fn end(mut self, frames: u64, connections: u64) -> io::Result<Totals> {
        let totals = Totals {
            frames,
            connections,
            shown: self.queue.asked_for(),
        };
        let places = self.watched.iter().enumerate();
        let mut rest: Vec<(u64, usize)> = places
            .filter_map(|(place, watched)| Some((watched.as_ref()?.number(), place)))
            .collect();
        rest.sort_unstable();
        // One by one: all at once would be much.
        for (_, place) in rest {
            self.take(&mut Step::Over(place))?;
            self.queue.advance()?;
        }
        self.queue.end(&totals)?;
        Ok(totals)
    }
}

/// The one place where observers are made. Of the first connection, which may be the only one,
/// everything is kept.
fn observer(wishes: &Wishes, is_ours: bool, is_first: bool) -> Observer {
    let mut observer = Observer::new(match wishes.at {
        _ if is_ours => Vantage::Ours,
        Some(end) => Vantage::At(end),
        None => Vantage::Between,
    });
    observer.keep(match is_first {
        true => Detail::Segments,
        false => wishes.detail,
    });
    observer
}
