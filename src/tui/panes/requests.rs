//! The requests of the shown cycle: those in flight first, then the ended ones, newest first.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::event::Phase;
use crate::metrics::state::CycleState;
use crate::text::numbers;
use crate::tui::PaneContext;
use crate::tui::panes::figures::{self, Judged};
use crate::tui::panes::request_rows::{self, RequestRow};
use crate::tui::widgets::{Column, TableView, Title, frame, gauge, table, text};

const COLUMNS: [Column; 7] = [
    Column::number("id", 5, 0),
    Column::number("tokens", 6, 2),
    Column::number("tok/s", 6, 0),
    Column::number("TTFT", 7, 1),
    Column::number("waiting", 7, 4),
    Column::number("duration", 8, 3),
    Column::words("state", 19, 0).growing(),
];

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let cycle = cx.shown_cycle();
    frame::pane(frame, area, cx, &title(cycle), |buf, inner| {
        let len = cycle.map_or(0, request_rows::len);
        let view = TableView {
            columns: &COLUMNS,
            len,
            selected: cycle.and_then(|cycle| request_rows::row_of(cycle, cx.request?)),
            scroll: cx.scroll,
        };
        table::table(buf, inner, cx.theme, view, |row, _| {
            Some(cells(cx, &request_rows::nth(cycle?, row)?))
        });
        if len == 0 {
            none_yet(buf, inner, cx);
        }
    });
}

/// The title of a list of the requests of `cycle`.
pub(super) fn title(cycle: Option<&CycleState>) -> Title {
    let Some(cycle) = cycle else {
        return Title::new("Requests");
    };
    let (flying, ended) = (cycle.in_flight.len(), cycle.requests.len());
    Title::new(format!("Requests · {}", numbers::users(cycle.users)))
        .aside(format!("{flying} in flight · {ended} ended"))
}

/// Says below the headings that there is nothing to list.
pub(super) fn none_yet(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>) {
    if let Some(row) = area.rows().nth(1) {
        Line::styled("no request yet", cx.theme.dim).render(row, buf);
    }
}

/// The ids in the order of the rows, for moving the selection.
pub fn order(cycle: &CycleState) -> Vec<u64> {
    request_rows::entries(cycle)
        .map(|entry| entry.id())
        .collect()
}

fn cells(cx: &PaneContext<'_>, entry: &RequestRow<'_>) -> Vec<Span<'static>> {
    let theme = cx.theme;
    let now = cx.now;
    let waiting = entry.waiting_s(now);
    vec![
        Span::raw(entry.id().to_string()),
        Span::raw(entry.tokens_text()),
        figures::speed_cell(cx, entry.speed_tok_s(now)),
        figures::wait_cell(cx, entry.wait_s()),
        Span::styled(
            waiting.map_or_else(String::new, |s| text::seconds(Some(s))),
            Judged::wait(waiting, &cx.limits).style(theme),
        ),
        Span::raw(text::seconds(Some(entry.duration_s(now)))),
        Span::styled(state(cx, entry), entry.style(theme)),
    ]
}

/// The state of a request with a small bar of its progress, where that is known;
/// that of a failed one with the kind of its failure, without a bar.
pub(super) fn state(cx: &PaneContext<'_>, entry: &RequestRow<'_>) -> String {
    if entry.phase() == Some(Phase::Failed) {
        return entry.state();
    }
    let most = cx.run.info.as_ref().and_then(|info| info.plan.max_tokens);
    let bar = entry
        .progress(most)
        .map_or_else(|| "····".to_owned(), |share| gauge::steps(share, 4));
    format!("{bar} {}", entry.state())
}
