//! The vocabulary of a run: everything that happens is an [`Event`] with a monotonic [`Stamp`].
//!
//! There is one stream of events. The dashboard, the recorder, the headless printer and the report
//! are all readers of it. This module is pure data: it knows no socket, no screen and no file. What the
//! monitors see is in `machine`, what is measured of a request in `request`.

mod about;
mod clock;
mod failure;
mod machine;
mod request;
mod target;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::platform::Machine;

pub use about::{Remarks, Simulation};
pub use clock::{RunClock, Stamp};
pub use failure::{FailureKind, failures_in_words};
pub use machine::{
    EnergyBaseline, GpuSample, HostSample, LoadedModel, PowerScope, ProcessSample, ServerSample,
    SourceName, SourceNote, SourceState, known_pid,
};
pub use request::{Answer, InFlight, Outcome, Phase, Piece, RequestRecord, ServerFigures};
pub use target::{BadDialectId, DialectId, Model, Route, Target};

/// One thing that happened, and when. One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    #[serde(rename = "t_us")]
    pub at: Stamp,
    /// What happened.
    #[serde(rename = "event")]
    pub what: EventKind,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The first event of every run.
    RunStarted(Box<RunInfo>),
    /// The server has the model in memory.
    ModelLoaded {
        /// How long the client waited for it, seconds.
        took_s: f64,
        /// The server's own load time, seconds, where it reports it.
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
    /// The connections of a cycle are open; load begins.
    ConnectionsOpened {
        /// The cycle.
        cycle: u32,
        /// Time to connect, microseconds, one for each that opened.
        connect_us: Vec<u64>,
        /// Time of each TLS handshake that followed, microseconds.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tls_us: Vec<u64>,
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
    /// How far the requests in flight are; at most 10 a second, and the only event that may be dropped.
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
    /// The user let the run continue.
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
    /// The server went away: no user that was asking could reach it any more. The run waits for it.
    ServerGone {
        /// How long at most, seconds.
        patience_s: f64,
    },
    /// The server is there, but still loads its model. The run waits for it.
    ServerLoading {
        /// How long at most, seconds.
        patience_s: f64,
    },
    /// It is back, and has the model in memory again.
    ServerBack,
    /// The last event of a run.
    RunEnded {
        /// Why.
        why: RunEnd,
    },
    /// The run continues after it was broken off: whatever was in flight is lost.
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
    /// The server's own state, as it reports it.
    Server(ServerSample),
    /// How busy the server's machine is.
    Host(HostSample),
    /// The state of a source of the monitors, whenever it changes.
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
    /// What a person says of it.
    #[serde(default, skip_serializing_if = "Remarks::is_empty")]
    pub remarks: Remarks,
    /// How the built-in simulated server was set; None for any other server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Simulation>,
}

/// Where a run that tokometer did not make comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Imported {
    /// What made it, for example `concurrent-ollama study`.
    pub tool: String,
    /// The name of the folder that was read.
    pub folder: String,
}

/// Why a cycle is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum CycleEnd {
    /// Every request of it ended.
    Done,
    /// The user skipped to the next cycle.
    Skipped,
    /// The run was stopped.
    Stopped,
    /// The server went away: what broke off for that is not part of the level.
    ServerGone,
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
    /// The server went away and did not come back in time.
    ServerGone,
    /// It could not continue.
    Failed(String),
}

impl EventKind {
    /// That this happened at `at`.
    pub fn at(self, at: Stamp) -> Event {
        Event { at, what: self }
    }
}

impl RunEnd {
    /// Its stable name, without details.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Signal(_) => "signal",
            Self::ServerGone => "server_gone",
            Self::Failed(_) => "failed",
        }
    }
}

/// Something a reader of the numbers should know, with a stable kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The kind.
    pub kind: WarningKind,
    /// What happened, in a sentence, with its figures and what to do.
    pub text: String,
}

impl Warning {
    /// A warning of this kind.
    pub fn new(kind: WarningKind, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { kind, text }
    }
}

/// The kinds of warnings.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// The run was imported: what its files lack or get wrong.
    Imported,
    /// The server loaded the model while it was being measured.
    ColdLoad,
    /// The first request of a cycle waited far longer than the rest.
    SlowFirst,
    /// The server counts other tokens than came.
    TokenCounts,
    /// Tokens came in bursts.
    Buffered,
    /// Samples of the machine are missing for a while.
    SamplerGap,
    /// Another process is active on the GPU.
    OtherProcess,
    /// Repeats of a level disagree.
    Repeats,
    /// The server went away in a cycle.
    ServerGone,
    /// A cycle ended before all its requests had.
    CutShort,
    /// The limits, or the price, are not those of the run.
    WhatIf,
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
