//! The runs that were recorded: which are shown, marked and selected.

use std::path::PathBuf;

use crate::metrics::compare::Comparison;
use crate::store::index::{Entry, Found};

/// The longest filter, characters.
const LONGEST_FILTER: usize = 60;

/// The list of runs as it is shown.
#[derive(Debug, Default)]
pub struct Runs {
    /// None until it was read for the first time.
    listing: Option<Result<Vec<Found>, String>>,
    /// The numbers of the runs that the filter leaves.
    shown: Vec<usize>,
    /// The list is being read now, and is to be read once more after that.
    pub(super) reading: bool,
    pub(super) again: bool,
    /// What the runs shown contain, and whether that is being typed.
    pub(in crate::tui) filter: String,
    pub(in crate::tui) typing: bool,
    /// The selected run, and its row should it go away.
    selected: Option<String>,
    row: usize,
    /// The marked runs, in the order of the marks.
    pub(in crate::tui) marked: Vec<String>,
    pub(in crate::tui) comparison: Option<Box<Comparison>>,
    /// The directory that is being read for a replay.
    pub(super) opening: Option<PathBuf>,
    /// The run that is asked about.
    pub(super) pending_delete: Option<String>,
}

impl Runs {
    /// Why there is no list; None while there is one, or none yet.
    pub fn error(&self) -> Option<&str> {
        self.listing.as_ref()?.as_ref().err().map(String::as_str)
    }

    /// Whether the list has been read.
    pub fn is_read(&self) -> bool {
        self.listing.is_some()
    }

    fn all(&self) -> &[Found] {
        match &self.listing {
            Some(Ok(found)) => found,
            _ => &[],
        }
    }

    /// How many there are, whatever the filter leaves.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// How many are shown.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Whether none is shown.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// The one in this row.
    pub fn get(&self, row: usize) -> Option<&Found> {
        self.all().get(*self.shown.get(row)?)
    }

    /// The selected row.
    pub fn row(&self) -> Option<usize> {
        let selected = self.selected.as_deref();
        let there = (0..self.len()).find(|row| self.get(*row).map(Found::id) == selected);
        there.or_else(|| Some(self.row.min(self.len().checked_sub(1)?)))
    }

    /// The selected run.
    pub fn selected(&self) -> Option<&Found> {
        self.get(self.row()?)
    }

    /// Which of the marked ones a run is: A, B, C…
    pub fn mark(&self, id: &str) -> Option<usize> {
        self.marked.iter().position(|marked| marked == id)
    }

    /// The run that is asked about.
    pub fn pending_delete(&self) -> Option<&Found> {
        let pending_delete = self.pending_delete.as_deref()?;
        self.all().iter().find(|found| found.id() == pending_delete)
    }

    pub(super) fn select(&mut self, row: usize) {
        self.row = row;
        self.selected = self.get(row).map(|found| found.id().to_owned());
    }

    /// Shows those that the filter leaves; the selected one stays selected if it is among them.
    pub(super) fn apply_filter(&mut self) {
        let filter = self.filter.as_str();
        let holds = |found: &Found| match found {
            Found::Run(entry) => entry.matches(filter),
            Found::Unreadable { id, .. } => id.to_lowercase().contains(&filter.to_lowercase()),
        };
        let all = self.all().iter().enumerate();
        self.shown = all
            .filter(|(_, found)| holds(found))
            .map(|(index, _)| index)
            .collect();
        if let Some(row) = self.row() {
            self.row = row;
        }
    }

    pub(super) fn list(&mut self, listing: Result<Vec<Found>, String>) {
        self.listing = Some(listing);
        let there: Vec<String> = self.all().iter().map(|f| f.id().to_owned()).collect();
        self.marked.retain(|marked| there.contains(marked));
        self.apply_filter();
    }

    pub(super) fn forget(&mut self, id: &str) {
        if let Some(Ok(found)) = &mut self.listing {
            found.retain(|found| found.id() != id);
        }
        self.marked.retain(|marked| marked != id);
        self.apply_filter();
        self.selected = self.selected().map(|found| found.id().to_owned());
    }

    pub(super) fn toggle_mark(&mut self, entry: &Entry) {
        match self.mark(&entry.id) {
            Some(index) => {
                self.marked.remove(index);
            }
            None => self.marked.push(entry.id.clone()),
        }
    }

    pub(super) fn type_letter(&mut self, letter: char) {
        if !letter.is_control() && self.filter.chars().count() < LONGEST_FILTER {
            self.filter.push(letter);
            self.apply_filter();
        }
    }
}
