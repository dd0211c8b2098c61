//! Capabilities: told about, and given up.

use std::borrow::Cow;
use std::env;
use std::io;

use caps::errors::CapsError;
use caps::{CapSet, Capability};
use nix::sys::prctl;

/// Whether this thread may open raw and packet sockets (CAP_NET_RAW).
pub fn has_net_raw() -> bool {
    caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_RAW).unwrap_or(false)
}

/// Gives up every capability of this thread, for good (no_new_privs included). Threads started
/// later have none either, so call it before starting any.
///
/// The bounding set is emptied where that is allowed (CAP_SETPCAP); file capabilities of
/// CAP_NET_RAW alone do not allow it, and no_new_privs makes it matter little. Open sockets go on
/// working.
///
/// # Errors
/// Some capability was kept.
pub fn drop_all() -> io::Result<()> {
    prctl::set_no_new_privs()?;
    caps::clear(None, CapSet::Ambient).map_err(io_error)?;
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(io_error)? {
        caps::clear(None, CapSet::Bounding).map_err(io_error)?;
    }
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::clear(None, set).map_err(io_error)?;
    }
    Ok(())
}

/// The command that lets this very program be used without being root.
pub fn setcap_line() -> String {
    let path = env::current_exe().map_or_else(
        |_| "tcpshake".to_owned(),
        |path| path.to_string_lossy().into_owned(),
    );
    format!("sudo setcap cap_net_raw+ep {}", quoted(&path))
}

/// `word` as a POSIX shell reads it back.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

fn io_error(error: CapsError) -> io::Error {
    io::Error::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn nothing_is_left_after_dropping_all() {
        // Capabilities belong to the thread: the other tests keep theirs.
        thread::spawn(|| {
            drop_all().unwrap();
            assert!(!has_net_raw());
            for set in [
                CapSet::Effective,
                CapSet::Permitted,
                CapSet::Inheritable,
                CapSet::Ambient,
            ] {
                assert!(caps::read(None, set).unwrap().is_empty(), "{set:?}");
            }
            assert!(prctl::get_no_new_privs().unwrap());
            drop_all().unwrap();
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_path_is_quoted_when_a_shell_would_not_read_it_back() {
        assert_eq!(quoted("/usr/bin/tcpshake-1.0"), "/usr/bin/tcpshake-1.0");
        assert_eq!(
            quoted("/home/o'neil/my tools/x"),
            r"'/home/o'\''neil/my tools/x'"
        );
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn the_line_names_this_program() {
        let line = setcap_line();
        assert!(line.starts_with("sudo setcap cap_net_raw+ep /"), "{line}");
    }
}
