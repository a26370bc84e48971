//! Several runs in one chart.

use crate::metrics::level::LevelMetrics;
use crate::metrics::summary::Summary;
use crate::report::charts::figure::{ChartLine, Figure, Look, Panel};
use crate::report::charts::palette::Color;
use crate::report::charts::{Chart, draw, levels};
use crate::report::text::clean;

/// The longest name of a run in the legend, characters.
const LONGEST: usize = 110;

/// Speed, wait, throughput and energy of several runs by number of users, one line a run, under the names
/// given. None where no run has a figure.
pub fn models(runs: &[(&str, &Summary)]) -> Option<Chart> {
    let limits = runs.iter().find_map(|(_, run)| run.limits);
    let speed = limits.map(|limits| limits.speed_tok_s);
    let wait = limits.map(|limits| limits.wait_s);
    let panels: Vec<Panel> = [
        panel(runs, "mean speed, tokens/s", speed, |f| f.speed_tok_s.mean),
        panel(runs, "mean wait, seconds", wait, |f| f.ttft_s.mean),
        panel(runs, "throughput, tokens/s", None, |f| f.steady_tok_s),
        panel(runs, "energy, joules/token", None, |f| f.j_per_token),
    ]
    .into_iter()
    .flatten()
    .collect();
    if panels.is_empty() {
        return None;
    }
    let names = names(runs);
    let lines = (0..).map(Color::series);
    let limited: Vec<&str> = panels
        .iter()
        .filter(|panel| panel.limit.is_some())
        .filter_map(|panel| panel.y.title.split(',').next())
        .collect();
    let mut notes = Vec::new();
    if let (Some(limits), false) = (limits, limited.is_empty()) {
        notes.push(format!(
            "Dashed: the limits of the first run, speed ≥ {} tokens/s and wait ≤ {} s.",
            limits.speed_tok_s, limits.wait_s
        ));
    }
    let figure = Figure {
        name: "models".to_owned(),
        title: "Runs side by side".to_owned(),
        subtitle: format!("{} runs, by number of users", runs.len()),
        legend: names.iter().cloned().zip(lines).collect(),
        notes,
        described: described(&panels, &names),
        columns: if panels.len() > 1 { 2 } else { 1 },
        panels,
        panel_height: 290,
        simulated: runs.iter().any(|(_, run)| run.simulated),
    };
    Some(Chart::new(figure))
}

/// How the runs are called.
fn names(runs: &[(&str, &Summary)]) -> Vec<String> {
    let name =
        |(name, _): &(&str, &Summary)| crate::text::sanitize::one_line(&clean(name), LONGEST);
    runs.iter().map(name).collect()
}

/// A line a run, empty for one that does not know: lines and names are to stay in step.
fn panel(
    runs: &[(&str, &Summary)],
    title: &str,
    limit: Option<f64>,
    figure: fn(&LevelMetrics) -> Option<f64>,
) -> Option<Panel> {
    let line = |(number, (_, run)): (usize, &(&str, &Summary))| {
        let levels = run.cycles.iter();
        let places =
            levels.filter_map(|level| Some((f64::from(level.users), figure(&level.figures)?)));
        ChartLine::through("", Color::series(number), Look::Dotted, places)
    };
    let lines: Vec<ChartLine> = runs.iter().enumerate().map(line).collect();
    let levels = runs.iter().flat_map(|(_, run)| &run.cycles);
    let levels = levels.map(|level| level.users);
    let limit = limit.map(|limit| (limit, String::new()));
    levels::panel(title, levels, lines, Vec::new(), limit)
}

fn described(panels: &[Panel], names: &[String]) -> String {
    let lines = panels
        .iter()
        .flat_map(|panel| panel.lines.iter().zip(names).map(move |line| (panel, line)));
    let known = lines.filter(|(_, (line, _))| !line.points.is_empty());
    let sentence = |(panel, (line, name)): (&Panel, (&ChartLine, &String))| {
        let values = draw::in_words(line);
        format!("{name}, {}: {values}.", panel.y.title)
    };
    known.map(sentence).collect::<Vec<_>>().join(" ")
}
