//! What the panes reckon from a cycle, and how it stands to the limits.

use ratatui::style::Style;

use crate::event::{CycleEnd, RequestRecord, Stamp};
use crate::metrics::dist::Dist;
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::verdict::{Judgment, Level, LevelVerdict, Sample};
use crate::plan::{CycleShape, Limits};
use crate::tui::PaneContext;
use crate::tui::theme::Theme;

/// How a figure stands to its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// Not known.
    Unknown,
    /// Within it.
    Good,
    /// Beyond it by less than a fifth.
    Near,
    /// Beyond it.
    Bad,
}

impl Judged {
    /// A speed against the lowest that is accepted, both in tokens a second.
    pub fn speed(speed_tok_s: Option<f64>, limits: &Limits) -> Self {
        let share = speed_tok_s.map(|speed| limits.speed_tok_s / speed);
        Self::of(share.filter(|s| !s.is_nan()), 1.25)
    }

    /// A wait against the longest that is accepted, both in seconds.
    pub fn wait(wait_s: Option<f64>, limits: &Limits) -> Self {
        let share = wait_s.map(|wait| wait / limits.wait_s);
        Self::of(share.filter(|s| !s.is_nan()), 1.2)
    }

    fn of(share: Option<f64>, near: f64) -> Self {
        match share {
            None => Self::Unknown,
            Some(share) if share <= 1.0 => Self::Good,
            Some(share) if share <= near => Self::Near,
            Some(_) => Self::Bad,
        }
    }

    /// Its style.
    pub fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Unknown => theme.dim,
            Self::Good => theme.good,
            Self::Near => theme.warn,
            Self::Bad => theme.bad,
        }
    }

    /// Its mark, for screens without color.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Unknown => "–",
            Self::Good => "✔",
            Self::Near => "!",
            Self::Bad => "✘",
        }
    }
}

/// Whether the cycle goes on.
pub fn is_running(run: &RunState, cycle: &CycleState) -> bool {
    cycle.end.is_none() && run.is_running()
}

/// Requests that the cycle will have made; None where time decides, or where it was cut short.
pub fn expected(run: &RunState, cycle: &CycleState) -> Option<u64> {
    match run.info.as_ref()?.plan.shape {
        CycleShape::Waves(rounds) if cycle.end.is_none_or(|why| why == CycleEnd::Done) => {
            Some(u64::from(cycle.users) * u64::from(rounds))
        }
        _ => None,
    }
}

/// How many requests are over, of how many: `3/16`, or `37` where the end is open.
pub fn done(run: &RunState, cycle: &CycleState) -> String {
    match expected(run, cycle) {
        Some(of) => format!("{}/{of}", cycle.finished()),
        None => cycle.finished().to_string(),
    }
}

/// Requests of the cycle that failed.
pub fn failed(cycle: &CycleState) -> usize {
    let failed = cycle.requests.iter().filter(|r| r.failure().is_some());
    failed.count()
}

/// The speed to show: that of now while the cycle runs, else its mean; tokens a second for each user.
pub fn speed(run: &RunState, cycle: &CycleState, now: Stamp) -> Option<f64> {
    if is_running(run, cycle) {
        cycle.current_speed_tok_s(now)
    } else {
        cycle.mean_speed_tok_s()
    }
}

/// The throughput to show: that of now while the cycle runs, else output tokens / (last final
/// chunk − first sent); tokens a second.
pub fn throughput(run: &RunState, cycle: &CycleState) -> Option<f64> {
    if is_running(run, cycle) {
        return cycle.current_system_tok_s();
    }
    // Once through the requests: there may be a hundred thousand.
    let (mut first, mut last, mut tokens) = (None, None, 0_u64);
    for request in &cycle.requests {
        first = Some(first.map_or(request.sent, |first: Stamp| first.min(request.sent)));
        if request.is_done() {
            last = last.max(Some(request.ended));
            tokens = tokens.saturating_add(request.output_tokens());
        }
    }
    let seconds = last?.since(first?);
    (seconds > 0.0).then(|| tokens as f64 / seconds)
}

/// Waits so far, seconds.
pub fn waits(cycle: &CycleState) -> Dist {
    Dist::of(cycle.waits_s())
}

/// The mean wait so far, seconds.
pub fn mean_wait_s(cycle: &CycleState) -> Option<f64> {
    let waits = cycle.waits_s();
    (!waits.is_empty()).then(|| waits.iter().sum::<f64>() / waits.len() as f64)
}

/// Speeds of the requests that ended well, tokens a second.
pub fn speeds(cycle: &CycleState) -> Dist {
    let done = cycle.requests.iter().filter(|r| r.is_done());
    Dist::of(done.filter_map(RequestRecord::speed_tok_s))
}

/// The requests of a cycle that ended, and whether they met the limits, as far as it has come.
///
/// Of a whole cycle that is its level's only one the verdict knows it already.
pub fn judged(cx: &PaneContext<'_>, cycle: &CycleState) -> Judgment {
    let level = cx.verdict.levels.iter().find(|l| l.users == cycle.users);
    let is_alone = cycle.end == Some(CycleEnd::Done);
    if let Some(level) = level.filter(|level| is_alone && level.repeats.is_none()) {
        return level.both;
    }
    let samples = cycle.requests.iter().filter_map(Sample::of).collect();
    let users = cycle.users;
    LevelVerdict::of(&Level { users, samples }, &cx.limits).both
}

/// The share of the finished requests that met both limits, 0–1.
pub fn attainment(cycle: &CycleState, limits: &Limits) -> Option<f64> {
    let finished = cycle.finished();
    let met = cycle.requests.iter().filter(|r| {
        r.is_done()
            && r.ttft_s().is_some_and(|wait| wait <= limits.wait_s)
            && r.speed_tok_s()
                .is_some_and(|speed| speed >= limits.speed_tok_s)
    });
    (finished > 0).then(|| met.count() as f64 / finished as f64)
}

/// How long the load of the cycle has lasted, seconds.
pub fn elapsed_s(cycle: &CycleState, now: Stamp) -> f64 {
    let from = cycle.opened.unwrap_or(cycle.started);
    cycle.ended.unwrap_or(now).since(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_judged_against_its_limit() {
        let limits = Limits::default();
        assert_eq!(Judged::speed(Some(19.9), &limits), Judged::Good);
        assert_eq!(Judged::speed(Some(16.0), &limits), Judged::Near);
        assert_eq!(Judged::speed(Some(9.8), &limits), Judged::Bad);
        assert_eq!(Judged::speed(Some(f64::NAN), &limits), Judged::Unknown);
        assert_eq!(Judged::wait(Some(10.0), &limits), Judged::Good);
        assert_eq!(Judged::wait(Some(12.1), &limits), Judged::Bad);
        assert_eq!(Judged::wait(None, &limits), Judged::Unknown);
    }
}
