//! A fresh run directory, its name and its place.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::Serialize;

use crate::event::RunInfo;
use crate::store::StoreError;

/// Runs of one model that may start in the same second.
const MOST_OF_A_NAME: u32 = 10_000;
/// The longest part of a model's name in a directory's name, characters.
const LONGEST_MODEL: usize = 60;

/// A run directory that was just made, with its `run.json`.
#[derive(Debug, Clone)]
pub struct RunDirectory {
    path: PathBuf,
    info: RunInfo,
}

impl RunDirectory {
    /// Makes a directory for the run below `root`, and writes its `run.json`. The run's id becomes
    /// the directory's name, whatever `info` says: take it from [`RunDirectory::info`].
    pub fn create(root: &Path, info: &RunInfo) -> Result<Self, StoreError> {
        fs::create_dir_all(root).map_err(StoreError::io(root))?;
        let name = directory_name(info);
        for number in 1..=MOST_OF_A_NAME {
            let id = match number {
                1 => name.clone(),
                more => format!("{name}-{more}"),
            };
            let path = root.join(&id);
            match crate::platform::create_private_directory(&path) {
                Ok(()) => {
                    let info = RunInfo { id, ..info.clone() };
                    write_json(&path.join("run.json"), &info)?;
                    return Ok(Self { path, info });
                }
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(StoreError::Io { path, source }),
            }
        }
        let taken = io::Error::from(io::ErrorKind::AlreadyExists);
        Err(StoreError::io(root.join(name))(taken))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `run.json` says, with the id that the run was given.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }
}

/// The name of a run's directory: when it started (UTC) and the model, as in
/// `2026-11-21T16-02-11_deepseek-r1-7b`.
pub fn directory_name(info: &RunInfo) -> String {
    let started = info.started_at.format("%Y-%m-%dT%H-%M-%S");
    let mut model = String::new();
    for c in info.target.model.short_name().chars() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '.' && !model.is_empty() {
            model.push(c);
        } else if !model.is_empty() && !model.ends_with('-') {
            model.push('-');
        }
    }
    model.truncate(LONGEST_MODEL);
    match model.trim_end_matches(['-', '.']) {
        "" => format!("{started}_model"),
        model => format!("{started}_{model}"),
    }
}

/// Where run directories go: `asked` if there is one, else `tokometer/runs` in the user's data
/// directory (`$XDG_DATA_HOME`, `~/.local/share`, or the platform's own).
pub fn default_root(asked: Option<&Path>) -> Result<PathBuf, StoreError> {
    if let Some(asked) = asked {
        return Ok(asked.to_owned());
    }
    let base = etcetera::choose_base_strategy().map_err(|_| StoreError::NoHome)?;
    Ok(base.data_dir().join("tokometer").join("runs"))
}

/// Writes `value` as JSON, whole or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let json = serde_json::to_vec_pretty(value).map_err(|source| StoreError::Json {
        path: path.to_owned(),
        source,
    })?;
    write_whole(path, &json)
}

/// Writes a file, whole or not at all: the old content stays until the new one is complete.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&part, path));
    if moved.is_err() {
        // The first error is the one to report; a left-over part does no harm.
        drop(fs::remove_file(&part));
    }
    moved.map_err(StoreError::io(path))
}
