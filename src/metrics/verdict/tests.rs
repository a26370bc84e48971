use super::*;
use crate::event::Stamp;
use crate::metrics::wilson::wilson;
use proptest::prelude::*;

fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 5e-5, "{value} is not {expected}");
}

fn level(users: u32, waits_and_speeds: &[(f64, f64)]) -> Level {
    let sample = |(wait, speed): &(f64, f64)| Sample {
        failed: false,
        wait_s: Some(*wait),
        speed_tok_s: Some(*speed),
    };
    Level::from_samples(users, waits_and_speeds.iter().map(sample))
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

/// What so many good requests of so many, each independent, say of 90 %.
fn state(met: u64, of: u64) -> State {
    let judged = judgment(met, of, 1, 0.9);
    judged.state.unwrap()
}

#[test]
fn the_five_states() {
    assert_eq!(state(1, 1), State::Unsure);
    assert_eq!(state(16, 16), State::Unsure);
    assert_eq!(state(17, 17), State::Likely);
    assert_eq!(state(33, 33), State::Likely);
    assert_eq!(state(34, 34), State::Holds);
    assert_eq!(state(9, 10), State::Unsure);
    assert_eq!(state(0, 1), State::Unlikely);
    assert_eq!(state(5, 8), State::Unsure);
    assert_eq!(state(2, 8), State::Unlikely); // 8 are too few to fail
    assert_eq!(state(5, 10), State::Fails);
    assert_eq!(judgment(0, 0, 1, 0.9).state, None);
}

/// A level of ten users whose requests waited `wait_s` each, in so many cycles of 300; answers took `took_s` each.
fn queued(wait_s: f64, took_s: impl Fn(u32) -> f64, cycles: u64) -> Level {
    const USERS: u32 = 10;
    let trial = |start: u64, number: u32| {
        let sent = Stamp(start + u64::from(number) * 500_000);
        trials::Trial {
            user: number % USERS,
            first: number < USERS,
            sent,
            ended: Stamp(sent.0 + crate::text::numbers::floor_u64((wait_s + took_s(number)) * 1e6)),
            sample: Sample {
                failed: false,
                wait_s: Some(wait_s),
                speed_tok_s: Some(30.0),
            },
        }
    };
    let visit = |cycle: u64| Visit {
        trials: (0..300)
            .map(|number| trial(cycle * 200_000_000, number))
            .collect(),
        ..Visit::default()
    };
    Level {
        users: USERS,
        visits: (0..cycles).map(visit).collect(),
        time_scale: 1.0,
    }
}

#[test]
fn answers_of_one_length_keep_the_pattern_of_their_start_and_one_start_decides_nothing() {
    let judged = |level: Level, wait_s: f64| {
        let limits = Limits {
            wait_s,
            ..Limits::default()
        };
        let verdict = Verdict::new(&[level], &limits);
        let both = verdict.levels[0].both;
        (
            both.state.unwrap(),
            verdict.levels[0].one_start,
            verdict.sentence,
        )
    };
    let even = |_| 1.9;
    let (state, one_start, sentence) = judged(queued(2.85, even, 1), 3.0);
    assert_eq!((state, one_start), (State::Likely, true));
    assert!(
        sentence.ends_with(" 10 users: likely; another start would decide it."),
        "{sentence}"
    );
    let (state, one_start, _) = judged(queued(3.1, even, 1), 3.0);
    assert_eq!((state, one_start), (State::Unlikely, true));
    let decided = |level, wait_s| {
        let (state, one_start, _) = judged(level, wait_s);
        assert!(!one_start);
        state
    };
    assert_eq!(
        decided(queued(2.85, even, 2), 3.0),
        State::Holds,
        "two starts"
    );
    assert_eq!(
        decided(queued(3.1, even, 2), 3.0),
        State::Fails,
        "two starts"
    );
    assert_eq!(
        decided(queued(2.85, even, 1), 5.0),
        State::Holds,
        "one more answer would fit in"
    );
    let uneven = |number| 1.0 + f64::from(number % 7) * 0.3;
    assert_eq!(
        decided(queued(2.85, uneven, 1), 3.0),
        State::Holds,
        "no pattern lasts"
    );
    assert_eq!(
        decided(queued(0.1, |_| 12.0, 1), 3.0),
        State::Holds,
        "nobody queues"
    );
}

#[test]
fn what_would_decide_it_is_at_the_share_seen() {
    let count = |met, of| Count {
        met,
        of,
        design_effect: 1.0,
        ..Count::default()
    };
    let more = |met, of| evidence::more_to_decide(&count(met, of), 0.9);
    assert_eq!(more(30, 30), Some(4));
    assert_eq!(more(34, 34), Some(0));
    assert_eq!(more(0, 1), Some(9));
    assert_eq!(more(9, 10), None, "90 % for ever decides nothing");
}

#[test]
fn the_means_and_the_shares_may_disagree() {
    // Speeds 26.0 ×5 and 11.9 ×3: the mean is 20.7, yet only 5 of 8 read at 19.9.
    let mut four = vec![(0.9, 26.0); 5];
    four.extend([(0.9, 11.866_666); 3]);
    let levels = [level(1, &[(0.4, 54.2); 60]), level(4, &four)];
    let verdict = Verdict::new(&levels, &Limits::default());
    assert_eq!(verdict.by_mean.both_users, Some(4));
    assert_eq!(verdict.by_mean.wait_users, Some(4));
    assert_eq!(verdict.by_share.wait_users, Some(4));
    assert_eq!(verdict.by_share.speed_users, Some(1));
    assert_eq!(verdict.by_share.both_users, Some(1));
    assert_eq!(verdict.by_share.state, Some(State::Holds));
    let evidence = &verdict.levels[1].evidence;
    let wanted =
        "4 users: mean 20.7 tok/s meets 19.9, but only 5 of 8 requests did (62 %, 95 % CI 30–87 %)";
    assert!(evidence.starts_with(wanted), "{evidence}");
}

#[test]
fn a_level_counts_only_if_all_smaller_ones_do() {
    let good = [(1.0, 30.0); 60];
    let bad = [(20.0, 5.0); 40];
    let levels = [level(8, &good), level(1, &good), level(4, &bad)];
    let verdict = Verdict::new(&levels, &Limits::default());
    assert_eq!(verdict.by_share.both_users, Some(1));
    assert_eq!(verdict.by_mean.both_users, Some(1));
    assert_eq!(
        verdict.levels.iter().map(|l| l.users).collect::<Vec<_>>(),
        [1, 4, 8]
    );
}

#[test]
fn failures_meet_nothing_but_no_mean_knows_them() {
    let good = Sample {
        failed: false,
        wait_s: Some(1.0),
        speed_tok_s: Some(30.0),
    };
    let one = Level::from_samples(2, [good, FAILED, FAILED, good].repeat(5));
    let verdict = Verdict::new(&[one], &Limits::default());
    // Half of them failed: what the others waited is not a mean of the level.
    assert_eq!(verdict.by_mean.both_users, None);
    assert_eq!(verdict.levels[0].wait.mean, Some(1.0));
    assert_eq!(verdict.by_share.both_users, None);
    assert_eq!(verdict.by_share.state, Some(State::Fails));
    assert_eq!(
        (verdict.levels[0].wait.met, verdict.levels[0].wait.of),
        (10, 20)
    );

    let only_failures = Level::from_samples(2, [FAILED; 4]);
    let verdict = Verdict::new(&[only_failures], &Limits::default());
    assert_eq!(verdict.by_mean, Capacity::default());
}

#[test]
fn what_is_not_known_is_not_judged() {
    let sample = |speed_tok_s| Sample {
        failed: false,
        wait_s: Some(1.0),
        speed_tok_s,
    };
    let mut all = vec![sample(Some(30.0)); 40];
    all.push(sample(None));
    let one = Level::from_samples(1, all);
    let verdict = Verdict::new(&[one], &Limits::default());
    assert_eq!(verdict.levels[0].wait.of, 41);
    assert_eq!(verdict.levels[0].speed.of, 40);
    assert_eq!(verdict.levels[0].both.of, 40);
}

#[test]
fn no_level_no_verdict() {
    let empty = Level::from_samples(4, []);
    let verdict = Verdict::new(&[empty], &Limits::default());
    assert_eq!(verdict.by_share, Capacity::default());
    assert!(verdict.levels.is_empty());
    assert_eq!(verdict.sentence, "No verdict: no cycle is complete.");
}

#[test]
fn headlines() {
    let limits = Limits::default();
    let verdict = Verdict::new(
        &[level(1, &[(1.0, 30.0); 60]), level(4, &[(1.0, 25.0); 8])],
        &limits,
    );
    assert_eq!(
        verdict.sentence,
        "4 users or more (unsure): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: 4. 4 users: unsure; 28 more requests like these would decide it."
    );
    let verdict = Verdict::new(&[level(1, &[(1.0, 3.0)])], &limits);
    assert_eq!(
        verdict.sentence,
        "Not even 1 user, the smallest level (unlikely): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: none. 1 user: unlikely; 9 more requests, 0 % of them good, would decide it."
    );
    let verdict = Verdict::new(
        &[level(2, &[(1.0, 30.0); 60]), level(4, &[(11.0, 9.0); 40])],
        &limits,
    );
    assert_eq!(
        verdict.sentence,
        "2 users (holds): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: 2."
    );
    // 6 of 8 are 75 %, the upper end of their interval is 92.9 %: neither met nor missed for sure.
    let mut unsure = vec![(1.0, 30.0); 6];
    unsure.extend([(1.0, 3.0); 2]);
    let of_unsure = |users| level(users, &unsure);
    let verdict = Verdict::new(&[level(1, &[(1.0, 30.0); 60]), of_unsure(4)], &limits);
    assert_eq!(
        verdict.sentence,
        "1 user (holds): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: 4. 4 users: unsure; 47 more requests, 75 % of them good, would decide it."
    );
    assert_eq!(verdict.headline().unwrap().users, 1);
    assert_eq!(verdict.beyond().unwrap().users, 4);
    let verdict = Verdict::new(&[of_unsure(2)], &limits);
    assert_eq!(
        verdict.sentence,
        "Not even 2 users, the smallest level (unsure): wait ≤ 10 s and speed ≥ 19.9 tok/s for 90 % of the requests. By mean: 2. 2 users: unsure; 47 more requests, 75 % of them good, would decide it."
    );
    assert_eq!(
        (verdict.headline().unwrap().users, verdict.beyond()),
        (2, None)
    );
}

#[test]
fn one_request_says_little_either_way() {
    let limits = Limits::default();
    let good = Verdict::new(&[level(1, &[(1.0, 30.0)])], &limits);
    let judged = good.levels[0].both;
    // Wilson for 1 of 1: 20.7–100 %; for 0 of 1: 0–79.3 %.
    near(judged.low.unwrap(), 0.2065);
    assert_eq!(
        (good.by_share.both_users, judged.more_to_decide),
        (Some(1), Some(33))
    );
    assert_eq!(good.by_share.state, Some(State::Unsure));
    let bad = Verdict::new(&[level(1, &[(1.0, 3.0)])], &limits);
    near(bad.levels[0].both.high.unwrap(), 0.7935);
    assert_eq!(bad.by_share.both_users, None);
    assert_eq!(bad.by_share.state, Some(State::Unlikely));
}

#[test]
fn a_level_without_a_single_success_carries_nobody_and_ends_the_row() {
    let dead = Level::from_samples(4, [FAILED; 4]);
    let good = [(1.0, 30.0); 60];
    let levels = [level(1, &good), dead, level(8, &good)];
    let verdict = Verdict::new(&levels, &Limits::default());
    assert_eq!(verdict.by_share.both_users, Some(1));
    assert_eq!(verdict.by_mean.both_users, Some(1));
    assert_eq!(verdict.by_mean.wait_users, Some(1));
    let evidence = &verdict.levels[1].evidence;
    let wanted =
        "4 users: no speed known to compare with 19.9, 0 of 4 requests did (0 %, 95 % CI 0–49 %)";
    assert!(evidence.starts_with(wanted), "{evidence}");
}

#[test]
fn a_wait_or_a_speed_on_the_limit_meets_it() {
    let verdict = Verdict::new(&[level(3, &[(10.0, 19.9); 60])], &Limits::default());
    assert_eq!(verdict.by_share.both_users, Some(3));
    assert_eq!(verdict.by_share.state, Some(State::Holds));
    assert_eq!(verdict.by_mean.both_users, Some(3));
    let verdict = Verdict::new(&[level(3, &[(10.001, 19.9); 60])], &Limits::default());
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
    let verdict = Verdict::new(&[level(1, &[(1.0, 30.0); 500])], &limits);
    assert_eq!(verdict.by_share.both_users, Some(1));
    assert_eq!(verdict.by_share.state, Some(State::Unsure));
    assert_eq!(verdict.levels[0].both.more_to_decide, None);
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
    fn more_is_the_smallest_that_decides(met in 0..60_u64, bad in 0..20_u64, share in 0.1..0.97_f64) {
        let of = met + bad;
        let count = |more: u64| Count { met: met + more, of: of + more, design_effect: 1.0, ..Count::default() };
        let Some(more) = evidence::more_to_decide(&count(0), share) else { return Ok(()) };
        if bad == 0 && of > 0 && more > 0 {
            let p = |more| evidence::pool(&[count(more)], share)[0];
            prop_assert!(p(more) >= HOLDS && p(more - 1) < HOLDS);
        }
    }

    #[test]
    fn no_level_is_surer_than_a_smaller_one(
        counts in prop::collection::vec((0..60_u64, 0..60_u64, 1.0..4.0_f64), 1..9),
        share in 0.5..0.99_f64,
    ) {
        let count = |&(met, missed, design_effect): &(u64, u64, f64)| {
            Count { met, of: met + missed, design_effect, ..Count::default() }
        };
        let counts: Vec<Count> = counts.iter().map(count).collect();
        let pooled = evidence::pool(&counts, share);
        for pair in pooled.windows(2) {
            prop_assert!(pair[0] >= pair[1] - 1e-9, "{pooled:?}");
        }
    }

    #[test]
    fn a_single_level_counts_as_carried_where_it_is_more_likely_than_not(
        run in prop::collection::vec((0.0..20.0_f64, 5.0..40.0_f64), 1..40),
    ) {
        let limits = Limits::default();
        let verdict = Verdict::new(&[level(3, &run)], &limits);
        let good = run.iter().filter(|(wait, speed)| *wait <= 10.0 && *speed >= 19.9).count();
        let judged = verdict.levels[0].both;
        prop_assert_eq!((judged.met, judged.of), (good as u64, run.len() as u64));
        prop_assert_eq!(verdict.by_share.both_users.is_some(), judged.probability.unwrap() >= 0.5);
    }
}
