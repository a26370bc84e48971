//! How long the requests of a cycle waited, as a histogram with the limit marked. What people know
//! as TTFB is measured at the first token.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::metrics::dist::Dist;
use crate::metrics::state::CycleState;
use crate::tui::PaneContext;
use crate::tui::widgets::axis::LogAxis;
use crate::tui::widgets::columns;
use crate::tui::widgets::frame;
use crate::tui::widgets::frame::Title;
use crate::tui::widgets::text;

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let cycle = cx.shown_cycle();
    let main = cycle.map_or_else(
        || "Wait (TTFT)".to_owned(),
        |cycle| format!("Wait (TTFT) · {}", crate::text::numbers::users(cycle.users)),
    );
    let title = Title::new(main).aside("until the first token");
    frame::pane(frame, area, cx, &title, |buf, inner| {
        let Some(cycle) = cycle else {
            Line::styled("no cycle yet", cx.theme.dim).render(inner, buf);
            return;
        };
        let waits: Vec<f64> = cycle.waits_s().collect();
        let told = Dist::of(waits.iter().copied());
        let legend = legend(cx, cycle, &told, usize::from(inner.width));
        let lines =
            crate::text::numbers::u16_of(legend.len()).min(if inner.height >= 5 { 2 } else { 1 });
        let [chart, words] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(lines)]).areas(inner);
        let charted = chart.height >= 3 && chart.width >= 12;
        if charted {
            histogram(buf, chart, cx, &waits);
        }
        Paragraph::new(legend).render(if charted { words } else { inner }, buf);
    });
}

fn histogram(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>, waits: &[f64]) {
    let gutter = 4;
    let [top, bars, ticks] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let bars = Rect {
        x: bars.x.saturating_add(gutter),
        width: bars.width.saturating_sub(gutter),
        ..bars
    };
    let wide = (bars.width / 24).max(1);
    let buckets = usize::from(bars.width / wide).max(1);
    let limit = cx.limits.wait_s;
    let values = waits.iter().copied();
    let axis = LogAxis::holding(values.chain([limit / 100.0, limit]), buckets);
    let mut counts = vec![0_u32; buckets];
    for wait in waits {
        if let Some(count) = counts.get_mut(axis.bucket(*wait)) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let x_of = |bucket: usize| {
        let offset = crate::text::numbers::u16_of(bucket).saturating_mul(wide);
        bars.x.saturating_add(offset)
    };
    let limit_bucket = axis.bucket(limit);
    for (bucket, count) in counts.iter().enumerate() {
        let style = if bucket > limit_bucket {
            cx.theme.bad
        } else {
            cx.theme.series.first().copied().unwrap_or_default()
        };
        let bar = Rect::new(x_of(bucket), bars.y, wide, bars.height);
        columns::column(buf, bar, f64::from(*count) / f64::from(most), style);
    }
    let line = Rect::new(x_of(limit_bucket), bars.y, 1, bars.height);
    columns::line_behind(buf, line, "│", cx.theme.warn);
    limit_label(
        buf,
        Rect {
            x: bars.x,
            width: bars.width,
            ..top
        },
        line.x,
        cx,
    );
    scale(buf, bars, gutter, most, cx);
    for (bucket, label) in axis.ticks() {
        let room = bars.right().saturating_sub(x_of(bucket)).min(5);
        let place = Rect::new(x_of(bucket), ticks.y, room, 1).intersection(area);
        if text::width(label) <= usize::from(place.width) {
            Line::styled(label, cx.theme.dim).render(place, buf);
        }
    }
    Line::styled("s", cx.theme.dim).render(Rect { width: 1, ..ticks }, buf);
}

/// The label of the limit, ending or beginning at its line, whichever has the room.
fn limit_label(buf: &mut Buffer, row: Rect, x: u16, cx: &PaneContext<'_>) {
    let label = format!("limit {} s", text::plain(cx.limits.wait_s));
    let width = crate::text::numbers::u16_of(text::width(&label)).min(row.width);
    let left = x.min(row.right().saturating_sub(width)).max(row.x);
    let place = Rect::new(left, row.y, width, 1);
    Line::styled(label, cx.theme.warn).render(place, buf);
}

/// The scale of counts, left of the bars.
fn scale(buf: &mut Buffer, bars: Rect, gutter: u16, most: u32, cx: &PaneContext<'_>) {
    let width = gutter.saturating_sub(1);
    let x = bars.x.saturating_sub(gutter);
    let label = text::fit(&text::count(Some(u64::from(most))), usize::from(width)).into_owned();
    let top = Rect::new(x, bars.y, width, bars.height.min(1));
    if most > 0 {
        Line::styled(label, cx.theme.dim)
            .right_aligned()
            .render(top, buf);
    }
    if bars.height > 1 {
        let last = Rect {
            y: bars.bottom() - 1,
            ..top
        };
        Line::styled("0", cx.theme.dim)
            .right_aligned()
            .render(last, buf);
    }
}

/// What the sample can carry, in words, on lines of at most `room` columns.
fn legend(
    cx: &PaneContext<'_>,
    cycle: &CycleState,
    waits: &Dist,
    room: usize,
) -> Vec<Line<'static>> {
    let waiting = cycle
        .in_flight
        .values()
        .filter(|live| live.first_token.is_none());
    let waiting = waiting.count();
    let mut parts = vec![("n", waits.n.to_string())];
    if waits.n > 0 {
        parts.push(("p50", text::seconds(waits.p50)));
        let tail = [("p95", waits.p95), ("p99", waits.p99)];
        let carried = tail.iter().filter(|(_, value)| value.is_some());
        parts.extend(carried.map(|(name, value)| (*name, text::seconds(*value))));
        parts.push(("max", text::seconds(waits.max)));
    }
    if waiting > 0 {
        parts.push(("still waiting", waiting.to_string()));
    }
    let mut lines = vec![Line::default()];
    for (label, value) in parts {
        let width = text::width(label) + 1 + text::width(&value);
        let used = lines.last().map_or(0, Line::width);
        if used > 0 && used + 2 + width > room {
            lines.push(Line::default());
        }
        if let Some(line) = lines.last_mut() {
            let gap = if line.spans.is_empty() { "" } else { "  " };
            line.push_span(Span::styled(format!("{gap}{label} "), cx.theme.dim));
            line.push_span(Span::raw(value));
        }
    }
    lines
}
