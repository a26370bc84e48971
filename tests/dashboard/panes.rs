//! Every pane, drawn from runs told as events: what a user would see, at several sizes.

use crate::pane_runs::loaded;
use crate::pane_runs::screen::{
    PANES, Screen, broken_off, finished, hostile, measured, pane, partly_measured, running,
    two_cards, unmeasured,
};
use proptest::prelude::*;
use ratatui::layout::Rect;
use rstest::rstest;
use tokometer::event::{CycleEnd, RunEnd};
use tokometer::metrics::state::RunState;
use tokometer::tui::AnswerView;
use tokometer::tui::panes::requests_view::{RequestSort, RequestSorting};
use tokometer::tui::panes::{answer, headline, requests, requests_view, verdict};

#[rstest]
#[case("headline", 78, 5)]
#[case("headline", 78, 7)]
#[case("headline", 120, 8)]
#[case("headline", 200, 12)]
#[case("headline", 40, 4)]
#[case("cycles", 58, 9)]
#[case("cycles", 80, 12)]
#[case("ttft", 40, 9)]
#[case("ttfb", 60, 12)]
#[case("ttft", 80, 14)]
#[case("requests", 58, 12)]
#[case("requests", 80, 12)]
#[case("requests_view", 80, 12)]
#[case("requests_view", 140, 12)]
#[case("request_detail", 60, 12)]
#[case("answer", 58, 8)]
#[case("answer", 30, 16)]
#[case("verdict", 120, 1)]
#[case("verdict", 78, 1)]
#[case("verdict", 40, 1)]
#[case("log", 58, 6)]
#[case("results", 120, 26)]
#[case("machine", 40, 6)]
fn a_running_sweep(#[case] name: &str, #[case] width: u16, #[case] height: u16) {
    let terminal = running().draw(pane(name), width, height);
    insta::assert_snapshot!(
        format!("running_{name}_{width}x{height}"),
        terminal.backend()
    );
}

#[rstest]
#[case("headline", 78, 5)]
#[case("headline", 120, 8)]
#[case("cycles", 80, 12)]
#[case("ttft", 40, 9)]
#[case("ttft", 100, 16)]
#[case("requests", 58, 8)]
#[case("requests_view", 120, 10)]
#[case("request_detail", 80, 30)]
#[case("verdict", 120, 1)]
#[case("log", 58, 4)]
#[case("results", 78, 20)]
#[case("results", 120, 30)]
#[case("results", 200, 56)]
fn a_finished_sweep(#[case] name: &str, #[case] width: u16, #[case] height: u16) {
    let terminal = finished().draw(pane(name), width, height);
    insta::assert_snapshot!(
        format!("finished_{name}_{width}x{height}"),
        terminal.backend()
    );
}

#[test]
fn a_smaller_level_that_did_worse_is_named() {
    let screen = Screen::new(RunState::from_events(&crate::uneven::run()));
    let terminal = screen.draw(pane("results"), 120, 40);
    insta::assert_snapshot!("dip_results_120x40", terminal.backend());
}

#[test]
fn a_gap_is_told_beside_what_it_leaves_out() {
    let terminal = broken_off().draw(pane("usage"), 90, 6);
    insta::assert_snapshot!("broken_off_usage_90x6", terminal.backend());
}

#[test]
fn nothing_yet() {
    let screen = Screen::new(RunState::default());
    for (name, pane) in PANES {
        let terminal = screen.draw(pane, 50, 6);
        insta::assert_snapshot!(format!("empty_{name}"), terminal.backend());
    }
}

#[test]
fn cycles_that_did_not_go_well() {
    let mut story = loaded(&[1, 2, 4, 8, 16]);
    story.cycle(1, &[2, 4, 8, 16], 54.2, 0.41, 0);
    story.cycle(2, &[4, 8, 16], 30.7, 0.52, 2);
    story.running(&[8, 16]);
    story.close(CycleEnd::Skipped);
    let resting = Screen::new(story.state());
    insta::assert_snapshot!(
        "resting_headline",
        resting.draw(headline::render, 78, 7).backend()
    );
    story.begin(8, &[16]);
    story.pass(2.5);
    story.close(CycleEnd::Stopped);
    let failure = "the server is gone: connection refused (os error 111)".to_owned();
    story.end(RunEnd::Failed(failure));
    let screen = Screen::new(story.state());
    for (name, width, height) in [
        ("headline", 78, 7),
        ("headline", 78, 5),
        ("cycles", 78, 9),
        ("results", 100, 20),
        ("ttft", 40, 9),
    ] {
        let terminal = screen.draw(pane(name), width, height);
        insta::assert_snapshot!(
            format!("failed_{name}_{width}x{height}"),
            terminal.backend()
        );
    }
}

#[rstest]
#[case(40, 9)]
#[case(46, 7)]
#[case(78, 7)]
#[case(118, 12)]
fn a_machine_of_which_all_some_or_nothing_is_known(#[case] width: u16, #[case] height: u16) {
    let stories = [
        ("all", measured()),
        ("some", partly_measured()),
        ("none", unmeasured()),
        ("cards", two_cards()),
    ];
    for (name, screen) in stories {
        for of in ["machine", "processes"] {
            let terminal = screen.draw(pane(of), width, height);
            let name = format!("{of}_{name}_{width}x{height}");
            insta::assert_snapshot!(name, terminal.backend());
        }
    }
}

#[rstest]
#[case(70, 8)]
#[case(70, 20)]
#[case(118, 16)]
fn the_machine_against_users(#[case] width: u16, #[case] height: u16) {
    for (name, screen) in [("all", measured()), ("some", partly_measured())] {
        let terminal = screen.draw(pane("usage"), width, height);
        insta::assert_snapshot!(format!("usage_{name}_{width}x{height}"), terminal.backend());
    }
}

#[rstest]
#[case("cycles", "dark")]
#[case("cycles", "mono")]
#[case("requests", "mono")]
#[case("answer", "dark")]
#[case("headline", "light")]
fn styles(#[case] name: &str, #[case] theme: &str) {
    let mut screen = running().themed(theme, false);
    screen.focused = true;
    let terminal = screen.draw(pane(name), 58, 10);
    insta::assert_debug_snapshot!(format!("style_{name}_{theme}"), terminal.backend().buffer());
}

#[test]
fn plain_characters_where_asked() {
    for screen in [
        running(),
        finished(),
        measured(),
        Screen::new(RunState::default()),
    ] {
        let mut screen = screen.themed("mono", true);
        screen.answer = None;
        for (name, pane) in PANES {
            for (width, height) in [(40, 7), (78, 9), (120, 30)] {
                let terminal = screen.draw(pane, width, height);
                let shown = terminal.backend().to_string();
                assert!(shown.is_ascii(), "{name}:\n{shown}");
            }
        }
    }
    let screen = running().themed("mono", true);
    for (name, height) in [
        ("headline", 7),
        ("cycles", 9),
        ("ttft", 10),
        ("requests", 12),
    ] {
        let terminal = screen.draw(pane(name), 78, height);
        insta::assert_snapshot!(format!("ascii_{name}"), terminal.backend());
    }
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let screen = hostile();
    for (name, pane) in PANES {
        for (width, height) in [(58, 12), (120, 30)] {
            let terminal = screen.draw(pane, width, height);
            for cell in terminal.backend().buffer().content() {
                let raw = |c: char| {
                    c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2066}'
                };
                assert!(!cell.symbol().contains(raw), "{name}: {:?}", cell.symbol());
            }
        }
    }
    for name in ["answer", "log", "request_detail"] {
        let terminal = screen.draw(pane(name), 58, 10);
        insta::assert_snapshot!(format!("hostile_{name}"), terminal.backend());
    }
}

#[test]
fn an_answer_is_followed_until_it_is_scrolled() {
    let mut screen = running();
    let lines: Vec<String> = (1..=100).map(|n| format!("line {n}")).collect();
    screen.answer = Some(AnswerView {
        id: 1,
        parts: vec![(false, lines.join("\n"))],
    });
    let seen = |screen: &Screen| screen.draw(answer::render, 40, 5).backend().to_string();
    assert!(seen(&screen).contains("line 100 "));
    screen.scroll = 50;
    assert!(seen(&screen).contains("line 50 ") && !seen(&screen).contains("line 51 "));
    screen.scroll = 1000;
    assert!(seen(&screen).contains("line 1 "));
}

#[test]
fn rows_come_in_the_order_that_the_selection_moves_in() {
    let screen = running();
    let cycle = screen.run.cycles.last().unwrap();
    assert_eq!(requests::order(cycle), [8, 9, 10, 12, 13, 11, 7, 6]);
    let fastest = RequestSorting {
        by: RequestSort::Speed,
        descending: true,
    };
    let order = requests_view::order(cycle, fastest, screen.run.now);
    assert_eq!(order.first(), Some(&7));
    assert_eq!(order.len(), 8);
}

#[test]
fn the_verdict_counts_whole_cycles_only() {
    let reported = |screen: &Screen| {
        let terminal = screen.draw(verdict::render, 160, 1);
        terminal
            .backend()
            .to_string()
            .trim_matches(['"', '\n', ' '])
            .to_owned()
    };
    let mut story = loaded(&[2, 8]);
    assert_eq!(
        reported(&Screen::new(story.state())),
        "so far: no cycle has finished yet"
    );
    story.cycle(2, &[8], 25.0, 0.5, 0);
    story.running(&[]);
    assert_eq!(
        reported(&Screen::new(story.state())),
        "so far: 2+ users (unsure, 32 more to decide), by mean 2+ · ≥ 19.9 tok/s: 2+, mean 2+ · ≤ 10 s wait: 2+, mean 2+ · ✘ 2 failed · measuring 8"
    );
    let mut story = loaded(&[1, 2]);
    story.cycle(1, &[2], 9.0, 0.5, 0);
    story.cycle(2, &[], 9.0, 0.5, 2);
    story.end(RunEnd::Done);
    assert_eq!(
        reported(&Screen::new(story.state())),
        "verdict: nobody (unlikely, 9 more to decide), by mean nobody · ≥ 19.9 tok/s: nobody, mean nobody · ≤ 10 s wait: 1, mean 1 · ✘ 2 failed"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_area_and_no_event_breaks_a_pane(
        events in crate::pane_runs::any::events(),
        screen in (1_u16..=200, 1_u16..=60),
        area in (0_u16..=200, 0_u16..=200, 0_u16..=200, 0_u16..=200),
        text in any::<String>(),
        (request, cycle, scroll, ascii) in (0_u64..9, 0_usize..4, 0_usize..1000, any::<bool>()),
    ) {
        let mut view = Screen::new(RunState::from_events(&events)).themed("dark", ascii);
        view.request = Some(request);
        view.cycle = Some(cycle);
        view.scroll = scroll;
        view.answer = Some(AnswerView { id: 1, parts: vec![(true, text.clone()), (false, text)] });
        for (_, pane) in PANES {
            view.draw_at(pane, screen, Rect::new(area.0, area.1, area.2, area.3));
            view.draw_at(pane, screen, Rect::new(0, 0, screen.0, screen.1));
        }
    }
}
