//! A run in virtual time: targets behind a path that polices SYNs, loses frames, or both.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);
/// What it takes to send one SYN.
const TURN: Duration = Duration::from_micros(20);
const SCHEDULE: Schedule = Schedule {
    first: Duration::from_secs(1),
    retries: 2,
};

/// The path, the targets behind it, and what the user asked for.
#[derive(Clone, Copy, Debug)]
struct Bed {
    targets: usize,
    /// Of a hundred targets.
    silent: u64,
    rate: Option<f64>,
    /// SYNs a second, 5 at once.
    policer: Option<f64>,
    /// Of a hundred frames, each way.
    loss: u64,
    round_trip: Duration,
    /// The capture loses what comes at these times.
    blind: Option<(Time, Time)>,
    schedule: Schedule,
}

const QUIET: Bed = Bed {
    targets: 1000,
    silent: 10,
    rate: None,
    policer: None,
    loss: 0,
    round_trip: MILLISECOND,
    blind: None,
    schedule: SCHEDULE,
};

/// What came of a run.
#[derive(Debug)]
#[expect(dead_code, reason = "some are only printed when a run fails")]
struct Outcome {
    took: f64,
    /// Targets that were there and were called filtered.
    missed: usize,
    sent: u32,
    most_attempts: u32,
    /// What was sent a second from the second quarter of the SYNs to the third.
    middle_rate: f64,
    slowdowns: u64,
    lowest: Option<f64>,
    loss: f64,
}

struct Random(u64);

impl Random {
    /// splitmix64
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn percent(&mut self, share: u64) -> bool {
        self.next() % 100 < share
    }
}

/// A token bucket.
struct Policer {
    rate: f64,
    tokens: f64,
    at: Time,
}

impl Policer {
    const BURST: f64 = 5.0;

    fn passes(&mut self, now: Time) -> bool {
        let earned = (now - self.at).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + earned).min(Self::BURST);
        self.at = now;
        let passes = self.tokens >= 1.0;
        if passes {
            self.tokens -= 1.0;
        }
        passes
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Event {
    Answer,
    Timer(u32),
}

impl Bed {
    fn run(self, seed: u64) -> Outcome {
        Run::new(self, seed).finish()
    }
}

struct Run {
    bed: Bed,
    random: Random,
    policer: Option<Policer>,
    pace: Pace,
    now: Time,
    events: BinaryHeap<Reverse<(Time, usize, Event)>>,
    due: VecDeque<usize>,
    /// `None`: decided.
    targets: Vec<Option<Attempts>>,
    there: Vec<bool>,
    started: usize,
    in_flight: usize,
    missed: usize,
    most_attempts: u32,
    departures: Vec<Time>,
}

impl Run {
    fn new(bed: Bed, seed: u64) -> Run {
        let mut random = Random(seed);
        Run {
            policer: bed.policer.map(|rate| Policer {
                rate,
                tokens: Policer::BURST,
                at: Time(0),
            }),
            pace: Pace::new(bed.rate, 1000, bed.schedule, Time(0)),
            now: Time(0),
            events: BinaryHeap::new(),
            due: VecDeque::new(),
            targets: vec![Some(Attempts::default()); bed.targets],
            there: (0..bed.targets)
                .map(|_| !random.percent(bed.silent))
                .collect(),
            started: 0,
            in_flight: 0,
            missed: 0,
            most_attempts: 0,
            departures: Vec::new(),
            random,
            bed,
        }
    }

    fn finish(mut self) -> Outcome {
        loop {
            while let Some(&Reverse((at, target, event))) = self.events.peek()
                && at <= self.now
            {
                self.events.pop();
                self.take(target, event);
            }
            let wants = !self.due.is_empty()
                || (self.started < self.bed.targets && self.in_flight < self.pace.parallel());
            let ready = wants.then(|| self.pace.ready(self.now));
            if ready == Some(self.now) {
                self.send();
                self.now = self.now + TURN;
                continue;
            }
            let event = self.events.peek().map(|Reverse((at, ..))| *at);
            match [ready, event].into_iter().flatten().min() {
                Some(next) => self.now = next,
                None => break,
            }
        }
        assert!(self.targets.iter().all(Option::is_none));
        let quarter = self.departures.len() / 4;
        let middle = self.departures[3 * quarter] - self.departures[quarter];
        Outcome {
            took: (self.now - Time(0)).as_secs_f64(),
            missed: self.missed,
            sent: self.departures.len() as u32,
            most_attempts: self.most_attempts,
            middle_rate: 2.0 * quarter as f64 / middle.as_secs_f64(),
            slowdowns: self.pace.slowdowns(),
            lowest: self.pace.lowest_rate(),
            loss: self.pace.loss(),
        }
    }

    /// Repeats go first.
    fn send(&mut self) {
        let target = self.due.pop_front().unwrap_or_else(|| {
            self.started += 1;
            self.in_flight += 1;
            self.started - 1
        });
        let Some(attempts) = &mut self.targets[target] else {
            return;
        };
        let now = self.now;
        let wait = self.pace.syn_left(now, attempts);
        self.departures.push(now);
        let timer = Event::Timer(attempts.sent());
        self.events.push(Reverse((now + wait, target, timer)));
        let Bed { loss, .. } = self.bed;
        let passes = !self.random.percent(loss)
            && self.policer.as_mut().is_none_or(|it| it.passes(now))
            && !self.random.percent(loss);
        if passes && self.there[target] {
            let at = now + self.bed.round_trip;
            self.events.push(Reverse((at, target, Event::Answer)));
        }
    }

    fn take(&mut self, target: usize, event: Event) {
        let Some(attempts) = &mut self.targets[target] else {
            return;
        };
        match event {
            Event::Answer => {
                let blind = |(from, to)| from <= self.now && self.now < to;
                if self.bed.blind.is_some_and(blind) {
                    self.pace.capture_lost(self.now);
                    return;
                }
                self.pace.answered(self.now, attempts);
            }
            Event::Timer(attempt) if attempt != attempts.sent() => return,
            Event::Timer(_) if self.pace.is_silent(self.now, attempts) => {
                self.missed += usize::from(self.there[target]);
            }
            Event::Timer(_) => return self.due.push_back(target),
        }
        self.most_attempts = self.most_attempts.max(attempts.sent());
        self.targets[target] = None;
        self.in_flight -= 1;
    }
}

/// Whatever the seed.
fn all_found(bed: Bed, seeds: u64, within: f64) {
    for seed in 0..seeds {
        let run = bed.run(seed);
        assert_eq!(run.missed, 0, "seed {seed} of {bed:?}: {run:?}");
        assert!(run.took <= within, "seed {seed} of {bed:?}: {run:?}");
    }
}

const ROUND_TRIPS: [Duration; 2] = [MILLISECOND, Duration::from_millis(100)];
const RATES: [Option<f64>; 2] = [None, Some(1000.0)];

fn beds(targets: usize, policer: Option<f64>, loss: u64) -> impl Iterator<Item = Bed> {
    RATES.into_iter().flat_map(move |rate| {
        ROUND_TRIPS.into_iter().map(move |round_trip| Bed {
            targets,
            policer,
            loss,
            rate,
            round_trip,
            ..QUIET
        })
    })
}

#[test]
fn all_are_found_behind_a_policer() {
    for limit in [50.0, 500.0, 5000.0] {
        for bed in beds(1000, Some(limit), 0) {
            all_found(bed, 20, 3.0 * 1000.0 / limit + 30.0);
        }
    }
}

#[test]
fn all_are_found_where_frames_are_lost() {
    for (loss, within) in [(5, 25.0), (20, 60.0)] {
        for targets in [256, 4096] {
            for bed in beds(targets, None, loss) {
                all_found(bed, 10, within);
            }
        }
    }
}

#[test]
fn all_are_found_behind_a_policer_where_frames_are_lost() {
    for limit in [50.0, 500.0, 5000.0] {
        for bed in beds(1000, Some(limit), 20) {
            all_found(bed, 10, 5.0 * 1000.0 / limit + 60.0);
        }
    }
}

#[test]
fn the_rate_settles_at_what_a_policer_lets_through() {
    for bed in beds(20_000, Some(500.0), 0) {
        let run = bed.run(1);
        assert_eq!(run.missed, 0, "{run:?}");
        assert!((400.0..600.0).contains(&run.middle_rate), "{run:?}");
        assert!(run.took < 3.0 * 40.0, "{run:?}");
    }
}

#[test]
fn without_loss_nothing_is_slowed_down() {
    for silent in [0, 10, 99] {
        for bed in beds(4096, None, 0) {
            let run = Bed { silent, ..bed }.run(2);
            assert_eq!((run.slowdowns, run.missed), (0, 0), "{run:?}");
            assert!(run.most_attempts <= 3, "{run:?}");
        }
    }
}

#[test]
fn a_mostly_silent_network_takes_its_timers_only() {
    let bed = Bed {
        silent: 99,
        targets: 10_000,
        ..QUIET
    };
    // A thousand at a time, seven seconds each.
    assert!(bed.run(3).took < 10.0 * 7.1);
}

#[test]
fn a_single_silent_target_is_filtered_after_seven_seconds() {
    let bed = Bed {
        silent: 100,
        targets: 1,
        ..QUIET
    };
    let run = bed.run(4);
    assert_eq!(run.sent, 3);
    assert!((7.0..7.001).contains(&run.took), "{run:?}");
}

#[test]
fn without_retries_one_syn_is_all() {
    let schedule = Schedule {
        retries: 0,
        ..SCHEDULE
    };
    let run = Bed { schedule, ..QUIET }.run(5);
    assert_eq!((run.sent, run.most_attempts), (1000, 1));
}

#[test]
fn what_the_capture_lost_is_asked_again_even_without_retries() {
    let schedule = Schedule {
        retries: 0,
        ..SCHEDULE
    };
    let blind = Some((Time(0), Time(1_500_000_000)));
    let bed = Bed {
        schedule,
        blind,
        silent: 0,
        targets: 100,
        ..QUIET
    };
    let run = bed.run(6);
    assert_eq!((run.missed, run.most_attempts), (0, 3), "{run:?}");
}

#[test]
fn a_full_queue_of_ours_lowers_rate_and_parallel_once_a_round() {
    let mut pace = Pace::new(Some(1000.0), 64, SCHEDULE, Time(0));
    let mut now = Time(0);
    for _ in 0..1000 {
        now = pace.ready(now);
        pace.syn_left(now, &mut Attempts::default());
    }
    pace.send_refused(now);
    pace.send_refused(now + MILLISECOND);
    assert_eq!((pace.parallel(), pace.slowdowns()), (32, 1));
    let lowered = pace.rate().expect("a limit");
    assert!((650.0..750.0).contains(&lowered), "{lowered}");
    for _ in 0..20_000 {
        now = pace.ready(now);
        pace.syn_left(now, &mut Attempts::default());
    }
    assert_eq!((pace.parallel(), pace.rate()), (64, Some(1000.0)));
    assert_eq!(pace.lowest_rate(), Some(lowered));
}

#[test]
fn a_loop_that_wakes_late_catches_up_on_ten_milliseconds() {
    let mut pace = Pace::new(Some(1000.0), 64, SCHEDULE, Time(0));
    let now = Time(3_000_000_000);
    let mut sent = 0;
    while pace.ready(now) == now {
        pace.syn_left(now, &mut Attempts::default());
        sent += 1;
    }
    assert_eq!(sent, 11);
    assert_eq!(pace.ready(now), now + MILLISECOND);
}
