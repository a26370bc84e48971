//! Limits after the fact: three sliders, and what they do to the run on the screen.

use strum::{EnumCount as _, IntoEnumIterator as _};

use crate::metrics::what_if::in_percent;
use crate::plan::Limits;
use crate::tui::app::App;
use crate::tui::keys::Action;

/// Where the slider of the wait stops, seconds.
const WAITS_S: [f64; 30] = [
    0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0,
    8.0, 9.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 45.0, 60.0, 90.0, 120.0,
];
/// Where the slider of the speed stops, tokens a second.
const SPEEDS_TOK_S: [f64; 30] = [
    1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0, 25.0, 28.0, 30.0,
    35.0, 40.0, 45.0, 50.0, 60.0, 70.0, 80.0, 100.0, 120.0, 150.0, 200.0, 250.0, 300.0,
];
/// Where the slider of the share stops, percent.
const SHARES: [f64; 23] = [
    10.0, 20.0, 30.0, 40.0, 50.0, 55.0, 60.0, 65.0, 70.0, 75.0, 80.0, 85.0, 88.0, 90.0, 92.0, 94.0,
    95.0, 96.0, 97.0, 98.0, 99.0, 99.5, 100.0,
];

/// A limit that can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::EnumCount, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Slider {
    Wait,
    Speed,
    Share,
}

impl Slider {
    /// Its value among these limits: seconds, tokens a second, percent.
    pub fn value(self, limits: &Limits) -> f64 {
        match self {
            Self::Wait => limits.wait_s,
            Self::Speed => limits.speed_tok_s,
            Self::Share => in_percent(limits.share),
        }
    }

    const fn stops(self) -> &'static [f64] {
        match self {
            Self::Wait => &WAITS_S,
            Self::Speed => &SPEEDS_TOK_S,
            Self::Share => &SHARES,
        }
    }

    /// How far along its way it stands, 0–1.
    pub fn place(self, limits: &Limits) -> f64 {
        let (value, stops) = (self.value(limits), self.stops());
        let passed = stops.iter().filter(|stop| **stop < value).count();
        (passed as f64 / (stops.len() - 1) as f64).min(1.0)
    }

    /// These limits with this one moved to the next stop; the run's own is one, too.
    fn moved(self, limits: &Limits, own: &Limits, up: bool) -> Limits {
        let value = self.value(limits);
        let stops = self.stops().iter().copied().chain([self.value(own)]);
        let next = if up {
            stops.filter(|stop| *stop > value).reduce(f64::min)
        } else {
            stops.filter(|stop| *stop < value).reduce(f64::max)
        };
        let mut moved = *limits;
        let next = next.unwrap_or(value);
        match self {
            Self::Wait => moved.wait_s = next,
            Self::Speed => moved.speed_tok_s = next,
            Self::Share => moved.share = next / 100.0,
        }
        moved
    }

    /// The one so many below it, around.
    fn below(self, by: usize) -> Self {
        let at = Self::iter().position(|slider| slider == self);
        let next = (at.unwrap_or(0) + by) % Self::COUNT;
        Self::iter().nth(next).unwrap_or(self)
    }
}

/// The open sliders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sliders {
    /// The one that the arrows move.
    pub chosen: Slider,
    /// What was asked before they were opened.
    before: Option<Limits>,
}

impl App {
    pub(super) fn open_sliders(&mut self) {
        self.sliders = Some(Sliders {
            chosen: Slider::Wait,
            before: self.current.what_if,
        });
    }

    /// A key while the sliders are open.
    pub(super) fn slide(&mut self, action: Action) {
        let Some(sliders) = &mut self.sliders else {
            return;
        };
        let chosen = sliders.chosen;
        match action {
            Action::Up => sliders.chosen = chosen.below(Slider::COUNT - 1),
            Action::Down => sliders.chosen = chosen.below(1),
            Action::More | Action::Less => {
                let moved =
                    chosen.moved(&self.limits(), &self.plan().limits, action == Action::More);
                self.ask_limits(Some(moved));
            }
            Action::OwnLimits => self.ask_limits(None),
            Action::Accept => self.sliders = None,
            Action::Decline => {
                let before = sliders.before;
                self.sliders = None;
                self.ask_limits(before);
            }
            _ => {}
        }
    }

    fn ask_limits(&mut self, asked: Option<Limits>) {
        let own = self.plan().limits;
        self.current.what_if = asked.filter(|asked| *asked != own);
        self.pass_limits_to_lanes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slider_stops_at_the_run_s_own_limit() {
        let own = Limits::default();
        let more = Slider::Speed.moved(&own, &own, true);
        assert!((more.speed_tok_s - 20.0).abs() < 1e-9);
        assert_eq!(Slider::Speed.moved(&more, &own, false), own);
        let less = Slider::Share.moved(&own, &own, false);
        assert!((less.share - 0.88).abs() < 1e-9);
        assert_eq!(Slider::Share.moved(&less, &own, true), own);
    }

    #[test]
    fn a_slider_ends() {
        let mut limits = Limits::default();
        for slider in Slider::iter() {
            for up in [true, false] {
                for _ in 0..100 {
                    limits = slider.moved(&limits, &Limits::default(), up);
                }
                let end = if up { 1.0 } else { 0.0 };
                assert!((slider.place(&limits) - end).abs() < 1e-9, "{slider} {up}");
            }
        }
        assert_eq!(Slider::Wait.below(2), Slider::Share);
        assert_eq!(Slider::Share.below(1), Slider::Wait);
    }
}
