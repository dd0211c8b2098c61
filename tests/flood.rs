//! What is queued comes first and in its order, each frame with its own stamp. A flood holds back
//! neither the user nor whoever works beside.

mod lab;

use std::io::{Write, pipe};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::slice;

use nix::sys::signal::{Signal, raise};
use tcpshake::clock::Time;
use tcpshake::link::{Frame, Link, Outgoing, Wake};
use tcpshake::net::Live;
use tcpshake::net::guard::{Guard, Way};
use tcpshake::net::stamps::Stamping;
use tcpshake::wire::{Flags, IpFields, Packet, Segment, SeqNumber};

use lab::{PATIENCE, in_lab};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// More than the largest batch and all the smaller ones before it.
const FRAMES: u32 = 300;
/// The most that an IPv4 packet holds beside its two headers.
const LARGEST: usize = 65_535 - 40;

#[test]
fn frames_that_are_queued_come_before_the_time() {
    in_lab(|| {
        let mut link = Looped::open();
        for number in 0..FRAMES {
            link.send(number, 0);
        }
        let past = link.live.now();
        for number in 0..FRAMES {
            assert_eq!(number_of(&frame(link.recv(Some(past)))), number);
        }
        assert_eq!(link.recv(Some(past)), Wake::Timeout);
    });
}

#[test]
fn a_coalesced_frame_in_a_batch_is_whole() {
    in_lab(|| {
        let mut link = Looped::open();
        let length = |number| match number % 7 {
            0 => LARGEST,
            other => other as usize,
        };
        // A batch at a time: the queue holds no more of them.
        for batch in 0..4 {
            let numbers = batch * 64..batch * 64 + 64;
            let sent = numbers.map(|number| link.send(number, length(number)));
            for packet in sent.collect::<Vec<_>>() {
                let mut bytes = frame(link.recv(None)).bytes;
                // The kernel fills in the header checksum.
                bytes[10..12].copy_from_slice(&packet[10..12]);
                assert!(bytes == packet, "{} bytes", packet.len());
            }
        }
    });
}

#[test]
fn each_frame_of_a_batch_has_its_own_stamp() {
    in_lab(|| {
        let stamping = Stamping::enable().expect("stamps");
        assert!(stamping.wait(PATIENCE));
        let mut link = Looped::open();
        let mut times = vec![link.live.wall()];
        for number in 0..FRAMES {
            link.send(number, 0);
            times.push(link.live.wall());
        }
        for between in times.windows(2) {
            let stamp = frame(link.recv(None)).stamp.expect("a stamp");
            assert!((between[0]..=between[1]).contains(&stamp), "{stamp:?}");
        }
    });
}

#[test]
fn a_flood_does_not_hold_back_the_user() {
    in_lab(|| {
        let mut link = Looped::open();
        let seen = link.frames_before(Wake::Interrupted, || raise(Signal::SIGINT).expect("sent"));
        assert!(seen <= 128, "{seen} frames");
    });
}

#[test]
fn a_flood_does_not_hold_back_who_calls() {
    in_lab(|| {
        let mut link = Looped::open();
        let (caller, bell) = UnixDatagram::pair().expect("a pair");
        link.live.heed(bell.into());
        let call = || assert_eq!(caller.send(&[0]).expect("a call"), 1);
        let seen = link.frames_before(Wake::Called, call);
        assert!(seen <= 128, "{seen} frames");
    });
}

#[test]
fn a_call_is_told_once_and_the_end_of_the_caller_too() {
    in_lab(|| {
        let mut link = Looped::open();
        let (bell, mut caller) = pipe().expect("a pipe");
        link.live.heed(bell.into());
        let past = link.live.now();
        assert_eq!(link.recv(Some(past)), Wake::Timeout);
        for _ in 0..2 {
            caller.write_all(b"names").expect("a call");
            assert_eq!(link.recv(None), Wake::Called);
            assert_eq!(link.recv(Some(past)), Wake::Timeout);
        }
        drop(caller);
        assert_eq!(link.recv(None), Wake::Called);
        assert_eq!(link.recv(Some(past)), Wake::Timeout);
    });
}

/// A link over loopback to its own guarded port.
struct Looped {
    live: Live,
    port: u16,
}

impl Looped {
    fn open() -> Looped {
        let guard = Guard::open(SocketAddr::new(HERE, 0), Some(Way::Md5)).expect("a guard");
        let port = guard.port();
        let live = Live::open(vec![guard], None).expect("a link");
        Looped { live, port }
    }

    /// A numbered segment with so many bytes of data, as it was sent.
    fn send(&mut self, number: u32, length: usize) -> Vec<u8> {
        let segment = Segment {
            src_port: 9,
            dst_port: self.port,
            seq: SeqNumber(number),
            flags: Flags::ACK,
            payload: vec![number as u8; length],
            ..Segment::default()
        };
        let packet = Packet::build(HERE, HERE, segment, &IpFields::default()).emit();
        let (to, scope) = (HERE, 0);
        let outgoing = Outgoing { packet, to, scope };
        let (sent, refused) = self.live.send_all(slice::from_ref(&outgoing));
        assert!(sent == 1 && refused.is_none(), "{refused:?}");
        outgoing.packet
    }

    fn recv(&mut self, until: Option<Time>) -> Wake {
        self.live.recv(until).expect("a capture")
    }

    /// How many frames come before `wake` when each that is taken is followed by another, and
    /// `call` is made when they are flowing.
    fn frames_before(&mut self, wake: Wake, call: impl FnOnce()) -> u32 {
        for number in 0..FRAMES {
            self.send(number, 0);
            frame(self.recv(None));
            self.send(number, 0);
        }
        call();
        for seen in 0..FRAMES {
            match self.recv(None) {
                Wake::Frame(_) => self.send(seen, 0),
                other => {
                    assert_eq!(other, wake);
                    return seen;
                }
            };
        }
        FRAMES
    }
}

fn frame(wake: Wake) -> Frame {
    match wake {
        Wake::Frame(frame) => frame,
        other => panic!("{other:?} before the frame"),
    }
}

fn number_of(frame: &Frame) -> u32 {
    let packet = Packet::parse(&frame.bytes).expect("a packet");
    packet.tcp().expect("a segment").seq.0
}
