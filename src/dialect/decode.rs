//! The timed stream: bytes as they come from the socket, to tokens. Nothing is allocated per token.

use std::fmt;

use serde_json::value::RawValue;

use crate::event::{FailureKind, ServerFigures};

use crate::dialect::Dialect;
use crate::dialect::json::append_string;
use crate::dialect::lines::{LineTooLong, Lines};
use crate::dialect::think::ThinkSplitter;

/// What takes the tokens.
pub trait Sink {
    /// A token-bearing chunk arrived: one call for each, whatever it holds.
    fn chunk(&mut self, thinking: bool);
    /// A part of the text, never empty; it belongs to the chunk announced next, or for text that
    /// was held back at the end of the stream, to the last one.
    fn text(&mut self, text: &str, thinking: bool);
}

/// A stream that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.words())]
pub struct WireError {
    /// The kind.
    pub kind: FailureKind,
    /// What the server said, or what was wrong.
    pub message: String,
}

impl From<LineTooLong> for WireError {
    fn from(error: LineTooLong) -> Self {
        Self {
            kind: FailureKind::BadLine,
            message: error.to_string(),
        }
    }
}

/// What a stream that ended well told at its end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finish {
    /// Why the model stopped.
    pub reason: Option<String>,
    /// The server's own figures.
    pub figures: ServerFigures,
}

/// What one line of a stream holds, as its dialect reads it.
#[derive(Debug, Default)]
pub struct Piece<'a> {
    pub thinking: Option<Text<'a>>,
    pub answer: Option<Text<'a>>,
    pub end: Option<End>,
}

/// Text inside a line, not copied.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// A JSON string, or JSON's `null`, which is not text.
    Json(&'a RawValue),
    Plain(&'a str),
}

/// What is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The answer: no more text comes, but figures may.
    Answer,
    /// The stream: nothing but the end of the body can follow.
    Stream,
}

/// Reads one streamed answer.
#[derive(Debug)]
pub struct Decoder {
    lines: Lines,
    body: Body,
}

#[derive(Debug)]
struct Body {
    dialect: &'static dyn Dialect,
    splitter: ThinkSplitter,
    scratch: String,
    tokens: u64,
    begun: bool,
    /// The model said that it is done.
    ended: bool,
    /// Nothing more follows.
    closed: bool,
    finish: Finish,
}

impl Decoder {
    /// A reader of one answer.
    pub fn new(dialect: &'static dyn Dialect) -> Self {
        let body = Body {
            dialect,
            splitter: ThinkSplitter::default(),
            scratch: String::with_capacity(256),
            tokens: 0,
            begun: false,
            ended: false,
            closed: false,
            finish: Finish::default(),
        };
        Self {
            lines: Lines::default(),
            body,
        }
    }

    /// Takes the next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        let body = &mut self.body;
        self.lines.feed(bytes, |line| body.line(line, sink))
    }

    /// Whether the last chunk has come: nothing but the end of the body can follow.
    pub fn is_over(&self) -> bool {
        self.body.closed
    }

    /// The body is over. Never infers success from a clean end: the final chunk must have come, and
    /// at least one token.
    pub fn finish(mut self, sink: &mut impl Sink) -> Result<Finish, WireError> {
        let rest = std::mem::take(&mut self.lines);
        let rest = rest.rest();
        if !rest.is_empty() {
            match self.body.line(rest, sink) {
                // Half a line is not JSON.
                Err(error) if error.kind == FailureKind::BadLine => {
                    return Err(WireError {
                        kind: FailureKind::Truncated,
                        message: format!("the stream ended inside a line: {}", excerpt(rest)),
                    });
                }
                whole => whole?,
            }
        }
        self.body
            .splitter
            .finish(&mut |text, thinking| sink.text(text, thinking));
        let body = self.body;
        if body.tokens == 0 && (body.ended || !body.begun) {
            return Err(WireError {
                kind: FailureKind::Empty,
                message: empty_message(body.ended),
            });
        }
        if !body.ended {
            let message = format!(
                "the stream ended after {} tokens without its final chunk",
                body.tokens
            );
            return Err(WireError {
                kind: FailureKind::Unfinished,
                message,
            });
        }
        Ok(body.finish)
    }
}

fn empty_message(ended: bool) -> String {
    if ended {
        "a success without a single token (llama-cpp-python interrupts a stream when another \
         request arrives: start it with --interrupt_requests false)"
            .to_owned()
    } else {
        "the body was empty".to_owned()
    }
}

impl Body {
    /// The text of one line, thinking first; a line that holds any is a token.
    fn line(&mut self, line: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        if line.is_empty() {
            return Ok(());
        }
        self.begun = true;
        let Piece {
            thinking,
            answer,
            end,
        } = self.dialect.read_line(line, &mut self.finish)?;
        let mut bears = None;
        if let Some(text) = thinking {
            self.read(text, line)?;
            if !self.scratch.is_empty() {
                sink.text(&self.scratch, true);
                bears = Some(true);
            }
        }
        if let Some(text) = answer {
            self.read(text, line)?;
            if !self.scratch.is_empty() {
                let mut answered = false;
                self.splitter.feed(&self.scratch, &mut |text, is_thinking| {
                    answered |= !is_thinking;
                    sink.text(text, is_thinking);
                });
                // A chunk that holds only a tag, or part of one, is a token of thinking.
                bears = Some(!answered && self.splitter.is_in_tag());
            }
        }
        if let Some(is_thinking) = bears {
            self.tokens += 1;
            sink.chunk(is_thinking);
        }
        self.ended |= end.is_some();
        self.closed |= end == Some(End::Stream);
        Ok(())
    }

    /// Reads `text` into the scratch buffer.
    fn read(&mut self, text: Text<'_>, line: &[u8]) -> Result<(), WireError> {
        self.scratch.clear();
        match text {
            Text::Plain(text) => self.scratch.push_str(text),
            Text::Json(raw) => {
                append_string(raw, &mut self.scratch).map_err(|_| bad_line(line))?;
            }
        }
        Ok(())
    }
}

/// An error that the server reports inside a stream.
pub(crate) fn stream_error(error: &impl fmt::Display) -> WireError {
    WireError {
        kind: FailureKind::StreamError,
        message: error.to_string(),
    }
}

/// A line that is not of this dialect.
pub(crate) fn bad_line(line: &[u8]) -> WireError {
    let message = format!("a line that is not JSON of this API: {}", excerpt(line));
    WireError {
        kind: FailureKind::BadLine,
        message,
    }
}

/// The beginning of a line, for a message.
fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().take(120).collect()
}
