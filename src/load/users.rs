//! A user: asks, reads the answer, asks again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::event::{EventKind, RequestRecord};
use crate::metrics::sample::Sample;
use crate::plan::{CycleShape, Limits};
use crate::text::numbers::u32_of;

use crate::load::absence::Absence;
use crate::load::in_flight::Slot;
use crate::load::pause::Pause;
use crate::load::presence::Presence;
use crate::load::request::{RequestContext, RequestSpec, UserSlot};
use crate::load::settling::Feed;
use crate::load::socket::Connection;
use crate::load::token_stats::TokenStats;

/// Tokens for which room is made where an answer has no limit.
const UNLIMITED: u32 = 1024;

/// How long a user waits after a failed request before it asks again; twice as long after each that
/// follows, up to [`LONGEST_BREATH`]. A server that refuses at once would else be asked, and every
/// failure be kept, thousands of times a second.
const BREATH: Duration = Duration::from_millis(100);
const LONGEST_BREATH: Duration = Duration::from_millis(1600);

/// One of the users of a cycle.
pub(crate) struct User {
    pub(crate) load: Arc<RequestContext>,
    pub(crate) cycle: u32,
    pub(crate) number: u32,
    pub(crate) users: u32,
    pub(crate) shape: CycleShape,
    pub(crate) began: Instant,
    /// The time the run had been paused when the cycle began.
    pub(crate) paused_before: Duration,
    pub(crate) limits: Limits,
    pub(crate) paused: watch::Receiver<Pause>,
    pub(crate) cancel: CancellationToken,
    /// The users who cannot reach the server.
    pub(crate) absence: Arc<Absence>,
    /// Where the level is asked until enough is known of it.
    pub(crate) feed: Option<Feed>,
}

impl User {
    /// Asks until the cycle is over for this user; users do not wait for each other.
    pub(crate) async fn ask(
        mut self,
        slot: Arc<Slot>,
        connection: Option<Connection>,
        max_tokens: Option<u32>,
    ) -> Score {
        let tokens = TokenStats::with_capacity(max_tokens.unwrap_or(UNLIMITED));
        let mut user_slot = UserSlot {
            connection,
            slot,
            tokens,
        };
        let mut score = Score::default();
        let mut round = 0;
        let mut failures = 0;
        self.begin().await;
        while self.wait_for_turn(round, failures).await {
            panic_if_injected(self.cycle);
            let spec = RequestSpec {
                cycle: self.cycle,
                user: self.number,
                round,
                prompt: self.prompt(round),
                announce: true,
            };
            let mut record = self.load.ask(&mut user_slot, spec, &self.cancel).await;
            let presence = self.absence.presence_after(&record, &self.load).await;
            let has_server = presence == Presence::Ready;
            if !has_server {
                record.lose_server();
            }
            score.count(&record, self.limits);
            failures = record.failure().map_or(0, |_| failures + 1);
            if let Some(feed) = &self.feed {
                feed.record(&record);
            }
            self.load
                .reporter
                .fact_at(record.ended, EventKind::RequestEnded(Box::new(record)));
            if has_server {
                round += 1;
            } else {
                self.wait_for_server(presence).await;
            }
        }
        self.absence.leave();
        score
    }

    /// Waits until the server is ready again, or nobody waits for it any more.
    async fn wait_for_server(&self, presence: Presence) {
        let enough = self.feed.as_ref().map(|feed| feed.enough.clone());
        let enough = enough.unwrap_or_default();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {}
            () = enough.cancelled() => {}
            () = self.absence.wait(presence, &self.load) => {}
        }
    }

    /// Waits for its turn to begin: at random, but the same in every run, since what comes of even distances is the
    /// best of what comes of any.
    async fn begin(&self) {
        let Some(feed) = &self.feed else { return };
        let seed = u64::from(self.cycle) << 32 | u64::from(self.number);
        let part = SplitMix64::seed_from_u64(seed).next_u64() as f64 / u64::MAX as f64;
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {}
            () = feed.enough.cancelled() => {}
            () = tokio::time::sleep(feed.begin_over.mul_f64(part)) => {}
        }
    }

    /// Waits while the run is paused; false once there is nothing more to ask.
    async fn wait_for_turn(&mut self, round: u32, failures: u32) -> bool {
        if self.cancel.is_cancelled() || !self.wants_more(round) {
            return false;
        }
        if failures > 0 {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return false,
                () = tokio::time::sleep(backoff(failures)) => {}
            }
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => return false,
            _ = self.paused.wait_for(|pause| !pause.is_on()) => {}
        }
        self.wants_more(round)
    }

    /// Whether the cycle is not over yet for this user. Its clock stands still while the run is paused.
    fn wants_more(&self, round: u32) -> bool {
        let paused = self.paused.borrow().spent(Instant::now());
        let paused = paused.saturating_sub(self.paused_before);
        let elapsed = self.began.elapsed().saturating_sub(paused);
        if self
            .feed
            .as_ref()
            .is_some_and(|feed| feed.enough.is_cancelled())
        {
            return false;
        }
        asks_again(self.shape, round, elapsed)
    }

    /// Users take the prompts in turn, and each continues from its own.
    fn prompt(&self, round: u32) -> u32 {
        let prompts = u32_of(self.load.bodies.len()).max(1);
        round.wrapping_mul(self.users).wrapping_add(self.number) % prompts
    }
}

/// Panics where a test asks for it, once there is something to lose: after the first cycle.
fn panic_if_injected(cycle: u32) {
    let is_injected = cycle > 0 && crate::platform::fault("panic-in-worker");
    assert!(!is_injected, "panic injected by a test");
}

/// The wait after so many failures in a row.
fn backoff(failures: u32) -> Duration {
    let doubled = 1u32.checked_shl(failures.saturating_sub(1));
    BREATH
        .saturating_mul(doubled.unwrap_or(u32::MAX))
        .min(LONGEST_BREATH)
}

/// What came of the requests of a cycle, as far as the runner has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Score {
    /// Requests that ended well.
    pub(crate) answered: u64,
    /// Requests that failed.
    pub(crate) failed: u64,
    /// Requests that are known to have missed the limit of the wait; failed ones missed both.
    pub(crate) wait_missed: u64,
    /// Requests that are known to have missed the limit of the speed.
    pub(crate) speed_missed: u64,
    /// Failed requests by kind.
    pub(crate) failures: BTreeMap<String, u64>,
}

impl Score {
    /// Requests that ended, well or badly.
    pub(crate) fn finished(&self) -> u64 {
        self.answered + self.failed
    }

    pub(crate) fn count(&mut self, record: &RequestRecord, limits: Limits) {
        let Some(sample) = Sample::from_request(record) else {
            return;
        };
        // An answer too short to have a speed is not too slow.
        let missed = |is_met: Option<bool>| u64::from(is_met == Some(false));
        self.wait_missed += missed(sample.meets_wait(&limits));
        self.speed_missed += missed(sample.meets_speed(&limits));
        match record.failure() {
            None => self.answered += 1,
            Some((kind, _)) => {
                self.failed += 1;
                *self.failures.entry(kind.to_string()).or_default() += 1;
            }
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.failed += other.failed;
        self.wait_missed += other.wait_missed;
        self.speed_missed += other.speed_missed;
        for (kind, count) in &other.failures {
            *self.failures.entry(kind.clone()).or_default() += count;
        }
    }
}

/// How a user of a cycle decides whether to ask once more.
fn asks_again(shape: CycleShape, round: u32, elapsed: Duration) -> bool {
    match shape {
        CycleShape::Waves(waves) => round < waves,
        CycleShape::DurationS(seconds) => elapsed.as_secs_f64() < seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_after_failures_doubles_up_to_its_longest() {
        let waits: Vec<u128> = [1, 2, 3, 5, 6, 40, u32::MAX]
            .map(|failures| backoff(failures).as_millis())
            .to_vec();
        assert_eq!(waits, [100, 200, 400, 1600, 1600, 1600, 1600]);
    }
}
