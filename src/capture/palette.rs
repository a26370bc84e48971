//! The 256 colors of a GIF: fixed before its first frame, so that frames can be written as they come.

use std::collections::HashMap;

use crate::capture::color_scheme::{ColorScheme, Ink, Rgb, mix};

/// Steps from the ground to the text at the edge of a glyph; more cost colors and bytes.
pub(crate) const STEPS: u8 = 3;

/// The index that leaves a pixel as it was.
pub(crate) const KEEP: u8 = 255;

/// The colors of a look, with what lies between them and the ground, and a cube for the rest.
#[derive(Debug)]
pub(crate) struct Palette {
    colors: Vec<Rgb>,
    found: HashMap<Rgb, u8>,
}

impl Palette {
    pub(crate) fn new(look: &ColorScheme) -> Self {
        let mut colors = vec![look.ground];
        for text in look.ansi.into_iter().chain([look.text]) {
            let dim = mix(look.ground, text, 170);
            for step in 1..=STEPS {
                colors.push(mix(look.ground, text, coverage(step)));
                colors.push(mix(look.ground, dim, coverage(step)));
            }
        }
        let levels = [0_u8, 64, 128, 191, 255];
        for red in levels {
            for green in levels {
                colors.extend(levels.map(|blue| [red, green, blue]));
            }
        }
        colors.truncate(usize::from(KEEP));
        Self {
            colors,
            found: HashMap::new(),
        }
    }

    /// All of it as the file wants it, 256 colors.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.colors.concat();
        bytes.resize(256 * 3, 0);
        bytes
    }

    /// The colors from the ground to the text of an ink, in [`STEPS`] steps.
    pub(crate) fn ramp(&mut self, ink: &Ink) -> [u8; STEPS as usize + 1] {
        let mut ramp = [0; STEPS as usize + 1];
        for (index, step) in ramp.iter_mut().zip(0..) {
            *index = self.index(mix(ink.ground, ink.text, coverage(step)));
        }
        ramp
    }

    /// The nearest color.
    fn index(&mut self, color: Rgb) -> u8 {
        if let Some(&index) = self.found.get(&color) {
            return index;
        }
        let far = |of: &Rgb| -> u32 {
            let channels = of.iter().zip(color);
            channels.map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
        };
        let nearest = self
            .colors
            .iter()
            .zip(0..=u8::MAX)
            .min_by_key(|(of, _)| far(of));
        let index = nearest.map_or(0, |(_, index)| index);
        self.found.insert(color, index);
        index
    }
}

/// The share of text at a step, 0–255.
fn coverage(step: u8) -> u8 {
    step * (u8::MAX / STEPS)
}

#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "cells of any color are painted")]
mod tests {
    use super::*;
    use ratatui::buffer::Cell;
    use ratatui::style::{Color, Style};

    #[test]
    fn the_colors_of_a_theme_are_exact_and_the_rest_near() {
        for look in [ColorScheme::dark(), ColorScheme::light()] {
            let mut palette = Palette::new(&look);
            assert_eq!(palette.bytes().len(), 768);
            for color in look.ansi.into_iter().chain([look.text, look.ground]) {
                let index = palette.index(color);
                assert_ne!(index, KEEP);
                assert_eq!(palette.colors[usize::from(index)], color);
            }
            let near = palette.index([250, 3, 130]);
            assert_eq!(palette.colors[usize::from(near)], [255, 0, 128]);
        }
    }

    #[test]
    fn a_ramp_goes_from_ground_to_text() {
        let look = ColorScheme::dark();
        let mut palette = Palette::new(&look);
        let mut cell = Cell::new("x");
        cell.set_style(Style::new().fg(Color::Cyan));
        let ramp = palette.ramp(&look.ink(&cell));
        let colors = ramp.map(|index| palette.colors[usize::from(index)]);
        assert_eq!(colors[0], look.ground);
        assert_eq!(colors[3], look.ansi[6]);
        assert!(colors.windows(2).all(|two| two[0][1] < two[1][1]));
    }
}
