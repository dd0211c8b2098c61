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

#[test]
#[ignore = "minutes: prints the table of the design"]
fn table() {
    println!("targets rate policer loss rtt | missed took(max) min_time sent/target attempts middle lowest slowdowns loss");
    for policer in [None, Some(50.0), Some(500.0), Some(5000.0)] {
        for loss in [0, 5, 20] {
            for rate in [None, Some(1000.0)] {
                for round_trip in [MILLISECOND, 100 * MILLISECOND] {
                    for targets in [256, 1000, 4096, 20_000] {
                        let bed = Bed { targets, rate, policer, loss, round_trip, ..QUIET };
                        let runs: Vec<_> = (0..20).map(|seed| bed.run(seed)).collect();
                        let most = |f: fn(&Outcome) -> f64| runs.iter().map(f).fold(0.0, f64::max);
                        let mean = |f: fn(&Outcome) -> f64| runs.iter().map(f).sum::<f64>() / 20.0;
                        let missed: usize = runs.iter().map(|run| run.missed).sum();
                        println!(
                            "{targets:6} {:5} {:5} {loss:2} {:3} | {missed} {:6.1} {:6.1} {:5.2} {:3} {:6.0} {:6.0} {:4.1} {:.3}",
                            rate.map_or("max".into(), |r| r.to_string()),
                            policer.map_or("-".into(), |r| r.to_string()),
                            round_trip.as_millis(),
                            most(|run| run.took),
                            policer.map_or(0.0, |l| targets as f64 / l),
                            mean(|run| f64::from(run.sent)) / targets as f64,
                            most(|run| f64::from(run.most_attempts)),
                            mean(|run| run.middle_rate),
                            mean(|run| run.lowest.unwrap_or(0.0)),
                            mean(|run| run.slowdowns as f64),
                            mean(|run| run.loss),
                        );
                    }
                }
            }
        }
    }
}
#[test]
#[ignore = "debug"]
fn debug() {
    let bed = Bed { targets: 20_000, policer: Some(50.0), loss: 5, round_trip: 100 * MILLISECOND, ..QUIET };
    for seed in 0..20 {
        let run = bed.run(seed);
        println!("{seed} {run:?}");
    }
}
