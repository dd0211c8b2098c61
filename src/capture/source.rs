//! The bytes of a capture in order, one record at a time.

use std::io::{self, Read};

use super::{CaptureError, Fault};

/// The longest record that is held in memory: no packet is longer. Wireshark and libpcap draw the
/// same line.
pub(super) const MAX_RECORD: u32 = 16 << 20;

const FIRST_SIZE: usize = 256 << 10;

/// An input with a window onto its next bytes. The window grows with what was really read, never
/// with what a length field claims.
#[derive(Debug)]
pub(super) struct Source<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(input: R) -> Source<R> {
        Source {
            input,
            buffer: vec![0; FIRST_SIZE],
            start: 0,
            end: 0,
            offset: 0,
        }
    }

    /// Bytes consumed so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes, as far as they were asked for.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// An error at the next byte.
    pub(super) fn error(&self, fault: Fault) -> CaptureError {
        CaptureError {
            offset: self.offset,
            fault,
        }
    }

    /// The error of a record that needs so many bytes, where the input ends before.
    pub(super) fn cut_short(&self, what: &'static str, needed: usize) -> CaptureError {
        self.error(Fault::CutShort {
            what,
            needed: needed as u64,
            available: self.bytes().len() as u64,
        })
    }

    /// Whether the input ends here.
    pub(super) fn is_at_end(&mut self) -> Result<bool, CaptureError> {
        Ok(self.fill(1)? == 0)
    }

    /// The next `wanted` bytes.
    pub(super) fn need(
        &mut self,
        wanted: usize,
        what: &'static str,
    ) -> Result<&[u8], CaptureError> {
        if self.fill(wanted)? < wanted {
            return Err(self.cut_short(what, wanted));
        }
        Ok(&self.buffer[self.start..self.start + wanted])
    }

    /// Reads until `wanted` bytes are there or the input ends; how many are there.
    pub(super) fn fill(&mut self, wanted: usize) -> Result<usize, CaptureError> {
        if self.end - self.start < wanted {
            self.read(wanted)?;
        }
        Ok(self.end - self.start)
    }

    /// Apart, because mostly they are there.
    #[inline(never)]
    fn read(&mut self, wanted: usize) -> Result<(), CaptureError> {
        while self.end - self.start < wanted {
            self.make_room();
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(Fault::Input(error))),
            }
        }
        Ok(())
    }

    fn make_room(&mut self) {
        if self.end < self.buffer.len() {
            return;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        } else {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }

    /// Leaves the next `count` bytes behind, which are in the window.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Leaves the next `count` bytes behind, however many; how many there were.
    pub(super) fn skip(&mut self, count: u64) -> Result<u64, CaptureError> {
        let mut left = count;
        while left > 0 {
            let there = self.fill(1)?;
            if there == 0 {
                break;
            }
            let step = usize::try_from(left).map_or(there, |left| left.min(there));
            self.consume(step);
            left -= step as u64;
        }
        Ok(count - left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_is_only_claimed_takes_no_memory() {
        let mut source = Source::new(&[7; 100][..]);
        let error = source.need(MAX_RECORD as usize, "a record").unwrap_err();
        let expected = "the capture is damaged at byte 0: a record is cut short: 16777216 bytes \
                        needed, 100 there; only what comes before is read";
        assert_eq!(error.to_string(), expected);
        assert_eq!(source.buffer.len(), FIRST_SIZE);
    }

    #[test]
    fn a_gigabyte_passes_through_the_same_window() {
        let mut source = Source::new(io::repeat(0).take(1 << 30));
        assert_eq!(source.skip(1 << 29).unwrap(), 1 << 29);
        assert_eq!(
            (source.offset(), source.buffer.len()),
            (1 << 29, FIRST_SIZE)
        );
        assert_eq!(source.skip(u64::MAX).unwrap(), 1 << 29);
        assert!(source.is_at_end().unwrap());
    }

    #[test]
    fn the_window_grows_to_the_longest_record_and_no_further() {
        let longest = MAX_RECORD as usize;
        let mut source = Source::new(io::repeat(7));
        for _ in 0..3 {
            assert_eq!(source.need(longest, "a record").unwrap().len(), longest);
            source.consume(longest);
            assert_eq!(source.need(100, "a record").unwrap().len(), 100);
        }
        assert!(source.buffer.len() <= 2 * longest);
    }

    /// Gives one byte at a time, after an interruption each.
    struct Drip<'a>(&'a [u8], bool);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn an_input_may_come_in_any_pieces() {
        let mut source = Source::new(Drip(b"a capture", false));
        assert_eq!(source.need(9, "it").unwrap(), b"a capture");
        source.consume(9);
        assert!(source.is_at_end().unwrap());
    }

    #[test]
    fn an_input_that_fails_is_an_error_with_its_offset() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let mut source = Source::new([1; 5].as_slice().chain(Fails));
        source.need(5, "it").unwrap();
        source.consume(5);
        let error = source.need(1, "it").unwrap_err();
        let expected = "reading the capture failed at byte 5: the disk is gone";
        assert_eq!(error.to_string(), expected);
    }
}
