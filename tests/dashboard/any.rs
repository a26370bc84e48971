//! Whatever is typed, clicked, told and however large the terminal is: the dashboard neither panics
//! nor draws anything that a terminal would obey.

use std::time::Duration;

use crossterm::event::{
    Event as Input, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use tokio::time::Instant;
use tokometer::event::{
    CycleEnd, Event, EventKind, InFlight, Phase, RunEnd, Stamp, Warning, WarningKind,
};
use tokometer::metrics::compare::Comparison;
use tokometer::metrics::state::RunState;
use tokometer::session::{AnswerText, SessionEvent};
use tokometer::store::index::Found;
use tokometer::tui::DashboardOptions;
use tokometer::tui::app::{App, Msg};
use tokometer::tui::background::TaskResult;
use tokometer::tui::render::render;

use crate::{fixture, library, live};

fn any_key() -> impl Strategy<Value = Msg> {
    let code = prop_oneof![
        8 => prop::sample::select("12345 zfghjklnrxyopPqtTsSmadwcevGO?+-=0789[]/,.".chars().collect::<Vec<_>>())
            .prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        4 => prop::sample::select(vec![
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::Delete,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Backspace,
        ]),
    ];
    code.prop_map(|code| Msg::Input(Input::Key(KeyEvent::new(code, KeyModifiers::NONE))))
}

fn any_mouse() -> impl Strategy<Value = Msg> {
    let kind = prop::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
        MouseEventKind::Moved,
    ]);
    (kind, 0..220_u16, 0..220_u16).prop_map(|(kind, column, row)| {
        Msg::Input(Input::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }))
    })
}

/// Text as a hostile server writes it.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("\u{1b}]52;c;AAAA\u{7}\u{1b}[2J\u{9b}31m\u{202e}".to_owned()),
        "[a-z\\n\\t ]{0,300}",
    ]
}

/// Events that a run could hold, and some that none should: unknown cycles, no numbers.
fn any_event() -> impl Strategy<Value = Event> {
    let seconds = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), -1.0..1e9];
    let phase = prop::sample::select(vec![Phase::Queued, Phase::Thinking, Phase::Answering]);
    let cycle = || 0..5_u32;
    let id = || 0..30_u64;
    let what = prop_oneof![
        any::<bool>().prop_map(|simulated| live::started(simulated).what),
        (cycle(), any::<u32>()).prop_map(|(cycle, users)| EventKind::CycleStarted { cycle, users }),
        (cycle(), prop::collection::vec(any::<u64>(), 0..4)).prop_map(|(cycle, connect_us)| {
            EventKind::ConnectionsOpened {
                cycle,
                tls_us: connect_us.clone(),
                connect_us,
                failed: 1,
            }
        }),
        (id(), cycle()).prop_map(|(id, cycle)| EventKind::RequestStarted {
            id,
            cycle,
            user: 0,
            round: 0
        }),
        (id(), cycle(), any::<bool>()).prop_map(|(id, cycle, thinking)| EventKind::FirstToken {
            id,
            cycle,
            ttft_us: 1,
            thinking
        }),
        (cycle(), id(), any::<u32>(), phase).prop_map(|(cycle, id, tokens, phase)| {
            EventKind::Progress {
                cycle,
                requests: vec![InFlight { id, tokens, phase }],
            }
        }),
        cycle().prop_map(|cycle| EventKind::CycleEnded {
            cycle,
            why: CycleEnd::Skipped
        }),
        (seconds, any::<u32>()).prop_map(|(seconds, next_users)| EventKind::RestStarted {
            seconds,
            next_users
        }),
        prop::collection::vec(any::<u32>(), 0..40)
            .prop_map(|upcoming| EventKind::LevelsChanged { upcoming }),
        any_text().prop_map(|text| EventKind::Warning(Warning {
            kind: WarningKind::Other,
            text
        })),
        any_text().prop_map(|text| EventKind::RunEnded {
            why: RunEnd::Failed(text)
        }),
        Just(EventKind::Paused),
    ];
    (0..4_000_000_000_u64, what).prop_map(|(millis, what)| live::event(millis % 100_000, what))
}

fn any_news() -> impl Strategy<Value = Msg> {
    let news = prop_oneof![
        any_text().prop_map(|url| SessionEvent::Searching { url: Some(url) }),
        (any_text(), any_text()).prop_map(|(url, why)| SessionEvent::NotFound {
            tried: vec![(url, why)]
        }),
        (any::<bool>(), any_text(), 0..60_usize).prop_map(|(simulated, name, count)| {
            let mut server = live::server(simulated);
            server.models = server.models.into_iter().cycle().take(count).collect();
            for model in server.models.iter_mut().take(1) {
                name.clone_into(&mut model.name);
            }
            SessionEvent::Found(server)
        }),
        (any_text(), any::<(u64, u64)>()).prop_map(|(status, bytes)| SessionEvent::Pulling {
            model: status.clone(),
            status,
            bytes: Some(bytes)
        }),
        any_text().prop_map(|why| SessionEvent::Pulled(Err(why))),
        Just(SessionEvent::Pulled(Ok(()))),
        any::<bool>().prop_map(|simulated| SessionEvent::Events(live::running(simulated))),
        prop::collection::vec(any_event(), 0..20).prop_map(SessionEvent::Events),
        (0..30_u64, any::<bool>(), any_text()).prop_map(|(id, restart, text)| {
            let parts = vec![(restart, text)];
            SessionEvent::Answer(AnswerText { id, restart, parts })
        }),
        any_text().prop_map(|error| SessionEvent::Finished {
            directory: None,
            error: Some(error),
            report: None
        }),
    ];
    news.prop_map(Msg::SessionEvent)
}

/// What errands come back with, whether or not they were asked for.
fn any_told() -> impl Strategy<Value = Msg> {
    let reported = prop_oneof![
        4 => (any_text(), any::<bool>(), any_text()).prop_map(|(model, simulated, reason)| {
            let mut runs = library::found(simulated);
            if let Found::Run(entry) = &mut runs[0] {
                entry.model = model;
            }
            let (id, started_at) = ("broken".to_owned(), None);
            runs.push(Found::Unreadable { id, started_at, reason });
            TaskResult::Listed(Ok(runs))
        }),
        4 => any::<bool>().prop_map(|simulated| {
            let opened = library::opened(live::running(simulated));
            TaskResult::Opened {
                directory: opened.directory.clone(),
                run: Ok(Box::new(opened)),
            }
        }),
        1 => any_text().prop_map(|why| TaskResult::Listed(Err(why))),
        1 => any::<bool>().prop_map(|simulated| {
            let runs = [simulated, false].map(|simulated| RunState::from_events(&live::running(simulated)));
            let [one, other] = &runs;
            TaskResult::Compared(Ok(Box::new(Comparison::new(&[one, other]))))
        }),
        1 => any_text().prop_map(|why| TaskResult::Deleted {
            id: library::ID.to_owned(),
            result: if why.len() > 5 { Err(why) } else { Ok(()) },
        }),
        1 => any_text().prop_map(|why| TaskResult::Reported(Err(why))),
        1 => any_text().prop_map(TaskResult::BrokeOff),
    ];
    reported.prop_map(Msg::TaskResult)
}

fn any_msg() -> impl Strategy<Value = Msg> {
    prop_oneof![
        6 => any_key(),
        2 => any_mouse(),
        6 => any_news(),
        3 => any_told(),
        1 => Just(Msg::Tick),
        1 => (0..=200_u16, 0..=200_u16).prop_map(|(w, h)| Msg::Input(Input::Resize(w, h))),
    ]
}

/// Draws the dashboard; every cell must be harmless.
fn draw(app: &App, width: u16, height: u16) -> Result<(), TestCaseError> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| render(frame, app)).unwrap();
    for cell in terminal.backend().buffer().content() {
        let harmless = !cell.symbol().chars().any(char::is_control);
        prop_assert!(harmless, "{:?} on the screen", cell.symbol());
        let reversed = cell.symbol().contains('\u{202e}');
        prop_assert!(!reversed, "text that runs backwards");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_makes_it_panic_or_draw_harm(
        msgs in prop::collection::vec((any_msg(), 0..3000_u64), 1..40),
        width in 0..=200_u16,
        height in 0..=200_u16,
        ascii: bool,
        replayed: bool,
    ) {
        let mut now = Instant::now();
        let archive = Some(library::nowhere());
        let replay = replayed.then(|| Box::new(library::opened(live::running(ascii))));
        let options = DashboardOptions { ascii, archive, replay, ..DashboardOptions::default() };
        let (mut app, _) = App::new(options, Size::new(width, height), now);
        let mut size = (width, height);
        for (index, (msg, millis)) in msgs.into_iter().enumerate() {
            now += Duration::from_millis(millis);
            if let Msg::Input(Input::Resize(w, h)) = msg {
                size = (w, h);
            }
            app.update(msg, now);
            if index % 8 == 0 {
                draw(&app, size.0, size.1)?;
            }
        }
        draw(&app, size.0, size.1)?;
    }

    #[test]
    fn a_run_can_be_drawn_at_any_size(
        width in 0..=200_u16, height in 0..=200_u16, script in "[123zpPjkGghlfo?+]{0,6}",
    ) {
        let now = Instant::now();
        let (mut app, _) = App::new(DashboardOptions::default(), Size::new(width, height), now);
        app.update(Msg::SessionEvent(SessionEvent::Found(live::server(true))), now);
        app.update(Msg::SessionEvent(SessionEvent::Events(live::running(true))), now);
        for key in fixture::keys(&script) {
            app.update(Msg::Input(Input::Key(key)), now);
        }
        draw(&app, width, height)?;
    }
}

#[test]
fn a_rest_without_end_is_drawn() {
    let now = Instant::now();
    let (mut app, _) = App::new(DashboardOptions::default(), Size::new(120, 40), now);
    let rest = EventKind::RestStarted {
        seconds: f64::INFINITY,
        next_users: 0,
    };
    let event = Event {
        at: Stamp(1_000),
        what: rest,
    };
    app.update(Msg::SessionEvent(SessionEvent::Events(vec![event])), now);
    draw(&app, 120, 40).unwrap();
}
