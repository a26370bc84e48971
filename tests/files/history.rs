//! The list of runs, and going on with one that was killed.

use std::fs;
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;
use tokometer::event::{CycleEnd, Event, EventKind, RunEnd, RunInfo};
use tokometer::metrics::state::RunState;
use tokometer::metrics::summary::Summary;
use tokometer::plan::{Plan, SettlePlan};
use tokometer::store;
use tokometer::store::index::{Found, delete, find, list, list_all};
use tokometer::store::{Recorder, Resume, RunDirectory};

use crate::{small_run, story};

fn record(root: &Path, info: &RunInfo, events: &[Event]) -> PathBuf {
    let directory = RunDirectory::create(root, info).unwrap();
    let mut recorder = Recorder::open(&directory).unwrap();
    for event in events {
        recorder.record(std::slice::from_ref(event), event.at);
    }
    recorder.finish().directory
}

fn recorded(root: &Path, simulated: bool) -> PathBuf {
    record(root, &story::info(simulated), &small_run::run(simulated))
}

#[test]
fn lists_the_latest_first_and_keeps_an_index() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(list(&root.path().join("nowhere")).unwrap(), []);
    let first = recorded(root.path(), false);
    let mut later = story::info(true);
    later.started_at += chrono::TimeDelta::days(1);
    record(root.path(), &later, &{
        let mut events = small_run::run(true);
        events[0].what = EventKind::RunStarted(Box::new(later.clone()));
        events
    });
    fs::create_dir(root.path().join("no run")).unwrap();
    fs::write(root.path().join("notes.txt"), "").unwrap();
    let entries = list(root.path()).unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries[0].simulated && !entries[1].simulated);
    let old = &entries[1];
    assert_eq!(Some(&*old.id), first.file_name().unwrap().to_str());
    assert_eq!(
        (old.model.as_str(), old.server.as_deref()),
        ("deepseek-r1:7b", Some("ollama 0.33.0"))
    );
    assert_eq!(
        (&*old.users, old.requests, old.failed, old.ended),
        (&[1, 2][..], 4, 1, true)
    );
    // One of its two requests of two users failed.
    assert_eq!(old.by_mean.unwrap().both_users, Some(1));
    // Lost, torn or from another version: it is made again, with the same content.
    let index = root.path().join("index.json");
    for broken in [
        None,
        Some("{\"schema\":\"tokometer/index/0\"}"),
        Some("{\"sche"),
    ] {
        fs::remove_file(&index).unwrap();
        if let Some(broken) = broken {
            fs::write(&index, broken).unwrap();
        }
        assert_eq!(list(root.path()).unwrap(), entries);
        assert!(
            fs::read_to_string(&index)
                .unwrap()
                .contains("tokometer/index/1")
        );
    }
}

#[test]
fn the_index_follows_what_happens_to_the_runs() {
    let root = tempfile::tempdir().unwrap();
    let path = recorded(root.path(), false);
    assert_eq!(list(root.path()).unwrap()[0].requests, 4);
    // A killed run has no summary, and its log is cut.
    fs::remove_file(path.join("summary.json")).unwrap();
    let log = fs::read_to_string(path.join("events.jsonl")).unwrap();
    let until = log.find(r#""request_ended":{"id":2"#).unwrap();
    fs::write(path.join("events.jsonl"), &log[..until]).unwrap();
    let entry = list(root.path()).unwrap().remove(0);
    assert_eq!((entry.requests, entry.ended), (2, false));
    let id = entry.id;
    assert!(delete(root.path(), "..").is_err());
    assert!(delete(root.path(), "").is_err());
    assert!(delete(&root.path().join(&id), "answers").is_err());
    delete(root.path(), &id).unwrap();
    assert!(!path.exists());
    assert_eq!(list(root.path()).unwrap(), []);
    assert!(delete(root.path(), &id).is_err());
}

#[test]
fn a_run_is_found_by_its_path_its_name_or_how_it_begins() {
    let root = tempfile::tempdir().unwrap();
    let path = recorded(root.path(), false);
    let found = |name: &str| find(root.path(), name);
    let id = path.file_name().unwrap().to_str().unwrap();
    for name in [path.to_str().unwrap(), id, "2026-11-21T16", "latest"] {
        assert_eq!(found(name).unwrap(), path, "{name}");
    }
    for wrong in ["", ".", "..", "2027", "gone/away"] {
        assert!(found(wrong).is_err(), "{wrong}");
    }
    recorded(root.path(), false);
    assert_eq!(found(id).unwrap(), path, "a whole name is no beginning");
    let error = found("2026").unwrap_err().to_string();
    assert!(error.contains("2 runs start with this name"), "{error}");
}

/// Puts other bytes, as many, into a file, and its time back to what it was.
fn garble(file: &Path) {
    let before = fs::metadata(file).unwrap();
    let other = vec![b'#'; usize::try_from(before.len()).unwrap()];
    fs::write(file, other).unwrap();
    let file = fs::File::options().append(true).open(file).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
}

/// How quick that is, `cargo bench --bench history` says.
#[test]
fn a_run_that_did_not_change_is_listed_from_the_index_alone() {
    let root = tempfile::tempdir().unwrap();
    let paths = [false, true, false].map(|simulated| recorded(root.path(), simulated));
    let entries = list(root.path()).unwrap();
    assert_eq!(entries.len(), 3);
    for path in &paths {
        for name in ["run.json", "summary.json", "events.jsonl"] {
            garble(&path.join(name));
        }
    }
    assert_eq!(list(root.path()).unwrap(), entries, "a file was read");
    // Without the index there is nothing left to read.
    fs::remove_file(root.path().join("index.json")).unwrap();
    assert_eq!(list(root.path()).unwrap(), []);
}

#[test]
fn the_command_lists_filters_and_deletes() {
    let root = tempfile::tempdir().unwrap();
    let path = recorded(root.path(), true);
    let runs = |more: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("tokometer").unwrap();
        command
            .arg("runs")
            .args(more)
            .arg("--runs-dir")
            .arg(root.path());
        command.assert()
    };
    let text = |more: &[&str]| {
        String::from_utf8(runs(more).success().get_output().stdout.clone()).unwrap()
    };
    insta::assert_snapshot!("runs_table", text(&[]));
    assert!(text(&["DEEPSEEK"]).contains("deepseek-r1:7b"));
    let none = text(&["qwen"]);
    assert!(
        none.starts_with("no runs in")
            && none.ends_with(" with \"qwen\" in name, model or server\n"),
        "{none}"
    );
    let json: serde_json::Value = serde_json::from_str(&text(&["--json"])).unwrap();
    assert_eq!(json[0]["simulated"], true);
    runs(&["--delete", "latest"]).code(2);
    assert!(path.exists());
    runs(&["--delete", "latest", "--yes"]).success();
    assert!(!path.exists());
    runs(&["--delete", "latest", "--yes"]).code(1);
}

#[test]
fn what_cannot_be_read_is_listed_with_its_reason_and_can_be_deleted() {
    let root = tempfile::tempdir().unwrap();
    recorded(root.path(), false);
    let made = |name: &str, file: &str, content: &str| {
        let path = root.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join(file), content).unwrap();
    };
    made("2026-11-22T10-00-00_torn", "run.json", "{");
    made("old", "events.jsonl", "nothing\n");
    made("photographs", "cat.jpeg", "");
    let found = list_all(root.path()).unwrap();
    let ids: Vec<&str> = found.iter().map(Found::id).collect();
    let run = "2026-11-21T16-02-11_deepseek-r1-7b";
    assert_eq!(ids, ["2026-11-22T10-00-00_torn", run, "old"]);
    let reported = format!("{:?}", found[0]);
    assert!(
        reported.contains("neither run.json nor events.jsonl"),
        "{reported}"
    );
    assert!(
        !reported.contains(root.path().to_str().unwrap()),
        "{reported}"
    );
    assert_eq!(list(root.path()).unwrap().len(), 1);
    delete(root.path(), "old").unwrap();
    assert!(delete(root.path(), "photographs").is_err());
    assert_eq!(list_all(root.path()).unwrap().len(), 2);
    let mut command = assert_cmd::Command::cargo_bin("tokometer").unwrap();
    let listed = command.arg("runs").arg("--runs-dir").arg(root.path());
    let output = listed.assert().success().get_output().clone();
    let reported = String::from_utf8(output.stderr).unwrap();
    let line = "warning: 2026-11-22T10-00-00_torn cannot be read: neither run.json";
    assert!(reported.starts_with(line), "{reported}");
}

#[test]
fn a_replay_without_a_screen_tells_what_the_run_came_to() {
    let root = tempfile::tempdir().unwrap();
    let path = recorded(root.path(), true);
    let tokometer = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("tokometer").unwrap();
        command.args(arguments).arg("--runs-dir").arg(root.path());
        command.assert()
    };
    let out = |arguments: &[&str]| {
        let ended = tokometer(arguments).success();
        String::from_utf8(ended.get_output().stdout.clone()).unwrap()
    };
    let report = out(&["report", path.to_str().unwrap(), "--json"]);
    for run in ["latest", "2026", path.to_str().unwrap()] {
        assert_eq!(out(&["replay", run, "--json"]), report, "{run}");
    }
    let table = out(&["replay", "latest"]);
    assert!(
        table.contains("SIMULATED") && !table.contains('\u{1b}'),
        "{table}"
    );
    assert_eq!(out(&["replay", "latest", "--headless"]), table);
    let unknown = tokometer(&["replay", "yesterday"]).code(1);
    let reported = String::from_utf8(unknown.get_output().stderr.clone()).unwrap();
    assert!(
        reported.starts_with("error: yesterday is not a run directory"),
        "{reported}"
    );
    tokometer(&["replay", "latest", "--speed", "1000"]).code(2);
    // What is missing of it is told beside the summary.
    fs::remove_file(path.join("run.json")).unwrap();
    let ended = tokometer(&["replay", "latest", "--json"]).success();
    let reported = String::from_utf8(ended.get_output().stderr.clone()).unwrap();
    assert!(
        reported.starts_with("warning: run.json is missing"),
        "{reported}"
    );
}

/// The fixed run, asked to do 1, 2 and 1 users and then 4, killed within the second cycle.
fn killed(root: &Path) -> PathBuf {
    let mut info = story::info(false);
    info.plan = Plan {
        levels: vec![1, 2, 1, 4],
        ..Plan::default()
    };
    let mut events = small_run::run(false);
    if let Some(first) = events.first_mut() {
        first.what = EventKind::RunStarted(Box::new(info.clone()));
    }
    let path = record(root, &info, &events);
    fs::remove_file(path.join("summary.json")).unwrap();
    let log = fs::read_to_string(path.join("events.jsonl")).unwrap();
    let until = log.find(r#""request_ended":{"id":2"#).unwrap();
    fs::write(path.join("events.jsonl"), &log[..until]).unwrap();
    path
}

#[test]
fn a_killed_run_goes_on_at_the_level_where_it_stopped() {
    let root = tempfile::tempdir().unwrap();
    let path = killed(root.path());
    let resume = Resume::open(&path).unwrap();
    assert_eq!(resume.levels, [2, 1, 4]);
    assert_eq!(resume.missing.len(), 1, "{:?}", resume.missing);
    let last = resume.state.now;
    let later = resume.info.started_at + chrono::TimeDelta::hours(1);
    let continued = resume.continued(later);
    assert_eq!(continued.at, story::at(3600.0));
    let mut recorder = Recorder::resume(&resume).unwrap();
    let mut more = vec![continued.clone()];
    let answer = story::answered(9, 3, [3605.0, 3606.0, 3616.0], 256);
    more.extend(small_run::cycle(3, 2, 3604.0, &[answer]));
    more.push(story::event(
        3617.0,
        EventKind::RunEnded { why: RunEnd::Done },
    ));
    for event in &more {
        assert_eq!(recorder.record(std::slice::from_ref(event), event.at), None);
    }
    recorder.finish();
    let whole = store::read(&path).unwrap();
    assert_eq!(whole.missing, [] as [&str; 0], "the torn line is closed");
    let state = RunState::from_events(&whole.events);
    let ends: Vec<_> = state
        .cycles
        .iter()
        .map(|c| (c.users, c.end, c.in_flight.len()))
        .collect();
    assert_eq!(
        ends,
        [
            (1, Some(CycleEnd::Done), 0),
            (2, Some(CycleEnd::Stopped), 0),
            (2, Some(CycleEnd::Done), 0)
        ]
    );
    assert_eq!(state.cycles[1].ended, Some(last));
    assert_eq!(state.upcoming, [1, 4]);
    let summary = Summary::from_run(&state);
    let gap = format!(
        "The run was interrupted at {:.1} s and resumed",
        last.secs()
    );
    assert!(
        summary.warnings.iter().any(|w| w.text.starts_with(&gap)),
        "{:?}",
        summary.warnings
    );
    assert_eq!(
        fs::read_to_string(path.join("summary.json")).unwrap(),
        summary.to_json().unwrap()
    );
    let requests = fs::read_to_string(path.join("requests.csv")).unwrap();
    assert_eq!(
        requests
            .lines()
            .filter(|line| line.starts_with("simulated,"))
            .count(),
        1
    );
    let rows: usize = state.cycles.iter().map(|cycle| cycle.requests.len()).sum();
    assert_eq!(requests.lines().count(), rows + 1);
    assert!(list(root.path()).unwrap()[0].ended);
}

#[test]
fn a_killed_run_is_listed_as_such_with_a_summary_too() {
    let root = tempfile::tempdir().unwrap();
    let path = killed(root.path());
    let entry = list(root.path()).unwrap().remove(0);
    assert!(!entry.ended);
    let state = RunState::from_events(&store::read(&path).unwrap().events);
    let summary = Summary::from_run(&state);
    fs::write(path.join("summary.json"), summary.to_json().unwrap()).unwrap();
    assert_eq!(list(root.path()).unwrap(), [entry]);
    let runs = |root: &Path| {
        let mut command = assert_cmd::Command::cargo_bin("tokometer").unwrap();
        let command = command.arg("runs").arg("--runs-dir").arg(root);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let reported = runs(root.path());
    assert!(
        reported.contains("ollama 0.33.0 [interrupted]"),
        "{reported}"
    );
    // Its second cycle is not whole: the verdict rests on the first alone, and the summary says so.
    let judged = summary.verdict.unwrap();
    let users: Vec<u32> = judged.levels.iter().map(|level| level.users).collect();
    assert_eq!(users, [1]);
    let cut = |warning: &str| warning.starts_with("The cycle with 2 users is incomplete");
    assert!(summary.warnings.iter().any(|w| cut(&w.text)));
}

#[test]
fn a_run_resumed_at_any_cut_reads_whole() {
    let root = tempfile::tempdir().unwrap();
    let path = killed(root.path());
    let log = fs::read(path.join("events.jsonl")).unwrap();
    for cut in (200..log.len()).step_by(211) {
        fs::write(path.join("events.jsonl"), &log[..cut]).unwrap();
        let resume = Resume::open(&path).unwrap();
        assert!(!resume.levels.is_empty());
        let mut recorder = Recorder::resume(&resume).unwrap();
        let continued = resume.continued(resume.info.started_at);
        assert!(continued.at > resume.state.now, "the clock never goes back");
        recorder.record(std::slice::from_ref(&continued), continued.at);
        recorder.flush();
        drop(recorder);
        let again = store::read(&path).unwrap();
        assert_eq!(again.events.last(), Some(&continued), "cut at {cut}");
        assert!(
            again
                .missing
                .iter()
                .all(|m| m.starts_with("The run has no end")),
            "{:?}",
            again.missing
        );
    }
}

/// The small run, whose three answers have 256 tokens each, as one that found its levels within a budget.
fn settled(root: &Path, budget_tokens: u64) -> Result<Resume, store::StoreError> {
    let mut info = story::info(false);
    info.plan.settle = Some(SettlePlan {
        budget_tokens: Some(budget_tokens),
        ..SettlePlan::default()
    });
    let mut events = small_run::run(false);
    if let Some(first) = events.first_mut() {
        first.what = EventKind::RunStarted(Box::new(info.clone()));
    }
    Resume::open(&record(root, &info, &events))
}

#[test]
fn a_run_that_is_done_or_imported_does_not_go_on() {
    let root = tempfile::tempdir().unwrap();
    let done = recorded(root.path(), false);
    let error = Resume::open(&done).unwrap_err().to_string();
    assert!(error.contains("all its levels are done"), "{error}");
    let error = settled(root.path(), 768).unwrap_err().to_string();
    let spent = "its budget of 768 output tokens is spent";
    assert!(error.contains(spent), "{error}");
    assert_eq!(settled(root.path(), 769).unwrap().levels, [0_u32; 0]);
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/study-small");
    let import = store::import::import(&small, None).unwrap();
    let imported = store::import::record(&import, root.path()).unwrap();
    let error = Resume::open(&imported).unwrap_err().to_string();
    assert!(error.contains("it was imported"), "{error}");
}
