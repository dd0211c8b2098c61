//! RFC 9293 3.10.7 clause by clause: each state meets each kind of segment.
//!
//! Numbers are relative: our SYN is 0, the peer's SYN is 0, whoever sends. A case reads: in this
//! state, when this arrives, these are the answers, this is the state after, these the events.

mod acknowledgments;
mod closing;
mod data;
mod fins;
mod fixture;
mod icmp;
mod opening;
mod resets;
mod syns;
mod timestamps;
mod waiting;
