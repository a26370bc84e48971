//! The keys, as a terminal sends them.

use tokometer::event::{EventKind, RunEnd};

use super::seen::colors;
use super::tui::{STUCK, Tui};

#[test]
fn help_opens_and_closes() {
    let mut tui = Tui::quick();
    tui.see("Enter start");
    tui.press("?", "┌ Keys");
    tui.press("?", "┌ Plan");
    tui.keys("q");
    let after = tui.end(0);
    assert!(after.runs.is_empty());
}

#[test]
fn views_panes_freeze_and_themes() {
    let mut tui = Tui::stuck();
    tui.press("2", "┌ Results");
    tui.press("3", "┌ Requests · 2 users");
    tui.see("order");
    tui.press("1", "┌ Cycles");
    tui.press("\t", "┌ Results");
    tui.press("1", "┌ Cycles");
    // The focused pane alone, then all of them again.
    tui.keys("z");
    tui.see_no("┌ Cycles");
    tui.press("z", "┌ Cycles");
    tui.press("f", "FROZEN");
    tui.keys("f");
    tui.see_no("FROZEN");
    tui.press("t", "Theme: ");
    tui.press("q", "and quit?");
    tui.keys("n");
    tui.see_no("and quit?");
    tui.see(STUCK);
    tui.press("q", "and quit?");
    tui.keys("y");
    let after = tui.end(0);
    assert_eq!(after.run().end(), RunEnd::Stopped);
    assert_eq!(after.run().levels(), [(1, 1, 0), (2, 1, 1)]);
    assert!(!colors(&after.bytes).is_empty());
}

#[test]
fn a_run_obeys_its_keys() {
    let mut tui = Tui::stuck();
    tui.press(" ", "PAUSED");
    tui.keys(" ");
    tui.see_no("PAUSED");
    tui.press("+", "Add a level of 8 users?");
    tui.press("\r", "·     8");
    tui.see_no("Add a level");
    tui.press("-", "Remove the level");
    tui.keys("\r");
    tui.see_no("Remove the");
    tui.press("r", "will be repeated next");
    // The same level again, in which one of two requests stands still; then the one of four users.
    tui.press("n", "»     2");
    tui.see(STUCK);
    tui.press("n", "users 4 ·");
    tui.press("x", "Stop the run?");
    tui.keys("n");
    tui.see_no("Stop the run?");
    tui.press("x", "Stop the run?");
    tui.press("y", "ENDED");
    // Over: nothing is asked any more.
    tui.keys("q");
    let after = tui.end(0);
    let run = after.run();
    assert_eq!(run.end(), RunEnd::Stopped);
    let levels: Vec<u64> = run.levels().iter().map(|(users, ..)| *users).collect();
    assert_eq!(levels, [1, 2, 4]);
    let happened = |is: fn(&EventKind) -> bool| {
        let events = run.read.events.iter();
        events.filter(|event| is(&event.what)).count()
    };
    assert_eq!(happened(|what| matches!(what, EventKind::Paused)), 1);
    assert_eq!(happened(|what| matches!(what, EventKind::Resumed)), 1);
    assert_eq!(
        happened(|what| matches!(what, EventKind::CycleStarted { .. })),
        4
    );
    let levels = happened(|what| matches!(what, EventKind::LevelsChanged { .. }));
    assert_eq!(levels, 3, "added, removed, repeated");
}
