//! What a reader of the numbers should know: how the model was loaded, then the warnings, newest last.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::event::{Stamp, Warning, WarningKind};
use crate::tui::PaneContext;
use crate::tui::theme::Theme;
use crate::tui::widgets::{Title, frame, text};

/// Draws the pane. It follows the end, or stands `cx.scroll` lines above it.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let warnings = &cx.run.warnings;
    let mut title = Title::new("Log");
    if !warnings.is_empty() {
        title = title.aside(warnings.len().to_string());
    }
    frame::pane(frame, area, cx, &title, |buf, inner| {
        if warnings.is_empty() && cx.run.load_s.is_none() {
            Line::styled("no warnings", cx.theme.dim).render(inner, buf);
            return;
        }
        let height = usize::from(inner.height);
        let wanted = height.saturating_add(cx.scroll);
        let mut lines: Vec<Line<'static>> = Vec::new();
        for (at, warning) in warnings.iter().rev() {
            lines.extend(entry(cx.theme, *at, warning, inner.width).into_iter().rev());
            if lines.len() >= wanted {
                break;
            }
        }
        if let Some(loaded) = cx.run.load_s.filter(|_| lines.len() < wanted) {
            lines.push(load_time(cx.theme, loaded, inner.width));
        }
        let scroll = cx.scroll.min(lines.len().saturating_sub(height));
        let mut seen: Vec<_> = lines.into_iter().skip(scroll).take(height).collect();
        seen.reverse();
        Paragraph::new(seen).render(inner, buf);
    });
}

/// How long the model took to load, as the client saw it and as the server says.
fn load_time(theme: &Theme, (took_s, server_s): (f64, Option<f64>), width: u16) -> Line<'static> {
    let mut words = format!("model loaded in {}", text::seconds(Some(took_s)));
    if server_s.is_some() {
        words += ", server: ";
        words += &text::seconds(server_s);
    }
    Line::styled(text::fit(&words, usize::from(width)), theme.dim)
}

fn entry(theme: &Theme, at: Stamp, warning: &Warning, width: u16) -> Vec<Line<'static>> {
    let (mark, style) = weight(theme, warning.kind);
    let kind = warning.kind.to_string().replace('_', " ");
    let time = format!("{:>7} ", text::clock(at.secs()));
    let head = format!("{mark} {kind}: ");
    let hang = text::width(&time) + 2;
    let room = usize::from(width).saturating_sub(hang);
    // The kind leads the first line; lines after it hang below its first letter.
    let all = format!("{kind}: {}", warning.text);
    let mut lines = Vec::new();
    for (i, line) in text::wrap(&all, room).into_iter().enumerate() {
        if i > 0 {
            lines.push(Line::raw(format!("{}{line}", " ".repeat(hang))));
            continue;
        }
        let lead = head.trim_end();
        let marked = format!("{mark} {line}");
        let words = match marked.strip_prefix(lead) {
            Some(rest) => vec![
                Span::styled(lead.to_owned(), style),
                Span::raw(rest.to_owned()),
            ],
            None => vec![Span::styled(marked, style)],
        };
        let mut spans = vec![Span::styled(time.clone(), theme.dim)];
        spans.extend(words);
        lines.push(Line::from(spans));
    }
    lines
}

/// A mark and a style for how much a warning weighs.
fn weight(theme: &Theme, kind: WarningKind) -> (&'static str, Style) {
    match kind {
        WarningKind::WarmupFailed
        | WarningKind::ConnectionsFailed
        | WarningKind::Failures
        | WarningKind::ServerGone
        | WarningKind::Recorder
        | WarningKind::Impossible => ("✘", theme.bad),
        WarningKind::Simulated
        | WarningKind::Descriptors
        | WarningKind::Hopeless
        | WarningKind::Slots
        | WarningKind::ClientLate
        | WarningKind::ColdLoad
        | WarningKind::SlowFirst
        | WarningKind::TokenCounts
        | WarningKind::Buffered
        | WarningKind::SamplerGap
        | WarningKind::OtherProcess
        | WarningKind::Repeats
        | WarningKind::CutShort
        | WarningKind::WhatIf => ("!", theme.warn),
        WarningKind::Monitor | WarningKind::Imported | WarningKind::Other => ("·", theme.text),
    }
}
