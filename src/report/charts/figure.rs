//! A chart as data; `draw` turns it into SVG.

use crate::metrics::summary::Summary;
use crate::report::charts::axis::Axis;
use crate::report::charts::palette::Color;
use crate::report::charts::subtitle;
use crate::report::series::thin;

/// One chart: panels under one title.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    /// The name of its file.
    pub(super) name: String,
    /// What it shows.
    pub(super) title: String,
    /// Of whom, and how.
    pub(super) subtitle: String,
    /// Series that several panels share.
    pub(super) legend: Vec<(String, Color)>,
    /// What a reader must know to read it, at its foot.
    pub(super) notes: Vec<String>,
    /// The panels, in rows.
    pub(super) panels: Vec<Panel>,
    /// Panels side by side.
    pub(super) columns: u32,
    /// Height of a panel with its titles, pixels.
    pub(super) panel_height: u32,
    /// Whether the server was simulated.
    pub(super) simulated: bool,
    /// The figures of the chart in words, for those who do not see it.
    pub(super) described: String,
}

/// One pair of axes and what is drawn between them.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    /// From left to right.
    pub(super) x: Axis,
    /// From the bottom up.
    pub(super) y: Axis,
    /// Stretches of x with a name, shaded: the cycles of a run.
    pub(super) stretches: Vec<Stretch>,
    /// Ranges, behind the lines.
    pub(super) bands: Vec<Band>,
    /// Intervals of values, behind the lines.
    pub(super) whiskers: Vec<Whisker>,
    /// Parts of a column, on top of one another.
    pub(super) bars: Vec<Bar>,
    /// The lines, the first on top.
    pub(super) lines: Vec<ChartLine>,
    /// What a person would accept.
    pub(super) limit: Option<(f64, String)>,
}

/// A stretch of x.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) name: String,
}

/// A range over x: low and high at each place.
#[derive(Debug, Clone)]
pub(super) struct Band {
    pub(super) color: Color,
    pub(super) points: Vec<(f64, f64, f64)>,
}

/// How far the value at a place may be off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whisker {
    pub(super) color: Color,
    pub(super) x: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A part of a column.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) color: Color,
    pub(super) x: f64,
    pub(super) from: f64,
    pub(super) to: f64,
    /// What it stands for, in words.
    pub(super) name: String,
}

/// A line.
#[derive(Debug, Clone)]
pub(super) struct ChartLine {
    /// Stands at its end; empty for none.
    pub(super) name: String,
    pub(super) color: Color,
    pub(super) points: Vec<Point>,
    pub(super) look: Look,
    /// Whether and where the value is at each point.
    pub(super) values: Values,
}

/// Where values lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    None,
    Above,
    /// Where another line runs above.
    Below,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// With a dot at each point: few values, each one measured.
    Dotted,
    /// The same, thinner: beside the main line.
    Beside,
    /// A line alone: many values.
    Plain,
    /// One of very many.
    Faint,
}

/// A point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Stands for another figure than the rest of the line, as a note explains.
    pub(super) hollow: bool,
}

impl ChartLine {
    /// A line through these places, without values at its points.
    pub(super) fn through(
        name: impl Into<String>,
        color: Color,
        look: Look,
        places: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points = places.into_iter().map(|(x, y)| Point {
            x,
            y,
            hollow: false,
        });
        Self {
            name: name.into(),
            color,
            points: points.collect(),
            look,
            values: Values::None,
        }
    }

    pub(super) fn with_values(self, values: Values) -> Self {
        Self { values, ..self }
    }
}

impl Figure {
    /// Panels below one another, without legend, notes or words.
    pub(super) fn new(name: &str, title: &str, summary: &Summary, panels: Vec<Panel>) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            subtitle: subtitle(summary),
            legend: Vec::new(),
            notes: Vec::new(),
            panels,
            columns: 1,
            panel_height: 360,
            simulated: summary.simulated,
            described: String::new(),
        }
    }
}

/// Points of a long line on a narrow screen.
const NARROW_POINTS: usize = 120;
/// Faint lines of a panel on a narrow screen.
const NARROW_LINES: usize = 150;

impl Figure {
    /// With no more points than a narrow screen can show.
    pub(super) fn narrowed(&self) -> Self {
        let mut figure = self.clone();
        for panel in &mut figure.panels {
            let faint = |line: &&ChartLine| line.look == Look::Faint;
            let each = panel.lines.iter().filter(faint).count();
            let each = each.div_ceil(NARROW_LINES).max(1);
            let mut number = 0;
            panel.lines.retain(|line| {
                number += usize::from(line.look == Look::Faint);
                line.look != Look::Faint || number % each == 0
            });
            let long = panel.lines.iter_mut();
            for line in long.filter(|line| line.points.len() > NARROW_POINTS) {
                let places: Vec<(f64, f64)> = line.points.iter().map(|p| (p.x, p.y)).collect();
                let thinned = thin(&places, NARROW_POINTS);
                let look = (line.color, line.look, line.values);
                let name = std::mem::take(&mut line.name);
                *line = ChartLine::through(name, look.0, look.1, thinned).with_values(look.2);
            }
        }
        figure
    }
}

impl Panel {
    /// An empty panel.
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self {
            x,
            y,
            stretches: Vec::new(),
            bands: Vec::new(),
            whiskers: Vec::new(),
            bars: Vec::new(),
            lines: Vec::new(),
            limit: None,
        }
    }
}
