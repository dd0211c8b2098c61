//! The comments of a pcapng block.

use std::borrow::Cow;

use super::pcapng::Order;

const END: u16 = 0;
const COMMENT: u16 = 1;

/// The comments of a packet, or of other blocks; read as they are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comments<'a> {
    options: Options<'a>,
}

impl<'a> Comments<'a> {
    /// Where nobody can have written any.
    pub(super) const NONE: Comments<'static> = Comments {
        options: Options {
            order: Order::Little,
            rest: &[],
        },
    };

    /// Those among the options of a block.
    pub(super) fn among(options: Options<'a>) -> Comments<'a> {
        Comments { options }
    }
}

impl<'a> Iterator for Comments<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        let mut comments = self.options.by_ref().filter(|(code, _)| *code == COMMENT);
        comments
            .next()
            .map(|(_, text)| String::from_utf8_lossy(text))
    }
}

/// Code and value of the options that end a block, up to the one that ends them or that says it is
/// longer than the block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Options<'a> {
    order: Order,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    pub(super) fn new(order: Order, bytes: &'a [u8]) -> Options<'a> {
        Options { order, rest: bytes }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let (header, rest) = std::mem::take(&mut self.rest).split_at_checked(4)?;
        let (code, length) = (self.order.u16(header, 0), self.order.u16(header, 2).into());
        let (value, rest) = rest.split_at_checked(length)?;
        let padding = length.next_multiple_of(4) - length;
        if code == END {
            return None;
        }
        self.rest = rest.get(padding..).unwrap_or_default();
        Some((code, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &[u8] = &[
        1, 0, 3, 0, b'o', b'n', b'e', 0, // a comment
        2, 0, 4, 0, 1, 0, 0, 0, // something else
        1, 0, 0, 0, // an empty comment
        1, 0, 2, 0, 0xff, b'!', 0, 0, // a comment that is no UTF-8
        0, 0, 0, 0, // the end
        1, 0, 1, 0, b'?', 0, 0, 0,
    ];

    fn comments(order: Order, bytes: &[u8]) -> Vec<String> {
        let comments = Comments::among(Options::new(order, bytes));
        comments.map(Cow::into_owned).collect()
    }

    #[test]
    fn comments_are_found_among_the_options_up_to_their_end() {
        assert_eq!(comments(Order::Little, THREE), ["one", "", "\u{fffd}!"]);
        let big = [0, 1, 0, 1, b'x', 0, 0, 0];
        assert_eq!(comments(Order::Big, &big), ["x"]);
        assert_eq!(Comments::NONE.count(), 0);
    }

    #[test]
    fn options_that_are_cut_off_end_where_they_are() {
        let whole = comments(Order::Little, THREE);
        for cut in 0..=THREE.len() {
            let found = comments(Order::Little, &THREE[..cut]);
            assert_eq!(found, whole[..found.len()], "{cut}");
        }
        assert_eq!(comments(Order::Little, &THREE[..6]), [] as [&str; 0]);
        // The last padding may be missing.
        assert_eq!(comments(Order::Little, &THREE[..7]), ["one"]);
    }

    #[test]
    fn an_option_longer_than_its_block_is_none() {
        for length in [5_u16, 1000, u16::MAX] {
            let [low, high] = length.to_le_bytes();
            let bytes = [1, 0, low, high, b'a', b'b', b'c', b'd'];
            assert_eq!(comments(Order::Little, &bytes), [] as [&str; 0]);
        }
    }
}
