//! TCP segments as the witness sees them, read without the help of the program under test.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const TCP: u8 = 6;

/// The fields that say which segment it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    /// Bytes of data.
    pub len: usize,
}

impl Segment {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;

    /// From an IPv4 packet, or an IPv6 packet without extension headers.
    pub fn parse(packet: &[u8]) -> Option<Segment> {
        let (source, destination, tcp, total) = match packet.first()? >> 4 {
            4 => {
                let tcp = (packet[9] == TCP).then(|| &packet[usize::from(packet[0] & 15) * 4..])?;
                let address = |at| IpAddr::V4(Ipv4Addr::from(array::<4>(packet, at)));
                let total = u16::from_be_bytes(array(packet, 2));
                let header = usize::from(packet[0] & 15) * 4;
                (address(12), address(16), tcp, usize::from(total) - header)
            }
            6 => {
                let tcp = (packet[6] == TCP).then(|| &packet[40..])?;
                let address = |at| IpAddr::V6(Ipv6Addr::from(array::<16>(packet, at)));
                let total = u16::from_be_bytes(array(packet, 4));
                (address(8), address(24), tcp, usize::from(total))
            }
            version => panic!("IP version {version}"),
        };
        let port = |at| u16::from_be_bytes(array(tcp, at));
        Some(Segment {
            source: SocketAddr::new(source, port(0)),
            destination: SocketAddr::new(destination, port(2)),
            seq: u32::from_be_bytes(array(tcp, 4)),
            ack: u32::from_be_bytes(array(tcp, 8)),
            flags: tcp[13],
            len: total - usize::from(tcp[12] >> 4) * 4,
        })
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("bytes enough")
}
