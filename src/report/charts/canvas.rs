//! What charts and cards are drawn on: the elements of an SVG. Places and lengths are pixels, to a tenth.

use std::fmt::Write as _;

use crate::report::charts::palette::Color;
use crate::text::xml;

/// The fonts: the first one comes along when a chart is painted as PNG, the others replace it.
const FONTS: &str = "Inter, system-ui, -apple-system, 'Segoe UI', sans-serif";

/// Which part of a text is at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextStyle {
    size: f64,
    color: Color,
    bold: bool,
    halo: bool,
    align: Align,
}

impl TextStyle {
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

    /// Outlined in the color of the background, so that it can be read over lines.
    pub(crate) const fn halo(self) -> Self {
        Self { halo: true, ..self }
    }

    pub(crate) const fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stroke {
    color: Color,
    width: f64,
    opacity: f64,
    dashed: bool,
}

impl Stroke {
    pub(crate) const fn new(color: Color, width: f64) -> Self {
        Self {
            color,
            width,
            opacity: 1.0,
            dashed: false,
        }
    }

    pub(crate) const fn opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    pub(crate) const fn dashed(self) -> Self {
        Self {
            dashed: true,
            ..self
        }
    }
}

/// A page to draw on, from its upper left corner.
pub(crate) struct Canvas {
    elements: String,
    /// On top of everything: what a page shows where the reader points.
    tips: String,
    width: f64,
}

impl Canvas {
    /// Adds an element; `attributes` begin with a space.
    fn add(&mut self, name: &str, attributes: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.elements, "<{name}{attributes}/>");
    }

    pub(crate) fn rect(
        &mut self,
        (left, top): (f64, f64),
        (right, bottom): (f64, f64),
        color: Color,
        opacity: f64,
    ) {
        let (x, y) = (px(left), px(top));
        let (width, height) = (px(px(right) - x), px(px(bottom) - y));
        let fill = color.hex();
        let opacity = translucent(opacity);
        self.add(
            "rect",
            &format!(
                " x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"{opacity}"
            ),
        );
    }

    pub(crate) fn line(&mut self, places: impl IntoIterator<Item = (f64, f64)>, stroke: Stroke) {
        let (color, width) = (stroke.color.hex(), px(stroke.width));
        let dashes = if stroke.dashed {
            " stroke-dasharray=\"5 4.5\""
        } else {
            ""
        };
        let opacity = translucent(stroke.opacity);
        let points = points(places);
        self.add(
            "polyline",
            &format!(
                " points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{dashes}{opacity}"
            ),
        );
    }

    pub(crate) fn area(
        &mut self,
        places: impl IntoIterator<Item = (f64, f64)>,
        color: Color,
        opacity: f64,
    ) {
        let (points, fill, opacity) = (points(places), color.hex(), translucent(opacity));
        self.add(
            "polygon",
            &format!(" points=\"{points}\" fill=\"{fill}\"{opacity}"),
        );
    }

    /// A dot with a thin edge of background, or a ring.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), radius: f64, color: Color, hollow: bool) {
        let (fill, edge) = if hollow {
            (Color::Canvas, color)
        } else {
            (color, Color::Canvas)
        };
        let (x, y, radius, fill, edge) = (px(x), px(y), px(radius), fill.hex(), edge.hex());
        self.add(
            "circle",
            &format!(
                " cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{fill}\" stroke=\"{edge}\" stroke-width=\"1.5\""
            ),
        );
    }

    /// A line of text, its middle at the height of `y`.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), text: &str, style: TextStyle) {
        let (x, y, size, fill) = (px(x), px(y), px(style.size), style.color.hex());
        let anchor = match style.align {
            Align::Left => "",
            Align::Center => " text-anchor=\"middle\"",
            Align::Right => " text-anchor=\"end\"",
        };
        let weight = if style.bold {
            " font-weight=\"600\""
        } else {
            ""
        };
        let halo = if style.halo {
            let around = Color::Canvas.hex();
            format!(" stroke=\"{around}\" stroke-width=\"3.5\" paint-order=\"stroke\"")
        } else {
            String::new()
        };
        let text = xml::escape(text);
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.elements,
            "<text x=\"{x}\" y=\"{y}\" dy=\"0.5ex\" font-size=\"{size}\" fill=\"{fill}\"{anchor}{weight}{halo}>{text}</text>"
        );
    }

    /// Text for the reader who points near this place; how it is shown is the page's to say.
    pub(crate) fn tip(&mut self, (x, y): (f64, f64), text: &str) {
        let half = text.chars().count() as f64 * 3.6 + 4.0;
        let middle = x.min(self.width - half).max(half);
        // Above the place, but not above the page.
        let line = if y < 40.0 { y + 20.0 } else { y - 20.0 };
        let (x, y, middle, line, text) = (px(x), px(y), px(middle), px(line), xml::escape(text));
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.tips,
            "<g class=\"v\"><circle cx=\"{x}\" cy=\"{y}\" r=\"10\"/><text x=\"{middle}\" y=\"{line}\">{text}</text></g>"
        );
    }

    /// The mark of everything simulated, its upper right corner at this place, `zoom` times its size.
    pub(crate) fn simulated(&mut self, (right, top): (f64, f64), zoom: f64) {
        let (width, height) = (104.0 * zoom, 24.0 * zoom);
        let left = right - width;
        self.rect((left, top), (right, top + height), Color::Badge, 1.0);
        let style = TextStyle::new(12.0 * zoom, Color::BadgeInk)
            .bold()
            .align(Align::Center);
        let middle = (left + width / 2.0, top + height / 2.0);
        self.text(middle, "SIMULATED", style);
    }
}

/// Tenths of a pixel; what is far off the page stays far off it.
fn px(value: f64) -> f64 {
    let tenths = (value.clamp(-1e5, 1e5) * 10.0).round();
    // Neither NaN nor -0 may get into the file.
    if tenths == 0.0 || tenths.is_nan() {
        0.0
    } else {
        tenths / 10.0
    }
}

fn points(places: impl IntoIterator<Item = (f64, f64)>) -> String {
    let places = places
        .into_iter()
        .map(|(x, y)| format!("{},{}", px(x), px(y)));
    places.collect::<Vec<_>>().join(" ")
}

fn translucent(opacity: f64) -> String {
    if opacity < 1.0 {
        format!(" opacity=\"{opacity}\"")
    } else {
        String::new()
    }
}

/// A drawing, and apart from it what a page shows where the reader points.
pub(crate) struct Drawing {
    pub(crate) svg: String,
    pub(crate) tips: String,
}

impl Drawing {
    /// As a part of a page that knows how to show both.
    pub(crate) fn with_tips(&self) -> String {
        let bare = self.svg.trim_end().trim_end_matches("</svg>");
        format!("{bare}{}</svg>", self.tips)
    }
}

/// Draws a page of `width` × `height` pixels. `title` and `described` are for those who do not see it.
pub(crate) fn page(
    (width, height): (u32, u32),
    title: &str,
    described: &str,
    draw: impl FnOnce(&mut Canvas),
) -> Drawing {
    let corner = (f64::from(width), f64::from(height));
    let mut canvas = Canvas {
        elements: String::new(),
        tips: String::new(),
        width: corner.0,
    };
    canvas.rect((0.0, 0.0), corner, Color::Canvas, 1.0);
    draw(&mut canvas);
    let (title, described) = (xml::escape(title), xml::escape(described));
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\" font-family=\"{FONTS}\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n\
         <title>{title}</title>\n<desc>{described}</desc>\n{}</svg>\n",
        canvas.elements
    );
    Drawing {
        svg,
        tips: canvas.tips,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_or_far_away_stays_out_of_the_file() {
        assert_eq!(
            points([(f64::NAN, -0.01), (1e300, f64::NEG_INFINITY)]),
            "0,0 100000,-100000"
        );
        assert_eq!(points([(411.949, 0.0), (0.05, 7.0)]), "411.9,0 0.1,7");
    }
}
