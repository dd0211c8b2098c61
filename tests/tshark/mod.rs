//! tshark as an oracle: what it reads in a capture, field by field.

#![allow(dead_code, reason = "each test program uses the part that it needs")]

pub mod streams;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

/// A capture in a file of its own, for as long as it is wanted.
pub struct Saved {
    file: PathBuf,
}

impl Saved {
    pub fn new(capture: &[u8]) -> Saved {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("saved-{}-{number}.capture", process::id());
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&file, capture).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Saved { file }
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A row of these fields for each frame that has a TCP header. Of a field that is there more
    /// than once the last counts, which in a tunnel is the innermost. What is told of a whole
    /// stream is complete in its last row.
    pub fn rows(&self, fields: &[&str]) -> Vec<Vec<String>> {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(&self.file);
        command.args(["-2", "-n", "-Y", "tcp", "-T", "fields"]);
        command.args(["-E", "occurrence=l"]);
        // Assigned to another protocol, and what Linux takes for VXLAN.
        command.args(["-d", "udp.port==8472,vxlan"]);
        command.args(["-o", "ipv6.tso_support:TRUE"]);
        command.args(fields.iter().flat_map(|field| ["-e", field]));
        let output = command.output().expect("tshark (see tests/run)");
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{messages}");
        let lines = String::from_utf8_lossy(&output.stdout);
        let columns = |line: &str| line.split('\t').map(str::to_owned).collect();
        lines.lines().map(columns).collect()
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}
