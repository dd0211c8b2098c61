//! What to send once connected: `--send` and `--send-file`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use super::Problem;
use crate::cli::CourseArgs;
use crate::session::{End, Request};

/// The most that is sent, bytes.
const MOST: u64 = 1 << 20;

/// How long the peer may be quiet before the end begins, if the user does not say.
const QUIET: Duration = Duration::from_millis(500);

/// What to send once connected, if anything.
///
/// # Errors
/// A file that cannot be read, more than 1 MiB, an end that opens no connection.
pub fn request(args: &CourseArgs) -> Result<Option<Request>, Problem> {
    let (option, text) = match (&args.send, &args.send_file) {
        (Some(text), _) => ("--send", text.0.clone()),
        (None, Some(path)) => ("--send-file", read(path)?),
        (None, None) => return Ok(None),
    };
    if matches!(args.end, End::SynRst | End::None) {
        return Err(Problem::usage(format!(
            "{option} needs a connection: --end {} never completes the handshake",
            args.end
        )));
    }
    if text.len() as u64 > MOST {
        return Err(Problem::usage(format!(
            "{option}: more than 1 MiB is not sent"
        )));
    }
    Ok(Some(Request {
        text: text.into(),
        quiet: args.hold.unwrap_or(QUIET),
    }))
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().take(MOST + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Problem::usage(format!(
            "--send-file: cannot read {}: {error}",
            path.display()
        ))),
    }
}
