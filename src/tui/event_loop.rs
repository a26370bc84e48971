//! Signals, keys and news in; frames and asks out. Generic over the terminal and the input, so that
//! tests run the real loop.
//!
//! A frame is drawn only if something changed, and not sooner than one frame's time after the last.
//! Frames come before everything else and input before news, so that neither starves under a flood
//! of news; a batch of news is bounded. The loop ends on any error of the terminal: after a hang-up
//! the input reports nothing but errors, as fast as it is asked.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::Event;
use futures_util::{Stream, StreamExt};
use ratatui::Terminal;
use ratatui::backend::Backend;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::capture::color_scheme::Look;
use crate::capture::still;
use crate::session::{SessionCommand, SessionEvent};
use crate::tui::app::{App, Effect, Msg};
use crate::tui::background;
use crate::tui::background::{BackgroundTask, TaskResult};
use crate::tui::clock::Clock;
use crate::tui::render::render;
use crate::tui::{Options, Shutdown};

/// Why the dashboard could not go on.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// Nothing can be drawn.
    #[error("cannot draw the screen: {0}")]
    Draw(String),
    /// No key can be read.
    #[error("cannot read the terminal: {0}")]
    Input(io::Error),
    /// The terminal is gone.
    #[error("the terminal was closed")]
    Closed,
}

/// The most pieces of news taken in at once.
const BATCH: usize = 64;
/// How often a screen is drawn that changes with time alone.
const TICK: Duration = Duration::from_secs(1);
/// How long the last asks may take to be heard, and the signal that explains a lost terminal to come.
const GOODBYE: Duration = Duration::from_secs(1);

/// Runs the dashboard until it is left; returns its last state. On an error a run may still go on:
/// it is the caller's to stop, and so is the terminal to restore.
pub async fn run<B, S, F>(
    terminal: &mut Terminal<B>,
    mut input: S,
    mut news: mpsc::Receiver<SessionEvent>,
    asks: mpsc::Sender<SessionCommand>,
    shutdown: F,
    options: Options,
) -> Result<App, UiError>
where
    B: Backend,
    S: Stream<Item = io::Result<Event>> + Unpin,
    F: Future<Output = Shutdown>,
{
    let clock = options.clock.clone();
    let start = clock.now();
    let mut limiter = FrameLimiter::new(options.frame, start);
    let end = options.lasting.map(|lasting| start + lasting);
    let size = terminal.size().map_err(draw_error)?;
    let (mut app, effects) = App::new(options, size, start);
    let mut outbox = Outbox::new(asks);
    outbox.take(effects);
    let mut dirty = true;
    let mut batch = Vec::with_capacity(BATCH);
    let mut heard_all = false;
    tokio::pin!(shutdown);
    let mut errands = JoinSet::new();
    loop {
        if dirty && limiter.is_due(clock.now()) {
            app.refold();
            let area = match draw(terminal, &app) {
                Ok(area) => area,
                Err(error) => return lost(error, app, outbox, shutdown).await,
            };
            limiter.drawn(clock.now());
            // A resize that no event told of is found by drawing.
            dirty = outbox
                .take(app.update(Msg::Sized(area), clock.now()))
                .redraw;
        }
        for errand in outbox.errands.drain(..) {
            errands.spawn_blocking(|| background::run(errand));
        }
        let wake = [
            end.map(|end| (end, Wake::End)),
            dirty.then(|| (limiter.next(), Wake::Frame)),
            wake(&app, &limiter)
                .filter(|_| !dirty)
                .map(|at| (at, Wake::Tick)),
        ];
        let wake = wake.into_iter().flatten().min();
        let msg = tokio::select! {
            biased;
            signal = &mut shutdown => Some(Msg::Shutdown(signal)),
            event = input.next() => match event {
                Some(Ok(event)) => Some(Msg::Input(event)),
                Some(Err(error)) => {
                    return lost(UiError::Input(error), app, outbox, shutdown).await;
                }
                None => return lost(UiError::Closed, app, outbox, shutdown).await,
            },
            () = outbox.send_one(), if outbox.has_mail() => None,
            Some(told) = errands.join_next() => Some(Msg::TaskResult(told.unwrap_or_else(
                |error| TaskResult::BrokeOff(error.to_string()),
            ))),
            count = news.recv_many(&mut batch, BATCH), if !heard_all => {
                heard_all = count == 0;
                heard_all.then_some(Msg::NewsEnded)
            }
            wake = at(&clock, wake) => match wake {
                Wake::End => Some(Msg::TimeIsUp),
                Wake::Frame => None,
                Wake::Tick => Some(Msg::Tick),
            },
        };
        let now = clock.now();
        for msg in msg
            .into_iter()
            .chain(batch.drain(..).map(Msg::SessionEvent))
        {
            let mut wanted = outbox.take(app.update(msg, now));
            if wanted.picture {
                app.refold();
                let taken = picture(terminal, &app)?;
                wanted |= outbox.take(app.update(Msg::Pictured(taken), now));
            }
            dirty |= wanted.redraw;
            if wanted.quit {
                outbox.empty().await;
                return Ok(app);
            }
        }
    }
}

/// The terminal is lost. If that was a hang-up its signal is on its way, and is the reason to leave.
async fn lost(
    error: UiError,
    mut app: App,
    mut outbox: Outbox,
    shutdown: impl Future<Output = Shutdown>,
) -> Result<App, UiError> {
    let Ok(signal) = tokio::time::timeout(GOODBYE, shutdown).await else {
        return Err(error);
    };
    outbox.take(app.update(Msg::Shutdown(signal), Instant::now()));
    outbox.empty().await;
    Ok(app)
}

fn draw<B: Backend>(
    terminal: &mut Terminal<B>,
    app: &App,
) -> Result<ratatui::layout::Size, UiError> {
    let frame = terminal.draw(|frame| render(frame, app));
    frame.map(|frame| frame.area.as_size()).map_err(draw_error)
}

/// Draws the screen and writes a picture of it, into the directory of the run if there is one, else where pictures go.
fn picture<B: Backend>(
    terminal: &mut Terminal<B>,
    app: &App,
) -> Result<Result<PathBuf, String>, UiError> {
    let of_run = app.run_directory().filter(|at| at.is_dir());
    let drawn = terminal.draw(|frame| render(frame, app));
    let drawn = drawn.map_err(draw_error)?;
    let look = Look::of_theme(app.theme().name);
    let at = of_run.unwrap_or_else(|| app.options().pictures.clone());
    let taken = still(&at, drawn.buffer, &look);
    Ok(taken.map_err(|error| error.to_string()))
}

/// When the screen changes though nothing is heard: a second later while a run goes on; for a token
/// of the preview when it falls due, but not sooner than a frame may be drawn.
fn wake(app: &App, limiter: &FrameLimiter) -> Option<Instant> {
    let tick = app.is_ticking().then(|| limiter.last + TICK);
    let token = app.next_due().map(|due| due.max(limiter.next()));
    tick.into_iter().chain(token).min()
}

/// Why the loop wakes though nothing is heard. Of what comes at the same instant the first is done first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    /// It was to last until now.
    End,
    /// Something changed, and a frame may be drawn.
    Frame,
    /// Time alone changes what is shown.
    Tick,
}

async fn at(clock: &Clock, wake: Option<(Instant, Wake)>) -> Wake {
    let Some((instant, wake)) = wake else {
        return std::future::pending().await;
    };
    clock.sleep_until(instant).await;
    wake
}

fn draw_error(error: impl std::error::Error) -> UiError {
    UiError::Draw(error.to_string())
}

/// When a frame may be drawn.
#[derive(Debug)]
struct FrameLimiter {
    interval: Duration,
    last: Instant,
    /// Nothing has been drawn yet.
    fresh: bool,
}

impl FrameLimiter {
    fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            last: now,
            fresh: true,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.fresh || now >= self.next()
    }

    fn next(&self) -> Instant {
        self.last + self.interval
    }

    fn drawn(&mut self, now: Instant) {
        self.last = now;
        self.fresh = false;
    }
}

/// What effects want besides asks.
#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    quit: bool,
    redraw: bool,
    picture: bool,
}

impl std::ops::BitOrAssign for Wanted {
    fn bitor_assign(&mut self, more: Self) {
        self.quit |= more.quit;
        self.redraw |= more.redraw;
        self.picture |= more.picture;
    }
}

/// Asks that wait for the session to have room, and errands that are to be run: the dashboard never waits for
/// either.
#[derive(Debug)]
struct Outbox {
    asks: mpsc::Sender<SessionCommand>,
    waiting: VecDeque<SessionCommand>,
    closed: bool,
    errands: Vec<BackgroundTask>,
}

impl Outbox {
    fn new(asks: mpsc::Sender<SessionCommand>) -> Self {
        Self {
            asks,
            waiting: VecDeque::new(),
            closed: false,
            errands: Vec::new(),
        }
    }

    /// Takes the asks and the errands out of `effects`; says what else they want.
    fn take(&mut self, effects: Vec<Effect>) -> Wanted {
        let mut wanted = Wanted::default();
        for effect in effects {
            match effect {
                Effect::SessionCommand(ask) => self.waiting.push_back(ask),
                Effect::BackgroundTask(errand) => self.errands.push(errand),
                Effect::Redraw => wanted.redraw = true,
                Effect::Picture => wanted.picture = true,
                Effect::Quit => wanted.quit = true,
            }
        }
        wanted
    }

    fn has_mail(&self) -> bool {
        !self.closed && !self.waiting.is_empty()
    }

    /// Sends the oldest ask once there is room. If it is dropped before, nothing is lost.
    async fn send_one(&mut self) {
        match self.asks.reserve().await {
            Ok(permit) => {
                if let Some(ask) = self.waiting.pop_front() {
                    permit.send(ask);
                }
            }
            // Nobody hears any more; that the news ended says so on the screen.
            Err(_) => self.closed = true,
        }
    }

    async fn empty(&mut self) {
        let all = async {
            while self.has_mail() {
                self.send_one().await;
            }
        };
        // Whoever does not take the last asks in time has more urgent things to do.
        let _ = tokio::time::timeout(GOODBYE, all).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_frame_is_due_at_once_and_the_next_one_a_frame_later() {
        let mut limiter = FrameLimiter::new(Duration::from_millis(33), Instant::now());
        assert!(limiter.is_due(Instant::now()));
        limiter.drawn(Instant::now());
        assert!(!limiter.is_due(Instant::now()));
        tokio::time::advance(Duration::from_millis(32)).await;
        assert!(!limiter.is_due(Instant::now()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(limiter.is_due(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn asks_wait_for_room_and_are_never_lost() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        outbox.take(vec![
            Effect::SessionCommand(SessionCommand::Search),
            Effect::SessionCommand(SessionCommand::Simulate),
            Effect::Redraw,
        ]);
        outbox.send_one().await;
        // No room: the second one waits, and giving up on waiting keeps it.
        let waited = tokio::time::timeout(Duration::from_secs(5), outbox.send_one()).await;
        assert!(waited.is_err());
        assert_eq!(receiver.recv().await, Some(SessionCommand::Search));
        outbox.empty().await;
        assert_eq!(receiver.recv().await, Some(SessionCommand::Simulate));
        drop(receiver);
        outbox.take(vec![Effect::SessionCommand(SessionCommand::Search)]);
        outbox.empty().await;
        assert!(!outbox.has_mail());
    }
}
