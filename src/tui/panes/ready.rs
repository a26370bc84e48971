//! Before the start: the server, its models, the plan; and its machine, where it is measured.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::macros::{horizontal, vertical};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Padding, Paragraph};

use crate::dialect::{Discovery, address};
use crate::event::Model;
use crate::metrics::spending;
use crate::text::numbers::u16_of;
use crate::tui::app::App;
use crate::tui::panes::figures::labeled;
use crate::tui::panes::popup::wrapped;
use crate::tui::panes::{machine, processes};
use crate::tui::theme::Theme;
use crate::tui::widgets::table::{first_row, table};
use crate::tui::widgets::{Column, TableView, text};

/// Columns of the table of models, those that give way first with the largest rank.
const COLUMNS: [Column; 6] = [
    Column::words("", 1, 0),
    Column::words("model", 20, 0).growing(),
    Column::number("size", 8, 1),
    Column::number("params", 7, 2),
    Column::words("quant", 8, 3),
    Column::number("context", 8, 4),
];
/// Rows of the table that are not models: the border and the head above, the border below.
const HEAD: u16 = 2;
const BORDERS: u16 = 2;
/// Rows of the machine, and the rows of the screen from which on it has room.
const MACHINE: u16 = 6;
const MACHINE_FROM: u16 = 18;

/// Draws the screen.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let area = area.intersection(frame.area());
    let [above, below] = with_machine(area, app);
    let [models, plan] = areas(above);
    render_models(frame, models, app);
    render_plan(frame, plan, app);
    if let Some(cx) = app.machine() {
        let [gpu, table] = horizontal![*=1; 2].areas(below);
        machine::render(frame, gpu, &cx);
        processes::render(frame, table, &cx, app.process_sort);
    }
}

/// All but the machine, and the machine below it, where it is measured and there is room.
fn with_machine(area: Rect, app: &App) -> [Rect; 2] {
    let height = match area.height {
        _ if app.machine().is_none() => 0,
        ..MACHINE_FROM => 0,
        MACHINE_FROM..30 => MACHINE,
        _ => MACHINE + 2,
    };
    vertical![*=1, ==height].areas(area)
}

/// The models and the plan: side by side where there is room, else one over the other.
fn areas(area: Rect) -> [Rect; 2] {
    if area.width >= 100 {
        return horizontal![==60 %, *=1].areas(area);
    }
    let plan = (area.height / 2).min(11);
    vertical![*=1, ==plan].areas(area)
}

/// The number of the model drawn at a place of the screen.
pub fn model_at(app: &App, area: Rect, at: Position) -> Option<usize> {
    let [above, _] = with_machine(area, app);
    let [models, _] = areas(above);
    let row = at.y.checked_sub(models.y.saturating_add(HEAD))?;
    let inside = models.contains(at) && at.y.saturating_add(1) < models.bottom();
    let count = app.found.as_ref()?.models.len();
    let height = models.height.saturating_sub(HEAD + 1);
    let first = first_row(count, usize::from(height), Some(app.model), 0);
    inside.then(|| usize::from(row) + first)
}

fn block<'a>(theme: &Theme, title: &str, border: Style) -> Block<'a> {
    Block::bordered()
        .title(Span::styled(format!(" {title} "), theme.title))
        .border_style(border)
}

fn render_models(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let theme = app.theme();
    let Some(found) = app.found.as_ref() else {
        return;
    };
    let server = found.server.as_deref().unwrap_or("server");
    let state = match app.server_number() {
        0 if found.is_loading => "loading".to_owned(),
        0 => "models".to_owned(),
        number => format!("{number} of {}, u next", app.servers.len()),
    };
    let title = format!("{server} @ {} · {state}", found.url);
    let room = usize::from(area.width.saturating_sub(BORDERS + 2));
    let block = block(theme, &text::fit(&title, room), theme.focus);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let advice = advice(app, found);
    let columns = usize::from(inner.width.saturating_sub(2)).max(1);
    let advice = advice.map(|words| wrapped(&words, columns, theme.warn));
    let advice = advice.unwrap_or_default();
    let [list, below] = vertical![*=1, ==u16_of(advice.len())].areas(inner);
    let view = TableView {
        columns: &COLUMNS,
        len: found.models.len(),
        selected: Some(app.model),
        scroll: 0,
    };
    if !found.models.is_empty() {
        table(frame.buffer_mut(), list, theme, view, |index, _| {
            Some(cells(theme, found.models.get(index)?))
        });
    }
    frame.render_widget(Paragraph::new(advice), below);
}

/// What to do where a model is missing.
fn advice(app: &App, found: &Discovery) -> Option<String> {
    let command = |name| found.dialect.pull_command(name);
    match app.missing_model() {
        Some(name) => Some(match command(name) {
            Some(command) => format!(
                "{name} is not on this server. d downloads it ({command}); or choose another."
            ),
            None => format!("{name} is not on this server: choose another."),
        }),
        None if found.is_loading => Some(
            "The server is still loading its model. A run that is started now waits for it."
                .to_owned(),
        ),
        None if found.models.is_empty() => Some(match command("NAME") {
            Some(command) => {
                format!("This server has no models. Get one ({command}), then press r.")
            }
            None => "This server has no models. Load one, then press r.".to_owned(),
        }),
        None => None,
    }
}

fn cells(theme: &Theme, model: &Model) -> Vec<Span<'static>> {
    let known = |value: &Option<String>| {
        let value = value.as_deref().unwrap_or(text::UNKNOWN);
        text::safe(value).into_owned()
    };
    let mark = if model.loaded { theme.dot() } else { " " };
    vec![
        Span::styled(mark, theme.good),
        Span::styled(text::safe(model.short_name()).into_owned(), theme.text),
        Span::styled(text::bytes(model.size_bytes), theme.text),
        Span::styled(known(&model.parameters), theme.text),
        Span::styled(known(&model.quantization), theme.text),
        Span::styled(text::count(model.context), theme.dim),
    ]
}

fn render_plan(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let theme = app.theme();
    let block = block(theme, "Plan", theme.border).padding(Padding::horizontal(1));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let columns = usize::from(inner.width).saturating_sub(LABEL).max(1);
    let mut lines = Vec::new();
    for (name, value) in facts(app) {
        for (index, line) in text::wrap(&value, columns).into_iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            let line = Span::styled(line, theme.text);
            lines.push(labeled(theme, name, LABEL, line));
        }
    }
    let legend = format!("{} already loaded: no loading time", theme.dot());
    let room = usize::from(inner.height);
    if lines.len() + 2 <= room {
        lines.push(Line::default());
        lines.push(Line::styled(legend, theme.dim));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// Columns of the names in the plan.
const LABEL: usize = 10;

fn facts(app: &App) -> Vec<(&'static str, String)> {
    let found = app.found.as_ref();
    let far = found.filter(|found| !address::is_near(&found.url));
    let far = far.map(|_| app.plan().far_away());
    let plan = far.as_ref().unwrap_or_else(|| app.plan());
    let path = found.map_or(text::UNKNOWN, |found| found.dialect.path(plan.api));
    let levels: Vec<String> = plan.levels.iter().map(ToString::to_string).collect();
    let shape = format!("each user {}", plan.asks());
    let users = plan
        .settle
        .map_or_else(|| levels.join(" "), |settle| settle.sentence());
    let tokens = match plan.max_tokens {
        Some(tokens) => format!("at most {tokens} tokens"),
        None => "of any length".to_owned(),
    };
    let prompt = match plan.prompts.as_slice() {
        [] => text::UNKNOWN.to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    };
    let (limits, rest_s) = (plan.limits, plan.rest_s);
    let numbers = [limits.wait_s, limits.speed_tok_s, rest_s, plan.time_scale];
    let [wait, speed, rest, times] = numbers.map(text::plain);
    let mut facts = vec![
        ("users", users),
        ("cycle", shape),
        ("answer", tokens),
        ("limits", format!("wait {wait} s, speed {speed} tok/s")),
        ("rest", format!("{rest} s between cycles")),
        ("warm-up", plan.warmup.to_string()),
        ("API", format!("{path}, think {}", plan.think)),
        ("prompt", text::fit(&prompt, 160)),
    ];
    if far.is_some() {
        facts.insert(1, ("spends", spending::sentence(plan)));
    }
    if plan.time_scale > 1.0 {
        let faster = format!("the simulated server runs {times}× faster");
        facts.push(("time", faster));
    }
    facts
}
