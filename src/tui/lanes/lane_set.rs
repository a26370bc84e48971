//! The lanes side by side: their state, and what a key does to it. Instants come as arguments.

use std::sync::Arc;

use crate::event::Stamp;
use crate::plan::Limits;

use crate::tui::lanes::lane::{Lane, ThinkingMode};
use crate::tui::lanes::pace::Stopwatch;
use crate::tui::lanes::text::Script;

/// The speeds of the first lanes, tokens a second.
pub const FIRST_SPEEDS: [f64; 4] = [9.0, 20.0, 55.0, 100.0];

/// The speeds that a key goes through, tokens a second.
pub const PRESETS: [f64; 9] = [5.0, 9.0, 20.0, 30.0, 55.0, 100.0, 200.0, 500.0, 1000.0];

/// The most lanes there can be.
pub const MOST_LANES: usize = 32;

/// What `+` and `-` multiply and divide by.
const STEP: f64 = 1.25;

/// How often a waiting lane shows its time, microseconds.
const WAIT_TICK_US: u64 = 100_000;

/// What a key can ask of the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, strum::EnumIter)]
pub enum LaneAction {
    /// Stand still, or continue.
    #[default]
    Pause,
    /// All lanes from the start.
    Again,
    /// The selected lane, faster by a quarter.
    Faster,
    /// The selected lane, slower by as much.
    Slower,
    /// The selected lane at the next preset; a recording as it was measured.
    NextPreset,
    /// One lane more.
    Add,
    /// The selected lane away.
    Remove,
    /// Play recordings with or without the wait.
    Wait,
    /// Show, fold or skip thinking.
    Thinking,
    /// The next text.
    NextText,
    /// One lane full screen, or all again.
    Full,
    /// Select the lane to the left.
    Previous,
    /// Select the lane to the right.
    Next,
}

/// The lanes.
#[derive(Debug, Clone, PartialEq)]
pub struct Lanes {
    all: Vec<Lane>,
    texts: Vec<Arc<Script>>,
    text: usize,
    limits: Limits,
    watch: Stopwatch,
    now: Stamp,
    selected: usize,
    /// Whether recordings wait as measured.
    pub(in crate::tui) wait: bool,
    thinking: ThinkingMode,
    /// Whether the selected lane fills the screen.
    pub(in crate::tui) full: bool,
}

impl Lanes {
    /// One steady lane a speed, all replaying the first of `texts` (not recorded ones), started at
    /// `now`. Without a text, the essay; without a speed, the first speeds.
    pub fn new(speeds: &[f64], mut texts: Vec<Arc<Script>>, limits: Limits, now: Stamp) -> Self {
        texts.retain(|text| !text.is_empty() && text.at_us().is_none());
        let first = texts.first().cloned().unwrap_or_else(|| {
            let essay = Arc::new(Script::essay(crate::tui::lanes::text::Language::En));
            texts.push(Arc::clone(&essay));
            essay
        });
        let speeds = if speeds.is_empty() {
            &FIRST_SPEEDS
        } else {
            speeds
        };
        let speeds = speeds.iter().take(MOST_LANES);
        Self {
            all: speeds
                .map(|&tok_s| Lane::steady(tok_s, Arc::clone(&first)))
                .collect(),
            texts,
            text: 0,
            limits,
            watch: Stopwatch::started(now),
            now,
            selected: 0,
            wait: true,
            thinking: ThinkingMode::default(),
            full: false,
        }
    }

    /// Adds a lane that replays a recorded answer, and starts all lanes again. An empty one is left out.
    pub fn push_recorded(&mut self, script: Arc<Script>, now: Stamp) {
        if self.join_recorded(script) {
            self.restart(now);
        }
    }

    /// Adds a lane that replays a recorded answer and begins now, while the others continue. Says whether
    /// it did: an empty one is left out.
    pub fn join_recorded(&mut self, script: Arc<Script>) -> bool {
        if self.all.len() >= MOST_LANES || script.is_empty() || script.at_us().is_none() {
            return false;
        }
        let mut lane = Lane::recorded(script);
        lane.again(self.now_us(), self.thinking, self.wait);
        self.all.push(lane);
        true
    }

    /// Gives the recorded lane of the same level another recording, from its start. Says whether there was one.
    pub fn replace_recorded(&mut self, script: &Arc<Script>) -> bool {
        let now_us = self.now_us();
        let (thinking, wait) = (self.thinking, self.wait);
        let mut recorded = self.all.iter_mut().filter(|lane| lane.is_recorded());
        let same = recorded.find(|lane| lane.script.level == script.level);
        same.is_some_and(|lane| {
            let speed = lane.speed();
            *lane = Lane::recorded(Arc::clone(script));
            lane.again(now_us, thinking, wait);
            lane.set_speed(now_us, speed);
            true
        })
    }

    /// Adds a text that `l` comes to; of a recorded answer, its words without its times.
    pub fn push_text(&mut self, script: &Script) {
        if !script.is_empty() {
            self.texts.push(Arc::new(script.untimed()));
        }
    }

    /// Takes all recorded lanes away, so that those of another run can come.
    pub fn clear_recorded(&mut self) {
        self.all.retain(|lane| !lane.is_recorded());
        self.selected = self.selected.min(self.all.len().saturating_sub(1));
    }

    /// Brings the lanes to `now`; true if the screen should be drawn again.
    pub fn tick(&mut self, now: Stamp) -> bool {
        let before = self.now_us();
        let shown: Vec<usize> = self.all.iter().map(|lane| lane.tokens(before)).collect();
        self.now = now.max(self.now);
        let now_us = self.now_us();
        let waited = now_us / WAIT_TICK_US > before / WAIT_TICK_US;
        self.all
            .iter()
            .zip(shown)
            .any(|(lane, shown)| lane.tokens(now_us) != shown || waited && lane.is_waiting(now_us))
    }

    /// When the screen should be drawn next: a token falls due, or the time of a wait moves on.
    pub fn next_due(&self) -> Option<Stamp> {
        let now_us = self.now_us();
        let waiting = self.all.iter().any(|lane| lane.is_waiting(now_us));
        let tick = waiting.then(|| (now_us / WAIT_TICK_US + 1) * WAIT_TICK_US);
        let due = self.all.iter().filter_map(|lane| lane.next_due_us(now_us));
        self.watch.instant_of(due.chain(tick).min()?)
    }

    /// Applies a key at `now`.
    pub fn act(&mut self, action: LaneAction, now: Stamp) {
        self.tick(now);
        match action {
            LaneAction::Pause => self.watch.toggle(self.now),
            LaneAction::Again => self.restart(now),
            LaneAction::Faster => self.change_speed(|speed| speed * STEP),
            LaneAction::Slower => self.change_speed(|speed| speed / STEP),
            LaneAction::NextPreset => self.next_preset(),
            LaneAction::Add => self.add(),
            LaneAction::Remove => self.remove(),
            LaneAction::Wait => {
                self.wait = !self.wait;
                self.restart(now);
            }
            LaneAction::Thinking => self.next_thinking(now),
            LaneAction::NextText => self.next_text(now),
            LaneAction::Full => self.full = !self.full,
            LaneAction::Previous => self.selected = self.selected.saturating_sub(1),
            LaneAction::Next => {
                self.selected = (self.selected + 1).min(self.all.len().saturating_sub(1));
            }
        }
    }

    /// The lanes, from left to right.
    pub fn lanes(&self) -> &[Lane] {
        &self.all
    }

    /// The index of the selected lane.
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// Selects a lane, as a click does; one that is not there changes nothing.
    pub fn select(&mut self, index: usize) {
        if index < self.all.len() {
            self.selected = index;
        }
    }

    /// Time on the common stopwatch, microseconds.
    pub fn now_us(&self) -> u64 {
        self.watch.elapsed_us(self.now)
    }

    /// Whether all stand still.
    pub fn is_paused(&self) -> bool {
        self.watch.is_paused()
    }

    /// When the slowest lane is through, on the common stopwatch, microseconds.
    pub fn end_us(&self) -> u64 {
        let ends = self.all.iter().filter_map(Lane::ends_us);
        ends.max().unwrap_or(0)
    }

    /// Whether every lane is through.
    pub fn is_finished(&self) -> bool {
        let now_us = self.now_us();
        self.all.iter().all(|lane| lane.is_finished(now_us))
    }

    /// From one lane back to all.
    pub fn leave_full(&mut self) {
        self.full = false;
    }

    /// What becomes of the thinking.
    pub fn thinking(&self) -> ThinkingMode {
        self.thinking
    }

    /// The text of the steady lanes.
    pub fn text(&self) -> Option<&Script> {
        self.texts.get(self.text).map(Arc::as_ref)
    }

    /// What a person would accept.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Others that are asked for.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// All lanes together, from the start.
    fn restart(&mut self, now: Stamp) {
        let paused = self.watch.is_paused();
        self.now = now.max(self.now);
        self.watch = Stopwatch::started(self.now);
        if paused {
            self.watch.toggle(self.now);
        }
        for lane in &mut self.all {
            lane.again(0, self.thinking, self.wait);
        }
    }

    fn change_speed(&mut self, change: impl FnOnce(f64) -> f64) {
        let now_us = self.now_us();
        if let Some(lane) = self.all.get_mut(self.selected) {
            lane.set_speed(now_us, change(lane.speed()));
        }
    }

    fn next_preset(&mut self) {
        let Some(lane) = self.all.get(self.selected) else {
            return;
        };
        let measured = lane.is_recorded();
        let mut presets = PRESETS.into_iter();
        let faster = presets.find(|&preset| preset > lane.speed() * 1.001);
        let preset = faster.unwrap_or(PRESETS[0]);
        self.change_speed(|_| if measured { 1.0 } else { preset });
    }

    /// The new lane begins now, with the next of the first presets that no lane has.
    fn add(&mut self) {
        if self.all.len() >= MOST_LANES {
            return;
        }
        let Some(text) = self.texts.get(self.text) else {
            return;
        };
        let taken = |preset: f64| {
            let mut steady = self.all.iter().filter(|lane| !lane.is_recorded());
            steady.any(|lane| (lane.speed() - preset).abs() < preset * 0.001)
        };
        let free = PRESETS.into_iter().find(|&preset| !taken(preset));
        let mut lane = Lane::steady(free.unwrap_or(20.0), Arc::clone(text));
        lane.again(self.now_us(), self.thinking, self.wait);
        self.selected = (self.selected + 1).min(self.all.len());
        self.all.insert(self.selected, lane);
    }

    /// The last lane stays.
    fn remove(&mut self) {
        if self.all.len() > 1 && self.selected < self.all.len() {
            self.all.remove(self.selected);
            self.selected = self.selected.min(self.all.len() - 1);
        }
    }

    fn next_thinking(&mut self, now: Stamp) {
        let before = self.thinking;
        self.thinking = before.next();
        if [before, self.thinking].contains(&ThinkingMode::Skipped) {
            self.restart(now);
        }
    }

    fn next_text(&mut self, now: Stamp) {
        self.text = (self.text + 1) % self.texts.len().max(1);
        if let Some(text) = self.texts.get(self.text) {
            for lane in &mut self.all {
                lane.set_script(text);
            }
        }
        self.restart(now);
    }
}
