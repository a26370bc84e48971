//! A run at a glance, from its summary or, where there is none, from its log.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event::Imported;
use crate::metrics::state::RunState;
use crate::metrics::summary::Summary;
use crate::metrics::verdict::Capacity;
use crate::store::StoreError;
use crate::text::numbers::or_unknown;

/// The part of a log in which its last event stands, bytes.
const TAIL: u64 = 64 * 1024;

/// One run of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The run, and the name of its directory.
    pub id: String,
    /// Wall-clock time of its start.
    pub started_at: Option<DateTime<Utc>>,
    pub model: String,
    /// The server's name and version.
    pub server: Option<String>,
    /// Whether the server was simulated.
    pub simulated: bool,
    /// Where it was imported from.
    pub imported: Option<Imported>,
    /// The levels it ran.
    pub users: Vec<u32>,
    /// Requests that ended, well or not.
    pub requests: u64,
    /// Of these, failed.
    pub failed: u64,
    /// How many users, by the mean.
    pub by_mean: Option<Capacity>,
    /// How many users, by the share of good requests.
    pub by_share: Option<Capacity>,
    /// The best mean speed of a level, tokens a second.
    pub speed_tok_s: Option<f64>,
    /// Whether it came to an end; a run that was killed did not.
    pub ended: bool,
    /// Whether a process writes it now; never kept in the index.
    #[serde(skip)]
    pub recording: bool,
}

impl Entry {
    /// Whether a run has `filter` in its name, model or server; upper and lower case are the same.
    pub fn matches(&self, filter: &str) -> bool {
        let wanted = filter.to_lowercase();
        let server = self.server.as_deref().unwrap_or_default();
        [self.id.as_str(), self.model.as_str(), server]
            .iter()
            .any(|text| text.to_lowercase().contains(&wanted))
    }

    /// Its levels from the smallest to the largest: `1–256`.
    pub(crate) fn levels(&self) -> String {
        match (self.users.iter().min(), self.users.iter().max()) {
            (Some(first), Some(last)) if first != last => format!("{first}–{last}"),
            (only, _) => or_unknown(only),
        }
    }

    /// The run in the directory `path`, whose files are now as `trace` has them.
    pub(crate) fn read(path: &Path, id: &str, trace: &Trace) -> Result<Self, StoreError> {
        // A log that is newer than the summary is that of a run that continued.
        let is_current = match (trace.summary, trace.log) {
            (Some((_, made)), Some((_, logged))) => made >= logged,
            (summary, _) => summary.is_some(),
        };
        let read = || {
            let bytes = fs::read(path.join("summary.json")).ok()?;
            serde_json::from_slice::<Summary>(&bytes).ok()
        };
        match is_current.then(read).flatten() {
            Some(summary) => Ok(Self {
                ended: has_end(path),
                ..from_summary(id, &summary)
            }),
            None => from_log(path, id),
        }
    }
}

/// The files that an entry was made from, as they were: size in bytes and time in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trace {
    summary: Option<(u64, u64)>,
    log: Option<(u64, u64)>,
}

impl Trace {
    pub(crate) fn read(path: &Path) -> Self {
        let of = |name: &str| {
            let metadata = fs::metadata(path.join(name)).ok()?;
            let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            let micros = u64::try_from(modified.as_micros()).unwrap_or(u64::MAX);
            Some((metadata.len(), micros))
        };
        Self {
            summary: of("summary.json"),
            log: of("events.jsonl"),
        }
    }
}

/// Whether the log ends with the end of the run; a summary can be made of a run that was killed, too. Only
/// its tail is read. Without a log there is nothing against it.
fn has_end(path: &Path) -> bool {
    let Ok(mut log) = fs::File::open(path.join("events.jsonl")) else {
        return true;
    };
    let length = log.metadata().map_or(0, |metadata| metadata.len());
    let mut tail = Vec::new();
    // Quotes inside of texts are escaped: this is found in no answer.
    let last = |tail: &str, event: &str| tail.rfind(&format!("\"event\":{{\"{event}\""));
    log.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
        .and_then(|_| log.read_to_end(&mut tail))
        .is_ok_and(|_| {
            let tail = String::from_utf8_lossy(&tail);
            let ended = last(&tail, "run_ended");
            ended.is_some() && ended > last(&tail, "continued")
        })
}

fn from_summary(id: &str, summary: &Summary) -> Entry {
    let levels = summary.cycles.iter();
    let speeds = levels
        .clone()
        .filter_map(|level| level.figures.speed_tok_s.mean);
    let target = summary.target.as_ref();
    let verdict = summary.verdict.as_ref();
    Entry {
        id: id.to_owned(),
        started_at: summary.started_at,
        model: target.map_or_else(String::new, |target| target.model.clone()),
        server: target.and_then(|target| target.server.clone()),
        simulated: summary.simulated,
        imported: summary.imported.clone(),
        users: levels.clone().map(|level| level.users).collect(),
        requests: levels.clone().map(|level| level.figures.requests).sum(),
        failed: levels.clone().map(|level| level.figures.failed).sum(),
        by_mean: verdict.map(|verdict| verdict.by_mean),
        by_share: verdict.map(|verdict| verdict.by_share),
        speed_tok_s: speeds.reduce(f64::max),
        ended: true,
        recording: false,
    }
}

/// From the log itself; an error for a directory that is not a run, or cannot be read.
fn from_log(path: &Path, id: &str) -> Result<Entry, StoreError> {
    let mut state = RunState::default();
    crate::store::replay(path, |event| state.apply(&event))?;
    Ok(Entry {
        ended: !state.is_running(),
        ..from_summary(id, &Summary::from_run(&state))
    })
}
