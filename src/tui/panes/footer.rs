//! The line of the keys, made from the key table; and notices to the user.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use strum::IntoEnumIterator;

use crate::text::numbers::u16_of;
use crate::tui::app::{App, Screen};
use crate::tui::keys::{self, Action, BINDINGS, Mode, ReplayAction};
use crate::tui::lanes::lane_set::{LaneAction, Lanes};
use crate::tui::layout::View;
use crate::tui::widgets::text;

/// From this width on the views are shown, whatever has to give way.
const TABS_FROM: u16 = 110;
/// Columns between two keys.
const GAP: usize = 2;

/// One key of the line, and the word for it.
struct Hint {
    action: Action,
    label: String,
    word: &'static str,
    /// Columns of both, with the gap behind them.
    width: usize,
}

impl Hint {
    fn new(action: Action, label: String, word: &'static str) -> Self {
        let width = text::width(&label) + 1 + text::width(word) + GAP;
        Self {
            action,
            label,
            word,
            width,
        }
    }

    /// Whether it stands on every screen.
    fn is_kept(&self) -> bool {
        matches!(self.action, Action::Help | Action::Quit)
    }

    /// Whether the views beside it say the same.
    fn is_redundant(&self, app: &App, form: Tabs) -> bool {
        match self.action {
            Action::NextView => form != Tabs::Hidden,
            Action::Show(View::Runs) => {
                form == Tabs::Named || matches!(app.screen(), Screen::Run(_))
            }
            _ => false,
        }
    }
}

/// How the views are shown at the right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tabs {
    /// Each by its name.
    Named,
    /// Their keys, and the name of the present one.
    Short,
    /// Not at all.
    Hidden,
}

/// Draws the keys that work now: those that every screen has at the right, the others as far as
/// they fit.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let area = area.intersection(frame.area());
    let mut hints = hints(app);
    let form = form(app, area.width, &hints);
    hints.retain(|hint| !hint.is_redundant(app, form));
    let tabs = tabs(app, form);
    let kept = hints.iter().filter(|hint| hint.is_kept());
    let kept: usize = kept.map(|hint| hint.width).sum();
    let mut room = usize::from(area.width).saturating_sub(kept + 1 + tabs.width());
    let mut spans = vec![Span::raw(" ")];
    for hint in hints {
        if !hint.is_kept() {
            if hint.width > room {
                continue;
            }
            room -= hint.width;
        }
        spans.push(Span::styled(hint.label, app.theme().key));
        spans.push(Span::styled(
            format!(" {}{}", hint.word, " ".repeat(GAP)),
            app.theme().dim,
        ));
    }
    frame.render_widget(Line::from(spans), area);
    frame.render_widget(tabs.right_aligned(), area);
}

/// The keys that work now.
fn hints(app: &App) -> Vec<Hint> {
    let (mode, view) = (app.mode(), app.view());
    keys::hints(mode, view)
        .filter_map(|(binding, hint)| {
            let label = binding.active_label(mode, view, app.theme().ascii)?;
            let word = hint_text(app, binding.action, hint);
            Some(Hint::new(binding.action, label, word))
        })
        .collect()
}

/// How the views are shown in so many columns: by their names where every key fits beside them.
fn form(app: &App, width: u16, hints: &[Hint]) -> Tabs {
    let fits = |form: Tabs| {
        let needed = hints.iter().filter(|hint| !hint.is_redundant(app, form));
        let keys: usize = needed.map(|hint| hint.width).sum();
        keys + 1 + tabs(app, form).width() <= usize::from(width)
    };
    let is_run = matches!(app.screen(), Screen::Run(_));
    match app.mode() {
        Mode::Confirm | Mode::Level | Mode::Sliders | Mode::Help | Mode::Filter => Tabs::Hidden,
        _ if fits(Tabs::Named) => Tabs::Named,
        Mode::Lanes => Tabs::Hidden,
        _ if width >= TABS_FROM || is_run && fits(Tabs::Short) => Tabs::Short,
        _ => Tabs::Hidden,
    }
}

/// The views that have something to show, the present one marked.
fn tabs(app: &App, form: Tabs) -> Line<'static> {
    let theme = app.theme();
    let mut spans = Vec::new();
    for view in View::iter() {
        if form == Tabs::Hidden || !app.has(view) {
            continue;
        }
        let binding = BINDINGS.iter().find(|b| b.action == Action::Show(view));
        let key = binding.map(|b| b.short_label(theme.ascii));
        let key = key.unwrap_or_default();
        let (name, style) = match view == app.view() {
            true => (format!(" {view}"), theme.selected),
            false if form == Tabs::Named => (format!(" {view}"), theme.dim),
            false => (String::new(), theme.dim),
        };
        spans.push(Span::styled(format!(" {key}{name} "), style));
    }
    Line::from(spans)
}

/// The word for what a key does now.
fn hint_text(app: &App, action: Action, hint: &'static str) -> &'static str {
    match action {
        Action::Pause if app.run().paused => "continue",
        Action::Replay(ReplayAction::Pause) => match app.replay() {
            Some(player) if player.is_over() => "again",
            Some(player) if player.is_paused() => "continue",
            _ => hint,
        },
        Action::Lanes(LaneAction::Pause) if app.lanes().is_some_and(Lanes::is_paused) => "continue",
        Action::Lanes(LaneAction::Full) if app.lanes().is_some_and(|lanes| lanes.full) => {
            "all lanes"
        }
        Action::Freeze if app.is_frozen() => "unfreeze",
        _ => hint,
    }
}

/// Draws a word to the user into the frame at the bottom of `body`, where it hides nothing.
pub fn render_notice(frame: &mut Frame<'_>, body: Rect, app: &App) {
    let Some(notice) = app.notice.as_deref() else {
        return;
    };
    let room = body.width.saturating_sub(6);
    let notice = format!(" {} ", text::fit(notice, usize::from(room)));
    let place = Rect {
        x: body.x.saturating_add(2),
        y: body.bottom().saturating_sub(1),
        width: u16_of(text::width(&notice)),
        height: 1,
    };
    let place = place.intersection(body).intersection(frame.area());
    frame.render_widget(Span::styled(notice, app.theme().warn), place);
}
