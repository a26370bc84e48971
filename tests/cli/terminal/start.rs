//! From the start to the results.

use std::io::Write;

use tokometer::event::RunEnd;

use super::tui::{STUCK, Tui};

#[test]
fn a_run_from_the_ready_screen_to_the_results() {
    let mut tui = Tui::quick();
    tui.see("Enter start");
    for text in ["SIMULATED", "deepseek-r1:7b", "users     1 2 4", "Plan"] {
        tui.see(text);
    }
    assert!(tui.look(|screen| screen.alternate_screen() && screen.hide_cursor()));
    // How long it took depends on the machine and the build: told, not judged.
    let first = tui.first_frame();
    writeln!(std::io::stderr(), "first frame after {first:?}").unwrap();
    tui.press("\r", "ENDED");
    tui.see("Its report:");
    tui.press("2", "┌ Results");
    tui.see("SIMULATED");
    tui.keys("q");
    let after = tui.end(0);
    assert_eq!(after.run().end(), RunEnd::Done);
    assert_eq!(after.run().levels(), [(1, 1, 0), (2, 2, 0), (4, 4, 0)]);
}

#[test]
fn a_run_can_be_run_again() {
    let mut tui = Tui::quick();
    tui.see("Enter start");
    tui.press("\r", "Its report: ");
    tui.press("\r", "Run the same plan again");
    tui.see_no("Its report: ");
    tui.press("y", "Its report: ");
    tui.keys("q");
    let after = tui.end(0);
    assert_eq!(after.runs.len(), 2);
}

#[test]
fn without_a_server_the_simulated_one_is_offered() {
    // Nobody listens on port 1.
    let mut tui = Tui::start(
        &["--users=1", "--time-scale=500", "--rest=0s"],
        &[("OLLAMA_HOST", "127.0.0.1:1")],
    );
    tui.see("http://127.0.0.1:1");
    tui.see("refused");
    assert!(!tui.look(|screen| screen.contents().contains("SIMULATED")));
    tui.press("m", "Enter start");
    tui.see("SIMULATED");
    tui.press("\r", "ENDED");
    tui.keys("q");
    let after = tui.end(0);
    assert!(after.run().read.info.simulated);
}

#[test]
fn every_size_has_its_screen() {
    let mut tui = Tui::stuck();
    tui.see("┌ Cycles");
    assert!(!tui.look(|screen| screen.contents().contains("┌ GPU")));
    tui.resize(120, 40);
    tui.see("┌ GPU");
    tui.see("1 Live  2  3  4  5");
    tui.resize(60, 16);
    tui.see_no("┌ Cycles");
    tui.see("┌ Requests · 2 users");
    tui.resize(20, 5);
    tui.see("too small");
    tui.see("SIMULATED");
    assert!(tui.look(|screen| screen.contents().contains("tok/s")));
    tui.resize(200, 60);
    tui.see("┌ Log");
    tui.see("1 Live  2 Results  3 Requests  4 Preview  5 Runs");
    tui.resize(80, 24);
    tui.see(STUCK);
    tui.see("┌ Cycles");
    tui.press("q", "and quit?");
    tui.keys("y");
    tui.end(0);
}
