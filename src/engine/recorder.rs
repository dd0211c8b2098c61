//! Who else wants the frames.

use std::ops::ControlFlow;

use crate::clock::Stamp;
use crate::exchange::{End, News};
use crate::link::Frame;
use crate::session;

use super::table::Id;

/// A frame of a connection, and what it tells.
#[derive(Debug)]
pub struct Recorded<'a> {
    /// Of which connection.
    pub id: Id,
    /// How that is to end.
    pub end: session::End,
    /// The kernel's stamp; without one, when the frame was read.
    pub at: Stamp,
    /// Who sent it: an ICMP error counts as the peer's.
    pub from: End,
    /// The frame.
    pub frame: &'a Frame,
    /// What it tells.
    pub news: News,
}

/// Takes every frame of all connections as it is observed, in order of their stamps.
pub trait Recorder {
    /// The next frame. [`ControlFlow::Break`]: no more can be taken, and the connections are to end.
    fn record(&mut self, recorded: &Recorded<'_>) -> ControlFlow<()>;
}
