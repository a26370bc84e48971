//! The colors of charts, by meaning: one set for light backgrounds, one for dark.
//!
//! A chart is drawn in the light set. A style sheet that picks elements by their light color turns it
//! dark where the reader's system asks for that, so one drawing serves both.

use std::fmt::Write as _;

use strum::IntoEnumIterator as _;

/// A color, by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub(crate) enum Color {
    /// The background.
    Canvas,
    /// Titles and values.
    Ink,
    /// Labels of axes, notes.
    Muted,
    /// Lines of the grid.
    Grid,
    Speed,
    Wait,
    /// The whole duration.
    Duration,
    /// Energy and power.
    Energy,
    /// A limit, and what misses it.
    Limit,
    /// The ground of the SIMULATED mark.
    Badge,
    /// The letters of the SIMULATED mark.
    BadgeInk,
    /// Another series.
    Rose,
    /// Another series.
    Cyan,
    /// Another series.
    Olive,
    /// Another series.
    Brown,
    /// Another series.
    Slate,
    /// Another series.
    Moss,
    /// Another series.
    Plum,
    /// Another series.
    Navy,
}

impl Color {
    /// Series of one kind, in order: models, processes, devices.
    pub(crate) const SERIES: [Self; 12] = [
        Self::Speed,
        Self::Wait,
        Self::Energy,
        Self::Duration,
        Self::Rose,
        Self::Cyan,
        Self::Olive,
        Self::Brown,
        Self::Slate,
        Self::Moss,
        Self::Plum,
        Self::Navy,
    ];

    /// The color of the series with this number.
    pub(crate) fn series(number: usize) -> Self {
        let all = Self::SERIES;
        all.get(number % all.len()).copied().unwrap_or(Self::Ink)
    }

    /// On a light and on a dark background.
    const fn pair(self) -> (u32, u32) {
        match self {
            Self::Canvas => (0xFF_FFFF, 0x11_161C),
            Self::Ink => (0x18_2230, 0xE8_EDF2),
            Self::Muted => (0x5D_6B7A, 0x98_A6B5),
            Self::Grid => (0xE3_E8EE, 0x29_323C),
            Self::Speed => (0x1F_6FDB, 0x6C_B0FF),
            Self::Wait => (0xDB_7317, 0xFF_B067),
            Self::Duration => (0x75_55CC, 0xB7_A0FF),
            Self::Energy => (0x16_9168, 0x58_D0A0),
            Self::Limit => (0xCF_3A3F, 0xFF_8285),
            Self::Badge => (0xFF_C838, 0xFF_C839),
            Self::BadgeInk => (0x3A_2A00, 0x3A_2A01),
            Self::Rose => (0xC2_3D8A, 0xF4_8CC6),
            Self::Cyan => (0x0E_8A9E, 0x55_CFE2),
            Self::Olive => (0x7E_8412, 0xC9_CF5B),
            Self::Brown => (0x8A_5426, 0xD9_A679),
            Self::Slate => (0x5B_7083, 0xA9_BFD2),
            Self::Moss => (0x4A_7A1E, 0x9C_D06B),
            Self::Plum => (0x86_2FB0, 0xDB_A2F5),
            Self::Navy => (0x2A_3F9E, 0x93_A6FF),
        }
    }

    /// "#1F6FDB": as the drawing has it, for a light background.
    pub(super) fn hex(self) -> String {
        format!("#{:06X}", self.pair().0)
    }

    /// The rules that turn a chart dark, for every element below `scope` (empty for all).
    pub(crate) fn dark_rules(scope: &str) -> String {
        let mut css = String::new();
        for color in Self::iter() {
            let (light, dark) = color.pair();
            // Writing to a string cannot fail.
            let _ = write!(
                css,
                "{scope}[fill=\"#{light:06X}\"]{{fill:#{dark:06X}}}{scope}[stroke=\"#{light:06X}\"]{{stroke:#{dark:06X}}}"
            );
        }
        css
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.
    fn luminance(hex: u32) -> f64 {
        let [_, r, g, b] = hex.to_be_bytes();
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(a: u32, b: u32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_line_can_be_told_from_its_background() {
        let (light, dark) = Color::Canvas.pair();
        for color in Color::SERIES.into_iter().chain([Color::Limit]) {
            let (on_light, on_dark) = color.pair();
            assert!(contrast(on_light, light) >= 3.0, "{color:?} on light");
            assert!(contrast(on_dark, dark) >= 3.0, "{color:?} on dark");
        }
        for color in [Color::Ink, Color::Muted] {
            let (on_light, on_dark) = color.pair();
            assert!(contrast(on_light, light) >= 4.5, "{color:?} on light");
            assert!(contrast(on_dark, dark) >= 4.5, "{color:?} on dark");
        }
    }

    #[test]
    fn no_two_meanings_share_a_color() {
        let mut seen = std::collections::BTreeSet::new();
        for color in Color::iter() {
            let (light, dark) = color.pair();
            assert!(seen.insert(light) && seen.insert(dark), "{color:?}");
        }
    }
}
