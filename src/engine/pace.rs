//! When a SYN may leave, the first to a target or a repeated one, and how many of them silence
//! needs.
//!
//! An answer that comes only to a repeated SYN says that the path, or the peer, lost one; silence
//! alone says nothing, for most of a network may be filtered. [`control`] turns those losses into
//! a rate, [`silence`] into the number of attempts after which nobody is there.
//!
//! The attempts are the user's as long as no loss was measured: the first wait, doubled for each of
//! `--retries`. Attempts beyond those wait one to one and a half times the first wait, at random.
//!
//! Both learn from repeated SYNs only: with `--retries 0` there are none, the rate stays as the
//! user gave it, and one unanswered SYN is `filtered`.

mod control;
mod silence;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::clock::Time;
use crate::tcp::Schedule;

use control::Control;
use silence::Silence;

pub use silence::Attempts;

/// A loop that wakes late catches up on so much.
const CATCH_UP: Duration = Duration::from_millis(10);

/// The pace of a run.
#[derive(Debug)]
pub struct Pace {
    control: Control,
    silence: Silence,
    /// When the next SYN is due; in the past as long as there is something to catch up on.
    next: Time,
}

impl Pace {
    /// Starts with `rate` SYNs a second, without a limit if `None`, and never exceeds it, nor
    /// `parallel` connections in flight. `schedule` is the user's, of each target.
    pub fn new(rate: Option<f64>, parallel: usize, schedule: Schedule, now: Time) -> Pace {
        Pace {
            control: Control::new(rate, parallel, schedule.first, now),
            silence: Silence::new(schedule, now),
            next: now,
        }
    }

    /// When the next SYN may leave: `now` or later.
    pub fn ready(&self, now: Time) -> Time {
        match self.control.rate() {
            Some(_) => self.next.max(now),
            None => now,
        }
    }

    /// How many connections may be in flight.
    pub fn parallel(&self) -> usize {
        self.control.parallel()
    }

    /// A SYN left for the target of these `attempts`; says how long to wait for the answer.
    pub fn syn_left(&mut self, now: Time, attempts: &mut Attempts) -> Duration {
        self.control.syn_left(now);
        if let Some(rate) = self.control.rate() {
            let behind = Time(now.0.saturating_sub(CATCH_UP.as_nanos() as u64));
            self.next = self.next.max(behind) + Duration::from_secs_f64(1.0 / rate);
        }
        self.silence.syn_left(now, attempts)
    }

    /// The target answered, whatever it said.
    pub fn answered(&mut self, now: Time, attempts: &Attempts) {
        let (lost, answered) = (attempts.unanswered(), attempts.last());
        self.control.answered(now, lost, answered);
        self.silence.answered(now, lost, answered);
    }

    /// The wait for the answer is over. Says whether there have been enough: the target is
    /// filtered. Otherwise it gets another SYN, when [`ready`](Pace::ready).
    pub fn is_silent(&self, now: Time, attempts: &mut Attempts) -> bool {
        self.silence.is_proved(now, attempts)
    }

    /// A SYN could not be sent: our own queue is full (`ENOBUFS`). It was no attempt.
    pub fn send_refused(&mut self, now: Time) {
        self.control.own_loss(now);
    }

    /// The capture lost frames: no attempt under way counts, its answer may have been among them.
    pub fn capture_lost(&mut self, now: Time) {
        self.control.own_loss(now);
        self.silence.capture_lost();
    }

    /// The limit now, in SYNs a second.
    pub fn rate(&self) -> Option<f64> {
        self.control.rate()
    }

    /// The lowest limit so far that was not the user's.
    pub fn lowest_rate(&self) -> Option<f64> {
        self.control.lowest()
    }

    /// How often the rate was lowered.
    pub fn slowdowns(&self) -> u64 {
        self.control.slowdowns()
    }

    /// The measured share of SYNs to answering targets that stayed unanswered.
    pub fn loss(&self) -> f64 {
        self.silence.loss()
    }
}
