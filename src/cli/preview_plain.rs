//! One lane to a writer, for pipes and old terminals: `tokometer preview --plain`.

use std::io::{self, Write};

use tokio::time::{Instant, sleep_until};

use crate::tui::lanes::pace::Pace;
use crate::tui::lanes::text::Script;

/// Between thinking and answer, and between one round of the text and the next; no part of the text, so it takes no time.
const BETWEEN: &str = "\n\n";

/// Writes the script at `tok_s` tokens a second, again and again, each token flushed when it falls
/// due, until `ended` or until the reader is gone. Returns how many tokens were written.
///
/// A reader that was slow gets what fell due meanwhile at once: the pace is kept, not the gaps.
pub(crate) async fn plain(
    out: &mut impl Write,
    script: &Script,
    tok_s: f64,
    ended: impl Future<Output = ()>,
) -> io::Result<u64> {
    let (pace, start) = (Pace::steady(tok_s), Instant::now());
    let mut written: u64 = 0;
    let mut ended = std::pin::pin!(ended);
    if script.is_empty() {
        return Ok(0);
    }
    loop {
        let due_us = pace.due_at(written + 1).unwrap_or(u64::MAX);
        let due = start + std::time::Duration::from_micros(due_us);
        tokio::select! {
            biased;
            () = &mut ended => return Ok(written),
            () = sleep_until(due) => {}
        }
        let passed = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let due = pace.due(passed);
        match write_tokens(out, script, written, due) {
            Ok(()) => written = written.max(due),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(written),
            Err(error) => return Err(error),
        }
    }
}

/// Writes tokens `from..to` of the endless repetition, and flushes.
fn write_tokens(out: &mut impl Write, script: &Script, from: u64, to: u64) -> io::Result<()> {
    let mut text = String::new();
    for token in from..to {
        let index = usize::try_from(token % script.len() as u64).unwrap_or(0);
        if token > 0 && script.stands_apart(index) {
            text.push_str(BETWEEN);
        }
        text.push_str(script.slice(index, index + 1));
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Fails like a pipe whose reader has gone, after some bytes.
    struct Pipe {
        room: usize,
        flushes: usize,
        got: Vec<u8>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.got.len() + bytes.len() > self.room {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.got.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushes += 1;
            Ok(())
        }
    }

    fn pipe(room: usize) -> Pipe {
        Pipe {
            room,
            flushes: 0,
            got: Vec::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_at_100_tokens_a_second_writes_6000() {
        let script = Script::parse("", "one two three");
        let mut out = pipe(usize::MAX);
        let ended = tokio::time::sleep(Duration::from_millis(60_005));
        let written = plain(&mut out, &script, 100.0, ended).await.unwrap();
        assert_eq!(written, 6_000);
        let text = String::from_utf8(out.got).unwrap();
        assert_eq!(text.matches("one two three").count(), 2_000);
        assert!(out.flushes >= 5_900, "{} flushes", out.flushes);
    }

    #[tokio::test(start_paused = true)]
    async fn every_token_is_flushed_when_it_falls_due_and_thinking_is_included() {
        let script = Script::parse("", "<think>a b</think>c");
        let mut out = pipe(usize::MAX);
        let ended = tokio::time::sleep(Duration::from_millis(650));
        plain(&mut out, &script, 10.0, ended).await.unwrap();
        assert_eq!(String::from_utf8(out.got).unwrap(), "a b\n\nc\n\na b\n\nc");
        assert_eq!(out.flushes, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_goes_is_a_clean_end() {
        let script = Script::parse("", "one two three");
        let mut out = pipe(10);
        let written = plain(&mut out, &script, 50.0, std::future::pending())
            .await
            .unwrap();
        assert_eq!(written, 2);
        assert_eq!(out.got, b"one two");
    }

    #[tokio::test]
    async fn a_pipe_whose_reader_goes_is_a_clean_end() {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let read = std::thread::spawn(move || {
            let mut start = [0; 7];
            io::Read::read_exact(&mut reader, &mut start).map(|()| start)
        });
        let script = Script::parse("", "one two three");
        let written = plain(&mut writer, &script, 10_000.0, std::future::pending()).await;
        assert!(written.unwrap() >= 2);
        assert_eq!(&read.join().unwrap().unwrap(), b"one two");
    }
}
