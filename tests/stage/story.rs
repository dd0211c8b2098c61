//! What the program claims of the peer, as its JSON tells it.

use serde_json::Value;

use crate::lab::Finished;

/// The states that the peer may be in from some moment on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    pub t_ns: i64,
    /// Joined by `|`.
    pub states: String,
    pub basis: String,
}

/// The report on one connection.
pub struct Story {
    pub code: i32,
    pub json: Value,
}

impl Claim {
    pub fn allows(&self, state: &str) -> bool {
        self.states.split('|').any(|candidate| candidate == state)
    }
}

impl Story {
    pub fn of(finished: &Finished) -> Story {
        let code = finished.code();
        let [json] = &finished.json()[..] else {
            panic!("not one line: {finished:?}")
        };
        let json = json.clone();
        let story = Story { code, json };
        for claim in story.claims() {
            let several = claim.states.contains('|');
            assert_eq!(claim.basis == "possible", several, "{claim:?}");
        }
        story
    }

    /// A leaf by its dotted path.
    pub fn at(&self, path: &str) -> &Value {
        let pointer = format!("/{}", path.replace('.', "/"));
        self.json
            .pointer(&pointer)
            .unwrap_or_else(|| panic!("no {path} in {}", self.json))
    }

    /// Whether there is an anomaly of this kind.
    pub fn told(&self, id: &str) -> bool {
        list(self.at("anomalies")).iter().any(|it| it["id"] == id)
    }

    /// All claims about the peer.
    pub fn claims(&self) -> Vec<Claim> {
        let about_peer = list(self.at("states"))
            .iter()
            .filter(|entry| entry["end"] == "peer");
        about_peer
            .map(|entry| Claim {
                t_ns: number(&entry["t_ns"]),
                states: list(&entry["state"])
                    .iter()
                    .map(text)
                    .collect::<Vec<_>>()
                    .join("|"),
                basis: text(&entry["basis"]).to_owned(),
            })
            .collect()
    }

    /// When our RST left, if one did.
    pub fn our_reset(&self) -> Option<i64> {
        let ours =
            |segment: &&Value| segment["dir"] == "out" && text(&segment["flags"]).contains('R');
        let reset = list(self.at("segments")).iter().find(ours)?;
        Some(number(&reset["t_ns"]))
    }

    /// The claim in force when our RST left; the last one when none did.
    pub fn claim_before_our_reset(&self) -> Claim {
        let until = self.our_reset().unwrap_or(i64::MAX);
        let mut claims = self.claims().into_iter();
        let in_force = claims.rfind(|claim| claim.t_ns < until);
        in_force.unwrap_or_else(|| panic!("nothing is claimed: {}", self.json))
    }

    /// The claim in force at a moment.
    pub fn claim_at(&self, t_ns: i64) -> Claim {
        let claim = self.claims().into_iter().rfind(|claim| claim.t_ns <= t_ns);
        claim.unwrap_or_else(|| panic!("nothing is claimed at {t_ns}: {}", self.json))
    }

    pub fn last_claim(&self) -> Claim {
        let last = self.claims().pop();
        last.unwrap_or_else(|| panic!("nothing is claimed: {}", self.json))
    }

    /// The states of the claims, in their order.
    pub fn course(&self) -> Vec<String> {
        self.claims()
            .into_iter()
            .map(|claim| claim.states)
            .collect()
    }

    /// Fails unless the claims allow these states of the kernel, one after the other.
    pub fn passes_through(&self, kernel_states: &[&str]) {
        let claims = self.claims();
        let mut rest = &claims[..];
        for state in kernel_states {
            let position = rest.iter().position(|claim| claim.allows(state));
            let position = position.unwrap_or_else(|| {
                panic!("{state} of {kernel_states:?} has no place in {claims:#?}")
            });
            rest = &rest[position..];
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}
