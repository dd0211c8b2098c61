//! The real link: the kernel's sockets, opened once with privilege and used without.

pub mod guard;
mod options;
pub mod route;
