//! The run directory: what is written while a run goes on, and what opens again afterwards.

use std::fs;
use std::path::Path;

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use tokometer::event::{Event, EventKind, Stamp};
use tokometer::metrics::state::RunState;
use tokometer::metrics::summary::Summary;
use tokometer::store;
use tokometer::store::{Recorder, RunDirectory};

use crate::{small_run, story};

/// Records the fixed run below `root`, 100 ms at a time.
fn recorded(root: &Path, simulated: bool) -> std::path::PathBuf {
    let directory = RunDirectory::create(root, &story::info(simulated)).unwrap();
    let mut recorder = Recorder::open(&directory).unwrap();
    for event in small_run::run(simulated) {
        assert_eq!(
            recorder.record(std::slice::from_ref(&event), event.at),
            None
        );
    }
    let recording = recorder.finish();
    assert_eq!(recording.warning, None);
    recording.directory
}

fn text(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}

#[test]
fn a_run_is_named_after_its_start_and_its_model() {
    let root = tempfile::tempdir().unwrap();
    let mut info = story::info(false);
    let name = |info: &_| {
        let directory = RunDirectory::create(&root.path().join("deep/er"), info).unwrap();
        assert_eq!(
            directory.path().file_name().unwrap().to_str(),
            Some(&*directory.info().id)
        );
        directory.info().id.clone()
    };
    assert_eq!(name(&info), "2026-11-21T16-02-11_deepseek-r1-7b");
    assert_eq!(name(&info), "2026-11-21T16-02-11_deepseek-r1-7b-2");
    info.target.model.name = "../..\\models/Q:*".to_owned();
    assert_eq!(name(&info), "2026-11-21T16-02-11_Q");
    info.target.model.name = "hf.co/Ünsloth/Q:*".to_owned();
    assert_eq!(name(&info), "2026-11-21T16-02-11_hf.co-nsloth-Q");
    info.target.model.name = "..".to_owned();
    assert_eq!(name(&info), "2026-11-21T16-02-11_model");
}

#[test]
fn run_json_stands_before_the_first_event() {
    let root = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(root.path(), &story::info(false)).unwrap();
    let recovered = store::read(directory.path()).unwrap();
    assert_eq!(&recovered.info, directory.info());
    assert_eq!(recovered.events.len(), 1);
    assert_eq!(
        recovered.missing,
        [
            "events.jsonl is missing: the run cannot be rebuilt.",
            "The run has no end: everything after 0 s is missing."
        ]
    );
    let names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["run.json"]);
}

#[test]
fn what_was_recorded_opens_whole() {
    let root = tempfile::tempdir().unwrap();
    let directory = recorded(root.path(), false);
    let recovered = store::read(&directory).unwrap();
    assert!(recovered.missing.is_empty(), "{:?}", recovered.missing);
    // Progress is thinned to a line a second a cycle, and texts of answers are kept apart.
    let facts = |events: &[Event]| -> Vec<Event> {
        let mut facts: Vec<Event> = events
            .iter()
            .filter(|event| !matches!(event.what, EventKind::Progress { .. }))
            .cloned()
            .collect();
        for fact in &mut facts {
            if let EventKind::RequestEnded(record) = &mut fact.what {
                record.answer = None;
            }
        }
        facts
    };
    let original = small_run::run(false);
    assert_eq!(facts(&recovered.events), facts(&original));
    let progress: Vec<f64> = recovered
        .events
        .iter()
        .filter(|event| matches!(event.what, EventKind::Progress { cycle: 0, .. }))
        .map(|event| event.at.secs())
        .collect();
    assert_eq!(progress, [5.2, 6.2, 7.2, 8.2, 9.2, 10.2, 11.2, 12.2]);
    let of = |events: &[Event]| {
        Summary::from_run(&RunState::from_events(events))
            .to_json()
            .unwrap()
    };
    assert_eq!(text(&directory, "summary.json"), of(&original));
    assert_eq!(of(&recovered.events), of(&original));
}

#[test]
fn the_size_of_its_bites_makes_no_difference() {
    let root = tempfile::tempdir().unwrap();
    let one_by_one = recorded(root.path(), false);
    for bite in [2, 7, 1000] {
        let directory = RunDirectory::create(root.path(), &story::info(false)).unwrap();
        let mut recorder = Recorder::open(&directory).unwrap();
        for events in small_run::run(false).chunks(bite) {
            assert_eq!(recorder.record(events, events[0].at), None);
        }
        recorder.finish();
        for name in ["events.jsonl", "requests.csv", "cycles.csv", "summary.json"] {
            assert_eq!(
                text(directory.path(), name),
                text(&one_by_one, name),
                "{name} by {bite}"
            );
        }
    }
}

#[test]
fn the_tables() {
    let root = tempfile::tempdir().unwrap();
    let directory = recorded(root.path(), false);
    insta::assert_snapshot!("requests_csv", text(&directory, "requests.csv"));
    insta::assert_snapshot!("cycles_csv", text(&directory, "cycles.csv"));
}

#[test]
fn answers_of_each_level_are_kept_by_their_ranks() {
    let root = tempfile::tempdir().unwrap();
    let directory = recorded(root.path(), true);
    let mut names: Vec<String> = fs::read_dir(directory.join("answers"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "users-0001-median.json",
            "users-0001-p95_wait.json",
            "users-0002-median.json"
        ]
    );
    insta::assert_snapshot!(
        "answer_json",
        text(&directory, "answers/users-0002-median.json")
    );
}

#[test]
fn simulated_stands_in_every_file() {
    let root = tempfile::tempdir().unwrap();
    let directory = recorded(root.path(), true);
    for name in ["run.json", "summary.json", "answers/users-0001-median.json"] {
        let json: serde_json::Value = serde_json::from_str(&text(&directory, name)).unwrap();
        assert_eq!(json["simulated"], true, "{name}");
    }
    assert!(
        text(&directory, "events.jsonl")
            .lines()
            .next()
            .unwrap()
            .contains(r#""simulated":true"#)
    );
    for name in ["requests.csv", "cycles.csv"] {
        let table = text(&directory, name);
        let mut lines = table.lines();
        assert!(lines.next().unwrap().starts_with("simulated,"), "{name}");
        assert!(lines.all(|line| line.starts_with("true,")), "{name}");
    }
}

#[test]
fn nothing_waits_longer_than_a_quarter_of_a_second() {
    let root = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(root.path(), &story::info(false)).unwrap();
    let mut recorder = Recorder::open(&directory).unwrap();
    let events = small_run::run(false);
    let lines = || text(directory.path(), "events.jsonl").lines().count();
    recorder.record(&events[..1], Stamp(1_000_000));
    assert_eq!(lines(), 1);
    recorder.record(&events[1..2], Stamp(1_100_000));
    recorder.record(&events[2..3], Stamp(1_249_999));
    recorder.tick(Stamp(1_249_999));
    assert_eq!(lines(), 1);
    recorder.tick(Stamp(1_250_000));
    assert_eq!(lines(), 3);
    recorder.record(&events[3..4], Stamp(1_300_000));
    recorder.flush();
    assert_eq!(lines(), 4);
}

#[test]
fn what_cannot_be_written_is_told_once_and_ends_nothing() {
    let root = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(root.path(), &story::info(false)).unwrap();
    let mut recorder = Recorder::open(&directory).unwrap();
    fs::remove_dir(directory.path().join("answers")).unwrap();
    fs::write(directory.path().join("answers"), "in the way").unwrap();
    let warnings: Vec<_> = small_run::run(false)
        .iter()
        .filter_map(|event| recorder.record(std::slice::from_ref(event), event.at))
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let told = &warnings[0].text;
    assert!(told.contains("Could not write all files"), "{told}");
    assert!(told.contains("answers"), "{told}");
    assert_eq!(recorder.finish().warning, None);
    let recovered = store::read(directory.path()).unwrap();
    assert!(recovered.missing.is_empty(), "{:?}", recovered.missing);
}

#[test]
fn the_default_root() {
    let asked = store::default_root(Some(Path::new("here"))).unwrap();
    assert_eq!(asked, Path::new("here"));
    let default = store::default_root(None).unwrap();
    assert!(default.ends_with("tokometer/runs"), "{}", default.display());
}

#[test]
fn what_is_no_run_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let refused = store::read(root.path()).unwrap_err().to_string();
    assert!(refused.contains("is not a run directory"), "{refused}");
    assert!(store::read(&root.path().join("nowhere")).is_err());
}

#[test]
fn a_log_without_run_json_opens() {
    let root = tempfile::tempdir().unwrap();
    let directory = recorded(root.path(), false);
    for content in [None, Some("{\"id\":")] {
        fs::remove_file(directory.join("run.json")).unwrap();
        if let Some(content) = content {
            fs::write(directory.join("run.json"), content).unwrap();
        }
        let recovered = store::read(&directory).unwrap();
        assert_eq!(recovered.info, story::info(false));
        assert_eq!(recovered.missing.len(), 1, "{:?}", recovered.missing);
        fs::write(directory.join("run.json"), "").unwrap();
    }
}

#[test]
fn a_bad_line_costs_only_itself() {
    let root = tempfile::tempdir().unwrap();
    let directory = recorded(root.path(), false);
    let whole = store::read(&directory).unwrap();
    let mut lines: Vec<String> = text(&directory, "events.jsonl")
        .lines()
        .map(str::to_owned)
        .collect();
    lines[3] = "\u{0}\u{0}".to_owned();
    lines[5] = r#"{"t_us":5,"event":{"from_a_later_version":{}}}"#.to_owned();
    fs::write(directory.join("events.jsonl"), lines.join("\n")).unwrap();
    let recovered = store::read(&directory).unwrap();
    assert_eq!(recovered.events.len(), whole.events.len() - 2);
    assert_eq!(recovered.missing.len(), 1);
    let told = &recovered.missing[0];
    assert!(
        told.starts_with("2 lines of events.jsonl cannot be read, the first is line 4:"),
        "{told}"
    );
}

#[test]
fn a_log_cut_at_any_byte_opens_and_says_what_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let directory = recorded(root.path(), true);
    let log = fs::read(directory.join("events.jsonl")).unwrap();
    let whole = store::events_of(&log).0;
    for cut in 0..log.len() - 1 {
        let (events, missing) = store::events_of(&log[..cut]);
        assert_eq!(events[..], whole[..events.len()], "cut at {cut}");
        let inside = cut > 0 && log[cut - 1] != b'\n' && log[cut] != b'\n';
        assert_eq!(!missing.is_empty(), inside, "cut at {cut}: {missing:?}");
    }
    for cut in (0..log.len() - 1).step_by(97) {
        fs::write(directory.join("events.jsonl"), &log[..cut]).unwrap();
        let recovered = store::read(&directory).unwrap();
        assert!(recovered.info.simulated);
        let last = recovered.missing.last().unwrap();
        assert!(
            last.starts_with("The run has no end"),
            "cut at {cut}: {last}"
        );
        let state = RunState::from_events(&recovered.events);
        assert!(state.info.is_some() && state.is_running());
    }
}

#[test]
fn says_what_was_in_flight_when_it_broke_off() {
    let root = tempfile::tempdir().unwrap();
    let directory = recorded(root.path(), false);
    let log = text(&directory, "events.jsonl");
    let until = log.find(r#""request_ended":{"id":2"#).unwrap();
    fs::write(directory.join("events.jsonl"), &log[..until]).unwrap();
    let missing = store::read(&directory).unwrap().missing;
    assert_eq!(
        missing[1],
        "The run has no end: everything after 28.8 s is missing, and with it the request then in flight."
    );
}

proptest! {
    #[test]
    fn whatever_stands_in_a_log_it_opens(garbage in prop::collection::vec(any::<u8>(), 0..400)) {
        let (events, missing) = store::events_of(&garbage);
        let blank = garbage.iter().all(|byte| *byte == b'\n');
        prop_assert!(events.is_empty());
        prop_assert_eq!(missing.is_empty(), blank);
    }
}

#[test]
fn what_the_monitors_saw_has_tables_of_its_own() {
    use tokometer::event::{GpuSample, PowerScope, ProcessSample};
    let root = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(root.path(), &story::info(true)).unwrap();
    let mut recorder = Recorder::open(&directory).unwrap();
    let mut events = small_run::run(true);
    for second in [1.0, 8.0] {
        let gpu = GpuSample {
            source: "nvml:a".to_owned(),
            name: Some("=cmd, \u{1b}[2J".to_owned()),
            watts: Some(20.5),
            scope: Some(PowerScope::Soc),
            ..GpuSample::default()
        };
        let process = |pid, rss_bytes| ProcessSample {
            pid,
            name: "ollama".to_owned(),
            rss_bytes,
            ..ProcessSample::default()
        };
        let mut table = vec![process(1, Some(5))];
        table.extend((second > 5.0).then(|| process(2, None)));
        events.push(story::event(second, EventKind::Gpu(gpu)));
        events.push(story::event(second, EventKind::Processes(table)));
    }
    events.sort_by_key(|event| event.at);
    for event in events {
        recorder.record(std::slice::from_ref(&event), event.at);
    }
    let path = recorder.finish().directory;
    insta::assert_snapshot!("gpu_csv", text(&path, "gpu.csv"));
    insta::assert_snapshot!("processes_csv", text(&path, "processes.csv"));
    let recovered = store::read(&path).unwrap();
    let state = RunState::from_events(&recovered.events);
    assert_eq!(state.machine.tracks["nvml:a"].watts.max, Some(20.5));
}
