//! What the panes reckon from a cycle, and how it stands to the limits.

use ratatui::style::Style;

use crate::event::{CycleEnd, Stamp};
use crate::metrics::state::{CycleState, RunState};
use crate::plan::{CycleShape, Limits};
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
        Self::from_share(share.filter(|s| !s.is_nan()), 1.25)
    }

    /// A wait against the longest that is accepted, both in seconds.
    pub fn wait(wait_s: Option<f64>, limits: &Limits) -> Self {
        let share = wait_s.map(|wait| wait / limits.wait_s);
        Self::from_share(share.filter(|s| !s.is_nan()), 1.2)
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

/// How many requests finished, of how many: `3/16`, or `37` where the end is open.
pub fn finished(run: &RunState, cycle: &CycleState) -> String {
    match expected(run, cycle) {
        Some(of) => format!("{}/{of}", cycle.finished()),
        None => cycle.finished().to_string(),
    }
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
