//! When each token is due, on a monotonic clock.
//!
//! Nothing here counts ticks: how many tokens are due is computed from the time that passed, so
//! the pace cannot drift, whatever the frame rate and however late a frame comes.

use std::sync::Arc;

use crate::event::Stamp;
use crate::text::numbers::floor_u64;

/// Guards `floor` against the last bit of a product: 0.29 s × 100 tok/s are 29 tokens.
const ROUNDING: f64 = 1e-6;

/// A stopwatch that can be paused. Microseconds; knows no wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stopwatch {
    before: u64,
    running_since: Option<Stamp>,
}

impl Stopwatch {
    /// A stopwatch that runs from `now`.
    pub fn started(now: Stamp) -> Self {
        Self {
            before: 0,
            running_since: Some(now),
        }
    }

    /// Time that passed while it ran, microseconds.
    pub fn elapsed_us(&self, now: Stamp) -> u64 {
        let running = self
            .running_since
            .map_or(0, |since| now.0.saturating_sub(since.0));
        self.before.saturating_add(running)
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        self.running_since.is_none()
    }

    /// Stops it, or lets it continue.
    pub fn toggle(&mut self, now: Stamp) {
        self.before = self.elapsed_us(now);
        self.running_since = self.running_since.is_none().then_some(now);
    }

    /// The instant at which it will have run for `elapsed_us`; None while it is paused.
    pub fn instant_of(&self, elapsed_us: u64) -> Option<Stamp> {
        let since = self.running_since?;
        let left = elapsed_us.saturating_sub(self.before);
        Some(Stamp(since.0.saturating_add(left)))
    }
}

/// How far something has come that moves at a constant speed, until the speed changes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ramp {
    from: f64,
    since_us: u64,
    per_second: f64,
}

impl Ramp {
    fn at(&self, elapsed_us: u64) -> f64 {
        let passed = elapsed_us.saturating_sub(self.since_us) as f64 / 1e6;
        self.from + passed * self.per_second
    }

    /// The first whole microsecond at which it has come as far as `position`.
    fn reaches(&self, position: f64) -> u64 {
        let seconds = ((position - self.from) / self.per_second).max(0.0);
        let micros = floor_u64((seconds * 1e6 - ROUNDING).ceil());
        self.since_us.saturating_add(micros)
    }

    /// Continues from where it is, at another speed.
    fn turn(&mut self, elapsed_us: u64, per_second: f64) {
        self.from = self.at(elapsed_us);
        self.since_us = elapsed_us;
        self.per_second = per_second;
    }
}

const HALF_MICROSECOND_S: f64 = 0.5e-6;

/// The pace of one lane: how many of its tokens are due after a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    ramp: Ramp,
    /// When each token came, microseconds from the start, ascending; None for a steady pace.
    recorded: Option<Arc<[u64]>>,
}

/// The slowest and the fastest speed a lane can have, tokens a second.
pub const SPEEDS: (f64, f64) = (0.01, 100_000.0);

/// `speed` inside [`SPEEDS`].
fn bounded(speed: f64) -> f64 {
    if speed.is_nan() {
        return SPEEDS.0;
    }
    speed.clamp(SPEEDS.0, SPEEDS.1)
}

impl Pace {
    /// `tok_s` tokens a second, from 0: after `t` seconds, floor(`tok_s` × t) are due.
    pub fn steady(tok_s: f64) -> Self {
        Self {
            ramp: Ramp {
                from: 0.0,
                since_us: 0,
                per_second: bounded(tok_s),
            },
            recorded: None,
        }
    }

    /// As measured: token `i` is due `at_us[i]` microseconds from the start. Put in order if it is not.
    pub fn recorded(at_us: impl IntoIterator<Item = u64>) -> Self {
        let mut latest = 0;
        let ascending = at_us.into_iter().map(|at| {
            latest = at.max(latest);
            latest
        });
        Self {
            recorded: Some(ascending.collect()),
            ..Self::steady(1.0)
        }
    }

    /// Tokens a second of a steady pace; of a recording, how many times faster than measured it plays.
    pub fn speed(&self) -> f64 {
        self.ramp.per_second
    }

    /// Tokens due after `elapsed_us`.
    pub fn due(&self, elapsed_us: u64) -> u64 {
        let position = self.ramp.at(elapsed_us);
        match &self.recorded {
            // Of a slow lane the same share of a token would be several microseconds.
            None => floor_u64(position + ROUNDING.min(self.ramp.per_second * HALF_MICROSECOND_S)),
            Some(at_us) => {
                let micros = floor_u64(position * 1e6 + ROUNDING);
                at_us.partition_point(|&at| at <= micros) as u64
            }
        }
    }

    /// After how long `count` tokens are due, microseconds; None if a recording has no such token.
    pub fn due_at(&self, count: u64) -> Option<u64> {
        match &self.recorded {
            None => Some(self.ramp.reaches(count as f64)),
            Some(at_us) => {
                let index = usize::try_from(count).ok()?.checked_sub(1)?;
                Some(self.ramp.reaches(*at_us.get(index)? as f64 / 1e6))
            }
        }
    }

    /// Changes the speed at `elapsed_us`; what came before stays as it was.
    pub fn set_speed(&mut self, elapsed_us: u64, speed: f64) {
        self.ramp.turn(elapsed_us, bounded(speed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    /// Counts tokens as a screen does that draws every `frame_us`.
    fn drawn(pace: &Pace, frame_us: u64, until_us: u64) -> Vec<(u64, u64)> {
        let frames = (0..=until_us / frame_us).map(|frame| frame * frame_us);
        frames.map(|at| (at, pace.due(at))).collect()
    }

    #[test]
    fn a_minute_at_100_tokens_a_second_has_6000() {
        for frame_us in [1_000, 16_667, 33_333, 100_000, 7_777_777] {
            let pace = Pace::steady(100.0);
            let (at, shown) = *drawn(&pace, frame_us, 60 * SECOND).last().unwrap();
            assert!(60 * SECOND - at < frame_us);
            assert_eq!(shown, at / 10_000);
        }
        assert_eq!(Pace::steady(100.0).due(60 * SECOND), 6_000);
        assert_eq!(Pace::steady(1_000.0).due(60 * SECOND), 60_000);
    }

    #[test]
    fn the_token_falls_due_at_its_instant_not_before() {
        for tok_s in [0.05, 9.1] {
            let pace = Pace::steady(tok_s);
            for count in 1..2_000 {
                let at = pace.due_at(count).unwrap();
                assert!(pace.due(at) >= count, "token {count} is late");
                assert!(pace.due(at - 2) < count, "token {count} is early");
            }
        }
    }

    #[test]
    fn a_pause_takes_no_part_in_the_time() {
        let mut watch = Stopwatch::started(Stamp(5));
        watch.toggle(Stamp(105));
        assert!(watch.is_paused());
        assert_eq!(watch.elapsed_us(Stamp(9_000)), 100);
        assert_eq!(watch.instant_of(200), None);
        watch.toggle(Stamp(10_000));
        assert_eq!(watch.elapsed_us(Stamp(10_050)), 150);
        assert_eq!(watch.instant_of(200), Some(Stamp(10_100)));
    }

    #[test]
    fn a_thousand_pauses_and_changes_of_speed_do_not_drift() {
        let mut watch = Stopwatch::started(Stamp(0));
        let mut pace = Pace::steady(100.0);
        let mut now = 0;
        for turn in 0..1_000 {
            now += 30_000;
            watch.toggle(Stamp(now));
            now += 12_345;
            watch.toggle(Stamp(now));
            now += 30_000;
            let speed = if turn % 2 == 0 { 50.0 } else { 100.0 };
            pace.set_speed(watch.elapsed_us(Stamp(now)), speed);
        }
        // 500 stretches of 60 ms at each of the two speeds.
        assert_eq!(watch.elapsed_us(Stamp(now)), 60 * SECOND);
        assert_eq!(pace.due(60 * SECOND), 4_500);
    }

    #[test]
    fn a_recording_plays_its_own_gaps() {
        let pace = Pace::recorded([400_000, 410_000, 409_000, 900_000]);
        let due: Vec<u64> = [0, 399_999, 400_000, 410_000, 899_999, 900_000, 9 * SECOND]
            .map(|at| pace.due(at))
            .to_vec();
        assert_eq!(due, [0, 0, 1, 3, 3, 4, 4]);
        assert_eq!(pace.due_at(4), Some(900_000));
        assert_eq!(pace.due_at(5), None);
    }

    #[test]
    fn a_recording_plays_faster_from_where_it_is() {
        let mut pace = Pace::recorded([SECOND, 2 * SECOND, 3 * SECOND]);
        pace.set_speed(SECOND, 2.0);
        assert_eq!(pace.due(SECOND), 1);
        assert_eq!(pace.due_at(2), Some(1_500_000));
        assert_eq!(pace.due_at(3), Some(2 * SECOND));
    }

    #[test]
    fn no_speed_is_out_of_bounds() {
        for speed in [0.0, -3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let pace = Pace::steady(speed);
            assert!((SPEEDS.0..=SPEEDS.1).contains(&pace.speed()));
            assert!(pace.due_at(1).is_some());
        }
    }

    proptest! {
        #[test]
        fn floor_of_rate_times_time_at_any_speed_and_frame_rate(
            tok_s in 0.05_f64..5_000.0,
            frame_us in 200_u64..500_000,
            until_us in 0_u64..120_000_000,
        ) {
            let pace = Pace::steady(tok_s);
            let at = until_us / frame_us * frame_us;
            let right = floor_u64(tok_s * (at as f64 / 1e6));
            prop_assert!(pace.due(at).abs_diff(right) <= 1);
        }

        #[test]
        fn the_next_instant_and_the_count_agree(tok_s in 0.05_f64..5_000.0, count in 1_u64..100_000) {
            let pace = Pace::steady(tok_s);
            let at = pace.due_at(count).unwrap();
            prop_assert!(pace.due(at) >= count);
            prop_assert!(at < 2 || pace.due(at - 2) < count);
        }

        #[test]
        fn tokens_never_go_back(speeds in proptest::collection::vec((0.1_f64..2_000.0, 1_u64..3_000_000), 1..20)) {
            let mut pace = Pace::steady(10.0);
            let (mut at, mut shown) = (0, 0);
            for (speed, wait) in speeds {
                at += wait;
                let due = pace.due(at);
                prop_assert!(due >= shown);
                pace.set_speed(at, speed);
                prop_assert!(pace.due(at) == due);
                shown = due;
            }
        }
    }
}
