//! A peer that never stops sending holds back neither timers nor the user.

mod lab;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tcpshake::link::{Link, Wake};
use tcpshake::net::Live;
use tcpshake::net::guard::{Guard, Way};
use tcpshake::wire::{Flags, IpFields, Packet, Segment};

use lab::in_lab;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FRAMES: u32 = 300;

#[test]
fn a_time_that_has_come_goes_before_frames_that_keep_coming() {
    in_lab(|| {
        let guard = Guard::open(SocketAddr::new(HERE, 0), Some(Way::Md5)).expect("a guard");
        let segment = Segment {
            src_port: 9,
            dst_port: guard.port(),
            flags: Flags::ACK,
            ..Segment::default()
        };
        let packet = Packet::build(HERE, HERE, segment, &IpFields::default()).emit();
        let mut link = Live::open(vec![guard], None).expect("a link");
        for _ in 0..FRAMES {
            link.send(&packet, HERE, 0).expect("a packet to ourselves");
        }
        let past = link.now();
        let mut taken = 0;
        while let Wake::Frame(_) = link.recv(Some(past)).expect("a capture") {
            taken += 1;
        }
        assert!(taken > 0, "what is queued comes first");
        assert!(taken < FRAMES, "the clock was never looked at");
    });
}
