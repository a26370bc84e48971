//! What the machine did, by number of users.

use crate::metrics::metric::{Stat, metric};
use crate::report::Report;
use crate::report::charts::axis::Axis;
use crate::report::charts::figure::{ChartLine, Figure, Look, Panel, Values};
use crate::report::charts::levels::Levels;
use crate::report::charts::palette::Color;
use crate::report::gather::PROCESS_FIGURES;
use crate::report::text::clean;
use crate::text::numbers::joined;
use crate::text::sanitize::one_line;

/// The charts of the machine by level.
pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let levels = Levels::new(&report.summary, |_| true);
    [power(&levels), processes(report)]
        .into_iter()
        .flatten()
        .collect()
}

/// Power, clock, energy per token and energy, each with a panel of its own.
fn power(levels: &Levels<'_>) -> Option<Figure> {
    let panel = |title: &str, key: &str, color: Color, with_max: bool| {
        let metric = metric(key)?;
        let of = |stat| move |figures: &_| metric.value(figures, stat);
        let name = if with_max { "mean" } else { "" };
        let mean = levels.line(name, color, Look::Dotted, of(Stat::Mean));
        let mean = mean.with_values(Values::Above);
        let max = levels.line("max", color, Look::Beside, of(Stat::Max));
        let lines = if with_max {
            vec![mean, max]
        } else {
            vec![mean]
        };
        levels.panel(title, lines, vec![], None)
    };
    let panels = [
        panel("power, watts", "watts", Color::Energy, true),
        panel("clock, MHz", "mhz", Color::Cyan, true),
        panel("energy, joules/token", "j_per_token", Color::Energy, false),
        panel("energy of the level, Wh", "wh", Color::Energy, false),
    ];
    let panels = panels.into_iter().flatten().collect();
    let title = "Power, clock and energy by users";
    let mut figure = levels.figure("power-by-users", title, panels, 230)?;
    figure.columns = 2;
    // What failed drew power, too.
    figure.notes.retain(|note| !note.starts_with("Failed"));
    Some(figure)
}

/// What the processes of each role took together.
fn processes(report: &Report) -> Option<Figure> {
    let roles = &report.gathered.roles;
    let levels = report.summary.cycles.iter().map(|level| level.users);
    let panels = PROCESS_FIGURES.iter().filter_map(|(title, unit, _, stat)| {
        let lines = roles.iter().zip((0..).map(Color::series));
        let lines = lines.flat_map(|((_, by_level), color)| {
            let places = |pick: fn(&crate::metrics::devices::Stat) -> Option<f64>| {
                by_level.iter().filter_map(move |(level, stats)| {
                    let value = pick(&stat(&stats.sum))? * unit;
                    Some((f64::from((*level)?), value))
                })
            };
            [
                ChartLine::through("", color, Look::Dotted, places(|stat| stat.mean)),
                ChartLine::through("", color, Look::Beside, places(|stat| stat.max)),
            ]
        });
        let lines: Vec<ChartLine> = lines.filter(|line| !line.points.is_empty()).collect();
        let values = lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|point| point.y);
        let y = Axis::linear(*title, values)?;
        let mut panel = Panel::new(Axis::levels(levels.clone()), y);
        panel.lines = lines;
        Some(panel)
    });
    let panels: Vec<Panel> = panels.collect();
    if panels.is_empty() {
        return None;
    }
    let title = "Server processes by users";
    let mut figure = Figure::new("processes-by-users", title, &report.summary, panels);
    figure.columns = 2;
    figure.panel_height = 200;
    let names = roles.keys().map(|role| match role.as_str() {
        "" => "all processes".to_owned(),
        role => one_line(&clean(role), 24),
    });
    figure.legend = names.zip((0..).map(Color::series)).collect();
    let names: Vec<Option<String>> = figure
        .legend
        .iter()
        .map(|(name, _)| Some(name.clone()))
        .collect();
    figure.described = format!("Resources by number of users, of: {}.", joined(names));
    figure.notes = vec![
        "Thick: the mean of a level; thin: its highest. All processes of a role together."
            .to_owned(),
    ];
    Some(figure)
}
