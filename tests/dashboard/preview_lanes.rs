//! The lanes as a screen shows them, and what keys do to them.

use std::sync::Arc;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use strum::IntoEnumIterator;
use tokometer::event::{Answer, Piece, Stamp};
use tokometer::plan::Limits;
use tokometer::tui::lanes::lane::ThinkingMode;
use tokometer::tui::lanes::lane_set::{FIRST_SPEEDS, LaneAction, Lanes};
use tokometer::tui::lanes::pane;
use tokometer::tui::lanes::text::{Language, Script};
use tokometer::tui::theme::Theme;

const SECOND: u64 = 1_000_000;

fn essay() -> Vec<Arc<Script>> {
    vec![
        Arc::new(Script::essay(Language::En)),
        Arc::new(Script::essay(Language::Pt)),
    ]
}

fn lanes(speeds: &[f64]) -> Lanes {
    Lanes::new(speeds, essay(), Limits::default(), Stamp(0))
}

/// Ten tokens, four of them thinking, after a wait of 0.62 s, 50 ms apart.
fn answer() -> Answer {
    let words = [
        "Hm", ", ", "let ", "me. ", "Time ", "is ", "what ", "a clock ", "reads", ".",
    ];
    let mut answer = Answer::default();
    for (index, word) in (0..).zip(words) {
        answer.text.push_str(word);
        answer.pieces.push(Piece::new(
            u32::try_from(answer.text.len()).unwrap(),
            620_000 + index * 50_000,
            index < 4,
        ));
    }
    answer
}

fn recorded() -> Lanes {
    let mut lanes = lanes(&[20.0]);
    lanes.push_recorded(
        Arc::new(Script::recorded("4 users", &answer(), false)),
        Stamp(0),
    );
    lanes.push_recorded(
        Arc::new(Script::recorded("19 users", &answer(), true)),
        Stamp(0),
    );
    lanes
}

fn screen(lanes: &Lanes, (width, height): (u16, u16), theme: &Theme) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| pane::render(frame, frame.area(), lanes, theme))
        .unwrap();
    terminal.backend().clone()
}

fn text(lanes: &Lanes) -> String {
    screen(lanes, (60, 30), &Theme::named("dark")).to_string()
}

fn counts(lanes: &Lanes) -> Vec<usize> {
    let now = lanes.now_us();
    lanes.lanes().iter().map(|lane| lane.tokens(now)).collect()
}

#[test]
fn four_lanes_at_three_sizes() {
    let mut lanes = lanes(&FIRST_SPEEDS);
    lanes.tick(Stamp(8 * SECOND));
    let theme = Theme::named("dark");
    for size in [(80, 24), (120, 40), (200, 60)] {
        let name = format!("lanes_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, screen(&lanes, size, &theme));
    }
    let styles = screen(&lanes, (80, 24), &theme).buffer().clone();
    insta::assert_debug_snapshot!("lanes_80x24_styles", styles);
}

#[test]
fn measured_lanes_show_their_wait_and_the_simulated_ones_say_so() {
    let mut lanes = recorded();
    lanes.tick(Stamp(500_000));
    let theme = Theme::named("dark");
    insta::assert_snapshot!("measured_waiting", screen(&lanes, (80, 20), &theme));
    lanes.tick(Stamp(900_000));
    insta::assert_snapshot!("measured_answering", screen(&lanes, (80, 20), &theme));
    lanes.tick(Stamp(9 * SECOND));
    insta::assert_snapshot!(
        "measured_ascii",
        screen(
            &lanes,
            (80, 20),
            &Theme {
                ascii: true,
                ..Theme::named("mono")
            }
        )
    );
}

#[test]
fn ascii_means_ascii() {
    let mut lanes = recorded();
    let theme = Theme {
        ascii: true,
        ..Theme::named("mono")
    };
    for at in [0, 500_000, SECOND] {
        lanes.tick(Stamp(at));
        let shown = screen(&lanes, (120, 40), &theme);
        let symbols = shown
            .buffer()
            .content()
            .iter()
            .map(ratatui::buffer::Cell::symbol);
        assert_eq!(
            symbols
                .filter(|symbol| !symbol.is_ascii())
                .collect::<Vec<_>>(),
            [""; 0]
        );
    }
}

#[test]
fn lanes_start_together_and_keep_their_pace() {
    let mut lanes = lanes(&[9.1, 20.0, 100.0]);
    assert!(!lanes.tick(Stamp(9_999)), "nothing is due yet");
    assert_eq!(lanes.next_due(), Some(Stamp(10_000)));
    assert!(lanes.tick(Stamp(10_000)));
    lanes.tick(Stamp(5 * SECOND));
    assert_eq!(counts(&lanes), [45, 100, 500]);
}

#[test]
fn pause_stands_still_and_again_starts_over() {
    let mut lanes = lanes(&[20.0]);
    lanes.act(LaneAction::Pause, Stamp(2 * SECOND));
    assert_eq!(lanes.next_due(), None);
    lanes.tick(Stamp(9 * SECOND));
    assert_eq!(counts(&lanes), [40]);
    assert!(text(&lanes).contains("PAUSED"));
    lanes.act(LaneAction::Pause, Stamp(9 * SECOND));
    lanes.tick(Stamp(10 * SECOND));
    assert_eq!(counts(&lanes), [60]);
    lanes.act(LaneAction::Again, Stamp(10 * SECOND));
    assert_eq!(counts(&lanes), [0]);
    lanes.tick(Stamp(11 * SECOND));
    assert_eq!(counts(&lanes), [20]);
}

#[test]
fn speed_changes_from_here_on_for_the_selected_lane_alone() {
    let mut lanes = lanes(&[20.0, 20.0]);
    lanes.act(LaneAction::Next, Stamp(SECOND));
    lanes.act(LaneAction::Faster, Stamp(2 * SECOND));
    lanes.tick(Stamp(4 * SECOND));
    assert_eq!(counts(&lanes), [80, 90]);
    for preset in [30.0, 55.0, 100.0] {
        lanes.act(LaneAction::NextPreset, Stamp(4 * SECOND));
        assert!((lanes.lanes()[1].speed() - preset).abs() < 1e-9);
    }
    lanes.tick(Stamp(5 * SECOND));
    assert_eq!(counts(&lanes), [100, 190]);
    lanes.act(LaneAction::NextPreset, Stamp(5 * SECOND));
    lanes.act(LaneAction::Slower, Stamp(5 * SECOND));
    assert!((lanes.lanes()[1].speed() - 160.0).abs() < 1e-9);
}

#[test]
fn lanes_come_and_go_but_one_stays() {
    let mut lanes = lanes(&[9.0]);
    lanes.act(LaneAction::Add, Stamp(SECOND));
    assert_eq!(lanes.selected(), 1);
    assert!(
        (lanes.lanes()[1].speed() - 5.0).abs() < 1e-9,
        "the first preset that is free"
    );
    lanes.tick(Stamp(2 * SECOND));
    assert_eq!(counts(&lanes), [18, 5], "the new lane began when it came");
    for _ in 0..3 {
        lanes.act(LaneAction::Remove, Stamp(2 * SECOND));
    }
    assert_eq!((lanes.lanes().len(), lanes.selected()), (1, 0));
    for _ in 0..100 {
        lanes.act(LaneAction::Add, Stamp(2 * SECOND));
    }
    assert_eq!(lanes.lanes().len(), 32);
}

#[test]
fn a_recording_plays_its_wait_its_thinking_and_its_gaps() {
    let mut lanes = recorded();
    for (at, shown) in [
        (619_999, 0),
        (620_000, 1),
        (770_000, 4),
        (819_999, 4),
        (1_070_000, 10),
    ] {
        lanes.tick(Stamp(at));
        assert_eq!(counts(&lanes)[1], shown, "at {at}");
    }
    lanes.act(LaneAction::Wait, Stamp(2 * SECOND));
    lanes.tick(Stamp(2 * SECOND + 50_000));
    assert_eq!(counts(&lanes)[1], 2, "without its wait");
    lanes.act(LaneAction::NextPreset, Stamp(2 * SECOND + 50_000));
    assert!(
        (lanes.lanes()[1].tok_s().unwrap() - 20.0).abs() < 1e-9,
        "9 gaps of 50 ms"
    );
}

#[test]
fn thinking_is_shown_folded_or_skipped() {
    let mut lanes = recorded();
    lanes.act(LaneAction::Next, Stamp(0));
    lanes.act(LaneAction::Full, Stamp(0));
    lanes.tick(Stamp(SECOND));
    assert!(text(&lanes).contains("Hm, let me."));
    lanes.act(LaneAction::Thinking, Stamp(SECOND));
    assert_eq!(lanes.thinking(), ThinkingMode::Folded);
    assert!(text(&lanes).contains("thinking: 4 tokens") && !text(&lanes).contains("Hm"));
    lanes.act(LaneAction::Thinking, Stamp(SECOND));
    lanes.tick(Stamp(SECOND + 620_000));
    assert_eq!(
        counts(&lanes)[1],
        1,
        "the answer begins when its wait is over"
    );
    assert!(text(&lanes).contains("1/6 tokens"));
    lanes.act(LaneAction::Thinking, Stamp(3 * SECOND));
    assert_eq!(lanes.lanes()[1].total_tokens(), 10);
}

#[test]
fn the_next_text_is_for_the_steady_lanes() {
    let mut lanes = recorded();
    lanes.push_text(&Script::recorded("answer", &answer(), false));
    let lengths = |lanes: &Lanes| {
        let lengths = lanes
            .lanes()
            .iter()
            .map(tokometer::tui::lanes::lane::Lane::total_tokens);
        lengths.collect::<Vec<_>>()
    };
    let english = lengths(&lanes)[0];
    lanes.act(LaneAction::NextText, Stamp(SECOND));
    assert!(text(&lanes).contains("ensaio"));
    lanes.act(LaneAction::NextText, Stamp(SECOND));
    assert_eq!(
        lengths(&lanes),
        [10, 10, 10],
        "a recorded answer at 20 tokens a second"
    );
    assert!(!lanes.lanes()[0].is_recorded());
    lanes.act(LaneAction::NextText, Stamp(SECOND));
    assert_eq!(lengths(&lanes)[0], english);
}

#[test]
fn a_finished_lane_stands_and_a_new_speed_starts_it_again() {
    let mut lanes = lanes(&[1000.0]);
    lanes.tick(Stamp(60 * SECOND));
    assert!(lanes.is_finished());
    assert_eq!(lanes.next_due(), None);
    assert!(text(&lanes).contains("done in 1.0 s"));
    lanes.act(LaneAction::Slower, Stamp(60 * SECOND));
    lanes.tick(Stamp(60 * SECOND + 100_000));
    assert_eq!(counts(&lanes), [80]);
}

#[test]
fn text_from_outside_cannot_steer_the_terminal() {
    let raw = "a\u{1b}[2Jb\u{7}c\u{9b}31md\u{202e}e\tf\r\ng\0";
    let script = Script::parse("evil", raw);
    assert_eq!(script.text(), "a␛[2Jb␇c\u{fffd}31mde\tf\ng␀");
    let mut lanes = Lanes::new(
        &[100.0],
        vec![Arc::new(script)],
        Limits::default(),
        Stamp(0),
    );
    lanes.tick(Stamp(9 * SECOND));
    let shown = screen(&lanes, (40, 20), &Theme::named("dark"));
    for cell in shown.buffer().content() {
        assert!(
            !cell.symbol().chars().any(char::is_control),
            "{:?}",
            cell.symbol()
        );
    }
}

#[test]
fn wide_combining_and_right_to_left_text_survives() {
    let raw = "日本語 e\u{301}te\u{301} 👩‍👩‍👧 שלום fn main() { x += 1; }";
    let mut lanes = Lanes::new(
        &[100.0],
        vec![Arc::new(Script::parse("mixed", raw))],
        Limits::default(),
        Stamp(0),
    );
    lanes.tick(Stamp(9 * SECOND));
    let shown = screen(&lanes, (100, 20), &Theme::named("dark")).to_string();
    for part in [
        "日本語",
        "e\u{301}te\u{301}",
        "👩‍👩‍👧",
        "שלום",
        "fn main() { x += 1; }",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
}

#[test]
fn a_click_finds_its_lane() {
    let lanes = lanes(&FIRST_SPEEDS);
    let area = Rect::new(0, 1, 80, 22);
    assert_eq!(pane::lane_at(area, &lanes, 0, 5), Some(0));
    assert_eq!(pane::lane_at(area, &lanes, 79, 5), Some(3));
    assert_eq!(pane::lane_at(area, &lanes, 10, 0), None);
}

fn any_lanes() -> impl Strategy<Value = (Lanes, u64)> {
    let actions: Vec<LaneAction> = LaneAction::iter().collect();
    let steps = proptest::collection::vec((0..actions.len(), 0_u64..3 * SECOND), 0..25);
    let speeds = proptest::collection::vec(-1.0_f64..2_000.0, 0..12);
    (speeds, steps, any::<bool>(), "(?s).{0,300}").prop_map(
        move |(speeds, steps, measured, raw)| {
            let texts = vec![
                Arc::new(Script::parse("any", &raw)),
                Arc::new(Script::essay(Language::En)),
            ];
            let mut lanes = Lanes::new(&speeds, texts, Limits::default(), Stamp(0));
            let mut now = 0;
            if measured {
                lanes.push_recorded(
                    Arc::new(Script::recorded("4 users", &answer(), true)),
                    Stamp(0),
                );
            }
            for (action, wait) in steps {
                now += wait;
                lanes.act(actions[action], Stamp(now));
            }
            (lanes, now)
        },
    )
}

proptest! {
    #[test]
    fn no_size_and_no_key_makes_it_panic(
        (mut lanes, now) in any_lanes(),
        width in 0_u16..200,
        height in 0_u16..70,
        area in (0_u16..220, 0_u16..80, 0_u16..220, 0_u16..80),
    ) {
        lanes.tick(Stamp(now + SECOND));
        let area = Rect::new(area.0, area.1, area.2, area.3);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        for theme in [Theme::named("dark"), Theme { ascii: true, ..Theme::named("mono") }] {
            terminal.draw(|frame| pane::render(frame, area, &lanes, &theme)).unwrap();
            terminal.draw(|frame| pane::render(frame, frame.area(), &lanes, &theme)).unwrap();
        }
    }

    #[test]
    fn the_next_instant_brings_something_to_draw((mut lanes, _) in any_lanes()) {
        for _ in 0..20 {
            let Some(due) = lanes.next_due() else { break };
            prop_assert!(lanes.tick(Stamp(due.0 + 1)), "nothing was due at {due:?}");
        }
    }
}
