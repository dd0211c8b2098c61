//! The Internet checksum over a pseudo-header.

use std::net::IpAddr;

use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::util;

use super::ip::mapped;

/// The checksum of `bytes` under the pseudo-header of these addresses (RFC 9293 3.1, RFC 8200 8.1),
/// without the 16-bit word number `skip`, its own field. `None` for more bytes than an IP packet
/// can declare: the length in the pseudo-header means nothing then.
pub(super) fn transport(
    bytes: &[u8],
    skip: usize,
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
) -> Option<u16> {
    if bytes.len() > usize::from(u16::MAX) {
        return None;
    }
    // An IPv4 address and its IPv4-mapped form add up to the same: the extra 0xffff is zero in
    // one's complement (RFC 1071 2).
    Some(util::ipv6_checksum(
        bytes,
        skip,
        &[],
        &mapped(src),
        &mapped(dst),
        IpNextHeaderProtocol(protocol),
    ))
}

/// The sum of a pseudo-header, not complemented: what an operating system leaves in the field for
/// hardware that goes on summing from there.
pub(super) fn pseudo(len: usize, src: IpAddr, dst: IpAddr, protocol: u8) -> u16 {
    let mut sum = u32::from(protocol);
    let mut add = |bytes: &[u8]| {
        for word in bytes.chunks_exact(2) {
            sum += u32::from(word[0]) << 8 | u32::from(word[1]);
        }
    };
    // The length that a packet is cut into is not known here; its upper half is added as its lower.
    add(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    for address in [src, dst] {
        match address {
            IpAddr::V4(address) => add(&address.octets()),
            IpAddr::V6(address) => add(&address.octets()),
        }
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

/// Whether a received checksum field agrees with what was computed.
pub(super) fn agrees(field: u16, computed: u16) -> bool {
    // 0xffff and 0 are the same number in one's complement, so a receiver accepts both.
    field == computed || (field == u16::MAX && computed == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_zeros_of_ones_complement_agree() {
        assert!(agrees(0xffff, 0) && agrees(0, 0) && agrees(7, 7));
        assert!(!agrees(0, 0xfffe) && !agrees(0xffff, 1));
    }

    #[test]
    fn ipv4_and_its_mapped_form_give_the_checksum_of_ipv4() {
        let (src, dst) = ([192, 0, 2, 1].into(), [198, 51, 100, 7].into());
        for bytes in [&[][..], &[0xff; 65_535], &[1, 2, 3, 4, 5]] {
            let expected = util::ipv4_checksum(bytes, 8, &[], &src, &dst, IpNextHeaderProtocol(6));
            assert_eq!(
                transport(bytes, 8, src.into(), dst.into(), 6),
                Some(expected)
            );
        }
    }

    #[test]
    fn more_than_an_ip_packet_has_no_checksum() {
        let host = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(transport(&[0xff; 65_536], 8, host, host, 6), None);
    }
}
