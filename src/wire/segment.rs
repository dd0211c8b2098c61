//! TCP segments.

use std::net::IpAddr;

use pnet_packet::tcp::{MutableTcpPacket, TcpPacket};

use super::ip::PROTOCOL_TCP;
use super::{Flags, Options, SeqNumber, TcpOption, WireError, checksum};

const WHAT: &str = "TCP header";

/// One TCP segment (RFC 9293 3.1). The data offset is not a field: it follows from the options.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ: the number of the first byte, or of the SYN.
    pub seq: SeqNumber,
    /// SEG.ACK: the next number expected, if ACK is set.
    pub ack: SeqNumber,
    /// The control bits, reserved ones included.
    pub flags: Flags,
    /// SEG.WND as on the wire, unscaled.
    pub window: u16,
    /// The checksum field as it was received or will be sent; see [`Segment::with_checksum`].
    pub checksum: u16,
    /// The urgent pointer.
    pub urgent: u16,
    /// The options, whatever their form.
    pub options: Options,
    /// The data.
    pub payload: Vec<u8>,
}

impl Segment {
    /// Bytes of the header without options.
    pub const MIN_HEADER: usize = 20;

    /// Reads the segment that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when the header does not fit, [`WireError::HeaderLength`] when the
    /// data offset is below 5 words. Options never fail.
    pub fn parse(bytes: &[u8]) -> Result<Segment, WireError> {
        let truncated = |needed| WireError::Truncated {
            what: WHAT,
            needed,
            available: bytes.len(),
        };
        let tcp = TcpPacket::new(bytes).ok_or(truncated(Self::MIN_HEADER))?;
        let header_len = usize::from(tcp.get_data_offset()) * 4;
        if header_len < Self::MIN_HEADER {
            return Err(WireError::HeaderLength {
                what: WHAT,
                bytes: header_len,
            });
        }
        let (header, payload) = bytes
            .split_at_checked(header_len)
            .ok_or(truncated(header_len))?;
        Ok(Segment {
            src_port: tcp.get_source(),
            dst_port: tcp.get_destination(),
            seq: SeqNumber(tcp.get_sequence()),
            ack: SeqNumber(tcp.get_acknowledgement()),
            flags: Flags::from_bits(
                u16::from(tcp.get_reserved()) << 8 | u16::from(tcp.get_flags()),
            ),
            window: tcp.get_window(),
            checksum: tcp.get_checksum(),
            urgent: tcp.get_urgent_ptr(),
            options: Options::parse(&header[Self::MIN_HEADER..]),
            payload: payload.to_vec(),
        })
    }

    /// Reads a segment of which `missing` bytes were not captured, some of its options among them.
    /// `None` where that does not explain why it cannot be read.
    pub(super) fn parse_cut(bytes: &[u8], missing: usize) -> Option<Segment> {
        let fixed = bytes.first_chunk::<{ Self::MIN_HEADER }>()?;
        let header_len = usize::from(fixed[12] >> 4) * 4;
        let data = (bytes.len() + missing).checked_sub(header_len)?;
        if header_len <= bytes.len() {
            return None;
        }
        // The one that is cut in two is not malformed.
        let there = Options::parse(&bytes[Self::MIN_HEADER..]);
        let is_whole = |option: &TcpOption| !matches!(option, TcpOption::Malformed(_));
        let whole: Vec<TcpOption> = there.iter().filter(is_whole).collect();
        let mut alone = *fixed;
        alone[12] = fixed[12] & 0xf | 0x50;
        Some(Segment {
            options: whole.into(),
            payload: vec![0; data],
            ..Segment::parse(&alone).ok()?
        })
    }

    /// The bytes of this segment, the checksum field as it stands.
    ///
    /// The header holds whole words and at most [`Options::MAX_LEN`] bytes of options: options of
    /// another length are padded as [`Options::padded`] does, longer ones are cut.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.emit_to(&mut bytes);
        bytes
    }

    /// Appends what [`Segment::emit`] gives.
    pub(super) fn emit_to(&self, bytes: &mut Vec<u8>) {
        let options = self.options.in_header();
        bytes.extend_from_slice(&self.fixed_header(self.checksum, options.len()));
        bytes.extend_from_slice(&options);
        bytes.extend_from_slice(&self.payload);
    }

    /// Bytes of what [`Segment::emit`] gives.
    pub(super) fn len(&self) -> usize {
        self.header_len() + self.payload.len()
    }

    fn fixed_header(&self, checksum: u16, options_len: usize) -> [u8; Self::MIN_HEADER] {
        let words = (Self::MIN_HEADER + options_len) / 4;
        let [reserved, flags] = self.flags.bits().to_be_bytes();
        let mut bytes = [0; Self::MIN_HEADER];
        let mut tcp =
            MutableTcpPacket::new(&mut bytes).expect("the buffer holds the fixed TCP header");
        tcp.set_data_offset(
            u8::try_from(words).expect("options are at most 40 bytes, so at most 15"),
        );
        tcp.set_source(self.src_port);
        tcp.set_destination(self.dst_port);
        tcp.set_sequence(self.seq.0);
        tcp.set_acknowledgement(self.ack.0);
        tcp.set_reserved(reserved);
        tcp.set_flags(flags);
        tcp.set_window(self.window);
        tcp.set_checksum(checksum);
        tcp.set_urgent_ptr(self.urgent);
        bytes
    }

    /// Bytes of the header that [`Segment::emit`] writes, options included.
    #[must_use]
    pub fn header_len(&self) -> usize {
        let options = self.options.len().next_multiple_of(4);
        Self::MIN_HEADER + options.min(Options::MAX_LEN)
    }

    /// Bytes of its data.
    #[must_use]
    pub fn text_len(&self) -> u32 {
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX)
    }

    /// SEG.LEN: the sequence numbers it occupies, SYN and FIN counted (RFC 9293 3.4).
    #[must_use]
    pub fn seq_len(&self) -> u32 {
        self.text_len()
            .wrapping_add(u32::from(self.flags.syn()) + u32::from(self.flags.fin()))
    }

    /// The number of its first byte of data, or of its FIN where there is no data: SEG.SEQ, after
    /// the SYN if it has one.
    #[must_use]
    pub fn text_seq(&self) -> SeqNumber {
        self.seq + u32::from(self.flags.syn())
    }

    /// The same segment with the checksum for these addresses; 0 when it is longer than the 65,535
    /// bytes that a checksum can cover.
    #[must_use]
    pub fn with_checksum(self, src: IpAddr, dst: IpAddr) -> Segment {
        let checksum = self.computed_checksum(src, dst).unwrap_or(0);
        Segment { checksum, ..self }
    }

    /// The checksum field is right for these addresses.
    #[must_use]
    pub fn checksum_ok(&self, src: IpAddr, dst: IpAddr) -> bool {
        self.computed_checksum(src, dst)
            .is_some_and(|computed| checksum::agrees(self.checksum, computed))
    }

    /// The checksum field was left to the hardware of the sender: it is 0, or holds no more than the
    /// sum of the pseudo-header, with or without the length.
    #[must_use]
    pub fn checksum_unfilled(&self, src: IpAddr, dst: IpAddr) -> bool {
        let len = self.len();
        let is_pseudo = |len| self.checksum == checksum::pseudo(len, src, dst, PROTOCOL_TCP);
        self.checksum == 0 || is_pseudo(len) || is_pseudo(0)
    }

    fn computed_checksum(&self, src: IpAddr, dst: IpAddr) -> Option<u16> {
        let options = self.options.in_header();
        let header = self.fixed_header(0, options.len());
        let parts = [&header[..], &options, &self.payload];
        checksum::transport(&parts, src, dst, PROTOCOL_TCP)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{SYN_V4, SYN_V6, hex};
    use super::*;

    fn syn_v4() -> Vec<u8> {
        hex(SYN_V4)[20..].to_vec()
    }

    #[test]
    fn a_real_syn_is_read_field_by_field() {
        let syn = Segment::parse(&syn_v4()).unwrap();
        let expected = Segment {
            src_port: 45_278,
            dst_port: 8080,
            seq: SeqNumber(326_362_784),
            ack: SeqNumber(0),
            flags: Flags::SYN,
            window: 64_240,
            checksum: 0xf2d2,
            urgent: 0,
            options: vec![
                TcpOption::Mss(1460),
                TcpOption::SackPermitted,
                TcpOption::Timestamps {
                    val: 483_061_480,
                    ecr: 0,
                },
                TcpOption::Nop,
                TcpOption::WindowScale(10),
            ]
            .into(),
            payload: Vec::new(),
        };
        assert_eq!(syn, expected);
        assert_eq!(syn.emit(), syn_v4());
        assert_eq!((syn.header_len(), syn.seq_len()), (40, 1));
    }

    #[test]
    fn the_checksum_of_a_real_segment_is_computed_and_checked() {
        for (sample, src, dst) in [
            (&hex(SYN_V4)[20..], "192.0.2.1", "192.0.2.2"),
            (&hex(SYN_V6)[40..], "2001:db8::1", "2001:db8::2"),
        ] {
            let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
            let segment = Segment::parse(sample).unwrap();
            assert!(segment.checksum_ok(src, dst));
            let wrong = Segment {
                checksum: 0,
                ..segment.clone()
            };
            assert!(!wrong.checksum_ok(src, dst));
            assert_eq!(wrong.with_checksum(src, dst), segment);
        }
    }

    #[test]
    fn a_checksum_covers_the_addresses() {
        let syn = Segment::parse(&syn_v4()).unwrap();
        let [src, other] = [[192, 0, 2, 1], [192, 0, 2, 3]].map(IpAddr::from);
        assert!(!syn.checksum_ok(src, other));
    }

    #[test]
    fn a_checksum_left_to_the_hardware_is_told_from_a_wrong_one() {
        for (sample, src, dst, left) in [
            // As captured on lo of a real Linux.
            (&hex(SYN_V4)[20..], "127.0.0.1", "127.0.0.1", 0xfe30),
            (&hex(SYN_V4)[20..], "192.0.2.1", "192.0.2.2", 0x8432),
            (&hex(SYN_V6)[40..], "2001:db8::1", "2001:db8::2", 0x5ba3),
        ] {
            let (src, dst): (IpAddr, IpAddr) = (src.parse().unwrap(), dst.parse().unwrap());
            let segment = Segment::parse(sample).unwrap();
            assert!(!segment.checksum_unfilled(src, dst));
            let holding = |checksum| Segment {
                checksum,
                ..segment.clone()
            };
            assert!(holding(left).checksum_unfilled(src, dst));
            // Segmentation offload sums no length: 40 bytes less.
            assert!(holding(left - 40).checksum_unfilled(src, dst));
            assert!(holding(0).checksum_unfilled(src, dst));
            assert!(!holding(left + 1).checksum_unfilled(src, dst));
            assert!(!holding(!left).checksum_unfilled(src, dst));
        }
    }

    #[test]
    fn every_flag_and_reserved_bit_stays_where_it_was() {
        let mut bytes = syn_v4();
        for bits in 0..=0xfff_u16 {
            let [high, low] = bits.to_be_bytes();
            bytes[12] = 0xa0 | high;
            bytes[13] = low;
            let segment = Segment::parse(&bytes).unwrap();
            assert_eq!(segment.flags.bits(), bits);
            assert_eq!(segment.emit(), bytes);
        }
    }

    #[test]
    fn a_header_cut_short_is_an_error_at_every_length() {
        let syn = syn_v4();
        for len in 0..syn.len() {
            let needed = if len < 20 { 20 } else { 40 };
            let expected = WireError::Truncated {
                what: "TCP header",
                needed,
                available: len,
            };
            assert_eq!(Segment::parse(&syn[..len]), Err(expected));
        }
    }

    #[test]
    fn a_data_offset_below_five_words_is_an_error() {
        let mut bytes = syn_v4();
        for words in 0..5_u8 {
            bytes[12] = words << 4;
            let expected = WireError::HeaderLength {
                what: "TCP header",
                bytes: usize::from(words) * 4,
            };
            assert_eq!(Segment::parse(&bytes), Err(expected));
        }
    }

    #[test]
    fn syn_and_fin_count_as_one_number_each() {
        let mut segment = Segment {
            payload: vec![0; 5],
            ..Segment::default()
        };
        assert_eq!(segment.seq_len(), 5);
        segment.flags = Flags::SYN | Flags::ACK;
        assert_eq!(segment.seq_len(), 6);
        segment.flags = Flags::SYN | Flags::FIN;
        assert_eq!(segment.seq_len(), 7);
    }

    #[test]
    fn options_that_are_no_whole_words_are_padded() {
        let segment = Segment {
            options: vec![TcpOption::WindowScale(7)].into(),
            payload: b"x".to_vec(),
            ..Segment::default()
        };
        let bytes = segment.emit();
        assert_eq!(bytes.len(), segment.header_len() + 1);
        assert_eq!(bytes[12], 0x60);
        assert_eq!(bytes[20..], [3, 3, 7, 0, b'x']);
    }

    #[test]
    fn options_beyond_forty_bytes_are_cut_and_the_data_stays_data() {
        let data = vec![0xaa; 300];
        let segment = Segment {
            options: vec![TcpOption::Other { kind: 200, data }].into(),
            payload: b"data".to_vec(),
            ..Segment::default()
        };
        let bytes = segment.emit();
        assert_eq!((bytes.len(), segment.header_len()), (64, 60));
        assert_eq!(Segment::parse(&bytes).unwrap().payload, b"data");
    }
}
