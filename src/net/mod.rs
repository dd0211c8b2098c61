//! The real link: the kernel's sockets, opened once with privilege and used without.

pub mod filter;
pub mod guard;
pub mod inject;
pub mod netns;
mod options;
pub mod park;
pub mod privs;
pub mod route;
pub mod signals;
pub mod stamps;
pub mod tap;
