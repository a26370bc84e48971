//! A card in the middle of the screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use crate::text::numbers::u16_of;
use crate::tui::theme::Theme;
use crate::tui::widgets::text;

/// Columns of a card that are not text: borders and padding.
const FRAME: u16 = 6;

/// Draws `lines` in a card as wide as they need, over whatever is there.
pub fn card(frame: &mut Frame<'_>, area: Rect, theme: &Theme, title: &str, lines: Vec<Line<'_>>) {
    let area = area.intersection(frame.area());
    let longest = lines.iter().map(Line::width).max().unwrap_or(0);
    let longest = longest.max(text::width(title) + 2);
    let width = u16_of(longest).saturating_add(FRAME);
    // With little room the padding goes before the text does.
    let rows = u16_of(lines.len());
    let padded = rows.saturating_add(4) <= area.height;
    let height = rows.saturating_add(if padded { 4 } else { 2 });
    let place = area.centered(
        Constraint::Length(width.min(area.width)),
        Constraint::Length(height.min(area.height)),
    );
    let block = Block::bordered()
        .title(Span::styled(format!(" {title} "), theme.title))
        .border_style(theme.focus)
        .padding(Padding::symmetric(2, u16::from(padded)));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block), place);
}

/// The columns of text that a card in `area` has, at most `most`.
pub fn columns(area: Rect, most: usize) -> usize {
    usize::from(area.width.saturating_sub(FRAME)).clamp(1, most.max(1))
}

/// `paragraph` in lines of at most `columns`, safe for a terminal.
pub fn wrapped(paragraph: &str, columns: usize, style: Style) -> Vec<Line<'static>> {
    let lines = text::wrap(paragraph, columns);
    lines
        .into_iter()
        .map(|line| Line::styled(line, style))
        .collect()
}
