//! Every field of a packet, under the name that Wireshark has for it: those of Wireshark 4.

mod icmp;
mod ip;
mod tcp;

use std::fmt::{self, Write};

use super::Style;
use super::WIDTH;

pub(super) use icmp::icmp;
pub(super) use tcp::{Numbers, segment};

/// One field, or a remark of ours.
pub(super) struct Field {
    /// Empty for a remark.
    name: &'static str,
    /// As `tshark -T fields` writes it; empty where the name says all.
    value: String,
}

/// Fields that begin a line of their own.
pub(super) type Group = Vec<Field>;

fn field(name: &'static str, value: impl fmt::Display) -> Field {
    Field {
        name,
        value: value.to_string(),
    }
}

/// A bit, 0 or 1.
fn bit(name: &'static str, set: bool) -> Field {
    field(name, u8::from(set))
}

fn hex16(name: &'static str, value: u16) -> Field {
    field(name, format_args!("{value:#06x}"))
}

/// Bytes as hexadecimal digits.
fn bytes(name: &'static str, bytes: &[u8]) -> Field {
    field(name, digits(bytes))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}

fn remark(text: impl fmt::Display) -> Field {
    field("", format_args!("({text})"))
}

/// A checksum's status, as Wireshark names it.
fn status(name: &'static str, good: bool) -> Field {
    field(name, if good { "Good" } else { "Bad" })
}

impl Field {
    fn plain(&self) -> String {
        match (self.name, self.value.as_str()) {
            ("", value) => value.to_string(),
            (name, "") => name.to_string(),
            (name, value) => format!("{name}={value}"),
        }
    }

    /// Itself, or cut where it is wider than a line: as a long option may be.
    fn pieces(&self, room: usize) -> Vec<Field> {
        let value: Vec<char> = self.value.chars().collect();
        let first = value.len().min(room.saturating_sub(self.name.len() + 1));
        let (head, tail) = value.split_at(first);
        let mut pieces = vec![field(self.name, String::from_iter(head))];
        pieces.extend(tail.chunks(room).map(|it| field("", String::from_iter(it))));
        pieces
    }

    fn painted(&self, style: Style) -> String {
        match self.plain().strip_prefix(self.name) {
            Some(rest) if !self.name.is_empty() => format!("{}{rest}", style.faint(self.name)),
            _ => self.plain(),
        }
    }
}

/// The lines of a group, the first indented by `indent` columns, the others a little more.
pub(super) fn lines(group: &[Field], indent: usize, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut columns = 0;
    let room = WIDTH - indent - 2;
    for field in group.iter().flat_map(|field| field.pieces(room)) {
        let width = field.plain().len();
        match lines.last_mut() {
            Some(line) if columns + 1 + width <= WIDTH => {
                line.push(' ');
                line.push_str(&field.painted(style));
                columns += 1 + width;
            }
            last => {
                let indent = if last.is_none() { indent } else { indent + 2 };
                lines.push(format!("{:indent$}{}", "", field.painted(style)));
                columns = indent + width;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_wrapped_at_80_columns_and_indented() {
        let group: Group = (0..12).map(|n| field("ip.frag_offset", n)).collect();
        let plain = lines(&group, 4, Style::PLAIN);
        assert_eq!(plain.len(), 3);
        assert!(plain.iter().all(|line| line.len() <= WIDTH));
        assert!(plain[0].starts_with("    ip.") && plain[1].starts_with("      ip."));
        let words = plain.iter().flat_map(|line| line.split_whitespace());
        assert!(words.eq(group.iter().map(Field::plain)));
    }

    #[test]
    fn a_field_wider_than_a_line_goes_on_in_the_next() {
        let group = vec![field("ah.length", 4), bytes("ah.icv", &[0xab; 100])];
        let lines = lines(&group, 4, Style::PLAIN);
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
        let text: String = lines.iter().flat_map(|line| line.trim().chars()).collect();
        assert_eq!(text, format!("ah.length=4ah.icv={}", "ab".repeat(100)));
    }

    #[test]
    fn colours_take_no_columns() {
        let group: Group = (0..12).map(|n| field("ip.frag_offset", n)).collect();
        let color = Style {
            color: true,
            ..Style::PLAIN
        };
        let painted = lines(&group, 4, color).join("\n");
        let faint = color.faint("ip.frag_offset");
        assert_eq!(
            painted.replace(&faint, "ip.frag_offset"),
            lines(&group, 4, Style::PLAIN).join("\n")
        );
    }
}
