//! Counters of a kernel, to wait for what leaves no other trace.

use std::fs;

use crate::lab::Namespace;

/// A counter of `/proc/net/snmp` or `/proc/net/netstat`: `counter(&peer, "Tcp", "InSegs")`.
pub fn counter(host: &Namespace, group: &str, name: &str) -> u64 {
    let tables = host.run(|| {
        ["snmp", "netstat"]
            .map(|table| fs::read_to_string(format!("/proc/thread-self/net/{table}")).expect(table))
    });
    let group = format!("{group}:");
    let mut lines = tables
        .iter()
        .flat_map(|table| table.lines())
        .filter(|line| line.starts_with(&group));
    let mut fields = || lines.next().expect("two lines").split_whitespace();
    let (mut names, mut values) = (fields(), fields());
    let position = names.position(|field| field == name);
    let value = position.and_then(|position| values.nth(position));
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no counter {group} {name}"))
}
