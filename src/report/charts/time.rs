//! What changes over the run.

use crate::metrics::devices::ProcessStats;
use crate::report::Report;
use crate::report::charts::axis::Axis;
use crate::report::charts::clock::ChartClock;
use crate::report::charts::figure::{ChartLine, Figure, Look, Panel};
use crate::report::charts::palette::Color;
use crate::report::gather::{GpuTrace, PROCESS_FIGURES, ProcessFigure, ProcessTrace};
use crate::report::series::{ThinSeries, thin};
use crate::report::text::clean;
use crate::text::numbers::grouped;
use crate::text::sanitize::one_line;

/// Points of a line over the whole run.
const POINTS: usize = 400;
/// The same in a panel of half the width.
const HALF_POINTS: usize = 160;
/// Requests of the whole run whose speed is drawn.
const TRACES: usize = 600;
/// Processes in one chart.
const PROCESSES: usize = 6;

/// The charts over time.
pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let figures = [
        speed(report),
        power(report),
        frequency(report),
        processes(report),
    ];
    figures.into_iter().flatten().collect()
}

/// The lines of one series: one for each stretch of time that no cut interrupts, the last with its name.
fn series(
    clock: &ChartClock,
    (name, color, look): (&str, Color, Look),
    points: &[(f64, f64)],
    (unit, most): (f64, usize),
) -> Vec<ChartLine> {
    let pieces = clock.lines(points, unit);
    let most = most / pieces.len().max(1);
    let last = pieces.len().saturating_sub(1);
    let pieces = pieces.iter().enumerate();
    let line = |(number, piece): (usize, &Vec<(f64, f64)>)| {
        let name = if number == last { name } else { "" };
        ChartLine::through(name, color, look, thin(piece, most))
    };
    pieces.map(line).collect()
}

fn speed(report: &Report) -> Option<Figure> {
    let speeds = &report.gathered.speeds;
    let state = &report.gathered.state;
    let cycles = state.cycles.first()?;
    let (clock, x, stretches) = ChartClock::new(state, cycles.started.secs())?;
    let traces: Vec<&Vec<(f64, f64)>> = speeds.values().flat_map(|s| s.traces.iter()).collect();
    let each = traces.len().div_ceil(TRACES).max(1);
    let means: Vec<Vec<(f64, f64)>> = state
        .cycles
        .iter()
        .map(|cycle| mean_speed(report, cycle.cycle))
        .collect();
    let fastest = report
        .summary
        .cycles
        .iter()
        .filter_map(|l| l.figures.speed_tok_s.max);
    let on_means = means.iter().flatten().map(|(_, speed)| *speed);
    let limit = report.summary.limits.map(|limits| limits.speed_tok_s);
    let y = Axis::linear(
        "speed of one answer, tokens/s",
        fastest.chain(on_means).chain(limit),
    )?;
    let mut panel = Panel::new(x, y);
    panel.limit = limit.map(|limit| (limit, format!("limit {limit}")));
    let last = means.iter().rposition(|mean| !mean.is_empty());
    for (number, mean) in means.into_iter().enumerate() {
        let name = if Some(number) == last { "mean" } else { "" };
        let look = (name, Color::Speed, Look::Plain);
        panel
            .lines
            .extend(series(&clock, look, &mean, (1.0, POINTS)));
    }
    for trace in traces.into_iter().step_by(each) {
        let look = ("", Color::Speed, Look::Faint);
        panel
            .lines
            .extend(series(&clock, look, trace, (1.0, POINTS)));
    }
    panel.lines.retain(|line| !line.points.is_empty());
    if panel.lines.is_empty() {
        return None;
    }
    for point in panel.lines.iter_mut().flat_map(|line| &mut line.points) {
        point.y = panel.y.within(point.y);
    }
    panel.stretches = stretches;
    let mut figure = Figure::new(
        "speed-over-time",
        "Speed over time",
        &report.summary,
        vec![panel],
    );
    figure.notes = vec![
        "Each thin line is one request (an even sample where there are many); shaded: the cycles."
            .to_owned(),
    ];
    "The speed of single requests and their mean over the run, cycle by cycle."
        .clone_into(&mut figure.described);
    Some(figure)
}

/// The mean speed in a cycle over time; the mean of the whole cycle where the log has no progress.
fn mean_speed(report: &Report, number: u32) -> Vec<(f64, f64)> {
    let points = report.gathered.speeds.get(&number);
    let points = points.map(|speed| speed.mean.points()).unwrap_or_default();
    if points.len() >= 3 {
        return thin(&points, 120);
    }
    let cycles = &report.gathered.state.cycles;
    let Some(cycle) = cycles.iter().find(|cycle| cycle.cycle == number) else {
        return Vec::new();
    };
    let ended = cycle.ended.unwrap_or(report.gathered.state.now);
    let mean = cycle.mean_speed_tok_s();
    mean.map_or_else(Vec::new, |mean| {
        vec![(cycle.started.secs(), mean), (ended.secs(), mean)]
    })
}

/// One line for each GPU source that reported the figure.
fn gpu_panel(
    report: &Report,
    title: &str,
    points: fn(&GpuTrace) -> Vec<(f64, f64)>,
) -> Option<(Panel, String)> {
    let lines: Vec<(String, Vec<(f64, f64)>)> = report
        .gathered
        .gpus
        .iter()
        .map(|(source, trace)| {
            let name = clean(trace.name.as_deref().unwrap_or(source));
            (one_line(&name, 24), points(trace))
        })
        .filter(|(_, points)| !points.is_empty())
        .collect();
    let (clock, x, stretches) = ChartClock::new(&report.gathered.state, 0.0)?;
    let y = Axis::linear(title, lines.iter().flat_map(|(_, p)| p).map(|(_, v)| *v))?;
    let mut panel = Panel::new(x, y);
    panel.stretches = stretches;
    let mut described = Vec::new();
    for (number, (name, points)) in lines.into_iter().enumerate() {
        let color = match number {
            0 => Color::Energy,
            other => Color::series(other + 2),
        };
        let highest = points.iter().map(|(_, value)| *value).reduce(f64::max);
        described.push(format!("{name}: at most {}", grouped(highest, 0)));
        let look = (name.as_str(), color, Look::Plain);
        panel
            .lines
            .extend(series(&clock, look, &points, (1.0, POINTS)));
    }
    Some((panel, format!("{title}: {}.", described.join("; "))))
}

fn power(report: &Report) -> Option<Figure> {
    let (panel, described) = gpu_panel(report, "power, watts", |gpu| gpu.watts.points())?;
    let mut figure = Figure::new("power", "Power over time", &report.summary, vec![panel]);
    figure.panel_height = 300;
    figure.described = described;
    Some(figure)
}

fn frequency(report: &Report) -> Option<Figure> {
    let (panel, described) = gpu_panel(report, "clock, MHz", |gpu| gpu.mhz.points())?;
    let mut figure = Figure::new("frequency", "GPU frequency", &report.summary, vec![panel]);
    figure.described = described;
    Some(figure)
}

fn processes(report: &Report) -> Option<Figure> {
    let mut all: Vec<(&(u32, String), &ProcessTrace)> = report.gathered.processes.iter().collect();
    // The largest ones, and then in the order of their ids.
    all.sort_by(|(_, a), (_, b)| {
        let size = |trace: &ProcessTrace| trace.stats.rss_bytes.max.unwrap_or(0.0);
        size(b).total_cmp(&size(a))
    });
    let left_out = all.len().saturating_sub(PROCESSES);
    all.truncate(PROCESSES);
    all.sort_by_key(|(id, _)| *id);
    let all: Vec<&ProcessTrace> = all.into_iter().map(|(_, trace)| trace).collect();
    let panels = PROCESS_FIGURES.iter().enumerate();
    let panels = panels.filter_map(|of| process_panel(report, &all, of));
    let panels: Vec<Panel> = panels.collect();
    if panels.is_empty() {
        return None;
    }
    let unknown: Vec<&str> = PROCESS_FIGURES
        .iter()
        .filter(|(.., stat)| all.iter().all(|trace| stat(&trace.stats).n == 0))
        .map(|(title, ..)| *title)
        .collect();
    let mut figure = Figure::new("processes", "Server processes", &report.summary, panels);
    figure.columns = 2;
    figure.panel_height = 200;
    let names = all.iter().map(|trace| process_name(&trace.stats));
    figure.legend = names.zip((0..).map(Color::series)).collect();
    if !unknown.is_empty() {
        let note = format!("Not known on this machine: {}.", unknown.join("; "));
        figure.notes.push(note);
    }
    if left_out > 0 {
        let note = format!(
            "The {PROCESSES} largest processes of {}.",
            PROCESSES + left_out
        );
        figure.notes.push(note);
    }
    "Resources of the server's processes over the run.".clone_into(&mut figure.described);
    Some(figure)
}

fn process_name(process: &ProcessStats) -> String {
    let name = one_line(&clean(&process.name), 18);
    match process.pid {
        None => name,
        Some(pid) if name.is_empty() => format!("pid {pid}"),
        Some(pid) => format!("{name} {pid}"),
    }
}

fn process_panel(
    report: &Report,
    all: &[&ProcessTrace],
    (index, (title, unit, _, stat)): (usize, &ProcessFigure),
) -> Option<Panel> {
    let highest = all.iter().filter_map(|trace| stat(&trace.stats).max);
    let y = Axis::linear(*title, highest.map(|highest| highest * unit))?;
    let (clock, x, stretches) = ChartClock::new(&report.gathered.state, 0.0)?;
    let mut panel = Panel::new(x, y);
    panel.stretches = stretches;
    for (number, trace) in all.iter().enumerate() {
        let points = trace.series.get(index).map(ThinSeries::points);
        let points = points.unwrap_or_default();
        let look = ("", Color::series(number), Look::Plain);
        panel
            .lines
            .extend(series(&clock, look, &points, (*unit, HALF_POINTS)));
    }
    panel.lines.retain(|line| !line.points.is_empty());
    Some(panel)
}
