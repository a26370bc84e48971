//! The one key table. The footer and the `?` overlay are made from it, so they cannot lie.
//!
//! What a key does depends on the [`Mode`] of the dashboard: a mode is a stack of [`Scope`]s, and
//! the first scope of the stack that knows the key decides.

mod history;
mod table;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::lanes::lane_set::LaneAction;
use crate::tui::layout::View;

pub use history::{ReplayAction, RunListAction};
pub use table::BINDINGS;

/// What a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum Action {
    /// Start a run, or run again.
    Start,
    /// Pause, or continue.
    Pause,
    /// On to the next cycle.
    Skip,
    /// The current level once more.
    Repeat,
    /// Stop the run.
    Stop,
    /// Add a level.
    AddLevel,
    /// Remove a queued level.
    RemoveLevel,
    /// Use the built-in simulated server.
    Simulate,
    /// Look for a server again.
    Search,
    /// Use the next of the servers that were found.
    NextServer,
    /// Download the model that was asked for.
    Pull,
    /// Back to the list of models.
    Models,
    /// Open a view.
    Show(View),
    /// The view after this one.
    NextView,
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
    /// The cycle before the one shown.
    PreviousCycle,
    /// The cycle after the one shown.
    NextCycle,
    /// Focus the next pane.
    FocusNext,
    /// Focus the previous pane.
    FocusPrevious,
    /// Let the focused pane fill the screen, or not.
    Zoom,
    /// Stop the view, not the run.
    Freeze,
    /// Give the keys to the lanes of the preview.
    FocusLanes,
    /// From one lane back to all, then the keys back to the dashboard.
    LeaveLanes,
    /// Something that the lanes do.
    Lanes(LaneAction),
    /// Something that is done to a replay.
    Replay(ReplayAction),
    /// Something that is done to the list of runs.
    Runs(RunListAction),
    /// Write the reports.
    Report,
    /// The next theme.
    Theme,
    /// A picture of the screen.
    Picture,
    /// The next order of the table.
    Sort,
    /// Reverse the order.
    SortOtherWay,
    /// Show the histogram of waits until the first byte, or until the first token.
    FirstByte,
    /// Ask what the run says by other limits.
    Limits,
    /// Back to the limits of the run.
    OwnLimits,
    /// Show the latest again: no zoom, no choice of cycle or request.
    Follow,
    /// Show or hide the help.
    Help,
    /// Leave; asks during a run.
    Quit,
    /// Leave now, as a signal would.
    Interrupt,
    /// Yes, in a question.
    Accept,
    /// No, in a question.
    Decline,
    /// A larger number.
    More,
    /// A smaller number.
    Less,
    /// A digit of a number.
    Digit,
    /// Delete the last digit.
    Erase,
}

/// Where a binding holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter, strum::Display)]
pub enum Scope {
    /// Everywhere, questions included.
    #[strum(to_string = "Always")]
    Always,
    /// Everywhere but in questions.
    #[strum(to_string = "Everywhere")]
    Global,
    /// No server was found.
    #[strum(to_string = "No server found")]
    NotFound,
    /// Before the start.
    #[strum(to_string = "Before the start")]
    Ready,
    /// During a run.
    #[strum(to_string = "During a run")]
    Running,
    /// After a run.
    #[strum(to_string = "After a run")]
    Ended,
    /// A recorded run plays.
    #[strum(to_string = "Replay of a run")]
    Replay,
    /// The list of the runs that were recorded.
    #[strum(to_string = "Runs view")]
    Runs,
    /// What the runs shown must contain is typed.
    #[strum(to_string = "Filter of the runs")]
    Filter,
    /// Runs side by side.
    #[strum(to_string = "Comparison of runs")]
    Comparison,
    /// The views, which no pane of theirs takes away.
    #[strum(to_string = "Views")]
    Tabs,
    /// The panes of a view.
    #[strum(to_string = "Panes")]
    Views,
    /// The live view.
    #[strum(to_string = "Live view")]
    Live,
    /// The view of lanes, which do not have the keys.
    #[strum(to_string = "Preview view")]
    Preview,
    /// The lanes have the keys.
    #[strum(to_string = "Preview lanes (with the keys)")]
    Lanes,
    /// The view of requests.
    #[strum(to_string = "Requests view")]
    Requests,
    /// A question to be answered with yes or no.
    #[strum(to_string = "Questions")]
    Confirm,
    /// The question for a level.
    #[strum(to_string = "Adding or removing a level")]
    Level,
    /// The sliders of the limits.
    #[strum(to_string = "Limits after the fact")]
    Sliders,
    /// The help.
    #[strum(to_string = "This help")]
    Help,
}

/// What the dashboard is busy with, as far as keys are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum Mode {
    /// Looking for a server, or downloading a model.
    Waiting,
    /// No server was found.
    NotFound,
    /// Before the start.
    Ready,
    /// A run is in progress.
    Running,
    /// A run is over.
    Ended,
    /// The preview, while no run is on the screen.
    Apart,
    /// The lanes of the preview have the keys.
    Lanes,
    /// A recorded run plays.
    Replay,
    /// The list of runs has the keys.
    Runs,
    /// The filter of the runs is typed.
    Filter,
    /// Runs stand side by side.
    Comparison,
    /// A question is open.
    Confirm,
    /// The question for a level is open.
    Level,
    /// The sliders of the limits are open.
    Sliders,
    /// The help is open.
    Help,
}

/// The scopes of a mode, the most specific first.
pub const fn scopes(mode: Mode, view: View) -> &'static [Scope] {
    use Scope::{
        Always, Comparison, Confirm, Ended, Filter, Global, Help, Lanes, Level, Live, NotFound,
        Preview, Ready, Replay, Requests, Running, Runs, Sliders, Tabs, Views,
    };
    match (mode, view) {
        (Mode::Waiting, _) => &[Tabs, Global, Always],
        (Mode::NotFound, _) => &[NotFound, Tabs, Global, Always],
        (Mode::Ready, _) => &[Ready, Tabs, Global, Always],
        (Mode::Apart, _) => &[Preview, Tabs, Global, Always],
        (Mode::Replay, View::Live) => &[Replay, Live, Tabs, Views, Global, Always],
        (Mode::Replay, View::Requests) => &[Replay, Requests, Tabs, Views, Global, Always],
        (Mode::Replay, View::Preview) => &[Replay, Preview, Tabs, Views, Global, Always],
        (Mode::Replay, _) => &[Replay, Tabs, Views, Global, Always],
        (Mode::Runs, _) => &[Runs, Tabs, Global, Always],
        (Mode::Filter, _) => &[Filter, Always],
        (Mode::Comparison, _) => &[Comparison, Tabs, Global, Always],
        (Mode::Running, View::Live) => &[Running, Live, Tabs, Views, Global, Always],
        (Mode::Running, View::Requests) => &[Running, Requests, Tabs, Views, Global, Always],
        (Mode::Running, View::Preview) => &[Preview, Running, Tabs, Views, Global, Always],
        (Mode::Running, _) => &[Running, Tabs, Views, Global, Always],
        (Mode::Ended, View::Live) => &[Ended, Live, Tabs, Views, Global, Always],
        (Mode::Ended, View::Requests) => &[Ended, Requests, Tabs, Views, Global, Always],
        (Mode::Ended, View::Preview) => &[Preview, Ended, Tabs, Views, Global, Always],
        (Mode::Lanes, _) => &[Lanes, Tabs, Global, Always],
        (Mode::Ended, _) => &[Ended, Tabs, Views, Global, Always],
        (Mode::Confirm, _) => &[Confirm, Always],
        (Mode::Level, _) => &[Level, Always],
        (Mode::Sliders, _) => &[Sliders, Always],
        (Mode::Help, _) => &[Help, Always],
    }
}

/// A key, with the modifiers that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    code: KeyCode,
    control: bool,
}

impl Key {
    const fn new(code: KeyCode) -> Self {
        Self {
            code,
            control: false,
        }
    }

    const fn char(c: char) -> Self {
        Self::new(KeyCode::Char(c))
    }

    /// Any letter that is typed.
    const fn any_letter() -> Self {
        Self::new(KeyCode::Null)
    }

    const fn ctrl(c: char) -> Self {
        Self {
            code: KeyCode::Char(c),
            control: true,
        }
    }

    /// Whether this is the key of `event`. Shift is ignored: `?` comes with and without it.
    fn matches(self, event: &KeyEvent) -> bool {
        let held = event.modifiers;
        let letter = self.code == KeyCode::Null && matches!(event.code, KeyCode::Char(_));
        (event.code == self.code || letter)
            && held.contains(KeyModifiers::CONTROL) == self.control
            && !held.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META)
    }

    /// How the key is written.
    fn label(self, ascii: bool) -> String {
        match self.code {
            KeyCode::Char(' ') => "space".to_owned(),
            KeyCode::Char(c) if self.control => format!("Ctrl-{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Up if !ascii => "↑".to_owned(),
            KeyCode::Down if !ascii => "↓".to_owned(),
            KeyCode::Left if !ascii => "←".to_owned(),
            KeyCode::Right if !ascii => "→".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            KeyCode::F(number) => format!("F{number}"),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::Delete => "Del".to_owned(),
            KeyCode::Null => "letters".to_owned(),
            other => format!("{other:?}"),
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub struct Binding {
    /// The keys; any of them.
    pub keys: &'static [Key],
    /// What they do.
    pub action: Action,
    /// Where.
    pub scope: Scope,
    /// A word for the footer; None keeps it out of there.
    pub hint: Option<&'static str>,
    /// A sentence for the help.
    pub help: &'static str,
}

impl Binding {
    /// How its keys are written: `Enter/s`; many of them as a range.
    pub fn label(&self, ascii: bool) -> String {
        let label = |key: &Key| key.label(ascii);
        match self.keys {
            [first, _, _, _, .., last] => {
                let dash = if ascii { '-' } else { '–' };
                format!("{}{dash}{}", label(first), label(last))
            }
            keys => keys.iter().map(label).collect::<Vec<_>>().join("/"),
        }
    }

    /// How its first key is written.
    pub fn short_label(&self, ascii: bool) -> String {
        self.keys
            .first()
            .map(|key| key.label(ascii))
            .unwrap_or_default()
    }

    /// How the first of its keys is written that a more specific binding does not take, for the
    /// footer; None if there is none.
    pub fn active_label(&self, mode: Mode, view: View, ascii: bool) -> Option<String> {
        let decides = |key: &&Key| {
            let first = in_order(mode, view).find(|other| other.keys.contains(key));
            first.is_some_and(|b| (b.scope, b.action) == (self.scope, self.action))
        };
        let active = self.keys.iter().find(decides);
        active.map(|key| key.label(ascii))
    }
}

/// The bindings that hold in `mode`, the most specific first.
fn in_order(mode: Mode, view: View) -> impl Iterator<Item = &'static Binding> {
    scopes(mode, view)
        .iter()
        .flat_map(|scope| BINDINGS.iter().filter(move |b| b.scope == *scope))
}

/// What `event` does in `mode`.
pub fn action(event: &KeyEvent, mode: Mode, view: View) -> Option<Action> {
    in_order(mode, view)
        .find(|binding| binding.keys.iter().any(|key| key.matches(event)))
        .map(|binding| binding.action)
}

/// What the footer shows in `mode`, the most specific first.
pub fn hints(mode: Mode, view: View) -> impl Iterator<Item = (&'static Binding, &'static str)> {
    in_order(mode, view).filter_map(|binding| binding.hint.map(|hint| (binding, hint)))
}

#[cfg(test)]
mod tests;
