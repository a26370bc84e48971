//! What the mouse does: the wheel scrolls the pane under the pointer, a click chooses.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use crate::tui::app::App;
use crate::tui::app::navigation::Move;
use crate::tui::keys::{Action, Mode};
use crate::tui::lanes::pane::lane_at;
use crate::tui::layout::Pane;
use crate::tui::panes::ready;

/// Lines that a notch of the wheel scrolls.
const WHEEL: usize = 3;
/// Lines of a list above its first row: the border and the head.
const LIST_HEAD: u16 = 2;

impl App {
    pub(super) fn mouse(&mut self, mouse: MouseEvent) {
        let at = Position::new(mouse.column, mouse.row);
        let step = match mouse.kind {
            MouseEventKind::ScrollUp => Some(Move::Back(WHEEL)),
            MouseEventKind::ScrollDown => Some(Move::On(WHEEL)),
            MouseEventKind::Down(MouseButton::Left) => None,
            _ => return,
        };
        match (self.mode(), step) {
            (Mode::Confirm | Mode::Level | Mode::Sliders | Mode::Help, _) => return,
            (_, Some(step)) if self.has_panes() => self.wheel(at, step),
            (_, None) if self.has_panes() => self.click(at),
            (Mode::Ready, Some(step)) => self.navigate(match step {
                Move::Back(_) => Action::Up,
                _ => Action::Down,
            }),
            (Mode::Ready, None) => self.click_model(at),
            _ => return,
        }
        self.redraw();
    }

    fn pane_at(&self, at: Position) -> Option<(Pane, Rect)> {
        if !self.has_panes() {
            return None;
        }
        self.areas(self.screen_area()).at(at)
    }

    fn wheel(&mut self, at: Position, step: Move) {
        if let Some((pane, _)) = self.pane_at(at) {
            self.step(pane, step);
        }
    }

    fn click(&mut self, at: Position) {
        let Some((pane, area)) = self.pane_at(at) else {
            return;
        };
        let row = at.y.checked_sub(area.y.saturating_add(LIST_HEAD));
        let inside = at.y.saturating_add(1) < area.bottom();
        let row = row
            .filter(|_| inside)
            .map(|row| usize::from(row) + self.scrolled(pane));
        self.focus = pane;
        if let (Pane::Lanes, Some(lanes)) = (pane, self.lanes())
            && let Some(lane) = lane_at(area, lanes, at.x, at.y)
        {
            self.choose_lane(lane);
        }
        match (pane, row) {
            (Pane::Requests | Pane::RequestTable, Some(row)) => self.choose_row(pane, row),
            (Pane::Cycles | Pane::Results | Pane::Usage, Some(row)) => self.choose_cycle(row),
            (Pane::Runs, Some(row)) => self.choose_run(row),
            _ => {}
        }
    }

    fn click_model(&mut self, at: Position) {
        let body = self.areas(self.screen_area()).body;
        if let Some(index) = ready::model_at(self, body, at) {
            self.choose_model(index);
        }
    }
}
