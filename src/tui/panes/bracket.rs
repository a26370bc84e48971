//! The bracket around the answer, on one line, while a run finds its levels: which hold, which fail, what is open, and
//! what that still takes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::metrics::bracket::{Asked, Bracket};
use crate::metrics::state::Stage;
use crate::metrics::verdict::State;
use crate::text::numbers::clock;
use crate::tui::PaneContext;
use crate::tui::panes::verdict::style;
use crate::tui::widgets::{frame, text};

/// The most levels of a kind that are listed; of more, those next to the answer.
const LISTED: usize = 6;

/// Draws the line; it has no frame.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    frame::bare(frame, area, cx, |buf, area| {
        let line = line(cx, usize::from(area.width));
        line.render(Rect { height: 1, ..area }, buf);
    });
}

/// As much of it as there is room for: the levels first, then what is needed, the time that is left, what is untried.
fn line(cx: &PaneContext<'_>, width: usize) -> Line<'static> {
    let Some(bracket) = Bracket::new(cx.run, cx.verdict, cx.now) else {
        return Line::default();
    };
    let mut line = levels(cx, &bracket, LISTED);
    if line.width() > width {
        line = levels(cx, &bracket, 2);
    }
    let parts = [
        next(cx),
        needed(&bracket),
        bracket.left_s.map(|left| format!("{} left", clock(left))),
        bracket.untried.map(|(first, last)| match last {
            last if last == first => format!("{first} untried"),
            last => format!("{first}–{last} untried"),
        }),
    ];
    for part in parts.into_iter().flatten() {
        let part = format!(" · {part}");
        if line.width() + text::width(&part) <= width {
            line.push_span(Span::raw(part));
        }
    }
    line
}

/// `✔ 1 2 4  ? 5 likely  ✘ 6 8`
fn levels(cx: &PaneContext<'_>, bracket: &Bracket, listed: usize) -> Line<'static> {
    let theme = cx.theme;
    let asked = match bracket.asked {
        Asked::Both => "",
        Asked::Wait => "wait ",
        Asked::Speed => "speed ",
    };
    let mut spans = vec![Span::styled(format!(" {asked}"), theme.dim)];
    let group = |sign: &str, words: Vec<String>, style: Style| {
        let words = words.join(" ");
        Span::styled(format!("{sign} {words}  "), style)
    };
    let numbers = |levels: &[u32]| levels.iter().map(u32::to_string).collect::<Vec<String>>();
    if !bracket.hold.is_empty() {
        let cut = bracket.hold.len().saturating_sub(listed);
        let mut words = numbers(bracket.hold.get(cut..).unwrap_or_default());
        if cut > 0 {
            words.insert(0, "…".to_owned());
        }
        spans.push(group("✔", words, style(theme, State::Holds)));
    }
    // Neighbors of which the same is known stand together.
    let open = bracket.open.get(..listed).unwrap_or(&bracket.open);
    for alike in open.chunk_by(|a, b| a.1 == b.1) {
        let mut words: Vec<String> = alike.iter().map(|(users, _)| users.to_string()).collect();
        let state = alike.first().and_then(|(_, state)| *state);
        words.push(state.map_or_else(|| "not known".to_owned(), |state| state.to_string()));
        let style = state.map_or(theme.dim, |state| style(theme, state));
        spans.push(group("?", words, style));
    }
    if !bracket.fail.is_empty() {
        let mut words = numbers(bracket.fail.get(..listed).unwrap_or(&bracket.fail));
        if bracket.fail.len() > listed {
            words.push("…".to_owned());
        }
        spans.push(group("✘", words, style(theme, State::Fails)));
    }
    if spans.len() == 1 {
        spans.push(Span::styled("no level is known yet ", theme.dim));
    }
    // The gap to what follows comes with that.
    if let Some(last) = spans.last_mut() {
        last.content = last.content.trim_end().to_owned().into();
    }
    Line::from(spans)
}

/// The level that is asked now, or comes next.
fn next(cx: &PaneContext<'_>) -> Option<String> {
    let current = cx.run.current();
    Some(match cx.run.stage {
        Stage::Resting { next_users, .. } => format!("next {next_users}"),
        Stage::ServerGone { .. } => format!("then {} again", current?.users),
        _ => format!("asking {}", current?.users),
    })
}

fn needed(bracket: &Bracket) -> Option<String> {
    let (requests, seconds) = bracket.needed.filter(|(requests, _)| *requests > 0)?;
    let time = seconds.map_or_else(String::new, |s| format!(", {}", clock(s.max(1.0))));
    let noun = if requests == 1 { "request" } else { "requests" };
    Some(format!("needs {requests} {noun}{time}"))
}
