//! Every way out: the terminal is the shell's again, the exit code says why, and what was measured
//! is on disk.

use rstest::rstest;
use tokometer::event::RunEnd;

use super::tui::Tui;

/// The first cycle, and what the second one had come to.
const PARTIAL: [(u64, u64, u64); 2] = [(1, 1, 0), (2, 1, 1)];

#[rstest]
#[case("HUP", 1)]
#[case("INT", 2)]
#[case("QUIT", 3)]
#[case("TERM", 15)]
fn a_signal_ends_a_run(#[case] name: &str, #[case] number: i32) {
    let tui = Tui::stuck();
    tui.signal(name);
    let after = tui.end(128 + u32::try_from(number).unwrap());
    assert_eq!(after.run().end(), RunEnd::Signal(number));
    assert_eq!(after.run().levels(), PARTIAL);
}

#[test]
fn a_signal_ends_the_ready_screen() {
    let tui = Tui::quick();
    tui.see("Enter start");
    tui.signal("TERM");
    let after = tui.end(143);
    assert!(after.runs.is_empty());
}

#[rstest]
#[case::in_a_run("")]
#[case::in_the_help("?")]
#[case::in_a_question("x")]
fn control_c_ends_a_run(#[case] before: &str) {
    let mut tui = Tui::stuck();
    match before {
        "?" => tui.press("?", "┌ Keys"),
        "x" => tui.press("x", "Stop the run?"),
        _ => {}
    }
    tui.keys("\x03");
    let after = tui.end(130);
    assert_eq!(after.run().end(), RunEnd::Signal(2));
    assert_eq!(after.run().levels(), PARTIAL);
}

#[test]
fn a_closed_terminal_ends_a_run() {
    let mut tui = Tui::stuck();
    tui.close();
    let after = tui.gone(129);
    assert_eq!(after.run().end(), RunEnd::Signal(1));
    assert_eq!(after.run().levels(), PARTIAL);
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "only debug builds have the fault")]
fn a_panic_in_a_worker_gives_the_terminal_back() {
    let mut tui = Tui::stalling(&[("TOKOMETER_FAULT", "panic-in-worker")]);
    tui.see("Enter start");
    tui.keys("\r");
    let after = tui.end(1);
    let reported = "panic injected by a test";
    // On the shell's screen, where it stays.
    assert!(after.text.contains(reported), "{}", after.text);
    assert!(after.text.contains("error: "), "{}", after.text);
    let end = after.run().end();
    assert!(
        matches!(&end, RunEnd::Failed(why) if why.contains(reported)),
        "{end:?}"
    );
    assert_eq!(after.run().levels().first(), PARTIAL.first());
}
