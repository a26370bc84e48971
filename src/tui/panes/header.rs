//! The line at the top: what is measured, and the marks that must not be overlooked.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::event::Stamp;
use crate::metrics::state::Stage;
use crate::text::numbers::{floor_u64, running_clock};
use crate::tui::app::{App, Screen};
use crate::tui::layout::View;
use crate::tui::player::Player;
use crate::tui::widgets::text;

/// Draws the line.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let area = area.intersection(frame.area());
    let marks = marks(app);
    let room = usize::from(area.width).saturating_sub(marks.width() + 1);
    frame.render_widget(Line::from(who(app, room)), area);
    frame.render_widget(marks.right_aligned(), area);
}

/// The model and the server, in `room` columns: what does not fit is left out, least important first.
fn who(app: &App, room: usize) -> Vec<Span<'static>> {
    let theme = app.theme();
    let Some(target) = app.target() else {
        let mut spans = vec![Span::styled("tokometer", theme.title)];
        if app.view() == View::Preview {
            let words = text::fit("  what tokens per second feel like", room.saturating_sub(9));
            spans.push(Span::styled(words, theme.text));
        }
        return spans;
    };
    let model = &target.model;
    let of = |known: &Option<String>| known.clone();
    let size = model.size_bytes.map(|size| text::bytes(Some(size)));
    let name = Some(model.short_name().to_owned()).filter(|name| !name.is_empty());
    let server = of(&target.server).unwrap_or_else(|| target.dialect.to_string());
    let server = match host(&target.url) {
        // An imported run does not report where its server was.
        "" => server,
        host => format!("{server} @ {host}"),
    };
    let slots = app.slots().map(|slots| format!("slots {slots}"));
    // Rank 0 stays; the largest rank goes first.
    let parts = [
        (0, "", Some("tokometer".to_owned()), theme.title),
        (0, "  ", name, theme.text),
        (3, " · ", of(&model.quantization), theme.text),
        (4, " · ", size, theme.text),
        (1, " │ ", Some(server), theme.dim),
        (2, " │ ", slots, theme.dim),
    ];
    let mut parts: Vec<(u8, &str, String, Style)> = parts
        .into_iter()
        .filter_map(|(rank, before, part, style)| {
            part.map(|part| (rank, before, text::safe(&part).into_owned(), style))
        })
        .collect();
    let width =
        |(_, before, part, _): &(u8, &str, String, Style)| text::width(before) + text::width(part);
    while parts.iter().map(width).sum::<usize>() > room {
        let least = parts.iter().map(|(rank, ..)| *rank).max().unwrap_or(0);
        if least == 0 {
            break;
        }
        parts.retain(|(rank, ..)| *rank != least);
    }
    let mut left = room;
    let mut spans = Vec::new();
    for (_, before, part, style) in parts {
        let part = text::fit(&part, left.saturating_sub(text::width(before)));
        left = left.saturating_sub(text::width(before) + text::width(&part));
        spans.push(Span::styled(before.to_owned(), theme.border));
        spans.push(Span::styled(part, style));
    }
    spans
}

/// The host and port of an address.
fn host(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    after.split('/').next().unwrap_or(after)
}

/// The marks at the right.
fn marks(app: &App) -> Line<'static> {
    let theme = app.theme();
    let mut marks = Vec::new();
    let mut mark = |text: String, style: Style| {
        if !marks.is_empty() {
            marks.push(Span::raw(" "));
        }
        marks.push(Span::styled(text, style));
    };
    if app.is_simulated() {
        mark(" SIMULATED ".to_owned(), theme.simulated);
    }
    if let Some(target) = app.target() {
        if target.route.is_unchecked {
            mark("UNCHECKED".to_owned(), theme.warn);
        }
        if target.route.proxy.is_some() {
            mark("PROXY".to_owned(), theme.warn);
        }
    }
    if app.is_frozen() {
        mark("FROZEN".to_owned(), theme.warn);
    }
    if let Some(replay) = app.replay() {
        if app.run().is_imported() {
            mark("IMPORTED".to_owned(), theme.warn);
        }
        mark(" REPLAY ".to_owned(), theme.selected);
        mark(played(replay), theme.text);
        if app.is_measuring() {
            mark(format!("{} REC", theme.dot()), theme.bad);
        }
        return Line::from(marks);
    }
    let Screen::Run(_) = app.screen() else {
        return Line::from(marks);
    };
    let run = app.run();
    if !run.warnings.is_empty() {
        mark(format!("▲ {}", run.warnings.len()), theme.warn);
    }
    if app.is_busy() && run.paused {
        mark("PAUSED".to_owned(), theme.warn);
    }
    mark_stage(app, mark);
    Line::from(marks)
}

/// What the run of the screen is doing, and how long it takes.
fn mark_stage(app: &App, mut mark: impl FnMut(String, Style)) {
    let theme = app.theme();
    let clock = running_clock(app.clock().secs());
    let recording = format!("{} REC {clock}", theme.dot());
    // Rounded up: it says 0 only when the rest is over.
    let left = |until: &Stamp| floor_u64(until.since(app.clock()).ceil());
    match &app.run().stage {
        _ if !app.is_busy() => mark(format!("ENDED {clock}"), theme.text),
        Stage::Idle => mark("STARTING".to_owned(), theme.dim),
        Stage::Warming { .. } => mark(format!("LOADING {clock}"), theme.warn),
        Stage::Idling { until } => {
            mark(format!("IDLE POWER {} s, n skips", left(until)), theme.warn);
        }
        Stage::Resting { until, next_users } => {
            mark(
                format!("RESTING {} s, then {next_users}", left(until)),
                theme.warn,
            );
            mark(recording, theme.bad);
        }
        Stage::ServerGone {
            is_loading: true, ..
        } => mark("SERVER LOADING".to_owned(), theme.warn),
        Stage::ServerGone { .. } => mark("SERVER GONE".to_owned(), theme.bad),
        _ => mark(recording, theme.bad),
    }
}

/// How a replay goes, and how far it is: `▶ 10× 00:01:23/00:12:41`.
fn played(player: &Player) -> String {
    let state = if player.is_over() {
        "END".to_owned()
    } else if player.is_paused() {
        "PAUSED".to_owned()
    } else {
        format!("▶ {}×", text::plain(player.pace()))
    };
    let passed = |to: Stamp| running_clock(to.since(player.begin()));
    format!("{state} {}/{}", passed(player.at()), passed(player.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_lies_between_scheme_and_path() {
        assert_eq!(host("http://localhost:11434"), "localhost:11434");
        assert_eq!(host("https://example.org/v1/"), "example.org");
        assert_eq!(host("example.org"), "example.org");
        assert_eq!(host(""), "");
    }
}
