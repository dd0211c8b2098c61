//! The connections that are being followed: found by their ends, numbered, and forgotten in time.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use crate::clock::Stamp;
use crate::exchange::End;
use crate::tcp::TWO_MSL;

use super::numbers::Numbers;
use super::ours::Probe;
use super::sight::{Pair, Sighting};

/// A connection that is being followed.
#[derive(Debug)]
pub(super) struct Stream {
    /// Its number, as Wireshark counts (`tcp.stream`).
    pub(super) number: u64,
    pair: Pair,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) numbers: Numbers,
    /// Which of our probes it is, in a capture of ours.
    pub(super) probe: Option<Probe>,
    pub(super) is_asked_for: bool,
    last_frame: u64,
    last_seen: Stamp,
    /// It is in the list of those that are over.
    lingers: bool,
}

impl Stream {
    /// The client is the sender of the first SYN, else the receiver of the first SYN-ACK, else the
    /// first sender. What comes first decides.
    fn opened_by(sighting: &Sighting, pair: Pair, number: u64) -> Stream {
        let ours = sighting.ours.as_ref();
        let probe = ours.and_then(|ours| ours.begins);
        let answers = match ours.filter(|_| probe.is_some()) {
            Some(ours) => ours.from == End::Peer && !sighting.is_quote(),
            None => sighting
                .head
                .is_some_and(|head| head.flags.syn() && head.flags.ack()),
        };
        let (client, server) = if answers {
            (sighting.dst, sighting.src)
        } else {
            (sighting.src, sighting.dst)
        };
        Stream {
            number,
            pair,
            client,
            server,
            numbers: Numbers::default(),
            probe,
            is_asked_for: false,
            last_frame: 0,
            last_seen: Stamp::default(),
            lingers: false,
        }
    }

    /// It is over, and was not before.
    pub(super) fn has_ended(&self) -> bool {
        self.numbers.is_over() && !self.lingers
    }

    /// The end that a segment comes from, or the quoted one. A connection of an end with itself has
    /// only one, but for what a capture of ours says.
    pub(super) fn sender(&self, sighting: &Sighting) -> End {
        match (&sighting.ours, self.probe) {
            (Some(_), Some(_)) if sighting.is_quote() => End::Local,
            (Some(ours), Some(_)) => ours.from,
            _ => self.end_of(sighting.src),
        }
    }

    fn mark(&self, place: usize) -> Mark {
        Mark {
            place,
            number: self.number,
            last_frame: self.last_frame,
        }
    }

    fn end_of(&self, src: SocketAddr) -> End {
        if src == self.client {
            End::Local
        } else {
            End::Peer
        }
    }
}

/// How much is kept at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections that are followed, those that are over included.
    pub(super) followed: usize,
    /// Connections that are over, for what may still come.
    pub(super) lingering: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // One takes about 4 KiB.
            followed: 1 << 18,
            lingering: 1 << 14,
        }
    }
}

/// A connection in one of the lists of those that may be forgotten: it is what it was if that was
/// its last frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    place: usize,
    number: u64,
    last_frame: u64,
}

/// What a frame belongs to.
pub(super) struct Found<'a> {
    pub(super) stream: &'a mut Stream,
    /// Its place, which no other has until it is forgotten.
    pub(super) place: usize,
    /// It is new.
    pub(super) is_new: bool,
}

/// The connections that are being followed, at most one for each pair of ends.
#[derive(Debug)]
pub(super) struct Streams {
    /// Where each is. The hash is seeded anew in each run: no capture can be made to collide.
    places: HashMap<Pair, usize, RandomState>,
    followed: Vec<Option<Stream>>,
    /// The empty ones of them.
    vacant: Vec<usize>,
    limits: Limits,
    /// Where our probes are, by their numbers, in a capture of ours.
    probes: HashMap<u64, usize, RandomState>,
    /// The ends of the last that has begun.
    last_probe: Option<Pair>,
    /// How many there were.
    opened: u64,
    /// Those that are over.
    lingering: VecDeque<Mark>,
    /// Some of those that have been idle longest, the longest last. Made when it is needed.
    idle: Vec<Mark>,
}

impl Streams {
    pub(super) fn new(limits: Limits) -> Streams {
        Streams {
            places: HashMap::default(),
            followed: Vec::new(),
            vacant: Vec::new(),
            limits,
            probes: HashMap::default(),
            last_probe: None,
            opened: 0,
            lingering: VecDeque::new(),
            idle: Vec::new(),
        }
    }

    /// How many there were.
    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    /// The connection that the frame belongs to, if it belongs to any. Those that are forgotten
    /// meanwhile go to `forget`.
    pub(super) fn find(
        &mut self,
        sighting: &Sighting,
        mut forget: impl FnMut(usize, &Stream),
    ) -> Option<Found<'_>> {
        let (pair, at) = (self.pair(sighting), sighting.at());
        let place = self.places.get(&pair).copied();
        let before = place.and_then(|place| self.followed[place].as_ref());
        let ours = sighting.ours.as_ref();
        let begins = ours.is_some_and(|ours| ours.begins.is_some());
        let is_new = match (before, &sighting.head) {
            _ if begins => true,
            // A SYN of somebody else on our connection opens no other.
            (Some(stream), _) if ours.is_some() && stream.probe.is_some() => false,
            (Some(stream), Some(head)) => {
                let (numbers, from) = (&stream.numbers, stream.sender(sighting));
                numbers.differs(from, head)
                    || (!sighting.is_quote() && numbers.is_reopened(from, head))
            }
            (Some(_), None) => false,
            (None, Some(_)) => true,
            // Wireshark numbers no segment without a whole header.
            (None, None) => return None,
        };
        if begins {
            self.last_probe = Some(pair);
        }
        let place = match place {
            Some(place) if !is_new => place,
            _ => self.open(pair, sighting, &mut forget),
        };
        let stream = self.followed[place].as_mut()?;
        stream.last_frame = sighting.number();
        stream.last_seen = at;
        Some(Found {
            stream,
            place,
            is_new,
        })
    }

    /// The ends that a frame is about. Where we captured a segment that cannot be read, from the
    /// address that we probe, it may be ours, whatever its ports.
    fn pair(&self, sighting: &Sighting) -> Pair {
        let own = sighting.pair();
        match self.last_probe {
            Some(probe)
                if sighting.ours.is_some() && sighting.is_unread() && probe.has_hosts_of(own) =>
            {
                probe
            }
            _ => own,
        }
    }

    /// The place of our probe of this number, as long as it is followed, and whether it is asked for.
    pub(super) fn probe(&self, seq: u64) -> Option<(usize, bool)> {
        let place = *self.probes.get(&seq)?;
        let stream = self.followed[place].as_ref()?;
        Some((place, stream.is_asked_for))
    }

    /// Begins a connection; the one before it on these ends is over with that.
    fn open(
        &mut self,
        pair: Pair,
        sighting: &Sighting,
        forget: &mut impl FnMut(usize, &Stream),
    ) -> usize {
        if let Some(before) = self.places.get(&pair) {
            self.forget(*before, forget);
        }
        self.make_room(sighting.at(), forget);
        let stream = Stream::opened_by(sighting, pair, self.opened);
        self.opened += 1;
        let place = self.vacant.pop().unwrap_or(self.followed.len());
        if let Some(probe) = stream.probe {
            self.probes.insert(probe.seq, place);
        }
        if place == self.followed.len() {
            self.followed.push(Some(stream));
        } else {
            self.followed[place] = Some(stream);
        }
        self.places.insert(pair, place);
        place
    }

    /// The connection in this place is over.
    pub(super) fn linger(&mut self, place: usize) {
        if let Some(stream) = &mut self.followed[place] {
            stream.lingers = true;
            self.lingering.push_back(stream.mark(place));
        }
    }

    /// The connection that was marked, unless it is forgotten already.
    fn marked(&self, mark: &Mark) -> Option<&Stream> {
        let stream = self.followed[mark.place].as_ref();
        stream.filter(|stream| stream.number == mark.number)
    }

    fn make_room(&mut self, at: Stamp, forget: &mut impl FnMut(usize, &Stream)) {
        while let Some(mark) = self.lingering.front().copied() {
            let Some(stream) = self.marked(&mark) else {
                self.lingering.pop_front();
                continue;
            };
            let (now, last_seen) = (stream.mark(mark.place), stream.last_seen);
            let is_crowded = self.lingering.len() > self.limits.lingering;
            let quiet = u128::try_from(at.since(last_seen)).unwrap_or(0);
            if !is_crowded && quiet <= TWO_MSL.as_nanos() {
                break;
            }
            self.lingering.pop_front();
            if now == mark {
                self.forget(mark.place, forget);
            } else {
                // Seen since: in its turn again.
                self.lingering.push_back(now);
            }
        }
        while self.places.len() >= self.limits.followed {
            self.forget_idlest(forget);
        }
    }

    fn forget_idlest(&mut self, forget: &mut impl FnMut(usize, &Stream)) {
        while let Some(mark) = self.idle.pop() {
            let stream = self.marked(&mark);
            if stream.is_some_and(|stream| stream.mark(mark.place) == mark) {
                return self.forget(mark.place, forget);
            }
        }
        // Whatever is not in the list was seen after all that are.
        let places = self.followed.iter().enumerate();
        let all = places.filter_map(|(place, stream)| Some(stream.as_ref()?.mark(place)));
        self.idle = all.collect();
        self.idle
            .sort_unstable_by_key(|mark| std::cmp::Reverse(mark.last_frame));
    }

    fn forget(&mut self, place: usize, forget: &mut impl FnMut(usize, &Stream)) {
        if let Some(stream) = self.followed[place].take() {
            self.places.remove(&stream.pair);
            if let Some(probe) = stream.probe {
                self.probes.remove(&probe.seq);
            }
            self.vacant.push(place);
            forget(place, &stream);
        }
    }
}
