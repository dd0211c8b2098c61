//! Drive a TCP connection by hand and report what both ends did.

pub mod clock;
pub mod link;
pub mod net;
pub mod wire;
