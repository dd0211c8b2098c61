//! The Internet checksum over a pseudo-header.

use std::net::IpAddr;

/// The checksum of a message under the pseudo-header of these addresses (RFC 9293 3.1, RFC 8200
/// 8.1), its own field taken for 0. It comes in parts, all but the last of whole words of 32 bits.
/// `None` for more bytes than an IP packet can declare: the length in the pseudo-header means
/// nothing then.
pub(super) fn transport(parts: &[&[u8]], src: IpAddr, dst: IpAddr, protocol: u8) -> Option<u16> {
    let len = parts.iter().map(|part| part.len()).sum();
    if len > usize::from(u16::MAX) {
        return None;
    }
    let message: u64 = parts.iter().map(|part| sum(part)).sum();
    let pseudo = pseudo(len, src, dst, protocol);
    Some(!fold(message + u64::from(pseudo)))
}

/// The checksum of an IPv4 header, its own field taken for 0 (RFC 791 3.1). It comes in parts, all but
/// the last of whole words of 32 bits.
pub(super) fn header(parts: &[&[u8]]) -> u16 {
    !fold(parts.iter().map(|part| sum(part)).sum())
}

/// The sum of a pseudo-header, not complemented: what an operating system leaves in the field for
/// hardware that goes on summing from there.
pub(super) fn pseudo(len: usize, src: IpAddr, dst: IpAddr, protocol: u8) -> u16 {
    let address = |address| match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    };
    let len = u64::try_from(len).expect("a length of 64 bits at most") & u64::from(u32::MAX);
    fold(address(src) + address(dst) + len + u64::from(protocol))
}

/// In words of 32 bits, the last filled up with zeros: it folds to the sum in words of 16 bits, of
/// which 2^16 is 1 in one's complement (RFC 1071 2).
fn sum(bytes: &[u8]) -> u64 {
    let value = |word: &[u8; 4]| u64::from(u32::from_be_bytes(*word));
    let (words, rest) = bytes.as_chunks();
    let whole: u64 = words.iter().map(value).sum();
    if rest.is_empty() {
        return whole;
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    whole + value(&last)
}

fn fold(mut sum: u64) -> u16 {
    while sum > u64::from(u16::MAX) {
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
    use pnet_packet::ip::IpNextHeaderProtocol;
    use pnet_packet::util;

    use super::super::ip::mapped;
    use super::*;

    #[test]
    fn both_zeros_of_ones_complement_agree() {
        assert!(agrees(0xffff, 0) && agrees(0, 0) && agrees(7, 7));
        assert!(!agrees(0, 0xfffe) && !agrees(0xffff, 1));
    }

    #[test]
    fn any_message_has_the_checksum_that_others_compute() {
        let next = IpNextHeaderProtocol(6);
        let (src, dst) = ([192, 0, 2, 1].into(), [198, 51, 100, 7].into());
        let (src6, dst6) = (mapped(IpAddr::V4(src)), "2001:db8::ffff:7".parse().unwrap());
        for bytes in [
            &[][..],
            &[0xff; 65_535],
            &[1, 2, 3, 4, 5],
            &[7; 22],
            &[0; 8],
        ] {
            let expected = util::ipv4_checksum(bytes, usize::MAX, &[], &src, &dst, next);
            let found = transport(&[bytes], src.into(), dst.into(), 6);
            assert_eq!(found, Some(expected));
            let expected = util::ipv6_checksum(bytes, usize::MAX, &[], &src6, &dst6, next);
            let found = transport(&[bytes], src6.into(), dst6.into(), 6);
            assert_eq!(found, Some(expected));
        }
    }

    #[test]
    fn the_parts_add_up_to_the_whole() {
        let host = IpAddr::from([192, 0, 2, 1]);
        let whole = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let parts = [&whole[..4], &[], &whole[4..]];
        assert_eq!(
            transport(&parts, host, host, 6),
            transport(&[&whole], host, host, 6)
        );
    }

    #[test]
    fn more_than_an_ip_packet_has_no_checksum() {
        let host = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(transport(&[&[0xff; 65_535], &[1]], host, host, 6), None);
    }
}
