//! The verdict so far, one line.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::ui::Cx;

/// Draws the line.
pub fn render(_frame: &mut Frame<'_>, _area: Rect, _cx: &Cx<'_>) {}
