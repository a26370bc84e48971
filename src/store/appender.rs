//! A file that only grows, by whole lines, and outlives a disk that is full for a while.

use std::io::{self, Write};

/// What may wait for a file that cannot be written. Lines beyond it are lost, and counted.
const MOST_WAITING: usize = 64 << 20;

/// Appends lines to a file. What could not be written waits for the next try, from the very byte at
/// which the last one stopped, so that no line is torn by an error that passes.
#[derive(Debug)]
pub(crate) struct Appender<W> {
    file: W,
    waiting: Vec<u8>,
    lost: u64,
}

impl<W: Write> Appender<W> {
    pub(crate) fn new(file: W) -> Self {
        Self {
            file,
            waiting: Vec::new(),
            lost: 0,
        }
    }

    /// Takes what `write` writes, which is whole lines or, where it fails, nothing.
    pub(crate) fn append<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.waiting.len();
        let result = write(&mut self.waiting);
        let too_much = self.waiting.len() > MOST_WAITING;
        if result.is_err() || too_much {
            self.waiting.truncate(before);
            self.lost += 1;
        }
        result
    }

    /// Hands what waits to the system.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        let mut result = Ok(());
        while let Some(rest) = self.waiting.get(written..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => {
                    result = Err(io::ErrorKind::WriteZero.into());
                    break;
                }
                Ok(n) => written += n,
                Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.waiting.drain(..written.min(self.waiting.len()));
        result.and_then(|()| self.file.flush())
    }

    /// Lines that were lost because too much waited.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that takes `room` bytes, three at a time, and then is full.
    struct Disk {
        content: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(3).min(self.room);
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= taken;
            self.content.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_tears_no_line() {
        let content = vec![];
        let mut appender = Appender::new(Disk { content, room: 10 });
        for line in ["one\n", "two\n", "three\n"] {
            appender
                .append(|out| out.write_all(line.as_bytes()))
                .unwrap();
        }
        let full = appender.flush().unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert_eq!(appender.waiting(), 4);
        appender.file.room = 100;
        appender.append(|out| out.write_all(b"four\n")).unwrap();
        appender.flush().unwrap();
        assert_eq!(appender.file.content, b"one\ntwo\nthree\nfour\n");
        assert_eq!((appender.waiting(), appender.lost()), (0, 0));
    }

    #[test]
    fn a_line_that_cannot_be_made_leaves_nothing() {
        let mut appender = Appender::new(Vec::new());
        let made = appender.append(|out| {
            out.extend(b"half");
            Err("no")
        });
        assert_eq!(made, Err("no"));
        appender.flush().unwrap();
        assert!(appender.file.is_empty());
        assert_eq!(appender.lost(), 1);
    }
}
