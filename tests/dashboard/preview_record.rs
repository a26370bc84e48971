//! Recordings, read back by other programs' parsers.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a recording takes cells of any color"
)]

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event;
use futures_util::stream;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Modifier, Style};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokometer::capture::color_scheme::ColorScheme;
use tokometer::capture::{Format, ScreenRecorder};
use tokometer::event::Stamp;
use tokometer::plan::Limits;
use tokometer::tui::app::{App, Msg};
use tokometer::tui::clock::Clock;
use tokometer::tui::lanes::lane_set::{FIRST_SPEEDS, Lanes};
use tokometer::tui::lanes::text::{Language, Script};
use tokometer::tui::recording::{Recorded, Tape};
use tokometer::tui::render::render;
use tokometer::tui::{self, DashboardOptions, Exit};

const SIZE: (u16, u16) = (100, 30);

fn options() -> DashboardOptions {
    let texts = vec![Arc::new(Script::essay(Language::En))];
    let lanes = Lanes::new(&FIRST_SPEEDS, texts, Limits::default(), Stamp(0));
    DashboardOptions {
        lanes: Some(Box::new(lanes)),
        lasting: Some(Duration::from_secs(5)),
        clock: Clock::hurried(),
        ..DashboardOptions::default()
    }
}

/// Four lanes for 5 s in a file of this name.
async fn recorded(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    let recorder = ScreenRecorder::create(&path, ColorScheme::dark()).unwrap();
    let options = options();
    let clock = options.clock.clone();
    let start = clock.now();
    let tape = Tape::new(recorder, clock.clone());
    let backend = Recorded::new(TestBackend::new(SIZE.0, SIZE.1), Some(tape)).unwrap();
    let mut terminal = Terminal::new(backend).unwrap();
    let keys = stream::pending::<std::io::Result<Event>>();
    let (_silent, news) = mpsc::channel(1);
    let (commands, _unheard) = mpsc::channel(1);
    let never = std::future::pending();
    let left = tui::run(&mut terminal, keys, news, commands, never, options).await;
    assert_eq!(left.unwrap().exit(), Some(Exit::Quit));
    assert_eq!(clock.now() - start, Duration::from_secs(5));
    terminal.backend_mut().finish().unwrap();
    path
}

/// The screen `seconds` after the start, as it is drawn.
fn drawn(seconds: f64) -> Buffer {
    let start = Instant::now();
    let (mut app, _) = App::new(options(), Size::new(SIZE.0, SIZE.1), start);
    let passed = tokometer::text::numbers::floor_u64(seconds * 1e6);
    app.update(Msg::Tick, start + Duration::from_micros(passed));
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).unwrap();
    terminal.draw(|frame| render(frame, &app)).unwrap();
    terminal.backend().buffer().clone()
}

fn terminal(width: u16, height: u16) -> vt100::Parser {
    let cells = |count| NonZero::new(count).unwrap();
    vt100::Parser::new(cells(height), cells(width), 0)
}

/// The rows of a terminal after each line of a cast, with its time; and the header.
fn played(cast: &str) -> (Value, Vec<(f64, Vec<String>)>) {
    let mut lines = cast.lines();
    let header: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let size = |key: &str| u16::try_from(header[key].as_u64().unwrap()).unwrap();
    let (width, height) = (size("width"), size("height"));
    let mut parser = terminal(width, height);
    let screens = lines.map(|line| {
        let (at, kind, text): (f64, String, String) =
            serde_json::from_str(line).expect("every line is [time, kind, text]");
        assert_eq!(kind, "o");
        parser.process(text.as_bytes());
        let rows = parser.screen().rows(0, width);
        (at, rows.map(|row| row.trim_end().to_owned()).collect())
    });
    let screens = screens.collect();
    (header, screens)
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    let row = |cells: &[ratatui::buffer::Cell]| {
        cells
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect::<String>()
            .trim_end()
            .to_owned()
    };
    buffer.content().chunks(width).map(row).collect()
}

#[tokio::test]
async fn a_cast_shows_on_a_terminal_what_was_drawn_at_every_moment() {
    let directory = tempfile::tempdir().unwrap();
    let cast = fs::read_to_string(recorded(directory.path(), "demo.cast").await).unwrap();
    let (header, screens) = played(&cast);
    assert_eq!(
        (&header["version"], &header["width"], &header["height"]),
        (&2.into(), &100.into(), &30.into())
    );
    assert!(screens.is_sorted_by_key(|(at, _)| *at));
    let (last, middle) = (screens.len() - 2, screens.len() / 2);
    for index in [0, 1, middle, last] {
        let (at, shown) = &screens[index];
        assert_eq!(*shown, rows(&drawn(*at)), "{at} s");
    }
    assert!(screens[last].0 > 4.9);
    assert!(
        (screens.last().unwrap().0 - 5.0).abs() < 1e-9,
        "it lasts as long as it should"
    );
    assert!(
        (100..160).contains(&screens.len()),
        "{} frames, at most 30 a second",
        screens.len()
    );
}

#[test]
fn a_cast_has_the_colors_and_follows_a_change_of_size() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("size.cast");
    let mut recorder = ScreenRecorder::create(&path, ColorScheme::dark()).unwrap();
    for (at, size) in [(7_000_000, (20, 4)), (7_500_000, (30, 6))] {
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        buffer.set_string(
            size.0 - 5,
            size.1 - 1,
            "日本x",
            Style::new().fg(Color::Yellow),
        );
        recorder.frame(Stamp(at), &buffer).unwrap();
    }
    recorder.finish(Stamp(8_000_000)).unwrap();
    let cast = fs::read_to_string(path).unwrap();
    assert!(cast.contains("[0.5,\"r\",\"30x6\"]"), "{cast}");
    let mut parser = terminal(30, 6);
    let last = cast.lines().rfind(|line| line.contains("日")).unwrap();
    let event: (f64, String, String) = serde_json::from_str(last).unwrap();
    parser.process(event.2.as_bytes());
    let cell = parser.screen().cell(5, 25).unwrap();
    assert_eq!(
        (cell.contents(), cell.fgcolor()),
        ("日", vt100::Color::Idx(3))
    );
}

#[tokio::test]
async fn a_gif_plays_at_the_real_speed() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = fs::read(recorded(directory.path(), "demo.gif").await).unwrap();
    let mut decoder = gif::DecodeOptions::new()
        .read_info(bytes.as_slice())
        .unwrap();
    assert_eq!((decoder.width(), decoder.height()), (700, 480));
    let mut centiseconds = 0;
    let mut frames = 0;
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        assert!(frame.delay >= 2, "browsers slow down shorter delays");
        centiseconds += u64::from(frame.delay);
        frames += 1;
    }
    assert!((500..=502).contains(&centiseconds), "{centiseconds}");
    assert!((40..70).contains(&frames), "{frames} frames");
    assert!(bytes.len() < 700_000, "{} bytes for 5 s", bytes.len());
}

#[tokio::test]
async fn an_svg_is_the_last_screen() {
    let directory = tempfile::tempdir().unwrap();
    let document = fs::read_to_string(recorded(directory.path(), "demo.svg").await).unwrap();
    assert!(document.starts_with("<svg ") && document.ends_with("</svg>\n"));
    assert!(
        document.contains(">5.0 s<")
            || document.contains(">5.0 s of")
            || document.contains("4.9 s of")
    );
    for word in ["tok/s", "Brysbaert 2019"] {
        assert!(document.contains(word), "{word}");
    }
}

#[test]
fn a_recording_that_saw_no_frame_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a.cast", "a.gif", "a.svg"] {
        let recorder =
            ScreenRecorder::create(&directory.path().join(name), ColorScheme::light()).unwrap();
        recorder.finish(Stamp(1)).unwrap();
    }
}

#[test]
fn the_ending_of_the_file_decides() {
    assert_eq!(Format::from_path(Path::new("a/b.GIF")), Ok(Format::Gif));
    assert!(
        Format::from_path(Path::new("gif"))
            .unwrap_err()
            .contains(".cast, .gif or .svg")
    );
    let missing = ScreenRecorder::create(Path::new("/nowhere/at/all.gif"), ColorScheme::dark());
    assert!(missing.is_err());
}

fn any_screen() -> impl Strategy<Value = Buffer> {
    let symbols = "[a-z]{1,6}|[─-▟⠀-⣿]{1,6}|\\PC{0,6}|(?s).{0,6}";
    let color = prop_oneof![
        any::<u8>().prop_map(Color::Indexed),
        any::<[u8; 3]>().prop_map(|[r, g, b]| Color::Rgb(r, g, b)),
        Just(Color::Reset),
    ];
    let part = (
        symbols,
        0_u16..20,
        0_u16..6,
        color.clone(),
        color,
        any::<u16>(),
    );
    (1_u16..20, 1_u16..6, proptest::collection::vec(part, 0..8)).prop_map(
        |(width, height, parts)| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            for (text, x, y, fg, bg, bits) in parts {
                let style = Style::new()
                    .fg(fg)
                    .bg(bg)
                    .add_modifier(Modifier::from_bits_truncate(bits));
                if x < width && y < height {
                    buffer.set_string(x, y, text, style);
                }
            }
            buffer
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_screens_can_be_recorded(
        screens in proptest::collection::vec((any_screen(), 0_u64..2_000_000), 1..5),
    ) {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.cast", "a.gif", "a.svg"] {
            let path = directory.path().join(name);
            let mut recorder = ScreenRecorder::create(&path, ColorScheme::light()).unwrap();
            let mut at = 0;
            for (screen, wait) in &screens {
                recorder.frame(Stamp(at), screen).unwrap();
                at += wait;
            }
            recorder.finish(Stamp(at)).unwrap();
        }
        let cast = fs::read_to_string(directory.path().join("a.cast")).unwrap();
        for line in cast.lines() {
            prop_assert!(serde_json::from_str::<Value>(line).is_ok());
        }
        let gif = fs::read(directory.path().join("a.gif")).unwrap();
        let mut decoder = gif::DecodeOptions::new().read_info(gif.as_slice()).unwrap();
        let mut centiseconds = 0;
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            centiseconds += u64::from(frame.delay);
        }
        let lasted: u64 = screens.iter().map(|(_, wait)| wait).sum::<u64>() / 10_000;
        prop_assert!(centiseconds.abs_diff(lasted) <= 3, "{centiseconds} of {lasted}");
        let svg = fs::read_to_string(directory.path().join("a.svg")).unwrap();
        prop_assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
        prop_assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }
}
