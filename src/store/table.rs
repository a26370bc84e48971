//! A table of a run directory that grows by rows, its header first.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::store::appender::Appender;
use crate::store::directory::write_whole;
use crate::store::tables::{CsvRow, write_row};

/// One CSV file. It is made with its first row.
#[derive(Debug)]
pub(crate) struct CsvTable {
    path: PathBuf,
    file: Option<Appender<File>>,
}

impl CsvTable {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Takes a row.
    pub(crate) fn row(&mut self, row: &CsvRow) -> Result<(), String> {
        let headed = self.file.is_none() && {
            let opened = growing(&self.path);
            let (file, is_empty) = opened.map_err(|error| named(&self.path, &error))?;
            self.file = Some(file);
            is_empty
        };
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.append(|out| write_row(out, row, headed))
            .map_err(|error| named(&self.path, &error))
    }

    /// Hands what waits to the system.
    pub(crate) fn flush(&mut self) -> Result<(), String> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.flush().map_err(|error| named(&self.path, &error))
    }

    /// Replaces all rows by `content`, whole or not at all. Rows may follow.
    pub(super) fn replace(&mut self, content: &[u8]) -> Result<(), String> {
        // Windows replaces no file that is open; and rows to come would end in the old one.
        self.file = None;
        write_whole(&self.path, content).map_err(|error| error.to_string())
    }
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    format!("{}: {error}", name.display())
}

/// A file to append to, and whether it is empty.
fn growing(path: &Path) -> io::Result<(Appender<File>, bool)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let is_empty = file.metadata()?.len() == 0;
    Ok((Appender::new(file), is_empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn row(users: u32) -> CsvRow {
        CsvRow(vec![("users", users.into())])
    }

    #[test]
    fn rows_follow_what_replaced_the_rows_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cycles.csv");
        let mut table = CsvTable::new(path.clone());
        table.row(&row(1)).unwrap();
        table.flush().unwrap();
        table.row(&row(2)).unwrap();
        table.replace(b"users\n10\n20\n").unwrap();
        table.row(&row(30)).unwrap();
        table.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "users\n10\n20\n30\n");
    }
}
