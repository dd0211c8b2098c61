//! What an ICMP error means to a connection: RFC 9293 3.9.2.2, RFC 5461, RFC 5927.

use crate::wire::{IcmpMessage, Quote, SeqNumber};

use super::{Connection, State};

/// What to do about an ICMP error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IcmpJudgement {
    /// It lost nothing of ours, or nothing that we still wait for: discard it.
    Ignore,
    /// To be reported; the connection goes on.
    Soft,
    /// It answers our SYN: there will be no connection.
    Decides,
}

/// Judges an error that quotes a segment with the number `quoted` of an end in `state`.
///
/// Only what is sent and not acknowledged can be lost: SND.UNA =< SEG.SEQ < SND.NXT (RFC 5927 4.1).
/// While our SYN is unanswered each error is hard, the soft ones too, as most TCPs have it
/// (RFC 5461 4); later each is soft (RFC 5927 5.2), for a forger knows the number of a SYN as well.
/// SYN-RECEIVED is later: the peer's SYN has answered.
pub fn judge_icmp(
    state: State,
    snd_una: SeqNumber,
    snd_nxt: SeqNumber,
    message: &IcmpMessage,
    quoted: SeqNumber,
) -> IcmpJudgement {
    let outstanding = snd_una.le(quoted) && quoted.lt(snd_nxt);
    if !message.reports_loss() || !outstanding || state == State::Closed {
        IcmpJudgement::Ignore
    } else if state == State::SynSent {
        IcmpJudgement::Decides
    } else {
        IcmpJudgement::Soft
    }
}

impl Connection {
    /// An ICMP error about one of our segments (RFC 9293 3.9.2.2). When it decides, the state is
    /// CLOSED.
    pub fn on_icmp(&mut self, message: &IcmpMessage, quote: &Quote) -> IcmpJudgement {
        if (quote.src_port, quote.dst_port) != (self.config.local_port, self.config.remote_port) {
            return IcmpJudgement::Ignore;
        }
        let judgement = judge_icmp(self.state, self.snd.una, self.snd.nxt, message, quote.seq);
        if judgement == IcmpJudgement::Decides {
            self.enter_closed();
        }
        judgement
    }
}
