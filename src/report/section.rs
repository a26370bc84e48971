//! A report's sections, before they are Markdown or HTML.

use crate::report::table::Table;

/// A section under a title.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) blocks: Vec<Block>,
}

/// A piece of a section.
pub(super) enum Block {
    Text(String),
    List(Vec<String>),
    Table(Table),
    /// What someone else wrote, in its own lines.
    Quote(String),
    /// A command, or the name of a file, as it is.
    Verbatim(String),
    /// Files beside the report: names and addresses.
    Links(Vec<(String, String)>),
    /// Charts, by their names; those that there are.
    Charts(Vec<&'static str>),
}

pub(super) fn section(title: &'static str, blocks: Vec<Block>) -> Section {
    Section { title, blocks }
}
