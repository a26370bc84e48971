//! Which cycle, which request, and how far panes are scrolled.

use crate::metrics::state::CycleState;
use crate::session::SessionCommand;
use crate::tui::AnswerView;
use crate::tui::app::{App, Effect, Screen};
use crate::tui::keys::Action;
use crate::tui::layout::Pane;
use crate::tui::panes::{comparison, requests, requests_view};

/// Lines of a list that are not rows: two borders and the head.
const LIST_FRAME: u16 = 3;

impl App {
    /// The number, among the cycles, of the one that the screen shows.
    pub fn shown_cycle_index(&self) -> Option<usize> {
        self.current.shown_cycle_index()
    }

    fn shown_cycle(&self) -> Option<&CycleState> {
        self.current.shown_cycle()
    }

    /// The request that the screen shows.
    pub fn shown_request(&self) -> Option<u64> {
        self.current.shown_request()
    }

    /// Sees to it that the answer of the shown request is there, or comes.
    pub(super) fn watch(&mut self) -> Option<Effect> {
        let id = self.shown_request()?;
        if self.current.frozen.is_none()
            && let Some(answer) = self.replayed_answer(id)
        {
            self.current.watched = None;
            self.current.answer = answer;
            return None;
        }
        let frozen = self.current.frozen.as_ref();
        if frozen.map_or(self.current.watched, |frozen| Some(frozen.answer.id)) == Some(id) {
            return None;
        }
        let cycle = self.shown_cycle()?;
        let ended = cycle.requests.iter().rev().find(|record| record.id == id);
        let text = ended.and_then(|record| record.answer.clone());
        let in_flight = cycle.in_flight.contains_key(&id);
        let known = text.is_some();
        let view = text.map_or_else(
            || AnswerView::empty(id),
            |answer| AnswerView::new(id, &answer),
        );
        if let Some(frozen) = &mut self.current.frozen {
            frozen.answer = view;
            return None;
        }
        self.current.watched = Some(id);
        self.current.scroll.remove(&Pane::Answer);
        self.current.answer = view;
        let watch = Effect::SessionCommand(SessionCommand::Watch(id));
        (in_flight && !known && self.is_busy()).then_some(watch)
    }

    /// Keys that move.
    pub(super) fn navigate(&mut self, action: Action) {
        if self.current.screen == Screen::Ready && !self.has_panes() {
            self.move_model(action);
            return;
        }
        match action {
            Action::PreviousCycle => self.move_cycle(Move::Back(1)),
            Action::NextCycle => self.move_cycle(Move::On(1)),
            _ => {
                let page = usize::from(self.list_height(self.focus)).max(1);
                if let Some(step) = Move::from_action(action, page) {
                    self.step(self.focus, step);
                }
            }
        }
    }

    /// Moves in `pane`: a list moves its selection, other panes scroll.
    pub(super) fn step(&mut self, pane: Pane, step: Move) {
        match pane {
            Pane::Requests | Pane::RequestTable => self.move_request(pane, step),
            Pane::Cycles | Pane::Results | Pane::Usage => self.move_cycle(step),
            Pane::Runs => self.step_runs(step),
            pane => self.scroll_by(pane, step),
        }
    }

    fn move_model(&mut self, action: Action) {
        let count = self.found.as_ref().map_or(0, |found| found.models.len());
        if let Some(step) = Move::from_action(action, 10) {
            self.model = step.from(self.model, count);
        }
    }

    /// Chooses a model by its number; out of range changes nothing.
    pub(super) fn choose_model(&mut self, index: usize) {
        let count = self.found.as_ref().map_or(0, |found| found.models.len());
        if index < count {
            self.model = index;
        }
    }

    fn move_cycle(&mut self, step: Move) {
        let count = self.shown().cycles.len();
        let Some(at) = self.shown_cycle_index() else {
            return;
        };
        let to = step.from(at, count);
        // Back on the latest cycle of a run in progress, the screen follows it again.
        self.current.cycle = (to + 1 < count || !self.is_busy()).then_some(to);
        self.current.request = None;
        self.current.scroll.remove(&Pane::Requests);
        self.current.scroll.remove(&Pane::RequestTable);
        self.keep_place(Pane::Results);
    }

    /// Shows the cycle of this number, if there is one.
    pub(super) fn choose_cycle(&mut self, index: usize) {
        if index < self.shown().cycles.len() {
            self.move_cycle(Move::To(index));
        }
    }

    /// The requests of the shown cycle, in the order in which `pane` shows them.
    fn order(&self, pane: Pane) -> Vec<u64> {
        let Some(cycle) = self.shown_cycle() else {
            return Vec::new();
        };
        match pane {
            Pane::RequestTable => requests_view::order(cycle, self.sort, self.pane_now()),
            _ => requests::order(cycle),
        }
    }

    fn move_request(&mut self, pane: Pane, step: Move) {
        let shown = self.shown_request();
        let order = self.order(pane);
        let at = order.iter().position(|id| Some(*id) == shown);
        let to = step.from(at.unwrap_or(0), order.len());
        self.current.request = order.get(to).copied();
        self.keep_place(pane);
    }

    /// Shows the request in this row of `pane`, if there is one.
    pub(super) fn choose_row(&mut self, pane: Pane, index: usize) {
        let chosen = self.order(pane).get(index).copied();
        if chosen.is_some() {
            self.keep_place(pane);
            self.current.request = chosen;
        }
    }

    /// Rows that fit into a list.
    fn list_height(&self, pane: Pane) -> u16 {
        let area = self.areas(self.screen_area()).rect(pane);
        area.map_or(0, |area| area.height.saturating_sub(LIST_FRAME))
    }

    /// Remembers where a list stands, so that its selection moves before the list does.
    pub(super) fn keep_place(&mut self, pane: Pane) {
        let first = self.scrolled(pane);
        self.current.scroll.insert(pane, first);
    }

    /// How far `pane` is scrolled, lines. A list always shows its selected row.
    pub(super) fn scrolled(&self, pane: Pane) -> usize {
        let stored = self.current.scroll.get(&pane).copied().unwrap_or(0);
        let first = stored.min(self.most_scroll(pane));
        let Some(selected) = self.selected_row(pane) else {
            return first;
        };
        let height = usize::from(self.list_height(pane)).max(1);
        let lowest = (selected + 1).saturating_sub(height);
        first.clamp(lowest, selected)
    }

    fn selected_row(&self, pane: Pane) -> Option<usize> {
        match pane {
            Pane::Requests | Pane::RequestTable => {
                let shown = self.shown_request();
                let order = self.order(pane);
                order.iter().position(|id| Some(*id) == shown)
            }
            Pane::Cycles | Pane::Results | Pane::Usage => self.shown_cycle_index(),
            Pane::Runs => self.runs.row(),
            _ => None,
        }
    }

    /// The farthest that `pane` can be scrolled; for running text an upper bound.
    fn most_scroll(&self, pane: Pane) -> usize {
        let height = usize::from(self.list_height(pane)).max(1);
        let shown = self.shown();
        let lines = match pane {
            Pane::Requests | Pane::RequestTable => self
                .shown_cycle()
                .map_or(0, |cycle| cycle.in_flight.len() + cycle.requests.len()),
            Pane::Cycles => shown.cycles.len() + shown.upcoming.len(),
            Pane::Results | Pane::Usage => shown.cycles.len(),
            Pane::Processes => shown
                .machine
                .processes
                .as_ref()
                .map_or(0, |(_, table)| table.len()),
            Pane::Answer => self.answer_lines(),
            Pane::Log => shown.warnings.len() + shown.cycles.len() * 4 + 8,
            Pane::RequestDetail => 64,
            Pane::Runs => self.runs.len(),
            Pane::Comparison => self.comparison_lines(),
            Pane::Headline | Pane::Ttft | Pane::Machine | Pane::Lanes => 0,
        };
        lines.saturating_sub(height)
    }

    fn comparison_lines(&self) -> usize {
        let area = self.areas(self.screen_area()).rect(Pane::Comparison);
        let columns = area.map_or(0, |area| usize::from(area.width.saturating_sub(2)));
        let comparison = self.runs.comparison.as_ref();
        // A list has a head, which these lines do not.
        comparison.map_or(0, |c| {
            comparison::lines(c, &self.theme, columns)
                .len()
                .saturating_sub(1)
        })
    }

    fn answer_lines(&self) -> usize {
        let area = self.areas(self.screen_area()).rect(Pane::Answer);
        let width = area.map_or(0, |area| usize::from(area.width.saturating_sub(2)));
        let lines = |text: &str| {
            let wrapped = text.len() / (width * 2 / 3).max(1);
            text.matches('\n').count() + wrapped + 1
        };
        let parts = self.current.answer.parts.iter();
        parts.map(|(_, text)| lines(text)).sum()
    }

    fn scroll_by(&mut self, pane: Pane, step: Move) {
        let most = self.most_scroll(pane);
        // These count from their end, and at 0 follow what comes.
        let step = match pane {
            Pane::Answer | Pane::Log => step.mirrored(most),
            _ => step,
        };
        let to = step.from(self.scrolled(pane), most + 1);
        self.current.scroll.insert(pane, to);
    }
}

/// A move in a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Move {
    /// So many back.
    Back(usize),
    /// So many on.
    On(usize),
    /// To the one of this number.
    To(usize),
}

impl Move {
    pub(super) fn from_action(action: Action, page: usize) -> Option<Self> {
        Some(match action {
            Action::Up => Self::Back(1),
            Action::Down => Self::On(1),
            Action::PageUp => Self::Back(page),
            Action::PageDown => Self::On(page),
            Action::First => Self::To(0),
            Action::Last => Self::To(usize::MAX),
            _ => return None,
        })
    }

    /// The same move where numbers run the other way, down from `most`.
    fn mirrored(self, most: usize) -> Self {
        match self {
            Self::Back(by) => Self::On(by),
            Self::On(by) => Self::Back(by),
            Self::To(index) => Self::To(most.saturating_sub(index)),
        }
    }

    /// Where it leads from `at`, in a list of `count`.
    pub(super) fn from(self, at: usize, count: usize) -> usize {
        let to = match self {
            Self::Back(by) => at.saturating_sub(by),
            Self::On(by) => at.saturating_add(by),
            Self::To(index) => index,
        };
        to.min(count.saturating_sub(1))
    }
}
