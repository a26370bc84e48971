//! When larger levels are not worth the wait: nearly every request fails or misses both limits already.

use std::collections::VecDeque;

use crate::event::failures_in_words;
use crate::plan::Limits;
use crate::text::numbers::counted;

use crate::load::users::Score;

/// The share of requests that must miss a limit.
const NEARLY_EVERYONE: f64 = 0.9;

/// Why the levels above `users` are hopeless; None if they are not. A failed request misses both limits, but it is no wait:
/// of waits and speeds only the answered ones are reported.
pub(crate) fn why(
    users: u32,
    score: &Score,
    limits: Limits,
    upcoming: &VecDeque<u32>,
) -> Option<String> {
    let finished = score.finished();
    let share = |missed: u64| missed as f64 / finished as f64;
    let (waits, speeds) = (share(score.wait_missed), share(score.speed_missed));
    if finished == 0 || waits < NEARLY_EVERYONE || speeds < NEARLY_EVERYONE {
        return None;
    }
    let skipped: Vec<String> = upcoming
        .iter()
        .filter(|level| **level > users)
        .map(u32::to_string)
        .collect();
    let mut seen = Vec::new();
    if score.failed > 0 {
        let kinds = failures_in_words(score.failures.iter().map(|(kind, n)| (kind, *n)));
        seen.push(format!(
            "{} of {finished} requests failed ({kinds})",
            score.failed
        ));
    }
    if score.answered > 0 {
        let of = if score.failed > 0 {
            "the others"
        } else {
            "the requests"
        };
        let share = |missed: u64| {
            let missed = missed.saturating_sub(score.failed);
            missed as f64 / score.answered as f64 * 100.0
        };
        seen.push(format!(
            "{:.0} % of {of} waited longer than {} s and {:.0} % were slower than {} tok/s",
            share(score.wait_missed),
            limits.wait_s,
            share(score.speed_missed),
            limits.speed_tok_s
        ));
    }
    Some(format!(
        "levels {} skipped: at {} {} (--stop-when-hopeless=false measures them anyway)",
        skipped.join(", "),
        counted(users, "user", "users"),
        seen.join("; "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(answered: u64, failed: u64, wait_met: u64, speed_met: u64) -> Score {
        Score {
            answered,
            failed,
            wait_missed: answered + failed - wait_met,
            speed_missed: answered + failed - speed_met,
            failures: [("refused".to_owned(), failed)]
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    }

    #[test]
    fn both_limits_must_be_missed_by_nearly_everyone() {
        let upcoming = VecDeque::from([8, 64, 128]);
        let why = |score| why(32, &score, Limits::default(), &upcoming);
        assert_eq!(why(score(0, 0, 0, 0)), None);
        assert_eq!(why(score(20, 0, 20, 0)), None, "the wait holds");
        assert_eq!(why(score(20, 0, 0, 3)), None, "some are fast enough");
        let all = why(score(20, 0, 2, 0)).unwrap();
        assert!(
            all.starts_with("levels 64, 128 skipped: at 32 users 90 % of"),
            "{all}"
        );
        let refused = why(score(0, 8, 0, 0)).unwrap();
        assert_eq!(
            refused,
            "levels 64, 128 skipped: at 32 users 8 of 8 requests failed (connection refused) \
             (--stop-when-hopeless=false measures them anyway)"
        );
        let some = why(score(10, 10, 1, 2)).unwrap();
        assert!(
            some.contains(
                "10 of 20 requests failed (connection refused); 90 % of the others waited \
                 longer than 10 s and 80 % were slower than"
            ),
            "{some}"
        );
        let alone = super::why(1, &score(1, 0, 0, 0), Limits::default(), &upcoming);
        assert!(alone.unwrap().contains("skipped: at 1 user 100 % of"));
    }
}
