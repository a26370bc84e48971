//! When larger levels are not worth the wait: nearly everyone misses both limits already.

use std::collections::VecDeque;

use crate::plan::Limits;
use crate::text::numbers::counted;

use crate::load::users::Score;

/// The share of requests that must miss a limit.
const NEARLY_EVERYONE: f64 = 0.9;

/// Why the levels above `users` are hopeless; None if they are not. A failed request misses both limits.
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
    Some(format!(
        "levels {} skipped: at {} {:.0} % of the requests waited longer than {} s and {:.0} % \
         were slower than {} tok/s (--stop-when-hopeless=false measures them all the same)",
        skipped.join(", "),
        counted(users, "user", "users"),
        waits * 100.0,
        limits.wait_s,
        speeds * 100.0,
        limits.speed_tok_s,
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
            ..Score::default()
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
        assert!(why(score(0, 20, 0, 0)).is_some(), "failures miss both");
        let alone = super::why(1, &score(1, 0, 0, 0), Limits::default(), &upcoming);
        assert!(alone.unwrap().contains("skipped: at 1 user 100 % of"));
    }
}
