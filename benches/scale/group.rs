//! Programs that are measured in turn, and what comes out of it.

use crate::measure::{self, Figures, Output};
use crate::network::Field;
use crate::task::{Contender, Judged, Task};
use crate::{epoll_client, ours, table};

/// Each in turn, round after round.
pub struct Group {
    pub title: &'static str,
    pub contenders: Vec<Contender>,
}

/// One run of one program.
pub struct Run {
    pub figures: Figures,
    pub judged: Judged,
    /// Connections left half open on the peer.
    pub left: usize,
}

/// All rounds of one program.
pub struct Score {
    pub name: String,
    pub is_ours: bool,
    pub targets: usize,
    /// Or why there are no figures.
    pub outcome: Result<Median, String>,
}

/// What the rounds came to.
pub struct Median {
    /// Of the round with the median time.
    pub figures: Figures,
    /// Of the worst round each.
    pub found: usize,
    pub wrong: usize,
    pub left: usize,
    /// Of each round.
    pub notes: Vec<String>,
}

impl Score {
    /// Targets a second.
    pub fn rate(&self) -> Option<f64> {
        let median = self.outcome.as_ref().ok()?;
        Some(self.targets as f64 / median.figures.wall.as_secs_f64())
    }
}

impl Median {
    fn of(mut runs: Vec<Run>) -> Median {
        runs.sort_by_key(|run| run.figures.wall);
        let worst = |of: fn(&Run) -> usize| runs.iter().map(of).max().unwrap_or_default();
        let found = runs.iter().map(|run| run.judged.found).min();
        Median {
            figures: runs[runs.len() / 2].figures,
            found: found.unwrap_or_default(),
            wrong: worst(|run| run.judged.wrong),
            left: worst(|run| run.left),
            notes: runs.into_iter().filter_map(|run| run.judged.note).collect(),
        }
    }
}

impl Group {
    pub fn run(&self, field: &Field, rounds: usize) {
        table::title(self.title);
        let mut outcomes: Vec<Result<Vec<Run>, String>> =
            self.contenders.iter().map(Contender::is_there).collect();
        for round in 0..rounds {
            for (contender, outcome) in self.contenders.iter().zip(&mut outcomes) {
                if let Ok(runs) = outcome
                    && round < contender.rounds(rounds)
                {
                    match contender.run(field) {
                        Ok(run) => runs.push(run),
                        Err(refusal) => *outcome = Err(refusal),
                    }
                }
            }
        }
        let outcomes = self.contenders.iter().zip(outcomes);
        let scores: Vec<Score> = outcomes
            .map(|(contender, outcome)| contender.score(outcome))
            .collect();
        table::rows(&scores);
    }
}

impl Contender {
    fn name(&self) -> String {
        match self {
            Contender::Ours(_, options) if options.contains(&"syn-rst") => {
                "tcpshake --end syn-rst".to_owned()
            }
            Contender::Ours(..) => "tcpshake".to_owned(),
            Contender::Kernel(_) => "kernel connect()+close()".to_owned(),
            Contender::Rival(_, rival) => rival.name.to_owned(),
        }
    }

    fn task(&self) -> &Task {
        match self {
            Contender::Ours(task, _) | Contender::Kernel(task) | Contender::Rival(task, _) => task,
        }
    }

    /// No runs yet, or why there will be none.
    fn is_there(&self) -> Result<Vec<Run>, String> {
        match self {
            Contender::Rival(_, rival) if !rival.is_installed() => {
                Err(format!("{} is not installed", rival.program))
            }
            _ => Ok(Vec::new()),
        }
    }

    fn rounds(&self, rounds: usize) -> usize {
        let is_slow = matches!(self, Contender::Rival(_, rival) if rival.is_slow);
        if is_slow { rounds.min(1) } else { rounds }
    }

    fn command(&self) -> Vec<String> {
        match self {
            Contender::Ours(task, options) => ours::command(task, options),
            Contender::Kernel(task) => epoll_client::command(task),
            Contender::Rival(task, rival) => rival.command(task),
        }
    }

    /// One run on a quiet network, or why the program would not.
    fn run(&self, field: &Field) -> Result<Run, String> {
        field.settle();
        let output = Output::new();
        let figures = measure::run(&field.near, &self.command(), &output);
        let left = field.half_open();
        if figures.status != 0 {
            return Err(output.why(figures.status));
        }
        let judged = match self {
            Contender::Ours(task, _) => ours::judge(task, &output.out),
            Contender::Kernel(task) => epoll_client::judge(task, &output.out),
            Contender::Rival(task, rival) => rival.judge(task, &output.out),
        };
        Ok(Run {
            figures,
            judged,
            left,
        })
    }

    fn score(&self, outcome: Result<Vec<Run>, String>) -> Score {
        Score {
            name: self.name(),
            is_ours: matches!(self, Contender::Ours(..)),
            targets: self.task().targets(),
            outcome: outcome.map(Median::of),
        }
    }
}
