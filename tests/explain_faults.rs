//! What `explain` does with a capture that is damaged, or none: results up to there, and a message
//! that says where.

mod lab;
mod samples;
mod tshark;
mod written;

use std::process::Command;

use lab::{Finished, Running};
use samples::made::WHOLE;
use samples::talk::Talk;
use tshark::Saved;
use written::{ORDERS, Order, Pcapng};

const RAW: u16 = 101;

fn explain(arguments: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpshake"));
    command.args(["explain", "--json"]).args(arguments);
    Running::start(&mut command, Vec::new()).finish()
}

/// Status, connections told, and the message behind the name of the file.
fn explained(capture: &[u8]) -> (i32, usize, String) {
    let saved = Saved::new(capture);
    let name = saved.file().to_str().expect("a path in UTF-8");
    let finished = explain(&[name]);
    let told = finished.json().len();
    let message = finished.stderr.replace(&format!("tcpshake: {name}: "), "");
    (finished.code(), told, message.trim_end().to_owned())
}

/// An interface with this time resolution, and a whole connection on it.
fn connection(order: Order, resolution: u8) -> Pcapng {
    let start = Pcapng::new(order).interface(RAW, 0, &[(9, &[resolution])]);
    let said = Talk::v4(40_000).play(WHOLE);
    said.iter()
        .fold(start, |file, it| file.frame(0, it.micros, &it.packet))
}

#[test]
fn what_comes_before_the_damage_is_told_and_the_damage_with_its_offset() {
    for order in ORDERS {
        let whole = connection(order, 6);
        let end = whole.bytes.len();
        let told = |fault: &str| {
            let message = format!(
                "the capture is damaged at byte {end}: {fault}; only what comes before is read"
            );
            (0, 1, message)
        };
        for length in [0, 1, u32::MAX] {
            let block = [order.u32(6), order.u32(length), [0; 4]].concat();
            let capture = [&whole.bytes[..], &block].concat();
            let expected = told(&format!("no block has a length of {length} bytes"));
            assert_eq!(explained(&capture), expected);
        }
        let undeclared = connection(order, 6).frame(7, 0, b"frame");
        let expected = told("a packet names interface 7, and 1 were described before it");
        assert_eq!(explained(&undeclared.bytes), expected);
        let cut = [&whole.bytes[..], &order.u32(6)].concat();
        let expected = told("a block header is cut short: 8 bytes needed, 4 there");
        assert_eq!(explained(&cut), expected);
    }
}

#[test]
fn a_time_resolution_of_nothing_at_all_is_no_fault() {
    // 10^-127 and 2^-127 seconds: the highest bit chooses the base.
    for resolution in [0x7f, 0xff] {
        let capture = connection(Order::Little, resolution).bytes;
        assert_eq!(explained(&capture), (0, 1, String::new()));
    }
}

#[test]
fn status_6_is_for_what_cannot_be_read_at_all() {
    let whole = connection(Order::Big, 6).bytes;
    let frame = Talk::v4(40_000).play(">S").swap_remove(0).packet;
    let first = Pcapng::new(Order::Big).interface(RAW, 0, &[]).bytes.len();
    let with_one = Pcapng::new(Order::Big).interface(RAW, 0, &[]);
    let with_one = with_one.frame(0, 0, &frame).bytes;
    for (capture, begins) in [
        (&b""[..], "this is neither pcap nor pcapng: it is empty"),
        (
            b"\x1f\x8b\x08\0",
            "this is neither pcap nor pcapng: it begins with 1f8b0800 (gzip)",
        ),
        (&whole[..20], "the capture is damaged at byte 0: "),
        (
            &with_one[..first + 9],
            &format!("the capture is damaged at byte {first}: "),
        ),
    ] {
        let (status, told, message) = explained(capture);
        assert_eq!((status, told), (6, 0), "{message}");
        assert!(message.starts_with(begins), "{message}");
    }
    let finished = explain(&["/nonexistent"]);
    let expected =
        "tcpshake: /nonexistent: it cannot be opened: No such file or directory (os error 2)\n";
    assert_eq!((finished.code(), &*finished.stderr), (6, expected));
}
