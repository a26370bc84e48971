//! Imports the folders of the study's own tool: `test_results_N` with its CSV files, one folder a level.
//!
//! - `rows`: the CSV files, line by line; what cannot be read is reported with file and line
//! - `folder`: one level: the runs that were appended to its files, each with its own time
//! - `timeline`: the same events that a run of tokometer makes
//!
//! What those files say, and what they do not:
//!
//! - `TTFB` and `WaitingTime` end with the first token, and `TotalDuration` begins there: the whole of a
//!   request is their sum. Speed is `TokenCount / ResponseDuration`.
//! - `TokenCount` counts pieces of the stream, not tokens; numbers that rest on it are marked `~`.
//! - A row with another status than `Completed` is a failed request; when it failed is not known. It
//!   is at the instant it was sent.
//! - `Usage%` of 100.00 in every row is a number that the tool did not read: usage is unknown.
//! - Samplers of several levels may have gone on at once: every reading is kept, with its own second.

mod folder;
mod rows;
mod timeline;

use std::fs;
use std::path::{Path, PathBuf};

use crate::event::{Event, EventKind, RunInfo};
use crate::store::{RunDirectory, StoreError};
use folder::LevelFolder;
use rows::Problems;

/// A run that was read from another tool's files.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// What was run, as far as the files say.
    pub info: RunInfo,
    /// The timeline.
    pub events: Vec<Event>,
    /// What could not be read, in sentences with file and line. The same are in the timeline as warnings.
    pub problems: Vec<String>,
}

impl Import {
    /// Adds what the files do not say.
    pub fn amend(&mut self, change: impl Fn(&mut RunInfo)) {
        change(&mut self.info);
        for event in &mut self.events {
            if let EventKind::RunStarted(info) = &mut event.what {
                change(info);
            }
        }
    }
}

/// Reads the folders `test_results_N` below `directory` (or `directory` itself, if it is one). `model` names
/// the model, which the files do not; without it the folder's name does. An error only where there is
/// nothing to import.
pub fn import(directory: &Path, model: Option<&str>) -> Result<Import, StoreError> {
    let mut problems = Problems::default();
    let levels = level_folders(directory, &mut problems)?;
    let levels: Vec<LevelFolder> = levels
        .iter()
        .map(|(users, path)| LevelFolder::read(*users, path, &mut problems))
        .collect();
    if levels.iter().all(|level| level.repeats.is_empty()) {
        let problems = problems.into_sentences();
        let example = problems
            .first()
            .map_or_else(String::new, |one| format!(" ({one})"));
        return Err(StoreError::NoImport {
            path: directory.to_owned(),
            reason: format!("no request could be read from its test_results_N folders{example}"),
        });
    }
    let name = folder_name(directory);
    let model = model.map_or_else(|| name.clone(), str::to_owned);
    Ok(timeline::timeline(&levels, name, model, problems))
}

/// Writes an import below `root`, as a run directory like any other. Returns where it is.
pub fn record(import: &Import, root: &Path) -> Result<PathBuf, StoreError> {
    let directory = RunDirectory::create(root, &import.info)?;
    let mut recorder = crate::store::Recorder::open(&directory)?;
    for event in &import.events {
        let what = match &event.what {
            EventKind::RunStarted(_) => EventKind::RunStarted(Box::new(directory.info().clone())),
            what => what.clone(),
        };
        let event = what.at(event.at);
        recorder.record(std::slice::from_ref(&event), event.at);
    }
    let recording = recorder.finish();
    match recording.warning {
        None => Ok(recording.directory),
        Some(warning) => Err(StoreError::NotARun {
            path: recording.directory,
            reason: warning.text,
        }),
    }
}

fn folder_name(directory: &Path) -> String {
    let whole = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let name = whole.file_name().map(|name| name.to_string_lossy());
    name.map_or_else(|| "imported".to_owned(), std::borrow::Cow::into_owned)
}

/// The number in `test_results_N`.
fn users_of(name: &str) -> Option<u32> {
    let users = name.strip_prefix("test_results_")?.parse().ok()?;
    (1..=100_000).contains(&users).then_some(users)
}

fn level_folders(
    directory: &Path,
    problems: &mut Problems,
) -> Result<Vec<(u32, PathBuf)>, StoreError> {
    if let Some(users) = users_of(&folder_name(directory)) {
        return Ok(vec![(users, directory.to_owned())]);
    }
    if directory.is_file() {
        return Err(not_a_folder(directory));
    }
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    let mut foreign = Vec::new();
    for entry in fs::read_dir(directory).map_err(StoreError::io(directory))? {
        let path = entry.map_err(StoreError::io(directory))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        match users_of(&name) {
            Some(users) if path.is_dir() => found.push((users, path)),
            _ if name.starts_with('.') => {}
            _ => foreign.push((name, path)),
        }
    }
    if found.is_empty() {
        let mut inside = Vec::new();
        look_inside(directory, DEEP, &mut inside);
        inside.sort();
        let inside: Vec<String> = inside
            .iter()
            .map(|path| {
                path.strip_prefix(directory)
                    .unwrap_or(path)
                    .display()
                    .to_string()
            })
            .collect();
        let hint = match inside.as_slice() {
            [] => String::new(),
            [only] => format!("; try {only} in it"),
            many => format!("; try one of these in it: {}", many.join(", ")),
        };
        return Err(StoreError::NoImport {
            path: directory.to_owned(),
            reason: format!("it contains no test_results_N folder{hint}"),
        });
    }
    foreign.sort();
    for (name, _) in foreign {
        problems.add(match copied(&name) {
            Some(users) => format!(
                "{name}: looks like a copy of test_results_{users}, skipped so that nothing is counted twice"
            ),
            None => format!("{name}: not a file of the study's tool, skipped"),
        });
    }
    found.sort();
    Ok(without_doubles(found, problems))
}

/// How many folders below a given one are looked into for a hint.
const DEEP: u32 = 3;
/// The most folders that a hint names.
const HINTS: usize = 8;

/// Finds the folders that hold levels.
fn look_inside(directory: &Path, deep: u32, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir() && !folder_name(path).starts_with(['.', '_']));
    folders.sort();
    for folder in folders {
        if found.len() >= HINTS {
            return;
        }
        if holds_levels(&folder) {
            found.push(folder);
        } else if deep > 1 {
            look_inside(&folder, deep - 1, found);
        }
    }
}

fn not_a_folder(path: &Path) -> StoreError {
    let is_archive = path.extension().is_some_and(|end| {
        ["zip", "gz", "tgz", "tar", "7z"]
            .iter()
            .any(|archive| end.eq_ignore_ascii_case(archive))
    });
    let parent = path.parent().unwrap_or(path);
    // The file of a level lies two folders below the one that is wanted.
    let wanted = users_of(&folder_name(parent)).and_then(|_| parent.parent());
    let reason = match wanted {
        _ if is_archive => "it is an archive: unpack it, and give the folder that contains the test_results_N folders".to_owned(),
        Some(wanted) => format!("it is a file of one level: give {}", wanted.display()),
        None => "it is a file: give the folder that contains the test_results_N folders".to_owned(),
    };
    StoreError::NoImport {
        path: path.to_owned(),
        reason,
    }
}

/// The level of a folder that a file manager copied: `test_results_4 2`, `test_results_4 (1)`, `test_results_4 copy`.
fn copied(name: &str) -> Option<u32> {
    let (original, _) = name.split_once([' ', '('])?;
    users_of(original)
}

/// Each level once: of `test_results_8` and `test_results_08` the one whose name is plain.
fn without_doubles(found: Vec<(u32, PathBuf)>, problems: &mut Problems) -> Vec<(u32, PathBuf)> {
    let mut kept: Vec<(u32, PathBuf)> = Vec::new();
    for (users, path) in found {
        let Some((_, first)) = kept.iter_mut().find(|(other, _)| *other == users) else {
            kept.push((users, path));
            continue;
        };
        let is_plain = folder_name(&path) == format!("test_results_{users}");
        let left = if is_plain {
            std::mem::replace(first, path)
        } else {
            path
        };
        problems.add(format!(
            "{}: the same number of users as {}, skipped so that nothing is counted twice",
            folder_name(&left),
            folder_name(first)
        ));
    }
    kept
}

fn holds_levels(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|entries| {
        let mut names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        names.any(|name| users_of(&name.to_string_lossy()).is_some())
    })
}
