//! What the panes around a run, and tests, may ask of the state.

use std::path::PathBuf;

use crate::event::{Model, Target};
use crate::metrics::state::RunState;
use crate::plan::Plan;
use crate::tui::app::{App, Screen};
use crate::tui::keys::Scope;
use crate::tui::layout::{Pane, View};
use crate::tui::panes::requests_view::RequestSorting;
use crate::tui::theme::Theme;
use crate::tui::{DashboardOptions, Exit};

impl App {
    /// How it was left; None while it is in progress.
    pub const fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// What is on the screen.
    pub const fn screen(&self) -> &Screen {
        &self.current.screen
    }

    /// Whether panes are on the screen: of a run, or of a view that needs none.
    pub const fn has_panes(&self) -> bool {
        matches!(self.current.screen, Screen::Run(_))
            || matches!(self.view, View::Preview | View::Runs)
    }

    /// Whether a run is on the screen, or about to be.
    pub const fn has_run(&self) -> bool {
        matches!(self.current.screen, Screen::Run(_))
    }

    /// The run as it is now, whether or not the view is frozen.
    pub const fn run(&self) -> &RunState {
        &self.current.run
    }

    /// The run as the screen shows it.
    pub fn shown(&self) -> &RunState {
        self.current.shown()
    }

    /// The styles.
    pub const fn theme(&self) -> &Theme {
        &self.theme
    }

    /// What it was started with.
    pub const fn options(&self) -> &DashboardOptions {
        &self.options
    }

    /// The view.
    pub const fn view(&self) -> View {
        self.view
    }

    /// The pane with the focus.
    pub const fn focus(&self) -> Pane {
        self.focus
    }

    /// The keys that the help begins with: where there is only the preview, those of the lanes.
    pub fn first_help(&self) -> Scope {
        match self.view {
            View::Preview if !self.has_run() => Scope::Lanes,
            _ => Scope::Running,
        }
    }

    /// Which of the servers that were found is in use, from 1; 0 where there are not several.
    pub fn server_number(&self) -> usize {
        let used = self.found.as_ref().map(|found| &found.url);
        let mut servers = self.servers.iter();
        let index = servers.position(|server| Some(&server.url) == used);
        index.map_or(0, |index| index + 1)
    }

    /// The chosen model.
    pub fn model(&self) -> Option<&Model> {
        self.found.as_ref()?.models.get(self.model)
    }

    /// The model that was asked for, if the server does not have it.
    pub fn missing_model(&self) -> Option<&str> {
        let asked = self.options.model.as_deref()?;
        let models = &self.found.as_ref()?.models;
        let there = models.iter().any(|model| model.is_named(asked));
        (!there).then_some(asked)
    }

    /// Where the run on the screen is written, if it is: its pictures belong there.
    pub fn run_directory(&self) -> Option<PathBuf> {
        self.current.written_to(self.options.runs.as_deref())
    }

    /// The order of the table of requests.
    pub const fn sort(&self) -> RequestSorting {
        self.sort
    }

    /// Whether the view is frozen.
    pub const fn is_frozen(&self) -> bool {
        self.current.frozen.is_some()
    }

    /// The plan: of the run on the screen, else of the one to come.
    pub fn plan(&self) -> &Plan {
        match (&self.current.screen, &self.current.run.info) {
            (Screen::Run(_), Some(info)) => &info.plan,
            _ => &self.options.plan,
        }
    }

    /// The server and the model on the screen.
    pub fn target(&self) -> Option<Target> {
        if let (Screen::Run(_), Some(info)) = (&self.current.screen, &self.current.run.info) {
            return Some(info.target.clone());
        }
        let found = self.found.as_ref()?;
        Some(found.target(&self.model().cloned().unwrap_or_default()))
    }

    /// Requests that the server answers at once, as far as anyone tells.
    pub fn slots(&self) -> Option<u32> {
        match &self.current.screen {
            Screen::Run(_) if self.current.run.info.is_some() => self.current.run.slots(),
            _ => {
                let reported = self.machine().and_then(|cx| cx.machine.slots());
                reported.or(self.found.as_ref()?.slots)
            }
        }
    }

    /// Whether anything on the screen comes from a simulator.
    pub fn is_simulated(&self) -> bool {
        match &self.current.screen {
            Screen::Run(_) if self.current.run.info.is_some() => {
                let run = &self.current.run;
                let target = run.info.as_ref().map(|info| &info.target);
                run.is_simulated() || target.is_some_and(|target| target.simulated)
            }
            Screen::Searching { .. } => self.options.simulated,
            Screen::Archive => self.view == View::Preview && self.has_simulated_lanes(),
            Screen::NotFound { .. } => false,
            _ => self.found.as_ref().is_some_and(|found| found.simulated),
        }
    }
}
