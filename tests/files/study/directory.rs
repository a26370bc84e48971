//! An import as a run directory, and the command that makes it.

use std::fs;
use std::path::Path;

use tokometer::metrics::state::RunState;
use tokometer::metrics::summary::Summary;
use tokometer::store::import::{import, record};

use super::{folded, small};

#[test]
fn it_becomes_a_run_directory_like_any_other() {
    let root = tempfile::tempdir().unwrap();
    let import = import(&small(), Some("deepseek-r1:7b")).unwrap();
    let directory = record(&import, root.path()).unwrap();
    assert_eq!(
        directory.file_name().unwrap().to_str(),
        Some("2025-03-01T13-00-00_deepseek-r1-7b")
    );
    let recovered = tokometer::store::read(&directory).unwrap();
    assert!(recovered.missing.is_empty(), "{:?}", recovered.missing);
    let again = Summary::from_run(&RunState::from_events(&recovered.events))
        .to_json()
        .unwrap();
    assert_eq!(
        again,
        fs::read_to_string(directory.join("summary.json")).unwrap()
    );
    assert_eq!(again, folded(&import).1.to_json().unwrap());
    let cycles = fs::read_to_string(directory.join("cycles.csv")).unwrap();
    assert_eq!(cycles.lines().count(), 4);
    assert!(
        cycles.contains(",200.0") || cycles.contains(",199.99"),
        "{cycles}"
    );
    // Every reading is there, below a header.
    let lines = |name: &str| {
        fs::read_to_string(directory.join(name))
            .unwrap()
            .lines()
            .count()
    };
    assert_eq!(lines("gpu.csv"), 1 + 60 + 15);
    assert_eq!(lines("processes.csv"), 1 + 9 + 7);
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../assets/summary.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let json: serde_json::Value = serde_json::from_str(&again).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&json)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_command() {
    let root = tempfile::tempdir().unwrap();
    let command = |more: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("tokometer").unwrap();
        command
            .arg("import")
            .args(more)
            .arg("--runs-dir")
            .arg(root.path());
        command.assert()
    };
    let small = small().display().to_string();
    let output = command(&[&small, "--json"]).success().get_output().clone();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["cycles"][0]["users"], 1);
    let text = command(&[&small]).success().get_output().clone();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("~30.0"), "{text}");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    command(&[&root.path().join("gone").display().to_string()]).code(1);
}

/// A file copied, with the folders above it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

#[test]
fn what_is_no_folder_of_levels_is_told_which_one_to_give() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let summary = small().join("test_results_1/request_summary.csv");
    for model in ["one", "two"] {
        copy(
            &summary,
            &root.join(format!("ollama/{model}/test_results_1/request_summary.csv")),
        );
    }
    copy(&summary, &root.join("study.zip"));
    copy(&summary, &root.join("notes.csv"));
    let why = |path: &str| import(&root.join(path), None).unwrap_err().to_string();
    let both = if cfg!(windows) {
        r"; try one of these in it: ollama\one, ollama\two"
    } else {
        "; try one of these in it: ollama/one, ollama/two"
    };
    assert!(why(".").ends_with(both), "{}", why("."));
    assert!(
        why("ollama").ends_with("; try one of these in it: one, two"),
        "{}",
        why("ollama")
    );
    let one = root.join("ollama/one");
    let of_a_level = why("ollama/one/test_results_1/request_summary.csv");
    let give = format!("it is a file of one level: give {}", one.display());
    assert!(of_a_level.ends_with(&give), "{of_a_level}");
    assert!(why("study.zip").contains("it is an archive: unpack it"));
    assert!(why("notes.csv").contains("it is a file: give the folder"));
    assert!(import(&one, None).is_ok());
}

#[test]
fn copies_of_a_level_are_told_and_not_counted_twice() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let summary = small().join("test_results_2/request_summary.csv");
    for folder in [
        "test_results_2",
        "test_results_2 2",
        "test_results_02",
        "__MACOSX/x",
    ] {
        copy(&summary, &root.join(folder).join("request_summary.csv"));
    }
    fs::write(root.join(".DS_Store"), "").unwrap();
    let import = import(root, None).unwrap();
    assert_eq!(import.info.plan.levels, [2]);
    let told = [
        "__MACOSX: not a file of the study's tool, skipped",
        "test_results_2 2: looks like a copy of test_results_2, skipped so that nothing is counted twice",
        "test_results_02: the same number of users as test_results_2, skipped so that nothing is counted twice",
    ];
    for told in told {
        assert!(
            import.problems.iter().any(|problem| problem == told),
            "{:?}",
            import.problems
        );
    }
}
