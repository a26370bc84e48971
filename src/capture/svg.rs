//! A still picture of a screen that any browser shows, with the viewer's own monospaced font. Lines,
//! blocks and signs are drawn, as fonts seldom join them.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use unicode_width::UnicodeWidthStr;

use crate::text::numbers::u16_of;
use crate::text::xml;

use crate::capture::color_scheme::{ColorScheme, Ink, hex};
use crate::capture::shapes::{self, CELL, Part};

/// Size of a cell, and of the font in it, whose letters are 0.6 em wide.
const WIDTH: f32 = 9.0;
const HEIGHT: f32 = 18.0;
const FONT: f32 = 15.0;

/// From the top of a cell to the line that letters stand on.
const BASELINE: f32 = 13.5;

/// Around the screen.
const MARGIN: f32 = 12.0;

/// Text that is painted alike and is in one row.
struct Run {
    column: u16,
    cells: u16,
    text: String,
    ink: Ink,
}

/// The screen as an SVG document.
pub fn svg(buffer: &Buffer, look: &ColorScheme) -> String {
    let width = f32::from(buffer.area.width).mul_add(WIDTH, 2.0 * MARGIN);
    let height = f32::from(buffer.area.height).mul_add(HEIGHT, 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans \
         Mono','Liberation Mono',monospace\" font-size=\"{FONT}\">\n<style>rect{{shape-rendering:crispEdges}}</style>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" \
         fill=\"{}\"/>\n<g transform=\"translate({MARGIN} {MARGIN})\">\n",
        hex(look.ground)
    );
    let across = usize::from(buffer.area.width).max(1);
    for (row, cells) in buffer.content().chunks(across).enumerate() {
        let top = f32::from(u16_of(row)) * HEIGHT;
        for run in runs(cells, look) {
            ground(&mut out, &run, top, look);
            text(&mut out, &run, top);
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// The runs of a row; a drawn character is a run of its own.
fn runs(cells: &[Cell], look: &ColorScheme) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut joins = false;
    let mut columns = (0..).zip(cells);
    while let Some((column, cell)) = columns.next() {
        let cells = u16_of(cell.symbol().width().clamp(1, 2));
        if cells == 2 {
            columns.next();
        }
        let ink = look.ink(cell);
        let alone = cells == 2 || drawn(cell.symbol()).is_some();
        match runs.last_mut() {
            Some(last) if joins && !alone && last.ink == ink => {
                last.cells += 1;
                last.text.push_str(cell.symbol());
            }
            _ => runs.push(Run {
                column,
                cells,
                text: cell.symbol().to_owned(),
                ink,
            }),
        }
        joins = !alone;
    }
    runs
}

fn drawn(symbol: &str) -> Option<Vec<Part>> {
    shapes::parts(symbol.chars().next()?)
}

fn ground(out: &mut String, run: &Run, top: f32, look: &ColorScheme) {
    if run.ink.ground != look.ground {
        let (x, width) = (f32::from(run.column) * WIDTH, f32::from(run.cells) * WIDTH);
        let fill = hex(run.ink.ground);
        write(
            out,
            format_args!(
                "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{fill}\"/>\n"
            ),
        );
    }
}

fn text(out: &mut String, run: &Run, top: f32) {
    let left = f32::from(run.column) * WIDTH;
    let fill = hex(run.ink.text);
    if let Some(parts) = drawn(&run.text) {
        for part in parts {
            shape(out, &part, (left, top), &fill);
        }
        return;
    }
    let mut style = String::new();
    for (set, words) in [
        (run.ink.bold, " font-weight=\"bold\""),
        (run.ink.italic, " font-style=\"italic\""),
        (run.ink.underlined, " text-decoration=\"underline\""),
    ] {
        style.push_str(if set { words } else { "" });
    }
    let y = top + BASELINE;
    for (before, words) in words(&run.text) {
        let x = left + f32::from(u16_of(before)) * WIDTH;
        let length = f32::from(u16_of(words.width())) * WIDTH;
        let escaped = xml::escape(words);
        write(
            out,
            format_args!(
                "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" fill=\"{fill}\"{style}>{escaped}</text>\n"
            ),
        );
    }
}

/// The parts of a text between gaps of more than one space, each with the columns before it: viewers
/// make one space of several.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let mut column = 0;
    for part in text.split("  ") {
        let words = part.trim();
        let indent = part.len() - part.trim_start().len();
        if !words.is_empty() {
            parts.push((column + indent, words));
        }
        column += part.width() + 2;
    }
    parts
}

fn shape(out: &mut String, part: &Part, (left, top): (f32, f32), fill: &str) {
    let x = |units: f32| left + units * WIDTH / CELL.0;
    let y = |units: f32| top + units * HEIGHT / CELL.1;
    let thick = |units: f32| units * WIDTH / CELL.0;
    let element = match *part {
        Part::Bar([from_x, from_y, to_x, to_y], shade) => {
            let (wide, high) = (x(to_x) - x(from_x), y(to_y) - y(from_y));
            let place = format!("x=\"{}\" y=\"{}\"", x(from_x), y(from_y));
            let mut size = format!("width=\"{wide}\" height=\"{high}\"");
            if shade < 1.0 {
                write(&mut size, format_args!(" fill-opacity=\"{shade}\""));
            }
            format!("<rect {place} {size} fill=\"{fill}\"/>")
        }
        Part::Corners(corners) => {
            let points = corners.map(|(a, b)| format!("{},{}", x(a), y(b))).join(" ");
            format!("<polygon points=\"{points}\" fill=\"{fill}\"/>")
        }
        Part::Disc((a, b), radius) => {
            let (a, b, radius) = (x(a), y(b), thick(radius));
            format!("<circle cx=\"{a}\" cy=\"{b}\" r=\"{radius}\" fill=\"{fill}\"/>")
        }
        Part::Ring((a, b), radius, line) => {
            let place = format!("cx=\"{}\" cy=\"{}\" r=\"{}\"", x(a), y(b), thick(radius));
            let line = thick(line);
            format!("<circle {place} fill=\"none\" stroke=\"{fill}\" stroke-width=\"{line}\"/>")
        }
        Part::Stroke(from, to, line) => {
            let from = format!("x1=\"{}\" y1=\"{}\"", x(from.0), y(from.1));
            let to = format!("x2=\"{}\" y2=\"{}\"", x(to.0), y(to.1));
            let line = format!("stroke-width=\"{}\" stroke-linecap=\"round\"", thick(line));
            format!("<line {from} {to} stroke=\"{fill}\" {line}/>")
        }
    };
    out.push_str(&element);
    out.push('\n');
}

/// Writing to a string cannot fail.
fn write(out: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "cells of any color are painted")]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Modifier, Style};

    #[test]
    fn a_screen_becomes_text_and_shapes() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 14, 2));
        buffer.set_string(0, 0, "│a<b & 日本", Style::new());
        let style = Style::new()
            .fg(Color::Black)
            .bg(Color::Yellow)
            .add_modifier(Modifier::BOLD);
        buffer.set_string(2, 1, "SIM ▄", style);
        insta::assert_snapshot!(svg(&buffer, &ColorScheme::dark()));
    }

    #[test]
    fn gaps_are_places_and_not_spaces() {
        let parts = words("   9    199  a b   日本  c ");
        assert_eq!(
            parts,
            [(3, "9"), (8, "199"), (13, "a b"), (19, "日本"), (25, "c")]
        );
        assert_eq!(words("    "), []);
    }

    #[test]
    fn no_character_breaks_the_document() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
        for (x, symbol) in ["\u{1b}[", "]]>", "\u{0}"].iter().enumerate() {
            buffer.content[x].set_symbol(symbol);
        }
        let document = svg(&buffer, &ColorScheme::light());
        assert!(!document.contains('\u{1b}') && !document.contains('\0'));
        assert!(!document.contains("]]>"));
    }
}
