//! One lane: a text replayed at a pace. All times are those of the lanes' common stopwatch.

use std::sync::Arc;

use crate::tui::lanes::pace::Pace;
use crate::tui::lanes::text::Script;

/// What becomes of the thinking part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum ThinkingMode {
    /// Shown, in its own style.
    #[default]
    Shown,
    /// It takes its time, but only its count is shown.
    Folded,
    /// Left out: the answer begins at once.
    Skipped,
}

impl ThinkingMode {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Shown => Self::Folded,
            Self::Folded => Self::Skipped,
            Self::Skipped => Self::Shown,
        }
    }
}

/// One lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// What it replays, thinking included.
    whole: Arc<Script>,
    /// What it replays now.
    pub(in crate::tui) script: Arc<Script>,
    pace: Pace,
    started_us: u64,
    /// Whether a recording waits as measured.
    wait: bool,
}

impl Lane {
    /// A lane at a constant speed.
    pub fn steady(tok_s: f64, script: Arc<Script>) -> Self {
        Self {
            whole: Arc::clone(&script),
            script,
            pace: Pace::steady(tok_s),
            started_us: 0,
            wait: true,
        }
    }

    /// A lane that replays a recorded answer as it came; at 1 token a second if it was not recorded.
    pub fn recorded(script: Arc<Script>) -> Self {
        let mut lane = Self::steady(1.0, script);
        lane.again(0, ThinkingMode::Shown, true);
        lane
    }

    /// Whether it plays back what was measured.
    pub fn is_recorded(&self) -> bool {
        self.whole.at_us().is_some()
    }

    /// Tokens a second: set, or measured and then hurried.
    pub fn tok_s(&self) -> Option<f64> {
        if self.is_recorded() {
            let measured = self.whole.measured_tok_s()?;
            return Some(measured * self.pace.speed());
        }
        Some(self.pace.speed())
    }

    /// How many times faster than measured a recording plays; None for a steady lane.
    pub fn hurry(&self) -> Option<f64> {
        self.is_recorded().then(|| self.pace.speed())
    }

    /// Starts again at `now_us`.
    pub fn again(&mut self, now_us: u64, thinking: ThinkingMode, wait: bool) {
        self.started_us = now_us;
        self.script = match thinking {
            ThinkingMode::Skipped => self.whole.without_thinking(),
            ThinkingMode::Shown | ThinkingMode::Folded => Arc::clone(&self.whole),
        };
        self.wait = wait;
        self.rewind();
    }

    /// Replays another text from the next start on; a recording keeps its own.
    pub fn set_script(&mut self, script: &Arc<Script>) {
        if !self.is_recorded() && script.at_us().is_none() {
            self.whole = Arc::clone(script);
        }
    }

    /// Continues at another speed; a lane that is through starts again with it.
    pub fn set_speed(&mut self, now_us: u64, speed: f64) {
        if self.is_finished(now_us) {
            self.started_us = now_us;
            self.rewind();
        }
        self.pace.set_speed(self.own_us(now_us), speed);
    }

    /// Its speed as [`Lane::set_speed`] takes it.
    pub fn speed(&self) -> f64 {
        self.pace.speed()
    }

    /// Tokens shown at `now_us`.
    pub fn tokens(&self, now_us: u64) -> usize {
        let due = usize::try_from(self.pace.due(self.own_us(now_us)));
        due.unwrap_or(usize::MAX).min(self.script.len())
    }

    /// Tokens in all.
    pub fn total_tokens(&self) -> usize {
        self.script.len()
    }

    /// How long it has run at `now_us`, seconds; it stops at its last token.
    pub fn elapsed_s(&self, now_us: u64) -> f64 {
        let end = self.end_us().unwrap_or(u64::MAX);
        self.own_us(now_us).min(end) as f64 / 1e6
    }

    /// How long it takes in all at its present speed, seconds.
    pub fn total_s(&self) -> Option<f64> {
        self.end_us().map(|end| end as f64 / 1e6)
    }

    /// Whether its first token is still to come, after a measured wait.
    pub fn is_waiting(&self, now_us: u64) -> bool {
        self.is_recorded() && self.total_tokens() > 0 && self.tokens(now_us) == 0
    }

    /// Whether all of it is shown.
    pub fn is_finished(&self, now_us: u64) -> bool {
        self.tokens(now_us) >= self.script.len()
    }

    /// When its next token falls due; None if there is none.
    pub fn next_due_us(&self, now_us: u64) -> Option<u64> {
        let shown = self.tokens(now_us);
        if shown >= self.script.len() {
            return None;
        }
        let due = self.pace.due_at(shown as u64 + 1)?;
        Some(self.started_us.saturating_add(due).max(now_us))
    }

    /// The pace of the script from its beginning, at the present speed.
    fn rewind(&mut self) {
        let speed = self.pace.speed();
        self.pace = match self.script.at_us() {
            None => Pace::steady(speed),
            Some(at_us) => {
                let skip = at_us.first().copied().filter(|_| !self.wait).unwrap_or(0);
                let mut pace = Pace::recorded(at_us.iter().map(|at| at.saturating_sub(skip)));
                pace.set_speed(0, speed);
                pace
            }
        };
    }

    fn own_us(&self, now_us: u64) -> u64 {
        now_us.saturating_sub(self.started_us)
    }

    /// When it is through at its present speed, on the common stopwatch.
    pub(super) fn ends_us(&self) -> Option<u64> {
        Some(self.started_us.saturating_add(self.end_us()?))
    }

    fn end_us(&self) -> Option<u64> {
        match self.script.len() {
            0 => Some(0),
            len => self.pace.due_at(len as u64),
        }
    }
}
