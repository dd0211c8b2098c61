//! RFC 9293 by clause, without sockets and without a clock.
//!
//! [`State`] holds the arrows of the state diagram, [`window`] the acceptance tests of incoming
//! segments, [`judge_icmp`] that of ICMP errors, [`Negotiated`] what two SYNs agree on,
//! [`Connection`] one end of a connection. All but the last also serve [`crate::observe`]: a rule of
//! TCP stands once.

mod congestion;
mod connection;
mod icmp;
mod negotiated;
mod output;
mod process;
pub mod reassembly;
mod sender;
mod state;
mod throttle;
mod timer;
mod walk;
pub mod window;

pub use connection::{Config, Connection, Event, Transmit};
pub use icmp::{IcmpJudgement, judge_icmp};
pub use negotiated::{MAX_SHIFT, Negotiated, Side};
pub(crate) use negotiated::{accepts_ecn, offers_ecn};
pub use output::reset_for;
pub use state::{State, StateSet};
pub(crate) use throttle::Throttle;
pub use timer::{Schedule, TWO_MSL};
pub use walk::{Bounds, Step, walk};
