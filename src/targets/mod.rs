//! What to probe, as a stream: blocks, ports, names, files and standard input, each endpoint once,
//! in an order that gives no host and no network a burst.
//!
//! Words become items (`parse`, `ports`); items become a [`Space`], the exact union of them less
//! what is excluded (`region`, `space`); a [`Walk`] visits it in a keyed [`Order`] (`order`). These
//! see no file, no clock and no network. [`Feed`] reads files and streams (`lines`), asks for the
//! addresses of names (`names`), and gives one [`Target`] after the other.

mod arguments;
mod bell;
mod draft;
mod earlier;
mod feed;
mod lines;
mod names;
mod order;
mod parse;
mod ports;
mod ready;
mod region;
mod space;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::plan::Problem;

pub use feed::{Feed, WINDOW};
pub use names::{Family, Found, Resolver, look_up};
pub use order::{Order, Shard, Walk};
pub use parse::{Block, Host, Item, NO_GROUPS, join, no_port, parse};
pub use ports::{PortSet, parse as parse_ports};
pub use region::{Range, Region};
pub use space::Space;

/// One endpoint to probe, or why it cannot be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The user's words, where they are not what the rest says.
    pub words: Option<Box<str>>,
    /// The name, if it was one.
    pub name: Option<Arc<str>>,
    /// The port.
    pub port: u16,
    /// Address and port, or why there is none.
    pub remote: Result<SocketAddr, Problem>,
}

impl Target {
    /// The user's words with one port; of a block or a list, the address and the port. Written
    /// only when it is asked for.
    pub fn input(&self) -> String {
        match (&self.words, &self.name, &self.remote) {
            (Some(words), ..) => words.to_string(),
            (None, Some(name), _) => join(name, self.port),
            (None, None, Ok(endpoint)) => endpoint.to_string(),
            (None, None, Err(_)) => format!("port {}", self.port),
        }
    }
}

/// What a [`Feed`] gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// A target.
    Target(Target),
    /// A line of a stream is no target; the text says which and why.
    Bad(Problem),
    /// None at the moment: names are looked up, or a stream is quiet. The feed's descriptor
    /// becomes readable when it is worth asking again.
    Wait,
    /// There are no more.
    End,
}
