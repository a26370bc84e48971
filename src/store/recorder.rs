//! Writes a run directory during the run.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{Event, EventKind, RequestRecord, RunInfo, Stamp, Warning, WarningKind};
use crate::metrics::state::RunState;
use crate::metrics::summary::Summary;
use crate::store::StoreError;
use crate::store::appender::Appender;
use crate::store::directory::{RunDirectory, write_whole};
use crate::store::lock::Lock;
use crate::store::recordings::{KeptAnswer, Recordings};
use crate::store::resume::{Resume, close_torn_line};
use crate::store::samples::{During, gpu_row, process_row};
use crate::store::table::CsvTable;
use crate::store::tables::{cycle_row, request_row, write_rows};

/// What is recorded reaches the system at most this much later, microseconds.
const FLUSH_US: u64 = 250_000;
/// Progress in the log: one line a cycle in this time, microseconds.
const PROGRESS_US: u64 = 1_000_000;
/// A buffer as full as this is flushed at once, bytes.
const FLUSH_BYTES: usize = 1 << 20;

/// Writes the timeline, the tables and the answers of one run. It never gives up: what fails is reported
/// once, as a [`Warning`], and tried again at the next flush.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    info: RunInfo,
    log: Appender<File>,
    requests: CsvTable,
    cycles: CsvTable,
    gpu: CsvTable,
    processes: CsvTable,
    state: RunState,
    flushed: Stamp,
    progress: BTreeMap<u32, Stamp>,
    recordings: Recordings,
    /// Answers that were kept since they were last taken away.
    kept: Vec<Arc<KeptAnswer>>,
    trouble: Option<String>,
    has_warned: bool,
    /// Nobody else writes here meanwhile.
    _lock: Lock,
}

/// What a recorder leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The run directory.
    pub directory: PathBuf,
    /// What went wrong, unless it was reported before.
    pub warning: Option<Warning>,
}

impl Recorder {
    /// A recorder for a run directory that was just made.
    pub fn open(directory: &RunDirectory) -> Result<Self, StoreError> {
        let path = directory.path().to_owned();
        let lock = Lock::take(&path)?;
        Self::new(path, directory.info().clone(), RunState::default(), lock)
    }

    /// A recorder that resumes a run: it appends to its log, after the last whole line, and writes its
    /// tables again.
    pub fn resume(run: &Resume) -> Result<Self, StoreError> {
        let path = run.directory.clone();
        let lock = Lock::take(&path)?;
        for name in ["events.jsonl", "cycles.csv", "gpu.csv", "processes.csv"] {
            close_torn_line(&path.join(name))?;
        }
        let cycles = run.state.cycles.iter();
        let rows = cycles.flat_map(|cycle| {
            let requests = cycle.requests.iter();
            requests.map(|record| request_row(record, Some(cycle.users), run.info.simulated))
        });
        let requests = path.join("requests.csv");
        let rows = write_rows(rows).map_err(|error| StoreError::NotARun {
            path: requests.clone(),
            reason: error.to_string(),
        })?;
        write_whole(&requests, &rows)?;
        Self::new(path, run.info.clone(), run.state.clone(), lock)
    }

    fn new(path: PathBuf, info: RunInfo, state: RunState, lock: Lock) -> Result<Self, StoreError> {
        let recordings = Recordings::recorded(path.join("answers"), &info, &state)?;
        let table = |name: &str| CsvTable::new(path.join(name));
        Ok(Self {
            log: growing(&path.join("events.jsonl"))?,
            requests: table("requests.csv"),
            cycles: table("cycles.csv"),
            gpu: table("gpu.csv"),
            processes: table("processes.csv"),
            recordings,
            kept: Vec::new(),
            path,
            info,
            state,
            flushed: Stamp(0),
            progress: BTreeMap::new(),
            trouble: None,
            has_warned: false,
            _lock: lock,
        })
    }

    /// Takes more of the timeline at the instant `now`. Returns what went wrong, once.
    pub fn record(&mut self, events: &[Event], now: Stamp) -> Option<Warning> {
        for event in events {
            self.take(event);
            if self.log.waiting() >= FLUSH_BYTES {
                self.flush_files();
            }
        }
        self.tick(now)
    }

    /// To be called a few times a second while nothing happens: what was recorded 250 ms ago or more
    /// is handed to the system.
    pub fn tick(&mut self, now: Stamp) -> Option<Warning> {
        if now.0 >= self.flushed.0.saturating_add(FLUSH_US) {
            self.flushed = now;
            self.flush_files();
        }
        self.warning()
    }

    /// Hands all that was recorded to the system, now.
    pub fn flush(&mut self) -> Option<Warning> {
        self.flush_files();
        self.warning()
    }

    /// The answers that were kept since the last time.
    pub fn take_kept(&mut self) -> Vec<Arc<KeptAnswer>> {
        std::mem::take(&mut self.kept)
    }

    /// Writes the rest and `summary.json`.
    pub fn finish(mut self) -> Recording {
        self.flush_files();
        self.write_cycles();
        let path = self.path.join("summary.json");
        let written = match Summary::from_run(&self.state).to_json() {
            Ok(json) => write_whole(&path, json.as_bytes()),
            Err(source) => Err(StoreError::Json { path, source }),
        };
        self.note(written.map_err(|error| error.to_string()));
        let lost = self.log.lost();
        if lost > 0 {
            self.has_warned = false;
            self.note(Err(format!("{lost} lines of events.jsonl are lost")));
        }
        let finished = self.recordings.finish();
        self.note(finished.map_err(|error| format!("answers: {error}")));
        Recording {
            warning: self.warning(),
            directory: self.path,
        }
    }

    fn take(&mut self, event: &Event) {
        if let EventKind::Progress { cycle, .. } = &event.what {
            let last = self.progress.get(cycle);
            if last.is_some_and(|last| event.at.0 < last.0.saturating_add(PROGRESS_US)) {
                return;
            }
            self.progress.insert(*cycle, event.at);
        }
        let line = self.log.append(|out| {
            serde_json::to_writer(&mut *out, event)?;
            out.push(b'\n');
            Ok::<_, serde_json::Error>(())
        });
        self.note(line.map_err(|error| format!("events.jsonl: {error}")));
        match self.recordings.apply(event) {
            Ok(kept) => self.kept.extend(kept),
            Err(error) => self.note(Err(error.to_string())),
        }
        match &event.what {
            EventKind::RequestEnded(record) => self.end_request(event, record),
            EventKind::CycleEnded { cycle, .. } => {
                self.state.apply(event);
                self.end_cycle(*cycle);
            }
            _ => {
                self.state.apply(event);
                self.sample(event);
            }
        }
    }

    /// Samples of the machine have tables of their own.
    fn sample(&mut self, event: &Event) {
        let during = self.during();
        match &event.what {
            EventKind::Gpu(sample) => {
                let written = self.gpu.row(&gpu_row(event.at, sample, during));
                self.note(written);
            }
            EventKind::Processes(processes) => {
                for process in processes {
                    let written = self.processes.row(&process_row(event.at, process, during));
                    self.note(written);
                }
            }
            _ => {}
        }
    }

    /// The cycle that has load now.
    fn during(&self) -> During {
        let cycle = self.state.current();
        let loaded = cycle.filter(|cycle| cycle.opened.is_some() && cycle.ended.is_none());
        During {
            simulated: self.info.simulated,
            cycle: loaded.map(|cycle| (cycle.cycle, cycle.users)),
        }
    }

    fn end_request(&mut self, event: &Event, record: &RequestRecord) {
        let users = self.state.cycle_mut(record.cycle).map(|cycle| cycle.users);
        let row = request_row(record, users, self.info.simulated);
        let written = self.requests.row(&row);
        self.note(written);
        // The recorder's own fold needs no text.
        let record = RequestRecord {
            answer: None,
            ..record.clone()
        };
        let ended = EventKind::RequestEnded(Box::new(record));
        self.state.apply(&ended.at(event.at));
    }

    fn end_cycle(&mut self, number: u32) {
        let limits = self.info.plan.limits;
        let Some(cycle) = self.state.cycle_mut(number) else {
            return;
        };
        let written = self
            .cycles
            .row(&cycle_row(cycle, &limits, self.info.simulated));
        self.note(written);
    }

    /// Writes `cycles.csv` again: what samples say of a cycle is whole only after it.
    fn write_cycles(&mut self) {
        let limits = self.info.plan.limits;
        let ended = self.state.cycles.iter().filter(|c| c.ended.is_some());
        let rows = ended.map(|cycle| cycle_row(cycle, &limits, self.info.simulated));
        let written = match write_rows(rows) {
            Ok(table) if table.is_empty() => Ok(()),
            Ok(table) => self.cycles.replace(&table),
            Err(error) => Err(format!("cycles.csv: {error}")),
        };
        self.note(written);
    }

    fn flush_files(&mut self) {
        let logged = self.log.flush();
        self.note(logged.map_err(|error| format!("events.jsonl: {error}")));
        let tables = [
            &mut self.requests,
            &mut self.cycles,
            &mut self.gpu,
            &mut self.processes,
        ];
        for result in tables.map(CsvTable::flush) {
            self.note(result);
        }
    }

    fn note(&mut self, result: Result<(), String>) {
        if let Err(trouble) = result {
            self.trouble.get_or_insert(trouble);
        }
    }

    fn warning(&mut self) -> Option<Warning> {
        if self.has_warned {
            return None;
        }
        let trouble = self.trouble.take()?;
        self.has_warned = true;
        let directory = self.path.display();
        Some(Warning {
            kind: WarningKind::Recorder,
            text: format!(
                "Could not write all files in {directory} ({trouble}). \
                 The rest is kept in memory and tried again."
            ),
        })
    }
}

fn growing(path: &Path) -> Result<Appender<File>, StoreError> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map(Appender::new).map_err(StoreError::io(path))
}
