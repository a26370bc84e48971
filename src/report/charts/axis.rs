//! Axes: where values lie, and which of them are named.

use crate::text::numbers::{floor_u64, grouped, users};

/// How values are placed along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Equal steps add.
    Linear,
    /// Equal steps multiply: levels double, waits grow by decades.
    Log,
}

/// What an axis is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Users,
    Time(&'static str),
    Values,
}

/// An axis with its named values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// What it shows, with its unit.
    pub(super) title: String,
    kind: Kind,
    scale: Scale,
    low: f64,
    high: f64,
    /// Room left at both ends, as a share of the axis.
    inset: f64,
    /// Named values and their names.
    pub(super) ticks: Vec<(f64, String)>,
}

/// Values whose largest and smallest differ by more than this want decades.
const LOG_FROM: f64 = 40.0;

impl Axis {
    /// Numbers of users: each step to the right doubles them. Names as many levels as fit.
    pub(super) fn levels(levels: impl IntoIterator<Item = u32>) -> Self {
        let mut levels: Vec<u32> = levels.into_iter().filter(|users| *users > 0).collect();
        levels.sort_unstable();
        levels.dedup();
        let low = f64::from(levels.first().copied().unwrap_or(1));
        let high = f64::from(levels.last().copied().unwrap_or(1));
        let (low, high) = if levels.len() < 2 {
            (low / 1.5, high * 1.5)
        } else {
            (low, high)
        };
        let axis = Self {
            title: "users in flight".to_owned(),
            kind: Kind::Users,
            scale: Scale::Log,
            low,
            high,
            inset: 0.025,
            ticks: Vec::new(),
        };
        // The ends are named first, then powers of two, then whatever there is room for.
        let ends = [levels.first(), levels.last()].into_iter().flatten();
        let powers = levels.iter().filter(|users| users.is_power_of_two());
        let mut named: Vec<u32> = Vec::new();
        for users in ends.chain(powers).chain(&levels) {
            let place = axis.place(f64::from(*users));
            let free = |other: &u32| (axis.place(f64::from(*other)) - place).abs() >= 0.055;
            if named.iter().all(free) {
                named.push(*users);
            }
        }
        named.sort_unstable();
        let ticks = named
            .iter()
            .map(|users| (f64::from(*users), users.to_string()));
        Self {
            ticks: ticks.collect(),
            ..axis
        }
    }

    /// Values from 0 up, or by decades where they differ widely; None where there are none.
    pub(super) fn values(
        title: impl Into<String>,
        values: impl IntoIterator<Item = f64>,
    ) -> Option<Self> {
        let (low, high) = extent(values)?;
        let title = title.into();
        if low > 0.0 && high / low > LOG_FROM {
            return Some(Self::decades(title, low, high));
        }
        Some(Self::from_zero(title, high))
    }

    /// Values from 0 up; None where there are none.
    pub(super) fn linear(
        title: impl Into<String>,
        values: impl IntoIterator<Item = f64>,
    ) -> Option<Self> {
        let (_, high) = extent(values)?;
        Some(Self::from_zero(title.into(), high))
    }

    /// Time since the start of the run, in the unit that suits its length; seconds in, and the factor
    /// that turns seconds into that unit.
    pub(super) fn time(seconds: impl IntoIterator<Item = f64>) -> Option<(Self, f64)> {
        let (low, high) = extent(seconds)?;
        let (unit, factor) = match high {
            short if short <= 240.0 => ("seconds", 1.0),
            middle if middle <= 4.0 * 3600.0 => ("minutes", 1.0 / 60.0),
            _ => ("hours", 1.0 / 3600.0),
        };
        let (low, high) = (low * factor, high * factor);
        let step = nice_step((high - low).max(1e-9) / 7.0);
        let high = high.max(low + step * 0.5);
        let first = (low / step).ceil();
        let ticks = (0..=12_u32)
            .map(|n| (first + f64::from(n)) * step)
            .take_while(|tick| *tick <= high * (1.0 + 1e-9))
            .map(|tick| (tick, name(tick, step)));
        let axis = Self {
            title: format!("{unit} since the start"),
            kind: Kind::Time(unit),
            scale: Scale::Linear,
            low,
            high,
            inset: 0.0,
            ticks: ticks.collect(),
        };
        Some((axis, factor))
    }

    /// Percent, from none to all.
    pub(super) fn percent(title: impl Into<String>) -> Self {
        let ticks = [0.0, 25.0, 50.0, 75.0, 100.0];
        Self {
            title: title.into(),
            kind: Kind::Values,
            scale: Scale::Linear,
            low: 0.0,
            high: 104.0,
            inset: 0.0,
            ticks: ticks.map(|tick| (tick, name(tick, 25.0))).into(),
        }
    }

    /// Values on both sides of 0; None where there are none.
    pub(super) fn around_zero(
        title: impl Into<String>,
        values: impl IntoIterator<Item = f64>,
    ) -> Option<Self> {
        let (low, high) = extent(values)?;
        let (low, high) = (low.min(0.0), high.max(0.0));
        let room = ((high - low) * 0.06).max(0.5);
        let (low, high) = (low - room, high + room);
        let step = nice_step((high - low) / 4.5);
        let first = (low / step).ceil();
        let ticks = (0..=12_u32)
            .map(|n| (first + f64::from(n)) * step)
            .take_while(|tick| *tick <= high)
            .map(|tick| (tick, name(tick, step)));
        Some(Self {
            title: title.into(),
            kind: Kind::Values,
            scale: Scale::Linear,
            low,
            high,
            inset: 0.0,
            ticks: ticks.collect(),
        })
    }

    /// A place on it in words: `4 users`, `12.3 minutes`.
    pub(super) fn text(&self, value: f64) -> String {
        match self.kind {
            Kind::Users => users(u32::try_from(floor_u64(value.round())).unwrap_or(u32::MAX)),
            Kind::Time(unit) => format!("{} {unit}", grouped(Some(value), 1)),
            Kind::Values => {
                let unit = self.title.rsplit(", ").next().unwrap_or_default();
                let digits = if value.abs() >= 99.95 { 0 } else { 2 };
                format!("{} {unit}", grouped(Some(value), digits))
            }
        }
    }

    /// The named values whose names have room on so many pixels, `letter` pixels a letter: its ends first, then
    /// powers of two.
    pub(super) fn fitting(&self, room: f64, letter: f64) -> Vec<&(f64, String)> {
        let last = self.ticks.len().saturating_sub(1);
        let is_power = |value: f64| floor_u64(value).is_power_of_two();
        let rank = |place: usize, value: f64| {
            let is_end = place == 0 || place == last;
            match self.kind {
                _ if is_end => 0,
                Kind::Users if is_power(value) => 1,
                _ => 2,
            }
        };
        let mut order: Vec<(usize, &(f64, String))> = self.ticks.iter().enumerate().collect();
        order.sort_by_key(|(place, (value, _))| rank(*place, *value));
        let half = |name: &str| name.chars().count() as f64 * letter / 2.0 + 3.0;
        let mut fitting: Vec<&(f64, String)> = Vec::new();
        for (_, tick) in order {
            let at = self.place(tick.0) * room;
            let is_free = |other: &&(f64, String)| {
                (self.place(other.0) * room - at).abs() >= half(&other.1) + half(&tick.1)
            };
            if fitting.iter().all(is_free) {
                fitting.push(tick);
            }
        }
        fitting
    }

    fn from_zero(title: String, high: f64) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let step = nice_step(high / 4.5);
        // A little room above the highest value.
        let high = high * 1.08;
        let count = u32::try_from(floor_u64(high / step)).unwrap_or(10);
        let ticks = (0..=count).map(|n| {
            let tick = f64::from(n) * step;
            (tick, name(tick, step))
        });
        Self {
            title,
            kind: Kind::Values,
            scale: Scale::Linear,
            low: 0.0,
            high,
            inset: 0.0,
            ticks: ticks.collect(),
        }
    }

    fn decades(title: String, low: f64, high: f64) -> Self {
        // A little room below, too: values lie there.
        let (low, high) = (round_log(low / 1.5, false), round_log(high, true));
        let wide = high / low > 300.0;
        let mut ticks = Vec::new();
        let mut decade = 10_f64.powf(low.log10().floor());
        while decade <= high * 1.001 {
            for digit in [1.0, 2.0, 5.0] {
                let tick = decade * digit;
                let inside = tick >= low * 0.999 && tick <= high * 1.001;
                if inside && (!wide || digit < 1.5) {
                    ticks.push((tick, name(tick, decade)));
                }
            }
            decade *= 10.0;
        }
        Self {
            title,
            kind: Kind::Values,
            scale: Scale::Log,
            low,
            high,
            inset: 0.0,
            ticks,
        }
    }

    /// Where a value is: 0 at the left or the bottom, 1 at the other end. Below the low end of decades there
    /// is only the low end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let at = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(self.low).log10(),
        };
        let (low, high) = (at(self.low), at(self.high));
        let span = high - low;
        if span > 0.0 {
            self.inset + (at(value) - low) / span * (1.0 - 2.0 * self.inset)
        } else {
            0.5
        }
    }

    /// The value, or the end of the axis that it lies beyond.
    pub(super) fn within(&self, value: f64) -> f64 {
        value.clamp(self.low, self.high)
    }

    /// Whether a value lies between the ends.
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low * 0.999..=self.high * 1.001).contains(&value)
    }
}

fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(None, |extent, value| match extent {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// 1, 2 or 5 times a power of ten: the smallest that is at least `rough`.
fn nice_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|digit| digit * power);
    let fits = steps.into_iter().find(|step| *step >= rough * 0.999_999);
    fits.unwrap_or(power * 10.0)
}

/// The nearest 1, 2 or 5 times a power of ten at or beyond a value.
fn round_log(value: f64, up: bool) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let mut steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).to_vec();
    if up {
        steps.retain(|step| *step >= value * 0.999_999);
        steps.first().copied().unwrap_or(value)
    } else {
        steps.retain(|step| *step <= value * 1.000_001);
        steps.last().copied().unwrap_or(value)
    }
}

/// A tick's name, with as many decimals as its step needs.
fn name(tick: f64, step: f64) -> String {
    if tick.abs() < step * 1e-9 {
        return "0".to_owned();
    }
    let decimals = if step >= 1.0 {
        0
    } else {
        floor_u64((-step.log10()).ceil().clamp(0.0, 6.0))
    };
    let decimals = usize::try_from(decimals).unwrap_or(0);
    grouped(Some(tick), decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn levels_double_from_left_to_right() {
        let axis = Axis::levels([1, 2, 4, 8, 16]);
        assert_eq!(names(&axis), ["1", "2", "4", "8", "16"]);
        assert!((axis.place(4.0) - 0.5).abs() < 1e-9);
        let study = Axis::levels(crate::plan::STUDY_LEVELS);
        assert_eq!(
            names(&study),
            ["1", "2", "4", "8", "16", "32", "64", "128", "256"]
        );
        let alone = Axis::levels([8]);
        assert_eq!(names(&alone), ["8"]);
        assert!((alone.place(8.0) - 0.5).abs() < 1e-9);
        assert!(Axis::levels([]).place(1.0).is_finite());
    }

    #[test]
    fn values_start_at_zero_or_go_by_decades() {
        let linear = Axis::values("tok/s", [6.3, 55.1, 19.9]).unwrap();
        assert_eq!(names(&linear), ["0", "20", "40"]);
        let decades = Axis::values("s", [0.5, 1_534.8]).unwrap();
        assert_eq!(names(&decades), ["1", "10", "100", "1,000"]);
        let narrow = Axis::values("s", [0.5, 42.0]).unwrap();
        assert_eq!(
            names(&narrow),
            ["0.2", "0.5", "1", "2", "5", "10", "20", "50"]
        );
        assert_eq!(Axis::values("s", []), None);
        assert_eq!(
            names(&Axis::values("s", [0.0]).unwrap()).first(),
            Some(&"0")
        );
    }

    #[test]
    fn time_takes_the_unit_that_suits() {
        let (axis, factor) = Axis::time([0.0, 42.0]).unwrap();
        assert_eq!(names(&axis), ["0", "10", "20", "30", "40"]);
        assert!((factor - 1.0).abs() < 1e-12);
        let (axis, _) = Axis::time([0.0, 3_600.0]).unwrap();
        assert_eq!(axis.title, "minutes since the start");
        assert_eq!(names(&axis), ["0", "10", "20", "30", "40", "50", "60"]);
        assert!(Axis::time([]).is_none());
    }
}
