//! The cycles of the run, one a row, and the levels still to come.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::event::CycleEnd;
use crate::metrics::state::{CycleState, Stage};
use crate::tui::PaneContext;
use crate::tui::panes::figures::{self, Judged};
use crate::tui::theme::Theme;
use crate::tui::widgets::sparkline::sparkline;
use crate::tui::widgets::{Column, TableView, Title, frame, table, text};

const COLUMNS: [Column; 8] = [
    Column::words("", 1, 0),
    Column::number("users", 5, 0),
    Column::number("finished", 8, 2),
    Column::number("tok/s", 6, 0),
    Column::words("over time", 9, 3).growing(),
    Column::number("system", 6, 4),
    Column::number("wait", 7, 1),
    Column::number("errors", 6, 2),
];
const OVER_TIME: usize = 4;

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let title = Title::new("Cycles").aside("tok/s per user");
    let ended = matches!(cx.run.stage, Stage::Ended(_));
    let cycles = &cx.run.cycles;
    let to_come = upcoming(cx);
    let selected = cx.cycle.filter(|index| *index < cycles.len());
    let view = TableView {
        columns: &COLUMNS,
        len: cycles.len() + to_come.len(),
        selected,
        scroll: match selected {
            Some(_) => cx.scroll,
            None => cycles.len().saturating_sub(1),
        },
    };
    frame::pane(frame, area, cx, &title, |buf, inner| {
        table::table(buf, inner, cx.theme, view, |row, widths| {
            if let Some(cycle) = cycles.get(row) {
                let room = widths.get(OVER_TIME).copied().unwrap_or(0);
                return Some(measured(cx, cycle, usize::from(room)));
            }
            let users = to_come.get(row.checked_sub(cycles.len())?)?;
            Some(not_begun(cx, *users, ended))
        });
    });
}

/// The levels to come. A level that the server left is asked again once it is back.
fn upcoming(cx: &PaneContext<'_>) -> Vec<u32> {
    let current = cx.run.current();
    let again = current.filter(|_| matches!(cx.run.stage, Stage::ServerGone { .. }));
    let again = again.map(|cycle| cycle.users);
    again
        .into_iter()
        .chain(cx.run.upcoming.iter().copied())
        .collect()
}

fn measured(cx: &PaneContext<'_>, cycle: &CycleState, room: usize) -> Vec<Span<'static>> {
    let theme = cx.theme;
    let running = figures::is_running(cx.run, cycle);
    let speed = figures::speed(cx.run, cycle, cx.now);
    let failed = cycle.failed();
    let (mark, style) = mark(cx, cycle);
    // The second that is not over would always look like a fall.
    let seconds = cycle.tokens_per_second.len();
    let whole = seconds.saturating_sub(usize::from(running));
    let series = cycle.tokens_per_second.get(..whole).unwrap_or_default();
    let errors = match failed {
        0 if cycle.finished() == 0 => Span::styled(text::UNKNOWN, theme.dim),
        0 => Span::styled("0", theme.dim),
        n => Span::styled(format!("✘ {n}"), theme.bad),
    };
    vec![
        Span::styled(mark, style),
        Span::raw(cycle.users.to_string()),
        Span::raw(figures::finished(cx.run, cycle)),
        Span::styled(
            text::tok_s(speed),
            Judged::speed_of(cx.run, cycle, speed, &cx.limits).style(theme),
        ),
        Span::styled(
            format!("{:<room$}", sparkline(series, room)),
            Theme::upright(theme.series.first().copied().unwrap_or_default()),
        ),
        Span::raw(text::tok_s(figures::throughput(cx.run, cycle))),
        Span::styled(
            figures::wait(cycle, cx.now),
            Judged::wait_of(cycle, &cx.limits, cx.now).style(theme),
        ),
        errors,
    ]
}

/// The state of the cycle: running, done, failed, skipped or stopped. That it is done says nothing of the limits.
pub(super) fn mark(cx: &PaneContext<'_>, cycle: &CycleState) -> (&'static str, Style) {
    let theme = cx.theme;
    let finished = cycle.finished();
    match cycle.end {
        _ if figures::is_running(cx.run, cycle) => ("▶", theme.headline),
        Some(CycleEnd::Done) if finished > 0 && cycle.failed() == finished => ("✘", theme.bad),
        Some(CycleEnd::Done) => ("●", theme.text),
        Some(CycleEnd::Skipped) => ("»", theme.warn),
        Some(CycleEnd::Stopped | CycleEnd::ServerGone) | None => ("■", theme.warn),
    }
}

fn not_begun(cx: &PaneContext<'_>, users: u32, ended: bool) -> Vec<Span<'static>> {
    let users = users.to_string();
    let note = if ended { "not run" } else { "" };
    let cells = ["·", &users, "", text::UNKNOWN, note, "", "", ""];
    let styled = cells.map(|words| Span::styled(words.to_owned(), cx.theme.dim));
    styled.into()
}
