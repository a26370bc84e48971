//! Drawing `tokometer preview`: a header, the lanes, the keys, the help over them.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::ui::theme::Theme;
use crate::units::u16_of;

use super::app::{App, GLOBAL};
use super::figures::duration;
use super::keys::BINDINGS;
use super::lane::Lane;
use super::{pane, prose};

/// Draws all of it.
pub fn render(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    let bar = u16::from(area.height >= 8);
    let [top, body, bottom] = Layout::vertical([
        Constraint::Length(bar),
        Constraint::Fill(1),
        Constraint::Length(bar),
    ])
    .areas(area);
    frame.render_widget(header(app), top);
    pane::render(frame, body, &app.lanes, &app.theme);
    frame.render_widget(footer(app, bottom.width), bottom);
    if app.help {
        render_help(frame, area, &app.theme);
    }
}

fn header(app: &App) -> Line<'_> {
    let theme = &app.theme;
    let seconds = duration(app.lanes.now_us() as f64 / 1e6);
    let mut spans = vec![
        Span::styled(" tokometer ", theme.headline),
        Span::styled("preview: what tokens per second feel like  ", theme.text),
        Span::styled(seconds, theme.dim),
    ];
    if app
        .lanes
        .lanes()
        .iter()
        .any(|lane: &Lane| lane.script().simulated)
    {
        spans.push(Span::raw("  "));
        spans.push(Span::styled(" SIMULATED ", theme.simulated));
    }
    Line::from(spans)
}

/// The keys that matter, as many as there is room for; or what is to be said.
fn footer(app: &App, width: u16) -> Line<'_> {
    let theme = &app.theme;
    if let Some(note) = &app.note {
        return Line::styled(format!(" {}", prose::plain(note, theme)), theme.warn);
    }
    let lanes = BINDINGS.iter().map(|row| (row.label, row.short));
    let global = GLOBAL.iter().map(|row| (row.label, row.short));
    let mut spans = Vec::new();
    let mut used = 0;
    // The last keys, help and quit, always stand.
    let reserved: usize = global.clone().map(cells).sum();
    for (index, row) in lanes.chain(global).enumerate() {
        let spare = if index < BINDINGS.len() { reserved } else { 0 };
        if cells(row) + used + spare > usize::from(width) {
            continue;
        }
        used += cells(row);
        let label = if theme.ascii {
            plain_label(row.0)
        } else {
            row.0
        };
        spans.push(Span::styled(format!(" {label}"), theme.key));
        if !row.1.is_empty() {
            spans.push(Span::styled(format!(" {} ", row.1), theme.dim));
        }
    }
    Line::from(spans)
}

/// Cells of a key in the footer; 0 if it does not stand there. Arrows and signs go with the key after them.
fn cells((label, short): (&str, &str)) -> usize {
    let word = if short.is_empty() { 0 } else { short.len() + 2 };
    label.chars().count() + 1 + word
}

fn plain_label(label: &'static str) -> &'static str {
    match label {
        "←" => "left",
        "→" => "right",
        other => other,
    }
}

fn render_help(frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    let lanes = BINDINGS.iter().map(|row| (row.label, row.help));
    let presets = [("1-9", "speed 5 9 20 30 55 100 200 500 1000 tok/s")];
    let global = GLOBAL.iter().map(|row| (row.label, row.help));
    let rows: Vec<Line<'_>> = lanes
        .chain(presets)
        .chain(global)
        .map(|(label, help)| {
            let label = if theme.ascii {
                plain_label(label)
            } else {
                label
            };
            Line::from(vec![
                Span::styled(format!(" {label:>6} "), theme.key),
                Span::styled(prose::plain(help, theme), theme.text),
            ])
        })
        .collect();
    let width = rows.iter().map(Line::width).max().unwrap_or(0);
    let (width, height) = (
        u16_of(width).saturating_add(4),
        u16_of(rows.len()).saturating_add(2),
    );
    let place = area.centered(Constraint::Length(width), Constraint::Length(height));
    let place = place.intersection(area);
    frame.render_widget(Clear, place);
    let block = pane::bordered(theme)
        .border_style(theme.focus)
        .title(" Keys ");
    frame.render_widget(Paragraph::new(rows).block(block), place);
}
