//! Draws a figure on the canvas.

use crate::report::charts::axis::Axis;
use crate::report::charts::canvas::{Align, Canvas, Stroke, TextStyle, page};
use crate::report::charts::figure::{ChartLine, Figure, Look, Panel, Values};
use crate::report::charts::palette::Color;
use crate::text::numbers::{floor_u64, grouped, plain};

/// Width of every chart, pixels.
const WIDTH: u32 = 860;
/// Height of the title and the subtitle, pixels.
const HEAD: f64 = 74.0;
/// Height of a row of the legend, pixels.
const LEGEND: f64 = 22.0;
/// Height of a note, pixels.
const NOTE: f64 = 17.0;
/// Left and right of everything, pixels.
const EDGE: f64 = 24.0;
/// Between panels side by side, pixels.
const GAP: f64 = 28.0;
/// The least distance of two names at the ends of lines, pixels.
const APART: f64 = 15.0;

/// A rectangle of the page, pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Space {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Space {
    fn at(self, panel: &Panel, x: f64, y: f64) -> (f64, f64) {
        let across = panel.x.place(x);
        let up = panel.y.place(y);
        (
            self.left + across * (self.right - self.left),
            self.bottom - up * (self.bottom - self.top),
        )
    }
}

/// The figure as SVG.
pub(super) fn draw(figure: &Figure) -> String {
    let columns = figure.columns.max(1);
    let rows = u32::try_from(figure.panels.len())
        .unwrap_or(u32::MAX)
        .div_ceil(columns);
    let panel_height = f64::from(figure.panel_height);
    let foot = 10.0 + NOTE * figure.notes.len() as f64;
    let legend = legend(figure);
    let rows_of_legend = legend.last().map_or(0.0, |(_, row)| row + 1.0);
    let head_height = HEAD + rows_of_legend * LEGEND + if legend.is_empty() { 0.0 } else { 4.0 };
    let height = head_height + panel_height * f64::from(rows) + foot;
    let whole = u32::try_from(floor_u64(height.ceil())).unwrap_or(WIDTH);
    page((WIDTH, whole), &figure.title, &figure.described, |canvas| {
        head(canvas, figure, &legend);
        let gaps = GAP * (f64::from(columns) - 1.0);
        let panel_width = (f64::from(WIDTH) - 2.0 * EDGE - gaps) / f64::from(columns);
        let mut places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        // Panels under one another share their margins: their axes are to line up.
        let margins = Margins::new(&figure.panels);
        for panel in &figure.panels {
            let Some((row, column)) = places.next() else {
                break;
            };
            let left = EDGE + f64::from(column) * (panel_width + GAP);
            let top = head_height + f64::from(row) * panel_height;
            let space = Space {
                left,
                top,
                right: left + panel_width,
                bottom: top + panel_height,
            };
            let below = figure.panels.last().map(|last| &last.x.title);
            let titled = row + 1 == rows || below != Some(&panel.x.title);
            draw_panel(canvas, panel, space, margins, titled);
        }
        let muted = TextStyle::new(11.5, Color::Muted);
        let mut y = height - foot + 8.0;
        for note in &figure.notes {
            canvas.text((EDGE, y), note, muted);
            y += NOTE;
        }
    })
}

/// Where each name of the legend begins, and in which row: as many in a row as fit.
fn legend(figure: &Figure) -> Vec<(f64, f64)> {
    let (mut x, mut row) = (EDGE, 0.0);
    let place = |(name, _): &(String, Color)| {
        let wide = 25.0 + name.chars().count() as f64 * 6.8;
        if x > EDGE && x + wide > f64::from(WIDTH) - EDGE {
            (x, row) = (EDGE, row + 1.0);
        }
        let place = (x, row);
        x += wide + 18.0;
        place
    };
    figure.legend.iter().map(place).collect()
}

fn head(canvas: &mut Canvas, figure: &Figure, legend: &[(f64, f64)]) {
    let title = TextStyle::new(19.0, Color::Ink).bold();
    canvas.text((EDGE, 29.0), &figure.title, title);
    let subtitle = TextStyle::new(12.5, Color::Muted);
    canvas.text((EDGE, 53.0), &figure.subtitle, subtitle);
    for ((name, color), (x, row)) in figure.legend.iter().zip(legend) {
        let y = 78.0 + row * LEGEND;
        canvas.line([(*x, y), (x + 18.0, y)], Stroke::new(*color, 3.0));
        let style = TextStyle::new(12.0, Color::Ink);
        canvas.text((x + 25.0, y), name, style);
    }
    if figure.simulated {
        canvas.simulated((f64::from(WIDTH) - EDGE, 18.0), 1.0);
    }
}

/// What panels need beside their axes, pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margins {
    left: f64,
    right: f64,
}

impl Margins {
    pub(super) fn new(panels: &[Panel]) -> Self {
        let letters = |name: &str| name.chars().count() as f64;
        let ticks = panels.iter().flat_map(|panel| &panel.y.ticks);
        let ticks = ticks.map(|(_, name)| letters(name)).reduce(f64::max);
        let ends = panels.iter().flat_map(ends);
        let ends = ends.map(|end| letters(&end.name)).reduce(f64::max);
        Self {
            left: ticks.unwrap_or(1.0) * 6.6 + 12.0,
            right: ends.map_or(2.0, |letters| (letters * 6.9 + 12.0).min(190.0)),
        }
    }
}

/// Draws a panel with its axes into a space; `titled` names the axis below.
pub(super) fn draw_panel(
    canvas: &mut Canvas,
    panel: &Panel,
    space: Space,
    margins: Margins,
    titled: bool,
) {
    let named = panel
        .stretches
        .iter()
        .any(|stretch| !stretch.name.is_empty());
    let plot = Space {
        left: space.left + margins.left,
        top: space.top + if named { 48.0 } else { 30.0 },
        right: space.right - margins.right,
        bottom: space.bottom - if titled { 46.0 } else { 28.0 },
    };
    let title = TextStyle::new(12.5, Color::Ink).bold();
    canvas.text((space.left, space.top + 10.0), &panel.y.title, title);
    stretches(canvas, panel, plot);
    grid(canvas, panel, plot);
    axis_below(canvas, &panel.x, plot, titled);
    lines(canvas, panel, plot);
    name_ends(canvas, ends(panel), panel, plot);
}

fn stretches(canvas: &mut Canvas, panel: &Panel, plot: Space) {
    let style = TextStyle::new(11.0, Color::Muted).align(Align::Center);
    let mut free_from = f64::NEG_INFINITY;
    for stretch in &panel.stretches {
        let (left, _) = plot.at(panel, stretch.from, 0.0);
        let (right, _) = plot.at(panel, stretch.to, 0.0);
        let (left, right) = (left.max(plot.left), right.min(plot.right));
        if right <= left {
            continue;
        }
        canvas.rect((left, plot.top), (right, plot.bottom), Color::Muted, 0.06);
        // The whole name where it fits, else its first word.
        let half = |name: &str| name.chars().count() as f64 * 3.2 + 2.0;
        let short = stretch.name.split(' ').next().unwrap_or_default();
        let name = if half(&stretch.name) * 2.0 <= right - left {
            &stretch.name
        } else {
            short
        };
        let middle = f64::midpoint(left, right);
        if !name.is_empty() && middle - half(name) >= free_from {
            canvas.text((middle, plot.top - 10.0), name, style);
            free_from = middle + half(name);
        }
    }
}

fn grid(canvas: &mut Canvas, panel: &Panel, plot: Space) {
    let style = TextStyle::new(11.5, Color::Muted).align(Align::Right);
    for (tick, name) in &panel.y.ticks {
        let y = plot.bottom - panel.y.place(*tick) * (plot.bottom - plot.top);
        if plot.bottom - y > 1.0 {
            canvas.line(
                [(plot.left, y), (plot.right, y)],
                Stroke::new(Color::Grid, 1.0),
            );
        }
        canvas.text((plot.left - 8.0, y), name, style);
    }
    let ends = [(plot.left, plot.bottom), (plot.right, plot.bottom)];
    canvas.line(ends, Stroke::new(Color::Muted, 1.0).opacity(0.7));
}

fn axis_below(canvas: &mut Canvas, x: &Axis, plot: Space, titled: bool) {
    let style = TextStyle::new(11.5, Color::Muted).align(Align::Center);
    for (tick, name) in &x.ticks {
        let at = plot.left + x.place(*tick) * (plot.right - plot.left);
        let ends = [(at, plot.bottom), (at, plot.bottom + 4.0)];
        canvas.line(ends, Stroke::new(Color::Muted, 1.0).opacity(0.7));
        canvas.text((at, plot.bottom + 14.0), name, style);
    }
    if titled {
        let middle = f64::midpoint(plot.left, plot.right);
        canvas.text((middle, plot.bottom + 33.0), &x.title, style);
    }
}

fn lines(canvas: &mut Canvas, panel: &Panel, plot: Space) {
    for band in &panel.bands {
        let upper = band.points.iter().map(|(x, _, high)| (*x, *high));
        let lower = band.points.iter().rev().map(|(x, low, _)| (*x, *low));
        let edge = upper.chain(lower).map(|(x, y)| plot.at(panel, x, y));
        canvas.area(edge, band.color, 0.14);
    }
    if let Some((limit, _)) = &panel.limit {
        let (_, y) = plot.at(panel, 0.0, *limit);
        canvas.line(
            [(plot.left, y), (plot.right, y)],
            Stroke::new(Color::Limit, 1.4).dashed(),
        );
    }
    for line in panel.lines.iter().rev() {
        draw_line(canvas, panel, line, plot);
    }
    for line in &panel.lines {
        values(canvas, panel, line, plot);
    }
}

fn draw_line(canvas: &mut Canvas, panel: &Panel, line: &ChartLine, plot: Space) {
    let (width, opacity, radius) = match line.look {
        Look::Dotted => (2.6, 1.0, Some(4.6)),
        Look::Beside => (1.5, 0.9, Some(3.4)),
        Look::Plain => (1.8, 1.0, None),
        Look::Faint => (1.0, 0.22, None),
    };
    let places = line.points.iter().map(|at| plot.at(panel, at.x, at.y));
    if line.points.len() > 1 {
        canvas.line(places, Stroke::new(line.color, width).opacity(opacity));
    }
    // A single value is a line without length: it needs a dot to be seen.
    let radius = radius.or((line.points.len() == 1).then_some(2.5));
    if let Some(radius) = radius {
        for point in &line.points {
            let place = plot.at(panel, point.x, point.y);
            canvas.dot(place, radius, line.color, point.hollow);
        }
    }
}

/// Writes the values of a line beside its points, as many as there is room for.
fn values(canvas: &mut Canvas, panel: &Panel, line: &ChartLine, plot: Space) {
    let down = match line.values {
        Values::None => return,
        Values::Above => -14.0,
        Values::Below => 16.0,
    };
    let style = TextStyle::new(11.5, Color::Ink).align(Align::Center).halo();
    let mut free_from = f64::NEG_INFINITY;
    let mut before = None;
    for point in &line.points {
        let value = grouped(Some(point.y), decimals(point.y));
        let half = value.chars().count() as f64 * 3.3 + 2.0;
        let (x, y) = plot.at(panel, point.x, point.y);
        // Where the line comes steeply from the value's side, the value goes to the right.
        let steep = before
            .replace(y)
            .is_some_and(|before| (before - y) * down > 30.0 * down.abs());
        let middle = if steep { x + half } else { x };
        if middle - half >= free_from {
            let height = (y + down).clamp(plot.top - 6.0, plot.bottom - 8.0);
            canvas.text((middle, height), &value, style);
            free_from = middle + half;
        }
    }
}

/// Three significant digits for 1 and more, two below, and no more decimals than four.
fn decimals(value: f64) -> usize {
    match value.abs() {
        large if large >= 99.95 => 0,
        middle if middle >= 9.995 => 1,
        small if small >= 0.0995 || small <= 0.0 => 2,
        small if small >= 0.009_95 => 3,
        _ => 4,
    }
}

/// The values of a line in words: `54.2 at 1, 20.4 at 4`.
pub(super) fn in_words(line: &ChartLine) -> String {
    let values = line.points.iter().map(|point| {
        let value = grouped(Some(point.y), decimals(point.y));
        format!("{value} at {}", plain(point.x))
    });
    values.collect::<Vec<_>>().join(", ")
}

/// The name at the end of a line.
struct End {
    name: String,
    color: Color,
    y: f64,
}

/// The names of lines, with the values that they end at.
fn ends(panel: &Panel) -> Vec<End> {
    let named = panel.lines.iter().filter(|line| !line.name.is_empty());
    let lines = named.filter_map(|line| {
        let last = line.points.last()?;
        Some(End {
            name: line.name.clone(),
            color: line.color,
            y: last.y,
        })
    });
    let limit = panel.limit.as_ref().map(|(limit, name)| End {
        name: name.clone(),
        color: Color::Limit,
        y: *limit,
    });
    lines.chain(limit).collect()
}

fn name_ends(canvas: &mut Canvas, mut names: Vec<End>, panel: &Panel, plot: Space) {
    for end in &mut names {
        let (_, y) = plot.at(panel, 0.0, end.y);
        end.y = y;
    }
    names.sort_by(|a, b| a.y.total_cmp(&b.y));
    // Down the page until each is clear of the one above, then up again from the bottom.
    let mut above = f64::NEG_INFINITY;
    for end in &mut names {
        end.y = end.y.max(above + APART);
        above = end.y;
    }
    let mut below = plot.bottom + APART;
    for end in names.iter_mut().rev() {
        end.y = end.y.min(below - APART);
        below = end.y;
    }
    for end in &names {
        let style = TextStyle::new(12.0, end.color).bold();
        canvas.text((plot.right + 10.0, end.y), &end.name, style);
    }
}
