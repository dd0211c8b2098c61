//! On a link where most addresses answer no ARP request, those that do are all found, and no silent
//! one holds up another.

mod lab;
mod scale_path;

use std::net::IpAddr;

use lab::in_lab;
use scale_path::outcome::Outcome;
use scale_path::{Crowd, width};

#[test]
fn silent_neighbours_hold_up_nobody() {
    in_lab(|| {
        let crowd = Crowd::open();
        // Beyond a /23 the kernel's table of neighbours is full: it holds 1,024.
        let (network, targets) = width(("10.20.0.0/23", 512), ("10.20.0.0/22", 1024));
        let length = &network[network.len() - 3..];
        crowd
            .client
            .ip(&format!("address add 10.20.0.1{length} dev cli0"));
        crowd.peer.ip(&format!(
            "address add 10.20.0.2{length} dev srv0\nroute add local 10.20.1.0/26 dev lo"
        ));
        let ask = ["-W", width("300ms", "1s"), "-p", "80", network];
        let finished = crowd.at_full_speed(&ask).run();
        let outcome = Outcome::so_far(&finished);
        assert_eq!(outcome.lines.len(), targets);
        for line in &outcome.lines {
            let Some(IpAddr::V4(addr)) = line.target.addr else {
                panic!("{line:?}")
            };
            let wanted: &[&str] = match addr.octets() {
                [.., 0, 1] => &["closed"],
                [.., 0, 2] | [.., 1, 0..64] => &["open"],
                // The broadcast address.
                [.., 255] if line.verdict.is_none() => continue,
                _ => &["unreachable", "filtered"],
            };
            let verdict = line.verdict.as_deref().unwrap_or("none");
            assert!(wanted.contains(&verdict), "{line:?}");
        }
    });
}
