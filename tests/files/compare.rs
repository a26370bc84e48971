//! `tokometer compare`: what it prints and how it ends.

use std::path::Path;

use tokometer::event::EventKind;
use tokometer::store::{Recorder, RunDirectory};

use crate::measured::measured;
use crate::story;

/// Records the fixed run below `root`; `slower` stretches every answer by this factor.
fn recorded(root: &Path, slower: f64) -> String {
    record(root, slower, false)
}

fn record(root: &Path, slower: f64, simulated: bool) -> String {
    let directory = RunDirectory::create(root, &story::info(simulated)).unwrap();
    let mut recorder = Recorder::open(&directory).unwrap();
    for mut event in measured(simulated) {
        if let EventKind::RequestEnded(record) = &mut event.what
            && let (Some(first), Some(last)) = (record.first_token, record.last_token)
        {
            let stretched = story::at(first.secs() + last.since(first) * slower);
            record.last_token = Some(stretched);
            record.ended = record.ended.max(stretched);
        }
        recorder.record(std::slice::from_ref(&event), event.at);
    }
    recorder.finish();
    directory.info().id.clone()
}

fn compare(root: &Path, more: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = assert_cmd::Command::cargo_bin("tokometer").unwrap();
    command
        .arg("compare")
        .args(more)
        .arg("--runs-dir")
        .arg(root)
        .env_remove("GITHUB_STEP_SUMMARY");
    command.assert()
}

#[test]
fn prints_levels_side_by_side() {
    let root = tempfile::tempdir().unwrap();
    let (a, b) = (recorded(root.path(), 1.0), recorded(root.path(), 1.25));
    let output = compare(root.path(), &[&a, &b])
        .success()
        .get_output()
        .clone();
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
    let output = compare(root.path(), &[&a, &b, "--json"])
        .success()
        .get_output()
        .clone();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "tokometer/comparison/2");
    let speed = &json["levels"][0]["rows"][0];
    assert_eq!(speed["metric"], "speed");
    assert!((speed["changes"][0]["by"].as_f64().unwrap() + 0.2).abs() < 0.001);
}

#[test]
fn its_lines_fit_the_terminal() {
    let root = tempfile::tempdir().unwrap();
    let runs: Vec<String> = [1.0, 1.25, 1.5]
        .map(|slower| recorded(root.path(), slower))
        .into();
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    for width in [60, 80, 140] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tokometer"));
        command
            .arg("compare")
            .args(&runs)
            .arg("--runs-dir")
            .arg(root.path());
        let output = command.env("COLUMNS", width.to_string()).output().unwrap();
        assert!(output.status.success());
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn small_waits_can_be_told_apart() {
    use tokometer::metrics::compare::value_text;
    use tokometer::metrics::metric::metric;
    let written = |key, value| value_text(metric(key).unwrap(), value);
    assert_eq!(written("ttft_s", Some(0.0254)), "0.025");
    assert_eq!(written("ttft_s", Some(84.053)), "84.05");
    assert_eq!(written("j_per_token", Some(0.0031)), "0.0031");
    assert_eq!(written("attainment", Some(0.625)), "62.5");
    assert_eq!(written("speed_tok_s", None), "–");
}

/// The files that a comparison writes, and what it says on standard output.
fn written(root: &Path, runs: &[&str], more: &[&str]) -> (Vec<(String, Vec<u8>)>, String) {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("deep/er");
    let mut words = runs.to_vec();
    words.extend(["--out", folder.to_str().unwrap()]);
    words.extend(more);
    let output = compare(root, &words).success().get_output().clone();
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    let reported = String::from_utf8(output.stderr).unwrap();
    for (name, _) in &files {
        assert!(reported.contains(name), "{name} is not named in {reported}");
    }
    (files, String::from_utf8(output.stdout).unwrap())
}

fn text(files: &[(String, Vec<u8>)], name: &str) -> String {
    let (_, content) = files.iter().find(|(file, _)| file == name).unwrap();
    String::from_utf8(content.clone()).unwrap()
}

#[test]
fn writes_itself_down_with_a_chart_of_all_runs() {
    let root = tempfile::tempdir().unwrap();
    let (a, b) = (recorded(root.path(), 1.0), recorded(root.path(), 1.25));
    let (files, output) = written(root.path(), &[&a, &b], &["--json"]);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let all = [
        "against.png",
        "against.svg",
        "compare.html",
        "compare.json",
        "compare.md",
        "models.png",
        "models.svg",
    ];
    assert_eq!(names, all);
    assert_eq!(text(&files, "compare.json"), output);
    let version = format!("Report made by tokometer {}", env!("CARGO_PKG_VERSION"));
    let page = text(&files, "compare.html");
    // Two charts, each for wide screens and for narrow ones.
    assert_eq!(page.matches("<svg ").count(), 4);
    assert!(page.contains(&version) && !page.contains("SIMULATED"));
    let svg = text(&files, "models.svg");
    for part in [
        "A deepseek-r1:7b",
        "B deepseek-r1:7b",
        "energy, joules/token",
    ] {
        assert!(svg.contains(part), "{part} is not in the chart");
    }
    insta::assert_snapshot!(
        "as_markdown",
        text(&files, "compare.md").replace(&version, "Report made by tokometer VERSION")
    );
    // The same runs, the same bytes.
    assert_eq!(
        written(root.path(), &[&a, &b], &["--json"]),
        (files, output)
    );
}

#[test]
fn a_simulated_run_among_others_is_marked_and_the_others_are_not() {
    let root = tempfile::tempdir().unwrap();
    let (a, b) = (recorded(root.path(), 1.0), record(root.path(), 1.0, true));
    let (files, _) = written(root.path(), &[&a, &b], &[]);
    let (markdown, svg) = (text(&files, "compare.md"), text(&files, "models.svg"));
    assert!(markdown.contains("SIMULATED in part"), "{markdown}");
    assert!(
        markdown.contains("| B | deepseek-r1:7b (SIMULATED) |"),
        "{markdown}"
    );
    assert!(markdown.contains("| A | deepseek-r1:7b |"), "{markdown}");
    assert!(svg.contains("B deepseek-r1:7b (SIMULATED)") && !svg.contains("A deepseek-r1:7b (S"));
    let (files, _) = written(root.path(), &[&b, &b], &[]);
    assert!(text(&files, "compare.md").contains("No model and no machine was measured"));
}

#[test]
fn more_than_two_runs_stand_side_by_side() {
    let root = tempfile::tempdir().unwrap();
    let runs = [1.0, 1.25, 0.8].map(|slower| recorded(root.path(), slower));
    let runs = [runs[0].as_str(), &runs[1], &runs[2]];
    let (files, output) = written(root.path(), &runs, &[]);
    assert!(
        output.contains("B: -20.0 %") && output.contains("C: +25.0 %"),
        "{output}"
    );
    let markdown = text(&files, "compare.md");
    assert!(
        markdown.contains("| Users | A | B | C | B against A | C against A |"),
        "{markdown}"
    );
}

#[test]
fn a_gate_fails_with_3_passes_with_0_and_does_not_know_with_4() {
    let root = tempfile::tempdir().unwrap();
    let (a, b) = (recorded(root.path(), 1.0), recorded(root.path(), 1.25));
    let gate = |runs: [&str; 2], more: &[&str]| {
        let words = [&runs, ["--fail-if"].as_slice(), more].concat();
        let output = compare(root.path(), &words).get_output().clone();
        let reported = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), reported)
    };
    // Seven requests over two levels: a fifth slower, but by how much they cannot say.
    let (code, reported) = gate([&a, &b], &["speed < -5%"]);
    assert_eq!(code, 4, "{reported}");
    assert!(
        reported.contains("inconclusive: speed < -5%: -20.0 % ("),
        "{reported}"
    );
    assert!(reported.contains("would decide it"), "{reported}");
    assert_eq!(gate([&a, &b], &["speed < -5%", "--json"]).0, 4);
    let undecided = |worth: &str| gate([&a, &b], &["speed < -5%", "--inconclusive", worth]).0;
    assert_eq!((undecided("pass"), undecided("fail")), (0, 3));
    let (code, reported) = gate([&a, &a], &["errors > 99%"]);
    assert_eq!(code, 0, "{reported}");
    assert!(
        reported.contains("passed: errors > 99%: +0.0 points ("),
        "{reported}"
    );
    let (code, reported) = gate([&a, &a], &["errors < 99%"]);
    assert_eq!(code, 3, "{reported}");
    assert!(
        reported.contains("failed: errors < 99%: +0.0 points ("),
        "{reported}"
    );
    let (code, reported) = gate([&a, &b], &["speed@7 < -5%"]);
    assert_eq!(code, 1, "{reported}");
    assert!(
        reported
            .contains("error: cannot check: speed@7 < -5%: this metric is not known at 7 users"),
        "{reported}"
    );
    for (wrong, why) in [
        ("pace < 5%", "pace: not one of users, "),
        ("users < 4", "tokometer check RUN"),
    ] {
        let (code, reported) = gate([&a, &b], &[wrong]);
        assert_eq!(code, 2, "{reported}");
        assert!(reported.contains(why), "{reported}");
    }
    compare(root.path(), &[&a, &b, "--inconclusive", "pass"]).code(2);
    compare(root.path(), &[&a]).code(2);
    compare(root.path(), &[&a, "gone"]).code(1);
}

#[test]
fn a_gate_writes_junit_and_the_summary_of_a_step() {
    let root = tempfile::tempdir().unwrap();
    let run = recorded(root.path(), 1.0);
    let (junit, summary) = (root.path().join("junit.xml"), root.path().join("step.md"));
    std::fs::write(&summary, "before\n").unwrap();
    let command = |words: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("tokometer").unwrap();
        command
            .args(words)
            .arg("--runs-dir")
            .arg(root.path())
            .arg("--junit")
            .arg(&junit)
            .env("GITHUB_STEP_SUMMARY", &summary);
        command.assert()
    };
    command(&[
        "check",
        &run,
        "--fail-if",
        "users < 64",
        "--fail-if",
        "requests < 1",
    ])
    .code(4);
    let xml = std::fs::read_to_string(&junit).unwrap();
    let suite = format!("<testsuite name=\"tokometer check {run}\" tests=\"2\"");
    assert!(
        xml.contains(&suite) && xml.contains("skipped=\"1\""),
        "{xml}"
    );
    assert!(
        xml.contains("<skipped message=\"64 users were not tried; run with --users 64"),
        "{xml}"
    );
    command(&["compare", &run, &run, "--fail-if", "errors > 99%"]).success();
    let reported = std::fs::read_to_string(&summary).unwrap();
    assert!(
        reported.starts_with("before\n### tokometer check"),
        "{reported}"
    );
    for part in [
        "| ? inconclusive | users \\< 64 |",
        "| ✔ passed | requests \\< 1 |",
        "### tokometer compare",
        "| ✔ passed | errors \\> 99% (run B) |",
    ] {
        assert!(reported.contains(part), "{part} is not in {reported}");
    }
    let nowhere = root.path().join("no/folder/junit.xml");
    let failed = assert_cmd::Command::cargo_bin("tokometer")
        .unwrap()
        .args(["check", &run, "--fail-if", "requests < 1", "--junit"])
        .arg(&nowhere)
        .arg("--runs-dir")
        .arg(root.path())
        .env_remove("GITHUB_STEP_SUMMARY")
        .assert()
        .code(1);
    let reported = String::from_utf8(failed.get_output().stderr.clone()).unwrap();
    assert!(reported.contains("error: could not write "), "{reported}");
}
