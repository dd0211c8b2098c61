//! The states that the program claims of its peer are those of the peer's kernel, at every step of
//! a connection with data.
//!
//! An application that has closed while its kernel still has text to send is where the wire shows
//! least: its end is in FIN-WAIT-1 or LAST-ACK, and what it sends looks like any text.

mod lab;
mod stage;

use lab::in_lab;
use stage::{
    App, Lost, OUR_ACK, OUR_DATA, OUR_FIN, OUR_LATER_BARE_ACKS, OUR_LATER_DATA, PEER_BARE_ACK,
    PEER_DATA_AFTER_PUSH, PEER_FIN, PEER_LATER_DATA, Stage, Step, at, show, show_on,
};

/// One segment, longer than any header.
const SMALL: usize = 200;
/// More than an initial congestion window of ten segments (RFC 6928), and no multiple of one.
const LARGE: usize = 20_500;

const ANSWERS: App = answering(SMALL, SMALL, false);
const ANSWERS_AND_CLOSES: App = answering(SMALL, SMALL, true);
const ANSWERS_MUCH: App = answering(SMALL, LARGE, false);
const ANSWERS_MUCH_AND_CLOSES: App = answering(SMALL, LARGE, true);

const fn answering(asked: usize, answer: usize, closes: bool) -> App {
    App::Answering {
        asked,
        answer,
        closes,
    }
}

/// The ends that close without waiting for the peer to, and those that do not.
const CLOSE: [&str; 3] = ["fin", "half", "hold"];
const STAY: [&str; 3] = ["rst", "passive", "simultaneous"];

/// The steps of all these ends.
fn with_ends<const N: usize>(ends: [&'static str; N], step: Step) -> [Step; N] {
    ends.map(|end| step.end(end))
}

/// Ours closes, the peer does not.
fn ours_alone(step: impl Fn(&'static str) -> Step) -> Vec<Step> {
    let closes = with_ends(CLOSE, step("CLOSE-WAIT"));
    let stays = with_ends(STAY, step("ESTABLISHED"));
    [closes, stays].concat()
}

#[test]
fn when_the_peer_answers_and_stays() {
    in_lab(|| {
        for (app, asked) in [(ANSWERS, SMALL), (answering(LARGE, SMALL, false), LARGE)] {
            show(&ours_alone(|state| at(state, state).app(app).asking(asked)));
        }
        // That nothing waits behind much text shows as our FIN is acknowledged.
        for (app, asked) in [
            (ANSWERS_MUCH, SMALL),
            (answering(LARGE, LARGE, false), LARGE),
        ] {
            let step = |state, claim| at(state, claim).app(app).asking(asked);
            show(&with_ends(CLOSE, step("CLOSE-WAIT", "CLOSE-WAIT")));
            let undecided = step("ESTABLISHED", "ESTABLISHED|FIN-WAIT-1");
            show(&with_ends(STAY, undecided));
        }
    });
}

#[test]
fn when_the_peer_answers_and_stays_and_something_is_lost() {
    in_lab(|| {
        let undecided = "ESTABLISHED|CLOSE-WAIT";
        show(&[
            at("ESTABLISHED", undecided)
                .app(ANSWERS)
                .asking(SMALL)
                .losing(&[OUR_FIN]),
            at("CLOSE-WAIT", undecided)
                .app(ANSWERS)
                .asking(SMALL)
                .losing(&[PEER_BARE_ACK]),
        ]);
    });
}

#[test]
fn when_the_peer_answers_and_closes() {
    in_lab(|| {
        for (app, asked) in [
            (ANSWERS_AND_CLOSES, SMALL),
            (ANSWERS_MUCH_AND_CLOSES, SMALL),
            (answering(LARGE, SMALL, true), LARGE),
        ] {
            let closed = at("TIME-WAIT", "TIME-WAIT").at_last("TIME-WAIT");
            let crossed = at("TIME-WAIT", "CLOSING|TIME-WAIT").at_last("TIME-WAIT");
            let reset = at("FIN-WAIT-2", "FIN-WAIT-1|FIN-WAIT-2");
            let mut steps = with_ends(["fin", "half", "hold", "passive"], closed).to_vec();
            steps.extend([crossed.end("simultaneous"), reset.end("rst")]);
            show(
                &steps
                    .into_iter()
                    .map(|step| step.app(app).asking(asked))
                    .collect::<Vec<_>>(),
            );
        }
    });
}

#[test]
fn when_the_peer_answers_and_closes_and_something_is_lost() {
    in_lab(|| {
        let undecided = "FIN-WAIT-1|FIN-WAIT-2|TIME-WAIT";
        let step = |kernel| at(kernel, undecided).app(ANSWERS_AND_CLOSES).asking(SMALL);
        show(&[
            step("FIN-WAIT-2").losing(&[OUR_FIN]),
            step("FIN-WAIT-1").losing(&[OUR_FIN, OUR_LATER_BARE_ACKS]),
            step("TIME-WAIT").losing(&[PEER_BARE_ACK]),
        ]);
    });
}

/// None of its text is acknowledged, or most of it is lost, so its kernel keeps the rest.
#[test]
fn when_much_of_the_answer_waits_in_the_peers_kernel() {
    in_lab(|| {
        let lost: [&[Lost]; 2] = [
            &[OUR_LATER_BARE_ACKS, OUR_FIN],
            &[PEER_LATER_DATA, PEER_FIN, OUR_FIN],
        ];
        let (open, ended) = (
            "ESTABLISHED|FIN-WAIT-1",
            "ESTABLISHED|FIN-WAIT-1|CLOSE-WAIT|CLOSING",
        );
        for lost in lost {
            for (kernel, app) in [
                ("ESTABLISHED", ANSWERS_MUCH),
                ("FIN-WAIT-1", ANSWERS_MUCH_AND_CLOSES),
            ] {
                let mut steps = with_ends(STAY, at(kernel, open)).to_vec();
                steps.extend(with_ends(CLOSE, at(kernel, ended)));
                show(
                    &steps
                        .into_iter()
                        .map(|step| step.app(app).asking(SMALL).losing(lost))
                        .collect::<Vec<_>>(),
                );
            }
        }
    });
}

#[test]
fn when_the_peer_speaks_first() {
    in_lab(|| {
        show(&ours_alone(|state| {
            at(state, state).app(App::Greeting).asking(0)
        }));
        let closed = at("CLOSED", "LAST-ACK|CLOSED").app(App::Serving).asking(0);
        show(&with_ends(CLOSE, closed));
    });
}

#[test]
fn when_the_peer_answers_our_fin() {
    in_lab(|| {
        let late = |closes| App::Late {
            answer: LARGE,
            closes,
        };
        let closed = at("CLOSED", "LAST-ACK|CLOSED").app(late(true));
        let waiting = "CLOSE-WAIT|LAST-ACK";
        let stays = at("CLOSE-WAIT", waiting).app(late(false));
        let queued = [
            at("LAST-ACK", waiting).app(late(true)),
            at("CLOSE-WAIT", waiting).app(late(false)),
        ];
        for step in [closed, stays] {
            show(&with_ends(CLOSE, step.asking(SMALL)));
        }
        let lost: [&[Lost]; 2] = [&[OUR_LATER_BARE_ACKS], &[PEER_LATER_DATA, PEER_FIN]];
        for lost in lost {
            for step in queued {
                show(&with_ends(CLOSE, step.asking(SMALL).losing(lost)));
            }
        }
    });
}

#[test]
fn when_our_text_does_not_get_through() {
    in_lab(|| {
        let undecided = "SYN-RECEIVED|ESTABLISHED";
        let open = |claim| at("ESTABLISHED", claim).asking(LARGE);
        for step in [
            open(undecided).losing(&[OUR_DATA]),
            open(undecided).losing(&[PEER_BARE_ACK]),
            open("ESTABLISHED").losing(&[OUR_LATER_DATA]),
            at("SYN-RECEIVED", undecided)
                .asking(LARGE)
                .losing(&[OUR_ACK]),
            at("SYN-RECEIVED", undecided)
                .asking(LARGE)
                .losing(&[OUR_DATA])
                .app(App::Deferring),
        ] {
            show(&[with_ends(CLOSE, step), with_ends(STAY, step)].concat());
        }
    });
}

#[test]
fn when_nobody_reads_our_text() {
    in_lab(|| {
        for app in [App::Idle, App::Deferring] {
            show(&ours_alone(|state| at(state, state).app(app).asking(SMALL)));
        }
    });
}

#[test]
fn when_the_peer_closes_before_it_has_read() {
    in_lab(|| {
        let finishing = |step: Step| step.app(App::Finishing).asking(SMALL);
        let closed = finishing(at("TIME-WAIT", "TIME-WAIT").at_last("TIME-WAIT"));
        show(&with_ends(["fin", "half", "hold", "passive"], closed));
        let lost = |claim| finishing(at("FIN-WAIT-2", claim)).losing(&[OUR_DATA, OUR_FIN]);
        let undecided = lost("FIN-WAIT-1|FIN-WAIT-2|TIME-WAIT");
        show(&with_ends(["fin", "half", "hold", "passive"], undecided));
        let crossed = lost("FIN-WAIT-1|FIN-WAIT-2|CLOSING|TIME-WAIT");
        show(&[
            lost("FIN-WAIT-1|FIN-WAIT-2").end("rst"),
            crossed.end("simultaneous"),
        ]);
        let reset = at("CLOSED", "CLOSED").app(App::Hasty).asking(SMALL);
        show(&[with_ends(CLOSE, reset), with_ends(STAY, reset)].concat());
    });
}

/// Linux cuts what it sends to half the window, and may set PSH on each.
#[test]
fn when_our_window_is_small() {
    in_lab(|| {
        for window in [
            &["--window=1000", "--wscale=none"],
            &["--window=200", "--wscale=none"],
            &["--window=0", "--wscale=none"],
        ] {
            let more = |closes| answering(SMALL, 2300, closes);
            for (kernel, app) in [("ESTABLISHED", more(false)), ("FIN-WAIT-1", more(true))] {
                show(&[at(kernel, "ESTABLISHED|FIN-WAIT-1")
                    .app(app)
                    .asking(SMALL)
                    .losing(&[OUR_LATER_BARE_ACKS])
                    .end("rst")
                    .with(window)]);
            }
        }
    });
}

#[test]
fn when_the_peers_segments_are_smaller_than_we_take() {
    in_lab(|| {
        let stage = Stage::new();
        stage.peer.ip("link set srv0 mtu 1300");
        let much = |closes| answering(SMALL, 2 * LARGE, closes);
        for (kernel, app) in [("ESTABLISHED", much(false)), ("FIN-WAIT-1", much(true))] {
            show_on(
                &stage,
                &[at(kernel, "ESTABLISHED|FIN-WAIT-1")
                    .app(app)
                    .asking(SMALL)
                    .losing(&[PEER_DATA_AFTER_PUSH, PEER_FIN])
                    .end("rst")],
            );
        }
    });
}
