//! The report as one HTML file: its style and its charts inside, no script, nothing from the network.

use std::fmt::Write as _;

use crate::report::answer;
use crate::report::charts::Chart;
use crate::report::charts::palette::Color;
use crate::report::content::{Content, Tile};
use crate::report::markdown::named;
use crate::report::section::{Block, Section};
use crate::report::table::Table;
use crate::text::xml;

const STYLE: &str = include_str!("../../assets/report/style.css");

/// Writes the page.
pub(super) fn write(content: &Content, charts: &[Chart]) -> String {
    let mut body = String::new();
    for section in &content.sections {
        write_section(&mut body, section, charts);
    }
    let links = content.sections.iter().map(|section| {
        let (id, title) = (anchor(section.title), xml::escape(section.title));
        format!("<a href=\"#{id}\">{title}</a>")
    });
    let links: String = links.collect();
    let opening = opening(content, charts);
    let banner = content.simulated.map_or_else(String::new, |banner| {
        let banner = xml::escape(banner);
        format!("<p class=\"simulated\" role=\"note\">{banner}</p>\n")
    });
    let mark = content.simulated.map_or("", |_| "SIMULATED · ");
    let (title, subtitle) = (xml::escape(&content.title), xml::escape(&content.subtitle));
    let dark = Color::dark_rules("figure svg ");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{mark}{title}</title>\n<style>\n{STYLE}\
         @media screen and (prefers-color-scheme: dark) {{{dark}}}\n</style>\n</head>\n<body>\n\
         <header>\n{banner}<h1>{title}</h1>\n<p class=\"subtitle\">{subtitle}</p>\n\
         {opening}</header>\n\
         <nav aria-label=\"Sections\">{links}</nav>\n<main>\n{body}</main>\n\
         <footer><p>{}</p></footer>\n</body>\n</html>\n",
        xml::escape(&content.made_by)
    )
}

/// The answer, the figures to leave with, and the first chart.
fn opening(content: &Content, charts: &[Chart]) -> String {
    let answer = &content.answer;
    if answer.sentence.is_empty() {
        return String::new();
    }
    let state = answer.state.map_or_else(String::new, |state| {
        let sure = answer::sure(state);
        format!(" <span class=\"state {state}\">{state}: {sure}</span>")
    });
    let sentence = xml::escape(&answer.sentence);
    let mut lines = String::new();
    for line in &answer.lines {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "<p class=\"lead\">{}</p>", xml::escape(line));
    }
    let tiles: String = content.headline.iter().map(tile).collect();
    let tiles = if tiles.is_empty() {
        tiles
    } else {
        format!("<div class=\"tiles\">\n{tiles}</div>\n")
    };
    let chart = named(charts, content.opening).map_or_else(String::new, figure);
    format!(
        "<p class=\"answer\">{sentence}{state}</p>\n{lines}<div class=\"opening\">\n{tiles}{chart}</div>\n"
    )
}

/// A chart for wide screens and paper, and for narrow screens.
fn figure(chart: &Chart) -> String {
    format!(
        "<figure><div class=\"wide\">{}</div><div class=\"narrow\">{}</div></figure>\n",
        chart.wide, chart.narrow
    )
}

fn tile(tile: &Tile) -> String {
    format!(
        "<div class=\"tile\"><p class=\"name\">{}</p><p class=\"value\">{} <span>{}</span></p><p class=\"note\">{}</p></div>\n",
        xml::escape(tile.name),
        xml::escape(&tile.value),
        xml::escape(tile.unit),
        xml::escape(&tile.note)
    )
}

fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

fn write_section(out: &mut String, section: &Section, charts: &[Chart]) {
    let (id, title) = (anchor(section.title), xml::escape(section.title));
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>"
    );
    for block in &section.blocks {
        match block {
            Block::Text(text) => {
                let _ = writeln!(out, "<p>{}</p>", xml::escape(text));
            }
            Block::List(items) => {
                let items = items
                    .iter()
                    .map(|item| format!("<li>{}</li>\n", xml::escape(item)));
                let _ = writeln!(out, "<ul>\n{}</ul>", items.collect::<String>());
            }
            Block::Table(table) => write_table(out, table),
            Block::Quote(text) => {
                let _ = writeln!(out, "<blockquote>{}</blockquote>", xml::escape(text));
            }
            Block::Verbatim(text) => {
                let _ = writeln!(out, "<pre><code>{}</code></pre>", xml::escape(text));
            }
            Block::Links(links) => {
                out.push_str("<p class=\"files\">");
                for (name, to) in links {
                    let (name, to) = (xml::escape(name), xml::escape(to));
                    let _ = write!(out, "<a href=\"{to}\">{name}</a> ");
                }
                out.push_str("</p>\n");
            }
            Block::Charts(names) => {
                let _ = writeln!(out, "<div class=\"charts\">");
                for chart in names.iter().filter_map(|name| named(charts, name)) {
                    out.push_str(&figure(chart));
                }
                let _ = writeln!(out, "</div>");
            }
        }
    }
    out.push_str("</section>\n");
}

fn write_table(out: &mut String, table: &Table) {
    let caption = xml::escape(table.caption);
    let kind = match table.head.len() {
        0 => "pairs",
        // These fit a narrow screen as they are.
        1..=4 => "numbers few",
        14.. => "numbers many",
        _ => "numbers",
    };
    let _ = writeln!(
        out,
        "<div class=\"table\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table class=\"{kind}\">\n<caption>{caption}</caption>"
    );
    let words = |column| {
        if table.is_words(column) && kind != "pairs" {
            " class=\"words\""
        } else {
            ""
        }
    };
    if !table.head.is_empty() {
        out.push_str("<thead><tr>");
        for (column, cell) in table.head.iter().enumerate() {
            let (class, cell) = (words(column), xml::escape(cell));
            let _ = write!(out, "<th scope=\"col\"{class}>{cell}</th>");
        }
        out.push_str("</tr></thead>\n");
    }
    out.push_str("<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let (class, cell) = (words(column), xml::escape(cell));
            // On a narrow screen a row is a card, and each cell has its head beside it.
            let head = table.head.get(column).filter(|_| kind != "numbers few");
            let head = head.map_or_else(String::new, |head| {
                format!(" data-head=\"{}\"", xml::escape(head))
            });
            let _ = match column {
                0 => write!(out, "<th scope=\"row\"{class}{head}>{cell}</th>"),
                _ => write!(out, "<td{class}{head}>{cell}</td>"),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}
