//! The line of a probe.

use std::net::IpAddr;

use serde::Serialize;

use crate::report::{Names, Record, TargetInfo};

use super::exchange::{self, Told};
use super::{SCHEMA, rfc3339};

#[derive(Serialize)]
pub(super) struct Probe<'a> {
    schema: &'static str,
    r#type: &'static str,
    seq: u64,
    started: String,
    target: Target<'a>,
    local: Local<'a>,
    #[serde(flatten)]
    told: Told<'a>,
}

#[derive(Serialize)]
pub(super) struct Target<'a> {
    input: &'a str,
    name: Option<&'a str>,
    addr: Option<IpAddr>,
    port: u16,
}

#[derive(Serialize)]
struct Local<'a> {
    addr: Option<IpAddr>,
    port: Option<u16>,
    interface: Option<&'a str>,
    guard: Option<&'a str>,
}

/// Of this record.
pub(super) fn line(record: &Record, segments: bool) -> Probe<'_> {
    let mut told = exchange::told(&record.exchange, Names::PROBE, segments);
    let failure = record.failure.as_ref();
    told.reason = told.reason.or(failure.map(|failure| failure.reason));
    told.handshake.rtt_source = told.handshake.rtt_ns.map(|_| "kernel");
    told.close.requested = Some(record.requested.word());
    told.kernel_rst = Some(record.kernel_rst);
    Probe {
        schema: SCHEMA,
        r#type: "probe",
        seq: record.seq,
        started: rfc3339(record.started),
        target: target(&record.target),
        local: Local {
            addr: record.local.addr.map(|local| local.ip()),
            port: record.local.addr.map(|local| local.port()),
            interface: record.local.interface.as_deref(),
            guard: record.local.guard.as_deref(),
        },
        told,
    }
}

pub(super) fn target(target: &TargetInfo) -> Target<'_> {
    Target {
        input: &target.input,
        name: target.name.as_deref(),
        addr: target.addr,
        port: target.port,
    }
}
