//! The levels of the study as one timeline.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::dialect::{Dialect as _, Ollama};
use crate::event::{
    CycleEnd, Event, EventKind, FailureKind, GpuSample, Imported, Outcome, PowerScope,
    ProcessSample, Remarks, RequestRecord, RunEnd, RunInfo, ServerFigures, Stamp, Warning,
    WarningKind,
};
use crate::event::{Model, Target};
use crate::plan::Plan;
use crate::platform::Machine;
use crate::store::directory_name;
use crate::store::import::Import;
use crate::store::import::folder::LevelFolder;
use crate::store::import::rows::{GpuRow, Problems, ProcessRow, RequestRow};
use crate::text::numbers::{decimal, floor_u64, percent, users};

/// The source that the samples of an import name.
const SOURCE: &str = "study:gpu";
/// Between the last thing that has a time and a run that has none, seconds.
const AFTER_S: f64 = 1.0;

/// One run of a level, with its place in time.
struct Cycle<'a> {
    users: u32,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    rows: &'a [RequestRow],
}

/// The clock of the import: stamps since the first thing that happened.
#[derive(Clone, Copy)]
struct ImportClock {
    origin: DateTime<Utc>,
}

impl ImportClock {
    fn stamp(self, at: DateTime<Utc>) -> Stamp {
        let micros = (at - self.origin).num_microseconds();
        Stamp(micros.map_or(0, |micros| u64::try_from(micros).unwrap_or(0)))
    }
}

pub(crate) fn timeline(
    levels: &[LevelFolder],
    folder: String,
    model: String,
    problems: Problems,
) -> Import {
    let usage_is_known = levels
        .iter()
        .flat_map(|level| &level.gpu)
        .any(|row| row.usage_percent.is_some_and(|usage| usage < 100.0));
    let cycles = cycles(levels);
    let starts = cycles.iter().map(|cycle| cycle.start);
    let origin = starts.chain(sampled(levels)).min().unwrap_or_default();
    let clock = ImportClock { origin };
    let info = info(&cycles, clock.origin, folder, model);
    let problems = problems.into_sentences();
    let mut events = vec![EventKind::RunStarted(Box::new(info.clone())).at(Stamp(0))];
    let notes = notes(levels, usage_is_known).into_iter();
    events.extend(
        notes
            .chain(problems.iter().cloned())
            .map(|text| EventKind::Warning(Warning::new(WarningKind::Imported, text)).at(Stamp(0))),
    );
    let mut next_id = 1;
    for (number, cycle) in (0..).zip(&cycles) {
        events.extend(cycle_events(number, cycle, clock, &mut next_id));
    }
    let gpu = levels.iter().flat_map(|level| &level.gpu);
    events.extend(gpu.map(|row| gpu_event(row, clock, usage_is_known)));
    events.extend(process_events(levels, clock));
    // Stable: what happens at one instant stays in the order in which it was put here.
    events.sort_by_key(|event| event.at);
    let at = events.last().map_or(Stamp(0), |event| event.at);
    events.push(EventKind::RunEnded { why: RunEnd::Done }.at(at));
    Import {
        info,
        events,
        problems,
    }
}

/// The time of every sample.
fn sampled(levels: &[LevelFolder]) -> impl Iterator<Item = DateTime<Utc>> {
    levels.iter().flat_map(|level| {
        let gpu = level.gpu.iter().map(|row| row.at);
        gpu.chain(level.processes.iter().map(|row| row.at))
    })
}

fn length(seconds: f64) -> TimeDelta {
    let micros = i64::try_from(floor_u64((seconds * 1e6).round()));
    TimeDelta::microseconds(micros.unwrap_or(i64::MAX / 1024))
}

/// The runs of all levels, in the order of their times; those without a time come last.
fn cycles(levels: &[LevelFolder]) -> Vec<Cycle<'_>> {
    let all = levels
        .iter()
        .flat_map(|level| level.repeats.iter().map(|repeat| (level.users, repeat)));
    let ends = all.clone().filter_map(|(_, repeat)| repeat.end);
    let mut last = ends.chain(sampled(levels)).max().unwrap_or_default();
    let mut cycles = Vec::new();
    for (users, repeat) in all {
        let length_s = repeat.length_s();
        let end = repeat.end.unwrap_or_else(|| {
            last += length(AFTER_S + length_s);
            last
        });
        cycles.push(Cycle {
            users,
            start: end - length(length_s),
            end,
            rows: &repeat.rows,
        });
    }
    cycles.sort_by_key(|cycle| (cycle.start, cycle.users));
    cycles
}

fn info(cycles: &[Cycle<'_>], started_at: DateTime<Utc>, folder: String, model: String) -> RunInfo {
    let mut info = RunInfo {
        id: String::new(),
        tokometer: env!("CARGO_PKG_VERSION").to_owned(),
        started_at,
        simulated: false,
        plan: Plan {
            levels: cycles.iter().map(|cycle| cycle.users).collect(),
            warmup: 0,
            ..Plan::study()
        },
        target: Target {
            dialect: Ollama.id(),
            url: String::new(),
            model: Model {
                name: model,
                ..Model::default()
            },
            server: None,
            slots: None,
            simulated: false,
            route: crate::event::Route::default(),
        },
        machine: Machine::default(),
        imported: Some(Imported {
            tool: "the study's tool".to_owned(),
            folder,
        }),
        remarks: Remarks::default(),
        simulation: None,
    };
    info.id = directory_name(&info);
    info
}

fn cycle_events(cycle: u32, of: &Cycle<'_>, clock: ImportClock, next_id: &mut u64) -> Vec<Event> {
    let Cycle { users, end, .. } = *of;
    let start = clock.stamp(of.start);
    let opened = EventKind::ConnectionsOpened {
        cycle,
        connect_us: Vec::new(),
        tls_us: Vec::new(),
        failed: 0,
    };
    let mut events = vec![
        EventKind::CycleStarted { cycle, users }.at(start),
        opened.at(start),
    ];
    let mut later = Vec::new();
    for row in of.rows {
        let record = record(row, *next_id, cycle, start);
        *next_id += 1;
        let (started, ended) = request_events(record);
        events.push(started);
        later.extend(ended);
    }
    events.extend(later);
    let last = events.iter().map(|event| event.at).max().unwrap_or(start);
    let why = CycleEnd::Done;
    events.push(EventKind::CycleEnded { cycle, why }.at(last.max(clock.stamp(end))));
    events
}

/// The start of a request, and what follows.
fn request_events(record: RequestRecord) -> (Event, Vec<Event>) {
    let (id, cycle, sent) = (record.id, record.cycle, record.sent);
    let started = EventKind::RequestStarted {
        id,
        cycle,
        user: record.user,
        round: 0,
    };
    let first = record.first_token.map(|first| {
        let ttft_us = first.0.saturating_sub(sent.0);
        let first_token = EventKind::FirstToken {
            id,
            cycle,
            ttft_us,
            thinking: false,
        };
        first_token.at(first)
    });
    let at = record.ended;
    let ended = EventKind::RequestEnded(Box::new(record)).at(at);
    (started.at(sent), first.into_iter().chain([ended]).collect())
}

fn record(row: &RequestRow, id: u64, cycle: u32, sent: Stamp) -> RequestRecord {
    let after = |seconds: f64| {
        let micros = floor_u64((seconds * 1e6).round());
        Stamp(sent.0.saturating_add(micros))
    };
    let done = row.is_done();
    // A failed row has no times: its zeros are placeholders.
    let answered = done.then(|| after(row.wait_s));
    let outcome = if done {
        Outcome::Done { reason: None }
    } else {
        Outcome::Failed {
            kind: match row.status_code {
                200..300 => FailureKind::Unfinished,
                status => FailureKind::Http(status),
            },
            message: format!("status {} ({})", row.status, row.status_code),
        }
    };
    let user = u32::try_from(row.id.saturating_sub(1)).unwrap_or(u32::MAX);
    RequestRecord {
        id,
        cycle,
        user,
        round: 0,
        prompt: 0,
        sent,
        head: None,
        first_byte: None,
        first_token: answered,
        first_answer: None,
        last_token: None,
        ended: if done { after(row.whole_s()) } else { sent },
        chunks: row.chunks,
        thinking_chunks: None,
        itl_us: Vec::new(),
        connect_us: None,
        tls_us: None,
        retries: None,
        unread_parts: None,
        server: ServerFigures::default(),
        outcome,
        answer: None,
    }
}

fn gpu_event(row: &GpuRow, clock: ImportClock, usage_is_known: bool) -> Event {
    let sample = EventKind::Gpu(GpuSample {
        source: SOURCE.to_owned(),
        scope: Some(PowerScope::Gpu),
        watts: row.watts,
        mhz: row.mhz,
        usage_percent: row.usage_percent.filter(|_| usage_is_known),
        ..GpuSample::default()
    });
    sample.at(clock.stamp(row.at))
}

/// The rows of all processes, those of one second in one table; a process once.
fn process_events(levels: &[LevelFolder], clock: ImportClock) -> Vec<Event> {
    let mut tables: BTreeMap<DateTime<Utc>, BTreeMap<u32, &ProcessRow>> = BTreeMap::new();
    for row in levels.iter().flat_map(|level| &level.processes) {
        tables.entry(row.at).or_default().insert(row.pid, row);
    }
    let runners = runners(levels.iter().flat_map(|level| &level.processes));
    let table = |(at, table): (DateTime<Utc>, BTreeMap<u32, &ProcessRow>)| {
        let samples = table.values().map(|row| sample(row, &runners)).collect();
        EventKind::Processes(samples).at(clock.stamp(at))
    };
    tables.into_iter().map(table).collect()
}

/// A process that held so much memory at some time is the one that runs the model; the server itself needs little.
const RUNNER_BYTES: u64 = 500_000_000;

/// The processes that run the model, which the files do not say.
fn runners<'a>(rows: impl Iterator<Item = &'a ProcessRow>) -> BTreeSet<u32> {
    let large = rows.filter(|row| row.rss_bytes >= Some(RUNNER_BYTES));
    large.map(|row| row.pid).collect()
}

fn sample(row: &ProcessRow, runners: &BTreeSet<u32>) -> ProcessSample {
    let is_runner = runners.contains(&row.pid);
    ProcessSample {
        pid: row.pid,
        role: Some(if is_runner { "runner" } else { "server" }.to_owned()),
        threads: row.threads,
        descriptors: row.descriptors,
        rss_bytes: row.rss_bytes,
        vsz_bytes: row.vsz_bytes,
        cpu_percent: row.cpu_percent,
        memory_percent: row.memory_percent,
        ..ProcessSample::default()
    }
}

/// What a reader of the numbers should know of these files, with the figures.
fn notes(levels: &[LevelFolder], usage_is_known: bool) -> Vec<String> {
    let mut notes = vec![
        "TokenCount counts stream chunks, not tokens: numbers based on it are marked ~. \
         Speed is TokenCount / ResponseDuration."
            .to_owned(),
        "TotalDuration starts at the first token: the duration of a request is TTFB + TotalDuration."
            .to_owned(),
    ];
    if levels.iter().any(|level| !level.processes.is_empty()) {
        notes.push(
            "The files do not name processes: one that held 500 MB or more counts as the model runner, the others as the server."
                .to_owned(),
        );
    }
    for level in levels {
        let rows = || level.repeats.iter().flat_map(|repeat| &repeat.rows);
        let (failed, all) = (rows().filter(|row| !row.is_done()).count(), rows().count());
        if failed > 0 {
            notes.push(format!(
                "{failed} of {all} requests failed at {} ({}); the files do not say when: \
                 their zeros are excluded from all waits and durations.",
                users(level.users),
                percent(Some(failed as f64 / all as f64), 1)
            ));
        }
    }
    let rows: usize = levels.iter().map(|level| level.gpu.len()).sum();
    if rows > 0 && !usage_is_known {
        let watts = levels.iter().flat_map(|level| &level.gpu);
        let least = watts.filter_map(|row| row.watts).reduce(f64::min);
        let even = least.map_or_else(String::new, |least| {
            format!(", even at {} W", decimal(least, 2))
        });
        notes.push(format!(
            "GPU usage is 100 in all {rows} rows{even}: the tool did not measure it, so it is unknown."
        ));
    }
    notes
}
