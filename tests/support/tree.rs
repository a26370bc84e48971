//! File trees in temporary folders.

use std::fs;
use std::path::Path;

/// Writes `text` to `root/path`, with all folders on the way.
pub(crate) fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}
