//! Tables whose less important columns give way when it is narrow.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Row, Table, Widget};
use strum::IntoEnumIterator;

use crate::text::numbers::u16_of;
use crate::tui::theme::Theme;
use crate::tui::widgets::text;

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Its width in columns of the terminal; the least, if it grows.
    pub width: u16,
    /// Whether its cells are at the right, as numbers do.
    pub right: bool,
    /// Whether it takes the room that is left; at most one column of a table.
    pub grows: bool,
    /// Its importance: 0 stays longest, higher ones go first.
    pub rank: u8,
}

impl Column {
    /// A column of numbers.
    pub const fn number(title: &'static str, width: u16, rank: u8) -> Self {
        Self {
            title,
            width,
            right: true,
            grows: false,
            rank,
        }
    }

    /// A column of words.
    pub const fn words(title: &'static str, width: u16, rank: u8) -> Self {
        Self {
            right: false,
            ..Self::number(title, width, rank)
        }
    }

    /// The same, taking the room that is left.
    #[must_use]
    pub const fn growing(self) -> Self {
        Self {
            grows: true,
            ..self
        }
    }
}

/// The widths at which `columns` fit in `width`, 0 for those that gave way.
pub fn widths(columns: &[Column], width: u16) -> Vec<u16> {
    let mut widths: Vec<u16> = columns.iter().map(|c| c.width).collect();
    let needed = |widths: &[u16]| {
        let shown = widths.iter().filter(|w| **w > 0);
        shown.clone().map(|w| usize::from(*w)).sum::<usize>() + shown.count().saturating_sub(1)
    };
    while needed(&widths) > usize::from(width) {
        let shown = columns.iter().zip(&widths).enumerate();
        let last = shown
            .filter(|(_, (_, width))| **width > 0)
            .max_by_key(|(index, (column, _))| (column.rank, *index));
        let Some((index, _)) = last else { break };
        if let Some(width) = widths.get_mut(index) {
            *width = 0;
        }
    }
    let rest = usize::from(width).saturating_sub(needed(&widths));
    let mut cells = columns.iter().zip(widths.iter_mut());
    if let Some((_, cell)) = cells.find(|(column, width)| column.grows && **width > 0) {
        *cell = cell.saturating_add(u16_of(rest));
    }
    widths
}

/// The first of `len` rows to show in `height` so that `selected` is among them; `scroll` is where
/// the reader would begin.
pub fn first_row(len: usize, height: usize, selected: Option<usize>, scroll: usize) -> usize {
    let first = scroll.min(len.saturating_sub(height));
    match selected {
        Some(row) if row < first => row,
        Some(row) if row >= first + height => (row + 1).saturating_sub(height.max(1)),
        _ => first,
    }
}

/// What a table shows.
#[derive(Debug, Clone, Copy)]
pub struct TableView<'a> {
    /// Its columns.
    pub columns: &'a [Column],
    /// How many rows there are.
    pub len: usize,
    /// The selected row.
    pub selected: Option<usize>,
    /// The row that the reader scrolled to.
    pub scroll: usize,
}

/// A column and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sorting<By> {
    /// The column.
    pub by: By,
    /// Largest first. Unknown values are last in both directions.
    pub descending: bool,
}

impl<By> Sorting<By>
where
    By: Copy + PartialEq + Default + IntoEnumIterator<Iterator: Clone>,
{
    /// The column after this one, round again at the end.
    pub fn next_column(self) -> By {
        let next = By::iter().cycle().skip_while(|by| *by != self.by).nth(1);
        next.unwrap_or_default()
    }

    /// The same column the other way.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            descending: !self.descending,
            ..self
        }
    }
}

/// Draws the table. `row` makes the cells of a row, given the widths of all columns; it is asked
/// only for rows that are seen.
pub fn table(
    buf: &mut Buffer,
    area: Rect,
    theme: &Theme,
    view: TableView<'_>,
    mut row: impl FnMut(usize, &[u16]) -> Option<Vec<Span<'static>>>,
) {
    let widths = widths(view.columns, area.width);
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(view.len, height, view.selected, view.scroll);
    let titles = view
        .columns
        .iter()
        .map(|c| Span::styled(c.title, theme.dim));
    let header = line(titles.collect(), view.columns, &widths);
    let rows = (first..view.len.min(first + height)).map(|index| {
        let style = if view.selected == Some(index) {
            theme.selected
        } else {
            Style::new()
        };
        let cells = row(index, &widths).unwrap_or_default();
        line(cells, view.columns, &widths).style(style)
    });
    let shown = widths.iter().filter(|w| **w > 0).copied();
    Table::new(rows, shown.map(Constraint::Length))
        .header(header)
        .column_spacing(1)
        .render(area, buf);
}

fn line(cells: Vec<Span<'static>>, columns: &[Column], widths: &[u16]) -> Row<'static> {
    let shown = cells.into_iter().zip(columns).zip(widths);
    let cells = shown.filter(|(_, width)| **width > 0);
    Row::new(cells.map(|((cell, column), width)| {
        let fitted = text::fit(&cell.content, usize::from(*width));
        let line = Line::from(Span::styled(fitted, cell.style));
        if column.right {
            line.right_aligned()
        } else {
            line
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column::number("id", 4, 0),
        Column::words("name", 6, 1).growing(),
        Column::number("extra", 5, 2),
    ];

    #[test]
    fn the_least_important_columns_give_way() {
        assert_eq!(widths(&COLUMNS, 17), [4, 6, 5]);
        assert_eq!(widths(&COLUMNS, 30), [4, 19, 5]);
        assert_eq!(widths(&COLUMNS, 16), [4, 11, 0]);
        assert_eq!(widths(&COLUMNS, 5), [4, 0, 0]);
        assert_eq!(widths(&COLUMNS, 0), [0, 0, 0]);
    }

    #[test]
    fn the_selected_row_is_always_seen() {
        assert_eq!(first_row(100, 10, None, 0), 0);
        assert_eq!(first_row(100, 10, Some(50), 0), 41);
        assert_eq!(first_row(100, 10, Some(3), 20), 3);
        assert_eq!(first_row(5, 10, None, 50), 0);
        assert_eq!(first_row(0, 0, Some(3), 9), 3);
    }
}
