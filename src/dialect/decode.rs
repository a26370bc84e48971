//! The timed stream: bytes as they come from the socket, to tokens. Nothing is allocated per token.

use crate::event::{FailureKind, ServerFigures};

use crate::dialect::json::{
    ErrorBody, OllamaLine, OllamaMessage, OpenAiChunk, OpenAiDelta, append_string,
};
use crate::dialect::lines::{LineTooLong, Lines};
use crate::dialect::think::ThinkSplitter;

/// The wire format of a streamed answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// NDJSON of `/api/chat` or `/api/generate`.
    Ollama,
    /// Server-sent events of `/v1/chat/completions`.
    OpenAi,
}

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
#[error("{kind}: {message}")]
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

/// Reads one streamed answer.
#[derive(Debug)]
pub struct Decoder {
    lines: Lines,
    body: Body,
}

#[derive(Debug)]
struct Body {
    wire: Wire,
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
    pub fn new(wire: Wire) -> Self {
        let body = Body {
            wire,
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
                // Half a line is no JSON.
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
    fn line(&mut self, line: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        self.begun |= !line.is_empty();
        match self.wire {
            Wire::Ollama if line.trim_ascii().is_empty() => Ok(()),
            Wire::Ollama => self.ollama(line, sink),
            Wire::OpenAi => match line.strip_prefix(b"data:") {
                Some(data) => self.openai(data.trim_ascii(), sink),
                None => Self::not_data(line),
            },
        }
    }

    /// A line of server-sent events that is no data: other fields and comments are allowed.
    fn not_data(line: &[u8]) -> Result<(), WireError> {
        let field = line.split(|byte| *byte == b':').next().unwrap_or_default();
        match field {
            b"" | b"event" | b"id" | b"retry" => Ok(()),
            b"error" => Err(WireError {
                kind: FailureKind::StreamError,
                message: crate::dialect::json::error_message(line.get(6..).unwrap_or_default()),
            }),
            _ => Err(bad_line(line)),
        }
    }

    fn ollama(&mut self, line: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        let parsed: OllamaLine<'_> = serde_json::from_slice(line).map_err(|_| bad_line(line))?;
        if let Some(error) = parsed.error {
            return Err(stream_error(&error));
        }
        let (content, thinking) = match &parsed.message {
            Some(OllamaMessage { content, thinking }) => (*content, *thinking),
            None => (parsed.response, parsed.thinking),
        };
        self.tokens_of(content, thinking, line, sink)?;
        if parsed.done {
            self.ended = true;
            self.closed = true;
            self.finish.reason = parsed.done_reason;
            self.finish.figures = ServerFigures {
                prompt_tokens: parsed.prompt_eval_count,
                output_tokens: parsed.eval_count,
                load_s: parsed.load_duration.map(from_ns),
                prompt_eval_s: parsed.prompt_eval_duration.map(from_ns),
                eval_s: parsed.eval_duration.map(from_ns),
                total_s: parsed.total_duration.map(from_ns),
            };
        }
        Ok(())
    }

    fn openai(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), WireError> {
        if data == b"[DONE]" {
            self.ended = true;
            self.closed = true;
            return Ok(());
        }
        let chunk: OpenAiChunk<'_> = serde_json::from_slice(data).map_err(|_| bad_line(data))?;
        if let Some(error) = chunk.error {
            return Err(stream_error(&error));
        }
        if let Some(choice) = chunk.choices.0 {
            if let Some(OpenAiDelta {
                content,
                reasoning_content,
                reasoning,
            }) = choice.delta
            {
                self.tokens_of(content, reasoning_content.or(reasoning), data, sink)?;
            }
            if choice.finish_reason.is_some() {
                self.ended = true;
                self.finish.reason = choice.finish_reason;
            }
        }
        let figures = &mut self.finish.figures;
        if let Some(usage) = chunk.usage {
            figures.prompt_tokens = usage.prompt_tokens.or(figures.prompt_tokens);
            figures.output_tokens = usage.completion_tokens.or(figures.output_tokens);
        }
        if let Some(timings) = chunk.timings {
            let prompt = timings.prompt_n.map(|n| n + timings.cache_n.unwrap_or(0));
            figures.prompt_tokens = figures.prompt_tokens.or(prompt);
            figures.output_tokens = timings.predicted_n.or(figures.output_tokens);
            figures.prompt_eval_s = timings.prompt_ms.map(from_ms).or(figures.prompt_eval_s);
            figures.eval_s = timings.predicted_ms.map(from_ms).or(figures.eval_s);
        }
        Ok(())
    }

    /// The text of one chunk, thinking first; counts it if it holds any.
    fn tokens_of(
        &mut self,
        content: Option<&serde_json::value::RawValue>,
        thinking: Option<&serde_json::value::RawValue>,
        line: &[u8],
        sink: &mut impl Sink,
    ) -> Result<(), WireError> {
        let mut bears = None;
        if let Some(raw) = thinking {
            self.scratch.clear();
            append_string(raw, &mut self.scratch).map_err(|_| bad_line(line))?;
            if !self.scratch.is_empty() {
                sink.text(&self.scratch, true);
                bears = Some(true);
            }
        }
        if let Some(raw) = content {
            self.scratch.clear();
            append_string(raw, &mut self.scratch).map_err(|_| bad_line(line))?;
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
        Ok(())
    }
}

fn from_ns(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn from_ms(milliseconds: f64) -> f64 {
    milliseconds / 1e3
}

fn stream_error(error: &ErrorBody) -> WireError {
    WireError {
        kind: FailureKind::StreamError,
        message: error.to_string(),
    }
}

fn bad_line(line: &[u8]) -> WireError {
    let message = format!("a line that is no JSON of this dialect: {}", excerpt(line));
    WireError {
        kind: FailureKind::BadLine,
        message,
    }
}

/// The beginning of a line, for a message.
fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().take(120).collect()
}
