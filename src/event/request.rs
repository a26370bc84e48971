//! What is measured of one request, and how it ended.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{FailureKind, Stamp};
use crate::text::numbers::u32_of;

/// How far one request in flight is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// The request.
    pub id: u64,
    /// Non-empty chunks so far (an estimate of tokens until the server's own count comes).
    pub tokens: u32,
    /// What it is doing.
    pub phase: Phase,
}

/// What a request is doing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Phase {
    /// Sent, no token yet.
    Queued,
    /// Tokens of thinking arrive.
    Thinking,
    /// Tokens of the answer arrive.
    Answering,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
}

/// Everything measured of one request. Stamps are taken at the socket's own write and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The request, unique in its run.
    pub id: u64,
    /// Its cycle.
    pub cycle: u32,
    /// The user that asked, from 0.
    pub user: u32,
    /// Which of the user's requests in this cycle, from 0.
    pub round: u32,
    /// Which of the plan's prompts.
    pub prompt: u32,
    /// When its first byte was handed to the socket.
    pub sent: Stamp,
    /// When the answer's head arrived.
    pub head: Option<Stamp>,
    /// When the first byte of the answer's body arrived.
    pub first_byte: Option<Stamp>,
    /// When the first non-empty token arrived, thinking included.
    pub first_token: Option<Stamp>,
    /// When the first non-empty token that is not thinking arrived.
    pub first_answer: Option<Stamp>,
    /// When the last non-empty token arrived.
    pub last_token: Option<Stamp>,
    /// When the final chunk, or the failure, arrived.
    pub ended: Stamp,
    /// Non-empty chunks, thinking included.
    pub chunks: u32,
    /// Non-empty chunks of thinking; absent where that was not recorded (imported runs).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_chunks: Option<u32>,
    /// Gaps between successive token-bearing chunks, as `[microseconds, count, …]`, ascending,
    /// each value rounded down to 3 significant digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub itl_us: Vec<u64>,
    /// Connect time if this request had to open its connection, microseconds.
    pub connect_us: Option<u64>,
    /// Time of the TLS handshake on it, if there was one, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_us: Option<u64>,
    /// Times it was sent again because a kept connection had gone stale before a byte was read; absent where that was not
    /// recorded (imported runs).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Parts of its content in which no text was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_parts: Option<u32>,
    /// What the server says of itself.
    pub server: ServerFigures,
    /// How it ended.
    pub outcome: Outcome,
    /// The answer itself; kept in memory and in `answers/`, not in the log.
    #[serde(skip)]
    pub answer: Option<Arc<Answer>>,
}

impl RequestRecord {
    /// TTFB: sent → first byte of the response body, seconds.
    pub fn ttfb_s(&self) -> Option<f64> {
        self.first_byte.map(|t| t.since(self.sent))
    }

    /// TTFT: sent → first non-empty token of any kind, seconds.
    pub fn ttft_s(&self) -> Option<f64> {
        self.first_token.map(|t| t.since(self.sent))
    }

    /// TTFA: sent → first non-empty token that is not thinking, seconds.
    pub fn ttfa_s(&self) -> Option<f64> {
        self.first_answer.map(|t| t.since(self.sent))
    }

    /// Total duration: sent → final chunk, seconds. None for a request that did not finish.
    pub fn total_s(&self) -> Option<f64> {
        matches!(self.outcome, Outcome::Done { .. }).then(|| self.ended.since(self.sent))
    }

    /// Response duration: first token → last token, seconds, without the wait; to the final chunk where the instant
    /// of the last token is not known (imported runs). None for a request that did not finish.
    pub fn response_s(&self) -> Option<f64> {
        let last = self.last_token.unwrap_or(self.ended);
        self.is_done()
            .then(|| Some(last.since(self.first_token?)))?
    }

    /// Output tokens, thinking included: the server's own count, else the count of non-empty chunks.
    pub fn output_tokens(&self) -> u64 {
        self.server
            .output_tokens
            .unwrap_or_else(|| u64::from(self.chunks))
    }

    /// TPOT: (last token − first token) / (output tokens − 1), seconds. None for fewer than 2 tokens.
    pub fn tpot_s(&self) -> Option<f64> {
        let (first, last) = (self.first_token?, self.last_token?);
        let tokens = self.output_tokens();
        (tokens >= 2 && last > first).then(|| last.since(first) / (tokens - 1) as f64)
    }

    /// Speed: 1 / TPOT, tokens a second as the reader of this answer feels it, without the wait. Where
    /// the instant of the last token is not known (imported runs): output tokens / response duration.
    pub fn speed_tok_s(&self) -> Option<f64> {
        let first = self.first_token?;
        if self.last_token.is_some() {
            return self.tpot_s().map(|tpot| 1.0 / tpot);
        }
        let seconds = self.is_done().then(|| self.ended.since(first))?;
        (seconds > 0.0).then(|| self.output_tokens() as f64 / seconds)
    }

    /// The wait in the server's queue: TTFT − (load + prompt evaluation), seconds, where the server reports both.
    pub fn queue_wait_s(&self) -> Option<f64> {
        let reported = self.server.load_s.unwrap_or(0.0) + self.server.prompt_eval_s?;
        self.ttft_s().map(|ttft| (ttft - reported).max(0.0))
    }

    /// The share of thinking in the chunks, 0–1.
    pub fn thinking_share(&self) -> Option<f64> {
        let thinking = f64::from(self.thinking_chunks?);
        (self.chunks > 0).then(|| thinking / f64::from(self.chunks))
    }

    /// Whether the request finished as it should.
    pub fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done { .. })
    }

    /// Whether it succeeded or failed. One cancelled by the user did neither, nor did one that lost its server: nothing of
    /// the level was measured by it.
    pub fn is_finished(&self) -> bool {
        matches!(self.outcome, Outcome::Done { .. } | Outcome::Failed { .. })
    }

    /// Makes of a failure that the server went away.
    pub(crate) fn lose_server(&mut self) {
        if let Outcome::Failed { kind, message } = &mut self.outcome {
            self.outcome = Outcome::ServerGone {
                kind: kind.clone(),
                message: std::mem::take(message),
            };
        }
    }

    /// The failure, if it is one.
    pub fn failure(&self) -> Option<(&FailureKind, &str)> {
        match &self.outcome {
            Outcome::Failed { kind, message } => Some((kind, message)),
            _ => None,
        }
    }
}

/// The server's own figures for one request; each absent where the server does not report it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ServerFigures {
    /// Tokens of the prompt (`prompt_eval_count`, `usage.prompt_tokens`).
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer, thinking included (`eval_count`, `usage.completion_tokens`).
    pub output_tokens: Option<u64>,
    /// Time to load the model, seconds.
    pub load_s: Option<f64>,
    /// Time to read the prompt, seconds.
    pub prompt_eval_s: Option<f64>,
    /// Time to write the answer, from its first token, seconds.
    pub eval_s: Option<f64>,
    /// The server's total, seconds.
    pub total_s: Option<f64>,
}

impl ServerFigures {
    /// The server's own speed, tokens a second: (n − 1) / `eval_s`, since `eval_s` runs from the first token.
    pub fn speed_tok_s(&self) -> Option<f64> {
        let (tokens, seconds) = (self.output_tokens?, self.eval_s?);
        (tokens >= 2 && seconds > 0.0).then(|| (tokens - 1) as f64 / seconds)
    }
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The final chunk came.
    Done {
        /// Why the model stopped: `stop`, `length`…
        reason: Option<String>,
    },
    /// It failed; counted in the error rate.
    Failed {
        /// The kind, stable, for counting.
        kind: FailureKind,
        /// What the server or the system said.
        message: String,
    },
    /// It broke off because the server went away, or met one that was still loading; counted nowhere.
    ServerGone {
        /// The kind that it would have been as a failure.
        kind: FailureKind,
        /// What the server or the system said.
        message: String,
    },
    /// The user skipped the cycle or stopped the run; counted nowhere.
    Cancelled,
}

/// The text of an answer with the time of each piece, for the screen and for replay.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// All pieces in order, as one text; cut at a limit that its maker sets.
    pub text: String,
    /// The pieces of the text.
    pub pieces: Vec<Piece>,
}

/// One token-bearing chunk of an answer, in 8 bytes: they are kept of every token of every request in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenPiece", into = "WrittenPiece")]
pub struct Piece(u64);

/// Bits of a piece for its end: texts of up to 16 MiB.
const END_BITS: u32 = 24;
/// The bit that marks thinking; those above it are the time: up to 6 days.
const THINKING_BIT: u64 = 1 << END_BITS;

/// A piece as files have it.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Piece")]
struct WrittenPiece {
    end: u32,
    at_us: u64,
    thinking: bool,
}

impl Piece {
    /// A piece that ends at this byte of the text and came so long after the request was sent.
    pub fn new(end: u32, at_us: u64, is_thinking: bool) -> Self {
        let end = u64::from(end).min(THINKING_BIT - 1);
        let at = at_us.min(u64::MAX >> (END_BITS + 1)) << (END_BITS + 1);
        let thinking = if is_thinking { THINKING_BIT } else { 0 };
        Self(at | thinking | end)
    }

    /// Where it ends in the text, in bytes; it begins where the one before ends.
    pub fn end(self) -> usize {
        usize::try_from(self.0 & (THINKING_BIT - 1)).unwrap_or(usize::MAX)
    }

    /// When it arrived, microseconds after the request was sent.
    pub fn at_us(self) -> u64 {
        self.0 >> (END_BITS + 1)
    }

    /// Whether it is thinking.
    pub fn is_thinking(self) -> bool {
        self.0 & THINKING_BIT != 0
    }
}

impl From<WrittenPiece> for Piece {
    fn from(piece: WrittenPiece) -> Self {
        Self::new(piece.end, piece.at_us, piece.thinking)
    }
}

impl From<Piece> for WrittenPiece {
    fn from(piece: Piece) -> Self {
        Self {
            end: u32_of(piece.end()),
            at_us: piece.at_us(),
            thinking: piece.is_thinking(),
        }
    }
}

impl Answer {
    /// The text of each piece, with whether it is thinking and when it came, microseconds after the request was sent.
    /// Pieces that make no sense, of a damaged file, are left out.
    pub fn parts(&self) -> impl Iterator<Item = (&str, Piece)> {
        let mut from = 0;
        self.pieces.iter().filter_map(move |piece| {
            let text = self.text.get(from..piece.end())?;
            from = piece.end();
            (!text.is_empty()).then_some((text, *piece))
        })
    }

    /// The same text, with one piece for all that is alike: what follows each other thinking, or not.
    #[must_use]
    pub fn without_times(&self) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        for piece in &self.pieces {
            match pieces.last_mut() {
                Some(last) if last.is_thinking() == piece.is_thinking() => *last = *piece,
                _ => pieces.push(*piece),
            }
        }
        Self {
            text: self.text.clone(),
            pieces,
        }
    }

    /// Marks all pieces so far as thinking.
    pub fn was_thinking(&mut self) {
        for piece in &mut self.pieces {
            piece.0 |= THINKING_BIT;
        }
    }

    /// Whether each token has its time: answers of older runs have one time for all their thinking, and one for the rest.
    pub fn has_times(&self) -> bool {
        self.pieces
            .array_windows()
            .any(|[one, next]| one.is_thinking() == next.is_thinking())
    }
}
