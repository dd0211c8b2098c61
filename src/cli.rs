//! The command line: names and shapes, nothing resolved yet.

mod text;
mod values;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::expect::Expectation;
use crate::explain::Order;
use crate::net::guard::Way;
use crate::session::End;
use crate::targets::Shard;

pub use text::Escaped;
pub use values::{ColorChoice, Hex, Place, Rate, RawOption, Stack, Switch, Wanted};

/// Drive a TCP connection by hand and report what both ends did
#[derive(Parser, Debug)]
#[command(
    name = "tcpshake",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    max_term_width = 80,
    after_help = "Exit status: 0 open and ended as asked, 1 not as expected, 2 usage, 3 closed, 4 filtered, \
                  5 unreachable, 6 could not probe, 7 the peer misbehaved. See tcpshake(1)."
)]
pub struct Cli {
    /// The command; `probe` when there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The arguments of `probe`.
    #[command(flatten)]
    pub probe: ProbeArgs,
}

/// A command.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Probe targets (the default)
    Probe(Box<ProbeArgs>),
    /// Probe a listener of its own in a private network namespace; needs no privilege
    Demo(DemoArgs),
    /// Tell what happened in a capture file: both ends of each connection
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What `probe` takes.
#[derive(Args, Debug, Clone)]
pub struct ProbeArgs {
    /// HOST:PORTS, or HOST with --ports; HOST is a name, an IPv4 address, [IPv6%zone],
    /// or a block: 192.0.2.0/24, [2001:db8::/112]:443
    #[arg(required_unless_present = "lists", value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Ports for targets that name none: 443, 80,443, 8000-8100, a service name
    #[arg(short, long, value_name = "PORTS")]
    pub ports: Option<String>,
    /// What our SYN looks like.
    #[command(flatten)]
    pub syn: SynArgs,
    /// What happens after the handshake.
    #[command(flatten)]
    pub course: CourseArgs,
    /// Which of many targets, and how fast.
    #[command(flatten)]
    pub scale: ScaleArgs,
    /// How names are resolved.
    #[command(flatten)]
    pub names: NameArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What decides on the exit status.
    #[command(flatten)]
    pub verdict: VerdictArgs,
}

impl ProbeArgs {
    /// The defaults of every option, and one target.
    pub fn to(target: &str) -> ProbeArgs {
        Cli::parse_from(["tcpshake", target]).probe
    }
}

/// The group SYN.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "SYN")]
pub struct SynArgs {
    /// Initial sequence number, decimal or 0x hexadecimal [default: random]
    #[arg(long, value_name = "N", value_parser = number)]
    pub isn: Option<u32>,
    /// Address to send from, one of this host's
    #[arg(long, value_name = "ADDR")]
    pub source: Option<IpAddr>,
    /// Port to send from [default: a free one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub source_port: Option<u16>,
    /// Interface to send by
    #[arg(short = 'I', long, value_name = "IF")]
    pub interface: Option<String>,
    /// TTL or hop limit, 1 to 255
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub ttl: Option<u8>,
    /// Differentiated services code point, 0 to 63
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..64))]
    pub dscp: Option<u8>,
    /// Leave the don't-fragment bit clear
    #[arg(long)]
    pub no_df: bool,
    /// Receive window, 0 to 65535
    #[arg(long, value_name = "N")]
    pub window: Option<u16>,
    /// Maximum segment size, or none [default: what the route's MTU allows]
    #[arg(long, value_name = "N|none")]
    pub mss: Option<Wanted<u16>>,
    /// Window scale, 0 to 255, or none
    #[arg(long, value_name = "N|none")]
    pub wscale: Option<Wanted<u8>>,
    /// Permit selective acknowledgments, or =none
    #[arg(long, value_name = "none", num_args = 0..=1, require_equals = true, default_missing_value = "yes", hide_possible_values = true)]
    pub sack: Option<Switch>,
    /// Offer timestamps, or =none
    #[arg(long, value_name = "none", num_args = 0..=1, require_equals = true, default_missing_value = "yes", hide_possible_values = true)]
    pub timestamps: Option<Switch>,
    /// Offer explicit congestion notification, or =none
    #[arg(long, value_name = "none", num_args = 0..=1, require_equals = true, default_missing_value = "yes", hide_possible_values = true)]
    pub ecn: Option<Switch>,
    /// Ask for a TCP Fast Open cookie, or send this one
    #[arg(long, value_name = "HEX", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub fastopen: Option<Hex>,
    /// One more TCP option, raw (repeatable)
    #[arg(long, value_name = "KIND:HEX")]
    pub option: Vec<RawOption>,
    /// Whose SYN to imitate; single options override it
    #[arg(long, value_name = "STACK", default_value = "linux")]
    pub syn_like: Stack,
    /// How to keep the kernel from resetting our connection [default: the strongest that holds]
    #[arg(long, value_name = "filter|md5|ttl")]
    pub guard: Option<Way>,
}

/// The groups course and time.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Course and time")]
pub struct CourseArgs {
    /// How to end the connection
    #[arg(long, value_name = "END", default_value = "fin")]
    pub end: End,
    /// How long to stay in --end hold, to leave the SYN-ACK unanswered in --end none, or to wait
    /// for more after --send [default: 1s; with --send 500ms]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub hold: Option<Duration>,
    /// Send this once connected, with escapes as in 'GET / HTTP/1.0\r\n\r\n'
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub send: Option<Escaped>,
    /// Send what is in this file, at most 1 MiB; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "send")]
    pub send_file: Option<PathBuf>,
    /// Stay in TIME-WAIT to answer repeats of the peer's FIN [default when given: 60s]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "60s", value_parser = positive_duration)]
    pub time_wait: Option<Duration>,
    /// How often to probe each target, each time from a new source port [default: once]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// From the start of one probe of a target to that of the next
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = duration, requires = "count")]
    pub interval: Duration,
    /// First wait for the peer; doubled for each retry
    #[arg(short = 'W', long, value_name = "DURATION", default_value = "1s", value_parser = positive_duration)]
    pub timeout: Duration,
    /// How often to send again
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(..=30))]
    pub retries: u32,
    /// Longest time for the whole run
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    pub deadline: Option<Duration>,
}

/// The group scale.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Scale")]
pub struct ScaleArgs {
    /// Targets from this file, one a line, # begins a comment; - is standard input (repeatable)
    #[arg(long = "targets", value_name = "FILE")]
    pub lists: Vec<PathBuf>,
    /// Leave out what this names, as TARGET; without ports, all of them (repeatable)
    #[arg(long, value_name = "TARGET")]
    pub exclude: Vec<String>,
    /// Leave out what this file names, one a line (repeatable)
    #[arg(long, value_name = "FILE")]
    pub exclude_file: Vec<PathBuf>,
    /// Only part K of N: the same targets and seed give parts that together are the whole
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
    /// Which pseudo-random order the targets come in
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    /// New connections a second, or max for as many as go
    #[arg(long, value_name = "N|max", default_value = "1000")]
    pub rate: Rate,
    /// Most connections at a time
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub parallel: u32,
    /// Show only open ports
    #[arg(long)]
    pub open: bool,
}

/// The group names.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Names")]
pub struct NameArgs {
    /// IPv4 addresses only
    #[arg(short = '4', long = "ipv4", conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// IPv6 addresses only
    #[arg(short = '6', long = "ipv6")]
    pub ipv6: bool,
    /// Probe every address of a name, not only the first
    #[arg(long)]
    pub all_addresses: bool,
    /// Accepted for habit: addresses are never looked up in reverse
    #[arg(short = 'n', long)]
    pub numeric: bool,
}

/// How a report looks.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Output")]
pub struct FormatArgs {
    /// One JSON object a line
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
    /// Each field of each segment
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Only the verdict
    #[arg(short, long)]
    pub quiet: bool,
    /// Colours
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

/// The group output.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// How it looks.
    #[command(flatten)]
    pub format: FormatArgs,
    /// Write every frame to this file (pcapng), with what it tells as comments; - is standard
    /// output, and the report then goes to standard error
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
}

impl OutputArgs {
    /// Standard output is the capture's.
    pub fn captures_to_stdout(&self) -> bool {
        self.write.as_deref() == Some(Path::new("-"))
    }
}

/// The group verdict.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Verdict")]
pub struct VerdictArgs {
    /// What must hold for exit status 0, as in verdict=closed or 'rtt.p99<50ms' (repeatable)
    #[arg(long, value_name = "EXPR")]
    pub expect: Vec<Expectation>,
}

/// What `demo` takes.
#[derive(Args, Debug, Clone)]
pub struct DemoArgs {
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What `explain` takes.
#[derive(Args, Debug, Clone)]
pub struct ExplainArgs {
    /// A capture file, pcap or pcapng; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only the connections of this number, as tcp.stream in Wireshark counts (repeatable)
    #[arg(long, value_name = "N", help_heading = "Selection")]
    pub stream: Vec<u64>,
    /// Only connections of which this is either address (repeatable)
    #[arg(long, value_name = "ADDR", help_heading = "Selection")]
    pub host: Vec<IpAddr>,
    /// Only connections of which this is either port (repeatable)
    #[arg(long, value_name = "N", help_heading = "Selection")]
    pub port: Vec<u16>,
    /// Which connections come first
    #[arg(
        long,
        value_name = "ORDER",
        default_value = "time",
        help_heading = "Selection"
    )]
    pub order: Order,
    /// The end at which the frames were captured [default: unknown]
    #[arg(long, value_name = "END", help_heading = "Selection")]
    pub at: Option<Place>,
    /// What is printed.
    #[command(flatten)]
    pub format: FormatArgs,
}

/// Parses the arguments. An error is one line; help and version are not errors.
///
/// # Errors
/// What to print, and whether it is one (usage) or was asked for (help, version).
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Refusal> {
    Cli::try_parse_from(join_switches(arguments)).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refusal::Asked(error),
        ErrorKind::MissingRequiredArgument if one_line(&error.to_string()).contains("<FILE>") => {
            Refusal::Usage(
                "no file: give a capture, as in tcpshake explain run.pcapng (see --help)"
                    .to_string(),
            )
        }
        ErrorKind::MissingRequiredArgument if one_line(&error.to_string()).contains("TARGET") => {
            Refusal::Usage(
                "no target: give HOST:PORT, as in tcpshake example.com:443 (see --help)"
                    .to_string(),
            )
        }
        _ => Refusal::Usage(one_line(&error.to_string())),
    })
}

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Refusal {
    /// Help or version, to be printed.
    Asked(clap::Error),
    /// A mistake, in one line.
    Usage(String),
}

/// `--sack none` reads like `--mss none` and means the same as `--sack=none`; `--time-wait 5s` the
/// same as `--time-wait=5s`. A target is never `none` or a duration.
fn join_switches(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    for argument in arguments {
        let text = argument.to_string_lossy();
        let is_value = match joined.last().and_then(|last| last.to_str()) {
            Some("--sack" | "--timestamps" | "--ecn") => text == "none",
            Some("--time-wait") => duration(&text).is_ok(),
            _ => false,
        };
        match joined.last_mut() {
            Some(switch) if is_value => {
                switch.push("=");
                switch.push(argument);
            }
            _ => joined.push(argument),
        }
    }
    joined
}

/// clap's message without its usage block, and without its advice to pass a mistyped option, or a
/// number below zero, as a target.
fn one_line(message: &str) -> String {
    let lines = message
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty() && !line.starts_with("tip: to pass "));
    let mut told = String::new();
    for line in lines {
        match line.strip_prefix("tip: ") {
            Some(tip) => told += &format!("; {tip}"),
            None => told += &format!(" {line}"),
        }
    }
    let told = told.trim_start();
    format!(
        "{} (see --help)",
        told.strip_prefix("error: ").unwrap_or(told)
    )
}

fn number(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| {
        "expected a number from 0 to 4294967295, decimal or 0x hexadecimal".to_string()
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration, as in 200ms or 1m 30s".to_string())
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be more than nothing".to_string()),
        positive => Ok(positive),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn probe(arguments: &[&str]) -> Result<ProbeArgs, String> {
        let all = std::iter::once("tcpshake").chain(arguments.iter().copied());
        match parse(all.map(OsString::from)) {
            Ok(cli) => Ok(cli.probe),
            Err(Refusal::Usage(line)) => Err(line),
            Err(Refusal::Asked(error)) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mistyped_option_is_no_target() {
        for (arguments, told) in [
            (
                ["h:1", "--frob"].as_slice(),
                "unexpected argument '--frob' found (see --help)",
            ),
            (
                &["h:1", "--isn", "-1"],
                "unexpected argument '-1' found (see --help)",
            ),
        ] {
            assert_eq!(probe(arguments).unwrap_err(), told);
        }
    }

    #[test]
    fn a_switch_takes_none_with_and_without_an_equals_sign() {
        for form in [
            ["--sack=none", "h:1"].as_slice(),
            &["--sack", "none", "h:1"],
        ] {
            let args = probe(form).unwrap();
            assert_eq!(args.syn.sack, Some(Switch::None));
            assert_eq!(args.targets, ["h:1"]);
        }
        assert_eq!(
            probe(&["--sack", "h:1"]).unwrap().syn.sack,
            Some(Switch::Yes)
        );
    }

    #[test]
    fn time_wait_takes_a_duration_or_none() {
        let waits = |form: &[&str]| probe(form).unwrap().course.time_wait;
        assert_eq!(
            waits(&["--time-wait", "h:1"]),
            Some(Duration::from_secs(60))
        );
        assert_eq!(
            waits(&["--time-wait", "5s", "h:1"]),
            Some(Duration::from_secs(5))
        );
        assert_eq!(
            waits(&["--time-wait=5s", "h:1"]),
            Some(Duration::from_secs(5))
        );
        assert_eq!(waits(&["h:1"]), None);
    }

    #[test]
    fn an_isn_is_decimal_or_hexadecimal() {
        assert_eq!(
            probe(&["--isn", "0xfffffffe", "h:1"]).unwrap().syn.isn,
            Some(0xffff_fffe)
        );
        assert_eq!(
            probe(&["--isn", "16909060", "h:1"]).unwrap().syn.isn,
            Some(16_909_060)
        );
        assert!(
            probe(&["--isn", "4294967296", "h:1"])
                .unwrap_err()
                .contains("4294967295")
        );
    }

    #[test]
    fn an_error_is_one_line_that_names_the_value() {
        for (arguments, told) in [
            (["--ttl", "0", "h:1"].as_slice(), "--ttl"),
            (&["--mss", "x", "h:1"], "from 0 to 65535, or none"),
            (&["--wscale", "256", "h:1"], "from 0 to 255, or none"),
            (&["--timeout", "0s", "h:1"], "--timeout"),
            (&["--hold", "soon", "h:1"], "as in 200ms"),
            (&["--option", "3:zz", "h:1"], "hexadecimal"),
            (&["--frob", "h:1"], "--frob"),
            (&["--shard", "3/2", "h:1"], "K from 1 to N"),
            (&["--rate", "0", "h:1"], "from 1 to 4294967295, or max"),
            (&["--parallel", "0", "h:1"], "--parallel"),
            (&[], "no target"),
        ] {
            let line = probe(arguments).unwrap_err();
            assert!(line.contains(told) && !line.contains('\n'), "{line:?}");
        }
    }

    #[test]
    fn targets_from_a_file_need_no_other() {
        let args = probe(&["--targets", "a", "--targets", "-"]).unwrap();
        assert!(args.targets.is_empty());
        assert_eq!(args.scale.lists, [Path::new("a"), Path::new("-")]);
        let rate = |text: &str| text.parse::<Rate>();
        assert_eq!(rate("max"), Ok(Rate::Max));
        assert_eq!(Ok(args.scale.rate), rate("1000"));
    }

    #[test]
    fn a_raw_option_is_a_kind_and_bytes() {
        let option: RawOption = "254:cafe".parse().unwrap();
        assert_eq!(
            option,
            RawOption {
                kind: 254,
                data: vec![0xca, 0xfe]
            }
        );
        assert!("256:00".parse::<RawOption>().is_err());
        assert!("7".parse::<RawOption>().is_err());
        assert!("1:".parse::<RawOption>().is_ok());
        assert!("1:00".parse::<RawOption>().is_err());
    }
}
