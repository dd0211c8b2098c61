//! The classic BPF program of the tap: only frames that can concern us wake this program.

use nix::libc;
use socket2::SockFilter;

/// More ports than this are not told apart in the kernel: every TCP frame is passed.
pub const MAX_PORTS: usize = 32;

/// What the tap is to see. ICMP errors, later fragments and IPv6 with extension headers always are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interest {
    /// Empty: all of them.
    ports: Vec<u16>,
}

impl Interest {
    /// TCP frames from or to one of `ports`; all TCP where there are none, or more than
    /// [`MAX_PORTS`].
    pub fn new(ports: impl IntoIterator<Item = u16>) -> Interest {
        let mut ports: Vec<u16> = ports.into_iter().collect();
        if ports.len() > MAX_PORTS {
            ports.clear();
        }
        Interest { ports }
    }
}

/// One instruction, readable unlike [`SockFilter`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Insn {
    code: u32,
    if_true: u8,
    if_false: u8,
    k: u32,
}

impl From<Insn> for SockFilter {
    fn from(insn: Insn) -> SockFilter {
        // The operation codes all fit 16 bits; libc declares them wider.
        SockFilter::new(insn.code as u16, insn.if_true, insn.if_false, insn.k)
    }
}

const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
const LOAD_HALF: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const LOAD_BYTE_AT_X: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_IND;
const LOAD_HALF_AT_X: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_IND;
const X_IS: u32 = libc::BPF_LDX | libc::BPF_W | libc::BPF_IMM;
const X_IS_V4_HEADER_LENGTH: u32 = libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH;
const JUMP_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const JUMP_BITS: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// Offsets from here on read what the kernel knows about a frame instead of its bytes.
const ABOUT: u32 = libc::SKF_AD_OFF as u32;
const ABOUT_PROTOCOL: u32 = ABOUT + libc::SKF_AD_PROTOCOL as u32;
const ABOUT_PKTTYPE: u32 = ABOUT + libc::SKF_AD_PKTTYPE as u32;
const ABOUT_INTERFACE: u32 = ABOUT + libc::SKF_AD_IFINDEX as u32;

/// The index of loopback, the first interface of every network namespace.
pub(crate) const LOOPBACK: u32 = 1;

const PASS: Insn = op(RETURN, u32::MAX);
const DROP: Insn = op(RETURN, 0);

/// The ICMP types that quote a packet: unreachable, source quench, redirect, time exceeded,
/// parameter problem.
const ICMP_ERRORS: [u32; 5] = [3, 4, 5, 11, 12];

/// ICMPv6 types from here on are not errors (RFC 4443, section 2.1): neighbour discovery, echo.
const ICMPV6_INFORMATIONAL: u32 = 0x80;

/// The extension headers behind which a TCP header may be: hop-by-hop, routing, fragment,
/// authentication, destination, mobility, host identity, shim6.
const V6_EXTENSIONS: [u32; 8] = [0, 43, 44, 51, 60, 135, 139, 140];

const fn op(code: u32, k: u32) -> Insn {
    Insn {
        code,
        if_true: 0,
        if_false: 0,
        k,
    }
}

const fn jump(code: u32, k: u32, if_true: u8, if_false: u8) -> Insn {
    Insn {
        code,
        if_true,
        if_false,
        k,
    }
}

/// The whole program. Every test is followed by what to do when it holds, so no jump needs a label.
pub(crate) fn program(interest: &Interest) -> Vec<Insn> {
    let mut program = vec![op(LOAD_WORD, ABOUT_PKTTYPE)];
    // Seen in promiscuous mode only; never part of an exchange of ours.
    program.extend(when_equal(u32::from(libc::PACKET_OTHERHOST), vec![DROP]));
    // On loopback each frame comes twice. Like every other capture we keep the one that arrives:
    // its stamp is the one that the others show.
    let mut leaving = vec![op(LOAD_WORD, ABOUT_INTERFACE)];
    leaving.extend(when_equal(LOOPBACK, vec![DROP]));
    program.extend(when_equal(u32::from(libc::PACKET_OUTGOING), leaving));
    program.push(op(LOAD_WORD, ABOUT_PROTOCOL));
    program.extend(when_equal(libc::ETH_P_IP as u32, v4(&interest.ports)));
    program.extend(when_equal(libc::ETH_P_IPV6 as u32, v6(&interest.ports)));
    program.push(DROP);
    program
}

fn v4(ports: &[u16]) -> Vec<Insn> {
    let mut icmp = vec![op(X_IS_V4_HEADER_LENGTH, 0), op(LOAD_BYTE_AT_X, 0)];
    for error in ICMP_ERRORS {
        icmp.extend(when_equal(error, vec![PASS]));
    }
    icmp.push(DROP);

    let mut block = vec![op(LOAD_BYTE, 9)];
    block.extend(when_equal(libc::IPPROTO_ICMP as u32, icmp));
    block.extend([jump(JUMP_EQUAL, libc::IPPROTO_TCP as u32, 1, 0), DROP]);
    // A later fragment has no ports to look at.
    block.extend([op(LOAD_HALF, 6), jump(JUMP_BITS, 0x1fff, 0, 1), PASS]);
    block.push(op(X_IS_V4_HEADER_LENGTH, 0));
    block.extend(tcp_at_x(ports));
    block
}

fn v6(ports: &[u16]) -> Vec<Insn> {
    let icmp = vec![
        op(LOAD_BYTE, 40),
        jump(JUMP_BITS, ICMPV6_INFORMATIONAL, 0, 1),
        DROP,
        PASS,
    ];

    let mut block = vec![op(LOAD_BYTE, 6)];
    block.extend(when_equal(libc::IPPROTO_ICMPV6 as u32, icmp));
    for extension in V6_EXTENSIONS {
        block.extend(when_equal(extension, vec![PASS]));
    }
    block.extend([jump(JUMP_EQUAL, libc::IPPROTO_TCP as u32, 1, 0), DROP]);
    block.push(op(X_IS, 40));
    block.extend(tcp_at_x(ports));
    block
}

fn tcp_at_x(ports: &[u16]) -> Vec<Insn> {
    if ports.is_empty() {
        return vec![PASS];
    }
    let mut block = Vec::new();
    for offset in [0, 2] {
        block.push(op(LOAD_HALF_AT_X, offset));
        for &port in ports {
            block.extend(when_equal(u32::from(port), vec![PASS]));
        }
    }
    block.push(DROP);
    block
}

/// `block`, skipped unless the accumulator is `value`.
fn when_equal(value: u32, block: Vec<Insn>) -> Vec<Insn> {
    let skip = u8::try_from(block.len()).expect("MAX_PORTS keeps every block below 256");
    let mut guarded = vec![jump(JUMP_EQUAL, value, 0, skip)];
    guarded.extend(block);
    guarded
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: u32 = 0;
    const OTHERHOST: u32 = 3;
    const OUTGOING: u32 = 4;

    /// Runs the program as the kernel does; a load outside the frame drops it.
    fn passes(ports: &[u16], pkttype: u32, protocol: u32, frame: &[u8]) -> bool {
        passes_on(LOOPBACK + 1, ports, pkttype, protocol, frame)
    }

    fn passes_on(interface: u32, ports: &[u16], pkttype: u32, protocol: u32, frame: &[u8]) -> bool {
        let program = program(&Interest::new(ports.iter().copied()));
        let about = [
            (ABOUT_INTERFACE, interface),
            (ABOUT_PKTTYPE, pkttype),
            (ABOUT_PROTOCOL, protocol),
        ];
        run(&program, &about, frame).is_some_and(|length| length > 0)
    }

    fn run(program: &[Insn], about: &[(u32, u32)], frame: &[u8]) -> Option<u32> {
        let half = |at: u32| {
            let at = at as usize;
            Some(u32::from(u16::from_be_bytes(
                frame.get(at..at + 2)?.try_into().ok()?,
            )))
        };
        let (mut a, mut x, mut at) = (0, 0, 0);
        loop {
            let insn = program[at];
            at += 1;
            match insn.code {
                LOAD_WORD => (_, a) = *about.iter().find(|(what, _)| *what == insn.k)?,
                LOAD_BYTE => a = u32::from(*frame.get(insn.k as usize)?),
                LOAD_BYTE_AT_X => a = u32::from(*frame.get((x + insn.k) as usize)?),
                LOAD_HALF => a = half(insn.k)?,
                LOAD_HALF_AT_X => a = half(x + insn.k)?,
                X_IS => x = insn.k,
                X_IS_V4_HEADER_LENGTH => x = 4 * u32::from(frame.first()? & 0xf),
                JUMP_EQUAL => {
                    at += usize::from(if a == insn.k {
                        insn.if_true
                    } else {
                        insn.if_false
                    })
                }
                JUMP_BITS => {
                    at += usize::from(if a & insn.k != 0 {
                        insn.if_true
                    } else {
                        insn.if_false
                    });
                }
                RETURN => return Some(insn.k),
                other => panic!("operation {other:#x} is not known"),
            }
        }
    }

    fn v4_frame(protocol: u8, option_words: u8, fragment: u16, ports: [u16; 2]) -> Vec<u8> {
        let mut frame = vec![0; 20 + 4 * usize::from(option_words)];
        frame[0] = 0x45 + option_words;
        frame[6..8].copy_from_slice(&fragment.to_be_bytes());
        frame[9] = protocol;
        frame.extend(ports[0].to_be_bytes());
        frame.extend(ports[1].to_be_bytes());
        frame.extend([0; 16]);
        frame
    }

    fn v6_frame(next_header: u8, ports: [u16; 2]) -> Vec<u8> {
        let mut frame = vec![0; 40];
        frame[0] = 0x60;
        frame[6] = next_header;
        frame.extend(ports[0].to_be_bytes());
        frame.extend(ports[1].to_be_bytes());
        frame.extend([0; 16]);
        frame
    }

    #[test]
    fn tcp_of_our_port_passes_in_both_directions() {
        for option_words in [0, 10] {
            let out = v4_frame(6, option_words, 0x4000, [50_000, 443]);
            let back = v4_frame(6, option_words, 0x4000, [443, 50_000]);
            let other = v4_frame(6, option_words, 0x4000, [443, 50_001]);
            assert!(passes(&[50_000], OUTGOING, 0x0800, &out));
            assert!(passes(&[7, 50_000], HOST, 0x0800, &back));
            assert!(!passes(&[50_000], HOST, 0x0800, &other));
        }
        assert!(passes(&[50_000], HOST, 0x86dd, &v6_frame(6, [443, 50_000])));
        assert!(!passes(
            &[50_000],
            HOST,
            0x86dd,
            &v6_frame(6, [443, 50_001])
        ));
    }

    #[test]
    fn all_tcp_passes_when_no_port_is_named_or_too_many_are() {
        let many: Vec<u16> = (1..=MAX_PORTS as u16 + 1).collect();
        for ports in [&[][..], &many] {
            assert!(passes(
                ports,
                HOST,
                0x0800,
                &v4_frame(6, 0, 0, [443, 50_001])
            ));
            assert!(passes(ports, HOST, 0x86dd, &v6_frame(6, [443, 50_001])));
        }
    }

    #[test]
    fn as_many_ports_as_allowed_still_make_a_program() {
        let ports: Vec<u16> = (1..=MAX_PORTS as u16).collect();
        assert!(passes(
            &ports,
            HOST,
            0x86dd,
            &v6_frame(6, [443, MAX_PORTS as u16])
        ));
        assert!(!passes(
            &ports,
            HOST,
            0x86dd,
            &v6_frame(6, [443, MAX_PORTS as u16 + 1])
        ));
    }

    #[test]
    fn later_fragments_and_extension_headers_pass_whatever_the_port() {
        assert!(passes(
            &[1],
            HOST,
            0x0800,
            &v4_frame(6, 0, 0x0010, [443, 50_001])
        ));
        for next_header in [0, 43, 44, 51, 60] {
            assert!(passes(&[1], HOST, 0x86dd, &v6_frame(next_header, [0, 0])));
        }
    }

    #[test]
    fn icmp_passes_only_when_it_is_an_error() {
        let v4 =
            |icmp_type: u16| passes(&[1], HOST, 0x0800, &v4_frame(1, 3, 0, [icmp_type << 8, 0]));
        let v6 = |icmp_type: u16| passes(&[1], HOST, 0x86dd, &v6_frame(58, [icmp_type << 8, 0]));
        assert!([3, 4, 5, 11, 12].into_iter().all(v4));
        assert!(![0, 8, 13].into_iter().any(v4));
        assert!([1, 2, 3, 4].into_iter().all(v6));
        assert!(![128, 129, 135, 136].into_iter().any(v6));
    }

    #[test]
    fn udp_and_arp_and_other_hosts_frames_are_dropped() {
        assert!(!passes(
            &[],
            HOST,
            0x0800,
            &v4_frame(17, 0, 0, [443, 50_000])
        ));
        assert!(!passes(&[], HOST, 0x86dd, &v6_frame(17, [443, 50_000])));
        assert!(!passes(&[], HOST, 0x0806, &[0; 28]));
        assert!(!passes(
            &[],
            OTHERHOST,
            0x0800,
            &v4_frame(6, 0, 0, [443, 50_000])
        ));
    }

    #[test]
    fn on_loopback_a_frame_passes_once() {
        let frame = v4_frame(6, 0, 0, [443, 50_000]);
        assert!(passes_on(LOOPBACK, &[443], HOST, 0x0800, &frame));
        assert!(!passes_on(LOOPBACK, &[443], OUTGOING, 0x0800, &frame));
        assert!(passes(&[443], OUTGOING, 0x0800, &frame));
    }

    #[test]
    fn a_frame_too_short_for_its_ports_is_dropped() {
        assert!(!passes(
            &[443],
            HOST,
            0x0800,
            &v4_frame(6, 0, 0, [443, 443])[..20]
        ));
    }
}
