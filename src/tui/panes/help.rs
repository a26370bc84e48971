//! The help over everything, made from the key table.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};
use strum::IntoEnumIterator;

use crate::metrics::metric::metric;
use crate::text::numbers::u16_of;
use crate::tui::app::App;
use crate::tui::keys::{BINDINGS, Scope};
use crate::tui::theme::Theme;
use crate::tui::widgets::text;

/// Columns of the help, and those of its keys.
const WIDTH: u16 = 84;
const KEYS: usize = 14;
/// Columns before the keys.
const INDENT: usize = 2;
/// Rows of the frame; it takes as many columns, and so does the padding.
const FRAME: u16 = 2;

/// The words on the screen that are metrics, with their keys.
const WORDS: [(&str, &str); 7] = [
    ("speed", "speed_tok_s"),
    ("system", "system_tok_s"),
    ("wait, TTFT", "ttft_s"),
    ("TTFB", "ttfb_s"),
    ("queue", "queue_wait_s"),
    ("within", "attainment"),
    ("J/token", "j_per_token"),
];

/// Draws the help.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let theme = app.theme();
    let place = place(area.intersection(frame.area()));
    let lines = lines(theme, place, app.first_help());
    let scroll = app.help.unwrap_or(0);
    let scroll = scroll.min(most_scroll(area, theme.ascii));
    let block = Block::bordered()
        .title(Span::styled(" Keys ", theme.title))
        .border_style(theme.focus)
        .padding(Padding::horizontal(1));
    let text = Paragraph::new(lines)
        .block(block)
        .scroll((u16_of(scroll), 0));
    frame.render_widget(Clear, place);
    frame.render_widget(text, place);
}

/// The farthest that the help can be scrolled on a screen of `area`, lines.
pub fn most_scroll(area: Rect, ascii: bool) -> usize {
    let mut theme = Theme::named("mono");
    theme.ascii = ascii;
    let place = place(area);
    let room = usize::from(place.height.saturating_sub(FRAME));
    lines(&theme, place, Scope::Running)
        .len()
        .saturating_sub(room)
}

fn place(area: Rect) -> Rect {
    area.centered(
        Constraint::Length(WIDTH.min(area.width)),
        Constraint::Length(area.height.saturating_sub(2).max(1)),
    )
}

fn lines(theme: &Theme, place: Rect, begin: Scope) -> Vec<Line<'static>> {
    let columns = usize::from(place.width.saturating_sub(FRAME * 2));
    let mut lines = Vec::new();
    // In the order of the table, not of the enum: the keys that matter most come first.
    let mut scopes: Vec<Scope> = Scope::iter().collect();
    scopes.sort_by_key(|scope| BINDINGS.iter().position(|b| b.scope == *scope));
    let first = scopes.iter().position(|scope| *scope == begin);
    scopes.rotate_left(first.unwrap_or(0));
    for scope in scopes {
        lines.push(Line::styled(scope.to_string(), theme.title));
        for binding in BINDINGS.iter().filter(|b| b.scope == scope) {
            let label = binding.label(theme.ascii);
            lines.extend(entry(theme, &label, binding.help, columns));
        }
        lines.push(Line::default());
    }
    lines.push(Line::styled("Words", theme.title));
    let metrics = WORDS.into_iter();
    let metrics = metrics.filter_map(|(word, key)| Some((word, metric(key)?.definition)));
    let words = [("users", "requests in flight during a cycle")].into_iter();
    for (word, meaning) in words.chain(metrics).chain([("–", "not known (never 0)")]) {
        lines.extend(entry(theme, word, meaning, columns));
    }
    lines
}

/// One entry, its meaning wrapped into the rest of `columns`.
fn entry(theme: &Theme, label: &str, meaning: &str, columns: usize) -> Vec<Line<'static>> {
    let meaning = text::wrap(meaning, columns.saturating_sub(KEYS + INDENT));
    let lines = meaning.into_iter().enumerate();
    lines
        .map(|(index, meaning)| {
            let label = if index == 0 { label } else { "" };
            Line::from(vec![
                Span::styled(format!("{:INDENT$}{label:<KEYS$}", ""), theme.key),
                Span::styled(meaning, theme.text),
            ])
        })
        .collect()
}
