//! What single requests show: how their waits are distributed, and which of them failed.

use std::collections::BTreeMap;

use crate::event::{FailureKind, RequestRecord};
use crate::metrics::level::counted;
use crate::metrics::level::cycle::CycleState;
use crate::report::Report;
use crate::report::charts::axis::Axis;
use crate::report::charts::figure::{Bar, ChartLine, Figure, Look, Panel};
use crate::report::charts::levels::Levels;
use crate::report::charts::palette::Color;
use crate::text::numbers::{grouped_count, percent, users};

/// Levels whose waits are drawn: as many as there are colors.
const LEVELS: usize = 12;
/// Places of the line of a level.
const PLACES: usize = 80;

/// The charts of requests.
pub(super) fn figures(report: &Report) -> Vec<Figure> {
    [waits(report), failures(report)]
        .into_iter()
        .flatten()
        .collect()
}

/// The share of the requests of a level that waited no longer, by the wait.
fn waits(report: &Report) -> Option<Figure> {
    let levels = counted(&report.gathered.state.cycles);
    let mut all: Vec<(u32, Vec<f64>)> = levels
        .into_iter()
        .map(|(level, cycles)| {
            let requests = cycles.into_iter().flat_map(CycleState::succeeded);
            let mut waits: Vec<f64> = requests.filter_map(RequestRecord::ttft_s).collect();
            waits.sort_by(f64::total_cmp);
            (level, waits)
        })
        .filter(|(_, waits)| waits.len() > 1)
        .collect();
    let found = all.len();
    if found > LEVELS {
        all = evenly(all, LEVELS);
    }
    let ends = all
        .iter()
        .flat_map(|(_, waits)| [waits.first(), waits.last()]);
    let ends: Vec<f64> = ends.flatten().copied().collect();
    let x = Axis::values("wait for the first token, seconds", ends)?;
    let title = "requests that waited no longer, %";
    let mut panel = Panel::new(x, Axis::percent(title));
    let mut legend = Vec::new();
    let mut described = Vec::new();
    for ((level, waits), color) in all.iter().zip((0..).map(Color::series)) {
        panel
            .lines
            .push(ChartLine::through("", color, Look::Plain, rising(waits)));
        legend.push((users(*level), color));
        let middle = waits.get(waits.len() / 2).copied().unwrap_or_default();
        described.push(format!("{}: half within {middle:.2} s", users(*level)));
    }
    let limit = Levels::new(&report.summary, |_| true).wait_limit();
    if let Some((limit, _)) = limit.filter(|(limit, _)| panel.x.holds(*limit)) {
        let places = [(limit, 0.0), (limit, 100.0)];
        panel
            .lines
            .push(ChartLine::through("", Color::Limit, Look::Plain, places));
        legend.push((format!("limit {limit} s"), Color::Limit));
    }
    let mut figure = Figure::new(
        "waits",
        "How the waits are distributed",
        &report.summary,
        vec![panel],
    );
    figure.legend = legend;
    figure.described = described.join("; ");
    if found > LEVELS {
        figure.notes = vec![format!("{LEVELS} of the {found} levels, evenly chosen.")];
    }
    Some(figure)
}

/// So many of them, the first and the last among them.
fn evenly<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let last = all.len().saturating_sub(1);
    let steps = most.saturating_sub(1).max(1);
    let wanted: Vec<usize> = (0..most).map(|n| (n * last + steps / 2) / steps).collect();
    let numbered = all.into_iter().enumerate();
    let chosen = numbered.filter(|(number, _)| wanted.contains(number));
    chosen.map(|(_, one)| one).collect()
}

/// The stairs of ascending values, as many of them as can be seen.
fn rising(sorted: &[f64]) -> Vec<(f64, f64)> {
    let all = sorted.len() as f64;
    let each = sorted.len().div_ceil(PLACES).max(1);
    let mut places = Vec::new();
    let mut below = 0.0;
    let last = sorted.len().saturating_sub(1);
    for (number, value) in sorted.iter().enumerate() {
        if number % each == each - 1 || number == last {
            let share = (number + 1) as f64 / all * 100.0;
            places.push((*value, below));
            places.push((*value, share));
            below = share;
        }
    }
    places
}

/// The share of each level's requests that failed, by kind.
fn failures(report: &Report) -> Option<Figure> {
    let levels = &report.summary.cycles;
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in levels.iter().flat_map(|level| &level.figures.errors) {
        *kinds.entry(kind).or_default() += count;
    }
    let mut kinds: Vec<(&str, u64)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words = |kind: &str| match kind.parse::<FailureKind>() {
        Ok(kind) => kind.words().into_owned(),
        // The code of another version, from a file.
        Err(_) => kind.to_owned(),
    };
    let mut bars = Vec::new();
    for level in levels {
        let figures = &level.figures;
        let mut from = 0.0;
        for ((kind, _), color) in kinds.iter().zip((0..).map(Color::series)) {
            let Some(count) = figures.errors.get(*kind).filter(|_| figures.requests > 0) else {
                continue;
            };
            let share = *count as f64 / figures.requests as f64;
            let to = from + share * 100.0;
            let (count, share) = (grouped_count(*count), percent(Some(share), 1));
            bars.push(Bar {
                color,
                x: f64::from(level.users),
                from,
                to,
                name: format!("{count} × {} ({share})", words(kind)),
            });
            from = to;
        }
    }
    let y = Axis::linear("failed requests, %", bars.iter().map(|bar| bar.to))?;
    let mut panel = Panel::new(Axis::levels(levels.iter().map(|level| level.users)), y);
    let described: Vec<String> = bars
        .iter()
        .map(|bar| format!("{} at {}", bar.name, panel.x.text(bar.x)))
        .collect();
    panel.bars = bars;
    let mut figure = Figure::new(
        "failures",
        "Failed requests by kind",
        &report.summary,
        vec![panel],
    );
    figure.panel_height = 280;
    figure.legend = kinds
        .iter()
        .map(|(kind, _)| words(kind))
        .zip((0..).map(Color::series))
        .collect();
    figure.described = described.join("; ");
    Some(figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stairs_end_at_all_requests() {
        assert_eq!(
            rising(&[1.0, 3.0]),
            [(1.0, 0.0), (1.0, 50.0), (3.0, 50.0), (3.0, 100.0)]
        );
        let many: Vec<f64> = (0..1_000).map(f64::from).collect();
        let stairs = rising(&many);
        assert!(stairs.len() <= 2 * PLACES + 2, "{}", stairs.len());
        assert_eq!(stairs.last(), Some(&(999.0, 100.0)));
        assert!(stairs.is_sorted_by(|a, b| a.1 <= b.1));
    }

    #[test]
    fn the_first_and_the_last_level_are_among_the_chosen() {
        assert_eq!(evenly((0..15).collect(), 12).len(), 12);
        let chosen = evenly((0..100).collect::<Vec<i32>>(), 4);
        assert_eq!(chosen, [0, 33, 66, 99]);
    }
}
