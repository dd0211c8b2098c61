//! Drive a TCP connection by hand and report what both ends did.

pub mod clock;
pub mod exchange;
pub mod link;
pub mod net;
pub mod observe;
pub mod session;
pub mod tcp;
pub mod wire;
