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
    fn new(text: u32, ground: u32, ansi: [u32; 16]) -> Self {
        let rgb = |color: u32| {
            let [_, red, green, blue] = color.to_be_bytes();
            [red, green, blue]
        };
        Self {
            text: rgb(text),
            ground: rgb(ground),
            ansi: ansi.map(rgb),
        }
    }

    /// Light on dark.
    pub fn dark() -> Self {
        let ansi = [
            0x12_151C, 0xF0_6A6A, 0x7C_C97A, 0xE5_C06B, 0x6C_A4F5, 0xC7_92EA, 0x5F_C8D8, 0xB8_BDC7,
            0x76_7E8C, 0xFF_8C8C, 0xA0_E09C, 0xFF_D88A, 0x8F_BCFF, 0xDD_B3FF, 0x86_E3F0, 0xFF_FFFF,
        ];
        Self::new(0xD4_D7DD, 0x12_151C, ansi)
    }

    /// Dark on light.
    pub fn light() -> Self {
        let ansi = [
            0x24_292F, 0xC4_2B35, 0x1A_7F37, 0x9A_6700, 0x0A_5BC4, 0x82_50BF, 0x1B_7C83, 0x6E_7781,
            0x6E_7781, 0xA4_0E26, 0x2D_A44E, 0x7D_4E00, 0x21_8BFF, 0xA4_75F9, 0x31_92AA, 0xFF_FFFF,
        ];
        Self::new(0x24_292F, 0xFF_FFFF, ansi)
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

/// `#rrggbb`.
pub(crate) fn hex([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
