//! The raw socket at the end of the cable, with a look at what is about to be received and a note
//! of what was sent.

use std::io;
use std::os::fd::AsRawFd;

use smoltcp::phy::{
    self, Checksum, Device, DeviceCapabilities, Medium, RawSocket, RxToken, TxToken,
};
use smoltcp::time::{Duration, Instant};

pub struct Line {
    raw: RawSocket,
    /// Those of TCP; all others are both written and checked.
    checksums: Checksum,
    waiting: Option<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

impl Line {
    /// On an interface of the calling thread's namespace.
    pub fn open(interface: &str, checksums: Checksum) -> Line {
        Line {
            raw: RawSocket::new(interface, Medium::Ethernet).expect("a raw socket"),
            checksums,
            waiting: None,
            sent: Vec::new(),
        }
    }

    /// The frame that [`Device::receive`] gives next; without a look it gives none.
    pub fn look(&mut self, now: Instant) -> Option<&[u8]> {
        if self.waiting.is_none() {
            let received = self.raw.receive(now);
            self.waiting = received.map(|(frame, _)| frame.consume(<[u8]>::to_vec));
        }
        self.waiting.as_deref()
    }

    /// The frames sent since the last call.
    pub fn take_sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent)
    }

    /// Returns when a frame has come, or after `time`.
    pub fn wait(&self, time: Duration) -> io::Result<()> {
        phy::wait(self.raw.as_raw_fd(), Some(time))
    }
}

impl Device for Line {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = self.raw.capabilities();
        capabilities.checksum.tcp = self.checksums;
        capabilities
    }

    fn receive(&mut self, now: Instant) -> Option<(Received, Sending<'_>)> {
        let frame = self.waiting.take()?;
        Some((Received(frame), self.transmit(now)?))
    }

    fn transmit(&mut self, now: Instant) -> Option<Sending<'_>> {
        let raw = self.raw.transmit(now)?;
        let sent = &mut self.sent;
        Some(Sending { raw, sent })
    }
}

pub struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

pub struct Sending<'a> {
    raw: <RawSocket as Device>::TxToken<'a>,
    sent: &'a mut Vec<Vec<u8>>,
}

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        self.raw.consume(length, |frame| {
            let result = fill(frame);
            self.sent.push(frame.to_vec());
            result
        })
    }
}
