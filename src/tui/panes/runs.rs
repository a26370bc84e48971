//! The recorded runs, one a row, the latest first.

use chrono::{DateTime, Utc};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::store::index::{Entry, Found};
use crate::text::numbers::{carried, letter};
use crate::tui::PaneContext;
use crate::tui::app::{App, Runs};
use crate::tui::panes::popup::wrapped;
use crate::tui::panes::verdict;
use crate::tui::theme::Theme;
use crate::tui::widgets::{Column, TableView, Title, frame, table, text};

const COLUMNS: [Column; 10] = [
    Column::words("", 1, 0),
    Column::words("when (UTC)", 16, 0),
    Column::words("model", 18, 0),
    Column::words("capacity", 11, 1),
    Column::number("by mean", 7, 4),
    Column::words("users", 7, 2),
    Column::number("tok/s", 6, 3),
    Column::words("server", 16, 5),
    Column::number("requests", 8, 6),
    Column::words("", 10, 0).growing(),
];

/// Columns of the terminal from which on names have more of them.
const BROAD: u16 = 150;
/// What they have then: the model, and the server.
const LONG: [(usize, u16); 2] = [(2, 40), (7, 28)];

/// Draws the pane; `recording` is the run that is being recorded now.
pub fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    cx: &PaneContext<'_>,
    runs: &Runs,
    recording: Option<&str>,
) {
    frame::pane(frame, area, cx, &title(runs, cx.theme), |buf, inner| {
        if let Some(words) = nothing(runs) {
            let columns = usize::from(inner.width.saturating_sub(2)).max(1);
            let lines = wrapped(&words, columns, cx.theme.text);
            return Paragraph::new(lines).render(inner, buf);
        }
        list(buf, inner, cx, runs, recording);
    });
}

fn title(runs: &Runs, theme: &Theme) -> Title {
    let mut main = "Runs".to_owned();
    if runs.count() > 0 {
        main = match runs.filter.as_str() {
            "" => format!("Runs · {}", runs.count()),
            _ => format!("Runs · {} of {}", runs.len(), runs.count()),
        };
    }
    if runs.typing {
        let cursor = if theme.ascii { "_" } else { "▏" };
        main = format!("{main} · filter: {}{cursor}", runs.filter);
    } else if !runs.filter.is_empty() {
        main = format!("{main} · filter: {}", runs.filter);
    }
    let title = Title::new(main);
    match runs.marked.len() {
        0 => title,
        1 => title.aside("1 marked"),
        marks => title.aside(format!("{marks} marked: c compares")),
    }
}

/// Why no run is listed.
fn nothing(runs: &Runs) -> Option<String> {
    if let Some(why) = runs.error() {
        return Some(format!("Could not list the runs: {why}"));
    }
    let words = match (runs.is_read(), runs.count(), runs.len()) {
        (_, _, 1..) => return None,
        (false, ..) => "Looking for runs…",
        (true, 0, _) => {
            "No run has been recorded yet. Runs are recorded as they happen (unless --no-record is set) and appear \
             here, to be replayed, compared and reported on. tokometer import DIR imports the study's own files."
        }
        (true, ..) => "No run has this text in its name, model or server. Esc shows all runs.",
    };
    Some(words.to_owned())
}

fn list(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>, runs: &Runs, recording: Option<&str>) {
    let mut columns = COLUMNS;
    for (index, width) in LONG.iter().filter(|_| area.width >= BROAD) {
        if let Some(column) = columns.get_mut(*index) {
            column.width = *width;
        }
    }
    let view = TableView {
        columns: &columns,
        len: runs.len(),
        selected: runs.row(),
        scroll: cx.scroll,
    };
    // Reversed, faint text would be a row of patches.
    let plain = Theme {
        dim: cx.theme.text,
        ..cx.theme.clone()
    };
    table::table(buf, area, cx.theme, view, |row, _| {
        let theme = if view.selected == Some(row) {
            &plain
        } else {
            cx.theme
        };
        let found = runs.get(row)?;
        let mark = runs.mark(found.id()).map_or_else(String::new, letter);
        let mark = Span::styled(mark, theme.headline);
        Some(match found {
            Found::Run(entry) => {
                let is_recorded = recording == Some(entry.id.as_str());
                cells(theme, mark, entry, is_recorded)
            }
            Found::Unreadable {
                id,
                started_at,
                reason,
            } => unreadable(theme, id, *started_at, reason),
        })
    });
}

fn cells(
    theme: &Theme,
    mark: Span<'static>,
    entry: &Entry,
    is_recorded: bool,
) -> Vec<Span<'static>> {
    let server = entry.server.as_deref().unwrap_or(text::UNKNOWN);
    let (capacity, style) = capacity(theme, entry);
    let mean = entry.by_mean.as_ref().filter(|_| entry.requests > 0);
    let mean = mean.map(|mean| carried(mean.both_users));
    let (notes, warned) = notes(theme, entry, is_recorded);
    vec![
        mark,
        Span::styled(when(entry.started_at), theme.text),
        Span::styled(entry.model.clone(), theme.text),
        Span::styled(capacity, style),
        Span::styled(text::or_unknown(mean), theme.text),
        Span::styled(entry.levels(), theme.text),
        Span::styled(text::tok_s(entry.speed_tok_s), theme.text),
        Span::styled(server.to_owned(), theme.dim),
        Span::styled(text::count(Some(entry.requests)), theme.dim),
        Span::styled(notes, warned),
    ]
}

fn unreadable(
    theme: &Theme,
    id: &str,
    started_at: Option<DateTime<Utc>>,
    reason: &str,
) -> Vec<Span<'static>> {
    let name = id.split_once('_').filter(|_| started_at.is_some());
    let mut cells = vec![
        Span::raw(""),
        Span::styled(when(started_at), theme.text),
        Span::styled(name.map_or(id, |(_, name)| name).to_owned(), theme.text),
    ];
    cells.extend(vec![
        Span::styled(text::UNKNOWN, theme.dim);
        COLUMNS.len() - 4
    ]);
    cells.push(Span::styled(format!("UNREADABLE {reason}"), theme.bad));
    cells
}

fn when(at: Option<DateTime<Utc>>) -> String {
    text::or_unknown(at.map(|at| at.format("%Y-%m-%d %H:%M")))
}

/// How many users the server carries, by the share of good requests, and how sure that is.
fn capacity(theme: &Theme, entry: &Entry) -> (String, Style) {
    let Some(by_share) = entry.by_share.as_ref().filter(|_| entry.requests > 0) else {
        return (text::UNKNOWN.to_owned(), theme.dim);
    };
    let (state, style) = match by_share.state {
        Some(state) => (format!(" {state}"), verdict::style(theme, state)),
        None => (String::new(), theme.text),
    };
    (format!("{}{state}", carried(by_share.both_users)), style)
}

/// What must not be overlooked about a run.
fn notes(theme: &Theme, entry: &Entry, is_recorded: bool) -> (String, Style) {
    let mut notes = Vec::new();
    if entry.simulated {
        notes.push("SIMULATED");
    }
    if is_recorded || entry.recording {
        notes.push("recording");
    } else if !entry.ended {
        notes.push("interrupted");
    }
    if entry.imported.is_some() {
        notes.push("imported");
    }
    let style = if entry.simulated {
        theme.simulated
    } else {
        theme.warn
    };
    (notes.join(", "), style)
}

/// Draws the name of the selected run and what the table had no room for, on one line.
pub fn render_selected(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let area = area.intersection(frame.area());
    let theme = app.theme();
    let words = match app.runs.selected() {
        None => return,
        Some(Found::Unreadable { id, reason, .. }) => format!("{id} cannot be read: {reason}"),
        Some(Found::Run(entry)) => {
            let failed = match entry.failed {
                0 => String::new(),
                failed => format!(", {failed} failed"),
            };
            let (capacity, _) = capacity(theme, entry);
            let server = entry.server.as_deref().unwrap_or("unknown server");
            format!(
                "{} · users {capacity} · {} requests{failed} · {server}",
                entry.id, entry.requests
            )
        }
    };
    let room = usize::from(area.width.saturating_sub(2));
    let words = format!(" {}", text::fit(&words, room));
    frame.render_widget(Line::styled(words, theme.dim), area);
}
