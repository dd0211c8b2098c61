//! Captures written byte by byte, right or wrong, in any byte order.

#![allow(dead_code, reason = "each test program uses the part that it needs")]

pub mod frames;

/// The byte order of a file or a section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Little,
    Big,
}

pub const ORDERS: [Order; 2] = [Order::Little, Order::Big];

impl Order {
    pub fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    pub fn u64(self, value: u64) -> [u8; 8] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32(*word)).collect()
    }
}

pub const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// A classic capture.
pub struct Pcap {
    pub order: Order,
    pub bytes: Vec<u8>,
}

impl Pcap {
    pub fn new(order: Order, magic: u32, link: u16) -> Pcap {
        let version = [order.u16(2), order.u16(4)].concat();
        let rest = order.words(&[0, 0, 262_144, link.into()]);
        let bytes = [order.u32(magic).to_vec(), version, rest].concat();
        Pcap { order, bytes }
    }

    /// A frame of which the capture holds `frame`. The fraction is in the unit of the file.
    pub fn cut(mut self, seconds: u32, fraction: u32, frame: &[u8], original: usize) -> Pcap {
        let words = [
            seconds,
            fraction,
            len(frame),
            u32::try_from(original).expect("a length of 32 bits"),
        ];
        self.bytes.extend(self.order.words(&words));
        self.bytes.extend(frame);
        self
    }

    pub fn frame(self, seconds: u32, fraction: u32, frame: &[u8]) -> Pcap {
        self.cut(seconds, fraction, frame, frame.len())
    }
}

/// A capture of blocks.
pub struct Pcapng {
    pub order: Order,
    pub bytes: Vec<u8>,
}

/// An option: its code and its value.
pub type Extra<'a> = (u16, &'a [u8]);

impl Pcapng {
    /// Begins with a section header.
    pub fn new(order: Order) -> Pcapng {
        let bytes = Vec::new();
        Pcapng { order, bytes }.section(order)
    }

    /// Any block whatsoever, padded.
    pub fn block(mut self, kind: u32, body: &[u8]) -> Pcapng {
        let body = padded(body);
        let length = self.order.u32(len(&body) + 12);
        self.bytes.extend(self.order.u32(kind));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.extend(length);
        self
    }

    pub fn section(mut self, order: Order) -> Pcapng {
        self.order = order;
        let magic = order.words(&[0x1a2b_3c4d]);
        let version = [order.u16(1), order.u16(0)].concat();
        self.block(0x0a0d_0d0a, &[magic, version, vec![0xff; 8]].concat())
    }

    pub fn interface(self, link: u16, snap_len: u32, options: &[Extra]) -> Pcapng {
        let order = self.order;
        let body = [order.u16(link), order.u16(0)].concat();
        let body = [body, order.words(&[snap_len]), self.options(options)].concat();
        self.block(1, &body)
    }

    pub fn cut(
        self,
        interface: u32,
        units: u64,
        frame: &[u8],
        original: usize,
        options: &[Extra],
    ) -> Pcapng {
        let [high, low] = [units >> 32, units & 0xffff_ffff].map(|it| it as u32);
        let original = u32::try_from(original).expect("a length of 32 bits");
        let words = [interface, high, low, len(frame), original];
        let header = self.order.words(&words);
        let body = [header, padded(frame), self.options(options)].concat();
        self.block(6, &body)
    }

    pub fn frame(self, interface: u32, units: u64, frame: &[u8]) -> Pcapng {
        self.cut(interface, units, frame, frame.len(), &[])
    }

    pub fn simple(self, frame: &[u8], original: usize) -> Pcapng {
        let header = self
            .order
            .words(&[u32::try_from(original).expect("a length of 32 bits")]);
        self.block(3, &[&header, frame].concat())
    }

    pub fn obsolete(self, interface: u16, units: u64, frame: &[u8]) -> Pcapng {
        let order = self.order;
        let [high, low] = [units >> 32, units & 0xffff_ffff].map(|it| it as u32);
        let header = [order.u16(interface), order.u16(7)].concat();
        let words = order.words(&[high, low, len(frame), len(frame)]);
        self.block(2, &[&header, &words, frame].concat())
    }

    fn options(&self, options: &[Extra]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (code, value) in options {
            bytes.extend(self.order.u16(*code));
            bytes.extend(
                self.order
                    .u16(u16::try_from(value.len()).expect("a short value")),
            );
            bytes.extend(padded(value));
        }
        if !options.is_empty() {
            bytes.extend([0; 4]);
        }
        bytes
    }
}

fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a short capture")
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
