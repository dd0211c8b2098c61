//! TCP segments.

use std::net::IpAddr;

use pnet_packet::tcp::{MutableTcpPacket, TcpPacket};

use super::ip::PROTOCOL_TCP;
use super::{Flags, Options, SeqNumber, WireError, checksum};

const WHAT: &str = "TCP header";
const CHECKSUM_WORD: usize = 8;

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

    /// The bytes of this segment, the checksum field as it stands.
    ///
    /// The header holds whole words and at most [`Options::MAX_LEN`] bytes of options: options of
    /// another length are padded as [`Options::padded`] does, longer ones are cut.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let options = self.options.header_bytes();
        let header_len = Self::MIN_HEADER + options.len();
        let [reserved, flags] = self.flags.bits().to_be_bytes();
        let mut bytes = vec![0; Self::MIN_HEADER];
        let mut tcp =
            MutableTcpPacket::new(&mut bytes).expect("the buffer holds the fixed TCP header");
        tcp.set_data_offset(
            u8::try_from(header_len / 4).expect("options are at most 40 bytes, so at most 15"),
        );
        tcp.set_source(self.src_port);
        tcp.set_destination(self.dst_port);
        tcp.set_sequence(self.seq.0);
        tcp.set_acknowledgement(self.ack.0);
        tcp.set_reserved(reserved);
        tcp.set_flags(flags);
        tcp.set_window(self.window);
        tcp.set_checksum(self.checksum);
        tcp.set_urgent_ptr(self.urgent);
        bytes.extend_from_slice(&options);
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Bytes of the header that [`Segment::emit`] writes, options included.
    #[must_use]
    pub fn header_len(&self) -> usize {
        let options = self.options.len().next_multiple_of(4);
        Self::MIN_HEADER + options.min(Options::MAX_LEN)
    }

    /// SEG.LEN: the sequence numbers it occupies, SYN and FIN counted (RFC 9293 3.4).
    #[must_use]
    pub fn seq_len(&self) -> u32 {
        let data = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        data.wrapping_add(u32::from(self.flags.syn()) + u32::from(self.flags.fin()))
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

    fn computed_checksum(&self, src: IpAddr, dst: IpAddr) -> Option<u16> {
        checksum::transport(&self.emit(), CHECKSUM_WORD, src, dst, PROTOCOL_TCP)
    }
}
