//! What the screen shows of a run: of the live one or of a replay, swapped as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

use crate::event::Stamp;
use crate::metrics::state::{CycleState, RunState};
use crate::plan::Limits;
use crate::store::recordings::KeptAnswer;
use crate::tui::AnswerView;
use crate::tui::app::preview::Preview;
use crate::tui::app::verdict_cache::CachedVerdict;
use crate::tui::app::{RunProgress, Screen};
use crate::tui::layout::Pane;

/// A run on the screen, and how it is shown.
#[derive(Debug)]
pub(super) struct RunView {
    pub(super) screen: Screen,
    pub(super) run: RunState,
    /// When the latest events came.
    pub(super) updated: Instant,
    pub(super) answer: AnswerView,
    /// The request whose answer is asked for.
    pub(super) watched: Option<u64>,
    pub(super) frozen: Option<Box<Frozen>>,
    /// The cycle that the user chose; None to follow the latest.
    pub(super) cycle: Option<usize>,
    /// The request that the user chose; None to follow one that answers.
    pub(super) request: Option<u64>,
    pub(super) scroll: BTreeMap<Pane, usize>,
    /// Where it was written, once it is over.
    pub(super) directory: Option<PathBuf>,
    /// Answers that were kept whole.
    pub(super) kept: Vec<Arc<KeptAnswer>>,
    pub(super) preview: Preview,
    pub(super) judged: CachedVerdict,
    /// The limits that are asked for after the fact, where they are not the run's own.
    pub(super) what_if: Option<Limits>,
}

/// A view that was stopped: a copy of what it showed.
#[derive(Debug, Clone)]
pub(super) struct Frozen {
    pub(super) run: RunState,
    pub(super) now: Stamp,
    pub(super) answer: AnswerView,
}

impl RunView {
    /// A screen without a run.
    pub(super) fn new(screen: Screen, now: Instant) -> Self {
        Self {
            screen,
            run: RunState::default(),
            updated: now,
            answer: AnswerView::default(),
            watched: None,
            frozen: None,
            cycle: None,
            request: None,
            scroll: BTreeMap::new(),
            directory: None,
            kept: Vec::new(),
            preview: Preview::new(now),
            judged: CachedVerdict::default(),
            what_if: None,
        }
    }

    /// Forgets the run, for a new one; the lanes of the preview stay, but for those of the run.
    pub(super) fn forget_run(&mut self) {
        let mut fresh = Self::new(self.screen.clone(), self.updated);
        std::mem::swap(&mut fresh.preview, &mut self.preview);
        fresh.preview.forget_run();
        *self = fresh;
    }

    /// The directory of the run, if it is recorded in or below `runs`.
    pub(super) fn written_to(&self, runs: Option<&Path>) -> Option<PathBuf> {
        let recorded = || Some(runs?.join(&self.run.info.as_ref()?.id));
        self.directory.clone().or_else(recorded)
    }

    /// The run as the screen shows it, frozen or not.
    pub(super) fn shown(&self) -> &RunState {
        self.frozen.as_ref().map_or(&self.run, |frozen| &frozen.run)
    }

    /// The answer as the screen shows it.
    pub(super) fn shown_answer(&self) -> &AnswerView {
        let frozen = self.frozen.as_ref();
        frozen.map_or(&self.answer, |frozen| &frozen.answer)
    }

    /// The number, among the cycles, of the one that the screen shows.
    pub(super) fn shown_cycle_index(&self) -> Option<usize> {
        let count = self.shown().cycles.len();
        self.cycle
            .filter(|index| *index < count)
            .or_else(|| count.checked_sub(1))
    }

    pub(super) fn shown_cycle(&self) -> Option<&CycleState> {
        self.shown_cycle_index()
            .and_then(|index| self.shown().cycles.get(index))
    }

    /// The request that the screen shows: the chosen one, else one that answers, and that one until
    /// it ends; after a cycle the last one.
    pub(super) fn shown_request(&self) -> Option<u64> {
        let cycle = self.shown_cycle()?;
        let live = &cycle.in_flight;
        let ended = |id: &u64| cycle.requests.iter().rev().any(|record| record.id == *id);
        let streaming = || live.values().find(|request| request.first_token.is_some());
        self.request
            .filter(|id| live.contains_key(id) || ended(id))
            .or_else(|| self.watched.filter(|id| live.contains_key(id)))
            .or_else(|| streaming().map(|request| request.id))
            .or_else(|| live.keys().next().copied())
            .or_else(|| self.watched.filter(ended))
            .or_else(|| cycle.requests.last().map(|record| record.id))
    }

    /// Whether the run is in progress, or about to be.
    pub(super) const fn is_busy(&self) -> bool {
        matches!(
            self.screen,
            Screen::Run(RunProgress::Starting | RunProgress::Going)
        )
    }
}
