//! Initial sequence numbers at the edges, where arithmetic modulo 2^32 shows, through every end.

mod lab;
mod stage;

use lab::{Recording, in_lab};
use stage::{Act, App, Family, Stage, Story};

const EDGES: [u32; 6] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

struct Course {
    end: &'static str,
    app: App,
    outcome: &'static str,
    /// The numbers of our segments, counted from the ISN.
    numbers: &'static [u32],
}

impl Course {
    /// Runs it from every edge over both families.
    fn show(&self) {
        let stage = Stage::new();
        for family in Family::BOTH {
            let capture = stage.client.capture("cli0", "tcp");
            let runs = EDGES.map(|isn| {
                let act = stage.act(family, self.app);
                let number = format!("{isn:#x}");
                let running = act.begin(&["--isn", &number, "--end", self.end, "--hold", "20ms"]);
                (isn, act, running)
            });
            let ended = runs.map(|(isn, act, running)| {
                self.check(isn, &act, &Story::of(&running.finish()));
                (isn, act)
            });
            let recording = capture.stop();
            for (isn, act) in ended {
                let wanted: Vec<u32> = self.numbers.iter().map(|n| isn.wrapping_add(*n)).collect();
                assert_eq!(numbers_sent(&recording, &act), wanted, "from {isn:#x}");
                act.server.end();
            }
        }
    }

    fn check(&self, isn: u32, act: &Act, story: &Story) {
        let report = &story.json;
        assert_eq!(story.at("verdict"), "open", "{report}");
        assert_eq!(story.at("reason"), "syn-ack", "{report}");
        assert_eq!(story.at("close.outcome"), self.outcome, "{report}");
        assert_eq!(story.at("handshake.isn"), isn, "{report}");
        assert_eq!(story.at("handshake.syn_sent"), 1, "{report}");
        assert_eq!(story.at("anomalies"), &serde_json::json!([]));
        assert_eq!(story.at("kernel_rst"), 0, "{report}");
        assert_eq!(story.code, 0);
        // The peer took our last segment for one of this connection.
        act.wait_for_kernel(match self.app {
            App::Hasty => "TIME-WAIT",
            _ => "CLOSED",
        });
    }
}

/// Repeats left out: on a busy machine the peer may ask twice.
fn numbers_sent(recording: &Recording, act: &Act) -> Vec<u32> {
    let mut segments = recording.segments();
    segments.retain(|(_, segment)| segment.source == act.near);
    let mut numbers: Vec<_> = segments.iter().map(|(_, segment)| segment.seq).collect();
    numbers.dedup();
    numbers
}

#[test]
fn every_edge_closes_in_order() {
    in_lab(|| {
        Course {
            end: "fin",
            app: App::Closing,
            outcome: "in-order",
            numbers: &[0, 1, 2],
        }
        .show();
    });
}

#[test]
fn every_edge_is_held_and_closes_in_order() {
    in_lab(|| {
        Course {
            end: "hold",
            app: App::Closing,
            outcome: "in-order",
            numbers: &[0, 1, 2],
        }
        .show();
    });
}

#[test]
fn every_edge_is_reset_after_the_handshake() {
    in_lab(|| {
        Course {
            end: "rst",
            app: App::Idle,
            outcome: "aborted",
            numbers: &[0, 1],
        }
        .show();
    });
}

#[test]
fn every_edge_is_reset_instead_of_the_third_segment() {
    in_lab(|| {
        Course {
            end: "syn-rst",
            app: App::Idle,
            outcome: "aborted",
            numbers: &[0, 1],
        }
        .show();
    });
}

#[test]
fn every_edge_is_left_half_open_and_reset() {
    in_lab(|| {
        Course {
            end: "none",
            app: App::Idle,
            outcome: "aborted",
            numbers: &[0, 1],
        }
        .show();
    });
}

#[test]
fn every_edge_is_closed_by_the_peer_first() {
    in_lab(|| {
        Course {
            end: "passive",
            app: App::Hasty,
            outcome: "in-order",
            numbers: &[0, 1],
        }
        .show();
    });
}

#[test]
fn every_edge_is_half_closed_and_closes_in_order() {
    in_lab(|| {
        Course {
            end: "half",
            app: App::Closing,
            outcome: "in-order",
            numbers: &[0, 1, 2],
        }
        .show();
    });
}

#[test]
fn every_edge_is_closed_by_both_at_once() {
    in_lab(|| {
        Course {
            end: "simultaneous",
            app: App::Hasty,
            outcome: "in-order",
            numbers: &[0, 1, 2],
        }
        .show();
    });
}
