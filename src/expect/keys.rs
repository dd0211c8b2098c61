//! The keys of the JSON Lines, as their schema has them.

use std::str::FromStr;
use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let schema = include_str!("../report/tcpshake-1.schema.json");
    serde_json::from_str(schema).expect("the schema is JSON")
});

/// The keys that are read from the summary, with those below them.
const OF_SUMMARY: [&str; 3] = ["sent", "lost", "rtt"];

/// A key of a line, and what its value is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    path: Vec<String>,
    pub(super) kind: Kind,
}

/// The type of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A whole number.
    Number,
    /// Nanoseconds, named without `_ns`.
    Duration,
    /// True or false.
    Flag,
    /// A string, one of these if there are any.
    Text(Option<Vec<String>>),
}

impl Key {
    /// It is read from the summary, else from each probe.
    pub(super) fn is_of_summary(&self) -> bool {
        OF_SUMMARY.contains(&self.path[0].as_str())
    }

    /// What `line` has there; null too when it has nothing.
    pub(super) fn value_in<'a>(&self, line: &'a Value) -> &'a Value {
        let value = self.path.iter().try_fold(line, |value, key| value.get(key));
        value.unwrap_or(&Value::Null)
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(name: &str) -> Result<Key, String> {
        let mut path: Vec<String> = name.split('.').map(str::to_string).collect();
        let line = match OF_SUMMARY.contains(&path[0].as_str()) {
            true => "/$defs/summary",
            false => "/$defs/probe",
        };
        let mut node = SCHEMA.pointer(line).expect("the schema of a line");
        let mut is_duration = false;
        for depth in 0..path.len() {
            let part = &path[depth];
            let inner = match (member(node, part), member(node, &format!("{part}_ns"))) {
                (Some(inner), _) => inner,
                (None, Some(inner)) if depth + 1 == path.len() => {
                    is_duration = true;
                    inner
                }
                _ => return Err(unknown(name, &path[..depth], node)),
            };
            node = resolve(inner);
        }
        let kind = match kind(node) {
            Ok(Kind::Number) if is_duration => Kind::Duration,
            Ok(kind) => kind,
            Err(_) => return Err(unknown(name, &path, node)),
        };
        if is_duration && let Some(last) = path.last_mut() {
            last.push_str("_ns");
        }
        Ok(Key { path, kind })
    }
}

fn member<'a>(node: &'a Value, key: &str) -> Option<&'a Value> {
    node.get("properties")?.get(key)
}

fn unknown(name: &str, parents: &[String], node: &'static Value) -> String {
    let members = node.get("properties").and_then(Value::as_object);
    let keys: Vec<&str> = members
        .into_iter()
        .flat_map(|members| members.keys().map(String::as_str))
        .collect();
    let parent = parents.join(".");
    match (parents.len(), keys.is_empty()) {
        (0, _) => format!("no key {name:?}: tcpshake(1) lists them under OUTPUT"),
        _ if kind(node) == Err("array") => {
            format!("{parent} is a list, which no expectation reads: filter it with jq")
        }
        (_, true) => format!("no key {name:?}: {parent} is a value"),
        _ => format!(
            "no key {name:?} with a value: {parent} has {}",
            keys.join(", ")
        ),
    }
}

/// Follows references, and of several alternatives takes the first that is not null.
fn resolve(mut node: &'static Value) -> &'static Value {
    loop {
        let settled = node.get("type").is_some() || node.get("enum").is_some();
        let reference = node.get("$ref").and_then(Value::as_str);
        let alternatives = node.get("anyOf").and_then(Value::as_array);
        node = match (settled, reference, alternatives) {
            (false, Some(reference), _) => {
                let place = reference.trim_start_matches('#');
                SCHEMA.pointer(place).expect("a definition of the schema")
            }
            (false, None, Some(alternatives)) => alternatives
                .iter()
                .find(|alternative| alternative["type"] != "null")
                .expect("an alternative to null"),
            _ => return node,
        };
    }
}

/// What values a part of the schema allows, null aside; or the name of a type that is no value.
fn kind(node: &'static Value) -> Result<Kind, &'static str> {
    if let Some(words) = node.get("enum").and_then(Value::as_array) {
        let words = words.iter().filter_map(Value::as_str).map(str::to_string);
        return Ok(Kind::Text(Some(words.collect())));
    }
    let name = match node.get("type") {
        Some(Value::Array(types)) => types
            .iter()
            .filter_map(Value::as_str)
            .find(|&it| it != "null"),
        other => other.and_then(Value::as_str),
    };
    match name {
        Some("integer") => Ok(Kind::Number),
        Some("boolean") => Ok(Kind::Flag),
        Some(other @ ("object" | "array")) => Err(other),
        _ => Ok(Kind::Text(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(name: &str) -> Kind {
        name.parse::<Key>().unwrap().kind
    }

    #[test]
    fn the_schema_tells_the_kind_of_each_key() {
        for number in [
            "seq",
            "peer.mss",
            "peer.timestamps.val",
            "icmp.code",
            "elapsed_ns",
            "lost",
        ] {
            assert_eq!(kind_of(number), Kind::Number, "{number}");
        }
        for duration in [
            "handshake.rtt",
            "close.peer_fin",
            "icmp.t",
            "elapsed",
            "rtt.p99",
        ] {
            assert_eq!(kind_of(duration), Kind::Duration, "{duration}");
        }
        for flag in ["handshake.completed", "peer.sack", "peer.ecn"] {
            assert_eq!(kind_of(flag), Kind::Flag, "{flag}");
        }
        for text in [
            "schema",
            "reason",
            "target.addr",
            "local.addr",
            "peer.options",
        ] {
            assert_eq!(kind_of(text), Kind::Text(None), "{text}");
        }
        for words in [
            "verdict",
            "close.outcome",
            "local.guard",
            "handshake.rtt_source",
        ] {
            assert!(matches!(kind_of(words), Kind::Text(Some(_))), "{words}");
        }
    }

    /// Every key below `node`, as a user names it.
    fn all(node: &'static Value, path: &str, found: &mut Vec<String>) {
        for (key, inner) in node["properties"].as_object().unwrap() {
            let path = format!("{path}{key}");
            let inner = resolve(inner);
            match kind(inner) {
                Err("object") => all(inner, &format!("{path}."), found),
                Err(_) => {}
                Ok(_) => found.push(path),
            }
        }
    }

    #[test]
    fn every_key_of_a_probe_can_be_named() {
        let mut names = Vec::new();
        all(&SCHEMA["$defs"]["probe"], "", &mut names);
        assert!(names.len() > 40, "{names:?}");
        for name in names {
            let key: Key = name.parse().unwrap();
            assert_eq!(key.path.join("."), name);
            if let Some(short) = name.strip_suffix("_ns") {
                let key: Key = short.parse().unwrap();
                assert_eq!((key.path.join("."), key.kind), (name, Kind::Duration));
            }
        }
    }
}
