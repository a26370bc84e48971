//! What the program may write to a terminal, as it is told by flags and the environment.

use super::seen::colors;
use super::tui::Tui;

/// Sequences that switch the mouse on.
const MOUSE: [&str; 4] = ["\x1b[?1000h", "\x1b[?1002h", "\x1b[?1003h", "\x1b[?1006h"];

fn run_to_the_end(arguments: &[&str], environment: &[(&str, &str)]) -> Vec<u8> {
    let quick = ["--sim", "--time-scale=500", "--users=1", "--rest=0s"];
    let mut tui = Tui::start(&[&quick, arguments].concat(), environment);
    tui.wait("the ready screen", |screen| {
        screen.contents().contains("Enter start")
    });
    tui.press("\r", "ENDED");
    tui.keys("q");
    tui.end(0).bytes
}

fn holds(bytes: &[u8], part: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(part)
}

#[test]
fn colors_and_the_mouse_unless_told_otherwise() {
    let bytes = run_to_the_end(&[], &[]);
    assert!(!colors(&bytes).is_empty());
    assert!(MOUSE.iter().all(|mouse| holds(&bytes, mouse)));
}

#[test]
fn no_color_is_obeyed() {
    let bytes = run_to_the_end(&[], &[("NO_COLOR", "1")]);
    assert_eq!(colors(&bytes), Vec::<String>::new());
}

#[test]
fn the_mouse_can_be_left_alone() {
    let bytes = run_to_the_end(&["--no-mouse"], &[]);
    assert!(!MOUSE.iter().any(|mouse| holds(&bytes, mouse)));
}

#[test]
fn ascii_is_ascii() {
    let bytes = run_to_the_end(&["--ascii"], &[]);
    let text = String::from_utf8(bytes).unwrap();
    let others: String = text.chars().filter(|c| !c.is_ascii()).collect();
    assert_eq!(others, "");
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let tui = Tui::start(
        &["--sim", "--time-scale=500", "--users=1", "--rest=0s"],
        &[("TERM", "dumb")],
    );
    let after = tui.end(0);
    assert!(!after.bytes.contains(&0x1b));
    assert!(holds(&after.bytes, "SIMULATED") && holds(&after.bytes, "run directory: "));
    assert_eq!(after.run().levels().len(), 1);
}
