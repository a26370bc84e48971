//! The study's own files: what it published and had right, what it had wrong, and what breaks.

mod directory;

use std::fs;
use std::path::{Path, PathBuf};

use tokometer::event::{EventKind, RequestRecord, WarningKind};
use tokometer::metrics::dist::percentile;
use tokometer::metrics::level::CountedBy;
use tokometer::metrics::state::RunState;
use tokometer::metrics::summary::{LevelSummary, Summary};
use tokometer::store::import::{Import, import};

/// The study's figures of one model: every request, and so many of the readings of its samplers (one in a few
/// seconds, now and then two of one second) that energy and power are still those of all of them.
pub(crate) fn study() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/study/deepseek-r1-7b")
}

fn small() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/study-small")
}

fn folded(import: &Import) -> (RunState, Summary) {
    let state = RunState::from_events(&import.events);
    let summary = Summary::from_run(&state);
    (state, summary)
}

fn level(summary: &Summary, users: u32) -> &LevelSummary {
    summary
        .cycles
        .iter()
        .find(|level| level.users == users)
        .unwrap()
}

fn near(value: Option<f64>, expected: f64, within: f64) {
    let value = value.unwrap();
    assert!(
        (value - expected).abs() <= within,
        "{value} is not {expected}"
    );
}

fn raw(state: &RunState, users: u32, figure: fn(&RequestRecord) -> Option<f64>) -> Vec<f64> {
    let cycles = state.cycles.iter().filter(|cycle| cycle.users == users);
    let requests = cycles.flat_map(|cycle| &cycle.requests);
    let mut values: Vec<f64> = requests.filter_map(figure).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[test]
fn what_the_study_has_right() {
    let (state, summary) = folded(&import(&study(), None).unwrap());
    let speeds = [
        (2, 30.7),
        (8, 12.8),
        (16, 9.8),
        (32, 8.0),
        (64, 7.1),
        (128, 6.5),
        (256, 6.3),
    ];
    for (users, expected) in speeds {
        near(
            level(&summary, users).figures.speed_tok_s.mean,
            expected,
            0.05,
        );
    }
    let at_32 = &level(&summary, 32).figures;
    let wait = at_32.ttft_s;
    near(wait.mean, 84.05, 0.005);
    near(wait.p95, 227.13, 0.005);
    assert_eq!(wait.p99, None, "32 requests cannot carry a p99");
    // What its files lack is absent, never 0 and never a copy of what they have.
    assert_eq!(at_32.ttfb_s.n, 0, "its TTFB is the first token");
    assert_eq!((at_32.thinking_share, at_32.retries), (None, None));
    let waits = raw(&state, 32, RequestRecord::ttft_s);
    near(percentile(&waits, 0.99), 234.90, 0.005);
    assert_eq!(level(&summary, 128).figures.output_tokens, 251_551);
    let by_mean = summary.verdict.as_ref().unwrap().by_mean;
    assert_eq!(by_mean.wait_users, Some(19));
    assert_eq!(by_mean.speed_users, Some(4));
    assert_eq!(by_mean.both_users, Some(4));
    let evidence = &summary.verdict.as_ref().unwrap().levels[2].evidence;
    assert!(
        evidence.starts_with(
            "4 users: mean 20.7 tok/s meets 19.9, but only 5 of 8 requests did \
             (62 %, 95 % CI 22–91 %)"
        ),
        "{evidence}"
    );
}

#[test]
fn what_the_study_has_wrong() {
    let (_, summary) = folded(&import(&study(), None).unwrap());
    let at_256 = &level(&summary, 256).figures;
    assert_eq!((at_256.failed, at_256.requests), (48, 256));
    near(at_256.error_rate, 0.1875, 1e-9);
    assert_eq!(at_256.errors["http_500"], 48);
    near(at_256.ttft_s.mean, 1534.79, 0.005);
    near(at_256.duration_s, 58.0 * 60.0 + 47.0, 0.5);
    // The shortest answer took 126.5 s to write; its wait comes on top.
    near(at_256.response_s.min, 126.472, 0.001);
    near(at_256.total_s.min, 127.29, 0.005);
    assert!(summary.cycles.iter().all(|level| {
        level.figures.tokens_counted_by == Some(CountedBy::Chunks)
            && level.figures.gpu.is_none_or(|gpu| gpu.usage_percent.n == 0)
    }));
    let reported = |what: &str| {
        let imported = summary
            .warnings
            .iter()
            .filter(|w| w.kind == WarningKind::Imported);
        assert_eq!(
            imported.filter(|w| w.text.contains(what)).count(),
            1,
            "{what}"
        );
    };
    reported("48 of 256 requests failed at 256 users (18.8 %)");
    reported("so it is unknown");
    reported("not tokens");
}

#[test]
fn the_shortest_answer_at_256_is_not_zero() {
    let (state, _) = folded(&import(&study(), None).unwrap());
    let written = raw(&state, 256, |request| {
        Some(request.total_s()? - request.ttft_s()?)
    });
    near(written.first().copied(), 126.472, 0.001);
    assert_eq!(written.len(), 208);
}

#[test]
fn energy_counts_once() {
    let (_, summary) = folded(&import(&study(), None).unwrap());
    let energy = summary.energy.clone().unwrap();
    near(energy.wh, 78.1, 0.05);
    near(energy.in_cycles_wh, 77.3, 0.05);
    near(energy.outside_wh, 0.8, 0.05);
    near(
        level(&summary, 2)
            .figures
            .energy_j
            .map(|joules| joules / 3600.0),
        0.47,
        0.015,
    );
    assert_eq!(energy.scope.as_deref(), Some("gpu"));
    // The first of the two runs at 4 users has no samples: its tokens stay out.
    let at_4 = level(&summary, 4);
    assert_eq!(at_4.repeats.len(), 2);
    assert_eq!(at_4.repeats[0].energy_j, None);
    assert_eq!(at_4.repeats[0].gpu, None);
    near(
        at_4.figures.j_per_token,
        at_4.repeats[1].j_per_token.unwrap(),
        1e-12,
    );
    let tokens = at_4.repeats[1].output_tokens as f64;
    near(
        at_4.figures.j_per_token,
        at_4.figures.energy_j.unwrap() / tokens,
        1e-12,
    );
    let parts: f64 = summary
        .cycles
        .iter()
        .filter_map(|level| level.figures.energy_j)
        .sum();
    near(energy.in_cycles_wh, parts / 3600.0, 1e-6);
}

#[test]
fn the_machine_by_level() {
    let (_, summary) = folded(&import(&study(), None).unwrap());
    let at_256 = &level(&summary, 256).figures;
    let gpu = at_256.gpu.unwrap();
    assert!(gpu.watts.n > 2_000 && gpu.watts.mean < gpu.watts.max);
    near(gpu.mhz.mean, 1390.0, 15.0);
    let pids: Vec<u32> = at_256
        .processes
        .iter()
        .filter_map(|process| process.pid)
        .collect();
    assert_eq!(pids, [40163, 42567]);
    // `ps` tells KiB: the runner holds some 2.5 GB.
    let rss = at_256.processes[1].rss_bytes.max.unwrap();
    assert!((2.0e9..4.0e9).contains(&rss), "{rss}");
}

#[test]
fn a_small_folder_with_the_same_defects() {
    let (state, summary) = folded(&import(&small(), None).unwrap());
    let one = level(&summary, 1);
    assert_eq!(one.repeats.len(), 2);
    near(one.figures.speed_tok_s.mean, 30.0, 1e-9);
    near(one.figures.total_s.mean, 10.5, 1e-9);
    // 20 W over the second run's 10 s; the first has no samples, and its tokens stay out.
    near(one.figures.energy_j, 200.0, 1e-6);
    near(one.figures.j_per_token, 200.0 / 285.0, 1e-9);
    let two = &level(&summary, 2).figures;
    assert_eq!((two.failed, two.errors["http_500"]), (1, 1));
    near(two.ttft_s.mean, 12.0, 1e-9);
    near(two.total_s.min, 20.0, 1e-9);
    // Both samplers saw it, 30 W each second and 32 W every other: 31 W where both did.
    near(two.energy_j, 30.5 * 20.0, 1e-6);
    let energy = summary.energy.clone().unwrap();
    near(energy.in_cycles_wh, (200.0 + 610.0) / 3600.0, 1e-9);
    assert!(energy.outside_wh.unwrap() < 60.0 / 3600.0);
    assert_eq!(two.gpu.unwrap().usage_percent.n, 0);
    assert_eq!(two.processes[0].threads.max, Some(19.0));
    assert_eq!(two.processes[0].rss_bytes.max, Some(90_000.0 * 1024.0));
    assert!(state.upcoming.is_empty());
    assert_eq!(summary.imported.clone().unwrap().folder, "study-small");
    assert_eq!(summary.target.clone().unwrap().model, "study-small");
    let problems = import(&small(), Some("m")).unwrap().problems;
    assert_eq!(problems, [] as [&str; 0]);
}

fn copied() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["test_results_1", "test_results_2"] {
        fs::create_dir(copy.path().join(folder)).unwrap();
        for entry in fs::read_dir(small().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(
                &path,
                copy.path().join(folder).join(path.file_name().unwrap()),
            )
            .unwrap();
        }
    }
    copy
}

#[test]
fn what_is_broken_is_told_with_file_and_line_and_the_rest_is_imported() {
    let copy = copied();
    let at = |name: &str| copy.path().join(name);
    let append = |name: &str, more: &str| {
        let text = fs::read_to_string(at(name)).unwrap();
        fs::write(at(name), text + more).unwrap();
    };
    append(
        "test_results_1/gpu_metrics.csv",
        "2025-03-02T10:01:00-03:00, 55.10,twenty,1390\n",
    );
    append("test_results_2/process_70_metrics.csv", "2025-03-02T10:0");
    append(
        "test_results_2/request_summary.csv",
        "3,-1,2,2,1,7,200,Completed\n",
    );
    fs::write(at("notes.txt"), "hello").unwrap();
    fs::write(at("test_results_2/chart.png"), [137, 80, 78, 71]).unwrap();
    fs::write(at("test_results_2/process_71_metrics.csv"), "a,b\n1,2\n").unwrap();
    let import = import(copy.path(), None).unwrap();
    let expected = [
        "test_results_1/gpu_metrics.csv, line 62: Power(W) is not a number: \"twenty\"",
        "test_results_2/process_70_metrics.csv, line 9: Timestamp is not a time: \"2025-03-02T10:0\"",
        "test_results_2/request_summary.csv, line 4: TTFB is not a number: \"-1\"",
        "notes.txt: not a file of the study's tool, skipped",
        "test_results_2/chart.png: not a file of the study's tool, skipped",
        "test_results_2/process_71_metrics.csv, line 1: no column Timestamp; file skipped",
    ];
    for sentence in expected {
        assert!(
            import.problems.iter().any(|p| p == sentence),
            "{sentence}\n{:#?}",
            import.problems
        );
    }
    assert_eq!(import.problems.len(), expected.len());
    let reported = import.events.iter().filter(
        |event| matches!(&event.what, EventKind::Warning(w) if import.problems.contains(&w.text)),
    );
    assert_eq!(reported.count(), expected.len());
    assert_eq!(level(&folded(&import).1, 2).figures.requests, 2);
}

#[test]
fn missing_files_cost_only_what_they_tell() {
    let copy = copied();
    fs::remove_file(copy.path().join("test_results_2/duration_metrics.csv")).unwrap();
    fs::remove_file(copy.path().join("test_results_1/gpu_metrics.csv")).unwrap();
    fs::remove_file(copy.path().join("test_results_1/process_70_metrics.csv")).unwrap();
    let reported = import(copy.path(), None).unwrap();
    let (_, summary) = folded(&reported);
    let two = &level(&summary, 2).figures;
    assert_eq!((two.requests, two.failed), (2, 1));
    assert_eq!(two.energy_j, None, "its time is unknown");
    let all = reported.problems.join("\n");
    assert!(
        all.contains("test_results_2/duration_metrics.csv: "),
        "{all}"
    );
    assert!(all.contains("its time is unknown"), "{all}");
    assert!(all.contains("test_results_1/gpu_metrics.csv: "), "{all}");
    assert!(
        all.contains("test_results_1: no process_PID_metrics.csv"),
        "{all}"
    );
    fs::remove_file(copy.path().join("test_results_1/request_summary.csv")).unwrap();
    let (_, summary) = folded(&import(copy.path(), None).unwrap());
    assert_eq!(summary.cycles.len(), 1);
}

#[test]
fn a_folder_that_is_none_of_the_study() {
    let nothing = tempfile::tempdir().unwrap();
    let error = import(nothing.path(), None).unwrap_err().to_string();
    assert!(error.contains("no test_results_N folder"), "{error}");
    let parent = small().parent().unwrap().to_owned();
    let error = import(&parent, None).unwrap_err().to_string();
    assert!(error.contains("study-small"), "{error}");
    fs::create_dir(nothing.path().join("test_results_4")).unwrap();
    let error = import(nothing.path(), None).unwrap_err().to_string();
    assert!(error.contains("no request could be read"), "{error}");
    assert!(import(&nothing.path().join("gone"), None).is_err());
    // One level alone may be named itself.
    let one = import(&small().join("test_results_2"), None).unwrap();
    assert_eq!(folded(&one).1.cycles.len(), 1);
}
