//! Fake commands.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A shell script that can be run as a command. It is written by another process: a file that this one
/// holds open for writing while another test forks cannot be run ("text file busy").
pub(crate) fn script(folder: &Path, name: &str, body: &str) -> String {
    let file: PathBuf = folder.join(name);
    let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod 755 "$2""#;
    let written = Command::new("sh")
        .args(["-c", write, "sh", body])
        .arg(&file)
        .status()
        .unwrap();
    assert!(written.success());
    file.to_str().unwrap().to_owned()
}
