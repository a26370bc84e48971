use super::*;
use proptest::prelude::*;

fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 5e-5, "{value} is not {expected}");
}

fn level(users: u32, waits_and_speeds: &[(f64, f64)]) -> Level {
    Level {
        users,
        samples: waits_and_speeds
            .iter()
            .map(|(wait, speed)| Sample {
                failed: false,
                wait_s: Some(*wait),
                speed_tok_s: Some(*speed),
            })
            .collect(),
    }
}

const FAILED: Sample = Sample {
    failed: true,
    wait_s: None,
    speed_tok_s: None,
};

#[test]
fn wilson_as_published() {
    // Newcombe 1998, table I (method 3, without continuity correction).
    for (met, of, low, high) in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ] {
        let interval = wilson(met, of).unwrap();
        near(interval.0, low);
        near(interval.1, high);
    }
    assert_eq!(wilson(0, 0), None);
}

#[test]
fn five_of_eight_is_31_to_86_percent() {
    let (low, high) = wilson(5, 8).unwrap();
    assert_eq!(
        format!("{:.0}–{:.0} %", low * 100.0, high * 100.0),
        "31–86 %"
    );
}

#[test]
fn the_four_states() {
    assert_eq!(State::of(35, 35, 0.9), Some(State::Holds));
    assert_eq!(State::of(34, 34, 0.9), Some(State::Likely));
    assert_eq!(State::of(9, 10, 0.9), Some(State::Likely));
    assert_eq!(State::of(5, 8, 0.9), Some(State::Fails)); // upper end 0.863
    assert_eq!(State::of(7, 8, 0.9), Some(State::Unsure));
    assert_eq!(State::of(0, 1, 0.9), Some(State::Fails)); // upper end 0.793
    assert_eq!(State::of(0, 0, 0.9), None);
}

#[test]
fn ninety_percent_needs_35_good_requests() {
    assert_eq!(more_to_hold(0, 0, 0.9), Some(35));
    assert_eq!(more_to_hold(30, 30, 0.9), Some(5));
    assert_eq!(more_to_hold(35, 35, 0.9), Some(0));
    assert_eq!(more_to_hold(35, 35, 1.0), None);
}

#[test]
fn the_means_and_the_shares_may_disagree() {
    // Speeds 26.0 ×5 and 11.9 ×3: the mean is 20.7, yet only 5 of 8 read at 19.9.
    let mut four = vec![(0.9, 26.0); 5];
    four.extend([(0.9, 11.866_666); 3]);
    let levels = [level(1, &[(0.4, 54.2); 40]), level(4, &four)];
    let verdict = Verdict::of(&levels, &Limits::default());
    assert_eq!(verdict.by_mean.both_users, Some(4));
    assert_eq!(verdict.by_mean.wait_users, Some(4));
    assert_eq!(verdict.by_share.wait_users, Some(4));
    assert_eq!(verdict.by_share.speed_users, Some(1));
    assert_eq!(verdict.by_share.both_users, Some(1));
    assert_eq!(verdict.by_share.state, Some(State::Holds));
    let evidence = &verdict.levels[1].evidence;
    let wanted =
        "4 users: mean 20.7 tok/s meets 19.9, but only 5 of 8 requests did (62 %, 95 % CI 31–86 %)";
    assert!(evidence.starts_with(wanted), "{evidence}");
}

#[test]
fn a_level_counts_only_if_all_smaller_ones_do() {
    let good = [(1.0, 30.0); 40];
    let bad = [(20.0, 5.0); 40];
    let levels = [level(8, &good), level(1, &good), level(4, &bad)];
    let verdict = Verdict::of(&levels, &Limits::default());
    assert_eq!(verdict.by_share.both_users, Some(1));
    assert_eq!(verdict.by_mean.both_users, Some(1));
    assert_eq!(
        verdict.levels.iter().map(|l| l.users).collect::<Vec<_>>(),
        [1, 4, 8]
    );
}

#[test]
fn failures_meet_nothing_but_no_mean_knows_them() {
    let mut one = level(2, &[(1.0, 30.0); 10]);
    one.samples.extend([FAILED; 10]);
    let verdict = Verdict::of(&[one], &Limits::default());
    assert_eq!(verdict.by_mean.both_users, Some(2));
    assert_eq!(verdict.by_share.both_users, None);
    assert_eq!(verdict.by_share.state, Some(State::Fails));
    assert_eq!(
        (verdict.levels[0].wait.met, verdict.levels[0].wait.of),
        (10, 20)
    );

    let only_failures = Level {
        users: 2,
        samples: vec![FAILED; 4],
    };
    let verdict = Verdict::of(&[only_failures], &Limits::default());
    assert_eq!(verdict.by_mean, ByMean::default());
}

#[test]
fn what_is_not_known_is_not_judged() {
    let mut one = level(1, &[(1.0, 30.0); 40]);
    one.samples.push(Sample {
        failed: false,
        wait_s: Some(1.0),
        speed_tok_s: None,
    });
    let verdict = Verdict::of(&[one], &Limits::default());
    assert_eq!(verdict.levels[0].wait.of, 41);
    assert_eq!(verdict.levels[0].speed.of, 40);
    assert_eq!(verdict.levels[0].both.of, 40);
}

#[test]
fn no_level_no_verdict() {
    let empty = Level {
        users: 4,
        samples: vec![],
    };
    let verdict = Verdict::of(&[empty], &Limits::default());
    assert_eq!(verdict.by_share, ByShare::default());
    assert!(verdict.levels.is_empty());
    assert_eq!(verdict.sentence, "No verdict: no cycle is complete.");
}

#[test]
fn headlines() {
    let limits = Limits::default();
    let verdict = Verdict::of(
        &[level(1, &[(1.0, 30.0); 40]), level(4, &[(1.0, 25.0); 8])],
        &limits,
    );
    assert_eq!(
        verdict.sentence,
        "4 users or more (likely): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: 4. 27 more good requests would confirm 4 users."
    );
    let verdict = Verdict::of(&[level(1, &[(1.0, 3.0)])], &limits);
    assert_eq!(
        verdict.sentence,
        "Not even 1 user, the smallest level (fails): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: none."
    );
    let verdict = Verdict::of(
        &[level(2, &[(1.0, 30.0); 40]), level(4, &[(11.0, 9.0); 40])],
        &limits,
    );
    assert_eq!(
        verdict.sentence,
        "2 users (holds): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: 2."
    );
    // 7 of 8 are 87.5 %, the upper end of their interval is 97.8 %: neither met nor missed for sure.
    let mut unsure = vec![(1.0, 30.0); 7];
    unsure.push((1.0, 3.0));
    let of_unsure = |users| level(users, &unsure);
    let verdict = Verdict::of(&[level(1, &[(1.0, 30.0); 40]), of_unsure(4)], &limits);
    assert_eq!(
        verdict.sentence,
        "1 user (holds): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: 4. 4 users: unsure; 45 more good requests would confirm it."
    );
    assert_eq!(verdict.headline().unwrap().users, 1);
    assert_eq!(verdict.beyond().unwrap().users, 4);
    let verdict = Verdict::of(&[of_unsure(2)], &limits);
    assert_eq!(
        verdict.sentence,
        "Not even 2 users, the smallest level (unsure): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: 2. 2 users: unsure; 45 more good requests would confirm it."
    );
    assert_eq!(
        (verdict.headline().unwrap().users, verdict.beyond()),
        (2, None)
    );
}

#[test]
fn one_request_says_little_either_way() {
    let limits = Limits::default();
    let good = Verdict::of(&[level(1, &[(1.0, 30.0)])], &limits);
    let judged = good.levels[0].both;
    // Wilson for 1 of 1: 20.7–100 %; for 0 of 1: 0–79.3 %.
    near(judged.low.unwrap(), 0.2065);
    assert_eq!(
        (good.by_share.both_users, judged.more_to_hold),
        (Some(1), Some(34))
    );
    assert_eq!(good.by_share.state, Some(State::Likely));
    let bad = Verdict::of(&[level(1, &[(1.0, 3.0)])], &limits);
    near(bad.levels[0].both.high.unwrap(), 0.7935);
    assert_eq!(bad.by_share.both_users, None);
    assert_eq!(bad.by_share.state, Some(State::Fails));
}

#[test]
fn a_level_without_a_single_success_carries_nobody_and_ends_the_row() {
    let dead = Level {
        users: 4,
        samples: vec![FAILED; 4],
    };
    let good = [(1.0, 30.0); 40];
    let levels = [level(1, &good), dead, level(8, &good)];
    let verdict = Verdict::of(&levels, &Limits::default());
    assert_eq!(verdict.by_share.both_users, Some(1));
    assert_eq!(verdict.by_mean.both_users, Some(1));
    assert_eq!(verdict.by_mean.wait_users, Some(1));
    let evidence = &verdict.levels[1].evidence;
    let wanted =
        "4 users: no speed known to set against 19.9, 0 of 4 requests did (0 %, 95 % CI 0–49 %)";
    assert!(evidence.starts_with(wanted), "{evidence}");
}

#[test]
fn a_wait_or_a_speed_on_the_limit_meets_it() {
    let verdict = Verdict::of(&[level(3, &[(10.0, 19.9); 35])], &Limits::default());
    assert_eq!(verdict.by_share.both_users, Some(3));
    assert_eq!(verdict.by_share.state, Some(State::Holds));
    assert_eq!(verdict.by_mean.both_users, Some(3));
    let verdict = Verdict::of(&[level(3, &[(10.001, 19.9); 35])], &Limits::default());
    assert_eq!(
        (verdict.by_share.wait_users, verdict.by_share.speed_users),
        (None, Some(3))
    );
}

#[test]
fn all_of_the_requests_can_be_asked_for_but_never_be_sure() {
    let limits = Limits {
        share: 1.0,
        ..Limits::default()
    };
    let verdict = Verdict::of(&[level(1, &[(1.0, 30.0); 500])], &limits);
    assert_eq!(verdict.by_share.both_users, Some(1));
    assert_eq!(verdict.by_share.state, Some(State::Likely));
    assert_eq!(verdict.levels[0].both.more_to_hold, None);
    assert!(
        !verdict.sentence.contains("To be sure"),
        "{}",
        verdict.sentence
    );
}

proptest! {
    #[test]
    fn the_interval_holds_its_share(of in 1..2000_u64, part in 0.0..=1.0_f64) {
        let met = crate::text::numbers::floor_u64(of as f64 * part);
        let (low, high) = wilson(met, of).unwrap();
        let point = met as f64 / of as f64;
        prop_assert!((0.0..=point).contains(&low) && (point..=1.0).contains(&high));
    }

    #[test]
    fn more_is_the_smallest_that_holds(met in 0..60_u64, bad in 0..20_u64, share in 0.1..0.97_f64) {
        let of = met + bad;
        let more = more_to_hold(met, of, share).unwrap();
        prop_assert!(wilson(met + more, of + more).is_some_and(|(low, _)| low >= share));
        if let Some(fewer) = more.checked_sub(1) {
            prop_assert!(!wilson(met + fewer, of + fewer).is_some_and(|(low, _)| low >= share));
        }
    }

    #[test]
    fn agrees_with_a_count_by_hand(
        runs in prop::collection::vec(prop::collection::vec((0.0..20.0_f64, 5.0..40.0_f64), 1..40), 1..6),
    ) {
        let limits = Limits::default();
        let levels: Vec<Level> = (1..).zip(&runs).map(|(users, run)| level(users, run)).collect();
        let verdict = Verdict::of(&levels, &limits);
        let mut expected = None;
        for (users, run) in (1..).zip(&runs) {
            let good = run.iter().filter(|(wait, speed)| *wait <= 10.0 && *speed >= 19.9).count();
            if (good as f64) < 0.9 * run.len() as f64 {
                break;
            }
            expected = Some(users);
        }
        prop_assert_eq!(verdict.by_share.both_users, expected);
    }
}
