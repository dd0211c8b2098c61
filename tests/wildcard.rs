//! A guard of the wildcard address serves all our addresses: the kernel stays silent at each.

mod lab;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tcpshake::link::{Direction, Link, Outgoing, Wake};
use tcpshake::net::Live;
use tcpshake::net::guard::{Guard, GuardError, Way};
use tcpshake::wire::{Flags, IpFields, Packet, Segment};

use lab::{CLIENT_V4, CLIENT_V6, PEER_V4, PEER_V6, Pair, in_lab};

const SECOND_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
const SECOND_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 7));
const WILDCARDS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
];

#[test]
fn an_unsolicited_syn_ack_gets_no_reset_at_any_address() {
    in_lab(|| {
        let Pair { client, peer } = Pair::new();
        client.ip("address add 10.0.0.7/24 dev cli0
            address add fd00::7/64 dev cli0 nodad");
        for way in Way::ALL {
            let guards = client.run(|| guards_of_both(way));
            let capture = client.capture("cli0", "tcp");
            let port = guards[0].port();
            let unguarded = port ^ 1;
            peer.run(|| {
                let mut link = Live::open(vec![], None).expect("a link");
                for port in [port, unguarded] {
                    let (sent, refused) = link.send_all(&syn_acks(port));
                    assert!(sent == 4 && refused.is_none(), "{refused:?}");
                }
                // The kernel answers where nobody guards, after it was silent where somebody does.
                let mut resets = Vec::new();
                while resets.len() < 4 {
                    let Wake::Frame(frame) = link.recv(None).expect("a capture") else {
                        panic!("interrupted")
                    };
                    if frame.direction == Direction::Received {
                        let packet = Packet::parse(&frame.bytes).expect("a packet");
                        resets.extend(packet.tcp().map(|segment| segment.src_port));
                    }
                }
                assert_eq!(resets, [unguarded; 4], "{way}");
            });
            let captured = capture.stop().segments().len();
            assert_eq!(captured, 4 + 4 + 4, "{way}");
        }
    });
}

#[test]
fn one_port_is_guarded_for_both_families() {
    in_lab(|| {
        let [v4, v6] = guards_of_both(Way::Md5);
        assert_eq!(v4.port(), v6.port());
        for guard in [&v4, &v6] {
            assert!(guard.local().ip().is_unspecified());
            let second = Guard::open(guard.local(), None);
            assert!(matches!(second, Err(GuardError::PortInUse(_))));
        }
    });
}

fn guards_of_both(way: Way) -> [Guard; 2] {
    let guard = |ip, port| Guard::open(SocketAddr::new(ip, port), Some(way)).expect("a guard");
    let v4 = guard(WILDCARDS[0], 0);
    let v6 = guard(WILDCARDS[1], v4.port());
    [v4, v6]
}

/// One to each address of the client.
fn syn_acks(port: u16) -> Vec<Outgoing> {
    let ends = [
        (PEER_V4, CLIENT_V4),
        (PEER_V4, SECOND_V4),
        (PEER_V6, CLIENT_V6),
        (PEER_V6, SECOND_V6),
    ];
    let syn_ack = |(from, to)| {
        let segment = Segment {
            src_port: 80,
            dst_port: port,
            flags: Flags::SYN | Flags::ACK,
            ..Segment::default()
        };
        let packet = Packet::build(from, to, segment, &IpFields::default()).emit();
        Outgoing {
            packet,
            to,
            scope: 0,
        }
    };
    ends.map(syn_ack).into()
}
