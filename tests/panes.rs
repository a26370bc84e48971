//! Every pane, drawn from runs told as events: what a user would see, at several sizes.

mod story;

use proptest::prelude::*;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};
use rstest::rstest;
use story::Story;
use tokometer::event::{Event, FailureKind, Stamp, WarningKind, What};
use tokometer::stats::state::RunState;
use tokometer::ui::panes::requests_view::{Sort, Sorting};
use tokometer::ui::panes::{
    answer, cycles, headline, log, machine, request_detail, requests, requests_view, results, ttfb,
    verdict,
};
use tokometer::ui::theme::Theme;
use tokometer::ui::{AnswerView, Cx};

type Pane = fn(&mut Frame<'_>, Rect, &Cx<'_>);

fn by_speed(frame: &mut Frame<'_>, area: Rect, cx: &Cx<'_>) {
    let sort = Sorting {
        by: Sort::Speed,
        descending: true,
    };
    requests_view::render(frame, area, cx, sort);
}

const PANES: [(&str, Pane); 11] = [
    ("headline", headline::render),
    ("cycles", cycles::render),
    ("ttfb", ttfb::render),
    ("requests", requests::render),
    ("requests_view", by_speed),
    ("request_detail", request_detail::render),
    ("answer", answer::render),
    ("verdict", verdict::render),
    ("log", log::render),
    ("results", results::render),
    ("machine", machine::render),
];

/// What one looks at: a run, and what is chosen in it.
struct Screen {
    run: RunState,
    theme: Theme,
    request: Option<u64>,
    cycle: Option<usize>,
    answer: Option<AnswerView>,
    focused: bool,
    scroll: usize,
}

impl Screen {
    fn of(run: RunState) -> Self {
        Self {
            cycle: run.cycles.len().checked_sub(1),
            run,
            theme: Theme::named("dark"),
            request: None,
            answer: None,
            focused: false,
            scroll: 0,
        }
    }

    fn themed(mut self, name: &str, ascii: bool) -> Self {
        self.theme = Theme::named(name);
        self.theme.ascii = ascii;
        self
    }

    fn draw_at(&self, pane: Pane, size: (u16, u16), area: Rect) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        let cx = Cx {
            run: &self.run,
            limits: tokometer::plan::Limits::default(),
            theme: &self.theme,
            now: Stamp(self.run.now.0 + 40_000),
            cycle: self.cycle,
            request: self.request,
            answer: self.answer.as_ref(),
            focused: self.focused,
            scroll: self.scroll,
        };
        terminal.draw(|frame| pane(frame, area, &cx)).unwrap();
        terminal
    }

    fn draw(&self, pane: Pane, width: u16, height: u16) -> Terminal<TestBackend> {
        self.draw_at(pane, (width, height), Rect::new(0, 0, width, height))
    }
}

fn pane(name: &str) -> Pane {
    PANES.iter().find(|(of, _)| *of == name).unwrap().1
}

/// A sweep of 1, 2, 4, 8 and 32 users that is over; the last one had failures and a queue.
fn finished() -> Screen {
    let mut story = Story::of(&[1, 2, 4, 8, 32]);
    story.cycle(1, &[2, 4, 8, 32], 54.2, 0.41, 0);
    story.cycle(2, &[4, 8, 32], 30.7, 0.52, 0);
    story.cycle(4, &[8, 32], 20.7, 0.61, 0);
    story.cycle(8, &[32], 12.8, 0.83, 0);
    story.cycle(32, &[], 9.1, 14.2, 3);
    story.warn(
        WarningKind::Failures,
        "3 of 32 requests failed with 32 users: http_503 3",
    );
    story.end();
    let mut screen = Screen::of(story.state());
    screen.request = Some(20);
    screen
}

/// A sweep in its third cycle.
fn running() -> Screen {
    let mut story = Story::of(&[1, 4, 8, 16, 32]);
    story.cycle(1, &[4, 8, 16, 32], 54.2, 0.41, 0);
    story.warn(
        WarningKind::Slots,
        "the server answers 4 requests at once; with more users the rest wait in line",
    );
    story.cycle(4, &[8, 16, 32], 20.7, 0.61, 0);
    story.running(&[16, 32]);
    story.warn(WarningKind::ClientLate, "a token was read 12 ms late");
    let mut screen = Screen::of(story.state());
    screen.request = Some(10);
    screen.answer = Some(AnswerView {
        id: 10,
        parts: vec![
            (
                true,
                "\n\nOkay, so I need to figure out what the philosophical ".to_owned(),
            ),
            (
                true,
                "definition of time is. Aristotle called it the number of motion.\n".to_owned(),
            ),
            (
                false,
                "\n\nTime is, to Aristotle, the *number of motion* with respect to ".to_owned(),
            ),
            (
                false,
                "before and after; to Kant it is a form of intuition.\n\n".to_owned(),
            ),
            (
                false,
                "1. 時間は流れる。\n2. Presentism: only the now is.".to_owned(),
            ),
        ],
    });
    screen
}

/// A server and a model that wish the terminal ill.
fn hostile() -> Screen {
    let mut story = Story::of(&[2]);
    let id = story.open(2, &[]);
    story.pass(1.0);
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}gnirts\u{2066} 日本語\r\nline\ttab";
    let mut record = story::record(id, 0, 0, 5_000_000, 0.5, 30.0);
    story::failed(&mut record, FailureKind::StreamError, evil);
    story.tell(What::RequestEnded(Box::new(record)));
    story.warn(WarningKind::Other, evil);
    let mut screen = Screen::of(story.state());
    screen.request = Some(id);
    screen.answer = Some(AnswerView {
        id,
        parts: vec![(true, evil.to_owned()), (false, evil.to_owned())],
    });
    screen
}

fn measured() -> Screen {
    let mut story = Story::of(&[1]);
    story.tell(story::gpu());
    story.tell(story::processes());
    Screen::of(story.state())
}

#[rstest]
#[case("headline", 78, 5)]
#[case("headline", 78, 7)]
#[case("headline", 120, 8)]
#[case("headline", 200, 12)]
#[case("headline", 40, 4)]
#[case("cycles", 58, 9)]
#[case("cycles", 80, 12)]
#[case("ttfb", 40, 9)]
#[case("ttfb", 80, 14)]
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
#[case("ttfb", 40, 9)]
#[case("ttfb", 100, 16)]
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
fn nothing_yet() {
    let screen = Screen::of(RunState::default());
    for (name, pane) in PANES {
        let terminal = screen.draw(pane, 50, 6);
        insta::assert_snapshot!(format!("empty_{name}"), terminal.backend());
    }
}

#[test]
fn a_measured_machine() {
    for (width, height) in [(40, 12), (80, 10)] {
        let terminal = measured().draw(machine::render, width, height);
        insta::assert_snapshot!(format!("machine_{width}x{height}"), terminal.backend());
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
        Screen::of(RunState::default()),
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
        ("ttfb", 10),
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
    let fastest = Sorting {
        by: Sort::Speed,
        descending: true,
    };
    let order = requests_view::order(cycle, fastest, screen.run.now);
    assert_eq!(order.first(), Some(&7));
    assert_eq!(order.len(), 8);
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let number = prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(f64::INFINITY),
        0.0..100.0
    ];
    let what = prop_oneof![
        (0_u32..3, 0_u32..300).prop_map(|(cycle, users)| What::CycleStarted { cycle, users }),
        (0_u32..3, 0_u64..9).prop_map(|(cycle, id)| What::RequestStarted {
            id,
            cycle,
            user: 7,
            round: u32::MAX,
        }),
        (0_u32..3, 0_u64..9, any::<bool>()).prop_map(|(cycle, id, thinking)| What::FirstToken {
            id,
            cycle,
            ttft_us: 1,
            thinking,
        }),
        (0_u32..3, 0_u64..9, 0_u64..90_000_000, 0.1..9000.0).prop_map(
            |(cycle, id, sent, speed)| {
                let mut record = story::record(id, cycle, 0, sent, 0.01, speed);
                record.connect_us = Some(sent);
                if id % 3 == 0 {
                    story::failed(&mut record, FailureKind::BadLine, "\u{1b}[");
                }
                What::RequestEnded(Box::new(record))
            }
        ),
        (0_u32..3).prop_map(|cycle| What::CycleEnded {
            cycle,
            why: tokometer::event::CycleEnd::Done,
        }),
        (number.clone(), any::<u32>()).prop_map(|(seconds, next_users)| What::RestStarted {
            seconds: seconds.min(1e9),
            next_users,
        }),
        prop::collection::vec(any::<u32>(), 0..20)
            .prop_map(|upcoming| What::LevelsChanged { upcoming }),
        any::<String>().prop_map(|text| What::Warning(tokometer::event::Warning {
            kind: WarningKind::Other,
            text,
        })),
        (number, any::<u64>()).prop_map(|(x, n)| What::Gpu(tokometer::event::GpuSample {
            watts: Some(x),
            usage_percent: Some(x),
            vram_used_bytes: Some(n),
            vram_total_bytes: Some(n / 2),
            ..Default::default()
        })),
        Just(story::processes()),
    ];
    let event = (0_u64..100_000_000, what).prop_map(|(at, what)| Event {
        at: Stamp(at),
        what,
    });
    prop::collection::vec(event, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_area_and_no_event_breaks_a_pane(
        events in events(),
        screen in (1_u16..=200, 1_u16..=60),
        area in (0_u16..=200, 0_u16..=200, 0_u16..=200, 0_u16..=200),
        text in any::<String>(),
        (request, cycle, scroll, ascii) in (0_u64..9, 0_usize..4, 0_usize..1000, any::<bool>()),
    ) {
        let mut view = Screen::of(RunState::of(&events)).themed("dark", ascii);
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
