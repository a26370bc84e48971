//! Paints an SVG as PNG. The letters come along: no font of the system is asked for.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

static REGULAR: &[u8] = include_bytes!("../../../assets/report/Inter-Regular.otf");
static SEMIBOLD: &[u8] = include_bytes!("../../../assets/report/Inter-SemiBold.otf");

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(REGULAR.to_vec());
    fonts.load_font_data(SEMIBOLD.to_vec());
    fonts.set_sans_serif_family("Inter");
    Arc::new(fonts)
});

/// Why a drawing could not be painted.
#[derive(Debug, thiserror::Error)]
pub enum PaintError {
    /// It is not an SVG.
    #[error(transparent)]
    Svg(#[from] resvg::usvg::Error),
    /// It is empty, or larger than a picture can be.
    #[error("a picture cannot have its size")]
    Size,
    /// The pixels could not be packed.
    #[error(transparent)]
    Png(#[from] png::EncodingError),
}

/// The drawing as PNG, `zoom` times its size.
pub(crate) fn png(svg: &str, zoom: f32) -> Result<Vec<u8>, PaintError> {
    let options = Options {
        fontdb: Arc::clone(&FONTS),
        font_family: "Inter".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size().scale_by(zoom);
    let pixmap = size.and_then(|size| Pixmap::new(size.width(), size.height()));
    let mut pixmap = pixmap.ok_or(PaintError::Size)?;
    let zoom = Transform::from_scale(zoom, zoom);
    resvg::render(&tree, zoom, &mut pixmap.as_mut());
    Ok(packed(pixmap)?)
}

/// The pixels as PNG, packed fast: packing them tightly took an eighth of the time of a long report.
fn packed(pixmap: Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixmap.take_demultiplied())?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dark pixels of a word in this weight.
    fn ink(weight: u32, text: &str) -> usize {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='300' height='60'>\
             <text x='5' y='40' font-size='40' font-weight='{weight}'>{text}</text></svg>"
        );
        let picture = Pixmap::decode_png(&png(&svg, 1.0).unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (300, 60));
        let pixels = picture.pixels().iter();
        pixels.filter(|pixel| pixel.alpha() > 128).count()
    }

    #[test]
    fn both_weights_come_along() {
        let (regular, bold) = (ink(400, "tokometer"), ink(600, "tokometer"));
        assert!(regular > 1_000, "{regular}");
        assert!(bold > regular * 11 / 10, "{bold} of {regular}");
    }

    #[test]
    fn the_signs_that_charts_use_have_letters() {
        // A letter that is missing is drawn as the font's empty box, the same for all.
        let missing = ink(400, "\u{1f980}");
        for sign in ["≤", "≥", "–", "…", "~", "×", "°", "%", "·", "é", "Ж", "μ"] {
            let drawn = ink(400, sign);
            assert!(drawn > 0 && drawn != missing, "{sign}");
        }
    }
}
