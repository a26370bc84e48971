//! The files of a report, from a run directory.

use std::fs;
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;
use tokometer::event::{Event, EventKind};
use tokometer::report;

use super::big;
use crate::small_run;

/// Writes a run directory as the recorder leaves it, as far as a report reads it.
pub(crate) fn run_directory(at: &Path, events: &[Event]) {
    fs::create_dir_all(at).unwrap();
    let EventKind::RunStarted(info) = &events.first().unwrap().what else {
        panic!("a run begins with its start");
    };
    fs::write(at.join("run.json"), serde_json::to_vec(info).unwrap()).unwrap();
    let lines = events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap() + "\n");
    fs::write(at.join("events.jsonl"), lines.collect::<String>()).unwrap();
}

/// What lies in a folder and below, with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path));
        } else {
            found.push((
                path.strip_prefix(folder).unwrap().to_owned(),
                fs::read(&path).unwrap(),
            ));
        }
    }
    found.sort();
    found
}

#[test]
fn a_run_directory_gets_all_of_them() {
    let run = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    run_directory(&run, &big::run(true));
    let written = report::write(&run, &run).unwrap();
    let mut names: Vec<String> = written
        .iter()
        .map(|path| path.strip_prefix(&run).unwrap().display().to_string())
        .collect();
    names.sort();
    let mut expected = vec!["cycles.csv", "report.html", "report.md", "summary.json"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for chart in [
        "answer",
        "combined",
        "combined-32",
        "cycle",
        "durations",
        "durations-32",
        "failures",
        "frequency",
        "power",
        "power-by-users",
        "processes",
        "processes-by-users",
        "speed",
        "speed-and-wait",
        "speed-over-time",
        "throughput",
        "ttfb",
        "ttfb-32",
        "waits",
    ] {
        expected.push(format!("charts/{chart}.png"));
        expected.push(format!("charts/{chart}.svg"));
    }
    expected.sort();
    assert_eq!(names, expected);
    assert!(written.iter().all(|path| path.is_file()));
}

#[test]
fn the_same_log_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    run_directory(&run, &small_run::run(false));
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    report::write(&run, &one).unwrap();
    report::write(&run, &two).unwrap();
    let one = content(&one);
    assert!(one.len() > 10);
    assert!(one == content(&two), "two reports of one log differ");
}

#[test]
fn charts_of_an_earlier_report_go() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut events = big::run(false);
    run_directory(&run, &events);
    report::write(&run, &run).unwrap();
    assert!(run.join("charts/power.png").exists());
    fs::write(run.join("charts/notes.txt"), "mine").unwrap();
    events.retain(|event| !matches!(event.what, EventKind::Gpu(_)));
    run_directory(&run, &events);
    report::write(&run, &run).unwrap();
    assert!(!run.join("charts/power.png").exists());
    assert!(run.join("charts/speed.png").exists());
    assert!(run.join("charts/notes.txt").exists());
    let text = fs::read_to_string(run.join("report.md")).unwrap();
    assert!(text.contains("No GPU was sampled"), "{text}");
    assert!(!text.contains("charts/power.svg"), "{text}");
}

#[test]
fn a_log_cut_anywhere_still_gives_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    run_directory(&run, &small_run::run(false));
    let log = fs::read(run.join("events.jsonl")).unwrap();
    for cut in [0, 10, log.len() / 3, log.len() / 2, log.len() - 30] {
        fs::write(run.join("events.jsonl"), log.get(..cut).unwrap()).unwrap();
        report::write(&run, &run).unwrap();
        let text = fs::read_to_string(run.join("report.md")).unwrap();
        assert!(text.contains("## What is missing"), "cut at {cut}");
        assert!(text.contains("The run has no end"), "cut at {cut}");
    }
}

#[test]
fn what_is_no_run_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = report::write(folder.path(), folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("is not a run directory"),
        "{error}"
    );
}
