//! Signals, keys and session events in; frames and commands out. Generic over the terminal and the input, so that
//! tests run the real loop.
//!
//! A frame is drawn only if something changed, and not sooner than one frame's time after the last.
//! Frames come first and input before session events, so that neither starves under a flood of
//! events; they come in bounded batches. The loop ends on any error of the terminal: after a hang-up
//! the input reports nothing but errors, as fast as it is read.

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

use crate::capture::color_scheme::ColorScheme;
use crate::capture::still;
use crate::session::{SessionCommand, SessionEvent};
use crate::tui::app::{App, Effect, Msg};
use crate::tui::background::{self, BackgroundTask, TaskResult};
use crate::tui::clock::Clock;
use crate::tui::render::render;
use crate::tui::{DashboardOptions, Shutdown};

/// Why the dashboard could not continue.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// The screen cannot be drawn.
    #[error("cannot draw the screen: {0}")]
    Draw(String),
    /// Keys cannot be read.
    #[error("cannot read the terminal: {0}")]
    Input(io::Error),
    /// The terminal is gone.
    #[error("the terminal was closed")]
    Closed,
}

/// Session events taken in at once, at most.
const BATCH: usize = 64;
/// How often a screen is drawn that changes with time alone.
const TICK: Duration = Duration::from_secs(1);
/// How long sending the last commands may take, and how long the signal that explains a lost terminal may take to come.
const GOODBYE: Duration = Duration::from_secs(1);

/// Runs the dashboard until it is left; returns its last state. On an error a run may still be in progress:
/// it is the caller's to stop, and so is the terminal to restore.
pub async fn run<B, S, F>(
    terminal: &mut Terminal<B>,
    mut input: S,
    mut session: mpsc::Receiver<SessionEvent>,
    commands: mpsc::Sender<SessionCommand>,
    shutdown: F,
    options: DashboardOptions,
) -> Result<App, UiError>
where
    B: Backend,
    S: Stream<Item = io::Result<Event>> + Unpin,
    F: Future<Output = Shutdown>,
{
    let mut main = EventLoop::new(terminal, commands, options)?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut session_ended = false;
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        if let Err(error) = main.draw_if_due() {
            main.lost(error, shutdown).await?;
            return Ok(main.app);
        }
        for task in main.outbox.tasks.drain(..) {
            tasks.spawn_blocking(|| background::run(task));
        }
        let wake = main.next_wake();
        let msg = tokio::select! {
            biased;
            signal = &mut shutdown => Some(Msg::Shutdown(signal)),
            event = input.next() => match terminal_event(event) {
                Ok(event) => Some(Msg::Input(event)),
                Err(error) => {
                    main.lost(error, shutdown).await?;
                    return Ok(main.app);
                }
            },
            () = main.outbox.send_one(), if main.outbox.has_mail() => None,
            Some(result) = tasks.join_next() => Some(Msg::TaskResult(result.unwrap_or_else(
                |error| TaskResult::BrokeOff(error.to_string()),
            ))),
            count = session.recv_many(&mut batch, BATCH), if !session_ended => {
                session_ended = count == 0;
                session_ended.then_some(Msg::SessionEnded)
            }
            wake = at(&main.clock, wake) => wake.msg(),
        };
        let batch = batch.drain(..).map(Msg::SessionEvent);
        if main.take_in(msg.into_iter().chain(batch))? {
            main.outbox.empty().await;
            return Ok(main.app);
        }
    }
}

fn terminal_event(event: Option<io::Result<Event>>) -> Result<Event, UiError> {
    match event {
        Some(event) => event.map_err(UiError::Input),
        None => Err(UiError::Closed),
    }
}

/// What the loop draws on, and all it keeps between two rounds.
struct EventLoop<'a, B: Backend> {
    terminal: &'a mut Terminal<B>,
    app: App,
    outbox: Outbox,
    clock: Clock,
    limiter: FrameLimiter,
    /// When it ends on its own.
    end: Option<Instant>,
    /// Something changed since the last frame.
    dirty: bool,
}

impl<'a, B: Backend> EventLoop<'a, B> {
    fn new(
        terminal: &'a mut Terminal<B>,
        commands: mpsc::Sender<SessionCommand>,
        options: DashboardOptions,
    ) -> Result<Self, UiError> {
        let clock = options.clock.clone();
        let start = clock.now();
        let limiter = FrameLimiter::new(options.frame, start);
        let end = options.lasting.map(|lasting| start + lasting);
        let size = terminal.size().map_err(draw_error)?;
        let (app, effects) = App::new(options, size, start);
        let mut outbox = Outbox::new(commands);
        outbox.take(effects);
        Ok(Self {
            terminal,
            app,
            outbox,
            clock,
            limiter,
            end,
            dirty: true,
        })
    }

    fn draw_if_due(&mut self) -> Result<(), UiError> {
        if !self.dirty || !self.limiter.is_due(self.clock.now()) {
            return Ok(());
        }
        self.app.refold();
        let frame = self.terminal.draw(|frame| render(frame, &self.app));
        let size = frame.map_err(draw_error)?.area.as_size();
        self.limiter.drawn(self.clock.now());
        // A resize without an event is noticed by drawing.
        let effects = self.app.update(Msg::Sized(size), self.clock.now());
        self.dirty = self.outbox.take(effects).contains(&Effect::Redraw);
        Ok(())
    }

    /// Why and when to wake though nothing happens: the end, a frame that may be drawn, or a screen that changes
    /// with time.
    fn next_wake(&self) -> Option<(Instant, Wake)> {
        let end = self.end.map(|end| (end, Wake::End));
        let change = if self.dirty {
            Some((self.limiter.next(), Wake::Frame))
        } else {
            wake(&self.app, &self.limiter).map(|at| (at, Wake::Tick))
        };
        end.into_iter().chain(change).min()
    }

    /// Applies the messages to the state; true if the dashboard is to close.
    fn take_in(&mut self, msgs: impl Iterator<Item = Msg>) -> Result<bool, UiError> {
        let now = self.clock.now();
        for msg in msgs {
            let mut effects = self.app.update(msg, now);
            if effects.contains(&Effect::Picture) {
                self.app.refold();
                let picture = Msg::Pictured(self.picture()?);
                effects.extend(self.app.update(picture, now));
            }
            let wanted = self.outbox.take(effects);
            self.dirty |= wanted.contains(&Effect::Redraw);
            if wanted.contains(&Effect::Quit) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Draws the screen and writes a picture of it, into the directory of the run if there is one, else where
    /// pictures go.
    fn picture(&mut self) -> Result<Result<PathBuf, String>, UiError> {
        let app = &self.app;
        let of_run = app.run_directory().filter(|at| at.is_dir());
        let drawn = self.terminal.draw(|frame| render(frame, app));
        let drawn = drawn.map_err(draw_error)?;
        let colors = ColorScheme::from_theme(app.theme().name);
        let directory = of_run.unwrap_or_else(|| app.options().pictures.clone());
        let written = still(&directory, drawn.buffer, &colors);
        Ok(written.map_err(|error| error.to_string()))
    }

    /// The terminal is lost. If that was a hang-up its signal is on its way, and is the reason to leave.
    async fn lost(
        &mut self,
        error: UiError,
        shutdown: impl Future<Output = Shutdown>,
    ) -> Result<(), UiError> {
        let Ok(signal) = tokio::time::timeout(GOODBYE, shutdown).await else {
            return Err(error);
        };
        let effects = self.app.update(Msg::Shutdown(signal), Instant::now());
        self.outbox.take(effects);
        self.outbox.empty().await;
        Ok(())
    }
}

/// When the screen changes with time: a second later during a run; for a token of the preview when it falls due,
/// but not sooner than a frame may be drawn.
fn wake(app: &App, limiter: &FrameLimiter) -> Option<Instant> {
    let tick = app.is_ticking().then(|| limiter.last + TICK);
    let token = app.next_due().map(|due| due.max(limiter.next()));
    tick.into_iter().chain(token).min()
}

/// Why the loop wakes though nothing happened. At the same instant the first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    /// It was to last until now.
    End,
    /// Something changed, and a frame may be drawn.
    Frame,
    /// Time alone changes what is shown.
    Tick,
}

impl Wake {
    fn msg(self) -> Option<Msg> {
        match self {
            Self::End => Some(Msg::TimeIsUp),
            Self::Frame => None,
            Self::Tick => Some(Msg::Tick),
        }
    }
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

/// Commands that wait for the session to have room, and tasks to be run: the dashboard never waits for either.
#[derive(Debug)]
struct Outbox {
    commands: mpsc::Sender<SessionCommand>,
    waiting: VecDeque<SessionCommand>,
    closed: bool,
    tasks: Vec<BackgroundTask>,
}

impl Outbox {
    fn new(commands: mpsc::Sender<SessionCommand>) -> Self {
        Self {
            commands,
            waiting: VecDeque::new(),
            closed: false,
            tasks: Vec::new(),
        }
    }

    /// Takes the commands and the tasks out of `effects`; returns the others.
    fn take(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut others = Vec::new();
        for effect in effects {
            match effect {
                Effect::SessionCommand(command) => self.waiting.push_back(command),
                Effect::BackgroundTask(task) => self.tasks.push(task),
                other => others.push(other),
            }
        }
        others
    }

    fn has_mail(&self) -> bool {
        !self.closed && !self.waiting.is_empty()
    }

    /// Sends the oldest command once there is room. If it is dropped before, nothing is lost.
    async fn send_one(&mut self) {
        match self.commands.reserve().await {
            Ok(permit) => {
                if let Some(command) = self.waiting.pop_front() {
                    permit.send(command);
                }
            }
            // The session is gone; the end of its events says so on the screen.
            Err(_) => self.closed = true,
        }
    }

    async fn empty(&mut self) {
        let all = async {
            while self.has_mail() {
                self.send_one().await;
            }
        };
        // The session may be busy ending the run; it does not need the commands then.
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
    async fn commands_wait_for_room_and_are_never_lost() {
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
