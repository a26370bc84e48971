//! The verdict on the run of the screen, kept until it rests on other requests: to judge a long run takes longer
//! than a frame should.

use crate::event::CycleEnd;
use crate::metrics::state::RunState;
use crate::metrics::verdict::Verdict;
use crate::plan::Limits;
use crate::tui::app::App;

/// What a verdict rests on: the run, the limits, and of each whole cycle its number and its requests.
#[derive(Debug, PartialEq)]
struct Basis {
    run: String,
    limits: Limits,
    whole: Vec<(u32, usize)>,
}

impl Basis {
    fn new(run: &RunState, limits: Limits) -> Self {
        let whole = run.cycles.iter();
        let whole = whole.filter(|cycle| cycle.end == Some(CycleEnd::Done));
        Self {
            run: run.info.as_ref().map(|i| i.id.clone()).unwrap_or_default(),
            limits,
            whole: whole.map(|c| (c.cycle, c.requests.len())).collect(),
        }
    }
}

/// A verdict with what it rests on.
#[derive(Debug)]
pub(super) struct CachedVerdict {
    basis: Option<Basis>,
    pub(super) verdict: Verdict,
}

impl Default for CachedVerdict {
    fn default() -> Self {
        Self {
            basis: None,
            verdict: Verdict::new(&[], &Limits::default()),
        }
    }
}

impl App {
    /// Judges the run that is shown, if its verdict rests on something else by now.
    pub(super) fn judge(&mut self) {
        let basis = Basis::new(self.shown(), self.limits());
        if self.current.judged.basis.as_ref() != Some(&basis) {
            let verdict = Verdict::of_cycles(self.shown(), &basis.limits);
            self.current.judged = CachedVerdict {
                basis: Some(basis),
                verdict,
            };
        }
    }
}
