//! Columns of plain text.

use unicode_width::UnicodeWidthStr;

/// A line for each row, its cells in columns. `set` writes a cell and the blanks that its column leaves it.
pub fn aligned(rows: &[Vec<String>], set: fn(&str, &str) -> String) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let blanks = width.saturating_sub(cell.width());
            set(cell, &" ".repeat(blanks))
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}
