//! Cells into pixels.

use std::collections::HashMap;

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

use crate::capture::color_scheme::{ColorScheme, Ink};
use crate::capture::palette::STEPS;
use crate::capture::shapes::{self, CELL, Part};
use crate::text::numbers::{round_u16, u16_of};

/// Pixels of a cell, across.
pub(crate) const WIDTH: usize = get_raster_width(FontWeight::Regular, RasterHeight::Size16);

/// Pixels of a cell, down.
pub(crate) const HEIGHT: usize = RasterHeight::Size16.val();

/// Points looked at in each direction of a pixel of a drawn character.
const POINTS: u16 = 4;

/// The row that an underline takes.
const UNDERLINE: usize = HEIGHT - 2;

/// What is in one cell: two equal tiles look the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    symbol: String,
    pub(crate) ink: Ink,
    /// Whether it is the right half of a wide character.
    right: bool,
}

/// The tiles of a screen, row by row.
pub(crate) fn tiles(buffer: &Buffer, look: &ColorScheme) -> Vec<Tile> {
    let width = usize::from(buffer.area.width).max(1);
    let mut tiles: Vec<Tile> = Vec::with_capacity(buffer.content().len());
    for row in buffer.content().chunks(width) {
        let mut wide = false;
        for cell in row {
            let before = tiles.last().filter(|_| wide).cloned();
            if let Some(left) = before {
                tiles.push(Tile {
                    right: true,
                    ..left
                });
                wide = false;
                continue;
            }
            wide = cell.symbol().width() > 1;
            tiles.push(Tile {
                symbol: cell.symbol().to_owned(),
                ink: look.ink(cell),
                right: false,
            });
        }
    }
    tiles
}

/// The glyphs seen so far: for each pixel of a cell, or of two, the step from ground to text.
#[derive(Debug, Default)]
pub(crate) struct Glyphs {
    seen: HashMap<(String, bool), Vec<u8>>,
}

impl Glyphs {
    /// The pixels of a tile as steps, row by row.
    pub(crate) fn rows(&mut self, tile: &Tile) -> [[u8; WIDTH]; HEIGHT] {
        let key = (tile.symbol.clone(), tile.ink.bold);
        let glyph = self
            .seen
            .entry(key)
            .or_insert_with_key(|(symbol, bold)| glyph(symbol, *bold));
        let across = glyph.len() / HEIGHT;
        let left = if tile.right { WIDTH } else { 0 };
        let mut rows = [[0; WIDTH]; HEIGHT];
        for (row, steps) in rows.iter_mut().zip(glyph.chunks(across.max(1))) {
            for (out, step) in row.iter_mut().zip(steps.iter().skip(left)) {
                *out = *step;
            }
        }
        if let Some(row) = rows.get_mut(UNDERLINE).filter(|_| tile.ink.underlined) {
            *row = [STEPS; WIDTH];
        }
        rows
    }
}

/// The pixels of a symbol: drawn, or of the font, or a frame for one that neither knows.
fn glyph(symbol: &str, bold: bool) -> Vec<u8> {
    let cells = symbol.width().clamp(1, 2);
    let blank = || vec![0; WIDTH * cells * HEIGHT];
    let Some(first) = symbol.chars().next().filter(|c| !c.is_whitespace()) else {
        return blank();
    };
    if let Some(parts) = shapes::parts(first) {
        return drawn(&parts, cells);
    }
    let weight = if bold {
        FontWeight::Bold
    } else {
        FontWeight::Regular
    };
    let of_font = |c| get_raster(c, weight, RasterHeight::Size16);
    let found = of_font(first).or_else(|| of_font(shapes::alike(first)?));
    match found {
        Some(raster) if cells == 1 => raster.pixels().iter().map(|&dark| step(dark)).collect(),
        _ => frame(cells),
    }
}

fn step(coverage: u8) -> u8 {
    let steps = u16::from(STEPS);
    u8::try_from((u16::from(coverage) * steps + 127) / 255).unwrap_or(STEPS)
}

/// A frame in place of a character that cannot be shown.
fn frame(cells: usize) -> Vec<u8> {
    let right = CELL.0 * if cells == 2 { 2.0 } else { 1.0 } - 1.0;
    let corners = [
        (1.0, 3.0),
        (right, 3.0),
        (right, 13.0),
        (1.0, 13.0),
        (1.0, 3.0),
    ];
    let sides = corners.iter().zip(corners.iter().skip(1));
    let parts: Vec<Part> = sides
        .map(|(&from, &to)| Part::Stroke(from, to, 0.8))
        .collect();
    drawn(&parts, cells)
}

/// Pixels of drawn parts, each from several points.
fn drawn(parts: &[Part], cells: usize) -> Vec<u8> {
    let place = |pixel: usize, point: u16, pixels: usize, units: f32| {
        let pixel = f32::from(u16_of(pixel));
        let inner = (f32::from(point) + 0.5) / f32::from(POINTS);
        (pixel + inner) * units / f32::from(u16_of(pixels))
    };
    let mut pixels = Vec::with_capacity(WIDTH * cells * HEIGHT);
    for y in 0..HEIGHT {
        for x in 0..WIDTH * cells {
            let mut sum = 0.0;
            for (i, j) in (0..POINTS).flat_map(|i| (0..POINTS).map(move |j| (i, j))) {
                let point = (place(x, i, WIDTH, CELL.0), place(y, j, HEIGHT, CELL.1));
                let covered = parts.iter().map(|part| part.covers(point));
                sum += covered.fold(0.0, f32::max);
            }
            let coverage = f64::from(sum / f32::from(POINTS * POINTS)) * f64::from(STEPS);
            let step = round_u16(coverage);
            pixels.push(u8::try_from(step).unwrap_or(STEPS).min(STEPS));
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn screen(lines: [&str; 1]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        buffer.set_string(0, 0, lines[0], Style::new());
        buffer
    }

    fn picture(symbol: &str) -> [[u8; WIDTH]; HEIGHT] {
        let tiles = tiles(&screen([symbol]), &ColorScheme::dark());
        Glyphs::default().rows(&tiles[0])
    }

    #[test]
    fn letters_come_from_the_font_and_blocks_are_drawn() {
        let letter: usize = picture("A")
            .iter()
            .flatten()
            .filter(|&&step| step > 0)
            .count();
        assert!((15..60).contains(&letter), "{letter} pixels");
        assert_eq!(picture("█"), [[STEPS; WIDTH]; HEIGHT]);
        assert_eq!(picture(" "), [[0; WIDTH]; HEIGHT]);
        let line = picture("─");
        assert_eq!(line[8], [STEPS; WIDTH]);
        assert_eq!((line[7], line[9]), ([0; WIDTH], [0; WIDTH]));
    }

    #[test]
    fn every_accent_of_portuguese_has_a_glyph_of_its_own() {
        let unknown = frame(1);
        for c in "áâãàçéêíóôõúÁÂÃÀÇÉÊÍÓÔÕÚ«»ºª“”’—–…".chars()
        {
            assert_ne!(glyph(&c.to_string(), false), unknown, "{c}");
        }
    }

    #[test]
    fn a_wide_character_takes_two_tiles_that_differ_from_what_stood_there() {
        let look = ColorScheme::dark();
        let (wide, narrow) = (
            tiles(&screen(["日a"]), &look),
            tiles(&screen(["x a"]), &look),
        );
        assert_eq!(wide.len(), narrow.len());
        assert!(wide[1].right && wide[1] != narrow[1]);
        assert_eq!(wide[2], narrow[2]);
    }
}
