//! The states that the program claims of its peer are those of the peer's kernel, at every step.
//!
//! Connections without data; `states_data` has those with it.

mod lab;
mod stage;

use lab::in_lab;
use stage::{
    App, OUR_ACK, OUR_FIN, OUR_LATER_ACKS, OUR_SYN, PEER_ACK, PEER_DATA, SYN_ACK, at, show,
};

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
