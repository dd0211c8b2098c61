//! What to send next, and when to stop: the course of one probe, without sockets or a clock.

mod handshake;

pub use handshake::{Course, End, Handshake, Request};
