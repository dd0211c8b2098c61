//! What an end sends: the form of each kind of segment, and when text leaves.

use crate::clock::Time;
use crate::wire::{Flags, Options, Segment, SeqNumber, TcpOption};

use super::reassembly::Block;
use super::sender::{Piece, Urgency};
use super::{Connection, State, Transmit};

/// The RST for a segment that belongs to no connection (RFC 9293 3.10.7.1): numbered from the segment
/// itself, which is no RST.
pub fn reset_for(segment: &Segment) -> Segment {
    let (flags, seq, ack) = if segment.flags.ack() {
        (Flags::RST, segment.ack, SeqNumber(0))
    } else {
        (
            Flags::RST | Flags::ACK,
            SeqNumber(0),
            segment.seq + segment.seq_len(),
        )
    };
    Segment {
        src_port: segment.dst_port,
        dst_port: segment.src_port,
        seq,
        ack,
        flags,
        ..Segment::default()
    }
}

impl Connection {
    /// RFC 6298 5.4: the earliest segment that is not acknowledged.
    pub(super) fn retransmit(&mut self, now: Time) {
        match self.state {
            State::SynSent => {
                let syn = self.build_syn(now, self.syn.flags);
                self.push(syn);
            }
            State::SynReceived => self.send_syn_ack(now),
            // Closed in SYN-RECEIVED: the SYN comes before the FIN.
            _ if self.snd.una == self.config.iss => self.send_syn_ack(now),
            _ => {
                if self.snd.wnd > 0 {
                    let (in_flight, nxt) = (self.snd.in_flight(), self.snd.nxt);
                    self.snd.congestion.on_timeout(in_flight, nxt);
                }
                self.snd.go_back();
                if let Some(piece) = self.snd.next_piece(Urgency::Probe) {
                    self.send_piece(now, &piece);
                }
            }
        }
    }

    /// Sends what both windows allow: text, and the FIN after it. Where something is left to do,
    /// the timer runs (RFC 6298 5.1, RFC 9293 3.8.6.1). Returns whether anything left.
    pub(super) fn output(&mut self, now: Time) -> bool {
        let open = matches!(self.state, State::Established | State::CloseWait);
        if !open && !self.fin_is_outstanding() {
            return false;
        }
        let mut any = false;
        while let Some(piece) = self.snd.next_piece(Urgency::Usual) {
            self.send_piece(now, &piece);
            any = true;
        }
        if self.snd.is_busy() && self.timer.deadline().is_none() {
            self.timer.start(now);
        }
        any
    }

    /// RFC 5681 3.2: fast retransmit.
    pub(super) fn send_first_again(&mut self, now: Time) {
        if let Some(piece) = self.snd.first_piece() {
            self.send_piece(now, &piece);
        }
    }

    fn send_piece(&mut self, now: Time, piece: &Piece) {
        let fresh = !piece.again && !piece.range.is_empty();
        let mut flags = Flags::ACK;
        for (flag, is_set) in [
            (Flags::FIN, piece.fin),
            (Flags::PSH, piece.push),
            (Flags::CWR, fresh && self.ecn.reduced),
        ] {
            if is_set {
                flags = flags | flag;
            }
        }
        self.ecn.reduced &= !fresh;
        let mut segment = self.build(now, flags, piece.seq);
        segment.payload = self.snd.text(piece.range.clone()).to_vec();
        self.snd.sent(piece);
        if piece.fin && self.state == State::CloseWait {
            self.state = State::LastAck;
        }
        self.outbox.push_back(Transmit {
            segment,
            // RFC 3168 6.1.4 to 6.1.6: neither what is sent again, nor probes, nor pure ACKs.
            ecn_capable: fresh && self.snd.wnd > 0 && self.uses_ecn(),
        });
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.outbox.push_back(Transmit {
            segment,
            ecn_capable: false,
        });
    }

    pub(super) fn send_syn_ack(&mut self, now: Time) {
        let syn_ack = self.build_syn(now, Flags::SYN | Flags::ACK);
        self.push(syn_ack);
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT>` with the given flags.
    pub(super) fn send(&mut self, now: Time, flags: Flags) {
        self.send_numbered(now, flags, self.snd.nxt);
    }

    pub(super) fn send_numbered(&mut self, now: Time, flags: Flags, seq: SeqNumber) {
        let segment = self.build(now, flags, seq);
        self.push(segment);
    }

    fn build(&self, now: Time, flags: Flags, seq: SeqNumber) -> Segment {
        let acknowledges = flags.contains(Flags::ACK);
        let echo = if self.ecn.echoes && acknowledges && !flags.rst() {
            Flags::ECE
        } else {
            Flags::default()
        };
        Segment {
            src_port: self.config.local_port,
            dst_port: self.config.remote_port,
            seq,
            ack: if acknowledges {
                self.rcv.nxt()
            } else {
                SeqNumber(0)
            },
            flags: flags | echo,
            window: if flags.rst() {
                0
            } else {
                u16::try_from(self.rcv.wnd >> self.our_side_shift()).unwrap_or(u16::MAX)
            },
            options: self.options(now, flags),
            ..Segment::default()
        }
    }

    fn options(&self, now: Time, flags: Flags) -> Options {
        let mut options = Options::default();
        let acknowledges = flags.contains(Flags::ACK);
        if self.uses_timestamps() {
            // RFC 7323 3.2: in every segment once agreed; TSecr is valid only beside ACK.
            options.push(TcpOption::Nop);
            options.push(TcpOption::Nop);
            options.push(TcpOption::Timestamps {
                val: self.timestamp(now),
                ecr: if acknowledges { self.ts_recent } else { 0 },
            });
        }
        // The answer to what came out of order says so; text would be cut short by it.
        if flags == Flags::ACK && self.negotiated.is_some_and(|agreed| agreed.sack) {
            let blocks = self.sack_blocks();
            if !blocks.is_empty() {
                options.push(TcpOption::Nop);
                options.push(TcpOption::Nop);
                options.push(TcpOption::Sack(blocks.to_vec()));
            }
        }
        options
    }

    /// RFC 2018 3: as many as the header has room for.
    fn sack_blocks(&self) -> &[Block] {
        let room = if self.uses_timestamps() { 3 } else { 4 };
        let blocks = self.rcv.text.blocks();
        &blocks[..blocks.len().min(room)]
    }

    pub(super) fn send_rst_for(&mut self, segment: &Segment) {
        self.push(reset_for(segment));
    }

    pub(super) fn build_syn(&self, now: Time, flags: Flags) -> Segment {
        let acknowledges = flags.contains(Flags::ACK);
        let ours = self.offer.iter().map(|option| match option {
            TcpOption::Timestamps { val, .. } => TcpOption::Timestamps {
                val: val.wrapping_add(millis(now)),
                ecr: if acknowledges { self.ts_recent } else { 0 },
            },
            other => other.clone(),
        });
        Segment {
            src_port: self.config.local_port,
            dst_port: self.config.remote_port,
            seq: self.config.iss,
            ack: if acknowledges {
                self.rcv.nxt()
            } else {
                SeqNumber(0)
            },
            flags,
            window: self.config.window,
            options: ours.collect(),
            ..Segment::default()
        }
    }

    /// RFC 7323 5.4: a clock of one tick a millisecond, from the offset in our SYN's option.
    fn timestamp(&self, now: Time) -> u32 {
        let offset = self.offer.timestamps().map_or(0, |(val, _)| val);
        offset.wrapping_add(millis(now))
    }
}

fn millis(now: Time) -> u32 {
    // The low 32 bits: RFC 7323 clocks wrap.
    (now.0 / 1_000_000) as u32
}
