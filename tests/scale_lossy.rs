//! Where the path loses SYNs, or anything, every verdict is right all the same: the rate follows, and
//! who stays silent is asked more often.

mod lab;
mod scale_path;

use std::fmt::Write as _;
use std::net::SocketAddr;

use lab::{in_lab, tcpshake};
use scale_path::outcome::Outcome;
use scale_path::{Crowd, width};

#[test]
fn all_are_found_behind_a_policer() {
    in_lab(|| {
        let crowd = Crowd::open();
        let limits = width(&[2000][..], &[200, 2000]);
        for limit in limits {
            crowd.peer.nft(&policer(*limit));
            for rate in width(&["max"][..], &["1000", "max"]) {
                let ask = ["--json", "--rate", rate, "-p", "80", "--targets", "-"];
                let probe = tcpshake(&crowd.client, &ask).input(&addresses(2000));
                let finished = probe.alone().run();
                let outcome = Outcome::of(&finished, 2000);
                outcome.all_are("open in-order");
                assert!(outcome.retries() > 0, "{}", outcome.summary);
                let slowest = 5.0 * 2000.0 / f64::from(*limit) + 10.0;
                let took = outcome.summary["elapsed_ns"].as_u64().expect("a time");
                assert!((took as f64) < slowest * 1e9, "{}", outcome.summary);
            }
        }
    });
}

/// With so many SYNs a second, five at once.
fn policer(limit: u32) -> String {
    format!(
        "flush ruleset
        table ip policer {{
            chain arriving {{
                type filter hook prerouting priority -300;
                tcp flags & (syn | ack) == syn jump of_syns
            }}
            chain of_syns {{
                limit rate {limit}/second burst 5 packets accept
                drop
            }}
        }}"
    )
}

fn addresses(count: u32) -> Vec<u8> {
    let mut lines = String::new();
    for number in 0..count {
        writeln!(lines, "10.10.{}.{}", number / 250, number % 250).expect("room");
    }
    lines.into_bytes()
}

#[test]
fn who_is_there_is_told_from_who_is_not_where_frames_are_lost() {
    in_lab(|| {
        let crowd = Crowd::open();
        crowd.peer.nft(&lossy("tcp flags & syn == syn"));
        for _ in 0..width(1, 10) {
            let ask = ["-W", "300ms", "-p", "80", "10.10.7.0/24"];
            judge(&Outcome::of(&crowd.at_full_speed(&ask).run(), 256));
        }
    });
}

/// How a connection closes there is another matter: that has the attempts of the schedule.
#[test]
fn the_verdict_is_right_where_any_segment_is_lost() {
    in_lab(|| {
        let crowd = Crowd::open();
        crowd.peer.nft(&lossy("tcp sport != 0"));
        for wait in width(&["300ms"][..], &["300ms", "1s"]) {
            let ask = ["-W", wait, "--end", "fin", "-p", "80,81", "10.10.7.0/25"];
            judge(&Outcome::of(&crowd.at_full_speed(&ask).run(), 256));
        }
    });
}

/// A fifth of all that `matches`, each way.
fn lossy(matches: &str) -> String {
    let loss = format!("{matches} numgen random mod 100 < 20 drop");
    format!(
        "flush ruleset
        table ip lossy {{
            set silent {{ type ipv4_addr; flags interval; elements = {{ {} }} }}
            chain arriving {{
                type filter hook prerouting priority -300;
                ip daddr @silent drop
                {loss}
            }}
            chain leaving {{
                type filter hook output priority 0;
                {loss}
            }}
        }}",
        silent_hosts().join(", ")
    )
}

fn silent_hosts() -> Vec<String> {
    let numbers = (0..=255).filter(|number| is_silent(*number));
    numbers.map(|it| format!("10.10.7.{it}")).collect()
}

/// A tenth of them is not there.
fn is_silent(host: u8) -> bool {
    host % 10 == 3
}

fn judge(outcome: &Outcome) {
    outcome.verdicts_are(|target| match target {
        SocketAddr::V4(at) if is_silent(at.ip().octets()[3]) => "filtered",
        at if at.port() == 80 => "open",
        _ => "closed",
    });
    assert!(outcome.retries() > 0, "{}", outcome.summary);
}
