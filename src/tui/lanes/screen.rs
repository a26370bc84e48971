//! Drawing `tokometer preview`: a header, the lanes, the keys, the help over them.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::text::numbers::u16_of;
use crate::tui::theme::Theme;

use crate::tui::lanes::app::{App, GLOBAL};
use crate::tui::lanes::figures::duration;
use crate::tui::lanes::keys::BINDINGS;
use crate::tui::lanes::lane::Lane;
use crate::tui::lanes::{lane_text, pane};

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
        return Line::styled(format!(" {}", lane_text::plain(note, theme)), theme.warn);
    }
    let lanes = BINDINGS.iter().map(|row| row.footer);
    let global = GLOBAL.iter().map(|row| row.footer);
    // The last keys, help and quit, always stand.
    let mut left = usize::from(width);
    let certain: usize = ALWAYS.map(cells).iter().sum();
    let mut spans = Vec::new();
    for keys in lanes.chain(global).filter(|keys| !keys.is_empty()) {
        let spare = if ALWAYS.contains(&keys) { 0 } else { certain };
        if cells(keys) + spare > left {
            continue;
        }
        left -= cells(keys);
        let (labels, word) = keys.rsplit_once(' ').unwrap_or((keys, ""));
        let labels = lane_text::plain(labels, theme);
        spans.push(Span::styled(format!(" {labels} "), theme.key));
        spans.push(Span::styled(format!("{word} "), theme.dim));
    }
    Line::from(spans)
}

/// The keys for which there is always room.
const ALWAYS: [&str; 2] = ["? help", "q quit"];

/// Cells of an entry of the footer.
fn cells(keys: &str) -> usize {
    keys.chars().count() + 2
}

fn render_help(frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    let lanes = BINDINGS.iter().map(|row| (row.label, row.help));
    let presets = [("1-9", "speed 5 9 20 30 55 100 200 500 1000 tok/s")];
    let global = GLOBAL.iter().map(|row| (row.label, row.help));
    let rows: Vec<Line<'_>> = lanes
        .chain(presets)
        .chain(global)
        .map(|(label, help)| {
            let label = lane_text::plain(label, theme);
            Line::from(vec![
                Span::styled(format!(" {label:>6} "), theme.key),
                Span::styled(lane_text::plain(help, theme), theme.text),
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
