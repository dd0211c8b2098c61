//! The engine on links that the tests make up.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::rc::Rc;

use super::*;
use crate::exchange::{End, Verdict};
use crate::link::Direction;
use crate::session::{Course, End as Ending};
use crate::tcp::{Config, Schedule};
use crate::wire::{Flags, Options, Segment, SeqNumber};

/// Sends everything and captures nothing.
struct Deaf {
    now: Time,
    drops: u64,
}

impl Link for Deaf {
    fn now(&self) -> Time {
        self.now
    }

    fn wall(&self) -> Stamp {
        Stamp(self.now.0)
    }

    fn send(&mut self, _: &[u8], _: IpAddr, _: u32) -> Result<(), SendError> {
        self.drops += 1;
        Ok(())
    }

    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
        self.now = until.expect("a session that waits for a time");
        Ok(Wake::Timeout)
    }

    fn capture_drops(&self) -> u64 {
        self.drops
    }
}

#[test]
fn where_the_capture_lost_frames_nothing_is_said_to_be_unsent() {
    let host = |last, port| SocketAddr::new(Ipv4Addr::new(192, 0, 2, last).into(), port);
    let (local, remote) = (host(1, 50_000), host(2, 80));
    let config = Config {
        local_port: local.port(),
        remote_port: remote.port(),
        iss: SeqNumber(1),
        window: 64_240,
        options: Options::default(),
        syn_flags: Flags::SYN,
        schedule: Schedule {
            first: Duration::from_secs(1),
            retries: 0,
        },
    };
    let course = Course {
        end: Ending::Fin,
        hold: Duration::ZERO,
        time_wait: None,
    };
    let probe = Probe {
        flow: Flow { local, remote },
        scope: 0,
        ip: IpFields::default(),
        session: Handshake::new(config, course),
    };
    let mut link = Deaf {
        now: Time(0),
        drops: 0,
    };
    let finished = run(&mut link, probe, None).expect("a capture");
    let ids: Vec<_> = finished.exchange.anomalies.iter().map(|a| a.id).collect();
    assert_eq!(ids, ["capture-drops"]);
}

/// Sends nothing, and tells once of the user's wish to stop.
struct Unplugged {
    signals: Vec<Wake>,
}

impl Link for Unplugged {
    fn now(&self) -> Time {
        Time::default()
    }

    fn wall(&self) -> Stamp {
        Stamp::default()
    }

    fn send(&mut self, _: &[u8], _: IpAddr, _: u32) -> Result<(), SendError> {
        Err(SendError::Firewall)
    }

    fn recv(&mut self, _: Option<Time>) -> io::Result<Wake> {
        Ok(self.signals.pop().unwrap_or(Wake::Timeout))
    }

    fn capture_drops(&self) -> u64 {
        0
    }
}

fn probe() -> Probe {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let second = Duration::from_secs(1);
    let config = Config {
        local_port: 1,
        remote_port: 2,
        iss: SeqNumber(0),
        window: 0,
        options: Options::default(),
        syn_flags: Flags::SYN,
        schedule: Schedule {
            first: second,
            retries: 0,
        },
    };
    let course = Course {
        end: Ending::Fin,
        hold: second,
        time_wait: None,
    };
    Probe {
        flow: Flow {
            local: address(1),
            remote: address(2),
        },
        scope: 0,
        ip: IpFields::default(),
        session: Handshake::new(config, course),
    }
}

/// Sends to somebody who never answers; what leaves is captured.
struct Silent {
    deaf: Deaf,
    captured: Vec<Frame>,
    told_by: Rc<Cell<usize>>,
    told: Vec<usize>,
}

impl Link for Silent {
    fn now(&self) -> Time {
        self.deaf.now()
    }

    fn wall(&self) -> Stamp {
        self.deaf.wall()
    }

    fn send(&mut self, packet: &[u8], _: IpAddr, _: u32) -> Result<(), SendError> {
        self.captured.push(Frame {
            stamp: Some(self.wall()),
            direction: Direction::Sent,
            interface: 1,
            checksum_pending: true,
            bytes: packet.to_vec(),
        });
        Ok(())
    }

    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
        if let Some(frame) = self.captured.pop() {
            return Ok(Wake::Frame(frame));
        }
        let wake = self.deaf.recv(until);
        self.told.push(self.told_by.get());
        wake
    }

    fn capture_drops(&self) -> u64 {
        0
    }
}

struct Count(Rc<Cell<usize>>);

impl Recorder for Count {
    fn record(&mut self, recorded: &Recorded<'_>) -> ControlFlow<()> {
        assert_eq!(recorded.from, End::Local);
        self.0.set(self.0.get() + 1);
        ControlFlow::Continue(())
    }
}

#[test]
fn a_frame_is_recorded_before_the_next_one_comes() {
    let recorded = Rc::new(Cell::new(0));
    let mut link = Silent {
        deaf: Deaf {
            now: Time(0),
            drops: 0,
        },
        captured: Vec::new(),
        told_by: recorded.clone(),
        told: Vec::new(),
    };
    let mut count = Count(recorded.clone());
    let mut engine = Engine::new(&mut link);
    engine.start(7, probe());
    let finished = loop {
        engine.turn(None, Some(&mut count)).unwrap();
        if let Some((id, finished)) = engine.poll_finished() {
            assert_eq!(id, 7);
            break finished;
        }
    };
    assert_eq!(recorded.get(), finished.exchange.segments.len());
    // The queue is found empty, then the SYN is recorded, and the wait for its answer goes on.
    assert_eq!(link.told[..2], [0, 1]);
}

#[test]
fn a_signal_after_the_last_segment_is_not_lost() {
    for signals in [vec![Wake::Interrupted], vec![]] {
        let interrupted = !signals.is_empty();
        let finished = run(&mut Unplugged { signals }, probe(), None).unwrap();
        assert!(finished.refused.is_some() && finished.stopped.is_none());
        assert_eq!(finished.interrupted, interrupted);
    }
}

/// Sends to somebody who resets at once; the RST waits behind frames of others, of which each takes
/// its time to be read.
struct Backlogged {
    now: Time,
    queue: VecDeque<Frame>,
    /// Frames of ours that the capture has lost; `None`: it loses none.
    lost: Option<u64>,
}

impl Backlogged {
    const FRAMES: usize = 100;
    const EACH: Duration = Duration::from_millis(20);

    fn queue(&mut self, direction: Direction, bytes: Vec<u8>) {
        self.queue.push_back(Frame {
            stamp: Some(self.wall()),
            direction,
            interface: 1,
            checksum_pending: true,
            bytes,
        });
    }
}

impl Link for Backlogged {
    fn now(&self) -> Time {
        self.now
    }

    fn wall(&self) -> Stamp {
        Stamp(self.now.0)
    }

    fn send(&mut self, packet: &[u8], to: IpAddr, _: u32) -> Result<(), SendError> {
        match &mut self.lost {
            None => self.queue(Direction::Sent, packet.to_vec()),
            Some(lost) => *lost += 1,
        }
        let segment = |src_port, flags| {
            let segment = Segment {
                src_port,
                dst_port: 1,
                ack: SeqNumber(1),
                flags,
                ..Segment::default()
            };
            Packet::build(to, to, segment, &IpFields::default()).emit()
        };
        for _ in 0..Self::FRAMES {
            self.queue(Direction::Received, segment(9, Flags::ACK));
        }
        self.queue(Direction::Received, segment(2, Flags::RST | Flags::ACK));
        Ok(())
    }

    fn recv(&mut self, until: Option<Time>) -> io::Result<Wake> {
        if let Some(frame) = self.queue.pop_front() {
            self.now = self.now + Self::EACH;
            return Ok(Wake::Frame(frame));
        }
        self.now = self.now.max(until.expect("somebody to wait for"));
        Ok(Wake::Timeout)
    }

    fn capture_drops(&self) -> u64 {
        self.lost.unwrap_or(0)
    }
}

#[test]
fn an_answer_to_a_syn_that_the_capture_has_lost_is_one() {
    let mut link = Backlogged {
        now: Time(0),
        queue: VecDeque::new(),
        lost: Some(0),
    };
    let exchange = run(&mut link, probe(), None).unwrap().exchange;
    assert_eq!(exchange.verdict, Some(Verdict::Closed));
    assert_eq!(exchange.handshake.syn_sent, 0);
    assert_eq!(exchange.handshake.rtt_ns, None);
}

#[test]
fn no_timer_fires_before_the_frames_that_came_before_it() {
    let mut link = Backlogged {
        now: Time(0),
        queue: VecDeque::new(),
        lost: None,
    };
    let finished = run(&mut link, probe(), None).unwrap();
    // It is read a second after the only SYN is given up.
    assert!(link.now >= Time(2_000_000_000));
    assert_eq!(finished.exchange.verdict, Some(Verdict::Closed));
    assert_eq!(finished.exchange.segments.len(), 2);
}
