//! Who writes a run directory: one process at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The file that a recorder holds locked. The lock goes with its process, however that ends.
const NAME: &str = ".lock";

/// The right to write a run directory, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _held: Option<File>,
}

impl Lock {
    /// Takes the right to write `directory`; an error while another process has it. A file system that
    /// knows no locks gives it to everybody.
    pub(crate) fn take(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(NAME);
        let file = File::create(&path).map_err(StoreError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                path,
                _held: Some(file),
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy(directory.to_owned())),
            Err(TryLockError::Error(_)) => Ok(Self { path, _held: None }),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Left behind, it is only an empty file.
        drop(fs::remove_file(&self.path));
    }
}

/// Whether a process writes the run in `directory` now.
pub fn is_being_written(directory: &Path) -> bool {
    let file = File::open(directory.join(NAME));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writes_and_the_next_waits_its_turn() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!is_being_written(directory.path()));
        let lock = Lock::take(directory.path()).unwrap();
        assert!(is_being_written(directory.path()));
        let busy = Lock::take(directory.path()).unwrap_err();
        assert!(busy.to_string().contains("is being written"), "{busy}");
        drop(lock);
        assert!(!is_being_written(directory.path()));
        // A process that was killed leaves the file, and no lock on it.
        fs::write(directory.path().join(NAME), "").unwrap();
        assert!(!is_being_written(directory.path()));
        drop(Lock::take(directory.path()).unwrap());
        assert!(!directory.path().join(NAME).exists());
    }
}
