//! What is gathered of one connection.

use crate::exchange::{Checksum, End};
use crate::observe::{Observer, Subject};
use crate::report::{Connection, Each, Mark};

use super::ours::{Known, Probe};
use super::sight::{Head, Sighting, What};
use super::streams::Stream;

/// Wireshark's bits (`tcp.completeness`).
mod complete {
    pub(super) const SYN: u8 = 1;
    pub(super) const SYN_ACK: u8 = 2;
    pub(super) const ACK: u8 = 4;
    pub(super) const DATA: u8 = 8;
    pub(super) const FIN: u8 = 16;
    pub(super) const RST: u8 = 32;
}

/// A connection that is to be reported.
#[derive(Debug)]
pub(super) struct Watched {
    observer: Observer,
    first_frame: u64,
    last_frame: u64,
    packets: Each<u64>,
    bytes: Each<u64>,
    completeness: u8,
    /// Which ends have sent a right checksum.
    is_trusted: Each<bool>,
    /// What is known besides, where it is one of our probes.
    known: Option<Known>,
}

impl Watched {
    pub(super) fn new(observer: Observer, first_frame: u64, probe: Option<Probe>) -> Watched {
        Watched {
            observer,
            first_frame,
            last_frame: first_frame,
            packets: Each::default(),
            bytes: Each::default(),
            completeness: 0,
            is_trusted: Each::default(),
            known: probe.map(Known::of),
        }
    }

    /// One of its frames, which the end `from` sent or, where it is an ICMP error, is quoted with.
    pub(super) fn take(&mut self, from: End, sighting: Sighting) {
        self.last_frame = sighting.number;
        if !sighting.is_quote() {
            *self.packets.of_mut(from) += 1;
            *self.bytes.of_mut(from) += sighting.bytes;
            self.completeness |= sighting.head.as_ref().map_or(0, completeness);
        }
        if sighting.is_copy {
            return;
        }
        if let (Some(known), Some(ours)) = (&mut self.known, sighting.ours) {
            known.note(ours.notes);
        }
        if let Some(subject) = self.subject(from, sighting.what) {
            self.observer.observe(sighting.at, &subject);
        }
    }

    /// What is said of it after its last frame.
    pub(super) fn remark(&mut self, mark: Mark) {
        if let Some(known) = &mut self.known {
            known.take(mark);
        }
    }

    pub(super) fn finish(self, stream: &Stream) -> Connection {
        let mut exchange = self.observer.finish();
        let probe = self.known.map(|known| {
            exchange.add_untold(known.untold);
            known.probe
        });
        Connection {
            stream: stream.number,
            seq: probe.map_or(stream.number, |probe| probe.seq),
            first_frame: self.first_frame,
            last_frame: self.last_frame,
            client: stream.client,
            server: stream.server,
            packets: self.packets,
            bytes: self.bytes,
            completeness: self.completeness,
            requested: probe.map(|probe| probe.end),
            exchange,
        }
    }

    fn subject(&mut self, from: End, what: What) -> Option<Subject> {
        Some(match what {
            What::Segment {
                ip,
                segment,
                is_cut,
            } => {
                let checksum = if is_cut {
                    Checksum::Pending
                } else {
                    self.judged(from, Checksum::of(&segment, ip.src(), ip.dst()))
                };
                Subject::Segment {
                    from,
                    ip,
                    segment,
                    checksum,
                }
            }
            What::Malformed { error } => Subject::Malformed { error },
            What::Fragment => Subject::Fragment,
            What::Icmp {
                ip,
                message,
                quote,
                is_intact: true,
            } if from == End::Local => Subject::Icmp { ip, message, quote },
            What::Icmp { .. } => return None,
        })
    }

    /// Whoever never sends a right checksum leaves them to hardware behind the capture: a wrong one
    /// says something only of an end that can do better.
    fn judged(&mut self, from: End, checksum: Checksum) -> Checksum {
        let is_trusted = self.is_trusted.of_mut(from);
        *is_trusted |= checksum == Checksum::Good;
        match checksum {
            Checksum::Bad if !*is_trusted && self.known.is_none() => Checksum::Pending,
            other => other,
        }
    }
}

/// The bits of one segment. Wireshark counts as ACK what has no data, and as data what a connection
/// takes: without ACK it is dropped (RFC 9293 3.10.7.4, fifth).
fn completeness(head: &Head) -> u8 {
    let (flags, has_data) = (head.flags, head.len > 0);
    let first = match (flags.syn(), flags.ack()) {
        (true, false) => complete::SYN,
        (true, true) => complete::SYN_ACK,
        (false, true) if !has_data => complete::ACK,
        (false, _) => 0,
    };
    let takes_data = has_data && (flags.ack() || flags.syn());
    first
        | if takes_data { complete::DATA } else { 0 }
        | if flags.fin() { complete::FIN } else { 0 }
        | if flags.rst() { complete::RST } else { 0 }
}
