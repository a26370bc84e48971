//! The report as Markdown.

use std::fmt::Write as _;

use crate::report::answer;
use crate::report::charts::Chart;
use crate::report::content::Content;
use crate::report::section::{Block, Section};
use crate::report::table::Table;
use crate::report::text::escape_markdown;

/// Writes the report; charts are linked as `NAME.svg` below `folder`, which ends with its slash or is empty.
pub(super) fn write(content: &Content, charts: &[Chart], folder: &str) -> String {
    let mut out = String::new();
    line(&mut out, &format!("# {}", escape_markdown(&content.title)));
    if let Some(banner) = content.simulated {
        line(&mut out, &format!("> **{banner}**"));
    }
    line(&mut out, &escape_markdown(&content.subtitle));
    let state = content.answer.state.map_or_else(String::new, |state| {
        format!(" ({state}: {})", answer::sure(state))
    });
    if !content.answer.sentence.is_empty() {
        let sentence = escape_markdown(&content.answer.sentence);
        line(&mut out, &format!("**{sentence}**{state}"));
    }
    for text in &content.answer.lines {
        line(&mut out, &escape_markdown(text));
    }
    let tiles = content.headline.iter().map(|tile| {
        let note = if tile.note.is_empty() {
            String::new()
        } else {
            format!(" ({})", escape_markdown(&tile.note))
        };
        format!("- **{}: {} {}**{note}\n", tile.name, tile.value, tile.unit)
    });
    line(&mut out, tiles.collect::<String>().trim_end());
    if let Some(chart) = named(charts, content.opening) {
        line(&mut out, &picture(chart, folder));
    }
    for section in &content.sections {
        write_section(&mut out, section, charts, folder);
    }
    line(&mut out, "---");
    out.push_str(&content.made_by);
    out.push('\n');
    out
}

/// A paragraph and the empty line after it; nothing for nothing.
fn line(out: &mut String, text: &str) {
    if !text.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(out, "{text}\n\n");
    }
}

fn write_section(out: &mut String, section: &Section, charts: &[Chart], folder: &str) {
    line(out, &format!("## {}", section.title));
    for block in &section.blocks {
        match block {
            Block::Text(text) => line(out, &escape_markdown(text)),
            Block::List(items) => {
                let items = items
                    .iter()
                    .map(|item| format!("- {}", escape_markdown(item)));
                line(out, &items.collect::<Vec<_>>().join("\n"));
            }
            Block::Table(table) => line(out, &self::table(table)),
            Block::Quote(text) => {
                let quoted = text
                    .lines()
                    .map(|text| format!("> {}", escape_markdown(text)));
                line(out, &quoted.collect::<Vec<_>>().join("\n"));
            }
            Block::Verbatim(text) => line(out, &format!("    {text}")),
            Block::Links(links) => {
                let links = links
                    .iter()
                    .map(|(name, to)| format!("[{}]({to})", escape_markdown(name)));
                line(out, &links.collect::<Vec<_>>().join(" · "));
            }
            Block::Charts(names) => {
                for chart in names.iter().filter_map(|name| named(charts, name)) {
                    line(out, &picture(chart, folder));
                }
            }
        }
    }
}

fn picture(chart: &Chart, folder: &str) -> String {
    let title = escape_markdown(&chart.title);
    format!("![{title}]({folder}{}.svg)", chart.name)
}

/// The chart of this name, if it was made.
pub(super) fn named<'a>(charts: &'a [Chart], name: &str) -> Option<&'a Chart> {
    charts.iter().find(|chart| chart.name == name)
}

/// A table; numbers to the right.
pub(super) fn table(table: &Table) -> String {
    let mut out = String::new();
    let paired = table.head.is_empty();
    let head: Vec<String> = if paired {
        vec![table.caption.to_owned(), String::new()]
    } else {
        table
            .head
            .iter()
            .map(|cell| escape_markdown(cell.as_ref()))
            .collect()
    };
    if !paired {
        let _ = write!(out, "{}:\n\n", table.caption);
    }
    let rule = (0..head.len()).map(|column| {
        if table.is_words(column) {
            "---"
        } else {
            "---:"
        }
    });
    let rule = rule.collect::<Vec<_>>().join(" | ");
    let _ = write!(out, "| {} |\n| {rule} |", head.join(" | "));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| escape_markdown(cell)).collect();
        let _ = write!(out, "\n| {} |", cells.join(" | "));
    }
    out
}
