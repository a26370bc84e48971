//! Runs side by side: each level, each figure, and the difference that the samples can show.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::metrics::compare::{Change, Comparison, Row, RunHead};
use crate::metrics::metric::{Better, Metric};
use crate::text::numbers::{self, carried, letter, u16_of};
use crate::tui::PaneContext;
use crate::tui::theme::Theme;
use crate::tui::widgets::frame::{self, Title};
use crate::tui::widgets::text;

/// Columns of the name of a figure, of a value and of a unit.
const NAME: usize = 13;
const VALUE: usize = 10;
const UNIT: usize = 8;

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>, comparison: &Comparison) {
    let runs = comparison.runs.len();
    let title = Title::new(format!("Comparison · {runs} runs"));
    let title = title.aside("differences against A, 95 % intervals");
    frame::pane(frame, area, cx, &title, |buf, inner| {
        let lines = lines(comparison, cx.theme, usize::from(inner.width));
        let text = Paragraph::new(lines).scroll((u16_of(cx.scroll), 0));
        text.render(inner, buf);
    });
}

/// The comparison in lines of at most `columns`.
pub fn lines(comparison: &Comparison, theme: &Theme, columns: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (number, run) in comparison.runs.iter().enumerate() {
        lines.extend(head(number, run, theme, columns));
    }
    for warning in &comparison.warnings {
        lines.extend(indented("▲ ", warning, theme.warn, columns));
    }
    for level in &comparison.levels {
        let names = (0..comparison.runs.len()).map(|run| format!("{:>VALUE$}", letter(run)));
        let title = format!("{:<NAME$}", numbers::users(level.users));
        lines.push(Line::default());
        lines.push(Line::from(vec![
            Span::styled(title, theme.title),
            Span::styled(names.collect::<String>(), theme.dim),
        ]));
        if level.rows.is_empty() {
            lines.push(Line::styled("  nothing was measured", theme.dim));
        }
        for row in &level.rows {
            lines.extend(figures(row, theme, columns));
        }
    }
    if comparison.levels.is_empty() {
        lines.push(Line::default());
        lines.push(Line::styled(
            "None of these runs has a level to compare.",
            theme.text,
        ));
    }
    lines
}

/// Which run a letter stands for.
fn head(number: usize, run: &RunHead, theme: &Theme, columns: usize) -> Vec<Line<'static>> {
    let mut words = format!("{} · {}", run.model, run.id);
    if let Some(server) = &run.server {
        words = format!("{words} · {server}");
    }
    if let (Some(share), Some(mean)) = (&run.by_share, &run.by_mean) {
        let state = share.state.map_or_else(String::new, |s| format!(" {s}"));
        let (share, mean) = (carried(share.both_users), carried(mean.both_users));
        words = format!("{words} · users {share}{state}, by mean {mean}");
    }
    let style = if run.simulated {
        words = format!("SIMULATED {words}");
        theme.warn
    } else {
        theme.text
    };
    indented(&format!("{} ", letter(number)), &words, style, columns)
}

/// Words in lines of at most `columns`, all but the first as far in as `first` is wide.
fn indented(first: &str, words: &str, style: Style, columns: usize) -> Vec<Line<'static>> {
    let indent = text::width(first);
    let wrapped = text::wrap(words, columns.saturating_sub(indent));
    let lines = wrapped.into_iter().enumerate().map(|(index, line)| {
        let begin = if index == 0 { first } else { "" };
        Line::styled(format!("{begin:<indent$}{line}"), style)
    });
    lines.collect()
}

/// One figure: the value of each run, and the differences: one beside them where there is room, else below.
fn figures(row: &Row, theme: &Theme, columns: usize) -> Vec<Line<'static>> {
    let values = (0..row.values.len()).map(|run| format!("{:>VALUE$}", row.text(run)));
    let mut begin = format!("  {:<1$}", row.metric.name(), NAME - 2);
    begin.extend(values);
    let begin = format!("{begin} {:<UNIT$}", row.metric.unit.symbol());
    let mut lines = vec![Line::styled(begin, theme.text)];
    let is_only = row.changes.len() == 1;
    for (number, change) in row.changes.iter().enumerate() {
        let of = if is_only {
            String::new()
        } else {
            format!("{} ", letter(number + 1))
        };
        let (words, style) = match change {
            Some(change) => (
                change.sentence(row.metric),
                change_style(row.metric, change, theme),
            ),
            None => (text::UNKNOWN.to_owned(), theme.dim),
        };
        let words = format!("{of}{words}");
        let last = lines.last_mut().filter(|_| is_only);
        match last {
            Some(line) if line.width() + 1 + text::width(&words) <= columns => {
                line.push_span(Span::styled(format!(" {words}"), style));
            }
            _ => lines.extend(indented(&" ".repeat(NAME), &words, style, columns)),
        }
    }
    lines
}

/// Colors a difference that the samples show as good or bad.
fn change_style(metric: &Metric, change: &Change, theme: &Theme) -> Style {
    if !change.shown {
        return theme.dim;
    }
    match metric.better {
        Better::Neither => theme.text,
        better if (change.by > 0.0) == (better == Better::Higher) => theme.good,
        _ => theme.bad,
    }
}
