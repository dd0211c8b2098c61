//! What to probe: blocks of addresses, ports and names, each endpoint once, in an order that gives
//! no host and no network a burst.

mod bell;
mod names;
mod order;
mod parse;
mod ports;
mod region;
mod space;

pub use names::{Family, Found, Resolver, look_up};
pub use order::{Order, Shard, Walk};
pub use parse::{Block, Host, Item, NO_GROUPS, join, no_port, parse};
pub use ports::{PortSet, parse as parse_ports};
pub use region::{Range, Region};
pub use space::Space;
