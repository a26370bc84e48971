//! Runs that were recorded: on disk, and as errands bring them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tempfile::TempDir;
use tokometer::event::{Answer, Event, EventKind, Imported, Piece, RunInfo};
use tokometer::store::index::{Entry, Found};
use tokometer::store::opened::Opened;
use tokometer::store::{Recorder, RunDirectory};
use tokometer::tui::DashboardOptions;

use crate::live;

/// The latest run.
pub(crate) const ID: &str = "2026-11-21T16-02-11_deepseek-r1-7b";
/// A run that cannot be read.
pub(crate) const BROKEN: &str = "2026-11-18T09-00-00_lost";

/// Four runs: a whole one, a simulated one, one that was broken off and one that was imported; and one that
/// cannot be read.
pub(crate) fn library() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    record(root.path(), live::running(false), |_| {});
    record(root.path(), live::running(true), |info| {
        info.started_at = day("2026-11-20T08:15:00Z");
    });
    let cut = record(root.path(), live::running(false), |info| {
        info.started_at = day("2026-11-19T23:59:59Z");
        "llama3.2:latest".clone_into(&mut info.target.model.name);
    });
    fs::remove_file(cut.join("summary.json")).unwrap();
    let log = fs::read_to_string(cut.join("events.jsonl")).unwrap();
    let end = log.find("\"run_ended\"").unwrap();
    fs::write(cut.join("events.jsonl"), &log[..end]).unwrap();
    fs::create_dir(root.path().join(BROKEN)).unwrap();
    fs::write(root.path().join(BROKEN).join("run.json"), "{").unwrap();
    record(root.path(), live::running(false), |info| {
        info.started_at = day("2025-01-30T20:42:28Z");
        info.target.server = None;
        info.imported = Some(Imported {
            tool: "study".to_owned(),
            folder: "deepseek-r1-7b".to_owned(),
        });
    });
    root
}

fn day(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Records a run; its first answer was kept, with the time of each word.
fn record(root: &Path, mut events: Vec<Event>, change: impl Fn(&mut RunInfo)) -> PathBuf {
    events.extend(live::over());
    let EventKind::RunStarted(info) = &mut events[0].what else {
        panic!("a run begins with its start");
    };
    change(info);
    let directory = RunDirectory::create(root, info).unwrap();
    **info = directory.info().clone();
    let first = events.iter_mut().find_map(|event| match &mut event.what {
        EventKind::RequestEnded(record) => Some(record),
        _ => None,
    });
    first.unwrap().answer = Some(Arc::new(answer()));
    let mut recorder = Recorder::open(&directory).unwrap();
    for event in &events {
        recorder.record(std::slice::from_ref(event), event.at);
    }
    recorder.finish().directory
}

fn answer() -> Answer {
    let text = "Time is what a clock reads.";
    let ends = text.match_indices(' ').map(|(at, _)| at);
    let pieces = (0_u64..).zip(ends.chain([text.len()]));
    Answer {
        text: text.to_owned(),
        pieces: pieces
            .map(|(number, end)| {
                Piece::new(
                    u32::try_from(end).unwrap(),
                    500_000 + number * 1_000_000,
                    false,
                )
            })
            .collect(),
    }
}

/// A dashboard that looks for runs there.
pub(crate) fn options(root: &Path) -> DashboardOptions {
    DashboardOptions {
        archive: Some(root.to_owned()),
        runs: Some(root.to_owned()),
        ..DashboardOptions::default()
    }
}

/// Where no runs are.
pub(crate) fn nowhere() -> PathBuf {
    PathBuf::from("/nowhere/at/all")
}

/// A list of one run.
pub(crate) fn found(simulated: bool) -> Vec<Found> {
    vec![Found::Run(Box::new(Entry {
        id: ID.to_owned(),
        started_at: Some(day("2026-11-21T16:02:11Z")),
        model: "deepseek-r1:7b".to_owned(),
        server: None,
        simulated,
        imported: None,
        users: vec![1, 2],
        requests: 3,
        failed: 1,
        by_mean: None,
        by_share: None,
        speed_tok_s: Some(f64::NAN),
        ended: false,
        recording: false,
    }))]
}

/// A run of these events as an errand brings it.
pub(crate) fn opened(events: Vec<Event>) -> Opened {
    Opened {
        directory: nowhere().join(ID),
        id: ID.to_owned(),
        events,
        missing: vec!["The run has no end.".to_owned()],
        kept: Vec::new(),
    }
}
