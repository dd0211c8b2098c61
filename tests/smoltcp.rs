//! Against smoltcp, a second TCP that is independent of Linux: how each end comes out, and the
//! claims about the peer against the states in which it says it was.

mod lab;
mod smol;
mod stage;

use std::net::SocketAddr;

use lab::{Running, in_lab, tcpshake};
use serde_json::{Value, json};
use smol::{App, Family, Record, Service, Settings, Smol};
use stage::Story;

/// One connection.
#[derive(Clone, Copy)]
struct Case {
    end: &'static str,
    app: App,
    settings: Settings,
    /// So many bytes of a request.
    asks: usize,
    /// So many of them leave: all, unless told otherwise.
    sent: usize,
    /// How long each wait is, and how often to send again.
    schedule: [&'static str; 2],
    /// Further arguments.
    arguments: &'static [&'static str],
    hold: &'static str,
    /// Every state of smoltcp's socket.
    states: &'static str,
    /// Those that the program shows to be the only possible one, in order. Others may be among
    /// them when segments cross.
    shown: &'static str,
    outcome: &'static str,
    /// Who closed first.
    first: Option<&'static str>,
    code: i32,
}

/// smoltcp's application does `app`, its socket goes through `states`, and the end is reached.
fn case(end: &'static str, app: App, states: &'static str) -> Case {
    Case {
        end,
        app,
        settings: Settings::default(),
        asks: 0,
        sent: 0,
        schedule: ["200ms", "0"],
        arguments: &[],
        hold: "50ms",
        states,
        shown: "SYN-RECEIVED",
        outcome: "in-order",
        first: Some("local"),
        code: 0,
    }
}

impl Case {
    fn shows(self, shown: &'static str) -> Case {
        Case { shown, ..self }
    }

    /// Sends a request of so many bytes.
    fn asks(self, asks: usize) -> Case {
        Case {
            asks,
            sent: asks,
            ..self
        }
    }

    /// Only so much of it leaves.
    fn sends(self, sent: usize) -> Case {
        Case { sent, ..self }
    }

    fn with(self, arguments: &'static [&'static str]) -> Case {
        Case { arguments, ..self }
    }

    /// The room in smoltcp's buffer, bytes.
    fn into_room(self, room: usize) -> Case {
        let settings = Settings {
            room,
            ..self.settings
        };
        Case { settings, ..self }
    }

    fn waits(self, timeout: &'static str, retries: &'static str) -> Case {
        Case {
            schedule: [timeout, retries],
            ..self
        }
    }

    /// Longer than smoltcp ever takes to get through what it has to send.
    fn waits_long(self) -> Case {
        self.waits("5s", "0")
    }

    fn holds(self, hold: &'static str) -> Case {
        Case { hold, ..self }
    }

    fn peer_first(self) -> Case {
        Case {
            first: Some("peer"),
            ..self
        }
    }

    /// Nobody closes, as asked.
    fn aborts(self) -> Case {
        Case {
            outcome: "aborted",
            first: None,
            ..self
        }
    }

    /// The peer misbehaves.
    fn fails(self, outcome: &'static str, first: Option<&'static str>) -> Case {
        Case {
            outcome,
            first,
            code: 7,
            ..self
        }
    }

    fn begin(self, smol: &Smol, family: Family) -> (Service<'_>, Running) {
        let service = smol.serve(family, self.app, self.settings);
        let target = service.address.to_string();
        let [timeout, retries] = self.schedule;
        let schedule = ["--timeout", timeout, "--retries", retries];
        let program = tcpshake(&smol.client, &["--json", &target, "--end", self.end])
            .args(&schedule)
            .args(&["--hold", self.hold])
            .args(self.arguments);
        let running = match self.asks {
            0 => program.spawn(),
            count => program
                .args(&["--send-file", "-"])
                .input(&request(count))
                .spawn(),
        };
        (service, running)
    }

    fn check(self, service: &Service, running: Running) -> Story {
        let Case { end, app, .. } = self;
        let story = Story::of(&running.finish());
        let record = service.record_through(self.states);
        let what = format!("--end {end}, {app:?}: {record:#?} {:#}", story.json);
        assert_eq!(story.at("verdict"), "open", "{what}");
        assert_eq!(story.at("close.outcome"), self.outcome, "{what}");
        assert_eq!(story.at("close.first"), &json!(self.first), "{what}");
        assert_eq!(story.at("kernel_rst"), 0, "{what}");
        assert_eq!(story.at("data.received"), app.bytes(), "{what}");
        assert_eq!(story.at("data.sent"), self.sent, "{what}");
        assert_eq!(story.code, self.code, "{what}");
        let shown = story.claims().into_iter().map(|claim| claim.states);
        let shown: Vec<_> = shown.filter(|states| !states.contains('|')).collect();
        let mut left = shown.iter();
        let all = self
            .shown
            .split(' ')
            .all(|state| left.any(|shown| shown == state));
        assert!(all, "{shown:?}, not {}: {what}", self.shown);
        is_true(&story, &record);
        let at_last = record.state();
        assert!(
            ["CLOSED", "TIME-WAIT", "LISTEN"].contains(&at_last),
            "{what}"
        );
        story
    }
}

/// So many bytes up to the empty line.
fn request(count: usize) -> Vec<u8> {
    let mut request = vec![b'q'; count];
    request[count - 4..].copy_from_slice(b"\r\n\r\n");
    request
}

/// Fails unless every claim about the peer holds.
fn is_true(story: &Story, record: &Record) {
    let what = || format!("{record:#?} {:#?}", story.claims());
    let segments = story.at("segments").as_array().expect("segments");
    let arrived = segments.iter().filter(|segment| segment["dir"] == "in");
    assert!(arrived.clone().count() <= record.sent.len(), "{}", what());
    for (segment, (sent, state)) in arrived.zip(&record.sent) {
        assert_eq!(segment["seq"], sent.seq, "{}", what());
        assert_eq!(segment["ack"], sent.ack, "{}", what());
        let claim = story.claim_at(segment["t_ns"].as_i64().expect("a time"));
        assert!(claim.allows(state), "{sent:?} sent in {state}: {}", what());
    }
    let claims = story.claims();
    let only: Vec<_> = claims
        .iter()
        .map(|claim| &*claim.states)
        .filter(|states| !states.contains('|'))
        .collect();
    assert!(are_in_order(&only, &record.states), "{}", what());
    let states: Vec<_> = record.states.iter().map(String::as_str).collect();
    story.passes_through(&states);
    assert!(story.last_claim().allows(record.state()), "{}", what());
}

/// Whether some are among all in their order. What is known of a state may come and go.
fn are_in_order(some: &[&str], all: &[String]) -> bool {
    let mut left = all;
    some.iter().all(|state| {
        let position = left.iter().position(|other| other == state);
        left = &left[position.unwrap_or(left.len())..];
        position.is_some()
    })
}

fn show(cases: &[Case]) {
    let smol = Smol::new();
    for case in cases {
        let runs = Family::BOTH.map(|family| case.begin(&smol, family));
        for (service, running) in runs {
            case.check(&service, running);
        }
    }
}

const SERVED: &str = "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED";
const CLOSED_FIRST: &str = "LISTEN SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT";
const CROSSED: &str = "LISTEN SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT";
const HELD: &str = "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT CLOSED";
const RESET: &str = "LISTEN SYN-RECEIVED ESTABLISHED CLOSED";
const HALF_OPEN: &str = "LISTEN SYN-RECEIVED LISTEN";

#[test]
fn when_smoltcp_serves() {
    in_lab(|| {
        let waves = "SYN-RECEIVED CLOSE-WAIT LAST-ACK";
        show(&[
            case("fin", App::Closing, SERVED).shows(waves),
            case("half", App::Closing, SERVED).shows(waves),
            case("hold", App::Closing, SERVED).shows(waves),
            // Waves two and three in one.
            case("fin", App::Merging, SERVED).shows("SYN-RECEIVED LAST-ACK"),
        ]);
    });
}

#[test]
fn when_smoltcp_sends_data() {
    in_lab(|| {
        let waves = "SYN-RECEIVED CLOSE-WAIT LAST-ACK";
        show(&[
            case("half", App::Reporting(8000), SERVED).shows(waves),
            // Our FIN meets much text under way: it might have met a FIN behind it.
            case("half", App::Greeting(8000), SERVED).shows("SYN-RECEIVED"),
            case("fin", App::Reporting(8000), SERVED).shows(waves),
            case("hold", App::Greeting(8000), SERVED).shows(waves),
            case("passive", App::Dumping(8000), CLOSED_FIRST)
                .shows("SYN-RECEIVED FIN-WAIT-1 TIME-WAIT")
                .peer_first(),
        ]);
    });
}

#[test]
fn when_smoltcp_answers_a_request_and_closes() {
    in_lab(|| {
        let waves = "SYN-RECEIVED FIN-WAIT-1 TIME-WAIT";
        let answering = |end, count| {
            case(end, App::Answering(count), CLOSED_FIRST)
                .asks(18)
                .waits_long()
                .holds("30s")
                .shows(waves)
                .peer_first()
        };
        let crossing = |count| Case {
            states: CROSSED,
            shown: "SYN-RECEIVED FIN-WAIT-1",
            ..answering("simultaneous", count)
        };
        let resetting = |count| Case {
            states: "LISTEN SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 CLOSED",
            shown: "SYN-RECEIVED FIN-WAIT-1",
            outcome: "aborted",
            ..answering("rst", count)
        };
        // A few bytes, and several times what our window and the buffers of smoltcp hold.
        for count in [5, 150_000] {
            show(&[
                answering("fin", count),
                answering("passive", count),
                answering("half", count),
                answering("hold", count),
                crossing(count),
                resetting(count),
            ]);
        }
        show(&[
            answering("fin", 30_000).with(&["--window", "2000", "--wscale=none"]),
            // Few enough for the queue of smoltcp's raw socket.
            answering("fin", 8000).with(&["--mss", "100"]),
            Case {
                settings: Settings {
                    timestamps: true,
                    ..Settings::default()
                },
                ..answering("fin", 30_000)
            },
        ]);
    });
}

#[test]
fn when_smoltcp_answers_a_request_and_stays() {
    in_lab(|| {
        let replying = |end, count| {
            case(end, App::Replying(count), SERVED)
                .asks(18)
                .waits_long()
                .holds("500ms")
                .shows("SYN-RECEIVED CLOSE-WAIT LAST-ACK")
        };
        let unanswered = |end, count| Case {
            states: RESET,
            shown: "SYN-RECEIVED",
            ..replying(end, count)
                .waits("500ms", "0")
                .fails("no-fin", None)
        };
        for count in [5, 150_000] {
            show(&[
                replying("fin", count),
                replying("half", count),
                replying("hold", count),
                unanswered("passive", count),
                unanswered("simultaneous", count),
                Case {
                    states: RESET,
                    shown: "SYN-RECEIVED",
                    ..replying("rst", count).aborts()
                },
            ]);
        }
    });
}

#[test]
fn when_smoltcp_closes_while_we_have_something_to_say() {
    in_lab(|| {
        let hasty = |end| {
            case(end, App::Hasty, CLOSED_FIRST)
                .asks(40_000)
                .waits_long()
                .holds("30s")
                .shows("SYN-RECEIVED FIN-WAIT-1 TIME-WAIT")
                .peer_first()
        };
        let crossing = |end| case(end, App::Crossing, CROSSED).asks(40_000).waits_long();
        show(&[
            hasty("fin"),
            hasty("passive"),
            hasty("half"),
            hasty("hold"),
            crossing("fin"),
            crossing("half"),
            crossing("hold"),
        ]);
    });
}

#[test]
fn a_request_larger_than_the_room_of_smoltcp_waits_for_it() {
    in_lab(|| {
        let into_room = |app, room| {
            case("fin", app, SERVED)
                .asks(60_000)
                .waits_long()
                .holds("500ms")
                .shows("SYN-RECEIVED CLOSE-WAIT LAST-ACK")
                .into_room(room)
        };
        show(&[
            into_room(App::Replying(5), 4096),
            into_room(App::Replying(5), 1000),
            // The window closes again and again, and our probes find it open.
            into_room(App::Sipping(5), 8192).waits("50ms", "6"),
        ]);
    });
}

#[test]
fn a_window_of_smoltcp_that_never_opens_ends_in_no_ack() {
    in_lab(|| {
        let full = |end| {
            case(end, App::Idle, RESET)
                .asks(20_000)
                .waits("50ms", "4")
                .into_room(4096)
                // A byte probes the closed window.
                .sends(4097)
                .fails("no-ack", None)
        };
        let smol = Smol::new();
        for end in ["fin", "rst", "passive", "half", "simultaneous", "hold"] {
            for (service, running) in Family::BOTH.map(|family| full(end).begin(&smol, family)) {
                let story = full(end).check(&service, running);
                let anomalies = story.at("anomalies").as_array().expect("anomalies");
                let ids: Vec<_> = anomalies.iter().map(|anomaly| &anomaly["id"]).collect();
                let told = ["zero-window", "data-retransmitted", "data-retransmitted"];
                assert_eq!(ids, told, "{:#}", story.json);
                assert!(story.our_reset().is_some(), "{:#}", story.json);
            }
        }
    });
}

#[test]
fn when_smoltcp_closes_first() {
    in_lab(|| {
        let waves = "SYN-RECEIVED FIN-WAIT-1 TIME-WAIT";
        let hasty = |end| {
            case(end, App::Hasty, CLOSED_FIRST)
                .shows(waves)
                .peer_first()
        };
        show(&[hasty("passive"), hasty("hold").holds("30s")]);
    });
}

#[test]
fn when_both_close_at_the_same_time() {
    in_lab(|| {
        show(&[
            case("simultaneous", App::Hasty, CROSSED)
                .shows("SYN-RECEIVED FIN-WAIT-1")
                .peer_first(),
            case("fin", App::Crossing, CROSSED),
            case("half", App::Crossing, CROSSED),
            case("hold", App::Crossing, CROSSED),
        ]);
    });
}

#[test]
fn when_we_reset() {
    in_lab(|| {
        show(&[
            case("rst", App::Idle, RESET).aborts(),
            case("syn-rst", App::Idle, HALF_OPEN).aborts(),
            // RFC 9293 3.10.7.4, second: SYN-RECEIVED goes back to LISTEN.
            case("none", App::Idle, HALF_OPEN).aborts(),
        ]);
    });
}

#[test]
fn when_smoltcp_never_closes() {
    in_lab(|| {
        let after_ours = |end| {
            case(end, App::Idle, HELD)
                .shows("SYN-RECEIVED CLOSE-WAIT")
                .fails("no-fin", Some("local"))
        };
        let before_ours = |end| case(end, App::Idle, RESET).fails("no-fin", None);
        show(&[
            after_ours("fin"),
            after_ours("half"),
            after_ours("hold"),
            before_ours("passive"),
            before_ours("simultaneous"),
        ]);
    });
}

#[test]
fn when_smoltcp_resets() {
    in_lab(|| {
        let resetting = |end| {
            case(end, App::Resetting, RESET)
                .shows("SYN-RECEIVED CLOSED")
                .fails("reset-by-peer", None)
        };
        show(&[
            resetting("passive"),
            resetting("simultaneous"),
            resetting("hold").holds("30s"),
        ]);
    });
}

#[test]
fn the_syn_acks_that_smoltcp_repeats_are_counted() {
    in_lab(|| {
        let smol = Smol::new();
        let case = case("none", App::Idle, HALF_OPEN).holds("2s");
        for (service, running) in Family::BOTH.map(|family| case.begin(&smol, family)) {
            let story = Story::of(&running.finish());
            let record = service.record_through(HALF_OPEN);
            is_true(&story, &record);
            // RFC 6298 2.1: the first repeat comes after a second.
            assert!(record.sent.len() > 1, "{record:#?}");
            let segments = story.at("segments").as_array().expect("segments");
            let arrived = segments.iter().filter(|segment| segment["flags"] == "S.");
            assert_eq!(arrived.count(), record.sent.len(), "{segments:#?}");
            assert_eq!(story.at("anomalies")[0]["id"], "syn-ack-repeated");
            assert_eq!(story.at("close.outcome"), "aborted");
        }
    });
}

#[test]
fn a_port_that_smoltcp_refuses_is_closed() {
    in_lab(|| {
        let smol = Smol::new();
        for family in Family::BOTH {
            let target = SocketAddr::new(family.address(), 9).to_string();
            let story = Story::of(&tcpshake(&smol.client, &["--json", &target]).run());
            assert_eq!(story.at("verdict"), "closed");
            assert_eq!(story.at("reason"), "reset");
            assert_eq!(story.at("close.outcome"), "not-attempted");
            assert_eq!(story.last_claim().states, "CLOSED");
            assert_eq!(story.last_claim().basis, "seen");
            assert_eq!(story.code, 3);
        }
    });
}

#[test]
fn the_options_of_smoltcp_are_those_it_was_set_up_with() {
    in_lab(|| {
        let smol = Smol::new();
        let usual = Settings::default();
        let room = |room| Settings { room, ..usual };
        let (small, large) = (room(4096), room(1 << 20));
        let stamping = Settings {
            timestamps: true,
            ..usual
        };
        // With what in our SYN, and then window, scale, SACK and timestamps of smoltcp.
        let cases: [(Settings, &[&str], Value); 6] = [
            (usual, &[], json!([65535, 1, true, false])),
            (small, &[], json!([4096, 0, true, false])),
            (large, &[], json!([65535, 5, true, false])),
            (
                usual,
                &["--wscale=none", "--sack=none"],
                json!([65535, null, false, false]),
            ),
            (stamping, &[], json!([65535, 1, true, true])),
            (
                stamping,
                &["--timestamps=none"],
                json!([65535, 1, true, false]),
            ),
        ];
        for family in Family::BOTH {
            for (settings, arguments, expected) in &cases {
                let service = smol.serve(family, App::Closing, *settings);
                let target = service.address.to_string();
                let program = tcpshake(&smol.client, &["--json", &target]);
                let story = Story::of(&program.args(arguments).run());
                let peer = story.at("peer");
                let stamps = peer["timestamps"]["val"].is_u64();
                let offered = json!([peer["window"], peer["wscale"], peer["sack"], stamps]);
                assert_eq!(offered, *expected, "{peer}");
                assert_eq!(peer["mss"], family.mss(), "{peer}");
                assert_eq!(peer["ttl"], 64, "{peer}");
                assert_eq!(peer["ecn"], false, "{peer}");
                if stamps {
                    let echo = format!("TS val {} ", peer["timestamps"]["ecr"]);
                    let syn = story.at("segments.0.options").as_str().expect("options");
                    assert!(syn.contains(&echo), "{syn}: {peer}");
                }
            }
        }
    });
}

#[test]
fn smoltcp_answers_a_request_of_the_kernel() {
    in_lab(|| {
        let smol = Smol::for_kernels();
        for family in Family::BOTH {
            let service = smol.serve(family, App::Answering(8000), Settings::default());
            let mut connection = smol.client.connect(service.address);
            connection.write(b"GET / HTTP/1.0\r\n");
            connection.write(b"\r\n");
            assert_eq!(connection.read_to_end().len(), 8000);
        }
    });
}
