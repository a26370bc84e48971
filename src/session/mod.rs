//! A session: finds a server, starts and resumes runs, and answers the commands of a screen.
//!
//! - `serve`: the session's task, what the dashboard and the headless printer talk to
//! - `search`: looks for servers
//! - `run_setup`: a run before its load begins, fresh or resumed; `launch`: from there to the load
//! - `dispatcher`: writes the timeline and forwards it to the screen
//! - `monitors`: what the machine does during a run, forwarded to the timeline; power of the idle machine
//! - `idle`: what the machine does before a run, for the screen alone
//! - `answers`: the answer shown on the screen

mod answers;
mod dispatcher;
mod idle;
mod launch;
mod monitors;
mod run_setup;
pub mod search;
pub mod serve;

use crate::dialect::Discovery;
use crate::event::Event;
use crate::event::Model;
use crate::load::Command;
use crate::plan::Plan;
use crate::store::recordings::KeptAnswer;

/// What a screen asks of the session.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionCommand {
    /// Look for a server again.
    Search,
    /// Use the built-in simulated server.
    Simulate,
    /// Use the server at this address, of those that were found.
    Use(String),
    /// Start a run of this plan against this model of the server that was found.
    Start {
        /// The plan.
        plan: Box<Plan>,
        /// The model.
        model: Box<Model>,
    },
    /// Tell what the machine of the server that was found does, until a run starts.
    Observe,
    /// Go on with the run in this directory, where it was broken off, against this model of the server that was found.
    Resume {
        /// The run directory.
        directory: std::path::PathBuf,
        /// The model.
        model: Box<Model>,
    },
    /// Send the answer of this request on while it streams.
    Watch(u64),
    /// Tell the run something.
    Run(Command),
    /// Download a model (Ollama).
    Pull(String),
}

/// What the session reports to a screen.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// It is looking for a server.
    Searching {
        /// The address it tries; None where it looks at all places where one may be.
        url: Option<String>,
    },
    /// All servers that were found, where there are several; the one in use follows.
    Servers(Vec<Discovery>),
    /// The server in use: one that was found, or what is known of it has changed.
    Found(Discovery),
    /// No usable server was found.
    NotFound {
        /// Each address tried, and what went wrong there.
        tried: Vec<(String, String)>,
    },
    /// A model is being downloaded.
    Pulling {
        /// The model.
        model: String,
        /// What the server says it does.
        status: String,
        /// Bytes so far and in all, where known.
        bytes: Option<(u64, u64)>,
    },
    /// The download is over; on success a new `Found` follows.
    Pulled(Result<(), String>),
    /// An interrupted run is resumed: its timeline so far.
    Resumed(Vec<Event>),
    /// More of the timeline.
    Events(Vec<Event>),
    /// Answers of a level that are kept from now on, in the place of those that were kept of it before.
    Kept(Vec<std::sync::Arc<KeptAnswer>>),
    /// What the machine does while nothing runs. The stamps are of a clock of its own.
    Machine {
        /// The server whose machine it is.
        url: String,
        /// What was seen.
        events: Vec<Event>,
    },
    /// What the watched request answered since the last of these (whole text first, then what came since).
    Answer(AnswerText),
    /// The run is over; its last event has been sent.
    Finished {
        /// The run directory, if one was written.
        directory: Option<std::path::PathBuf>,
        /// Why it could not continue, if it could not.
        error: Option<String>,
        /// Where its report is, or why it could not be written; None where none was to be.
        report: Option<Result<std::path::PathBuf, String>>,
    },
}

/// A part of the streaming answer of the watched request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerText {
    /// The request.
    pub id: u64,
    /// True if this replaces all earlier text of the request.
    pub restart: bool,
    /// Text, in order; `true` marks thinking.
    pub parts: Vec<(bool, String)>,
}
