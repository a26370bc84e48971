//! The loops of `tokometer preview`: on a terminal, and without one into a recording.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::Event;
use futures_util::{Stream, StreamExt};
use ratatui::Terminal;
use ratatui::backend::{Backend, TestBackend};
use ratatui::buffer::Buffer;
use tokio::time::{Instant, sleep_until};

use crate::event::{RunClock, Stamp};

use crate::capture;
use crate::capture::Recorder;
use crate::capture::color_scheme::Look;
use crate::tui::lanes::app::{App, Effect};
use crate::tui::lanes::screen::render;

/// The least time between two frames: 30 a second.
const FRAME: Duration = Duration::from_micros(33_333);

/// The same in microseconds.
const FRAME_US: u64 = 33_333;

/// How long a recording shows its last frame, microseconds.
const HOLD_US: u64 = 2_000_000;

/// Why the preview could not go on.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// Nothing can be drawn.
    #[error("the terminal cannot be written: {0}")]
    Draw(String),
    /// No key can be read.
    #[error("the terminal cannot be read: {0}")]
    Input(io::Error),
    /// The terminal is gone.
    #[error("the terminal was closed")]
    Closed,
    /// The recording cannot be written.
    #[error("the recording cannot be written: {0}")]
    Record(io::Error),
}

/// What `run` needs beside the terminal and the keys.
#[derive(Debug, Default)]
pub struct Options {
    /// What every frame goes to as well.
    pub recorder: Option<Recorder>,
    /// When to end by itself.
    pub lasting: Option<Duration>,
    /// Where pictures go; the current directory if empty.
    pub pictures: PathBuf,
}

/// Runs the preview until it is left, `shutdown` comes or its time is over; returns its last state.
/// It draws when a token falls due or a key came, and not sooner than one frame's time after the
/// last. A recording is ended whatever happens.
pub async fn run<B, S>(
    terminal: &mut Terminal<B>,
    input: S,
    shutdown: impl Future<Output = ()>,
    mut app: App,
    mut options: Options,
) -> Result<App, PreviewError>
where
    B: Backend,
    S: Stream<Item = io::Result<Event>> + Unpin,
{
    let clock = RunClock::start();
    let over = at(options.lasting.map(|lasting| Instant::now() + lasting));
    let ended = async {
        tokio::select! {
            () = shutdown => {}
            () = over => {}
        }
    };
    let played = play(terminal, input, ended, &mut app, &mut options, clock).await;
    app.lanes.tick(clock.now());
    if let Some(recorder) = options.recorder {
        recorder.finish(clock.now()).map_err(PreviewError::Record)?;
    }
    played.map(|()| app)
}

async fn play<B, S>(
    terminal: &mut Terminal<B>,
    mut input: S,
    ended: impl Future<Output = ()>,
    app: &mut App,
    options: &mut Options,
    clock: RunClock,
) -> Result<(), PreviewError>
where
    B: Backend,
    S: Stream<Item = io::Result<Event>> + Unpin,
{
    let origin = Instant::now();
    let mut ended = std::pin::pin!(ended);
    let (mut dirty, mut last) = (true, None);
    loop {
        let now = Instant::now();
        let ready = last.is_none_or(|last| now.duration_since(last) >= FRAME);
        dirty |= app.lanes.tick(clock.stamp(now));
        if dirty && ready {
            let drawn = draw(terminal, app)?;
            keep(&mut options.recorder, clock.stamp(now), drawn)?;
            (last, dirty) = (Some(now), false);
        }
        let limit = last.map_or(now, |last| last + FRAME);
        let due = app.lanes.next_due();
        let due = due.map(|due| (origin + Duration::from_micros(due.0)).max(limit));
        let effect = tokio::select! {
            biased;
            () = &mut ended => Some(Effect::Quit),
            event = input.next() => match event {
                Some(Ok(event)) => app.input(&event, clock.now()),
                Some(Err(error)) => return Err(PreviewError::Input(error)),
                None => return Err(PreviewError::Closed),
            },
            () = at(if dirty { Some(limit) } else { due }) => None,
        };
        match effect {
            Some(Effect::Quit) => return Ok(()),
            Some(Effect::Picture) => {
                let look = Look::of_theme(app.theme.name);
                let taken = capture::still(&options.pictures, draw(terminal, app)?, &look);
                app.note = Some(match taken {
                    Ok(path) => format!("picture: {}", path.display()),
                    Err(error) => format!("no picture: {error}"),
                });
                dirty = true;
            }
            Some(Effect::Draw) => dirty = true,
            None => {}
        }
    }
}

/// Draws the screen; returns what is on it.
fn draw<'a, B: Backend>(
    terminal: &'a mut Terminal<B>,
    app: &App,
) -> Result<&'a Buffer, PreviewError> {
    let drawn = terminal.draw(|frame| render(frame, app));
    drawn
        .map(|drawn| drawn.buffer)
        .map_err(|error| PreviewError::Draw(error.to_string()))
}

/// Plays the lanes into `recorder` without a screen and without waiting: on a clock of its own, on
/// which every token falls due at its instant. Ends with the slowest lane, or after `lasting`.
/// Returns how long the recording is.
pub fn offline(
    mut app: App,
    (width, height): (u16, u16),
    mut recorder: Recorder,
    lasting: Option<Duration>,
) -> Result<Duration, PreviewError> {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let end = lasting.map(|lasting| u64::try_from(lasting.as_micros()).unwrap_or(u64::MAX));
    let mut now: u64 = 0;
    loop {
        app.lanes.tick(Stamp(now));
        let Ok(drawn) = terminal.draw(|frame| render(frame, &app));
        recorder
            .frame(Stamp(now), drawn.buffer)
            .map_err(PreviewError::Record)?;
        let Some(due) = app.lanes.next_due() else {
            break;
        };
        let next = due.0.max(now.saturating_add(FRAME_US));
        if end.is_some_and(|end| next >= end) {
            break;
        }
        now = next;
    }
    let end = end.unwrap_or_else(|| now.saturating_add(HOLD_US));
    recorder.finish(Stamp(end)).map_err(PreviewError::Record)?;
    Ok(Duration::from_micros(end))
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

fn keep(recorder: &mut Option<Recorder>, at: Stamp, buffer: &Buffer) -> Result<(), PreviewError> {
    match recorder {
        Some(recorder) => recorder.frame(at, buffer).map_err(PreviewError::Record),
        None => Ok(()),
    }
}
