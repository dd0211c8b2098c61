//! Steps of a connection at which the peer's kernel is asked for its state.
//!
//! Each step freezes a connection, by an application that waits or by losing segments on the way,
//! our final RST included. So the peer's kernel stays where it is, and is asked. A second run of
//! the same step lets the RST through.

use nix::sys::signal::Signal;

use super::{Act, App, Family, Lost, OUR_RST, Stage, Story};
use crate::lab::{Running, TcpState};

/// One step of a connection.
#[derive(Clone, Copy)]
pub struct Step {
    /// Where the peer's kernel stands, before our RST if we send one.
    kernel: TcpState,
    /// What is claimed of the peer at that moment.
    claim: &'static str,
    /// Where the peer's kernel ends.
    at_last: TcpState,
    end: &'static str,
    app: App,
    lost: &'static [Lost],
    /// The user stops the program there.
    interrupted: bool,
    /// How much we send (`--send`).
    asked: Option<usize>,
    more: &'static [&'static str],
}

/// The peer's kernel stands at `kernel`, and `claim` is claimed of it.
pub fn at(kernel: TcpState, claim: &'static str) -> Step {
    Step {
        kernel,
        claim,
        at_last: "CLOSED",
        end: "fin",
        app: App::Idle,
        lost: &[],
        interrupted: false,
        asked: None,
        more: &[],
    }
}

impl Step {
    pub fn end(self, end: &'static str) -> Step {
        Step { end, ..self }
    }

    pub fn app(self, app: App) -> Step {
        Step { app, ..self }
    }

    pub fn losing(self, lost: &'static [Lost]) -> Step {
        Step { lost, ..self }
    }

    pub fn at_last(self, at_last: TcpState) -> Step {
        Step { at_last, ..self }
    }

    pub fn interrupted(self) -> Step {
        Step {
            interrupted: true,
            ..self
        }
    }

    /// We send so many bytes; none at all only switches to the exchange of data.
    pub fn asking(self, bytes: usize) -> Step {
        Step {
            asked: Some(bytes),
            ..self
        }
    }

    /// With further arguments.
    pub fn with(self, more: &'static [&'static str]) -> Step {
        Step { more, ..self }
    }

    /// Runs it over both families, frozen and not, all at the same time.
    fn show(self, stage: &Stage) {
        let runs: Vec<_> = Family::BOTH
            .into_iter()
            .flat_map(|family| [(family, true), (family, false)])
            .map(|(family, frozen)| (self.begin(stage, family, frozen), frozen))
            .collect();
        for ((act, running), frozen) in runs {
            self.check(act, running, frozen);
        }
    }

    fn begin(self, stage: &Stage, family: Family, frozen: bool) -> (Act<'_>, Running) {
        let act = stage.act(family, self.app);
        let reset: &[Lost] = if frozen { &[OUR_RST] } else { &[] };
        act.lose(&[self.lost, reset].concat());
        let wait = if self.interrupted { "30s" } else { "200ms" };
        // A peer that closes first ends the holding.
        let holds = self.interrupted || matches!(self.app, App::Hasty | App::Resetting);
        let hold = if holds { "30s" } else { "50ms" };
        let request = self
            .asked
            .map(|bytes| format!("--send={}", "?".repeat(bytes)));
        let mut arguments = vec!["--timeout", wait, "--retries", "0"];
        arguments.extend(["--end", self.end, "--hold", hold]);
        arguments.extend(request.as_deref());
        arguments.extend(self.more);
        let running = act.begin(&arguments);
        (act, running)
    }

    fn check(self, act: Act, running: Running, frozen: bool) {
        if self.interrupted {
            act.wait_for_kernel(self.kernel);
            running.signal(Signal::SIGINT);
        }
        let story = Story::of(&running.finish());
        let claims = story.claims();
        let before = story.claim_before_our_reset();
        assert_eq!(before.states, self.claim, "{claims:#?}");
        assert!(before.allows(self.kernel), "{before:?}");
        let now = if frozen { self.kernel } else { self.at_last };
        act.wait_for_kernel(now);
        assert!(story.last_claim().allows(now), "{now}: {claims:#?}");
        act.server.end();
    }
}

/// Each of them, one after the other.
pub fn show(steps: &[Step]) {
    show_on(&Stage::new(), steps);
}

pub fn show_on(stage: &Stage, steps: &[Step]) {
    // Each segment is a frame of its own, for the router to lose or not.
    stage.peer.ip("link set srv0 gso_max_segs 1");
    for step in steps {
        step.show(stage);
    }
}
