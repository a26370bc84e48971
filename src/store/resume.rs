//! Resumes a run that was killed or stopped: what is left of its plan, and a recorder that appends to
//! its log.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::event::{CycleEnd, Event, EventKind, RunEnd, RunInfo, Stamp};
use crate::metrics::state::{RunState, Stage};
use crate::store::read::NO_END;
use crate::store::{StoreError, read};

/// A run that can be resumed.
#[derive(Debug, Clone)]
pub struct Resume {
    pub directory: PathBuf,
    /// What was asked, of whom.
    pub info: RunInfo,
    /// Its timeline so far.
    pub events: Vec<Event>,
    /// The run as it was left.
    pub state: RunState,
    /// The levels that are left, in order: the one it was left at first.
    pub levels: Vec<u32>,
    /// What cannot be read of its log, in sentences.
    pub missing: Vec<String>,
}

impl Resume {
    /// Reads a run and what is left of it. An error for a run that is done, and for one that was imported.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let recovered = read(directory)?;
        let state = RunState::from_events(&recovered.events);
        let refused = |reason: &str| StoreError::CannotResume {
            path: directory.to_owned(),
            reason: reason.to_owned(),
        };
        if crate::store::is_being_written(directory) {
            return Err(StoreError::Busy(directory.to_owned()));
        }
        if recovered.info.imported.is_some() {
            return Err(refused("it was imported, not run by tokometer"));
        }
        let levels = remaining_levels(&state);
        let is_settling = recovered.info.plan.settle.is_some();
        if levels.is_empty() && !is_settling {
            return Err(refused("all its levels are done already"));
        }
        let budget = recovered.info.plan.settle.and_then(|s| s.budget_tokens);
        if let Some(budget) = budget.filter(|budget| state.output_tokens() >= *budget) {
            let reason = format!("its budget of {budget} output tokens is spent");
            return Err(refused(&reason));
        }
        let mut missing = recovered.missing;
        // The resumed run says so itself.
        missing.retain(|sentence| !sentence.starts_with(NO_END));
        Ok(Self {
            directory: directory.to_owned(),
            info: recovered.info,
            events: recovered.events,
            state,
            levels,
            missing,
        })
    }

    /// The number of the next cycle.
    pub fn next_cycle(&self) -> u32 {
        let numbers = self.state.cycles.iter().map(|cycle| cycle.cycle);
        numbers.max().map_or(0, |last| last.saturating_add(1))
    }

    /// The number of the next request: no other of the run has it, not even one that was lost.
    pub fn next_request(&self) -> u64 {
        let started = self.events.iter().filter_map(|event| match &event.what {
            EventKind::RequestStarted { id, .. } => Some(*id),
            EventKind::RequestEnded(record) => Some(record.id),
            _ => None,
        });
        started.max().map_or(1, |last| last.saturating_add(1))
    }

    /// The event that resumes the run at the wall-clock time `now`, and the stamp that its clock
    /// has then: never before the last event.
    pub fn continued(&self, now: DateTime<Utc>) -> Event {
        let since_start = (now - self.info.started_at).num_microseconds();
        let since_start = since_start.and_then(|micros| u64::try_from(micros).ok());
        let last = self.state.now;
        let at = Stamp(since_start.unwrap_or(0)).max(Stamp(last.0.saturating_add(1)));
        let continued = EventKind::Continued {
            gap_s: at.since(last),
            levels: self.levels.clone(),
        };
        continued.at(at)
    }
}

/// The levels that are left.
fn remaining_levels(state: &RunState) -> Vec<u32> {
    if state.stage == Stage::Ended(RunEnd::Done) {
        return Vec::new();
    }
    let broken_off = state.cycles.last().filter(|cycle| match cycle.end {
        None | Some(CycleEnd::Stopped | CycleEnd::ServerGone) => true,
        Some(CycleEnd::Done | CycleEnd::Skipped) => false,
    });
    let first = broken_off.map(|cycle| cycle.users);
    first
        .into_iter()
        .chain(state.upcoming.iter().copied())
        .collect()
}

/// Cuts a file after its last whole line: a line that was torn by the end of its writer is gone anyway.
pub(crate) fn close_torn_line(path: &Path) -> Result<(), StoreError> {
    let cut = || -> std::io::Result<()> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(absent) if absent.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let mut end = file.metadata()?.len();
        let mut block = [0_u8; 4096];
        // From the end backwards: only the tail of a long log is read.
        while end > 0 {
            let begin = end.saturating_sub(block.len() as u64);
            let length = usize::try_from(end - begin).unwrap_or(block.len());
            let part = block.get_mut(..length).unwrap_or_default();
            file.seek(SeekFrom::Start(begin))?;
            file.read_exact(part)?;
            if let Some(place) = part.iter().rposition(|byte| *byte == b'\n') {
                return file.set_len(begin + place as u64 + 1);
            }
            end = begin;
        }
        file.set_len(0)
    };
    cut().map_err(StoreError::io(path))
}
