//! Lines out of bytes, whatever the chunking: nothing is copied unless a line is cut by a read.

use memchr::{memchr, memchr2};

/// The longest line that is accepted, bytes. A server that sends more is broken.
pub const LONGEST_LINE: usize = 4 << 20;

/// Cuts a stream of bytes into lines at `\n`; a `\r` before it is dropped.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
    /// Whether a `\r` ends a line by itself.
    at_returns: bool,
    /// The last line ended in a `\r`: a `\n` that follows belongs to it.
    after_return: bool,
}

/// A line grew past [`LONGEST_LINE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line of more than {LONGEST_LINE} bytes")]
pub struct LineTooLong;

impl Lines {
    /// Lines that a `\r` ends as well, as those of server-sent events.
    pub fn at_returns() -> Self {
        Self {
            at_returns: true,
            ..Self::default()
        }
    }

    /// Calls `line` for each line that `bytes` completes; stops at its first error.
    pub fn feed<E: From<LineTooLong>>(
        &mut self,
        bytes: &[u8],
        mut line: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = bytes;
        loop {
            if self.after_return && !rest.is_empty() {
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
                self.after_return = false;
            }
            let end = if self.at_returns {
                memchr2(b'\n', b'\r', rest)
            } else {
                memchr(b'\n', rest)
            };
            let Some(end) = end else { break };
            let (part, after) = rest.split_at(end);
            self.after_return = after.first() == Some(&b'\r');
            rest = after.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                line(trim_return(part))?;
            } else {
                self.partial.extend_from_slice(part);
                let result = line(trim_return(&self.partial));
                self.partial.clear();
                result?;
            }
        }
        if self.partial.len() + rest.len() > LONGEST_LINE {
            return Err(LineTooLong.into());
        }
        self.partial.extend_from_slice(rest);
        Ok(())
    }

    /// What has come since the last newline.
    pub fn rest(&self) -> &[u8] {
        &self.partial
    }
}

fn trim_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines_of(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        read(Lines::default(), chunks)
    }

    fn read(mut lines: Lines, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut seen = Vec::new();
        for chunk in chunks {
            let fed: Result<(), LineTooLong> = lines.feed(chunk, |line| {
                seen.push(line.to_vec());
                Ok(())
            });
            fed.unwrap();
        }
        (seen, lines.rest().to_vec())
    }

    #[test]
    fn returns_are_dropped_and_the_rest_is_kept() {
        let (seen, rest) = lines_of(&[b"a\r\n\nb", b"c\r", b"\nd"]);
        assert_eq!(seen, [b"a".to_vec(), b"".to_vec(), b"bc".to_vec()]);
        assert_eq!(rest, b"d");
    }

    #[test]
    fn a_return_ends_a_line_where_it_may() {
        let (seen, rest) = read(Lines::at_returns(), &[b"a\r\r\nb\n", b"\rc\r", b"\n\nd"]);
        let lines: Vec<&[u8]> = vec![b"a", b"", b"b", b"", b"c", b""];
        assert_eq!(
            (seen, rest.as_slice()),
            (lines.iter().map(|l| l.to_vec()).collect(), &b"d"[..])
        );
    }

    #[test]
    fn a_line_without_end_is_an_error() {
        let mut lines = Lines::default();
        let megabyte = vec![b'x'; 1 << 20];
        let fed: Vec<Result<(), LineTooLong>> =
            (0..5).map(|_| lines.feed(&megabyte, |_| Ok(()))).collect();
        assert_eq!(fed, [Ok(()), Ok(()), Ok(()), Ok(()), Err(LineTooLong)]);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_lines(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            size in 1usize..40,
        ) {
            let whole = lines_of(&[&text]);
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            prop_assert_eq!(whole, lines_of(&chunks));
            let whole = read(Lines::at_returns(), &[&text]);
            prop_assert_eq!(whole, read(Lines::at_returns(), &chunks));
        }
    }
}
