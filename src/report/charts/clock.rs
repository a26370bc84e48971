//! The time that charts show: the run's own, with long pauses between cycles cut out.

use crate::metrics::state::RunState;
use crate::report::charts::axis::Axis;
use crate::report::charts::figure::Stretch;
use crate::text::numbers::users;

/// A pause between cycles of more than this is cut out, seconds.
const LONG_S: f64 = 300.0;
/// What is left of it at both ends, seconds.
const KEPT_S: f64 = 15.0;

/// Turns seconds since the start of the run into places on an axis.
pub(super) struct ChartClock {
    from_s: f64,
    until_s: f64,
    /// What is cut out, in order.
    cuts: Vec<(f64, f64)>,
    factor: f64,
}

impl ChartClock {
    /// The clock of a run from this instant on, its axis, and the cycles upon it.
    pub(super) fn new(state: &RunState, from_s: f64) -> Option<(Self, Axis, Vec<Stretch>)> {
        let now = state.now;
        let mut cycles: Vec<(f64, f64)> = state
            .cycles
            .iter()
            .map(|cycle| (cycle.started.secs(), cycle.ended.unwrap_or(now).secs()))
            .collect();
        cycles.push((now.secs(), now.secs()));
        cycles.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut clock = Self {
            from_s,
            until_s: now.secs(),
            cuts: Vec::new(),
            factor: 1.0,
        };
        let mut covered = from_s;
        for (from, until) in cycles {
            if from - covered > LONG_S {
                clock.cuts.push((covered + KEPT_S, from - KEPT_S));
            }
            covered = covered.max(until);
        }
        let ends = [clock.from_s, clock.until_s].map(|at| clock.shown_s(at));
        let (mut axis, factor) = Axis::time(ends)?;
        clock.factor = factor;
        if !clock.cuts.is_empty() {
            axis.title.push_str(", long pauses cut out");
        }
        let stretches = state.cycles.iter().map(|cycle| Stretch {
            from: clock.place(cycle.started.secs()),
            to: clock.place(cycle.ended.unwrap_or(now).secs()),
            name: users(cycle.users),
        });
        let stretches = stretches.collect();
        Some((clock, axis, stretches))
    }

    /// The lines through these points: one for each stretch of time without a cut. Points in what is
    /// cut out are left out.
    pub(super) fn lines(&self, points: &[(f64, f64)], unit: f64) -> Vec<Vec<(f64, f64)>> {
        let mut lines: Vec<Vec<(f64, f64)>> = Vec::new();
        let mut before = None;
        for (at, value) in points {
            let passed = self.cuts.iter().filter(|(_, end)| end <= at).count();
            let inside = self.cuts.iter().any(|(start, end)| start < at && at < end);
            if inside || *at < self.from_s {
                continue;
            }
            if before.replace(passed) != Some(passed) {
                lines.push(Vec::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push((self.place(*at), value * unit));
            }
        }
        lines
    }

    fn place(&self, at_s: f64) -> f64 {
        self.shown_s(at_s) * self.factor
    }

    /// Seconds without what is cut out.
    fn shown_s(&self, at_s: f64) -> f64 {
        let lost = self
            .cuts
            .iter()
            .map(|(start, end)| (at_s.min(*end) - start).max(0.0));
        at_s - lost.sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CycleEnd, Event, EventKind, Stamp};

    /// A run of cycles that start and end at these seconds.
    fn run(cycles: &[(u64, u64)]) -> RunState {
        let mut state = RunState::default();
        for (cycle, (started, ended)) in (0..).zip(cycles) {
            let why = CycleEnd::Done;
            for (seconds, what) in [
                (started, EventKind::CycleStarted { cycle, users: 2 }),
                (ended, EventKind::CycleEnded { cycle, why }),
            ] {
                let at = Stamp(seconds * 1_000_000);
                state.apply(&Event { at, what });
            }
        }
        state
    }

    #[test]
    fn a_long_pause_is_cut_out_and_no_line_leads_over_it() {
        let state = run(&[(0, 100), (130, 200), (10_000, 10_100)]);
        let (clock, axis, stretches) = ChartClock::new(&state, 0.0).unwrap();
        assert_eq!(axis.title, "minutes since the start, long pauses cut out");
        // 200 s, then 2 × 15 s of the pause, then 100 s.
        assert!((clock.shown_s(10_100.0) - 330.0).abs() < 1e-9);
        let last = stretches.last().unwrap();
        assert!((last.from - 230.0 / 60.0).abs() < 1e-9, "{last:?}");
        let points = [(50.0, 1.0), (110.0, 1.0), (5_000.0, 9.0), (10_050.0, 2.0)];
        let lines = clock.lines(&points, 1.0);
        let lengths: Vec<usize> = lines.iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1]);
    }

    #[test]
    fn short_pauses_stay() {
        let state = run(&[(0, 100), (130, 200)]);
        let (clock, axis, _) = ChartClock::new(&state, 0.0).unwrap();
        assert_eq!(axis.title, "seconds since the start");
        assert!((clock.shown_s(150.0) - 150.0).abs() < 1e-9);
    }
}
