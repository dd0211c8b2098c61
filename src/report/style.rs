//! Colours and arrows, or none.
//!
//! There is no switch for light and dark terminals. Red, green and magenta are those of the basic
//! colours that can be read on both, in every common palette: yellow and cyan fade on white, blue
//! drowns in black. Bold and dim go with the terminal's own colour only, because some terminals draw
//! bold green as bright green, which fades on white too.

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

    /// Between two addresses.
    pub(super) fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { ">" }
    }

    pub(super) fn verdict(self, verdict: Option<Verdict>, text: impl fmt::Display) -> String {
        let color = match verdict {
            Some(Verdict::Open) => AnsiColor::Green,
            Some(Verdict::Closed) => AnsiColor::Red,
            _ => AnsiColor::Magenta,
        };
        self.paint(color.on_default(), text)
    }

    pub(super) fn local(self, text: impl fmt::Display) -> String {
        self.paint(Ansi::new().bold(), text)
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
        let text = text.to_string();
        if self.color && !text.trim().is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text
        }
    }
}

#[cfg(test)]
mod tests {

    /// A colour as a terminal draws it.
    type Rgb = [u8; 3];

    /// Red, green and magenta of a palette, and its light and its dark background.
    const PALETTES: [(&str, [Rgb; 3], [Rgb; 2]); 6] = [
        (
            "xterm",
            [[205, 0, 0], [0, 205, 0], [205, 0, 205]],
            [[255, 255, 255], [0, 0, 0]],
        ),
        (
            "the Linux console",
            [[170, 0, 0], [0, 170, 0], [170, 0, 170]],
            [[255, 255, 255], [0, 0, 0]],
        ),
        (
            "Tango",
            [[204, 0, 0], [78, 154, 6], [117, 80, 123]],
            [[255, 255, 255], [0, 0, 0]],
        ),
        (
            "macOS Terminal",
            [[153, 0, 0], [0, 166, 0], [178, 0, 178]],
            [[255, 255, 255], [0, 0, 0]],
        ),
        (
            "Windows Terminal",
            [[197, 15, 31], [19, 161, 14], [136, 23, 152]],
            [[242, 242, 242], [12, 12, 12]],
        ),
        (
            "Solarized",
            [[220, 50, 47], [133, 153, 0], [211, 54, 130]],
            [[253, 246, 227], [0, 43, 54]],
        ),
    ];

    /// Contrast after WCAG 2.1, from 1 to 21.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let luminance = |rgb: Rgb| {
            let [r, g, b] = rgb.map(|value| match f64::from(value) / 255.0 {
                dark if dark <= 0.040_45 => dark / 12.92,
                light => ((light + 0.055) / 1.055).powf(2.4),
            });
            0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
        };
        let (a, b) = (luminance(a), luminance(b));
        a.max(b) / a.min(b)
    }

    #[test]
    fn the_colours_can_be_read_on_light_and_on_dark() {
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
        for (palette, colours, backgrounds) in PALETTES {
            for (colour, background) in colours
                .into_iter()
                .flat_map(|colour| backgrounds.map(|background| (colour, background)))
            {
                let contrast = contrast(colour, background);
                assert!(contrast > 2.0, "{palette}: {colour:?} {contrast}");
            }
        }
        // Those left out: xterm's cyan and yellow on white, the console's blue on black.
        assert!(contrast([0, 205, 205], [255; 3]) < 2.0);
        assert!(contrast([205, 205, 0], [255; 3]) < 2.0);
        assert!(contrast([0, 0, 170], [0; 3]) < 2.0);
    }
}
