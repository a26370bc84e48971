//! A recorded run, opened to be read as a whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{Answer, Event, EventKind};
use crate::store::StoreError;
use crate::store::recordings::{KeptAnswer, kept_in};

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
    /// The answers that were kept, by level and rank.
    pub kept: Vec<Arc<KeptAnswer>>,
}

/// Reads a run for a replay: its log, and the answers that were kept beside it.
pub fn open(directory: &Path) -> Result<Opened, StoreError> {
    let kept = kept_in(directory);
    let answers = kept.iter();
    let answers: HashMap<u64, Arc<Answer>> = answers
        .map(|kept| (kept.request, Arc::clone(&kept.answer)))
        .collect();
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
        kept,
    })
}
