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
        .arg(root);
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
    assert_eq!(json["schema"], "tokometer/comparison/1");
    let speed = &json["levels"][0]["rows"][0];
    assert_eq!(speed["metric"], "speed");
    assert!((speed["changes"][0]["by"].as_f64().unwrap() + 0.2).abs() < 0.001);
}

#[test]
fn small_waits_can_be_told_apart() {
    use tokometer::metrics::compare::Metric;
    use tokometer::metrics::compare::written;
    assert_eq!(written(Metric::Wait, Some(0.0254)), "0.025");
    assert_eq!(written(Metric::Wait, Some(84.053)), "84.05");
    assert_eq!(written(Metric::Energy, Some(0.0031)), "0.0031");
    assert_eq!(written(Metric::Share, Some(0.625)), "62.5");
    assert_eq!(written(Metric::Speed, None), "–");
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
    let told = String::from_utf8(output.stderr).unwrap();
    for (name, _) in &files {
        assert!(told.contains(name), "{name} is not named in {told}");
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
    let (files, said) = written(root.path(), &[&a, &b], &["--json"]);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let all = [
        "compare.html",
        "compare.json",
        "compare.md",
        "models.png",
        "models.svg",
    ];
    assert_eq!(names, all);
    assert_eq!(text(&files, "compare.json"), said);
    let version = format!("Report made by tokometer {}", env!("CARGO_PKG_VERSION"));
    let page = text(&files, "compare.html");
    assert_eq!(page.matches("<svg ").count(), 1);
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
    assert_eq!(written(root.path(), &[&a, &b], &["--json"]), (files, said));
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
    let (files, said) = written(root.path(), &runs, &[]);
    assert!(
        said.contains("B: -20.0 %") && said.contains("C: +25.0 %"),
        "{said}"
    );
    let markdown = text(&files, "compare.md");
    assert!(
        markdown.contains("| Users | A | B | C | B against A | C against A |"),
        "{markdown}"
    );
}

#[test]
fn fails_on_a_condition_with_3() {
    let root = tempfile::tempdir().unwrap();
    let (a, b) = (recorded(root.path(), 1.0), recorded(root.path(), 1.25));
    let output = compare(root.path(), &[&a, &b, "--fail-if", "speed < -5%"]).code(3);
    let told = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(
        told.contains("failed: speed < -5%: speed changed by -20.0 %"),
        "{told}"
    );
    compare(root.path(), &[&b, &a, "--fail-if", "speed < -5%"]).success();
    compare(root.path(), &[&a, &b, "--fail-if", "speed < -5%", "--json"]).code(3);
    compare(root.path(), &[&a, &b, "--fail-if", "energy > 500%"]).success();
    compare(root.path(), &[&a, &b, "--fail-if", "pace < 5%"]).code(2);
    compare(root.path(), &[&a]).code(2);
    compare(root.path(), &[&a, "gone"]).code(1);
}
