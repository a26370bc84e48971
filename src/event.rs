//! The vocabulary of a run: everything that happens is an [`Event`] with a monotonic [`Stamp`].
//!
//! There is one stream of events. The dashboard, the recorder, the headless printer and the report
//! are all readers of it. This module is pure data: it knows no socket, no screen and no file. What the
//! monitors see stands in `machine`.

mod machine;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Target;
use crate::plan::Plan;

pub use machine::{
    EnergyBaseline, GpuSample, LoadedModel, PowerScope, ProcessSample, ServerSample, SourceNote,
    SourceState,
};

/// An instant of a run: whole microseconds since the run's monotonic clock started.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Seconds since the start of the run.
    pub fn secs(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Seconds from `earlier` to `self`; 0 if `earlier` is later.
    pub fn since(self, earlier: Stamp) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e6
    }
}

/// The clock of a run: turns instants into [`Stamp`]s.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    origin: tokio::time::Instant,
    /// What it read at its origin, microseconds.
    ahead: u64,
}

impl RunClock {
    /// A clock that reads 0 now.
    pub fn start() -> Self {
        Self::resumed(Stamp(0))
    }

    /// A clock that reads `now` now: that of a run that goes on.
    pub fn resumed(now: Stamp) -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            ahead: now.0,
        }
    }

    /// The stamp of this instant.
    pub fn now(&self) -> Stamp {
        self.stamp(tokio::time::Instant::now())
    }

    /// The instant of `stamp`; the clock's start for an earlier one.
    pub fn instant(&self, stamp: Stamp) -> tokio::time::Instant {
        self.origin + std::time::Duration::from_micros(stamp.0.saturating_sub(self.ahead))
    }

    /// The stamp of `instant`; the first one for an instant before the clock started.
    pub fn stamp(&self, instant: tokio::time::Instant) -> Stamp {
        let micros = instant.saturating_duration_since(self.origin).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        Stamp(micros.saturating_add(self.ahead))
    }
}

/// One thing that happened, and when. One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    #[serde(rename = "t_us")]
    pub at: Stamp,
    /// What happened.
    #[serde(rename = "event")]
    pub what: What,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The first event of every run.
    RunStarted(Box<RunInfo>),
    /// The server has the model in memory.
    ModelLoaded {
        /// How long the client waited for it, seconds.
        took_s: f64,
        /// The server's own load time, seconds, where it tells.
        server_s: Option<f64>,
    },
    /// One warm-up request is over.
    WarmedUp {
        /// Which one, from 1.
        number: u32,
        /// How many there are.
        of: u32,
        /// TTFT, seconds.
        ttft_s: Option<f64>,
        /// Why it failed, if it did.
        error: Option<String>,
    },
    /// A cycle begins: its connections are being opened.
    CycleStarted {
        /// The number of the cycle in the run, from 0. A repeated level is a new cycle.
        cycle: u32,
        /// Requests kept in flight.
        users: u32,
    },
    /// The connections of a cycle stand; load begins.
    ConnectionsOpened {
        /// The cycle.
        cycle: u32,
        /// Time to connect, microseconds, one for each that opened.
        connect_us: Vec<u64>,
        /// Connections that could not be opened (their users try again with their first request).
        failed: u32,
    },
    /// A request was handed to its socket.
    RequestStarted {
        /// The request.
        id: u64,
        /// Its cycle.
        cycle: u32,
        /// The user that asks, from 0.
        user: u32,
        /// Which of the user's requests in this cycle, from 0.
        round: u32,
    },
    /// The first non-empty token of a request arrived, thinking included.
    FirstToken {
        /// The request.
        id: u64,
        /// Its cycle.
        cycle: u32,
        /// Time to first token, microseconds.
        ttft_us: u64,
        /// Whether that token was thinking.
        thinking: bool,
    },
    /// Where the requests in flight stand; at most 10 a second, and the only event that may be dropped.
    Progress {
        /// The cycle.
        cycle: u32,
        /// The requests in flight.
        requests: Vec<InFlight>,
    },
    /// A request is over.
    RequestEnded(Box<RequestRecord>),
    /// A cycle is over.
    CycleEnded {
        /// The cycle.
        cycle: u32,
        /// Why.
        why: CycleEnd,
    },
    /// The pause between two cycles begins.
    RestStarted {
        /// Its length, seconds.
        seconds: f64,
        /// The level that comes next.
        next_users: u32,
    },
    /// The user paused the run: what is in flight finishes, nothing new starts.
    Paused,
    /// The user let the run go on.
    Resumed,
    /// The levels still to come changed.
    LevelsChanged {
        /// Users of each cycle still to come, in order.
        upcoming: Vec<u32>,
    },
    /// Something a reader of the numbers should know.
    Warning(Warning),
    /// What the client itself spent; one a cycle and one at the end of the run.
    Client(ClientCost),
    /// The last event of a run.
    RunEnded {
        /// Why.
        why: RunEnd,
    },
    /// The run goes on after it was broken off: whatever was in flight is lost.
    Continued {
        /// How long nothing was run, seconds.
        gap_s: f64,
        /// Users of each cycle still to come, in order.
        levels: Vec<u32>,
    },
    /// One reading of one GPU source.
    Gpu(GpuSample),
    /// One reading of the server's processes.
    Processes(Vec<ProcessSample>),
    /// What the server tells of its own state.
    Server(ServerSample),
    /// How a source of the monitors fares; told whenever that changes.
    Source(SourceNote),
    /// Before the first cycle: nothing is asked, the power of the idle machine is measured.
    IdleStarted {
        /// How long at most, seconds.
        seconds: f64,
    },
    /// The power of the idle machine.
    Baseline(EnergyBaseline),
}

/// What a run was asked to do, of whom, on what machine, with which version. The content of `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The name of the run and of its directory.
    pub id: String,
    /// The version of tokometer.
    pub tokometer: String,
    /// Wall-clock time of the start.
    pub started_at: chrono::DateTime<chrono::Utc>,
    /// Whether the server is simulated: nothing that is simulated ever looks real.
    pub simulated: bool,
    /// What was asked.
    pub plan: Plan,
    /// Of whom.
    pub target: Target,
    /// On what machine the client runs.
    pub machine: Machine,
    /// Where it was imported from; None for a run of tokometer itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
}

/// Where a run that tokometer did not make comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// What made it, for example `concurrent-ollama study`.
    pub tool: String,
    /// The name of the folder that was read.
    pub folder: String,
}

/// The machine that runs the client.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system and its version.
    pub os: Option<String>,
    /// Processor architecture.
    pub arch: String,
    /// Processor name.
    pub cpu: Option<String>,
    /// Logical cores.
    pub cores: Option<usize>,
    /// Main memory, bytes.
    pub memory_bytes: Option<u64>,
}

/// Where one request in flight stands.
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
    /// Non-empty chunks of thinking.
    pub thinking_chunks: u32,
    /// Gaps between successive token-bearing chunks, as `[microseconds, count, …]`, ascending,
    /// each value rounded down to 3 significant digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub itl_us: Vec<u64>,
    /// Connect time if this request had to open its connection, microseconds.
    pub connect_us: Option<u64>,
    /// Times it was sent again because a kept connection had gone stale before a byte was read.
    pub retries: u32,
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

    /// The wait in the server's queue: TTFT − (load + prompt evaluation), seconds, where the server tells both.
    pub fn queue_wait_s(&self) -> Option<f64> {
        let told = self.server.load_s.unwrap_or(0.0) + self.server.prompt_eval_s?;
        self.ttft_s().map(|ttft| (ttft - told).max(0.0))
    }

    /// Whether the request finished as it should.
    pub fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done { .. })
    }

    /// The failure, if it is one. A request cancelled by the user is none.
    pub fn failure(&self) -> Option<(&FailureKind, &str)> {
        match &self.outcome {
            Outcome::Failed { kind, message } => Some((kind, message)),
            _ => None,
        }
    }
}

/// The server's own figures for one request; each absent where the server does not tell.
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
    /// The user skipped the cycle or stopped the run; counted nowhere.
    Cancelled,
}

/// The kinds of failed requests. Written as a stable word: `refused`, `http_503`, `truncated`…
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureKind {
    /// Nobody listens at the address.
    Refused,
    /// The connection could not be made for another reason.
    Connect,
    /// The server closed the connection before it answered, or reset it.
    Reset,
    /// An HTTP status other than 2xx.
    Http(u16),
    /// An error object inside the stream.
    StreamError,
    /// The stream broke off inside a chunk or a line.
    Truncated,
    /// The stream ended cleanly, but without its final chunk.
    Unfinished,
    /// A line that is no JSON, or JSON of another shape.
    BadLine,
    /// A success without a single token.
    Empty,
    /// No first token in time (`--timeout-first`).
    TimeoutFirst,
    /// A stall: no next token in time (`--timeout-next`).
    TimeoutNext,
    /// Not over in time (`--timeout-total`).
    TimeoutTotal,
    /// The answer was no HTTP, or not to be understood.
    Protocol,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Http(status) => return write!(f, "http_{status}"),
            Self::StreamError => "stream_error",
            Self::Truncated => "truncated",
            Self::Unfinished => "unfinished",
            Self::BadLine => "bad_line",
            Self::Empty => "empty",
            Self::TimeoutFirst => "timeout_first",
            Self::TimeoutNext => "timeout_next",
            Self::TimeoutTotal => "timeout_total",
            Self::Protocol => "protocol",
        })
    }
}

impl FromStr for FailureKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "refused" => Self::Refused,
            "connect" => Self::Connect,
            "reset" => Self::Reset,
            "stream_error" => Self::StreamError,
            "truncated" => Self::Truncated,
            "unfinished" => Self::Unfinished,
            "bad_line" => Self::BadLine,
            "empty" => Self::Empty,
            "timeout_first" => Self::TimeoutFirst,
            "timeout_next" => Self::TimeoutNext,
            "timeout_total" => Self::TimeoutTotal,
            "protocol" => Self::Protocol,
            other => {
                let status = other
                    .strip_prefix("http_")
                    .and_then(|digits| digits.parse().ok());
                return status
                    .map(Self::Http)
                    .ok_or_else(|| format!("unknown kind of failure: {other}"));
            }
        })
    }
}

impl Serialize for FailureKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FailureKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

/// The text of an answer with the time of each piece, for the screen and for replay.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// All pieces in order, as one text; cut at a limit that its maker sets.
    pub text: String,
    /// The pieces of the text.
    pub pieces: Vec<Piece>,
}

/// One token-bearing chunk of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Where it ends in the text, in bytes; it begins where the one before ends.
    pub end: u32,
    /// When it arrived, microseconds after the request was sent.
    pub at_us: u64,
    /// Whether it is thinking.
    pub thinking: bool,
}

/// Why a cycle is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CycleEnd {
    /// Every request of it ended.
    Done,
    /// The user went on to the next cycle.
    Skipped,
    /// The run was stopped.
    Stopped,
}

/// Why a run is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Every cycle ran.
    Done,
    /// The user stopped it.
    Stopped,
    /// A signal stopped it.
    Signal(i32),
    /// It could not go on.
    Failed(String),
}

/// Something a reader of the numbers should know, with a stable kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The kind.
    pub kind: WarningKind,
    /// What happened, in a sentence, with its figures and what to do.
    pub text: String,
}

/// The kinds of warnings.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WarningKind {
    /// The results come from a simulated server.
    Simulated,
    /// A warm-up request or the loading of the model failed.
    WarmupFailed,
    /// Connections could not be opened.
    ConnectionsFailed,
    /// The descriptor limit was raised, or could not be.
    Descriptors,
    /// The larger levels were skipped.
    Hopeless,
    /// A cycle had failed requests.
    Failures,
    /// More users than slots: the rest wait in line.
    Slots,
    /// The client itself was late.
    ClientLate,
    /// The run directory could not be written.
    Recorder,
    /// A monitor says something.
    Monitor,
    /// A number is above what physics allows.
    Impossible,
    /// The run was imported: what its files do not tell, or tell wrongly.
    Imported,
    /// The server loaded the model while it was being measured.
    ColdLoad,
    /// The first request of a cycle waited far longer than the rest.
    SlowFirst,
    /// The server counts other tokens than came.
    TokenCounts,
    /// Samples of the machine are missing for a while.
    SamplerGap,
    /// Another process computes on the GPU.
    OtherProcess,
    /// Repeats of a level disagree.
    Repeats,
    /// Anything else.
    Other,
}

/// What the client itself spent so far.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ClientCost {
    /// Processor time of the client, all its threads, seconds.
    pub cpu_s: Option<f64>,
    /// Resident memory, bytes.
    pub rss_bytes: Option<u64>,
    /// Progress events that a full channel dropped.
    pub dropped_progress: u64,
}
