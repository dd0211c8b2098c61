//! The connections of a capture: told apart, followed, and reported.
//!
//! Pure over a [`Reader`]: there is no clock but the stamps of the frames. What is drawn from the
//! frames of a connection is [`crate::observe`]'s business; here is decided which frames those are.
//! Memory follows the connections that are open, never the capture.
//!
//! The straight line: the sorter reads frames, sees what each says of TCP and finds the
//! connection it belongs to; pipeline takes that across to the teller, which has the
//! connections observed and reports those that are over.

mod numbers;
mod ours;
mod pipeline;
mod queue;
mod selection;
mod sight;
mod sorter;
mod streams;
mod teller;
#[cfg(test)]
mod tests;
mod watched;

use std::io::{self, Read};

use crate::capture::{CaptureError, LinkType, Reader};
use crate::exchange::End;
use crate::observe::Detail;
use crate::report::Totals;

use sorter::{Sorted, Sorter};
use streams::Limits;
use teller::Teller;

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
    /// How much is told of each, where there are several. Of the only one all is told.
    pub detail: Detail,
}

/// What there was in a capture.
#[derive(Debug)]
pub struct Told {
    /// How much.
    pub totals: Totals,
    /// Frames behind link headers that are not known, and the first such type.
    pub unknown: Option<(u64, LinkType)>,
    /// Why it could not be read to its end.
    pub fault: Option<CaptureError>,
}

/// Reports the connections of a capture that are asked for, in the format that `choose` gives.
/// `progress` is told the offset in the capture now and then.
///
/// # Errors
/// The report cannot be written. That the capture cannot be read any further is no error: what was
/// read is reported, and [`Told::fault`] says why there is no more.
pub fn explain<R: Read + Send>(
    reader: Reader<R>,
    wishes: &Wishes,
    choose: &mut Choose<'_>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Told> {
    explain_within(Limits::default(), reader, wishes, choose, progress)
}

fn explain_within<R: Read + Send>(
    limits: Limits,
    reader: Reader<R>,
    wishes: &Wishes,
    choose: &mut Choose<'_>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Told> {
    let mut sorter = Sorter::new(limits, reader, &wishes.selection);
    let mut teller = Teller::new(wishes, choose, progress);
    pipeline::run(
        |batch| sorter.fill(batch),
        |batch| batch.iter_mut().try_for_each(|step| teller.take(step)),
    )?;
    let Sorted {
        frames,
        connections,
        unknown,
        fault,
    } = sorter.end();
    let totals = teller.end(frames, connections)?;
    Ok(Told {
        totals,
        unknown,
        fault,
    })
}
