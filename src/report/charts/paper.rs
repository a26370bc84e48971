//! What charts and cards are drawn on: an SVG, in fine units so that nothing jumps to whole pixels.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{DrawingArea, IntoDrawingArea as _};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle};

use crate::report::charts::palette::Color;
use crate::report::text::escape_xml;
use crate::text::numbers::floor_u64;

/// Units of the drawing in a pixel.
const FINE: f64 = 10.0;
/// The letters, and what stands in for them where they are not installed.
const LETTERS: &str = "Inter, system-ui, -apple-system, 'Segoe UI', sans-serif";

/// Why something could not be drawn.
pub(crate) type Trouble = String;

/// Where text stands: its place is at its left end, its middle or its right end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letters {
    pub(crate) size: f64,
    pub(crate) color: Color,
    pub(crate) bold: bool,
    /// Whether paper shows around it, over lines.
    pub(crate) halo: bool,
    pub(crate) align: Align,
}

impl Letters {
    pub(crate) const fn new(size: f64, color: Color) -> Self {
        Self {
            size,
            color,
            bold: false,
            halo: false,
            align: Align::Left,
        }
    }

    pub(crate) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(crate) const fn halo(self) -> Self {
        Self { halo: true, ..self }
    }

    pub(crate) const fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }
}

/// A page to draw on; places are pixels from its upper left corner.
pub(crate) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

impl Canvas<'_> {
    pub(crate) fn fill(
        &self,
        (left, top): (f64, f64),
        (right, bottom): (f64, f64),
        color: Color,
        opacity: f64,
    ) -> Result<(), Trouble> {
        let style: ShapeStyle = color.rgb().mix(opacity).filled();
        let corners = [fine((left, top)), fine((right, bottom))];
        let drawn = self.area.draw(&Rectangle::new(corners, style));
        drawn.map_err(|error| error.to_string())
    }

    pub(crate) fn path(
        &self,
        places: impl IntoIterator<Item = (f64, f64)>,
        color: Color,
        width: f64,
        opacity: f64,
    ) -> Result<(), Trouble> {
        let style = stroke(color, width, opacity);
        let places: Vec<(i32, i32)> = places.into_iter().map(fine).collect();
        let drawn = self.area.draw(&PathElement::new(places, style));
        drawn.map_err(|error| error.to_string())
    }

    pub(crate) fn shape(
        &self,
        places: impl IntoIterator<Item = (f64, f64)>,
        color: Color,
        opacity: f64,
    ) -> Result<(), Trouble> {
        let style: ShapeStyle = color.rgb().mix(opacity).filled();
        let places: Vec<(i32, i32)> = places.into_iter().map(fine).collect();
        let drawn = self.area.draw(&Polygon::new(places, style));
        drawn.map_err(|error| error.to_string())
    }

    /// A dot, or a ring with paper inside.
    pub(crate) fn dot(
        &self,
        place: (f64, f64),
        radius: f64,
        color: Color,
        hollow: bool,
    ) -> Result<(), Trouble> {
        let radius = rounded(radius * FINE);
        let filled = if hollow { Color::Canvas } else { color };
        let filled: ShapeStyle = filled.rgb().filled();
        let inner = Circle::new(fine(place), radius, filled);
        let drawn = self.area.draw(&inner);
        drawn.map_err(|error| error.to_string())?;
        let edge = if hollow { color } else { Color::Canvas };
        let ring = Circle::new(fine(place), radius, stroke(edge, 1.5, 1.0));
        let drawn = self.area.draw(&ring);
        drawn.map_err(|error| error.to_string())
    }

    /// A line of text, its middle at the height of `place`.
    pub(crate) fn text(
        &self,
        place: (f64, f64),
        text: &str,
        letters: Letters,
    ) -> Result<(), Trouble> {
        let weight = if letters.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        // The backend divides sizes by 1.24.
        let size = letters.size * FINE * 1.24;
        // The name of the letters says whether they have a halo; `page` writes it out.
        let family = if letters.halo { "Halo" } else { "Inter" };
        let font = FontDesc::new(FontFamily::Name(family), size, weight);
        let across = match letters.align {
            Align::Left => HPos::Left,
            Align::Center => HPos::Center,
            Align::Right => HPos::Right,
        };
        let color = letters.color.rgb();
        let style = TextStyle::from(font)
            .color(&color)
            .pos(Pos::new(across, VPos::Center));
        let drawn = self.area.draw(&Text::new(text, fine(place), style));
        drawn.map_err(|error| error.to_string())
    }

    /// The mark of everything simulated, its upper right corner at this place, `zoom` times its size.
    pub(crate) fn simulated(&self, (right, top): (f64, f64), zoom: f64) -> Result<(), Trouble> {
        let (width, height) = (104.0 * zoom, 24.0 * zoom);
        let left = right - width;
        self.fill((left, top), (right, top + height), Color::Badge, 1.0)?;
        let letters = Letters::new(12.0 * zoom, Color::BadgeInk)
            .bold()
            .align(Align::Center);
        let middle = (left + width / 2.0, top + height / 2.0);
        self.text(middle, "SIMULATED", letters)
    }
}

fn stroke(color: Color, width: f64, opacity: f64) -> ShapeStyle {
    let style: ShapeStyle = color.rgb().mix(opacity).into();
    style.stroke_width(u32::try_from(floor_u64((width * FINE).round())).unwrap_or(1))
}

fn fine((x, y): (f64, f64)) -> (i32, i32) {
    (rounded(x * FINE), rounded(y * FINE))
}

/// Whole units; a place far off the page stays far off it.
fn rounded(units: f64) -> i32 {
    let far = units.clamp(-1e6, 1e6).round();
    let size = i32::try_from(floor_u64(far.abs())).unwrap_or(0);
    if far < 0.0 { -size } else { size }
}

/// Draws a page of `width` × `height` pixels. `title` and `described` are for those who do not see it.
pub(crate) fn page(
    (width, height): (u32, u32),
    title: &str,
    described: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), Trouble>,
) -> Result<String, Trouble> {
    let units = |pixels: u32| pixels.saturating_mul(rounded(FINE).unsigned_abs());
    let mut svg = String::new();
    {
        let backend = SVGBackend::with_string(&mut svg, (units(width), units(height)));
        let paper = Canvas {
            area: backend.into_drawing_area(),
        };
        let corner = (f64::from(width), f64::from(height));
        paper.fill((0.0, 0.0), corner, Color::Canvas, 1.0)?;
        draw(&paper)?;
        paper.area.present().map_err(|error| error.to_string())?;
    }
    let body = svg
        .split_once('>')
        .map(|(_, body)| body)
        .ok_or_else(|| "the drawing has no beginning".to_owned())?;
    let halo = format!(
        " stroke=\"#{}\" stroke-width=\"35\" paint-order=\"stroke\"",
        hex(Color::Canvas)
    );
    let limit = format!("stroke=\"#{}\"", hex(Color::Limit));
    let body = body
        .replace(" opacity=\"1\"", "")
        .replace(" font-family=\"Inter\"", "")
        .replace(" font-family=\"Halo\"", &halo)
        .replace("font-weight=\"bold\"", "font-weight=\"600\"")
        .replace(&limit, &format!("stroke-dasharray=\"50 45\" {limit}"));
    let (title, described) = (escape_xml(title), escape_xml(described));
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{title}\" font-family=\"{LETTERS}\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n\
         <title>{title}</title>\n<desc>{described}</desc>{body}",
        units(width),
        units(height)
    ))
}

fn hex(color: Color) -> String {
    let rgb = color.rgb();
    format!("{:02X}{:02X}{:02X}", rgb.0, rgb.1, rgb.2)
}
