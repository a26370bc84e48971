//! The time that a screen goes by: that of the wall, or one that waits for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What tells a screen the time and lets it wait. Copies tell the same time.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The real one.
    #[default]
    Wall,
    /// Every wait is over at once: a recording takes no longer than its frames take to be drawn.
    Hurried {
        /// Where it began.
        origin: Instant,
        /// Microseconds that were waited since.
        passed: Arc<AtomicU64>,
    },
}

impl Clock {
    /// A clock that waits for nothing.
    pub fn hurried() -> Self {
        Self::Hurried {
            origin: Instant::now(),
            passed: Arc::default(),
        }
    }

    /// The time.
    pub fn now(&self) -> Instant {
        match self {
            Self::Wall => Instant::now(),
            Self::Hurried { origin, passed } => {
                *origin + Duration::from_micros(passed.load(Ordering::Relaxed))
            }
        }
    }

    /// Waits until `instant`.
    pub async fn sleep_until(&self, instant: Instant) {
        match self {
            Self::Wall => sleep_until(instant).await,
            Self::Hurried { origin, passed } => {
                // A signal must still get through.
                tokio::task::yield_now().await;
                let waited = instant.saturating_duration_since(*origin).as_micros();
                let waited = u64::try_from(waited).unwrap_or(u64::MAX);
                passed.fetch_max(waited, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hurried_clock_waits_for_nothing_and_never_goes_back() {
        let real = std::time::Instant::now();
        let clock = Clock::hurried();
        let origin = clock.now();
        let other = clock.clone();
        for hours in [5, 2] {
            other
                .sleep_until(origin + Duration::from_hours(hours))
                .await;
            assert_eq!(clock.now() - origin, Duration::from_hours(5));
        }
        assert!(real.elapsed() < Duration::from_mins(1));
    }
}
