//! What keys do with the recorded runs, and the results of the tasks they start.

use std::path::{Path, PathBuf};

use crossterm::event::{KeyCode, KeyEvent};

use crate::metrics::what_if::WhatIf;
use crate::store::index::{Entry, Found};
use crate::store::opened::Opened;
use crate::tui::app::navigation::Move;
use crate::tui::app::session_events::from_the_end;
use crate::tui::app::{App, Dialog, Effect, RunProgress, Screen};
use crate::tui::background::{BackgroundTask, TaskResult};
use crate::tui::keys::RunListAction;
use crate::tui::layout::{Pane, View};

impl App {
    fn run_task(&mut self, task: BackgroundTask) {
        self.want(Effect::BackgroundTask(task));
    }

    /// Looks which runs there are.
    pub(super) fn list_runs(&mut self) {
        match self.options.archive.clone() {
            // One at a time: each of them may write the index again.
            Some(_) if self.runs.reading => self.runs.again = true,
            Some(root) => {
                self.runs.reading = true;
                self.run_task(BackgroundTask::List(root));
            }
            None => self.runs.list(Err(
                "There is no folder for runs; set one with --runs-dir.".to_owned()
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
                self.notice = Some(format!("Unreadable: {reason}"));
                None
            }
            None => None,
        }
    }

    /// Applies a key to the list of runs.
    pub(super) fn act_on_runs(&mut self, what: RunListAction, key: &KeyEvent) {
        match what {
            RunListAction::Open => self.open_selected(),
            RunListAction::Mark => self.mark_selected(),
            RunListAction::Compare => self.compare_marked(),
            RunListAction::Delete => self.ask_to_delete(),
            RunListAction::Filter => self.runs.typing = true,
            RunListAction::Type => self.type_letter(key),
            RunListAction::Erase => {
                self.runs.filter.pop();
                self.runs.apply_filter();
            }
            RunListAction::Keep => self.runs.typing = false,
            RunListAction::Again => self.list_runs(),
            RunListAction::Back => self.step_back(),
        }
    }

    fn open_selected(&mut self) {
        let Some(entry) = self.readable() else {
            return;
        };
        if let Some(directory) = self.directory_of(&entry.id) {
            self.notice = Some(format!("Opening {}…", entry.id));
            self.runs.opening = Some(directory.clone());
            self.run_task(BackgroundTask::Open(directory));
        }
    }

    fn mark_selected(&mut self) {
        if let Some(entry) = self.readable() {
            self.runs.toggle_mark(&entry);
            self.step_runs(Move::On(1));
        }
    }

    fn compare_marked(&mut self) {
        if self.runs.marked.len() < 2 {
            self.notice = Some("Mark two or more runs to compare them (space).".to_owned());
            return;
        }
        let marked = self.runs.marked.iter();
        let directories = marked.filter_map(|id| self.directory_of(id)).collect();
        self.notice = Some("Comparing…".to_owned());
        self.run_task(BackgroundTask::Compare(directories));
    }

    fn ask_to_delete(&mut self) {
        let Some(id) = self.runs.selected().map(|found| found.id().to_owned()) else {
            return;
        };
        if self.recording() == Some(&id) {
            self.notice = Some("This run is being recorded and cannot be deleted.".to_owned());
            return;
        }
        self.runs.pending_delete = Some(id);
        self.dialog = Some(Dialog::Delete);
    }

    /// The question whether to delete was answered with yes.
    pub(super) fn delete_pending(&mut self) {
        let Some(id) = self.runs.pending_delete.take() else {
            return;
        };
        // A run may have begun to be recorded while the question stood there.
        if self.recording() == Some(&id) {
            self.notice = Some("This run is being recorded and cannot be deleted.".to_owned());
        } else if let Some(root) = self.options.archive.clone() {
            self.run_task(BackgroundTask::Delete { root, id });
        }
    }

    fn type_letter(&mut self, key: &KeyEvent) {
        if let KeyCode::Char(letter) = key.code {
            self.runs.type_letter(letter);
        }
    }

    fn step_back(&mut self) {
        if self.focus == Pane::Comparison {
            self.focus = Pane::Runs;
        } else if self.runs.typing || !self.runs.filter.is_empty() {
            self.runs.typing = false;
            self.runs.filter.clear();
            self.runs.apply_filter();
        } else if !self.runs.marked.is_empty() {
            self.runs.marked.clear();
        } else if self.replay.is_some() {
            self.close_replay();
        } else {
            self.show(View::Live);
        }
    }

    /// Moves the selection.
    pub(super) fn step_runs(&mut self, step: Move) {
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

    /// Takes in what came of a background task.
    pub(super) fn task_result(&mut self, result: TaskResult) {
        match result {
            TaskResult::Listed(listing) => {
                self.runs.list(listing);
                self.runs.reading = false;
                if std::mem::take(&mut self.runs.again) {
                    self.list_runs();
                }
            }
            TaskResult::Opened { directory, run } => self.opened(&directory, run),
            TaskResult::Compared(Ok(comparison)) => {
                self.notice = None;
                self.runs.comparison = Some(comparison);
                self.current.scroll.remove(&Pane::Comparison);
                if matches!(self.view, View::Runs) {
                    self.focus = Pane::Comparison;
                }
            }
            TaskResult::Compared(Err(why)) => {
                self.notice = Some(format!("Could not compare: {why}"));
            }
            TaskResult::Deleted { id, result } => self.deleted(&id, result),
            TaskResult::Reported(Ok(page)) => {
                self.notice = Some(format!("Report: {}", from_the_end(&page)));
            }
            TaskResult::Reported(Err(why)) => {
                self.notice = Some(format!("Could not write the report: {why}"));
            }
            TaskResult::BrokeOff(why) => {
                // Which of them it was is not known: the list can be asked for again.
                self.runs.reading = false;
                self.notice = Some(format!("A background task failed: {why}"));
            }
        }
        self.redraw();
    }

    fn opened(&mut self, directory: &Path, run: Result<Box<Opened>, String>) {
        // Whoever has gone on meanwhile wants it no more.
        if self.runs.opening.as_deref() != Some(directory) {
            return;
        }
        self.runs.opening = None;
        self.notice = None;
        match run {
            Ok(opened) => self.open_replay(*opened),
            Err(why) => self.notice = Some(format!("Could not open the run: {why}")),
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
                self.notice = Some(format!("Could not delete the run: {why}"));
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
        // What the list shows of a run is by its own limits.
        let asked = self.current.what_if;
        let asked = asked.filter(|_| !matches!(self.view, View::Runs));
        let what_if = asked.map_or_else(WhatIf::default, WhatIf::from_limits);
        self.run_task(BackgroundTask::Report { directory, what_if });
    }

    fn report_directory(&self) -> Result<PathBuf, &'static str> {
        const GOES_ON: &str = "The run is in progress: its report can be written when it is over.";
        let in_list = matches!(self.view, View::Runs);
        let directory = if in_list {
            match self.runs.selected() {
                Some(Found::Run(entry)) => self.directory_of(&entry.id),
                Some(Found::Unreadable { .. }) => {
                    return Err("A run that cannot be read has no report.");
                }
                None => return Err("There is no run to report on."),
            }
        } else if self.current.screen == Screen::Run(RunProgress::Over) || self.replay.is_some() {
            self.current.directory.clone()
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
