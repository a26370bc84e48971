//! Drawing the text of a lane: the end in view, thinking told apart, a cursor where it grows.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::tui::theme::Theme;

use crate::text::numbers::{grouped_count, stopwatch};
use crate::tui::lanes::lane::{Lane, ThinkingMode};
use crate::tui::lanes::lane_set::Lanes;
use crate::tui::lanes::text::Script;
use crate::tui::lanes::wrap::{self, Atom, AtomKind};

/// Draws what of the lane's text is shown.
pub(crate) fn render(frame: &mut Frame<'_>, area: Rect, lane: &Lane, lanes: &Lanes, theme: &Theme) {
    let area = area.intersection(frame.area());
    if area.is_empty() {
        return;
    }
    let now = lanes.now_us();
    if lane.is_waiting(now) {
        let waiting = format!("waiting {}", stopwatch(lane.elapsed_s(now)));
        frame.render_widget(Line::styled(waiting, theme.dim), area);
        return;
    }
    let shown = lane.tokens(now);
    let script = &lane.script;
    let mut atoms = script.shown(shown);
    let mut area = area;
    if let Some(line) = folded(lane, shown, lanes.thinking()) {
        frame.render_widget(
            Line::styled(line, theme.thinking),
            Rect { height: 1, ..area },
        );
        area.y = area.y.saturating_add(2);
        area.height = area.height.saturating_sub(2);
        atoms = answer(atoms);
    }
    let end = draw(frame.buffer_mut(), area, script, atoms, theme);
    let cursor = if theme.ascii { "_" } else { "▌" };
    if !lane.is_finished(now) && end.0 < area.right() && end.1 < area.bottom() {
        frame
            .buffer_mut()
            .set_stringn(end.0, end.1, cursor, 1, theme.focus);
    }
}

/// What comes after the last thinking. Thinking that is folded stands before the answer.
fn answer(atoms: &[Atom]) -> &[Atom] {
    let thinking = atoms.iter().rposition(|atom| atom.thinking);
    atoms
        .get(thinking.map_or(0, |last| last + 1)..)
        .unwrap_or_default()
}

/// Draws the end of `atoms`; returns where the next one would come.
fn draw(
    buffer: &mut Buffer,
    area: Rect,
    script: &Script,
    atoms: &[Atom],
    theme: &Theme,
) -> (u16, u16) {
    let lines = wrap::tail(atoms, area.width, usize::from(area.height));
    let ends_line = atoms
        .last()
        .is_some_and(|atom| atom.kind == AtomKind::Break);
    let lines = if ends_line && lines.len() >= usize::from(area.height) {
        lines.get(1..).unwrap_or_default()
    } else {
        &lines
    };
    let mut end = (area.x, area.y);
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        let mut x = area.x;
        for atom in atoms.get(line.from..line.to).unwrap_or_default() {
            let left = area.right().saturating_sub(x);
            if atom.width <= left {
                draw_atom(buffer, (x, y), script, atom, theme);
            }
            x = x.saturating_add(atom.width).min(area.right());
        }
        end = (x, y);
    }
    if ends_line {
        end = (area.x, end.1.saturating_add(1));
    }
    end
}

fn draw_atom(buffer: &mut Buffer, (x, y): (u16, u16), script: &Script, atom: &Atom, theme: &Theme) {
    let Some(text) = script.atom_text(atom) else {
        return;
    };
    let style: Style = if atom.thinking {
        theme.thinking
    } else {
        theme.text
    };
    if atom.kind == AtomKind::Space {
        // A tab is several cells wide, and no terminal may see it.
        let blank = " ".repeat(usize::from(atom.width));
        buffer.set_string(x, y, blank, style);
    } else if theme.ascii && !text.is_ascii() {
        buffer.set_stringn(x, y, plain(text, theme), usize::from(atom.width), style);
    } else {
        buffer.set_stringn(x, y, text, usize::from(atom.width), style);
    }
}

/// The line that stands for folded thinking.
fn folded(lane: &Lane, shown: usize, thinking: ThinkingMode) -> Option<String> {
    let tokens = lane.script.thinking_tokens(shown);
    (thinking == ThinkingMode::Folded && tokens > 0)
        .then(|| format!("▸ thinking: {} tokens", grouped_count(tokens as u64)))
}

/// `text` as the theme can show it: arrows as signs, what else is no ASCII as question marks.
pub(crate) fn plain(text: &str, theme: &Theme) -> String {
    let shown = text.chars().map(|c| match c {
        _ if !theme.ascii || c.is_ascii() => c,
        '←' => '<',
        '→' => '>',
        '×' => 'x',
        '÷' => '/',
        _ => '?',
    });
    shown.collect()
}
