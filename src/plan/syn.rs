//! The SYN to send: whose it looks like, and what the user changed.

use crate::cli::{RawOption, Stack, Switch, SynArgs, Wanted};
use crate::wire::{Flags, IpVersion, Options, TcpOption};

use super::Problem;

/// A SYN but for its numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Syn {
    /// The window field, bytes.
    pub window: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Its options, in whole words.
    pub options: Options,
    /// Flags beside SYN.
    pub flags: Flags,
}

impl Syn {
    /// The SYN of `args` over a route whose MTU is `mtu` bytes. The timestamp's value is `clock`
    /// at time zero.
    ///
    /// # Errors
    /// More than 40 bytes of options.
    pub fn new(args: &SynArgs, version: IpVersion, mtu: u32, clock: u32) -> Result<Syn, Problem> {
        let mss = u16::try_from(mtu.saturating_sub(version.headers())).unwrap_or(u16::MAX);
        let (window, ttl, layout) = template(args.syn_like, mss, clock);
        let mut options = layout;
        if let Some(wanted) = args.mss {
            replace(&mut options, is_mss, with(wanted).map(TcpOption::Mss));
        }
        if let Some(wanted) = args.wscale {
            replace(
                &mut options,
                is_wscale,
                with(wanted).map(TcpOption::WindowScale),
            );
        }
        if let Some(wanted) = args.sack {
            replace(
                &mut options,
                is_sack,
                (wanted == Switch::Yes).then_some(TcpOption::SackPermitted),
            );
        }
        if let Some(wanted) = args.timestamps {
            let ours = TcpOption::Timestamps { val: clock, ecr: 0 };
            replace(
                &mut options,
                is_timestamps,
                (wanted == Switch::Yes).then_some(ours),
            );
        }
        options.extend(
            args.fastopen
                .iter()
                .map(|cookie| TcpOption::FastOpen(cookie.0.clone())),
        );
        options.extend(args.option.iter().map(raw));
        let options = Options::from(options).padded();
        if options.len() > Options::MAX_LEN {
            return Err(Problem::usage(format!(
                "{} bytes of TCP options do not fit into the {} of a header: leave some out (--timestamps none saves 12)",
                options.len(),
                Options::MAX_LEN
            )));
        }
        let flags = match args.ecn {
            // RFC 3168 6.1.1: an ECN-setup SYN.
            Some(Switch::Yes) => Flags::ECE | Flags::CWR,
            _ => Flags::default(),
        };
        Ok(Syn {
            window: args.window.unwrap_or(window),
            ttl: args.ttl.unwrap_or(ttl),
            options,
            flags,
        })
    }
}

/// Window, TTL and options of a stack's SYN, as seen on the wire.
fn template(stack: Stack, mss: u16, clock: u32) -> (u16, u8, Vec<TcpOption>) {
    use TcpOption::{End, Mss, Nop, SackPermitted, Timestamps, WindowScale};
    let (mss, timestamps) = (Mss(mss), Timestamps { val: clock, ecr: 0 });
    match stack {
        Stack::Linux => (
            64240,
            64,
            vec![mss, SackPermitted, timestamps, Nop, WindowScale(7)],
        ),
        Stack::Windows => (
            64240,
            128,
            vec![mss, Nop, WindowScale(8), Nop, Nop, SackPermitted],
        ),
        Stack::Macos => {
            let end = End { rest: vec![0] };
            (
                65535,
                64,
                vec![
                    mss,
                    Nop,
                    WindowScale(6),
                    Nop,
                    Nop,
                    timestamps,
                    SackPermitted,
                    end,
                ],
            )
        }
        Stack::Freebsd => (
            65535,
            64,
            vec![mss, Nop, WindowScale(6), SackPermitted, timestamps],
        ),
        Stack::Bare => (65535, 64, vec![]),
    }
}

fn is_mss(option: &TcpOption) -> bool {
    matches!(option, TcpOption::Mss(_))
}

fn is_wscale(option: &TcpOption) -> bool {
    matches!(option, TcpOption::WindowScale(_))
}

fn is_sack(option: &TcpOption) -> bool {
    *option == TcpOption::SackPermitted
}

fn is_timestamps(option: &TcpOption) -> bool {
    matches!(option, TcpOption::Timestamps { .. })
}

fn with<T>(wanted: Wanted<T>) -> Option<T> {
    match wanted {
        Wanted::With(value) => Some(value),
        Wanted::Without => None,
    }
}

/// Puts `ours` where the template has that option, or after the last. Taking one out takes the
/// padding before it along, and an End-of-List that would hide what comes after it.
fn replace(options: &mut Vec<TcpOption>, is_it: fn(&TcpOption) -> bool, ours: Option<TcpOption>) {
    match (options.iter().position(is_it), ours) {
        (Some(place), Some(ours)) => options[place] = ours,
        (Some(place), None) => {
            let mut first = place;
            while first > 0 && options[first - 1] == TcpOption::Nop {
                first -= 1;
            }
            options.drain(first..=place);
        }
        (None, Some(ours)) => {
            options.retain(|option| !matches!(option, TcpOption::End { .. }));
            options.push(ours);
        }
        (None, None) => {}
    }
}

fn raw(option: &RawOption) -> TcpOption {
    match option.kind {
        0 => TcpOption::End {
            rest: option.data.clone(),
        },
        1 => TcpOption::Nop,
        kind => TcpOption::Other {
            kind,
            data: option.data.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Refusal, parse};

    fn syn(arguments: &[&str]) -> Result<Syn, Problem> {
        let all = ["tcpshake"].iter().chain(arguments).chain(&["h:1"]);
        match parse(all.map(std::ffi::OsString::from)) {
            Ok(cli) => Syn::new(&cli.probe.syn, IpVersion::V4, 1500, 9),
            Err(Refusal::Usage(line)) => panic!("{line}"),
            Err(Refusal::Asked(_)) => unreachable!(),
        }
    }

    #[test]
    fn by_default_it_looks_like_linux() {
        let syn = syn(&[]).unwrap();
        assert_eq!(
            syn.options.to_string(),
            "mss 1460,sackOK,TS val 9 ecr 0,nop,wscale 7"
        );
        assert_eq!((syn.window, syn.ttl), (64240, 64));
    }

    #[test]
    fn each_stack_fills_whole_words() {
        for stack in ["linux", "windows", "macos", "freebsd", "bare"] {
            let syn = syn(&["--syn-like", stack]).unwrap();
            assert_eq!(syn.options.len() % 4, 0, "{stack}");
            assert_eq!(Options::parse(&syn.options.emit()), syn.options, "{stack}");
        }
    }

    #[test]
    fn single_options_override_the_stack() {
        let syn = syn(&[
            "--mss",
            "536",
            "--wscale",
            "none",
            "--sack=none",
            "--window",
            "0",
            "--ttl",
            "9",
        ])
        .unwrap();
        assert_eq!(syn.options.to_string(), "mss 536,TS val 9 ecr 0,eol");
        assert_eq!((syn.window, syn.ttl), (0, 9));
    }

    #[test]
    fn an_option_the_stack_lacks_is_added() {
        let syn = syn(&[
            "--syn-like",
            "bare",
            "--timestamps",
            "--ecn",
            "--option",
            "254:cafe",
        ])
        .unwrap();
        assert_eq!(syn.options.timestamps(), Some((9, 0)));
        assert_eq!(syn.flags, Flags::ECE | Flags::CWR);
        assert_eq!(syn.options.len(), 16);
    }

    #[test]
    fn forty_one_bytes_of_options_are_refused() {
        assert!(syn(&["--option", "254:00000000000000000000000000000000000000"]).is_err());
        let twenty = "254:000000000000000000000000000000000000"; // 18 and two
        assert_eq!(syn(&["--option", twenty]).unwrap().options.len(), 40);
    }
}
