//! Drive a TCP connection by hand and report what both ends did.
//!
//! The straight line through the crate: [`cli`] reads arguments, [`plan`] turns them into what
//! will be done and [`targets`] into what is probed, [`run`] opens the [`net`]work and gives up privilege, [`engine`] moves segments
//! between a [`session`] and a [`link`], [`observe`] turns captured frames into an [`exchange`],
//! and [`report`] writes it; [`expect`] holds it against what the user expects. [`capture`] reads the
//! frames of a file instead, and [`explain`] takes the connections in it apart.
//!
//! Only `cli`, `plan`, `targets`, `run`, `engine`, `net` and `demo` touch the outside world. The rest sees no
//! socket and no clock, so it is tested in virtual time and reads captures as well.

pub mod capture;
pub mod cli;
pub mod clock;
pub mod demo;
pub mod engine;
pub mod exchange;
pub mod exit;
pub mod expect;
pub mod explain;
pub mod link;
pub mod net;
pub mod observe;
pub mod plan;
mod random;
pub mod report;
pub mod run;
pub mod session;
pub mod targets;
pub mod tcp;
pub mod wire;
