//! One answer as it is sent: tokens become lines when they are due, a fault comes after its token,
//! and the last line ends the answer.

use crate::sim::draft::Extent;
use crate::sim::fault::FaultKind;
use crate::sim::reply::{Refusal, SimBody, error_json, json_body};
use crate::sim::shared_state::Ticket;
use crate::sim::wire::{Closing, Lines, Style};
use crate::sim::words::Words;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{Stream, unfold};
use hyper::{Response, StatusCode};
use std::future::pending;
use std::io;
use std::time::Duration;

/// What Ollama says when its model dies in the middle of an answer.
const DIED: &str = "an error was encountered while running the model: unexpected EOF";
/// A line that is not JSON.
const GARBAGE: &str = "{\"model\": simulated garbage, this line is no JSON";

/// What is known of an answer before its first token.
#[derive(Debug)]
pub(super) struct Plan {
    /// The endpoint.
    pub(super) style: Style,
    /// The model's name, as the client wrote it.
    pub(super) model: String,
    /// How long it is.
    pub(super) extent: Extent,
    /// The seed of the words.
    pub(super) words: u64,
    /// When the request came.
    pub(super) received: Duration,
    /// Request received → model ready.
    pub(super) load: Duration,
    /// Tokens of the prompt.
    pub(super) prompt_tokens: u32,
    /// Slot given → first token.
    pub(super) prefill: Duration,
    /// The fault inside it, and after how many tokens.
    pub(super) fault: Option<(FaultKind, u32)>,
}

#[derive(Debug)]
pub(super) struct Answer {
    plan: Plan,
    ticket: Ticket,
    lines: Lines,
    thoughts: Words,
    words: Words,
    buffer: BytesMut,
    sent: u32,
    first: Option<Duration>,
    /// The empty line before the thinking of `/api/generate` is still to come.
    opening: bool,
    over: bool,
}

impl Answer {
    /// An answer before its first token.
    pub(super) fn new(plan: Plan, ticket: Ticket) -> Self {
        Self {
            lines: Lines::new(plan.style, &plan.model),
            thoughts: Words::thoughts(plan.words),
            words: Words::answer(plan.words),
            buffer: BytesMut::with_capacity(4096),
            sent: 0,
            first: None,
            opening: plan.style == Style::Generate && plan.extent.thinking > 0,
            over: false,
            plan,
            ticket,
        }
    }

    /// Waits for the first token: Ollama's headers come with it.
    pub(super) async fn first_token_due(&self) {
        self.ticket.due(1).await;
    }

    /// The lines, each a chunk of its own.
    pub(super) fn lines(self) -> impl Stream<Item = Result<Bytes, io::Error>> + Send {
        unfold(Box::new(self), |mut answer| async move {
            let line = answer.next_line().await?;
            Some((line, answer))
        })
    }

    async fn next_line(&mut self) -> Option<Result<Bytes, io::Error>> {
        if self.over {
            return None;
        }
        let next = self.sent.saturating_add(1).min(self.plan.extent.tokens);
        self.ticket.due(next).await;
        if let Some(kind) = self.due_fault() {
            return self.fail(kind).await;
        }
        if self.sent == self.plan.extent.tokens {
            let closing = self.closing();
            self.lines.close(&mut self.buffer, "", "", &closing);
            self.buffer.put_u8(b'\n');
            self.over = true;
        } else if self.opening {
            self.opening = false;
            self.lines.empty(&mut self.buffer);
        } else {
            self.push_token();
        }
        Some(Ok(self.buffer.split().freeze()))
    }

    /// The whole answer as one response, when it is complete.
    pub(super) async fn whole(mut self) -> Result<Response<SimBody>, io::Error> {
        self.first_token_due().await;
        self.first = Some(self.ticket.server.clock.now());
        if let Some((kind, after)) = self.plan.fault {
            self.ticket
                .due(after.clamp(1, self.plan.extent.tokens))
                .await;
            match kind {
                FaultKind::Cut | FaultKind::Eof => return Err(cut()),
                FaultKind::Garbage => return Ok(json_body(GARBAGE)),
                FaultKind::Error => {
                    let refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, DIED);
                    return Ok(refusal.response());
                }
                _ => pending().await,
            }
        }
        self.ticket.due(self.plan.extent.tokens).await;
        let closing = self.closing();
        let (mut content, mut thinking) = (String::new(), String::new());
        for i in 0..self.plan.extent.tokens {
            if i < self.plan.extent.thinking {
                self.thoughts.next().push_plain(&mut thinking);
            } else {
                self.words.next().push_plain(&mut content);
            }
        }
        let mut out = BytesMut::new();
        self.lines.close(&mut out, &content, &thinking, &closing);
        Ok(json_body(out))
    }

    fn push_token(&mut self) {
        if self.sent == 0 {
            self.first = Some(self.ticket.server.clock.now());
        }
        let thinking = self.sent < self.plan.extent.thinking;
        let from = if thinking {
            &mut self.thoughts
        } else {
            &mut self.words
        };
        let token = from.next();
        self.lines.token(&mut self.buffer, token, thinking);
        self.sent += 1;
    }

    /// The fault whose token has come, once.
    fn due_fault(&mut self) -> Option<FaultKind> {
        let (_, after) = self.plan.fault?;
        let is_due = self.sent >= after.min(self.plan.extent.tokens);
        self.plan.fault.take_if(|_| is_due).map(|(kind, _)| kind)
    }

    async fn fail(&mut self, kind: FaultKind) -> Option<Result<Bytes, io::Error>> {
        self.over = kind != FaultKind::Garbage;
        match kind {
            FaultKind::Cut => {
                // Pending once, so that the tokens before the cut leave hyper's buffer.
                tokio::task::yield_now().await;
                Some(Err(cut()))
            }
            FaultKind::Garbage => Some(Ok(Bytes::from(format!("{GARBAGE}\n")))),
            FaultKind::Error => Some(Ok(Bytes::from(format!("{}\n", error_json(DIED))))),
            FaultKind::Eof => None,
            // A stall lasts until the client goes.
            _ => pending().await,
        }
    }

    fn closing(&self) -> Closing {
        let now = self.ticket.server.clock.now();
        Closing {
            reason: if self.plan.extent.cut {
                "length"
            } else {
                "stop"
            },
            total: now.saturating_sub(self.plan.received),
            load: self.plan.load,
            prompt_tokens: self.plan.prompt_tokens,
            prompt: self.plan.prefill,
            tokens: self.plan.extent.tokens,
            eval: now.saturating_sub(self.first.unwrap_or(now)),
        }
    }
}

/// The error that makes hyper drop the connection.
pub(super) fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "simulated cut")
}
