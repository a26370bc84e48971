//! The timed stream: bytes as they come from the socket, to tokens. Nothing is allocated per token.

use std::fmt;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::event::{FailureKind, ServerFigures};

use crate::dialect::Dialect;
use crate::dialect::json::{append_string, error_message, parts, server_error, words};
use crate::dialect::lines::{LONGEST_LINE, LineTooLong, Lines};
use crate::dialect::server_sent::{Field, field};
use crate::dialect::think::ThinkSplitter;

/// What takes the tokens.
pub trait Sink {
    /// A token-bearing chunk arrived: one call for each, whatever it holds.
    fn chunk(&mut self, thinking: bool);
    /// A part of the text, never empty; it belongs to the chunk announced next, or for text that
    /// was held back at the end of the stream, to the last one.
    fn text(&mut self, text: &str, thinking: bool);
    /// All that came so far was thinking, as is known only now.
    fn was_thinking(&mut self);
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
    /// Parts of the content in which no text was found.
    pub unread_parts: u32,
}

impl Finish {
    /// Takes note of why the server says that the model stopped; the end of the answer, if that is a reason to
    /// end. Some servers send `""` or `"null"` until then.
    pub(crate) fn end_by(&mut self, reason: Option<&RawValue>) -> Result<Option<End>, WireError> {
        let Some(raw) = reason.map(RawValue::get) else {
            return Ok(None);
        };
        let reason = raw.trim_matches('"');
        let is = |known: &[&str]| known.iter().any(|known| reason.eq_ignore_ascii_case(known));
        if is(&["", "null", "none"]) {
            return Ok(None);
        }
        if is(FAILED) {
            let message = format!("the server broke the answer off (its reason: {reason})");
            return Err(stream_error(&message));
        }
        if self.reason.as_deref() != Some(reason) {
            self.reason = Some(reason.to_owned());
        }
        Ok(is(ENDED).then_some(End::Answer))
    }
}

/// Reasons of an answer that ended as it should. Another one ends it once the stream says that it is over, too.
const ENDED: &[&str] = &[
    "stop",
    "length",
    "tool_calls",
    "tool_use",
    "function_call",
    "content_filter",
    "eos",
    "eos_token",
    "end_turn",
    "stop_sequence",
    "max_tokens",
    "model_length",
];

/// Reasons of an answer that the server broke off.
const FAILED: &[&str] = &[
    "abort",
    "aborted",
    "cancel",
    "canceled",
    "cancelled",
    "error",
    "failed",
    "insufficient_system_resource",
    "timeout",
];

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
    /// The answer and the stream: nothing but the end of the body can follow.
    Stream,
    /// The stream, whatever became of the answer.
    Body,
}

/// How a stream is cut into what a dialect reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A line each.
    Lines,
    /// Server-sent events: the data of one each.
    ServerSentEvents,
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
    framing: Framing,
    splitter: ThinkSplitter,
    scratch: String,
    tokens: u64,
    begun: bool,
    /// The model said that it is done.
    ended: bool,
    /// Nothing more follows.
    closed: bool,
    event: UnfinishedEvent,
    /// The body so far, where it began as a JSON document of several lines or in place of a stream.
    document: Option<Vec<u8>>,
    finish: Finish,
}

/// What is kept of the event that is being read.
#[derive(Debug, Default)]
struct UnfinishedEvent {
    /// Whether it reports an error.
    is_error: bool,
    /// Its data, where the first line is not whole by itself.
    data: Vec<u8>,
}

impl Decoder {
    /// A reader of one answer.
    pub fn new(dialect: &'static dyn Dialect) -> Self {
        let framing = dialect.framing();
        let body = Body {
            dialect,
            framing,
            splitter: ThinkSplitter::default(),
            scratch: String::with_capacity(256),
            tokens: 0,
            begun: false,
            ended: false,
            closed: false,
            event: UnfinishedEvent::default(),
            document: None,
            finish: Finish::default(),
        };
        let lines = match framing {
            Framing::Lines => Lines::default(),
            Framing::ServerSentEvents => Lines::at_returns(),
        };
        Self { lines, body }
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
        let mut body = self.body;
        body.rest(rest.rest(), sink)?;
        body.splitter
            .finish(&mut |text, thinking| sink.text(text, thinking));
        body.judge()
    }
}

fn failure(kind: FailureKind, message: impl Into<String>) -> WireError {
    WireError {
        kind,
        message: message.into(),
    }
}

fn empty_message(ended: bool) -> &'static str {
    if ended {
        "a success without a single token (llama-cpp-python interrupts a stream when another \
         request arrives: start it with --interrupt_requests false)"
    } else {
        "the body was empty"
    }
}

impl Body {
    /// Takes one line, whatever it is.
    fn line(&mut self, line: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        if let Some(document) = &mut self.document {
            return keep(document, line);
        }
        let line = if self.begun {
            line
        } else {
            line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
        };
        let is_first = !self.begun && !line.trim_ascii().is_empty();
        self.begun |= is_first;
        match self.framing {
            Framing::Lines if line.is_empty() => Ok(()),
            Framing::Lines => match self.data(line, sink) {
                Err(error) if is_first && is_document(line, &error) => {
                    keep(self.document.get_or_insert_default(), line)
                }
                read => read,
            },
            Framing::ServerSentEvents => match field(line) {
                Field::Data(b"") | Field::Ignored => Ok(()),
                Field::Data(data) => self.event_data(data, sink),
                Field::Type(name) => {
                    self.event.is_error = name == b"error";
                    Ok(())
                }
                Field::Error(words) => Err(stream_error(&error_message(words))),
                Field::End => self.event_end(sink),
                Field::Stray => match not_understood(line) {
                    error if is_first && error.kind == FailureKind::BadLine => {
                        keep(self.document.get_or_insert_default(), line)
                    }
                    error => Err(error),
                },
            },
        }
    }

    /// A line of an event's data. Nearly always it is all of it, and is read at once: some servers send no empty line
    /// behind it, and others send that late.
    fn event_data(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        if self.event.data.is_empty() && !self.event.is_error {
            match self.data(data, sink) {
                Err(error) if error.kind == FailureKind::BadLine => {}
                read => return read,
            }
        }
        keep(&mut self.event.data, data)
    }

    /// The end of an event: what its lines of data are together.
    fn event_end(&mut self, sink: &mut impl Sink) -> Result<(), WireError> {
        let UnfinishedEvent { is_error, data } = std::mem::take(&mut self.event);
        if is_error {
            let words = match data.trim_ascii() {
                b"" => "an error without a word".to_owned(),
                words => error_message(words),
            };
            return Err(stream_error(&words));
        }
        match data.trim_ascii() {
            b"" => Ok(()),
            data => self.data(data, sink),
        }
    }

    /// The body ended: what its last line, its last event or its only document is.
    fn rest(&mut self, rest: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        let last = if rest.is_empty() {
            Ok(())
        } else {
            self.line(rest, sink)
        };
        if let Some(document) = self.document.take() {
            return self.whole(document.trim_ascii(), sink);
        }
        let begun = if self.event.data.is_empty() {
            rest.to_vec()
        } else {
            self.event.data.clone()
        };
        match last.and_then(|()| self.event_end(sink)) {
            // Half a line is not JSON.
            Err(error) if error.kind == FailureKind::BadLine => Err(failure(
                FailureKind::Truncated,
                format!("the stream ended inside a line: {}", excerpt(&begun)),
            )),
            read => read,
        }
    }

    /// A JSON document in place of a stream.
    fn whole(&mut self, document: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        if let Some(words) = server_error(document) {
            return Err(stream_error(&words));
        }
        let shown = excerpt(document);
        match serde_json::from_slice::<IgnoredAny>(document) {
            Ok(_) if self.framing == Framing::Lines => self.data(document, sink),
            Ok(_) => Err(failure(
                FailureKind::NotStreamed,
                format!("the server does not stream: it sent one JSON document: {shown}"),
            )),
            Err(error) if error.is_eof() => Err(failure(
                FailureKind::Truncated,
                format!("the body ended inside its JSON: {shown}"),
            )),
            Err(_) => Err(bad_line(document)),
        }
    }

    /// One line of the dialect, or the data of one event.
    fn data(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        match self.dialect.read_line(data, &mut self.finish) {
            Ok(piece) => self.piece(&piece, sink),
            Err(error) if error.kind != FailureKind::BadLine => return Err(error),
            // Half a character, for example: the token came all the same.
            Err(_) if std::str::from_utf8(data).is_err() => {
                let readable = String::from_utf8_lossy(data);
                let dialect = self.dialect;
                let piece = dialect
                    .read_line(readable.as_bytes(), &mut self.finish)
                    .map_err(|_| not_understood(data))?;
                self.piece(&piece, sink);
            }
            Err(_) => return Err(not_understood(data)),
        }
        Ok(())
    }

    /// The text of one piece, thinking first; a piece that holds any is a token.
    fn piece(&mut self, piece: &Piece<'_>, sink: &mut impl Sink) {
        let mut bears = None;
        if let Some(text) = piece.thinking {
            self.text(text, true, &mut bears, sink);
        }
        if let Some(text) = piece.answer {
            self.text(text, false, &mut bears, sink);
        }
        if let Some(is_thinking) = bears {
            self.tokens += 1;
            sink.chunk(is_thinking);
        }
        self.ended |= matches!(piece.end, Some(End::Answer | End::Stream));
        self.closed |= matches!(piece.end, Some(End::Stream | End::Body));
    }

    /// Hands a text on; notes in `bears` whether it was any, and of which kind.
    fn text(
        &mut self,
        text: Text<'_>,
        thinks: bool,
        bears: &mut Option<bool>,
        sink: &mut impl Sink,
    ) {
        self.scratch.clear();
        let raw = match text {
            Text::Plain(text) => {
                self.scratch.push_str(text);
                return self.hand_on(thinks, bears, sink);
            }
            Text::Json(raw) => raw,
        };
        if append_string(raw, &mut self.scratch).is_ok() {
            return self.hand_on(thinks, bears, sink);
        }
        let value = serde_json::from_str(raw.get()).unwrap_or_default();
        let unread = parts(&value, thinks, &mut |text, thinks| {
            self.scratch.clear();
            self.scratch.push_str(text);
            self.hand_on(thinks, bears, sink);
        });
        self.finish.unread_parts = self.finish.unread_parts.saturating_add(unread);
    }

    /// Hands on what the scratch buffer holds.
    fn hand_on(&mut self, thinks: bool, bears: &mut Option<bool>, sink: &mut impl Sink) {
        if self.scratch.is_empty() {
            return;
        }
        if thinks {
            sink.text(&self.scratch, true);
            bears.get_or_insert(true);
            return;
        }
        let mut answered = false;
        let mut rest = self.scratch.as_str();
        if let Some((thinking, answer)) = self.splitter.closes_unopened(rest) {
            sink.was_thinking();
            if !thinking.is_empty() {
                sink.text(thinking, true);
            }
            rest = answer;
        }
        self.splitter.feed(rest, &mut |text, is_thinking| {
            answered |= !is_thinking;
            sink.text(text, is_thinking);
        });
        // A chunk that holds only a tag, or part of one, is a token of thinking.
        *bears = Some(!answered && self.splitter.is_in_tag());
    }

    /// What the body was, all in all.
    fn judge(mut self) -> Result<Finish, WireError> {
        // A reason that is not known here counts once the stream said that it is over.
        let ended = self.ended || (self.closed && self.finish.reason.is_some());
        if self.tokens == 0 && (ended || self.closed || !self.begun) {
            let message = empty_message(ended || self.closed);
            return Err(failure(FailureKind::Empty, message));
        }
        if !ended {
            let end = if self.closed {
                "without a reason (finish_reason)"
            } else {
                "without its final chunk"
            };
            let message = format!("the stream ended after {} tokens {end}", self.tokens);
            return Err(failure(FailureKind::Unfinished, message));
        }
        let figures = &mut self.finish.figures;
        figures.output_tokens = figures.output_tokens.filter(|count| *count > 0);
        Ok(self.finish)
    }
}

/// What some servers put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Adds a line to what is read once it is whole.
fn keep(kept: &mut Vec<u8>, line: &[u8]) -> Result<(), WireError> {
    if kept.len() + line.len() > LONGEST_LINE {
        return Err(LineTooLong.into());
    }
    kept.extend_from_slice(line);
    kept.push(b'\n');
    Ok(())
}

/// Whether a line that could not be read is the beginning of a JSON document.
fn is_document(line: &[u8], error: &WireError) -> bool {
    let is_cut = || {
        let read = serde_json::from_slice::<IgnoredAny>(line);
        read.is_err_and(|error| error.is_eof())
    };
    error.kind == FailureKind::BadLine && is_cut()
}

/// A line that the dialect cannot read: an error in the server's words, if it is one.
fn not_understood(line: &[u8]) -> WireError {
    let line = line.trim_ascii();
    if let Some(words) = server_error(line) {
        return stream_error(&words);
    }
    if line.starts_with(b"<") {
        let message = format!("the server answers with a web page: {}", excerpt(line));
        return failure(FailureKind::WebPage, message);
    }
    if line.starts_with(b"data:") || line.starts_with(b"event:") {
        let message = format!(
            "server-sent events in place of JSON lines, as of an OpenAI server (try --dialect openai): {}",
            excerpt(line)
        );
        return failure(FailureKind::BadLine, message);
    }
    bad_line(line)
}

/// An error that the server reports inside a stream.
pub(crate) fn stream_error(error: &impl fmt::Display) -> WireError {
    WireError {
        kind: FailureKind::StreamError,
        message: error.to_string(),
    }
}

/// Fails where a line has an error in it that says anything.
pub(crate) fn fail_on(error: Option<&RawValue>) -> Result<(), WireError> {
    let error = error.and_then(|raw| serde_json::from_str(raw.get()).ok());
    match error.as_ref().and_then(words) {
        Some(words) => Err(stream_error(&words)),
        None => Ok(()),
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
