//! Several runs in one chart.

use super::axis::Axis;
use super::figure::{Figure, Line, Look, Panel};
use super::palette::Colour;
use super::{Chart, draw};
use crate::report::ReportError;
use crate::report::text::{clean, number};
use crate::stats::figures::Figures;
use crate::stats::summary::Summary;

/// The longest name of a run at the end of its line, characters.
const LONGEST: usize = 26;

/// Speed, wait and energy of several runs by number of users, one line a run, under the names given.
/// None where no run has a figure.
pub fn models(runs: &[(&str, &Summary)]) -> Result<Option<Chart>, ReportError> {
    let limits = runs.iter().find_map(|(_, run)| run.limits);
    let speed = limits.map(|limits| {
        let limit = limits.speed_tok_s;
        (limit, format!("limit {limit}"))
    });
    let wait = limits.map(|limits| (limits.wait_s, format!("limit {} s", limits.wait_s)));
    let panels: Vec<Panel> = [
        panel(runs, "mean speed, tokens/s", speed, |f| f.speed_tok_s.mean),
        panel(runs, "mean wait, seconds", wait, |f| f.ttft_s.mean),
        panel(runs, "throughput, tokens/s", None, |f| f.system_tok_s),
        panel(runs, "energy, joules/token", None, |f| f.j_per_token),
    ]
    .into_iter()
    .flatten()
    .collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let figure = Figure {
        name: "models".to_owned(),
        title: "Models side by side".to_owned(),
        subtitle: format!("{} runs, by number of users", runs.len()),
        legend: Vec::new(),
        notes: Vec::new(),
        described: described(&panels),
        panels,
        columns: 1,
        panel_height: 270,
        simulated: runs.iter().any(|(_, run)| run.simulated),
    };
    Chart::of(&figure).map(Some)
}

fn panel(
    runs: &[(&str, &Summary)],
    title: &str,
    limit: Option<(f64, String)>,
    figure: fn(&Figures) -> Option<f64>,
) -> Option<Panel> {
    let lines: Vec<Line> = runs
        .iter()
        .enumerate()
        .map(|(number, (name, run))| {
            let name = crate::stats::plain::one_line(&clean(name), LONGEST);
            let name = if run.simulated {
                format!("{name} (SIMULATED)")
            } else {
                name
            };
            let levels = run.cycles.iter();
            let places =
                levels.filter_map(|level| Some((f64::from(level.users), figure(&level.figures)?)));
            Line::through(name, Colour::series(number), Look::Dotted, places)
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    let values: Vec<f64> = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.y)
        .collect();
    let highest = values.iter().copied().reduce(f64::max)?;
    let limit = limit.filter(|(limit, _)| *limit <= highest * 2.5);
    let extent = values
        .into_iter()
        .chain(limit.iter().map(|(limit, _)| *limit));
    let users = runs.iter().flat_map(|(_, run)| &run.cycles);
    let x = Axis::levels(users.map(|level| level.users));
    let mut panel = Panel::new(x, Axis::values(title, extent)?);
    panel.lines = lines;
    panel.limit = limit;
    Some(panel)
}

fn described(panels: &[Panel]) -> String {
    let lines = panels
        .iter()
        .flat_map(|panel| panel.lines.iter().map(move |line| (panel, line)));
    let sentence = |(panel, line): (&Panel, &Line)| {
        let values = line.points.iter().map(|point| {
            let value = number(Some(point.y), draw::decimals(point.y));
            format!("{value} at {:.0}", point.x)
        });
        let values = values.collect::<Vec<_>>().join(", ");
        format!("{}, {}: {values}.", line.name, panel.y.title)
    };
    lines.map(sentence).collect::<Vec<_>>().join(" ")
}
