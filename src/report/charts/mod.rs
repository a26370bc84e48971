//! The charts of a run: data (`figure`), drawn as SVG (`draw`, on a `canvas`), painted as PNG (`raster`).
//!
//! - `levels`, and of the machine `machine`: what changes with the number of users; `time`: what changes over the run;
//!   `requests`: what single requests show; `models`: several runs in one, `against`: their differences; `sequence`: how a cycle goes
//! - `axis`: scales and their ticks; `clock`: time, long pauses cut out; `palette`: the colors, light and dark
//!
//! A chart is not made where its data is absent.

mod against;
mod axis;
pub(crate) mod canvas;
mod clock;
mod draw;
mod figure;
mod levels;
mod machine;
mod models;
pub(crate) mod palette;
mod raster;
mod requests;
mod sequence;
mod time;

use crate::metrics::summary::Summary;
use crate::report::text::clean;
use crate::report::{Report, ReportError};
use crate::text::numbers::{floor_u64, joined};
use crate::text::sanitize::one_line;
pub use against::against;
pub use models::models;
pub use raster::PaintError;
pub(crate) use raster::png;

use draw::{Margins, Medium};
use figure::Figure;
use palette::Color;

/// Where a card wants its curve.
pub(crate) use draw::Space;

/// A chart of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The name of its file, without an ending.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// Its figures in words, for those who do not see it.
    pub described: String,
    /// By itself.
    svg: String,
    /// For a page that brings the colors of the dark itself, and shows the values where the reader points.
    pub(super) wide: String,
    /// The same for a narrow screen.
    pub(super) narrow: String,
}

impl Chart {
    fn new(figure: Figure) -> Self {
        let page = draw::draw(&figure, Medium::Page);
        Self {
            wide: page.with_tips(),
            narrow: draw::draw(&figure.narrowed(), Medium::Phone).with_tips(),
            svg: page.svg,
            name: figure.name,
            title: figure.title,
            described: figure.described,
        }
    }

    /// A chart that is drawn by hand: for each medium, in this height.
    fn drawn(
        name: &str,
        title: &str,
        described: &str,
        height: f64,
        draw: impl Fn(&mut canvas::Canvas, Medium),
    ) -> Self {
        let height = u32::try_from(floor_u64(height.ceil())).unwrap_or(1);
        let on = |medium: Medium| {
            let size = (medium.width(), height);
            canvas::page(size, title, described, |canvas| draw(canvas, medium))
        };
        let page = on(Medium::Page);
        Self {
            wide: page.with_tips(),
            narrow: on(Medium::Phone).with_tips(),
            svg: page.svg,
            name: name.to_owned(),
            title: title.to_owned(),
            described: described.to_owned(),
        }
    }

    /// A file that needs nothing else, and follows the reader's choice of light or dark.
    pub fn svg(&self) -> String {
        with_dark(&self.svg)
    }

    /// The chart in twice its size, on a light ground.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        png(&self.svg, 2.0).map_err(ReportError::paint(&self.name))
    }
}

/// The drawing with the colors for dark backgrounds.
pub(crate) fn with_dark(svg: &str) -> String {
    let rules = Color::dark_rules("");
    let style = format!(
        "</desc>\n<style>@media screen and (prefers-color-scheme: dark){{{rules}}}</style>"
    );
    svg.replacen("</desc>", &style, 1)
}

/// The charts that the run has data for.
pub(super) fn from_report(report: &Report) -> Vec<Chart> {
    let figures = levels::figures(report)
        .into_iter()
        .chain(requests::figures(report))
        .chain(machine::figures(report))
        .chain(time::figures(report));
    let charts = figures.map(Chart::new);
    charts.chain(sequence::chart(report)).collect()
}

/// Draws the curve of a card: speed by users, with the limit. Says whether the run has one.
pub(crate) fn curve(canvas: &mut canvas::Canvas, summary: &Summary, space: Space) -> bool {
    let Some(panel) = levels::speed_panel(summary) else {
        return false;
    };
    let margins = Margins::new(std::slice::from_ref(&panel), Medium::Page);
    draw::draw_panel(canvas, &panel, space, margins, true);
    true
}

/// Of whom the figures are: model, quantization, server.
fn subtitle(summary: &Summary) -> String {
    let Some(target) = &summary.target else {
        return String::new();
    };
    let parts = [
        Some(clean(&target.model)),
        target.quantization.as_deref().map(clean),
        target.server.as_deref().map(clean),
    ];
    one_line(&joined(parts), 96)
}
