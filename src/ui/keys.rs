//! The one key table. The footer and the `?` overlay are made from it, so they cannot lie.
//!
//! What a key does depends on the [`Mode`] of the dashboard: a mode is a stack of [`Scope`]s, and
//! the first scope of the stack that knows the key decides.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::ui::layout::View;

/// What a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum Action {
    /// Start a run, or run again.
    Start,
    /// Pause, or go on.
    Pause,
    /// On to the next cycle.
    Skip,
    /// The current level once more.
    Repeat,
    /// Stop the run.
    Stop,
    /// Add a level to those to come.
    AddLevel,
    /// Take a level from those to come.
    RemoveLevel,
    /// Use the built-in simulated server.
    Simulate,
    /// Look for a server again.
    Search,
    /// Download the model that was asked for.
    Pull,
    /// Back to the list of models.
    Models,
    /// The live view.
    ShowLive,
    /// The results.
    ShowResults,
    /// The table of requests.
    ShowRequests,
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
    /// Give the focus to the next pane.
    FocusNext,
    /// Give the focus to the pane before.
    FocusPrevious,
    /// Let the focused pane fill the screen, or not.
    Zoom,
    /// Stop the view, not the run.
    Freeze,
    /// The next theme.
    Theme,
    /// The next order of the table.
    Sort,
    /// The same order, the other way.
    SortOtherWay,
    /// Show the latest again: no zoom, no choice of cycle or request.
    Follow,
    /// Show or hide the help.
    Help,
    /// Leave; asks while a run goes on.
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
    /// Take the last digit back.
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
    /// While a run goes on.
    #[strum(to_string = "During a run")]
    Running,
    /// After a run.
    #[strum(to_string = "After a run")]
    Ended,
    /// The views of a run.
    #[strum(to_string = "Views and panes")]
    Views,
    /// The view of requests.
    #[strum(to_string = "Requests view")]
    Requests,
    /// A question to be answered with yes or no.
    #[strum(to_string = "Questions")]
    Confirm,
    /// The question for a level.
    #[strum(to_string = "Adding or removing a level")]
    Level,
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
    /// A run goes on.
    Running,
    /// A run is over.
    Ended,
    /// A question is open.
    Confirm,
    /// The question for a level is open.
    Level,
    /// The help is open.
    Help,
}

/// The scopes of a mode, the most specific first.
pub const fn scopes(mode: Mode, view: View) -> &'static [Scope] {
    use Scope::{
        Always, Confirm, Ended, Global, Help, Level, NotFound, Ready, Requests, Running, Views,
    };
    match (mode, view) {
        (Mode::Waiting, _) => &[Global, Always],
        (Mode::NotFound, _) => &[NotFound, Global, Always],
        (Mode::Ready, _) => &[Ready, Global, Always],
        (Mode::Running, View::Requests) => &[Running, Requests, Views, Global, Always],
        (Mode::Running, _) => &[Running, Views, Global, Always],
        (Mode::Ended, View::Requests) => &[Ended, Requests, Views, Global, Always],
        (Mode::Ended, _) => &[Ended, Views, Global, Always],
        (Mode::Confirm, _) => &[Confirm, Always],
        (Mode::Level, _) => &[Level, Always],
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
    const fn of(code: KeyCode) -> Self {
        Self {
            code,
            control: false,
        }
    }

    const fn char(c: char) -> Self {
        Self::of(KeyCode::Char(c))
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
        event.code == self.code
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
            KeyCode::BackTab => "S-Tab".to_owned(),
            KeyCode::F(number) => format!("F{number}"),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
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

    /// How its first key is written, for the footer.
    pub fn short_label(&self, ascii: bool) -> String {
        self.keys
            .first()
            .map(|key| key.label(ascii))
            .unwrap_or_default()
    }
}

/// What `event` does in `mode`.
pub fn action(event: &KeyEvent, mode: Mode, view: View) -> Option<Action> {
    scopes(mode, view)
        .iter()
        .flat_map(|scope| BINDINGS.iter().filter(move |b| b.scope == *scope))
        .find(|binding| binding.keys.iter().any(|key| key.matches(event)))
        .map(|binding| binding.action)
}

/// What the footer shows in `mode`, the most specific first.
pub fn hints(mode: Mode, view: View) -> impl Iterator<Item = (&'static Binding, &'static str)> {
    scopes(mode, view)
        .iter()
        .flat_map(|scope| BINDINGS.iter().filter(move |b| b.scope == *scope))
        .filter_map(|binding| binding.hint.map(|hint| (binding, hint)))
}

const fn bind(
    scope: Scope,
    keys: &'static [Key],
    action: Action,
    hint: Option<&'static str>,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        scope,
        hint,
        help,
    }
}

const fn c(c: char) -> Key {
    Key::char(c)
}

const ENTER: Key = Key::of(KeyCode::Enter);
const ESC: Key = Key::of(KeyCode::Esc);
const UP: Key = Key::of(KeyCode::Up);
const DOWN: Key = Key::of(KeyCode::Down);
const LEFT: Key = Key::of(KeyCode::Left);
const RIGHT: Key = Key::of(KeyCode::Right);
const HOME: Key = Key::of(KeyCode::Home);
const END: Key = Key::of(KeyCode::End);
const PAGE_UP: Key = Key::of(KeyCode::PageUp);
const PAGE_DOWN: Key = Key::of(KeyCode::PageDown);
const TAB: Key = Key::of(KeyCode::Tab);
const BACK_TAB: Key = Key::of(KeyCode::BackTab);
const BACKSPACE: Key = Key::of(KeyCode::Backspace);
const DIGITS: [Key; 10] = [
    c('0'),
    c('1'),
    c('2'),
    c('3'),
    c('4'),
    c('5'),
    c('6'),
    c('7'),
    c('8'),
    c('9'),
];

/// Every key of the dashboard.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    bind(Scope::NotFound, &[ENTER, c('m')], Action::Simulate, Some("simulated server"), "Use the built-in simulated server"),
    bind(Scope::NotFound, &[c('r')], Action::Search, Some("try again"), "Look for a server again"),

    bind(Scope::Ready, &[ENTER, c('s')], Action::Start, Some("start"), "Start the run against the chosen model"),
    bind(Scope::Ready, &[UP, c('k')], Action::Up, Some("model"), "Choose the model above"),
    bind(Scope::Ready, &[DOWN, c('j')], Action::Down, None, "Choose the model below"),
    bind(Scope::Ready, &[HOME, c('g')], Action::First, None, "Choose the first model"),
    bind(Scope::Ready, &[END, c('G')], Action::Last, None, "Choose the last model"),
    bind(Scope::Ready, &[c('r')], Action::Search, Some("look again"), "Look for the server and its models again"),
    bind(Scope::Ready, &[c('m')], Action::Simulate, Some("simulated"), "Use the built-in simulated server"),
    bind(Scope::Ready, &[c('d')], Action::Pull, None, "Download the model that was asked for and is not there"),

    bind(Scope::Running, &[c(' ')], Action::Pause, Some("pause"), "Pause: finish what is in flight, start nothing new; again to go on"),
    bind(Scope::Running, &[c('n')], Action::Skip, Some("next"), "Give up this cycle, on to the next"),
    bind(Scope::Running, &[c('x')], Action::Stop, Some("stop"), "Stop the run (asks); what was measured stays"),
    bind(Scope::Running, &[c('r')], Action::Repeat, Some("repeat"), "Run this level once more, next"),
    bind(Scope::Running, &[c('+'), c('=')], Action::AddLevel, Some("level"), "Add a level to those to come"),
    bind(Scope::Running, &[c('-')], Action::RemoveLevel, None, "Take a level from those to come"),

    bind(Scope::Ended, &[ENTER, c('s')], Action::Start, Some("run again"), "Run the same plan again (asks)"),
    bind(Scope::Ended, &[c('m')], Action::Models, Some("models"), "Back to the list of models"),

    bind(Scope::Requests, &[c('o')], Action::Sort, Some("order"), "Order the table by the next column"),
    bind(Scope::Requests, &[c('O')], Action::SortOtherWay, None, "The same order, the other way"),

    bind(Scope::Views, &[c('1')], Action::ShowLive, None, "Live: the number, the cycles, the requests, the answer"),
    bind(Scope::Views, &[c('2')], Action::ShowResults, None, "Results: one line a cycle, with its percentiles"),
    bind(Scope::Views, &[c('3')], Action::ShowRequests, None, "Requests: all of a cycle, and one in detail"),
    bind(Scope::Views, &[TAB], Action::NextView, Some("view"), "The next view"),
    bind(Scope::Views, &[UP, c('k')], Action::Up, None, "Up: the request or cycle above, or scroll, by the focused pane"),
    bind(Scope::Views, &[DOWN, c('j')], Action::Down, None, "Down"),
    bind(Scope::Views, &[PAGE_UP], Action::PageUp, None, "A page up"),
    bind(Scope::Views, &[PAGE_DOWN], Action::PageDown, None, "A page down"),
    bind(Scope::Views, &[c('g'), HOME], Action::First, None, "To the first"),
    bind(Scope::Views, &[c('G'), END], Action::Last, None, "To the last"),
    bind(Scope::Views, &[LEFT, c('h')], Action::PreviousCycle, None, "Show the cycle before"),
    bind(Scope::Views, &[RIGHT, c('l')], Action::NextCycle, None, "Show the cycle after"),
    bind(Scope::Views, &[c('p')], Action::FocusNext, Some("pane"), "Give the focus to the next pane"),
    bind(Scope::Views, &[BACK_TAB, c('P')], Action::FocusPrevious, None, "Give the focus to the pane before"),
    bind(Scope::Views, &[c('z')], Action::Zoom, Some("zoom"), "Let the focused pane fill the screen; again to go back"),
    bind(Scope::Views, &[c('f')], Action::Freeze, Some("freeze"), "Freeze the view; the run goes on"),
    bind(Scope::Views, &[ESC], Action::Follow, None, "Follow the run again: no zoom, no chosen cycle or request"),

    bind(Scope::Global, &[c('t')], Action::Theme, None, "The next theme"),
    bind(Scope::Global, &[c('?'), Key::of(KeyCode::F(1))], Action::Help, Some("help"), "Show this help"),
    bind(Scope::Global, &[c('q')], Action::Quit, Some("quit"), "Quit (asks while a run goes on)"),

    bind(Scope::Confirm, &[c('y'), ENTER], Action::Accept, Some("yes"), "Yes"),
    bind(Scope::Confirm, &[c('n'), ESC, c('q')], Action::Decline, Some("no"), "No"),

    bind(Scope::Level, &[ENTER, c('y')], Action::Accept, Some("do it"), "Add or remove the level"),
    bind(Scope::Level, &[ESC, c('n'), c('q')], Action::Decline, Some("never mind"), "Leave the levels as they are"),
    bind(Scope::Level, &[UP, c('+'), c('=')], Action::More, Some("more"), "Twice the users, or the next larger level to come"),
    bind(Scope::Level, &[DOWN, c('-')], Action::Less, Some("fewer"), "Half the users, or the next smaller level to come"),
    bind(Scope::Level, &DIGITS, Action::Digit, None, "Type the number of users"),
    bind(Scope::Level, &[BACKSPACE], Action::Erase, None, "Take the last digit back"),

    bind(Scope::Help, &[c('?'), ESC, c('q'), ENTER, Key::of(KeyCode::F(1))], Action::Help, Some("close"), "Close the help"),
    bind(Scope::Help, &[UP, c('k')], Action::Up, Some("scroll"), "Scroll up"),
    bind(Scope::Help, &[DOWN, c('j')], Action::Down, None, "Scroll down"),
    bind(Scope::Help, &[PAGE_UP], Action::PageUp, None, "A page up"),
    bind(Scope::Help, &[PAGE_DOWN, c(' ')], Action::PageDown, None, "A page down"),
    bind(Scope::Help, &[HOME, c('g')], Action::First, None, "To the first line"),
    bind(Scope::Help, &[END, c('G')], Action::Last, None, "To the last line"),

    bind(Scope::Always, &[Key::ctrl('c')], Action::Interrupt, None, "Leave now; a run is stopped and what was measured is kept"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn no_key_means_two_things_at_once() {
        for mode in Mode::iter() {
            for view in View::iter() {
                let mut seen = Vec::new();
                for scope in scopes(mode, view) {
                    for binding in BINDINGS.iter().filter(|b| b.scope == *scope) {
                        for key in binding.keys {
                            assert!(!seen.contains(key), "{key:?} twice in {mode:?} {view:?}");
                            seen.push(*key);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_action_has_a_key_and_every_scope_a_mode() {
        let bound: HashSet<_> = BINDINGS.iter().map(|b| b.action).collect();
        for action in Action::iter() {
            assert!(bound.contains(&action), "{action:?} has no key");
        }
        let reachable: HashSet<_> = Mode::iter()
            .flat_map(|mode| View::iter().flat_map(move |view| scopes(mode, view)))
            .collect();
        for scope in Scope::iter() {
            assert!(reachable.contains(&scope), "{scope:?} is in no mode");
        }
    }

    #[test]
    fn shift_is_ignored_and_control_is_not() {
        let shifted = KeyEvent::new(KeyCode::Char('?'), KeyModifiers::SHIFT);
        assert_eq!(
            action(&shifted, Mode::Ready, View::Live),
            Some(Action::Help)
        );
        let control = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::CONTROL);
        assert_eq!(action(&control, Mode::Ready, View::Live), None);
    }

    #[test]
    fn labels_read_as_keys_are_called() {
        let label = |action: Action, scope: Scope| {
            let found = BINDINGS
                .iter()
                .find(|b| b.action == action && b.scope == scope);
            found.unwrap().label(false)
        };
        assert_eq!(label(Action::Start, Scope::Ready), "Enter/s");
        assert_eq!(label(Action::Digit, Scope::Level), "0–9");
        assert_eq!(label(Action::Pause, Scope::Running), "space");
        assert_eq!(label(Action::Interrupt, Scope::Always), "Ctrl-C");
    }
}
