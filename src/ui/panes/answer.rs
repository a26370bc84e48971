//! Answer.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::ui::Cx;
use crate::ui::draw::frame::{Title, pane};

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &Cx<'_>) {
    pane(frame, area, cx, &Title::new("Answer"), |_, _| {});
}
