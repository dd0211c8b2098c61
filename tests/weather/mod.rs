//! Paths on which segments are lost, late, overtaken and doubled; who bears it, and what must hold
//! all the same.

mod probe;
#[allow(dead_code, reason = "the simulated network uses more of it")]
#[path = "../sim/random.rs"]
mod random;
mod relay;
mod seen;
mod server;

pub use probe::{Case, Probed};
pub use relay::{Relay, Weather};
pub use seen::Seen;
