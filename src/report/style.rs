//! Colours and arrows, or none.

use std::fmt;

use anstyle::{AnsiColor, Style as Ansi};

use crate::exchange::Verdict;

/// How text may be dressed on this output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// Escape sequences for colours are understood and wanted.
    pub color: bool,
    /// The locale is UTF-8.
    pub unicode: bool,
}

impl Style {
    /// Neither colours nor anything beyond ASCII.
    pub const PLAIN: Style = Style {
        color: false,
        unicode: false,
    };

    pub(super) fn arrow_out(self) -> &'static str {
        if self.unicode {
            "────▶"
        } else {
            "---->"
        }
    }

    pub(super) fn arrow_in(self) -> &'static str {
        if self.unicode {
            "◀────"
        } else {
            "<----"
        }
    }

    pub(super) fn verdict(self, verdict: Option<Verdict>, text: impl fmt::Display) -> String {
        let color = match verdict {
            Some(Verdict::Open) => AnsiColor::Green,
            Some(Verdict::Closed) => AnsiColor::Red,
            _ => AnsiColor::Yellow,
        };
        self.paint(color.on_default().bold(), text)
    }

    pub(super) fn local(self, text: impl fmt::Display) -> String {
        self.paint(AnsiColor::Cyan.on_default(), text)
    }

    pub(super) fn peer(self, text: impl fmt::Display) -> String {
        self.paint(AnsiColor::Magenta.on_default(), text)
    }

    pub(super) fn faint(self, text: impl fmt::Display) -> String {
        self.paint(Ansi::new().dimmed(), text)
    }

    pub(super) fn note(self, text: impl fmt::Display) -> String {
        self.paint(Ansi::new().bold(), text)
    }

    fn paint(self, style: Ansi, text: impl fmt::Display) -> String {
        if self.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_string()
        }
    }
}
