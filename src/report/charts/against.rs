//! Runs against the first of them: the difference at each level, with its interval.

use crate::metrics::compare::{Comparison, Row};
use crate::metrics::metric::{Metric, Unit, metric};
use crate::report::charts::Chart;
use crate::report::charts::axis::Axis;
use crate::report::charts::figure::{ChartLine, Figure, Look, Panel, Point, Values, Whisker};
use crate::report::charts::palette::Color;
use crate::text::numbers::{letter, users};

/// What is drawn, by the keys of the metrics.
const DRAWN: [&str; 4] = ["speed_tok_s", "ttft_s", "steady_tok_s", "attainment"];
/// How far the marks of runs at one level are set apart, as a factor.
const APART: f64 = 1.035;

/// The differences of speed, wait, throughput and share, under the names of the runs; None where nothing can be compared.
pub fn against(comparison: &Comparison, names: &[String]) -> Option<Chart> {
    let panels = DRAWN
        .iter()
        .filter_map(|key| panel(comparison, metric(key)?));
    let panels: Vec<Panel> = panels.collect();
    if panels.is_empty() {
        return None;
    }
    let others = names.iter().zip((0..).map(Color::series));
    let described: Vec<String> = DRAWN
        .iter()
        .filter_map(|key| in_words(comparison, metric(key)?))
        .collect();
    let title = match names.len() {
        2 => "B against A".to_owned(),
        many => format!("{} runs against A", many - 1),
    };
    Some(Chart::new(Figure {
        name: "against".to_owned(),
        title,
        subtitle: "difference by number of users; 0: as run A".to_owned(),
        legend: others.map(|(name, color)| (name.clone(), color)).collect(),
        notes: vec![
            "Bars: the 95 % interval. Hollow: these samples cannot show a difference; without a bar there are too few for an interval."
                .to_owned(),
        ],
        columns: if panels.len() > 1 { 2 } else { 1 },
        panels,
        panel_height: 230,
        simulated: comparison.runs.iter().any(|run| run.simulated),
        described: described.join(" "),
    }))
}

/// The row of a metric at each level that several runs have.
fn rows<'a>(
    comparison: &'a Comparison,
    metric: &'a Metric,
) -> impl Iterator<Item = (u32, &'a Row)> {
    let levels = comparison
        .levels
        .iter()
        .filter(|level| level.only().is_none());
    levels.filter_map(move |level| {
        let mut rows = level.rows.iter();
        Some((level.users, rows.find(|row| *row.metric == *metric)?))
    })
}

fn panel(comparison: &Comparison, metric: &Metric) -> Option<Panel> {
    let (mut lines, mut whiskers) = (Vec::new(), Vec::new());
    for other in 1..comparison.runs.len() {
        let color = Color::series(other);
        let mut points = Vec::new();
        for (level, row) in rows(comparison, metric) {
            let Some(change) = row.changes.get(other - 1).copied().flatten() else {
                continue;
            };
            let x = f64::from(level) * APART.powf(other as f64 - 1.0);
            points.push(Point {
                x,
                y: change.by * 100.0,
                hollow: !change.shown,
            });
            if let (Some(low), Some(high)) = (change.low, change.high) {
                whiskers.push(Whisker {
                    color,
                    x,
                    low: low * 100.0,
                    high: high * 100.0,
                });
            }
        }
        let mut line = ChartLine::through(letter(other), color, Look::Beside, []);
        line.points = points;
        line.values = Values::None;
        lines.push(line);
    }
    lines.retain(|line| !line.points.is_empty());
    let levels: Vec<u32> = rows(comparison, metric).map(|(level, _)| level).collect();
    let on_lines = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.y);
    let ends = whiskers.iter().flat_map(|w| [w.low, w.high]);
    let unit = if metric.unit == Unit::Share {
        "points"
    } else {
        "%"
    };
    let title = format!("{}, {unit}", metric.name());
    let y = Axis::around_zero(title, on_lines.chain(ends).collect::<Vec<_>>())?;
    let (smallest, largest) = (levels.iter().min()?, levels.iter().max()?);
    let zero = [(f64::from(*smallest), 0.0), (f64::from(*largest), 0.0)];
    let mut panel = Panel::new(Axis::levels(levels.iter().copied()), y);
    lines.push(ChartLine::through("A", Color::series(0), Look::Plain, zero));
    panel.lines = lines;
    panel.whiskers = whiskers;
    Some(panel)
}

fn in_words(comparison: &Comparison, metric: &Metric) -> Option<String> {
    let each = rows(comparison, metric).flat_map(|(level, row)| {
        let changes = row.changes.iter().enumerate();
        changes.filter_map(move |(number, change)| {
            let text = change.as_ref()?.text(metric);
            Some(format!(
                "{} at {}: {text}",
                letter(number + 1),
                users(level)
            ))
        })
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| format!("{}: {}.", metric.title, each.join("; ")))
}
