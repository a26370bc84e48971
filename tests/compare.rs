//! `tokometer compare`: what it prints and how it ends.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use tokometer::event::What;
use tokometer::store::{Recorder, RunDirectory};

mod timeline;

/// Records the fixed run below `root`; `slower` stretches every answer by this factor.
fn recorded(root: &Path, slower: f64) -> String {
    let directory = RunDirectory::create(root, &timeline::info(false)).unwrap();
    let mut recorder = Recorder::open(&directory).unwrap();
    for mut event in timeline::run(false) {
        if let What::RequestEnded(record) = &mut event.what
            && let (Some(first), Some(last)) = (record.first_token, record.last_token)
        {
            let stretched = timeline::at(first.secs() + last.since(first) * slower);
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
    compare(root.path(), &[&a, &b, "--fail-if", "energy > 5%"]).code(1);
    compare(root.path(), &[&a, &b, "--fail-if", "pace < 5%"]).code(2);
    compare(root.path(), &[&a]).code(2);
    compare(root.path(), &[&a, "gone"]).code(1);
}
