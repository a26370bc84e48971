//! Where the panes are at each size. Pure: a rectangle in, rectangles out.
//!
//! ```text
//! wide (120×30 and more)                 normal (80×24 and more)        compact (60×16 and more)
//! header                                 header                         header
//! ┌ headline ─────────┐┌ TTFT ────────┐  ┌ headline ────────────────┐   ┌ headline ────────┐
//! ├ cycles ───────────┤├ machine ─────┤  ├ cycles ─────┬ TTFT ──────┤   ├ the focused pane ┤
//! ├ requests ─────────┤├ processes ───┤  ├ requests, or answer, log,│   │                  │
//! ├ answer ───────────┤├ log ─────────┤  │ machine… by the focus    │   └──────────────────┘
//! verdict, footer                        verdict, footer                verdict, footer
//! ```

use crate::text::numbers::u16_of;
use ratatui::layout::{Position, Rect};
use ratatui::macros::{horizontal, vertical};
use strum::IntoEnumIterator;

/// A view, on a number key.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    clap::ValueEnum,
    strum::EnumIter,
    strum::Display,
)]
pub enum View {
    /// A run as it happens.
    #[default]
    Live,
    /// What the cycles came to.
    Results,
    /// Every request of a cycle.
    Requests,
    /// What speeds feel like, and what was measured.
    Preview,
    /// The runs that were recorded.
    #[value(skip)]
    Runs,
}

impl View {
    /// The view after this one.
    #[must_use]
    pub fn next(self) -> Self {
        let mut after = Self::iter().skip_while(|view| *view != self);
        after.nth(1).unwrap_or_default()
    }

    /// The panes that can have the focus, in the order of the keys that move it; the first one has
    /// it when the view opens.
    pub const fn panes(self) -> &'static [Pane] {
        match self {
            Self::Live => &[
                Pane::Requests,
                Pane::Answer,
                Pane::Cycles,
                Pane::Ttft,
                Pane::Machine,
                Pane::Processes,
                Pane::Log,
                Pane::Headline,
            ],
            Self::Results => &[Pane::Results, Pane::Usage, Pane::Ttft, Pane::Log],
            Self::Requests => &[Pane::RequestTable, Pane::RequestDetail, Pane::Answer],
            Self::Preview => &[Pane::Lanes],
            Self::Runs => &[Pane::Runs, Pane::Comparison],
        }
    }
}

/// A pane of a view.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, strum::EnumIter, strum::Display,
)]
pub enum Pane {
    /// The one number, in large digits.
    Headline,
    /// The cycles, one a line.
    Cycles,
    /// The histogram of waits.
    Ttft,
    /// The requests of the shown cycle.
    Requests,
    /// The answer of the shown request.
    Answer,
    /// What the GPU does.
    Machine,
    /// The server's processes.
    Processes,
    /// Warnings and other events.
    Log,
    /// The table of results.
    Results,
    /// What the machine did in each cycle.
    Usage,
    /// The full table of requests.
    RequestTable,
    /// One request in detail.
    RequestDetail,
    /// The lanes of the preview.
    Lanes,
    /// The runs that were recorded.
    Runs,
    /// Runs side by side.
    Comparison,
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Less than 60×16: a card with the three numbers.
    TooSmall,
    /// 60×16 and more.
    Compact,
    /// 80×24 and more.
    Normal,
    /// 120×30 and more.
    Wide,
}

impl Room {
    /// The room in `area`.
    pub const fn from_area(area: Rect) -> Self {
        match (area.width, area.height) {
            (120.., 30..) => Self::Wide,
            (80.., 24..) => Self::Normal,
            (60.., 16..) => Self::Compact,
            _ => Self::TooSmall,
        }
    }
}

/// What besides the room decides where panes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrangement {
    /// The view.
    pub view: View,
    /// The pane with the focus.
    pub focus: Pane,
    /// Whether it fills the screen.
    pub zoomed: bool,
    /// Whether there is a line for the verdict.
    pub verdict: bool,
    /// Whether there is a line for the levels around the answer, where there is room.
    pub bracket: bool,
    /// Cycles that the list of cycles has to hold.
    pub cycles: usize,
}

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Areas {
    /// How much room there is.
    pub room: Room,
    /// The line at the top.
    pub header: Rect,
    /// All between the header and the verdict.
    pub body: Rect,
    /// The panes that are shown.
    pub panes: Vec<(Pane, Rect)>,
    /// The line of the levels around the answer; empty where there is none.
    pub bracket: Rect,
    /// The line of the verdict.
    pub verdict: Rect,
    /// The line of the keys.
    pub footer: Rect,
}

impl Areas {
    /// The area of `pane`, if it is shown.
    pub fn rect(&self, pane: Pane) -> Option<Rect> {
        let found = self.panes.iter().find(|(shown, _)| *shown == pane);
        found.map(|(_, area)| *area)
    }

    /// The pane at a place of the screen.
    pub fn at(&self, position: Position) -> Option<(Pane, Rect)> {
        let found = self.panes.iter().find(|(_, area)| area.contains(position));
        found.copied()
    }
}

/// Where everything is in `area`.
pub fn layout(area: Rect, arrangement: Arrangement) -> Areas {
    let room = Room::from_area(area);
    let bracket = u16::from(arrangement.bracket && room >= Room::Normal);
    let verdict = u16::from(arrangement.verdict);
    let rows = vertical![==1, *=1, ==bracket, ==verdict, ==1];
    let [header, body, bracket, verdict, footer] = rows.areas(area);
    let mut panes = match (room, arrangement.zoomed) {
        (Room::TooSmall, _) => Vec::new(),
        (_, true) => vec![(arrangement.focus, body)],
        (_, false) => panes(room, body, arrangement),
    };
    panes.retain(|(_, area)| !area.is_empty());
    Areas {
        room,
        header,
        body,
        panes,
        bracket,
        verdict,
        footer,
    }
}

fn panes(room: Room, body: Rect, arrangement: Arrangement) -> Vec<(Pane, Rect)> {
    match (arrangement.view, room) {
        (View::Live, Room::Wide) => live_wide(body, arrangement.cycles),
        (View::Live, Room::Normal) => live_normal(body, arrangement.focus),
        (View::Live, _) => live_compact(body, arrangement.focus),
        (View::Results, Room::Wide) => results_wide(body, arrangement.cycles),
        (View::Requests, Room::Wide) => requests_wide(body),
        (View::Preview, _) => vec![(Pane::Lanes, body)],
        (View::Runs, _) if arrangement.focus == Pane::Comparison => vec![(Pane::Comparison, body)],
        (View::Runs, _) => vec![(Pane::Runs, body)],
        (_, _) => one_pane(body, arrangement),
    }
}

/// The share of the width that the left column has, percent.
const LEFT: u16 = 60;
/// Lines of the headline: borders, large digits, and the two numbers below them.
const HEADLINE: u16 = 8;
/// Lines of the machine pane: borders, four gauges, energy.
const MACHINE: u16 = 7;
/// Lines of the processes pane: borders, the head, a few processes; in a tall body more.
const PROCESSES: (u16, u16) = (6, 12);

fn columns(body: Rect) -> [Rect; 2] {
    horizontal![==LEFT %, *=1].areas(body)
}

fn live_wide(body: Rect, cycles: usize) -> Vec<(Pane, Rect)> {
    let [left, right] = columns(body);
    let spare = left.height.saturating_sub(HEADLINE);
    // Borders and a head; at most two fifths of the column, so that a long study leaves room.
    let wanted = u16_of(cycles).saturating_add(3);
    let cycles = wanted.clamp(7, (spare.saturating_mul(2) / 5).max(7));
    let rows = vertical![==HEADLINE, ==cycles, *=3, *=2];
    let [headline, cycles, requests, answer] = rows.areas(left);
    let tall = right.height >= 50;
    let processes = if tall { PROCESSES.1 } else { PROCESSES.0 };
    let machine = if tall { MACHINE + 3 } else { MACHINE };
    let rows = vertical![*=3, ==machine, ==processes, *=2];
    let [ttft, machine, processes, log] = rows.areas(right);
    vec![
        (Pane::Headline, headline),
        (Pane::Cycles, cycles),
        (Pane::Requests, requests),
        (Pane::Answer, answer),
        (Pane::Ttft, ttft),
        (Pane::Machine, machine),
        (Pane::Processes, processes),
        (Pane::Log, log),
    ]
}

fn live_normal(body: Rect, focus: Pane) -> Vec<(Pane, Rect)> {
    let below = match focus {
        Pane::Answer | Pane::Log | Pane::Machine | Pane::Processes => focus,
        _ => Pane::Requests,
    };
    let [headline, middle, bottom] = vertical![==5, *=4, *=3].areas(body);
    let [cycles, ttft] = columns(middle);
    vec![
        (Pane::Headline, headline),
        (Pane::Cycles, cycles),
        (Pane::Ttft, ttft),
        (below, bottom),
    ]
}

fn live_compact(body: Rect, focus: Pane) -> Vec<(Pane, Rect)> {
    let below = match focus {
        Pane::Headline => Pane::Cycles,
        other => other,
    };
    let [headline, rest] = vertical![==5, *=1].areas(body);
    vec![(Pane::Headline, headline), (below, rest)]
}

fn results_wide(body: Rect, cycles: usize) -> Vec<(Pane, Rect)> {
    let wanted = u16_of(cycles).saturating_add(7);
    let most = body.height.saturating_mul(2) / 3;
    let [results, below] = vertical![==wanted.clamp(8, most.max(8)), *=1].areas(body);
    let [usage, right] = columns(below);
    let [ttft, log] = vertical![*=3, *=2].areas(right);
    vec![
        (Pane::Results, results),
        (Pane::Usage, usage),
        (Pane::Ttft, ttft),
        (Pane::Log, log),
    ]
}

fn requests_wide(body: Rect) -> Vec<(Pane, Rect)> {
    let [table, right] = columns(body);
    let [detail, answer] = vertical![*=1, *=1].areas(right);
    vec![
        (Pane::RequestTable, table),
        (Pane::RequestDetail, detail),
        (Pane::Answer, answer),
    ]
}

/// The main pane of a view over the focused one, or alone.
fn one_pane(body: Rect, arrangement: Arrangement) -> Vec<(Pane, Rect)> {
    let main = match arrangement.view {
        View::Requests => Pane::RequestTable,
        _ => Pane::Results,
    };
    if arrangement.focus == main {
        return vec![(main, body)];
    }
    let [top, bottom] = vertical![*=1, *=1].areas(body);
    vec![(main, top), (arrangement.focus, bottom)]
}

#[cfg(test)]
mod tests;
