//! All that is measured of every request of the shown cycle, sorted by a column.

use std::cmp::Ordering;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;

use crate::event::{Phase, RequestRecord, Stamp};
use crate::metrics::state::CycleState;
use crate::tui::PaneContext;
use crate::tui::panes::figures;
use crate::tui::panes::request_rows::{self, RequestRow};
use crate::tui::panes::requests;
use crate::tui::widgets::{Column, TableView, frame, table, text};

/// What the requests are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum RequestSort {
    /// In flight first, then the ended ones, newest first; as in the live list.
    #[default]
    Recent,
    /// The id.
    Id,
    /// The user.
    User,
    /// Output tokens.
    Tokens,
    /// The client's speed.
    Speed,
    /// The wait for the first token.
    #[strum(serialize = "TTFT")]
    Wait,
    /// The wait in the server's queue.
    Queue,
    /// The duration.
    Duration,
    /// The state, failed ones first.
    State,
}

/// The order of the table.
pub type RequestSorting = table::Sorting<RequestSort>;

impl RequestSorting {
    /// The same direction by the column after this one, round again at the end.
    #[must_use]
    pub fn next(self) -> Self {
        Self {
            by: self.next_column(),
            ..self
        }
    }
}

const COLUMNS: [Column; 14] = [
    Column::number("id", 6, 0),
    Column::number("user", 5, 2),
    Column::number("round", 5, 8),
    Column::number("prompt", 6, 7),
    Column::number("tokens", 6, 1),
    Column::number("chunks", 6, 6),
    Column::number("tok/s", 6, 0),
    Column::number("server", 6, 5),
    Column::number("TTFT", 7, 1),
    Column::number("answer", 7, 7),
    Column::number("queue", 7, 5),
    Column::number("duration", 8, 3),
    Column::number("retries", 7, 8),
    Column::words("state", 19, 0).growing(),
];

/// Draws the view.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>, sort: RequestSorting) {
    let cycle = cx.shown_cycle();
    let mut title = requests::title(cycle);
    let arrow = if sort.descending { "▼" } else { "▲" };
    title.main = match sort.by {
        RequestSort::Recent => title.main,
        by => format!("{} · by {by} {arrow}", title.main),
    };
    frame::pane(frame, area, cx, &title, |buf, inner| {
        let list = cycle.map_or_else(Vec::new, |cycle| sorted(cycle, sort, cx.now));
        let view = TableView {
            columns: &COLUMNS,
            len: list.len(),
            selected: cx
                .request
                .and_then(|id| list.iter().position(|e| e.id() == id)),
            scroll: cx.scroll,
        };
        table::table(buf, inner, cx.theme, view, |row, _| {
            Some(cells(cx, list.get(row)?))
        });
        if list.is_empty() {
            requests::none_yet(buf, inner, cx);
        }
    });
}

/// The ids in the order of the rows, for moving the selection.
pub fn order(cycle: &CycleState, sort: RequestSorting, now: Stamp) -> Vec<u64> {
    sorted(cycle, sort, now)
        .iter()
        .map(RequestRow::id)
        .collect()
}

fn sorted(cycle: &CycleState, sort: RequestSorting, now: Stamp) -> Vec<RequestRow<'_>> {
    let mut list: Vec<RequestRow<'_>> = request_rows::entries(cycle).collect();
    let key = |entry: &RequestRow<'_>| -> Option<f64> {
        match sort.by {
            RequestSort::Recent => None,
            RequestSort::Id => Some(entry.id() as f64),
            RequestSort::User => Some(f64::from(entry.user())),
            RequestSort::Tokens => Some(entry.tokens() as f64),
            RequestSort::Speed => entry.speed_tok_s(now),
            RequestSort::Wait => entry.wait_s(),
            RequestSort::Queue => entry.record().and_then(RequestRecord::queue_wait_s),
            RequestSort::Duration => Some(entry.duration_s(now)),
            RequestSort::State => Some(match entry.phase() {
                Some(Phase::Failed) => 0.0,
                Some(Phase::Queued) => 1.0,
                Some(Phase::Thinking) => 2.0,
                Some(Phase::Answering) => 3.0,
                Some(Phase::Done) => 4.0,
                None => 5.0,
            }),
        }
    };
    match sort.by {
        RequestSort::Recent if sort.descending => list.reverse(),
        RequestSort::Recent => {}
        _ => list.sort_by(|a, b| known_first(key(a), key(b), sort.descending)),
    }
    list
}

pub(super) fn known_first(a: Option<f64>, b: Option<f64>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => b.total_cmp(&a),
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

fn cells(cx: &PaneContext<'_>, entry: &RequestRow<'_>) -> Vec<Span<'static>> {
    let record = entry.record();
    let server = record.map(|r| r.server);
    let chunks = record.map_or_else(|| entry.tokens(), |r| u64::from(r.chunks));
    vec![
        Span::raw(entry.id().to_string()),
        Span::raw(entry.user().to_string()),
        Span::raw(entry.round().to_string()),
        Span::raw(text::count(server.and_then(|s| s.prompt_tokens))),
        Span::raw(entry.tokens_text()),
        Span::raw(text::count(Some(chunks))),
        figures::speed_cell(cx, entry.speed_tok_s(cx.now)),
        Span::raw(text::tok_s(server.and_then(|s| s.speed_tok_s()))),
        figures::wait_cell(cx, entry.wait_s()),
        Span::raw(text::seconds(record.and_then(RequestRecord::ttfa_s))),
        Span::raw(text::seconds(record.and_then(RequestRecord::queue_wait_s))),
        Span::raw(text::seconds(Some(entry.duration_s(cx.now)))),
        Span::raw(text::count(record.and_then(|r| r.retries).map(u64::from))),
        Span::styled(requests::state(cx, entry), entry.style(cx.theme)),
    ]
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use super::*;

    #[test]
    fn every_column_comes_round() {
        let mut sort = RequestSorting::default();
        for _ in RequestSort::iter() {
            sort = sort.next();
        }
        assert_eq!(sort, RequestSorting::default());
    }

    #[test]
    fn unknown_values_stand_last_either_way() {
        assert_eq!(known_first(None, Some(1.0), false), Ordering::Greater);
        assert_eq!(known_first(None, Some(1.0), true), Ordering::Greater);
        assert_eq!(known_first(Some(2.0), Some(1.0), true), Ordering::Less);
    }
}
