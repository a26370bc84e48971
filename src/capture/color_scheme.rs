//! What colors look like outside a terminal, which has its own palette.

#![expect(
    clippy::disallowed_types,
    reason = "it reads the colors of cells, and makes none"
)]

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// The colors of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColorScheme {
    /// Text without a color.
    pub text: Rgb,
    pub ground: Rgb,
    /// The 16 colors of a terminal, in their order.
    pub ansi: [Rgb; 16],
}

/// How a cell is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ink {
    pub(crate) text: Rgb,
    pub(crate) ground: Rgb,
    pub(crate) bold: bool,
    pub(crate) italic: bool,
    pub(crate) underlined: bool,
}

impl ColorScheme {
    /// Light on dark.
    pub fn dark() -> Self {
        Self {
            text: [0xd4, 0xd7, 0xdd],
            ground: [0x12, 0x15, 0x1c],
            ansi: [
                [0x12, 0x15, 0x1c],
                [0xf0, 0x6a, 0x6a],
                [0x7c, 0xc9, 0x7a],
                [0xe5, 0xc0, 0x6b],
                [0x6c, 0xa4, 0xf5],
                [0xc7, 0x92, 0xea],
                [0x5f, 0xc8, 0xd8],
                [0xb8, 0xbd, 0xc7],
                [0x76, 0x7e, 0x8c],
                [0xff, 0x8c, 0x8c],
                [0xa0, 0xe0, 0x9c],
                [0xff, 0xd8, 0x8a],
                [0x8f, 0xbc, 0xff],
                [0xdd, 0xb3, 0xff],
                [0x86, 0xe3, 0xf0],
                [0xff, 0xff, 0xff],
            ],
        }
    }

    /// Dark on light.
    pub fn light() -> Self {
        Self {
            text: [0x24, 0x29, 0x2f],
            ground: [0xff, 0xff, 0xff],
            ansi: [
                [0x24, 0x29, 0x2f],
                [0xc4, 0x2b, 0x35],
                [0x1a, 0x7f, 0x37],
                [0x9a, 0x67, 0x00],
                [0x0a, 0x5b, 0xc4],
                [0x82, 0x50, 0xbf],
                [0x1b, 0x7c, 0x83],
                [0x6e, 0x77, 0x81],
                [0x6e, 0x77, 0x81],
                [0xa4, 0x0e, 0x26],
                [0x2d, 0xa4, 0x4e],
                [0x7d, 0x4e, 0x00],
                [0x21, 0x8b, 0xff],
                [0xa4, 0x75, 0xf9],
                [0x31, 0x92, 0xaa],
                [0xff, 0xff, 0xff],
            ],
        }
    }

    /// The look that fits a theme of this name.
    pub fn from_theme(name: &str) -> Self {
        if name == "light" {
            Self::light()
        } else {
            Self::dark()
        }
    }

    /// A color of the terminal; None for the terminal's own.
    fn rgb(&self, color: Color) -> Option<Rgb> {
        let index = match color {
            Color::Reset => return None,
            Color::Rgb(red, green, blue) => return Some([red, green, blue]),
            Color::Indexed(index) => index,
            Color::Black => 0,
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 8,
            Color::LightRed => 9,
            Color::LightGreen => 10,
            Color::LightYellow => 11,
            Color::LightBlue => 12,
            Color::LightMagenta => 13,
            Color::LightCyan => 14,
            Color::White => 15,
        };
        Some(
            self.ansi
                .get(usize::from(index))
                .copied()
                .unwrap_or_else(|| indexed(index)),
        )
    }

    /// How a cell is painted, its modifiers applied.
    pub(crate) fn ink(&self, cell: &Cell) -> Ink {
        let mut text = self.rgb(cell.fg).unwrap_or(self.text);
        let mut ground = self.rgb(cell.bg).unwrap_or(self.ground);
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut text, &mut ground);
        }
        if cell.modifier.contains(Modifier::DIM) {
            text = mix(ground, text, 170);
        }
        if cell.modifier.contains(Modifier::HIDDEN) {
            text = ground;
        }
        Ink {
            text,
            ground,
            bold: cell.modifier.contains(Modifier::BOLD),
            italic: cell.modifier.contains(Modifier::ITALIC),
            underlined: cell.modifier.contains(Modifier::UNDERLINED),
        }
    }
}

/// The color cube and the greys of 256-color terminals.
fn indexed(index: u8) -> Rgb {
    if index >= 232 {
        let grey = 8 + (index - 232) * 10;
        return [grey; 3];
    }
    let cube = index.saturating_sub(16);
    [cube / 36, cube / 6 % 6, cube % 6].map(|level| if level == 0 { 0 } else { 55 + level * 40 })
}

/// Between `from` (0) and `to` (255).
pub(crate) fn mix(from: Rgb, to: Rgb, share: u8) -> Rgb {
    let share = u16::from(share);
    let mut mixed = from;
    for (out, to) in mixed.iter_mut().zip(to) {
        let sum = u16::from(*out) * (255 - share) + u16::from(to) * share;
        *out = u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX);
    }
    mixed
}
