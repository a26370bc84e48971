//! Whether the run is paused, and how much of its time that took.

use std::time::Duration;

use tokio::time::Instant;

/// The pauses of a run so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pause {
    since: Option<Instant>,
    over: Duration,
}

impl Pause {
    /// Whether the run is paused.
    pub(crate) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// Begins a pause, or ends it.
    pub(crate) fn toggle(&mut self, now: Instant) {
        *self = Self {
            over: self.spent(now),
            since: match self.since {
                Some(_) => None,
                None => Some(now),
            },
        };
    }

    /// The time spent paused until now.
    pub(crate) fn spent(&self, now: Instant) -> Duration {
        let current = self.since.map(|since| now.saturating_duration_since(since));
        self.over + current.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_all_pauses_adds_up() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut pause = Pause::default();
        assert!(!pause.is_on() && pause.spent(at(9)).is_zero());
        pause.toggle(at(10));
        assert!(pause.is_on());
        assert_eq!(pause.spent(at(13)), Duration::from_secs(3));
        pause.toggle(at(15));
        assert!(!pause.is_on());
        assert_eq!(pause.spent(at(20)), Duration::from_secs(5));
        pause.toggle(at(20));
        assert_eq!(pause.spent(at(21)), Duration::from_secs(6));
    }
}
