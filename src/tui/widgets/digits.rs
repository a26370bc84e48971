//! Large digits.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

/// Five rows of up to three pixels for each character, and its width in pixels.
const GLYPHS: [(char, u16, [u8; 5]); 13] = [
    ('0', 3, [0b111, 0b101, 0b101, 0b101, 0b111]),
    ('1', 3, [0b110, 0b010, 0b010, 0b010, 0b111]),
    ('2', 3, [0b111, 0b001, 0b111, 0b100, 0b111]),
    ('3', 3, [0b111, 0b001, 0b111, 0b001, 0b111]),
    ('4', 3, [0b101, 0b101, 0b111, 0b001, 0b001]),
    ('5', 3, [0b111, 0b100, 0b111, 0b001, 0b111]),
    ('6', 3, [0b111, 0b100, 0b111, 0b101, 0b111]),
    ('7', 3, [0b111, 0b001, 0b001, 0b001, 0b001]),
    ('8', 3, [0b111, 0b101, 0b111, 0b101, 0b111]),
    ('9', 3, [0b111, 0b101, 0b111, 0b001, 0b111]),
    ('.', 1, [0, 0, 0, 0, 0b1]),
    ('–', 3, [0, 0, 0b111, 0, 0]),
    ('k', 3, [0b100, 0b101, 0b110, 0b110, 0b101]),
];
const ROWS: u16 = 5;

/// How large the digits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Three rows: two pixels share a cell.
    Small,
    /// Five rows, a pixel is one cell.
    Narrow,
    /// Five rows, a pixel is two cells wide and so about square.
    Normal,
    /// Ten rows.
    Huge,
}

impl Size {
    /// Columns and rows of `text` at this size.
    pub fn area(self, text: &str) -> (u16, u16) {
        let pixels: u16 = glyphs(text).map(|(width, _)| width + 1).sum();
        let pixels = pixels.saturating_sub(1);
        match self {
            Self::Small => (pixels, ROWS.div_ceil(2)),
            Self::Narrow => (pixels, ROWS),
            Self::Normal => (pixels * 2, ROWS),
            Self::Huge => (pixels * 4, ROWS * 2),
        }
    }

    /// The largest size at which `text` fits in `columns` by `rows`; None where no size does.
    pub fn fitting(text: &str, columns: u16, rows: u16, ascii: bool) -> Option<Self> {
        let small = if ascii { Self::Narrow } else { Self::Small };
        [Self::Huge, Self::Normal, small].into_iter().find(|size| {
            let (width, height) = size.area(text);
            width <= columns && height <= rows
        })
    }
}

/// Draws `text` (digits, a point, `k`, `–`) into the top left of `area`.
pub fn digits(buf: &mut Buffer, area: Rect, text: &str, size: Size, style: Style) {
    let area = area.intersection(buf.area);
    let mut left = 0;
    for (width, rows) in glyphs(text) {
        for x in 0..width {
            for y in 0..ROWS {
                let lit = |y: u16| {
                    rows.get(usize::from(y))
                        .is_some_and(|r| r >> (width - 1 - x) & 1 == 1)
                };
                match size {
                    Size::Small if y % 2 == 0 => {
                        let glyph = match (lit(y), lit(y + 1)) {
                            (true, true) => "█",
                            (true, false) => "▀",
                            (false, true) => "▄",
                            (false, false) => continue,
                        };
                        fill(buf, area, Rect::new(left + x, y / 2, 1, 1), glyph, style);
                    }
                    Size::Small => {}
                    _ if !lit(y) => {}
                    Size::Narrow => fill(buf, area, Rect::new(left + x, y, 1, 1), "█", style),
                    Size::Normal => fill(buf, area, Rect::new((left + x) * 2, y, 2, 1), "█", style),
                    Size::Huge => {
                        fill(
                            buf,
                            area,
                            Rect::new((left + x) * 4, y * 2, 4, 2),
                            "█",
                            style,
                        );
                    }
                }
            }
        }
        left += width + 1;
    }
}

fn glyphs(text: &str) -> impl Iterator<Item = (u16, [u8; 5])> {
    text.chars()
        .filter_map(|c| GLYPHS.iter().find(|(of, _, _)| *of == c))
        .map(|(_, width, rows)| (*width, *rows))
}

fn fill(buf: &mut Buffer, area: Rect, part: Rect, glyph: &str, style: Style) {
    let origin = Position::new(area.x.saturating_add(part.x), area.y.saturating_add(part.y));
    let part = Rect::new(origin.x, origin.y, part.width, part.height);
    for position in part.intersection(area).positions() {
        if let Some(cell) = buf.cell_mut(position) {
            cell.set_symbol(glyph).set_style(style);
        }
    }
}
