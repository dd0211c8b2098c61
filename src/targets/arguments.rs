//! What the command line says of targets: its mistakes, and those in files, end here, before
//! anything is sent.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::ProbeArgs;
use crate::plan::Problem;

use super::bell::Bell;
use super::draft::{Draft, Rules, Zones, excluded};
use super::feed::WINDOW;
use super::lines::{Line, Source};
use super::names::{Family, Resolver};
use super::parse::groups;
use super::ports::PortSet;
use super::region::Region;

/// What holds for every target.
pub fn rules(args: &ProbeArgs) -> Result<Rules, Problem> {
    let ports = args.ports.as_deref().map(PortSet::parse).transpose();
    Ok(Rules {
        ports: ports.map_err(|why| Problem::usage(format!("--ports: {why}")))?,
        family: match (args.names.ipv4, args.names.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        zones: Zones::default(),
    })
}

/// Standard input has one reader at most.
pub fn check_standard_input(args: &ProbeArgs) -> Result<(), Problem> {
    let of = |option, paths: &[PathBuf]| {
        let all = paths.iter().filter(|path| path.as_path() == Path::new("-"));
        vec![option; all.count()]
    };
    let scale = &args.scale;
    let sent = args.course.send_file.as_slice();
    let readers = [
        of("--targets", &scale.lists),
        of("--exclude-file", &scale.exclude_file),
        of("--send-file", sent),
    ]
    .concat();
    match readers[..] {
        [one, other, ..] => Err(Problem::usage(format!(
            "standard input can be read only once: {one} - and {other} - both want it"
        ))),
        _ => Ok(()),
    }
}

/// All that is never probed.
pub fn exclusions(
    args: &ProbeArgs,
    zones: &mut Zones,
    resolver: &Resolver,
    bell: &Bell,
) -> Result<Region, Problem> {
    let all = PortSet::all();
    let mut items = groups().map(|range| (range, all.clone())).to_vec();
    for input in &args.scale.exclude {
        let found = excluded(input, zones, resolver);
        items.extend(found.map_err(|problem| located(problem, "--exclude"))?);
    }
    for path in &args.scale.exclude_file {
        let source = open("--exclude-file", path, bell)?;
        let name = source.name.clone();
        for line in source.read_all() {
            let found = line.words.map_err(Problem::usage);
            let found = found.and_then(|words| excluded(&words, zones, resolver));
            items.extend(found.map_err(|problem| located(problem, &place(&name, line.number)))?);
        }
    }
    Ok(Region::union(items))
}

/// The files and streams of targets, streams last. Every line of a file was looked at.
pub fn sources(
    paths: &[PathBuf],
    rules: &mut Rules,
    bell: &Bell,
) -> Result<VecDeque<Source>, Problem> {
    let mut sources = Vec::new();
    for path in paths {
        let mut source = open("--targets", path, bell)?;
        let name = source.name.clone();
        let mut draft = Draft::default();
        let mut mistake = None;
        let looked = source.each(|line| {
            if mistake.is_none() {
                mistake = take(&mut draft, line, &name, rules).err();
            }
            if draft.lines >= WINDOW {
                draft = Draft::default();
            }
        });
        looked.map_err(|error| unreadable("--targets", path, &error))?;
        mistake.map_or(Ok(()), Err)?;
        sources.push(source);
    }
    sources.sort_by_key(Source::is_stream);
    Ok(sources.into())
}

/// Adds the target of a line.
pub fn take(draft: &mut Draft, line: Line, name: &str, rules: &mut Rules) -> Result<(), Problem> {
    let words = line.words.map_err(Problem::usage);
    let taken = words.and_then(|words| draft.take(&words, rules));
    taken.map_err(|problem| located(problem, &place(name, line.number)))
}

fn open(option: &str, path: &Path, bell: &Bell) -> Result<Source, Problem> {
    Source::open(path, bell.ringer()).map_err(|error| unreadable(option, path, &error))
}

fn unreadable(option: &str, path: &Path, error: &io::Error) -> Problem {
    let name = path.display();
    Problem::usage(format!("{option}: cannot read {name}: {error}"))
}

fn place(name: &str, line: u64) -> String {
    format!("{name}, line {line}")
}

fn located(problem: Problem, place: &str) -> Problem {
    let at = |text| format!("{place}: {text}");
    match problem {
        Problem::Usage(text) => Problem::usage(at(text)),
        Problem::Target { reason, text } => Problem::target(reason, at(text)),
        Problem::Host { reason, text } => Problem::host(reason, at(text)),
    }
}
