//! The runs that were recorded: which are shown, marked and selected, and what keys do with them.

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent};

use crate::history::runs::matches;
use crate::stats::compare::Comparison;
use crate::store::index::{Entry, Found};
use crate::ui::app::select::Step;
use crate::ui::app::{App, Dialog, Effect, Progress, Screen};
use crate::ui::errands::{Errand, Told};
use crate::ui::keys::Shelf;
use crate::ui::layout::{Pane, View};

/// The longest filter, characters.
const LONGEST_FILTER: usize = 60;

/// The list of runs as it is shown.
#[derive(Debug, Default)]
pub struct Runs {
    /// None until it was read for the first time.
    listing: Option<Result<Vec<Found>, String>>,
    /// The numbers of the runs that the filter leaves.
    shown: Vec<usize>,
    filter: String,
    typing: bool,
    /// The selected run, and its row should it go away.
    selected: Option<String>,
    row: usize,
    /// The marked runs, in the order of the marks.
    marked: Vec<String>,
    comparison: Option<Box<Comparison>>,
    /// The directory that is being read for a replay.
    opening: Option<PathBuf>,
    /// The run that is asked about.
    doomed: Option<String>,
}

impl Runs {
    /// Why there is no list; None while there is one, or none yet.
    pub fn trouble(&self) -> Option<&str> {
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

    /// What the runs shown contain.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Whether the filter is being typed.
    pub const fn is_typing(&self) -> bool {
        self.typing
    }

    /// Which of the marked ones a run is: A, B, C…
    pub fn mark(&self, id: &str) -> Option<usize> {
        self.marked.iter().position(|marked| marked == id)
    }

    /// How many are marked.
    pub fn marks(&self) -> usize {
        self.marked.len()
    }

    /// The comparison, once one was made.
    pub fn comparison(&self) -> Option<&Comparison> {
        self.comparison.as_deref()
    }

    /// The run that is asked about.
    pub fn doomed(&self) -> Option<&Found> {
        let doomed = self.doomed.as_deref()?;
        self.all().iter().find(|found| found.id() == doomed)
    }

    fn select(&mut self, row: usize) {
        self.row = row;
        self.selected = self.get(row).map(|found| found.id().to_owned());
    }

    /// Shows those that the filter leaves; the selected one stays selected if it is among them.
    fn sift(&mut self) {
        let filter = self.filter.as_str();
        let holds = |found: &Found| match found {
            Found::Run(entry) => matches(entry, filter),
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

    fn list(&mut self, listing: Result<Vec<Found>, String>) {
        self.listing = Some(listing);
        let there: Vec<String> = self.all().iter().map(|f| f.id().to_owned()).collect();
        self.marked.retain(|marked| there.contains(marked));
        self.sift();
    }

    fn forget(&mut self, id: &str) {
        if let Some(Ok(found)) = &mut self.listing {
            found.retain(|found| found.id() != id);
        }
        self.marked.retain(|marked| marked != id);
        self.sift();
        self.selected = self.selected().map(|found| found.id().to_owned());
    }

    fn toggle_mark(&mut self, entry: &Entry) {
        match self.mark(&entry.id) {
            Some(index) => {
                self.marked.remove(index);
            }
            None => self.marked.push(entry.id.clone()),
        }
    }
}

impl App {
    /// The runs that were recorded.
    pub const fn runs(&self) -> &Runs {
        &self.runs
    }

    fn want(&mut self, errand: Errand) {
        self.wanted.push(Effect::Errand(errand));
    }

    /// Looks which runs there are.
    pub(super) fn list_runs(&mut self) {
        match self.options.archive.clone() {
            Some(root) => self.want(Errand::List(root)),
            None => self.runs.list(Err(
                "No place for runs is known; name one with --runs-dir.".to_owned()
            )),
        }
    }

    /// The directory of a run of the list.
    fn directory_of(&self, id: &str) -> Option<PathBuf> {
        Some(self.options.archive.as_ref()?.join(id))
    }

    /// The selected run, if it can be read; says why not.
    fn readable(&mut self) -> Option<Entry> {
        match self.runs.selected() {
            Some(Found::Run(entry)) => Some((**entry).clone()),
            Some(Found::Unreadable { reason, .. }) => {
                self.notice = Some(format!("It cannot be read: {reason}"));
                None
            }
            None => None,
        }
    }

    /// Does what a key asks of the list of runs.
    pub(super) fn act_on_runs(&mut self, shelf: Shelf, key: &KeyEvent) {
        match shelf {
            Shelf::Open => self.open_selected(),
            Shelf::Mark => self.mark_selected(),
            Shelf::Compare => self.compare_marked(),
            Shelf::Delete => self.ask_to_delete(),
            Shelf::Filter => self.runs.typing = true,
            Shelf::Type => self.type_letter(key),
            Shelf::Erase => {
                self.runs.filter.pop();
                self.runs.sift();
            }
            Shelf::Keep => self.runs.typing = false,
            Shelf::Again => self.list_runs(),
            Shelf::Back => self.step_back(),
        }
    }

    fn open_selected(&mut self) {
        let Some(entry) = self.readable() else {
            return;
        };
        if let Some(directory) = self.directory_of(&entry.id) {
            self.notice = Some(format!("Opening {}…", entry.id));
            self.runs.opening = Some(directory.clone());
            self.want(Errand::Open(directory));
        }
    }

    fn mark_selected(&mut self) {
        if let Some(entry) = self.readable() {
            self.runs.toggle_mark(&entry);
            self.step_runs(Step::On(1));
        }
    }

    fn compare_marked(&mut self) {
        if self.runs.marks() < 2 {
            self.notice = Some("Mark two runs or more to compare them: space marks.".to_owned());
            return;
        }
        let marked = self.runs.marked.iter();
        let directories = marked.filter_map(|id| self.directory_of(id)).collect();
        self.notice = Some("Comparing…".to_owned());
        self.want(Errand::Compare(directories));
    }

    fn ask_to_delete(&mut self) {
        let Some(id) = self.runs.selected().map(|found| found.id().to_owned()) else {
            return;
        };
        if self.recording() == Some(&id) {
            self.notice = Some("This run is being recorded: it cannot be deleted.".to_owned());
            return;
        }
        self.runs.doomed = Some(id);
        self.dialog = Some(Dialog::Delete);
    }

    /// The question whether to delete was answered with yes.
    pub(super) fn delete_doomed(&mut self) {
        let Some(id) = self.runs.doomed.take() else {
            return;
        };
        // A run may have begun to be recorded while the question stood there.
        if self.recording() == Some(&id) {
            self.notice = Some("This run is being recorded: it cannot be deleted.".to_owned());
        } else if let Some(root) = self.options.archive.clone() {
            self.want(Errand::Delete { root, id });
        }
    }

    fn type_letter(&mut self, key: &KeyEvent) {
        if let KeyCode::Char(letter) = key.code
            && !letter.is_control()
            && self.runs.filter.chars().count() < LONGEST_FILTER
        {
            self.runs.filter.push(letter);
            self.runs.sift();
        }
    }

    fn step_back(&mut self) {
        if self.focus == Pane::Comparison {
            self.focus = Pane::Runs;
        } else if self.runs.typing || !self.runs.filter.is_empty() {
            self.runs.typing = false;
            self.runs.filter.clear();
            self.runs.sift();
        } else if self.runs.marks() > 0 {
            self.runs.marked.clear();
        } else if self.replay.is_some() {
            self.close_replay();
        } else {
            self.show(View::Live);
        }
    }

    /// Moves the selection.
    pub(super) fn step_runs(&mut self, step: Step) {
        if let Some(row) = self.runs.row() {
            self.keep_place(Pane::Runs);
            let to = step.from(row, self.runs.len());
            self.runs.select(to);
        }
    }

    /// Selects the run in this row, if there is one.
    pub(super) fn choose_run(&mut self, row: usize) {
        if row < self.runs.len() {
            self.keep_place(Pane::Runs);
            self.runs.select(row);
        }
    }

    /// Takes in what came of an errand.
    pub(super) fn told(&mut self, told: Told) -> Vec<Effect> {
        match told {
            Told::Listed(listing) => self.runs.list(listing),
            Told::Opened { directory, run } => self.opened(&directory, run),
            Told::Compared(Ok(comparison)) => {
                self.notice = None;
                self.runs.comparison = Some(comparison);
                self.scroll.remove(&Pane::Comparison);
                if matches!(self.view, View::Runs) {
                    self.focus = Pane::Comparison;
                }
            }
            Told::Compared(Err(why)) => self.notice = Some(format!("No comparison: {why}")),
            Told::Deleted { id, result } => self.deleted(&id, result),
            Told::Reported(Ok(page)) => {
                self.notice = Some(format!("Report: {}", page.display()));
            }
            Told::Reported(Err(why)) => self.notice = Some(format!("No report: {why}")),
            Told::BrokeOff(why) => self.notice = Some(format!("It broke off: {why}")),
        }
        vec![Effect::Redraw]
    }

    fn opened(
        &mut self,
        directory: &std::path::Path,
        run: Result<Box<crate::history::replay::Opened>, String>,
    ) {
        // Whoever has gone on meanwhile wants it no more.
        if self.runs.opening.as_deref() != Some(directory) {
            return;
        }
        self.runs.opening = None;
        self.notice = None;
        match run {
            Ok(opened) => self.open_replay(*opened),
            Err(why) => self.notice = Some(format!("It cannot be opened: {why}")),
        }
    }

    fn deleted(&mut self, id: &str, result: Result<(), String>) {
        match result {
            Ok(()) => {
                if self.directory_of(id).as_deref() == self.replayed_directory() {
                    self.close_replay();
                }
                self.runs.forget(id);
                self.notice = Some(format!("Deleted {id}"));
            }
            Err(why) => {
                self.notice = Some(format!("It was not deleted: {why}"));
                self.list_runs();
            }
        }
    }

    /// Leaving the list: nothing that is still being read opens by itself.
    pub(super) fn leave_runs(&mut self) {
        self.runs.opening = None;
        self.runs.typing = false;
    }

    /// Writes the reports of the run on the screen, or of the selected one of the list; says why not.
    pub(super) fn write_report(&mut self) {
        let directory = match self.report_directory() {
            Ok(directory) => directory,
            Err(why) => {
                self.notice = Some(why.to_owned());
                return;
            }
        };
        self.notice = Some("Writing the report…".to_owned());
        self.want(Errand::Report(directory));
    }

    fn report_directory(&self) -> Result<PathBuf, &'static str> {
        const GOES_ON: &str = "The run goes on: its report can be written when it is over.";
        let in_list = matches!(self.view, View::Runs);
        let directory = if in_list {
            match self.runs.selected() {
                Some(Found::Run(entry)) => self.directory_of(&entry.id),
                Some(Found::Unreadable { .. }) => {
                    return Err("There is no report of a run that cannot be read.");
                }
                None => return Err("There is no run to report on."),
            }
        } else if self.screen == Screen::Run(Progress::Over) || self.replay.is_some() {
            self.directory.clone()
        } else if self.is_busy() {
            return Err(GOES_ON);
        } else {
            return Err("There is no run on the screen to report on.");
        };
        let directory =
            directory.ok_or("There is no report: the run is not recorded (--no-record).")?;
        // What a recorder still appends to is not to be replaced under it.
        let recording = self.recording().and_then(|id| self.directory_of(id));
        if recording.as_ref() == Some(&directory) {
            return Err(GOES_ON);
        }
        Ok(directory)
    }
}
