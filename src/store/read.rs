//! Opens a run directory again, wherever its log was cut.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::event::{Event, EventKind, RunInfo, Stamp};
use crate::store::StoreError;
use crate::store::log::scan;
use crate::text::numbers::seconds;

/// A run as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// What was asked, of whom, on what machine.
    pub info: RunInfo,
    /// The timeline, from [`EventKind::RunStarted`] on, as far as it goes.
    pub events: Vec<Event>,
    /// What is missing, in sentences; empty for a whole run.
    pub missing: Vec<String>,
}

/// Reads a run directory. A log cut anywhere, even inside a line, opens; what is missing is listed. An
/// error only where neither `run.json` nor the log says what the run was.
pub fn read(directory: &Path) -> Result<Recovered, StoreError> {
    let mut events = Vec::new();
    let (info, missing) = replay(directory, |event| events.push(event))?;
    Ok(Recovered {
        info,
        events,
        missing,
    })
}

/// Hands the events of a run directory to `each`, one by one and in order, as [`read`] would return
/// them; for readers that fold a long run and need not hold it. Returns what was run, and what is missing.
pub fn replay(
    directory: &Path,
    mut each: impl FnMut(Event),
) -> Result<(RunInfo, Vec<String>), StoreError> {
    let mut missing = Vec::new();
    let mut info = info_of(&directory.join("run.json"), &mut missing)?;
    let mut open = Open::default();
    let mut any = false;
    let mut pass = |mut event: Event| {
        if let EventKind::RunStarted(logged) = &mut event.what {
            let info = info.get_or_insert_with(|| (**logged).clone());
            // What a person says of it is changed in run.json, and only there.
            logged.remarks.clone_from(&info.remarks);
            if logged.imported.is_some() {
                logged.target.slots = info.target.slots;
            }
        } else if let (false, Some(info)) = (any, &info) {
            each(started(info));
        }
        any = true;
        open.take(&event);
        each(event);
    };
    let log = directory.join("events.jsonl");
    match File::open(&log) {
        Ok(file) => {
            missing.extend(scan(file, &mut pass).map_err(StoreError::io(log))?);
        }
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
            missing.push("events.jsonl is missing: the run cannot be rebuilt.".to_owned());
        }
        Err(source) => return Err(StoreError::Io { path: log, source }),
    }
    let Some(info) = info else {
        return Err(StoreError::NotARun {
            path: directory.to_owned(),
            reason: "neither run.json nor events.jsonl says what was run".to_owned(),
        });
    };
    if !any {
        each(started(&info));
    }
    missing.extend(open.missing());
    Ok((info, missing))
}

/// What a run was asked to do; of a run whose `run.json` is lost, what its log says.
pub fn read_info(directory: &Path) -> Result<RunInfo, StoreError> {
    match info_of(&directory.join("run.json"), &mut Vec::new())? {
        Some(info) => Ok(info),
        None => Ok(replay(directory, drop)?.0),
    }
}

/// The first event of a run whose log has lost it.
fn started(info: &RunInfo) -> Event {
    EventKind::RunStarted(Box::new(info.clone())).at(Stamp(0))
}

fn info_of(path: &Path, missing: &mut Vec<String>) -> Result<Option<RunInfo>, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
            missing.push("run.json is missing; the log was read instead.".to_owned());
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
                "run.json cannot be read ({error}); the log was read instead."
            ));
            Ok(None)
        }
    }
}

/// The events of a log, and in sentences what of it could not be read.
pub fn events_of(log: &[u8]) -> (Vec<Event>, Vec<String>) {
    let mut events = Vec::new();
    match scan(log, |event| events.push(event)) {
        Ok(missing) => (events, missing),
        Err(error) => (events, vec![error.to_string()]),
    }
}

/// How the sentence about a log without its last event begins.
pub(crate) const NO_END: &str = "The run has no end";

/// What a log leaves open.
#[derive(Debug, Default)]
struct Open {
    in_flight: HashSet<u64>,
    last: Stamp,
    ended: bool,
}

impl Open {
    fn take(&mut self, event: &Event) {
        self.last = self.last.max(event.at);
        match &event.what {
            EventKind::RequestStarted { id, .. } => {
                self.in_flight.insert(*id);
            }
            EventKind::RequestEnded(record) => {
                self.in_flight.remove(&record.id);
            }
            EventKind::RunEnded { .. } => self.ended = true,
            EventKind::Continued { .. } => {
                self.in_flight.clear();
                self.ended = false;
            }
            _ => {}
        }
    }

    /// What is missing of a log without its last event.
    fn missing(&self) -> Option<String> {
        if self.ended {
            return None;
        }
        let with_it = match self.in_flight.len() {
            0 => String::new(),
            1 => ", and with it the request then in flight".to_owned(),
            more => format!(", and with it the {more} requests then in flight"),
        };
        Some(format!(
            "{NO_END}: everything after {} is missing{with_it}.",
            seconds(Some(self.last.secs()))
        ))
    }
}
