//! All targets of a run, one at a time.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::cli::ProbeArgs;
use crate::plan::Problem;

use super::arguments::{check_standard_input, exclusions, rules, sources, take};
use super::bell::Bell;
use super::draft::{Draft, Named, Rules};
use super::earlier::Earlier;
use super::lines::{Line, Piece, Source};
use super::names::{Names, Resolver, look_up};
use super::order::{Order, Shard, Walk, seed};
use super::parse;
use super::ready::Ready;
use super::region::{Region, scope};
use super::space::Space;
use super::{Next, Target};

/// How many targets of a file or a stream are put in order together.
pub const WINDOW: u64 = 65_536;

/// The next window is begun while no more names than this are still looked up.
const NAMES_LEFT: usize = 64;

/// How many lines are read with each target, so that the next window is there when this is over.
const AHEAD: usize = 2;

/// How many lines are read when there is no target until then.
const SLICE: usize = 1024;

/// A stream of targets: addresses and blocks in a pseudo-random order, names between them as they
/// become known, no endpoint twice.
///
/// Files of more than [`WINDOW`] targets, and streams, come in windows: each has an order of its
/// own, and nothing of an earlier one.
pub struct Feed {
    rules: Rules,
    shard: Shard,
    seed: u64,
    all_addresses: bool,
    several: bool,
    excluded: Region,
    bell: Bell,
    /// What is still to be read, streams last.
    sources: VecDeque<Source>,
    draft: Draft,
    /// The writer of the first stream is.
    is_quiet: bool,
    /// How many windows there were.
    windows: u64,
    space: Space,
    walk: Walk,
    words: HashMap<SocketAddr, Box<str>, RandomState>,
    earlier: Earlier,
    /// Positions of the orders of all windows, of addresses and of names.
    positions: [u64; 2],
    names: Names<Ready>,
    ready: VecDeque<Ready>,
    /// Endpoints that names gave.
    named: HashSet<SocketAddr, RandomState>,
    bad: VecDeque<Problem>,
    is_names_turn: bool,
    total: u64,
    /// How many were given.
    given: u64,
}

impl Feed {
    /// Reads the arguments and the files that they name; of files of many targets, only whether
    /// they can be read. Starts no thread and resolves no name, but those of `--exclude`, and one
    /// that is the only target.
    ///
    /// # Errors
    /// The first mistake: nothing is probed then.
    pub fn open(args: &ProbeArgs) -> Result<Feed, Problem> {
        Feed::with(args, Arc::new(look_up))
    }

    /// As [`Feed::open`], with another resolver.
    ///
    /// # Errors
    /// As [`Feed::open`].
    pub fn with(args: &ProbeArgs, resolver: Arc<Resolver>) -> Result<Feed, Problem> {
        check_standard_input(args)?;
        let bell = Bell::new()
            .map_err(|error| Problem::host("no-descriptor", format!("cannot begin: {error}")))?;
        let mut rules = rules(args)?;
        let mut draft = Draft::default();
        for input in &args.targets {
            draft.take(input, &mut rules)?;
        }
        let sources = sources(&args.scale.lists, &mut rules, &bell)?;
        // Last, for names may have to be looked up.
        let excluded = exclusions(args, &mut rules.zones, &*resolver, &bell)?;
        let mut feed = Feed {
            shard: args.scale.shard.unwrap_or(Shard::WHOLE),
            seed: args.scale.seed,
            all_addresses: args.names.all_addresses,
            several: false,
            excluded,
            sources,
            draft,
            is_quiet: false,
            windows: 0,
            space: Space::default(),
            walk: Shard::WHOLE.walk(Order::new(0, 0), 0),
            words: HashMap::default(),
            earlier: Earlier::default(),
            positions: [0; 2],
            names: Names::new(resolver.clone(), rules.family, bell.ringer()),
            ready: VecDeque::new(),
            named: HashSet::default(),
            bad: VecDeque::new(),
            is_names_turn: false,
            total: 0,
            given: 0,
            rules,
            bell,
        };
        feed.begin(&resolver)?;
        Ok(feed)
    }

    /// Begins the first window, of which no stream is part.
    fn begin(&mut self, resolver: &Arc<Resolver>) -> Result<(), Problem> {
        self.read_files();
        let only_name = self.sources.is_empty()
            && self.draft.items.is_empty()
            && self.draft.names.len() == 1
            && self.draft.names[0].ports().count() == 1;
        let written: u64 = self
            .draft
            .names
            .iter()
            .map(|it| u64::from(it.ports().count()))
            .sum();
        let only_name = only_name.then(|| self.draft.names.pop()).flatten();
        self.begin_window();
        if let Some(problem) = self.bad.pop_front() {
            return Err(problem);
        }
        let mut endpoints = self.space.len().saturating_add(written);
        if let Some(named) = only_name {
            let found = resolver(&named.name, self.rules.family);
            endpoints = match &found {
                Ok(addresses) if self.all_addresses => addresses.len() as u64,
                _ => 1,
            };
            let walk = self.shard.walk(Order::new(1, 0), 0);
            self.total += walk.left();
            self.settle(Ready::new(named, walk), found);
        }
        self.several = endpoints > 1 || !self.sources.is_empty();
        Ok(())
    }

    /// The next target, without waiting for one.
    pub fn poll(&mut self) -> Next {
        let mut is_silent = false;
        loop {
            while let Some((ready, found)) = self.names.answer() {
                self.settle(ready, found);
            }
            if let Some(problem) = self.bad.pop_front() {
                return Next::Bad(problem);
            }
            if let Some(target) = self.take_turns() {
                self.given += 1;
                self.read(AHEAD);
                return Next::Target(target);
            }
            if self.refill() {
                continue;
            }
            if self.is_over() {
                return Next::End;
            }
            // What comes from here on rings again.
            if is_silent {
                return Next::Wait;
            }
            self.bell.clear();
            is_silent = true;
        }
    }

    /// How many targets there are in all, of this shard; `None` while more are still to be read.
    /// It can change while names are looked up.
    pub fn total(&self) -> Option<u64> {
        self.is_read().then_some(self.total)
    }

    /// How many of them have not been given yet; `None` while more are still to be read.
    pub fn left(&self) -> Option<u64> {
        self.total().map(|total| total.saturating_sub(self.given))
    }

    /// Everything was read, and there is no target, for other shards neither.
    pub fn is_in_vain(&self) -> bool {
        self.total() == Some(0) && !self.shard.has_others()
    }

    /// There may be more than one target, counting those of other shards.
    pub fn is_several(&self) -> bool {
        self.several
    }

    fn take_turns(&mut self) -> Option<Target> {
        self.is_names_turn = !self.is_names_turn;
        if self.is_names_turn && !self.ready.is_empty() {
            self.of_a_name().or_else(|| self.of_the_space())
        } else {
            self.of_the_space().or_else(|| self.of_a_name())
        }
    }

    fn of_the_space(&mut self) -> Option<Target> {
        loop {
            let endpoint = self.space.nth(self.walk.next()?);
            // A name of an earlier window may have been faster.
            if !self.named.is_empty() && self.named.contains(&endpoint) {
                self.total -= 1;
                continue;
            }
            return Some(Target {
                words: self.words_of(endpoint),
                name: None,
                port: endpoint.port(),
                remote: Ok(endpoint),
            });
        }
    }

    fn words_of(&mut self, endpoint: SocketAddr) -> Option<Box<str>> {
        if !self.words.is_empty()
            && let Some(words) = self.words.remove(&endpoint)
        {
            return Some(words);
        }
        let zone = match scope(endpoint) {
            0 => return None,
            index => self.rules.zones.name(index)?,
        };
        let host = format!("{}%{zone}", endpoint.ip());
        Some(parse::join(&host, endpoint.port()).into())
    }

    fn of_a_name(&mut self) -> Option<Target> {
        while let Some(mut ready) = self.ready.pop_front() {
            let Some(target) = ready.next() else {
                continue;
            };
            // The names take turns too: no host gets all its ports at once.
            self.ready.push_back(ready);
            if let Ok(endpoint) = target.remote
                && (self.excluded.contains(endpoint)
                    || self.space.contains(endpoint)
                    || self.earlier.contains(endpoint)
                    || !self.named.insert(endpoint))
            {
                self.total -= 1;
                continue;
            }
            return Some(target);
        }
        None
    }

    /// A name is known, or never will be.
    fn settle(&mut self, mut ready: Ready, found: Result<Vec<SocketAddr>, Problem>) {
        let ports = ready.left();
        ready.settle(found, self.all_addresses);
        self.total += ready.left() - ports;
        self.ready.push_back(ready);
    }

    /// Begins the next window if there is one and the last is over. If it needs more lines than
    /// are read at a time, the rest is read when asked again.
    fn refill(&mut self) -> bool {
        if self.is_read() || self.names.pending() > NAMES_LEFT {
            return false;
        }
        let before = self.draft.lines;
        self.read(SLICE);
        if self.is_complete() {
            self.begin_window();
            return true;
        }
        if self.draft.lines > before {
            self.bell.ringer().ring();
        }
        !self.bad.is_empty()
    }

    /// The next window is full, or there is no more, or the writer of a stream is quiet. With
    /// several shards a quiet writer changes nothing, for their windows must be the same.
    fn is_complete(&self) -> bool {
        self.draft.lines >= WINDOW
            || self.sources.is_empty()
            || (self.is_quiet && self.draft.lines > 0 && !self.shard.has_others())
    }

    /// Reads files until the window is full.
    fn read_files(&mut self) {
        while self.draft.lines < WINDOW && self.sources.front().is_some_and(|it| !it.is_stream()) {
            self.read(1);
        }
    }

    /// Reads so many lines of the next window, if they are there.
    fn read(&mut self, lines: usize) {
        for _ in 0..lines {
            let Some(source) = self.sources.front_mut() else {
                return;
            };
            if self.draft.lines >= WINDOW {
                return;
            }
            match source.next() {
                Piece::Line(line) => {
                    self.is_quiet = false;
                    self.take(line);
                }
                Piece::Pause => {
                    self.is_quiet = true;
                    return;
                }
                Piece::Nothing => return,
                Piece::End => drop(self.sources.pop_front()),
            }
        }
    }

    fn take(&mut self, line: Line) {
        let name = &self.sources[0].name;
        if let Err(problem) = take(&mut self.draft, line, name, &mut self.rules) {
            self.bad.push_back(problem);
        }
    }

    fn begin_window(&mut self) {
        let draft = std::mem::take(&mut self.draft);
        let space = std::mem::take(&mut self.space);
        self.earlier.push(space.into_region());
        let mut region = Region::union(draft.items).minus(&self.excluded);
        for earlier in self.earlier.regions() {
            region = region.minus(earlier);
        }
        self.space = Space::new(region).unwrap_or_else(|| {
            let text = "more than 2^63 targets: write longer prefixes, or fewer ports";
            self.bad.push_back(Problem::usage(text.to_string()));
            Space::default()
        });
        let seed = seed(self.seed, self.windows);
        let order = Order::new(self.space.len(), seed);
        self.walk = self.shard.walk(order, self.positions[0]);
        self.positions[0] = self.positions[0].wrapping_add(self.space.len());
        self.total = self.total.saturating_add(self.walk.left());
        self.words = draft.words;
        self.ask(draft.names, seed);
        self.windows += 1;
    }

    /// Asks for the addresses of the names of a window. Whoever has part of the targets asks for
    /// no other names.
    fn ask(&mut self, names: Vec<Named>, seed: u64) {
        let mut shares: Vec<Option<(Named, Walk)>> = Vec::new();
        for named in names {
            let ports = u64::from(named.ports().count());
            let walk = self.shard.walk(Order::new(ports, seed), self.positions[1]);
            self.positions[1] += ports;
            self.total += walk.left();
            shares.push((walk.left() > 0).then_some((named, walk)));
        }
        // Names that stand together are often of one network.
        let order = Order::new(shares.len() as u64, seed);
        for index in Shard::WHOLE.walk(order, 0) {
            if let Some((named, walk)) = shares[index as usize].take() {
                self.names.ask(named.name.clone(), Ready::new(named, walk));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_read() && self.names.pending() == 0 && self.ready.is_empty()
    }

    /// There is no other window.
    fn is_read(&self) -> bool {
        self.sources.is_empty() && self.draft.lines == 0
    }
}

/// Readable once something came after [`Next::Wait`].
impl AsFd for Feed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
