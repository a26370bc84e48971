//! A smaller level that did clearly worse than a larger one. More users are never easier, so the verdict pools the levels
//! and hides it: it is named instead.

use serde::{Deserialize, Serialize};

use crate::metrics::verdict::LevelVerdict;
use crate::text::numbers::{percent, users};

/// Two shares differ clearly from so many standard errors on: every pair of levels is compared, again and again, and a
/// short run says little of how alike its requests are. At 3.5 a server that is slow for ten seconds now and then shows a
/// dip in 1.3 of 100 runs, at this in 0.2. What lasts as long as a level is measured is not noise, and is named.
const CLEAR_Z: f64 = 4.5;
/// A level whose requests are worth fewer independent ones says too little.
const LEAST_WORTH: f64 = 10.0;

/// A level whose share of good requests is clearly below that of a larger one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Dip {
    /// Users of the level that did worse.
    pub users: u32,
    /// Its share of good requests, 0–1.
    pub share: f64,
    /// Users of the larger level that did better.
    pub than_users: u32,
    /// The share of good requests there, 0–1.
    pub than_share: f64,
    /// It in a sentence.
    pub text: String,
}

/// The share of a level and what it is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    users: u32,
    share: f64,
    /// Independent requests.
    worth: f64,
}

impl Seen {
    /// None where it is only a burst, still drifts, or is worth too little.
    fn from_level(level: &LevelVerdict) -> Option<Self> {
        let usable = !level.burst && !level.drifting;
        let worth = level.both.worth.filter(|worth| *worth >= LEAST_WORTH)?;
        usable.then_some(Self {
            users: level.users,
            share: level.both.share?,
            worth,
        })
    }

    /// The variance of the share; a request of either kind more keeps it above 0.
    fn variance(self) -> f64 {
        let share = (self.share * self.worth + 1.0) / (self.worth + 2.0);
        share * (1.0 - share) / self.worth
    }

    /// By how many standard errors another did better.
    fn behind(self, other: Self) -> f64 {
        (other.share - self.share) / (self.variance() + other.variance()).sqrt()
    }
}

/// The dips among these levels, smallest first: each against the larger level that shows it most clearly.
pub(super) fn dips(levels: &[LevelVerdict]) -> Vec<Dip> {
    let seen: Vec<Seen> = levels.iter().filter_map(Seen::from_level).collect();
    let clear = seen.iter().filter_map(|level| {
        let larger = seen.iter().filter(|other| other.users > level.users);
        let clearest = larger.max_by(|a, b| level.behind(**a).total_cmp(&level.behind(**b)))?;
        (level.behind(*clearest) >= CLEAR_Z).then(|| Dip {
            users: level.users,
            share: level.share,
            than_users: clearest.users,
            than_share: clearest.share,
            text: format!(
                "{} did worse than {}: {} of the requests met both limits against {}, more than chance explains. \
                 More users are not easier for a server, so something else slowed it down meanwhile; measure {} again.",
                users(level.users),
                clearest.users,
                percent(Some(level.share), 0),
                percent(Some(clearest.share), 0),
                level.users
            ),
        })
    });
    clear.collect()
}

#[cfg(test)]
mod tests {
    use crate::metrics::sample::Sample;
    use crate::metrics::verdict::{Level, Verdict};
    use crate::plan::Limits;

    /// A generator of numbers, 0–1.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    fn sample(good: bool) -> Sample {
        Sample {
            failed: false,
            wait_s: Some(1.0),
            speed_tok_s: Some(if good { 30.0 } else { 5.0 }),
        }
    }

    /// So many good ones of so many, evenly mixed.
    fn mixed(users: u32, good: u32, of: u32) -> Level {
        let is_good = |n: u32| (n + 1) * good / of > n * good / of;
        Level::from_samples(users, (0..of).map(|n| sample(is_good(n))))
    }

    fn found(levels: &[Level]) -> Vec<(u32, u32)> {
        let verdict = Verdict::new(levels, &Limits::default());
        let dips = verdict.dips.iter();
        dips.map(|dip| (dip.users, dip.than_users)).collect()
    }

    #[test]
    fn a_smaller_level_that_did_clearly_worse_is_named() {
        let levels = [mixed(2, 97, 100), mixed(4, 60, 100), mixed(8, 95, 100)];
        let verdict = Verdict::new(&levels, &Limits::default());
        let [dip] = &verdict.dips[..] else {
            panic!("{:?}", verdict.dips);
        };
        assert_eq!((dip.users, dip.than_users), (4, 8));
        assert!(
            dip.text.starts_with(
                "4 users did worse than 8: 60 % of the requests met both limits against 95 %"
            ),
            "{}",
            dip.text
        );
    }

    #[test]
    fn what_noise_can_do_is_not_named() {
        // 85 % against 95 % of 100: 10 points, known to about 4.2.
        assert_eq!(found(&[mixed(4, 85, 100), mixed(8, 95, 100)]), []);
        // As it should be: worse with more users.
        assert_eq!(found(&[mixed(4, 95, 100), mixed(8, 40, 100)]), []);
        // Ten of ten against none of four: too few of one of them.
        assert_eq!(found(&[mixed(1, 0, 4), mixed(2, 40, 40)]), []);
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn a_level_that_drifts_or_is_only_a_burst_is_not_held_against_another() {
        let drifting = Level::from_samples(4, (0..100).map(|n| sample(n < 50)));
        let steady = mixed(8, 97, 100);
        let verdict = Verdict::new(&[drifting, steady], &Limits::default());
        assert!(verdict.levels[0].drifting);
        assert_eq!(verdict.dips, []);
    }

    /// How many of `runs` show a dip where all levels are equally good: the worst case for noise.
    fn false_alarms(runs: u64, mut good: impl FnMut(&mut Random, u32, u32) -> bool) -> usize {
        let mut run = |seed: u64| {
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            let levels = [1, 2, 3, 4, 6, 8, 16, 32].map(|users| {
                // Levels are asked for very different times.
                let of = 30 + 30 * (users * 7 % 5);
                let outcomes: Vec<_> = (0..of)
                    .map(|n| sample(good(&mut random, users, n)))
                    .collect();
                Level::from_samples(users, outcomes)
            });
            !found(&levels).is_empty()
        };
        (1..=runs).filter(|seed| run(*seed)).count()
    }

    #[test]
    fn noise_alone_almost_never_makes_a_dip() {
        for share in [0.5, 0.9] {
            let alarms = false_alarms(300, |random, _, _| random.next() < share);
            assert!(alarms <= 1, "{alarms} of 300 at {share}");
        }
        // A server that is slow for 10 seconds at a time, one time in five.
        let mut is_slow = false;
        let alarms = false_alarms(300, |random, _, n| {
            if n % 10 == 0 {
                is_slow = random.next() < 0.2;
            }
            random.next() < if is_slow { 0.5 } else { 0.95 }
        });
        assert!(alarms <= 2, "{alarms} of 300 with slow phases");
    }
}
