//! Bytes as they come, cut into lines of bounded length.

/// The longest line that is kept, bytes. A longer one is skipped.
const LONGEST: usize = 64 * 1024;

/// Cuts a stream of bytes into lines, whatever the pieces it comes in.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    skipping: bool,
}

impl Lines {
    /// Takes more bytes and hands each line that is now complete to `take`, without its line end.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(&str)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            self.keep(line);
            self.emit_lines(&mut take);
        }
        self.keep(bytes);
    }

    /// Hands over what is left when the stream has ended.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(&str)) {
        if !self.partial.is_empty() {
            self.emit_lines(&mut take);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.skipping || self.partial.len() + bytes.len() > LONGEST {
            self.skipping = true;
            self.partial.clear();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn emit_lines(&mut self, take: &mut impl FnMut(&str)) {
        if !self.skipping {
            let text = String::from_utf8_lossy(&self.partial);
            take(text.trim_end_matches('\r'));
        }
        self.skipping = false;
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8], size: usize) -> Vec<String> {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        for piece in text.chunks(size) {
            lines.feed(piece, |line| seen.push(line.to_owned()));
        }
        lines.finish(|line| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn lines_do_not_depend_on_the_pieces() {
        let text = "one\r\ntwo\n\nthr\u{e9}e".as_bytes();
        for size in [1, 2, 7, 64] {
            assert_eq!(cut(text, size), ["one", "two", "", "thr\u{e9}e"]);
        }
    }

    #[test]
    fn a_line_without_end_is_skipped_and_the_next_one_read() {
        let mut text = vec![b'x'; LONGEST * 3];
        text.extend_from_slice(b"\nshort\n");
        assert_eq!(cut(&text, 4096), ["short"]);
    }
}
