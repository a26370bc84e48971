//! The clock of a run, and the instants that it reads.

use serde::{Deserialize, Serialize};

/// An instant of a run: whole microseconds since the run's monotonic clock started.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Seconds since the start of the run.
    pub fn secs(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Seconds from `earlier` to `self`; 0 if `earlier` is later.
    pub fn since(self, earlier: Stamp) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e6
    }
}

/// The clock of a run: turns instants into [`Stamp`]s.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    origin: tokio::time::Instant,
    /// What it read at its origin, microseconds.
    ahead: u64,
}

impl RunClock {
    /// A clock that reads 0 now.
    pub fn start() -> Self {
        Self::resumed(Stamp(0))
    }

    /// A clock that reads `now` now: that of a run in progress.
    pub fn resumed(now: Stamp) -> Self {
        Self::at(tokio::time::Instant::now(), now)
    }

    /// A clock that reads `now` at `instant`.
    pub fn at(instant: tokio::time::Instant, now: Stamp) -> Self {
        Self {
            origin: instant,
            ahead: now.0,
        }
    }

    /// The stamp of this instant.
    pub fn now(&self) -> Stamp {
        self.stamp(tokio::time::Instant::now())
    }

    /// The instant of `stamp`; the clock's start for an earlier one.
    pub fn instant(&self, stamp: Stamp) -> tokio::time::Instant {
        self.origin + std::time::Duration::from_micros(stamp.0.saturating_sub(self.ahead))
    }

    /// The stamp of `instant`; the first one for an instant before the clock started.
    pub fn stamp(&self, instant: tokio::time::Instant) -> Stamp {
        let micros = instant.saturating_duration_since(self.origin).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        Stamp(micros.saturating_add(self.ahead))
    }
}
