//! Work in the background, because it reads or writes files: the dashboard never waits for a disk.
//!
//! [`App`](crate::tui::app::App) asks for a [`BackgroundTask`], the event loop runs it on a thread of its own, and what came
//! of it comes back as [`TaskResult`].

use std::path::{Path, PathBuf};

use crate::metrics::compare::Comparison;
use crate::metrics::state::RunState;
use crate::metrics::what_if::WhatIf;
use crate::report::{self, Report};
use crate::store::index::{self, Found};
use crate::store::opened::{self, Opened};
use crate::store::{self, StoreError};

/// Something to be done with the runs that were recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum BackgroundTask {
    /// List those below this folder.
    List(PathBuf),
    /// Read the run in this directory for a replay.
    Open(PathBuf),
    /// Compare the runs in these directories; the others are compared with the first.
    Compare(Vec<PathBuf>),
    /// Delete a run.
    Delete {
        /// The folder of the runs.
        root: PathBuf,
        /// Its name.
        id: String,
    },
    /// Write the reports of the run in this directory, by the limits on the screen.
    Report { directory: PathBuf, what_if: WhatIf },
}

/// What came of a [`BackgroundTask`]; an error is a sentence.
#[derive(Debug, Clone)]
pub enum TaskResult {
    /// The runs, the latest first.
    Listed(Result<Vec<Found>, String>),
    /// A run to replay.
    Opened {
        /// The directory that was asked for.
        directory: PathBuf,
        /// What was read there.
        run: Result<Box<Opened>, String>,
    },
    /// Runs side by side.
    Compared(Result<Box<Comparison>, String>),
    /// A run is gone, or not.
    Deleted {
        /// Its name.
        id: String,
        /// Why not.
        result: Result<(), String>,
    },
    /// Where the reports are.
    Reported(Result<PathBuf, String>),
    /// It broke off.
    BrokeOff(String),
}

pub fn run(task: BackgroundTask) -> TaskResult {
    match task {
        BackgroundTask::List(root) => TaskResult::Listed(index::list_all(&root).map_err(sentence)),
        BackgroundTask::Open(directory) => TaskResult::Opened {
            run: opened::open(&directory).map(Box::new).map_err(sentence),
            directory,
        },
        BackgroundTask::Compare(directories) => {
            TaskResult::Compared(compare(&directories).map(Box::new).map_err(sentence))
        }
        BackgroundTask::Delete { root, id } => TaskResult::Deleted {
            result: index::delete(&root, &id).map_err(sentence),
            id,
        },
        BackgroundTask::Report { directory, what_if } => {
            TaskResult::Reported(write_report(&directory, &what_if))
        }
    }
}

/// Writes the reports and returns where to begin to read. What a recorder still writes is left to it.
fn write_report(directory: &Path, what_if: &WhatIf) -> Result<PathBuf, String> {
    if store::is_being_written(directory) {
        return Err(sentence(StoreError::Busy(directory.to_owned())));
    }
    let report = Report::what_if(directory, what_if).map_err(sentence)?;
    let folder = report::folder(&report, directory);
    let written = report::write_report(&report, &folder);
    written
        .map(|_| folder.join("report.html"))
        .map_err(sentence)
}

fn compare(directories: &[PathBuf]) -> Result<Comparison, StoreError> {
    let runs = directories.iter().map(|directory| fold(directory));
    let runs: Result<Vec<RunState>, StoreError> = runs.collect();
    Ok(Comparison::new(&runs?.iter().collect::<Vec<_>>()))
}

fn fold(directory: &Path) -> Result<RunState, StoreError> {
    let mut run = RunState::default();
    store::replay(directory, |event| run.apply(&event))?;
    Ok(run)
}

fn sentence(error: impl std::fmt::Display) -> String {
    error.to_string()
}
