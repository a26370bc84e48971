//! Opens a run directory again, wherever its log was cut.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

use super::StoreError;
use crate::event::{Event, RunInfo, Stamp, What};

/// A run as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// What was asked, of whom, on what machine.
    pub info: RunInfo,
    /// The timeline, from [`What::RunStarted`] on, as far as it goes.
    pub events: Vec<Event>,
    /// What is missing, in sentences; empty for a whole run.
    pub missing: Vec<String>,
}

/// Reads a run directory. A log cut anywhere, even inside a line, opens; what is missing is said. An
/// error only where neither `run.json` nor the log tells what the run was.
pub fn read(directory: &Path) -> Result<Recovered, StoreError> {
    let mut missing = Vec::new();
    let told = read_info(&directory.join("run.json"), &mut missing)?;
    let log = directory.join("events.jsonl");
    let bytes = match fs::read(&log) {
        Ok(bytes) => bytes,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
            missing.push("There is no events.jsonl: nothing of the run is left.".to_owned());
            Vec::new()
        }
        Err(source) => return Err(StoreError::Io { path: log, source }),
    };
    let (mut events, unread) = events_of(&bytes);
    missing.extend(unread);
    let first = events.iter().find_map(|event| match &event.what {
        What::RunStarted(info) => Some((**info).clone()),
        _ => None,
    });
    let in_log = first.is_some();
    let Some(info) = told.or(first) else {
        return Err(StoreError::NotARun {
            path: directory.to_owned(),
            reason: "neither run.json nor events.jsonl tells what was run".to_owned(),
        });
    };
    if !in_log {
        let what = What::RunStarted(Box::new(info.clone()));
        events.insert(0, Event { at: Stamp(0), what });
    }
    missing.extend(unfinished(&events));
    Ok(Recovered {
        info,
        events,
        missing,
    })
}

fn read_info(path: &Path, missing: &mut Vec<String>) -> Result<Option<RunInfo>, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
            missing.push("There is no run.json; the log was asked instead.".to_owned());
            return Ok(None);
        }
        Err(source) => {
            let path = path.to_owned();
            return Err(StoreError::Io { path, source });
        }
    };
    match serde_json::from_slice(&bytes) {
        Ok(info) => Ok(Some(info)),
        Err(error) => {
            missing.push(format!(
                "run.json cannot be read ({error}); the log was asked instead."
            ));
            Ok(None)
        }
    }
}

/// The events of a log, and in sentences what of it could not be read.
pub fn events_of(log: &[u8]) -> (Vec<Event>, Vec<String>) {
    let mut events = Vec::with_capacity(log.len() / 256);
    let mut missing = Vec::new();
    let (mut unread, mut first_unread) = (0_u64, None);
    let (mut number, mut begin) = (0_u64, 0);
    let ends = memchr::memchr_iter(b'\n', log).chain([log.len()]);
    for end in ends {
        let line = log.get(begin..end).unwrap_or_default();
        begin = end + 1;
        number += 1;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(event) => events.push(event),
            Err(_) if end == log.len() => {
                missing.push(format!("events.jsonl breaks off inside line {number}."));
            }
            Err(error) => {
                unread += 1;
                first_unread.get_or_insert((number, error));
            }
        }
    }
    if let Some((number, error)) = first_unread {
        let lines = if unread == 1 { "line" } else { "lines" };
        missing.push(format!(
            "{unread} {lines} of events.jsonl cannot be read, the first is line {number}: {error}."
        ));
    }
    (events, missing)
}

/// What a log without its last event leaves open.
fn unfinished(events: &[Event]) -> Option<String> {
    let mut in_flight = HashSet::new();
    let mut last = Stamp(0);
    for event in events {
        last = last.max(event.at);
        match &event.what {
            What::RequestStarted { id, .. } => {
                in_flight.insert(*id);
            }
            What::RequestEnded(record) => {
                in_flight.remove(&record.id);
            }
            What::RunEnded { .. } => return None,
            _ => {}
        }
    }
    let with_it = match in_flight.len() {
        0 => String::new(),
        1 => ", and with it the request then in flight".to_owned(),
        more => format!(", and with it the {more} requests then in flight"),
    };
    Some(format!(
        "The run has no end: whatever came after {:.1} s is missing{with_it}.",
        last.secs()
    ))
}
