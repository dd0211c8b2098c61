//! One probe in bad weather.

use std::net::SocketAddr;
use std::time::Duration;

use super::server::{Role, Served, Server, text};
use crate::lab::{TcpState, tcpshake, wait_until};
use crate::stage::{Family, Stage, Story};

const WAIT: Duration = Duration::from_millis(100);
const RETRIES: u32 = 4;
const HOLD: Duration = Duration::from_millis(150);
/// What is said where something is.
const ASKED: usize = 20_000;
const ANSWER: usize = 50_000;
/// The least text of a full segment here.
const FULL: usize = 1220;

/// A probe to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Case {
    pub end: &'static str,
    pub family: Family,
    /// Both ends have something to say.
    pub with_data: bool,
    /// Nobody listens.
    pub refused: bool,
    /// Of each hundred segments the router loses so many, either way.
    pub loss: u32,
}

/// A probe that is over, and all that it met gone.
pub struct Probed {
    pub case: Case,
    pub near: SocketAddr,
    pub far: SocketAddr,
    pub story: Story,
    pub served: Served,
    /// Where the peer's kernel waited for its application or for us, with nothing left to repeat.
    pub left: Option<TcpState>,
}

impl Probed {
    pub fn outcome(&self) -> &str {
        let outcome = self.story.at("close.outcome");
        outcome.as_str().expect("an outcome")
    }
}

impl Case {
    /// All that is waited for at the most, one after the other, each with the whole schedule.
    pub fn longest() -> Duration {
        let ours = ASKED.div_ceil(FULL) as u32;
        let theirs = ANSWER.div_ceil(FULL) as u32;
        let (syn, fins) = (1, 2);
        (ours + theirs + syn + fins) * (Case::schedule() + HOLD)
    }

    /// From the last that was new of the peer to the end: the quiet time, for our data, our FIN or
    /// its FIN twice a schedule, and two round trips.
    pub fn longest_without_news() -> Duration {
        HOLD * 2 + Case::schedule() * 2 + WAIT * 2
    }

    /// All waits of one schedule.
    fn schedule() -> Duration {
        (0..=RETRIES).map(|attempt| WAIT * 2_u32.pow(attempt)).sum()
    }

    pub fn waits_for_fin(self) -> bool {
        ["passive", "simultaneous"].contains(&self.end)
    }

    pub fn asked(self) -> usize {
        if self.with_data { ASKED } else { 0 }
    }

    pub fn answer(self) -> usize {
        if self.with_data { ANSWER } else { 0 }
    }

    /// Runs it, and lifts the losses when it is over.
    ///
    /// What is left at the peer then must come to its end: what repeats is reset by our kernel, which
    /// knows of no connection, and so is what the application does.
    pub fn run(self, stage: &Stage, number: u16) -> Probed {
        let far = SocketAddr::new(self.family.peer(), 1000 + number);
        let near = SocketAddr::new(self.family.client(), 11_000 + number);
        let role = Role {
            asked: self.asked(),
            answer: self.answer(),
            closes_first: self.waits_for_fin() || self.end == "hold",
        };
        let server = (!self.refused).then(|| Server::start(&stage.peer, far, role));
        if self.loss > 0 {
            stage.lose_some(far.port(), self.loss);
        }
        let arguments = self.arguments(near, far);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let running = tcpshake(&stage.client, &arguments).spawn();
        let story = Story::of(&running.finish_within(Case::longest()));
        if self.loss > 0 {
            stage.lose(far.port(), &[]);
        }
        let state = || stage.peer.tcp_state(far, near);
        let left = wait_until("the peer's kernel has nothing to repeat", || {
            let state = state();
            let repeats = ["SYN-RECEIVED", "FIN-WAIT-1", "CLOSING", "LAST-ACK"];
            (!repeats.contains(&state)).then_some(state)
        });
        let served = server.map(Server::dismiss).unwrap_or_default();
        wait_until("the peer's connection is gone", || {
            ["CLOSED", "TIME-WAIT"].contains(&state()).then_some(())
        });
        Probed {
            case: self,
            near,
            far,
            story,
            served,
            left: Some(left).filter(|left| !["CLOSED", "TIME-WAIT"].contains(left)),
        }
    }

    fn arguments(self, near: SocketAddr, far: SocketAddr) -> Vec<String> {
        let millis = |time: Duration| format!("{}ms", time.as_millis());
        let mut arguments = vec![
            "--json".to_owned(),
            far.to_string(),
            format!("--source-port={}", near.port()),
            format!("--end={}", self.end),
            format!("--timeout={}", millis(WAIT)),
            format!("--retries={RETRIES}"),
            format!("--hold={}", millis(HOLD)),
        ];
        if self.with_data {
            let request = String::from_utf8(text(ASKED)).expect("text");
            arguments.push(format!("--send={request}"));
        }
        arguments
    }
}
