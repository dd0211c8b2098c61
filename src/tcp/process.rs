//! SEGMENT ARRIVES: RFC 9293 3.10.7, its steps in its order.

use crate::clock::Time;
use crate::wire::{Flags, Options, Segment, TcpOption};

use super::reassembly::Reassembly;
use super::sender::Urgency;
use super::throttle::Throttle;
use super::window::{
    AckJudgement, RstJudgement, ack_answers_syn, judge_ack, judge_rst, segment_acceptable,
};
use super::{Connection, Event, Negotiated, State};

/// Whether a segment goes on to the next step.
enum Step {
    Continue,
    Drop,
}

use Step::{Continue, Drop};

impl Connection {
    /// The same for a segment whose packet says that a router marked it: CE (RFC 3168 5).
    pub fn on_marked_segment(&mut self, now: Time, segment: &Segment) {
        self.ecn.marked = self.uses_ecn();
        self.on_segment(now, segment);
        self.ecn.marked = false;
    }

    /// Handles a segment whose ports are ours and whose checksum is right.
    pub fn on_segment(&mut self, now: Time, segment: &Segment) {
        match self.state {
            State::Closed => self.in_closed(now, segment),
            State::Listen => self.in_listen(now, segment),
            State::SynSent => self.in_syn_sent(now, segment),
            _ => self.in_other_states(now, segment),
        }
        self.output(now);
    }

    /// Whether this is the SYN-ACK that our SYN asked for, or a SYN that crosses it (RFC 9293
    /// 3.10.7.3).
    pub fn is_answered_by(&self, segment: &Segment) -> bool {
        let flags = segment.flags;
        self.state == State::SynSent
            && flags.syn()
            && !flags.rst()
            && (!flags.ack() || ack_answers_syn(self.config.iss, self.snd.nxt, segment.ack))
    }

    /// RFC 9293 3.10.7.1.
    fn in_closed(&mut self, now: Time, segment: &Segment) {
        if !segment.flags.rst() {
            self.refuse(now, segment);
        }
    }

    /// RFC 9293 3.10.7.2.
    fn in_listen(&mut self, now: Time, segment: &Segment) {
        // First and second
        if segment.flags.rst() {
            return;
        }
        if segment.flags.ack() {
            return self.refuse(now, segment);
        }
        // Third
        if segment.flags.syn() {
            self.config.remote_port = segment.src_port;
            self.receive_syn(segment);
            self.snd.syn_sent();
            self.answer_offer(segment);
            self.send_syn_ack(now);
            self.timer.start(now);
        }
        // Fourth: anything else is dropped.
    }

    /// RFC 9293 3.10.7.3.
    fn in_syn_sent(&mut self, now: Time, segment: &Segment) {
        // First, check the ACK bit
        let acknowledged = segment.flags.ack();
        if acknowledged && !ack_answers_syn(self.config.iss, self.snd.nxt, segment.ack) {
            if !segment.flags.rst() {
                self.refuse(now, segment);
            }
            return;
        }
        // Second, check the RST bit: it counts only when it acknowledges our SYN.
        if segment.flags.rst() {
            if acknowledged {
                self.event(Event::Reset);
                self.enter_closed();
            }
            return;
        }
        // Third, security: not used. Fourth, check the SYN bit
        if !segment.flags.syn() {
            return; // Fifth
        }
        self.receive_syn(segment);
        self.negotiated = Some(Negotiated::from_syns(&self.syn, segment));
        self.size_segments();
        if !acknowledged {
            // Both opened at once: SYN-RECEIVED, our SYN goes out again with an ACK.
            self.send_syn_ack(now);
            self.timer.start(now);
            return;
        }
        self.establish(segment);
        self.send(now, Flags::ACK);
        // "If there are other controls or text in the segment, continue at the sixth step".
        self.take_text_and_fin(now, segment);
    }

    /// RFC 9293 3.10.7.4.
    fn in_other_states(&mut self, now: Time, segment: &Segment) {
        for step in [
            Connection::check_sequence,
            Connection::check_rst,
            Connection::check_syn,
            Connection::check_ack,
        ] {
            if let Drop = step(self, now, segment) {
                return;
            }
        }
        // Sixth: the urgent pointer is of no use to us.
        self.take_text_and_fin(now, segment);
    }

    /// First, check the sequence number, after RFC 7323 5.3 has checked the timestamp.
    fn check_sequence(&mut self, now: Time, segment: &Segment) -> Step {
        if let Drop = self.check_timestamp(now, segment) {
            return Drop;
        }
        if self.repeats_syn(segment) {
            if self.throttle.allows(now, Throttle::ACKS) {
                self.send_syn_ack(now);
            }
            return Drop;
        }
        if segment_acceptable(self.rcv.nxt(), self.rcv.wnd, segment) || self.both_opened(segment) {
            self.record_timestamp(segment);
            return Continue;
        }
        if !segment.flags.rst() {
            self.challenge(now);
        }
        Drop
    }

    /// RFC 7323 5.3, R1 (PAWS), and 3.2: a segment without the agreed option is dropped.
    fn check_timestamp(&mut self, now: Time, segment: &Segment) -> Step {
        if !self.uses_timestamps() || segment.flags.rst() {
            return Continue;
        }
        match segment.options.timestamps() {
            None => Drop,
            Some((val, _)) if is_older(val, self.ts_recent) => {
                self.challenge(now);
                Drop
            }
            Some(_) => Continue,
        }
    }

    /// RFC 7323 5.3, R3, after the window has been checked (R2). SEG.SEQ =< Last.ACK.sent, which is
    /// RCV.NXT: we acknowledge at once.
    fn record_timestamp(&mut self, segment: &Segment) {
        if !self.uses_timestamps() || segment.flags.rst() {
            return;
        }
        let newer = segment
            .options
            .timestamps()
            .map(|(val, _)| val)
            .filter(|&val| !is_older(val, self.ts_recent) && segment.seq.le(self.rcv.nxt()));
        if let Some(val) = newer {
            self.ts_recent = val;
        }
    }

    /// Its SYN again: our SYN-ACK was lost. What comes with it does not bring it into the window.
    fn repeats_syn(&self, segment: &Segment) -> bool {
        let flags = segment.flags;
        self.state == State::SynReceived
            && flags.syn()
            && !flags.ack()
            && !flags.rst()
            && segment.seq + 1 == self.rcv.nxt()
    }

    /// Second, check the RST bit.
    fn check_rst(&mut self, now: Time, segment: &Segment) -> Step {
        if !segment.flags.rst() {
            return Continue;
        }
        match judge_rst(self.rcv.nxt(), self.rcv.wnd, segment.seq) {
            RstJudgement::Reset if self.state == State::SynReceived && self.passive => {
                self.return_to_listen();
            }
            RstJudgement::Reset => {
                self.event(Event::Reset);
                self.enter_closed();
            }
            RstJudgement::Challenge => self.challenge(now),
            RstJudgement::Drop => {}
        }
        Drop
    }

    /// Third, security: not used. Fourth, check the SYN bit (RFC 5961 4.2).
    fn check_syn(&mut self, now: Time, segment: &Segment) -> Step {
        if !segment.flags.syn() {
            return Continue;
        }
        if self.state == State::SynReceived {
            if self.passive {
                self.return_to_listen();
                return Drop;
            }
            if self.both_opened(segment) {
                return Continue;
            }
        }
        self.challenge(now);
        Drop
    }

    /// Fifth, check the ACK field.
    fn check_ack(&mut self, now: Time, segment: &Segment) -> Step {
        if !segment.flags.ack() {
            return Drop;
        }
        if self.state == State::SynReceived {
            if !ack_answers_syn(self.snd.una, self.snd.nxt, segment.ack) {
                self.refuse(now, segment);
                return Drop;
            }
            self.establish(segment);
            return Continue;
        }
        match judge_ack(self.snd.una, self.snd.nxt, self.snd.max_wnd, segment.ack) {
            AckJudgement::Challenge => {
                self.challenge(now);
                return Drop;
            }
            AckJudgement::New => {
                self.take_new_ack(now, segment);
                self.update_window(segment);
                self.mind_timer(now);
            }
            AckJudgement::Duplicate => {
                self.take_duplicate_ack(now, segment);
                self.update_window(segment);
            }
        }
        if self.fin_is_outstanding() && self.snd.fin_is_acknowledged() {
            self.state = self.state.on_fin_acknowledged();
            self.event(Event::CloseAcknowledged);
        }
        Continue
    }

    /// RFC 9293 3.10.7.4, fifth: SND.UNA < SEG.ACK =< SND.NXT.
    fn take_new_ack(&mut self, now: Time, segment: &Segment) {
        let acked = segment.ack.diff(self.snd.una).unsigned_abs();
        self.snd.acknowledged(segment.ack);
        let again = self.snd.congestion.on_new_ack(acked, self.snd.una);
        if again {
            self.send_first_again(now);
        }
        self.take_echo(segment);
    }

    /// RFC 6298 5.2 and 5.3, after a new acknowledgment. While the peer's window keeps us from
    /// sending, what it takes of our probes is no reason to wait longer.
    fn mind_timer(&mut self, now: Time) {
        if !self.snd.is_busy() {
            self.timer.stop();
        } else if self.snd.in_flight() > 0 || self.snd.next_piece(Urgency::Usual).is_some() {
            self.timer.start(now);
        }
    }

    /// RFC 5681 2: an acknowledgment without news, while some of ours is under way.
    fn take_duplicate_ack(&mut self, now: Time, segment: &Segment) {
        let window = u32::from(segment.window) << self.peer_shift();
        let counts = segment.ack == self.snd.una
            && segment.seq_len() == 0
            && window == self.snd.wnd
            && window > 0
            && self.snd.text_is_outstanding();
        if counts
            && self
                .snd
                .congestion
                .on_duplicate_ack(self.snd.in_flight(), self.snd.nxt)
        {
            self.send_first_again(now);
        }
    }

    /// RFC 3168 6.1.2: the peer got a marked packet of ours.
    fn take_echo(&mut self, segment: &Segment) {
        let echoed = self.uses_ecn() && segment.flags.contains(Flags::ECE);
        let (in_flight, una, nxt) = (self.snd.in_flight(), self.snd.una, self.snd.nxt);
        if echoed && self.snd.congestion.on_echo(in_flight, una, nxt) {
            self.ecn.reduced = true;
        }
    }

    /// RFC 9293 3.10.7.4, fifth: SND.WND from a segment newer than the last that set it.
    fn update_window(&mut self, segment: &Segment) {
        let newer = self.snd.wl1.lt(segment.seq)
            || (self.snd.wl1 == segment.seq && self.snd.wl2.le(segment.ack));
        if newer && self.snd.una.le(segment.ack) {
            self.set_window(segment, self.peer_shift());
        }
    }

    /// Seventh, process the segment text; eighth, check the FIN bit.
    fn take_text_and_fin(&mut self, now: Time, segment: &Segment) {
        if !matches!(
            self.state,
            State::Established | State::FinWait1 | State::FinWait2
        ) {
            // In the others the peer has closed: nothing new can follow. Its FIN again is outside
            // the window and was answered there.
            return;
        }
        let len = segment.text_len();
        if len == 0 && !segment.flags.fin() {
            return; // An ACK is never sent for an ACK: two ends would never stop.
        }
        self.note_congestion(segment);
        self.rcv
            .text
            .take(segment.text_seq(), len, segment.flags.fin(), self.rcv.wnd);
        let closes = self.rcv.text.fin_is_next();
        if closes {
            if self.crosses_fin && self.state == State::Established {
                self.close(now);
            }
            self.rcv.text.take_fin();
            self.state = self.state.on_fin_received();
        }
        // Text of ours carries the acknowledgment too, but not where a hole is (RFC 2018 4).
        if self.rcv.text.has_hole() || !self.output(now) {
            self.send(now, Flags::ACK);
        }
        if closes {
            self.event(Event::PeerClosed);
        }
    }

    /// RFC 3168 6.1.3: CWR ends the echo, a marked packet begins it.
    fn note_congestion(&mut self, segment: &Segment) {
        if segment.flags.contains(Flags::CWR) {
            self.ecn.echoes = false;
        }
        self.ecn.echoes |= self.ecn.marked && !segment.payload.is_empty();
    }

    /// Says where we are. To an old segment, such as the peer's FIN again in TIME-WAIT, that is the
    /// acknowledgment that was lost; to a RFC 5961 challenge only a peer that really lost the
    /// connection answers with an exact RST.
    fn challenge(&mut self, now: Time) {
        if self.throttle.allows(now, Throttle::ACKS) {
            self.send(now, Flags::ACK);
        }
    }

    /// A RST for a segment that belongs to no connection. RFC 9293 sets no limit; we do, so that
    /// nobody makes us send as much as they do.
    fn refuse(&mut self, now: Time, segment: &Segment) {
        let limit = match self.state {
            State::Closed => Throttle::RESETS,
            _ => Throttle::ACKS,
        };
        if self.throttle.allows(now, limit) {
            self.send_rst_for(segment);
        }
    }

    /// RFC 9293 figure 8: after a simultaneous open the peer's SYN-ACK repeats its SYN, which lies
    /// before the window, and carries the ACK that establishes.
    fn both_opened(&self, segment: &Segment) -> bool {
        self.state == State::SynReceived
            && !self.passive
            && segment.flags.contains(Flags::SYN | Flags::ACK)
            && segment.seq + 1 == self.rcv.nxt()
    }

    fn receive_syn(&mut self, segment: &Segment) {
        self.rcv.text = Reassembly::new(segment.seq + 1);
        if let Some((val, _)) = segment.options.timestamps() {
            self.ts_recent = val;
        }
        self.state = self.state.on_syn_received();
    }

    /// A SYN-ACK may carry only those of these options that the SYN offered (RFC 7323 2.2, 3.2;
    /// RFC 2018 2).
    fn answer_offer(&mut self, syn: &Segment) {
        let offered = |option: &TcpOption| match option {
            TcpOption::WindowScale(_) => syn.options.window_scale().is_some(),
            TcpOption::Timestamps { .. } => syn.options.timestamps().is_some(),
            TcpOption::SackPermitted => syn.options.sack_permitted(),
            _ => true,
        };
        self.offer = Options::from(
            self.config
                .options
                .iter()
                .filter(offered)
                .collect::<Vec<_>>(),
        )
        .padded();
        let answer = Segment {
            options: self.offer.clone(),
            ..Segment::default()
        };
        self.negotiated = Some(Negotiated::from_syns(syn, &answer));
        self.size_segments();
    }

    fn establish(&mut self, segment: &Segment) {
        self.state = self.state.on_syn_acknowledged();
        self.snd.acknowledged(segment.ack);
        // The window of a segment with SYN is never scaled (RFC 7323 2.2).
        let shift = if segment.flags.syn() {
            0
        } else {
            self.peer_shift()
        };
        self.set_window(segment, shift);
        self.timer.stop();
        self.event(Event::Established);
    }

    fn set_window(&mut self, segment: &Segment, shift: u8) {
        let wnd = u32::from(segment.window) << shift;
        if self.snd.wnd == 0 && wnd > 0 {
            // What probed the closed window was not taken.
            self.snd.go_back();
        }
        self.snd.wnd = wnd;
        self.snd.max_wnd = self.snd.max_wnd.max(self.snd.wnd);
        self.snd.wl1 = segment.seq;
        self.snd.wl2 = segment.ack;
    }

    fn return_to_listen(&mut self) {
        self.timer.stop();
        self.state = State::Listen;
        self.snd.reset();
        self.negotiated = None;
    }
}

/// RFC 7323 5.2: timestamps are compared modulo 2^32.
fn is_older(val: u32, recent: u32) -> bool {
    val.wrapping_sub(recent).cast_signed() < 0
}

#[cfg(test)]
mod tests;
