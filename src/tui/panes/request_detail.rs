//! Everything of one request: its phases, the client's and the server's figures side by side.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::event::{Outcome, RequestRecord, Stamp};
use crate::metrics::metric::{self, Outlet, Unit};
use crate::text::numbers::{floor_u64, percent};
use crate::tui::PaneContext;
use crate::tui::panes::figures::labeled;
use crate::tui::panes::popup::wrapped;
use crate::tui::panes::request_rows::{self, RequestRow};
use crate::tui::theme::Theme;
use crate::tui::widgets::text::flow;
use crate::tui::widgets::{Title, cells, frame, text};

/// Draws the pane; `cx.scroll` lines are above it.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let entry = find(cx);
    let title = entry.as_ref().map_or_else(
        || Title::new("Request"),
        |entry| {
            let who = format!("user {} · round {}", entry.user(), entry.round());
            Title::new(format!("Request {}", entry.id())).aside(who)
        },
    );
    frame::pane(frame, area, cx, &title, |buf, inner| {
        let lines = match entry {
            None => vec![Line::styled("no request selected", cx.theme.dim)],
            Some(RequestRow::Ended(record)) => ended(cx, record, usize::from(inner.width)),
            Some(RequestRow::Live(_)) => entry.map(|e| live(cx, &e)).unwrap_or_default(),
        };
        let scroll = cx
            .scroll
            .min(lines.len().saturating_sub(usize::from(inner.height)));
        let seen: Vec<_> = lines.into_iter().skip(scroll).collect();
        Paragraph::new(seen).render(inner, buf);
    });
}

fn find<'a>(cx: &PaneContext<'a>) -> Option<RequestRow<'a>> {
    let id = cx.request?;
    let shown = cx.shown_cycle().into_iter();
    let all = shown.chain(cx.run.cycles.iter().rev());
    all.flat_map(request_rows::entries)
        .find(|entry| entry.id() == id)
}

fn live(cx: &PaneContext<'_>, entry: &RequestRow<'_>) -> Vec<Line<'static>> {
    let state = Span::styled(entry.state(), entry.style(cx.theme));
    let mut lines = vec![Line::from(state), Line::default()];
    let mut row = |label: &str, value: String| {
        lines.push(labeled(cx.theme, label, LABEL, value));
    };
    row("first token", text::seconds(entry.wait_s()));
    if let Some(waiting) = entry.waiting_s(cx.now) {
        row("waiting for", text::seconds(Some(waiting)));
    }
    row("tokens so far", entry.tokens_text());
    row(
        "speed so far",
        with_unit(text::tok_s(entry.speed_tok_s(cx.now)), " tok/s"),
    );
    row("duration", text::seconds(Some(entry.duration_s(cx.now))));
    lines
}

/// Width of the labels and of each column of figures.
const LABEL: usize = 16;
const FIGURE: usize = 12;

fn ended(cx: &PaneContext<'_>, record: &RequestRecord, width: usize) -> Vec<Line<'static>> {
    let theme = cx.theme;
    let entry = RequestRow::Ended(record);
    let mut lines: Vec<Line<'static>> = match &record.outcome {
        Outcome::Done { reason } => {
            let reason = reason.as_deref().map(|r| format!(" · {}", text::safe(r)));
            let words = format!("✔ done{}", reason.unwrap_or_default());
            vec![Line::styled(text::fit(&words, width), theme.good)]
        }
        Outcome::Failed { message, .. } => {
            let words = format!("✘ {}. {message}", entry.state());
            let mut lines = wrapped(&words, width, theme.bad);
            lines.truncate(4);
            lines
        }
        Outcome::ServerGone { message, .. } => {
            let words = format!("■ {}; it counts nowhere. {message}", entry.state());
            let mut lines = wrapped(&words, width, theme.warn);
            lines.truncate(4);
            lines
        }
        Outcome::Cancelled => vec![Line::styled("cancelled", theme.dim)],
    };
    lines.push(Line::default());
    lines.extend(phase_bar(theme, &phases(theme, record), width));
    lines.push(Line::default());
    lines.extend(side_by_side(theme, record));
    lines.push(Line::default());
    lines.extend(rest(theme, record));
    lines
}

/// A phase of a request: its name, the glyph and the style of its bar, and its seconds.
type Phase = (&'static str, &'static str, Style, f64);

/// What the request went through, in order.
fn phases(theme: &Theme, record: &RequestRecord) -> Vec<Phase> {
    let between = |from: Option<Stamp>, to: Option<Stamp>| match (from, to) {
        (Some(from), Some(to)) => to.since(from),
        _ => 0.0,
    };
    let end = Some(record.ended);
    let first = record.first_token.or(end);
    let thought = record.thinking_chunks.is_some_and(|chunks| chunks > 0);
    let answers = if thought {
        record.first_answer
    } else {
        record.first_token
    };
    let seconds = |took: Option<u64>| took.map_or(0.0, |us| us as f64 / 1e6);
    let thinking = between(record.first_token, answers.or(end));
    let mut phases = vec![
        ("connect", "▒", theme.dim, seconds(record.connect_us)),
        ("TLS", "▒", theme.dim, seconds(record.tls_us)),
        ("wait", "░", theme.warn, between(Some(record.sent), first)),
        ("thinking", "▓", theme.thinking, thinking),
        ("answering", "█", theme.good, between(answers, end)),
    ];
    phases.retain(|(.., seconds)| *seconds > 0.0);
    phases
}

/// The phases as parts of one bar, each at least one cell, and their legend.
fn phase_bar(theme: &Theme, phases: &[Phase], width: usize) -> Vec<Line<'static>> {
    let whole: f64 = phases.iter().map(|(.., seconds)| seconds).sum();
    let spare = width.saturating_sub(phases.len());
    let bar = phases.iter().map(|(_, glyph, style, seconds)| {
        let width = cells(seconds / whole * spare as f64, spare);
        Span::styled(glyph.repeat(width + 1), *style)
    });
    let legend = phases.iter().map(|(name, glyph, style, seconds)| {
        let seconds = text::seconds(Some(*seconds));
        vec![Span::styled(format!("{glyph} {name} {seconds}"), *style)]
    });
    let mut lines = vec![bar.collect::<Line<'_>>()];
    lines.extend(flow(legend, &Span::styled("   ", theme.dim), width));
    lines
}

fn side_by_side(theme: &Theme, record: &RequestRecord) -> Vec<Line<'static>> {
    let server = &record.server;
    let speed = |v| with_unit(text::tok_s(v), " tok/s");
    let streamed = record
        .first_token
        .zip(record.last_token)
        .map(|(first, last)| last.since(first));
    let none = || text::UNKNOWN.to_owned();
    let counted = record.server.output_tokens;
    let chunks = text::count(Some(u64::from(record.chunks)));
    let rows = [
        ("", "client".to_owned(), "server".to_owned()),
        (
            "speed",
            speed(record.speed_tok_s()),
            speed(server.speed_tok_s()),
        ),
        ("output tokens", format!("~{chunks}"), text::count(counted)),
        ("prompt tokens", none(), text::count(server.prompt_tokens)),
        ("loading", none(), text::seconds(server.load_s)),
        (
            "reading prompt",
            none(),
            text::seconds(server.prompt_eval_s),
        ),
        (
            "writing answer",
            text::seconds(streamed),
            text::seconds(server.eval_s),
        ),
        (
            "total",
            text::seconds(record.total_s()),
            text::seconds(server.total_s),
        ),
    ];
    let line = |(label, client, server): (&str, String, String)| {
        let style = if label.is_empty() {
            theme.dim
        } else {
            theme.text
        };
        let values = format!("{client:>FIGURE$}{server:>FIGURE$}");
        labeled(theme, label, LABEL, Span::styled(values, style))
    };
    rows.into_iter().map(line).collect()
}

fn rest(theme: &Theme, record: &RequestRecord) -> Vec<Line<'static>> {
    let sent = text::seconds(Some(record.sent.secs()));
    let head = record.head.map(|head| head.since(record.sent));
    let gap = |p: f64| text::seconds(gap_s(&record.itl_us, p));
    let gaps = format!("{} median · {} longest", gap(0.5), gap(1.0));
    let thinking = record.thinking_chunks;
    let thinking = thinking.map(|chunks| format!(" · {chunks} of thinking"));
    let chunks = format!("{}{}", record.chunks, thinking.unwrap_or_default());
    let mut rows = vec![
        (0, "sent", format!("{sent} into the run")),
        (1, "headers", text::seconds(head)),
        (55, "token gaps", gaps),
        (58, "chunks", chunks),
        (80, "prompt", format!("number {}", record.prompt)),
    ];
    rows.extend(
        metric::shown(Outlet::Request)
            .into_iter()
            .map(|(metric, shown)| (metric, shown, metric.request.and_then(|of| of(record))))
            .filter(|(metric, _, value)| value.is_some() || !metric.is_optional)
            .map(|(metric, shown, value)| {
                let counted = match metric.unit {
                    Unit::Seconds => text::seconds(value),
                    Unit::Share => percent(value, 0),
                    _ => text::count(value.map(floor_u64)),
                };
                (shown.place, shown.head, counted)
            }),
    );
    rows.sort_by_key(|(place, ..)| *place);
    let line = |(_, label, value): (u16, &str, String)| labeled(theme, label, LABEL, value);
    rows.into_iter().map(line).collect()
}

/// The gap at that share (0–1) of all gaps, seconds, from `[microseconds, count, …]`.
fn gap_s(itl_us: &[u64], share: f64) -> Option<f64> {
    let pairs = || itl_us.as_chunks::<2>().0.iter();
    let all: u64 = pairs().fold(0, |sum, [_, count]| sum.saturating_add(*count));
    let rank = floor_u64((all as f64 * share).ceil()).max(1);
    let mut seen = 0_u64;
    let at = pairs().find(|[_, count]| {
        seen = seen.saturating_add(*count);
        seen >= rank
    });
    at.map(|[micros, _]| *micros as f64 / 1e6)
}

fn with_unit(value: String, unit: &str) -> String {
    if value == text::UNKNOWN {
        value
    } else {
        value + unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_with_their_number() {
        let itl = [10_000, 98, 50_000, 1, 900_000, 1];
        assert_eq!(gap_s(&itl, 0.5), Some(0.01));
        assert_eq!(gap_s(&itl, 0.99), Some(0.05));
        assert_eq!(gap_s(&itl, 1.0), Some(0.9));
        assert_eq!(gap_s(&[], 0.5), None);
    }
}
