//! Leaving without waiting for the kernel.

use std::fs;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

/// So many packet sockets are freed within a second, even when a grace period takes long.
const CROWD: usize = 16;

/// Closes a packet socket without waiting for it.
///
/// `close` on a packet socket waits for an RCU grace period, many times the rest of the program.
/// So the last reference is left to the kernel: the socket and both ends of a socket pair are sent
/// over that very pair, which makes them a cycle that nobody can reach any more. The kernel's
/// collector of such cycles frees it in its own time, but looks only when a Unix socket is closed
/// while something is in flight: hence one more. Should anything here fail, `tap` is simply closed.
///
/// The kernel frees what is parked one after the other, a grace period for each. In a tight loop of
/// short runs the parked sockets would pile up for seconds, so in a crowd `tap` is closed at once.
pub fn park(tap: OwnedFd) {
    if is_crowded() {
        return;
    }
    let Ok((left, right)) = UnixDatagram::pair() else {
        return;
    };
    let collector = UnixDatagram::unbound();
    let cycle = [tap.as_raw_fd(), left.as_raw_fd(), right.as_raw_fd()];
    let _ = sendmsg::<UnixAddr>(
        left.as_raw_fd(),
        &[IoSlice::new(&[0])],
        &[ControlMessage::ScmRights(&cycle)],
        MsgFlags::empty(),
        None,
    );
    drop((tap, left, right));
    drop(collector);
}

/// Without `/proc` nobody can tell.
fn is_crowded() -> bool {
    let sockets = fs::read_to_string("/proc/self/net/packet");
    sockets.is_ok_and(|table| table.lines().skip(1).count() > CROWD)
}
