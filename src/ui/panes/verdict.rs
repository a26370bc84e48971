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
        let width = usize::from(area.width);
        let forms = [line(cx, true, true), line(cx, true, false)];
        let fitting = forms.into_iter().find(|line| line.width() <= width);
        let line = fitting.unwrap_or_else(|| line(cx, false, false));
        line.render(Rect { height: 1, ..area }, buf);
    });
}

/// The verdict as a line of text, long or short, with or without what is being measured now.
pub fn line(cx: &Cx<'_>, long: bool, now: bool) -> Line<'static> {
    let theme = cx.theme;
    let limits = &cx.limits;
    let (least, most) = (frame::at_least(theme), frame::at_most(theme));
    let speed = text::plain(limits.speed_tok_s);
    let wait = text::plain(limits.wait_s);
    let carried = Carried::by_mean(cx.run, limits);
    let mut spans = vec![Span::raw(match (long, cx.run.is_running()) {
        (false, _) => " ",
        (true, true) => " so far: ",
        (true, false) => " by mean: ",
    })];
    let limit = if long {
        [
            format!("{least} {speed} tok/s"),
            format!("{most} {wait} s wait"),
        ]
    } else {
        [format!("{least}{speed} tok/s"), format!("{most}{wait} s")]
    };
    let [speed, wait] = limit;
    spans.extend(words(cx, carried.speed, &speed, long));
    spans.push(Span::styled(" · ", theme.dim));
    spans.extend(words(cx, carried.wait, &wait, long));
    let failed: usize = cx.run.cycles.iter().map(figures::failed).sum();
    if long && failed > 0 {
        spans.push(Span::styled(format!(" · ✘ {failed} failed"), theme.bad));
    }
    let current = cx.run.current().filter(|c| figures::is_running(cx.run, c));
    if let Some(cycle) = current.filter(|_| now) {
        spans.push(Span::styled(
            format!(" · measuring {}", cycle.users),
            theme.dim,
        ));
    }
    Line::from(spans)
}

fn words(cx: &Cx<'_>, held: Held, limit: &str, long: bool) -> Vec<Span<'static>> {
    let theme = cx.theme;
    let fails = |at: u32| {
        let words = format!(" (fails at {at})");
        Span::styled(if long { words } else { String::new() }, theme.dim)
    };
    let people = |users: u32| match (long, users) {
        (false, _) => "",
        (true, 1) => " person",
        (true, _) => " people",
    };
    match (held.most, held.fails_at) {
        (None, None) => vec![Span::styled(
            format!("{}{} at {limit}", text::UNKNOWN, people(0)),
            theme.dim,
        )],
        (None, Some(1)) => vec![
            Span::styled("nobody", theme.bad),
            Span::raw(format!(" at {limit}")),
        ],
        (None, Some(at)) => vec![
            Span::styled(format!("fewer than {at}"), theme.bad),
            Span::raw(format!("{} at {limit}", people(at))),
        ],
        (Some(most), at) => {
            let more = if at.is_none() { "+" } else { "" };
            let mut spans = vec![
                Span::styled(format!("{most}{more}"), theme.headline),
                Span::raw(format!("{} at {limit}", people(most))),
            ];
            spans.extend(at.map(fails));
            spans
        }
    }
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
