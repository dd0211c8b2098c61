//! Probes of many targets, each as often as the plan says.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::ops::Range;
use std::rc::Rc;

use foldhash::fast::RandomState;

use crate::clock::Time;
use crate::engine::{Engine, Finished, Pace, Recorder, Stop};
use crate::exchange::Flow;
use crate::exit::Tally;
use crate::expect::Expectation;
use crate::link::Link;
use crate::net::Live;
use crate::net::guard::Way;
use crate::net::route::InterfaceNames;
use crate::net::stamps::Stamping;
use crate::plan::{Departures, Destination, Plan, Problem, nothing_to_probe};
use crate::report::{Kept, Record, Report, Summary, probe_value, summary_value};
use crate::targets::{self, Feed, Target};

use super::RunError;
use super::capture::{Capture, Unwritten};
use super::network::{Network, open};
use super::probe::{INTERRUPTED, aim, blank, marks, record, target_info, why_not};
use super::progress::{Progress, Standing, Ticker};

/// So many probes begin before anything is received again.
const AT_ONCE: usize = 64;

/// Of a connection under way.
struct Launched {
    destination: Rc<Destination>,
    /// Which of the summaries counts it.
    index: usize,
    /// How the port is guarded.
    way: Way,
}

/// When another probe may begin.
#[derive(Clone, Copy, Debug)]
enum Next {
    At(Time),
    /// When a connection is over, or a target comes.
    Later,
    Never,
}

/// Rounds of probes.
pub(super) struct Rounds<'a> {
    plan: &'a Plan,
    feed: Feed,
    departures: Departures<'a>,
    /// `None`: there is nothing to probe.
    network: Option<Network<'a>>,
    /// `--write`.
    capture: Option<Capture>,
    report: &'a mut dyn Report,
    complain: &'a mut dyn FnMut(&str),
    ticker: Ticker,
    begun: Time,
    deadline: Option<Time>,
    /// When the next round is due.
    due: Time,
    seq: u64,
    launched: HashMap<u64, Launched, RandomState>,
    /// No more probes.
    over: bool,
    /// The targets, when they are probed again.
    known: Vec<Rc<Destination>>,
    /// One for each of those.
    summaries: Vec<Summary>,
    /// Those of them whose turn comes again in this round; `None`: they are met for the first time.
    again: Option<Range<usize>>,
    /// There are no more to be met.
    fed_up: bool,
    /// Ports of our own that probes leave from: their turn comes last.
    put_off: Vec<(Rc<Destination>, usize)>,
    /// Probes that the end came before any answer to.
    unanswered: u64,
    total: Summary,
    tally: Tally,
    interfaces: InterfaceNames,
}

impl<'a> Rounds<'a> {
    /// Opens what there is to be opened.
    pub(super) fn open(
        plan: &'a Plan,
        feed: Feed,
        stamping: Option<&Stamping>,
        progress: &Progress,
        report: &'a mut dyn Report,
        complain: &'a mut dyn FnMut(&str),
    ) -> Result<Rounds<'a>, RunError> {
        let (network, capture) = open(plan, &feed, stamping)?;
        let mut run = Rounds {
            plan,
            feed,
            departures: Departures::new(&plan.syn),
            network,
            capture,
            report,
            complain,
            ticker: Ticker::new(progress, Time::default()),
            begun: Time::default(),
            deadline: None,
            due: Time::default(),
            seq: 0,
            launched: HashMap::default(),
            over: false,
            known: Vec::new(),
            again: None,
            fed_up: false,
            put_off: Vec::new(),
            summaries: Vec::new(),
            unanswered: 0,
            total: Summary::default(),
            tally: Tally::new(0, !plan.expect.is_empty()),
            interfaces: InterfaceNames::default(),
        };
        run.begun = run.now();
        run.ticker = Ticker::new(progress, run.begun);
        run.deadline = plan.deadline.map(|longest| run.begun + longest);
        let deadline = run.deadline.filter(|_| !plan.is_several());
        if let Some(engine) = run.engine() {
            engine.stop_at(deadline);
        }
        Ok(run)
    }

    fn engine(&mut self) -> Option<&mut Engine<Live>> {
        self.network.as_mut().map(|network| &mut network.engine)
    }

    fn now(&self) -> Time {
        let network = self.network.as_ref();
        network.map_or(self.begun, |network| network.engine.link().now())
    }

    /// All of them.
    pub(super) fn run(&mut self) -> Result<(), RunError> {
        self.round()?;
        for _ in 1..self.plan.rounds() {
            if self.over || !self.wait().map_err(RunError::Capture)? {
                break;
            }
            self.again = Some(0..self.known.len());
            self.round()?;
        }
        Ok(())
    }

    /// Each target once.
    fn round(&mut self) -> Result<(), RunError> {
        self.due = self.now() + self.plan.interval;
        loop {
            let next = self.launch_some()?;
            let is_over = matches!(next, Next::Never) && self.launched.is_empty();
            if self.ticker.lets_lines_leave() || is_over {
                self.report.flush().map_err(RunError::Output)?;
            }
            let until = match next {
                _ if is_over => return Ok(()),
                Next::Never | Next::Later => None,
                Next::At(time) => Some(time),
            };
            self.turn(until).map_err(RunError::Capture)?;
            while let Some((seq, finished)) = self.engine().and_then(Engine::poll_finished) {
                self.conclude(seq, finished)?;
            }
        }
    }

    /// Begins as many probes as there is room for.
    fn launch_some(&mut self) -> Result<Next, RunError> {
        for _ in 0..AT_ONCE {
            if self.over {
                return Ok(Next::Never);
            }
            let now = self.now();
            match self.room_at(now) {
                Some(at) if at <= now => {}
                Some(at) => return Ok(Next::At(at)),
                None => return Ok(Next::Later),
            }
            if let Some(next) = self.launch_next()? {
                return Ok(next);
            }
        }
        Ok(Next::At(self.now()))
    }

    /// Begins the next probe, if there is one now.
    fn launch_next(&mut self) -> Result<Option<Next>, RunError> {
        if let Some(again) = &mut self.again {
            let Some(index) = again.next() else {
                return self.launch_put_off();
            };
            let destination = self.known[index].clone();
            // What cannot be probed is told the first time only.
            if destination.way.is_ok() {
                self.launch(&destination, index)?;
            }
            return Ok(None);
        }
        if let Some(only) = self.plan.only.as_ref().filter(|_| !self.fed_up) {
            self.fed_up = true;
            self.meet(only.clone())?;
            return Ok(None);
        }
        match self.feed.poll() {
            targets::Next::Target(target) => {
                let way = self.departures.way(&target);
                if let Err(problem @ Problem::Host { .. }) = way {
                    return Err(problem.into());
                }
                self.meet(Destination { target, way })?;
            }
            targets::Next::Bad(problem) => {
                (self.complain)(&problem.to_string());
                self.total.errors += 1;
                self.tally.add_blank();
            }
            targets::Next::Wait => return Ok(Some(Next::Later)),
            targets::Next::End => {
                self.fed_up = true;
                return self.launch_put_off();
            }
        }
        Ok(None)
    }

    /// Once nothing leaves from the ports that are targets themselves, others take their place.
    fn launch_put_off(&mut self) -> Result<Option<Next>, RunError> {
        let Some(Network { engine, sources }) = &mut self.network else {
            return Ok(Some(Next::Never));
        };
        match (self.put_off.is_empty(), self.launched.is_empty()) {
            (true, _) => return Ok(Some(Next::Never)),
            (_, false) => return Ok(Some(Next::Later)),
            _ => {}
        }
        let ports = self.put_off.iter().map(|(it, _)| it.target.port);
        let moved = sources.move_away(engine.link_mut(), &ports.collect());
        let moved = moved.map_err(RunError::Capture)?;
        for (destination, index) in mem::take(&mut self.put_off) {
            match &moved {
                Ok(()) => self.launch(&destination, index)?,
                Err(problem) => self.fail(&destination.target, index, problem)?,
            }
        }
        Ok(None)
    }

    fn room_at(&self, now: Time) -> Option<Time> {
        let network = self.network.as_ref();
        network.map_or(Some(now), |network| network.engine.room_at(now))
    }

    /// A target that was not probed before.
    fn meet(&mut self, destination: Destination) -> Result<(), RunError> {
        let destination = Rc::new(destination);
        let index = self.known.len();
        if self.plan.count.is_some() {
            self.known.push(destination.clone());
            let target = target_info(&destination.target);
            self.summaries.push(Summary::of(target));
        }
        self.tally.add_target();
        self.launch(&destination, index)
    }

    /// Begins to probe a destination, or tells why not.
    fn launch(&mut self, destination: &Rc<Destination>, index: usize) -> Result<(), RunError> {
        let (plan, seq) = (self.plan, self.seq);
        let target = &destination.target;
        let problem = match (&destination.way, &target.remote, &mut self.network) {
            (Ok(departure), Ok(remote), Some(Network { sources, .. }))
                if sources.hold(&departure.route, *remote) =>
            {
                self.put_off.push((destination.clone(), index));
                return Ok(());
            }
            (Ok(departure), Ok(remote), Some(Network { engine, sources })) => {
                let source = sources.take(engine.link_mut(), &departure.route, *remote);
                match source.map_err(RunError::Capture)? {
                    Ok((local, way)) => {
                        let remote = *remote;
                        let flow = Flow { local, remote };
                        engine.start(seq, aim(plan, departure, flow));
                        let destination = destination.clone();
                        let launched = Launched {
                            destination,
                            index,
                            way,
                        };
                        self.launched.insert(seq, launched);
                        self.seq += 1;
                        return Ok(());
                    }
                    Err(problem) => problem,
                }
            }
            (Err(problem), ..) => problem.clone(),
            _ => unreachable!("where there is a way there is a network"),
        };
        self.fail(target, index, &problem)
    }

    /// A target cannot be probed.
    fn fail(&mut self, target: &Target, index: usize, why: &Problem) -> Result<(), RunError> {
        let record = blank(self.plan, target, self.seq, why_not(why));
        self.seq += 1;
        self.tell(index, &record)
    }

    fn turn(&mut self, until: Option<Time>) -> io::Result<()> {
        let Some(Network { engine, .. }) = &mut self.network else {
            return Ok(());
        };
        let recorder = self.capture.as_mut().map(|it| it as &mut dyn Recorder);
        let deadline = self.deadline.filter(|_| !self.over);
        let until = [until, self.ticker.due(), deadline]
            .into_iter()
            .flatten()
            .min();
        engine.turn(until, recorder)?;
        self.ticker.tick(engine.link().now(), || Standing {
            done: self.seq - self.launched.len() as u64,
            total: total(&self.feed, self.plan),
            in_flight: engine.under_way(),
            loss: engine.pace().map_or(0.0, Pace::loss),
        });
        let late = self.deadline.is_some_and(|at| engine.link().now() >= at);
        let unwritten = self.capture.as_ref().is_some_and(Capture::has_failed);
        if late && !self.over && self.plan.is_several() {
            // The silence of those whose turn came late says nothing.
            engine.stop(Stop::Interrupted);
        }
        self.over |= engine.is_interrupted() || late || unwritten;
        Ok(())
    }

    /// A probe is over.
    fn conclude(&mut self, seq: u64, finished: Finished) -> Result<(), RunError> {
        let launched = self.launched.remove(&seq);
        let Launched {
            destination,
            index,
            way,
        } = launched.expect("a connection that was launched");
        if let Some(capture) = &mut self.capture {
            capture.end_probe(seq, &marks(seq, &finished));
        }
        let now = self.now();
        if let Some(Network { sources, .. }) = &mut self.network {
            sources.used(now, finished.flow, &finished.exchange);
        }
        let interface = finished.interface.map(|index| self.interfaces.of(index));
        let record = record(
            self.plan,
            &destination.target,
            seq,
            (finished, way),
            interface,
        );
        self.tell(index, &record)
    }

    fn tell(&mut self, index: usize, record: &Record) -> Result<(), RunError> {
        match &record.failure {
            // Of all that are under way then: they are told of together.
            Some(failure) if self.plan.is_several() && failure.reason == INTERRUPTED => {
                self.unanswered += 1;
            }
            Some(failure) => (self.complain)(&failure.text),
            None => {}
        }
        self.report.probe(record).map_err(RunError::Output)?;
        self.total.add(record);
        if let Some(summary) = self.summaries.get_mut(index) {
            summary.add(record);
        }
        // Whoever stops a series does not want its last probe judged.
        if self.again.is_none() || !record.stopped {
            self.tally.add(record);
            self.judge_probe(record);
        }
        Ok(())
    }

    fn judge_probe(&mut self, record: &Record) {
        if self.plan.expect.iter().all(Expectation::is_of_summary) {
            return;
        }
        let value = probe_value(record);
        for expectation in self.plan.expect.iter().filter(|it| !it.is_of_summary()) {
            if let Err(found) = expectation.check(&value) {
                self.tally.disappoint();
                let which = format!("{} seq {}", record.target.input, record.seq);
                (self.complain)(&format!("{which}: expected {expectation}, found {found}"));
            }
        }
    }

    fn judge_summary(&mut self) {
        let value = summary_value(&self.total);
        for expectation in self.plan.expect.iter().filter(|it| it.is_of_summary()) {
            if let Err(found) = expectation.check(&value) {
                self.tally.disappoint();
                (self.complain)(&format!("summary: expected {expectation}, found {found}"));
            }
        }
    }

    /// Until the next round is due. `false`: there is none, the user or the deadline says so.
    fn wait(&mut self) -> io::Result<bool> {
        let due = self.due;
        if self.deadline.is_some_and(|deadline| due >= deadline) {
            return Ok(false);
        }
        while !self.over && self.now() < due {
            self.turn(Some(due))?;
        }
        Ok(!self.over)
    }

    /// The end of the report, and the exit status.
    pub(super) fn close(&mut self) -> Result<u8, RunError> {
        if self.feed.is_in_vain() && self.total.errors == 0 {
            return Err(nothing_to_probe().into());
        }
        let elapsed = u64::try_from((self.now() - self.begun).as_nanos()).unwrap_or(u64::MAX);
        for summary in self.summaries.iter_mut().chain([&mut self.total]) {
            summary.elapsed_ns = elapsed;
        }
        if let Some(Network { engine, .. }) = &self.network {
            self.total.kernel_rst += engine.stray_kernel_rst();
            // Each connection that was under way has counted them.
            self.total.capture_drops = engine.link().capture_drops();
            self.total.pace = engine.pace().map(kept);
        }
        if self.unanswered > 0 {
            let targets = match self.unanswered {
                1 => "1 target".to_string(),
                n => format!("{n} targets"),
            };
            (self.complain)(&format!("the end came before {targets} had answered"));
        }
        if !self.fed_up {
            self.note_unmet();
        }
        if self.plan.count.is_some() || self.seq > 1 {
            for summary in self.summaries.iter().chain([&self.total]) {
                self.report.summary(summary).map_err(RunError::Output)?;
            }
        }
        self.report.flush().map_err(RunError::Output)?;
        self.judge_summary();
        Ok(self.tally.status())
    }

    /// Targets have had no turn.
    fn note_unmet(&mut self) {
        let late = self.deadline.is_some_and(|at| self.now() >= at);
        if late {
            self.tally.add_blank();
        }
        let why = if late { "the deadline" } else { "the end" };
        let text = match self.feed.left() {
            Some(0) => return,
            Some(1) => format!("{why} came before 1 target had its turn"),
            Some(left) => format!("{why} came before {left} targets had their turn"),
            None => format!("{why} came before all targets had their turn"),
        };
        (self.complain)(&text);
    }

    /// Nobody wants to know any more: what is open on peers is reset.
    pub(super) fn abandon(&mut self) -> io::Result<()> {
        if let Some(engine) = self.engine() {
            engine.stop(Stop::Unrecorded);
        }
        while !self.launched.is_empty() {
            self.turn(None)?;
            while let Some((seq, _)) = self.engine().and_then(Engine::poll_finished) {
                self.launched.remove(&seq);
            }
        }
        Ok(())
    }

    /// `--write`: ends the file.
    pub(super) fn end_capture(&mut self) -> Result<(), Unwritten> {
        let network = self.network.as_ref();
        let lost = network.map_or(0, |it| it.engine.link().capture_drops());
        let capture = self.capture.take();
        capture.map_or(Ok(()), |capture| capture.finish(lost))
    }
}

/// Probes of the whole run, as far as is known.
fn total(feed: &Feed, plan: &Plan) -> Option<u64> {
    let targets = feed.total()?;
    Some(targets.saturating_mul(plan.rounds()))
}

fn kept(pace: &Pace) -> Kept {
    Kept {
        rate: pace.rate(),
        lowest: pace.lowest_rate(),
        slowdowns: pace.slowdowns(),
        loss: pace.loss(),
    }
}
