//! The line of the keys, made from the key table; and the line of notices above it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::ui::app::App;
use crate::ui::draw::text;
use crate::ui::keys::{self, Action};

/// Columns between two keys.
const GAP: usize = 2;

/// Draws the keys that work now: those that every screen has at the right, the others as far as
/// they fit.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let area = area.intersection(frame.area());
    let hints: Vec<(Action, String, &str)> = keys::hints(app.mode(), app.view())
        .map(|(binding, hint)| {
            let label = binding.short_label(app.theme().ascii);
            (binding.action, label, worded(app, binding.action, hint))
        })
        .collect();
    let always = |action: Action| matches!(action, Action::Help | Action::Quit);
    let width = |label: &str, hint: &str| text::width(label) + 1 + text::width(hint) + GAP;
    let kept: usize = hints
        .iter()
        .filter(|(action, ..)| always(*action))
        .map(|(_, label, hint)| width(label, hint))
        .sum();
    let mut room = usize::from(area.width).saturating_sub(kept + 1);
    let mut spans = vec![Span::raw(" ")];
    for (action, label, hint) in hints {
        let needed = width(&label, hint);
        if !always(action) {
            if needed > room {
                continue;
            }
            room -= needed;
        }
        spans.push(Span::styled(label, app.theme().key));
        spans.push(Span::styled(
            format!(" {hint}{}", " ".repeat(GAP)),
            app.theme().dim,
        ));
    }
    frame.render_widget(Line::from(spans), area);
}

/// The word for what a key does now.
fn worded(app: &App, action: Action, hint: &'static str) -> &'static str {
    match action {
        Action::Pause if app.run().paused => "go on",
        Action::Freeze if app.is_frozen() => "unfreeze",
        _ => hint,
    }
}

/// Draws a word to the user.
pub fn render_notice(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let area = area.intersection(frame.area());
    let room = usize::from(area.width.saturating_sub(1));
    let notice = text::fit(app.notice().unwrap_or_default(), room).into_owned();
    let line = Line::from(vec![
        Span::raw(" "),
        Span::styled(notice, app.theme().warn),
    ]);
    frame.render_widget(line, area);
}
