//! Packets that are sent together leave in their order, and the one that is refused is told.

mod lab;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tcpshake::link::{Link, Outgoing, SendError, Wake};
use tcpshake::net::Live;
use tcpshake::net::guard::{Guard, Way};
use tcpshake::wire::{Flags, IpFields, Packet, Segment, SeqNumber};

use lab::{CLIENT_V4, Namespace, Pair, in_lab};

const V4: &str = "127.0.0.1";
const V6: &str = "::1";
/// Nothing leads there.
const NOWHERE: &str = "192.0.2.1";
const NOWHERE_V6: &str = "2001:db8::1";

/// Whether it is this reason.
type Reason = fn(&SendError) -> bool;

#[test]
fn packets_of_every_kind_leave_in_their_order() {
    in_lab(|| {
        let mut link = Numbered::open();
        let destinations = [V4, "127.0.0.2", V6, V4, V6, V6, "127.3.3.3", V4];
        let packets: Vec<_> = (0..500)
            .map(|number| link.packet(number, destinations[number as usize % destinations.len()]))
            .collect();
        let (sent, refused) = link.live.send_all(&packets);
        assert!(refused.is_none(), "{refused:?}");
        assert_eq!(sent, packets.len());
        assert_eq!(link.captured(), (0..500).collect::<Vec<_>>());
    });
}

#[test]
fn nothing_is_sent_of_nothing() {
    in_lab(|| {
        let (sent, refused) = Numbered::open().live.send_all(&[]);
        assert!(sent == 0 && refused.is_none(), "{refused:?}");
    });
}

#[test]
fn the_packet_that_is_refused_is_told_wherever_it_stands() {
    in_lab(|| {
        let mut link = Numbered::open();
        Namespace::here().nft(
            "table inet t { chain c { type filter hook output priority 0;
                tcp dport 81 drop; }; }",
        );
        for (ours, nowhere) in [(V4, NOWHERE), (V6, NOWHERE_V6)] {
            for refused in [0, 1, 63, 64, 65, 199] {
                let unsendable: [(Reason, Outgoing); 4] = [
                    (is_no_route, link.packet(refused, nowhere)),
                    (is_firewall, link.packet_to(81, refused, ours)),
                    (is_too_large, link.oversized(refused, ours)),
                    (is_other, link.headless(ours)),
                ];
                for (is_the_reason, packet) in unsendable {
                    let mut packets: Vec<_> =
                        (0..200).map(|number| link.packet(number, ours)).collect();
                    packets[refused as usize] = packet;
                    let (sent, error) = link.live.send_all(&packets);
                    assert_eq!(sent, refused as usize);
                    assert!(error.as_ref().is_some_and(is_the_reason), "{error:?}");
                    let (sent, error) = link.live.send_all(&packets[sent + 1..]);
                    assert_eq!(sent, 199 - refused as usize);
                    assert!(error.is_none(), "{error:?}");
                    let expected: Vec<_> = (0..200).filter(|number| *number != refused).collect();
                    assert_eq!(link.captured(), expected);
                }
            }
        }
    });
}

#[test]
fn each_packet_leaves_by_the_route_of_its_own_source() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        client.ip("address add 10.0.0.7/24 dev cli0");
        client.ip("route add prohibit 192.0.2.0/24 table 7");
        client.ip("route add 192.0.2.0/24 via 10.0.0.2");
        client.rule("-4", &["from", "10.0.0.7", "table", "7"]);
        client.run(|| {
            let mut live = Live::open(vec![], None).expect("a link");
            let from = |source| segment(address(source), address(NOWHERE), 9, 0, 0);
            let mut packets = ["10.0.0.1"; 3].map(from);
            packets[2] = from("10.0.0.7");
            let (sent, refused) = live.send_all(&packets);
            assert!(
                matches!(refused, Some(SendError::NoRoute(_))),
                "{refused:?}"
            );
            assert_eq!(sent, 2);
        });
    });
}

#[test]
fn a_full_queue_is_told_at_once_and_takes_the_packet_later() {
    in_lab(|| {
        let Pair {
            client,
            peer: _peer,
        } = Pair::new();
        // Nobody answers for these addresses: what is sent to them waits in our own kernel.
        let silent = |number: u32| IpAddr::from([10, 0, 0, 100 + (number % 100) as u8]);
        client.run(|| {
            let mut live = Live::open(vec![], None).expect("a link");
            let packets: Vec<_> = (0..20_000)
                .map(|number| segment(CLIENT_V4, silent(number), 9, number, 1400))
                .collect();
            let (sent, refused) = live.send_all(&packets);
            assert!(
                matches!(refused, Some(SendError::Busy(_))),
                "{sent} {refused:?}"
            );
            assert!(sent > 1000, "{sent} packets");
            client.ip("neigh flush dev cli0");
            let (sent, refused) = live.send_all(&packets[sent..sent + 1]);
            assert!(sent == 1 && refused.is_none(), "{refused:?}");
        });
    });
}

/// A link that sees what it sends to a guarded port of its own.
struct Numbered {
    live: Live,
    port: u16,
}

impl Numbered {
    fn open() -> Numbered {
        let local = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let v4 = Guard::open(local, Some(Way::Md5)).expect("a guard");
        let port = v4.port();
        let local = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let v6 = Guard::open(local, Some(Way::Md5)).expect("a guard");
        let live = Live::open(vec![v4, v6], None).expect("a link");
        Numbered { live, port }
    }

    fn packet(&self, number: u32, to: &str) -> Outgoing {
        self.packet_to(self.port, number, to)
    }

    fn packet_to(&self, port: u16, number: u32, to: &str) -> Outgoing {
        let from = if to.contains(':') { V6 } else { V4 };
        segment(address(from), address(to), port, number, 0)
    }

    fn oversized(&self, number: u32, to: &str) -> Outgoing {
        let mut outgoing = self.packet(number, to);
        outgoing.packet.resize(70_000, 0);
        outgoing
    }

    fn headless(&self, to: &str) -> Outgoing {
        let (packet, to, scope) = (vec![0; 10], address(to), 0);
        Outgoing { packet, to, scope }
    }

    /// The numbers of the frames that are queued.
    fn captured(&mut self) -> Vec<u32> {
        let past = self.live.now();
        let mut numbers = Vec::new();
        while let Wake::Frame(frame) = self.live.recv(Some(past)).expect("a capture") {
            let packet = Packet::parse(&frame.bytes).expect("a packet");
            numbers.push(packet.tcp().expect("a segment").seq.0);
        }
        numbers
    }
}

fn segment(from: IpAddr, to: IpAddr, port: u16, number: u32, length: usize) -> Outgoing {
    let segment = Segment {
        src_port: 9,
        dst_port: port,
        seq: SeqNumber(number),
        flags: Flags::ACK,
        payload: vec![0; length],
        ..Segment::default()
    };
    let packet = Packet::build(from, to, segment, &IpFields::default()).emit();
    Outgoing {
        packet,
        to,
        scope: 0,
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn is_no_route(error: &SendError) -> bool {
    matches!(error, SendError::NoRoute(_))
}

fn is_firewall(error: &SendError) -> bool {
    matches!(error, SendError::Firewall)
}

fn is_other(error: &SendError) -> bool {
    matches!(error, SendError::Other(_))
}

fn is_too_large(error: &SendError) -> bool {
    let errno = match error {
        SendError::Other(error) => error.raw_os_error(),
        _ => None,
    };
    errno == Some(nix::libc::EMSGSIZE)
}
