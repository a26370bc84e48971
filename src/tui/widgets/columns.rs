//! Columns that rise from a line, in eighths of a cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::widgets::{RISING, eighths};

/// Fills `area` from below to `share` of its height (0–1; clamped).
pub fn column(buf: &mut Buffer, area: Rect, share: f64, style: Style) {
    let area = area.intersection(buf.area);
    let mut left = eighths(share, usize::from(area.height));
    for row in area.rows().rev() {
        let Some(glyph) = RISING.get(left.min(8).wrapping_sub(1)) else {
            return;
        };
        for cell in row.positions() {
            if let Some(cell) = buf.cell_mut(cell) {
                cell.set_symbol(glyph).set_style(style);
            }
        }
        left = left.saturating_sub(8);
    }
}

/// A line of `glyph` over `area`, wherever nothing is drawn yet.
pub fn line_behind(buf: &mut Buffer, area: Rect, glyph: &str, style: Style) {
    for position in area.intersection(buf.area).positions() {
        if let Some(cell) = buf.cell_mut(position).filter(|cell| cell.symbol() == " ") {
            cell.set_symbol(glyph).set_style(style);
        }
    }
}
