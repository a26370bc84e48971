//! What the panes compute from a cycle, and how it compares with the limits.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::event::{CycleEnd, Stamp};
use crate::metrics::sample::{Attained, attained};
use crate::metrics::state::{CycleState, RunState};
use crate::plan::{CycleShape, Limits};
use crate::tui::PaneContext;
use crate::tui::theme::Theme;
use crate::tui::widgets::text;

/// How a figure compares with its limit.
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
        Self::from_share(share.filter(|s| !s.is_nan()), 1.25)
    }

    /// A wait against the longest that is accepted, both in seconds.
    pub fn wait(wait_s: Option<f64>, limits: &Limits) -> Self {
        let share = wait_s.map(|wait| wait / limits.wait_s);
        Self::from_share(share.filter(|s| !s.is_nan()), 1.2)
    }

    /// The wait of a cycle so far: by its mean, and by how many requests met the limit. While some still wait it is not
    /// known to be good.
    pub fn wait_of(cycle: &CycleState, limits: &Limits, now: Stamp) -> Self {
        let so_far = cycle.wait_so_far(now);
        let by_mean = match Self::wait(so_far.mean_s, limits) {
            Self::Good if so_far.still_waiting > 0 => Self::Unknown,
            judged => judged,
        };
        let (met, of) = cycle.met_wait(limits, now);
        by_mean.and(attained(met, of, limits.share))
    }

    /// The speed `speed_tok_s` of a cycle, by itself and by how many requests met the limit. While a cycle runs, it is
    /// judged only as long as its load stands.
    pub fn speed_of(
        run: &RunState,
        cycle: &CycleState,
        speed_tok_s: Option<f64>,
        limits: &Limits,
    ) -> Self {
        let (met, of) = cycle.met_speed(limits);
        let by_share = attained(met, of, limits.share);
        let is_known = of > 0 || !is_running(run, cycle) || cycle.is_steady();
        let by_mean = Self::speed(speed_tok_s.filter(|_| is_known), limits);
        by_mean.and(by_share)
    }

    /// This, made worse by a share that is not reached.
    fn and(self, by_share: Option<Attained>) -> Self {
        match (self, by_share) {
            (Self::Bad, _) | (_, Some(Attained::No)) => Self::Bad,
            (Self::Near, _) | (_, Some(Attained::Almost)) => Self::Near,
            (judged, Some(Attained::Yes) | None) => judged,
        }
    }

    fn from_share(share: Option<f64>, near: f64) -> Self {
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
}

/// A speed in tokens a second, styled by its limit.
pub fn speed_cell(cx: &PaneContext<'_>, speed_tok_s: Option<f64>) -> Span<'static> {
    let judged = Judged::speed(speed_tok_s, &cx.limits);
    Span::styled(text::tok_s(speed_tok_s), judged.style(cx.theme))
}

/// A wait, styled by its limit.
pub fn wait_cell(cx: &PaneContext<'_>, wait_s: Option<f64>) -> Span<'static> {
    let judged = Judged::wait(wait_s, &cx.limits);
    Span::styled(text::seconds(wait_s), judged.style(cx.theme))
}

/// A line of a label in so many columns and its value.
pub fn labeled(
    theme: &Theme,
    label: &str,
    columns: usize,
    value: impl Into<Span<'static>>,
) -> Line<'static> {
    let label = Span::styled(format!("{label:<columns$}"), theme.dim);
    Line::from(vec![label, value.into()])
}

/// Whether the cycle is running.
pub fn is_running(run: &RunState, cycle: &CycleState) -> bool {
    cycle.end.is_none() && run.is_running()
}

/// Requests that the cycle will have made; None where time decides, or where it was cut short.
pub fn expected(run: &RunState, cycle: &CycleState) -> Option<u64> {
    match run.info.as_ref()?.plan.shape {
        _ if run.is_settling() => None,
        CycleShape::Waves(rounds) if cycle.end.is_none_or(|why| why == CycleEnd::Done) => {
            Some(u64::from(cycle.users) * u64::from(rounds))
        }
        _ => None,
    }
}

/// How many requests finished, of how many: `3/16`, or `37` where the end is open.
pub fn finished(run: &RunState, cycle: &CycleState) -> String {
    match expected(run, cycle) {
        Some(of) => format!("{}/{of}", cycle.finished()),
        None => cycle.finished().to_string(),
    }
}

/// Whether the speed to show is that of now: while the load of a cycle stands, and before there is a mean.
pub fn is_now(run: &RunState, cycle: &CycleState, now: Stamp) -> bool {
    is_running(run, cycle) && (cycle.is_steady() || cycle.speed_so_far_tok_s(now).is_none())
}

/// The speed to show: that of now while the load of a cycle stands, else the mean; tokens a second for each user.
pub fn speed(run: &RunState, cycle: &CycleState, now: Stamp) -> Option<f64> {
    if is_now(run, cycle, now) {
        cycle.current_speed_tok_s(now)
    } else {
        cycle.speed_so_far_tok_s(now)
    }
}

/// The mean wait to show in a column: `600 ms`, or `≥5.13 s` while some still wait.
pub fn wait(cycle: &CycleState, now: Stamp) -> String {
    let so_far = cycle.wait_so_far(now);
    so_far.text().replace("≥ ", "≥")
}

/// The throughput to show: that of now while the cycle runs, else output tokens / (last final
/// chunk − first sent); tokens a second.
pub fn throughput(run: &RunState, cycle: &CycleState) -> Option<f64> {
    if is_running(run, cycle) {
        return cycle.current_system_tok_s();
    }
    cycle.system_tok_s()
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
    fn a_share_that_is_not_reached_makes_a_mean_worse_and_never_better() {
        let all = [Judged::Unknown, Judged::Good, Judged::Near, Judged::Bad];
        for judged in all {
            assert_eq!(judged.and(None), judged);
            assert_eq!(judged.and(Some(Attained::Yes)), judged);
            assert_eq!(judged.and(Some(Attained::No)), Judged::Bad);
        }
        assert_eq!(Judged::Good.and(Some(Attained::Almost)), Judged::Near);
        assert_eq!(Judged::Bad.and(Some(Attained::Almost)), Judged::Bad);
    }

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
