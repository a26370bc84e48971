//! A recorded run as a stream of events again: played at a pace, paused, and taken to any instant.
//!
//! The player knows no clock: whoever drives it says how much time went by. So it can be tested without
//! waiting, and a dashboard can drive it with its own timer.

use std::time::Duration;

use crate::event::{Event, EventKind, Stamp};
use crate::metrics::state::RunState;
use crate::text::numbers::floor_u64;

/// The slowest and the fastest pace.
pub const PACES: (f64, f64) = (1.0, 100.0);
/// A stretch longer than this in which nothing happens, seconds, is skipped down to it: nobody waits days for the
/// next event.
const LONGEST_SILENCE_S: f64 = 10.0;

/// Who goes back within this time of a cycle's start, seconds on the viewer's clock, means the cycle before.
const JUST_BEGUN_S: f64 = 2.0;

/// Plays a run.
#[derive(Debug, Clone)]
pub struct Player {
    events: Vec<Event>,
    /// The next event to come.
    next: usize,
    /// Where it is, microseconds of the run.
    at_us: f64,
    pace: f64,
    paused: bool,
}

impl Player {
    /// A player of these events, in the order of their stamps; it is at the first, and plays.
    pub fn new(events: Vec<Event>) -> Self {
        let begin = events.first().map_or(0, |event| event.at.0);
        Self {
            events,
            next: 0,
            at_us: begin as f64,
            pace: 1.0,
            paused: false,
        }
    }

    /// Where it is.
    pub fn at(&self) -> Stamp {
        Stamp(floor_u64(self.at_us))
    }

    /// Where the run begins.
    pub fn begin(&self) -> Stamp {
        self.events.first().map_or(Stamp(0), |event| event.at)
    }

    /// Where the run ends.
    pub fn end(&self) -> Stamp {
        self.events.last().map_or(Stamp(0), |event| event.at)
    }

    /// Whether every event came.
    pub fn is_over(&self) -> bool {
        self.next >= self.events.len()
    }

    /// How many times faster than real it plays.
    pub fn pace(&self) -> f64 {
        self.pace
    }

    /// Sets the pace, kept within [`PACES`].
    pub fn set_pace(&mut self, pace: f64) {
        let (slowest, fastest) = PACES;
        if pace.is_finite() {
            self.pace = pace.clamp(slowest, fastest);
        }
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Stands still, or continues.
    pub fn toggle_pause(&mut self) {
        self.paused = !self.paused;
    }

    /// Lets `passed` go by on the viewer's clock, and returns the events that come in it.
    pub fn advance(&mut self, passed: Duration) -> &[Event] {
        let first = self.next;
        if !self.paused {
            self.at_us += passed.as_secs_f64() * 1e6 * self.pace;
            self.skip_silence();
            while self
                .events
                .get(self.next)
                .is_some_and(|e| e.at <= self.at())
            {
                self.next += 1;
            }
            if self.is_over() {
                self.at_us = self.at_us.min(self.end().0 as f64);
            }
        }
        self.events.get(first..self.next).unwrap_or_default()
    }

    /// How long, on the viewer's clock, until the next event comes; None while paused and at the end.
    pub fn until_next(&self) -> Option<Duration> {
        let next = self.events.get(self.next).filter(|_| !self.paused)?;
        let due = match self.silence_since() {
            Some(last) => last.0 as f64 + LONGEST_SILENCE_S * 1e6,
            None => next.at.0 as f64,
        };
        let micros = (due - self.at_us).max(0.0);
        Duration::try_from_secs_f64(micros / 1e6 / self.pace).ok()
    }

    /// The last event before a silence that is too long to sit out.
    fn silence_since(&self) -> Option<Stamp> {
        let last = self.events.get(self.next.checked_sub(1)?)?;
        let next = self.events.get(self.next)?;
        (next.at.since(last.at) > LONGEST_SILENCE_S).then_some(last.at)
    }

    fn skip_silence(&mut self) {
        if let (Some(last), Some(next)) = (self.silence_since(), self.events.get(self.next))
            && self.at_us - last.0 as f64 >= LONGEST_SILENCE_S * 1e6
        {
            self.at_us = self.at_us.max(next.at.0 as f64);
        }
    }

    /// Goes to an instant of the run, and folds nothing: [`Player::state`] does, once it is wanted.
    pub fn place(&mut self, to: Stamp) {
        let to = to.min(self.end());
        self.next = self.events.partition_point(|event| event.at <= to);
        self.at_us = to.0 as f64;
    }

    /// The state of the run here, folded again: the more happened before, the longer it takes.
    pub fn state(&self) -> RunState {
        RunState::from_events(self.events.get(..self.next).unwrap_or_default())
    }

    /// Continues to a later instant of the run, and returns the events that come until then; nothing for an
    /// earlier one.
    pub fn forward(&mut self, to: Stamp) -> &[Event] {
        let to = to.min(self.end());
        let first = self.next;
        if to >= self.at() {
            self.next = self
                .events
                .partition_point(|event| event.at <= to)
                .max(first);
            self.at_us = self.at_us.max(to.0 as f64);
        }
        self.events.get(first..self.next).unwrap_or_default()
    }

    /// The instant so many seconds from here, forwards or backwards, within the run.
    pub fn beside(&self, seconds: f64) -> Stamp {
        let at = floor_u64((self.at_us + seconds * 1e6).max(0.0));
        Stamp(at).clamp(self.begin(), self.end().max(self.begin()))
    }

    /// Where the next cycle starts.
    pub fn next_cycle(&self) -> Option<Stamp> {
        let at = self.at();
        self.cycle_starts().find(|start| *start > at)
    }

    /// Where the present cycle starts; just after its start, where the one before does. Before all cycles, the
    /// beginning.
    pub fn previous_cycle(&self) -> Stamp {
        let lately = self.at_us - JUST_BEGUN_S * 1e6 * self.pace;
        let earlier = self.cycle_starts().take_while(|s| (s.0 as f64) < lately);
        earlier.last().unwrap_or_else(|| self.begin())
    }

    fn cycle_starts(&self) -> impl Iterator<Item = Stamp> {
        let starts = self
            .events
            .iter()
            .filter(|event| matches!(event.what, EventKind::CycleStarted { .. }));
        starts.map(|event| event.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seconds: u64) -> Event {
        Event {
            at: Stamp(seconds * 1_000_000),
            what: EventKind::Paused,
        }
    }

    fn player(seconds: &[u64]) -> Player {
        Player::new(seconds.iter().map(|s| event(*s)).collect())
    }

    fn stamps(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.at.0 / 1_000_000).collect()
    }

    #[test]
    fn events_come_when_their_time_has_come() {
        let mut player = player(&[0, 1, 2, 5]);
        assert_eq!(stamps(player.advance(Duration::ZERO)), [0]);
        assert_eq!(player.until_next(), Some(Duration::from_secs(1)));
        assert_eq!(stamps(player.advance(Duration::from_millis(999))), [0; 0]);
        assert_eq!(stamps(player.advance(Duration::from_millis(1001))), [1, 2]);
        player.set_pace(100.0);
        assert_eq!(player.until_next(), Some(Duration::from_millis(30)));
        assert_eq!(stamps(player.advance(Duration::from_millis(30))), [5]);
        assert!(player.is_over());
        assert_eq!(player.until_next(), None);
        assert_eq!(stamps(player.advance(Duration::from_secs(9))), [0; 0]);
        assert_eq!(player.at(), Stamp(5_000_000));
    }

    #[test]
    fn a_pause_stands_still() {
        let mut player = player(&[0, 1]);
        player.toggle_pause();
        assert_eq!(stamps(player.advance(Duration::from_mins(1))), [0; 0]);
        assert!(player.is_paused() && player.until_next().is_none());
        player.toggle_pause();
        assert_eq!(stamps(player.advance(Duration::from_secs(1))), [0, 1]);
    }

    #[test]
    fn the_pace_stays_within_its_bounds() {
        let mut player = player(&[0]);
        player.set_pace(1e9);
        assert!((player.pace() - 100.0).abs() < 1e-9);
        player.set_pace(0.0);
        assert!((player.pace() - 1.0).abs() < 1e-9);
        player.set_pace(f64::NAN);
        assert!((player.pace() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nobody_waits_days() {
        let mut player = player(&[0, 200_000]);
        player.advance(Duration::ZERO);
        assert_eq!(player.until_next(), Some(Duration::from_secs(10)));
        assert_eq!(stamps(player.advance(Duration::from_secs(9))), [0; 0]);
        assert_eq!(stamps(player.advance(Duration::from_secs(1))), [200_000]);
    }

    #[test]
    fn it_goes_to_any_instant_and_back() {
        let mut player = player(&[0, 1, 2, 5]);
        player.place(Stamp(2_000_000));
        assert_eq!(player.state().events, 3);
        assert_eq!(stamps(player.advance(Duration::from_secs(3))), [5]);
        for (seconds, events) in [(-4.0, 2), (-99.0, 1), (99.0, 4)] {
            player.place(player.beside(seconds));
            assert_eq!(player.state().events, events, "{seconds} s from there");
        }
        assert!(player.is_over());
        let mut nothing = Player::new(vec![]);
        nothing.place(Stamp(9));
        assert_eq!(nothing.state().events, 0);
    }

    #[test]
    fn it_goes_on_without_folding_anew() {
        let mut player = player(&[0, 1, 2, 5]);
        assert_eq!(stamps(player.forward(Stamp(1_500_000))), [0, 1]);
        assert_eq!(player.at(), Stamp(1_500_000));
        assert_eq!(stamps(player.forward(Stamp(1_000_000))), [0; 0]);
        assert_eq!(player.at(), Stamp(1_500_000), "back is not forward");
        assert_eq!(player.beside(-9.0), player.begin());
        let end = player.beside(99.0);
        assert_eq!(stamps(player.forward(end)), [2, 5]);
        assert!(player.is_over());
    }

    #[test]
    fn it_knows_where_cycles_start() {
        let mut events: Vec<Event> = [0, 1, 10, 20].map(event).to_vec();
        for (cycle, index) in [(0, 1), (1, 2)] {
            events[index].what = EventKind::CycleStarted { cycle, users: 1 };
        }
        let mut player = Player::new(events);
        let seconds = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.0 / 1_000_000);
        assert_eq!(seconds(player.next_cycle()), Some(1));
        player.place(Stamp(11_000_000));
        assert_eq!(seconds(player.next_cycle()), None);
        assert_eq!(
            seconds(Some(player.previous_cycle())),
            Some(1),
            "just begun"
        );
        player.place(Stamp(15_000_000));
        assert_eq!(seconds(Some(player.previous_cycle())), Some(10));
        player.set_pace(10.0);
        assert_eq!(seconds(Some(player.previous_cycle())), Some(0));
    }
}
