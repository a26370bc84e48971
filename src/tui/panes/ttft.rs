//! How long the requests of a cycle waited, as a histogram: for the first token with its limit marked, or, on a
//! key, for the first byte.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::macros::{horizontal, vertical};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::event::RequestRecord;
use crate::metrics::dist::Dist;
use crate::metrics::state::CycleState;
use crate::text::numbers::{self, u16_of};
use crate::tui::PaneContext;
use crate::tui::widgets::axis::LogAxis;
use crate::tui::widgets::text::flow;
use crate::tui::widgets::{Title, columns, frame, text};

/// What the requests waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitedFor {
    /// TTFT.
    #[default]
    FirstToken,
    /// TTFB.
    FirstByte,
}

impl WaitedFor {
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::FirstToken => Self::FirstByte,
            Self::FirstByte => Self::FirstToken,
        }
    }

    const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::FirstToken => ("Wait (TTFT)", "until the first token"),
            Self::FirstByte => ("First byte (TTFB)", "until the first byte"),
        }
    }

    fn seconds(self, cycle: &CycleState) -> Vec<f64> {
        match self {
            Self::FirstToken => cycle.waits_s().collect(),
            Self::FirstByte => {
                let known = cycle.succeeded().filter_map(RequestRecord::ttfb_s);
                known.collect()
            }
        }
    }
}

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>, waited_for: WaitedFor) {
    let cycle = cx.shown_cycle();
    let (name, aside) = waited_for.title();
    let main = cycle.map_or_else(
        || name.to_owned(),
        |cycle| format!("{name} · {}", numbers::users(cycle.users)),
    );
    let title = Title::new(main).aside(aside);
    frame::pane(frame, area, cx, &title, |buf, inner| {
        let Some(cycle) = cycle else {
            Line::styled("no cycle yet", cx.theme.dim).render(inner, buf);
            return;
        };
        let waits = waited_for.seconds(cycle);
        let dist = Dist::from_samples(waits.iter().copied());
        let legend = legend(cx, cycle, &dist, waited_for, usize::from(inner.width));
        let lines = u16_of(legend.len()).min(if inner.height >= 5 { 2 } else { 1 });
        let [chart, words] = vertical![*=1, ==lines].areas(inner);
        let charted = chart.height >= 3 && chart.width >= 12;
        if charted {
            // The limit is one of the wait for the first token.
            let limit = (waited_for == WaitedFor::FirstToken).then_some(cx.limits.wait_s);
            Histogram::new(chart, &waits, limit).draw(buf, cx);
        }
        Paragraph::new(legend).render(if charted { words } else { inner }, buf);
    });
}

/// Columns of the scale, left of the bars.
const GUTTER: u16 = 4;

/// Counts by wait, on a logarithmic axis.
struct Histogram {
    /// The row of the limit's label, the bars, and the row of the ticks.
    top: Rect,
    bars: Rect,
    ticks: Rect,
    /// Columns of a bar.
    wide: u16,
    axis: LogAxis,
    counts: Vec<u32>,
    limit: Option<f64>,
}

impl Histogram {
    fn new(area: Rect, waits: &[f64], limit: Option<f64>) -> Self {
        let [_, scaled] = horizontal![==GUTTER, *=1].areas(area);
        let [top, bars, ticks] = vertical![==1, *=1, ==1].areas(scaled);
        let wide = (bars.width / 24).max(1);
        let buckets = usize::from(bars.width / wide).max(1);
        let shown = limit.into_iter().flat_map(|limit| [limit / 100.0, limit]);
        let axis = LogAxis::from_values(waits.iter().copied().chain(shown), buckets);
        let mut counts = vec![0_u32; buckets];
        for wait in waits {
            if let Some(count) = counts.get_mut(axis.bucket(*wait)) {
                *count += 1;
            }
        }
        Self {
            top,
            bars,
            ticks,
            wide,
            axis,
            counts,
            limit,
        }
    }

    /// The left column of a bar.
    fn x_of(&self, bucket: usize) -> u16 {
        let offset = u16_of(bucket).saturating_mul(self.wide);
        self.bars.x.saturating_add(offset)
    }

    fn draw(&self, buf: &mut Buffer, cx: &PaneContext<'_>) {
        let bars = self.bars;
        let most = self.counts.iter().copied().max().unwrap_or(0);
        let limit = self.limit.map(|limit| (limit, self.axis.bucket(limit)));
        for (bucket, count) in self.counts.iter().enumerate() {
            let style = if limit.is_some_and(|(_, last)| bucket > last) {
                cx.theme.bad
            } else {
                cx.theme.series.first().copied().unwrap_or_default()
            };
            let bar = Rect::new(self.x_of(bucket), bars.y, self.wide, bars.height);
            columns::column(buf, bar, f64::from(*count) / f64::from(most), style);
        }
        if let Some((limit, bucket)) = limit {
            let line = Rect::new(self.x_of(bucket), bars.y, 1, bars.height);
            columns::line_behind(buf, line, "│", cx.theme.warn);
            limit_label(buf, self.top, line.x, limit, cx);
        }
        scale(buf, bars, most, cx);
        self.draw_ticks(buf, cx);
    }

    fn draw_ticks(&self, buf: &mut Buffer, cx: &PaneContext<'_>) {
        for (bucket, label) in self.axis.ticks() {
            let room = self.bars.right().saturating_sub(self.x_of(bucket)).min(5);
            let place = Rect::new(self.x_of(bucket), self.ticks.y, room, 1);
            if text::width(label) <= usize::from(room) {
                Line::styled(label, cx.theme.dim).render(place, buf);
            }
        }
        let unit = Rect {
            x: self.ticks.x.saturating_sub(GUTTER),
            width: 1,
            ..self.ticks
        };
        Line::styled("s", cx.theme.dim).render(unit, buf);
    }
}

/// The label of the limit, ending or beginning at its line, whichever has the room.
fn limit_label(buf: &mut Buffer, row: Rect, x: u16, limit: f64, cx: &PaneContext<'_>) {
    let label = format!("limit {} s", text::plain(limit));
    let width = u16_of(text::width(&label)).min(row.width);
    let left = x.min(row.right().saturating_sub(width)).max(row.x);
    let place = Rect::new(left, row.y, width, 1);
    Line::styled(label, cx.theme.warn).render(place, buf);
}

/// The scale of counts, left of the bars.
fn scale(buf: &mut Buffer, bars: Rect, most: u32, cx: &PaneContext<'_>) {
    let width = GUTTER - 1;
    let x = bars.x.saturating_sub(GUTTER);
    let mut label = |words: &str, y: u16| {
        let line = Line::styled(words.to_owned(), cx.theme.dim).right_aligned();
        line.render(Rect::new(x, y, width, bars.height.min(1)), buf);
    };
    if most > 0 {
        let count = text::count(Some(u64::from(most)));
        label(&text::fit(&count, usize::from(width)), bars.y);
    }
    if bars.height > 1 {
        label("0", bars.bottom() - 1);
    }
}

/// What the sample can carry, in words, on lines of at most `room` columns.
fn legend(
    cx: &PaneContext<'_>,
    cycle: &CycleState,
    waits: &Dist,
    waited_for: WaitedFor,
    room: usize,
) -> Vec<Line<'static>> {
    let waiting = cycle
        .in_flight
        .values()
        .filter(|live| live.first_token.is_none());
    let waiting = waiting.filter(|_| waited_for == WaitedFor::FirstToken);
    let waiting = waiting.count();
    let mut parts = vec![("n", waits.n.to_string())];
    if waits.n > 0 {
        parts.push(("p50", text::seconds(waits.p50)));
        let bounded = |bound: Option<f64>| bound.filter(|_| waiting == 0);
        for (name, value, bound) in [
            ("p95", waits.p95, bounded(waits.p95_upper)),
            ("p99", waits.p99, bounded(waits.p99_upper)),
        ] {
            let most = frame::at_most(cx.theme);
            let bound = bound.map(|_| format!(" ({most} {})", text::seconds(bound)));
            let words = text::seconds(value) + &bound.unwrap_or_default();
            parts.extend(value.map(|_| (name, words)));
        }
        parts.push(("max", text::seconds(waits.max)));
    }
    if waiting > 0 {
        parts.push(("still waiting", waiting.to_string()));
    }
    let parts = parts.into_iter().map(|(label, value)| {
        let label = Span::styled(format!("{label} "), cx.theme.dim);
        vec![label, Span::raw(value)]
    });
    flow(parts, &Span::styled("  ", cx.theme.dim), room)
}
