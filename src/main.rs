//! The program: arguments in, an exit status out.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use clap::CommandFactory;

use tcpshake::cli::{
    self, Cli, ColorChoice, Command, ExplainArgs, FormatArgs, OutputArgs, ProbeArgs, Refusal,
};
use tcpshake::net::stamps::Stamping;
use tcpshake::plan::{Plan, Problem, plan};
use tcpshake::report::{
    Explanation, Json, Ladder, Lines, OnlyOpen, Report, Series, Style, Table, printable,
};
use tcpshake::run::{self, Explained, LineBuffer, Progress, RunError, Unwritten, is_pipe, run};
use tcpshake::{demo, exit};

fn main() -> ExitCode {
    // First of all: the kernel takes a moment to switch its stamps on.
    let stamping = Stamping::enable().ok();
    let status = match cli::parse(std::env::args_os()) {
        Ok(Cli {
            command: None,
            probe,
        }) => probe_targets(&probe, stamping.as_ref()),
        Ok(Cli {
            command: Some(Command::Probe(args)),
            ..
        }) => probe_targets(&args, stamping.as_ref()),
        Ok(Cli {
            command: Some(Command::Demo(args)),
            ..
        }) => demonstrate(&args.output, stamping.as_ref()),
        Ok(Cli {
            command: Some(Command::Explain(args)),
            ..
        }) => explain_file(&args),
        Ok(Cli {
            command: Some(Command::Completions { shell }),
            ..
        }) => {
            // Generated in full first: clap_complete panics when it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tcpshake", &mut script);
            written(io::stdout().write_all(&script))
        }
        Err(Refusal::Asked(text)) => {
            // Whoever closed the pipe has read enough.
            let _ = text.print();
            exit::SUCCESS
        }
        Err(Refusal::Usage(line)) => fail(&line, exit::USAGE),
    };
    ExitCode::from(status)
}

fn probe_targets(args: &ProbeArgs, stamping: Option<&Stamping>) -> u8 {
    let (plan, feed) = match plan(args) {
        Ok(planned) => planned,
        Err(problem) => return fail_with(&problem),
    };
    let progress = progress(&plan);
    let mut report = report(&plan, &progress);
    let mut complain = |line: &str| progress.aside(|| complain(line));
    let told = run(
        &plan,
        feed,
        stamping,
        &progress,
        report.as_mut(),
        &mut complain,
    );
    progress.clear();
    match told {
        Ok(status) => status,
        Err(RunError::Problem(problem)) => fail_with(&problem),
        Err(RunError::Capture(error)) => {
            fail(&format!("the capture failed: {error}"), exit::CANNOT_PROBE)
        }
        Err(RunError::Output(error)) => written(Err(error)),
        Err(RunError::Unwritten(Unwritten { name, error })) => {
            let status = match error.kind() {
                io::ErrorKind::BrokenPipe => exit::SUCCESS,
                _ => exit::CANNOT_PROBE,
            };
            fail(&format!("--write: cannot write {name}: {error}"), status)
        }
    }
}

/// Whoever closed the pipe has read enough.
fn written(result: io::Result<()>) -> u8 {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(
            &format!("cannot write the report: {error}"),
            exit::CANNOT_PROBE,
        ),
        _ => exit::SUCCESS,
    }
}

fn demonstrate(output: &OutputArgs, stamping: Option<&Stamping>) -> u8 {
    let address = match demo::listener() {
        Ok(address) => address,
        Err(line) => return fail(&line, exit::CANNOT_PROBE),
    };
    // The private network has its own loopback, which was not up when stamping was asked for.
    let mut args = ProbeArgs::to(&address.to_string());
    args.output = output.clone();
    let status = probe_targets(&args, stamping);
    if status == exit::SUCCESS
        && !output.format.json
        && !output.format.quiet
        && !output.captures_to_stdout()
    {
        // Whoever closed the pipe has read enough.
        let _ = writeln!(io::stdout(), "\n{}", demo::NEXT);
    }
    status
}

fn explain_file(args: &ExplainArgs) -> u8 {
    let format = args.format.clone();
    let mut choose = |several| explanation(&format, several);
    let name = args.file.display();
    match run::explain(args, &mut choose) {
        Ok(Explained::Unread(why)) => fail(&format!("{name}: {why}"), exit::CANNOT_PROBE),
        Ok(Explained::Read {
            totals,
            unknown,
            fault,
            was_interrupted,
        }) => {
            if was_interrupted {
                complain(&format!(
                    "{name}: interrupted; the report is of what came before"
                ));
            }
            if let Some(fault) = fault {
                complain(&format!("{name}: {fault}"));
            }
            if let Some((frames, link)) = unknown {
                complain(&format!(
                    "{name}: {frames} frames are of {link}, which is not known"
                ));
            }
            let all_unknown = unknown.is_some_and(|(frames, _)| frames == totals.frames);
            if totals.connections == 0 && !all_unknown {
                complain(&format!("{name}: there is no TCP in it"));
            } else if totals.connections > 0 && totals.shown == 0 {
                complain(&format!("{name}: no connection in it is asked for"));
            }
            exit::SUCCESS
        }
        Err(error) => written(Err(error)),
    }
}

fn explanation(format: &FormatArgs, several: bool) -> Box<dyn Explanation> {
    let is_terminal = io::stdout().is_terminal();
    let style = style(format, is_terminal);
    let out: Box<dyn Write> = if is_terminal {
        Box::new(io::stdout())
    } else {
        Box::new(BufWriter::with_capacity(1 << 16, io::stdout()))
    };
    match format {
        FormatArgs { json: true, .. } => Box::new(Json::new(out, !several || format.verbose)),
        FormatArgs { verbose: true, .. } => Box::new(Ladder::new(out, style).verbose(true)),
        FormatArgs { quiet: false, .. } if !several => Box::new(Ladder::new(out, style)),
        _ => Box::new(Table::new(out, style)),
    }
}

/// A bar for many targets, if nothing else can be written over it.
fn progress(plan: &Plan) -> Progress {
    let is_piped = if plan.output.captures_to_stdout() {
        is_pipe(io::stderr())
    } else {
        is_pipe(io::stdout())
    };
    if plan.is_several() && !plan.output.format.quiet && !is_piped.unwrap_or(true) {
        Progress::on_stderr()
    } else {
        Progress::default()
    }
}

fn report(plan: &Plan, progress: &Progress) -> Box<dyn Report> {
    let report = report_of_all(plan, progress);
    if plan.open {
        Box::new(OnlyOpen::new(report, plan.is_several()))
    } else {
        report
    }
}

fn report_of_all(plan: &Plan, progress: &Progress) -> Box<dyn Report> {
    let (out, is_terminal) = stream(&plan.output, progress);
    let several = plan.is_several();
    let format = &plan.output.format;
    let style = style(format, is_terminal);
    match (format, plan.count) {
        _ if format.json => Box::new(Json::new(out, !several || format.verbose)),
        _ if format.verbose => Box::new(Ladder::new(out, style).verbose(true)),
        (FormatArgs { quiet, .. }, Some(_)) => {
            Box::new(Series::new(out, style, several, true).quiet(*quiet))
        }
        (FormatArgs { quiet: true, .. }, None) => Box::new(Lines::new(out, style)),
        _ if several => Box::new(Series::new(out, style, true, false)),
        _ => Box::new(Ladder::new(out, style)),
    }
}

/// Where the capture goes to standard output, the report goes to standard error.
fn stream(output: &OutputArgs, progress: &Progress) -> (Box<dyn Write>, bool) {
    let (stream, is_terminal) = if output.captures_to_stdout() {
        (
            io::stderr().as_fd().try_clone_to_owned(),
            io::stderr().is_terminal(),
        )
    } else {
        (
            io::stdout().as_fd().try_clone_to_owned(),
            io::stdout().is_terminal(),
        )
    };
    match stream {
        Ok(stream) => {
            let mut lines = LineBuffer::new(stream.into());
            if is_terminal {
                lines = lines.beside(progress.clone());
            }
            (Box::new(lines), is_terminal)
        }
        // It is closed: there is nobody to tell.
        Err(_) => (Box::new(io::sink()), false),
    }
}

fn style(format: &FormatArgs, is_terminal: bool) -> Style {
    Style {
        color: wants_color(format.color, is_terminal),
        unicode: locale_is_utf8(),
    }
}

fn wants_color(choice: ColorChoice, is_terminal: bool) -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && !forbidden && !dumb,
    }
}

/// POSIX: the first of these that is set and not empty decides.
fn locale_is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

fn fail_with(problem: &Problem) -> u8 {
    let status = match problem {
        Problem::Usage(_) => exit::USAGE,
        Problem::Target { .. } | Problem::Host { .. } => exit::CANNOT_PROBE,
    };
    fail(&problem.to_string(), status)
}

fn fail(line: &str, status: u8) -> u8 {
    complain(line);
    status
}

fn complain(line: &str) {
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "tcpshake: {}", printable(line));
}
