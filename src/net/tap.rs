//! The tap: one packet socket that sees our frames go out and the answers come in.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::iter;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, MultiHeaders, RecvMsg, Timestamps, getsockopt,
    recvmmsg, setsockopt, sockopt,
};
use nix::{cmsg_space, libc};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::filter::{self, Interest};
use super::options::{PacketAuxdata, PacketStatistics};
use super::{park, stamps};
use crate::link::{Direction, Frame};

/// The largest IP packet, and room for a coalesced one with its headers.
const BUFFER: usize = 65_536 + 4_096;

/// So many frames are taken from the kernel at once, at first and in the end.
const FEW: usize = 4;
const BATCH: usize = 64;

/// Bytes of frames that wait for us before the kernel drops any.
const QUEUE: usize = 8 << 20;

/// One packet socket on all interfaces (`AF_PACKET`, `SOCK_DGRAM`, `ETH_P_ALL`): the link header
/// is stripped, so that Ethernet, loopback, tun and WireGuard look the same.
///
/// Opening needs CAP_NET_RAW, reading nothing. Dropping it does not wait for the kernel to unhook
/// the socket: see [`park::park`].
#[derive(Debug)]
pub struct Tap {
    socket: Option<Socket>,
    /// Room for a batch, more of it once a batch was full.
    buffers: Vec<Vec<u8>>,
    batch: VecDeque<Frame>,
    interest: Interest,
    drops: Cell<u64>,
}

impl Tap {
    /// Opens the tap; from now on it queues every frame that `interest` names.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW, or what else the kernel says.
    pub fn open(interest: Interest) -> io::Result<Tap> {
        let every_protocol = Protocol::from(i32::from((libc::ETH_P_ALL as u16).to_be()));
        let socket = Socket::new(
            Domain::PACKET,
            Type::DGRAM.nonblocking(),
            Some(every_protocol),
        )?;
        attach(&socket, &interest)?;
        stamps::request(&socket)?;
        setsockopt(&socket, PacketAuxdata, &true)?;
        enlarge_queue(&socket)?;
        discard_queued(&socket)?;
        // What was dropped before the filter held was none of ours; reading sets it back to zero.
        getsockopt(&socket, PacketStatistics)?;
        Ok(Tap {
            socket: Some(socket),
            buffers: iter::repeat_with(room_for_a_frame).take(FEW).collect(),
            batch: VecDeque::with_capacity(BATCH),
            interest,
            drops: Cell::new(0),
        })
    }

    /// Sees what `interest` names from now on. No frame is lost by the change, and it needs no
    /// privilege.
    ///
    /// # Errors
    /// What `SO_ATTACH_FILTER` says; the tap then sees what it saw.
    pub fn watch(&mut self, interest: Interest) -> io::Result<()> {
        if interest != self.interest {
            attach(self.socket(), &interest)?;
            self.interest = interest;
        }
        Ok(())
    }

    /// The next frame of those taken from the kernel with [`Tap::fill`].
    pub fn take(&mut self) -> Option<Frame> {
        self.batch.pop_front()
    }

    /// Takes what the kernel has queued, up to a batch, for [`Tap::take`]. Never waits.
    ///
    /// # Errors
    /// The capture itself failed.
    pub fn fill(&mut self) -> io::Result<()> {
        let fd = self.socket().as_raw_fd();
        let room = self.buffers.len();
        let buffers = self.buffers.iter_mut();
        let mut parts: Vec<_> = buffers.map(|room| [IoSliceMut::new(room)]).collect();
        // The kernel writes to them how long the control messages were: made anew for each batch.
        let control = cmsg_space!(Timestamps, [u8; size_of::<libc::tpacket_auxdata>()]);
        let mut headers = MultiHeaders::preallocate(room, Some(control));
        match recvmmsg(fd, &mut headers, &mut parts, MsgFlags::empty(), None) {
            Ok(messages) => {
                for message in messages {
                    self.batch.push_back(frame_of(&message)?);
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if self.batch.len() >= room && room < BATCH {
            let more = (2 * room).min(BATCH);
            self.buffers.resize_with(more, room_for_a_frame);
        }
        Ok(())
    }

    /// Frames that the kernel has dropped so far because the queue was full (`PACKET_STATISTICS`).
    pub fn drops(&self) -> u64 {
        let since_last = getsockopt(self.socket(), PacketStatistics).map_or(0, |s| s.tp_drops);
        self.drops.set(self.drops.get() + u64::from(since_last));
        self.drops.get()
    }

    fn socket(&self) -> &Socket {
        self.socket.as_ref().expect("only drop takes the socket")
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take() {
            park::park(socket.into());
        }
    }
}

/// Never a copy of another: the kernel gives memory only to what is touched of fresh zeros.
fn room_for_a_frame() -> Vec<u8> {
    vec![0; BUFFER]
}

/// The bytes of a frame, and what the kernel says about it.
fn frame_of(message: &RecvMsg<'_, '_, LinkAddr>) -> io::Result<Frame> {
    let from = message.address.ok_or(Errno::EBADMSG)?;
    let interface = from.ifindex() as u32;
    let mut frame = Frame {
        stamp: None,
        direction: match from.pkttype() {
            libc::PACKET_OUTGOING => Direction::Sent,
            _ if interface == filter::LOOPBACK => Direction::Looped,
            _ => Direction::Received,
        },
        interface,
        checksum_pending: false,
        bytes: message.iovs().next().unwrap_or_default().to_vec(),
    };
    for part in message.cmsgs()? {
        if let Some(stamp) = stamps::stamp_in(&part) {
            frame.stamp = Some(stamp);
        } else if let Some(status) = auxdata_status(&part) {
            frame.checksum_pending = status & libc::TP_STATUS_CSUMNOTREADY != 0;
        }
    }
    Ok(frame)
}

/// `tp_status`, the first field of `struct tpacket_auxdata`.
fn auxdata_status(message: &ControlMessageOwned) -> Option<u32> {
    let ControlMessageOwned::Unknown(unknown) = message else {
        return None;
    };
    let header = unknown.cmsg_header;
    if (header.cmsg_level, header.cmsg_type) != (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
        return None;
    }
    unknown
        .data_bytes
        .first_chunk()
        .map(|status| u32::from_ne_bytes(*status))
}

fn attach(socket: &Socket, interest: &Interest) -> io::Result<()> {
    let program: Vec<SockFilter> = filter::program(interest)
        .into_iter()
        .map(SockFilter::from)
        .collect();
    socket.attach_filter(&program)
}

fn enlarge_queue(socket: &Socket) -> io::Result<()> {
    // Beyond net.core.rmem_max with CAP_NET_ADMIN, else up to it.
    setsockopt(socket, sockopt::RcvBufForce, &QUEUE)
        .map_err(io::Error::from)
        .or_else(|_| socket.set_recv_buffer_size(QUEUE))
}

/// Frames of any kind came in between opening the socket and attaching the filter.
fn discard_queued(socket: &Socket) -> io::Result<()> {
    loop {
        match socket.recv(&mut [MaybeUninit::uninit()]) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
