//! RFC 9293 by clause, without sockets and without a clock.
//!
//! [`State`] holds the arrows of the state diagram, [`window`] the acceptance tests of incoming
//! segments, [`Negotiated`] what two SYNs agree on, [`Connection`] one end of a connection. The
//! first three also serve [`crate::observe`]: a rule of TCP stands once.

mod connection;
mod negotiated;
mod process;
mod state;
mod timer;
pub mod window;

pub use connection::{Config, Connection, Event};
pub(crate) use negotiated::accepts_ecn;
pub use negotiated::{Negotiated, Side};
pub use state::{State, StateSet};
pub use timer::Schedule;
