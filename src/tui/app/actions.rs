//! What keys do.

use crossterm::event::KeyEvent;

use crate::load::Command;
use crate::session::SessionCommand;
use crate::tui::Exit;
use crate::tui::app::navigation::Move;
use crate::tui::app::run_view::Frozen;
use crate::tui::app::{App, Dialog, Effect, RunProgress, Screen};
use crate::tui::keys::{self, Action, Mode};
use crate::tui::layout::View;
use crate::tui::panes::help;

/// The signal that Ctrl-C stands for.
const SIGINT: i32 = 2;
/// Lines that the help goes by a page.
const HELP_PAGE: usize = 10;

impl App {
    pub(super) fn key(&mut self, key: &KeyEvent) {
        let mode = self.mode();
        let Some(action) = keys::action(key, mode, self.view) else {
            return;
        };
        self.notice = None;
        match (action, mode) {
            (Action::Interrupt, _) => return self.leave(Exit::Signal(SIGINT)),
            (_, Mode::Help) => self.scroll_help(action),
            (_, Mode::Sliders) => self.slide(action),
            (_, Mode::Confirm | Mode::Level) => return self.answer_dialog(action, key),
            (Action::Runs(what), _) => self.act_on_runs(what, key),
            (Action::Picture, _) => return self.want(Effect::Picture),
            (Action::Quit, _) if !self.is_measuring() => return self.leave(Exit::Quit),
            _ => self.act(action),
        }
        self.redraw();
    }

    pub(super) fn search(&mut self, simulated: bool) {
        self.options.simulated = simulated;
        self.servers.clear();
        self.current.screen = Screen::Searching { url: None };
        self.command(if simulated {
            SessionCommand::Simulate
        } else {
            SessionCommand::Search
        });
    }

    fn next_server(&mut self) {
        let next = self
            .servers
            .get(self.server_number() % self.servers.len().max(1));
        if let Some(url) = next.map(|next| next.url.clone()) {
            self.command(SessionCommand::Use(url));
        }
    }

    /// Starts a run of the plan against the chosen model.
    pub(super) fn start(&mut self) {
        let Some(model) = self.model().cloned() else {
            self.notice = Some("There is no model to run.".to_owned());
            return;
        };
        self.current.forget_run();
        self.current.screen = Screen::Run(RunProgress::Starting);
        self.show(View::Live);
        let model = Box::new(model);
        let start = match self.options.resume.take() {
            Some(directory) => SessionCommand::Resume { directory, model },
            None => SessionCommand::Start {
                plan: Box::new(self.options.plan.clone()),
                model,
            },
        };
        self.command(start);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start if self.has_run() => self.dialog = Some(Dialog::Again),
            Action::Start => self.start(),
            Action::Quit => self.dialog = Some(Dialog::Quit),
            Action::Stop => self.dialog = Some(Dialog::Stop),
            Action::Pause => self.command_run(Command::TogglePause),
            Action::Skip => self.command_run(Command::Skip),
            Action::Repeat => {
                self.notice = Some("This level will be repeated next.".to_owned());
                self.command_run(Command::Repeat);
            }
            Action::NextServer => self.next_server(),
            Action::Simulate | Action::Search => self.search(action == Action::Simulate),
            Action::Pull => {
                if let Some(name) = self.missing_model().map(str::to_owned) {
                    self.command(SessionCommand::Pull(name));
                }
            }
            _ => self.look(action),
        }
    }

    /// What changes only the look.
    fn look(&mut self, action: Action) {
        match action {
            Action::AddLevel => self.ask_level(),
            Action::RemoveLevel => self.ask_removal(),
            Action::Models => {
                self.current.screen = Screen::Ready;
                self.show(View::Live);
            }
            Action::Show(view) => self.show(view),
            Action::Replay(action) => self.act_on_replay(action),
            Action::Report => self.write_report(),
            Action::FocusLanes => self.focus_lanes(true),
            Action::LeaveLanes => self.leave_lanes(),
            Action::Lanes(action) => self.act_on_lanes(action),
            Action::NextView => self.show(self.next_view()),
            Action::FocusNext => self.move_focus(1),
            Action::FocusPrevious => self.move_focus(self.view.panes().len() - 1),
            Action::Zoom => self.zoomed = !self.zoomed,
            Action::Freeze => self.freeze(),
            Action::Theme => self.next_theme(),
            Action::Sort if self.view == View::Live => {
                self.process_sort = self.process_sort.next();
            }
            Action::SortOtherWay if self.view == View::Live => {
                self.process_sort = self.process_sort.reversed();
            }
            Action::FirstByte => self.waited_for = self.waited_for.other(),
            Action::Sort => self.sort = self.sort.next(),
            Action::SortOtherWay => self.sort = self.sort.reversed(),
            Action::Limits => self.open_sliders(),
            Action::Help => self.help = Some(0),
            Action::Follow => self.follow(),
            _ => self.navigate(action),
        }
    }

    /// Opens a view, with the focus on its first pane.
    pub(super) fn show(&mut self, view: View) {
        if !self.has(view) {
            let words = "There is no run on the screen: start one, or open a recorded one (5).";
            self.notice = Some(words.to_owned());
            return;
        }
        if view == View::Runs {
            self.list_runs();
        }
        if self.view == view {
            return;
        }
        self.leave_runs();
        self.view = view;
        self.zoomed = false;
        self.focus_lanes(false);
        if let Some(first) = view.panes().first() {
            self.focus = *first;
        }
    }

    /// Whether there is anything to show in a view.
    pub fn has(&self, view: View) -> bool {
        match view {
            View::Preview | View::Runs => true,
            View::Live => self.current.screen != Screen::Archive,
            View::Results | View::Requests => matches!(self.current.screen, Screen::Run(_)),
        }
    }

    /// The next view with anything in it.
    fn next_view(&self) -> View {
        let mut next = self.view.next();
        while !self.has(next) {
            next = next.next();
        }
        next
    }

    /// Where a view has nothing to show any more, another one is shown.
    pub(super) fn keep_view(&mut self) {
        if !self.has(self.view) {
            self.show(if self.has(View::Live) {
                View::Live
            } else {
                View::Runs
            });
        }
    }

    fn move_focus(&mut self, by: usize) {
        let panes = self.view.panes();
        let at = panes.iter().position(|pane| *pane == self.focus);
        let next = (at.unwrap_or(0) + by) % panes.len().max(1);
        if let Some(pane) = panes.get(next) {
            self.focus = *pane;
        }
    }

    fn freeze(&mut self) {
        self.current.frozen = match self.current.frozen {
            Some(_) => None,
            None => Some(Box::new(Frozen {
                run: self.current.run.clone(),
                now: self.pane_now(),
                answer: self.current.answer.clone(),
            })),
        };
    }

    fn next_theme(&mut self) {
        if self.options.no_color {
            self.notice = Some("NO_COLOR is set: there is one theme, without color.".to_owned());
            return;
        }
        self.theme = self.theme.next();
        self.notice = Some(format!("Theme: {}", self.theme.name));
    }

    fn follow(&mut self) {
        self.zoomed = false;
        self.current.cycle = None;
        self.current.request = None;
        self.current.frozen = None;
        self.current.scroll.clear();
    }

    fn scroll_help(&mut self, action: Action) {
        let most = help::most_scroll(self.screen_area(), self.theme.ascii);
        let at = self.help.unwrap_or(0).min(most);
        self.help = match Move::from_action(action, HELP_PAGE) {
            Some(step) => Some(step.from(at, most + 1)),
            None if action == Action::Help => None,
            None => Some(at),
        };
    }
}
