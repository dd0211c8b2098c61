//! Bytes on the wire as values, and back: lossless both ways.
//!
//! Whatever parses is emitted again byte for byte, odd lengths, unknown options and malformed
//! tails included, so that a capture is shown as it was and not as it should have been. Nothing
//! here sees a socket or reads a clock.

mod checksum;
mod error;
mod flags;
mod icmp;
mod ip;
mod ipv4;
mod ipv6;
mod options;
mod packet;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;
mod segment;
mod seq;
#[cfg(test)]
pub(crate) mod shorthand;

pub use error::WireError;
pub use flags::Flags;
pub use icmp::{IcmpMessage, Quote};
pub use ip::{Fragment, IpHeader, IpVersion, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP};
pub use ipv4::Ipv4Header;
pub use ipv6::{Extension, Ipv6Header};
pub use options::{Options, OptionsIter, TcpOption};
pub use packet::{IpFields, Packet, Payload};
pub use segment::Segment;
pub use seq::SeqNumber;
