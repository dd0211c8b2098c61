//! Bytes written as text on the command line.

use std::str::{Chars, FromStr};

/// What `--send` sends: the text with its escapes replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Escaped(pub Vec<u8>);

impl FromStr for Escaped {
    type Err = String;

    fn from_str(text: &str) -> Result<Escaped, String> {
        let mut bytes = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            if character == '\\' {
                bytes.push(unescape(&mut rest)?);
            } else {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(Escaped(bytes))
    }
}

fn unescape(rest: &mut Chars) -> Result<u8, String> {
    match rest.next() {
        Some('r') => Ok(b'\r'),
        Some('n') => Ok(b'\n'),
        Some('t') => Ok(b'\t'),
        Some('0') => Ok(0),
        Some('\\') => Ok(b'\\'),
        Some('x') => {
            let digits: String = rest.by_ref().take(2).collect();
            let is_pair = digits.len() == 2 && digits.chars().all(|c| c.is_ascii_hexdigit());
            u8::from_str_radix(&digits, 16)
                .ok()
                .filter(|_| is_pair)
                .ok_or_else(|| format!("\\x{digits} needs two hexadecimal digits, as in \\x0a"))
        }
        other => Err(format!(
            "there is no escape \\{}: use \\r \\n \\t \\0 \\\\ or \\xHH",
            other.map_or(String::new(), |c| c.to_string())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_bytes() {
        let Escaped(bytes) = r"GET /\t\\ \xff\x0A\r\n\0ä".parse().unwrap();
        assert_eq!(bytes, b"GET /\t\\ \xff\n\r\n\0\xc3\xa4");
    }

    #[test]
    fn an_unknown_escape_is_an_error() {
        for text in [r"\q", "\\", r"\x4", r"\xg0", r"\x+1"] {
            assert!(text.parse::<Escaped>().is_err(), "{text}");
        }
    }
}
