//! The answer of the watched request as it comes, thinking told apart.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::tui::widgets::{Title, frame, text};
use crate::tui::{AnswerView, PaneContext};

/// What stands before each line of thinking, so that it can be told apart without color too.
const BAR: &str = "┆ ";

/// Draws the pane. It follows the end of the answer, or stands `cx.scroll` lines above it.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let main = match (cx.answer, cx.request) {
        (Some(answer), _) => format!("Answer · request {}", answer.id),
        (None, Some(id)) => format!("Answer · request {id}"),
        (None, None) => "Answer".to_owned(),
    };
    let mut title = Title::new(main);
    if cx
        .answer
        .and_then(|a| a.parts.last())
        .is_some_and(|(thinking, _)| *thinking)
    {
        title.main.push_str(" · thinking");
    }
    if cx.scroll > 0 {
        title = title.aside(format!("▲ {} lines from the end", cx.scroll));
    }
    frame::pane(frame, area, cx, &title, |buf, inner| match cx.answer {
        Some(answer) if answer.parts.iter().any(|(_, text)| !text.is_empty()) => {
            tail(buf, inner, cx, answer);
        }
        Some(_) => note(buf, inner, cx, "no token yet"),
        None if cx.request.is_some() => {
            note(buf, inner, cx, "the text of this request was not kept");
        }
        None => note(buf, inner, cx, "no request selected"),
    });
}

fn note(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>, words: &'static str) {
    Line::styled(words, cx.theme.dim).render(area, buf);
}

fn tail(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>, answer: &AnswerView) {
    let height = usize::from(area.height);
    let columns = usize::from(area.width);
    let wanted = height.saturating_add(cx.scroll);
    // From the end upward, and no further than is seen: an answer may be long.
    let mut lines: Vec<Line<'static>> = Vec::new();
    'parts: for (thinking, text) in runs(answer).iter().rev() {
        let (prefix, style) = if *thinking {
            (BAR, cx.theme.thinking)
        } else {
            ("", cx.theme.text)
        };
        let room = columns.saturating_sub(text::width(prefix));
        for paragraph in trim(text, *thinking).rsplit('\n') {
            for line in text::wrap(paragraph, room).into_iter().rev() {
                lines.push(Line::from(vec![
                    Span::styled(prefix, cx.theme.dim),
                    Span::styled(line, style),
                ]));
            }
            if lines.len() >= wanted {
                break 'parts;
            }
        }
        if *thinking {
            lines.push(Line::styled("thinking", cx.theme.dim));
        }
    }
    let scroll = cx.scroll.min(lines.len().saturating_sub(height));
    let mut seen: Vec<_> = lines.into_iter().skip(scroll).take(height).collect();
    seen.reverse();
    Paragraph::new(seen).render(area, buf);
}

/// The parts with neighbors of the same kind joined.
fn runs(answer: &AnswerView) -> Vec<(bool, String)> {
    let mut runs: Vec<(bool, String)> = Vec::new();
    for (thinking, text) in &answer.parts {
        match runs.last_mut() {
            Some((last, run)) if last == thinking => run.push_str(text),
            _ => runs.push((*thinking, text.clone())),
        }
    }
    runs.retain(|(_, text)| !text.trim().is_empty());
    runs
}

/// Models pad their thinking with empty lines; an answer keeps its own.
fn trim(text: &str, thinking: bool) -> &str {
    if thinking {
        text.trim_matches('\n')
    } else {
        text.trim_start_matches('\n')
    }
}
