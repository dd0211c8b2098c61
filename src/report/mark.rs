//! What a capture of ours tells besides its frames, as comments of pcapng blocks.
//!
//! `probe 3: --end passive` stands with the first frame of a probe, and whatever else is known of
//! it, as `probe 3: interrupted`, in a statistics block after its last. `kernel-rst: …` stands with
//! the frame that it is about.

use std::fmt;

use crate::exchange::AnomalyKind;
use crate::session::End;

use super::printable;

/// A comment that a program can read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark {
    /// Of the first frame of a probe.
    Probe {
        /// Its number.
        seq: u64,
        /// The end that was asked for.
        end: End,
    },
    /// Of a frame: what is out of the ordinary with it, and does not show in it.
    Frame {
        /// One of [`AnomalyKind::OF_A_FRAME`].
        kind: AnomalyKind,
        /// In words.
        text: String,
    },
    /// After the last frame of a probe: what was out of the ordinary and shows in none.
    Note {
        /// The number of the probe.
        seq: u64,
        /// One of [`AnomalyKind::OF_NO_FRAME`].
        kind: AnomalyKind,
        /// In words.
        text: String,
    },
    /// After the last frame of a probe: the user did not wait for its end.
    Interrupted {
        /// The number of the probe.
        seq: u64,
    },
}

impl Mark {
    /// The most characters of a text that are kept.
    pub const MAX_TEXT: usize = 1000;

    /// The number of the probe that it is of, where it says one.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Mark::Probe { seq, .. } | Mark::Note { seq, .. } | Mark::Interrupted { seq } => {
                Some(*seq)
            }
            Mark::Frame { .. } => None,
        }
    }

    /// Reads a comment. Anybody may have written it: what is no mark is `None`.
    pub fn parse(comment: &str) -> Option<Mark> {
        let Some(of_probe) = comment.strip_prefix("probe ") else {
            let (kind, text) = note(comment, &AnomalyKind::OF_A_FRAME)?;
            return Some(Mark::Frame { kind, text });
        };
        let (seq, what) = of_probe.split_once(": ")?;
        // Of all that `parse` takes, only what a number is written as.
        let seq: u64 = seq.parse().ok().filter(|n: &u64| n.to_string() == seq)?;
        if what == "interrupted" {
            return Some(Mark::Interrupted { seq });
        }
        if let Some(word) = what.strip_prefix("--end ") {
            let end = End::ALL.into_iter().find(|end| end.word() == word)?;
            return Some(Mark::Probe { seq, end });
        }
        let (kind, text) = note(what, &AnomalyKind::OF_NO_FRAME)?;
        Some(Mark::Note { seq, kind, text })
    }
}

fn note(comment: &str, kinds: &[AnomalyKind]) -> Option<(AnomalyKind, String)> {
    let (id, text) = comment.split_once(": ")?;
    let kind = kinds.iter().find(|kind| kind.id() == id)?;
    let text: String = text.chars().take(Mark::MAX_TEXT).collect();
    Some((*kind, printable(&text)))
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mark::Probe { seq, end } => write!(f, "probe {seq}: --end {end}"),
            Mark::Frame { kind, text } => write!(f, "{}: {text}", kind.id()),
            Mark::Note { seq, kind, text } => write!(f, "probe {seq}: {}: {text}", kind.id()),
            Mark::Interrupted { seq } => write!(f, "probe {seq}: interrupted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Mark> {
        let text = "a segment (R) left: nobody, but the kernel, sent it".to_string();
        let note = |seq, kind| Mark::Note {
            seq,
            kind,
            text: text.clone(),
        };
        let of_a_frame = AnomalyKind::OF_A_FRAME.map(|kind| Mark::Frame {
            kind,
            text: text.clone(),
        });
        let of_no_frame = AnomalyKind::OF_NO_FRAME.map(|kind| note(7, kind));
        let probes = End::ALL.map(|end| Mark::Probe { seq: u64::MAX, end });
        let mut all = vec![Mark::Interrupted { seq: 0 }];
        all.extend(of_a_frame);
        all.extend(of_no_frame);
        all.extend(probes);
        all
    }

    #[test]
    fn what_is_written_is_read_again() {
        for mark in all() {
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        }
        let probe = Mark::Probe {
            seq: 3,
            end: End::SynRst,
        };
        assert_eq!(probe.to_string(), "probe 3: --end syn-rst");
    }

    #[test]
    fn what_anybody_else_writes_is_no_mark() {
        for comment in [
            "",
            "probe",
            "probe ",
            "probe : interrupted",
            "probe -1: interrupted",
            "probe +1: interrupted",
            "probe 01: interrupted",
            "probe 18446744073709551616: interrupted",
            "probe 1: interrupted ",
            "probe 1: --end",
            "probe 1: --end fin ",
            "probe 1: --end FIN",
            "probe 1: kernel-rst: it belongs to a frame",
            "probe 1: wrong-ack: the frames tell",
            "probe 1: send-failed",
            "send-failed: it belongs to no frame",
            "syn-retransmitted: the frames tell",
            "peer SYN-RECEIVED|ESTABLISHED (possible)",
            "local ESTABLISHED (inferred) since the SYN-ACK",
        ] {
            assert_eq!(Mark::parse(comment), None, "{comment}");
        }
    }

    #[test]
    fn whatever_is_written_after_a_mark_begins_is_bounded_and_escaped() {
        for mark in all() {
            let whole = mark.to_string();
            for cut in 0..whole.len() {
                let _ = Mark::parse(&whole[..cut]);
            }
        }
        let long = format!("kernel-rst: \x1b{}", "é".repeat(65_000));
        let Some(Mark::Frame { text, .. }) = Mark::parse(&long) else {
            panic!("no mark")
        };
        assert!(text.starts_with("\\u{1b}é"));
        assert_eq!(text.chars().filter(|c| *c == 'é').count(), 999);
    }
}
