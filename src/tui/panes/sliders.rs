//! The sliders of the limits, with what the run says by them.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use strum::IntoEnumIterator as _;

use crate::tui::app::{App, Slider};
use crate::tui::keys;
use crate::tui::layout::Pane;
use crate::tui::panes::popup::{card, columns, wrapped};
use crate::tui::panes::verdict;
use crate::tui::widgets::{frame, gauge, text};

/// The most columns of text, and those of a slider.
const WIDTH: usize = 62;
const SLIDER: usize = 24;
/// Width of the value of a slider.
const VALUE: usize = 14;
/// Columns below which the run's own limits are left out.
const OWN_FROM: usize = 56;
/// The least height with room for the sentence of the verdict.
const SENTENCE_FROM: u16 = 18;

/// Draws the sliders over whatever is there, at the bottom of `area`.
pub fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let Some(sliders) = app.sliders.as_ref() else {
        return;
    };
    let theme = app.theme();
    let columns = columns(area, WIDTH);
    let mut lines: Vec<Line<'_>> = Slider::iter()
        .map(|slider| line(app, slider, slider == sliders.chosen, columns))
        .collect();
    lines.push(Line::default());
    let cx = app.cx(Pane::Headline);
    if area.height >= SENTENCE_FROM && !cx.verdict.levels.is_empty() {
        lines.extend(wrapped(&cx.verdict.sentence, columns, theme.text));
    } else {
        lines.push(verdict::line(&cx, cx.verdict, columns));
    }
    lines.push(Line::default());
    let mut answers: Vec<Span<'_>> = Vec::new();
    for (binding, hint) in keys::hints(app.mode(), app.view()) {
        let label = binding.short_label(theme.ascii);
        let width: usize = answers.iter().map(Span::width).sum();
        if width + text::width(&label) + text::width(hint) < columns {
            answers.push(Span::styled(label, theme.key));
            answers.push(Span::styled(format!(" {hint}  "), theme.dim));
        }
    }
    lines.push(Line::from(answers));
    card(frame, area, theme, "What if", lines);
}

/// `▸ wait   ≤ 3 s         ██████░░░░░░   run: 10 s`
fn line(app: &App, slider: Slider, chosen: bool, columns: usize) -> Line<'static> {
    let theme = app.theme();
    let (limits, own) = (app.limits(), app.plan().limits);
    let (sign, unit) = match slider {
        Slider::Wait => (frame::at_most(theme), "s"),
        Slider::Speed => (frame::at_least(theme), "tok/s"),
        Slider::Share => (frame::at_least(theme), "%"),
    };
    let with_unit = |value: f64| format!("{} {unit}", text::plain(value));
    let value = slider.value(&limits);
    let is_own = (value - slider.value(&own)).abs() < 1e-9;
    let style = if is_own { theme.text } else { theme.warn };
    let mark = if chosen { "▸ " } else { "  " };
    let name = format!("{mark}{slider:<6}");
    let mut spans = vec![
        Span::styled(name, if chosen { theme.key } else { theme.dim }),
        Span::styled(
            format!("{:<VALUE$}", format!("{sign} {}", with_unit(value))),
            style,
        ),
    ];
    let room = columns.saturating_sub(8 + VALUE).min(SLIDER);
    let bar = gauge::bar(Some(slider.place(&limits)), room);
    spans.push(Span::styled(
        bar,
        if chosen { theme.focus } else { theme.dim },
    ));
    if columns >= OWN_FROM {
        let own = format!("  run: {}", with_unit(slider.value(&own)));
        spans.push(Span::styled(own, theme.dim));
    }
    Line::from(spans)
}
