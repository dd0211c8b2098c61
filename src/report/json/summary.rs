//! The line of a summary.

use serde::Serialize;

use crate::report::{Kept, Rtt, Summary};

use super::SCHEMA;
use super::probe::{Target, target};

#[derive(Serialize)]
pub(super) struct SummaryLine<'a> {
    schema: &'static str,
    r#type: &'static str,
    target: Option<Target<'a>>,
    sent: u64,
    answered: u64,
    lost: u64,
    open: u64,
    closed: u64,
    filtered: u64,
    unreachable: u64,
    errors: u64,
    retries: u64,
    rate: f64,
    rtt: RttLine,
    pace: Option<PaceLine>,
    kernel_rst: u64,
    capture_drops: u64,
    elapsed_ns: u64,
}

#[derive(Serialize)]
struct RttLine {
    min_ns: Option<u64>,
    mean_ns: Option<u64>,
    p50_ns: Option<u64>,
    p90_ns: Option<u64>,
    p99_ns: Option<u64>,
    max_ns: Option<u64>,
    stddev_ns: Option<u64>,
}

#[derive(Serialize)]
struct PaceLine {
    rate: Option<f64>,
    lowest: Option<f64>,
    slowdowns: u64,
    loss: f64,
}

impl From<Kept> for PaceLine {
    fn from(pace: Kept) -> PaceLine {
        PaceLine {
            rate: pace.rate,
            lowest: pace.lowest,
            slowdowns: pace.slowdowns,
            loss: pace.loss,
        }
    }
}

/// Of this summary.
pub(super) fn line(summary: &Summary) -> SummaryLine<'_> {
    let rtt = summary.rtt();
    let of = |field: fn(Rtt) -> u64| rtt.map(field);
    SummaryLine {
        schema: SCHEMA,
        r#type: "summary",
        target: summary.target.as_ref().map(target),
        sent: summary.sent,
        answered: summary.answered,
        lost: summary.lost(),
        open: summary.open,
        closed: summary.closed,
        filtered: summary.filtered,
        unreachable: summary.unreachable,
        errors: summary.errors,
        retries: summary.retries,
        rate: summary.rate(),
        rtt: RttLine {
            min_ns: of(|rtt| rtt.min_ns),
            mean_ns: of(|rtt| rtt.mean_ns),
            p50_ns: of(|rtt| rtt.p50_ns),
            p90_ns: of(|rtt| rtt.p90_ns),
            p99_ns: of(|rtt| rtt.p99_ns),
            max_ns: of(|rtt| rtt.max_ns),
            stddev_ns: of(|rtt| rtt.stddev_ns),
        },
        pace: summary.pace.map(Into::into),
        kernel_rst: summary.kernel_rst,
        capture_drops: summary.capture_drops,
        elapsed_ns: summary.elapsed_ns,
    }
}
