//! `tokometer preview` as it runs: its real loop, with keys and a clock of the test's.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures_util::stream::{self, StreamExt};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use rstest::rstest;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokometer::capture::ScreenRecorder;
use tokometer::capture::color_scheme::ColorScheme;
use tokometer::event::Stamp;
use tokometer::plan::Limits;
use tokometer::text::numbers::grouped_count;
use tokometer::tui::app::{App, Effect, Msg};
use tokometer::tui::lanes::lane_set::{FIRST_SPEEDS, Lanes};
use tokometer::tui::lanes::text::{Language, Script};
use tokometer::tui::recording::{Recorded, Tape};
use tokometer::tui::render::render;
use tokometer::tui::{self, DashboardOptions, Exit, Shutdown, UiError};

use crate::fixture::Dash;

/// What `tokometer preview` begins with.
fn of_text(speeds: &[f64], text: Script) -> DashboardOptions {
    let lanes = Lanes::new(speeds, vec![Arc::new(text)], Limits::default(), Stamp(0));
    DashboardOptions {
        lanes: Some(Box::new(lanes)),
        mouse: false,
        ..DashboardOptions::default()
    }
}

fn options(speeds: &[f64]) -> DashboardOptions {
    of_text(speeds, Script::essay(Language::En))
}

fn app(speeds: &[f64]) -> App {
    App::new(options(speeds), Size::new(80, 24), Instant::now()).0
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

async fn on<B: ratatui::backend::Backend>(
    terminal: &mut Terminal<B>,
    input: impl stream::Stream<Item = io::Result<Event>> + Unpin,
    shutdown: impl Future<Output = Shutdown>,
    options: DashboardOptions,
) -> Result<App, UiError> {
    let (_silent, news) = mpsc::channel(1);
    let (commands, _unheard) = mpsc::channel(1);
    tui::run(terminal, input, news, commands, shutdown, options).await
}

async fn run(
    options: DashboardOptions,
    keys: &[(u64, KeyCode)],
) -> (Result<App, UiError>, String, Duration) {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let start = Instant::now();
    let ended = on(&mut terminal, typed(keys), std::future::pending(), options).await;
    (ended, terminal.backend().to_string(), start.elapsed())
}

fn tokens(app: &App) -> Vec<usize> {
    let lanes = app.lanes().unwrap();
    let all = lanes.lanes().iter();
    all.map(|lane| lane.tokens(lanes.now_us())).collect()
}

/// A signal so many milliseconds from now.
async fn signal(wait: u64, signal: i32) -> Shutdown {
    tokio::time::sleep(Duration::from_millis(wait)).await;
    Shutdown { signal }
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_the_real_loop_has_the_tokens_of_a_minute() {
    let long = Script::parse("long", &"time ".repeat(7_000));
    let options = DashboardOptions {
        lasting: Some(Duration::from_mins(1)),
        ..of_text(&[9.1, 100.0, 1.0], long)
    };
    let (ended, screen, took) = run(options, &[]).await;
    assert_eq!(tokens(&ended.unwrap()), [546, 6_000, 60]);
    // The last frame is at most a frame's time old.
    let shown = (5_996..=6_000).any(|count| screen.contains(&grouped_count(count)));
    assert!(shown, "{screen}");
    assert_eq!(took, Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn q_ends_it_and_space_stops_the_time() {
    let keys = [(2_000, KeyCode::Char(' ')), (60_000, KeyCode::Char('q'))];
    let (ended, screen, took) = run(options(&[20.0]), &keys).await;
    assert_eq!(tokens(&ended.unwrap()), [40]);
    assert!(screen.contains("PAUSED"), "{screen}");
    assert_eq!(took, Duration::from_secs(62));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_input_is_the_end() {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let gone = stream::empty();
    let ended = on(&mut terminal, gone, std::future::pending(), options(&[9.0])).await;
    assert!(matches!(ended, Err(UiError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_recording_is_whole_though_the_terminal_goes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.gif");
    let keys = typed(&[(2_000, KeyCode::Char('r'))]).take(1);
    let options = options(&[20.0]);
    let recorder = ScreenRecorder::create(&path, ColorScheme::dark()).unwrap();
    let tape = Tape::new(recorder, options.clock.clone());
    let backend = Recorded::new(TestBackend::new(80, 24), Some(tape)).unwrap();
    let mut terminal = Terminal::new(backend).unwrap();
    // The terminal goes at once after the key, and the signal that explains it comes late.
    let ended = on(&mut terminal, keys, signal(2_010, 1), options).await;
    assert_eq!(ended.unwrap().exit(), Some(Exit::Signal(1)));
    terminal.backend_mut().finish().unwrap();
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
    let ended = on(
        &mut terminal,
        typed(&[]),
        signal(1_000, 15),
        options(&[9.0]),
    )
    .await
    .unwrap();
    assert_eq!(tokens(&ended), [9]);
    assert_eq!(ended.exit(), Some(Exit::Signal(15)));
}

#[tokio::test(start_paused = true)]
async fn capital_s_writes_a_picture_and_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let dash = Dash::start(
        80,
        24,
        DashboardOptions {
            pictures: directory.path().to_owned(),
            ..options(&[9.0])
        },
    )
    .await;
    dash.keys("SS").await;
    dash.shows("Picture: ");
    dash.keys("?").await;
    let screen = dash.screen();
    assert!(
        !screen.contains("Picture: "),
        "the next key takes the message away\n{screen}"
    );
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["tokometer-1.svg", "tokometer-2.svg"]);
}

#[tokio::test(start_paused = true)]
async fn the_whole_screen() {
    let mut app = app(&FIRST_SPEEDS);
    app.update(Msg::Tick, Instant::now() + Duration::from_secs(4));
    let shown = |app: &App, size: (u16, u16)| {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        terminal.draw(|frame| render(frame, app)).unwrap();
        terminal.backend().clone()
    };
    insta::assert_snapshot!("screen_80x24", shown(&app, (80, 24)));
    insta::assert_snapshot!("screen_120x40", shown(&app, (120, 40)));
    insta::assert_snapshot!("screen_30x7", shown(&app, (30, 7)));
    for size in [(0, 0), (1, 1), (5, 3), (17, 9), (250, 2)] {
        shown(&app, size);
    }
    app.update(Msg::Input(key(KeyCode::Char('?'))), Instant::now());
    insta::assert_snapshot!("help_80x24", shown(&app, (80, 24)));
    for size in [(0, 0), (1, 1), (5, 3), (17, 9), (250, 2)] {
        shown(&app, size);
    }
}

#[rstest]
#[case(KeyCode::Char('q'), &[Effect::Quit])]
#[case(KeyCode::Char('S'), &[Effect::Picture])]
#[case(KeyCode::Char('t'), &[Effect::Redraw])]
#[case(KeyCode::Char('5'), &[Effect::Redraw])]
#[case(KeyCode::Char('z'), &[])]
#[case(KeyCode::F(3), &[])]
#[tokio::test(start_paused = true)]
async fn what_keys_do(#[case] code: KeyCode, #[case] effects: &[Effect]) {
    let done = app(&[9.0]).update(Msg::Input(key(code)), Instant::now());
    assert_eq!(done, effects);
}

#[tokio::test(start_paused = true)]
async fn control_c_quits_and_control_q_does_not() {
    let control = |c| {
        Msg::Input(Event::Key(KeyEvent::new(
            KeyCode::Char(c),
            KeyModifiers::CONTROL,
        )))
    };
    let mut left = app(&[9.0]);
    assert_eq!(left.update(control('c'), Instant::now()), [Effect::Quit]);
    assert_eq!(left.exit(), Some(Exit::Signal(2)));
    assert_eq!(app(&[9.0]).update(control('q'), Instant::now()), []);
}

#[tokio::test(start_paused = true)]
async fn themes_come_round() {
    let mut app = app(&[9.0]);
    let names: Vec<&str> = (0..4)
        .map(|_| {
            app.update(Msg::Input(key(KeyCode::Char('t'))), Instant::now());
            app.theme().name
        })
        .collect();
    assert_eq!(names, ["light", "mono", "dark", "light"]);
}

#[tokio::test(start_paused = true)]
async fn keys_mean_what_they_mean_in_the_dashboard() {
    let archive = tempfile::tempdir().unwrap();
    let mut dash = Dash::start(
        80,
        24,
        DashboardOptions {
            archive: Some(Path::to_owned(archive.path())),
            ..options(&[9.0])
        },
    )
    .await;
    dash.keys("<esc>").await;
    dash.shows("Enter use lanes");
    dash.keys("<enter>p").await;
    dash.shows("20 tok/s");
    // Digits show views; without a run there are two, and the lanes are there again afterwards.
    for (key, text) in [
        ("1", "There is no run on the screen"),
        ("5", "Runs"),
        ("4", "20 tok/s"),
    ] {
        dash.keys(key).await;
        dash.shows(text);
    }
    assert_eq!(dash.commands(), [], "there is no session to ask");
    dash.keys("q").await;
    assert_eq!(dash.end().await.unwrap().exit(), Some(Exit::Quit));
}
