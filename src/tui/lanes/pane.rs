//! Drawing the lanes. Pure: the same lanes in the same area give the same screen.
//!
//! ```text
//! ┌ 9 tok/s ─────────┐┌▸20 tok/s ────────┐
//! │▄▀▀▄              ││                  │   the speed in large digits, where there is room
//! │ 109/1,017 tokens ││                  │
//! │ 12.1 s of 1:53   ││                  │
//! │ 1.7× reading     ││                  │
//! │ ✘ limit 19.9     ││                  │
//! │ ━━━━──────────── ││                  │
//! │ The question …   ││                  │   the text as it comes, its end in view
//! └──────────────────┘└──────────────────┘
//!  essay · 1,017 tokens · thinking shown      what is replayed, and what "reading" means
//! ```

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::macros::vertical;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget};
use unicode_width::UnicodeWidthStr as _;

use crate::text::numbers::{
    floor_u64, grouped_count, or_unknown, seconds, short, stopwatch, u16_of,
};
use crate::tui::theme::Theme;
use crate::tui::widgets::digits::{Size, digits};
use crate::tui::widgets::frame::asciify;

use crate::tui::lanes::lane::Lane;
use crate::tui::lanes::lane_set::Lanes;
use crate::tui::lanes::lane_text;
use crate::tui::lanes::reading::{self, Feel};

/// Cells of a lane, borders included, at least.
const LEAST_WIDTH: u16 = 18;

/// Rows below which lanes have no borders.
const LEAST_HEIGHT: u16 = 6;

/// Rows that a lane keeps below large digits.
const ROOMY: u16 = 18;

/// Columns of the unit beside the digits.
const UNIT: u16 = 6;

/// The mark of what was not measured on a real machine; the short one where there is no room.
const SIMULATED: [&str; 2] = [" SIMULATED ", " SIM "];

/// Draws the lanes, with the focus.
pub fn render(frame: &mut Frame<'_>, area: Rect, lanes: &Lanes, theme: &Theme) {
    render_as(frame, area, lanes, theme, true);
}

/// Draws the lanes; without the focus none of them is marked as selected.
pub fn render_as(frame: &mut Frame<'_>, area: Rect, lanes: &Lanes, theme: &Theme, focused: bool) {
    let area = area.intersection(frame.area());
    if area.is_empty() {
        return;
    }
    if area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
        render_rows(frame, area, lanes, theme);
    } else {
        render_side_by_side(frame, area, lanes, theme, focused);
    }
    if theme.ascii {
        asciify(frame.buffer_mut(), area);
    }
}

fn render_side_by_side(
    frame: &mut Frame<'_>,
    area: Rect,
    lanes: &Lanes,
    theme: &Theme,
    focused: bool,
) {
    let foot_lines = notes(lanes, area, theme);
    let [body, foot] = vertical![*=1, ==u16_of(foot_lines.len())].areas(area);
    let shown = window(lanes, body.width);
    let columns = Layout::horizontal(shown.iter().map(|_| Constraint::Fill(1))).split(body);
    // Digits of one size in all lanes, so that their rows stand side by side.
    let size = [Size::Normal, Size::Small].into_iter().find(|size| {
        let mut lanes = shown.iter().zip(columns.iter());
        lanes.all(|((_, lane), column)| digits_fit(lane, *size, *column, theme))
    });
    for (&(index, lane), &column) in shown.iter().zip(columns.iter()) {
        let selected = focused && index == lanes.selected() && !lanes.full;
        render_lane(frame, column, lanes, (lane, selected, size), theme);
    }
    frame.render_widget(Paragraph::new(foot_lines), foot);
}

/// The index of the lane at a place of the screen, as [`render`] drew it in `area`.
pub fn lane_at(area: Rect, lanes: &Lanes, column: u16, row: u16) -> Option<usize> {
    let inside = area.contains(ratatui::layout::Position::new(column, row));
    if !inside || area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
        return None;
    }
    let shown = window(lanes, area.width);
    let columns = Layout::horizontal(shown.iter().map(|_| Constraint::Fill(1))).split(area);
    let hit = columns
        .iter()
        .position(|of| (of.left()..of.right()).contains(&column))?;
    shown.get(hit).map(|&(index, _)| index)
}

/// The lanes that have room, the selected one among them, with their indexes.
fn window(lanes: &Lanes, width: u16) -> Vec<(usize, &Lane)> {
    let all = lanes.lanes().iter().enumerate();
    let room = if lanes.full {
        1
    } else {
        usize::from(width / LEAST_WIDTH).max(1)
    };
    let first = if lanes.full {
        lanes.selected()
    } else {
        (lanes.selected() + 1).saturating_sub(room)
    };
    all.skip(first).take(room).collect()
}

/// Where there is no room for more: one row a lane.
fn render_rows(frame: &mut Frame<'_>, area: Rect, lanes: &Lanes, theme: &Theme) {
    let first = (lanes.selected() + 1).saturating_sub(usize::from(area.height));
    let rows = lanes.lanes().iter().skip(first).map(|lane| {
        let now = lanes.now_us();
        let speed = or_unknown(lane.tok_s().map(short));
        Line::from(vec![
            Span::styled(format!("{speed} tok/s "), theme.headline),
            Span::styled(
                format!("{} ", grouped_count(lane.tokens(now) as u64)),
                theme.text,
            ),
            Span::styled(stopwatch(lane.elapsed_s(now)), theme.dim),
        ])
    });
    frame.render_widget(Paragraph::new(rows.collect::<Vec<_>>()), area);
}

/// What is replayed, and the reading speeds with their sources; none where rows are few.
fn notes<'a>(lanes: &Lanes, area: Rect, theme: &Theme) -> Vec<Line<'a>> {
    if area.height < 12 {
        return Vec::new();
    }
    let text = lanes.text().map_or_else(String::new, |script| {
        format!(
            "{} · {} tokens · ",
            script.name,
            grouped_count(script.len() as u64)
        )
    });
    let mut about = format!(" {text}thinking {}", lanes.thinking());
    if lanes.lanes().iter().any(Lane::is_recorded) {
        about.push_str(if lanes.wait {
            " · wait as measured"
        } else {
            " · no wait"
        });
    }
    let mut spans = vec![Span::styled(about, theme.dim)];
    let hidden = lanes.lanes().len() - window(lanes, area.width).len();
    if hidden > 0 {
        spans.push(Span::styled(format!(" · {hidden} more lanes"), theme.dim));
    }
    if lanes.is_paused() {
        spans.push(Span::styled(" · PAUSED", theme.warn));
    }
    let mut rows = vec![Line::from(spans)];
    let sources = reading::sources(area.width.saturating_sub(2));
    rows.extend(sources.map(|sources| Line::styled(format!(" {sources}"), theme.dim)));
    rows
}

fn render_lane(
    frame: &mut Frame<'_>,
    area: Rect,
    lanes: &Lanes,
    (lane, selected, size): (&Lane, bool, Option<Size>),
    theme: &Theme,
) {
    let border = if selected { theme.focus } else { theme.border };
    let block = Block::bordered()
        .border_style(border)
        .title(title(lane, selected, area.width, theme));
    let inner = block.inner(area);
    Clear.render(area, frame.buffer_mut());
    frame.render_widget(block, area);
    let inner = Rect {
        x: inner.x.saturating_add(1),
        width: inner.width.saturating_sub(2),
        ..inner
    };
    let inner = inner.intersection(area);
    let below = match size {
        Some(size) => render_digits(frame, inner, lane, size, theme),
        None => inner,
    };
    let facts = facts(lane, lanes, below, theme);
    let [head, bar, text] = vertical![==u16_of(facts.len()), ==1, *=1].areas(below);
    frame.render_widget(Paragraph::new(facts), head);
    render_bar(frame, bar, lane, lanes.now_us(), theme);
    lane_text::render(frame, text, lane, lanes, theme);
}

fn title<'a>(lane: &Lane, selected: bool, width: u16, theme: &Theme) -> Line<'a> {
    let mark = if selected { "▸" } else { " " };
    let name = if lane.is_recorded() {
        lane_text::plain(&lane.script.name, theme)
    } else {
        format!("{} tok/s", or_unknown(lane.tok_s().map(short)))
    };
    let name = format!("{mark}{name} ");
    let room = usize::from(width).saturating_sub(2 + name.width());
    let simulated = SIMULATED.into_iter().find(|mark| mark.len() <= room);
    let mut spans = vec![Span::styled(name, theme.title)];
    if lane.script.simulated {
        // Where the mark has no room, it takes that of the name.
        match simulated {
            Some(mark) => spans.push(Span::styled(mark, theme.simulated)),
            None => spans.insert(0, Span::styled(SIMULATED[1], theme.simulated)),
        }
    }
    Line::from(spans)
}

/// Whether a lane in `column` has room for its speed in digits of this size.
fn digits_fit(lane: &Lane, size: Size, column: Rect, theme: &Theme) -> bool {
    let (wide, high) = size.area(&lane.tok_s().map(short).unwrap_or_default());
    // Borders, and a column beside each.
    let inner = (
        column.width.saturating_sub(4),
        column.height.saturating_sub(2),
    );
    inner.1 >= ROOMY + high && !theme.ascii && wide + UNIT <= inner.0
}

/// The speed in large digits at the top of a lane; returns what is left below.
fn render_digits(
    frame: &mut Frame<'_>,
    inner: Rect,
    lane: &Lane,
    size: Size,
    theme: &Theme,
) -> Rect {
    let text = lane.tok_s().map(short).unwrap_or_default();
    let (wide, high) = size.area(&text);
    let [top, _, below] = vertical![==high, ==1, *=1].areas(inner);
    digits(frame.buffer_mut(), top, &text, size, theme.headline);
    let unit = Rect::new(
        top.x + wide + 1,
        top.bottom().saturating_sub(1),
        UNIT - 1,
        1,
    );
    frame.render_widget(Line::styled("tok/s", theme.dim), unit.intersection(top));
    below
}

/// The rows over the text, as many as there is room for.
fn facts<'a>(lane: &Lane, lanes: &Lanes, area: Rect, theme: &Theme) -> Vec<Line<'a>> {
    let now = lanes.now_us();
    let roomy = area.width >= 26;
    let unit = if area.width >= 16 { " tokens" } else { " tok" };
    let of = format!(
        "{}/{}{unit}",
        grouped_count(lane.tokens(now) as u64),
        grouped_count(lane.total_tokens() as u64)
    );
    let mut rows = vec![Line::styled(of, theme.text), time(lane, now, theme)];
    if let Some(which) = lane.script.which {
        rows.push(Line::styled(which, theme.dim));
    }
    if let Some(wait_s) = lane.script.wait_s() {
        rows.push(Line::styled(
            format!("wait {}", seconds(Some(wait_s))),
            theme.dim,
        ));
    }
    if let Some(tok_s) = lane.tok_s() {
        rows.extend(compared(tok_s, lanes.limits().speed_tok_s, roomy, theme));
    }
    if let Some(hurry) = lane.hurry().filter(|hurry| (hurry - 1.0).abs() > 1e-3) {
        let text = format!("×{} of measured", short(hurry));
        rows.insert(0, Line::styled(text, theme.warn));
    }
    rows.truncate(usize::from(area.height.saturating_sub(4)));
    rows
}

fn time<'a>(lane: &Lane, now: u64, theme: &Theme) -> Line<'a> {
    let elapsed = stopwatch(lane.elapsed_s(now));
    if lane.is_finished(now) {
        return Line::styled(format!("done in {elapsed}"), theme.good);
    }
    let total = or_unknown(lane.total_s().map(stopwatch));
    Line::styled(format!("{elapsed} of {total}"), theme.text)
}

/// How a speed compares with reading and with the limit.
fn compared<'a>(tok_s: f64, limit: f64, roomy: bool, theme: &Theme) -> Vec<Line<'a>> {
    let feel = Feel::from_speed(tok_s);
    let style = match feel {
        Feel::Slower => theme.bad,
        Feel::Comfortable | Feel::Faster => theme.good,
    };
    let reading = format!("{}× reading", short(reading::times_reading(tok_s)));
    let words = if roomy {
        feel.to_string()
    } else {
        feel.short().to_owned()
    };
    let (mark, word, verdict) = if tok_s >= limit {
        ("✔", "meets the limit", theme.good)
    } else {
        ("✘", "under the limit", theme.warn)
    };
    let verdict_words = if roomy { word } else { "limit" };
    vec![
        Line::styled(reading, theme.text),
        Line::styled(words, style),
        Line::styled(format!("{mark} {verdict_words} {}", short(limit)), verdict),
    ]
}

/// How much of the text is there.
fn render_bar(frame: &mut Frame<'_>, area: Rect, lane: &Lane, now: u64, theme: &Theme) {
    let share = lane.tokens(now) as f64 / lane.total_tokens().max(1) as f64;
    let done = floor_u64(share * f64::from(area.width));
    for (index, x) in (area.left()..area.right()).enumerate() {
        let (symbol, style): (&str, Style) = if (index as u64) < done {
            ("━", theme.focus)
        } else {
            ("─", theme.border)
        };
        frame.buffer_mut().set_stringn(x, area.y, symbol, 1, style);
    }
}
