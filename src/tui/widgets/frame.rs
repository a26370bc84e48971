//! The frame around a pane, and the last touch: plain characters where nothing else is wanted.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Widget};

use crate::tui::PaneContext;
use crate::tui::theme::Theme;
use crate::tui::widgets::text;

/// The title of a pane.
#[derive(Debug, Clone, Default)]
pub struct Title {
    /// At the left; always shown, cut to fit.
    pub main: String,
    /// At the right; shown where both fit.
    pub aside: String,
}

impl Title {
    /// A title with nothing beside it.
    pub fn new(main: impl Into<String>) -> Self {
        Self {
            main: main.into(),
            aside: String::new(),
        }
    }

    /// The same with something at the right.
    #[must_use]
    pub fn aside(self, aside: impl Into<String>) -> Self {
        Self {
            aside: aside.into(),
            ..self
        }
    }
}

/// Draws a bordered block with its title, lets `body` fill it, and keeps all of it to ASCII where
/// the theme asks for that. The area may lie anywhere, also off the screen.
pub fn pane(
    frame: &mut Frame<'_>,
    area: Rect,
    cx: &PaneContext<'_>,
    title: &Title,
    body: impl FnOnce(&mut Buffer, Rect),
) {
    framed(frame, area, (cx.theme, cx.focused), title, body);
}

/// [`pane`] where there is no run: with a theme, and with or without the focus.
pub fn framed(
    frame: &mut Frame<'_>,
    area: Rect,
    (theme, focused): (&Theme, bool),
    title: &Title,
    body: impl FnOnce(&mut Buffer, Rect),
) {
    plain(frame, area, theme, |buf, area| {
        let border = if focused { theme.focus } else { theme.border };
        let room = usize::from(area.width.saturating_sub(2));
        let main = text::fit(&title.main, room.saturating_sub(2));
        let used = text::width(&main) + 2;
        let mut block = Block::bordered().border_style(border);
        if room > 4 {
            block = block.title_top(Line::styled(format!(" {main} "), theme.title));
        }
        if !title.aside.is_empty() && used + text::width(&title.aside) + 3 <= room {
            let aside = format!(" {} ", text::safe(&title.aside));
            block = block.title_top(Line::styled(aside, theme.dim).right_aligned());
        }
        let inner = block.inner(area);
        block.render(area, buf);
        if !inner.is_empty() {
            body(buf, inner);
        }
    });
}

/// [`pane`] without block and title.
pub fn bare(
    frame: &mut Frame<'_>,
    area: Rect,
    cx: &PaneContext<'_>,
    body: impl FnOnce(&mut Buffer, Rect),
) {
    plain(frame, area, cx.theme, body);
}

fn plain(frame: &mut Frame<'_>, area: Rect, theme: &Theme, body: impl FnOnce(&mut Buffer, Rect)) {
    let area = area.intersection(frame.area());
    if area.is_empty() {
        return;
    }
    body(frame.buffer_mut(), area);
    if theme.ascii {
        asciify(frame.buffer_mut(), area);
    }
}

/// `≥`, or what stands for it.
pub fn at_least(theme: &Theme) -> &'static str {
    if theme.ascii { ">=" } else { "≥" }
}

/// `≤`, or what stands for it.
pub fn at_most(theme: &Theme) -> &'static str {
    if theme.ascii { "<=" } else { "≤" }
}

/// Replaces every glyph that the dashboard draws by one ASCII character of the same width. Letters
/// of other scripts stay: they are somebody's text.
pub fn asciify(buf: &mut Buffer, area: Rect) {
    for position in area.intersection(buf.area).positions() {
        let Some(cell) = buf.cell_mut(position) else {
            continue;
        };
        let mut chars = cell.symbol().chars();
        if let (Some(c), None) = (chars.next(), chars.next())
            && let Some(plain) = ascii(c)
        {
            cell.set_char(plain);
        }
    }
}

/// The glyphs of the dashboard and what stands for them.
const PLAIN: [(&str, char); 19] = [
    ("─╌–—▱▃", '-'),
    ("│┆▏▎", '|'),
    ("┌┐└┘├┤┬┴┼✔▅", '+'),
    ("█▰", '#'),
    ("▉▊▋▌▍▄▓━", '='),
    ("▁░·•", '.'),
    ("▂▒", ':'),
    ("▆", '*'),
    ("▇", '%'),
    ("▀", '"'),
    ("✘×", 'x'),
    ("▶»▸≥→", '>'),
    ("≤", '<'),
    ("■", '!'),
    ("…", '~'),
    ("▲", '^'),
    ("▼", 'v'),
    ("°●", 'o'),
    ("µ", 'u'),
];

fn ascii(c: char) -> Option<char> {
    match c {
        c if c.is_ascii() => None,
        '\u{fffd}' | '\u{2400}'..='\u{2421}' => Some('?'),
        c => PLAIN
            .iter()
            .find(|(glyphs, _)| glyphs.contains(c))
            .map(|(_, plain)| *plain),
    }
}
