//! Draws a figure on the canvas.

use crate::report::charts::axis::Axis;
use crate::report::charts::canvas::{Align, Canvas, Drawing, Stroke, TextStyle, page};
use crate::report::charts::figure::{ChartLine, Figure, Look, Panel, Values};
use crate::report::charts::palette::Color;
use crate::text::numbers::{floor_u64, grouped, joined, plain};
use crate::text::sanitize::one_line;

/// Height of a row of the legend, pixels.
const LEGEND: f64 = 22.0;
/// Height of a note, pixels.
const NOTE: f64 = 17.0;
/// Between panels side by side, pixels.
const GAP: f64 = 28.0;
/// The least distance of two names at the ends of lines, pixels.
const APART: f64 = 15.0;
/// Places of all long lines of a chart that tell their value.
const TOLD: usize = 120;

/// What a chart is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    Page,
    /// A narrow screen, where a chart for a page could not be read.
    Phone,
}

impl Medium {
    pub(super) fn width(self) -> u32 {
        match self {
            Self::Page => 860,
            Self::Phone => 360,
        }
    }

    /// Left and right of everything, pixels.
    pub(super) fn edge(self) -> f64 {
        match self {
            Self::Page => 24.0,
            Self::Phone => 8.0,
        }
    }

    /// Room for text from edge to edge, pixels.
    pub(super) fn room(self) -> f64 {
        f64::from(self.width()) - 2.0 * self.edge()
    }

    fn columns(self, figure: &Figure) -> u32 {
        match self {
            Self::Page => figure.columns.max(1),
            Self::Phone => 1,
        }
    }

    fn panel_height(self, figure: &Figure) -> f64 {
        let height = f64::from(figure.panel_height);
        match self {
            Self::Page => height,
            Self::Phone => (height * 0.8).clamp(160.0, 250.0),
        }
    }

    /// The longest name in the legend, letters.
    fn longest_name(self) -> usize {
        match self {
            Self::Page => 110,
            Self::Phone => 44,
        }
    }

    /// The longest name at the end of a line, letters.
    fn longest_end(self) -> usize {
        match self {
            Self::Page => 26,
            Self::Phone => 13,
        }
    }
}

/// The text on as many lines as it takes, `letter` pixels a letter.
pub(super) fn wrapped(text: &str, room: f64, letter: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let letters = |text: &str| text.chars().count() as f64 * letter;
        match lines.last_mut() {
            Some(line) if letters(line) + letters(word) + letter <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

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

/// The texts above the panels and below them, with what they take.
struct Frame {
    title: Vec<String>,
    subtitle: Vec<String>,
    /// Where each name of the legend begins, and in which row.
    legend: Vec<(f64, f64)>,
    notes: Vec<String>,
    head: f64,
    foot: f64,
}

impl Frame {
    fn new(figure: &Figure, medium: Medium) -> Self {
        let (room, is_phone) = (medium.room(), medium == Medium::Phone);
        let title = wrapped(&figure.title, room, if is_phone { 9.6 } else { 11.4 });
        let subtitle = wrapped(&figure.subtitle, room, 7.0);
        let notes: Vec<String> = figure
            .notes
            .iter()
            .flat_map(|note| wrapped(note, room, 6.5))
            .collect();
        let legend = legend(figure, medium);
        let rows = legend.last().map_or(0.0, |(_, row)| row + 1.0);
        let mark = if is_phone && figure.simulated {
            26.0
        } else {
            0.0
        };
        let head = mark
            + 22.0
            + title.len() as f64 * 20.0
            + subtitle.len() as f64 * 17.0
            + rows * LEGEND
            + if legend.is_empty() { 12.0 } else { 16.0 };
        let foot = 10.0 + NOTE * notes.len() as f64;
        Self {
            title,
            subtitle,
            legend,
            notes,
            head,
            foot,
        }
    }

    fn draw(&self, canvas: &mut Canvas, figure: &Figure, medium: Medium) {
        let edge = medium.edge();
        let is_phone = medium == Medium::Phone;
        let mut y = 29.0;
        if figure.simulated {
            let top = if is_phone { 8.0 } else { 18.0 };
            canvas.simulated((f64::from(medium.width()) - edge, top), 1.0);
            y += if is_phone { 26.0 } else { 0.0 };
        }
        let title = TextStyle::new(if is_phone { 16.0 } else { 19.0 }, Color::Ink).bold();
        for line in &self.title {
            canvas.text((edge, y), line, title);
            y += 20.0;
        }
        y += 3.0;
        for line in &self.subtitle {
            canvas.text((edge, y), line, TextStyle::new(12.5, Color::Muted));
            y += 17.0;
        }
        let names = figure.legend.iter().zip(&self.legend);
        for ((name, color), (x, row)) in names {
            let y = y + 7.0 + row * LEGEND;
            canvas.line([(*x, y), (x + 18.0, y)], Stroke::new(*color, 3.0));
            let name = one_line(name, medium.longest_name());
            canvas.text((x + 25.0, y), &name, TextStyle::new(12.0, Color::Ink));
        }
    }

    fn draw_notes(&self, canvas: &mut Canvas, medium: Medium, height: f64) {
        let muted = TextStyle::new(11.5, Color::Muted);
        let mut y = height - self.foot + 8.0;
        for note in &self.notes {
            canvas.text((medium.edge(), y), note, muted);
            y += NOTE;
        }
    }
}

/// The figure as SVG.
pub(super) fn draw(figure: &Figure, medium: Medium) -> Drawing {
    let columns = medium.columns(figure);
    let panels = u32::try_from(figure.panels.len()).unwrap_or(u32::MAX);
    let rows = panels.div_ceil(columns);
    let panel_height = medium.panel_height(figure);
    let frame = Frame::new(figure, medium);
    let height = frame.head + panel_height * f64::from(rows) + frame.foot;
    let whole = u32::try_from(floor_u64(height.ceil())).unwrap_or(medium.width());
    let size = (medium.width(), whole);
    page(size, &figure.title, &figure.described, |canvas| {
        frame.draw(canvas, figure, medium);
        let gaps = GAP * (f64::from(columns) - 1.0);
        let panel_width = (medium.room() - gaps) / f64::from(columns);
        let mut places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        // Panels under one another share their margins: their axes are to line up.
        let margins = Margins::new(&figure.panels, medium);
        for panel in &figure.panels {
            let Some((row, column)) = places.next() else {
                break;
            };
            let left = medium.edge() + f64::from(column) * (panel_width + GAP);
            let top = frame.head + f64::from(row) * panel_height;
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
        frame.draw_notes(canvas, medium, height);
    })
}

/// Where each name of the legend begins, and in which row: as many in a row as fit.
fn legend(figure: &Figure, medium: Medium) -> Vec<(f64, f64)> {
    let edge = medium.edge();
    let (mut x, mut row) = (edge, 0.0);
    let place = |(name, _): &(String, Color)| {
        let letters = name.chars().count().min(medium.longest_name());
        let wide = 25.0 + letters as f64 * 6.8;
        if x > edge && x + wide > edge + medium.room() {
            (x, row) = (edge, row + 1.0);
        }
        let place = (x, row);
        x += wide + 18.0;
        place
    };
    figure.legend.iter().map(place).collect()
}

/// What panels need beside their axes, pixels, and how much they tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margins {
    left: f64,
    right: f64,
    longest: usize,
    /// Places of long lines that tell their value.
    told: usize,
}

impl Margins {
    pub(super) fn new(panels: &[Panel], medium: Medium) -> Self {
        let letters = |name: &str| name.chars().count() as f64;
        let longest = medium.longest_end();
        let ticks = panels.iter().flat_map(|panel| &panel.y.ticks);
        let ticks = ticks.map(|(_, name)| letters(name)).reduce(f64::max);
        let ends = panels.iter().flat_map(ends);
        let ends = ends.map(|end| letters(&end.name)).reduce(f64::max);
        Self {
            left: ticks.unwrap_or(1.0) * 6.6 + 12.0,
            right: ends.map_or(2.0, |letters| letters.min(longest as f64) * 7.3 + 12.0),
            longest,
            told: TOLD / panels.len().max(1),
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
    axis_below(canvas, &panel.x, plot, titled.then_some(space));
    lines(canvas, panel, plot);
    name_ends(canvas, ends(panel), panel, (plot, margins.longest));
    tips(canvas, panel, plot, margins.told);
}

fn stretches(canvas: &mut Canvas, panel: &Panel, plot: Space) {
    let style = TextStyle::new(11.5, Color::Muted).align(Align::Center);
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

/// The axis below a plot; its title in the middle of the plot, or of the whole space if it is longer than that.
fn axis_below(canvas: &mut Canvas, x: &Axis, plot: Space, titled: Option<Space>) {
    let style = TextStyle::new(11.5, Color::Muted).align(Align::Center);
    for (tick, name) in x.fitting(plot.right - plot.left, 6.4) {
        let at = plot.left + x.place(*tick) * (plot.right - plot.left);
        let ends = [(at, plot.bottom), (at, plot.bottom + 4.0)];
        canvas.line(ends, Stroke::new(Color::Muted, 1.0).opacity(0.7));
        canvas.text((at, plot.bottom + 14.0), name, style);
    }
    if let Some(space) = titled {
        let fits = x.title.chars().count() as f64 * 6.2 <= plot.right - plot.left;
        let wide = if fits { plot } else { space };
        let middle = f64::midpoint(wide.left, wide.right);
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
    for bar in &panel.bars {
        let (x, top) = plot.at(panel, bar.x, bar.to);
        let (_, bottom) = plot.at(panel, bar.x, bar.from);
        canvas.rect((x - 7.0, top), (x + 7.0, bottom), bar.color, 1.0);
    }
    for whisker in &panel.whiskers {
        let (x, high) = plot.at(panel, whisker.x, whisker.high);
        let (_, low) = plot.at(panel, whisker.x, whisker.low);
        let stroke = Stroke::new(whisker.color, 1.6).opacity(0.55);
        canvas.line([(x, high), (x, low)], stroke);
        for end in [high, low] {
            canvas.line([(x - 4.0, end), (x + 4.0, end)], stroke);
        }
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

/// The values of a panel, for who points at them.
fn tips(canvas: &mut Canvas, panel: &Panel, plot: Space, told: usize) {
    for bar in &panel.bars {
        let place = plot.at(panel, bar.x, f64::midpoint(bar.from, bar.to));
        canvas.tip(place, &format!("{}: {}", panel.x.text(bar.x), bar.name));
    }
    let unit = panel.y.title.rsplit(", ").next().unwrap_or_default();
    // Estimates have their mark before the unit.
    let (about, unit) = match unit.strip_prefix("~ ") {
        Some(unit) => ("~", unit),
        None => ("", unit),
    };
    let long = panel.lines.iter().filter(|line| line.look == Look::Plain);
    let each_of_long = long.map(|line| line.points.len()).sum::<usize>();
    let each_of_long = each_of_long.div_ceil(told.max(1)).max(1);
    for line in &panel.lines {
        let each = match line.look {
            Look::Faint => continue,
            Look::Plain => each_of_long,
            Look::Dotted | Look::Beside => 1,
        };
        for point in line.points.iter().step_by(each) {
            let mut whiskers = panel.whiskers.iter();
            let whisker = whiskers.find(|w| w.color == line.color && (w.x - point.x).abs() < 1e-9);
            let value = |y: f64| grouped(Some(y), decimals(y));
            let interval = whisker.map_or_else(String::new, |w| {
                format!(" ({} to {})", value(w.low), value(w.high))
            });
            let (x, y) = (panel.x.text(point.x), value(point.y));
            let text = joined([
                Some(format!("{x}: {about}{y} {unit}{interval}")),
                Some(line.name.clone()),
            ]);
            canvas.tip(plot.at(panel, point.x, point.y), &text);
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

fn name_ends(
    canvas: &mut Canvas,
    mut names: Vec<End>,
    panel: &Panel,
    (plot, longest): (Space, usize),
) {
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
        let name = one_line(&end.name, longest);
        canvas.text((plot.right + 10.0, end.y), &name, style);
    }
}
