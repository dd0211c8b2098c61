//! The states that the program claims of its peer are those of the peer's kernel, at every step.
//!
//! Each step freezes a connection, by an application that waits or by losing segments on the way,
//! our final RST included. So the peer's kernel stays where it is, and is asked. A second run of
//! the same step lets the RST through.

mod lab;
mod stage;

use nix::sys::signal::Signal;

use lab::{Running, TcpState, in_lab};
use stage::{
    Act, App, Family, Lost, OUR_ACK, OUR_FIN, OUR_LATER_ACKS, OUR_RST, OUR_SYN, PEER_ACK,
    PEER_DATA, SYN_ACK, Stage, Story,
};

/// One step of a connection.
#[derive(Clone, Copy)]
struct Step {
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
}

/// The peer's kernel stands at `kernel`, and `claim` is claimed of it.
fn at(kernel: TcpState, claim: &'static str) -> Step {
    Step {
        kernel,
        claim,
        at_last: "CLOSED",
        end: "fin",
        app: App::Idle,
        lost: &[],
        interrupted: false,
    }
}

impl Step {
    fn end(self, end: &'static str) -> Step {
        Step { end, ..self }
    }

    fn app(self, app: App) -> Step {
        Step { app, ..self }
    }

    fn losing(self, lost: &'static [Lost]) -> Step {
        Step { lost, ..self }
    }

    fn at_last(self, at_last: TcpState) -> Step {
        Step { at_last, ..self }
    }

    fn interrupted(self) -> Step {
        Step {
            interrupted: true,
            ..self
        }
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
        let schedule = ["--timeout", wait, "--retries", "0"];
        let running = act.begin(&[&schedule[..], &["--end", self.end, "--hold", hold]].concat());
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

fn show(steps: &[Step]) {
    let stage = Stage::new();
    for step in steps {
        step.show(&stage);
    }
}

#[test]
fn until_the_syn_ack_comes() {
    in_lab(|| {
        let anywhere = "LISTEN|SYN-RECEIVED|CLOSED";
        show(&[
            at("CLOSED", anywhere).losing(&[OUR_SYN]),
            at("SYN-RECEIVED", anywhere).losing(&[SYN_ACK]),
            at("SYN-RECEIVED", anywhere)
                .losing(&[SYN_ACK])
                .interrupted(),
        ]);
    });
}

#[test]
fn in_a_handshake_without_its_third_segment() {
    in_lab(|| {
        let half_open = at("SYN-RECEIVED", "SYN-RECEIVED");
        show(&[half_open.end("none"), half_open.end("syn-rst")]);
    });
}

#[test]
fn after_the_third_segment() {
    in_lab(|| {
        let undecided = "SYN-RECEIVED|ESTABLISHED";
        let open = at("ESTABLISHED", undecided);
        let lost = at("SYN-RECEIVED", undecided).losing(&[OUR_ACK]);
        let deferred = at("SYN-RECEIVED", undecided).app(App::Deferring);
        show(&[
            open.end("rst"),
            lost.end("rst"),
            deferred.end("rst"),
            open.end("hold").interrupted(),
            lost.end("hold").interrupted(),
            deferred.end("hold").interrupted(),
        ]);
    });
}

#[test]
fn after_our_fin() {
    in_lab(|| {
        let undecided = "SYN-RECEIVED|ESTABLISHED|CLOSE-WAIT";
        show(&[
            at("ESTABLISHED", undecided).losing(&[OUR_FIN]),
            at("SYN-RECEIVED", undecided).losing(&[OUR_ACK, OUR_FIN]),
            at("SYN-RECEIVED", undecided)
                .app(App::Deferring)
                .losing(&[OUR_FIN]),
            at("CLOSE-WAIT", undecided).losing(&[PEER_ACK]),
            at("CLOSE-WAIT", "CLOSE-WAIT"),
            at("CLOSE-WAIT", "CLOSE-WAIT").end("hold"),
            at("CLOSE-WAIT", "CLOSE-WAIT").losing(&[OUR_ACK]),
            at("CLOSE-WAIT", "CLOSE-WAIT").app(App::Deferring),
        ]);
    });
}

#[test]
fn after_the_fins_of_both() {
    in_lab(|| {
        let closing = at("CLOSED", "LAST-ACK|CLOSED").app(App::Closing);
        show(&[
            closing,
            closing.end("hold"),
            // The FIN carries the ACK.
            closing.losing(&[PEER_ACK]),
            at("LAST-ACK", "LAST-ACK|CLOSED")
                .app(App::Closing)
                .losing(&[OUR_ACK]),
        ]);
    });
}

#[test]
fn when_the_peer_speaks_first() {
    in_lab(|| {
        show(&[
            at("CLOSED", "LAST-ACK|CLOSED").app(App::Serving),
            at("ESTABLISHED", "ESTABLISHED|CLOSE-WAIT")
                .app(App::Greeting)
                .losing(&[OUR_FIN])
                .end("hold"),
            at("CLOSE-WAIT", "CLOSE-WAIT")
                .app(App::Greeting)
                .end("hold"),
            // Its FIN comes behind a hole that is never filled.
            at("LAST-ACK", "LAST-ACK")
                .app(App::Serving)
                .losing(&[PEER_DATA]),
        ]);
    });
}

#[test]
fn when_the_peer_closes_first() {
    in_lab(|| {
        let undecided = "FIN-WAIT-1|FIN-WAIT-2|TIME-WAIT";
        let step = |kernel, claim| at(kernel, claim).end("hold").app(App::Hasty);
        show(&[
            step("FIN-WAIT-1", undecided).losing(&[OUR_LATER_ACKS, OUR_FIN]),
            step("FIN-WAIT-2", undecided).losing(&[OUR_FIN]),
            // Linux lets a RST end a TIME-WAIT (RFC 1337 asks to ignore it).
            step("TIME-WAIT", undecided).losing(&[PEER_ACK]),
            step("TIME-WAIT", "TIME-WAIT").at_last("TIME-WAIT"),
            step("TIME-WAIT", "TIME-WAIT")
                .losing(&[OUR_LATER_ACKS])
                .at_last("TIME-WAIT"),
        ]);
    });
}

#[test]
fn when_our_fin_waits_for_the_peers() {
    in_lab(|| {
        let idle = at("ESTABLISHED", "SYN-RECEIVED|ESTABLISHED");
        let passive = at("TIME-WAIT", "TIME-WAIT").end("passive").app(App::Hasty);
        let both = at("TIME-WAIT", "CLOSING|TIME-WAIT")
            .end("simultaneous")
            .app(App::Hasty);
        show(&[
            idle.end("passive"),
            idle.end("simultaneous"),
            passive.at_last("TIME-WAIT"),
            passive.losing(&[OUR_LATER_ACKS]).at_last("TIME-WAIT"),
            both.at_last("TIME-WAIT"),
        ]);
    });
}

#[test]
fn when_ours_half_closes() {
    in_lab(|| {
        show(&[
            at("CLOSE-WAIT", "CLOSE-WAIT").end("half"),
            at("CLOSED", "LAST-ACK|CLOSED")
                .end("half")
                .app(App::Serving),
        ]);
    });
}

#[test]
fn when_the_peer_resets() {
    in_lab(|| show(&[at("CLOSED", "CLOSED").end("hold").app(App::Resetting)]));
}
