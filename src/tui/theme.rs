//! Styles by meaning. The only module that names colors.

#![expect(
    clippy::disallowed_types,
    reason = "colors are banned everywhere but here"
)]

use ratatui::style::{Color, Modifier, Style};

/// The styles of the dashboard, by meaning. ANSI-16 colors, so the terminal's own palette decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Its name, as `t` and `--theme` show it.
    pub name: &'static str,
    /// Ordinary text.
    pub text: Style,
    /// Less important text.
    pub dim: Style,
    /// Titles of panes.
    pub title: Style,
    /// Borders.
    pub border: Style,
    /// The border of the pane with the focus.
    pub focus: Style,
    /// The one number that matters.
    pub headline: Style,
    /// Something that is as it should be.
    pub good: Style,
    /// Something to look at.
    pub warn: Style,
    /// Something that is not as it should be.
    pub bad: Style,
    /// The selected row.
    pub selected: Style,
    /// Thinking, as told apart from the answer.
    pub thinking: Style,
    /// Keys in the footer and the help.
    pub key: Style,
    /// The SIMULATED mark.
    pub simulated: Style,
    /// Lines of a chart, in order.
    pub series: [Style; 6],
    /// Use only ASCII characters (`--ascii`).
    pub ascii: bool,
}

impl Theme {
    /// Every theme, in the order of the `t` key.
    pub const NAMES: [&'static str; 3] = ["dark", "light", "mono"];

    /// The theme of this name; `dark` for any other.
    pub fn named(name: &str) -> Self {
        match name {
            "light" => Self::colored("light", Color::Blue, Color::DarkGray),
            "mono" => Self::mono(),
            _ => Self::colored("dark", Color::Cyan, Color::DarkGray),
        }
    }

    /// The theme after this one, with the same characters.
    #[must_use]
    pub fn next(&self) -> Self {
        let after = Self::NAMES.iter().skip_while(|name| **name != self.name);
        let next = after.skip(1).chain(&Self::NAMES).next();
        let mut theme = Self::named(next.unwrap_or(&self.name));
        theme.ascii = self.ascii;
        theme
    }

    /// `style` as it stays in the selected row: a bar that is reversed would tell its height the wrong way round.
    pub const fn upright(style: Style) -> Style {
        style.remove_modifier(Modifier::REVERSED)
    }

    /// The mark of something that is on: a recording, a loaded model.
    pub const fn dot(&self) -> &'static str {
        if self.ascii { "*" } else { "●" }
    }

    fn colored(name: &'static str, accent: Color, dim: Color) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            name,
            text: plain,
            dim: plain.fg(dim),
            title: bold,
            border: plain.fg(dim),
            focus: plain.fg(accent),
            headline: bold.fg(accent),
            good: plain.fg(Color::Green),
            warn: plain.fg(Color::Yellow),
            bad: bold.fg(Color::Red),
            selected: plain.add_modifier(Modifier::REVERSED),
            thinking: plain.fg(Color::Magenta).add_modifier(Modifier::ITALIC),
            key: bold.fg(accent),
            simulated: bold.fg(Color::Black).bg(Color::Yellow),
            series: [
                Color::Cyan,
                Color::Green,
                Color::Yellow,
                Color::Magenta,
                Color::Blue,
                Color::Red,
            ]
            .map(|color| plain.fg(color)),
            ascii: false,
        }
    }

    /// No color at all (`NO_COLOR`): weight and shape carry the meaning.
    fn mono() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        Self {
            name: "mono",
            text: plain,
            dim,
            title: bold,
            border: dim,
            focus: bold,
            headline: bold,
            good: plain,
            warn: bold,
            bad: bold.add_modifier(Modifier::UNDERLINED),
            selected: plain.add_modifier(Modifier::REVERSED),
            thinking: plain.add_modifier(Modifier::ITALIC | Modifier::DIM),
            key: bold,
            simulated: bold.add_modifier(Modifier::REVERSED),
            series: [plain; 6],
            ascii: false,
        }
    }
}
