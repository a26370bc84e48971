//! When a request has taken too long.

use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::dialect::decode::WireError;
use crate::event::FailureKind;
use crate::plan::Timeouts;

use crate::load::failures::failed;

/// The three time-outs of a request, on one timer that is moved only when it fires.
pub(crate) struct Timers {
    began: Instant,
    timeouts: Timeouts,
    sleep: Option<std::pin::Pin<Box<Sleep>>>,
}

impl Timers {
    /// Those of a request that began at `began`.
    pub(crate) fn new(timeouts: Timeouts, began: Instant) -> Self {
        let mut timers = Self {
            began,
            timeouts,
            sleep: None,
        };
        timers.sleep = timers
            .deadline(None)
            .map(|at| Box::pin(tokio::time::sleep_until(at)));
        timers
    }

    /// When the request must be over.
    fn total(&self) -> Option<Instant> {
        after(self.timeouts.total_s, self.began)
    }

    /// When the first of the time-outs is over, with `quiet_since` the arrival of the last token.
    fn deadline(&self, quiet_since: Option<Instant>) -> Option<Instant> {
        let silence = match quiet_since {
            Some(last) => after(self.timeouts.next_s, last),
            None => after(self.timeouts.first_s, self.began),
        };
        self.total().into_iter().chain(silence).min()
    }

    /// Waits until a time-out is over; the last token came at `quiet_since`.
    pub(crate) async fn expired(&mut self, quiet_since: Option<Instant>) -> WireError {
        loop {
            let deadline = self.deadline(quiet_since);
            let (Some(deadline), Some(sleep)) = (deadline, self.sleep.as_mut()) else {
                // Before the first token there may be a deadline, and after it none, or the reverse.
                match deadline {
                    Some(at) => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
                    None => std::future::pending().await,
                }
                continue;
            };
            // A timer that fires too early costs less than one that is moved at each token.
            if sleep.deadline() > deadline {
                sleep.as_mut().reset(deadline);
            }
            sleep.as_mut().await;
            if Instant::now() >= deadline {
                return self.which(quiet_since);
            }
            sleep.as_mut().reset(deadline);
        }
    }

    fn which(&self, quiet_since: Option<Instant>) -> WireError {
        let is_over = self.total().is_some_and(|at| Instant::now() >= at);
        let total = self.timeouts.total_s.filter(|_| is_over);
        match (total, quiet_since) {
            (Some(s), _) => failed(
                FailureKind::TimeoutTotal,
                format!("not finished after {s} s"),
            ),
            (None, None) => failed(
                FailureKind::TimeoutFirst,
                format!(
                    "no first token within {} s",
                    self.timeouts.first_s.unwrap_or_default()
                ),
            ),
            (None, Some(_)) => failed(
                FailureKind::TimeoutNext,
                format!(
                    "stalled: no token for {} s",
                    self.timeouts.next_s.unwrap_or_default()
                ),
            ),
        }
    }
}

/// The instant so many seconds after `from`; None for never.
fn after(seconds: Option<f64>, from: Instant) -> Option<Instant> {
    let span = Duration::try_from_secs_f64(seconds?).ok()?;
    from.checked_add(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const LONG: Duration = Duration::from_hours(400 * 24);

    fn timers(first_s: Option<f64>, next_s: Option<f64>, total_s: Option<f64>) -> Timers {
        let timeouts = Timeouts {
            first_s,
            next_s,
            total_s,
        };
        Timers::new(timeouts, Instant::now())
    }

    fn seconds(s: f64) -> Duration {
        Duration::from_secs_f64(s)
    }

    /// What fires, and how long after the beginning.
    async fn fires(timers: &mut Timers, quiet_since: Option<Instant>) -> (FailureKind, Duration) {
        let error = timers.expired(quiet_since).await;
        (error.kind, timers.began.elapsed())
    }

    #[rstest]
    #[case(None, None, None)]
    #[case(Some(1e300), Some(f64::INFINITY), Some(f64::NAN))]
    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_fires(
        #[case] first_s: Option<f64>,
        #[case] next_s: Option<f64>,
        #[case] total_s: Option<f64>,
    ) {
        let mut timers = timers(first_s, next_s, total_s);
        let quiet = Some(timers.began);
        assert!(
            tokio::time::timeout(LONG, timers.expired(None))
                .await
                .is_err()
        );
        assert!(
            tokio::time::timeout(LONG, timers.expired(quiet))
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn before_the_first_token_the_first_and_the_total_count() {
        let mut some = timers(Some(5.0), Some(1.0), Some(9.0));
        assert_eq!(
            fires(&mut some, None).await,
            (FailureKind::TimeoutFirst, seconds(5.0))
        );
        let mut some = timers(Some(5.0), Some(1.0), Some(3.0));
        assert_eq!(
            fires(&mut some, None).await,
            (FailureKind::TimeoutTotal, seconds(3.0))
        );
        let mut some = timers(None, Some(1.0), Some(3.0));
        assert_eq!(
            fires(&mut some, None).await,
            (FailureKind::TimeoutTotal, seconds(3.0))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_is_no_whole_nanosecond_is_still_named_rightly() {
        let third = Some(1.0 / 3.0);
        let mut some = timers(None, None, third);
        assert_eq!(some.expired(None).await.kind, FailureKind::TimeoutTotal);
        let mut some = timers(third, None, Some(1.0));
        assert_eq!(some.expired(None).await.kind, FailureKind::TimeoutFirst);
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_in_time_never_stall_however_many() {
        let mut some = timers(Some(5.0), Some(1.0), None);
        let mut last = None;
        for _ in 0..5000 {
            let in_time = tokio::time::timeout(seconds(0.9), some.expired(last)).await;
            assert!(in_time.is_err(), "fired after {:?}", some.began.elapsed());
            last = Some(Instant::now());
        }
        let quiet_since = last.unwrap();
        let error = some.expired(last).await;
        assert_eq!(error.kind, FailureKind::TimeoutNext);
        assert_eq!(error.message, "stalled: no token for 1 s");
        assert_eq!(quiet_since.elapsed(), seconds(1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_ends_a_stream_that_never_stalls() {
        let mut some = timers(Some(5.0), Some(1.0), Some(10.0));
        let mut last = None;
        let error = loop {
            match tokio::time::timeout(seconds(0.7), some.expired(last)).await {
                Ok(error) => break error,
                Err(_) => last = Some(Instant::now()),
            }
        };
        assert_eq!(error.kind, FailureKind::TimeoutTotal);
        assert_eq!(some.began.elapsed(), seconds(10.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_fires_for_the_first_token_waits_on_for_the_next() {
        // The token came at 4 s: what was set for 5 s must wait for 4 + 60.
        let mut some = timers(Some(5.0), Some(60.0), None);
        assert!(
            tokio::time::timeout(seconds(4.0), some.expired(None))
                .await
                .is_err()
        );
        let token = Some(Instant::now());
        assert_eq!(
            fires(&mut some, token).await,
            (FailureKind::TimeoutNext, seconds(64.0))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_for_one_of_both_is_none_for_the_other() {
        let mut first_only = timers(Some(5.0), None, None);
        let token = Some(Instant::now());
        assert!(
            tokio::time::timeout(LONG, first_only.expired(token))
                .await
                .is_err()
        );
        let mut next_only = timers(None, Some(2.0), None);
        assert!(
            tokio::time::timeout(LONG, next_only.expired(None))
                .await
                .is_err()
        );
        let token = Instant::now();
        assert_eq!(
            next_only.expired(Some(token)).await.kind,
            FailureKind::TimeoutNext
        );
        assert_eq!(token.elapsed(), seconds(2.0));
    }
}
