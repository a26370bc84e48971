//! Before there is a server: looking for one, or none found.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::app::{App, Screen};
use crate::tui::keys::{BINDINGS, Scope};
use crate::tui::panes::popup::{card, columns, wrapped};
use crate::tui::widgets::text;

/// The most columns of text on the card.
const WIDTH: usize = 72;

/// Draws the card.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let columns = columns(area, WIDTH);
    match app.screen() {
        Screen::NotFound { tried } => {
            let lines = not_found(app, tried, columns);
            card(frame, area, app.theme(), "No server found", lines);
        }
        Screen::Searching { url } => {
            let lines = searching(app, url.as_deref(), columns);
            card(frame, area, app.theme(), "tokometer", lines);
        }
        _ => {}
    }
}

fn searching(app: &App, url: Option<&str>, columns: usize) -> Vec<Line<'static>> {
    let words = match url {
        _ if app.options().simulated => "Starting the built-in simulated server…".to_owned(),
        Some(url) => format!("Looking for a server at {url} …"),
        None => "Looking for a server…".to_owned(),
    };
    wrapped(&words, columns, app.theme().text)
}

fn not_found(app: &App, tried: &[(String, String)], columns: usize) -> Vec<Line<'static>> {
    let theme = app.theme();
    let mut lines = vec![Line::styled("No usable server at", theme.text)];
    for (address, why) in tried {
        lines.extend(wrapped(&format!("  {address}"), columns, theme.title));
        lines.extend(wrapped(&format!("    {why}"), columns, theme.bad));
    }
    lines.push(Line::default());
    let advice = "Start one (ollama serve), or name another with --url or OLLAMA_HOST.";
    lines.extend(wrapped(advice, columns, theme.text));
    lines.push(Line::default());
    for binding in BINDINGS.iter().filter(|b| b.scope == Scope::NotFound) {
        let label = binding.label(theme.ascii);
        lines.push(Line::from(vec![
            Span::styled(text::fit(&format!("{label:<9}"), columns), theme.key),
            Span::styled(binding.help, theme.text),
        ]));
    }
    lines
}
