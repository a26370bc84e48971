//! The dashboard.
//!
//! - `terminal`: raw mode, alternate screen, and their certain restoration
//! - `app`: state and its update, `Msg -> Vec<Effect>`, pure of I/O; `keys`: the one key table
//! - `layout`: where the panes stand at each size
//! - `theme`: the only place that knows colours
//! - `panes`: one file a pane, pure drawing from a [`Cx`]
//! - `draw`: the few widgets that the panes share
//!
//! It knows `stats`, `event`, `plan` and the session's `Ask` and `News`; nobody knows it.

pub mod draw;
pub mod panes;
pub mod theme;

use crate::event::Stamp;
use crate::plan::Limits;
use crate::stats::state::{CycleState, RunState};

use theme::Theme;

/// What a pane may look at while it draws. Panes change nothing.
#[derive(Debug, Clone, Copy)]
pub struct Cx<'a> {
    /// The run, frozen or live.
    pub run: &'a RunState,
    /// What a person would accept.
    pub limits: Limits,
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

impl<'a> Cx<'a> {
    /// The cycle the screen shows.
    pub fn shown_cycle(&self) -> Option<&'a CycleState> {
        self.cycle.and_then(|index| self.run.cycles.get(index))
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
