//! What a run leaves one with: repeats that are weighed, and a summary as JSON from every command.

use serde_json::Value;

use crate::headless::valid;
use crate::process::{Ended, Place};

/// The 97.5 % point of Student's t with 2 degrees of freedom, as in every table.
const T_2: f64 = 4.302_652_729_911_275;

fn of(ended: &Ended) -> Value {
    assert_eq!(ended.code, 0, "{ended:?}");
    valid(&ended.out)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn near(value: &Value, expected: f64) {
    let value = number(value);
    let error = (value - expected).abs();
    assert!(
        error <= 1e-6 * expected.abs().max(1.0),
        "{value} is not {expected}"
    );
}

/// Mean and spread (n − 1) of a figure over the repeats of a level.
fn between(repeats: &[Value], figure: &str) -> (f64, f64) {
    let mean = |repeat: &Value| number(&repeat.get(figure).unwrap()["mean"]);
    let means: Vec<f64> = repeats.iter().map(mean).collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let squares: f64 = means.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

#[test]
fn repeats_are_one_level_with_mean_spread_and_interval() {
    let place = Place::new();
    let summary = of(&place.run(&[
        "--sim",
        "--time-scale=100",
        "--max-tokens=60",
        "--rest=0s",
        "--users=1,4",
        "--repeat=3",
        "--json",
    ]));
    let levels = summary["cycles"].as_array().unwrap();
    let judged = summary["verdict"]["levels"].as_array().unwrap();
    assert_eq!((levels.len(), judged.len()), (2, 2));
    for ((level, judged), users) in levels.iter().zip(judged).zip([1_u64, 4]) {
        let repeats = level["repeats"].as_array().unwrap();
        assert_eq!(level["users"], users);
        assert_eq!(
            (repeats.len(), level["requests"].as_u64()),
            (3, Some(3 * users))
        );
        assert!(repeats.iter().all(|repeat| repeat["requests"] == users));
        let reported = &judged["repeats"];
        assert_eq!(reported["n"], 3);
        for figure in ["speed_tok_s", "wait_s"] {
            let of_repeat = if figure == "wait_s" { "ttft_s" } else { figure };
            let (mean, sd) = between(repeats, of_repeat);
            let half = T_2 * sd / 3.0_f64.sqrt();
            near(&reported[figure]["mean"], mean);
            near(&reported[figure]["sd"], sd);
            near(&reported[figure]["high"], mean + half);
            near(&reported[figure]["low"], (mean - half).max(0.0));
        }
        assert!(
            reported["text"].as_str().unwrap().contains("spread"),
            "{reported}"
        );
    }
    // The report of the same run has them too.
    let markdown = place.run(&["report", "latest", "--print", "markdown"]).out;
    for part in [
        "| 4 users, run 3 |",
        "- 1 user: 3 repeats ",
        "- 4 users: 3 repeats ",
    ] {
        assert!(markdown.contains(part), "{part} is not in {markdown}");
    }
}

#[test]
fn a_level_whose_repeats_disagree_is_marked() {
    let place = Place::new();
    // One of three answers begins 4 s late, the limit is half of that.
    let summary = of(&place.run(&[
        "--sim",
        "--time-scale=20",
        "--fault=slow-header:every=3,delay=80",
        "--max-tokens=20",
        "--rest=0s",
        "--warmup=0",
        "--users=1",
        "--repeat=3",
        "--limit-wait=2s",
        "--json",
    ]));
    let judged = &summary["verdict"]["levels"][0];
    assert_eq!(judged["repeats"]["disagree"], true, "{judged}");
    assert_eq!(
        (
            judged["wait"]["met"].as_u64(),
            judged["wait"]["of"].as_u64()
        ),
        (Some(2), Some(3))
    );
    let warnings = summary["warnings"].as_array().unwrap();
    assert!(
        warnings.iter().any(|warning| warning["kind"] == "repeats"),
        "{warnings:?}"
    );
    let markdown = place.run(&["report", "latest", "--print", "markdown"]).out;
    assert!(
        markdown.contains("- 1 user: 3 repeats disagree: "),
        "{markdown}"
    );
}

#[test]
fn every_command_on_a_run_prints_its_summary_as_json() {
    let place = Place::new();
    let made = of(&place.run(&[
        "--sim",
        "--time-scale=1000",
        "--max-tokens=40",
        "--users=1,2",
        "--rest=0s",
        "--json",
    ]));
    let kept = std::fs::read_to_string(place.run_path().join("summary.json")).unwrap();
    assert_eq!(valid(&kept), made);
    for words in [
        ["report", "latest", "--json"].as_slice(),
        &["report", "latest", "--json", "--out", "here"],
        &["share", "latest", "--json"],
    ] {
        let ended = place.run(words);
        assert_eq!((ended.code, &ended.out), (0, &kept), "{words:?}");
    }
    for file in ["here/report.html", "here/summary.json", "share.png"] {
        assert!(place.directory.path().join(file).exists(), "{file}");
    }
    let list: Value = serde_json::from_str(&place.run(&["runs", "--json"]).out).unwrap();
    assert_eq!(list[0]["users"], serde_json::json!([1, 2]));
    let compared = place.run(&["compare", "latest", "latest", "--json"]).out;
    let compared: Value = serde_json::from_str(&compared).unwrap();
    assert_eq!(compared["schema"], "tokometer/comparison/2");
    let study = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/study-small");
    let imported = of(&place.run(&["import", study, "--json"]));
    assert_eq!(imported["simulated"], false);
    assert!(imported["imported"].is_object());
}

#[test]
fn an_imported_run_has_its_reports() {
    let place = Place::new();
    let study = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/study-small");
    let ended = place.run(&["import", study, "--model", "a-model"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for file in [
        "report.md",
        "report.html",
        "summary.json",
        "charts/speed.png",
    ] {
        assert!(place.run_path().join(file).exists(), "{file}");
    }
}

#[test]
fn what_is_said_of_a_run_is_in_its_reports() {
    let place = Place::new();
    let study = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/study-small");
    let told = [
        "--hardware",
        "M2 Pro",
        "--slots",
        "19",
        "--title",
        "One",
        "--note",
        "first",
        "--price",
        "0.7",
        "--currency",
        "R$",
    ];
    let words = ["import", study].into_iter().chain(told);
    let ended = place.run(&words.collect::<Vec<_>>());
    assert_eq!(ended.code, 0, "{ended:?}");
    let run = place.run_path();
    let report = || std::fs::read_to_string(run.join("report.md")).unwrap();
    for part in [
        "# One\n",
        "Note: first",
        "| Hardware | M2 Pro |",
        "| Server: slots | 19 |",
        "| Cost of that energy | R$ ",
    ] {
        assert!(report().contains(part), "{part}");
    }
    let noted = place.run(&["note", "latest", "second", "--title", "", "--slots", "4"]);
    assert_eq!(noted.code, 0, "{noted:?}");
    assert!(
        noted.out.contains("note      second\n") && noted.out.contains("title     –\n"),
        "{noted:?}"
    );
    assert_eq!(place.run(&["report", "latest"]).code, 0);
    for part in [
        "# How fast is study-small?\n",
        "Note: second",
        "| Hardware | M2 Pro |",
        "| Server: slots | 4 |",
    ] {
        assert!(report().contains(part), "{part}");
    }
    let asked = place.run(&["note", "latest"]);
    assert!(asked.out.contains("hardware  M2 Pro\n"), "{asked:?}");
    let own = place.run(&[
        "--sim",
        "--time-scale",
        "200",
        "--users",
        "1",
        "--idle",
        "0",
        "--headless",
    ]);
    assert_eq!(own.code, 0, "{own:?}");
    let refused = place.run(&["note", "latest", "--slots", "4"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.err.contains("--slots is for imported runs"),
        "{refused:?}"
    );
}
