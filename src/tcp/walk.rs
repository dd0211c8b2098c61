//! A way through the state diagram (RFC 9293 figure 5) that fits what is known.

use super::state::State::{self, *};
use super::state::StateSet;

/// A state that an end has been in, or must have passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// The state.
    pub state: State,
    /// A claim names it and no other; else it is one of several, or lies on the way.
    pub certain: bool,
    /// No arrows lead to it from the step before.
    pub after_gap: bool,
}

/// What a walk may do besides following the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// It begins before the connection was opened.
    pub opens: bool,
    /// A RST may have ended it: from every state to CLOSED.
    pub reset: bool,
    /// Whether the FINs of both ends crossed, where that is known: whoever is first goes through
    /// CLOSING then, and only then.
    pub crossed: Option<bool>,
}

/// The shortest walk that visits a state of each claim, in order; an empty claim says nothing.
/// What no claim names is passed only where there is no other way.
pub fn walk(claims: &[StateSet], bounds: Bounds) -> Vec<Step> {
    let said = claims.iter().copied().filter(|claim| !claim.is_empty());
    let said: Vec<StateSet> = said.collect();
    let mut layers: Vec<Layer> = Vec::new();
    for &claim in &said {
        let layer = match layers.last() {
            Some(before) => {
                // It opens once.
                let opens = bounds.opens && layers.len() == 1;
                next_layer(before, claim, Bounds { opens, ..bounds })
            }
            None => State::ALL.map(|state| claim.contains(state).then(Visit::first)),
        };
        layers.push(layer);
    }
    steps(&layers, &said)
}

/// How a state that fits a claim is best come to.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Visit {
    cost: u32,
    /// The state that fits the claim before.
    from: Option<State>,
    /// What lies between.
    passed: Vec<State>,
    after_gap: bool,
}

/// By state.
type Layer = [Option<Visit>; 11];

/// An arrow.
const ARROW: u32 = 2;
/// An arrow that leaves out a state which most connections pass: more than two arrows.
const SHORT_CUT: u32 = 5;
/// A state that no claim names, beside its arrow: dearer than a short cut together.
const UNNAMED: u32 = 2;
/// No arrow leads there.
const GAP: u32 = 10_000;

impl Visit {
    fn first() -> Visit {
        Visit {
            cost: 0,
            from: None,
            passed: Vec::new(),
            after_gap: false,
        }
    }
}

fn next_layer(before: &Layer, claim: StateSet, bounds: Bounds) -> Layer {
    let mut layer: Layer = Default::default();
    let visited = State::ALL
        .into_iter()
        .filter_map(|from| Some((from, before[from as usize].as_ref()?)));
    for (from, so_far) in visited {
        let ways = ways(from, bounds);
        for to in claim.iter() {
            let (cost, passed) = ways[to as usize].clone().unwrap_or((GAP, Vec::new()));
            let best = layer[to as usize].as_ref();
            if best.is_none_or(|best| so_far.cost + cost < best.cost) {
                layer[to as usize] = Some(Visit {
                    cost: so_far.cost + cost,
                    from: Some(from),
                    passed,
                    after_gap: cost == GAP,
                });
            }
        }
    }
    layer
}

/// What it costs to come from a state to each other one, and what is passed.
type Ways = [Option<(u32, Vec<State>)>; 11];

fn ways(from: State, bounds: Bounds) -> Ways {
    let mut ways: Ways = Default::default();
    ways[from as usize] = Some((0, Vec::new()));
    let mut open = vec![from];
    while let Some(state) = open.pop() {
        let Some((mut cost, mut passed)) = ways[state as usize].clone() else {
            continue;
        };
        if state != from {
            passed.push(state);
            cost += UNNAMED;
        }
        for (to, arrow) in arrows(state, bounds) {
            let known = ways[to as usize].as_ref();
            if known.is_none_or(|known| cost + arrow < known.0) {
                ways[to as usize] = Some((cost + arrow, passed.clone()));
                open.push(to);
            }
        }
    }
    ways
}

/// The arrows that leave a state.
fn arrows(from: State, bounds: Bounds) -> Vec<(State, u32)> {
    let mut arrows = match from {
        Closed if bounds.opens => vec![(Listen, ARROW), (SynSent, ARROW)],
        Closed => vec![],
        Listen => vec![(SynReceived, ARROW), (Closed, ARROW)],
        SynSent => vec![(SynReceived, ARROW), (Established, ARROW), (Closed, ARROW)],
        // To FIN-WAIT-1 when it is closed before the ACK has come.
        SynReceived => vec![(Established, ARROW), (FinWait1, SHORT_CUT)],
        Established => vec![(FinWait1, ARROW), (CloseWait, ARROW)],
        // To TIME-WAIT with a FIN that acknowledges: figure 5, note 3.
        FinWait1 => vec![(FinWait2, ARROW), (Closing, ARROW), (TimeWait, SHORT_CUT)],
        FinWait2 | Closing => vec![(TimeWait, ARROW)],
        CloseWait => vec![(LastAck, ARROW)],
        LastAck | TimeWait => vec![(Closed, ARROW)],
    };
    if from == FinWait1
        && let Some(crossed) = bounds.crossed
    {
        arrows.retain(|&(to, _)| (to == Closing) == crossed);
    }
    if bounds.reset {
        arrows.push((Closed, ARROW));
        // Figure 5, note 1: back to where a passive open came from.
        arrows.extend((from == SynReceived).then_some((Listen, ARROW)));
    }
    arrows
}

fn steps(layers: &[Layer], claims: &[StateSet]) -> Vec<Step> {
    let cheapest = |layer: &Layer| {
        let visits = State::ALL.into_iter().filter_map(|state| {
            let visit = layer[state as usize].as_ref()?;
            Some((visit.cost, state))
        });
        visits.min_by_key(|&(cost, _)| cost).map(|(_, state)| state)
    };
    let mut steps: Vec<Step> = Vec::new();
    let mut here = layers.last().and_then(cheapest);
    for (layer, claim) in layers.iter().zip(claims).rev() {
        let Some(state) = here else { break };
        let Some(visit) = &layer[state as usize] else {
            break;
        };
        let certain = claim.only() == Some(state);
        match steps.last_mut() {
            Some(next) if next.state == state && !next.after_gap => next.certain |= certain,
            _ => steps.push(Step {
                state,
                certain,
                after_gap: false,
            }),
        }
        if visit.from != Some(state) {
            let passed = visit.passed.iter().rev();
            if let Some(step) = steps.last_mut() {
                step.after_gap = visit.after_gap;
            }
            steps.extend(passed.map(|&state| Step {
                state,
                certain: false,
                after_gap: false,
            }));
        }
        here = visit.from;
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Bounds = Bounds {
        opens: true,
        reset: false,
        crossed: None,
    };
    const MIDDLE: Bounds = Bounds {
        opens: false,
        ..WHOLE
    };
    const RESET: Bounds = Bounds {
        reset: true,
        ..WHOLE
    };

    /// What a walk is, its uncertain states with a question mark.
    fn told(claims: &[&[State]], bounds: Bounds) -> String {
        let claims: Vec<StateSet> = claims
            .iter()
            .map(|claim| claim.iter().copied().collect())
            .collect();
        let step = |step: &Step| {
            let gap = if step.after_gap { "... > " } else { "" };
            let doubt = if step.certain { "" } else { " ?" };
            format!("{gap}{}{doubt}", step.state)
        };
        let steps = walk(&claims, bounds);
        steps.iter().map(step).collect::<Vec<_>>().join(" > ")
    }

    #[test]
    fn an_active_close_is_walked_from_closed_to_closed() {
        let claims: [&[State]; 7] = [
            &[Closed],
            &[SynSent],
            &[Established],
            &[FinWait1],
            &[FinWait2],
            &[TimeWait],
            &[Closed],
        ];
        assert_eq!(
            told(&claims, WHOLE),
            "CLOSED > SYN-SENT > ESTABLISHED > FIN-WAIT-1 > FIN-WAIT-2 > TIME-WAIT > CLOSED"
        );
    }

    #[test]
    fn candidates_are_settled_by_what_comes_later() {
        let claims: [&[State]; 7] = [
            &[Closed, Listen],
            &[Closed, Listen, SynReceived],
            &[SynReceived],
            &[SynReceived, Established],
            &[CloseWait],
            &[LastAck],
            &[LastAck, Closed],
        ];
        assert_eq!(
            told(&claims, WHOLE),
            "LISTEN ? > SYN-RECEIVED > ESTABLISHED ? > CLOSE-WAIT > LAST-ACK"
        );
    }

    #[test]
    fn who_refuses_was_closed() {
        let claims: [&[State]; 3] = [&[Closed, Listen], &[Closed, Listen, SynReceived], &[Closed]];
        assert_eq!(told(&claims, WHOLE), "CLOSED");
    }

    #[test]
    fn states_that_no_claim_names_are_passed_where_there_is_no_other_way() {
        assert_eq!(
            told(&[&[Listen], &[SynReceived], &[LastAck]], WHOLE),
            "LISTEN > SYN-RECEIVED > ESTABLISHED ? > CLOSE-WAIT ? > LAST-ACK"
        );
    }

    #[test]
    fn a_fin_that_acknowledges_leads_past_fin_wait_2() {
        assert_eq!(
            told(&[&[FinWait1], &[TimeWait]], WHOLE),
            "FIN-WAIT-1 > TIME-WAIT"
        );
        assert_eq!(
            told(&[&[FinWait1], &[FinWait1, FinWait2], &[TimeWait]], WHOLE),
            "FIN-WAIT-1 > FIN-WAIT-2 ? > TIME-WAIT"
        );
        assert_eq!(
            told(&[&[FinWait1], &[FinWait1, Closing], &[TimeWait]], WHOLE),
            "FIN-WAIT-1 > CLOSING ? > TIME-WAIT"
        );
    }

    #[test]
    fn fins_that_crossed_lead_through_closing() {
        let claims: [&[State]; 3] = [&[FinWait1], &[FinWait2, Closing, TimeWait], &[TimeWait]];
        let told_when = |crossed| {
            let bounds = Bounds {
                crossed: Some(crossed),
                ..WHOLE
            };
            told(&claims, bounds)
        };
        assert_eq!(told_when(true), "FIN-WAIT-1 > CLOSING ? > TIME-WAIT");
        assert_eq!(told_when(false), "FIN-WAIT-1 > FIN-WAIT-2 ? > TIME-WAIT");
    }

    #[test]
    fn an_end_that_closes_first_was_established_unless_no_claim_says_so() {
        let claims: [&[State]; 3] = [&[SynReceived], &[SynReceived, Established], &[FinWait1]];
        assert_eq!(
            told(&claims, WHOLE),
            "SYN-RECEIVED > ESTABLISHED ? > FIN-WAIT-1"
        );
        assert_eq!(
            told(&[&[SynReceived], &[FinWait1]], WHOLE),
            "SYN-RECEIVED > FIN-WAIT-1"
        );
    }

    #[test]
    fn a_reset_leads_from_everywhere_to_closed() {
        let claims: [&[State]; 2] = [&[Established], &[Closed]];
        assert_eq!(told(&claims, RESET), "ESTABLISHED > CLOSED");
        assert_eq!(
            told(&claims, WHOLE),
            "ESTABLISHED > CLOSE-WAIT ? > LAST-ACK ? > CLOSED"
        );
        let back: [&[State]; 2] = [&[SynReceived], &[Listen, Closed]];
        assert_eq!(told(&back, RESET), "SYN-RECEIVED > LISTEN ?");
    }

    #[test]
    fn where_no_arrow_leads_there_is_a_gap() {
        assert_eq!(
            told(&[&[TimeWait], &[Established]], MIDDLE),
            "TIME-WAIT > ... > ESTABLISHED"
        );
        assert_eq!(
            told(&[&[TimeWait], &[Closed], &[SynSent]], MIDDLE),
            "TIME-WAIT > CLOSED > ... > SYN-SENT"
        );
    }

    #[test]
    fn a_claim_that_comes_back_is_no_new_step() {
        let wavering: [&[State]; 4] = [
            &[Established],
            &[Established, FinWait1],
            &[Established],
            &[Established, FinWait1],
        ];
        assert_eq!(told(&wavering, WHOLE), "ESTABLISHED");
    }

    #[test]
    fn nothing_known_is_no_walk() {
        assert_eq!(told(&[], WHOLE), "");
        assert_eq!(told(&[&[]], WHOLE), "");
        assert_eq!(told(&[&[], &[SynSent]], WHOLE), "SYN-SENT");
    }

    #[test]
    fn the_arrows_are_those_that_segments_and_the_user_take() {
        for from in State::ALL {
            let known: StateSet = arrows(from, RESET).into_iter().map(|(to, _)| to).collect();
            for to in [
                from.on_syn_received(),
                from.on_syn_acknowledged(),
                from.on_close(),
                from.on_fin_received(),
                from.on_fin_acknowledged(),
            ] {
                // The ACK with the FIN leads through ESTABLISHED.
                let merged = (from, to) == (SynReceived, CloseWait);
                assert!(to == from || merged || known.contains(to), "{from} {to}");
            }
        }
    }
}
