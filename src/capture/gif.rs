//! An animated GIF of a screen. Only what changed is written; a frame's delay runs to the next one
//! in whole hundredths of a second counted from the start, so that roundings do not add up.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::event::Stamp;
use crate::text::numbers::u16_of;

use crate::capture::color_scheme::ColorScheme;
use crate::capture::paint::{Glyphs, HEIGHT, Tile, WIDTH, tiles};
use crate::capture::palette::{KEEP, Palette};

/// The least time between two frames, microseconds: 12.5 a second keep a file small.
const GAP_US: u64 = 80_000;

/// The shortest delay that browsers heed; only the last frame can come near it.
const LEAST_CS: u64 = 2;

/// Microseconds in the unit of a GIF's delays.
const CENTISECOND_US: u64 = 10_000;

/// A GIF that is being written.
pub struct Gif<W: Write> {
    look: ColorScheme,
    palette: Palette,
    glyphs: Glyphs,
    /// Taken by the first frame, which decides the size.
    out: Option<W>,
    open: Option<OpenGif<W>>,
}

struct OpenGif<W: Write> {
    encoder: Encoder<W>,
    /// The size of the picture in cells: that of the first frame.
    size: (u16, u16),
    origin: Stamp,
    /// What the file shows so far, up to `written_cs`.
    shown: Vec<Tile>,
    written_cs: u64,
    /// The frame whose end is not yet known, and since when it is shown.
    next: (Stamp, Vec<Tile>),
}

impl<W: Write> fmt::Debug for Gif<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gif")
            .field("look", &self.look)
            .finish_non_exhaustive()
    }
}

impl<W: Write> Gif<W> {
    /// A GIF in these colors.
    pub fn new(out: W, look: ColorScheme) -> Self {
        Self {
            palette: Palette::new(&look),
            glyphs: Glyphs::default(),
            look,
            out: Some(out),
            open: None,
        }
    }

    /// Takes the screen as it is from `at` on. A screen of another size is cut to that of the
    /// first; frames that follow too closely replace one another.
    pub fn frame(&mut self, at: Stamp, buffer: &Buffer) -> io::Result<()> {
        let Some(open) = &mut self.open else {
            return self.begin(at, buffer);
        };
        let next = tiles(&fitted(buffer, open.size), &self.look);
        if next == open.next.1 {
            return Ok(());
        }
        if at.0.saturating_sub(open.next.0.0) < GAP_US {
            open.next.1 = next;
            return Ok(());
        }
        open.write(&mut self.palette, &mut self.glyphs, at)?;
        open.next = (at, next);
        Ok(())
    }

    /// Ends it at `at`, until when the last frame is shown.
    pub fn finish(self, at: Stamp) -> io::Result<()> {
        let Self {
            mut palette,
            mut glyphs,
            open,
            ..
        } = self;
        let Some(mut open) = open else { return Ok(()) };
        open.write(&mut palette, &mut glyphs, at)?;
        open.encoder.into_inner().map_err(failed)?.flush()
    }

    fn begin(&mut self, at: Stamp, buffer: &Buffer) -> io::Result<()> {
        let size = (buffer.area.width, buffer.area.height);
        let Some(out) = self.out.take_if(|_| !buffer.area.is_empty()) else {
            return Ok(());
        };
        let (width, height) = (pixels(size.0, WIDTH), pixels(size.1, HEIGHT));
        let mut encoder =
            Encoder::new(out, width, height, &self.palette.bytes()).map_err(failed)?;
        encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
        self.open = Some(OpenGif {
            encoder,
            size,
            origin: at,
            shown: Vec::new(),
            written_cs: 0,
            next: (at, tiles(buffer, &self.look)),
        });
        Ok(())
    }
}

impl<W: Write> OpenGif<W> {
    /// Writes the frame that stood until `until`.
    fn write(
        &mut self,
        palette: &mut Palette,
        glyphs: &mut Glyphs,
        until: Stamp,
    ) -> io::Result<()> {
        let passed = until.0.saturating_sub(self.origin.0);
        let until_cs = passed.saturating_add(CENTISECOND_US / 2) / CENTISECOND_US;
        let mut delay = until_cs.saturating_sub(self.written_cs).max(LEAST_CS);
        self.written_cs += delay;
        let mut frame = self.picture(palette, glyphs);
        loop {
            frame.delay = u16::try_from(delay).unwrap_or(u16::MAX);
            delay -= u64::from(frame.delay);
            self.encoder.write_frame(&frame).map_err(failed)?;
            if delay == 0 {
                break;
            }
            // A delay that the format cannot hold: continue with a frame that changes nothing.
            frame = picture(Rect::new(0, 0, 1, 1), vec![KEEP]);
        }
        self.shown.clone_from(&self.next.1);
        Ok(())
    }

    /// The rectangle that changed; pixels of tiles that did not are left as they were.
    fn picture(&self, palette: &mut Palette, glyphs: &mut Glyphs) -> Frame<'static> {
        let across = usize::from(self.size.0);
        let new = &self.next.1;
        let changed = |index: usize| self.shown.get(index) != new.get(index);
        let Some(area) = bounds((0..new.len()).filter(|&index| changed(index)), across) else {
            return picture(Rect::new(0, 0, 1, 1), vec![KEEP]);
        };
        let stride = usize::from(area.width) * WIDTH;
        let mut bytes = vec![KEEP; stride * usize::from(area.height) * HEIGHT];
        for cell in area.positions() {
            let index = usize::from(cell.y) * across + usize::from(cell.x);
            let Some(tile) = new.get(index).filter(|_| changed(index)) else {
                continue;
            };
            let ramp = palette.ramp(&tile.ink);
            let left = usize::from(cell.x - area.x) * WIDTH;
            let top = usize::from(cell.y - area.y) * HEIGHT;
            let lines = bytes.chunks_exact_mut(stride).skip(top);
            for (line, steps) in lines.zip(glyphs.rows(tile)) {
                let pixels = line.iter_mut().skip(left).zip(steps);
                for (pixel, step) in pixels {
                    *pixel = ramp.get(usize::from(step)).copied().unwrap_or(KEEP);
                }
            }
        }
        let place = Rect {
            x: pixels(area.x, WIDTH),
            y: pixels(area.y, HEIGHT),
            width: pixels(area.width, WIDTH),
            height: pixels(area.height, HEIGHT),
        };
        picture(place, bytes)
    }
}

/// The smallest rectangle of cells that holds all of `changed`.
fn bounds(changed: impl Iterator<Item = usize>, across: usize) -> Option<Rect> {
    let cells = changed.map(|index| (u16_of(index % across), u16_of(index / across)));
    let cells = cells.map(|(x, y)| Rect::new(x, y, 1, 1));
    cells.reduce(Rect::union)
}

fn picture(place: Rect, buffer: Vec<u8>) -> Frame<'static> {
    Frame {
        left: place.x,
        top: place.y,
        width: place.width,
        height: place.height,
        dispose: DisposalMethod::Keep,
        transparent: Some(KEEP),
        buffer: Cow::Owned(buffer),
        ..Frame::default()
    }
}

/// `buffer` in the size of the first frame.
fn fitted(buffer: &Buffer, (width, height): (u16, u16)) -> Cow<'_, Buffer> {
    let area = Rect::new(0, 0, width, height);
    if buffer.area == area {
        return Cow::Borrowed(buffer);
    }
    let mut fitted = Buffer::empty(area);
    for position in area.intersection(buffer.area).positions() {
        if let (Some(to), Some(from)) = (fitted.cell_mut(position), buffer.cell(position)) {
            to.clone_from(from);
        }
    }
    Cow::Owned(fitted)
}

fn pixels(cells: u16, of_one: usize) -> u16 {
    cells.saturating_mul(u16_of(of_one))
}

fn failed(error: EncodingError) -> io::Error {
    match error {
        EncodingError::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "cells of any color are painted")]
mod tests {
    use super::*;
    use ratatui::style::{Color, Style};

    fn screen(text: &str) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 3));
        buffer.set_string(1, 1, text, Style::new().fg(Color::Cyan));
        buffer
    }

    fn recorded(frames: &[(u64, &str)], end: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut gif = Gif::new(&mut bytes, ColorScheme::dark());
        for &(at, text) in frames {
            gif.frame(Stamp(at), &screen(text)).unwrap();
        }
        gif.finish(Stamp(end)).unwrap();
        bytes
    }

    /// Delay, place and pixels of every frame.
    fn decoded(bytes: &[u8]) -> Vec<(u16, Rect, Vec<u8>)> {
        let mut decoder = gif::DecodeOptions::new().read_info(bytes).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            let place = Rect::new(frame.left, frame.top, frame.width, frame.height);
            frames.push((frame.delay, place, frame.buffer.to_vec()));
        }
        frames
    }

    #[test]
    fn delays_add_up_to_the_time_that_passed() {
        let texts = ["a", "b"].into_iter().cycle();
        // 133.337 ms a frame: every delay is rounded.
        let frames: Vec<(u64, &str)> = (0..100)
            .map(|index| 7 + index * 133_337)
            .zip(texts)
            .collect();
        let delays: u64 = decoded(&recorded(&frames, 14_000_007))
            .iter()
            .map(|(delay, ..)| u64::from(*delay))
            .sum();
        assert_eq!(delays, 1_400);
    }

    #[test]
    fn only_what_changed_is_written() {
        let frames = decoded(&recorded(&[(0, "time"), (500_000, "tame")], 1_000_000));
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].1, Rect::new(0, 0, 84, 48));
        assert_eq!(frames[1].1, Rect::new(14, 16, 7, 16));
        assert_eq!((frames[0].0, frames[1].0), (50, 50));
    }

    #[test]
    fn a_frame_that_changes_nothing_takes_no_place() {
        let frames = decoded(&recorded(
            &[(0, "a"), (300_000, "a"), (600_000, "b")],
            900_000,
        ));
        assert_eq!(
            frames.iter().map(|frame| frame.0).collect::<Vec<_>>(),
            [60, 30]
        );
    }

    #[test]
    fn frames_that_follow_closely_become_one() {
        let frames = decoded(&recorded(
            &[(0, "a"), (10_000, "b"), (20_000, "c")],
            100_000,
        ));
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].2, decoded(&recorded(&[(0, "c")], 100_000))[0].2);
    }

    #[test]
    fn a_stillness_longer_than_a_delay_can_be_keeps_its_time() {
        let hour = 3_600_000_000;
        let frames = decoded(&recorded(&[(0, "a"), (hour, "b")], hour + 1_000_000));
        let delays: u64 = frames.iter().map(|(delay, ..)| u64::from(*delay)).sum();
        assert_eq!(delays, 360_100);
    }

    #[test]
    fn a_screen_that_changes_its_size_is_cut() {
        let mut bytes = Vec::new();
        let mut gif = Gif::new(&mut bytes, ColorScheme::light());
        gif.frame(Stamp(0), &screen("a")).unwrap();
        for (index, (width, height)) in [(40, 1), (2, 30), (0, 0)].into_iter().enumerate() {
            let buffer = Buffer::empty(Rect::new(0, 0, width, height));
            gif.frame(Stamp(1_000_000 * (index as u64 + 1)), &buffer)
                .unwrap();
        }
        gif.finish(Stamp(5_000_000)).unwrap();
        assert!(
            decoded(&bytes)
                .iter()
                .all(|frame| frame.1.right() <= 84 && frame.1.bottom() <= 48)
        );
    }
}
