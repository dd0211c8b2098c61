//! All the states of an end, from the first to the last, in one line.

use crate::exchange::{End, Exchange, Manner, Verdict};
use crate::report::Names;
use crate::tcp::{Bounds, State, StateSet, Step, walk};

use State::{Closed, Listen, SynReceived, SynSent, TimeWait};

/// The walk of an end in words that are not to be parted.
pub(super) fn cycle(exchange: &Exchange, end: End) -> Vec<String> {
    let name = Names::CONNECTION.of(end);
    let steps = steps(exchange, end);
    if !steps.iter().any(|step| step.certain) {
        return vec![
            format!("{name}:"),
            "no segment shows its states".to_string(),
        ];
    }
    let mut words = vec![format!("{name}:")];
    if !begins(exchange) {
        words.push("... >".to_string());
    }
    let mut before = None;
    for step in steps {
        let gap = if step.after_gap { "... > " } else { "" };
        let arrow = if before.is_some() { "> " } else { "" };
        let doubt = match (step.certain, before, step.state) {
            (true, ..) => "",
            (false, Some(TimeWait), Closed) => " (after 2MSL)",
            _ => " ?",
        };
        words.push(format!("{arrow}{gap}{}{doubt}", step.state));
        before = Some(step.state);
    }
    words
}

fn steps(exchange: &Exchange, end: End) -> Vec<Step> {
    let changes = exchange.states.iter().filter(|change| change.end == end);
    let shown: Vec<StateSet> = changes.map(|change| change.states).collect();
    let (manner, begins) = (exchange.close.manner, begins(exchange));
    let goal: Option<StateSet> = match manner {
        Manner::InOrder | Manner::HalfClosed | Manner::Simultaneous => Some(Closed.into()),
        // RFC 9293 figure 5, note 1.
        Manner::Reset if end == End::Peer && !both_open(exchange) => Some([Closed, Listen].into()),
        Manner::Reset => Some(Closed.into()),
        Manner::StillOpen | Manner::NotOpened => None,
    };
    let ends_as_shown = goal.is_none() || shown.last() == Some(&Closed.into());
    let mut claims = if begins {
        beginning(exchange, end)
    } else {
        Vec::new()
    };
    claims.extend(shown);
    claims.extend(goal);
    let bounds = Bounds {
        opens: begins,
        reset: manner == Manner::Reset || exchange.verdict == Some(Verdict::Closed),
        crossed: match manner {
            Manner::Simultaneous => Some(true),
            Manner::InOrder | Manner::HalfClosed => Some(false),
            Manner::Reset | Manner::StillOpen | Manner::NotOpened => None,
        },
    };
    let mut steps = walk(&claims, bounds);
    if let Some(last) = steps.last_mut() {
        // That it is over says how it went on, not that a segment shows it.
        last.certain &= ends_as_shown;
    }
    // Who has come further has come from there.
    let further = steps.iter().skip(1).any(|step| step.certain);
    if let Some(first) = steps.first_mut() {
        first.certain |= begins && further;
    }
    steps
}

/// The capture has the beginning.
fn begins(exchange: &Exchange) -> bool {
    exchange.handshake.isn.is_some() || exchange.handshake.peer_isn.is_some()
}

/// Their SYNs crossed.
fn both_open(exchange: &Exchange) -> bool {
    exchange.reason == Some("syn")
}

fn beginning(exchange: &Exchange, end: End) -> Vec<StateSet> {
    match end {
        End::Local => vec![Closed.into()],
        // RFC 9293 figure 7.
        End::Peer if both_open(exchange) => vec![Closed.into(), SynSent.into(), SynReceived.into()],
        End::Peer => vec![[Closed, Listen].into()],
    }
}
