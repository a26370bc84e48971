//! What the machine did in each cycle: power, clock, energy and the server's processes, against users.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::macros::vertical;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::metrics::energy::LEAST_COVERAGE;
use crate::metrics::level::machine::{MachineFigures, scope_words};
use crate::metrics::level_energy::EnergySummary;
use crate::metrics::state::CycleState;
use crate::text::numbers::{floor_u64, u16_of};
use crate::tui::PaneContext;
use crate::tui::panes::results::{by_cycle, chart, points};
use crate::tui::widgets::{Column, Title, frame, text};

const COLUMNS: [Column; 11] = [
    Column::number("users", 5, 0),
    Column::number("W", 6, 0),
    Column::number("max W", 6, 2),
    Column::number("MHz", 5, 3),
    Column::number("J/tok", 7, 0),
    Column::number("net", 7, 2),
    Column::number("Wh", 7, 5),
    Column::number("RSS", 7, 1),
    Column::number("thr", 5, 4),
    Column::number("fd", 5, 4),
    Column::number("CPU %", 6, 6),
];
/// Least height of the charts, and the least width of one.
const CHART: (u16, u16) = (7, 16);
/// Width at which a chart has room for a few levels.
const ROOMY: u16 = 24;

/// Above this share of the time that samples cover, nothing is missing but the ends.
const WHOLE: f64 = 0.995;

/// A figure of a cycle, in a chart.
struct MachineChart {
    title: &'static str,
    value: fn(&CycleState) -> Option<f64>,
    text: fn(Option<f64>) -> String,
}

const CHARTS: [MachineChart; 5] = [
    MachineChart {
        title: "watts",
        value: |cycle| MachineFigures::from_cycles(&[cycle]).watts_mean,
        text: |value| text::number(value, 0, ""),
    },
    MachineChart {
        title: "MHz",
        value: |cycle| MachineFigures::from_cycles(&[cycle]).mhz_mean,
        text: |value| text::number(value, 0, ""),
    },
    MachineChart {
        title: "RSS",
        value: |cycle| cycle.machine.together.rss_bytes.value(),
        text: |value| text::bytes(value.map(floor_u64)).replace(' ', ""),
    },
    MachineChart {
        title: "threads",
        value: |cycle| cycle.machine.together.threads.value(),
        text: |value| text::number(value, 0, ""),
    },
    MachineChart {
        title: "descriptors",
        value: |cycle| cycle.machine.together.descriptors.value(),
        text: |value| text::number(value, 0, ""),
    },
];

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let cycles = &cx.run.cycles;
    let title = Title::new("Machine by users").aside(aside(cx));
    frame::pane(frame, area, cx, &title, |buf, inner| {
        let known = |cycle: &CycleState| {
            let energy = cycle.machine.energy.is_some();
            energy || CHARTS.iter().any(|chart| (chart.value)(cycle).is_some())
        };
        if !cycles.iter().any(known) {
            Line::styled("not measured", cx.theme.dim).render(inner, buf);
            return;
        }
        let rows = u16_of(cycles.len() + 1);
        let charts = inner.height.saturating_sub(rows.saturating_add(1));
        let charts = if charts < CHART.0 { 0 } else { charts };
        let [figures, charts] = vertical![*=1, ==charts].areas(inner);
        by_cycle(buf, figures, cx, &COLUMNS, cells);
        draw_charts(buf, charts, cx);
    });
}

/// What the power covers, how much of the time was measured where that is not all, and what tokens cost.
fn aside(cx: &PaneContext<'_>) -> String {
    let mut cycles = cx.run.cycles.iter();
    let Some(metered) = cycles.find_map(|c| c.machine.energy.as_ref()) else {
        return String::new();
    };
    let power = match metered.scope {
        Some(scope) => format!("power of the {scope}"),
        None => format!("power, {}", scope_words(metered)),
    };
    // The last reading of a cycle that runs is behind, and its tokens are still to be counted.
    if cx.run.is_running() {
        return power;
    }
    let Some(all) = EnergySummary::from_run(cx.run) else {
        return power;
    };
    let covered = all.in_cycles_coverage.filter(|share| *share < WHOLE);
    let covered =
        covered.map(|share| format!("{} of cycles", text::number(Some(share * 100.0), 1, " %")));
    let price = cx
        .run
        .info
        .as_ref()
        .and_then(|info| info.plan.energy.price.as_ref());
    let cost = price.zip(all.gross_j_per_token).map(|(price, joules)| {
        let million = price.per_million_tokens(joules);
        let cost = format!(
            "{} {} per million tokens",
            text::safe(&price.currency),
            text::number(Some(million), 2, "")
        );
        cost.trim_start().to_owned()
    });
    text::joined([Some(power), covered, cost])
}

fn cells(cycle: &CycleState) -> Vec<Span<'static>> {
    let figures = MachineFigures::from_cycles(&[cycle]);
    // Energy per token of a cycle that runs would lack the tokens still to be counted.
    let once_ended = |value: Option<f64>| value.filter(|_| cycle.ended.is_some());
    let at_least = |value: String| format!("≥{}", value.replace(' ', ""));
    // What was not measured is not in the energy.
    let has_gap =
        cycle.ended.is_some() && figures.coverage.is_some_and(|share| share < LEAST_COVERAGE);
    let wh = text::number(figures.wh, 3, "");
    let wh = if has_gap { at_least(wh) } else { wh };
    // A process that does not report a figure is left out of it.
    let least = |name: &str, value: String| {
        if figures.partial.iter().any(|of| of == name) {
            at_least(value)
        } else {
            value
        }
    };
    let cells = [
        cycle.users.to_string(),
        text::number(figures.watts_mean, 1, ""),
        text::number(figures.watts_max, 1, ""),
        text::number(figures.mhz_mean, 0, ""),
        text::number(once_ended(figures.gross_j_per_token), 3, ""),
        text::number(once_ended(figures.net_j_per_token), 3, ""),
        wh,
        least("rss_max_bytes", text::bytes(figures.rss_max_bytes)),
        least("threads_max", text::count(figures.threads_max)),
        least("descriptors_max", text::count(figures.descriptors_max)),
        least(
            "cpu_max_percent",
            text::number(figures.cpu_max_percent, 0, ""),
        ),
    ];
    cells.into_iter().map(Span::raw).collect()
}

/// The charts of which anything is known, side by side; on two lines where one would be crowded.
fn draw_charts(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>) {
    if area.is_empty() {
        return;
    }
    let cycles = &cx.run.cycles;
    let known: Vec<&MachineChart> = CHARTS
        .iter()
        .filter(|chart| cycles.iter().any(|cycle| (chart.value)(cycle).is_some()))
        .collect();
    let roomy = usize::from(area.width / ROOMY).max(1);
    let two = known.len() > roomy && area.height >= CHART.0 * 2;
    let most = usize::from(area.width / CHART.1).max(1);
    let of_a_line = if two {
        known.len().div_ceil(2)
    } else {
        known.len()
    };
    let of_a_line = of_a_line.clamp(1, most);
    let lines = if two { 2 } else { 1 };
    let each = area.width / u16_of(of_a_line);
    let across = Layout::horizontal(vec![Constraint::Length(each); of_a_line]);
    let down = Layout::vertical(vec![Constraint::Length(area.height / u16_of(lines)); lines]);
    let down = down.split(area);
    let places = down.iter().flat_map(|line| across.split(*line).to_vec());
    let styles = cx.theme.series.iter().cycle();
    for ((kind, style), place) in known.iter().zip(styles).zip(places) {
        let at = Rect {
            width: each.saturating_sub(1),
            ..place
        };
        let label = |_: &CycleState, value| Span::styled((kind.text)(value), *style);
        let points = points(cx, kind.value, label);
        chart(buf, at, cx, kind.title, None, points);
    }
}
