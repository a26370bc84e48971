//! The power of the idle machine, and the reading that covers a span's end.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::event::{EventKind, Stamp, WarningKind};
use crate::metrics::energy::{LEAST_SPAN_S, LONGEST_STEP_S, baseline};
use crate::session::monitors::{LAST_SECOND, LOOK, POWER_WAIT, Power, Shared};

impl Shared {
    /// Waits for the reading that covers the time up to `end`, where one may come.
    pub(crate) async fn reading_of(&self, end: Stamp) {
        let deadline = Instant::now() + LAST_SECOND;
        let awaited = || {
            let state = self.lock();
            let is_live = end.since(state.powered) <= LONGEST_STEP_S;
            state.power == Power::TaskResult && is_live && state.powered < end
        };
        while awaited() && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Measures the idle machine for `seconds`, once a source has told its power.
    pub(crate) async fn measure(&self, seconds: f64) {
        let Some(clock) = self.lock().reporter.as_ref().map(|reporter| reporter.clock) else {
            return;
        };
        let patience = Instant::now() + POWER_WAIT;
        while self.lock().power == Power::Unknown && Instant::now() < patience {
            sleep(LOOK).await;
        }
        if self.lock().power != Power::TaskResult {
            return;
        }
        self.lock().fact(EventKind::IdleStarted { seconds });
        let from = clock.now();
        let span = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        sleep_until(clock.instant(from) + span).await;
        // Readings cover the time before them: the span ends with the first one after it, or, where none
        // comes, with the last one within.
        let end = clock.now();
        self.reading_of(end).await;
        let state = self.lock();
        let to = state.powered.min(end);
        let metered = (to.since(from) >= LEAST_SPAN_S)
            .then(|| state.meter.between(from, to))
            .flatten();
        let idle = metered.and_then(|metered| baseline(&metered.energy, metered.scope));
        match idle {
            Some(idle) => state.fact(EventKind::Baseline(idle)),
            None => state.warn(
                WarningKind::Monitor,
                "could not measure idle power: too few readings".to_owned(),
            ),
        }
    }
}
