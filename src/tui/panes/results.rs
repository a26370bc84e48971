//! The results: every cycle in figures, speed and wait against users, and what was found.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::macros::{horizontal, vertical};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::event::failures_in_words;
use crate::metrics::bandwidth_limit::PhysicalLimit;
use crate::metrics::bottleneck::{sentences, why};
use crate::metrics::findings::Findings;
use crate::metrics::level::{LevelMetrics, LevelSummary, levels};
use crate::metrics::metric::{self, Metric, Outlet, Stat, Unit};
use crate::metrics::state::CycleState;
use crate::text::numbers::{self, bare_seconds, floor_u64, percent, round_u16, u16_of};
use crate::tui::PaneContext;
use crate::tui::panes::figures::{self, Judged};
use crate::tui::panes::{cycles, verdict};
use crate::tui::widgets::{Column, TableView, Title, columns, eighths, frame, table, text};

/// The sentences of the findings that tell the best total and the best speed.
const BEST: usize = 2;
/// Least and largest height of the charts.
const CHARTS: (u16, u16) = (8, 18);

/// Draws the view.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let title = Title::new("Results").aside("tok/s and total per request; system: all users");
    frame::pane(frame, area, cx, &title, |buf, inner| {
        if cx.run.cycles.is_empty() {
            Line::styled("no cycle yet", cx.theme.dim).render(inner, buf);
            return;
        }
        let rows = u16_of(cx.run.cycles.len() + 1);
        let below = inner.height.saturating_sub(rows);
        let found = conclusions(cx, usize::from(inner.width), below);
        let words = u16_of(found.len()).min(inner.height.saturating_sub(3));
        let room = inner.height.saturating_sub(words);
        let beside = room.saturating_sub(CHARTS.0 + 1).max(4);
        let charts = room.saturating_sub(rows.min(beside) + 1).min(CHARTS.1);
        let (rows, charts) = if charts < CHARTS.0 {
            (room, 0)
        } else {
            (rows.min(beside), charts)
        };
        let rows = vertical![==rows, ==charts.min(1), ==charts, ==words];
        let [cycles, _, chart, words] = rows.areas(inner);
        by_cycle(buf, cycles, cx, &columns(), |cycle| cells(cx, cycle));
        if !chart.is_empty() {
            let [speed, _, wait] = horizontal![*=1, ==2, *=1].areas(chart);
            speed_chart(buf, speed, cx);
            wait_chart(buf, wait, cx);
        }
        Paragraph::new(found).render(words, buf);
    });
}

/// A table with a row a cycle.
pub(super) fn by_cycle(
    buf: &mut Buffer,
    area: Rect,
    cx: &PaneContext<'_>,
    columns: &[Column],
    cells: impl Fn(&CycleState) -> Vec<Span<'static>>,
) {
    let cycles = &cx.run.cycles;
    let view = TableView {
        columns,
        len: cycles.len(),
        selected: cx.cycle.filter(|index| *index < cycles.len()),
        scroll: cx.scroll,
    };
    table::table(buf, area, cx.theme, view, |row, _| {
        cycles.get(row).map(&cells)
    });
}

/// How the cycle stands, its users, and the metrics of this pane.
fn columns() -> Vec<Column> {
    let metrics = metric::shown(Outlet::Results).into_iter();
    let metrics = metrics.map(|(_, shown)| Column::number(shown.head, shown.width, shown.rank));
    [Column::words("", 1, 0), Column::number("users", 5, 0)]
        .into_iter()
        .chain(metrics)
        .collect()
}

fn cells(cx: &PaneContext<'_>, cycle: &CycleState) -> Vec<Span<'static>> {
    let level = cycle.metrics(&cx.limits);
    let (mark, style) = cycles::mark(cx, cycle);
    let metrics = metric::shown(Outlet::Results).into_iter();
    let metrics = metrics.map(|(metric, shown)| {
        let value = match metric.key {
            // That of now while the cycle runs.
            "system_tok_s" => figures::throughput(cx.run, cycle),
            _ => metric.value(&level, shown.stat),
        };
        cell(cx, cycle, (metric, shown.stat), value, &level)
    });
    let known = [
        Span::styled(mark, style),
        Span::raw(cycle.users.to_string()),
    ];
    known.into_iter().chain(metrics).collect()
}

fn cell(
    cx: &PaneContext<'_>,
    cycle: &CycleState,
    (metric, stat): (&Metric, Stat),
    value: Option<f64>,
    level: &LevelMetrics,
) -> Span<'static> {
    let theme = cx.theme;
    let whole = value.map(floor_u64);
    match (metric.key, metric.unit) {
        ("speed_tok_s", _) => {
            let judged = match stat {
                Stat::Mean => Judged::speed_of(cx.run, cycle, value, &cx.limits),
                _ => Judged::speed(value, &cx.limits),
            };
            Span::styled(text::tok_s(value), judged.style(theme))
        }
        ("ttft_s", _) => {
            let (words, judged) = match stat {
                Stat::Mean => (
                    figures::wait(cycle, cx.now),
                    Judged::wait_of(cycle, &cx.limits, cx.now),
                ),
                _ => (text::seconds(value), Judged::wait(value, &cx.limits)),
            };
            Span::styled(words, judged.style(theme))
        }
        ("attainment", _) => within(cx, value),
        ("failed", _) => match level.failed {
            0 => Span::styled("0", theme.dim),
            n => Span::styled(format!("✘ {n}"), theme.bad),
        },
        ("output_tokens", _) if level.tokens_counted_by.is_none() => Span::raw(text::UNKNOWN),
        (_, Unit::Tokens) => Span::raw(format!("{}{}", metric.about(level), text::count(whole))),
        (_, Unit::Requests) => Span::raw(whole.unwrap_or_default().to_string()),
        (_, Unit::TokensPerSecond) => Span::raw(text::tok_s(value)),
        (_, Unit::Seconds) => Span::raw(text::seconds(value)),
        (_, Unit::Share) => Span::raw(percent(value, 0)),
        _ => Span::raw(text::number(value, 2, "")),
    }
}

/// The share of the requests that met both limits, and whether that is enough.
fn within(cx: &PaneContext<'_>, attainment: Option<f64>) -> Span<'static> {
    let theme = cx.theme;
    let (sign, style) = match attainment {
        None => ("", theme.dim),
        Some(share) if share >= cx.limits.share => ("✔ ", theme.good),
        Some(_) => ("✘ ", theme.bad),
    };
    let share = percent(attainment, 0);
    Span::styled(format!("{sign}{share}"), style)
}

/// A column of a chart.
pub(super) struct ChartPoint {
    pub(super) users: u32,
    pub(super) value: Option<f64>,
    /// The value as it is written, in the style of its column.
    pub(super) label: Span<'static>,
}

/// The points of all cycles: of each its value, and how it is written.
pub(super) fn points(
    cx: &PaneContext<'_>,
    value: impl Fn(&CycleState) -> Option<f64>,
    label: impl Fn(&CycleState, Option<f64>) -> Span<'static>,
) -> Vec<ChartPoint> {
    let points = cx.run.cycles.iter().map(|cycle| {
        let value = value(cycle);
        ChartPoint {
            users: cycle.users,
            value,
            label: label(cycle, value),
        }
    });
    points.collect()
}

fn speed_chart(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>) {
    let speed = |cycle: &CycleState| figures::speed(cx.run, cycle, cx.now);
    let points = points(cx, speed, |cycle, value| {
        let judged = Judged::speed_of(cx.run, cycle, value, &cx.limits);
        Span::styled(text::tok_s(value), judged.style(cx.theme))
    });
    let limit = cx.limits.speed_tok_s;
    let title = format!("speed, tok/s by users  ╌ limit {}", text::plain(limit));
    chart(buf, area, cx, &title, Some(limit), points);
}

fn wait_chart(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>) {
    let wait = |cycle: &CycleState| cycle.wait_so_far(cx.now).mean_s;
    let points = points(cx, wait, |cycle, value| {
        let style = Judged::wait_of(cycle, &cx.limits, cx.now).style(cx.theme);
        Span::styled(bare_seconds(value), style)
    });
    let limit = cx.limits.wait_s;
    let title = format!("wait, s by users  ╌ limit {}", text::plain(limit));
    chart(buf, area, cx, &title, Some(limit), points);
}

/// A column for each level, its value above it, its users below it, the limit behind them.
pub(super) fn chart(
    buf: &mut Buffer,
    area: Rect,
    cx: &PaneContext<'_>,
    title: &str,
    limit: Option<f64>,
    points: Vec<ChartPoint>,
) {
    let [head, rest] = vertical![==1, *=1].areas(area);
    let title = text::fit(title, usize::from(head.width));
    Line::styled(title, cx.theme.title).render(head, buf);
    let points = thinned(points, usize::from(area.width / 6).max(1));
    let count = u16_of(points.len()).max(1);
    let slot = (area.width / count).min(14);
    let known = points.iter().filter_map(|p| p.value);
    let top = known.filter(|v| v.is_finite()).fold(
        limit.map_or(f64::MIN_POSITIVE, |limit| limit * 1.1),
        f64::max,
    );
    let slots = Layout::horizontal(vec![Constraint::Length(slot); points.len()]).split(rest);
    for (point, at) in points.iter().zip(&*slots) {
        let width = slot.saturating_sub(1);
        chart_column(buf, Rect { width, ..*at }, point, top, cx);
    }
    if let Some(limit) = limit {
        let [_, bars, _] = chart_rows(rest);
        let up = round_u16(limit / top * f64::from(bars.height));
        let line = Rect {
            y: bars.bottom().saturating_sub(up.max(1)),
            height: bars.height.min(1),
            width: slot.saturating_mul(count).min(bars.width),
            ..bars
        };
        columns::line_behind(buf, line, "╌", cx.theme.warn);
    }
}

/// Rows of a chart below its title: the highest value, the columns, the users.
fn chart_rows(area: Rect) -> [Rect; 3] {
    vertical![==1, *=1, ==1].areas(area)
}

fn chart_column(buf: &mut Buffer, area: Rect, point: &ChartPoint, top: f64, cx: &PaneContext<'_>) {
    let [value, bar, users] = chart_rows(area);
    let share = point.value.unwrap_or(0.0) / top;
    columns::column(buf, bar, share, point.label.style);
    let filled = eighths(share, usize::from(bar.height)).div_ceil(8);
    let y = bar.bottom().saturating_sub(u16_of(filled) + 1);
    let above = Rect {
        y: y.max(value.y),
        height: 1,
        ..bar
    };
    let words = text::fit(&point.label.content, usize::from(above.width));
    Line::raw(words).centered().render(above, buf);
    let number = Line::styled(point.users.to_string(), cx.theme.dim);
    number.centered().render(users, buf);
}

/// At most `most` of the points, evenly, the first and the last among them.
fn thinned(points: Vec<ChartPoint>, most: usize) -> Vec<ChartPoint> {
    let len = points.len();
    if len <= most {
        return points;
    }
    let last = most.saturating_sub(1).max(1);
    let keep: Vec<usize> = (0..most).map(|i| i * (len - 1) / last).collect();
    let kept = points.into_iter().enumerate();
    kept.filter(|(i, _)| keep.contains(i))
        .map(|(_, point)| point)
        .collect()
}

/// How near one user's speed is to what the memory allows.
fn physical_limit(cx: &PaneContext<'_>) -> Option<Line<'static>> {
    let Some(limit) = PhysicalLimit::from_run(cx.run) else {
        let model = &cx.run.info.as_ref().filter(|i| !i.simulated)?.target.model;
        let words = PhysicalLimit::unavailable(model.family.as_deref(), &model.name)?;
        return Some(Line::styled(format!(" {words}"), cx.theme.dim));
    };
    let percent = percent(Some(limit.share), 0);
    let most = text::tok_s(Some(limit.limit_tok_s));
    let words = format!("one user at {percent} of the {most} tok/s that memory bandwidth allows");
    Some(match limit.warning() {
        Some(_) => Line::styled(format!(" ✘ {words}: a number must be wrong"), cx.theme.bad),
        None => Line::raw(format!(" {words}")),
    })
}

/// The verdict with its evidence, as far as there is room for it in `below` lines with the charts, and what was
/// found.
fn conclusions(cx: &PaneContext<'_>, width: usize, below: u16) -> Vec<Line<'static>> {
    let verdict = cx.verdict;
    let levels = levels(&cx.run.cycles, &cx.limits);
    let found = Findings::from_levels(&levels);
    let more: Vec<_> = found.sentences.iter().skip(BEST).cloned().collect();
    let found = findings(cx, &found, width);
    let left = below.saturating_sub(u16_of(found.len()));
    // Charts that have no room anyway leave theirs.
    let mut left = usize::from(left.checked_sub(CHARTS.0 + 1).unwrap_or(left));
    let whole = sentence(&verdict.sentence, Style::new(), width);
    let mut lines = if whole.len() <= left {
        whole
    } else {
        vec![verdict::line(cx, verdict, width)]
    };
    left = left.saturating_sub(lines.len());
    let more = more.into_iter();
    let more = more.map(|text| sentence(&text, Style::new(), width));
    let items = evidence(cx, &levels, width).into_iter().chain(more);
    let fitting = items.take_while(|lines| {
        let fits = lines.len() <= left;
        left = left.saturating_sub(lines.len());
        fits
    });
    lines.extend(fitting.flatten());
    lines.extend(found);
    lines
}

fn sentence(text: &str, style: Style, width: usize) -> Vec<Line<'static>> {
    let words = text::wrap(text, width.saturating_sub(2)).into_iter();
    words
        .map(|words| Line::styled(format!(" {words}"), style))
        .collect()
}

/// What the verdict rests on, each a sentence on its lines: the level that it speaks of and the one after it,
/// repeats that disagree, and of a run that is over why it stops there.
fn evidence(
    cx: &PaneContext<'_>,
    summaries: &[LevelSummary],
    width: usize,
) -> Vec<Vec<Line<'static>>> {
    let verdict = cx.verdict;
    let levels = [verdict.headline(), verdict.beyond()];
    let mut items: Vec<(String, Style)> = levels
        .into_iter()
        .flatten()
        .map(|level| (level.evidence.clone(), cx.theme.dim))
        .collect();
    let repeats = verdict.levels.iter().filter_map(|level| {
        let repeats = level.repeats.as_ref().filter(|repeats| repeats.disagree)?;
        let text = format!("! {}: {}", numbers::users(level.users), repeats.text);
        Some((text, cx.theme.warn))
    });
    items.extend(repeats);
    let dips = verdict.dips.iter();
    items.extend(dips.map(|dip| (format!("! {}", dip.text), cx.theme.warn)));
    if !cx.run.is_running() {
        let reasons = sentences(&why(cx.run, summaries, verdict, &cx.limits)).into_iter();
        items.extend(reasons.map(|text| (text, Style::new())));
    }
    let lines = items.into_iter();
    lines
        .map(|(text, style)| sentence(&text, style, width))
        .collect()
}

/// What was found at the least, in the words of the report: the best, and what failed.
fn findings(cx: &PaneContext<'_>, found: &Findings, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'_>> = physical_limit(cx).into_iter().collect();
    let best = found.sentences.iter().take(BEST).map(String::as_str);
    let best = best.collect::<Vec<_>>().join(" ");
    if !best.is_empty() {
        lines.extend(sentence(&best, Style::new(), width));
    }
    let mut kinds = std::collections::BTreeMap::<String, u64>::new();
    for (kind, count) in cx.run.cycles.iter().flat_map(CycleState::failures) {
        *kinds.entry(kind).or_default() += count as u64;
    }
    if !kinds.is_empty() {
        let failed: u64 = kinds.values().sum();
        let words = format!(" ✘ {failed} failed: {}", failures_in_words(kinds));
        lines.push(Line::styled(words, cx.theme.bad));
    }
    lines
}
