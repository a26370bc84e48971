//! The running verdict, on one line: how many people the server carries, and how sure that is.
//!
//! By the share of good requests and, beside it, by the mean of each level. Only whole cycles count: a cycle
//! in progress, or cut short, has shown its quick requests first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::metrics::state::CycleState;
use crate::metrics::verdict::{State, Verdict};
use crate::tui::PaneContext;
use crate::tui::panes::figures;
use crate::tui::theme::Theme;
use crate::tui::widgets::{frame, text};

/// Draws the line; it has no frame.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    frame::bare(frame, area, cx, |buf, area| {
        let line = line(cx, cx.verdict, usize::from(area.width));
        line.render(Rect { height: 1, ..area }, buf);
    });
}

/// What the line reports beside how many users, how sure, and how many by the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VerdictPart {
    /// Words around the figures.
    Words,
    /// How many more requests would make it sure.
    More,
    /// The level at which it ends.
    Ends,
    /// Each limit by itself.
    Each,
    /// How many requests failed.
    Failed,
    /// What is being measured now.
    Now,
}

/// From everything to the least.
const FORMS: [&[VerdictPart]; 11] = {
    use VerdictPart::{Each, Ends, Failed, More, Now, Words};
    [
        &[Words, More, Ends, Each, Failed, Now],
        &[Words, More, Ends, Each, Failed],
        &[Words, More, Each, Failed],
        &[Words, More, Each],
        &[Words, More, Ends, Failed, Now],
        &[Words, More, Ends, Failed],
        &[Words, More, Failed, Now],
        &[Words, More, Failed],
        &[Words, More],
        &[Words],
        &[],
    ]
};

/// The verdict as a line of text, as much of it as fits in `width` columns.
pub fn line(cx: &PaneContext<'_>, verdict: &Verdict, width: usize) -> Line<'static> {
    let failed = cx.run.cycles.iter().map(CycleState::failed).sum();
    let mut lines = FORMS.iter().map(|form| formed(cx, verdict, failed, form));
    let fitting = lines.find(|line| line.width() <= width);
    fitting.unwrap_or_else(|| formed(cx, verdict, failed, &[]))
}

fn formed(
    cx: &PaneContext<'_>,
    verdict: &Verdict,
    failed: usize,
    form: &[VerdictPart],
) -> Line<'static> {
    let theme = cx.theme;
    let words = form.contains(&VerdictPart::Words);
    let start = match (words, cx.run.is_running()) {
        _ if cx.asked_after => " what if: ",
        (false, _) => " ",
        (true, true) => " so far: ",
        (true, false) => " verdict: ",
    };
    let by_share = verdict.by_share.both_users;
    let is_unknown = !verdict.levels.is_empty() && !verdict.is_known();
    let mut spans = vec![Span::raw(start)];
    if verdict.levels.is_empty() && words {
        let unknown = if cx.run.is_running() {
            "no cycle has finished yet"
        } else {
            "none, no complete cycle"
        };
        spans.push(Span::styled(unknown, theme.dim));
    } else if is_unknown && words {
        spans.push(Span::styled("no request could be judged", theme.dim));
    } else {
        spans.push(capacity(theme, verdict, by_share, words));
    }
    spans.extend(sureness(theme, verdict, form));
    if !verdict.levels.is_empty() && !is_unknown {
        let mean = if words { ", by mean " } else { " · mean " };
        spans.push(Span::raw(mean));
        spans.push(capacity(theme, verdict, verdict.by_mean.both_users, false));
    }
    if form.contains(&VerdictPart::Each) && !verdict.levels.is_empty() {
        spans.extend(each(cx, verdict));
    }
    if form.contains(&VerdictPart::Failed) && failed > 0 {
        spans.push(Span::styled(format!(" · ✘ {failed} failed"), theme.bad));
    }
    let current = cx.run.current().filter(|c| figures::is_running(cx.run, c));
    if let Some(cycle) = current.filter(|_| form.contains(&VerdictPart::Now)) {
        let words = format!(" · measuring {}", cycle.users);
        spans.push(Span::styled(words, theme.dim));
    }
    Line::from(spans)
}

/// How many users: `4 users`, `4+` where every level that ran holds, `fewer than 4`, `none`.
fn capacity(theme: &Theme, verdict: &Verdict, users: Option<u32>, words: bool) -> Span<'static> {
    let noun = |users: u32| match (words, users) {
        (false, _) => "",
        (true, 1) => " user",
        (true, _) => " users",
    };
    let ends = verdict.levels.first().zip(verdict.levels.last());
    let Some((smallest, largest)) = ends else {
        let none = if words { "– users" } else { text::UNKNOWN };
        return Span::styled(none, theme.dim);
    };
    match users {
        None if !verdict.is_known() => Span::styled(text::UNKNOWN, theme.dim),
        None if smallest.users == 1 => Span::styled("nobody", theme.bad),
        None => {
            let fewest = smallest.users;
            Span::styled(format!("fewer than {fewest}{}", noun(fewest)), theme.bad)
        }
        Some(users) => {
            let more = if users == largest.users { "+" } else { "" };
            Span::styled(format!("{users}{more}{}", noun(users)), theme.headline)
        }
    }
}

/// In brackets how sure that is, what would make it so, and where it ends.
fn sureness(theme: &Theme, verdict: &Verdict, form: &[VerdictPart]) -> Vec<Span<'static>> {
    let Some(level) = verdict.headline() else {
        return Vec::new();
    };
    let Some(state) = level.both.state else {
        return Vec::new();
    };
    let mut spans = vec![
        Span::raw(" ("),
        Span::styled(state.to_string(), style(theme, state)),
    ];
    let more = level.both.more_to_decide;
    let more = more.filter(|more| state.is_open() && *more > 0);
    if let Some(more) = more.filter(|_| form.contains(&VerdictPart::More)) {
        spans.push(Span::raw(format!(", {more} more to decide")));
    }
    let beyond = verdict.beyond();
    let ends = beyond.and_then(|level| Some((level.users, level.both.state?)));
    if let Some((users, state)) = ends.filter(|_| form.contains(&VerdictPart::Ends)) {
        spans.push(Span::raw(format!("; {users} ")));
        spans.push(Span::styled(state.to_string(), style(theme, state)));
    }
    spans.push(Span::raw(")"));
    spans
}

/// What each limit allows by itself: by the share, and by the mean.
fn each(cx: &PaneContext<'_>, verdict: &Verdict) -> Vec<Span<'static>> {
    let (least, most) = (frame::at_least(cx.theme), frame::at_most(cx.theme));
    let speed = text::plain(cx.limits.speed_tok_s);
    let wait = text::plain(cx.limits.wait_s);
    let (by_share, by_mean) = (verdict.by_share, verdict.by_mean);
    let limits = [
        (
            format!("{least} {speed} tok/s"),
            by_share.speed_users,
            by_mean.speed_users,
        ),
        (
            format!("{most} {wait} s wait"),
            by_share.wait_users,
            by_mean.wait_users,
        ),
    ];
    let parts = limits.into_iter().flat_map(|(limit, share, mean)| {
        let number = |users| capacity(cx.theme, verdict, users, false);
        [
            Span::styled(" · ", cx.theme.dim),
            Span::raw(format!("{limit}: ")),
            number(share),
            Span::styled(", mean ", cx.theme.dim),
            number(mean),
        ]
    });
    parts.collect()
}

/// How a state looks.
pub(super) fn style(theme: &Theme, state: State) -> Style {
    match state {
        State::Holds | State::Likely => theme.good,
        State::Unsure | State::Unlikely => theme.warn,
        State::Fails => theme.bad,
    }
}
