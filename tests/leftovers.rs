//! Nothing is left behind: not on the peer, not in the firewall or the routes, not on this host.

mod lab;
mod stage;

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use lab::{Finished, Namespace, TcpState, in_lab, tcpshake, wait_until};
use stage::{
    Act, App, Family, IMPATIENT, Lost, OUR_ACK, OUR_FIN, OUR_SYN, PEER_ACK, PEER_FIN, SYN_ACK,
    Stage, Story, counter,
};

const A_SECOND: Duration = Duration::from_secs(1);

/// A stage whose hosts are as they were when the test ends.
fn on_clean_stage(test: impl Fn(&Stage)) {
    let stage = Stage::new();
    let before = [&stage.client, &stage.peer].map(configuration);
    test(&stage);
    assert_eq!([&stage.client, &stage.peer].map(configuration), before);
}

/// Neighbours come and go with traffic; those that someone has set stay.
fn configuration(host: &Namespace) -> String {
    let neighbours = host.output_of("ip", &["neighbour", "show", "nud", "permanent"], "");
    host.configuration() + &neighbours
}

/// Right after the program has ended.
fn nothing_is_left(stage: &Stage, act: &Act) {
    nothing_is_left_here(stage, act);
    wait_until("the peer has no open connection with us", || {
        stage.left_open_at_the_peer().is_empty().then_some(())
    });
}

fn nothing_is_left_here(stage: &Stage, act: &Act) {
    no_packet_socket_lives_on(&stage.client);
    assert_eq!(stage.client.tcp_sockets(), []);
    // Without SO_REUSEADDR: fails if anything still holds the port.
    stage.client.listen(act.near);
}

fn no_packet_socket_lives_on(host: &Namespace) {
    let ended = Instant::now();
    loop {
        let left = host.packet_sockets();
        if left == 0 {
            return;
        }
        let late = ended.elapsed() >= A_SECOND;
        assert!(!late, "{left} packet sockets have outlived the program");
        thread::yield_now();
    }
}

fn run(act: &Act, arguments: &[&str]) -> Finished {
    act.begin(&[&IMPATIENT[..], arguments].concat()).finish()
}

#[test]
fn after_every_end() {
    in_lab(|| {
        on_clean_stage(|stage| {
            for family in Family::BOTH {
                for (end, app) in [
                    ("fin", App::Closing),
                    ("fin", App::Hasty),
                    ("hold", App::Closing),
                    ("hold", App::Hasty),
                    ("rst", App::Idle),
                    ("syn-rst", App::Idle),
                    ("none", App::Idle),
                ] {
                    let act = stage.act(family, app);
                    let finished = run(&act, &["--end", end, "--hold", "50ms"]);
                    assert_eq!(finished.code(), 0, "{end}: {finished:?}");
                    nothing_is_left(stage, &act);
                    act.server.end();
                }
            }
        });
    });
}

#[test]
fn after_a_time_out() {
    in_lab(|| {
        let cases: [(&[Lost], App, &str, &str, i32); 8] = [
            (&[OUR_SYN], App::Idle, "fin", "not-attempted", 4),
            (&[SYN_ACK], App::Idle, "fin", "not-attempted", 4),
            (&[SYN_ACK], App::Idle, "none", "not-attempted", 4),
            (&[OUR_FIN], App::Idle, "fin", "no-ack", 7),
            (&[OUR_ACK, OUR_FIN], App::Idle, "fin", "no-ack", 7),
            (&[PEER_ACK], App::Idle, "fin", "no-ack", 7),
            (&[], App::Idle, "fin", "no-fin", 7),
            (&[OUR_FIN], App::Deferring, "hold", "no-ack", 7),
        ];
        on_clean_stage(|stage| {
            for family in Family::BOTH {
                for (lost, app, end, outcome, code) in cases {
                    let act = stage.act(family, app);
                    act.lose(lost);
                    let story = Story::of(&run(&act, &["--end", end, "--hold", "50ms"]));
                    assert_eq!(story.at("close.outcome"), outcome, "{}", story.json);
                    assert_eq!(story.code, code, "{}", story.json);
                    assert!(story.our_reset().is_some());
                    nothing_is_left(stage, &act);
                }
            }
        });
    });
}

#[test]
fn after_waiting_in_vain_for_a_fin_that_was_lost() {
    in_lab(|| {
        on_clean_stage(|stage| {
            for family in Family::BOTH {
                let act = stage.act(family, App::Closing);
                act.lose(&[PEER_FIN]);
                let finished = run(&act, &[]);
                assert_eq!(finished.code(), 7, "{finished:?}");
                nothing_is_left(stage, &act);
            }
        });
    });
}

/// A moment at which the user has had enough.
struct Moment {
    end: &'static str,
    lost: &'static [Lost],
    /// Where the peer's kernel stands, and how many of its segments have reached this host.
    kernel: TcpState,
    received: u64,
    code: i32,
}

const MOMENTS: [Moment; 5] = [
    Moment {
        end: "fin",
        lost: &[SYN_ACK],
        kernel: "SYN-RECEIVED",
        received: 0,
        code: 6,
    },
    Moment {
        end: "none",
        lost: &[],
        kernel: "SYN-RECEIVED",
        received: 1,
        code: 0,
    },
    Moment {
        end: "hold",
        lost: &[],
        kernel: "ESTABLISHED",
        received: 1,
        code: 0,
    },
    // A FIN without an answer is no-ack or no-fin, whoever lost patience.
    Moment {
        end: "fin",
        lost: &[PEER_ACK],
        kernel: "CLOSE-WAIT",
        received: 1,
        code: 7,
    },
    Moment {
        end: "fin",
        lost: &[],
        kernel: "CLOSE-WAIT",
        received: 2,
        code: 7,
    },
];

impl Moment {
    /// Sends `signal` at that moment, and gives the end of the program.
    fn meets(&self, signal: Signal, stage: &Stage, act: &Act) -> Finished {
        let segments = || counter(&stage.client, "Tcp", "InSegs");
        let before = segments();
        act.lose(self.lost);
        let running = act.begin(&["--timeout", "30s", "--end", self.end, "--hold", "30s"]);
        act.wait_for_kernel(self.kernel);
        wait_until("this host has received the peer's segments", || {
            (segments() >= before + self.received).then_some(())
        });
        running.signal(signal);
        running.finish()
    }
}

fn after(signal: Signal) {
    on_clean_stage(|stage| {
        for family in Family::BOTH {
            for moment in MOMENTS {
                let act = stage.act(family, App::Idle);
                let story = Story::of(&moment.meets(signal, stage, &act));
                assert!(story.our_reset().is_some(), "{}", story.json);
                assert_eq!(story.code, moment.code, "{}", story.json);
                if moment.code == 6 {
                    assert!(story.at("verdict").is_null(), "{}", story.json);
                    assert_eq!(story.at("reason"), "interrupted");
                } else {
                    assert_eq!(story.at("verdict"), "open");
                }
                nothing_is_left(stage, &act);
            }
        }
    });
}

#[test]
fn after_sigint() {
    in_lab(|| after(Signal::SIGINT));
}

#[test]
fn after_sigterm() {
    in_lab(|| after(Signal::SIGTERM));
}

#[test]
fn after_sighup() {
    in_lab(|| after(Signal::SIGHUP));
}

#[test]
fn after_sigkill_on_this_host() {
    in_lab(|| {
        on_clean_stage(|stage| {
            for family in Family::BOTH {
                for moment in MOMENTS {
                    let act = stage.act(family, App::Idle);
                    moment.meets(Signal::SIGKILL, stage, &act);
                    nothing_is_left_here(stage, &act);
                }
            }
        });
    });
}

#[test]
fn after_a_deadline() {
    in_lab(|| {
        on_clean_stage(|stage| {
            for family in Family::BOTH {
                let act = stage.act(family, App::Idle);
                let finished = act
                    .begin(&["--deadline", "100ms", "--end", "hold", "--hold", "30s"])
                    .finish();
                assert_eq!(finished.code(), 0, "{finished:?}");
                nothing_is_left(stage, &act);
            }
        });
    });
}

#[test]
fn after_many_short_runs() {
    in_lab(|| {
        let host = Namespace::new();
        for _ in 0..20 {
            let closed_port = ["--quiet", "127.0.0.1:9"];
            let runs = [(); 10].map(|()| tcpshake(&host, &closed_port).spawn());
            for run in runs {
                assert_eq!(run.finish().code(), 3);
            }
        }
        no_packet_socket_lives_on(&host);
    });
}
