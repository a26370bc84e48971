//! The state of the dashboard and its update: `Msg -> Vec<Effect>`, pure of I/O.
//!
//! - `session_events`: what the session tells; `actions`: what keys do; `mouse`: what the mouse does
//! - `run_view`: what belongs to the run on the screen, live or replayed
//! - `machine`: what the machine does before a run
//! - `preview`: the lanes of the preview and their time
//! - `navigation`: which cycle, which request, how far panes are scrolled
//! - `verdict_cache`: the verdict
//! - `sliders`: limits after the fact
//! - `dialog`: questions; `accessors`: what panes may ask
//! - `runs`: the runs that were recorded, `run_list`: what keys do with them; `replay`: one of them on the screen
//! - `screen`: what is shown besides panes
//!
//! ```text
//! Searching ──> NotFound ──(simulated, try again)──> Searching
//!     └───────> Ready ──(Enter)──> Run: starting ─> running ─> ended ──(Enter)──> Run
//! ```
//!
//! The views Preview and Runs can be opened over each of these. A replay takes the place of all of them, and
//! gives it back.

mod accessors;
mod actions;
mod dialog;
mod machine;
mod mouse;
mod navigation;
mod preview;
mod replay;
mod run_list;
mod run_view;
mod runs;
mod screen;
mod session_events;
mod sliders;
mod verdict_cache;

use std::path::PathBuf;

use crossterm::event::{Event, KeyEventKind};
use ratatui::layout::{Position, Rect, Size};
use tokio::time::Instant;

use crate::dialect::Discovery;
use crate::event::{RunClock, Stamp};
use crate::load::Command;
use crate::metrics::state::Stage;
use crate::plan::Limits;
use crate::session::{SessionCommand, SessionEvent};
use crate::tui::background::{BackgroundTask, TaskResult};
use crate::tui::keys::Mode;
use crate::tui::layout::{Areas, Arrangement, Pane, View, layout};
use crate::tui::panes::processes;
use crate::tui::panes::requests_view::RequestSorting;
use crate::tui::panes::ttft::WaitedFor;
use crate::tui::theme::Theme;
use crate::tui::{DashboardOptions, Exit, PaneContext, Shutdown};

pub use dialog::Dialog;
use machine::IdleMachine;
use replay::Replay;
use run_view::RunView;
pub use runs::Runs;
pub use screen::{Download, RunProgress, Screen};
pub use sliders::{Slider, Sliders};

/// What happens to the dashboard.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key, the mouse, or a new size.
    Input(Event),
    SessionEvent(SessionEvent),
    /// The session is gone: no more events.
    SessionEnded,
    /// Time went by: a second during a run, or until a token of the preview fell due.
    Tick,
    /// The size of the screen.
    Sized(Size),
    /// A picture was written there, or why not.
    Pictured(Result<PathBuf, String>),
    TaskResult(TaskResult),
    /// A signal.
    Shutdown(Shutdown),
    /// It lasted as long as it was to.
    TimeIsUp,
}

/// What the dashboard wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell the session.
    SessionCommand(SessionCommand),
    /// Draw a frame.
    Redraw,
    /// Write a picture of the screen.
    Picture,
    /// Have something done that takes its time.
    BackgroundTask(BackgroundTask),
    /// Leave.
    Quit,
}

/// The state of the dashboard.
#[derive(Debug)]
pub struct App {
    options: DashboardOptions,
    theme: Theme,
    size: Size,
    /// The latest instant that was reported.
    now: Instant,
    pub(in crate::tui) found: Option<Discovery>,
    /// All servers that were found, where there are several.
    pub(in crate::tui) servers: Vec<Discovery>,
    pub(in crate::tui) model: usize,
    pub(in crate::tui) download: Option<Download>,
    idle: IdleMachine,
    /// The run on the screen; while a replay plays, that one.
    current: RunView,
    replay: Option<Box<Replay>>,
    pub(in crate::tui) runs: Runs,
    view: View,
    focus: Pane,
    zoomed: bool,
    sort: RequestSorting,
    pub(in crate::tui) process_sort: processes::ProcessSorting,
    pub(in crate::tui) waited_for: WaitedFor,
    pub(in crate::tui) dialog: Option<Dialog>,
    pub(in crate::tui) sliders: Option<Sliders>,
    /// How far the help is scrolled, while it is open.
    pub(in crate::tui) help: Option<usize>,
    pub(in crate::tui) notice: Option<String>,
    exit: Option<Exit>,
    /// Effects that are asked for on the way.
    wanted: Vec<Effect>,
}

impl App {
    /// The dashboard as it starts, on a screen of `size`; and its first effects.
    pub fn new(mut options: DashboardOptions, size: Size, now: Instant) -> (Self, Vec<Effect>) {
        let replay = options.replay.take();
        let lanes = options.lanes.take();
        let mut theme = Theme::named(if options.no_color {
            "mono"
        } else {
            &options.theme
        });
        theme.ascii = options.ascii;
        let mut app = Self {
            theme,
            size,
            now,
            found: None,
            servers: Vec::new(),
            model: 0,
            download: None,
            idle: IdleMachine::default(),
            current: RunView::new(Screen::Searching { url: None }, now),
            replay: None,
            runs: Runs::default(),
            view: View::Live,
            focus: Pane::Requests,
            zoomed: false,
            sort: RequestSorting::default(),
            process_sort: processes::ProcessSorting::default(),
            waited_for: WaitedFor::default(),
            dialog: None,
            sliders: None,
            help: None,
            notice: None,
            exit: None,
            wanted: Vec::new(),
            options,
        };
        if let Some(replay) = replay {
            app.current.screen = Screen::Archive;
            app.open_replay(*replay);
        } else if let Some(lanes) = lanes {
            app.current.screen = Screen::Archive;
            app.open_lanes(lanes);
        } else {
            app.search(app.options.simulated);
        }
        app.redraw();
        let effects = std::mem::take(&mut app.wanted);
        (app, effects)
    }

    /// Applies what happened at the instant `at`; returns the effects.
    pub fn update(&mut self, msg: Msg, at: Instant) -> Vec<Effect> {
        self.now = self.now.max(at);
        self.advance_lanes();
        let played = self.play();
        if !matches!(msg, Msg::Input(_)) {
            self.refold();
        }
        match msg {
            Msg::Input(Event::Key(key)) if key.kind == KeyEventKind::Press => self.key(&key),
            Msg::Input(Event::Mouse(mouse)) if self.options.mouse => self.mouse(mouse),
            Msg::Input(Event::Resize(width, height)) => self.sized(Size::new(width, height)),
            Msg::Input(_) => {}
            Msg::SessionEvent(event) => self.with_live_view(|app| app.session_event(event)),
            Msg::SessionEnded => self.with_live_view(Self::session_ended),
            Msg::Tick => self.redraw(),
            Msg::Sized(size) => self.sized(size),
            Msg::Pictured(result) => self.pictured(result),
            Msg::TaskResult(result) => self.task_result(result),
            Msg::Shutdown(shutdown) => self.leave(Exit::Signal(shutdown.signal)),
            Msg::TimeIsUp => self.leave(Exit::Quit),
        }
        self.keep_view();
        self.judge();
        self.sync_lanes();
        let asked = [self.watch(), self.observe()];
        self.wanted.extend(asked.into_iter().flatten());
        if played {
            self.redraw();
        }
        std::mem::take(&mut self.wanted)
    }

    fn want(&mut self, effect: Effect) {
        self.wanted.push(effect);
    }

    fn redraw(&mut self) {
        self.want(Effect::Redraw);
    }

    fn command(&mut self, command: SessionCommand) {
        self.want(Effect::SessionCommand(command));
    }

    fn command_run(&mut self, command: Command) {
        self.command(SessionCommand::Run(command));
    }

    fn sized(&mut self, size: Size) {
        if self.size != size {
            self.size = size;
            self.redraw();
        }
    }

    fn pictured(&mut self, result: Result<PathBuf, String>) {
        self.notice = Some(match result {
            Ok(path) => format!("Picture: {}", path.display()),
            Err(why) => format!("Could not save a picture: {why}"),
        });
        self.redraw();
    }

    /// Leaves, stopping a run in progress.
    fn leave(&mut self, exit: Exit) {
        self.exit = Some(exit);
        if self.is_measuring() {
            self.command_run(match exit {
                Exit::Quit => Command::Stop,
                Exit::Signal(signal) => Command::Signal(signal),
            });
        }
        self.want(Effect::Quit);
    }

    /// Whether the run on the screen is in progress, or about to be.
    pub const fn is_busy(&self) -> bool {
        self.current.is_busy()
    }

    /// What the dashboard is busy with, as far as keys are concerned.
    pub const fn mode(&self) -> Mode {
        if self.help.is_some() {
            return Mode::Help;
        }
        match (&self.dialog, &self.current.screen) {
            (Some(_), _) => self.dialog_mode(),
            (None, _) if self.sliders.is_some() => Mode::Sliders,
            (None, _) if matches!(self.view, View::Runs) => self.runs_mode(),
            (None, _) if self.are_lanes_focused() => Mode::Lanes,
            (None, Screen::Run(RunProgress::Replay)) => Mode::Replay,
            (None, Screen::Run(RunProgress::Over)) => Mode::Ended,
            (None, Screen::Run(_)) => Mode::Running,
            (None, _) if matches!(self.view, View::Preview) => Mode::Apart,
            (None, _) if self.download.is_some() => Mode::Waiting,
            (None, Screen::Searching { .. } | Screen::Archive) => Mode::Waiting,
            (None, Screen::NotFound { .. }) => Mode::NotFound,
            (None, Screen::Ready) => Mode::Ready,
        }
    }

    const fn runs_mode(&self) -> Mode {
        match self.focus {
            _ if self.runs.typing => Mode::Filter,
            Pane::Comparison => Mode::Comparison,
            _ => Mode::Runs,
        }
    }

    /// The mode of the open question.
    pub const fn dialog_mode(&self) -> Mode {
        match self.dialog {
            Some(Dialog::AddLevel { .. } | Dialog::RemoveLevel { .. }) => Mode::Level,
            _ => Mode::Confirm,
        }
    }

    /// The clock of the run: its latest stamp, and the time that went by since while it is in progress.
    pub fn clock(&self) -> Stamp {
        if let Some(stamp) = self.replay_clock() {
            return stamp;
        }
        if !self.is_ticking() {
            return self.current.run.now;
        }
        RunClock::at(self.current.updated, self.current.run.now).stamp(self.now)
    }

    /// The instant that panes show. Within a cycle it is that of the latest event, so that speeds
    /// do not sag between two reports of progress; without events, time continues.
    fn pane_now(&self) -> Stamp {
        if let Some(frozen) = &self.current.frozen {
            return frozen.now;
        }
        let clock = self.clock();
        let fresh = clock.since(self.current.run.now) < 1.0;
        if fresh && self.current.run.stage == Stage::Cycle {
            self.current.run.now
        } else {
            clock
        }
    }

    /// Whether the screen changes with time alone.
    pub fn is_ticking(&self) -> bool {
        self.current.run.is_running() && self.is_busy()
    }

    /// The whole screen.
    fn screen_area(&self) -> Rect {
        Rect::from((Position::ORIGIN, self.size))
    }

    /// Where everything is on a screen of `area`.
    pub fn areas(&self, area: Rect) -> Areas {
        let shown = self.shown();
        let arrangement = Arrangement {
            view: self.view,
            focus: self.focus,
            zoomed: self.zoomed,
            verdict: self.view != View::Preview || self.has_run(),
            bracket: self.view == View::Live && shown.is_running() && shown.is_settling(),
            cycles: shown.cycles.len() + shown.upcoming.len(),
        };
        layout(area, arrangement)
    }

    /// What `pane` may look at.
    pub fn cx(&self, pane: Pane) -> PaneContext<'_> {
        let shown = self.shown();
        let request = self.shown_request();
        let answer = self.current.shown_answer();
        PaneContext {
            run: shown,
            limits: self.limits(),
            asked_after: self.current.what_if.is_some(),
            verdict: &self.current.judged.verdict,
            theme: &self.theme,
            now: self.pane_now(),
            cycle: self.shown_cycle_index(),
            request,
            answer: Some(answer)
                .filter(|answer| Some(answer.id) == request && !self.is_answer_lost(answer)),
            focused: self.focus == pane && self.has_panes(),
            scroll: self.scrolled(pane),
        }
    }

    /// What a person would accept: as it was asked after the fact, else as the plan has it.
    pub fn limits(&self) -> Limits {
        self.current.what_if.unwrap_or(self.plan().limits)
    }
}
