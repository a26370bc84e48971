//! The dashboard.
//!
//! - [`terminal`]: raw mode, alternate screen, and their certain restoration
//! - [`event_loop`]: signals, keys and session events in, frames and commands out
//! - [`app`]: state and its update, `Msg -> Vec<Effect>`, pure of I/O; [`keys`]: the one key table
//! - [`layout`]: where the panes are at each size; [`render`]: which of them are drawn
//! - [`theme`]: the only place that knows colors
//! - [`panes`]: one file a pane, pure drawing from a [`PaneContext`]; [`lanes`]: text at the speed of tokens, a view
//! - [`widgets`]: what the panes share
//! - [`background`]: what reads and writes files for it, on a thread of its own
//! - [`recording`]: a terminal whose frames are recorded; [`clock`]: the time it goes by
//!
//! `tokometer`, `tokometer replay` and `tokometer preview` are this one loop, begun in another view; `tokometer screenshot`
//! is the same with keys that a script presses.

pub mod app;
pub mod background;
pub mod clock;
pub mod event_loop;
pub mod keys;
pub mod lanes;
pub mod layout;
pub mod panes;
pub mod player;
pub mod recording;
pub mod render;
pub mod terminal;
pub mod theme;
pub mod widgets;

use std::path::PathBuf;
use std::time::Duration;

use crate::event::Stamp;
use crate::metrics::machine::MachineState;
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::verdict::Verdict;
use crate::plan::{Limits, Plan};
use crate::store::opened::Opened;

use clock::Clock;
pub use event_loop::{UiError, run};
use lanes::lane_set::Lanes;
use theme::Theme;

/// What the dashboard is started with.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[derive(Debug, Clone)]
pub struct DashboardOptions {
    /// The plan of the run.
    pub plan: Plan,
    /// Begin with the built-in simulated server instead of looking for one.
    pub simulated: bool,
    /// The model that was asked for.
    pub model: Option<String>,
    /// The name of the theme.
    pub theme: String,
    /// Use only ASCII characters.
    pub ascii: bool,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// `NO_COLOR` is set: no color, whatever the theme.
    pub no_color: bool,
    /// Where runs are written; None if nowhere.
    pub runs: Option<PathBuf>,
    /// Where runs were written that can be looked at; None if that is not known.
    pub archive: Option<PathBuf>,
    /// A recorded run to begin with, instead of a server.
    pub replay: Option<Box<Opened>>,
    /// How many times faster than it was a replay begins.
    pub pace: f64,
    /// Go on with the run in this directory as soon as its server is found.
    pub resume: Option<PathBuf>,
    /// Lanes to begin with, in the Preview view, instead of a server.
    pub lanes: Option<Box<Lanes>>,
    /// The shortest time between two frames.
    pub frame: Duration,
    /// How long it lasts, unless it is left before.
    pub lasting: Option<Duration>,
    /// Where pictures go that belong to no run; the current directory if empty.
    pub pictures: PathBuf,
    /// The time it goes by.
    pub clock: Clock,
}

impl Default for DashboardOptions {
    fn default() -> Self {
        Self {
            plan: Plan::default(),
            simulated: false,
            model: None,
            theme: "dark".to_owned(),
            ascii: false,
            mouse: true,
            no_color: false,
            runs: None,
            archive: None,
            replay: None,
            pace: 1.0,
            resume: None,
            lanes: None,
            frame: Duration::from_micros(33_334),
            lasting: None,
            pictures: PathBuf::new(),
            clock: Clock::Wall,
        }
    }
}

/// A signal that ends the dashboard, or the key that stands for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// The number of the signal; 2 for Ctrl-C.
    pub signal: i32,
}

/// How the user, or a signal, left the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With `q`.
    Quit,
    /// By a signal, or Ctrl-C; the exit code is 128 and its number.
    Signal(i32),
}

/// What a pane may look at while it draws. Panes change nothing.
#[derive(Debug, Clone, Copy)]
pub struct PaneContext<'a> {
    /// The run, frozen or live.
    pub run: &'a RunState,
    /// What a person would accept.
    pub limits: Limits,
    /// Whether these limits were asked for after the fact.
    pub asked_after: bool,
    /// The verdict on its whole cycles.
    pub verdict: &'a Verdict,
    /// The styles.
    pub theme: &'a Theme,
    /// The instant the screen shows.
    pub now: Stamp,
    /// Index into `run.cycles` of the cycle the screen shows; the latest unless the user chose one.
    pub cycle: Option<usize>,
    /// The request the screen shows.
    pub request: Option<u64>,
    /// What the watched request has answered so far.
    pub answer: Option<&'a AnswerView>,
    /// Whether this pane has the focus.
    pub focused: bool,
    /// How far this pane is scrolled, in lines.
    pub scroll: usize,
}

impl<'a> PaneContext<'a> {
    /// The cycle the screen shows.
    pub fn shown_cycle(&self) -> Option<&'a CycleState> {
        self.cycle.and_then(|index| self.run.cycles.get(index))
    }
}

/// What the panes of the machine may look at. The monitors are the same with and without a run.
#[derive(Debug, Clone, Copy)]
pub struct MachineContext<'a> {
    /// What the monitors told.
    pub machine: &'a MachineState,
    /// The run that the machine works for; None before one.
    pub run: Option<&'a RunState>,
    /// The cycle the screen shows.
    pub cycle: Option<&'a CycleState>,
    /// Whether the monitors still tell, so that an old reading is worth a word.
    pub is_live: bool,
    /// The styles.
    pub theme: &'a Theme,
    /// The instant the screen shows.
    pub now: Stamp,
    /// Whether this pane has the focus.
    pub focused: bool,
    /// How far this pane is scrolled, in lines.
    pub scroll: usize,
}

impl<'a> MachineContext<'a> {
    /// The machine of the run that a pane looks at.
    pub fn from_pane(cx: &PaneContext<'a>) -> Self {
        Self {
            machine: &cx.run.machine,
            run: Some(cx.run),
            cycle: cx.shown_cycle(),
            is_live: cx.run.is_running(),
            theme: cx.theme,
            now: cx.now,
            focused: cx.focused,
            scroll: cx.scroll,
        }
    }
}

/// The streaming answer of the watched request, as it has come so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerView {
    /// The request.
    pub id: u64,
    /// Text in order; `true` marks thinking. Raw text of a model: not yet safe for a terminal.
    pub parts: Vec<(bool, String)>,
}
