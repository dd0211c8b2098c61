//! The states that the program claims of its peer while the connection moves on: what was lost
//! comes through, ends close at the same time, the peer closes when it likes.

mod lab;
mod stage;

use nix::sys::signal::Signal;

use lab::{Running, in_lab, wait_until};
use stage::{
    Act, App, Family, OUR_FIN, OUR_RST, PEER_ACK, PEER_FIN, SYN_ACK, Stage, Story, counter,
};

/// Waits of 200 ms, 400 ms and so on: a lost segment is sent again as soon as it can come through.
const STUBBORN: [&str; 4] = ["--timeout", "200ms", "--retries", "5"];

fn on_both_families(test: impl Fn(&Stage, Family)) {
    let stage = Stage::new();
    for family in Family::BOTH {
        test(&stage, family);
    }
}

#[test]
fn a_connection_is_followed_from_step_to_step() {
    in_lab(|| {
        on_both_families(|stage, family| {
            let act = stage.act(family, App::Idle);
            act.lose(&[SYN_ACK]);
            let running = act.begin(&STUBBORN);
            act.wait_for_kernel("SYN-RECEIVED");
            act.lose(&[OUR_FIN]);
            act.wait_for_kernel("ESTABLISHED");
            act.lose(&[PEER_ACK]);
            act.wait_for_kernel("CLOSE-WAIT");
            act.lose(&[]);
            act.server.listener.accept().close();
            act.wait_for_kernel("CLOSED");
            let story = Story::of(&running.finish());
            story.passes_through(&["SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "CLOSED"]);
            assert_eq!(story.at("close.outcome"), "in-order");
            assert_eq!(story.code, 0);
        });
    });
}

#[test]
fn a_full_backlog_keeps_the_peer_in_syn_received() {
    in_lab(|| {
        on_both_families(|stage, family| {
            let act = stage.act_with_backlog(family, App::Idle, 0);
            act.lose(&[SYN_ACK]);
            let running = act.begin(&STUBBORN);
            act.wait_for_kernel("SYN-RECEIVED");
            let _held = act.server.listener.fill_from(&stage.peer, 0);
            let overflows = || counter(&stage.peer, "TcpExt", "ListenOverflows");
            let before = overflows();
            act.lose(&[OUR_RST]);
            wait_until("our ACK and our FIN have met the full backlog", || {
                (overflows() >= before + 2).then_some(())
            });
            running.signal(Signal::SIGINT);
            let story = Story::of(&running.finish());
            let before = story.claim_before_our_reset();
            assert_eq!(before.states, "SYN-RECEIVED|ESTABLISHED|CLOSE-WAIT");
            assert_eq!(act.kernel_state(), "SYN-RECEIVED");
            assert!(story.last_claim().allows("SYN-RECEIVED"));
            assert_eq!(story.at("close.outcome"), "no-ack");
        });
    });
}

#[test]
fn a_peer_whose_fin_is_lost_may_be_in_last_ack_when_we_stop() {
    in_lab(|| {
        on_both_families(|stage, family| {
            let act = stage.act(family, App::Idle);
            act.lose(&[PEER_FIN, OUR_RST]);
            let running = act.begin(&STUBBORN);
            act.wait_for_kernel("CLOSE-WAIT");
            act.server.listener.accept().close();
            act.wait_for_kernel("LAST-ACK");
            running.signal(Signal::SIGINT);
            let story = Story::of(&running.finish());
            assert_eq!(act.kernel_state(), "LAST-ACK");
            story.passes_through(&["SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK"]);
            assert!(story.last_claim().allows("LAST-ACK"));
        });
    });
}

/// Our FIN reaches a peer that has closed already, and whose FIN is lost.
fn cross_fins(stage: &Stage, family: Family) -> (Act<'_>, Running) {
    let act = stage.act(family, App::Hasty);
    act.lose(&[OUR_FIN, PEER_FIN, OUR_RST]);
    let running = act.begin(&STUBBORN);
    act.wait_for_kernel("FIN-WAIT-1");
    act.lose(&[PEER_FIN, OUR_RST]);
    act.wait_for_kernel("CLOSING");
    (act, running)
}

#[test]
fn a_peer_whose_fin_is_lost_may_be_in_closing() {
    in_lab(|| {
        on_both_families(|stage, family| {
            let (act, running) = cross_fins(stage, family);
            running.signal(Signal::SIGINT);
            let story = Story::of(&running.finish());
            assert_eq!(act.kernel_state(), "CLOSING");
            story.passes_through(&["SYN-RECEIVED", "ESTABLISHED", "CLOSING"]);
            assert!(story.last_claim().allows("CLOSING"));
        });
    });
}

#[test]
fn crossing_fins_leave_the_peer_in_time_wait() {
    in_lab(|| {
        on_both_families(|stage, family| {
            let (act, running) = cross_fins(stage, family);
            act.lose(&[]);
            let story = Story::of(&running.finish());
            act.wait_for_kernel("TIME-WAIT");
            story.passes_through(&["ESTABLISHED", "CLOSING", "TIME-WAIT"]);
            assert!(story.last_claim().allows("TIME-WAIT"));
            assert_eq!(story.at("close.outcome"), "in-order");
        });
    });
}

#[test]
fn a_peer_that_closes_at_once_ends_where_we_say() {
    in_lab(|| {
        on_both_families(|stage, family| {
            for _ in 0..10 {
                let act = stage.act(family, App::Hasty);
                let story = Story::of(&act.begin(&[]).finish());
                let end = wait_until("the peer has closed", || {
                    let state = act.kernel_state();
                    ["TIME-WAIT", "CLOSED"].contains(&state).then_some(state)
                });
                assert!(
                    story.last_claim().allows(end),
                    "{end}: {:#?}",
                    story.claims()
                );
                assert_eq!(story.at("close.outcome"), "in-order");
            }
        });
    });
}

#[test]
fn a_port_that_refuses_is_closed() {
    in_lab(|| {
        on_both_families(|stage, family| {
            let act = stage.act(family, App::Idle);
            let target = std::net::SocketAddr::new(act.far().ip(), 9);
            let refused = lab::tcpshake(&stage.client, &["--json", &target.to_string()]);
            let story = Story::of(&refused.run());
            assert_eq!(story.last_claim().states, "CLOSED");
            assert_eq!(story.last_claim().basis, "seen");
            assert_eq!(story.code, 3);
        });
    });
}
