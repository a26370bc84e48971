//! The card of a terminal too small for panes: the three numbers all the same.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::tui::app::App;
use crate::tui::layout::Pane;
use crate::tui::panes::{dialog, figures};
use crate::tui::widgets::text;

/// Draws the card.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let theme = app.theme();
    let cx = app.cx(Pane::Headline);
    let cycle = cx.shown_cycle();
    let speed = cycle.and_then(|cycle| figures::speed(cx.run, cycle, cx.now));
    let system = cycle.and_then(crate::metrics::state::CycleState::current_system_tok_s);
    let wait = cycle.map(|cycle| cycle.wait_so_far(cx.now).text());
    let number = |name: &'static str, value: String, unit: &'static str| {
        Line::from(vec![
            Span::styled(name, theme.dim),
            Span::styled(value, theme.headline),
            Span::styled(unit, theme.dim),
        ])
    };
    let last = match app.dialog.as_ref() {
        Some(question) => Line::styled(dialog::question(app, question), theme.warn),
        None => Line::styled("too small: 60x16", theme.warn),
    };
    let mut lines = vec![
        number("speed  ", text::tok_s(speed), " tok/s"),
        number("system ", text::tok_s(system), " tok/s"),
        number("wait   ", text::or_unknown(wait), ""),
        last,
    ];
    if app.is_simulated() {
        lines.insert(0, Line::styled("SIMULATED", theme.simulated));
    }
    if app.replay().is_some() {
        lines.insert(0, Line::styled("REPLAY", theme.selected));
    }
    frame.render_widget(Paragraph::new(lines), area);
}
