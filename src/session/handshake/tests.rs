//! The course of each end in virtual time. Numbers are relative: our SYN is 0, the peer's is 0.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Course, End, Handshake};
use crate::clock::Time;
use crate::tcp::{Config, Schedule};
use crate::wire::{Flags, IcmpMessage, IpVersion, Options, Quote, Segment, SeqNumber, shorthand};

const ISS: SeqNumber = SeqNumber(u32::MAX);
const IRS: SeqNumber = SeqNumber(7);
/// Two round trips, in milliseconds.
const LINGER: u64 = 40;

struct Probe {
    session: Handshake,
    now: Time,
}

impl Probe {
    /// The SYN is on its way; 1+2+4 s are waited, held for 500 ms.
    fn start(end: End) -> Probe {
        let config = Config {
            local_port: 50_000,
            remote_port: 80,
            iss: ISS,
            window: 1000,
            options: Options::default(),
            syn_flags: Flags::default(),
            schedule: Schedule {
                first: Duration::from_secs(1),
                retries: 2,
            },
        };
        let hold = Duration::from_millis(500);
        let mut probe = Probe {
            session: Handshake::new(
                config,
                Course {
                    end,
                    hold,
                    time_wait: None,
                },
            ),
            now: Time(5_000_000_000),
        };
        probe.session.start(probe.now);
        assert_eq!(probe.sent(), ["S 0"]);
        probe
    }

    /// The handshake is done, after a round trip of 20 ms.
    fn established(end: End) -> Probe {
        let mut probe = Probe::start(end);
        probe.pass(20);
        probe.arrives("S. 0 ack 1");
        probe
    }

    fn arrives(&mut self, text: &str) {
        let segment = Segment {
            src_port: 80,
            dst_port: 50_000,
            ..shorthand::read(text, IRS, ISS)
        };
        self.session.on_segment(self.now, &segment);
    }

    /// Lets so many milliseconds pass, waking whenever the session asks for it.
    fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(at) = self.session.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.session.on_timeout(self.now);
        }
        self.now = end;
    }

    fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.poll_transmit())
            .map(|sent| shorthand::write(&sent.segment, ISS, IRS))
            .collect()
    }

    /// Milliseconds until it is over, if nothing more arrives.
    fn time_to_end(&mut self) -> u64 {
        let begun = self.now;
        while let Some(at) = self.session.poll_timeout() {
            assert!(!self.session.is_done());
            self.now = self.now.max(at);
            self.session.on_timeout(self.now);
        }
        assert!(self.session.is_done());
        u64::try_from((self.now - begun).as_millis()).unwrap()
    }

    fn quoted(&mut self, seq: SeqNumber, dst_port: u16) {
        let message = IcmpMessage {
            version: IpVersion::V4,
            icmp_type: 3,
            code: 1,
            checksum: 0,
            rest: [0; 4],
            body: Vec::new(),
        };
        let quote = Quote {
            src: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            dst: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
            src_port: 50_000,
            dst_port,
            seq,
            ttl: 63,
            transport: Vec::new(),
        };
        self.session.on_icmp(self.now, &message, &quote);
    }
}

macro_rules! expect {
    ($probe:expr, [$($text:expr),* $(,)?]) => {
        assert_eq!($probe.sent(), &[$($text),*] as &[&str])
    };
}

mod asking;

// The ends, as they should go.

#[test]
fn fin_walks_through_four_waves() {
    let mut probe = Probe::established(End::Fin);
    expect!(probe, [". 1 ack 1", "F. 1 ack 1"]);
    probe.arrives(". 1 ack 2");
    expect!(probe, []);
    probe.arrives("F. 1 ack 2");
    expect!(probe, [". 2 ack 2"]);
    assert!(probe.session.is_done());
    assert_eq!(probe.session.poll_timeout(), None);
}

#[test]
fn fin_takes_waves_two_and_three_in_one() {
    let mut probe = Probe::established(End::Fin);
    probe.sent();
    probe.arrives("F. 1 ack 2");
    expect!(probe, [". 2 ack 2"]);
    assert!(probe.session.is_done());
}

#[test]
fn fin_goes_on_reading_after_its_fin() {
    let mut probe = Probe::established(End::Fin);
    probe.sent();
    probe.arrives("P. 1:11 ack 1");
    probe.arrives("P. 11:21 ack 2");
    probe.arrives("F. 21 ack 2");
    expect!(probe, [". 2 ack 11", ". 2 ack 21", ". 2 ack 22"]);
    assert!(probe.session.is_done());
}

#[test]
fn fin_closes_simultaneously() {
    let mut probe = Probe::established(End::Fin);
    probe.sent();
    probe.arrives("F. 1 ack 1");
    expect!(probe, [". 2 ack 2"]);
    assert!(!probe.session.is_done());
    probe.arrives(". 2 ack 2");
    assert!(probe.session.is_done());
}

#[test]
fn rst_completes_and_aborts() {
    let mut probe = Probe::established(End::Rst);
    expect!(probe, [". 1 ack 1", "R. 1 ack 1"]);
    assert_eq!(probe.time_to_end(), LINGER);
}

#[test]
fn syn_rst_sends_no_third_segment() {
    let mut probe = Probe::established(End::SynRst);
    expect!(probe, ["R 1"]);
    assert_eq!(probe.time_to_end(), LINGER);
    expect!(probe, []);
}

#[test]
fn hold_stays_established_and_closes() {
    let mut probe = Probe::established(End::Hold);
    expect!(probe, [". 1 ack 1"]);
    probe.pass(499);
    expect!(probe, []);
    probe.pass(1);
    expect!(probe, ["F. 1 ack 1"]);
    probe.arrives("F. 1 ack 2");
    expect!(probe, [". 2 ack 2"]);
    assert!(probe.session.is_done());
}

#[test]
fn passive_answers_the_peers_fin() {
    let mut probe = Probe::established(End::Passive);
    expect!(probe, [". 1 ack 1"]);
    probe.pass(3000);
    expect!(probe, []);
    probe.arrives("F. 1 ack 1");
    expect!(probe, [". 1 ack 2", "F. 1 ack 2"]);
    probe.arrives(". 2 ack 2");
    assert!(probe.session.is_done());
}

#[test]
fn passive_and_simultaneous_wait_for_the_whole_schedule() {
    for end in [End::Passive, End::Simultaneous] {
        let mut probe = Probe::established(end);
        probe.sent();
        assert_eq!(probe.time_to_end(), 7000 + LINGER, "{end}");
        expect!(probe, ["R. 1 ack 1"]);
    }
}

#[test]
fn half_reads_for_as_long_as_data_comes() {
    let mut probe = Probe::established(End::Half);
    expect!(probe, [". 1 ack 1", "F. 1 ack 1"]);
    probe.arrives(". 1 ack 2");
    for second in 0..20 {
        probe.pass(6000);
        let (from, to) = (1 + second, 2 + second);
        probe.arrives(&format!("P. {from}:{to} ack 2"));
        expect!(probe, [format!(". 2 ack {to}").as_str()]);
    }
    probe.arrives("F. 21 ack 2");
    expect!(probe, [". 2 ack 22"]);
    assert!(probe.session.is_done());
}

#[test]
fn half_gives_up_when_nothing_comes() {
    let mut probe = Probe::established(End::Half);
    probe.arrives(". 1 ack 2");
    probe.arrives("P. 1:2 ack 2");
    probe.sent();
    // The same again is no news.
    probe.pass(6000);
    probe.arrives("P. 1:2 ack 2");
    expect!(probe, [". 2 ack 2"]);
    assert_eq!(probe.time_to_end(), 1000 + LINGER);
    expect!(probe, ["R. 2 ack 2"]);
}

#[test]
fn simultaneous_lets_its_fin_cross_the_peers() {
    let mut probe = Probe::established(End::Simultaneous);
    expect!(probe, [". 1 ack 1"]);
    probe.pass(3000);
    probe.arrives("FP. 1:11 ack 1");
    // The data is acknowledged, the FIN only after ours.
    expect!(probe, ["F. 1 ack 11", ". 2 ack 12"]);
    assert!(!probe.session.is_done());
    probe.arrives(". 12 ack 2");
    assert!(probe.session.is_done());
}

#[test]
fn none_answers_no_syn_ack_and_resets() {
    let mut probe = Probe::established(End::None);
    expect!(probe, []);
    for _ in 0..3 {
        probe.pass(100);
        probe.arrives("S. 0 ack 1");
    }
    expect!(probe, []);
    probe.pass(199);
    expect!(probe, []);
    probe.pass(1);
    expect!(probe, ["R 1"]);
    assert_eq!(probe.time_to_end(), LINGER);
}

#[test]
fn none_repeats_no_syn_while_it_holds() {
    let mut probe = Probe::start(End::None);
    probe.pass(990);
    probe.arrives("S. 0 ack 1");
    probe.pass(499);
    expect!(probe, []);
}

// The peer closes first.

#[test]
fn hold_answers_a_fin_at_once() {
    let mut probe = Probe::established(End::Hold);
    probe.sent();
    probe.pass(100);
    probe.arrives("F. 1 ack 1");
    expect!(probe, [". 1 ack 2", "F. 1 ack 2"]);
    probe.arrives(". 2 ack 2");
    assert!(probe.session.is_done());
}

#[test]
fn a_fin_with_the_syn_ack_is_answered() {
    for (end, answers) in [
        (End::Fin, vec![". 1 ack 1", ". 1 ack 2", "F. 1 ack 2"]),
        (End::Hold, vec![". 1 ack 1", ". 1 ack 2", "F. 1 ack 2"]),
        (End::Rst, vec![". 1 ack 1", ". 1 ack 2", "R. 1 ack 2"]),
        (End::SynRst, vec!["R 1"]),
        (End::None, vec![]),
    ] {
        let mut probe = Probe::start(end);
        probe.arrives("SF. 0 ack 1");
        assert_eq!(probe.sent(), answers, "{end}");
    }
}

#[test]
fn a_last_ack_that_never_comes_is_waited_for_seven_seconds() {
    let mut probe = Probe::established(End::Hold);
    probe.arrives("F. 1 ack 1");
    probe.sent();
    assert_eq!(probe.time_to_end(), 7000 + LINGER);
    expect!(probe, ["F. 1 ack 2", "F. 1 ack 2", "R. 2 ack 2"]);
}

// The peer refuses or resets.

#[test]
fn a_refusal_ends_every_end() {
    for end in End::ALL {
        let mut probe = Probe::start(end);
        probe.arrives("R. 0 ack 1");
        expect!(probe, []);
        assert!(probe.session.is_done(), "{end}");
    }
}

#[test]
fn a_forged_refusal_ends_none() {
    for end in End::ALL {
        let mut probe = Probe::start(end);
        probe.arrives("R. 0 ack 2");
        probe.arrives("R 1");
        expect!(probe, []);
        assert!(!probe.session.is_done(), "{end}");
    }
}

#[test]
fn a_reset_ends_each_phase() {
    let held = Probe::established(End::Hold);
    let closing = Probe::established(End::Fin);
    let mut awaiting = Probe::established(End::Fin);
    awaiting.arrives(". 1 ack 2");
    for mut probe in [held, closing, awaiting] {
        probe.sent();
        probe.arrives("R 1");
        expect!(probe, []);
        assert!(probe.session.is_done());
        assert_eq!(probe.session.poll_timeout(), None);
    }
}

#[test]
fn a_reset_elsewhere_in_the_window_is_challenged() {
    let mut probe = Probe::established(End::Hold);
    probe.sent();
    probe.arrives("R 2");
    expect!(probe, [". 1 ack 1"]);
    assert!(!probe.session.is_done());
}

#[test]
fn a_refusal_ends_what_is_withheld() {
    let mut probe = Probe::established(End::None);
    probe.arrives("R. 0 ack 1");
    assert!(probe.session.is_done());
    expect!(probe, []);
}

// The bounds: 1+2+4 s for every wait.

#[test]
fn no_answer_to_the_syn() {
    for end in End::ALL {
        let mut probe = Probe::start(end);
        assert_eq!(probe.time_to_end(), 7000, "{end}");
        expect!(probe, ["S 0", "S 0", "R 1"]);
    }
}

#[test]
fn no_ack_of_the_fin() {
    let mut probe = Probe::established(End::Fin);
    probe.sent();
    assert_eq!(probe.time_to_end(), 7000 + LINGER);
    expect!(probe, ["F. 1 ack 1", "F. 1 ack 1", "R. 2 ack 1"]);
}

#[test]
fn no_fin_of_the_peer() {
    let mut probe = Probe::established(End::Fin);
    probe.sent();
    probe.pass(30);
    probe.arrives(". 1 ack 2");
    assert_eq!(probe.time_to_end(), 7000 + LINGER);
    expect!(probe, ["R. 2 ack 1"]);
}

#[test]
fn data_without_end_does_not_put_off_the_end() {
    let mut probe = Probe::established(End::Fin);
    probe.sent();
    probe.arrives(". 1 ack 2");
    for second in 0..8 {
        let text = format!("P. {}:{} ack 2", 1 + second, 2 + second);
        probe.arrives(&text);
        probe.pass(1000);
    }
    assert!(probe.session.is_done());
}

#[test]
fn wrong_answers_do_not_put_off_the_end() {
    let mut probe = Probe::start(End::Fin);
    for _ in 0..70 {
        probe.arrives("S. 0 ack 5");
        probe.arrives("S 0 ack 5");
        probe.pass(99);
    }
    assert!(probe.time_to_end() <= 7070);
}

// Interrupts: one RST at the number that the peer expects.

#[test]
fn an_interrupt_resets_in_each_phase() {
    let syn_sent = Probe::start(End::Fin);
    let withheld = Probe::established(End::None);
    let held = Probe::established(End::Hold);
    let closing = Probe::established(End::Fin);
    let mut awaiting = Probe::established(End::Fin);
    awaiting.arrives(". 1 ack 2");
    let mut last_ack = Probe::established(End::Hold);
    last_ack.arrives("F. 1 ack 1");
    let mut crossed = Probe::established(End::Fin);
    crossed.arrives("F. 1 ack 1");
    for (mut probe, rst) in [
        (syn_sent, "R 1"),
        (withheld, "R 1"),
        (held, "R. 1 ack 1"),
        (closing, "R. 2 ack 1"),
        (awaiting, "R. 2 ack 1"),
        (last_ack, "R. 2 ack 2"),
        (crossed, "R. 2 ack 2"),
    ] {
        probe.sent();
        probe.session.interrupt(probe.now);
        probe.session.interrupt(probe.now);
        expect!(probe, [rst]);
        assert!(probe.time_to_end() <= LINGER);
        expect!(probe, []);
    }
}

#[test]
fn an_interrupt_after_the_end_sends_nothing() {
    let mut over = Probe::established(End::Fin);
    over.arrives("F. 1 ack 2");
    let lingering = Probe::established(End::Rst);
    for mut probe in [over, lingering] {
        probe.sent();
        probe.session.interrupt(probe.now);
        expect!(probe, []);
    }
}

/// What the peer sent before our RST reached it is answered by us, not by the kernel.
#[test]
fn a_reset_is_lingered_over_for_two_round_trips() {
    let mut probe = Probe::established(End::Rst);
    probe.sent();
    probe.pass(39);
    assert!(!probe.session.is_done());
    probe.arrives("P. 1:11 ack 1");
    probe.arrives("R 1");
    expect!(probe, ["R 1"]);
    probe.pass(1);
    assert!(probe.session.is_done());
}

// ICMP decides only what is unanswered, and only when it quotes our SYN exactly.

#[test]
fn icmp_that_quotes_our_syn_decides() {
    for end in End::ALL {
        let mut probe = Probe::start(end);
        probe.quoted(ISS, 80);
        assert!(probe.session.is_done(), "{end}");
        assert_eq!(probe.session.poll_timeout(), None);
        expect!(probe, []);
    }
}

#[test]
fn icmp_that_quotes_something_else_is_ignored() {
    let mut probe = Probe::start(End::Fin);
    probe.quoted(ISS + 1, 80);
    probe.quoted(ISS, 81);
    assert!(!probe.session.is_done());
    assert_eq!(probe.time_to_end(), 7000);
}

#[test]
fn icmp_after_the_answer_is_ignored() {
    for end in End::ALL {
        let mut probe = Probe::established(end);
        probe.quoted(ISS, 80);
        assert!(!probe.session.is_done(), "{end}");
    }
}

// Simultaneous open.

#[test]
fn a_crossing_syn_is_answered_and_the_end_takes_its_course() {
    let mut probe = Probe::start(End::Fin);
    probe.arrives("S 0");
    expect!(probe, ["S. 0 ack 1"]);
    probe.arrives("S. 0 ack 1");
    expect!(probe, ["F. 1 ack 1"]);
}

#[test]
fn a_half_open_probe_does_not_complete_a_simultaneous_open() {
    let mut probe = Probe::start(End::SynRst);
    probe.arrives("S 0");
    expect!(probe, ["R 1"]);
    let mut probe = Probe::start(End::None);
    probe.arrives("S 0");
    probe.arrives("S. 0 ack 1");
    expect!(probe, []);
    probe.pass(500);
    expect!(probe, ["R 1"]);
}
