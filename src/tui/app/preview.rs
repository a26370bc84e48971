//! The lanes of the preview beside a run: their clock, their focus, and what of the run they replay.
//!
//! Their time passes only while they are on the screen, so a hidden view costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::event::{RunClock, Stamp};
use crate::metrics::state::RunState;
use crate::store::recordings::{KeptAnswer, Rank};
use crate::tui::app::App;
use crate::tui::lanes::lane_set::{FIRST_SPEEDS, LaneAction, Lanes};
use crate::tui::lanes::pace::Stopwatch;
use crate::tui::lanes::recorded;
use crate::tui::lanes::text::{Language, Script};
use crate::tui::layout::View;

/// The lanes, and what they need to know of the run.
#[derive(Debug)]
pub(super) struct Preview {
    /// None until the view is opened for the first time.
    lanes: Option<Box<Lanes>>,
    /// The stamps of the watch.
    clock: RunClock,
    /// Runs while the lanes are on the screen.
    watch: Stopwatch,
    /// Whether keys go to the lanes.
    focused: bool,
    /// Levels of the run that have a lane, with the request that it replays; None for one that replays means.
    offered: BTreeMap<u32, Option<u64>>,
}

impl Preview {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            lanes: None,
            clock: RunClock::at(now, Stamp(0)),
            watch: Stopwatch::default(),
            focused: false,
            offered: BTreeMap::new(),
        }
    }

    /// Forgets the run, for a new one.
    pub(super) fn forget_run(&mut self) {
        self.offered.clear();
        if let Some(lanes) = &mut self.lanes {
            lanes.clear_recorded();
        }
    }

    /// Forgets the levels that a run has not come to yet.
    pub(super) fn rewind(&mut self, run: &RunState) {
        let over = recorded::levels(run);
        if self.offered.keys().any(|users| !over.contains(users)) {
            self.forget_run();
        }
    }

    /// The time of the lanes at `now`.
    fn time(&self, now: Instant) -> Stamp {
        Stamp(self.watch.elapsed_us(self.clock.stamp(now)))
    }

    /// Gives each level that ended a lane, or a lane that has one its new answer. Lanes that are being watched continue;
    /// else all start together.
    fn take_levels(
        &mut self,
        run: &RunState,
        (kept, is_replay): (&[Arc<KeptAnswer>], bool),
        (now, watched): (Stamp, bool),
    ) {
        let Some(lanes) = &mut self.lanes else {
            return;
        };
        for users in recorded::levels(run) {
            let answer = recorded::of_rank(kept, users, Rank::Median);
            let shows = answer.map(|(answer, _)| answer.request);
            // Those of a live run are on their way.
            let is_early = shows.is_none() && !is_replay;
            if is_early || self.offered.get(&users) == Some(&shows) {
                continue;
            }
            let Some(script) = recorded::lane(run, users, answer) else {
                continue;
            };
            let script = Arc::new(script);
            let had_one = self.offered.insert(users, shows).is_some();
            if had_one && lanes.replace_recorded(&script) {
                continue;
            }
            if watched {
                lanes.join_recorded(script);
            } else {
                lanes.push_recorded(script, now);
            }
        }
    }
}

impl App {
    /// Takes the answers that are kept of a level from now on.
    pub(super) fn keep_answers(&mut self, kept: Vec<Arc<KeptAnswer>>) {
        let of_level = |users| kept.iter().any(|new| new.users == users);
        self.current.kept.retain(|old| !of_level(old.users));
        self.current.kept.extend(kept);
        self.sync_lanes();
    }

    /// The lanes of the preview, once its view was opened.
    pub fn lanes(&self) -> Option<&Lanes> {
        self.current.preview.lanes.as_deref()
    }

    /// Whether any lane replays what a simulated server answered.
    pub(super) fn has_simulated_lanes(&self) -> bool {
        let lanes = self.lanes().map_or(&[][..], Lanes::lanes);
        lanes.iter().any(|lane| lane.script.simulated)
    }

    /// Begins with these lanes, which have the keys.
    pub(super) fn open_lanes(&mut self, lanes: Box<Lanes>) {
        self.current.preview.lanes = Some(lanes);
        self.show(View::Preview);
        self.focus_lanes(true);
        self.sync_lanes();
    }

    /// Whether the lanes have the keys.
    pub const fn are_lanes_focused(&self) -> bool {
        self.current.preview.focused && matches!(self.view, View::Preview)
    }

    /// Whether the time of the lanes passes.
    const fn shows_lanes(&self) -> bool {
        matches!(self.view, View::Preview) && self.current.frozen.is_none()
    }

    /// Brings the lanes to the present.
    pub(super) fn advance_lanes(&mut self) {
        let time = self.current.preview.time(self.now);
        if let Some(lanes) = &mut self.current.preview.lanes {
            lanes.tick(time);
        }
    }

    /// Lets the time of the lanes pass or stand still, as the screen is now.
    pub(super) fn sync_lanes(&mut self) {
        let shown = self.shows_lanes();
        let watched = !self.current.preview.watch.is_paused();
        if shown {
            let (limits, time) = (self.limits(), self.current.preview.time(self.now));
            self.current.preview.lanes.get_or_insert_with(|| {
                let texts =
                    [Language::En, Language::Pt].map(|language| Script::essay(language).into());
                Box::new(Lanes::new(&FIRST_SPEEDS, texts.into(), limits, time))
            });
            let is_replay = self.replay.is_some();
            let view = &mut self.current;
            view.preview
                .take_levels(&view.run, (&view.kept, is_replay), (time, watched));
        }
        if shown != watched {
            let stamp = self.current.preview.clock.stamp(self.now);
            self.current.preview.watch.toggle(stamp);
        }
    }

    /// When the screen changes without any event: a token of a lane falls due, or a replay continues.
    pub fn next_due(&self) -> Option<Instant> {
        let due = [self.lanes_due(), self.replay_due()];
        due.into_iter().flatten().min()
    }

    fn lanes_due(&self) -> Option<Instant> {
        let preview = &self.current.preview;
        let due = preview.watch.instant_of(self.lanes()?.next_due()?.0)?;
        self.shows_lanes().then(|| preview.clock.instant(due))
    }

    pub(super) fn focus_lanes(&mut self, focused: bool) {
        self.current.preview.focused = focused;
    }

    /// Back from one lane to all of them, or from the lanes to the dashboard.
    pub(super) fn leave_lanes(&mut self) {
        match &mut self.current.preview.lanes {
            Some(lanes) if lanes.full => lanes.leave_full(),
            _ => self.focus_lanes(false),
        }
    }

    /// Lets the lanes be judged by the limits of the screen.
    pub(super) fn pass_limits_to_lanes(&mut self) {
        let limits = self.limits();
        if let Some(lanes) = &mut self.current.preview.lanes {
            lanes.set_limits(limits);
        }
    }

    /// Applies a key to the lanes.
    pub(super) fn act_on_lanes(&mut self, action: LaneAction) {
        let time = self.current.preview.time(self.now);
        if let Some(lanes) = &mut self.current.preview.lanes {
            lanes.act(action, time);
        }
    }

    /// Selects a lane and gives the lanes the focus.
    pub(super) fn choose_lane(&mut self, index: usize) {
        if let Some(lanes) = &mut self.current.preview.lanes {
            lanes.select(index);
            self.focus_lanes(true);
        }
    }
}
