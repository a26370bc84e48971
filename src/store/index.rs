//! The list of runs: what each was and what came of it, at a glance.
//!
//! A summary of each run directory is kept in a small file beside the runs, `index.json`, so that a
//! thousand of them are listed at once. The file can be lost or wrong: each entry carries the size and the
//! time of the files that it was made from, and is made again when they differ.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::store::StoreError;
use crate::store::directory::write_json;
pub use crate::store::glance::Entry;
use crate::store::glance::Trace;

/// The name of the file beside the runs.
const NAME: &str = "index.json";
/// The name and version of its shape; another one is made again.
const SCHEMA: &str = "tokometer/index/1";

/// An entry of the list of runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Run(Box<Entry>),
    /// A run directory that cannot be read.
    Unreadable {
        /// The name of the directory.
        id: String,
        /// Wall-clock time of its start, as its name says.
        started_at: Option<DateTime<Utc>>,
        /// Why not, in a sentence.
        reason: String,
    },
}

impl Found {
    /// The name of its directory.
    pub fn id(&self) -> &str {
        match self {
            Self::Run(entry) => &entry.id,
            Self::Unreadable { id, .. } => id,
        }
    }

    /// Wall-clock time of its start.
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Run(entry) => entry.started_at,
            Self::Unreadable { started_at, .. } => *started_at,
        }
    }

    /// The run, if it can be read.
    pub fn run(&self) -> Option<&Entry> {
        match self {
            Self::Run(entry) => Some(entry),
            Self::Unreadable { .. } => None,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Index {
    schema: String,
    runs: BTreeMap<String, (Trace, Entry)>,
}

/// The runs below `root`, the latest first; none where there is no such folder. What is not a run, or cannot be
/// read, is left out.
pub fn list(root: &Path) -> Result<Vec<Entry>, StoreError> {
    let runs = list_all(root)?.into_iter().filter_map(|found| match found {
        Found::Run(entry) => Some(*entry),
        Found::Unreadable { .. } => None,
    });
    Ok(runs.collect())
}

/// [`list`] with the run directories that cannot be read, and why.
pub fn list_all(root: &Path) -> Result<Vec<Found>, StoreError> {
    let known = known(root);
    let had = known.len();
    let mut runs = BTreeMap::new();
    let mut unreadable = Vec::new();
    let mut changed = false;
    for id in ids(root)? {
        let path = root.join(&id);
        let trace = Trace::read(&path);
        let entry = match known.get(&id) {
            Some((then, entry)) if *then == trace => Ok(entry.clone()),
            _ => {
                changed = true;
                Entry::read(&path, &id, &trace)
            }
        };
        match entry {
            Ok(mut entry) => {
                entry.recording = !entry.ended && crate::store::is_being_written(&path);
                runs.insert(id, (trace, entry));
            }
            Err(error) if looks_like_run(&path) => unreadable.push(Found::Unreadable {
                started_at: started_at(&id),
                reason: reason(error),
                id,
            }),
            // Somebody else's directory.
            Err(_) => {}
        }
    }
    if changed || runs.len() != had {
        // Without the file the next listing only takes longer.
        let _ = write_json(
            &root.join(NAME),
            &Index {
                schema: SCHEMA.to_owned(),
                runs: runs.clone(),
            },
        );
    }
    let entries = runs
        .into_values()
        .map(|(_, entry)| Found::Run(Box::new(entry)));
    let mut found: Vec<Found> = entries.chain(unreadable).collect();
    found.sort_by(|a, b| (b.started_at(), b.id()).cmp(&(a.started_at(), a.id())));
    Ok(found)
}

/// Whether a directory was made for a run, whatever is left in it, or cannot be looked into.
fn looks_like_run(path: &Path) -> bool {
    let has = |name: &str| path.join(name).try_exists().unwrap_or(true);
    has("run.json") || has("events.jsonl")
}

/// Why a run cannot be read, without the name of its directory.
fn reason(error: StoreError) -> String {
    match error {
        StoreError::NotARun { reason, .. } => reason,
        StoreError::Io { path, source } => {
            let file = path.file_name().unwrap_or(path.as_os_str());
            format!("{}: {source}", file.display())
        }
        other => other.to_string(),
    }
}

/// When a run started, as the name of its directory says.
fn started_at(id: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(id.get(..19)?, "%Y-%m-%dT%H-%M-%S");
    time.ok().map(|time| time.and_utc())
}

/// The directory of the run that `name` means: a path, an id below `root`, the beginning of just one id, or
/// `latest`.
pub fn find(root: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let is_run =
        |path: &Path| path.join("run.json").is_file() || path.join("events.jsonl").is_file();
    let as_path = PathBuf::from(name);
    if is_run(&as_path) {
        return Ok(as_path);
    }
    let plain = !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != "..";
    if plain && is_run(&root.join(name)) {
        return Ok(root.join(name));
    }
    let refused = |reason: String| StoreError::NotARun {
        path: as_path.clone(),
        reason,
    };
    if name == "latest" {
        let latest = list(root)?.into_iter().next();
        let latest = latest.ok_or_else(|| refused(format!("no runs in {}", root.display())))?;
        return Ok(root.join(latest.id));
    }
    let mut alike: Vec<String> = ids(root)?;
    alike.retain(|id| plain && id.starts_with(name) && is_run(&root.join(id)));
    alike.sort();
    match alike.as_slice() {
        [one] => Ok(root.join(one)),
        [] => Err(refused(format!(
            "not the path of a run, and no run in {} starts with this name",
            root.display()
        ))),
        [first, .., last] => Err(refused(format!(
            "{} runs start with this name, from {first} to {last}",
            alike.len()
        ))),
    }
}

/// Deletes the run `id` below `root` with all its files. Only a directory that is a run is deleted, and
/// nothing outside of `root`.
pub fn delete(root: &Path, id: &str) -> Result<(), StoreError> {
    let path = root.join(id);
    let inside = ids(root)?.iter().any(|known| known == id);
    let has = |name: &str| path.join(name).is_file();
    if !inside || !(has("run.json") || has("events.jsonl")) {
        return Err(StoreError::NotARun {
            path,
            reason: "only runs can be deleted".to_owned(),
        });
    }
    if crate::store::is_being_written(&path) {
        return Err(StoreError::Busy(path));
    }
    fs::remove_dir_all(&path).map_err(StoreError::io(path))
}

/// The names of the directories below `root`; links are none.
fn ids(root: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(absent) if absent.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io(root)(error)),
    };
    let directories = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(directories
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect())
}

fn known(root: &Path) -> BTreeMap<String, (Trace, Entry)> {
    let bytes = fs::read(root.join(NAME)).unwrap_or_default();
    match serde_json::from_slice::<Index>(&bytes) {
        Ok(index) if index.schema == SCHEMA => index.runs,
        _ => BTreeMap::new(),
    }
}
