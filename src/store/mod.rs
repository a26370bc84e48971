//! The run directory: writing, reading, recovering.
//!
//! - [`RunDirectory`]: a fresh directory with its `run.json`
//! - [`Recorder`]: writes the timeline, the tables and the answers during the run
//! - [`import`]: reads another tool's files as a run
//! - [`index`]: the list of runs, each at a `glance`; [`Resume`]: what is left of a run that was killed
//! - `read` and `replay`: open a run directory again, wherever its log was cut
//!
//! `events.jsonl` is the truth; everything else in a run directory can be made again from it. Writing
//! is blocking, and meant for a thread of its own.

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
pub mod recordings;
mod remarks;
mod resume;
mod samples;
mod table;
mod tables;

use std::path::PathBuf;

pub use directory::{RunDirectory, default_root, directory_name};
pub use lock::is_being_written;
pub use read::{Recovered, events_of, read, read_info, replay};
pub use recorder::{Recorder, Recording};
pub use remarks::amend;
pub use resume::Resume;
pub(crate) use tables::{cycle_row, write_rows};

/// What can go wrong with a run directory.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {source}", path = path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("no folder for runs: the home directory is unknown; set one with --runs-dir")]
    NoHome,
    #[error("{path} is not a run directory: {reason}", path = path.display())]
    NotARun { path: PathBuf, reason: String },
    #[error("{path} cannot be imported: {reason}", path = path.display())]
    NoImport { path: PathBuf, reason: String },
    #[error("{path} cannot be resumed: {reason}", path = path.display())]
    CannotResume { path: PathBuf, reason: String },
    #[error("{path} is being written by another tokometer process", path = .0.display())]
    Busy(PathBuf),
    #[error("{path}: {source}", path = path.display())]
    Json {
        path: PathBuf,
        source: serde_json::Error,
    },
}

impl StoreError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
