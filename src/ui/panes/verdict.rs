//! The running verdict, on one line: how many people the server carries, as far as it is known.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::figures;
use crate::event::{CycleEnd, RequestRecord};
use crate::plan::Limits;
use crate::stats::state::{CycleState, RunState};
use crate::ui::Cx;
use crate::ui::draw::frame;
use crate::ui::draw::text;

/// Draws the line; it has no frame.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &Cx<'_>) {
    frame::bare(frame, area, cx, |buf, area| {
        let line = line(cx, usize::from(area.width));
        line.render(Rect { height: 1, ..area }, buf);
    });
}

/// What the line tells beside the two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tell {
    /// Words around the figures.
    Words,
    /// Where the limits fail.
    Fails,
    /// How many requests failed.
    Failed,
    /// What is being measured now.
    Now,
}

/// From everything to the least.
const FORMS: [&[Tell]; 6] = [
    &[Tell::Words, Tell::Fails, Tell::Failed, Tell::Now],
    &[Tell::Words, Tell::Fails, Tell::Failed],
    &[Tell::Words, Tell::Fails],
    &[Tell::Fails, Tell::Failed],
    &[Tell::Fails],
    &[],
];

/// The verdict as a line of text, as much of it as stands in `width` columns.
pub fn line(cx: &Cx<'_>, width: usize) -> Line<'static> {
    let carried = Carried::by_mean(cx.run, &cx.limits);
    let mut lines = FORMS.iter().map(|form| formed(cx, carried, form));
    let fitting = lines.find(|line| line.width() <= width);
    fitting.unwrap_or_else(|| formed(cx, carried, &[]))
}

fn formed(cx: &Cx<'_>, carried: Carried, form: &[Tell]) -> Line<'static> {
    let theme = cx.theme;
    let (least, most) = (frame::at_least(theme), frame::at_most(theme));
    let speed = text::plain(cx.limits.speed_tok_s);
    let wait = text::plain(cx.limits.wait_s);
    let (start, speed, wait) = if form.contains(&Tell::Words) {
        let start = if cx.run.is_running() {
            " so far: "
        } else {
            " by mean: "
        };
        (
            start,
            format!("{least} {speed} tok/s"),
            format!("{most} {wait} s wait"),
        )
    } else {
        (
            " ",
            format!("{least}{speed} tok/s"),
            format!("{most}{wait} s"),
        )
    };
    let mut spans = vec![Span::raw(start)];
    spans.extend(people(cx, carried.speed, &speed, form));
    spans.push(Span::styled(" · ", theme.dim));
    spans.extend(people(cx, carried.wait, &wait, form));
    let failed: usize = cx.run.cycles.iter().map(figures::failed).sum();
    if form.contains(&Tell::Failed) && failed > 0 {
        spans.push(Span::styled(format!(" · ✘ {failed} failed"), theme.bad));
    }
    let current = cx.run.current().filter(|c| figures::is_running(cx.run, c));
    if let Some(cycle) = current.filter(|_| form.contains(&Tell::Now)) {
        spans.push(Span::styled(
            format!(" · measuring {}", cycle.users),
            theme.dim,
        ));
    }
    Line::from(spans)
}

/// How many people one limit allows.
fn people(cx: &Cx<'_>, held: Held, limit: &str, form: &[Tell]) -> Vec<Span<'static>> {
    let theme = cx.theme;
    let noun = |users: Option<u32>| match (form.contains(&Tell::Words), users) {
        (false, _) => "",
        (true, Some(1)) => " person",
        (true, _) => " people",
    };
    let (number, style) = match (held.most, held.fails_at) {
        (None, None) => (text::UNKNOWN.to_owned(), theme.dim),
        (None, Some(1)) => {
            return vec![
                Span::styled("nobody", theme.bad),
                Span::raw(format!(" at {limit}")),
            ];
        }
        (None, Some(at)) => (format!("fewer than {at}"), theme.bad),
        (Some(most), None) => (format!("{most}+"), theme.headline),
        (Some(most), Some(_)) => (most.to_string(), theme.headline),
    };
    let counted = held.most.or(held.fails_at);
    let mut spans = vec![
        Span::styled(number, style),
        Span::raw(format!("{} at {limit}", noun(counted))),
    ];
    if let (Some(_), Some(at), true) = (held.most, held.fails_at, form.contains(&Tell::Fails)) {
        spans.push(Span::styled(format!(" (fails at {at})"), theme.dim));
    }
    spans
}

/// The largest level up to which a limit held at every measured one, and the first where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Users; None where it held nowhere.
    pub most: Option<u32>,
    /// Users; None where it held everywhere.
    pub fails_at: Option<u32>,
}

/// What the server carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// By the speed of the answers.
    pub speed: Held,
    /// By the wait for the first token.
    pub wait: Held,
}

impl Carried {
    /// By the mean of each level. Only whole cycles count: a cycle that goes on, or was cut short,
    /// has shown its quick requests first. A level at which no request succeeded carries nobody.
    pub fn by_mean(run: &RunState, limits: &Limits) -> Self {
        let mut levels: BTreeMap<u32, Vec<&CycleState>> = BTreeMap::new();
        for cycle in run.cycles.iter().filter(|c| c.end == Some(CycleEnd::Done)) {
            levels.entry(cycle.users).or_default().push(cycle);
        }
        let mut carried = Self::default();
        for (users, cycles) in &levels {
            let done = || {
                cycles
                    .iter()
                    .flat_map(|c| &c.requests)
                    .filter(|r| r.is_done())
            };
            let speed = mean(done().filter_map(RequestRecord::speed_tok_s));
            let wait = mean(done().filter_map(RequestRecord::ttft_s));
            if done().next().is_some() || cycles.iter().any(|c| c.finished() > 0) {
                let told = done().next().is_none();
                carried
                    .speed
                    .take(*users, speed.map(|s| s >= limits.speed_tok_s), told);
                carried
                    .wait
                    .take(*users, wait.map(|w| w <= limits.wait_s), told);
            }
        }
        carried
    }
}

impl Held {
    /// Takes the next larger level; `holds` is None where it is not known, which fails if `dead`.
    fn take(&mut self, users: u32, holds: Option<bool>, dead: bool) {
        match holds {
            _ if self.fails_at.is_some() => {}
            Some(true) => self.most = Some(users),
            Some(false) => self.fails_at = Some(users),
            None if dead => self.fails_at = Some(users),
            None => {}
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    figures::Sample::new(values).mean()
}
