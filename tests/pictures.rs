//! The reports, looked at: every ending as it stands in a terminal of 80 columns.
//!
//! What people see is compared with tests/pictures. After a change that is meant, look at
//! the difference that `UPDATE_PICTURES=1 cargo test --test pictures` makes there.

#![allow(clippy::unwrap_used)] // a test that cannot go on stops here

mod pictures_of;
mod sim;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;

use pictures_of::{Format, PICTURES, Picture};
use tcpshake::report::Style;

const COLUMNS: usize = 80;

/// Bold, dim, red, green, magenta, and back to normal.
const ALLOWED: [&str; 6] = ["1", "2", "31", "32", "35", "0"];

const PLAIN: Style = Style {
    color: false,
    unicode: true,
};
const COLOURED: Style = Style {
    color: true,
    unicode: true,
};

fn picture(name: &str) -> &'static Picture {
    PICTURES.iter().find(|it| it.name == name).expect(name)
}

fn file(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    directory.join(name).with_extension("txt")
}

/// Compares with the file of this name, or writes it.
fn compare(name: &str, drawn: &str) {
    let path = file(name);
    if env::var_os("UPDATE_PICTURES").is_some_and(|it| it == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, drawn).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == drawn,
        "{} is not what is drawn now (UPDATE_PICTURES=1 writes it):\n{}",
        path.display(),
        difference(&kept, drawn)
    );
}

/// Both, line by line, from the first line that differs to the last.
fn difference(kept: &str, drawn: &str) -> String {
    let (kept, drawn): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), drawn.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| {
        pairs.take_while(|(kept, drawn)| kept == drawn).count()
    };
    let before = same(&mut kept.iter().zip(&drawn));
    let room = kept.len().min(drawn.len()) - before;
    let after = same(&mut kept.iter().rev().zip(drawn.iter().rev())).min(room);
    let told = |mark: &'static str, lines: &[&str]| -> String {
        let lines = &lines[before..lines.len() - after];
        lines
            .iter()
            .map(|line| format!("{mark} {line}\n"))
            .collect()
    };
    told("-", &kept) + &told("+", &drawn)
}

#[test]
fn every_report_is_as_it_was_looked_at() {
    for picture in PICTURES.iter() {
        compare(picture.name, &picture.draw(PLAIN));
    }
    // And none is left over.
    let drawn: BTreeSet<PathBuf> = PICTURES.iter().map(|it| file(it.name)).collect();
    let kept = fs::read_dir(file("fin").parent().unwrap()).unwrap();
    let kept: BTreeSet<PathBuf> = kept
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    assert_eq!(kept, drawn);
}

/// With escape sequences that can be read: `{31}` for red.
#[test]
fn colours_are_where_they_were_looked_at() {
    for name in [
        "fin",
        "refused",
        "filtered",
        "long",
        "series",
        "quiet",
        "connection-reset",
        "connections",
    ] {
        let picture = picture(name);
        let drawn = picture.draw(COLOURED);
        let legible = pieces(&drawn).map(|(code, text)| match code {
            Some(code) => format!("{{{code}}}{text}"),
            None => text.to_string(),
        });
        compare(&format!("coloured/{name}"), &legible.collect::<String>());
    }
}

#[test]
fn every_picture_fits_80_columns() {
    for picture in PICTURES.iter() {
        for style in [PLAIN, Style::PLAIN] {
            let drawn = picture.draw(style);
            let wide = drawn.lines().find(|line| line.chars().count() > COLUMNS);
            // What is to be one line a target is not wrapped.
            let may_be_wide = picture.format == Format::Quiet;
            assert!(wide.is_none() || may_be_wide, "{}: {wide:?}", picture.name);
            let trails = drawn.lines().find(|line| line.ends_with(' '));
            assert_eq!(trails, None, "{}", picture.name);
        }
    }
}

#[test]
fn without_unicode_only_the_arrows_differ() {
    for picture in PICTURES.iter() {
        let ascii = picture.draw(Style::PLAIN);
        assert!(ascii.is_ascii(), "{}", picture.name);
        let arrows = [("◀────", "<----"), ("────▶", "---->"), ("→", ">")];
        let drawn = arrows
            .into_iter()
            .fold(picture.draw(PLAIN), |text, (from, to)| {
                text.replace(from, to)
            });
        assert_eq!(drawn, ascii, "{}", picture.name);
    }
}

/// What can be read on light and on dark is checked in src/report/style.rs.
#[test]
fn colours_change_no_text_and_are_those_for_light_and_dark_terminals() {
    let mut used = BTreeSet::new();
    for picture in PICTURES.iter() {
        let drawn = picture.draw(COLOURED);
        let mut text = String::new();
        let mut painted = false;
        for (code, piece) in pieces(&drawn) {
            if let Some(code) = code {
                assert!(ALLOWED.contains(&code), "{}: {code}", picture.name);
                // Nothing is left painted, and no two are mixed.
                assert_eq!(painted, code == "0", "{}", picture.name);
                painted = code != "0";
                used.insert(code.to_string());
            }
            text += piece;
        }
        assert!(!painted, "{}", picture.name);
        let ends = |text: &str| -> String {
            text.lines()
                .map(|line| format!("{}\n", line.trim_end()))
                .collect()
        };
        assert_eq!(ends(&text), picture.draw(PLAIN), "{}", picture.name);
    }
    assert_eq!(used, ALLOWED.map(str::to_string).into());
}

/// The text after each escape sequence, and what stands in that.
fn pieces(drawn: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    let mut parts = drawn.split("\x1b[");
    let first = parts.next().map(|text| (None, text));
    let rest = parts.map(|part| {
        let (code, text) = part.split_once('m').expect("a colour");
        (Some(code), text)
    });
    first.into_iter().chain(rest)
}

#[test]
fn a_long_exchange_is_drawn_on_a_page_and_whole_with_verbose() {
    let long = picture("long");
    assert!(long.records[0].exchange.segments.len() > 300);
    assert!(long.draw(PLAIN).lines().count() < 40);
    let whole = Picture {
        format: Format::Verbose,
        ..long.clone()
    };
    let rungs = whole.draw(PLAIN).matches("tcp.seq_raw=").count();
    assert_eq!(rungs, long.records[0].exchange.segments.len());
}
