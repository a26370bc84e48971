//! `tokometer preview` as it runs: its real loop, with keys and a clock of the test's.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures_util::stream::{self, StreamExt};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rstest::rstest;
use strum::IntoEnumIterator;
use tokio::time::Instant;
use tokometer::capture::Recorder;
use tokometer::capture::color_scheme::Look;
use tokometer::event::Stamp;
use tokometer::plan::Limits;
use tokometer::tui::lanes::app::{App, Effect, GLOBAL, Global};
use tokometer::tui::lanes::figures;
use tokometer::tui::lanes::keys::BINDINGS;
use tokometer::tui::lanes::lanes::{FIRST_SPEEDS, Lanes};
use tokometer::tui::lanes::run_loop;
use tokometer::tui::lanes::run_loop::{Options, PreviewError};
use tokometer::tui::lanes::screen;
use tokometer::tui::lanes::text::{Language, Script};
use tokometer::tui::theme::Theme;

fn app(speeds: &[f64]) -> App {
    let texts = vec![Arc::new(Script::essay(Language::En))];
    let lanes = Lanes::new(speeds, texts, Limits::default(), Stamp(0));
    App::new(lanes, Theme::named("dark"))
}

fn key(code: KeyCode) -> Event {
    Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// Keys, each so many milliseconds after the one before; then silence.
fn typed(keys: &[(u64, KeyCode)]) -> impl stream::Stream<Item = io::Result<Event>> + Unpin + use<> {
    let keys = stream::iter(keys.to_vec()).then(|(wait, code)| async move {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        Ok(key(code))
    });
    Box::pin(keys.chain(stream::pending()))
}

async fn run(
    app: App,
    keys: &[(u64, KeyCode)],
    options: Options,
) -> (Result<App, PreviewError>, String, Duration) {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let start = Instant::now();
    let ended = run_loop::run(
        &mut terminal,
        typed(keys),
        std::future::pending(),
        app,
        options,
    )
    .await;
    (ended, terminal.backend().to_string(), start.elapsed())
}

fn tokens(app: &App) -> Vec<usize> {
    let now = app.lanes.now_us();
    app.lanes
        .lanes()
        .iter()
        .map(|lane| lane.tokens(now))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_the_real_loop_has_the_tokens_of_a_minute() {
    let mut app = app(&[9.1, 100.0]);
    let long = "time ".repeat(7_000);
    let texts = vec![Arc::new(Script::parse("long", &long))];
    app.lanes = Lanes::new(&[9.1, 100.0, 1.0], texts, Limits::default(), Stamp(0));
    let options = Options {
        lasting: Some(Duration::from_mins(1)),
        ..Options::default()
    };
    let (ended, screen, took) = run(app, &[], options).await;
    assert_eq!(tokens(&ended.unwrap()), [546, 6_000, 60]);
    // The last frame is at most a frame's time old.
    let shown = (5_996..=6_000).any(|count| screen.contains(&figures::count(count)));
    assert!(shown, "{screen}");
    assert_eq!(took, Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn q_ends_it_and_space_stops_the_time() {
    let keys = [(2_000, KeyCode::Char(' ')), (60_000, KeyCode::Char('q'))];
    let (ended, screen, took) = run(app(&[20.0]), &keys, Options::default()).await;
    assert_eq!(tokens(&ended.unwrap()), [40]);
    assert!(screen.contains("PAUSED"), "{screen}");
    assert_eq!(took, Duration::from_secs(62));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_input_is_the_end() {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let gone = stream::empty();
    let ended = run_loop::run(
        &mut terminal,
        gone,
        std::future::pending(),
        app(&[9.0]),
        Options::default(),
    )
    .await;
    assert!(matches!(ended, Err(PreviewError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_recording_is_whole_though_the_terminal_goes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.gif");
    let keys = typed(&[(2_000, KeyCode::Char('r'))]).take(1);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let options = Options {
        recorder: Some(Recorder::create(&path, Look::dark()).unwrap()),
        ..Options::default()
    };
    let shutdown = std::future::pending();
    let ended = run_loop::run(&mut terminal, keys, shutdown, app(&[20.0]), options).await;
    assert!(matches!(ended, Err(PreviewError::Closed)));
    let bytes = std::fs::read(path).unwrap();
    let mut decoder = gif::DecodeOptions::new()
        .read_info(bytes.as_slice())
        .unwrap();
    let mut centiseconds = 0;
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        centiseconds += frame.delay;
    }
    assert!((200..=202).contains(&centiseconds), "{centiseconds}");
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_it() {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let signal = tokio::time::sleep(Duration::from_secs(1));
    let ended = run_loop::run(
        &mut terminal,
        typed(&[]),
        signal,
        app(&[9.0]),
        Options::default(),
    )
    .await;
    assert_eq!(tokens(&ended.unwrap()), [9]);
}

#[tokio::test(start_paused = true)]
async fn capital_s_writes_a_picture_and_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        pictures: directory.path().to_owned(),
        ..Options::default()
    };
    let keys = [
        (500, KeyCode::Char('S')),
        (10, KeyCode::Char('S')),
        (500, KeyCode::Char('?')),
        (5, KeyCode::Char('q')),
    ];
    let (ended, ..) = run(app(&[9.0]), &keys, options).await;
    assert_eq!(
        ended.unwrap().note,
        None,
        "the next key takes the message away"
    );
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["tokometer-1.svg", "tokometer-2.svg"]);
}

#[test]
fn the_whole_screen() {
    let mut app = app(&FIRST_SPEEDS);
    app.lanes.tick(Stamp(4_000_000));
    let shown = |app: &App, size: (u16, u16)| {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        terminal.draw(|frame| screen::render(frame, app)).unwrap();
        terminal.backend().clone()
    };
    insta::assert_snapshot!("screen_80x24", shown(&app, (80, 24)));
    insta::assert_snapshot!("screen_30x7", shown(&app, (30, 7)));
    app.help = true;
    insta::assert_snapshot!("help_80x24", shown(&app, (80, 24)));
    for size in [(0, 0), (1, 1), (5, 3), (17, 9), (250, 2)] {
        shown(&app, size);
    }
}

#[rstest]
#[case(KeyCode::Char('q'), Some(Effect::Quit))]
#[case(KeyCode::Char('S'), Some(Effect::Picture))]
#[case(KeyCode::Char('t'), Some(Effect::Draw))]
#[case(KeyCode::Char('5'), Some(Effect::Draw))]
#[case(KeyCode::Char('z'), None)]
#[case(KeyCode::F(3), None)]
fn what_keys_do(#[case] code: KeyCode, #[case] effect: Option<Effect>) {
    assert_eq!(app(&[9.0]).input(&key(code), Stamp(0)), effect);
}

#[test]
fn control_c_quits_and_control_q_does_not() {
    let control = |c| Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
    assert_eq!(
        app(&[9.0]).input(&control('c'), Stamp(0)),
        Some(Effect::Quit)
    );
    assert_eq!(app(&[9.0]).input(&control('q'), Stamp(0)), None);
}

#[test]
fn themes_come_round() {
    let mut app = app(&[9.0]);
    let names: Vec<&str> = (0..4)
        .map(|_| {
            app.input(&key(KeyCode::Char('t')), Stamp(0));
            app.theme.name
        })
        .collect();
    assert_eq!(names, ["light", "mono", "dark", "light"]);
}

#[test]
fn no_global_key_is_a_key_of_the_lanes() {
    for row in GLOBAL {
        let taken = BINDINGS.iter().any(|lane| lane.keys.contains(&row.key));
        assert!(!taken, "{:?}", row.key);
    }
    for action in Global::iter() {
        assert!(
            GLOBAL.iter().any(|row| row.action == action),
            "{action:?} has no key"
        );
    }
}
