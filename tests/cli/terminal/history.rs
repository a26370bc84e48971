//! Runs that were recorded: listed, replayed, compared, deleted; and the reports of one.

use std::process::Command;

use tempfile::TempDir;
use tokometer::store::{Recorder, RunDirectory};

use super::tui::Tui;
use crate::{small_run, story};

/// The keys as a terminal sends them.
const END: &str = "\x1b[F";
const HOME: &str = "\x1b[H";
const RIGHT: &str = "\x1b[C";
const LEFT: &str = "\x1b[D";
const ESC: &str = "\x1b";
const BACKSPACE: &str = "\x7f";

/// A folder with this many runs of the simulated server.
fn recorded(count: usize) -> TempDir {
    let runs = tempfile::tempdir().unwrap();
    for _ in 0..count {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokometer"));
        let flags =
            "--sim --json --time-scale=500 --users=1,2 --max-tokens=40 --warmup=0 --rest=0s";
        command
            .args(flags.split(' '))
            .arg("--runs-dir")
            .arg(runs.path());
        // No settings of whoever runs the tests.
        let output = command.env("TOKOMETER_CONFIG", "").output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    runs
}

#[test]
fn runs_are_listed_replayed_compared_and_deleted() {
    let mut tui = Tui::quick_in(recorded(2));
    tui.see("Enter start");
    tui.press("5", "Runs · 2");
    tui.press("/", "filter:");
    tui.press("nothing of the kind", "No run has this text");
    tui.press(ESC, "Runs · 2 ─");
    tui.press("\r", " REPLAY ");
    tui.press(END, "END ");
    tui.see("SIMULATED");
    tui.press("2", "┌ Results");
    tui.press("1", "┌ Cycles");
    tui.press(BACKSPACE, "┌ Runs");
    tui.see_no("REPLAY");
    tui.press("mm", "2 marked");
    tui.press("c", "Comparison · 2 runs");
    // Not a speed: on a busy machine all tokens of such a quick answer may come at once.
    tui.see("throughput");
    tui.press(ESC, "2 marked");
    tui.press("d", "It contains 3 requests");
    tui.keys("n");
    tui.see_no("It contains 3 requests");
    tui.press("d", "It contains 3 requests");
    tui.press("y", "Runs · 1 ");
    // And on to a run of one's own, whose reports are written.
    tui.press("1", "Enter start");
    tui.press("\r", "Its report:");
    // They are there already: gone, they can be made again.
    for run in std::fs::read_dir(tui.runs.path()).unwrap() {
        drop(std::fs::remove_file(
            run.unwrap().path().join("report.html"),
        ));
    }
    tui.press("e", "Report: ");
    tui.press("5", "Runs · 2 ");
    tui.keys("q");
    let after = tui.end(0);
    assert_eq!(after.runs.len(), 2);
    assert_eq!(after.runs[0].levels().len(), 2);
    assert_eq!(after.runs[1].levels(), [(1, 1, 0), (2, 2, 0), (4, 4, 0)]);
    let pages: Vec<bool> = after.runs.iter().map(|run| run.page.is_some()).collect();
    assert_eq!(pages, [false, true]);
}

#[test]
fn a_replay_needs_no_server_and_goes_where_it_is_told() {
    let runs = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(runs.path(), &story::info(true)).unwrap();
    let mut recorder = Recorder::open(&directory).unwrap();
    for event in small_run::run(true) {
        recorder.record(std::slice::from_ref(&event), event.at);
    }
    recorder.finish();
    let nobody = [("OLLAMA_HOST", "127.0.0.1:1")];
    let mut tui = Tui::start_in(runs, &["replay", "latest", "--speed=2"], &nobody);
    tui.see("SIMULATED   REPLAY  ▶ 2× 00:00:");
    tui.press(" ", "PAUSED 00:00:");
    tui.press(HOME, "PAUSED 00:00:00/00:00:41");
    tui.press(RIGHT, "PAUSED 00:00:10/");
    tui.press("]", "PAUSED 00:00:15/");
    tui.press(LEFT, "PAUSED 00:00:05/");
    tui.press("+ ", "▶ 5× 00:00:");
    tui.press(END, "END 00:00:41/00:00:41");
    tui.press("3", "┌ Requests · 1 user");
    // It steers nothing, and there is nothing behind it but the list.
    tui.keys("xnsr");
    tui.press(ESC, "Runs · 1 ");
    tui.press("1", "no run on the screen");
    tui.press("\r", " REPLAY ");
    tui.keys("q");
    let after = tui.end(0);
    assert_eq!(after.runs.len(), 1);
}

#[test]
fn a_signal_ends_a_replay() {
    let tui = Tui::start_in(recorded(1), &["replay", "latest"], &[]);
    tui.see(" REPLAY ");
    tui.signal("TERM");
    tui.end(143);
}
