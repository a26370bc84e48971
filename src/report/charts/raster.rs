//! Paints an SVG as PNG. The letters come along: no font of the system is asked for.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::paper::Trouble;

static REGULAR: &[u8] = include_bytes!("../../../assets/report/Inter-Regular.otf");
static SEMIBOLD: &[u8] = include_bytes!("../../../assets/report/Inter-SemiBold.otf");

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(REGULAR.to_vec());
    fonts.load_font_data(SEMIBOLD.to_vec());
    fonts.set_sans_serif_family("Inter");
    Arc::new(fonts)
});

/// The drawing as PNG, `zoom` times its size.
pub(crate) fn png(svg: &str, zoom: f32) -> Result<Vec<u8>, Trouble> {
    let options = Options {
        fontdb: Arc::clone(&FONTS),
        font_family: "Inter".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(zoom)
        .ok_or_else(|| "it has no size".to_owned())?;
    let mut pixmap =
        Pixmap::new(size.width(), size.height()).ok_or_else(|| "it is too large".to_owned())?;
    resvg::render(
        &tree,
        Transform::from_scale(zoom, zoom),
        &mut pixmap.as_mut(),
    );
    pixmap.encode_png().map_err(|error| error.to_string())
}
