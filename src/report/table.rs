//! A table of a report, before it is Markdown or HTML.

use std::borrow::Cow;

use crate::text::numbers::or_unknown;

/// A table: the first column names the row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Table {
    /// What it holds, with units.
    pub(super) caption: &'static str,
    /// Empty for a table of names and values.
    pub(super) head: Vec<Cow<'static, str>>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// Whether a column holds words, not numbers.
    pub(super) fn is_words(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(column));
        let first = cells.find(|cell| !cell.is_empty());
        let words = |cell: &String| cell.starts_with(|c: char| c.is_alphabetic() || c == '“');
        self.head.is_empty() || column == 0 || first.is_some_and(words)
    }
}

/// The names of columns.
pub(super) fn heads<const N: usize>(names: [&'static str; N]) -> Vec<Cow<'static, str>> {
    names.map(Cow::Borrowed).into()
}

/// A name and its value; None where that is not known.
pub(super) type Pair = (&'static str, Option<String>);

/// Rows of names and values.
pub(super) fn pairs(caption: &'static str, rows: Vec<Pair>) -> Table {
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), or_unknown(value)]);
    Table {
        caption,
        head: Vec::new(),
        rows: rows.collect(),
    }
}
