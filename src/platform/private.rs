//! Files that only their owner reads.

use std::io;
use std::path::Path;

/// Makes a directory that nobody else can look into: prompts and answers are in it. An error if it is there already.
#[cfg(unix)]
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

/// A user's own folder is private already.
#[cfg(not(unix))]
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nobody_else_looks_inside() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run");
        create_private_directory(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let again = create_private_directory(&path).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }
}
