//! A network namespace of our own, with loopback up.

use std::error::Error;
use std::fmt;
use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkFlags, LinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

/// Why there is no private namespace.
#[derive(Debug)]
pub enum NetnsError {
    /// This host does not let ordinary users make user namespaces, or what they make is powerless
    /// (EPERM, EACCES).
    Forbidden(io::Error),
    /// There are too many, or none is allowed (ENOSPC, EUSERS): `user.max_user_namespaces`.
    TooMany(io::Error),
    /// The kernel was built without them (ENOSYS, EINVAL).
    Unsupported(io::Error),
    /// Loopback could not be brought up inside.
    Loopback(io::Error),
}

impl fmt::Display for NetnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetnsError::Forbidden(error) => write!(
                f,
                "this host does not let an ordinary user make a private network: {error} \
                 (see kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)"
            ),
            NetnsError::TooMany(error) => write!(
                f,
                "no more private networks are allowed: {error} \
                 (see user.max_user_namespaces, user.max_net_namespaces)"
            ),
            NetnsError::Unsupported(error) => {
                write!(f, "this kernel has no private networks to offer: {error}")
            }
            NetnsError::Loopback(error) => {
                write!(
                    f,
                    "loopback does not come up in the private network: {error}"
                )
            }
        }
    }
}

impl Error for NetnsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            NetnsError::Forbidden(error)
            | NetnsError::TooMany(error)
            | NetnsError::Unsupported(error)
            | NetnsError::Loopback(error) => Some(error),
        }
    }
}

/// Moves this process into a network namespace of its own, where nothing but loopback is; through
/// a user namespace unless it is allowed to without. It has every capability inside.
///
/// Call it before any thread is started: the kernel refuses a user namespace to a threaded
/// process, and a network namespace would be that of the calling thread only.
///
/// # Errors
/// [`NetnsError`]; after [`NetnsError::Loopback`] the process is inside.
pub fn enter_private() -> Result<(), NetnsError> {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Err(Errno::EPERM) => unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET),
        other => other,
    }
    .map_err(refusal)?;
    loopback_up().map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => NetnsError::Forbidden(error),
        _ => NetnsError::Loopback(error),
    })
}

fn refusal(errno: Errno) -> NetnsError {
    let error = errno.into();
    match errno {
        Errno::ENOSPC | Errno::EUSERS => NetnsError::TooMany(error),
        Errno::ENOSYS | Errno::EINVAL => NetnsError::Unsupported(error),
        _ => NetnsError::Forbidden(error),
    }
}

/// `ip link set lo up`, and waits for the kernel's word that it is.
fn loopback_up() -> io::Result<()> {
    /// Loopback is the first interface of every namespace.
    const LOOPBACK: u32 = 1;
    let mut link = LinkMessage::default();
    link.header.index = LOOPBACK;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;

    let mut request = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(RouteNetlinkMessage::SetLink(link)),
    );
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);

    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&bytes, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
    match answer.payload {
        NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
        NetlinkPayload::Error(_) => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_kind_it_is() {
        assert!(matches!(refusal(Errno::EPERM), NetnsError::Forbidden(_)));
        assert!(matches!(refusal(Errno::ENOSPC), NetnsError::TooMany(_)));
        assert!(matches!(refusal(Errno::EINVAL), NetnsError::Unsupported(_)));
    }
}
