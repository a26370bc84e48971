//! What the GPU does: gauges with value, maximum and the last minutes; what it costs; and why it is not
//! measured where it is not.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::event::{GpuSample, PowerScope, SourceName, SourceState, Stamp};
use crate::metrics::energy::{LEAST_COVERAGE, LEAST_SPAN_S};
use crate::metrics::gpus;
use crate::metrics::level::machine::{of_cycles, scope_words};
use crate::metrics::machine::{Series, Track};
use crate::metrics::state::{CycleState, RunState};
use crate::text::numbers::{decimal, floor_u64, percent};
use crate::tui::MachineContext;
use crate::tui::panes::figures::labeled;
use crate::tui::panes::popup::wrapped;
use crate::tui::widgets::{Title, frame, gauge, sparkline, text};

/// A reading older than this, seconds, is not of now.
pub(super) const OLD_S: f64 = 2.5;
/// Width of a gauge's name, of its value, and of its maximum.
const WIDTHS: (usize, usize, usize) = (7, 9, 10);
/// Readings in a line of the last minutes.
const MINUTES: usize = 180;

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &MachineContext<'_>) {
    let all: Vec<&GpuSample> = cx.machine.gpus.values().map(|(_, sample)| sample).collect();
    let gpus = gpus::in_use(all.iter().copied());
    let title = title(cx, &gpus, &all);
    frame::framed(frame, area, (cx.theme, cx.focused), &title, |buf, inner| {
        let width = usize::from(inner.width);
        let mut lines = match gpus.as_slice() {
            [] => Vec::new(),
            [one] => gauges(cx, one, width),
            several => table(cx, several, width),
        };
        for package in all.iter().filter(|s| s.scope == Some(PowerScope::Package)) {
            lines.push(gauge_of(cx, package, &POWER, "CPU", width));
        }
        lines.extend(beside(cx, &gpus, width));
        lines.extend(energy(cx, width));
        lines.extend(share(cx, width));
        let troubles = source_errors(cx, &[], width, !all.is_empty());
        // Why a reading is old matters more than the reading; why there is not more of it, less.
        let is_old = newest_age(cx).is_some();
        let at = if is_old { 0 } else { lines.len() };
        lines.splice(at..at, troubles);
        Paragraph::new(lines).render(inner, buf);
    });
}

fn title(cx: &MachineContext<'_>, gpus: &[&GpuSample], all: &[&GpuSample]) -> Title {
    let name = |sample: &&GpuSample| sample.name.clone().unwrap_or_else(|| sample.source.clone());
    let what = if gpus.is_empty() && !all.is_empty() {
        "Power"
    } else {
        "GPU"
    };
    // An old reading must not look like one of now, however narrow the pane is.
    let age = newest_age(cx);
    let names = match (gpus, all) {
        ([], []) => None,
        ([], [one, ..]) | ([one], _) => Some(name(one)),
        ([first, ..], _) => Some(format!("{} × {}", gpus.len(), name(first))),
    };
    let is_simulated = all.iter().any(|sample| sample.simulated);
    let hottest = gpus.iter().filter_map(|gpu| gpu.celsius).reduce(f64::max);
    let asides = [
        is_simulated.then(|| "SIMULATED".to_owned()),
        hottest.map(|celsius| text::number(Some(celsius), 0, " °C")),
    ];
    Title::new(text::joined([Some(what.to_owned()), age, names])).aside(text::joined(asides))
}

fn newest_age(cx: &MachineContext<'_>) -> Option<String> {
    age(cx, cx.machine.gpus.values().map(taken))
}

/// When a reading was taken: an exporter may give one that is old already.
fn taken((at, sample): &(Stamp, GpuSample)) -> Stamp {
    let age_us = floor_u64(sample.age_s.unwrap_or(0.0) * 1e6);
    Stamp(at.0.saturating_sub(age_us))
}

/// How old the newest reading is, where it is not of now.
pub(super) fn age(cx: &MachineContext<'_>, stamps: impl Iterator<Item = Stamp>) -> Option<String> {
    let age_s = cx.now.since(stamps.max()?);
    (cx.is_live && age_s > OLD_S).then(|| format!("{} s old", decimal(age_s, 0)))
}

/// One figure of a device: its name, its value, its series, the whole that a gauge shows a share of.
struct DeviceFigure {
    name: &'static str,
    value: fn(&GpuSample) -> Option<f64>,
    series: fn(&Track) -> &Series,
    whole: fn(&GpuSample) -> Option<f64>,
    text: fn(Option<f64>) -> String,
}

const POWER: DeviceFigure = DeviceFigure {
    name: "power",
    value: |gpu| gpu.watts,
    series: |track| &track.watts,
    whole: |gpu| gpu.limit_watts,
    text: |value| text::number(value, 1, " W"),
};

const FIGURES: [DeviceFigure; 4] = [
    POWER,
    DeviceFigure {
        name: "clock",
        value: |gpu| gpu.mhz,
        series: |track| &track.mhz,
        whole: |_| None,
        text: |value| text::number(value, 0, " MHz"),
    },
    DeviceFigure {
        name: "usage",
        value: |gpu| gpu.usage_percent,
        series: |track| &track.usage,
        whole: |_| Some(100.0),
        text: |value| text::number(value, 0, " %"),
    },
    DeviceFigure {
        name: "memory",
        value: |gpu| gpu.vram_used_bytes.map(|bytes| bytes as f64),
        series: |track| &track.memory,
        whole: |gpu| gpu.vram_total_bytes.map(|bytes| bytes as f64),
        text: |value| text::bytes(value.map(floor_u64)),
    },
];

fn gauges(cx: &MachineContext<'_>, gpu: &GpuSample, width: usize) -> Vec<Line<'static>> {
    let gauge = |figure: &DeviceFigure| gauge_of(cx, gpu, figure, figure.name, width);
    FIGURES.iter().map(gauge).collect()
}

/// `power  ██████░░   20.3 W  max 31.9 W  ▂▃▅▇`; without its maximum and the last minutes where it is narrow.
fn gauge_of(
    cx: &MachineContext<'_>,
    gpu: &GpuSample,
    figure: &DeviceFigure,
    name: &str,
    width: usize,
) -> Line<'static> {
    let theme = cx.theme;
    let (label, value_width, max_width) = WIDTHS;
    let track = cx.machine.tracks.get(&gpu.source);
    let series = track.map(figure.series);
    let value = (figure.value)(gpu).filter(|value| value.is_finite());
    let most = series.and_then(|series| series.max);
    let whole = (figure.whole)(gpu).or(most).filter(|whole| *whole > 0.0);
    let share = value.zip(whole).map(|(value, whole)| value / whole);
    let bar = (width.saturating_sub(label + value_width) / 3).clamp(4, 24);
    let style = theme.series.first().copied().unwrap_or_default();
    let shown = (figure.text)(value);
    let mut spans = vec![
        Span::styled(format!("{name:<label$}"), theme.dim),
        Span::styled(gauge::bar(share, bar), style),
        Span::styled(format!("{shown:>value_width$}"), value_style(cx, gpu)),
    ];
    let mut room = width.saturating_sub(label + bar + value_width);
    let limit = match (figure.name, (figure.whole)(gpu)) {
        ("memory", Some(whole)) => format!(" of {}", (figure.text)(Some(whole))),
        ("usage", _) => String::new(),
        _ => most.map_or_else(String::new, |most| {
            let number = (figure.text)(Some(most));
            format!(" max {}", number.split(' ').next().unwrap_or_default())
        }),
    };
    if room >= max_width {
        spans.push(Span::styled(format!("{limit:<max_width$}"), theme.dim));
        room -= max_width;
    }
    let history = series.map(|series| series.latest(MINUTES));
    if let Some(history) = history.filter(|_| room > 3) {
        let line = sparkline::sparkline(&history, room - 1);
        spans.push(Span::styled(format!(" {line}"), style));
    }
    Line::from(spans)
}

/// A value of now, or one that is old.
fn value_style(cx: &MachineContext<'_>, gpu: &GpuSample) -> Style {
    let at = cx.machine.gpus.get(&gpu.source).map(taken);
    match age(cx, at.into_iter()) {
        Some(_) => cx.theme.dim,
        None => cx.theme.text,
    }
}

/// Several devices, one a line, and their sum.
fn table(cx: &MachineContext<'_>, gpus: &[&GpuSample], width: usize) -> Vec<Line<'static>> {
    let sum = gpus::sum(gpus);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (number, gpu) in gpus.iter().enumerate() {
        lines.push(row(cx, &format!("{number}"), gpu, width));
    }
    lines.extend(sum.map(|sum| row(cx, "all", &sum, width)));
    lines
}

fn row(cx: &MachineContext<'_>, name: &str, gpu: &GpuSample, width: usize) -> Line<'static> {
    let cells = [
        text::number(gpu.watts, 1, " W"),
        text::number(gpu.mhz, 0, " MHz"),
        text::number(gpu.usage_percent, 0, " %"),
        text::bytes(gpu.vram_used_bytes),
        text::number(gpu.celsius, 0, " °C"),
    ];
    let bar = width.saturating_sub(4 + 5 * 9).min(12);
    let track = cx.machine.tracks.get(&gpu.source);
    let most = gpu.limit_watts.or_else(|| track?.watts.max);
    let share = gpu.watts.zip(most).map(|(watts, most)| watts / most);
    let mut spans = vec![Span::styled(format!("{name:<4}"), cx.theme.dim)];
    if bar > 3 {
        let style = cx.theme.series.first().copied().unwrap_or_default();
        spans.push(Span::styled(gauge::bar(share, bar), style));
    }
    let style = if name == "all" {
        cx.theme.title
    } else {
        value_style(cx, gpu)
    };
    spans.extend(cells.map(|cell| Span::styled(format!("{cell:>9}"), style)));
    Line::from(spans)
}

/// What the chip and the machine draw as a whole, where a source reports it beside the GPU's power: on a chip that
/// shares its memory the GPU is not all that computes.
fn beside(cx: &MachineContext<'_>, gpus: &[&GpuSample], width: usize) -> Option<Line<'static>> {
    let [gpu] = gpus else { return None };
    let powers = [("chip", gpu.soc_watts), ("machine", gpu.system_watts)];
    let words = text::joined(
        powers.map(|(name, watts)| Some(format!("{name} {}", text::number(Some(watts?), 1, " W")))),
    );
    let fitting = text::fit(&words, width.saturating_sub(WIDTHS.0));
    let fitting = Span::styled(fitting, value_style(cx, gpu));
    (!words.is_empty()).then(|| labeled(cx.theme, "all", WIDTHS.0, fitting))
}

/// What the run's cycles cost so far, and a token of the shown one.
fn energy(cx: &MachineContext<'_>, width: usize) -> Option<Line<'static>> {
    let energy = cx.run.and_then(|run| of_cycles(&run.cycles));
    let wh = energy.map(|energy| energy.wh());
    let idle = cx.machine.baseline.map(|idle| idle.watts);
    if wh.is_none() && idle.is_none() {
        return None;
    }
    let cycle = cx.cycle;
    let metered = cycle.and_then(|cycle| cycle.machine.energy.as_ref());
    // While a cycle runs, chunks stand for the tokens that nobody has counted yet.
    let (about, tokens) = match cycle {
        Some(cycle) if cycle.ended.is_some() => ("", cycle.output_tokens()),
        Some(cycle) => ("~", cycle.chunks),
        None => ("", 0),
    };
    let joules = cycle
        .filter(|_| tokens > 0)
        .and_then(|cycle| joules_so_far(cx, cycle))
        .map(|joules| format!("{about}{} J/token", decimal(joules / tokens as f64, 2)));
    let parts = [
        wh.map(|wh| text::number(Some(wh), 2, " Wh")),
        joules,
        metered.map(scope_words),
        idle.map(|idle| format!("idle {}", text::number(Some(idle), 1, " W"))),
    ];
    let words = text::fit(&text::joined(parts), width.saturating_sub(WIDTHS.0));
    Some(labeled(cx.theme, "energy", WIDTHS.0, words))
}

/// The energy of a cycle up to now, joules; None where too little of it was measured. While it runs the last
/// reading stands for the moments since, but not for longer: a source that is gone measures no more.
fn joules_so_far(cx: &MachineContext<'_>, cycle: &CycleState) -> Option<f64> {
    let energy = &cycle.machine.energy.as_ref()?.energy;
    if cycle.ended.is_some() {
        let is_enough = energy.span_s >= LEAST_SPAN_S && energy.coverage() >= LEAST_COVERAGE;
        return is_enough.then_some(energy.joules);
    }
    let passed_s = cx.now.since(cycle.opened?);
    let missing_s = passed_s - energy.covered_s;
    let is_enough = energy.span_s >= LEAST_SPAN_S
        && (missing_s <= OLD_S || missing_s <= passed_s * (1.0 - LEAST_COVERAGE));
    energy
        .mean_watts()
        .filter(|_| is_enough)
        .map(|watts| watts * passed_s)
}

/// How much of the model the GPU holds, where that is not all.
fn share(cx: &MachineContext<'_>, width: usize) -> Vec<Line<'static>> {
    let share = cx.run.and_then(RunState::gpu_share);
    let Some(share) = share.filter(|share| *share < 0.999) else {
        return Vec::new();
    };
    let share = percent(Some(share), 0);
    let words = format!("! {share} of the model is on the GPU: the CPU computes the rest");
    wrapped(&words, width, cx.theme.warn)
}

/// What is wrong with the sources, or why nothing is measured. `of` names the sources; none means those of GPUs.
pub(super) fn source_errors(
    cx: &MachineContext<'_>,
    of: &[&str],
    width: usize,
    measured: bool,
) -> Vec<Line<'static>> {
    let sources = &cx.machine.sources;
    let wanted = |name: &SourceName| match of {
        [] => !["processes", "server"].contains(&name.as_str()),
        names => names.contains(&name.as_str()) || *name == SourceName::ThisMachine,
    };
    let notes: Vec<_> = sources.values().filter(|n| wanted(&n.source)).collect();
    let wrong = notes.iter().filter(|note| {
        let state = note.state;
        state != SourceState::Live && state != SourceState::Absent
    });
    let mut lines = Vec::new();
    for note in wrong {
        let words = match note.source {
            SourceName::ThisMachine => note.why.clone().unwrap_or_default(),
            SourceName::Source(_) => note.line().unwrap_or_else(|| note.source.to_string()),
        };
        lines.extend(wrapped(&words, width, cx.theme.warn));
    }
    if lines.is_empty() && !measured {
        let words = match (notes.is_empty(), of) {
            (true, _) if sources.is_empty() => "not measured",
            (_, []) => "no GPU source found; run tokometer doctor for details",
            _ => "not measured",
        };
        lines.extend(wrapped(words, width, cx.theme.dim));
    }
    lines
}
