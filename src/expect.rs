//! What the user expects of the results: `KEY OP VALUE`, held against the lines of `--json`.
//!
//! Which keys there are, and of what type, the JSON Schema says.

mod keys;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use keys::{Key, Kind};

/// An expectation, known to make sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    key: Key,
    operator: Operator,
    wanted: Wanted,
    /// As the user wrote it.
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    /// The longer ones first, so that none is taken for its beginning.
    const ALL: [(&str, Operator); 6] = [
        ("!=", Operator::NotEqual),
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];

    /// The first one in `text`, with what stands before and after it.
    fn split(text: &str) -> Option<(&str, Operator, &str)> {
        let start = text.find(['=', '!', '<', '>'])?;
        let (key, rest) = text.split_at(start);
        let found = Operator::ALL
            .into_iter()
            .find_map(|(word, operator)| Some((operator, rest.strip_prefix(word)?)));
        found.map(|(operator, value)| (key.trim(), operator, value.trim()))
    }

    fn orders(self) -> bool {
        !matches!(self, Operator::Equal | Operator::NotEqual)
    }

    fn holds(self, found: Ordering) -> bool {
        match self {
            Operator::Equal => found.is_eq(),
            Operator::NotEqual => found.is_ne(),
            Operator::Less => found.is_lt(),
            Operator::AtMost => found.is_le(),
            Operator::Greater => found.is_gt(),
            Operator::AtLeast => found.is_ge(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Wanted {
    Number(i128),
    /// Nanoseconds.
    Duration(i128),
    Flag(bool),
    Text(String),
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Expectation, String> {
        let (name, operator, value) = Operator::split(text)
            .filter(|(_, _, value)| !value.starts_with(['=', '<', '>']))
            .ok_or("expected KEY OP VALUE, OP one of = != < <= > >=, as in verdict=open")?;
        let key: Key = name.parse()?;
        if operator.orders() && matches!(key.kind, Kind::Flag | Kind::Text(_)) {
            return Err(format!("{name} has no order: compare it with = or !="));
        }
        Ok(Expectation {
            wanted: wanted(name, &key.kind, value)?,
            key,
            operator,
            text: text.to_string(),
        })
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Expectation {
    /// It reads the summary of all probes, else each probe.
    pub fn is_of_summary(&self) -> bool {
        self.key.is_of_summary()
    }

    /// Whether it holds for `line`. Null never does.
    ///
    /// # Errors
    /// It does not: the value that was found.
    pub fn check(&self, line: &Value) -> Result<(), String> {
        let found = self.key.value_in(line);
        let order = match &self.wanted {
            Wanted::Number(wanted) | Wanted::Duration(wanted) => {
                number(found).map(|found| found.cmp(wanted))
            }
            Wanted::Flag(wanted) => found.as_bool().map(|found| found.cmp(wanted)),
            Wanted::Text(wanted) => found.as_str().map(|found| found.cmp(wanted)),
        };
        if order.is_some_and(|order| self.operator.holds(order)) {
            return Ok(());
        }
        Err(match (&self.wanted, number(found), found) {
            (Wanted::Duration(_), Some(ns), _) => duration(ns),
            (_, _, Value::String(text)) => text.clone(),
            _ => found.to_string(),
        })
    }
}

fn wanted(name: &str, kind: &Kind, value: &str) -> Result<Wanted, String> {
    match kind {
        Kind::Number => whole(value)
            .map(Wanted::Number)
            .ok_or_else(|| format!("{name} is a whole number, not {value:?}")),
        Kind::Duration => humantime::parse_duration(value)
            .ok()
            .and_then(|duration| i128::try_from(duration.as_nanos()).ok())
            .map(Wanted::Duration)
            .ok_or_else(|| format!("{name} is a duration, as in 200ms, not {value:?}")),
        Kind::Flag => value
            .parse()
            .map(Wanted::Flag)
            .map_err(|_| format!("{name} is true or false, not {value:?}")),
        Kind::Text(Some(words)) if !words.iter().any(|word| word == value) => Err(format!(
            "{name} is one of {}, not {value:?}",
            words.join(", ")
        )),
        Kind::Text(_) => Ok(Wanted::Text(value.to_string())),
    }
}

/// Decimal, or hexadecimal with 0x, as the options have it.
fn whole(text: &str) -> Option<i128> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn number(value: &Value) -> Option<i128> {
    let signed = value.as_i64().map(i128::from);
    signed.or(value.as_u64().map(i128::from))
}

fn duration(ns: i128) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let magnitude = u64::try_from(ns.unsigned_abs()).unwrap_or(u64::MAX);
    let written = humantime::format_duration(Duration::from_nanos(magnitude));
    format!("{sign}{written}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(expression: &str, line: &Value) -> Result<(), String> {
        expression.parse::<Expectation>().unwrap().check(line)
    }

    fn line() -> Value {
        json!({
            "verdict": "open",
            "peer": { "mss": 1460, "wscale": null, "sack": true, "options": "mss 1460,sackOK" },
            "handshake": { "rtt_ns": 11_532_101, "isn": 4_294_967_294_u32 },
            "icmp": null,
            "close": { "outcome": "in-order" },
        })
    }

    #[test]
    fn each_operator_compares_numbers() {
        for (operator, less, equal, greater) in [
            ("=", false, true, false),
            ("!=", true, false, true),
            ("<", true, false, false),
            ("<=", true, true, false),
            (">", false, false, true),
            (">=", false, true, true),
        ] {
            for (wanted, holds) in [(1461, less), (1460, equal), (1459, greater)] {
                let expression = format!("peer.mss{operator}{wanted}");
                assert_eq!(check(&expression, &line()).is_ok(), holds, "{expression}");
            }
        }
    }

    #[test]
    fn words_and_flags_are_equal_or_not() {
        for holds in [
            "verdict=open",
            "verdict!=closed",
            "peer.sack=true",
            "peer.sack!=false",
        ] {
            assert_eq!(check(holds, &line()), Ok(()), "{holds}");
        }
        assert_eq!(check("verdict=closed", &line()), Err("open".to_string()));
        assert_eq!(check("peer.sack=false", &line()), Err("true".to_string()));
    }

    #[test]
    fn a_text_may_hold_spaces_and_commas() {
        assert_eq!(check("peer.options = mss 1460,sackOK", &line()), Ok(()));
    }

    #[test]
    fn without_ns_the_value_is_a_duration_and_so_is_what_was_found() {
        assert_eq!(check("handshake.rtt < 12ms", &line()), Ok(()));
        assert_eq!(check("handshake.rtt=11ms 532us 101ns", &line()), Ok(()));
        assert_eq!(check("handshake.rtt_ns=11532101", &line()), Ok(()));
        assert_eq!(
            check("handshake.rtt<1ms", &line()),
            Err("11ms 532us 101ns".to_string())
        );
        assert_eq!(
            check("handshake.rtt_ns<1", &line()),
            Err("11532101".to_string())
        );
    }

    #[test]
    fn a_number_may_be_hexadecimal() {
        assert_eq!(check("handshake.isn=0xfffffffe", &line()), Ok(()));
    }

    #[test]
    fn null_fails_whatever_is_expected_of_it() {
        for fails in [
            "peer.wscale=7",
            "peer.wscale!=7",
            "peer.wscale>=0",
            "icmp.code!=13",
        ] {
            assert_eq!(check(fails, &line()), Err("null".to_string()), "{fails}");
        }
    }

    #[test]
    fn only_sent_lost_and_round_trips_are_of_the_summary() {
        for (expression, of_summary) in [
            ("sent=1", true),
            ("lost=0", true),
            ("rtt.p99<50ms", true),
            ("rtt.stddev_ns<1000", true),
            ("handshake.rtt<50ms", false),
            ("kernel_rst=0", false),
            ("elapsed<1s", false),
        ] {
            let parsed: Expectation = expression.parse().unwrap();
            assert_eq!(parsed.is_of_summary(), of_summary, "{expression}");
        }
    }

    #[test]
    fn a_mistake_says_what_would_be_right() {
        for (expression, told) in [
            ("", "KEY OP VALUE"),
            ("verdict", "KEY OP VALUE"),
            ("verdict!open", "KEY OP VALUE"),
            ("verdict==open", "KEY OP VALUE"),
            ("verdict=<open", "KEY OP VALUE"),
            ("=open", "no key \"\""),
            ("verdikt=open", "no key \"verdikt\""),
            ("peer.mtu=1500", "peer has ecn, mss"),
            ("answered=1", "no key \"answered\""),
            ("rtt.p95<1s", "rtt has max_ns"),
            ("peer=1", "peer has ecn, mss"),
            ("states.basis=seen", "a list"),
            ("verdict.word=open", "no key"),
            ("verdict=opne", "one of open, closed"),
            ("verdict<open", "has no order"),
            ("peer.sack>true", "has no order"),
            ("peer.sack=yes", "true or false"),
            ("peer.mss=big", "whole number"),
            ("peer.mss=1.5", "whole number"),
            ("sent=", "whole number"),
            ("handshake.rtt<50", "a duration"),
            ("rtt.p99_ns<50ms", "whole number"),
        ] {
            let line = expression.parse::<Expectation>().unwrap_err();
            assert!(
                line.contains(told) && !line.contains('\n'),
                "{expression}: {line}"
            );
        }
    }

    #[test]
    fn an_expectation_is_shown_as_it_was_written() {
        let written = "rtt.p99 < 50ms";
        assert_eq!(written.parse::<Expectation>().unwrap().to_string(), written);
    }
}
