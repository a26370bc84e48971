//! The line of the keys, made from the key table; and notices to the user.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use strum::IntoEnumIterator;

use crate::preview::lanes::{self, Lanes};
use crate::ui::app::App;
use crate::ui::draw::text;
use crate::ui::keys::{self, Action, BINDINGS, Mode};
use crate::ui::layout::View;

/// Columns from which on the views are named.
const TABS_FROM: u16 = 110;
/// What shows each view, in their order.
const SHOW: [Action; 4] = [
    Action::ShowLive,
    Action::ShowResults,
    Action::ShowRequests,
    Action::ShowPreview,
];
/// Columns between two keys.
const GAP: usize = 2;

/// Draws the keys that work now: those that every screen has at the right, the others as far as
/// they fit.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let area = area.intersection(frame.area());
    let hints: Vec<(Action, String, &str)> = keys::hints(app.mode(), app.view())
        .filter_map(|(binding, hint)| {
            let label = binding.heard_label(app.mode(), app.view(), app.theme().ascii)?;
            Some((binding.action, label, worded(app, binding.action, hint)))
        })
        .collect();
    let always = |action: Action| matches!(action, Action::Help | Action::Quit);
    let width = |label: &str, hint: &str| text::width(label) + 1 + text::width(hint) + GAP;
    let kept: usize = hints
        .iter()
        .filter(|(action, ..)| always(*action))
        .map(|(_, label, hint)| width(label, hint))
        .sum();
    let tabs = tabs(app, area.width);
    let mut room = usize::from(area.width).saturating_sub(kept + 1 + tabs.width());
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
    let width = crate::units::u16_of(tabs.width()).min(area.width);
    let right = Rect {
        x: area.right().saturating_sub(width),
        width,
        ..area
    };
    frame.render_widget(tabs, right);
}

/// The views, the present one marked, where there is room for them.
fn tabs(app: &App, width: u16) -> Line<'static> {
    let theme = app.theme();
    let has_views = matches!(app.mode(), Mode::Running | Mode::Ended);
    if !has_views || width < TABS_FROM {
        return Line::default();
    }
    let mut spans = Vec::new();
    for (view, action) in View::iter().zip(SHOW) {
        let binding = BINDINGS.iter().find(|b| b.action == action);
        let key = binding.map(|b| b.short_label(theme.ascii));
        let style = if view == app.view() {
            theme.selected
        } else {
            theme.dim
        };
        spans.push(Span::styled(
            format!(" {} {view} ", key.unwrap_or_default()),
            style,
        ));
    }
    Line::from(spans)
}

/// The word for what a key does now.
fn worded(app: &App, action: Action, hint: &'static str) -> &'static str {
    match action {
        Action::Pause if app.run().paused => "go on",
        Action::Lanes(lanes::Action::Pause) if app.lanes().is_some_and(Lanes::is_paused) => "go on",
        Action::Lanes(lanes::Action::Full) if app.lanes().is_some_and(Lanes::is_full) => {
            "all lanes"
        }
        Action::Freeze if app.is_frozen() => "unfreeze",
        _ => hint,
    }
}

/// Draws a word to the user into the frame at the bottom of `body`, where it hides nothing.
pub fn render_notice(frame: &mut Frame<'_>, body: Rect, app: &App) {
    let Some(notice) = app.notice() else {
        return;
    };
    let room = body.width.saturating_sub(6);
    let notice = format!(" {} ", text::fit(notice, usize::from(room)));
    let place = Rect {
        x: body.x.saturating_add(2),
        y: body.bottom().saturating_sub(1),
        width: crate::units::u16_of(text::width(&notice)),
        height: 1,
    };
    let place = place.intersection(body).intersection(frame.area());
    frame.render_widget(Span::styled(notice, app.theme().warn), place);
}
