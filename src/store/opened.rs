//! A recorded run, opened to be read as a whole.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::event::{Answer, Event, EventKind};
use crate::store::StoreError;

/// A recorded run, read for a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Where it is.
    pub directory: PathBuf,
    /// Its name.
    pub id: String,
    /// The timeline, with the answers that were kept.
    pub events: Vec<Event>,
    /// What is missing, in sentences; empty for a whole run.
    pub missing: Vec<String>,
    /// The answers that were kept, by request.
    pub answers: HashMap<u64, Arc<Answer>>,
}

/// Reads a run for a replay: its log, and the answers that were kept beside it.
pub fn open(directory: &Path) -> Result<Opened, StoreError> {
    let answers = answers(&directory.join("answers"));
    let mut events = Vec::new();
    let (info, missing) = crate::store::replay(directory, |mut event| {
        if let EventKind::RequestEnded(record) = &mut event.what
            && record.answer.is_none()
        {
            record.answer = answers.get(&record.id).cloned();
        }
        events.push(event);
    })?;
    Ok(Opened {
        directory: directory.to_owned(),
        id: info.id,
        events,
        missing,
        answers,
    })
}

/// The part of a file in `answers/` that a replay needs.
#[derive(Debug, Deserialize)]
struct Kept {
    request: u64,
    answer: Answer,
}

/// The answers of a run directory. They are an extra: one that cannot be read is not shown.
fn answers(folder: &Path) -> HashMap<u64, Arc<Answer>> {
    let read = |path: PathBuf| serde_json::from_slice::<Kept>(&fs::read(path).ok()?).ok();
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let kept = files.filter_map(|file| read(file.path()));
    kept.map(|kept| (kept.request, Arc::new(kept.answer)))
        .collect()
}
