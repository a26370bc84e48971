//! The stretches of time between samples, each with the power that is believed there.

use crate::metrics::energy::{LONGEST_STEP_S, PowerPoint};

/// More than any device draws, watts: a counter step above it is a jump.
const MOST_WATTS: f64 = 20_000.0;
/// This many steps of a counter that stands still under power make it a stuck one.
const STUCK_STEPS: usize = 3;
/// Power above which a counter should move, watts.
const SURELY_DRAWING: f64 = 1.0;
/// A window that covers this share of the time since the sample before covers all of it: windows and
/// reports are never of exactly one length.
const NEARLY_ALL: f64 = 0.9;

/// A stretch of time with power that changes evenly from `first_w` to `last_w`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Segment {
    from: f64,
    to: f64,
    first_w: f64,
    last_w: f64,
    /// Whether an energy counter says so.
    pub(crate) counted: bool,
    /// Whether a part of it may be taken: not of a counter's difference over a long gap.
    divisible: bool,
}

impl Segment {
    fn even(from: f64, to: f64, watts: f64) -> Self {
        Self {
            from,
            to,
            first_w: watts,
            last_w: watts,
            counted: false,
            divisible: true,
        }
    }

    fn counted(from: f64, to: f64, joules: f64) -> Self {
        Self {
            counted: true,
            divisible: to - from <= LONGEST_STEP_S,
            ..Self::even(from, to, joules / (to - from))
        }
    }

    /// Its length, seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.to - self.from
    }

    /// Its energy, joules.
    pub(crate) fn joules(&self) -> f64 {
        f64::midpoint(self.first_w, self.last_w) * self.seconds()
    }

    /// Its highest power, watts.
    pub(crate) fn highest_watts(&self) -> f64 {
        self.first_w.max(self.last_w)
    }

    /// The part of it that lies in `from..to`, seconds.
    pub(crate) fn within(&self, from: f64, to: f64) -> Option<Self> {
        let (begin, end) = (self.from.max(from), self.to.min(to));
        if end <= begin {
            return None;
        }
        let whole = self.from >= from && self.to <= to;
        if whole {
            return Some(*self);
        }
        if !self.divisible {
            return None;
        }
        let slope = (self.last_w - self.first_w) / self.seconds();
        let watts = |at: f64| self.first_w + slope * (at - self.from);
        Some(Self {
            from: begin,
            to: end,
            first_w: watts(begin),
            last_w: watts(end),
            ..*self
        })
    }
}

/// The segments of all `points`, and the instants (seconds) at which a counter was not believed.
pub(crate) fn segments(points: &[PowerPoint]) -> (Vec<Segment>, Vec<f64>) {
    let (mut segments, mut doubted) = (Vec::new(), Vec::new());
    if let Some(first) = points.first() {
        segments.extend(window_before(first, f64::INFINITY));
    }
    let steps: Vec<Step<'_>> = points
        .iter()
        .zip(points.iter().skip(1))
        .filter(|(before, now)| now.at > before.at)
        .map(|(before, now)| Step { before, now })
        .collect();
    let mut rest = steps.as_slice();
    while let Some((step, after)) = rest.split_first() {
        let still = rest.iter().take_while(|step| step.stands_still()).count();
        if still >= STUCK_STEPS {
            let (stuck, beyond) = rest.split_at(still);
            let next = beyond.first().filter(|next| caught_up(stuck, next));
            rest = beyond;
            if let Some(next) = next {
                // A slow counter, not a stuck one: its next step holds the energy of the whole stretch.
                let joules = next.counter_j().unwrap_or_default();
                segments.push(Segment::counted(step.from(), next.to(), joules));
                rest = beyond.get(1..).unwrap_or_default();
            } else {
                doubted.extend(stuck.iter().map(Step::to));
                segments.extend(stuck.iter().filter_map(Step::by_power));
            }
            continue;
        }
        rest = after;
        if let Some(segment) = step.by_counter() {
            segments.push(segment);
            continue;
        }
        if step.has_counter() {
            doubted.push(step.to());
        }
        segments.extend(step.by_power());
    }
    (segments, doubted)
}

/// Whether the step after a standstill brings the energy of the standstill too: its difference is nearer
/// to what was drawn over the whole stretch than to what was drawn in that step alone.
fn caught_up(still: &[Step<'_>], next: &Step<'_>) -> bool {
    let (Some(joules), Some(alone)) = (next.counter_j(), next.by_power()) else {
        return false;
    };
    let stretch: f64 = still
        .iter()
        .filter_map(Step::by_power)
        .map(|segment| segment.joules())
        .sum();
    let whole = stretch + alone.joules();
    joules >= 0.0 && (joules - whole).abs() < (joules - alone.joules()).abs()
}

/// From one sample to the next.
struct Step<'a> {
    before: &'a PowerPoint,
    now: &'a PowerPoint,
}

impl Step<'_> {
    fn from(&self) -> f64 {
        self.before.at.secs()
    }

    fn to(&self) -> f64 {
        self.now.at.secs()
    }

    fn seconds(&self) -> f64 {
        self.now.at.since(self.before.at)
    }

    fn has_counter(&self) -> bool {
        self.before.counter_j.is_some() && self.now.counter_j.is_some()
    }

    /// The difference of the counter, joules.
    fn counter_j(&self) -> Option<f64> {
        Some(self.now.counter_j? - self.before.counter_j?)
    }

    /// Whether the counter stands still although power is drawn.
    fn stands_still(&self) -> bool {
        let still = self
            .counter_j()
            .is_some_and(|joules| joules.abs() <= f64::EPSILON);
        still && self.now.watts.is_some_and(|watts| watts > SURELY_DRAWING)
    }

    /// By the counter's difference; None where it is not to be believed.
    fn by_counter(&self) -> Option<Segment> {
        let joules = self.counter_j()?;
        let sane = joules >= 0.0 && joules / self.seconds() <= MOST_WATTS;
        sane.then(|| Segment::counted(self.from(), self.to(), joules))
    }

    /// By power: the window's mean, else the trapezoid between two instants.
    fn by_power(&self) -> Option<Segment> {
        if self.now.window_s.is_some() {
            return window_before(self.now, self.seconds());
        }
        let (first, last) = (self.before.watts?, self.now.watts?);
        (self.seconds() <= LONGEST_STEP_S).then(|| Segment {
            last_w: last,
            ..Segment::even(self.from(), self.to(), first)
        })
    }
}

/// The window before a sample, at most `room_s` long and not before the clock's start.
fn window_before(point: &PowerPoint, room_s: f64) -> Option<Segment> {
    let (watts, window_s) = (point.watts?, point.window_s?);
    let covered = if window_s >= room_s * NEARLY_ALL && room_s.is_finite() {
        room_s
    } else {
        window_s
    };
    let from = (point.at.secs() - covered).max(0.0);
    (from < point.at.secs()).then(|| Segment::even(from, point.at.secs(), watts))
}
