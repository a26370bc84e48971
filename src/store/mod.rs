//! The run directory: writing, reading, recovering.
//!
//! - [`RunDirectory`]: a fresh directory with its `run.json`
//! - [`Recorder`]: writes the timeline, the tables and the answers while the run goes on
//! - [`import`]: reads another tool's files as a run
//! - [`index`]: the list of runs, each at a `glance`; [`Resume`]: what is left of a run that was killed
//! - `read` and `replay`: open a run directory again, wherever its log was cut
//!
//! `events.jsonl` is the truth; everything else in a run directory can be made again from it. Writing
//! is blocking, and made for a thread of its own. It knows `stats`, no run and no screen.

mod appender;
mod directory;
mod glance;
pub mod import;
pub mod index;
mod lock;
mod log;
pub mod opened;
mod read;
mod recorder;
mod resume;
mod samples;
mod table;
mod tables;

use std::path::PathBuf;

pub use directory::{RunDirectory, default_root, directory_name};
pub use lock::is_being_written;
pub use read::{Recovered, events_of, read, replay};
pub use recorder::{Recorder, Recording};
pub use resume::Resume;
pub(crate) use tables::{CycleRow, write_row};

/// What can go wrong with a run directory.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system said no.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// There is no place for runs.
    #[error("no place for runs: no home directory is known; name one with --runs-dir")]
    NoHome,
    /// It is no run directory.
    #[error("{path} is no run directory: {reason}", path = path.display())]
    NotARun {
        /// What was opened.
        path: PathBuf,
        /// Why it is none.
        reason: String,
    },
    /// A folder that is to be imported and cannot.
    #[error("{path} cannot be imported: {reason}", path = path.display())]
    NoImport {
        /// The folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A run that is to go on and cannot.
    #[error("{path} cannot go on: {reason}", path = path.display())]
    CannotGoOn {
        /// The run.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Another process writes it.
    #[error("{path} is being written by another tokometer: it still runs", path = .0.display())]
    Busy(PathBuf),
    /// Something could not be written as JSON.
    #[error("{path}: {source}", path = path.display())]
    Json {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl StoreError {
    fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
