//! Reads a log: lines of JSON, in order, parsed by all cores.
//!
//! ```text
//! file ──> blocks of whole lines ─┬─> parser ─┬─> events, in the order of the file
//!                                 └─> parser ─┘
//! ```

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::event::Event;

/// A block is as long as this, bytes, and up to the end of its last line.
const BLOCK: usize = 1 << 19;
/// More parsers than this would wait for the one that folds.
const MOST_PARSERS: usize = 4;

/// Hands each event of a log to `each`. Returns in sentences what could not be read.
pub(crate) fn scan(log: impl Read, mut each: impl FnMut(Event)) -> io::Result<Vec<String>> {
    let mut blocks = Blocks::new(log);
    let mut found = Unread::default();
    let Some(first) = blocks.next()? else {
        return Ok(found.into_sentences());
    };
    let Some(second) = blocks.next()? else {
        // A short log is parsed sooner than a thread is started.
        found.take(first.parse(), &mut each);
        return Ok(found.into_sentences());
    };
    let parsers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let mut free: VecDeque<Parser> = VecDeque::new();
        let mut busy: VecDeque<Parser> = VecDeque::new();
        for _ in 0..parsers.min(MOST_PARSERS) {
            let (blocks, asked) = sync_channel::<Block>(1);
            let (parsed, results) = sync_channel(1);
            scope.spawn(move || {
                for block in asked {
                    if parsed.send(block.parse()).is_err() {
                        break;
                    }
                }
            });
            free.push_back(Parser { blocks, results });
        }
        let mut ready = VecDeque::from([first, second]);
        loop {
            while let Some(parser) = free.pop_front() {
                let block = match ready.pop_front() {
                    Some(block) => Some(block),
                    None => blocks.next()?,
                };
                let Some(block) = block else { break };
                parser.blocks.send(block).map_err(broken)?;
                busy.push_back(parser);
            }
            // The first that was asked has the next events.
            let Some(parser) = busy.pop_front() else {
                return Ok(found.into_sentences());
            };
            let parsed = parser.results.recv().map_err(broken)?;
            blocks.spare.push(found.take(parsed, &mut each));
            free.push_back(parser);
        }
    })
}

/// A parser that failed: its part of the log is not known.
fn broken(_: impl std::error::Error) -> io::Error {
    io::Error::other("a parser of the log failed")
}

/// A thread that parses one block at a time.
struct Parser {
    blocks: SyncSender<Block>,
    results: Receiver<Parsed>,
}

/// Whole lines of a log; only the last of the log may be torn.
struct Block {
    text: Vec<u8>,
    /// The number of its first line, from 1.
    line: u64,
}

/// The events of a block, and what of it is none.
#[derive(Default)]
struct Parsed {
    events: Vec<Event>,
    /// The number of the line inside which the log breaks off.
    torn: Option<u64>,
    unread: u64,
    first_unread: Option<(u64, serde_json::Error)>,
    /// Where the block stood, for another one.
    spent: Vec<u8>,
}

impl Block {
    fn parse(self) -> Parsed {
        let mut parsed = Parsed::default();
        for (number, line) in (self.line..).zip(lines(&self.text)) {
            let whole = line.strip_suffix(b"\n");
            let content = whole.unwrap_or(line);
            if content.is_empty() {
                continue;
            }
            match serde_json::from_slice(content) {
                Ok(event) => parsed.events.push(event),
                Err(_) if whole.is_none() => parsed.torn = Some(number),
                Err(error) => {
                    parsed.unread += 1;
                    parsed.first_unread.get_or_insert((number, error));
                }
            }
        }
        parsed.spent = self.text;
        parsed
    }
}

/// The lines of a text, with their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut begin = 0;
    let ends = memchr::memchr_iter(b'\n', text).map(|end| end + 1);
    let last = (!text.is_empty() && !text.ends_with(b"\n")).then_some(text.len());
    ends.chain(last).map(move |end| {
        let line = text.get(begin..end).unwrap_or_default();
        begin = end;
        line
    })
}

/// What of a log could not be read.
#[derive(Default)]
struct Unread {
    torn: Option<u64>,
    lines: u64,
    first: Option<(u64, serde_json::Error)>,
}

impl Unread {
    /// Hands on what was parsed; returns what another block can be read into.
    fn take(&mut self, parsed: Parsed, each: &mut impl FnMut(Event)) -> Vec<u8> {
        parsed.events.into_iter().for_each(each);
        self.torn = self.torn.or(parsed.torn);
        self.lines += parsed.unread;
        if self.first.is_none() {
            self.first = parsed.first_unread;
        }
        parsed.spent
    }

    fn into_sentences(self) -> Vec<String> {
        let torn = self
            .torn
            .map(|line| format!("events.jsonl breaks off inside line {line}."));
        let unread = self.first.map(|(line, error)| {
            let lines = if self.lines == 1 { "line" } else { "lines" };
            format!(
                "{} {lines} of events.jsonl cannot be read, the first is line {line}: {error}.",
                self.lines
            )
        });
        torn.into_iter().chain(unread).collect()
    }
}

/// A log in blocks.
struct Blocks<R> {
    log: R,
    /// The beginning of the line that the block before broke off in.
    rest: Vec<u8>,
    /// Where blocks stood that are done with: new memory costs more than reading into it.
    spare: Vec<Vec<u8>>,
    line: u64,
    is_over: bool,
}

impl<R: Read> Blocks<R> {
    fn new(log: R) -> Self {
        Self {
            log,
            rest: Vec::new(),
            spare: Vec::new(),
            line: 1,
            is_over: false,
        }
    }

    fn next(&mut self) -> io::Result<Option<Block>> {
        let mut text = self.spare.pop().unwrap_or_default();
        text.clear();
        text.append(&mut self.rest);
        text.reserve(BLOCK);
        while !self.is_over {
            let before = text.len();
            let read = self
                .log
                .by_ref()
                .take(BLOCK as u64)
                .read_to_end(&mut text)?;
            self.is_over = read == 0;
            // A line may be longer than a block.
            let new = text.get(before..).unwrap_or_default();
            if let Some(last) = memchr::memrchr(b'\n', new) {
                let end = before + last + 1;
                self.rest.extend(text.get(end..).unwrap_or_default());
                text.truncate(end);
                break;
            }
        }
        if text.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        self.line += memchr::memchr_iter(b'\n', &text).count() as u64;
        Ok(Some(Block { text, line }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, Stamp};

    fn line(at: u64) -> String {
        let event = Event {
            at: Stamp(at),
            what: EventKind::Paused,
        };
        serde_json::to_string(&event).unwrap()
    }

    fn read(log: &[u8]) -> (Vec<u64>, Vec<String>) {
        let mut stamps = Vec::new();
        let missing = scan(log, |event| stamps.push(event.at.0)).unwrap();
        (stamps, missing)
    }

    #[test]
    fn a_long_log_comes_in_order() {
        // Several blocks for each of the parsers, and lines across all their edges.
        let count = 400_000;
        let mut log = String::new();
        for at in 0..count {
            log.push_str(&line(at));
            log.push('\n');
        }
        assert!(log.len() > 8 * BLOCK);
        let (stamps, missing) = read(log.as_bytes());
        assert!(stamps.into_iter().eq(0..count));
        assert_eq!(missing, [] as [&str; 0]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line_wherever_it_stands() {
        let good = format!("{}\n", line(7));
        let many = 2 * BLOCK / good.len();
        let log = [
            good.repeat(many).as_bytes(),
            b"garbage\n\n",
            good.repeat(many).as_bytes(),
            b"more\n",
            good.as_bytes(),
            &good.as_bytes()[..9],
        ]
        .concat();
        let (stamps, missing) = read(&log);
        assert_eq!(stamps.len(), 2 * many + 1);
        let torn = format!("events.jsonl breaks off inside line {}.", 2 * many + 5);
        assert_eq!(missing[0], torn);
        let unread = format!(
            "2 lines of events.jsonl cannot be read, the first is line {}",
            many + 1
        );
        assert!(missing[1].starts_with(&unread), "{missing:?}");
    }

    #[test]
    fn a_line_longer_than_a_block_is_one_line() {
        let long = format!("\"{}\"\n{}\n", "x".repeat(3 * BLOCK), line(1));
        let (stamps, missing) = read(long.as_bytes());
        assert_eq!(stamps, [1]);
        assert!(missing[0].contains("the first is line 1"), "{missing:?}");
        assert_eq!(read(b""), (vec![], vec![]));
    }
}
