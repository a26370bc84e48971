//! Six ways in which 0.1.0 contradicted itself, each on a run that it recorded: every outlet says the same now.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tokometer::store::opened::open;
use tokometer::tui::DashboardOptions;

use crate::fixture::Dash;

fn recorded(run: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures/runs").join(run)
}

/// What the program prints.
pub(crate) fn printed(run: &str, arguments: &[&str]) -> String {
    let (command, rest) = arguments.split_first().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tokometer"))
        .arg(command)
        .arg(recorded(run))
        .args(rest)
        .env("TOKOMETER_CONFIG", "")
        .output()
        .unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    // The printer's lines on the way go to the other stream.
    if *command == "replay" {
        out + &err
    } else {
        out
    }
}

pub(crate) fn printer(run: &str) -> String {
    printed(run, &["replay", "--headless"])
}

pub(crate) fn report(run: &str) -> String {
    printed(run, &["report", "--print", "markdown"])
}

pub(crate) fn summary(run: &str) -> Value {
    serde_json::from_str(&printed(run, &["report", "--json"])).unwrap()
}

/// The rows of `cycles.csv`, each cell by its column.
pub(crate) fn rows(run: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let table = printed(run, &["report", "--print", "csv"]);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

/// The screen at the end of a recorded run, in the view of that key.
pub(crate) async fn screen(run: &str, view: &str) -> String {
    let options = DashboardOptions {
        replay: Some(Box::new(open(&recorded(run)).unwrap())),
        ..DashboardOptions::default()
    };
    let dash = Dash::start(300, 120, options).await;
    dash.keys(&format!("<end>{view}")).await;
    dash.screen()
}

#[track_caller]
fn has(text: &str, words: &str) {
    assert!(text.contains(words), "{words} is not in\n{text}");
}

#[track_caller]
fn lacks(text: &str, words: &str) {
    assert!(!text.contains(words), "{words} is in\n{text}");
}

/// Answers of one token have no speed: nobody says that such a request missed the limits, or met them.
#[tokio::test(start_paused = true)]
async fn a_a_request_that_cannot_be_judged_is_judged_nowhere() {
    let results = screen("single-token", "2").await;
    lacks(&results, "✘ 0 %");
    has(&results, "no request could be judged");
    lacks(&results, "nobody");
    let live = screen("single-token", "1").await;
    has(&live, "no request can be judged");
    lacks(&live, "no request has ended yet");
    let summary = summary("single-token");
    let sentence = "No verdict: no request could be judged.";
    assert_eq!(summary["verdict"]["sentence"], sentence);
    for level in summary["cycles"].as_array().unwrap() {
        assert_eq!(level["attainment"], Value::Null);
    }
    has(&printer("single-token"), sentence);
    has(&report("single-token"), sentence);
    // Some of these can be judged, some not: the share is of those that can.
    let results = screen("faulty", "2").await;
    has(&results, "✘ 29 %");
    lacks(&results, "25 %");
    has(&report("faulty"), "| 29 % |");
}

/// Every request stalls after three tokens: no wait, no throughput, and none of them is "done".
#[tokio::test(start_paused = true)]
async fn b_what_failed_brings_no_wait_and_no_throughput() {
    let live = screen("stalled", "1").await;
    has(&live, "8/8 finished · ✘ 8 failed");
    has(&live, "no request succeeded");
    lacks(&live, "done ·");
    let results = screen("stalled", "2").await;
    lacks(&results, "36.");
    let printed = printer("stalled");
    has(&printed, "failed at 8 users: ");
    lacks(&printed, "71.6");
    let level = &summary("stalled")["cycles"][0];
    for key in ["steady_tok_s", "system_tok_s"] {
        assert_eq!(level[key], Value::Null, "{key}");
    }
    assert_eq!(level["ttft_s"]["n"], 0);
    // Where some fail, their tokens are not counted at full load either: with them it was 289.6.
    let level = &summary("faulty")["cycles"][1];
    let steady = level["steady_tok_s"].as_f64().unwrap();
    assert!((steady - 105.8).abs() < 0.1, "{steady}");
}

/// One of nine fails after its first token: its wait is in no mean.
#[tokio::test(start_paused = true)]
async fn c_the_mean_wait_leaves_out_the_failed_one_everywhere() {
    let level = &summary("one-of-nine")["cycles"][0];
    assert_eq!(
        (&level["requests"], &level["ttft_s"]["n"]),
        (&9.into(), &8.into())
    );
    let wait = level["ttft_s"]["mean"].as_f64().unwrap();
    let shown = format!("{:.1} ms", wait * 1e3);
    assert_eq!(shown, "36.3 ms");
    let live = screen("one-of-nine", "1").await;
    has(&live, "36.3 ms mean");
    has(&live, "n 8  p50");
    has(&screen("one-of-nine", "2").await, &shown);
    let mean = summary("one-of-nine")["verdict"]["levels"][0]["wait"]["mean"].clone();
    assert_eq!(mean.as_f64(), Some(wait));
}

/// Power is energy by time, in whatever column.
#[test]
fn d_a_row_has_one_power() {
    for run in ["resumed", "clean", "faulty", "imported"] {
        for row in rows(run) {
            assert_eq!(row["watts_mean"], row["gpu_mean_watts"], "{run}: {row:?}");
            assert_eq!(row["watts_max"], row["gpu_max_watts"], "{run}: {row:?}");
            assert_eq!(row["mhz_mean"], row["gpu_mean_mhz"], "{run}: {row:?}");
        }
        for level in summary(run)["cycles"].as_array().unwrap() {
            let machine = level["machine"]["watts_mean"].clone();
            assert_eq!(level["gpu"]["watts"]["mean"], machine, "{run}");
        }
    }
    // The table of the GPU in the report is by the same meter.
    let level = &summary("resumed")["cycles"][2];
    let watts = format!("{:.1}", level["machine"]["watts_mean"].as_f64().unwrap());
    let report = report("resumed");
    let (_, gpu) = report.split_once("## GPU by number of users").unwrap();
    let row = gpu.lines().find(|line| line.starts_with("| 8 users |"));
    has(row.unwrap(), &format!("| {watts} |"));
}

/// Coverage names its span, and small shares are not zero; the best is found once, with its `~`.
#[tokio::test(start_paused = true)]
async fn e_coverage_and_the_best_are_the_same_wherever_they_are_read() {
    for run in ["imported", "resumed"] {
        let summary = summary(run);
        let share = |key: &str| {
            let share = summary["energy"][key].as_f64().unwrap();
            format!("{:.1} %", share * 100.0)
        };
        let in_cycles = share("in_cycles_coverage");
        has(&printer(run), &format!("{in_cycles} of cycles covered"));
        has(&screen(run, "2").await, &format!("{in_cycles} of cycles"));
        let report = report(run);
        has(
            &report,
            &format!("| Measured share of the time in cycles | {in_cycles} |"),
        );
        let whole = share("coverage");
        has(
            &report,
            &format!("| Measured share of the whole run | {whole} |"),
        );
        let results = screen(run, "2").await;
        let sentences = summary["findings"]["sentences"].as_array().unwrap();
        for (number, sentence) in sentences.iter().enumerate() {
            let sentence = sentence.as_str().unwrap();
            has(&report, sentence);
            has(&printer(run), sentence);
            // The rest is on the screen where there is room for it.
            if number < 2 {
                has(&results, sentence);
            }
        }
        lacks(&results, "most together");
    }
}

/// A level is its whole cycles; a cut one stands for none that has a whole one.
#[tokio::test(start_paused = true)]
async fn f_a_cut_cycle_is_in_no_level() {
    let summary_of = summary("resumed");
    let level = &summary_of["cycles"][1];
    let judged = &summary_of["verdict"]["levels"][1];
    assert_eq!(
        (&level["users"], &level["requests"]),
        (&4.into(), &12.into())
    );
    // Of the twelve those count that all four users were asking beside.
    assert_eq!(judged["both"]["of"], 6);
    assert_eq!(judged["speed"]["mean"], level["speed_tok_s"]["mean"]);
    assert_eq!(level["repeats"].as_array().unwrap().len(), 0);
    assert_eq!(level["ended"], "done");
    let speed = format!("{:.1}", level["speed_tok_s"]["mean"].as_f64().unwrap());
    has(&printer("resumed"), &format!("mean {speed} tok/s meets"));
    has(
        &report("resumed"),
        &format!("| 4 | 12 | 0 | 0.0 % | {speed} |"),
    );
    // The cut one is still a row of its own, marked.
    let results = screen("resumed", "2").await;
    assert_eq!(results.matches("■     4").count(), 1, "{results}");
    assert_eq!(rows("resumed").len(), 4);
    // And where a level has nothing else it is shown, and no part of what was found.
    let killed = summary("killed");
    let levels = killed["cycles"].as_array().unwrap();
    assert_eq!(levels.len(), 2);
    assert_ne!(levels[1]["ended"], "done");
    let best = &killed["findings"]["best_total"]["users"];
    assert_eq!(*best, levels[0]["users"]);
}
