//! Questions, and the progress of a download.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::store::index::Found;
use crate::text::numbers;
use crate::tui::app::{App, Dialog};
use crate::tui::keys;
use crate::tui::panes::popup::{card, columns, wrapped};
use crate::tui::widgets::{gauge, text};

/// The most columns of text.
const WIDTH: usize = 56;

/// The question in a sentence.
pub fn question(app: &App, dialog: &Dialog) -> String {
    match dialog {
        Dialog::Quit => "Stop the run and quit? Results so far are kept.".to_owned(),
        Dialog::Stop => "Stop the run? Results so far are kept.".to_owned(),
        Dialog::Again => {
            let model = app.model().map_or("the model", |model| model.name.as_str());
            format!("Run the same plan again on {model}?")
        }
        Dialog::Delete => delete(app),
        Dialog::AddLevel { users: 0, .. } => "Add a level of how many users?".to_owned(),
        Dialog::AddLevel { users, .. } => format!("Add a level of {}?", numbers::users(*users)),
        Dialog::RemoveLevel { users } => {
            format!("Remove the level of {}?", numbers::users(*users))
        }
    }
}

/// Which run goes with all its files, and what is to be known before.
fn delete(app: &App) -> String {
    let Some(pending_delete) = app.runs.pending_delete() else {
        return "This run is already deleted.".to_owned();
    };
    let mut words = format!("Delete {} with all its files?", pending_delete.id());
    match pending_delete {
        Found::Run(entry) => {
            let requests = numbers::counted(entry.requests, "request", "requests");
            let _ = write!(words, " It contains {requests}.");
            if entry.recording {
                words.push_str(" Another tokometer was recording it a moment ago.");
            }
        }
        Found::Unreadable { .. } => words.push_str(" It cannot be read."),
    }
    words.push_str(" This cannot be undone.");
    words
}

/// Draws the open question with the keys that answer it.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let Some(dialog) = app.dialog.as_ref() else {
        return;
    };
    let theme = app.theme();
    let columns = columns(area, WIDTH);
    let mut lines = wrapped(&question(app, dialog), columns, theme.text);
    if matches!(dialog, Dialog::AddLevel { .. } | Dialog::RemoveLevel { .. }) {
        let levels = app.run().upcoming.iter().map(ToString::to_string);
        let levels = levels.collect::<Vec<_>>().join(", ");
        let levels = if levels.is_empty() { "none" } else { &levels };
        lines.extend(wrapped(&format!("Queued: {levels}"), columns, theme.dim));
    }
    lines.push(Line::default());
    let mut answers = Vec::new();
    // The keys that work in the question, even while the help lies over it.
    for (binding, hint) in keys::hints(app.dialog_mode(), app.view()) {
        let label = binding.short_label(theme.ascii);
        answers.push(Span::styled(label, theme.key));
        answers.push(Span::styled(format!(" {hint}   "), theme.dim));
    }
    lines.push(Line::from(answers));
    let title = match dialog {
        Dialog::Quit => "Quit",
        Dialog::Stop => "Stop",
        Dialog::Again => "Run again",
        Dialog::Delete => "Delete",
        Dialog::AddLevel { .. } => "Add a level",
        Dialog::RemoveLevel { .. } => "Remove a level",
    };
    card(frame, area, theme, title, lines);
}

/// Draws the download in progress.
pub fn render_download(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let Some(download) = app.download.as_ref() else {
        return;
    };
    let theme = app.theme();
    let columns = columns(area, WIDTH);
    let share = download
        .bytes
        .filter(|(_, of)| *of > 0)
        .map(|(done, of)| done as f64 / of as f64);
    let amount = match download.bytes {
        Some((done, of)) => format!("{} of {}", text::bytes(Some(done)), text::bytes(Some(of))),
        None => text::UNKNOWN.to_owned(),
    };
    let mut lines = wrapped(&download.status, columns, theme.text);
    lines.push(Line::styled(gauge::bar(share, columns), theme.focus));
    lines.push(Line::styled(amount, theme.dim));
    let title = format!("Downloading {}", text::fit(&download.model, columns / 2));
    card(frame, area, theme, &title, lines);
}
