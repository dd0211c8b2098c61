//! The real link: the kernel's sockets, opened once with privilege and used without.

pub mod filter;
pub mod guard;
pub mod inject;
mod options;
pub mod park;
pub mod route;
pub mod stamps;
pub mod tap;
