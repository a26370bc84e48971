//! The verdict on the run of the screen, kept until it rests on other requests: to judge a long run takes longer
//! than a frame should.

use crate::event::CycleEnd;
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::verdict::Verdict;
use crate::plan::Limits;
use crate::tui::app::App;

/// So many rounds of a cycle are judged one by one, later ones a few at a time.
const ROUNDS: usize = 32;

/// What a verdict rests on: the run, the limits, and of each cycle its number, its requests and how it ended.
#[derive(Debug, PartialEq)]
struct Basis {
    run: String,
    limits: Limits,
    cycles: Vec<(u32, usize, Option<CycleEnd>)>,
}

impl Basis {
    fn new(run: &RunState, limits: Limits) -> Self {
        let cycles = run.cycles.iter();
        let cycles = cycles.map(|cycle| (cycle.cycle, counted(cycle), cycle.end));
        Self {
            run: run.info.as_ref().map(|i| i.id.clone()).unwrap_or_default(),
            limits,
            cycles: cycles.collect(),
        }
    }
}

/// How much of a cycle is judged: all requests once it is over, before that whole rounds of its users.
fn counted(cycle: &CycleState) -> usize {
    let requests = cycle.requests.len();
    if cycle.end.is_some() {
        return requests;
    }
    let rounds = requests / usize::try_from(cycle.users).unwrap_or(usize::MAX).max(1);
    let step = (rounds / ROUNDS).max(1).next_power_of_two();
    rounds / step * step
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
            let verdict = Verdict::from_cycles(self.shown(), &basis.limits);
            self.current.judged = CachedVerdict {
                basis: Some(basis),
                verdict,
            };
        }
    }
}
