//! Why bytes could not be read.

use std::fmt;

/// What was wrong with the bytes, and with which value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireError {
    /// Fewer bytes than the header needs.
    Truncated {
        /// The header being read.
        what: &'static str,
        /// Bytes that it takes.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// The first four bits name neither IPv4 nor IPv6.
    Version(u8),
    /// A header length field (IHL, data offset) below the fixed part of its header.
    HeaderLength {
        /// The header being read.
        what: &'static str,
        /// The length it claims, in bytes.
        bytes: usize,
    },
    /// An IPv4 total length that does not even cover the header.
    TotalLength {
        /// The total length field, in bytes.
        total: usize,
        /// The header length, in bytes.
        header: usize,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Truncated {
                what,
                needed,
                available,
            } => {
                write!(
                    f,
                    "{what} cut short: {needed} bytes needed, {available} there"
                )
            }
            WireError::Version(version) => write!(f, "IP version {version} is neither 4 nor 6"),
            WireError::HeaderLength { what, bytes } => {
                write!(f, "{what} length of {bytes} bytes is below the minimum")
            }
            WireError::TotalLength { total, header } => {
                write!(
                    f,
                    "IPv4 total length {total} is below the header length {header}"
                )
            }
        }
    }
}

impl std::error::Error for WireError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_header_and_the_value() {
        let cut = WireError::Truncated {
            what: "TCP header",
            needed: 20,
            available: 8,
        };
        assert_eq!(
            cut.to_string(),
            "TCP header cut short: 20 bytes needed, 8 there"
        );
        assert_eq!(
            WireError::Version(7).to_string(),
            "IP version 7 is neither 4 nor 6"
        );
    }
}
