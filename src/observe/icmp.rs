//! ICMP errors about the connection: the first that quotes our SYN decides.

use std::net::IpAddr;

use crate::exchange::{AnomalyKind, End, IcmpPacket, IcmpRecord, MOST_OF_A_KIND, QUOTED, Verdict};
use crate::tcp::{IcmpJudgement, State, judge_icmp};
use crate::wire::{IcmpMessage, IpHeader, Quote};

use super::Observer;

impl Observer {
    pub(super) fn record_icmp(&mut self, t_ns: i64, ip: &IpHeader, message: &IcmpMessage) {
        let packets = &mut self.exchange.icmp_packets;
        if packets.len() < MOST_OF_A_KIND {
            let body = &message.body;
            packets.push(IcmpPacket {
                t_ns,
                ip: ip.clone(),
                message: IcmpMessage {
                    body: body[..body.len().min(QUOTED)].to_vec(),
                    ..*message
                },
                intact: message.checksum_ok(ip.src(), ip.dst()),
            });
        }
    }

    pub(super) fn icmp(&mut self, t_ns: i64, from: IpAddr, message: &IcmpMessage, quote: &Quote) {
        // Without an answer to its ARP a SYN is never captured: the quote is all there is of it.
        let isn = *self.exchange.handshake.isn.get_or_insert(quote.seq);
        // No verdict yet: SYN-SENT.
        let judgement = judge_icmp(State::SynSent, isn, isn + 1, message, quote.seq);
        if self.exchange.verdict.is_none() && judgement == IcmpJudgement::Decides {
            let verdict = if message.prohibited() {
                Verdict::Filtered
            } else {
                Verdict::Unreachable
            };
            self.decide(verdict, message.reason());
            self.exchange.icmp = Some(IcmpRecord {
                t_ns,
                icmp_type: message.icmp_type,
                code: message.code,
                from,
                reason: message.reason(),
            });
            return;
        }
        let repeats = self.exchange.icmp.is_some_and(|first| {
            (first.icmp_type, first.code, first.from) == (message.icmp_type, message.code, from)
        });
        if repeats {
            // One for each SYN that was sent.
            return;
        }
        if let Some(mtu) = message
            .next_hop_mtu()
            .filter(|_| self.is_under_way(message, quote))
        {
            let text = format!(
                "{from} takes packets of at most {mtu} bytes: the data goes on in smaller segments"
            );
            return self.anomaly_once(AnomalyKind::PathMtu, t_ns, text);
        }
        self.note_ignored(t_ns, from, message.reason());
    }

    pub(super) fn note_ignored(&mut self, t_ns: i64, from: IpAddr, reason: &str) {
        let text =
            format!("an ICMP error ({reason}) from {from} about this connection was ignored");
        self.anomaly(AnomalyKind::IcmpIgnored, t_ns, text);
    }

    /// Whether the error is about text that the peer has not acknowledged.
    fn is_under_way(&self, message: &IcmpMessage, quote: &Quote) -> bool {
        let local = self.ends.known(End::Local);
        let acked = self.ends.known(End::Peer).acked;
        let numbers = acked.zip(local.fin.or(local.nxt));
        numbers.is_some_and(|(una, end)| {
            judge_icmp(State::Established, una, end, message, quote.seq) == IcmpJudgement::Soft
        })
    }
}
