//! What the values of options are.

use std::num::NonZeroU32;
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::explain::Order;
use crate::session::End;

/// How many new connections a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rate {
    /// This many at most.
    PerSecond(NonZeroU32),
    /// As many as this host can.
    Max,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        match text {
            "max" => Ok(Rate::Max),
            number => number
                .parse()
                .map(Rate::PerSecond)
                .map_err(|_| format!("expected a number from 1 to {}, or max", u32::MAX)),
        }
    }
}

/// Where a capture was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Place {
    /// Where the client is.
    Client,
    /// Where the server is.
    Server,
}

impl ValueEnum for Order {
    fn value_variants<'a>() -> &'a [Order] {
        &[Order::Time, Order::Rtt, Order::Trouble]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Order::Time => "time",
            Order::Rtt => "rtt",
            Order::Trouble => "trouble",
        }))
    }
}

impl ValueEnum for End {
    fn value_variants<'a>() -> &'a [End] {
        &End::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()))
    }
}

/// When to use colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Even into a pipe.
    Always,
    /// Not at all.
    Never,
}

/// A TCP stack whose SYN can be imitated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[allow(missing_docs)] // the names say it
pub enum Stack {
    Linux,
    Windows,
    Macos,
    Freebsd,
    Bare,
}

/// A value, or the word `none`, which takes the option out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted<T> {
    /// With this value.
    With(T),
    /// Taken out.
    Without,
}

impl<T: FromStr> FromStr for Wanted<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Wanted::Without),
            number => number.parse().map(Wanted::With).map_err(|_| {
                let most = u64::MAX >> (u64::BITS as usize - 8 * size_of::<T>());
                format!("expected a number from 0 to {most}, or none")
            }),
        }
    }
}

/// An option without a value: given, or taken out with `none`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[allow(missing_docs)] // see above
pub enum Switch {
    #[value(hide = true)]
    Yes,
    None,
}

/// Bytes written in hexadecimal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hex(pub Vec<u8>);

impl FromStr for Hex {
    type Err = String;

    fn from_str(text: &str) -> Result<Hex, String> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
            .collect();
        match digits {
            Some(digits) if digits.len() % 2 == 0 => Ok(Hex(digits
                .chunks(2)
                .map(|pair| pair[0] << 4 | pair[1])
                .collect())),
            _ => Err("expected pairs of hexadecimal digits".to_string()),
        }
    }
}

/// `KIND:HEX`, a TCP option as it stands on the wire but for its length byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawOption {
    /// The kind.
    pub kind: u8,
    /// The bytes after the length byte.
    pub data: Vec<u8>,
}

impl FromStr for RawOption {
    type Err = String;

    fn from_str(text: &str) -> Result<RawOption, String> {
        let (kind, hex) = text
            .split_once(':')
            .ok_or("expected KIND:HEX, as in 254:cafe")?;
        let kind = kind
            .parse()
            .map_err(|_| format!("kind {kind:?} is not a number from 0 to 255"))?;
        let Hex(data) = hex.parse()?;
        if kind == 1 && !data.is_empty() {
            return Err("kind 1 (nop) is a single byte: write 1:".to_string());
        }
        if data.len() > 38 {
            return Err(format!(
                "{} bytes of data do not fit: a TCP option holds at most 38",
                data.len()
            ));
        }
        Ok(RawOption { kind, data })
    }
}
